use std::collections::BTreeMap;
use std::time::Duration;

use lancet_core::{
    Account, ArtifactKind, Environment, Facts, InfraFault, InfraFaultKind, Isolation, Manifest, Outcome,
    PinnedImage, Plan, RESULTS_FOLDER, Resources, RunEnd, Service, Step, TestReport, TestRun, conclude,
};
use tokio::time::{Instant, sleep};

use crate::artifact::{APP_OUTPUT, Artifacts, MAX_LOG_BYTES, OUTPUT, Results};
use crate::container::{Container, Ended, State};
use crate::exec::{ExecEnd, ExecOutput, ExecSpec};
use crate::hardening::{ContainerSpec, Joined, VOLUME_FOLDER};
use crate::lay::{BlobSource, Laying, pack_volume};
use crate::network::Network;
use crate::volume::Volume;
use crate::{Docker, DockerError, Lease, Role};

/// Tells the driver the app's name in their network.
const APP_HOST: &str = "LANCET_APP_HOST";
/// How long is waited between two looks whether a service is ready.
const READY_PAUSE: Duration = Duration::from_millis(200);
/// How long one such look may take.
const READY_TIME: Duration = Duration::from_secs(10);
/// The status of what was killed.
const KILLED: i64 = 137;

/// What came of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanOutcome {
    /// All its runs.
    pub report: TestReport,
    /// The contents of their artifacts.
    pub blobs: Vec<Vec<u8>>,
}

impl Docker {
    /// Runs a plan on a submission: each run in fresh containers, with the submitted
    /// files laid in before anything runs, until one passes or the plan's reruns are
    /// used up. All runs are in the report.
    ///
    /// # Errors
    /// [`InfraFaultKind::NotReady`] when the app does not come up without the
    /// submission either; those of [`Docker::prepare`], and of the engine.
    pub async fn run_plan(
        &self,
        environment: &Environment,
        plan: &Plan,
        submission: &Manifest,
        blobs: &dyn BlobSource,
        lease: &Lease,
    ) -> Result<PlanOutcome, InfraFault> {
        let image = self.prepare(environment, lease).await?.app;
        let mut wanted = vec![environment.resources];
        if let Isolation::Split { driver_resources, .. } = &plan.isolation {
            wanted.push(*driver_resources);
        }
        let _admission = self.admit(&wanted).await?;
        let laying = Laying::submission(&environment.work_tree, submission)?;
        let mut running = Running {
            docker: self,
            environment,
            plan,
            image,
            laying,
            blobs,
            lease,
            comes_up: None,
            sound: None,
        };
        let mut outcome = PlanOutcome {
            report: TestReport { plan: plan.name.clone(), runs: Vec::new() },
            blobs: Vec::new(),
        };
        for _ in 0..plan.rerun.most() {
            let (run, blobs) = Box::pin(running.run()).await?;
            let passed = run.conclusion.outcome == Outcome::Pass;
            outcome.report.runs.push(run);
            outcome.blobs.extend(blobs);
            if passed {
                break;
            }
        }
        Ok(outcome)
    }
}

struct Running<'a> {
    docker: &'a Docker,
    environment: &'a Environment,
    plan: &'a Plan,
    image: PinnedImage,
    laying: Laying,
    blobs: &'a dyn BlobSource,
    lease: &'a Lease,
    /// Whether the service comes up without the submission, once that was tried.
    comes_up: Option<bool>,
    /// Whether the tests can be carried out without the submission, once that was
    /// tried.
    sound: Option<bool>,
}

/// What was seen of a run.
struct Seen {
    end: RunEnd,
    /// What the app, or the tests beside it, used up.
    limit: Option<RunEnd>,
    results: Results,
    artifacts: Artifacts,
}

/// Everything that a run makes, so that all of it is removed, whatever happened.
#[derive(Default)]
struct Stage {
    network: Option<Network>,
    volume: Option<Volume>,
    app: Option<Container>,
    driver: Option<Container>,
}

