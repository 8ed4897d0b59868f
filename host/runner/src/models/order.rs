//! What an order says of models, budgets, settings and the prompt: looked at before
//! anything is written.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use lancet_core::{
    Budgets, Capability, Configuration, DeclaredPrompt, Limits, MAX_PROMPT_BYTES, ModelChoice, Sha256,
    WireForm,
};
use lancet_engine::Plugin;
use lancet_models::Scripted;
use minijinja::Environment;
use serde_json::Value;

use crate::error::Error;
use crate::models::{Scripts, read_key};
use crate::observer::{Notice, Observer};

/// What an order says.
pub(crate) struct Asked {
    pub(crate) models: Vec<ModelChoice>,
    pub(crate) scripts: BTreeMap<String, Arc<str>>,
    pub(crate) budgets: Budgets,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) prompt: Option<String>,
}

/// The same, after it has been looked at.
pub(crate) struct Wanted {
    pub(crate) models: Vec<ModelChoice>,
    pub(crate) scripts: Scripts,
    pub(crate) budgets: Budgets,
    pub(crate) settings: BTreeMap<String, Value>,
    pub(crate) prompt: Option<Arc<str>>,
}

/// Looks at what an order says. [`Notice::WithoutModel`] is told when the agent can ask
/// models and there are none.
pub(crate) async fn wanted(
    agent: &Plugin,
    graders: impl Iterator<Item = &Plugin>,
    asked: Asked,
    observer: &dyn Observer,
) -> Result<Wanted, Error> {
    let Asked { mut models, scripts, budgets, settings, prompt } = asked;
    let agent_asks = agent.has(Capability::Model);
    if models.is_empty() {
        if agent_asks {
            observer.notice(Notice::WithoutModel { agent: agent.name() });
        }
    } else if !agent_asks && !graders.into_iter().any(|grader| grader.has(Capability::Model)) {
        return Err(Error::ModelsUnused { agent: agent.name().to_owned() });
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = models.iter().find(|model| !names.insert(model.name.clone())) {
        let problem = "there are two models of that name".to_owned();
        return Err(Error::Model { name: twice.name.clone(), problem });
    }
    lancet_models::check(&budgets, &models)?;
    for model in models.iter().filter(|model| model.form.reaches_out()) {
        read_key(model)?;
    }
    let mut recorded = Scripts::new();
    for model in models.iter_mut().filter(|model| model.form == WireForm::Scripted) {
        let unusable = |problem| Error::Model { name: model.name.clone(), problem };
        let text =
            scripts.get(&model.name).ok_or_else(|| unusable("its script has not been read".to_owned()))?;
        Scripted::parse(text).map_err(|e| unusable(format!("`{}`: {e}", model.id)))?;
        let digest = Sha256::of(text.as_bytes());
        model.script = Some(digest);
        recorded.insert(digest, Arc::clone(text));
    }

    let name = || agent.name().to_owned();
    let declared = agent.describe().await?.map_err(|fault| Error::Undescribed { agent: name(), fault })?;
    let settings = resolved(&declared, &settings)
        .map_err(|source| Error::Setting { agent: agent.name().to_owned(), source })?;
    let prompt = prompted(agent.name(), declared.prompt.as_ref(), prompt)?;
    Ok(Wanted { models, scripts: recorded, budgets, settings, prompt })
}

/// Every setting with its value.
fn resolved(
    declared: &Configuration,
    texts: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, lancet_core::ConfigurationError> {
    let mut given = BTreeMap::new();
    for (name, text) in texts {
        given.insert(name.clone(), declared.parse(name, text)?);
    }
    declared.resolve(&given)
}

/// The prompt that the agent gets: the operator's, or its own.
fn prompted(
    agent: &str,
    declared: Option<&DeclaredPrompt>,
    given: Option<String>,
) -> Result<Option<Arc<str>>, Error> {
    let (declared, given, whose) = match (declared, given) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(Error::NoPrompt { agent: agent.to_owned() }),
        (Some(declared), Some(given)) => (declared, given, None),
        (Some(declared), None) => (declared, declared.text.clone(), Some(agent.to_owned())),
    };
    checked(&given, &declared.variables).map_err(|(line, problem)| Error::Prompt {
        of_agent: whose,
        line,
        problem,
    })?;
    Ok(Some(given.into()))
}

/// Looks whether a template can be rendered with these variables, as far as that can be
/// told without rendering it. The error has the line where that is known.
fn checked(text: &str, variables: &BTreeSet<String>) -> Result<(), (Option<usize>, String)> {
    if text.len() > MAX_PROMPT_BYTES {
        let bytes = text.len();
        return Err((None, format!("it has {bytes} bytes, at most {MAX_PROMPT_BYTES} are allowed")));
    }
    let environment = Environment::new();
    let template = environment.template_from_str(text).map_err(|error| {
        let problem = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        (error.line(), problem)
    })?;
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

/// What an attempt takes beside its plugin's memory, in bytes: its record, which is kept
/// until it is over, and what is on its way to and from a model.
const MEMORY_PER_ATTEMPT: u64 = 16 << 20;

/// How many attempts suit that ask models: as many as the providers take requests at a
/// time, and as the free memory has room for, whatever the number of processors, since
/// they wait most of their time. Without models, and with models that are asked on no
/// network, as many as there are processors.
#[must_use]
pub fn jobs(
    models: &[ModelChoice],
    agent: &Limits,
    processors: NonZeroUsize,
    free_memory: Option<u64>,
) -> NonZeroUsize {
    let reaching: Vec<_> = models.iter().filter(|model| model.form.reaches_out()).collect();
    if reaching.is_empty() {
        return processors;
    }
    let requests = reaching.iter().map(|model| model.concurrency as usize).sum::<usize>();
    // Half of what is free: others live here too.
    let room = free_memory.map_or(usize::MAX, |free| {
        usize::try_from(free / 2 / (agent.memory_bytes + MEMORY_PER_ATTEMPT)).unwrap_or(usize::MAX)
    });
    NonZeroUsize::new(requests.min(room)).unwrap_or(NonZeroUsize::MIN)
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

    #[test]
    fn an_agent_without_a_prompt_takes_none() {
        assert!(matches!(prompted("a", None, Some("x".into())), Err(Error::NoPrompt { .. })));
        assert!(prompted("a", None, None).unwrap().is_none());
        let declared = DeclaredPrompt { text: "{{ title }}".into(), variables: variables() };
        let own = prompted("a", Some(&declared), None).unwrap();
        assert_eq!(own.as_deref(), Some("{{ title }}"));
        let error = prompted("a", Some(&declared), Some("{{ x }}".into())).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("`x`"), "{error}");
    }

    #[test]
    fn jobs_are_bounded_by_memory_and_providers() {
        let four = NonZeroUsize::new(4).unwrap();
        let limits = Limits { memory_bytes: 48 << 20, ..Limits::asking() };
        let mut model = crate::models::tests::choice("main", WireForm::Chat);
        model.concurrency = 32;
        assert_eq!(jobs(&[], &limits, four, None), four);
        assert_eq!(jobs(&[model.clone()], &limits, four, None).get(), 32);
        assert_eq!(jobs(&[model.clone()], &limits, four, Some(1 << 30)).get(), 8);
        assert_eq!(jobs(&[model.clone()], &limits, four, Some(0)).get(), 1);
        model.form = WireForm::Scripted;
        assert_eq!(jobs(&[model], &limits, four, None), four);
    }
}
