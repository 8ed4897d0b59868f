//! Which system calls a jailed process may make.
//!
//! Two filters. The first is on while compiled code is loaded and answers what it does not
//! allow with ENOSYS, as a kernel would that does not know the call. The second comes on
//! top before the first byte of a stranger's data and kills instead. What the second lets
//! through and the first does not is answered with ENOSYS still: things that the C library
//! or a runtime tries and does without.

use std::collections::BTreeMap;

use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    sock_filter,
};

use super::Stage;
use crate::bounds::Work;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;

/// The calls with which nothing can be done but to compute, to keep time, to use memory
/// that may be written to or executed but not both, to end, and to read and write what is
/// open already.
const PLAIN: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_lseek,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_write,
    libc::SYS_writev,
];

/// What the C library, allocators and runtimes try, and do without if it fails. Answered
/// with an error at both stages. What `mremap` makes larger may be a piece of the stack, which
/// counts against no limit then; an allocator copies instead.
const TRIED: &[i64] =
    &[libc::SYS_clone3, libc::SYS_ioctl, libc::SYS_membarrier, libc::SYS_mremap, libc::SYS_prctl];

/// What may be said of bytes on the line. Not that they are out of band, which wakes whoever
/// waits for bytes and gives none.
const LINE_FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// What memory is mapped as. What is shared counts against no limit of a process, what grows
/// downwards as stack and not as memory; huge pages are the machine's and not to be used up.
const MAPPED_AS: i32 = libc::MAP_TYPE | libc::MAP_GROWSDOWN | libc::MAP_HUGETLB;

/// While compiled code is loaded.
const LOADING: &[i64] = &[libc::SYS_fstat, libc::SYS_membarrier];

/// What makes a new thread of the same process.
const THREAD: i32 = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM;

/// What a new thread never has: a name space of its own, a tracer, another parent.
const NO_THREAD: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_PTRACE
    | libc::CLONE_VFORK
    | libc::CLONE_PARENT;

/// What a file is opened with that is not only to be read.
const NO_READING: i32 = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | libc::O_PATH;

/// A list of allowed calls.
#[derive(Default)]
struct Calls(BTreeMap<i64, Vec<SeccompRule>>);

impl Calls {
    /// Allows calls whatever their arguments.
    fn allow(&mut self, calls: &[i64]) {
        self.0.extend(calls.iter().map(|call| (*call, Vec::new())));
    }

    /// Allows a call if its arguments meet all the conditions.
    fn allow_if<const N: usize>(
        &mut self,
        call: i64,
        conditions: [Result<SeccompCondition, BackendError>; N],
    ) -> Result<(), BackendError> {
        let conditions = conditions.into_iter().collect::<Result<_, _>>()?;
        self.0.entry(call).or_default().push(SeccompRule::new(conditions)?);
        Ok(())
    }
}

/// The filter of a stage. `process` is the process's own number, to which alone it may
/// send signals: aborting is a signal.
pub(super) fn program(work: Work, stage: Stage, process: u32) -> Result<BpfProgram, BackendError> {
    let (calls, otherwise) = allowed(work, stage, process)?;
    assembled(calls.0, otherwise)
}

