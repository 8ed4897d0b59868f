//! Everything that one run makes, in one place, so that all of it is removed.

use crate::engine::container::Container;
use crate::engine::network::Network;
use crate::engine::volume::Volume;

/// Everything that a run makes, so that all of it is removed, whatever happened.
#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) network: Option<Network>,
    pub(crate) volume: Option<Volume>,
    pub(crate) app: Option<Container>,
    pub(crate) driver: Option<Container>,
}

impl Stage {
    /// What cannot be removed now is the reaper's.
    pub(crate) async fn clear(self) {
        async fn remove(container: Option<Container>) {
            if let Some(container) = container {
                let _ = container.remove().await;
            }
        }
        tokio::join!(remove(self.app), remove(self.driver));
        tokio::join!(
            async {
                if let Some(network) = self.network {
                    let _ = network.remove().await;
                }
            },
            async {
                if let Some(volume) = self.volume {
                    let _ = volume.remove().await;
                }
            }
        );
    }
}
