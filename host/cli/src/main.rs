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
mod file;
mod grant;
mod isolation;
mod kit;
#[cfg(test)]
mod manual;
mod models;
mod output;
mod paths;
mod prediction;
mod progress;
mod render;
mod session;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};
use crate::exit::Exit;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let exit = match dispatch(arguments) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.print();
            failure.exit
        }
    };
    exit.into()
}

fn dispatch(arguments: Arguments) -> Result<Exit, failure::Failure> {
    let global = arguments.global;
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
        Command::Doctor(doctor) => command::doctor::main(&doctor, &global),
        Command::Completions { shell } => Ok(command::completions::main(shell)),
        Command::CompilePlugin { jailed } => Ok(Exit::Raw(lancet_engine::compile_worker(jailed))),
        Command::PluginWorker { grant } => Ok(Exit::Raw(lancet_engine::run_worker(&grant))),
        Command::TryPrompt => Ok(Exit::Raw(lancet_runner::try_prompt())),
    }
}
