//! How much memory and how many tables a plugin may have.

use lancet_core::Limits;
use wasmtime::ResourceLimiter;

use crate::classify::is_of_the_host;

/// Bounds what a store may hold, summed over everything in it. Wasmtime's own
/// `StoreLimits` looks at one memory at a time, so that a component of many
/// memories would get many times the limit.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_limit: u64,
    table_limit: u64,
    count_limit: usize,
    memory_used: u64,
    tables_used: u64,
    /// Whether anything has been refused: a guest that dies afterwards has died
    /// of that.
    refused: bool,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_limit: limits.memory_bytes.min(Limits::MAX_MEMORY_BYTES),
            table_limit: limits.table_elements,
            count_limit: limits.instances as usize,
            memory_used: 0,
            tables_used: 0,
            refused: false,
        }
    }

    /// Bytes of all memories, which never shrink.
    pub(crate) fn memory(&self) -> u64 {
        self.memory_used
    }

    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    fn grow(used: &mut u64, limit: u64, refused: &mut bool, current: usize, desired: usize) -> bool {
        let growth = (desired as u64).saturating_sub(current as u64);
        match used.checked_add(growth) {
            Some(sum) if sum <= limit => {
                *used = sum;
                true
            }
            _ => {
                *refused = true;
                false
            }
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(Self::grow(&mut self.memory_used, self.memory_limit, &mut self.refused, current, desired))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        // A machine without memory is nothing that a guest could get over.
        if is_of_the_host(&error) {
            return Err(error);
        }
        self.refused = true;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(Self::grow(&mut self.tables_used, self.table_limit, &mut self.refused, current, desired))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if is_of_the_host(&error) {
            return Err(error);
        }
        self.refused = true;
        Ok(())
    }

    fn instances(&self) -> usize {
        self.count_limit
    }

    fn tables(&self) -> usize {
        self.count_limit
    }

    fn memories(&self) -> usize {
        self.count_limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_summed() {
        let limits = Limits { memory_bytes: 100, ..Limits::standard() };
        let mut limiter = Limiter::new(&limits);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(60, 70, None).unwrap());
        assert!(!limiter.refused());
        assert!(!limiter.memory_growing(0, 31, None).unwrap(), "a second memory counts on top");
        assert!(limiter.refused());
        assert!(limiter.memory_growing(0, 30, None).unwrap());
    }

    #[test]
    fn a_machine_without_memory_is_not_the_guest_s_fault() {
        let mut limiter = Limiter::new(&Limits::standard());
        assert!(limiter.memory_grow_failed(wasmtime::Error::msg("Memory maximum size exceeded")).is_ok());
        assert!(limiter.refused());
        let mut limiter = Limiter::new(&Limits::standard());
        let full = wasmtime::Error::from(std::io::Error::from(std::io::ErrorKind::OutOfMemory));
        let error = limiter.memory_grow_failed(full.context("growing a memory")).unwrap_err();
        assert!(matches!(crate::classify::classify(&error, false), crate::classify::Ending::Host(_)));
        let error = limiter.table_grow_failed(rustix::io::Errno::NOMEM.into()).unwrap_err();
        assert!(matches!(crate::classify::classify(&error, true), crate::classify::Ending::Host(_)));
        assert!(!limiter.refused());
    }

    #[test]
    fn sums_do_not_overflow() {
        let mut limiter = Limiter::new(&Limits { memory_bytes: u64::MAX, ..Limits::standard() });
        assert!(limiter.memory_growing(0, 1, None).unwrap());
        assert!(!limiter.memory_growing(0, usize::MAX, None).unwrap());
    }
}
