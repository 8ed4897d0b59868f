//! `lancet completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::exit::Exit;

/// Prints completions for a shell.
pub(crate) fn main(shell: Shell) -> Exit {
    clap_complete::generate(shell, &mut Arguments::command(), "lancet", &mut std::io::stdout());
    Exit::Done
}
