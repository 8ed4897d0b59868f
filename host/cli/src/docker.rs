//! How the operator wants containers to be run.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use lancet_docker::DockerOptions;
use lancet_runner::PATIENCE;

/// What every command takes that speaks to the engine.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SocketArgument {
    /// The Docker engine's socket [default: `DOCKER_HOST`, or /var/run/docker.sock]
    #[arg(long, value_name = "PATH", help_heading = "Docker")]
    pub(crate) docker_socket: Option<PathBuf>,
    /// Seconds that an engine which does not answer is waited for [default: 120; `doctor`: 0]
    #[arg(long, value_name = "SECONDS", help_heading = "Docker", value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(crate) docker_patience: Option<u64>,
}

/// What every command takes that may start containers.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DockerArguments {
    #[command(flatten)]
    pub(crate) socket: SocketArgument,
    /// The engine's runtime for containers, for example `runsc` (gVisor) [default: the engine's own] [env: `LANCET_CONTAINER_RUNTIME`]
    #[arg(long, value_name = "NAME", help_heading = "Docker")]
    pub(crate) container_runtime: Option<String>,
    /// Refuse what cannot have a kernel user of its own (images that need root): for hosting strangers' code
    #[arg(long, help_heading = "Docker")]
    pub(crate) own_users: bool,
    /// Add no rule to this machine's packet filter, which a run by root does otherwise (`doctor` has the rule) [env: `LANCET_LEAVE_PACKET_FILTER=1`]
    #[arg(long, help_heading = "Docker")]
    pub(crate) leave_packet_filter: bool,
}

// These are no business of clap's: it takes a variable for an option that was given, and
// would refuse it with commands that do not start containers.
/// Names the runtime of containers where `--container-runtime` does not.
const CONTAINER_RUNTIME: &str = "LANCET_CONTAINER_RUNTIME";
/// Says what `--leave-packet-filter` does.
const LEAVE_PACKET_FILTER: &str = "LANCET_LEAVE_PACKET_FILTER";

impl SocketArgument {
    /// How long an engine is waited for, where the operator says so.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.docker_patience.map(Duration::from_secs)
    }

    /// The engine as it is without any other option.
    pub(crate) fn options(&self) -> DockerOptions {
        DockerOptions {
            socket: self.docker_socket.clone(),
            host: std::env::var("DOCKER_HOST").ok(),
            build_network: std::env::var("LANCET_BUILD_NETWORK").ok(),
            patience: self.patience().unwrap_or(PATIENCE),
            ..DockerOptions::default()
        }
    }
}

impl DockerArguments {
    /// The engine as a run uses it: options, and variables of the environment.
    pub(crate) fn options(&self) -> DockerOptions {
        // One that is no text is no runtime either, which the engine is asked about.
        let named = || {
            let name = std::env::var_os(CONTAINER_RUNTIME)?.to_string_lossy().into_owned();
            (!name.is_empty()).then_some(name)
        };
        DockerOptions {
            runtime: self.container_runtime.clone().or_else(named),
            own_users: self.own_users,
            leave_packet_filter: self.leave_packet_filter || is_set(LEAVE_PACKET_FILTER),
            ..self.socket.options()
        }
    }
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !matches!(value.to_str(), Some("" | "0" | "false")))
}
