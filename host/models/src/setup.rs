//! Whether a conversation may be set up as a plugin wants it.

use std::collections::BTreeSet;
use std::sync::Arc;

use lancet_core::{ConversationSetup, MAX_MODEL_TOOLS, ModelChoice, ModelFailure, ModelTool};
use serde_json::value::RawValue;

use crate::conversation::{Conversation, excerpt, refused};
use crate::json::Loose;
use crate::wire::Profile;

/// The most characters of a tool's name, which is what all three forms take.
const MAX_TOOL_NAME: usize = 64;

impl Conversation {
    /// Begins a conversation with a model. Nothing is sent.
    ///
    /// # Errors
    /// [`ModelFailureKind::Refused`](lancet_core::ModelFailureKind::Refused) when the
    /// operator's choice or the form of requests does not allow a part of the setup;
    /// which, and what would be allowed, is said.
    pub fn open(setup: ConversationSetup, choice: &ModelChoice) -> Result<Self, ModelFailure> {
        let (effort, answer_tokens) = check(&setup, choice)?;
        Ok(Self::begun(Arc::new(setup), effort, answer_tokens))
    }
}

/// The effort and the most tokens of an answer that a setup comes to.
fn check(setup: &ConversationSetup, choice: &ModelChoice) -> Result<(String, u64), ModelFailure> {
    let profile = Profile::of(choice.form);
    check_tools(&setup.tools, choice)?;
    let effort = if setup.effort.is_empty() { &choice.effort } else { &setup.effort };
    if !effort.is_empty() && !profile.efforts.contains(&effort.as_str()) {
        return Err(refused(format!(
            "the model `{}` has no effort `{}`; there are {}",
            choice.name,
            excerpt(effort),
            profile.efforts.join(", ")
        )));
    }
    check_parameters(setup, choice, &profile, effort)?;
    let answer_tokens = match setup.answer_tokens {
        Some(0) => return Err(refused("`answer-tokens` is 0: an answer needs at least 1 token")),
        Some(tokens) => tokens.min(choice.answer_tokens),
        None => choice.answer_tokens,
    };
    Ok((effort.clone(), answer_tokens))
}

fn check_tools(tools: &[ModelTool], choice: &ModelChoice) -> Result<(), ModelFailure> {
    if tools.is_empty() {
        return Ok(());
    }
    if !choice.tools {
        return Err(refused(format!(
            "the model `{}` may not be given tools: its offer says so (`tools` of its choice)",
            choice.name
        )));
    }
    if tools.len() > MAX_MODEL_TOOLS {
        return Err(refused(format!("{} tools are too many: at most {MAX_MODEL_TOOLS}", tools.len())));
    }
    let mut names = BTreeSet::new();
    for tool in tools {
        let name = excerpt(&tool.name);
        let letters = tool.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if tool.name.is_empty() || tool.name.len() > MAX_TOOL_NAME || !letters {
            return Err(refused(format!(
                "`{name}` is no name of a tool: 1 to {MAX_TOOL_NAME} of the characters a-z, A-Z, 0-9, _ and -"
            )));
        }
        if !names.insert(&tool.name) {
            return Err(refused(format!("two tools are called `{name}`")));
        }
        check_schema(&tool.parameters)
            .map_err(|why| refused(format!("the parameters of the tool `{name}` {why}")))?;
    }
    Ok(())
}

/// Checks what all three forms want of a schema: an object, whose `type` is `object`.
fn check_schema(schema: &str) -> Result<(), String> {
    let raw: &RawValue = serde_json::from_str(schema).map_err(|error| format!("are no JSON: {error}"))?;
    let object = Loose::new(raw).object().ok_or("are no JSON Schema: an object is expected")?;
    match object.get("type").and_then(Loose::text).as_deref() {
        Some("object") => Ok(()),
        _ => Err("are no JSON Schema of an object: its `type` has to be `object`".to_owned()),
    }
}

fn check_parameters(
    setup: &ConversationSetup,
    choice: &ModelChoice,
    profile: &Profile,
    effort: &str,
) -> Result<(), ModelFailure> {
    let mut names = BTreeSet::new();
    for parameter in &setup.parameters {
        let name = excerpt(&parameter.name);
        if !choice.parameters.contains(&parameter.name) {
            let known = if choice.parameters.is_empty() {
                "none is".to_owned()
            } else {
                format!("let through: {}", choice.parameters.join(", "))
            };
            return Err(refused(format!(
                "the parameter `{name}` is not let through to the model `{}`; {known}",
                choice.name
            )));
        }
        if profile.is_reserved(&parameter.name) {
            return Err(refused(format!("the parameter `{name}` is the host's own and cannot be set")));
        }
        if !names.insert(&parameter.name) {
            return Err(refused(format!("the parameter `{name}` is given twice")));
        }
        if !effort.is_empty() && profile.effort_keys.contains(&parameter.name.as_str()) {
            return Err(refused(format!(
                "the parameter `{name}` and the effort `{effort}` exclude each other: leave one out"
            )));
        }
        if let Err(error) = serde_json::from_str::<&RawValue>(&parameter.value) {
            return Err(refused(format!("the value of the parameter `{name}` is no JSON: {error}")));
        }
    }
    Ok(())
}
