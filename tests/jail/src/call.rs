//! System calls as somebody makes them who has taken over a process: by number.
#![expect(unsafe_code, reason = "whoever has taken over a process is bound by no type")]

use std::ffi::CString;
use std::io;

/// Makes a system call. What it is given must be numbers, or point to what lives as long
/// as the call.
pub(crate) fn call<const N: usize>(number: i64, arguments: [usize; N]) -> io::Result<usize> {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&arguments);
    let [a, b, c, d, e, f] = all;
    // SAFETY: callers pass numbers and pointers to what they hold themselves; whatever the
    // kernel does with that is what the tests look at, and the process ends after it.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// A path as the kernel takes it.
pub(crate) struct Text(CString);

impl Text {
    pub(crate) fn new(text: &str) -> Self {
        Self(CString::new(text).unwrap_or_default())
    }

    pub(crate) fn at(&self) -> usize {
        self.0.as_ptr() as usize
    }
}

/// `getpid` by the door for programs of 32 bits, where other numbers and no filter of the
/// usual door may hold.
#[cfg(target_arch = "x86_64")]
pub(crate) fn old_door() -> io::Result<usize> {
    let result: i64;
    // SAFETY: `getpid` takes nothing and touches no memory.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("rax") 20_i64 => result, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(i32::try_from(-result).unwrap_or(0)))
}
