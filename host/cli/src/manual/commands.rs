//! Commands that the documentation shows.

use clap::Parser as _;
use clap::error::ErrorKind;

use super::markdown::{Files, Markdown, Piece};
use crate::arguments::Arguments;

/// How many commands the documentation has, and those that are not taken, each with its place.
pub(super) fn problems(files: &Files) -> (usize, Vec<String>) {
    let mut looked_at = 0;
    let mut problems = Vec::new();
    for (file, markdown) in files {
        let shown = lines(markdown).into_iter().map(|line| (line, true));
        let named =
            markdown.spans.iter().map(|span| (Piece { line: span.line, text: span.text.clone() }, false));
        for (piece, is_whole) in shown.chain(named) {
            for words in commands(&piece.text) {
                looked_at += 1;
                if let Some(problem) = refused(&words, is_whole) {
                    problems.push(format!("{file}:{}: `{}`: {problem}", piece.line, piece.text));
                }
            }
        }
    }
    (looked_at, problems)
}

/// The lines that are typed in blocks of commands; those that go on in the next line are one.
fn lines(markdown: &Markdown) -> Vec<Piece> {
    let mut typed = Vec::new();
    for block in &markdown.blocks {
        let prompt = match block.language.as_str() {
            "console" => "$ ",
            "sh" | "bash" => "",
            _ => continue,
        };
        let mut lines = block.text.lines().zip(block.line + 1..);
        while let Some((line, number)) = lines.next() {
            let Some(line) = line.strip_prefix(prompt) else { continue };
            let mut text = line.to_owned();
            while text.ends_with('\\')
                && let Some((more, _)) = lines.next()
            {
                text.pop();
                text.push_str(more.trim_start());
            }
            typed.push(Piece { line: number, text });
        }
    }
    typed
}

/// The commands of a line that are ours, in words, as a shell would take them apart.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().extend(characters.next()),
            (None, '#') if word.is_none() => break,
            (None, ' ' | '|' | '&' | ';' | '>' | '<' | '(' | ')') => {
                if let Some(words) = commands.last_mut() {
                    words.extend(word.take());
                }
                if c != ' ' {
                    commands.push(Vec::new());
                }
            }
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(words) = commands.last_mut() {
        words.extend(word);
    }
    // Variables before a command are the shell's.
    let without_variables = commands.into_iter().map(|words| {
        let is_variable = |word: &String| {
            word.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty()
                    && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            })
        };
        words.into_iter().skip_while(is_variable).collect::<Vec<_>>()
    });
    without_variables.filter(|words| words.len() > 1 && words[0] == "lancet").collect()
}

/// Why a command is not taken. One that a text only names need not be whole.
fn refused(words: &[String], is_whole: bool) -> Option<String> {
    // `lancet COMMAND --help`
    if words.iter().any(|word| word == "COMMAND") {
        return None;
    }
    let error = Arguments::try_parse_from(words).err()?;
    let is_fine = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => !is_whole,
        _ => false,
    };
    let said = error.to_string();
    (!is_fine).then(|| said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned())
}

#[test]
fn what_is_typed_is_taken_apart_as_by_a_shell() {
    let text = concat!(
        "Say `lancet run`, `lancet suite`, `lancet COMMAND --help` or `lancet rum`.\n",
        "```console\n",
        "$ KEY=… lancet run 'a suite' --agent first    # `lancet walk` is none\n",
        "lancet walk\n",
        "$ cd x && lancet runs --colour | tail; lancet report \\\n",
        "    latest > report.md\n",
        "```\n",
        "```text\n",
        "$ lancet walk\n",
        "```\n",
        "```sh\n",
        "lancet run\n",
        "```\n",
    );
    let files = Files::from([("a.md".to_owned(), Markdown::read(text))]);
    let (looked_at, found) = problems(&files);
    assert_eq!(looked_at, 8);
    let places: Vec<&str> = found.iter().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(places, ["a.md:5", "a.md:12", "a.md:1"], "{found:?}");
    assert!(found[0].contains("--colour"), "{}", found[0]);
}
