//! Private networks between the containers of one attempt, which lead nowhere else.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};

use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};

use crate::engine::tracking::BRIDGE;
use crate::{Docker, DockerError, Lease};

/// Networks are /28 blocks of 10.128.0.0/9, drawn at random. The engine's own pools
/// end after some thirty networks. That the host may use the same addresses does
/// not matter: the bridge gets no address, so the host gets no route.
const BLOCKS: u64 = 1 << 19;
/// How often a block that is taken is drawn again.
const DRAWS: u32 = 16;

/// A private network between the containers of one attempt. It leads nowhere else:
/// neither out, nor to other networks, nor to the host.
pub(crate) struct Network {
    docker: Docker,
    name: String,
    removed: AtomicBool,
}

impl Docker {
    /// Makes a network.
    ///
    /// # Errors
    /// [`DockerError`].
    pub(crate) async fn network(&self, lease: &Lease) -> Result<Network, DockerError> {
        let doing = "creating a network";
        let mut draw = 0;
        loop {
            let random = RandomState::new().hash_one(draw);
            let name = format!("lancet-{random:016x}");
            let bridge = bridge(random);
            let request = request(&name, &bridge, random % BLOCKS, lease);
            let docker = self.clone();
            let making = async move {
                docker.call(doing, docker.client().create_network(request)).await?;
                Ok(Network { docker, name, removed: AtomicBool::new(false) })
            };
            match Self::carried_through(making).await {
                Ok(network) => {
                    self.keep_untracked(&bridge).await;
                    return Ok(network);
                }
                Err(DockerError::Engine { message, .. }) if message.contains("overlaps") && draw < DRAWS => {
                    draw += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// An interface's name has at most 15 bytes.
fn bridge(random: u64) -> String {
    format!("{BRIDGE}{:09x}", random >> 28)
}

fn request(name: &str, bridge: &str, block: u64, lease: &Lease) -> NetworkCreateRequest {
    let (second, third, fourth) = (128 + (block >> 12), (block >> 4) & 0xff, (block & 0xf) << 4);
    let options = [
        // By which the machine's packet filter knows it.
        ("com.docker.network.bridge.name", bridge),
        // Without an address the bridge is no way to the host's own services; an
        // internal network alone leaves that open.
        ("com.docker.network.bridge.inhibit_ipv4", "true"),
        ("com.docker.network.bridge.enable_ip_masquerade", "false"),
        // The tests have to reach the app.
        ("com.docker.network.bridge.enable_icc", "true"),
    ];
    NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some("bridge".to_owned()),
        // The engine drops whatever would leave the bridge.
        internal: Some(true),
        attachable: Some(false),
        ingress: Some(false),
        enable_ipv6: Some(false),
        ipam: Some(Ipam {
            config: Some(vec![IpamConfig {
                subnet: Some(format!("10.{second}.{third}.{fourth}/28")),
                ..IpamConfig::default()
            }]),
            ..Ipam::default()
        }),
        options: Some(HashMap::from(options.map(|(name, value)| (name.to_owned(), value.to_owned())))),
        labels: Some(lease.labels("network")),
        ..NetworkCreateRequest::default()
    }
}

impl Network {
    /// What containers join it by.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Removes it; the containers in it have to be gone.
    ///
    /// # Errors
    /// [`DockerError`], but not that it is gone already.
    pub(crate) async fn remove(self) -> Result<(), DockerError> {
        self.docker.remove_network(&self.name).await?;
        self.removed.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if !self.removed.load(Ordering::Relaxed) {
            let (docker, name) = (self.docker.clone(), self.name.clone());
            self.docker.clean_up(async move { docker.remove_network(&name).await });
        }
    }
}

impl Docker {
    /// Removes a network; one that is gone already is no error.
    pub(crate) async fn remove_network(&self, name: &str) -> Result<(), DockerError> {
        match self.call("removing a network", self.client().remove_network(name)).await {
            Err(error) if error.status() == Some(404) => Ok(()),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn blocks_are_within_their_range() {
        let lease = Lease::new("run", "attempt", Duration::ZERO);
        let subnet = |block| {
            let ipam = request("n", "b", block, &lease).ipam.unwrap();
            ipam.config.unwrap().remove(0).subnet.unwrap()
        };
        assert_eq!(subnet(0), "10.128.0.0/28");
        assert_eq!(subnet(17), "10.128.1.16/28");
        assert_eq!(subnet(BLOCKS - 1), "10.255.255.240/28");
    }

    #[test]
    fn bridges_have_names_that_the_kernel_takes() {
        assert_eq!(bridge(u64::MAX), "lancetfffffffff");
        assert_eq!(bridge(0).len(), 15);
    }
}
