//! The connection to an engine: what it is, what it has to be able to do, and its errors in
//! our words. Everything else hangs on [`Docker`].

use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bollard::models::SystemInfo;
use lancet_core::Resources;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::DockerError;
use crate::engine::admission::Queue;
use crate::engine::prepared::Preparations;
use crate::engine::quota;
use crate::engine::user::Users;

/// The oldest API that will do: Docker Engine 20.10.
pub const OLDEST_API: &str = "1.41";
/// See [`OLDEST_API`].
const OLDEST: bollard::ClientVersion = bollard::ClientVersion { major_version: 1, minor_version: 41 };

/// Seconds that the engine has for the head of an ordinary answer.
pub(crate) const CALL_SECONDS: u64 = 120;
/// Seconds for calls that copy whole images: commit, pull, build.
const LONG_CALL_SECONDS: u64 = 3_600;

/// How an engine is used: what the operator decides, whatever a task asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerOptions {
    /// The engine's socket. `None` for the one in `host`, else `/var/run/docker.sock`.
    pub socket: Option<PathBuf>,
    /// The engine as `DOCKER_HOST` has it: `unix://…`. Not read from the environment, which
    /// is the caller's.
    pub host: Option<String>,
    /// The container runtime, for instance `runsc`; `None` for the engine's default.
    pub runtime: Option<String>,
    /// The most that one container may get, whatever a task asks for.
    pub ceiling: Resources,
    /// Bytes of memory that are left to the machine itself.
    pub reserve_bytes: u64,
    /// The network of the `RUN` steps of builds, for instance `host`; `None` for
    /// the engine's default.
    pub build_network: Option<String>,
    /// Whether what would share a kernel user with others is refused.
    pub own_users: bool,
    /// Whether the machine's packet filter is left as it is: a run by root adds one rule
    /// to it otherwise, see [`crate::Tracking::RULE`].
    pub leave_packet_filter: bool,
    /// How long an engine that cannot be reached is waited for.
    pub patience: Duration,
}

impl Default for DockerOptions {
    /// At most four processors, 8 GiB of memory, 4,096 processes, 16 GiB of disk
    /// and 2 GiB of shared memory for one container; 512 MiB kept back; ten seconds
    /// of patience.
    fn default() -> Self {
        Self {
            socket: None,
            host: None,
            runtime: None,
            ceiling: Resources {
                cpu_millis: 4_000,
                memory_bytes: 8 << 30,
                pids: 4_096,
                disk_bytes: 16 << 30,
                shm_bytes: 2 << 30,
            },
            reserve_bytes: 512 << 20,
            build_network: None,
            own_users: false,
            leave_packet_filter: false,
            patience: Duration::from_secs(10),
        }
    }
}

impl DockerOptions {
    /// Where the engine is looked for: the path of its socket, or what is no such path.
    #[must_use]
    pub fn place(&self) -> String {
        let place = self.socket.clone().map_or_else(|| default_socket(self.host.as_deref()), Ok);
        place.map_or_else(|_| self.host.clone().unwrap_or_default(), |path| path.display().to_string())
    }
}

/// What the engine says of itself and its machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// The engine's version, for instance `20.10.24`.
    pub version: String,
    /// The API that is spoken with it, for instance `1.41`.
    pub api: String,
    /// The processor, as images name it: `amd64`, `arm64`.
    pub architecture: String,
    /// The machine's processors, in thousandths.
    pub cpu_millis: u32,
    /// The machine's memory in bytes.
    pub memory_bytes: u64,
    /// How layers are stored, for instance `overlay2`.
    pub storage_driver: String,
    /// Whether layers are compared by the storage driver itself: without it,
    /// listing a container's changes reads every file of the image.
    pub native_diff: bool,
    /// Whether the engine's layers lie on a file system that can give each container a quota.
    pub disk_quota: bool,
    /// The container runtimes that the engine knows, sorted.
    pub runtimes: Vec<String>,
    /// Whether containers outlive a restart of the engine.
    pub live_restore: bool,
    /// Whether the users of containers are others for the machine: root in one is
    /// not root there.
    pub remapped: bool,
    /// The version of control groups, for instance `2`.
    pub cgroup_version: String,
    /// What the engine itself warns of.
    pub warnings: Vec<String>,
}

/// A Docker engine. Cheap to clone.
#[derive(Clone)]
pub struct Docker {
    inner: Arc<Inner>,
}