/// The calls that are allowed at a stage, and what is done about all others.
fn allowed(work: Work, stage: Stage, process: u32) -> Result<(Calls, SeccompAction), BackendError> {
    let mut calls = Calls::default();
    calls.allow(PLAIN);

    let private = || masked(3, MAPPED_AS, libc::MAP_PRIVATE);
    let not_executable = || masked(2, libc::PROT_EXEC, 0);
    match (work, stage) {
        (Work::Run, Stage::Loading) => {
            calls.allow_if(libc::SYS_mmap, [private()])?;
            calls.allow(&[libc::SYS_mprotect]);
        }
        (Work::Run, Stage::Locked) => {
            calls.allow_if(libc::SYS_mmap, [private(), not_executable()])?;
            // Only what can be written to counts against the limit: filled and then made to be
            // read only, or not even that, memory would be had without end.
            let written = (libc::PROT_READ | libc::PROT_WRITE).cast_unsigned();
            calls.allow_if(libc::SYS_mprotect, [is(2, written)])?;
        }
        // All address space counts.
        (Work::Compile { .. }, _) => {
            calls.allow_if(libc::SYS_mmap, [private(), not_executable()])?;
            calls.allow_if(libc::SYS_mprotect, [not_executable()])?;
            calls.allow(&[libc::SYS_mremap]);
        }
    }

    // Merged with equal pages of others, a page tells by its time what others hold.
    let advice = [libc::MADV_MERGEABLE, libc::MADV_HWPOISON, libc::MADV_SOFT_OFFLINE];
    calls.allow_if(libc::SYS_madvise, advice.map(|advice| unlike(2, advice)))?;

    // Waiting and waking; none of the operations by which the kernel owns a lock.
    for operation in [libc::FUTEX_WAIT, libc::FUTEX_WAKE, libc::FUTEX_WAIT_BITSET, libc::FUTEX_WAKE_BITSET] {
        let mask = !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);
        calls.allow_if(libc::SYS_futex, [masked(1, mask, operation)])?;
    }

    // The line, without an address, and without what may go beside the bytes.
    calls.allow_if(libc::SYS_sendto, [masked(3, !LINE_FLAGS, 0), nothing(4)])?;
    calls.allow_if(libc::SYS_recvfrom, [masked(3, !LINE_FLAGS, 0), nothing(4)])?;

    // Its own descriptors: copies, and whether they are closed on exec.
    for command in [libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_GETFL] {
        calls.allow_if(libc::SYS_fcntl, [is(1, command.cast_unsigned())])?;
    }

    // Signals to itself, and its own limits to be read.
    calls.allow_if(libc::SYS_tgkill, [is(0, process)])?;
    calls.allow_if(libc::SYS_tkill, [is(0, process)])?;
    calls.allow_if(libc::SYS_prlimit64, [is(0, 0), nothing(2)])?;

    if matches!(work, Work::Compile { .. }) {
        calls.allow_if(libc::SYS_clone, [masked(0, THREAD | NO_THREAD, THREAD)])?;
    }

    match stage {
        Stage::Loading => {
            calls.allow(LOADING);
            // The second filter, for all threads, and without the descriptor by which one
            // process decides on the calls of another.
            let (set, all) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_TSYNC);
            calls.allow_if(libc::SYS_seccomp, [is(0, set), whole(1, all)])?;
            calls.allow_if(libc::SYS_prctl, [is(0, libc::PR_SET_NO_NEW_PRIVS.cast_unsigned())])?;
            calls.allow_if(libc::SYS_prctl, [is(0, libc::PR_SET_NAME.cast_unsigned())])?;
            if work == Work::Run {
                // The compiled code is a file in memory, which Landlock has no objection to.
                calls.allow_if(libc::SYS_openat, [masked(2, NO_READING, libc::O_RDONLY)])?;
                // Of what is open; but names are seen through.
                let empty = libc::AT_EMPTY_PATH;
                calls.allow_if(libc::SYS_statx, [masked(2, empty, empty)])?;
                calls.allow_if(libc::SYS_newfstatat, [masked(3, empty, empty)])?;
            }
        }
        Stage::Locked => {
            calls.allow(TRIED);
            if matches!(work, Work::Compile { .. }) {
                // What a thread's allocator looks up before it gives memory back.
                calls.allow(&[libc::SYS_openat]);
            }
        }
    }

    let otherwise = match stage {
        Stage::Loading => SeccompAction::Errno(libc::ENOSYS.cast_unsigned()),
        Stage::Locked => SeccompAction::KillProcess,
    };
    Ok((calls, otherwise))
}

/// What a filter begins with: it ends whoever calls as another architecture does, and loads the
/// number of the call.
const HEAD: usize = 4;
/// How many calls are looked for one after the other.
const IN_A_ROW: usize = 3;

