//! Whether a prompt can be rendered: looked at, and tried with what stands for a task,
//! before a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use lancet_core::{Kind, MAX_PROMPT_BYTES};
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value};

/// The most bytes that a prompt may be rendered to with a task of some words: 4 MiB, which
/// no plugin could say at once.
const MAX_RENDERED_BYTES: usize = 4 << 20;
/// The most instructions that rendering a prompt may take.
const MAX_FUEL: u64 = 1_000_000;
/// How deep one can look into a value that nothing is known of.
const MAX_DEPTH: u8 = 16;

/// What is wrong with a prompt, and the line where that is known.
pub(super) type Problem = (Option<usize>, String);

/// Looks whether a template can be rendered with these variables, as far as that can be
/// told without rendering it. The error has the line where that is known.
pub(super) fn checked(text: &str, variables: &BTreeSet<String>) -> Result<(), Problem> {
    if text.len() > MAX_PROMPT_BYTES {
        let bytes = text.len();
        return Err((None, format!("it has {bytes} bytes, at most {MAX_PROMPT_BYTES} are allowed")));
    }
    let environment = environment();
    let template = environment.template_from_str(text).map_err(|error| (error.line(), words(&error)))?;
    let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
    let mut undeclared: Vec<_> = template
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| !variables.contains(name) && !globals.contains(name.as_str()))
        .map(|name| (line_of(text, &name), name))
        .collect();
    undeclared.sort();
    match undeclared.into_iter().next() {
        None => Ok(()),
        Some((line, name)) => {
            let known: Vec<_> = variables.iter().map(|name| format!("`{name}`")).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err((line, format!("there is no variable `{name}`; there are {known}")))
        }
    }
}

/// The first line that has a word in it that stands between the marks of a template.
fn line_of(text: &str, name: &str) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut from = 0;
    while let Some(begin) = ["{{", "{%"].iter().filter_map(|mark| text[from..].find(mark)).min() {
        let begin = from + begin;
        let end = ["}}", "%}"].iter().filter_map(|mark| text[begin..].find(mark)).min();
        let end = end.map_or(text.len(), |end| begin + end);
        let code = &text[begin..end];
        let found = code.match_indices(name).find(|(at, _)| {
            let before = code[..*at].chars().next_back();
            let after = code[at + name.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        });
        if let Some((at, _)) = found {
            return Some(text[..begin + at].matches('\n').count() + 1);
        }
        from = end.max(begin + 2);
    }
    None
}

/// Renders a template for each of these kinds of tasks, as an agent would.
///
/// Variables with the names of a task's fields are taken for those fields; of others nothing
/// is known, and they do whatever a template wants of them: what cannot be done with their
/// true values is found by the agent.
pub(super) fn tried(text: &str, variables: &BTreeSet<String>, kinds: &BTreeSet<Kind>) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err((None, "it is empty: nothing would be said to the model".to_owned()));
    }
    let environment = environment();
    let template = environment.template_from_str(text).map_err(|error| (error.line(), words(&error)))?;
    let mut used = template.undeclared_variables(false);
    for (function, _) in environment.globals() {
        used.remove(function);
    }
    for kind in kinds {
        let known = fields(*kind);
        let all_known = used.iter().all(|name| known.contains_key(name.as_str()));
        let mut says_something = false;
        for truth in [true, false] {
            let anything = || Value::from_object(Anything { truth, depth: MAX_DEPTH });
            let mut values: BTreeMap<&str, Value> =
                variables.iter().map(|name| (name.as_str(), anything())).collect();
            values.extend(
                known.iter().filter(|(name, _)| variables.contains(**name)).map(|(n, v)| (*n, v.clone())),
            );
            let mut rendered = Bounded(Vec::new());
            match template.render_captured_to(Value::from(values), &mut rendered) {
                Ok(_) => says_something |= !rendered.0.trim_ascii().is_empty(),
                Err(error) if all_known || is_certain(error.kind()) => {
                    let problem = format!("{} (for a task of the kind `{kind}`)", words(&error));
                    return Err((error.line(), problem));
                }
                Err(_) => says_something = true,
            }
        }
        if !says_something {
            return Err((None, format!("nothing is left of it for a task of the kind `{kind}`")));
        }
    }
    Ok(())
}

