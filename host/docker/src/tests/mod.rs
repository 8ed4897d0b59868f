//! Against a real engine: what is promised of containers is looked at in containers.
//! `LANCET_BUILD_NETWORK=host` lets the test image's build use the host's network,
//! where the engine's default one leads nowhere.

mod confinement;
mod execution;
mod folders;
mod golden;
mod hostile_input;
mod images;
mod isolation;
mod life;
mod outage;
mod quotas;
mod reaping;
mod submissions;
#[path = "../../../../tests/campaign/unprivileged.rs"]
mod unprivileged;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use lancet_core::{Account, PinnedImage, Resources};
use tokio::sync::OnceCell;

use crate::engine::container::Container;
use crate::engine::exec::{ExecEnd, ExecOutput, ExecSpec};
use crate::engine::hardening::{ContainerSpec, Joined};
use crate::{BuildRequest, Docker, DockerOptions, Lease, Purpose};

/// The engine, and an image with Python and Git, whose `/srv/app` belongs to the
/// unprivileged account.
pub(crate) struct TestEngine {
    pub(crate) docker: Docker,
    pub(crate) image: PinnedImage,
    pub(crate) lease: Lease,
    variables: BTreeMap<String, String>,
}

pub(crate) fn options() -> DockerOptions {
    DockerOptions {
        host: std::env::var("DOCKER_HOST").ok(),
        build_network: std::env::var("LANCET_BUILD_NETWORK").ok(),
        patience: Duration::from_secs(2),
        ..DockerOptions::default()
    }
}

pub(crate) fn request() -> BuildRequest {
    BuildRequest {
        name: "docker-tests".to_owned(),
        folder: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/tests/image"),
        target: None,
        arguments: BTreeMap::new(),
    }
}

impl TestEngine {
    /// # Panics
    /// Without an engine: these tests are not to be passed over in silence.
    pub(crate) async fn new() -> Self {
        static IMAGE: OnceCell<PinnedImage> = OnceCell::const_new();
        let docker = Docker::connect(options()).await.unwrap_or_else(|error| {
            panic!("these tests need a Docker engine: {error}\nhint: {}", error.hint())
        });
        let image = IMAGE
            .get_or_init(|| async {
                let built = docker.build(request(), &mut |_| ()).await;
                built.unwrap_or_else(|error| panic!("{error}\nhint: set LANCET_BUILD_NETWORK=host if the engine's own network leads nowhere"))
            })
            .await
            .clone();
        let lease = Lease::new("tests", "tests/task/1", Duration::from_secs(600));
        Self { docker, image, lease, variables: BTreeMap::new() }
    }

    /// A container without network whose root can be written to.
    pub(crate) fn spec<'a>(&'a self, argv: &'a [String]) -> ContainerSpec<'a> {
        ContainerSpec {
            purpose: Purpose::Agent,
            image: &self.image,
            argv: Some(argv),
            variables: &self.variables,
            working_directory: None,
            account: Account::Unprivileged,
            resources: Resources::standard(),
            network: None,
            read_only_root: false,
            volume: None,
            lease: &self.lease,
        }
    }

    /// One that does nothing.
    pub(crate) async fn idle(&self) -> Container {
        let idle = argv(&["sleep", "600"]);
        let container = self.docker.create(&self.spec(&idle)).await.unwrap();
        container.start().await.unwrap();
        container
    }

    /// One that does nothing, in a network.
    pub(crate) async fn idle_in(&self, purpose: Purpose, joined: Joined<'_>) -> Container {
        let idle = argv(&["sleep", "600"]);
        let spec = ContainerSpec { purpose, network: Some(joined), ..self.spec(&idle) };
        let container = self.docker.create(&spec).await.unwrap();
        container.start().await.unwrap();
        container
    }
}

pub(crate) fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Executes a command with half a minute's time.
pub(crate) async fn run(container: &Container, words: &[&str]) -> ExecOutput {
    run_with(container, words, b"", Duration::from_secs(30), 1 << 20).await
}

pub(crate) async fn run_with(
    container: &Container,
    words: &[&str],
    stdin: &[u8],
    time: Duration,
    output_bytes: usize,
) -> ExecOutput {
    let argv = argv(words);
    let variables = BTreeMap::new();
    let spec =
        ExecSpec { argv: &argv, variables: &variables, working_directory: None, stdin, time, output_bytes };
    container.exec(&spec).await.unwrap()
}

/// Standard output of a command that has to succeed.
pub(crate) async fn output(container: &Container, words: &[&str]) -> String {
    let output = run(container, words).await;
    let errors = String::from_utf8_lossy(&output.stderr.bytes);
    assert_eq!(output.end, ExecEnd::Exited(0), "{words:?}: {errors}");
    String::from_utf8(output.stdout.bytes).unwrap()
}
