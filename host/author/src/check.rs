//! Looks for what is wrong with a plugin: by its bytes, and by what it does on inputs that are
//! made to break it.

mod component;
mod execution;
mod finding;
mod judgement;
mod submission;
mod work;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lancet_core::{Capability, CheckedPlugin, Configuration, Limits, Request, Role, Severity, Sha256};
use lancet_engine::{EngineError, Inspection, LoadError, Meaning, NotAPlugin, Plugin};
use lancet_package::{Property, Schema, SettingType};
use serde_json::{Value, json};

use self::execution::{Conditions, End, Input, Seen, Took, execute};
use self::finding::{
    CONFIGURATION, DEPENDS_ON_CHANCE, DEPENDS_ON_LIMITS, FIXTURE_UNUSED, FIXTURES_LEFT_OUT, Findings,
    LIMITS_TOO_LOW, MODELS_UNTRIED, NEVER_USED, NOT_DETERMINISTIC, Rule, SETTINGS_UNTRIED, SLOW,
    UNKNOWN_SETTING, UNREAD_SETTING, UNTRIED,
};
use crate::fixture::{Fixture, FixtureError};

/// How many calls of a plugin are made at a time where it must not matter.
pub const CHECK_JOBS: usize = 4;

/// The most fixtures that inputs are made of.
const MAX_FIXTURES: usize = 20;

/// The most bytes of those together: some hundred inputs are made of each, and all are held in
/// memory. 4 MiB.
const MAX_FIXTURES_BYTES: usize = 4 << 20;

/// How much of a limit a plugin may use without a word: three quarters.
const COMFORTABLE: (u64, u64) = (3, 4);

/// What is to be checked.
pub struct Subject<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Its bytes.
    pub component: &'a [u8],
    /// What it is by them.
    pub inspected: Result<Inspection, NotAPlugin>,
    /// Fixtures of it, from which further inputs are made: each with its name, and as it was read.
    pub fixtures: Vec<(String, Result<Fixture, FixtureError>)>,
}

/// A plugin that is tried, and what each call of it may use.
struct Trial {
    plugin: Plugin,
    limits: Limits,
    /// Whether it is tried on nothing but what nothing is the matter with.
    only_bases: bool,
}

/// How many calls may take most of the fuel before the rest is left out, one that is ended for it or
/// by the clock counting twice: each costs as much time as a limit lets it, and one is enough to be
/// told of.
const MAX_COSTLY: usize = 6;

/// Checks a plugin. `load` is called once it is known to be one, to have it under
/// [`widest`](crate::widest), [`CHECK_JOBS`] calls at a time. The same bytes give the same
/// findings each time.
///
/// # Errors
/// Only when the host is at fault; whatever is wrong with the plugin is a finding.
pub async fn check<E: From<EngineError>>(
    subject: Subject<'_>,
    load: impl FnOnce(Role) -> Result<Result<Plugin, LoadError>, E>,
) -> Result<CheckedPlugin, E> {
    within(subject, false, crate::limits, load).await
}

/// The same under other limits, and if so on nothing but what nothing is the matter with.
async fn within<E: From<EngineError>>(
    subject: Subject<'_>,
    only_bases: bool,
    limits: impl FnOnce(&Plugin) -> Limits,
    load: impl FnOnce(Role) -> Result<Result<Plugin, LoadError>, E>,
) -> Result<CheckedPlugin, E> {
    let mut findings = Findings::default();
    let digest = Sha256::of(subject.component);
    let mut checked = CheckedPlugin {
        plugin: subject.name.to_owned(),
        digest,
        role: subject.inspected.as_ref().ok().map(|inspection| inspection.role),
        inputs: 0,
        executions: 0,
        most_fuel: 0,
        most_memory_bytes: 0,
        errors: 0,
        warnings: 0,
        findings: Vec::new(),
    };
    match &subject.inspected {
        Err(cause) => component::not_a_plugin(cause, &mut findings),
        Ok(inspection) => {
            component::inspected(subject.component, inspection, &mut findings);
            match load(inspection.role)? {
                Err(LoadError::Engine(error)) => return Err(error.into()),
                Err(cause) => component::not_loaded(&cause, &mut findings),
                Ok(plugin) => {
                    let trial = Trial { limits: limits(&plugin), only_bases, plugin };
                    trial.run(inspection, subject.fixtures, &mut checked, &mut findings).await?;
                }
            }
        }
    }
    checked.errors = findings.count(Severity::Error);
    checked.warnings = findings.count(Severity::Warning);
    checked.findings = findings.into_sorted();
    Ok(checked)
}

