//! What every container is: one pure function, into which a task can put no more than its
//! parameters.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigLogConfig, Mount, MountType, MountVolumeOptions, NetworkingConfig, ResourcesUlimits,
    RestartPolicy, RestartPolicyNameEnum,
};
use lancet_core::{Account, Environment, PinnedImage, Resources};

use crate::engine::label::{Lease, Purpose};
use crate::engine::user::User;

/// Where a container's volume is mounted.
pub(crate) const VOLUME_FOLDER: &str = "/lancet";
/// The home of [`Account::Unprivileged`], unless the task or the image has another.
pub(crate) const HOME: &str = "/tmp/home";
/// Every container's own name: nothing can depend on the machine's or the engine's.
const HOSTNAME: &str = "lancet";
/// A name server that is not there. Docker's own server still answers for the
/// aliases of a private network, and would hand everything else on to the servers
/// of the host, out of a network that is to lead nowhere (CVE-2024-29018).
const NO_NAME_SERVER: &str = "127.0.0.1";
/// Docker's own server says nothing at all when its servers do not answer: with
/// this, outside names are given up after four seconds rather than ten or more.
const NAME_SERVER_OPTIONS: [&str; 2] = ["timeout:2", "attempts:2"];

/// Files and sockets that a process may have open, where no submitted code runs.
const OPEN_FILES: i64 = 16_384;
/// Where it does: hard limits, well below what the engine gives to everything else.
/// The kernel counts what is used for a user, and compares it with the limit of
/// whoever wants more: those that stay below these never take what others need,
/// however many of them there are.
const SUBMITTED: [(&str, i64); 4] = [
    // Also descriptors of its user that may be on their way through sockets.
    ("nofile", 4_096),
    // Signals and timers of its user.
    ("sigpending", 4_096),
    // Bytes of its user's POSIX message queues: four of the usual size.
    ("msgqueue", 400 << 10),
    // Bytes that it may keep from being paged out, and some of its user's.
    ("memlock", 64 << 10),
];
/// A log's file is turned over at this size, and two are kept.
const LOG_FILE_SIZE: &str = "4m";
const LOG_FILES: &str = "2";
/// Inodes of a temporary file system: they are kernel memory.
const TEMPORARY_INODES: u32 = 65_536;
/// Bytes of `/run`, and of the home where that is a temporary file system.
const SMALL_TEMPORARY_BYTES: u64 = 64 << 20;

/// The least that the engine or the kernel can work with. Zero would mean *no
/// limit* for most of them.
const FLOOR: Resources =
    Resources { cpu_millis: 10, memory_bytes: 16 << 20, pids: 8, disk_bytes: 1 << 20, shm_bytes: 1 << 20 };

/// Everything that a container can be asked to be. What is not here cannot be
/// expressed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ContainerSpec<'a> {
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// What it is a container of.
    pub(crate) image: &'a PinnedImage,
    /// The program and its arguments; `None` for the image's own.
    pub(crate) argv: Option<&'a [String]>,
    /// Added to the image's variables.
    pub(crate) variables: &'a BTreeMap<String, String>,
    /// `None` for the image's own.
    pub(crate) working_directory: Option<&'a str>,
    /// Who its processes are.
    pub(crate) account: Account,
    /// What it may use.
    pub(crate) resources: Resources,
    /// `None` for no network at all.
    pub(crate) network: Option<Joined<'a>>,
    /// Whether only `/tmp`, `/run` and the volume can be written to.
    pub(crate) read_only_root: bool,
    /// Mounted at [`VOLUME_FOLDER`].
    pub(crate) volume: Option<&'a str>,
    /// Whom it belongs to.
    pub(crate) lease: &'a Lease,
}

impl<'a> ContainerSpec<'a> {
    /// What prepares an image of an environment, or looks into it.
    pub(crate) fn setup(
        environment: &'a Environment,
        image: &'a PinnedImage,
        argv: &'a [String],
        lease: &'a Lease,
    ) -> Self {
        Self {
            purpose: Purpose::Setup,
            image,
            argv: Some(argv),
            variables: &environment.variables,
            working_directory: None,
            account: environment.account,
            resources: environment.resources,
            network: None,
            read_only_root: false,
            volume: None,
            lease,
        }
    }
}

