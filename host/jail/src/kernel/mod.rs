//! What is asked of the kernel. Only Linux on x86-64 and aarch64 has what a jail is built
//! of; elsewhere each of these says so.

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod calls;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) use linux::{
    become_user, can_filter, close_on_exec, die_with_parent, filter, hides_processes, landlock, limit,
    memory_file, nobody, only_three, seal, threads, walls_around,
};

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod elsewhere;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(crate) use elsewhere::{
    become_user, can_filter, close_on_exec, die_with_parent, filter, hides_processes, landlock, limit,
    memory_file, nobody, only_three, seal, threads, walls_around,
};

/// The stages that system calls are filtered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// While what is to run is loaded: what is not allowed is answered with an error, so
    /// that libraries that only try something do without it.
    Loading,
    /// From then on: what is not allowed ends the process.
    Locked,
}