/// A filter that allows these calls by these rules. It looks for the number of a call by
/// halving the list, where what seccompiler makes goes along all of it. When it is installed, the
/// kernel tries a filter on every call that there is, so that a long way through it was a tenth
/// of what it takes to start a process.
fn assembled(
    calls: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    let refused = returned(otherwise.clone());
    let mut bodies = Vec::new();
    for (call, rules) in calls {
        let number = u32::try_from(call).map_err(|_| BackendError::InvalidArgumentNumber)?;
        let allowed = returned(SeccompAction::Allow);
        let mut body = BpfProgram::new();
        if rules.is_empty() {
            body.push(allowed);
        } else {
            // A rule that does not hold goes on behind its action, with the next one.
            for rule in rules {
                body.extend(BpfProgram::from(rule));
                body.push(allowed.clone());
            }
            body.push(refused.clone());
        }
        bodies.push((number, body));
    }
    let any = [(libc::SYS_exit, Vec::new())].into_iter().collect();
    let mut program: BpfProgram =
        SeccompFilter::new(any, otherwise, SeccompAction::Allow, ARCHITECTURE)?.try_into()?;
    program.truncate(HEAD);
    search(&bodies, &refused, &mut program)?;
    Ok(program)
}

/// Finds what is to be done about a call by its number, which is loaded.
fn search(
    bodies: &[(u32, BpfProgram)],
    refused: &sock_filter,
    program: &mut BpfProgram,
) -> Result<(), BackendError> {
    let jump = |operation: u32, value, or_else| {
        let code = u16::try_from(libc::BPF_JMP | operation | libc::BPF_K).unwrap_or_default();
        sock_filter { code, jt: 0, jf: or_else, k: value }
    };
    let too_far = |length: usize| BackendError::FilterTooLarge(length);
    if bodies.len() <= IN_A_ROW {
        for (number, body) in bodies {
            let behind = u8::try_from(body.len()).map_err(|_| too_far(body.len()))?;
            program.push(jump(libc::BPF_JEQ, *number, behind));
            program.extend_from_slice(body);
        }
        program.push(refused.clone());
        return Ok(());
    }
    let (lower, upper) = bodies.split_at(bodies.len() / 2);
    let mut before = BpfProgram::new();
    search(lower, refused, &mut before)?;
    program.push(jump(libc::BPF_JGE, upper[0].0, 1));
    program.push(jump(libc::BPF_JA, u32::try_from(before.len()).map_err(|_| too_far(before.len()))?, 0));
    program.append(&mut before);
    search(upper, refused, program)
}

fn returned(action: SeccompAction) -> sock_filter {
    let code = u16::try_from(libc::BPF_RET | libc::BPF_K).unwrap_or_default();
    sock_filter { code, jt: 0, jf: 0, k: action.into() }
}

/// A filter that nobody notices: it forbids what only root may do, and no thread that is
/// given it does.
pub(super) fn harmless() -> Result<BpfProgram, BackendError> {
    let rules = [(libc::SYS_reboot, Vec::new())].into_iter().collect();
    let refuse = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, ARCHITECTURE)?.try_into()
}

/// An argument of 32 bits is that.
fn is(argument: u8, value: u32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Dword, Eq, value.into())
}

/// An argument of 32 bits is something else.
fn unlike(argument: u8, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Dword, Ne, value.cast_unsigned().into())
}

/// An argument of 64 bits is that.
fn whole(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Qword, Eq, value)
}

/// An argument, as a pointer or a length, is 0.
fn nothing(argument: u8) -> Result<SeccompCondition, BackendError> {
    whole(argument, 0)
}

