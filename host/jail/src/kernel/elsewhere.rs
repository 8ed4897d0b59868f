//! Systems that a jail cannot be built on.

use std::fs::File;
use std::io;

use super::Stage;
use crate::bounds::{Bounds, Work};

const NO_JAIL: &str = "a jail takes Linux on x86-64 or aarch64";

/// What the kernel says of the walls around a process: here, nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Walls {
    pub(crate) filters: Option<u32>,
    pub(crate) is_filtered: bool,
    pub(crate) no_new_privileges: bool,
    pub(crate) uids: Vec<u32>,
}

fn unsupported<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, NO_JAIL))
}

pub(crate) fn memory_file() -> io::Result<File> {
    unsupported()
}

pub(crate) fn seal(_: &File) -> io::Result<()> {
    unsupported()
}

pub(crate) fn close_on_exec() {}

pub(crate) fn nobody() -> Option<u32> {
    None
}

pub(crate) fn become_user(_: u32) -> io::Result<()> {
    unsupported()
}

pub(crate) fn only_three() -> io::Result<Result<(), Vec<String>>> {
    unsupported()
}

pub(crate) fn threads() -> io::Result<usize> {
    unsupported()
}

pub(crate) fn die_with_parent() -> io::Result<()> {
    unsupported()
}

pub(crate) fn limit(_: &Bounds, _: Option<u32>) -> io::Result<()> {
    unsupported()
}

pub(crate) fn landlock() -> Result<u32, String> {
    Err(NO_JAIL.to_owned())
}

pub(crate) fn filter(_: Work, _: Stage) -> Result<(), String> {
    Err(NO_JAIL.to_owned())
}

pub(crate) fn can_filter() -> Result<(), String> {
    Err(NO_JAIL.to_owned())
}

pub(crate) fn walls_around(_: &str) -> Option<Walls> {
    None
}

pub(crate) fn hides_processes() -> bool {
    false
}
