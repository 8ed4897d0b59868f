//! What tasks and the operator set of graders: checked before a run by the schema in a
//! grader's manifest, and what a grader reads of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use lancet_core::TaskId;
use lancet_engine::{Plugin, SettingsSource};
use lancet_package::{Schema, SettingError};
use serde_json::Value;

use crate::error::Error;

/// What comes before the name of a setting that is the graders'.
const PREFIX: &str = "grader:";

/// Takes what is set of graders out of what an operator sets, as it is written on a command
/// line.
pub(crate) fn take(settings: &mut BTreeMap<String, String>) -> BTreeMap<String, String> {
    let names: Vec<_> = settings.keys().filter(|name| name.starts_with(PREFIX)).cloned().collect();
    let taken = names.iter().filter_map(|name| settings.remove_entry(name));
    taken.map(|(name, value)| (name[PREFIX.len()..].to_owned(), value)).collect()
}

/// Refuses what an operator sets of graders and none of them has.
pub(crate) fn known<'p>(
    graders: impl Iterator<Item = &'p Plugin>,
    operators: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let mut known: Vec<&str> =
        graders.flat_map(|grader| settable(grader).properties.keys()).map(String::as_str).collect();
    known.sort_unstable();
    known.dedup();
    match operators.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Error::NoGraderSetting {
            name: name.chars().take(80).collect(),
            known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
        }),
    }
}

/// What is set of a task's grader: the operator's word comes before the task's.
///
/// # Errors
/// [`Error::GraderSetting`], with the task, when the schema does not take it.
pub(crate) fn given(
    grader: &Plugin,
    task: &TaskId,
    tasks: &BTreeMap<String, Value>,
    operators: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, Error> {
    let schema = settable(grader);
    let mut given = tasks.clone();
    for (name, text) in operators.iter().filter(|(name, _)| schema.properties.contains_key(*name)) {
        given.insert(
            name.clone(),
            schema.parse(name, text).map_err(|source| refused(grader, task, true, source))?,
        );
    }
    schema.resolve(&given).map_err(|source| refused(grader, task, false, source))?;
    Ok(given)
}

/// Looks at what a task sets of its grader. What it leaves out an operator may give.
///
/// # Errors
/// As [`given`].
pub(crate) fn survey(grader: &Plugin, task: &TaskId, tasks: &BTreeMap<String, Value>) -> Result<(), Error> {
    match settable(grader).resolve(tasks) {
        Ok(_) | Err(SettingError::Missing { .. }) => Ok(()),
        Err(source) => Err(refused(grader, task, false, source)),
    }
}

/// What a grader reads of what is set of it.
///
/// # Errors
/// As [`given`]: another grader than the one that it was checked for may judge.
pub(crate) fn source(
    grader: &Plugin,
    task: &TaskId,
    given: &BTreeMap<String, Value>,
) -> Result<Arc<dyn SettingsSource>, Error> {
    let values = settable(grader).resolve(given).map_err(|source| refused(grader, task, true, source))?;
    Ok(Arc::new(Values(values.into_iter().map(|(name, value)| (name, value.to_string())).collect())))
}

/// What can be set of a grader: nothing, when it is no package.
fn settable(grader: &Plugin) -> &Schema {
    static NOTHING: Schema = Schema::nothing();
    grader.manifest().map_or(&NOTHING, |manifest| &manifest.settings)
}

fn refused(grader: &Plugin, task: &TaskId, of_operator: bool, source: SettingError) -> Error {
    Error::GraderSetting {
        grader: grader.name().to_owned(),
        task: task.clone(),
        of_operator,
        source: Box::new(source),
    }
}

/// Values as JSON, by name.
struct Values(BTreeMap<String, String>);

impl SettingsSource for Values {
    fn value(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn prompt(&self) -> Option<String> {
        None
    }
}
