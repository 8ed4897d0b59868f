//! What the evil worker tries. Each attempt says whether it reached anything.
#![expect(clippy::cast_possible_truncation, reason = "the kernel's constants fit into its arguments")]

use std::io;

use crate::call::{Text, call};

/// What there is to be reached, which the host has set up.
pub(crate) struct Target {
    /// A folder that everybody may read and write.
    pub(crate) folder: String,
    /// The process that started this one.
    pub(crate) parent: usize,
    /// Another jailed process of the same host.
    pub(crate) sibling: usize,
    /// A port of this machine that a TCP socket listens on, and a UDP socket is bound to.
    pub(crate) port: u16,
}

impl Target {
    fn file(&self, name: &str) -> Text {
        Text::new(&format!("{}/{name}", self.folder))
    }
}

type Attempt = fn(&Target) -> io::Result<usize>;

const HERE: usize = libc::AT_FDCWD as usize;
const PAGE: usize = 4096;
const RWX: usize = (libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC) as usize;
const RW: usize = (libc::PROT_READ | libc::PROT_WRITE) as usize;
const PRIVATE: usize = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize;
const SHARED: usize = (libc::MAP_SHARED | libc::MAP_ANONYMOUS) as usize;
const NOWHERE: usize = usize::MAX;
/// More than a compiler has a use for.
const MANY_THREADS: usize = 2_600;

/// Opens, and reads a byte.
fn read(path: &Text) -> io::Result<usize> {
    let file = call(libc::SYS_openat, [HERE, path.at(), libc::O_RDONLY as usize])?;
    let mut byte = [0_u8];
    call(libc::SYS_read, [file, byte.as_mut_ptr() as usize, 1])
}

fn write(path: &Text) -> io::Result<usize> {
    call(libc::SYS_openat, [HERE, path.at(), libc::O_WRONLY as usize])
}

fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<usize> {
    call(libc::SYS_socket, [family as usize, kind as usize, protocol as usize])
}

