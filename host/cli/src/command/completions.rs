//! `lancet completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::failure::{Failure, host};
use crate::output;

/// Prints completions for a shell.
pub(crate) fn main(shell: Shell) -> Result<Exit, Failure> {
    // Whoever makes them takes it for a defect when they cannot be written.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "lancet", &mut text);
    output::print(&String::from_utf8(text).map_err(|e| host("making completions", e))?)?;
    Ok(Exit::Done)
}
