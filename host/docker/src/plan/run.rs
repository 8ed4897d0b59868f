//! The runs of a test plan on a submission, each in fresh containers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lancet_core::{
    Account, ArtifactKind, ChangeSet, Environment, Facts, InfraFault, InfraFaultKind, Isolation, Outcome,
    PinnedImage, Plan, RESULTS_FOLDER, Resources, RunEnd, Service, TestReport, TestRun, conclude,
};
use tokio::time::Instant;

use crate::engine::admission::containers;
use crate::engine::container::{Container, State};
use crate::engine::exec::{ExecEnd, ExecOutput, ExecSpec, SHOWN_BYTES, shown};
use crate::engine::hardening::{ContainerSpec, Joined, VOLUME_FOLDER};
use crate::engine::wait::Ended;
use crate::plan::artifact::{APP_OUTPUT, Artifacts, MAX_LOG_BYTES, OUTPUT, Results};
use crate::plan::blame::Without;
use crate::plan::readiness::is_ready;
use crate::plan::stage::Stage;
use crate::submission::layout::{BlobSource, Laying, pack_volume};
use crate::{Docker, DockerError, Lease, Prepared, Purpose};

/// Tells the driver the app's name in their network.
const APP_HOST: &str = "LANCET_APP_HOST";
/// The status of what was killed.
const KILLED: i64 = 137;

/// What came of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanOutcome {
    /// All runs of the plan, with what they concluded.
    pub report: TestReport,
    /// The contents of the runs' artifacts.
    pub blobs: Vec<Vec<u8>>,
}

impl Docker {
    /// Runs a plan on a submission: each run in fresh containers, with the submitted
    /// files laid in before anything runs, until one passes or the plan's reruns are
    /// used up. All runs are in the report.
    ///
    /// # Errors
    /// [`InfraFaultKind::NotReady`] when the app does not come up without the
    /// submission either; those of [`Docker::prepare`], and of the engine, where it is
    /// not the submission that brings them about.
    pub async fn run_plan(
        &self,
        environment: &Environment,
        plan: &Plan,
        submission: &ChangeSet,
        blobs: &dyn BlobSource,
        lease: &Lease,
    ) -> Result<PlanOutcome, InfraFault> {
        let images = self.prepare(environment, lease).await?;
        let _admission = self.admit(&containers(environment, plan)).await?;
        self.carry_out(environment, plan, images, submission, blobs, lease).await
    }

    /// As [`Docker::run_plan`], for who has been admitted.
    pub(crate) async fn carry_out(
        &self,
        environment: &Environment,
        plan: &Plan,
        images: Prepared,
        submission: &ChangeSet,
        blobs: &dyn BlobSource,
        lease: &Lease,
    ) -> Result<PlanOutcome, InfraFault> {
        let laying = Laying::submission(&environment.work_tree, submission)?;
        let mut running = Running {
            docker: self,
            environment,
            plan,
            images,
            laying,
            blobs,
            lease,
            comes_up: None,
            without: None,
            laid: AtomicBool::new(false),
            started: AtomicBool::new(false),
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

pub(crate) struct Running<'a> {
    pub(crate) docker: &'a Docker,
    pub(crate) environment: &'a Environment,
    pub(crate) plan: &'a Plan,
    pub(crate) images: Prepared,
    pub(crate) laying: Laying,
    pub(crate) blobs: &'a dyn BlobSource,
    pub(crate) lease: &'a Lease,
    /// Whether the service comes up without the submission, once that was tried.
    pub(crate) comes_up: Option<bool>,
    /// Whether the tests can be carried out without the submission, once that was
    /// tried.
    pub(crate) without: Option<Without>,
    /// Whether what was submitted is in a container of the run.
    pub(crate) laid: AtomicBool,
    /// Whether what was submitted may have run in it.
    pub(crate) started: AtomicBool,
}

/// What was seen of a run.
pub(crate) struct Seen {
    pub(crate) end: RunEnd,
    /// What the app, or the tests beside it, used up.
    pub(crate) limit: Option<RunEnd>,
    pub(crate) results: Results,
    pub(crate) artifacts: Artifacts,
}

/// Two containers, one for the app and one for the tests.
struct Split<'a> {
    app: &'a Service,
    alias: &'a str,
    driver: &'a PinnedImage,
    driver_resources: Resources,
}

/// The same, of one image.
struct Twin<'a> {
    app: &'a Service,
    alias: &'a str,
    driver: &'a Service,
    driver_resources: Resources,
}

