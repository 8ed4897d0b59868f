//! `docs/cli.md`, written from the definition of the command line.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use crate::arguments::Arguments;

const HEAD: &str = "\
# The command line

<!-- Written by `cargo xtask docs` from the definition of the command line: change that. -->

`lancet help COMMAND` and `lancet COMMAND --help` say the same in a terminal.

";

/// The chapter.
pub(super) fn chapter() -> String {
    let mut command = Arguments::command();
    command.build();
    let mut text = HEAD.to_owned();
    page(&mut command, &mut text);
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// A command, and those below it.
fn page(command: &mut Command, text: &mut String) {
    let is_top = command.get_bin_name().is_none_or(|name| name == "lancet");
    let name = command.get_bin_name().unwrap_or("lancet").to_owned();
    let _ = writeln!(text, "## `{name}`\n");
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(text, "{}.\n", escaped(about.trim().trim_end_matches('.')));
    let usage = command.render_usage().to_string();
    let _ = writeln!(text, "```text\n{}\n```\n", usage.trim_start_matches("Usage:").trim());
    // The options of every command stand once, with the first of them.
    let is_shown = |arg: &&Arg| {
        !arg.is_hide_set()
            && !["help", "version"].contains(&arg.get_id().as_str())
            && (is_top || !arg.is_global_set())
    };
    let args: Vec<&Arg> = command.get_arguments().filter(is_shown).collect();
    let mut headings: Vec<Option<&str>> = Vec::new();
    for arg in &args {
        let heading = arg.get_help_heading();
        if !arg.is_positional() && !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    list("Arguments", args.iter().filter(|arg| arg.is_positional()), text);
    for heading in headings {
        let title = heading.unwrap_or(if is_top { "Options of every command" } else { "Options" });
        list(
            title,
            args.iter().filter(|arg| !arg.is_positional() && arg.get_help_heading() == heading),
            text,
        );
    }
    let after = command.get_after_long_help().or(command.get_after_help());
    after_help(&after.map(ToString::to_string).unwrap_or_default(), text);
    for below in
        command.get_subcommands_mut().filter(|below| !below.is_hide_set() && below.get_name() != "help")
    {
        page(below, text);
    }
}

fn list<'a>(title: &str, args: impl Iterator<Item = &'a &'a Arg>, text: &mut String) {
    let mut lines = args.map(|arg| entry(arg)).peekable();
    if lines.peek().is_some() {
        let _ = writeln!(text, "{title}:\n");
        for line in lines {
            text.push_str(&line);
        }
        text.push('\n');
    }
}

/// An argument: what is written, what it does, and what is so without it.
fn entry(arg: &Arg) -> String {
    let values: Vec<String> =
        arg.get_value_names().unwrap_or_default().iter().map(|name| format!("<{name}>")).collect();
    let takes = arg.get_action().takes_values();
    let value = if takes && !arg.is_positional() { format!(" {}", values.join(" ")) } else { String::new() };
    let written = if arg.is_positional() {
        format!("`{}`", values.join(" "))
    } else {
        let short = arg.get_short().map(|short| format!("-{short}"));
        let long = arg
            .get_long_and_visible_aliases()
            .unwrap_or_default()
            .into_iter()
            .map(|long| format!("--{long}"));
        short.into_iter().chain(long).map(|name| format!("`{name}{value}`")).collect::<Vec<_>>().join(", ")
    };
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line = format!("- {written}: {}", escaped(help.trim_end_matches('.')));
    let choices: Vec<String> = match takes {
        true => arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect(),
        false => Vec::new(),
    };
    if !choices.is_empty() {
        let _ = write!(line, ". One of {}", choices.join(", "));
    }
    if takes && let Some(default) = arg.get_default_values().first() {
        let _ = write!(line, ". `{}` if it is not given", default.to_string_lossy());
    }
    if !arg.is_positional() && arg.is_required_set() {
        line.push_str(". It has to be given");
    }
    line + ".\n"
}

/// What a command's help ends with: parts with a title, whose lines are indented. Examples
/// become commands, and anything else stays as it is.
fn after_help(after: &str, text: &mut String) {
    for part in after.split("\n\n").filter(|part| !part.trim().is_empty()) {
        let (title, lines) = part.split_once('\n').unwrap_or(("", part));
        let language = if title == "Examples:" { "console" } else { "text" };
        let _ = writeln!(text, "{title}\n\n```{language}");
        for line in lines.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)) {
            let prompt = if line.starts_with("lancet ") { "$ " } else { "" };
            let _ = writeln!(text, "{prompt}{line}");
        }
        text.push_str("```\n\n");
    }
}

/// A text in which nothing outside of code spans is taken for HTML or emphasis.
fn escaped(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(number, part)| match number % 2 {
        0 => part.replace('&', "&amp;").replace('<', "&lt;").replace('*', "\\*"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("`")
}

#[test]
fn every_option_of_every_command_is_in_it() {
    fn each(command: &Command, chapter: &str, count: &mut usize) {
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let Some(long) = arg.get_long().filter(|long| !["help", "version"].contains(long)) else {
                continue;
            };
            *count += 1;
            // What stands under its own command, or once for all of them.
            let name = command.get_bin_name().unwrap_or("lancet");
            let own = chapter.split(&format!("## `{name}`\n")).nth(1);
            let own = own.and_then(|rest| rest.split("\n## ").next()).unwrap_or_default();
            let place = if arg.is_global_set() { chapter } else { own };
            let written = [format!("`--{long}`"), format!("`--{long} <")];
            assert!(written.iter().any(|written| place.contains(written)), "{name} --{long}");
        }
        command
            .get_subcommands()
            .filter(|below| !below.is_hide_set())
            .for_each(|below| each(below, chapter, count));
    }
    let mut command = Arguments::command();
    command.build();
    let mut count = 0;
    each(&command, &chapter(), &mut count);
    assert!(count > 50, "{count}");
}
