//! `lancet`: runs coding evaluations whose graders and agents are WebAssembly
//! components. See `lancet help`, and `ARCHITECTURE.md` for how it is built.

#![forbid(unsafe_code)]

mod amount;
mod arguments;
mod author;
mod command;
mod docker;
mod examples;
mod exit;
mod failure;
mod gate;
mod grant;
mod import;
mod isolation;
mod keys;
mod kind;
mod kit;
#[cfg(test)]
mod manual;
mod models;
mod number;
mod output;
mod paths;
mod policy;
mod prediction;
mod progress;
mod registry;
mod render;
mod session;
mod terminal;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::arguments::{Arguments, Command};
use crate::exit::Exit;

fn main() -> ExitCode {
    let done = match Arguments::try_parse() {
        Ok(arguments) => dispatch(arguments),
        Err(answer) => told(&answer),
    };
    let exit = match done {
        Ok(exit) => exit,
        Err(failure) => {
            failure.print();
            failure.exit
        }
    };
    session::end();
    exit.into()
}

/// Prints what clap has to say: help and versions on stdout, and on stderr what is wrong with
/// the arguments, made harmless.
fn told(answer: &clap::Error) -> Result<Exit, failure::Failure> {
    let is_help = answer.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if answer.use_stderr() && !is_help {
        // It has the arguments in it, which may be a stranger's words.
        let text = match answer.kind() {
            ErrorKind::InvalidUtf8 => not_text(std::env::args_os().skip(1)),
            _ => answer.render().to_string(),
        };
        let text = text.trim_end();
        match text.strip_prefix("error: ") {
            Some(text) => terminal::tell_of("error", "31", text),
            // The help of a command that wants another word.
            None => terminal::tell(format_args!("{text}")),
        }
        return Ok(Exit::Usage);
    }
    let printed = answer.print().and_then(|()| io::stdout().flush());
    match printed {
        _ if is_help => Ok(Exit::Usage),
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(failure::host("writing to stdout", error))
        }
        _ => Ok(Exit::Done),
    }
}

/// Which argument is no text, of those that are.
fn not_text(mut arguments: impl Iterator<Item = OsString>) -> String {
    let is_no_text = |argument: &OsString| argument.to_str().is_none();
    let found = arguments.find(is_no_text).unwrap_or_default();
    format!(
        "error: the argument `{}` is no UTF-8, expected a text: rename the file that it names, or go by a link to it",
        found.to_string_lossy()
    )
}

fn dispatch(arguments: Arguments) -> Result<Exit, failure::Failure> {
    let global = arguments.global;
    if global.quiet {
        terminal::be_quiet();
    }
    // What the host calls itself ends with it, and has no thread but its own.
    let is_of_the_host = matches!(
        arguments.command,
        Command::CompilePlugin { .. } | Command::PluginWorker { .. } | Command::TryPrompt
    );
    if !is_of_the_host {
        session::hear_signals();
    }
    match arguments.command {
        Command::Suite(suite) => command::suite::main(&suite, &global),
        Command::Run(run) => command::run::main(&run, &global),
        Command::Grade(grade) => command::grade::main(&grade, &global),
        Command::Resume(resume) => command::resume::main(&resume, &global),
        Command::Runs(runs) => command::runs::main(&runs, &global),
        Command::Show(show) => command::show::main(&show, &global),
        Command::Report(report) => command::report::main(&report, &global),
        Command::Regrade(regrade) => command::regrade::main(&regrade, &global),
        Command::Replay(replay) => command::replay::main(&replay, &global),
        Command::Plugin(plugin) => command::plugin::main(&plugin, &global),
        Command::Policy(policy) => command::policy::main(&policy),
        Command::Key(key) => command::key::main(&key),
        Command::Attest(attest) => command::attest::main(&attest, &global),
        Command::Export(export) => command::export::main(&export, &global),
        Command::Log(log) => command::log::main(&log, &global),
        Command::Cosign(cosign) => command::cosign::main(&cosign),
        Command::Verify(verify) => command::verify::main(&verify, &global),
        Command::Doctor(doctor) => command::doctor::main(&doctor, &global),
        Command::Completions { shell } => command::completions::main(shell),
        Command::CompilePlugin { jailed } => Ok(Exit::Raw(lancet_engine::compile_worker(jailed))),
        Command::PluginWorker { grant } => Ok(Exit::Raw(lancet_engine::run_worker(&grant))),
        Command::TryPrompt => Ok(Exit::Raw(lancet_runner::try_prompt())),
    }
}