struct Inner {
    client: bollard::Docker,
    /// The same connection with more time for an answer.
    slow: bollard::Docker,
    socket: PathBuf,
    options: DockerOptions,
    info: EngineInfo,
    queue: Queue,
    preparations: Preparations,
    /// Whether the engine would not give a container a quota after all.
    no_quota: AtomicBool,
    users: Arc<Users>,
    untracked: OnceCell<()>,
}

impl std::fmt::Debug for Docker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Docker").field("socket", &self.inner.socket).finish_non_exhaustive()
    }
}

impl Docker {
    /// Connects to the engine and makes sure that it can do what hardening rests on.
    /// An engine that cannot be reached is waited for as long as the options say.
    ///
    /// # Errors
    /// [`DockerError::Unreachable`], [`DockerError::OtherEngine`], [`DockerError::TooOld`],
    /// [`DockerError::NotLinux`], [`DockerError::Unconfined`],
    /// [`DockerError::RuntimeMissing`].
    pub async fn connect(options: DockerOptions) -> Result<Self, DockerError> {
        let socket = match &options.socket {
            Some(path) => path.clone(),
            None => default_socket(options.host.as_deref())?,
        };
        let patience = options.patience;
        let client = patiently(patience, || negotiate(&socket)).await?;
        refuse_others(&client, &socket).await?;
        let info = describe(&client, &socket).await?;
        if let Some(wanted) = &options.runtime
            && !info.runtimes.contains(wanted)
        {
            let available = info.runtimes.join(", ");
            return Err(DockerError::RuntimeMissing { wanted: wanted.clone(), available });
        }
        let queue = Queue::new(&info, &options);
        let slow = client.clone().with_timeout(Duration::from_secs(LONG_CALL_SECONDS));
        let (preparations, users) = (Preparations::default(), Arc::new(Users::default()));
        let no_quota = AtomicBool::new(!info.disk_quota);
        let untracked = OnceCell::new();
        let inner =
            Inner { client, slow, socket, options, info, queue, preparations, no_quota, users, untracked };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Asks the engine anew what it is.
    ///
    /// # Errors
    /// As [`Docker::connect`].
    pub async fn engine(&self) -> Result<EngineInfo, DockerError> {
        describe(&self.inner.client, &self.inner.socket).await
    }

    /// Waits until the engine answers: it may be being restarted.
    ///
    /// # Errors
    /// [`DockerError::Unreachable`] when it does not within that time.
    pub async fn wait_until_reachable(&self, patience: Duration) -> Result<(), DockerError> {
        patiently(patience, || async { self.call("asking whether it is there", self.client().ping()).await })
            .await
            .map(drop)
    }

    pub(crate) fn gives_quotas(&self) -> bool {
        !self.inner.no_quota.load(Ordering::Relaxed)
    }

    pub(crate) fn gives_no_quotas(&self) {
        self.inner.no_quota.store(true, Ordering::Relaxed);
    }

    /// How the engine is used.
    #[must_use]
    pub fn options(&self) -> &DockerOptions {
        &self.inner.options
    }

    pub(crate) fn client(&self) -> &bollard::Docker {
        &self.inner.client
    }

    /// For calls that copy whole images.
    pub(crate) fn slow_client(&self) -> &bollard::Docker {
        &self.inner.slow
    }

    /// The socket that the engine was connected through.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.inner.socket
    }

    /// What the engine was when it was connected to.
    pub(crate) fn info(&self) -> &EngineInfo {
        &self.inner.info
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.inner.queue
    }

    pub(crate) fn preparations(&self) -> &Preparations {
        &self.inner.preparations
    }

    /// Whether networks were kept out of the machine's table of connections, or that
    /// was tried.
    pub(crate) fn untracked(&self) -> &OnceCell<()> {
        &self.inner.untracked
    }

    /// Who containers' processes are.
    pub(crate) fn users(&self) -> &Arc<Users> {
        &self.inner.users
    }

