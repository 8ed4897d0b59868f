//! `lancet suite new`.

use std::io;

use lancet_core::Kind;
use lancet_suite::{SuiteError, begin};

use crate::arguments::NewSuite;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::Signals;

/// Makes a suite with one task, and says what to do with it.
pub(super) fn main(arguments: &NewSuite) -> Result<Exit, Failure> {
    let kind = Kind::from(arguments.kind);
    // A signal ends this at once, as nobody listens for more, and removes what is half made.
    drop(Signals::listen());
    let files = begin(&arguments.folder, kind).map_err(failed)?;
    let folder = arguments.folder.display();
    let mut text = format!("made the suite {folder}:\n");
    for file in files {
        text.push_str(&format!("  {file}\n"));
    }
    text.push_str(&format!("\nnext:\n  lancet suite check {folder}\n"));
    if kind == Kind::IcSwe {
        text.push_str(&format!("  lancet suite pin {folder}\n"));
    }
    text.push_str(&format!("  lancet suite check {folder} --controls\n"));
    output::tell(&text)?;
    Ok(Exit::Done)
}

fn failed(error: SuiteError) -> Failure {
    let exit = match &error {
        SuiteError::Begin { source, .. } if source.kind() != io::ErrorKind::AlreadyExists => Exit::Host,
        _ => Exit::Usage,
    };
    Failure::from(error).exit(exit)
}