/// The environment of the plugins' SDK: what is rendered here is rendered there.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_fuel(Some(MAX_FUEL));
    environment
}

/// What is wrong, in words.
fn words(error: &Error) -> String {
    match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError, None) => "a value or an attribute is used that is not there".to_owned(),
        (ErrorKind::OutOfFuel, _) => "to render it takes too long".to_owned(),
        (ErrorKind::WriteFailure, _) => {
            format!("it is rendered to more than {MAX_RENDERED_BYTES} bytes")
        }
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    }
}

/// Whether an error of this kind is one whatever the values are that nothing is known of.
fn is_certain(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::SyntaxError
            | ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownMethod
            | ErrorKind::TooManyArguments
            | ErrorKind::MissingArgument
            | ErrorKind::TemplateNotFound
            | ErrorKind::UndefinedError
            | ErrorKind::OutOfFuel
            | ErrorKind::WriteFailure
    )
}

/// A task's fields, as prompts have them.
fn fields(kind: Kind) -> BTreeMap<&'static str, Value> {
    let proposal = |id: u32| BTreeMap::from([("id", Value::from(id)), ("text", Value::from("A proposal."))]);
    let proposals: Vec<_> = match kind {
        Kind::SweManager => [0, 1].into_iter().map(proposal).map(Value::from).collect(),
        Kind::IcSwe => Vec::new(),
    };
    BTreeMap::from([
        ("id", Value::from("a-task")),
        ("kind", Value::from(kind.as_str())),
        ("title", Value::from("A title")),
        ("statement", Value::from("A statement.")),
        ("price", Value::from("$1,000")),
        ("proposals", Value::from(proposals)),
    ])
}

/// A value that nothing is known of: it has every attribute and one element, which are the
/// like.
#[derive(Debug)]
struct Anything {
    truth: bool,
    /// How often one may look into it. What goes through all of a value has to end.
    depth: u8,
}

impl Anything {
    fn inner(&self) -> Value {
        match self.depth.checked_sub(1) {
            Some(depth) => Value::from_object(Self { truth: self.truth, depth }),
            None => Value::from("something"),
        }
    }
}

impl Object for Anything {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(self.inner())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(1)
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.truth
    }

    fn call(self: &Arc<Self>, _: &State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Ok(self.inner())
    }

    fn call_method(self: &Arc<Self>, _: &State<'_, '_>, _: &str, _: &[Value]) -> Result<Value, Error> {
        Ok(self.inner())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("something")
    }
}