/// `sockaddr_in` of this machine.
fn local(port: u16) -> [u8; 16] {
    let mut address = [0; 16];
    address[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    address[2..4].copy_from_slice(&port.to_be_bytes());
    address[4..8].copy_from_slice(&[127, 0, 0, 1]);
    address
}

/// `sockaddr_un`, by path, or by name with a leading 0.
fn named(name: &str) -> Vec<u8> {
    [&(libc::AF_UNIX as u16).to_ne_bytes()[..], name.as_bytes(), &[0]].concat()
}

fn connect_to(name: &str) -> io::Result<usize> {
    let socket = socket(libc::AF_UNIX, libc::SOCK_STREAM, 0)?;
    let mut address = named(name);
    if name.starts_with('\0') {
        address.pop();
    }
    call(libc::SYS_connect, [socket, address.as_ptr() as usize, address.len()])
}

fn map(protection: usize, flags: usize, file: usize) -> io::Result<usize> {
    call(libc::SYS_mmap, [0, PAGE, protection, flags, file, 0])
}

/// Writes to more memory than the limit is, a piece at a time, and takes the right to write to
/// it from each.
fn filled(protection: libc::c_int) -> io::Result<usize> {
    const PIECE: usize = 64 << 20;
    let mut taken = 0;
    for _ in 0..16 {
        let memory = call(libc::SYS_mmap, [0, PIECE, RW, PRIVATE, NOWHERE, 0])?;
        // One page stands for all of them: the limit is on what is mapped.
        call(libc::SYS_getrandom, [memory, PAGE, 0])?;
        taken = call(libc::SYS_mprotect, [memory, PIECE, protection as usize])?;
    }
    Ok(taken)
}

/// A word that is 1 if the process has something that it should not.
fn found(is_there: bool) -> io::Result<usize> {
    if is_there { Ok(1) } else { Err(io::Error::from_raw_os_error(libc::ENOENT)) }
}

/// The limits of a jailed process: the attempt that finds one missing, the kernel's number of it,
/// and the most that it may be.
pub(crate) const LIMITS: &[(&str, u32, u64)] = &[
    ("limit-of-address-space", libc::RLIMIT_AS, 64 << 30),
    ("limit-of-core", libc::RLIMIT_CORE, 0),
    ("limit-of-data", libc::RLIMIT_DATA, 200 << 20),
    ("limit-of-descriptors", libc::RLIMIT_NOFILE, 16),
    ("limit-of-files", libc::RLIMIT_FSIZE, 1 << 20),
    ("limit-of-locked-memory", libc::RLIMIT_MEMLOCK, 0),
    ("limit-of-messages", libc::RLIMIT_MSGQUEUE, 0),
    ("limit-of-niceness", libc::RLIMIT_NICE, 0),
    ("limit-of-processes", libc::RLIMIT_NPROC, 2_048),
    ("limit-of-processor-time", libc::RLIMIT_CPU, 61),
    ("limit-of-real-time", libc::RLIMIT_RTPRIO, 0),
    ("limit-of-signals", libc::RLIMIT_SIGPENDING, 16),
    ("limit-of-stack", libc::RLIMIT_STACK, 8 << 20),
];

/// The limit of that number.
pub(crate) fn resource(number: u32) -> Option<rustix::process::Resource> {
    use rustix::process::Resource::{
        As, Core, Cpu, Data, Fsize, Memlock, Msgqueue, Nice, Nofile, Nproc, Rtprio, Sigpending, Stack,
    };
    let all = [As, Core, Cpu, Data, Fsize, Memlock, Msgqueue, Nice, Nofile, Nproc, Rtprio, Sigpending, Stack];
    all.into_iter().find(|resource| *resource as u32 == number)
}

/// Whether a limit of this process is higher than it may be.
fn limit(name: &str) -> io::Result<usize> {
    let Some((_, number, most)) = LIMITS.iter().find(|(known, ..)| *known == name) else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let mut limit = [0_u64; 2];
    call(libc::SYS_prlimit64, [0, *number as usize, 0, limit.as_mut_ptr() as usize])?;
    found(limit[1] > *most)
}

macro_rules! plain {
    ($number:ident $(, $argument:expr)*) => {
        (stringify!($number), |_| call(libc::$number, [$($argument as usize),*]))
    };
}

/// All attempts, by name.
#[rustfmt::skip]
pub(crate) const ATTEMPTS: &[(&str, Attempt)] = &[
    // Files.
    ("file-read", |t| read(&t.file("secret"))),
    ("file-write", |t| write(&t.file("secret"))),
    ("file-create", |t| call(libc::SYS_openat, [HERE, t.file("new").at(), (libc::O_CREAT | libc::O_RDWR) as usize, 0o600])),
    ("file-in-memory-folder", |t| call(libc::SYS_openat, [HERE, t.file("").at(), (libc::O_TMPFILE | libc::O_RDWR) as usize, 0o600])),
    ("file-openat2", |t| {
        let how = [libc::O_RDONLY as u64, 0, 0];
        call(libc::SYS_openat2, [HERE, t.file("secret").at(), how.as_ptr() as usize, 24])
    }),
    ("file-by-path-only", |t| call(libc::SYS_openat, [HERE, t.file("secret").at(), libc::O_PATH as usize])),
    ("file-truncate", |t| call(libc::SYS_truncate, [t.file("secret").at(), 0])),
    ("file-delete", |t| call(libc::SYS_unlinkat, [HERE, t.file("victim").at(), 0])),
    ("file-rename", |t| call(libc::SYS_renameat2, [HERE, t.file("victim").at(), HERE, t.file("moved").at(), 0])),
    ("file-link", |t| call(libc::SYS_linkat, [HERE, t.file("secret").at(), HERE, t.file("linked").at(), 0])),
    ("file-symlink", |t| call(libc::SYS_symlinkat, [t.file("secret").at(), HERE, t.file("symbolic").at()])),
    ("file-folder", |t| call(libc::SYS_mkdirat, [HERE, t.file("folder").at(), 0o700])),
    ("file-node", |t| call(libc::SYS_mknodat, [HERE, t.file("node").at(), (libc::S_IFIFO | 0o600) as usize, 0])),
    ("file-statx", |t| {
        let mut found = [0_u8; 256];
        call(libc::SYS_statx, [HERE, t.file("secret").at(), libc::AT_EMPTY_PATH as usize, 0xfff, found.as_mut_ptr() as usize])
    }),
    ("file-stat", |t| {
        let mut found = [0_u8; 256];
        call(libc::SYS_newfstatat, [HERE, t.file("secret").at(), found.as_mut_ptr() as usize, libc::AT_EMPTY_PATH as usize])
    }),
    ("file-statfs", |t| {
        let mut found = [0_u8; 256];
        call(libc::SYS_statfs, [t.file("secret").at(), found.as_mut_ptr() as usize])
    }),
    ("file-access", |t| call(libc::SYS_faccessat, [HERE, t.file("secret").at(), 0])),
    ("file-chmod", |t| call(libc::SYS_fchmodat, [HERE, t.file("secret").at(), 0o777])),
    ("file-chown", |t| call(libc::SYS_fchownat, [HERE, t.file("secret").at(), NOWHERE, NOWHERE, 0])),
    ("file-times", |t| call(libc::SYS_utimensat, [HERE, t.file("secret").at(), 0, 0])),
    ("file-attribute", |t| {
        let (name, value) = (Text::new("user.evil"), Text::new("1"));
        call(libc::SYS_setxattr, [t.file("secret").at(), name.at(), value.at(), 1, 0])
    }),
    ("file-handle", |t| {
        let (mut handle, mut mount) = ([0_u32; 40], 0_i32);
        handle[0] = 128;
        call(libc::SYS_name_to_handle_at, [HERE, t.file("secret").at(), handle.as_mut_ptr() as usize, &raw mut mount as usize, 0])
    }),
    ("file-link-read", |_| {
        let mut target = [0_u8; 256];
        call(libc::SYS_readlinkat, [HERE, Text::new("/proc/self/exe").at(), target.as_mut_ptr() as usize, 256])
    }),
    ("file-list", |_| call(libc::SYS_openat, [HERE, Text::new("/").at(), (libc::O_RDONLY | libc::O_DIRECTORY) as usize])),
    ("file-chdir", |t| call(libc::SYS_chdir, [t.file("").at()])),
    ("file-getcwd", |_| {
        let mut folder = [0_u8; 256];
        call(libc::SYS_getcwd, [folder.as_mut_ptr() as usize, 256])
    }),
    ("file-watch", |_| call(libc::SYS_inotify_init1, [0])),
    ("file-tree", |_| call(libc::SYS_open_tree, [HERE, Text::new("/").at(), 0])),
    plain!(SYS_fanotify_init, 0x200, 0),
    plain!(SYS_umask, 0),
    // What /proc and /dev tell and let do.
    ("proc-maps", |_| read(&Text::new("/proc/self/maps"))),
    ("proc-processes", |_| read(&Text::new("/proc/1/status"))),
    ("proc-environment-of-parent", |t| read(&Text::new(&format!("/proc/{}/environ", t.parent)))),
    ("proc-memory-of-parent", |t| write(&Text::new(&format!("/proc/{}/mem", t.parent)))),
    ("proc-memory-of-sibling", |t| write(&Text::new(&format!("/proc/{}/mem", t.sibling)))),
    ("proc-own-memory", |_| write(&Text::new("/proc/self/mem"))),
    ("proc-pagemap", |_| read(&Text::new("/proc/self/pagemap"))),
    ("proc-line-anew", |_| read(&Text::new("/proc/self/fd/1"))),
    ("dev-null", |_| write(&Text::new("/dev/null"))),
    // Sockets.
    ("socket-docker", |_| connect_to("/var/run/docker.sock")),
    ("socket-unix", |t| connect_to(&format!("{}/socket", t.folder))),
    ("socket-abstract", |t| connect_to(&format!("\0lancet-{}", t.parent))),
    ("socket-tcp", |t| {
        let socket = socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
        call(libc::SYS_connect, [socket, local(t.port).as_ptr() as usize, 16])
    }),
    ("socket-udp", |t| {
        let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
        call(libc::SYS_sendto, [socket, "evil".as_ptr() as usize, 4, 0, local(t.port).as_ptr() as usize, 16])
    }),
    ("socket-listen", |_| {
        let socket = socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
        call(libc::SYS_bind, [socket, local(0).as_ptr() as usize, 16])
    }),
    ("socket-tcp-6", |_| socket(libc::AF_INET6, libc::SOCK_STREAM, 0)),
    ("socket-netlink", |_| socket(libc::AF_NETLINK, libc::SOCK_RAW, 0)),
    ("socket-packet", |_| socket(libc::AF_PACKET, libc::SOCK_RAW, 0)),
    ("socket-raw", |_| socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)),
    ("socket-machine", |_| socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)),
    ("socket-crypto", |_| socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0)),
    ("socket-express", |_| socket(libc::AF_XDP, libc::SOCK_RAW, 0)),
    ("socket-pair", |_| {
        let mut pair = [0_i32; 2];
        call(libc::SYS_socketpair, [libc::AF_UNIX as usize, libc::SOCK_STREAM as usize, 0, pair.as_mut_ptr() as usize])
    }),
    ("socket-message-with-descriptors", |_| call(libc::SYS_sendmsg, [0, [0_usize; 7].as_ptr() as usize, 0])),
    ("socket-message-received", |_| call(libc::SYS_recvmsg, [0, [0_usize; 7].as_ptr() as usize, libc::MSG_DONTWAIT as usize])),
    ("line-out-of-band", |_| {
        let flags = libc::MSG_OOB | libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        call(libc::SYS_sendto, [0, "e".as_ptr() as usize, 1, flags as usize, 0, 0])
    }),
    ("line-read-out-of-band", |_| {
        let mut byte = [0_u8];
        let flags = libc::MSG_OOB | libc::MSG_DONTWAIT;
        call(libc::SYS_recvfrom, [0, byte.as_mut_ptr() as usize, 1, flags as usize, 0, 0])
    }),
    ("socket-option", |_| {
        let buffer = 1 << 30;
        call(libc::SYS_setsockopt, [0, libc::SOL_SOCKET as usize, libc::SO_SNDBUF as usize, &raw const buffer as usize, 4])
    }),
    plain!(SYS_io_uring_setup, 4, [0_u32; 30].as_ptr()),
    plain!(SYS_io_uring_enter, 1, 0, 0, 0, 0, 0),
    plain!(SYS_accept4, 0, 0, 0, 0),
    plain!(SYS_shutdown, 1, 0),
    // Other processes. The signal is 0: whether it may be sent is all that is asked.
    ("signal-parent", |t| call(libc::SYS_kill, [t.parent, 0])),
    ("signal-sibling", |t| call(libc::SYS_kill, [t.sibling, 0])),
    ("signal-all", |_| call(libc::SYS_kill, [NOWHERE, 0])),
    ("signal-thread-of-sibling", |t| call(libc::SYS_tgkill, [t.sibling, t.sibling, 0])),
    ("signal-thread-by-old-call", |t| call(libc::SYS_tkill, [t.sibling, 0])),
    ("signal-with-value", |t| {
        let mut information = [0_u32; 32];
        information[2] = u32::MAX;
        call(libc::SYS_rt_sigqueueinfo, [t.sibling, 0, information.as_ptr() as usize])
    }),
    ("signal-by-ownership-of-line", |t| call(libc::SYS_fcntl, [0, libc::F_SETOWN as usize, t.parent])),
    ("process-handle", |t| call(libc::SYS_pidfd_open, [t.sibling, 0])),
    ("process-descriptor", |t| {
        let process = call(libc::SYS_pidfd_open, [t.sibling, 0])?;
        call(libc::SYS_pidfd_getfd, [process, 0, 0])
    }),
    ("process-signal-by-handle", |t| {
        let process = call(libc::SYS_pidfd_open, [t.sibling, 0])?;
        call(libc::SYS_pidfd_send_signal, [process, 0, 0, 0])
    }),
    ("process-trace-parent", |t| call(libc::SYS_ptrace, [0x4206, t.parent, 0, 0])),
    ("process-trace-sibling", |t| call(libc::SYS_ptrace, [0x4206, t.sibling, 0, 0])),
    ("process-trace-me", |_| call(libc::SYS_ptrace, [0, 0, 0, 0])),
    ("process-read", |t| {
        let mut byte = [0_u64; 4];
        let vector = [byte.as_mut_ptr() as usize, 8];
        call(libc::SYS_process_vm_readv, [t.sibling, vector.as_ptr() as usize, 1, vector.as_ptr() as usize, 1, 0])
    }),
    ("process-write", |t| {
        let byte = [0_u64; 4];
        let vector = [byte.as_ptr() as usize, 8];
        call(libc::SYS_process_vm_writev, [t.sibling, vector.as_ptr() as usize, 1, vector.as_ptr() as usize, 1, 0])
    }),
    ("process-compare", |t| call(libc::SYS_kcmp, [t.parent, t.sibling, 0, 0, 0])),
    ("process-limits-of-sibling", |t| {
        let mut limit = [0_u64; 2];
        call(libc::SYS_prlimit64, [t.sibling, 0, 0, limit.as_mut_ptr() as usize])
    }),
    ("process-affinity-of-sibling", |t| {
        let mask = [1_u64; 16];
        call(libc::SYS_sched_setaffinity, [t.sibling, 128, mask.as_ptr() as usize])
    }),
    ("process-priority-of-sibling", |t| call(libc::SYS_setpriority, [0, t.sibling, 19])),
    ("process-group", |_| call(libc::SYS_setpgid, [0, 0])),
    ("process-session", |t| call(libc::SYS_getsid, [t.parent])),
    ("process-robust-list-of-sibling", |t| {
        let (mut head, mut length) = (0_usize, 0_usize);
        call(libc::SYS_get_robust_list, [t.sibling, &raw mut head as usize, &raw mut length as usize])
    }),
    plain!(SYS_setsid),
    plain!(SYS_wait4, NOWHERE, 0, libc::WNOHANG, 0),
    // New processes and name spaces.
    ("new-process", |_| {
        let child = call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0, 0])?;
        if child == 0 {
            std::process::exit(0);
        }
        Ok(child)
    }),
    ("new-process-by-clone3", |_| {
        let mut arguments = [0_u64; 11];
        arguments[4] = libc::SIGCHLD as u64;
        let child = call(libc::SYS_clone3, [arguments.as_ptr() as usize, 88])?;
        if child == 0 {
            std::process::exit(0);
        }
        Ok(child)
    }),
    ("new-thread", |_| {
        std::thread::Builder::new().spawn(|| ()).map(|_| 1)
    }),
    ("threads-without-end", |_| {
        for _ in 0..MANY_THREADS {
            std::thread::Builder::new().stack_size(16 << 10).spawn(std::thread::park)?;
        }
        Ok(1)
    }),
    ("new-program", |_| {
        let (program, nothing) = (Text::new("/bin/true"), [0_usize]);
        call(libc::SYS_execve, [program.at(), nothing.as_ptr() as usize, nothing.as_ptr() as usize])
    }),
    ("new-program-from-descriptor", |_| {
        let (program, nothing) = (Text::new(""), [0_usize]);
        call(libc::SYS_execveat, [1, program.at(), nothing.as_ptr() as usize, nothing.as_ptr() as usize, libc::AT_EMPTY_PATH as usize])
    }),
    ("own-users", |_| call(libc::SYS_unshare, [libc::CLONE_NEWUSER as usize])),
    ("own-mounts", |_| call(libc::SYS_unshare, [libc::CLONE_NEWNS as usize])),
    ("own-descriptors", |_| call(libc::SYS_unshare, [libc::CLONE_FILES as usize])),
    ("enter-name-space", |_| {
        let space = call(libc::SYS_openat, [HERE, Text::new("/proc/1/ns/net").at(), 0])?;
        call(libc::SYS_setns, [space, 0])
    }),
    plain!(SYS_setns, 0, 0),
    // Memory that is executed, shared, or outside the limits.
    ("execute-new", |_| map(RWX, PRIVATE, NOWHERE)),
    ("execute-changed", |_| {
        let memory = map(RW, PRIVATE, NOWHERE)?;
        call(libc::SYS_mprotect, [memory, PAGE, (libc::PROT_READ | libc::PROT_EXEC) as usize])
    }),
    ("execute-changed-with-key", |_| {
        let memory = map(RW, PRIVATE, NOWHERE)?;
        call(libc::SYS_pkey_mprotect, [memory, PAGE, RWX, NOWHERE])
    }),
    ("execute-given-file", |_| map(RWX, libc::MAP_PRIVATE as usize, 1)),
    ("execute-by-personality", |_| call(libc::SYS_personality, [0x0040_0000])),
    ("memory-shared", |_| map(RW, SHARED, NOWHERE)),
    ("memory-of-given-file", |_| map(RW, libc::MAP_SHARED as usize, 1)),
    ("memory-file", |_| call(libc::SYS_memfd_create, [Text::new("evil").at(), 0])),
    ("memory-secret", |_| call(libc::SYS_memfd_secret, [0])),
    ("memory-segment", |_| call(libc::SYS_shmget, [0, PAGE, 0o1600])),
    ("memory-segment-attached", |_| {
        let segment = call(libc::SYS_shmget, [0, PAGE, 0o1600])?;
        call(libc::SYS_shmat, [segment, 0, 0])
    }),
    ("memory-faults", |_| call(libc::SYS_userfaultfd, [1])),
    ("memory-beyond-limit", |_| call(libc::SYS_mmap, [0, 1 << 30, RW, PRIVATE, NOWHERE, 0])),
    ("memory-reserved-beyond-limit", |_| call(libc::SYS_mmap, [0, 1 << 40, libc::PROT_READ as usize, PRIVATE | libc::MAP_NORESERVE as usize, NOWHERE, 0])),
    ("memory-as-stack", |_| call(libc::SYS_mmap, [0, 1 << 30, RW, PRIVATE | libc::MAP_GROWSDOWN as usize, NOWHERE, 0])),
    ("memory-of-stack-enlarged", |_| {
        // A page in the midst of what nobody uses.
        let unused = std::hint::black_box([1_u8; 8 * PAGE]);
        let page = (unused.as_ptr() as usize).next_multiple_of(PAGE) + 2 * PAGE;
        call(libc::SYS_mremap, [page, PAGE, 1 << 30, libc::MREMAP_MAYMOVE as usize])
    }),
    ("memory-of-stack-beyond-limit", |_| {
        let mut limit = [0_u64; 2];
        call(libc::SYS_prlimit64, [0, libc::RLIMIT_STACK as usize, 0, limit.as_mut_ptr() as usize])?;
        found(limit[0] > 8 << 20)
    }),
    ("memory-only-read-when-filled", |_| filled(libc::PROT_READ)),
    ("memory-hidden-when-filled", |_| filled(libc::PROT_NONE)),
    ("memory-huge", |_| call(libc::SYS_mmap, [0, 1 << 21, RW, PRIVATE | (libc::MAP_HUGETLB | libc::MAP_NORESERVE) as usize, NOWHERE, 0])),
    ("memory-locked", |_| {
        let memory = map(RW, PRIVATE, NOWHERE)?;
        call(libc::SYS_mlock, [memory, PAGE])
    }),
    ("memory-merged", |_| {
        let memory = map(RW, PRIVATE, NOWHERE)?;
        call(libc::SYS_madvise, [memory, PAGE, libc::MADV_MERGEABLE as usize])
    }),
    ("memory-policy", |_| call(libc::SYS_mbind, [0, 0, 0, 0, 0, 0])),
    ("memory-of-others-advised", |t| {
        let process = call(libc::SYS_pidfd_open, [t.sibling, 0])?;
        call(libc::SYS_process_madvise, [process, 0, 0, 0, 0])
    }),
    ("memory-moved", |t| call(libc::SYS_move_pages, [t.sibling, 0, 0, 0, 0, 0])),
    // The descriptors that it has.
    ("code-written", |_| call(libc::SYS_write, [1, "evil".as_ptr() as usize, 4])),
    ("code-written-in-place", |_| call(libc::SYS_pwrite64, [1, "evil".as_ptr() as usize, 4, 0])),
    ("code-shortened", |_| call(libc::SYS_ftruncate, [1, 0])),
    ("code-longer", |_| call(libc::SYS_fallocate, [1, 0, 0, 1 << 20])),
    ("code-unsealed", |_| call(libc::SYS_fcntl, [1, 1033, 0])),
    ("pipe-enlarged", |_| call(libc::SYS_fcntl, [2, libc::F_SETPIPE_SZ as usize, 1 << 20])),
    ("pipe-blocking", |_| call(libc::SYS_fcntl, [2, libc::F_SETFL as usize, 0])),
    ("terminal-input", |_| call(libc::SYS_ioctl, [2, libc::TIOCSTI as usize, "e".as_ptr() as usize])),
    ("descriptors-left-open", |_| {
        found((3..1024).any(|descriptor| call(libc::SYS_fcntl, [descriptor, libc::F_GETFD as usize]).is_ok_and(|_| descriptor > 3)))
    }),
    ("environment", |_| found(std::env::vars_os().next().is_some())),
    plain!(SYS_pipe2, [0_i32; 2].as_ptr(), 0),
    plain!(SYS_eventfd2, 0, 0),
    plain!(SYS_timerfd_create, 0, 0),
    plain!(SYS_signalfd4, NOWHERE, [0_u64].as_ptr(), 8, 0),
    plain!(SYS_epoll_create1, 0),
    plain!(SYS_sendfile, 0, 1, 0, 1),
    plain!(SYS_splice, 1, 0, 2, 0, 1, 0),
    plain!(SYS_copy_file_range, 1, 0, 1, 0, 1, 0),
    // The kernel's own things.
    ("key-added", |_| {
        let (kind, name, value) = (Text::new("user"), Text::new("evil"), Text::new("1"));
        // The session's keys.
        call(libc::SYS_add_key, [kind.at(), name.at(), value.at(), 1, (-3_isize).cast_unsigned()])
    }),
    ("key-requested", |_| {
        let (kind, name) = (Text::new("user"), Text::new("evil"));
        call(libc::SYS_request_key, [kind.at(), name.at(), 0, 0])
    }),
    plain!(SYS_keyctl, 0, (-3_isize).cast_unsigned(), 1),
    plain!(SYS_bpf, 0, [0_u64; 16].as_ptr(), 128),
    plain!(SYS_perf_event_open, [0_u64; 16].as_ptr(), 0, NOWHERE, NOWHERE, 0),
    plain!(SYS_mount, 0, 0, 0, 0, 0),
    plain!(SYS_umount2, 0, 0),
    plain!(SYS_fsopen, 0, 0),
    plain!(SYS_pivot_root, 0, 0),
    ("chroot", |t| call(libc::SYS_chroot, [t.file("").at()])),
    // Of what would end a machine, with arguments that nothing comes of.
    plain!(SYS_reboot, 0, 0, 0, 0),
    plain!(SYS_kexec_load, 0, NOWHERE, 0, NOWHERE),
    plain!(SYS_init_module, 0, 0, 0),
    plain!(SYS_finit_module, 1, 0, 0),
    plain!(SYS_delete_module, 0, 0),
    plain!(SYS_swapon, 0, 0),
    plain!(SYS_acct, 1),
    plain!(SYS_sethostname, 0, NOWHERE),
    plain!(SYS_clock_settime, 0, 0),
    plain!(SYS_syslog, 10, 0, 0),
    plain!(SYS_quotactl, 0, 0, 0, 0),
    plain!(SYS_setuid, 0),
    plain!(SYS_setgid, 0),
    plain!(SYS_setresuid, 0, 0, 0),
    plain!(SYS_setgroups, 0, 0),
    plain!(SYS_capset, 0, 0),
    ("limit-raised", |_| {
        let limit = [1_u64 << 20, 1 << 20];
        call(libc::SYS_prlimit64, [0, libc::RLIMIT_NOFILE as usize, limit.as_ptr() as usize, 0])
    }),
    plain!(SYS_setpriority, 0, 0, (-20_isize).cast_unsigned()),
    plain!(SYS_sched_setscheduler, 0, 1, [1_i32].as_ptr()),
    plain!(SYS_ioprio_set, 1, 0, 1 << 13),
    ("dumpable-again", |_| call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, 1])),
    ("traced-by-anybody", |_| call(libc::SYS_prctl, [libc::PR_SET_PTRACER as usize, NOWHERE])),
    ("outlive-parent", |_| call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as usize, 0])),
    ("map-moved", |_| call(libc::SYS_prctl, [libc::PR_SET_MM as usize, 1, 0])),
    ("speculation", |_| call(libc::SYS_prctl, [libc::PR_SET_SPECULATION_CTRL as usize, 0, 2])),
    ("filter-more", |_| call(libc::SYS_seccomp, [0, 0, 0])),
    plain!(SYS_landlock_create_ruleset, 0, 0, 1),
    plain!(SYS_semget, 0, 1, 0o1600),
    plain!(SYS_msgget, 0, 0o1600),
    plain!(SYS_mq_unlink, 0),
    plain!(SYS_timer_create, 0, 0, [0_u64].as_ptr()),
    plain!(SYS_uname, [0_u8; 512].as_ptr()),
    plain!(SYS_sysinfo, [0_u8; 512].as_ptr()),
    // Its limits.
    ("limit-of-address-space", |_| limit("limit-of-address-space")),
    ("limit-of-core", |_| limit("limit-of-core")),
    ("limit-of-data", |_| limit("limit-of-data")),
    ("limit-of-descriptors", |_| limit("limit-of-descriptors")),
    ("limit-of-files", |_| limit("limit-of-files")),
    ("limit-of-locked-memory", |_| limit("limit-of-locked-memory")),
    ("limit-of-messages", |_| limit("limit-of-messages")),
    ("limit-of-niceness", |_| limit("limit-of-niceness")),
    ("limit-of-processes", |_| limit("limit-of-processes")),
    ("limit-of-processor-time", |_| limit("limit-of-processor-time")),
    ("limit-of-real-time", |_| limit("limit-of-real-time")),
    ("limit-of-signals", |_| limit("limit-of-signals")),
    ("limit-of-stack", |_| limit("limit-of-stack")),
    // What this processor's family has besides.
    #[cfg(target_arch = "x86_64")]
    ("door-of-32-bits", |_| crate::call::old_door()),
    #[cfg(target_arch = "x86_64")]
    ("number-of-x32", |_| call(libc::SYS_getppid | 0x4000_0000, [])),
    #[cfg(target_arch = "x86_64")]
    ("file-by-old-call", |t| call(libc::SYS_open, [t.file("secret").at(), 0])),
    #[cfg(target_arch = "x86_64")]
    ("new-process-by-old-call", |_| {
        let child = call(libc::SYS_fork, [])?;
        if child == 0 {
            std::process::exit(0);
        }
        Ok(child)
    }),
    #[cfg(target_arch = "x86_64")]
    ("limit-of-itself-changed", |_| {
        let limit = [0_u64, 0];
        call(libc::SYS_setrlimit, [libc::RLIMIT_CORE as usize, limit.as_ptr() as usize])
    }),
    #[cfg(target_arch = "x86_64")]
    plain!(SYS_ioperm, 0, 1, 1),
    #[cfg(target_arch = "x86_64")]
    plain!(SYS_iopl, 3),
    #[cfg(target_arch = "x86_64")]
    plain!(SYS_modify_ldt, 0, [0_u8; 64].as_ptr(), 64),
];