impl Stage {
    /// What cannot be removed now is the reaper's.
    async fn clear(self) {
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

/// Two containers, one for the app and one for the tests.
struct Split<'a> {
    app: &'a Service,
    alias: &'a str,
    driver: &'a PinnedImage,
    driver_resources: Resources,
}

impl Seen {
    fn facts(&self) -> Facts<'_> {
        let Results { report, cases, status } = &self.results;
        Facts { end: self.end, status: *status, report, cases }
    }
}

impl Running<'_> {
    async fn run(&mut self) -> Result<(TestRun, Vec<Vec<u8>>), InfraFault> {
        let began = Instant::now();
        let mut stage = Stage::default();
        let seen = match &self.plan.isolation {
            Isolation::Split { app, alias, driver, driver_resources } => {
                let split = Split { app, alias, driver, driver_resources: *driver_resources };
                Box::pin(self.split(&mut stage, split)).await
            }
            Isolation::Single { service: None } => self.single(&mut stage).await,
            Isolation::Single { service: Some(service) } => self.beside(&mut stage, service).await,
        };
        stage.clear().await;
        let mut seen = seen?;
        if let RunEnd::NotReady = seen.end {
            self.blame().await?;
        }
        let mut conclusion = conclude(self.plan, seen.facts());
        // A limit explains why tests did not pass; it does not undo that they did.
        if conclusion.outcome != Outcome::Pass
            && let Some(limit) = seen.limit
        {
            seen.end = limit;
            conclusion = conclude(self.plan, seen.facts());
        }
        if conclusion.outcome == Outcome::Invalid && !self.sound_with_it().await? {
            seen.end = RunEnd::Broken;
            conclusion = conclude(self.plan, seen.facts());
        }
        let (artifacts, blobs) = seen.artifacts.finish();
        let Results { report, cases, status } = seen.results;
        let wall_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok((TestRun { end: seen.end, status, report, cases, artifacts, conclusion, wall_ms }, blobs))
    }

    /// The service did not come up: the submission's fault if it does without it,
    /// and nobody's otherwise.
    async fn blame(&mut self) -> Result<(), InfraFault> {
        let comes_up = match self.comes_up {
            Some(comes_up) => comes_up,
            None => {
                let mut stage = Stage::default();
                let result = self.bare(&mut stage).await;
                stage.clear().await;
                *self.comes_up.insert(result?)
            }
        };
        if comes_up {
            return Ok(());
        }
        let message = format!("`{}` does not come up in {}", self.plan.name, self.environment.image.name);
        Err(InfraFault::new(InfraFaultKind::NotReady, message))
    }

    /// Whether tests that came to nothing would have without the submission too.
    /// Where submitted code runs beside them, it may be what keeps them from running,
    /// and nobody gets another roll of the dice for that. Where it does not, it
    /// cannot.
    async fn sound_with_it(&mut self) -> Result<bool, InfraFault> {
        if self.laying.is_empty() || !matches!(self.plan.isolation, Isolation::Single { .. }) {
            return Ok(true);
        }
        let sound = match self.sound {
            Some(sound) => sound,
            None => {
                let without = Running { laying: Laying::default(), image: self.image.clone(), ..*self };
                let mut stage = Stage::default();
                let seen = match &self.plan.isolation {
                    Isolation::Single { service: Some(service) } => without.beside(&mut stage, service).await,
                    _ => without.single(&mut stage).await,
                };
                stage.clear().await;
                let outcome = conclude(self.plan, seen?.facts()).outcome;
                *self.sound.insert(outcome != Outcome::Invalid)
            }
        };
        Ok(!sound)
    }

    async fn bare(&self, stage: &mut Stage) -> Result<bool, InfraFault> {
        let (service, alias, role) = match &self.plan.isolation {
            Isolation::Split { app, alias, .. } => (app, Some(alias.as_str()), Role::App),
            Isolation::Single { service: Some(service) } => (service, None, Role::Single),
            Isolation::Single { service: None } => return Ok(true),
        };
        if alias.is_some() {
            stage.network = Some(self.docker.network(self.lease).await?);
        }
        let joined = stage.network.as_ref().map(|network| Joined { network: network.name(), alias });
        let nothing = Laying::default();
        self.serve(&mut stage.app, service, joined, role, &nothing).await
    }

    /// The tests in a container of their own.
    async fn split(&self, stage: &mut Stage, split: Split<'_>) -> Result<Seen, InfraFault> {
        let Stage { network, volume, app, driver } = stage;
        let (made_network, made_volume) =
            tokio::join!(self.docker.network(self.lease), self.docker.volume(self.lease));
        // Both are kept before either's failure ends this.
        let made_network = made_network.map(|made| &*network.insert(made));
        let made_volume = made_volume.map(|made| &*volume.insert(made));
        let (network, volume) = (made_network?.name(), made_volume?.name());
        let joined = Joined { network, alias: Some(split.alias) };
        let (ready, made) = tokio::join!(
            self.serve(app, split.app, Some(joined), Role::App, &self.laying),
            self.driver(driver, &split, network, volume),
        );
        made?;
        let (Some(app), Some(driver)) = (app, driver) else { return Err(gone()) };
        if !ready? {
            return self.not_ready(app).await;
        }
        driver.start().await?;
        let deadline = Instant::now() + seconds(self.plan.timeout_seconds);
        let tested = driver.wait(deadline, split.driver_resources.disk_bytes);
        let ended = Box::pin(self.guarded(app, tested)).await??;
        let (results, output, app_end) =
            tokio::try_join!(self.results(driver), driver.logs(MAX_LOG_BYTES), self.end(app))?;
        let (results, mut artifacts) = results;
        artifacts.add(OUTPUT.to_owned(), ArtifactKind::Log, output);
        artifacts.add(APP_OUTPUT.to_owned(), ArtifactKind::Log, app_end.log);
        let (end, driver_limit) = run_end(ended);
        Ok(Seen { end, limit: app_end.limit.or(driver_limit), results, artifacts })
    }

    /// The tests are all that runs in the one container.
    async fn single(&self, stage: &mut Stage) -> Result<Seen, InfraFault> {
        let plan = self.plan;
        let laying = self.with_tests();
        let argv = self.command(&plan.argv, &laying).await?;
        let mut variables = self.environment.variables.clone();
        variables.extend(plan.variables.clone());
        let spec = ContainerSpec {
            role: Role::Single,
            argv: argv.as_deref(),
            variables: &variables,
            working_directory: plan.working_directory.as_deref(),
            ..self.spec()
        };
        let container = stage.app.insert(self.docker.create(&spec).await?);
        laying.lay(container, self.blobs).await?;
        container.start().await?;
        let deadline = Instant::now() + seconds(plan.timeout_seconds);
        let ended = container.wait(deadline, self.environment.resources.disk_bytes).await?;
        let (results, output) = tokio::try_join!(self.results(container), container.logs(MAX_LOG_BYTES))?;
        let (results, mut artifacts) = results;
        artifacts.add(OUTPUT.to_owned(), ArtifactKind::Log, output);
        let (end, limit) = run_end(ended);
        Ok(Seen { end, limit, results, artifacts })
    }

    /// The tests are executed beside a service, in its container.
    async fn beside(&self, stage: &mut Stage, service: &Service) -> Result<Seen, InfraFault> {
        let plan = self.plan;
        let laying = self.with_tests();
        let ready = self.serve(&mut stage.app, service, None, Role::Single, &laying).await;
        let Some(container) = &stage.app else { return Err(ready.err().unwrap_or_else(gone)) };
        if !ready? {
            return self.not_ready(container).await;
        }
        let spec = ExecSpec {
            argv: &plan.argv,
            variables: &plan.variables,
            working_directory: plan.working_directory.as_deref(),
            stdin: &[],
            time: seconds(plan.timeout_seconds),
            output_bytes: MAX_LOG_BYTES,
        };
        let tested = self.guarded(container, container.exec(&spec)).await?;
        let found = self.end(container).await?;
        let (end, output) = match tested {
            Ok(ExecOutput { end: ExecEnd::Exited(code), stdout, stderr }) => {
                (RunEnd::Exited(code), [stdout.bytes, stderr.bytes].concat())
            }
            Ok(ExecOutput { stdout, stderr, .. }) => {
                (RunEnd::TimedOut, [stdout.bytes, stderr.bytes].concat())
            }
            // The container ended under them, or no process could be started in it.
            Err(_) if found.before => (RunEnd::Exited(KILLED), Vec::new()),
            Err(DockerError::Engine { message, .. }) => (RunEnd::Exited(KILLED), message.into_bytes()),
            Err(error) => return Err(error.into()),
        };
        let (results, mut artifacts) = self.results(container).await?;
        artifacts.add(OUTPUT.to_owned(), ArtifactKind::Log, output);
        artifacts.add(APP_OUTPUT.to_owned(), ArtifactKind::Log, found.log);
        Ok(Seen { end, limit: found.limit, results, artifacts })
    }

    /// Makes and starts a container of the task's image with a service in it, and
    /// waits until it is ready; `false` when it ended, or its time was over.
    async fn serve(
        &self,
        slot: &mut Option<Container>,
        service: &Service,
        network: Option<Joined<'_>>,
        role: Role,
        laying: &Laying,
    ) -> Result<bool, InfraFault> {
        let argv = self.command(&service.argv, laying).await?;
        let spec = ContainerSpec { role, argv: argv.as_deref(), network, ..self.spec() };
        let container = slot.insert(self.docker.create(&spec).await?);
        laying.lay(container, self.blobs).await?;
        container.start().await?;
        Ok(is_ready(container, &service.ready).await?)
    }

    async fn driver(
        &self,
        slot: &mut Option<Container>,
        split: &Split<'_>,
        network: &str,
        volume: &str,
    ) -> Result<(), InfraFault> {
        let plan = self.plan;
        let mut variables = plan.variables.clone();
        variables.insert(APP_HOST.to_owned(), split.alias.to_owned());
        let spec = ContainerSpec {
            role: Role::Driver,
            image: split.driver,
            argv: Some(&plan.argv),
            variables: &variables,
            working_directory: plan.working_directory.as_deref(),
            account: Account::Unprivileged,
            resources: split.driver_resources,
            network: Some(Joined { network, alias: None }),
            read_only_root: true,
            volume: Some(volume),
            lease: self.lease,
        };
        let container = slot.insert(self.docker.create(&spec).await?);
        let tar = pack_volume(VOLUME_FOLDER, &plan.files_at, RESULTS_FOLDER, &plan.files, self.blobs)?;
        container.upload(VOLUME_FOLDER, tar).await?;
        Ok(())
    }

    /// A container of the task's image.
    fn spec(&self) -> ContainerSpec<'_> {
        ContainerSpec {
            role: Role::App,
            image: &self.image,
            argv: None,
            variables: &self.environment.variables,
            working_directory: None,
            account: self.environment.account,
            resources: self.environment.resources,
            network: None,
            read_only_root: false,
            volume: None,
            lease: self.lease,
        }
    }

    /// What a container's first process is: `None` for the image's own.
    async fn command(&self, argv: &[String], laying: &Laying) -> Result<Option<Vec<String>>, DockerError> {
        if !laying.takes_away() {
            return Ok((!argv.is_empty()).then(|| argv.to_vec()));
        }
        if !argv.is_empty() {
            return Ok(Some(laying.first(argv)));
        }
        let image = self.docker.image(&self.image).await?;
        Ok(Some(laying.first(&[image.entry_point, image.command].concat())))
    }

    fn with_tests(&self) -> Laying {
        let mut laying = self.laying.clone();
        // A report that is handed in would be taken for that of the tests.
        for path in [Some(&self.plan.report), self.plan.status_file.as_ref()].into_iter().flatten() {
            laying.leave_out(path);
        }
        laying.add(&self.plan.files_at, &self.plan.files);
        laying
    }

    /// Awaits what goes on in or beside a container, which is killed meanwhile when
    /// it writes too much.
    async fn guarded<T>(
        &self,
        container: &Container,
        work: impl Future<Output = T>,
    ) -> Result<T, DockerError> {
        let forever = Instant::now() + seconds(u32::MAX);
        let mut guard = std::pin::pin!(container.wait(forever, self.environment.resources.disk_bytes));
        let mut work = std::pin::pin!(work);
        let mut ended = false;
        loop {
            tokio::select! {
                result = &mut work => return Ok(result),
                end = &mut guard, if !ended => {
                    end?;
                    ended = true;
                }
            }
        }
    }

    /// Ends a container with the service, and says what is known of it.
    async fn end(&self, container: &Container) -> Result<End, DockerError> {
        let before = container.state().await?;
        container.kill().await?;
        let (state, disk_bytes, log) =
            tokio::try_join!(container.state(), container.disk_bytes(), container.logs(MAX_LOG_BYTES))?;
        let limit = match state {
            State::Exited { out_of_memory: true, .. } => Some(RunEnd::OutOfMemory),
            _ if matches!(before, State::Exited { out_of_memory: true, .. }) => Some(RunEnd::OutOfMemory),
            _ if disk_bytes >= self.environment.resources.disk_bytes => Some(RunEnd::DiskLimit),
            _ => None,
        };
        Ok(End { before: matches!(before, State::Exited { .. }), limit, log })
    }

    async fn not_ready(&self, container: &Container) -> Result<Seen, InfraFault> {
        let End { limit, log, .. } = self.end(container).await?;
        let mut artifacts = Artifacts::default();
        artifacts.add(APP_OUTPUT.to_owned(), ArtifactKind::Log, log);
        Ok(Seen { end: RunEnd::NotReady, limit, results: Results::none(), artifacts })
    }

    async fn results(&self, container: &Container) -> Result<(Results, Artifacts), DockerError> {
        let mut artifacts = Artifacts::default();
        let results = container.results(self.plan, &mut artifacts).await?;
        Ok((results, artifacts))
    }
}