/// Takes what is rendered, up to a bound.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_RENDERED_BYTES {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> BTreeSet<String> {
        ["title".to_owned(), "proposals".to_owned()].into()
    }

    #[test]
    fn a_prompt_uses_what_is_declared() {
        let good = "{% set n = namespace(x=0) %}{{ title }}{% for p in proposals %}{{ p.id }} {{ loop.index }}{% endfor %}";
        assert_eq!(checked(good, &variables()), Ok(()));
        assert_eq!(checked("price: {unbraced} price", &variables()), Ok(()));
        let (line, problem) =
            checked("price\n{{ title }}\n{# price #}\n{{ price }}", &variables()).unwrap_err();
        assert_eq!(line, Some(4));
        assert!(problem.contains("`price`") && problem.contains("`proposals`, `title`"), "{problem}");
        let (line, _) = checked("one\n{% if a_price %}{% endif %}{% if\n price %}{% endif %}", &{
            let mut variables = variables();
            variables.insert("a_price".into());
            variables
        })
        .unwrap_err();
        assert_eq!(line, Some(3));
    }

    #[test]
    fn a_broken_prompt_names_its_line() {
        for (text, line) in [("one\n{{ title", 2), ("{% for p in proposals %}", 1), ("a\nb\n{% endif %}", 3)]
        {
            let (found, problem) = checked(text, &variables()).unwrap_err();
            assert_eq!(found, Some(line), "{text}: {problem}");
        }
        assert!(checked(&"x".repeat(MAX_PROMPT_BYTES + 1), &variables()).is_err());
    }

    fn all(text: &str) -> Result<(), Problem> {
        let names =
            ["id", "kind", "title", "statement", "price", "proposals", "tools", "steps", "environment"];
        let variables = names.map(str::to_owned).into();
        checked(text, &variables)?;
        tried(text, &variables, &Kind::ALL.into())
    }

    #[test]
    fn what_a_prompt_cannot_do_is_found_by_trying() {
        for (text, line, part) in [
            ("a\n{{ title | shorten }}", Some(2), "shorten"),
            ("{% if title is fine %}x{% endif %}", Some(1), "fine"),
            ("a\n\n{{ nothing() }}", Some(3), "`nothing`"),
            ("{{ title.words }}", Some(1), "not there"),
            ("{{ title.upper() }}", Some(1), "upper"),
            ("x{% for p in proposals %}\n{{ p.name }}\n{% endfor %}", Some(2), "`swe-manager`"),
            ("{{ proposals[0].text }}", Some(1), "`ic-swe`"),
            ("{{ title + 1 }}", Some(1), "string"),
            ("{% if environment %}x{% else %}{{ title | shorten }}{% endif %}", Some(1), "shorten"),
            ("{% for t in tools %}{{ t | shorten }}{% endfor %}", Some(1), "shorten"),
            ("{{ title | replace('a') }}", Some(1), "argument"),
            (
                "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
                Some(1),
                "too long",
            ),
            ("{% for a in range(999) %}{{ 'xxxxxxxxxx' * 999 }}{% endfor %}", None, "4194304 bytes"),
            ("{% for i in range(1000000000) %}x{% endfor %}", Some(1), "too many elements"),
            ("{% set n = namespace(x=1) %}{{ n.x }}{{ title + 1 }}", Some(1), "string"),
            ("{{ dict(a=title).a + 1 }}", Some(1), "string"),
            ("{% if kind == 'swe-manager' %}x{% endif %}", None, "`ic-swe`"),
            ("", None, "empty"),
            (" \n", None, "empty"),
            ("{# message #}", None, "nothing is left"),
        ] {
            let (found, problem) = all(text).expect_err(text);
            assert_eq!(found, line, "{text}: {problem}");
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }

    #[test]
    fn what_nothing_is_known_of_can_be_used_in_any_way() {
        for text in [
            "{{ tools | join(', ') }} {{ tools[3].name | upper }} {{ tools | first }} {{ tools | length }}",
            "{{ tools | pprint }} {{ tools | sort }} {{ tools | unique }} {{ tools == steps }} {{ tools }}",
            "{{ steps * 2 + 1 }} {{ steps // 60 }} {{ -steps }}",
            "{% if 'bash' in tools %}a{% elif steps > 5 %}b{% endif %}c",
            "{% for key, value in tools | items %}{{ key }}{% endfor %}",
            "{% if environment %}{{ title }}{% endif %}",
            "{{ tools.names(3).first }}",
            "{% if proposals %}{{ proposals[0].text }}{% endif %}-",
        ] {
            assert_eq!(all(text), Ok(()), "{text}");
        }
        // What no task of the run is does not count.
        let managers = [Kind::SweManager].into();
        assert_eq!(tried("{{ proposals[0].text }}", &variables(), &managers), Ok(()));
    }

    #[test]
    fn the_agents_own_prompts_can_be_given() {
        for text in [
            include_str!("../../../../../plugins/agents/tool-loop/prompt.md.j2"),
            include_str!("../../../../../plugins/agents/swelancer-simple/prompt.md.j2"),
        ] {
            let variables = environment().template_from_str(text).unwrap().undeclared_variables(false);
            let variables: BTreeSet<String> = variables.into_iter().collect();
            assert_eq!(tried(text, &variables, &Kind::ALL.into()), Ok(()));
        }
    }
}
