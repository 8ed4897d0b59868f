//! A submission of 3 changed files, taken from a tree of 50,000 files, and of 500.
//!
//! `cargo bench -p lancet-docker --bench snapshot`. Needs a Docker engine, its command
//! line, and `debian:bookworm-slim`.
//!
//! Not with criterion: what is compared is measured in turns, so that what else the
//! machine does meets all of it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lancet_core::{Account, Capture, Environment, PinnedImage, Resources, SubmissionLimits};
use lancet_docker::{AgentBox, BuildRequest, Captured, Docker, DockerOptions, Lease};

const SAMPLES: usize = 15;
const TREE: &str = "/srv/app";
/// Folders, each with a hundred files.
const FOLDERS: [u32; 2] = [500, 5];
const CHANGED: [&str; 3] = ["1/7", "3/50", "5/100"];
const RUN: &str = "bench-snapshot";

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut images = Vec::new();
    let result = runtime.block_on(measure(&mut images));
    for image in images {
        // One that cannot be removed is told by `docker`.
        docker(&["rmi", "--force", &image]).map(drop).unwrap_or_default();
    }
    result
}

async fn measure(images: &mut Vec<String>) -> Outcome<()> {
    // Nothing that is built needs a network.
    let options = DockerOptions {
        host: std::env::var("DOCKER_HOST").ok(),
        build_network: Some("none".to_owned()),
        ..DockerOptions::default()
    };
    let docker = Docker::connect(options).await?;
    let engine = docker.engine().await?;
    println!("Docker Engine {}, storage driver {}\n", engine.version, engine.storage_driver);
    let mut trees = Vec::new();
    for folders in FOLDERS {
        let image = build(&docker, folders).await?;
        images.push(image.reference.clone());
        trees.push(Tree::new(&docker, folders, image).await?);
    }
    for _ in 0..SAMPLES {
        for tree in &mut trees {
            tree.sample(&docker).await?;
        }
    }
    println!("| 3 changed files of | Docker CLI: diff, copy 3 | Lancet: snapshot | Lancet: last one |");
    println!("|---|---|---|---|");
    for tree in trees {
        let Tree { folders, agent, cli, snapshot, finish, .. } = tree;
        println!("| {} | {} | {} | {} |", folders * 100, spread(cli), spread(snapshot), spread(finish));
        agent.discard().await;
    }
    Ok(())
}

async fn build(docker: &Docker, folders: u32) -> Outcome<PinnedImage> {
    let folder = tempfile::tempdir()?;
    let dockerfile = format!(
        "FROM debian:bookworm-slim\n\
         RUN mkdir {TREE} && cd {TREE} && for folder in $(seq {folders}); do mkdir $folder \
         && for file in $(seq 100); do echo $folder/$file >$folder/$file; done; done \
         && chown -R 10001:10001 .\n"
    );
    std::fs::write(folder.path().join("Dockerfile"), dockerfile)?;
    let request = BuildRequest {
        name: format!("{RUN}-{folders}"),
        folder: folder.path().to_owned(),
        target: None,
        arguments: BTreeMap::new(),
    };
    Ok(docker.build(request, &mut |_| ()).await?)
}

/// A tree, an agent's container of it with changes, and what was measured, in seconds.
struct Tree {
    folders: u32,
    environment: Environment,
    lease: Lease,
    agent: AgentBox,
    /// The container's id, for the command line.
    id: String,
    cli: Vec<f64>,
    snapshot: Vec<f64>,
    finish: Vec<f64>,
}

impl Tree {
    async fn new(docker: &Docker, folders: u32, image: PinnedImage) -> Outcome<Self> {
        let attempt = format!("{RUN}/{folders}/1");
        let lease = Lease::new(RUN, &attempt, Duration::from_secs(3_600));
        let environment = environment(image);
        let agent = changed(docker, &environment, &lease).await?;
        let filter = format!("label=dev.lancet.attempt={attempt}");
        let id = self::docker(&["ps", "--quiet", "--no-trunc", "--filter", &filter])?;
        let (cli, snapshot, finish) = Default::default();
        Ok(Self { folders, environment, lease, agent, id, cli, snapshot, finish })
    }

    async fn sample(&mut self, docker: &Docker) -> Outcome<()> {
        let folder = tempfile::tempdir()?;
        let began = Instant::now();
        bare(&self.id, folder.path())?;
        self.cli.push(began.elapsed().as_secs_f64());

        let began = Instant::now();
        let captured = self.agent.snapshot().await?;
        self.snapshot.push(began.elapsed().as_secs_f64());
        check(&captured)?;

        let last = changed(docker, &self.environment, &self.lease).await?;
        let began = Instant::now();
        let captured = last.finish().await?;
        self.finish.push(began.elapsed().as_secs_f64());
        check(&captured)
    }
}

fn environment(image: PinnedImage) -> Environment {
    Environment {
        name: RUN.to_owned(),
        image,
        work_tree: TREE.to_owned(),
        account: Account::Unprivileged,
        variables: BTreeMap::new(),
        setup: None,
        conceal: None,
        // Three containers at a time have to fit on any machine.
        resources: Resources { cpu_millis: 300, ..Resources::standard() },
        protected: Vec::new(),
        submission: SubmissionLimits::default(),
        solve_seconds: 3_600,
        plans: Vec::new(),
        user_tool: None,
    }
}

/// An agent's container in which the files are changed.
async fn changed(docker: &Docker, environment: &Environment, lease: &Lease) -> Outcome<AgentBox> {
    let agent = docker.agent_box(environment, lease).await?;
    let command = CHANGED.iter().fold(String::new(), |mut command, path| {
        let _ = writeln!(command, "echo changed >>{path}");
        command
    });
    let output = agent.run(&command, 60).await?.map_err(|error| error.message)?;
    if output.exit_status != Some(0) {
        return Err(format!("the files could not be changed: {output:?}").into());
    }
    Ok(agent)
}

fn check(captured: &Captured) -> Outcome<()> {
    match &captured.capture {
        Capture::Taken(changes) if changes.files.iter().map(|file| &file.path).eq(CHANGED) => Ok(()),
        other => Err(format!("these are not the changed files: {other:?}").into()),
    }
}

/// The same by hand, without a look at the files as they were, and so without a diff.
fn bare(id: &str, folder: &Path) -> Outcome<()> {
    docker(&["pause", id])?;
    let listed = docker(&["diff", id])?;
    for path in CHANGED {
        let line = format!("C {TREE}/{path}");
        if !listed.lines().any(|listed| listed == line) {
            return Err(format!("`docker diff` does not list {path}").into());
        }
        let target = folder.join(path.replace('/', "-"));
        docker(&["cp", &format!("{id}:{TREE}/{path}"), &target.to_string_lossy()])?;
    }
    docker(&["unpause", id])?;
    Ok(())
}

/// Calls the Docker CLI; gives what it printed.
fn docker(arguments: &[&str]) -> Outcome<String> {
    let output = Command::new("docker").args(arguments).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let problem = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("docker {}: {problem}", arguments.join(" ")).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The median, the least and the most, in milliseconds.
fn spread(mut seconds: Vec<f64>) -> String {
    seconds.sort_by(f64::total_cmp);
    let at = |index: usize| seconds[index] * 1e3;
    let last = seconds.len() - 1;
    format!("{:.0} ms ({:.0}–{:.0}, n = {})", at(last / 2), at(0), at(last), seconds.len())
}