impl Trial {
    /// Executes the plugin on everything.
    async fn run(
        &self,
        inspection: &Inspection,
        fixtures: Vec<(String, Result<Fixture, FixtureError>)>,
        checked: &mut CheckedPlugin,
        findings: &mut Findings,
    ) -> Result<(), EngineError> {
        let plugin = &self.plugin;
        let kept = usable(plugin, fixtures, findings);
        let (calls, is_whole, settings) = match plugin.role() {
            Role::Grader => {
                let Some(settings) = settings(plugin, &kept) else {
                    let seen = "a setting that has to be given takes no value that could be made up";
                    findings.add(SETTINGS_UNTRIED, "its settings", seen);
                    return Ok(());
                };
                if plugin.has(Capability::Model) {
                    let seen = "it imports `model`, and was told no answers of models but its fixtures'";
                    findings.add(MODELS_UNTRIED, "all inputs", seen);
                }
                let mut inputs = submission::inputs(plugin, &kept, &settings);
                inputs.retain(|input| input.is_base || !self.only_bases);
                let seen =
                    self.tried(&inputs, |input| (input.is_base, input.is_huge), checked, findings).await?;
                judgement::graders(&inputs, &seen, findings);
                let schema = plugin.manifest().map(|manifest| &manifest.settings);
                let declared = schema.map(|schema| schema.properties.keys().cloned().collect());
                (Calls::of(&seen), seen.len() == inputs.len(), declared.unwrap_or_default())
            }
            Role::Agent => {
                let configuration = plugin.describe().await?.unwrap_or_else(|fault| {
                    findings.add(CONFIGURATION, "asking what can be set of it", fault.to_string());
                    Configuration::default()
                });
                let mut inputs = work::inputs(plugin, &kept, &configuration);
                inputs.retain(|input| input.is_base || !self.only_bases);
                let seen =
                    self.tried(&inputs, |input| (input.is_base, input.is_huge), checked, findings).await?;
                judgement::agents(&inputs, &seen, findings);
                let declared = configuration.settings.iter().map(|setting| setting.name.clone());
                (Calls::of(&seen), seen.len() == inputs.len(), declared.collect())
            }
        };
        for import in &inspection.imports {
            let Meaning::Capability(capability) = import.meaning else { continue };
            // A log may be for what did not happen, and WASI is its language's.
            let is_none = matches!(capability, Capability::Log | Capability::WasiInert);
            if is_none || !is_whole || calls.capabilities.contains(&capability) {
                continue;
            }
            let seen = format!("it imports `{capability}`, and called none of it on anything that was tried");
            let change = format!("{} (`{capability}`)", NEVER_USED.change);
            findings.tell(NEVER_USED.severity, NEVER_USED.code, "all inputs".to_owned(), seen, change);
        }
        for name in calls.settings.difference(&settings) {
            let seen = format!("it reads the setting `{name}`, and declares {}", named(&settings));
            findings.add(UNKNOWN_SETTING, "all inputs", seen);
        }
        for name in settings.difference(&calls.settings).filter(|_| is_whole) {
            let seen = format!("it declares the setting `{name}`, and read it on nothing that was tried");
            findings.add(UNREAD_SETTING, "all inputs", seen);
        }
        Ok(())
    }

