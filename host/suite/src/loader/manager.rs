//! What a manager's agent reads before it chooses, where its task has an environment.

use std::collections::BTreeMap;

use lancet_core::Environment;

use super::Context;
use super::environment::{adjusted, template, unpinned};
use super::plan::{Subject, leaks};
use crate::environment::TaskEnvironment;
use crate::format::{EnvironmentEntry, Profile};
use crate::problem::shown;
use crate::profile;
use crate::rules::Rules;

/// The digits of a commit's whole name.
const COMMIT_DIGITS: usize = 40;

/// Whether a text is the whole name of a commit, as a task of the profile `swe-lancer`
/// has to name one.
#[must_use]
pub fn is_commit(text: &str) -> bool {
    text.len() == COMMIT_DIGITS && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The work tree and the image that it lies in: nothing is tested in it.
pub(super) fn repository(
    rules: &mut Rules<'_>,
    subject: &Subject<'_>,
    name: &str,
    entry: &EnvironmentEntry,
    context: &Context<'_>,
) -> Option<TaskEnvironment> {
    let template = match entry.profile {
        Some(Profile::SweLancer) => swe_lancer(rules, subject, name, entry)?,
        None => template(name, entry),
    };
    leaks(rules, subject, entry, context);
    Some(TaskEnvironment { template, profile: entry.profile, gold: None, laid: BTreeMap::new() })
}

/// The repository of the image of all issues, as it was before the task's commit.
fn swe_lancer(
    rules: &mut Rules<'_>,
    subject: &Subject<'_>,
    name: &str,
    entry: &EnvironmentEntry,
) -> Option<Environment> {
    let Some(image) = &entry.image else {
        let message =
            "a manager's repository is in the image of all issues, which the environment does not name";
        rules.problem("environment", message).hint = Some(format!(
            "set `image` of [environments.{}] to an image like `swelancer/swelancer_x86_monolith:releasev1`",
            shown(name)
        ));
        return None;
    };
    let source = subject.file.source.as_ref();
    let Some(commit) = source.and_then(|source| source.commit.as_deref()) else {
        rules.problem("source.commit", "missing: the repository is read as it was before that commit").hint =
            Some("add the `manager_commit` of the task's row, or leave `environment` out".to_owned());
        return None;
    };
    if !is_commit(commit) {
        let message =
            format!("`{}` is no commit: expected {COMMIT_DIGITS} hexadecimal digits", shown(commit));
        rules.problem("source.commit", message);
        return None;
    }
    Some(adjusted(profile::repository(name, unpinned(image), commit), entry))
}
