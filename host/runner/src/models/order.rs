//! What an order says of models, budgets, settings and the prompt: looked at before
//! anything is written.

mod prompt;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use lancet_core::{
    BudgetUnit, Budgets, Capability, Configuration, DeclaredPrompt, Grant, Kind, Limits, ModelChoice, Role,
    Sha256, WireForm,
};
use lancet_engine::Plugin;
use lancet_models::Scripted;
use serde_json::Value;

use crate::catalog::Trial;
use crate::error::Error;
use crate::models::{Scripts, read_key};
use crate::observer::{Notice, Observer};

pub use trial::try_prompt;

/// What an order says.
pub(crate) struct Asked {
    pub(crate) models: Vec<ModelChoice>,
    pub(crate) scripts: BTreeMap<String, Arc<str>>,
    pub(crate) budgets: Budgets,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) prompt: Option<String>,
    /// Where the prompt is tried.
    pub(crate) trial: Trial,
    /// The kinds of the run's tasks, which the prompt is tried for.
    pub(crate) kinds: BTreeSet<Kind>,
}

/// The same, after it has been looked at.
pub(crate) struct Wanted {
    pub(crate) models: Vec<ModelChoice>,
    pub(crate) scripts: Scripts,
    pub(crate) budgets: Budgets,
    pub(crate) settings: BTreeMap<String, Value>,
    pub(crate) prompt: Option<Arc<str>>,
}

/// The milliseconds that an attempt may take whose models are on a network, unless the order
/// says another number: three hours. Without any, a server that lets its answers trickle could
/// hold an attempt for months.
const DEFAULT_ATTEMPT_MS: u64 = 3 * 60 * 60 * 1_000;

/// The setting that names the model that an agent asks, where an agent has it: its value is
/// a model's name, or empty for none in particular.
const MODEL: &str = "model";
/// The setting that says how hard that model thinks.
const EFFORT: &str = "effort";
/// The setting that says which tools that model is given: without any it can change nothing.
const TOOLS: &str = "tools";
/// The value of [`TOOLS`] of an agent that gives its model none.
const NO_TOOLS: &str = "none";

