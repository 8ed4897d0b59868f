#![doc = include_str!("../README.md")]
//!
//! # Reference
//!
//! | to | there is |
//! |---|---|
//! | work on tasks | [`Agent`] and [`export_agent!`] |
//! | judge submissions | [`Grader`] and [`export_grader!`] |
//! | leave notes for people | [`log`] |
//! | draw reproducible random numbers | [`random`] |
//! | read what the operator gave the agent to go by | [`input`] |
//! | work on the files of the work tree | [`workspace`] |
//! | run commands beside them | [`shell`] |
//! | have a user reproduce the issue | [`user_tool`] |
//! | talk with a language model | [`model`] |
//! | see what is left to spend on it | [`budget`] |
//! | let the operator set something | [`Configure`] and [`export_configuration!`] |
//! | read what the operator set | [`settings`] |
//! | render a prompt (with the feature `prompt`) | `prompt` |
//! | read what the agent handed in | [`submission`] |
//! | read the task's private configuration | [`answer_key`] |
//! | run the task's tests on the submission | [`tests`] |
//! | read what test runs left | [`artifacts`] |
//!
//! The types are those of the contract, `lancet:plugin@0.1.0`; limits are named
//! where they apply, and it is the host that holds a plugin to them.
//!
//! # On other targets
//!
//! The crate compiles for every target, so that a plugin's logic can be tested
//! with `cargo test`. There is no host then: [`log`] writes to standard error,
//! and everything else that asks the host panics. Keep the logic in functions that
//! take what was read as a value.

// The export macros name this crate by its name, also from inside of it.
extern crate self as lancet_sdk;

/// Asks the host with a function of the contract; on targets where there is none,
/// panics.
macro_rules! host {
    ($interface:ident::$function:ident($($argument:expr),*)) => {{
        #[cfg(target_arch = "wasm32")]
        {
            crate::bindings::imports::lancet::plugin::$interface::$function($($argument),*)
        }
        #[cfg(not(target_arch = "wasm32"))]
        {
            $(let _ = $argument;)*
            crate::no_host(concat!(stringify!($interface), "::", stringify!($function)))
        }
    }};
}

mod bindings;
mod call_error;

pub mod answer_key;
pub mod artifacts;
pub mod budget;
mod configuration;
pub mod input;
pub mod log;
pub mod model;
#[cfg(feature = "prompt")]
pub mod prompt;
pub mod random;
pub mod settings;
pub mod shell;
pub mod submission;
pub mod tests;
pub mod user_tool;
pub mod workspace;

pub use bindings::imports::lancet::plugin::types::{
    Answer, ArtifactEntry, ArtifactKind, CallError, Cents, Check, GradeError, Outcome, Proposal, SolveError,
    Task, TaskKind, Thousandths, Verdict,
};
pub use configuration::{Configuration, Configure, Kind as SettingKind, Prompt, Setting};

/// A plugin that works on tasks. Exported with [`export_agent!`].
pub trait Agent {
    /// Works on one task and hands in an answer.
    ///
    /// It is called once per attempt, in a fresh instance, so nothing is left over
    /// from another task.
    ///
    /// # Errors
    /// [`SolveError::Unsupported`] when the agent does not work on tasks of this
    /// kind, [`SolveError::Other`] for anything else. Either way the attempt
    /// counts as one that handed in nothing.
    fn solve(task: Task) -> Result<Answer, SolveError>;
}

/// A plugin that decides whether a task is paid. Exported with [`export_grader!`].
pub trait Grader {
    /// Judges one submission.
    ///
    /// It is called once per grading, in a fresh instance, and has to come to the same
    /// verdict whenever it reads the same things.
    ///
    /// # Errors
    /// A [`GradeError`] when it cannot come to a verdict. The attempt is invalid
    /// then: it pays nothing and is counted apart, and the agent is not to blame.
    fn grade(task: Task) -> Result<Verdict, GradeError>;
}