/// What keeps a container running while commands are executed in it.
pub(crate) fn idle() -> [String; 2] {
    ["sleep", "infinity"].map(str::to_owned)
}

/// A private network, and a container's name in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joined<'a> {
    /// The network's name.
    pub(crate) network: &'a str,
    /// The container's, for others in the network.
    pub(crate) alias: Option<&'a str>,
}

/// What is given before a task asks for anything: by the operator, and by the image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Givens<'a> {
    /// The container runtime; `None` for the engine's default.
    pub(crate) runtime: Option<&'a str>,
    /// Above every task's resources.
    pub(crate) ceiling: Resources,
    /// Whether the image says where the home is.
    pub(crate) image_has_home: bool,
    /// Whom the processes belong to.
    pub(crate) user: User,
}

/// Whether [`HOME`] is to be there.
pub(crate) fn needs_home(spec: &ContainerSpec<'_>, givens: &Givens<'_>) -> bool {
    spec.account == Account::Unprivileged && !givens.image_has_home && !spec.variables.contains_key("HOME")
}

/// The whole configuration of a container. Pure: what comes from a task ends up in
/// the image, the command, the variables, the working directory, the alias, the
/// labels and the limits, and nowhere else.
pub(crate) fn container(spec: &ContainerSpec<'_>, givens: &Givens<'_>) -> ContainerCreateBody {
    let mut env: Vec<String> = spec.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if needs_home(spec, givens) {
        env.push(format!("HOME={HOME}"));
    }
    ContainerCreateBody {
        image: Some(spec.image.reference.clone()),
        // The entry point alone: the image's own would come before a command, and
        // its command after an entry point that has none.
        entrypoint: spec.argv.map(<[String]>::to_vec),
        env: Some(env),
        working_dir: spec.working_directory.map(str::to_owned),
        user: Some(givens.user.to_string()),
        hostname: Some(HOSTNAME.to_owned()),
        domainname: Some(String::new()),
        labels: Some(spec.lease.labels(spec.purpose.as_str())),
        // An image's own health check would run its command again and again.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
        // Nobody types into it.
        tty: Some(false),
        open_stdin: Some(false),
        attach_stdin: Some(false),
        attach_stdout: Some(false),
        attach_stderr: Some(false),
        host_config: Some(host(spec, givens)),
        networking_config: spec.network.map(|joined| NetworkingConfig {
            endpoints_config: Some(HashMap::from([(
                joined.network.to_owned(),
                EndpointSettings {
                    aliases: joined.alias.map(|alias| vec![alias.to_owned()]),
                    ..EndpointSettings::default()
                },
            )])),
        }),
        ..ContainerCreateBody::default()
    }
}

/// Left unset on purpose, and with that at the engine's safe default or at
/// *nothing*: privileges, added capabilities and groups, devices, binds, volumes of
/// other containers, published ports, extra hosts, links, kernel parameters, masked
/// and read-only paths (an empty list would unmask `/proc`), the process, user and
/// host name spaces, the control group's parent.
fn host(spec: &ContainerSpec<'_>, givens: &Givens<'_>) -> HostConfig {
    let resources = bounded(&spec.resources, &givens.ceiling);
    let memory = signed(resources.memory_bytes);
    HostConfig {
        // Nothing that a test needs takes a capability, root's containers included.
        cap_drop: Some(vec!["ALL".to_owned()]),
        // Set-user-id programs of the image give nothing. No other option: naming a
        // system call filter here would replace the engine's default one.
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        privileged: Some(false),

        // As much swap in all as memory: none.
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(i64::from(resources.cpu_millis) * 1_000_000),
        // Fork bombs end here.
        pids_limit: Some(i64::from(resources.pids)),
        // The kernel ends what is over its memory, and rather a container than
        // anything of the host when memory is short everywhere.
        oom_kill_disable: Some(false),
        oom_score_adj: Some(500),
        ulimits: Some(ulimits(spec.purpose, &resources)),
        shm_size: Some(signed(resources.shm_bytes)),
        // Reaps orphans, and makes a kill of the first process end all others.
        init: Some(true),

        readonly_rootfs: Some(spec.read_only_root),
        tmpfs: spec.read_only_root.then(|| temporary(spec, givens, &resources)),
        mounts: spec.volume.map(|volume| vec![mount(volume)]),

        network_mode: Some(spec.network.map_or("none", |joined| joined.network).to_owned()),
        publish_all_ports: Some(false),
        dns: Some(vec![NO_NAME_SERVER.to_owned()]),
        dns_options: Some(NAME_SERVER_OPTIONS.map(str::to_owned).to_vec()),
        // The host's own search domains stay its own.
        dns_search: Some(vec![".".to_owned()]),

        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        runtime: givens.runtime.map(str::to_owned),

        // The engine's default driver may be one that cannot be read back, or has no
        // limit.
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([
                ("max-size".to_owned(), LOG_FILE_SIZE.to_owned()),
                ("max-file".to_owned(), LOG_FILES.to_owned()),
            ])),
        }),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: Some(0),
        }),
        // The exit status of a short container would be gone before it can be read.
        auto_remove: Some(false),
        ..HostConfig::default()
    }
}