    /// Executes the plugin on all inputs, one at a time and then several at a time, and where
    /// nothing is the matter under conditions that must not matter; compares, and says what it
    /// cost. `sort` tells of an input whether nothing is the matter with it, and whether it is
    /// huge. Gives what was seen of the first inputs, mostly all.
    async fn tried<I: Input>(
        &self,
        inputs: &[Arc<I>],
        sort: impl Fn(&I) -> (bool, bool),
        checked: &mut CheckedPlugin,
        findings: &mut Findings,
    ) -> Result<Vec<(Seen, Took)>, EngineError> {
        let Self { plugin, limits, .. } = self;
        let mut first = Vec::with_capacity(inputs.len());
        let mut costly = 0;
        for input in inputs {
            let one = execute(plugin, limits, std::slice::from_ref(input), 1, Conditions::default()).await?;
            for (seen, _) in &one {
                let is_ended = judgement::is_of_time(seen);
                let takes_most = is_ended || is_most(seen.fuel.unwrap_or_default(), limits.fuel);
                costly += usize::from(is_ended) + usize::from(!sort(input).1 && takes_most);
            }
            first.extend(one);
            if costly >= MAX_COSTLY {
                break;
            }
        }
        if first.len() < inputs.len() {
            let (all, left_out) = (inputs.len(), inputs.len() - first.len());
            let seen =
                format!("{left_out} of {all} were left out, since it takes most of its fuel each time");
            findings.add(UNTRIED, "all inputs", seen);
        }
        let whole = |index: &usize| !judgement::is_of_limits(&first[*index].0);
        let again: Vec<_> = (0..first.len()).filter(whole).collect();
        let repeated: Vec<_> = again.iter().map(|index| Arc::clone(&inputs[*index])).collect();
        let second = execute(plugin, limits, &repeated, CHECK_JOBS, Conditions::default()).await?;
        for ((input, index), (then, _)) in repeated.iter().zip(&again).zip(&second) {
            if let Some(difference) = first[*index].0.difference(then, true) {
                let tried = format!("{}, executed twice, {CHECK_JOBS} at a time then", input.tried());
                findings.add(NOT_DETERMINISTIC, tried, difference);
            }
        }
        for (seen, took) in &first {
            checked.most_fuel = checked.most_fuel.max(seen.fuel.unwrap_or_default());
            checked.most_memory_bytes = checked.most_memory_bytes.max(took.memory);
        }
        checked.inputs = first.len();
        checked.executions += first.len() + second.len();
        self.cost(inputs, &first, |input| sort(input).1, findings);
        let bases = again.iter().filter(|index| sort(&inputs[**index]).0).copied().collect();
        self.otherwise(inputs, &first, (bases, again), checked, findings).await?;
        Ok(first)
    }

    /// Executes the plugin under conditions that must not matter.
    async fn otherwise<I: Input>(
        &self,
        inputs: &[Arc<I>],
        first: &[(Seen, Took)],
        (bases, whole): (Vec<usize>, Vec<usize>),
        checked: &mut CheckedPlugin,
        findings: &mut Findings,
    ) -> Result<(), EngineError> {
        let Self { plugin, limits, .. } = self;
        let wider = Limits {
            fuel: limits.fuel.saturating_mul(2),
            memory_bytes: limits.memory_bytes.saturating_mul(2).min(Limits::MAX_MEMORY_BYTES),
            ..limits.clone()
        };
        let of = |indices: &[usize]| -> Vec<_> {
            indices.iter().map(|index| Arc::clone(&inputs[*index])).collect()
        };
        let of_limits = execute(plugin, &wider, &of(&bases), 1, Conditions::default()).await?;
        let mut runs = vec![(DEPENDS_ON_LIMITS, "with twice the memory and fuel", bases.clone(), of_limits)];
        if plugin.role() == Role::Grader {
            // Only by WASI does a grader get any, and it need not draw one where all is well.
            let indices = if plugin.has(Capability::WasiInert) { whole } else { bases };
            let other = Conditions { other_seed: true };
            let of_chance = execute(plugin, limits, &of(&indices), CHECK_JOBS, other).await?;
            runs.push((DEPENDS_ON_CHANCE, "with other random numbers", indices, of_chance));
        }
        for (rule, how, indices, run) in runs {
            checked.executions += run.len();
            for (index, (then, _)) in indices.iter().zip(&run) {
                if let Some(difference) = first[*index].0.difference(then, false) {
                    findings.add(rule, format!("{}, {how}", inputs[*index].tried()), difference);
                }
            }
        }
        Ok(())
    }

    /// Looks at what the plugin used against what it has, and what it says that it needs.
    fn cost<I: Input>(
        &self,
        inputs: &[Arc<I>],
        seen: &[(Seen, Took)],
        is_huge: impl Fn(&I) -> bool,
        findings: &mut Findings,
    ) {
        let needs = self.plugin.manifest().map(|manifest| manifest.limits).unwrap_or_default();
        for (input, (seen, took)) in inputs.iter().zip(seen).filter(|(input, _)| !is_huge(input)) {
            let fuel = seen.fuel.unwrap_or_default();
            let memory_mib = took.memory.div_ceil(1 << 20);
            for (key, needed, used) in
                [("fuel", needs.fuel, fuel), ("memory-mib", needs.memory_mib, memory_mib)]
            {
                if let Some(needed) = needed.filter(|needed| used > *needed) {
                    let seen = format!("its manifest has `limits.{key} = {needed}`, and it used {used}");
                    findings.add(LIMITS_TOO_LOW, input.tried(), seen);
                }
            }
            // What was ended for it is told elsewhere.
            let most = self.costly(seen, *took).filter(|_| !judgement::is_of_limits(seen));
            if let Some((what, used, limit)) = most {
                findings.add(SLOW, input.tried(), format!("it used {used} {what} of {limit}"));
            }
        }
    }

