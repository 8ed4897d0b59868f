//! Kinds of tasks, as words of the command line.

use clap::ValueEnum;
use lancet_core::Kind;

/// A kind of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArgument {
    SweManager,
    IcSwe,
}

impl From<KindArgument> for Kind {
    fn from(kind: KindArgument) -> Self {
        match kind {
            KindArgument::SweManager => Self::SweManager,
            KindArgument::IcSwe => Self::IcSwe,
        }
    }
}
