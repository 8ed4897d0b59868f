//! What can be known of a suite beyond its files' form, without an engine for
//! containers and without running anything of it.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use lancet_core::{Capability, Grant, Granter, Role};
use lancet_engine::{Meaning, Runtime, inspect};
use lancet_suite::{Gold, GraderRef, Suite, check_gold};

use crate::catalog::{self, Named};
use crate::exit::Exit;
use crate::failure::Failure;

/// What was found to be in order.
pub(crate) struct Surveyed {
    /// Gold patches that were read.
    pub(crate) gold_patches: usize,
    /// Gold patches that lie in images, and were not.
    pub(crate) gold_in_images: usize,
    /// What is odd, or has to be known before a run.
    pub(crate) warnings: Vec<String>,
}

/// Looks at every grader and gold patch of a suite: a grader has to be what a run
/// would load, with whatever an operator could grant it, and a gold patch has to be one
/// that can be applied to some tree.
///
/// # Errors
/// All that is wrong, at once; when the host itself cannot look, that.
pub(crate) fn survey(suite: &Suite) -> Result<Surveyed, Failure> {
    let mut wrong = Vec::new();
    let mut warnings = Vec::new();
    graders(suite, &mut wrong, &mut warnings)?;
    let gold_patches = golds(suite, &mut wrong);
    match wrong.len() {
        0 => Ok(Surveyed { gold_patches, gold_in_images: in_images(suite), warnings }),
        1 => Err(wrong.remove(0).exit(Exit::Suite)),
        n => {
            let mut message = format!("the suite `{}` cannot be used; {n} to mend:", suite.path().display());
            for failure in wrong {
                message.push_str(&format!("\n  {}", failure.in_a_list()));
            }
            Err(Failure::new(Exit::Suite, message))
        }
    }
}

fn graders(suite: &Suite, wrong: &mut Vec<Failure>, warnings: &mut Vec<String>) -> Result<(), Failure> {
    let references: BTreeSet<_> = suite.tasks().iter().filter_map(|task| task.grader.as_ref()).collect();
    let mut runtime = None;
    for reference in references {
        let named = match catalog::grader(suite, reference) {
            Ok(named) => named,
            Err(failure) => {
                wrong.push(failure);
                continue;
            }
        };
        if let GraderRef::Builtin(_) = reference {
            continue;
        }
        let runtime: &Runtime = match &mut runtime {
            Some(runtime) => runtime,
            none => none.insert(catalog::runtime(NonZeroUsize::MIN)?),
        };
        match catalog::load(runtime, &named, &everything()) {
            Ok(_) => warnings.extend(asks_for(&named)),
            Err(failure) if failure.exit == Exit::Plugin => wrong.push(failure),
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// All that an operator can grant a grader.
fn everything() -> Grant {
    let role = Role::Grader;
    Capability::ALL
        .into_iter()
        .filter(|capability| capability.granter(role) == Granter::Operator)
        .fold(Grant::standard(role), |grant, capability| grant.clone().with(capability).unwrap_or(grant))
}

/// A word on a grader that runs only with a grant.
fn asks_for(named: &Named) -> Option<String> {
    let imports = inspect(&named.component).ok()?.imports;
    let wanted: BTreeSet<_> = imports
        .iter()
        .filter_map(|import| match import.meaning {
            Meaning::Capability(capability) => Some(capability),
            _ => None,
        })
        .filter(|capability| capability.granter(Role::Grader) == Granter::Operator)
        .map(|capability| format!("`--grant grader:{capability}`"))
        .collect();
    let options = wanted.into_iter().collect::<Vec<_>>().join(" ");
    (!options.is_empty())
        .then(|| format!("the grader `{}` is refused without {options}", named.identity.name))
}

/// How many gold patches there are in files of the suite's own. Those in images are
/// the controls' to read.
fn golds(suite: &Suite, wrong: &mut Vec<Failure>) -> usize {
    let mut count = 0;
    for task in suite.tasks() {
        let Some(path) = suite.gold_file(task) else { continue };
        match suite.gold(task) {
            Ok(Some(Gold::File(patch))) => {
                count += 1;
                if let Err(error) = check_gold(&patch) {
                    let message = format!(
                        "{path}: {error}: the gold patch of the task `{}` cannot pass",
                        task.public.id
                    );
                    wrong.push(
                        Failure::new(Exit::Suite, message)
                            .hint("a gold patch is a unified diff from the task's work tree, as `git diff --binary` writes it"),
                    );
                }
            }
            Ok(_) => {}
            Err(error) => wrong.push(error.into()),
        }
    }
    count
}

fn in_images(suite: &Suite) -> usize {
    let environments = suite.tasks().iter().filter_map(|task| task.environment.as_ref());
    environments.filter(|environment| environment.gold_image().is_some()).count()
}
