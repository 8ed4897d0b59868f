//! Commands in a running container: fed, read from to a limit, and ended when their time is
//! over.

use std::collections::{BTreeMap, HashMap};
use std::pin::{Pin, pin};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptions;
use futures_util::{Stream, StreamExt as _};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::DockerError;
use crate::engine::container::Container;
use crate::engine::timer::Timer;

/// Seconds that a command has, beyond its time, to be killed by the `timeout` in
/// its container before it is given up.
const GRACE: Duration = Duration::from_secs(5);
/// How often more it is looked before output is no longer waited for that goes on after
/// the command itself has ended: a process that it left in the background may still hold
/// the stream.
const TRAILING_LOOKS: u32 = 2;
/// How often it is looked whether the command has ended.
const LOOK: Duration = Duration::from_millis(500);
/// How long after the end of a command the engine may take to write it down.
const WRITTEN_WITHIN: Duration = Duration::from_secs(1);
/// By how much clocks may differ that measure the same command.
const CLOCKS: Duration = Duration::from_millis(100);
/// The status of a command that SIGKILL ended.
const KILLED: i64 = 137;
const DOING: &str = "executing a command";

/// How much of the output of a command that failed is shown.
pub(crate) const SHOWN_BYTES: usize = 1_500;

/// A command to be executed in a running container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExecSpec<'a> {
    /// The program and its arguments; no shell in between.
    pub(crate) argv: &'a [String],
    /// Added to the container's variables.
    pub(crate) variables: &'a BTreeMap<String, String>,
    /// `None` for the container's own.
    pub(crate) working_directory: Option<&'a str>,
    /// What it reads.
    pub(crate) stdin: &'a [u8],
    /// How long it may take, at least a second.
    pub(crate) time: Duration,
    /// The most bytes that are kept of each of its two streams.
    pub(crate) output_bytes: usize,
}

/// What a command wrote to one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The first bytes.
    pub(crate) bytes: Vec<u8>,
    /// How many came after them, and were not kept.
    pub(crate) dropped: u64,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExecEnd {
    /// With that status; 128 and the signal's number after a signal, 127 when there
    /// is no such program.
    Exited(i64),
    /// It, and what it started in its process group, was killed when its time was
    /// over.
    TimedOut,
    /// Its time is over, and it is not known that it has ended: the container is to
    /// be killed.
    Stuck,
}

/// What came of executing a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExecOutput {
    /// How it ended.
    pub(crate) end: ExecEnd,
    /// Its standard output.
    pub(crate) stdout: Kept,
    /// Its standard error.
    pub(crate) stderr: Kept,
}

impl Kept {
    fn keep(&mut self, bytes: &[u8], limit: usize) {
        let room = limit.saturating_sub(self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..room]);
        self.dropped += (bytes.len() - room) as u64;
    }
}

impl Container {
    /// Executes a command as the container's account: [`Container::begin`], and
    /// [`Begun::finish`].
    ///
    /// # Errors
    /// [`DockerError`]; with status 409 when the container does not run.
    pub(crate) async fn exec(&self, spec: &ExecSpec<'_>) -> Result<ExecOutput, DockerError> {
        self.begin(spec).await?.finish().await
    }

    /// Begins a command as the container's account.
    ///
    /// The time is kept by `timeout` (coreutils or busybox) in the container, which
    /// kills the command's process group; if that has not helped five seconds later,
    /// the end is [`ExecEnd::Stuck`], and only killing the container is certain.
    ///
    /// # Errors
    /// [`DockerError`]; with status 409 when the container does not run.
    pub(crate) async fn begin<'a>(&'a self, spec: &ExecSpec<'a>) -> Result<Begun<'a>, DockerError> {
        let docker = self.docker();
        let seconds = spec.time.as_secs().max(1);
        let mut cmd = ["timeout", "-s", "KILL"].map(str::to_owned).to_vec();
        cmd.push(seconds.to_string());
        cmd.extend_from_slice(spec.argv);
        let options = CreateExecOptions {
            attach_stdin: Some(!spec.stdin.is_empty()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(false),
            cmd: Some(cmd),
            env: Some(spec.variables.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            user: Some(self.user().to_string()),
            working_dir: spec.working_directory.map(str::to_owned),
            privileged: Some(false),
            detach_keys: None,
        };
        let exec = docker.call(DOING, docker.client().create_exec(self.id(), options)).await?.id;
        let began = Instant::now();
        let started = docker.client().start_exec(&exec, Some(StartExecOptions::default()));
        let (output, input) = match docker.call(DOING, started).await? {
            StartExecResults::Attached { output, input } => (output, input),
            StartExecResults::Detached => {
                let reason = "it was detached".to_owned();
                return Err(DockerError::Malformed { doing: DOING, reason });
            }
        };
        let time = Duration::from_secs(seconds);
        let session = Session {
            container: self,
            exec,
            limit: spec.output_bytes,
            stdout: Kept::default(),
            stderr: Kept::default(),
        };
        Ok(Begun { session, output, input, stdin: spec.stdin, began, time })
    }
}

/// A command that runs, and is not attended to yet.
pub(crate) struct Begun<'a> {
    session: Session<'a>,
    output: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    input: Pin<Box<dyn AsyncWrite + Send>>,
    stdin: &'a [u8],
    began: Instant,
    time: Duration,
}

impl Begun<'_> {
    /// Feeds it, reads from it, and waits for its end.
    ///
    /// # Errors
    /// [`DockerError`].
    pub(crate) async fn finish(self) -> Result<ExecOutput, DockerError> {
        let Self { mut session, mut output, mut input, stdin, began, time } = self;
        // When it is given up. While this process is stopped nobody can tell.
        let patience = Timer::new(time + GRACE);
        patience.during(session.attend(&mut output, &mut input, stdin)).await.unwrap_or(Ok(()))?;
        let end = match session.exit_code(&patience).await? {
            // The status of a command that `timeout` killed is that of any killed one.
            Some(KILLED) if session.had_its_time(began, time).await => ExecEnd::TimedOut,
            Some(code) => ExecEnd::Exited(code),
            None => ExecEnd::Stuck,
        };
        Ok(ExecOutput { end, stdout: session.stdout, stderr: session.stderr })
    }
}

