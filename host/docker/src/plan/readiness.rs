//! Waits for a service until it says that it is ready.

use std::collections::BTreeMap;
use std::time::Duration;

use lancet_core::Step;
use tokio::time::sleep;

use crate::DockerError;
use crate::engine::container::{Container, State};
use crate::engine::exec::{ExecEnd, ExecOutput, ExecSpec};
use crate::engine::timer::Timer;

/// How long is waited between two looks whether a service is ready.
const PAUSE: Duration = Duration::from_millis(200);
/// How long one such look may take.
const LOOK_TIME: Duration = Duration::from_secs(10);

/// Asks a service until it is ready, has ended, or its time is over.
pub(crate) async fn is_ready(container: &Container, ready: &Step) -> Result<bool, DockerError> {
    let timer = Timer::new(Duration::from_secs(ready.timeout_seconds.into()));
    loop {
        let left = timer.left();
        if left.is_zero() {
            return Ok(false);
        }
        let spec = ExecSpec {
            argv: &ready.argv,
            variables: &BTreeMap::new(),
            working_directory: None,
            stdin: &[],
            time: left.min(LOOK_TIME),
            output_bytes: 0,
        };
        let asked = timer.through(container.exec(&spec)).await;
        if matches!(asked, Ok(ExecOutput { end: ExecEnd::Exited(0), .. })) {
            return Ok(true);
        }
        if matches!(container.state().await?, State::Exited { .. }) {
            return Ok(false);
        }
        match asked {
            // No process can be started beside those that the app has started.
            Ok(_) | Err(DockerError::Engine { .. }) => {}
            Err(error) => return Err(error),
        }
        timer.through(sleep(PAUSE.min(left))).await;
    }
}
