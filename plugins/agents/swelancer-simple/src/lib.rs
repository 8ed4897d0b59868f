//! The agent `swelancer-simple`: the loop that SWE-Lancer's own agent goes through, for
//! runs that are to be compared with its published ones.
//!
//! # What is the same
//!
//! - One message of the user's with everything in it, no instructions before it, no tools.
//! - 40 turns, and 300 seconds for what one of them runs.
//! - A reply is read in this order: it contains `<user-tool>`, and the user tries the app; it
//!   is `done`, and the work ends; it has a fenced block of `python`, and the first one is
//!   run with `python -c`; otherwise the turn is lost.
//! - What was printed goes back whole, as far as the host keeps it.
//! - When the conversation no longer fits, its oldest messages are left out.
//! - A manager's choice is read from `manager_decisions.json` in the work tree.
//!
//! # What differs
//!
//! - The prompt says the same in other words. The operator may set another one.
//! - The first message always stays.
//! - Where there is no `python`, `python3` runs the code.
//! - Code of more than 64 KiB is not run; of what it prints the host keeps 256 KiB.
//! - On a manager's task without an environment the choice is read from the reply.
//! - What the user saw is a list of artifacts and the text of its logs.
//! - An answer that the provider refused ends the work, and one without text is a lost turn.

#![forbid(unsafe_code)]

mod reply;
mod session;
mod world;

use lancet_brief::Host;
use lancet_sdk::{Agent, Answer, Configuration, Configure, Setting, SolveError, Task, settings};

use crate::session::Options;

/// The template of the first message.
const PROMPT: &str = include_str!("../prompt.md.j2");

struct SwelancerSimple;

impl Agent for SwelancerSimple {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        let options = Options {
            model: settings::text("model"),
            effort: settings::text("effort"),
            turns: settings::number("turns"),
            seconds: u32::try_from(settings::number("command-seconds")).unwrap_or(u32::MAX),
            answer_tokens: settings::number("answer-tokens"),
        };
        let template = settings::prompt().unwrap_or_else(|| PROMPT.to_owned());
        session::solve(&mut Host::default(), &task, &options, &template)
    }
}

impl Configure for SwelancerSimple {
    fn configuration() -> Configuration {
        let efforts = ["", "none", "minimal", "low", "medium", "high", "xhigh", "max"];
        Configuration::new()
            .setting(Setting::text("model", "main", "The name of the model that works on the tasks."))
            .setting(
                Setting::text("effort", "", "How hard the model thinks; empty for its own default.")
                    .choices(&efforts),
            )
            .setting(Setting::number("turns", 40, "How many replies of the model are read at most.").least(1))
            .setting(
                Setting::number("command-seconds", 300, "Seconds that code may take.").least(1).most(3_600),
            )
            .setting(Setting::number(
                "answer-tokens",
                0,
                "The most tokens of one answer, reasoning included; 0 for what the host allows.",
            ))
            .prompt(PROMPT, &session::VARIABLES)
    }
}

lancet_sdk::export_agent!(SwelancerSimple);
lancet_sdk::export_configuration!(SwelancerSimple);
