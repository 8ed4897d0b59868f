use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
};
use lancet_core::{
    Account, Capture, CaseNaming, ChangeSet, Environment, Isolation, LaidFile, PinnedImage, Plan,
    ProtectedPath, Protection, RefusedSubmission, Rerun, Resources, Service, Sha256, Step, SubmissionLimits,
};
use lancet_docker::{
    AgentBox, BlobSource, BuildRequest, Captured, Docker, DockerOptions, Lease, PlanOutcome,
};
use tokio::sync::Mutex;

/// The module with which tests ask the app and write their report.
const JUNIT: &str = include_str!("image/junit.py");

/// An engine, a lease, and what the attempt needs.
pub(crate) struct TestTask {
    pub(crate) docker: Docker,
    pub(crate) lease: Lease,
    pub(crate) environment: Environment,
    pub(crate) blobs: Blobs,
}

#[derive(Default)]
pub(crate) struct Blobs(pub(crate) HashMap<Sha256, Vec<u8>>);

impl Blobs {
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Sha256 {
        let digest = Sha256::of(bytes);
        self.0.insert(digest, bytes.to_vec());
        digest
    }
}

impl BlobSource for Blobs {
    fn blob(&self, digest: Sha256) -> io::Result<Vec<u8>> {
        self.0.get(&digest).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// # Panics
/// Without an engine: these tests are not to be passed over in silence.
pub(crate) async fn docker() -> Docker {
    let options = DockerOptions {
        host: std::env::var("DOCKER_HOST").ok(),
        build_network: std::env::var("LANCET_BUILD_NETWORK").ok(),
        patience: Duration::from_secs(2),
        ..DockerOptions::default()
    };
    Docker::connect(options).await.unwrap_or_else(|error| {
        panic!("these tests need a Docker engine: {error}\nhint: {}", error.hint());
    })
}

/// A stage of the test's Dockerfile.
pub(crate) async fn image(docker: &Docker, stage: &str) -> PinnedImage {
    static IMAGES: Mutex<BTreeMap<String, PinnedImage>> = Mutex::const_new(BTreeMap::new());
    let mut images = IMAGES.lock().await;
    if let Some(image) = images.get(stage) {
        return image.clone();
    }
    let request = BuildRequest {
        name: format!("attempt-{stage}"),
        folder: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/attempt/image"),
        target: Some(stage.to_owned()),
        arguments: BTreeMap::new(),
    };
    let built = docker.build(request, &mut |_| ()).await.unwrap_or_else(|error| {
        panic!("{error}\nhint: set LANCET_BUILD_NETWORK=host if the engine's own network leads nowhere");
    });
    images.insert(stage.to_owned(), built.clone());
    built
}

pub(crate) fn step(argv: &[&str], timeout_seconds: u32) -> Step {
    Step { argv: words(argv), timeout_seconds }
}

pub(crate) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// The app of the test's image.
pub(crate) fn service() -> Service {
    Service {
        argv: words(&["python3", "/srv/harness/serve.py"]),
        ready: step(&["python3", "/srv/harness/ready.py"], 20),
    }
}

impl TestTask {
    pub(crate) async fn new() -> Self {
        Self::of("task").await
    }

    pub(crate) async fn of(stage: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let docker = docker().await;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let attempt = format!("{}-{number}", std::process::id());
        let lease = Lease::new("attempt-tests", &attempt, Duration::from_secs(600));
        let image = image(&docker, stage).await;
        let rule = |pattern: &str, protection| ProtectedPath { pattern: pattern.to_owned(), protection };
        let environment = Environment {
            name: "test".into(),
            image,
            work_tree: "/srv/repo".into(),
            account: Account::Unprivileged,
            variables: BTreeMap::from([("COLOUR".into(), "green".into())]),
            setup: None,
            conceal: None,
            resources: Resources {
                memory_bytes: 96 << 20,
                pids: 64,
                disk_bytes: 256 << 20,
                ..Resources::standard()
            },
            protected: vec![
                rule("settings.ini", Protection::Refused),
                rule("vendor/**", Protection::Overlaid),
                rule("**/*.protected", Protection::Refused),
            ],
            submission: SubmissionLimits { files: 40, file_bytes: 1 << 20, bytes: 3 << 20 },
            solve_seconds: 300,
            plans: Vec::new(),
            user_tool: None,
        };
        Self { docker, lease, environment, blobs: Blobs::default() }
    }

    pub(crate) async fn open(&self) -> AgentBox {
        self.docker.agent_box(&self.environment, &self.lease).await.unwrap()
    }

    /// What a shell command leaves in the work tree.
    pub(crate) async fn capture(&self, command: &str) -> Captured {
        let agent = self.open().await;
        sh(&agent, command).await;
        agent.finish().await.unwrap()
    }

    /// A submission that a shell command makes, with its files' contents kept.
    pub(crate) async fn submission(&mut self, command: &str) -> ChangeSet {
        let captured = self.capture(command).await;
        for blob in &captured.blobs {
            self.blobs.add(blob);
        }
        taken(captured)
    }

    /// A submission in which the app's answer is this expression of `line`.
    pub(crate) async fn answering(&mut self, expression: &str) -> ChangeSet {
        let source = format!("def answer(line):\n    return {expression}");
        self.submission(&format!("cat > logic.py <<'END'\n{source}\nEND")).await
    }

    /// A plan with one test script, which may use the module `junit`.
    pub(crate) async fn plan(&mut self, script: &str) -> Plan {
        let isolation = Isolation::Split {
            app: service(),
            alias: "app".into(),
            driver: image(&self.docker, "driver").await,
            driver_resources: Resources { memory_bytes: 96 << 20, pids: 64, ..Resources::standard() },
        };
        Plan {
            name: "hidden".into(),
            isolation,
            argv: words(&["python3", "test.py"]),
            variables: BTreeMap::from([("SHAPE".into(), "round".into())]),
            working_directory: Some("/lancet/tests".into()),
            timeout_seconds: 30,
            report: "/lancet/results/junit.xml".into(),
            status_file: None,
            artifacts: Vec::new(),
            files: vec![self.laid("test.py", script)],
            files_at: "/lancet/tests".into(),
            required: words(&["t::right"]),
            sentinels: words(&["t::must_fail"]),
            naming: CaseNaming::Full,
            pass_exit: 1,
            rerun: Rerun::Once,
        }
    }

    /// The same, with app and tests in one container.
    pub(crate) async fn single(&mut self, service: Option<Service>, script: &str) -> Plan {
        let files_at = "/srv/tests".to_owned();
        Plan {
            isolation: Isolation::Single { service },
            working_directory: Some(files_at.clone()),
            report: "/tmp/junit.xml".into(),
            files: vec![self.laid("test.py", script), self.laid("junit.py", JUNIT)],
            files_at,
            ..self.plan(script).await
        }
    }

    /// The same, with app and tests in two containers of the image: there are tests in
    /// what the driver runs in, and none in the app's.
    pub(crate) async fn twin(&mut self, driver: Service, script: &str) -> Plan {
        self.environment.setup = Some(step(&["sh", "-c", "mkdir /srv/tests; echo key > /srv/tests/key"], 60));
        self.environment.conceal = Some(step(&["rm", "-r", "/srv/tests"], 60));
        let isolation = Isolation::Twin {
            app: service(),
            alias: "app".into(),
            driver,
            driver_resources: Resources {
                memory_bytes: 96 << 20,
                pids: 64,
                disk_bytes: 64 << 20,
                ..Resources::standard()
            },
        };
        Plan { isolation, ..self.single(None, script).await }
    }

    pub(crate) fn laid(&mut self, path: &str, content: &str) -> LaidFile {
        let sha256 = self.blobs.add(content.as_bytes());
        LaidFile { path: path.to_owned(), sha256, bytes: content.len() as u64, executable: false }
    }

    pub(crate) async fn run(&self, plan: &Plan, submission: &ChangeSet) -> PlanOutcome {
        let run = self.docker.run_plan(&self.environment, plan, submission, &self.blobs, &self.lease);
        let outcome = run.await.unwrap();
        self.nothing_is_left().await;
        outcome
    }

    /// No container, network or volume of this attempt is there any more.
    pub(crate) async fn nothing_is_left(&self) {
        let label = format!("dev.lancet.attempt={}", self.lease.attempt);
        let filters = HashMap::from([("label".to_owned(), vec![label])]);
        let client = bollard::Docker::connect_with_socket_defaults().unwrap();
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let containers = client.list_containers(Some(options)).await.unwrap();
        let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
        let networks = client.list_networks(Some(options)).await.unwrap();
        let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
        let volumes = client.list_volumes(Some(options)).await.unwrap().volumes.unwrap_or_default();
        assert!(
            containers.is_empty() && networks.is_empty() && volumes.is_empty(),
            "{containers:?} {networks:?} {volumes:?}"
        );
    }
}

/// Standard output of a command that has to succeed.
pub(crate) async fn sh(agent: &AgentBox, command: &str) -> String {
    let output = agent.run(command, 300).await.unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr.0);
    assert_eq!(output.exit_status, Some(0), "{command}: {errors}");
    String::from_utf8(output.stdout.0).unwrap()
}

pub(crate) fn taken(captured: Captured) -> ChangeSet {
    match captured.capture {
        Capture::Taken(changes) => changes,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn refused(captured: Captured) -> RefusedSubmission {
    match captured.capture {
        Capture::Refused(refused) => {
            assert!(captured.blobs.is_empty());
            refused
        }
        other => panic!("{other:?}"),
    }
}

/// `outcome reason` of the only run.
pub(crate) fn conclusion(outcome: &PlanOutcome) -> String {
    assert_eq!(outcome.report.runs.len(), 1);
    let conclusion = &outcome.report.runs[0].conclusion;
    format!("{} {}", conclusion.outcome, conclusion.reason)
}

/// The text of an artifact of the last run.
pub(crate) fn artifact(outcome: &PlanOutcome, name: &str) -> String {
    let run = outcome.report.runs.last().unwrap();
    let artifact = run.artifacts.iter().find(|artifact| artifact.name == name);
    let artifact = artifact.unwrap_or_else(|| panic!("no {name} in {:?}", run.artifacts));
    let blob = outcome.blobs.iter().find(|blob| Sha256::of(blob) == artifact.sha256).unwrap();
    String::from_utf8_lossy(blob).into_owned()
}