    /// Awaits a call and puts its error into our words.
    pub(crate) async fn call<T>(
        &self,
        doing: &'static str,
        call: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, DockerError> {
        call.await.map_err(|error| self.failed(doing, error))
    }

    /// As [`Docker::call`], for calls of [`Docker::slow_client`].
    pub(crate) async fn slow_call<T>(
        &self,
        doing: &'static str,
        call: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, DockerError> {
        call.await.map_err(|error| self.failed_slowly(doing, error))
    }

    /// Puts an error of a call, or of its stream, into our words.
    pub(crate) fn failed(&self, doing: &'static str, error: bollard::errors::Error) -> DockerError {
        failed(&self.inner.socket, doing, CALL_SECONDS, error)
    }

    /// As [`Docker::failed`], for calls of [`Docker::slow_client`].
    pub(crate) fn failed_slowly(&self, doing: &'static str, error: bollard::errors::Error) -> DockerError {
        failed(&self.inner.socket, doing, LONG_CALL_SECONDS, error)
    }

    /// Carries a call through even if nobody waits for it any more. What it makes is
    /// removed then, as it is whenever it is dropped; without this, a call that is
    /// given up half-way may leave behind what nobody knows of.
    pub(crate) async fn carried_through<T: Send + 'static>(
        call: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match tokio::spawn(call).await {
            Ok(made) => made,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

fn failed(socket: &Path, doing: &'static str, seconds: u64, error: bollard::errors::Error) -> DockerError {
    let limit = Duration::from_secs(seconds);
    DockerError::from_call(doing, &socket.display().to_string(), limit, error)
}

/// Repeats a call while the engine is away.
async fn patiently<T, F: Future<Output = Result<T, DockerError>>>(
    patience: Duration,
    mut call: impl FnMut() -> F,
) -> Result<T, DockerError> {
    const PAUSE: Duration = Duration::from_millis(250);
    let deadline = Instant::now() + patience;
    loop {
        match call().await {
            Err(error) if error.is_outage() && Instant::now() + PAUSE < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}

/// Where the engine listens.
fn default_socket(docker_host: Option<&str>) -> Result<PathBuf, DockerError> {
    match docker_host.filter(|host| !host.is_empty()) {
        None => Ok(PathBuf::from("/var/run/docker.sock")),
        Some(host) => {
            host.strip_prefix("unix://").map(PathBuf::from).ok_or_else(|| DockerError::Unreachable {
                socket: host.to_owned(),
                reason: "DOCKER_HOST has to be unix://…: Lancet speaks to local sockets only".to_owned(),
            })
        }
    }
}

async fn negotiate(socket: &Path) -> Result<bollard::Docker, DockerError> {
    let doing = "connecting";
    let path = socket.display().to_string();
    let client = bollard::Docker::connect_with_socket(&path, CALL_SECONDS, bollard::API_DEFAULT_VERSION)
        .map_err(|error| failed(socket, doing, CALL_SECONDS, error))?;
    client.negotiate_version().await.map_err(|error| failed(socket, doing, CALL_SECONDS, error))
}

/// Refuses engines that speak Docker's API and are none: Podman answers everything that is asked
/// of it here, and then makes no container of this configuration.
async fn refuse_others(client: &bollard::Docker, socket: &Path) -> Result<(), DockerError> {
    let doing = "asking the engine for its version";
    let version = client.version().await.map_err(|error| failed(socket, doing, CALL_SECONDS, error))?;
    let components = version.components.unwrap_or_default();
    let other = components.iter().find(|component| component.name.to_ascii_lowercase().contains("podman"));
    other.map_or(Ok(()), |other| {
        let found = format!("{} {}", other.name, other.version);
        Err(DockerError::OtherEngine { socket: socket.display().to_string(), found })
    })
}

async fn describe(client: &bollard::Docker, socket: &Path) -> Result<EngineInfo, DockerError> {
    let api = client.client_version();
    if api < OLDEST {
        return Err(DockerError::TooOld { found: api.to_string(), needed: OLDEST_API });
    }
    let doing = "asking the engine what it is";
    let info = client.info().await.map_err(|error| failed(socket, doing, CALL_SECONDS, error))?;
    check(&info)?;
    let remaps =
        |option: &String| option.split(',').any(|part| matches!(part, "name=userns" | "name=rootless"));
    let remapped = info.security_options.iter().flatten().any(remaps);
    let mut runtimes: Vec<String> = info.runtimes.unwrap_or_default().into_keys().collect();
    runtimes.sort();
    let status: HashMap<String, String> = info
        .driver_status
        .unwrap_or_default()
        .into_iter()
        .filter_map(|pair| <[String; 2]>::try_from(pair).ok().map(|[key, value]| (key, value)))
        .collect();
    let driver = info.driver.unwrap_or_default();
    let backing = status.get("Backing Filesystem").map_or("", String::as_str);
    let root = PathBuf::from(info.docker_root_dir.unwrap_or_default());
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let disk_quota = quota::is_there(&driver, backing, &root, &mounts);
    let processors = u32::try_from(info.ncpu.unwrap_or_default()).unwrap_or_default();
    Ok(EngineInfo {
        version: info.server_version.unwrap_or_default(),
        api: api.to_string(),
        architecture: image_architecture(info.architecture.as_deref().unwrap_or_default()).to_owned(),
        cpu_millis: processors.saturating_mul(1_000),
        memory_bytes: u64::try_from(info.mem_total.unwrap_or_default()).unwrap_or_default(),
        storage_driver: driver,
        native_diff: status.get("Native Overlay Diff").is_some_and(|value| value == "true"),
        disk_quota,
        runtimes,
        live_restore: info.live_restore_enabled.unwrap_or_default(),
        remapped,
        cgroup_version: info.cgroup_version.map(|version| version.to_string()).unwrap_or_default(),
        warnings: info.warnings.unwrap_or_default(),
    })
}

/// An engine that lacks one of these would create containers all the same, and say
/// no more than a warning.
fn check(info: &SystemInfo) -> Result<(), DockerError> {
    let system = info.os_type.as_deref().unwrap_or_default();
    if system != "linux" {
        return Err(DockerError::NotLinux { found: system.to_owned() });
    }
    let mut missing = Vec::new();
    for (there, what) in [
        (info.memory_limit, "memory limits"),
        (info.pids_limit, "limits of processes"),
        (info.cpu_cfs_quota, "limits of processor time"),
    ] {
        if there != Some(true) {
            missing.push(what);
        }
    }
    let filters = |option: &String| {
        option.split(',').any(|part| part == "name=seccomp") && !option.contains("profile=unconfined")
    };
    if !info.security_options.iter().flatten().any(filters) {
        missing.push("system call filters (seccomp)");
    }
    if missing.is_empty() { Ok(()) } else { Err(DockerError::Unconfined { missing: missing.join(", ") }) }
}

/// The engine says `x86_64` of itself and `amd64` of its images.
fn image_architecture(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_sockets_are_taken_from_docker_host() {
        assert_eq!(default_socket(None).unwrap(), Path::new("/var/run/docker.sock"));
        assert_eq!(default_socket(Some("")).unwrap(), Path::new("/var/run/docker.sock"));
        assert_eq!(default_socket(Some("unix:///run/x.sock")).unwrap(), Path::new("/run/x.sock"));
        assert!(default_socket(Some("tcp://127.0.0.1:2375")).is_err());
    }

    #[test]
    fn an_engine_that_cannot_confine_is_refused() {
        let able = SystemInfo {
            os_type: Some("linux".to_owned()),
            memory_limit: Some(true),
            pids_limit: Some(true),
            cpu_cfs_quota: Some(true),
            security_options: Some(vec!["name=seccomp,profile=default".to_owned()]),
            ..SystemInfo::default()
        };
        assert!(check(&able).is_ok());
        let unable = [
            SystemInfo { memory_limit: Some(false), ..able.clone() },
            SystemInfo { pids_limit: None, ..able.clone() },
            SystemInfo { cpu_cfs_quota: Some(false), ..able.clone() },
            SystemInfo { security_options: None, ..able.clone() },
            SystemInfo {
                security_options: Some(vec!["name=seccomp,profile=unconfined".to_owned()]),
                ..able.clone()
            },
        ];
        for info in unable {
            assert!(matches!(check(&info), Err(DockerError::Unconfined { .. })));
        }
        let windows = SystemInfo { os_type: Some("windows".to_owned()), ..able };
        assert!(matches!(check(&windows), Err(DockerError::NotLinux { .. })));
    }

    #[tokio::test]
    async fn nobody_at_the_socket_is_unreachable() {
        let options = DockerOptions {
            socket: Some(PathBuf::from("/nonexistent/docker.sock")),
            patience: Duration::ZERO,
            ..DockerOptions::default()
        };
        let error = Docker::connect(options).await.unwrap_err();
        assert!(matches!(error, DockerError::Unreachable { .. }), "{error}");
    }
}
