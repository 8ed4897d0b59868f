//! The issue's text in the prompts of the old and the lite generation.

use lancet_core::Kind;
use lancet_suite::Generation;

use crate::literal::{Literal, LiteralError, parse};

/// What comes just before the title.
const BEFORE: &str = "following issue:\n\n";
/// What comes just after the statement, for each kind.
const AFTER_MANAGER: &str = "\n\nYou will be paid $";
const AFTER_IC: &str = "\n\nThe reward for the correct fix is $";

/// What a prompt says.
pub(crate) struct Prompt {
    /// The issue's title, when the framing was recognised.
    pub(crate) title: Option<String>,
    /// The issue's text; the whole prompt when the framing was not recognised.
    pub(crate) statement: String,
}

/// Why a field is no prompt.
pub(crate) enum PromptError {
    Literal(LiteralError),
    Shape(String),
}

/// Whether tables of this generation have prompts.
pub(crate) fn has_prompt(generation: Generation) -> bool {
    matches!(generation, Generation::Old | Generation::Lite)
}

/// Reads a list of messages, each with `content` and `role`.
pub(crate) fn read(field: &str, kind: Kind) -> Result<Prompt, PromptError> {
    let literal = parse(field).map_err(PromptError::Literal)?;
    let Some(messages) = literal.items().filter(|m| !m.is_empty()) else {
        let message = format!("expected a list of messages, found {}", describe(&literal));
        return Err(PromptError::Shape(message));
    };
    let mut contents = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        match message.get("content").and_then(Literal::as_str) {
            Some(content) => contents.push(content),
            None => {
                let message = format!("the message [{index}] has no text under the key `content`");
                return Err(PromptError::Shape(message));
            }
        }
    }
    Ok(unframe(contents[0], kind).unwrap_or_else(|| Prompt { title: None, statement: contents.join("\n\n") }))
}

fn describe(literal: &Literal<'_>) -> &'static str {
    if literal.items().is_some() { "an empty one" } else { literal.kind() }
}

fn unframe(content: &str, kind: Kind) -> Option<Prompt> {
    let (_, rest) = content.split_once(BEFORE)?;
    let issue = match kind {
        // The proposals come after it, and could hold the same words again.
        Kind::SweManager => rest.split_once(AFTER_MANAGER)?.0,
        Kind::IcSwe => rest.rsplit_once(AFTER_IC)?.0,
    };
    let (title, statement) = issue.split_once("\n\n").unwrap_or((issue, ""));
    Some(Prompt { title: Some(title.to_owned()), statement: statement.to_owned() })
}
