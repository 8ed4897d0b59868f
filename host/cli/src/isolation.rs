//! In which process the operator has plugins run, and which walls have to stand around it.

use std::sync::{Mutex, PoisonError};

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use lancet_core::PluginIsolation;
use lancet_jail::Jail;
use lancet_runner::Error;

use crate::failure::{Failure, warn};

/// The oldest Landlock that keeps a process from all that the newest would of what the filter
/// of system calls does not: signals and abstract sockets came with this one (Linux 6.12).
pub(crate) const LANDLOCK_ABI: u32 = 6;

/// What every command takes that executes plugins.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct IsolationArguments {
    /// Where plugins run: in a jailed process for each call, or in this one; `auto` runs what is built in in this one and everything else jailed
    #[arg(long, value_name = "WHERE", value_enum, default_value_t)]
    isolation: Where,
    /// Refuse to run a plugin in a jailed process without this; seccomp is always required
    #[arg(long, value_name = "WALL", value_enum)]
    require: Option<Wall>,
}

/// In which process plugins run, as a word of the command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Where(PluginIsolation);

impl ValueEnum for Where {
    fn value_variants<'a>() -> &'a [Self] {
        const { &[Self(PluginIsolation::Auto), Self(PluginIsolation::Process), Self(PluginIsolation::InProcess)] }
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.as_str()))
    }
}

/// A wall that a kernel may lack, and that an operator can insist on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wall {
    /// The kernel's second check of files and ports
    Landlock,
}

impl IsolationArguments {
    /// Every plugin in a jailed process.
    pub(crate) fn process() -> Self {
        Self { isolation: Where(PluginIsolation::Process), require: None }
    }

    /// In which process plugins run.
    pub(crate) fn isolation(&self) -> PluginIsolation {
        self.isolation.0
    }

    /// Whether no plugin may run in a jailed process that Landlock does not hold.
    pub(crate) fn requires_landlock(&self) -> bool {
        self.require == Some(Wall::Landlock)
    }

    /// # Errors
    /// When a wall is asked for around a process that there will not be.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.requires_landlock() && self.isolation() == PluginIsolation::InProcess {
            return Err(Failure::usage(
                "`--require landlock` is for jailed processes, and `--isolation in-process` has none",
            )
            .hint("leave one of the two out"));
        }
        Ok(())
    }
}

/// What this machine's kernel has for jails, looked at when there is a plugin to be jailed.
pub(crate) struct Walls {
    requires_landlock: bool,
    found: Mutex<Option<Jail>>,
}

impl Walls {
    pub(crate) fn new(arguments: &IsolationArguments) -> Self {
        Self { requires_landlock: arguments.requires_landlock(), found: Mutex::default() }
    }

    /// Whether there can be a jail around that plugin. Warns, the first time, when it lacks
    /// something that was not required.
    ///
    /// # Errors
    /// [`Error::NoJail`] and [`Error::NoLandlock`].
    pub(crate) fn around(&self, plugin: &str) -> Result<(), Error> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = found.is_none();
        let jail = found.get_or_insert_with(Jail::probe);
        if let Err(why) = &jail.seccomp {
            return Err(Error::NoJail { plugin: plugin.to_owned(), why: why.clone() });
        }
        match landlock_problem(jail) {
            Some(why) if self.requires_landlock => Err(Error::NoLandlock { plugin: plugin.to_owned(), why }),
            Some(why) => {
                if is_first {
                    warn(&format!(
                        "jailed processes are held by seccomp alone: {why}; `--require landlock` would refuse that"
                    ));
                }
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// What there is to say of Landlock when it does not hold all that it could.
pub(crate) fn landlock_problem(jail: &Jail) -> Option<String> {
    match &jail.landlock {
        Err(why) => Some(format!("there is no Landlock: {why}")),
        Ok(abi) if *abi < LANDLOCK_ABI => Some(format!(
            "the kernel's Landlock has ABI {abi}, and signals are kept in from ABI {LANDLOCK_ABI} on (Linux 6.12)"
        )),
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walls that were found like that.
    fn walls(requires_landlock: bool, seccomp: Result<(), &str>, landlock: Result<u32, &str>) -> Walls {
        let jail =
            Jail { seccomp: seccomp.map_err(str::to_owned), landlock: landlock.map_err(str::to_owned) };
        Walls { requires_landlock, found: Mutex::new(Some(jail)) }
    }

    #[test]
    fn there_is_no_jail_without_seccomp_and_none_without_what_is_required() {
        let refused = |walls: Walls| walls.around("x.wasm").unwrap_err().to_string();
        let told = refused(walls(false, Err("it is forbidden"), Ok(7)));
        assert!(told.contains("`x.wasm`") && told.contains("it is forbidden"), "{told}");
        let told = refused(walls(true, Ok(()), Err("it is off")));
        assert!(told.contains("`x.wasm`") && told.contains("it is off"), "{told}");
        let told = refused(walls(true, Ok(()), Ok(LANDLOCK_ABI - 1)));
        assert!(told.contains("has ABI 5"), "{told}");
        for landlock in [Ok(LANDLOCK_ABI), Ok(1), Err("it is off")] {
            walls(false, Ok(()), landlock).around("x.wasm").unwrap();
        }
        walls(true, Ok(()), Ok(LANDLOCK_ABI)).around("x.wasm").unwrap();
    }

    #[test]
    fn nothing_is_required_of_processes_that_there_will_not_be() {
        let arguments = |isolation, require| IsolationArguments { isolation: Where(isolation), require };
        let landlock = Some(Wall::Landlock);
        assert!(arguments(PluginIsolation::InProcess, landlock).check().is_err());
        for isolation in PluginIsolation::ALL {
            arguments(isolation, None).check().unwrap();
        }
        arguments(PluginIsolation::Auto, landlock).check().unwrap();
    }
}