/// Makes a type that implements [`Agent`] what this plugin exports.
///
/// To be called once, in a crate of the type `cdylib`.
///
/// ```
/// use lancet_sdk::{Agent, Answer, SolveError, Task};
///
/// struct Cheapskate;
///
/// impl Agent for Cheapskate {
///     fn solve(task: Task) -> Result<Answer, SolveError> {
///         let shortest = task.proposals.iter().min_by_key(|p| p.text.len());
///         Ok(shortest.map_or(Answer::Nothing, |p| Answer::Choice(p.id)))
///     }
/// }
///
/// lancet_sdk::export_agent!(Cheapskate);
/// ```
#[macro_export]
macro_rules! export_agent {
    ($agent:ty) => {
        // The names of a component's exports are no symbols for other linkers.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn($crate::Task) -> ::core::result::Result<$crate::Answer, $crate::SolveError> =
            <$agent as $crate::Agent>::solve;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exported;

            impl $crate::__private::agent::exports::lancet::plugin::solving::Guest for Exported {
                fn solve(task: $crate::Task) -> ::core::result::Result<$crate::Answer, $crate::SolveError> {
                    $crate::__private::tell_panics();
                    <$agent as $crate::Agent>::solve(task)
                }
            }

    $crate::__private::agent::export_agent_bindings!(Exported with_types_in $crate::__private::agent);
        };
    };
}

/// Makes a type that implements [`Grader`] what this plugin exports.
///
/// To be called once, in a crate of the type `cdylib`. For an example see the
/// [crate's documentation](crate).
#[macro_export]
macro_rules! export_grader {
    ($grader:ty) => {
        // The names of a component's exports are no symbols for other linkers.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn($crate::Task) -> ::core::result::Result<$crate::Verdict, $crate::GradeError> =
            <$grader as $crate::Grader>::grade;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exported;

            impl $crate::__private::grader::exports::lancet::plugin::grading::Guest for Exported {
                fn grade(task: $crate::Task) -> ::core::result::Result<$crate::Verdict, $crate::GradeError> {
                    $crate::__private::tell_panics();
                    <$grader as $crate::Grader>::grade(task)
                }
            }

            $crate::__private::grader::export_grader_bindings!(Exported with_types_in $crate::__private::grader);
        };
    };
}

/// Makes what a type that implements [`Configure`] declares a second export of this plugin.
///
/// To be called once, beside [`export_agent!`].
///
/// ```
/// use lancet_sdk::{Configuration, Configure, Setting};
/// # use lancet_sdk::{Agent, Answer, SolveError, Task};
///
/// struct Patient;
///
/// impl Configure for Patient {
///     fn configuration() -> Configuration {
///         Configuration::new()
///             .setting(Setting::number("steps", 250, "How often the model is asked at most."))
///             .setting(Setting::text("tools", "all", "Which tools it has.").choices(&["all", "bash"]))
///             .prompt("Please solve {{ title }}.", &["title", "statement"])
///     }
/// }
/// # impl Agent for Patient {
/// #     fn solve(_: Task) -> Result<Answer, SolveError> {
/// #         Ok(Answer::Nothing)
/// #     }
/// # }
///
/// lancet_sdk::export_agent!(Patient);
/// lancet_sdk::export_configuration!(Patient);
/// ```
#[macro_export]
macro_rules! export_configuration {
    ($agent:ty) => {
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $crate::Configuration = <$agent as $crate::Configure>::configuration;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exported;

            impl $crate::__private::configurable::exports::lancet::plugin::configuring::Guest for Exported {
                fn describe() -> $crate::Configuration {
                    $crate::__private::tell_panics();
                    <$agent as $crate::Configure>::configuration()
                }
            }

            $crate::__private::configurable::export_configurable_bindings!(
                Exported with_types_in $crate::__private::configurable
            );
        };
    };
}

/// What the export macros need. No part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use wit_bindgen::rt;

    pub use crate::bindings::{agent, configurable, grader};

    /// Called first of all by what the macros export.
    #[cfg(target_arch = "wasm32")]
    pub fn tell_panics() {
        crate::log::tell_panics();
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn no_host(call: &str) -> ! {
    panic!(
        "`lancet_sdk::{call}` asks the host, and there is none on this target: test what is done with the result"
    )
}