/// Of the bits of the mask, an argument has just those of the value.
fn masked(argument: u8, mask: i32, value: i32) -> Result<SeccompCondition, BackendError> {
    let (mask, value) = (mask.cast_unsigned().into(), value.cast_unsigned().into());
    SeccompCondition::new(argument, Dword, MaskedEq(mask), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls that x86-64 has and aarch64 has not, of which the C library there uses others.
    const OF_X86_64_ALONE: &[&str] = &[
        "access",
        "alarm",
        "arch_prctl",
        "chmod",
        "creat",
        "dup2",
        "epoll_create",
        "epoll_wait",
        "eventfd",
        "fork",
        "getdents",
        "getpgrp",
        "getrlimit",
        "inotify_init",
        "ioperm",
        "iopl",
        "link",
        "lstat",
        "mkdir",
        "mknod",
        "modify_ldt",
        "open",
        "pause",
        "pipe",
        "poll",
        "readlink",
        "rename",
        "rmdir",
        "select",
        "sendfile64",
        "setrlimit",
        "signalfd",
        "stat",
        "symlink",
        "sysfs",
        "time",
        "unlink",
        "ustat",
        "utime",
        "utimes",
        "vfork",
    ];

    #[test]
    fn both_architectures_have_the_same_list() {
        let source = include_str!("calls.rs");
        let (source, _) = source.split_once("mod tests").unwrap();
        let names: std::collections::BTreeSet<_> = source
            .split("libc::SYS_")
            .skip(1)
            .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap())
            .collect();
        assert!(names.len() > 40 && names.contains("openat"), "{names:?}");
        for alone in OF_X86_64_ALONE {
            assert!(!names.contains(alone), "aarch64 has no `{alone}`");
        }
        // Nothing is allowed on one of them alone: what differs is the architecture's name.
        assert_eq!(source.matches("target_arch").count(), 2);
        assert_eq!(source.matches("TargetArch::").count(), 2);
    }

    /// What a filter comes to for a call, by the rules of the kernel for such programs.
    fn verdict(program: &[sock_filter], data: &[u32; 16]) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at].clone();
            at += 1;
            let either = |is: bool| usize::from(if is { jt } else { jf });
            at += match u32::from(code) {
                0x20 => {
                    value = data[k as usize / 4];
                    0
                }
                0x54 => {
                    value &= k;
                    0
                }
                0x05 => k as usize,
                0x15 => either(value == k),
                0x25 => either(value > k),
                0x35 => either(value >= k),
                0x06 => return k,
                code => panic!("no instruction of a filter: {code:#x}"),
            };
        }
    }

    #[test]
    fn the_search_comes_to_what_seccompiler_does() {
        for work in [Work::Run, Work::Compile { output_bytes: 1 }] {
            for stage in [Stage::Loading, Stage::Locked] {
                let filter = program(work, stage, 4_711).unwrap();
                let (calls, otherwise) = allowed(work, stage, 4_711).unwrap();
                let numbers: Vec<_> = calls.0.keys().map(|call| u32::try_from(*call).unwrap()).collect();
                let in_a_row: BpfProgram =
                    SeccompFilter::new(calls.0, otherwise, SeccompAction::Allow, ARCHITECTURE)
                        .unwrap()
                        .try_into()
                        .unwrap();
                assert!(filter.len() < in_a_row.len(), "{} and {}", filter.len(), in_a_row.len());
                let mut allowed = 0;
                let mut compare = |data: [u32; 16]| {
                    let found = verdict(&filter, &data);
                    assert_eq!(found, verdict(&in_a_row, &data), "{work:?}, {stage:?}: {data:x?}");
                    allowed += u32::from(found == u32::from(SeccompAction::Allow));
                };
                let architecture = in_a_row[1].k;
                for number in (0..2_000).chain([0x4000_0000, 0x4000_0001, 0x7fff_ffff, 0x8000_0000, u32::MAX])
                {
                    for architecture in [architecture, architecture ^ 1, 0x4000_0003, 0] {
                        for argument in [0, 1, u32::MAX] {
                            let mut data = [argument; 16];
                            data[..2].copy_from_slice(&[number, architecture]);
                            compare(data);
                        }
                    }
                }
                // Whatever either compares with, and what lies beside, as each of the arguments.
                let compared =
                    in_a_row.iter().flat_map(|step| [-1, 0, 1].map(|by| step.k.wrapping_add_signed(by)));
                let values: std::collections::BTreeSet<u32> =
                    compared.chain([0, 1, u32::MAX, 1 << 31]).collect();
                for number in numbers {
                    for (low, high) in values.iter().flat_map(|low| [(*low, 0), (*low, 1), (*low, u32::MAX)])
                    {
                        for argument in 0..6 {
                            let mut data = [0; 16];
                            data[..2].copy_from_slice(&[number, architecture]);
                            data[4 + 2 * argument..][..2].copy_from_slice(&[low, high]);
                            compare(data);
                        }
                    }
                }
                assert!(allowed > 1_000, "{allowed}");
            }
        }
    }

    #[test]
    fn no_filter_is_too_long_for_the_kernel() {
        const MOST: usize = 4_096;
        for work in [Work::Run, Work::Compile { output_bytes: 1 }] {
            for stage in [Stage::Loading, Stage::Locked] {
                let filter = program(work, stage, 1).unwrap();
                assert!(!filter.is_empty() && filter.len() < MOST, "{work:?}, {stage:?}: {}", filter.len());
            }
        }
    }
}
