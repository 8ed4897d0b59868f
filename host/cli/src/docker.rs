//! How the operator wants containers to be run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use lancet_docker::DockerOptions;
use lancet_runner::PATIENCE;

use crate::number;

/// What every command takes that speaks to the engine.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SocketArgument {
    /// The Docker engine's socket [default: `DOCKER_HOST`, or /var/run/docker.sock]
    #[arg(long, value_name = "PATH", help_heading = "Docker")]
    pub(crate) docker_socket: Option<PathBuf>,
    /// Seconds that an engine which does not answer is waited for [default: 120; `doctor`: 0]
    #[arg(long, value_name = "SECONDS", help_heading = "Docker", value_parser = number::patience)]
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

/// An engine that the `docker` program uses by its context, where that is another than ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OtherContext {
    /// The context's name.
    pub(crate) name: String,
    /// Where its engine listens, `unix:///…`, where that is known.
    pub(crate) host: Option<String>,
}

impl OtherContext {
    /// What is to be known of it where the engine at `socket` is used.
    pub(crate) fn note(&self, socket: &str) -> String {
        let Self { name, host } = self;
        match host.as_deref().map(|host| (host, host.strip_prefix("unix://"))) {
            Some((_, Some(path))) => format!(
                "the `docker` program uses another engine, by its context `{name}`: `--docker-socket {path}` takes that \
                 one, and without it Lancet takes {socket}"
            ),
            Some((host, None)) => format!(
                "the `docker` program uses another engine, by its context `{name}` ({host}): Lancet speaks to local \
                 sockets only, and takes {socket}"
            ),
            None => format!(
                "the `docker` program has the context `{name}`, of which nothing is known here: Lancet takes {socket}"
            ),
        }
    }
}

/// The engine of the `docker` program's context, unless it is the one at `socket`, or the
/// operator has named an engine for both.
pub(crate) fn other_context(socket: &SocketArgument, used: &str) -> Option<OtherContext> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if socket.docker_socket.is_some() || variable("DOCKER_HOST").is_some() {
        return None;
    }
    let home = || Some(PathBuf::from(variable("HOME")?).join(".docker"));
    let folder = variable("DOCKER_CONFIG").map(PathBuf::from).or_else(home)?;
    context_in(&folder, variable("DOCKER_CONTEXT"), used)
}

/// The most bytes of a file of the `docker` program's settings: 1 MiB.
const MAX_SETTINGS_BYTES: u64 = 1 << 20;

/// The context that the program's folder of settings has, or that is named.
fn context_in(folder: &Path, named: Option<String>, used: &str) -> Option<OtherContext> {
    let json = |path: PathBuf| -> Option<serde_json::Value> {
        serde_json::from_slice(&lancet_file::read(&path, MAX_SETTINGS_BYTES).ok()?).ok()
    };
    let current = || Some(json(folder.join("config.json"))?.get("currentContext")?.as_str()?.to_owned());
    let name = named.or_else(current).filter(|name| !matches!(name.as_str(), "" | "default"))?;
    let hex = lancet_core::Sha256::of(name.as_bytes()).hex();
    let meta = json(folder.join("contexts/meta").join(hex).join("meta.json"));
    let host = meta.and_then(|meta| Some(meta.pointer("/Endpoints/docker/Host")?.as_str()?.to_owned()));
    (host.as_deref() != Some(&format!("unix://{used}"))).then_some(OtherContext { name, host })
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !matches!(value.to_str(), Some("" | "0" | "false")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_of_another_engine_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let found =
            |named: Option<&str>| context_in(folder.path(), named.map(str::to_owned), "/var/run/docker.sock");
        assert_eq!(found(None), None);
        write("config.json", "{\"currentContext\": \"rootless\"}");
        let unknown = found(None).unwrap();
        assert_eq!((unknown.name.as_str(), &unknown.host), ("rootless", &None));
        assert!(unknown.note("/s").contains("`rootless`"));
        let meta = |name: &str, host: &str| {
            let hex = lancet_core::Sha256::of(name.as_bytes()).hex();
            let text =
                format!("{{\"Name\": \"{name}\", \"Endpoints\": {{\"docker\": {{\"Host\": \"{host}\"}}}}}}");
            write(&format!("contexts/meta/{hex}/meta.json"), &text);
        };
        meta("rootless", "unix:///run/user/1000/docker.sock");
        let note = found(None).unwrap().note("/var/run/docker.sock");
        assert!(
            note.contains("`rootless`") && note.contains("`--docker-socket /run/user/1000/docker.sock`"),
            "{note}"
        );
        meta("far", "ssh://somebody@far");
        let note = found(Some("far")).unwrap().note("/var/run/docker.sock");
        assert!(note.contains("ssh://somebody@far") && note.contains("local sockets only"), "{note}");
        // The same engine by another name is no news, nor is the program's default.
        meta("same", "unix:///var/run/docker.sock");
        assert_eq!((found(Some("same")), found(Some("default"))), (None, None));
        write("config.json", "no JSON");
        assert_eq!(found(None), None);
    }
}