/// Output as people can be shown it.
pub(crate) fn shown(output: &[u8]) -> String {
    let printable = |c: char| if c == '\n' || !c.is_control() { c } else { char::REPLACEMENT_CHARACTER };
    String::from_utf8_lossy(output).trim().chars().map(printable).collect()
}

/// A command while it runs.
struct Session<'a> {
    container: &'a Container,
    exec: String,
    limit: usize,
    stdout: Kept,
    stderr: Kept,
}

impl Session<'_> {
    /// Feeds it and reads from it, until its streams end, or it has ended and they
    /// do not. Output beyond the limit is read and dropped, so that it is not held up
    /// by it.
    async fn attend(
        &mut self,
        output: &mut (impl Stream<Item = Result<LogOutput, bollard::errors::Error>> + Unpin),
        input: &mut (impl AsyncWrite + Unpin),
        stdin: &[u8],
    ) -> Result<(), DockerError> {
        let mut fed = stdin.is_empty();
        // A command that does not read what it is given is none of our business.
        let mut feed = std::pin::pin!(async {
            if input.write_all(stdin).await.is_ok() {
                let _ = input.shutdown().await;
            }
        });
        let mut look = interval(LOOK);
        // What was written while this process was stopped is still to be read.
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks_left = None;
        loop {
            tokio::select! {
                () = &mut feed, if !fed => fed = true,
                piece = output.next() => match piece {
                    None => return Ok(()),
                    Some(Ok(LogOutput::StdErr { message })) => self.stderr.keep(&message, self.limit),
                    Some(Ok(piece)) => self.stdout.keep(piece.as_ref(), self.limit),
                    Some(Err(error)) => return Err(self.container.docker().failed(DOING, error)),
                },
                _ = look.tick() => match &mut looks_left {
                    None => looks_left = self.ended().await?.map(|_| TRAILING_LOOKS),
                    Some(0 | 1) => return Ok(()),
                    Some(left) => *left -= 1,
                }
            }
        }
    }

    /// Its status, or `None` when it is given up.
    async fn exit_code(&self, patience: &Timer) -> Result<Option<i64>, DockerError> {
        loop {
            if let Some(code) = self.ended().await? {
                return Ok(Some(code));
            }
            if patience.during(sleep(Duration::from_millis(20))).await.is_none() {
                return Ok(None);
            }
        }
    }

    /// Whether it ran for as long as it might. The engine wrote down when it began and ended;
    /// where it does not know any more, or another engine never did, it is as long as this
    /// process saw it run, which is longer when it was stopped meanwhile.
    async fn had_its_time(&self, began: Instant, time: Duration) -> bool {
        let seen = began.elapsed();
        seen >= time && self.ran(seen).await.is_none_or(|ran| ran + CLOCKS >= time)
    }

    /// How long it ran by the engine's clock, if it began so long ago at most.
    async fn ran(&self, ago: Duration) -> Option<Duration> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let text = |time: Duration| format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
        let options = EventsOptions {
            since: Some(text(now.saturating_sub(ago + CLOCKS))),
            // Its end may be known before it is written down.
            until: Some(text(now + WRITTEN_WITHIN)),
            filters: Some(HashMap::from([("container".to_owned(), vec![self.container.id().to_owned()])])),
        };
        let mut events = pin!(self.container.docker().client().events(Some(options)));
        let mut began = None;
        let found = async {
            while let Some(Ok(EventMessage { action: Some(action), actor: Some(actor), time_nano, .. })) =
                events.next().await
            {
                let attributes = actor.attributes.unwrap_or_default();
                if attributes.get("execID") != Some(&self.exec) {
                    continue;
                }
                // The command stands behind the word.
                match action.split(':').next() {
                    Some("exec_start") => began = time_nano,
                    Some("exec_die") => {
                        let ran = u64::try_from(time_nano?.checked_sub(began?)?).ok()?;
                        return Some(Duration::from_nanos(ran));
                    }
                    _ => {}
                }
            }
            None
        };
        tokio::time::timeout(2 * WRITTEN_WITHIN, found).await.ok().flatten()
    }

    /// Its status, if it has ended. The streams may end before the engine knows.
    async fn ended(&self) -> Result<Option<i64>, DockerError> {
        let docker = self.container.docker();
        let found = docker.call(DOING, docker.client().inspect_exec(&self.exec)).await?;
        Ok(found.exit_code.filter(|_| found.running == Some(false)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_are_kept_and_the_rest_is_counted() {
        let mut kept = Kept::default();
        kept.keep(b"abc", 4);
        kept.keep(b"def", 4);
        kept.keep(b"ghi", 4);
        assert_eq!(kept, Kept { bytes: b"abcd".to_vec(), dropped: 5 });
    }
}
