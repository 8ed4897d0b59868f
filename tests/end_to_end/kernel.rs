//! The binary on a kernel that lacks something, as far as it can tell.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

/// What a kernel may lack, or what a filter around the host may forbid.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lacking {
    /// No filter of system calls can be made: EPERM, as a container's profile has it.
    Seccomp,
    /// There is no Landlock: ENOSYS, as an old kernel has it.
    Landlock,
}

impl Lacking {
    /// The system call that is not there, and what the kernel says instead.
    fn refusal(self) -> (i64, u32) {
        const EPERM: u32 = 1;
        const ENOSYS: u32 = 38;
        match self {
            Self::Seccomp if cfg!(target_arch = "x86_64") => (317, EPERM),
            Self::Seccomp => (277, EPERM),
            Self::Landlock => (444, ENOSYS),
        }
    }
}

/// Runs a command under a filter that stands for such a kernel. What a thread starts is under
/// the thread's filters, so that nothing else of this process is.
pub(crate) fn output(lacking: Lacking, mut command: Command) -> Output {
    let run = move || {
        let (call, errno) = lacking.refusal();
        let filter = SeccompFilter::new(
            BTreeMap::from([(call, Vec::new())]),
            SeccompAction::Allow,
            SeccompAction::Errno(errno),
            std::env::consts::ARCH.try_into().unwrap(),
        );
        let program: BpfProgram = filter.unwrap().try_into().unwrap();
        apply_filter(&program).unwrap();
        command.output().unwrap()
    };
    std::thread::spawn(run).join().unwrap()
}