/// A service, and the container that it is to run in.
struct Served<'a> {
    service: &'a Service,
    spec: ContainerSpec<'a>,
    laying: &'a Laying,
}

impl Seen {
    pub(crate) fn facts(&self) -> Facts<'_> {
        let Results { report, cases, status } = &self.results;
        Facts { end: self.end, status: *status, report, cases }
    }
}

impl Running<'_> {
    async fn run(&mut self) -> Result<(TestRun, Vec<Vec<u8>>), InfraFault> {
        let began = Instant::now();
        let mut seen = Box::pin(self.judged()).await?;
        if let RunEnd::NotReady = seen.end {
            Box::pin(self.blame()).await?;
        }
        let mut conclusion = conclude(self.plan, seen.facts());
        // A limit explains why tests did not pass; it does not undo that they did.
        if conclusion.outcome != Outcome::Pass
            && let Some(limit) = seen.limit
        {
            seen.end = limit;
            conclusion = conclude(self.plan, seen.facts());
        }
        let (artifacts, blobs) = seen.artifacts.finish();
        let Results { report, cases, status } = seen.results;
        let wall_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok((TestRun { end: seen.end, status, report, cases, artifacts, conclusion, wall_ms }, blobs))
    }

    /// Makes a run in fresh containers. What an engine did to them as it was stopped is
    /// not taken for anything else.
    pub(crate) async fn seen(&self) -> Result<Seen, InfraFault> {
        let presence = self.docker.presence().await?;
        let seen = Box::pin(self.seen_once()).await;
        if !matches!(&seen, Err(fault) if fault.kind == InfraFaultKind::DockerUnreachable) {
            presence.confirm().await?;
        }
        seen
    }

    async fn seen_once(&self) -> Result<Seen, InfraFault> {
        self.laid.store(false, Ordering::Relaxed);
        self.started.store(false, Ordering::Relaxed);
        let mut stage = Stage::default();
        let seen = match &self.plan.isolation {
            Isolation::Split { app, alias, driver, driver_resources } => {
                let split = Split { app, alias, driver, driver_resources: *driver_resources };
                Box::pin(self.split(&mut stage, split)).await
            }
            Isolation::Twin { app, alias, driver, driver_resources } => {
                let twin = Twin { app, alias, driver, driver_resources: *driver_resources };
                Box::pin(self.twin(&mut stage, twin)).await
            }
            Isolation::Single { service: None } => self.single(&mut stage).await,
            Isolation::Single { service: Some(service) } => self.beside(&mut stage, service).await,
        };
        stage.clear().await;
        seen
    }

    /// The service did not come up: the submission's fault if it does without it,
    /// and nobody's otherwise.
    async fn blame(&mut self) -> Result<(), InfraFault> {
        let comes_up = match self.comes_up {
            Some(comes_up) => comes_up,
            None => {
                let presence = self.docker.presence().await?;
                let mut stage = Stage::default();
                let result = self.bare(&mut stage).await;
                stage.clear().await;
                let comes_up = result?;
                if !comes_up {
                    presence.confirm().await?;
                }
                *self.comes_up.insert(comes_up)
            }
        };
        if comes_up {
            return Ok(());
        }
        Err(self.does_not_come_up("what is tested"))
    }

    fn does_not_come_up(&self, what: &str) -> InfraFault {
        let Self { plan, environment, .. } = self;
        let message = format!("`{}`: {what} does not come up in {}", plan.name, environment.image.name);
        InfraFault::new(InfraFaultKind::NotReady, message)
    }

    async fn bare(&self, stage: &mut Stage) -> Result<bool, InfraFault> {
        let (service, alias, purpose) = match &self.plan.isolation {
            Isolation::Split { app, alias, .. } | Isolation::Twin { app, alias, .. } => {
                (app, Some(alias.as_str()), Purpose::App)
            }
            Isolation::Single { service: Some(service) } => (service, None, Purpose::Single),
            Isolation::Single { service: None } => return Ok(true),
        };
        if alias.is_some() {
            stage.network = Some(self.docker.network(self.lease).await?);
        }
        let network = stage.network.as_ref().map(|network| Joined { network: network.name(), alias });
        let spec = ContainerSpec { purpose, network, ..self.spec() };
        self.serve(&mut stage.app, Served { service, spec, laying: &Laying::default() }).await
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
        let spec = ContainerSpec { network: Some(joined), ..self.spec() };
        let (ready, made) = tokio::join!(
            self.serve(app, Served { service: split.app, spec, laying: &self.laying }),
            self.driver(driver, &split, network, volume),
        );
        made?;
        let (Some(app), Some(driver)) = (app, driver) else { return Err(gone()) };
        if !ready? {
            return self.not_ready(app).await;
        }
        driver.start().await?;
        let tested = driver.wait(seconds(self.plan.timeout_seconds), split.driver_resources.disk_bytes);
        let ended = Box::pin(self.guarded(app, self.environment.resources, tested)).await??;
        let (results, output, app_end) = tokio::try_join!(
            self.results(driver),
            driver.logs(MAX_LOG_BYTES),
            self.end(app, self.environment.resources)
        )?;
        let (results, mut artifacts) = results;
        artifacts.add(OUTPUT.to_owned(), ArtifactKind::Log, output);
        artifacts.add(APP_OUTPUT.to_owned(), ArtifactKind::Log, app_end.log);
        let (end, driver_limit) = run_end(ended);
        Ok(Seen { end, limit: app_end.limit.or(driver_limit), results, artifacts })
    }

    /// The tests in a second container of the app's image, beside what they need there.
    ///
    /// That is ready, and what the tests do not need of it closed, before anything
    /// submitted is started: it is in the network that the app is then joined to.
    async fn twin(&self, stage: &mut Stage, twin: Twin<'_>) -> Result<Seen, InfraFault> {
        let Stage { network, app, driver, .. } = stage;
        let network = network.insert(self.docker.network(self.lease).await?).name();
        let mut variables = self.environment.variables.clone();
        variables.insert(APP_HOST.to_owned(), twin.alias.to_owned());
        let spec = ContainerSpec {
            purpose: Purpose::Driver,
            image: &self.images.app,
            variables: &variables,
            resources: twin.driver_resources,
            network: Some(Joined { network, alias: None }),
            ..self.spec()
        };
        let laying = self.tests();
        if !self.serve(driver, Served { service: twin.driver, spec, laying: &laying }).await? {
            let output = match driver {
                Some(driver) => driver.logs(SHOWN_BYTES).await?,
                None => Vec::new(),
            };
            let mut fault = self.does_not_come_up("what the tests need beside them");
            fault.message = format!("{}; its output ends with:\n{}", fault.message, shown(&output));
            return Err(fault);
        }
        let joined = Joined { network, alias: Some(twin.alias) };
        let spec = ContainerSpec { network: Some(joined), ..self.spec() };
        let ready = self.serve(app, Served { service: twin.app, spec, laying: &self.laying }).await;
        let (Some(app), Some(driver)) = (app, driver) else { return Err(ready.err().unwrap_or_else(gone)) };
        if !ready? {
            return self.not_ready(app).await;
        }
        let tested = Box::pin(self.tested(driver, twin.driver_resources));
        let tested = Box::pin(self.guarded(app, self.environment.resources, tested)).await??;
        let ((results, mut artifacts), app_end) =
            tokio::try_join!(self.results(driver), self.end(app, self.environment.resources))?;
        artifacts.add(OUTPUT.to_owned(), ArtifactKind::Log, tested.output);
        artifacts.add(APP_OUTPUT.to_owned(), ArtifactKind::Log, app_end.log);
        Ok(Seen { end: tested.end, limit: app_end.limit.or(tested.service.limit), results, artifacts })
    }

    /// The tests are all that runs in the one container.
    async fn single(&self, stage: &mut Stage) -> Result<Seen, InfraFault> {
        let plan = self.plan;
        let laying = self.with_tests();
        let argv = self.command(&self.images.app, &plan.argv, &laying).await?;
        let mut variables = self.environment.variables.clone();
        variables.extend(plan.variables.clone());
        let spec = ContainerSpec {
            purpose: Purpose::Single,
            argv: argv.as_deref(),
            variables: &variables,
            working_directory: plan.working_directory.as_deref(),
            ..self.spec()
        };
        let container = stage.app.insert(self.docker.create(&spec).await?);
        self.laid.store(true, Ordering::Relaxed);
        laying.lay(container, self.blobs).await?;
        self.started.store(true, Ordering::Relaxed);
        container.start().await?;
        let time = seconds(plan.timeout_seconds);
        let ended = container.wait(time, self.environment.resources.disk_bytes).await?;
        let (results, output) = tokio::try_join!(self.results(container), container.logs(MAX_LOG_BYTES))?;
        let (results, mut artifacts) = results;
        artifacts.add(OUTPUT.to_owned(), ArtifactKind::Log, output);
        let (end, limit) = run_end(ended);
        Ok(Seen { end, limit, results, artifacts })
    }

    /// The tests are executed beside a service, in its container.
    async fn beside(&self, stage: &mut Stage, service: &Service) -> Result<Seen, InfraFault> {
        let laying = self.with_tests();
        let resources = self.environment.resources;
        let spec = ContainerSpec { purpose: Purpose::Single, ..self.spec() };
        let ready = self.serve(&mut stage.app, Served { service, spec, laying: &laying }).await;
        let Some(container) = &stage.app else { return Err(ready.err().unwrap_or_else(gone)) };
        if !ready? {
            return self.not_ready(container).await;
        }
        let Tested { end, output, service } = Box::pin(self.tested(container, resources)).await?;
        let (results, mut artifacts) = self.results(container).await?;
        artifacts.add(OUTPUT.to_owned(), ArtifactKind::Log, output);
        artifacts.add(APP_OUTPUT.to_owned(), ArtifactKind::Log, service.log);
        Ok(Seen { end, limit: service.limit, results, artifacts })
    }

    /// Executes the tests beside a service, and ends its container.
    async fn tested(&self, container: &Container, resources: Resources) -> Result<Tested, DockerError> {
        let plan = self.plan;
        let spec = ExecSpec {
            argv: &plan.argv,
            variables: &plan.variables,
            working_directory: plan.working_directory.as_deref(),
            stdin: &[],
            time: seconds(plan.timeout_seconds),
            output_bytes: MAX_LOG_BYTES,
        };
        let executed = self.guarded(container, resources, Box::pin(container.exec(&spec))).await?;
        let service = self.end(container, resources).await?;
        let (end, output) = match executed {
            Ok(ExecOutput { end: ExecEnd::Exited(code), stdout, stderr }) => {
                (RunEnd::Exited(code), [stdout.bytes, stderr.bytes].concat())
            }
            Ok(ExecOutput { stdout, stderr, .. }) => {
                (RunEnd::TimedOut, [stdout.bytes, stderr.bytes].concat())
            }
            // The container ended under them, or no process could be started in it.
            Err(_) if service.before => (RunEnd::Exited(KILLED), Vec::new()),
            Err(DockerError::Engine { message, .. }) => (RunEnd::Exited(KILLED), message.into_bytes()),
            Err(error) => return Err(error),
        };
        Ok(Tested { end, output, service })
    }

    /// Makes and starts a container with a service in it, and waits until that is
    /// ready; `false` when it ended, or its time was over.
    async fn serve(&self, slot: &mut Option<Container>, served: Served<'_>) -> Result<bool, InfraFault> {
        let Served { service, spec, laying } = served;
        let argv = Box::pin(self.command(spec.image, &service.argv, laying)).await?;
        let spec = ContainerSpec { argv: argv.as_deref(), ..spec };
        let container = slot.insert(Box::pin(self.docker.create(&spec)).await?);
        let holds_submitted = spec.purpose != Purpose::Driver;
        if holds_submitted {
            self.laid.store(true, Ordering::Relaxed);
        }
        Box::pin(laying.lay(container, self.blobs)).await?;
        if holds_submitted {
            self.started.store(true, Ordering::Relaxed);
        }
        container.start().await?;
        Ok(Box::pin(is_ready(container, &service.ready)).await?)
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
            purpose: Purpose::Driver,
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
        let user = container.user();
        let tar = pack_volume(VOLUME_FOLDER, &plan.files_at, RESULTS_FOLDER, &plan.files, self.blobs, user)?;
        container.upload(VOLUME_FOLDER, tar).await?;
        Ok(())
    }

    /// A container of the task's image, for what is submitted.
    fn spec(&self) -> ContainerSpec<'_> {
        let image = match &self.plan.isolation {
            Isolation::Twin { .. } => &self.images.agent,
            Isolation::Split { .. } | Isolation::Single { .. } => &self.images.app,
        };
        ContainerSpec {
            purpose: Purpose::App,
            image,
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
    async fn command(
        &self,
        image: &PinnedImage,
        argv: &[String],
        laying: &Laying,
    ) -> Result<Option<Vec<String>>, DockerError> {
        if !laying.takes_away() {
            return Ok((!argv.is_empty()).then(|| argv.to_vec()));
        }
        if !argv.is_empty() {
            return Ok(Some(laying.first(argv)));
        }
        let image = self.docker.image(image).await?;
        Ok(Some(laying.first(&[image.entry_point, image.command].concat())))
    }

    /// The tests alone.
    fn tests(&self) -> Laying {
        let mut laying = Laying::default();
        laying.add_plan(self.plan);
        laying
    }

    /// The submission, and the tests on top of it.
    fn with_tests(&self) -> Laying {
        let mut laying = self.laying.clone();
        // A report that is handed in would be taken for that of the tests.
        for path in [Some(&self.plan.report), self.plan.status_file.as_ref()].into_iter().flatten() {
            laying.leave_out(path);
        }
        laying.add_plan(self.plan);
        laying
    }

    /// Awaits what goes on in or beside a container, which is killed meanwhile when
    /// it writes too much.
    async fn guarded<T>(
        &self,
        container: &Container,
        resources: Resources,
        work: impl Future<Output = T>,
    ) -> Result<T, DockerError> {
        let mut guard = std::pin::pin!(container.wait(Duration::MAX, resources.disk_bytes));
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
    async fn end(&self, container: &Container, resources: Resources) -> Result<End, DockerError> {
        let before = container.state().await?;
        container.kill().await?;
        let (state, disk_bytes, log) =
            tokio::try_join!(container.state(), container.disk_bytes(), container.logs(MAX_LOG_BYTES))?;
        let limit = match state {
            State::Exited { out_of_memory: true, .. } => Some(RunEnd::OutOfMemory),
            _ if matches!(before, State::Exited { out_of_memory: true, .. }) => Some(RunEnd::OutOfMemory),
            _ if disk_bytes >= resources.disk_bytes => Some(RunEnd::DiskLimit),
            _ => None,
        };
        Ok(End { before: matches!(before, State::Exited { .. }), limit, log })
    }

    async fn not_ready(&self, container: &Container) -> Result<Seen, InfraFault> {
        let End { limit, log, .. } = self.end(container, self.environment.resources).await?;
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

/// What came of tests that were executed beside a service.
struct Tested {
    end: RunEnd,
    output: Vec<u8>,
    service: End,
}

/// How a service's container was found at the end.
struct End {
    /// Whether it had ended by then.
    before: bool,
    limit: Option<RunEnd>,
    log: Vec<u8>,
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