/// How a service's container was found at the end.
struct End {
    /// Whether it had ended by then.
    before: bool,
    limit: Option<RunEnd>,
    log: Vec<u8>,
}

/// Asks a service until it is ready, has ended, or its time is over.
async fn is_ready(container: &Container, ready: &Step) -> Result<bool, DockerError> {
    let deadline = Instant::now() + seconds(ready.timeout_seconds);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let asked = container
            .exec(&ExecSpec {
                argv: &ready.argv,
                variables: &BTreeMap::new(),
                working_directory: None,
                stdin: &[],
                time: left.min(READY_TIME),
                output_bytes: 0,
            })
            .await;
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
        sleep(READY_PAUSE.min(left)).await;
    }
}

/// How a run ended, and what explains that it did not go well.
fn run_end(ended: Ended) -> (RunEnd, Option<RunEnd>) {
    match ended {
        Ended::Exited { code, out_of_memory } => {
            (RunEnd::Exited(code), out_of_memory.then_some(RunEnd::OutOfMemory))
        }
        Ended::TimedOut => (RunEnd::TimedOut, None),
        Ended::DiskLimit => (RunEnd::DiskLimit, None),
    }
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

fn gone() -> InfraFault {
    InfraFault::new(InfraFaultKind::DockerError, "a container that was made is gone")
}