    /// Of which limit a call took most, with what it took and the limit. Not of time, which is
    /// the machine's as well.
    fn costly(&self, seen: &Seen, took: Took) -> Option<(&'static str, u64, u64)> {
        let limits = &self.limits;
        let used = [
            ("fuel", seen.fuel.unwrap_or_default(), limits.fuel),
            ("bytes of memory", took.memory, limits.memory_bytes),
        ];
        used.into_iter().find(|(_, used, limit)| is_most(*used, *limit))
    }
}

/// Whether that is most of a limit.
fn is_most(used: u64, limit: u64) -> bool {
    used > limit / COMFORTABLE.1 * COMFORTABLE.0
}

/// The fixtures that inputs are made of. What is wrong with the others is told.
fn usable(
    plugin: &Plugin,
    fixtures: Vec<(String, Result<Fixture, FixtureError>)>,
    findings: &mut Findings,
) -> Vec<Fixture> {
    let (mut kept, mut bytes, mut left_out) = (Vec::new(), 0_usize, 0_usize);
    for (name, fixture) in fixtures {
        match fixture.and_then(|fixture| fixture.contents(plugin).map(|_| fixture)) {
            Ok(fixture) => {
                let is_over = kept.len() >= MAX_FIXTURES || bytes + fixture.bytes > MAX_FIXTURES_BYTES;
                // Those that are taken are the first ones, so that it can be said which.
                if is_over || left_out > 0 {
                    left_out += 1;
                } else {
                    bytes += fixture.bytes;
                    kept.push(fixture);
                }
            }
            Err(why) => {
                let Rule { severity, code, change } = FIXTURE_UNUSED;
                let change = why.hint.as_ref().map_or(change.to_owned(), |hint| format!("{change}; {hint}"));
                findings.tell(severity, code, format!("the fixture `{name}`"), why.to_string(), change);
            }
        }
    }
    if left_out > 0 {
        let tried = format!("the fixtures after the first {}", kept.len());
        let seen = format!("{left_out} were left out: at most {MAX_FIXTURES} are taken, of 4 MiB together");
        findings.add(FIXTURES_LEFT_OUT, tried, seen);
    }
    kept
}

/// What was called in all that was seen.
struct Calls {
    capabilities: BTreeSet<Capability>,
    /// The settings that were read, by name.
    settings: BTreeSet<String>,
}

impl Calls {
    fn of(seen: &[(Seen, Took)]) -> Self {
        let requests = || seen.iter().flat_map(|(seen, _)| &seen.requests);
        let interfaces = requests().filter_map(|request| request.name().split('.').next());
        let settings = requests().filter_map(|request| match request {
            Request::SettingsValue { name } => Some(name.clone()),
            _ => None,
        });
        Self {
            capabilities: interfaces.filter_map(Capability::of_interface).collect(),
            settings: settings.collect(),
        }
    }
}

/// Names in a list, for people.
fn named(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// What is set of a grader when no fixture says otherwise: its defaults, and what could be made up.
fn settings(plugin: &Plugin, fixtures: &[Fixture]) -> Option<BTreeMap<String, Value>> {
    let Some(manifest) = plugin.manifest() else { return Some(BTreeMap::new()) };
    let schema: &Schema = &manifest.settings;
    let given = fixtures.iter().map(|fixture| fixture.file.settings.clone());
    let made_up = schema.required.iter().filter_map(|name| {
        let property = schema.properties.get(name)?;
        Some((name.clone(), property.default.clone().or_else(|| some(property))?))
    });
    given.chain([made_up.collect()]).find_map(|given| schema.resolve(&given).ok())
}

/// A value that a setting may take.
fn some(property: &Property) -> Option<Value> {
    if let Some(first) = property.choices.as_ref().and_then(|choices| choices.first()) {
        return Some(first.clone());
    }
    let bound = property.minimum.clone().or_else(|| property.maximum.clone());
    Some(match property.kind {
        SettingType::String => json!("a"),
        SettingType::Boolean => json!(false),
        SettingType::Integer | SettingType::Number => bound.map_or_else(|| json!(0), Value::Number),
    })
}

#[cfg(test)]
mod tests;