/// Looks at what an order says. [`Notice::WithoutModel`] is told when there are no models
/// and the agent imports all of its world, `model` with it, which some languages always do.
pub(crate) async fn wanted(
    agent: &Plugin,
    graders: impl Iterator<Item = &Plugin>,
    asked: Asked,
    observer: &dyn Observer,
) -> Result<Wanted, Error> {
    let Asked { mut models, scripts, mut budgets, settings, prompt, trial, kinds } = asked;
    let agent_asks = agent.has(Capability::Model);
    if !models.is_empty() && !agent_asks && !graders.into_iter().any(|grader| grader.has(Capability::Model)) {
        return Err(Error::ModelsUnused { agent: agent.name().to_owned() });
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = models.iter().find(|model| !names.insert(model.name.clone())) {
        let problem = "there are two models of that name".to_owned();
        return Err(Error::Model { name: twice.name.clone(), problem });
    }
    lancet_models::check(&budgets, &models)?;
    if models.iter().any(|model| model.form.reaches_out()) {
        budgets.attempt.entry(BudgetUnit::Milliseconds).or_insert(DEFAULT_ATTEMPT_MS);
    }
    let without = || Error::NoModel { agent: agent.name().to_owned() };
    let imports_all = || Grant::standard(Role::Agent).iter().all(|capability| agent.has(capability));
    if agent_asks && models.is_empty() && !imports_all() {
        return Err(without());
    }
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
    if agent_asks {
        let meant = meant(agent.name(), &settings, &models, &kinds)?;
        match (meant, models.is_empty()) {
            (Meant::Named, true) => return Err(without()),
            (Meant::Any, true) => observer.notice(Notice::WithoutModel { agent: agent.name() }),
            (_, false) => {}
        }
    }
    let prompt = prompted(agent.name(), declared.prompt.as_ref(), prompt, &kinds, &trial)?;
    Ok(Wanted { models, scripts: recorded, budgets, settings, prompt })
}

/// Which model an agent is set to ask.
enum Meant {
    /// One by its name.
    Named,
    /// None in particular.
    Any,
}

/// Looks whether there is the model that an agent is set to ask, whether it has the effort that
/// is set, and whether it takes the tools that issues are worked on with.
fn meant(
    agent: &str,
    settings: &BTreeMap<String, Value>,
    models: &[ModelChoice],
    kinds: &BTreeSet<Kind>,
) -> Result<Meant, Error> {
    let text = |name: &str| settings.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (meant, model) = match text(MODEL) {
        None => (Meant::Any, models.first()),
        Some(_) if models.is_empty() => (Meant::Named, None),
        Some(name) => {
            let found = models.iter().find(|model| model.name == name);
            let unoffered = || Error::UnofferedModel {
                agent: agent.to_owned(),
                name: name.to_owned(),
                offered: models.iter().map(|model| model.name.clone()).collect(),
            };
            (Meant::Named, Some(found.ok_or_else(unoffered)?))
        }
    };
    let gives_tools = text(TOOLS).is_some_and(|tools| tools != NO_TOOLS) && kinds.contains(&Kind::IcSwe);
    if let Some(model) = model.filter(|model| gives_tools && !model.tools) {
        return Err(Error::NoTools { agent: agent.to_owned(), model: model.name.clone() });
    }
    if let (Some(model), Some(effort)) = (model, text(EFFORT)) {
        let known = lancet_models::efforts(model.form);
        if !known.contains(&effort) {
            return Err(Error::UnknownEffort {
                agent: agent.to_owned(),
                effort: effort.to_owned(),
                model: model.name.clone(),
                known: known.join(", "),
            });
        }
    }
    Ok(meant)
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
    kinds: &BTreeSet<Kind>,
    trial: &Trial,
) -> Result<Option<Arc<str>>, Error> {
    let (declared, given, whose) = match (declared, given) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(Error::NoPrompt { agent: agent.to_owned() }),
        (Some(declared), Some(given)) => (declared, given, None),
        (Some(declared), None) => (declared, declared.text.clone(), Some(agent.to_owned())),
    };
    let looked_at = match (prompt::checked(&given, &declared.variables), &whose) {
        (Ok(()), None) => trial::tried(trial, &given, &declared.variables, kinds)?,
        // What a stranger wrote is not carried out here.
        (looked_at, _) => looked_at,
    };
    looked_at.map_err(|(line, problem)| Error::Prompt { of_agent: whose, line, problem })?;
    Ok(Some(given.into()))
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

    #[test]
    fn an_agent_without_a_prompt_takes_none() {
        let kinds = Kind::ALL.into();
        assert!(matches!(
            prompted("a", None, Some("x".into()), &kinds, &Trial::Here),
            Err(Error::NoPrompt { .. })
        ));
        assert!(prompted("a", None, None, &kinds, &Trial::Here).unwrap().is_none());
        let declared = DeclaredPrompt { text: "{{ title }}".into(), variables: ["title".to_owned()].into() };
        let own = prompted("a", Some(&declared), None, &kinds, &Trial::Here).unwrap();
        assert_eq!(own.as_deref(), Some("{{ title }}"));
        let error = prompted("a", Some(&declared), Some("{{ x }}".into()), &kinds, &Trial::Here);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("`x`"), "{error}");
    }

    /// A model without tools can change nothing, and the agent would fail each of its tasks.
    #[test]
    fn issues_need_a_model_that_takes_tools() {
        let takes = crate::models::tests::choice("main", WireForm::Chat);
        let models = [takes.clone(), ModelChoice { name: "bare".into(), tools: false, ..takes }];
        let both: BTreeSet<_> = Kind::ALL.into();
        for (model, tools, kinds, refused) in [
            ("bare", Some("all"), &both, true),
            ("bare", Some("bash"), &[Kind::IcSwe].into(), true),
            ("bare", Some("bash"), &[Kind::SweManager].into(), false),
            ("bare", Some("none"), &both, false),
            ("bare", Some(""), &both, false),
            ("bare", None, &both, false),
            ("main", Some("all"), &both, false),
            ("", Some("all"), &both, false),
        ] {
            let mut settings = BTreeMap::from([(MODEL.to_owned(), Value::from(model))]);
            settings.extend(tools.map(|tools| (TOOLS.to_owned(), Value::from(tools))));
            let found = meant("a", &settings, &models, kinds);
            assert_eq!(found.is_err(), refused, "{model} {tools:?} {kinds:?}");
            let Err(error) = found else { continue };
            let text = error.to_string();
            assert!(text.contains("`bare`") && text.contains("`ic-swe`"), "{text}");
            assert!(text.contains("tools = false"), "{text}");
        }
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