/// There is none of processes: the control group bounds them in each container, while
/// a limit would count all of a user's.
fn ulimits(purpose: Purpose, resources: &Resources) -> Vec<ResourcesUlimits> {
    let submitted = match purpose {
        Purpose::Agent | Purpose::App | Purpose::Single => SUBMITTED.as_slice(),
        Purpose::Driver | Purpose::Setup | Purpose::File => &[("nofile", OPEN_FILES)],
    };
    let mut limits: Vec<_> = submitted.iter().map(|(name, limit)| ulimit(name, *limit)).collect();
    // No core files, which would be written outside of what is looked at.
    limits.push(ulimit("core", 0));
    // The disk's limit is looked at now and then only; this holds at once.
    limits.push(ulimit("fsize", signed(resources.disk_bytes)));
    limits
}

/// Between what works at all and what the operator allows.
fn bounded(wanted: &Resources, ceiling: &Resources) -> Resources {
    let memory_bytes = wanted.memory_bytes.min(ceiling.memory_bytes).max(FLOOR.memory_bytes);
    Resources {
        cpu_millis: wanted.cpu_millis.min(ceiling.cpu_millis).max(FLOOR.cpu_millis),
        memory_bytes,
        pids: wanted.pids.min(ceiling.pids).max(FLOOR.pids),
        disk_bytes: wanted.disk_bytes.min(ceiling.disk_bytes).max(FLOOR.disk_bytes),
        shm_bytes: wanted.shm_bytes.min(ceiling.shm_bytes).max(FLOOR.shm_bytes).min(memory_bytes),
    }
}

/// The writable folders beside a read-only root. All of it counts as memory.
fn temporary(
    spec: &ContainerSpec<'_>,
    givens: &Givens<'_>,
    resources: &Resources,
) -> HashMap<String, String> {
    let scratch = resources.disk_bytes.min(resources.memory_bytes);
    let small = SMALL_TEMPORARY_BYTES.min(resources.memory_bytes);
    let options =
        |size: u64, rest: &str| format!("rw,nosuid,nodev,nr_inodes={TEMPORARY_INODES},size={size},{rest}");
    // The image's own mode of a folder is kept whatever is said here, so they are
    // given to the account.
    let User { id, group } = givens.user;
    let owner = format!("uid={id},gid={group}");
    // Programs are unpacked into and run from /tmp by test frameworks.
    let mut folders = HashMap::from([
        ("/tmp".to_owned(), options(scratch, "exec,mode=1777")),
        ("/run".to_owned(), options(small, &format!("noexec,mode=0755,{owner}"))),
    ]);
    if needs_home(spec, givens) {
        folders.insert(HOME.to_owned(), options(scratch, &format!("exec,mode=0700,{owner}")));
    }
    folders
}

fn mount(volume: &str) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.to_owned()),
        target: Some(VOLUME_FOLDER.to_owned()),
        read_only: Some(false),
        // What the image has there does not come in.
        volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..MountVolumeOptions::default() }),
        ..Mount::default()
    }
}

fn ulimit(name: &str, limit: i64) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(limit), hard: Some(limit) }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
