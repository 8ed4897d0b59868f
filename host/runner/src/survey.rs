//! What can be known of a suite beyond its files' form, without an engine for
//! containers and without running anything of it.

use std::collections::BTreeSet;

use lancet_core::{Capability, CheckedGrader, Grant, Granter, PATCH_DOES_NOT_APPLY, PackageIdentity, Role};
use lancet_engine::{Compiler, LoadError, Plugin, Runtime, inspect};
use lancet_suite::{Case, CaseSubmission, Gold, GraderRef, Suite, SuiteTask, check_gold};

use crate::catalog::{self, Loader, Named};
use crate::error::Error;
use crate::gate::Gate;
use crate::grader_settings;

/// What was found out of a suite.
#[derive(Debug)]
pub struct Surveyed {
    /// Gold patches that were read.
    pub gold_patches: usize,
    /// Gold patches that lie in images, and were not.
    pub gold_in_images: usize,
    /// All that is wrong.
    pub wrong: Vec<Error>,
    /// Graders that run only with a grant.
    pub demanding: Vec<Demanding>,
    /// The graders that a run would load.
    pub graders: Vec<CheckedGrader>,
}

/// A grader that runs only with a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demanding {
    /// The grader, as the suite names it.
    pub grader: String,
    /// What an operator has to grant it.
    pub capabilities: BTreeSet<Capability>,
}

/// Looks at every grader, gold patch and case of a suite: a grader has to be what a run
/// would load, with whatever an operator could grant it, and a gold patch has to be one
/// that can be applied to some tree, as has the patch of a case that is not about that. `gate` is asked for each grader; `loader`, which
/// has it too, is asked for when a suite has a grader of its own.
///
/// # Errors
/// When the host itself cannot look.
pub fn survey(
    suite: &Suite,
    gate: &dyn Gate,
    loader: impl FnOnce() -> Result<Loader, Error>,
) -> Result<Surveyed, Error> {
    let mut surveyed = Surveyed {
        gold_patches: 0,
        gold_in_images: in_images(suite),
        wrong: Vec::new(),
        demanding: Vec::new(),
        graders: Vec::new(),
    };
    graders(suite, gate, loader, &mut surveyed)?;
    surveyed.gold_patches = golds(suite, &mut surveyed.wrong);
    let cases = suite.tasks().iter().flat_map(|task| task.cases.iter().map(move |case| (task, case)));
    surveyed.wrong.extend(cases.filter_map(|(task, case)| bad_case(suite, task, case)));
    Ok(surveyed)
}

fn graders(
    suite: &Suite,
    gate: &dyn Gate,
    loader: impl FnOnce() -> Result<Loader, Error>,
    surveyed: &mut Surveyed,
) -> Result<(), Error> {
    let references: BTreeSet<_> = suite.tasks().iter().filter_map(|task| task.grader.as_ref()).collect();
    let (mut make, mut made) = (Some(loader), None);
    for reference in references {
        let named = match catalog::grader(suite, reference) {
            Ok(named) => named,
            Err(error) => {
                surveyed.wrong.push(error);
                continue;
            }
        };
        if let GraderRef::Builtin(_) = reference {
            // What came with this program is not loaded to be looked at.
            let look = || Ok(Runtime::inspect(&named.identity.name, &named.component, &Compiler::Here)?);
            match gate.admit(&named, Role::Grader, &look) {
                Err(error @ Error::NotLetIn { .. }) => surveyed.wrong.push(error),
                asked => asked?,
            }
            if let Ok(inspection) = inspect(&named.component) {
                surveyed.graders.push(checked(suite, reference, &named, None, &inspection.capabilities()));
            }
            continue;
        }
        if let Some(make) = make.take() {
            made = Some(make()?);
        }
        let Some(loader) = &made else { break };
        match loader.load(&named, &everything()) {
            Ok(grader) => {
                surveyed.demanding.extend(asks_for(&grader));
                surveyed.graders.push(checked(
                    suite,
                    reference,
                    &named,
                    grader.package(),
                    grader.capabilities(),
                ));
                let judged = suite.tasks().iter().filter(|task| task.grader.as_ref() == Some(reference));
                let refused = |task: &SuiteTask| {
                    grader_settings::survey(&grader, &task.public.id, &task.grader_settings).err()
                };
                surveyed.wrong.extend(judged.filter_map(refused));
            }
            Err(error @ Error::NotLetIn { .. }) => surveyed.wrong.push(error),
            Err(Error::Load(error)) if !matches!(error, LoadError::Engine(_)) => {
                surveyed.wrong.push(error.into());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What is told of a grader that a run would load.
fn checked(
    suite: &Suite,
    reference: &GraderRef,
    named: &Named,
    package: Option<PackageIdentity>,
    imports: &BTreeSet<Capability>,
) -> CheckedGrader {
    let judged = suite.tasks().iter().filter(|task| task.grader.as_ref() == Some(reference));
    CheckedGrader {
        grader: named.identity.name.clone(),
        digest: named.identity.digest,
        tasks: judged.count() as u64,
        package,
        imports: imports.iter().copied().collect(),
    }
}

/// What is wrong with the file of a case.
fn bad_case(suite: &Suite, task: &SuiteTask, case: &Case) -> Option<Error> {
    let text = match suite.case_input(case) {
        Ok(text) => text,
        Err(error) => return Some(error.into()),
    };
    let CaseSubmission::Patch(place) = &case.submission else { return None };
    if case.expected.reason.as_str() == PATCH_DOES_NOT_APPLY {
        return None;
    }
    let error = check_gold(&text).err()?;
    Some(Error::BadCase {
        path: place.path().to_owned(),
        problem: error.to_string(),
        case: case.name.clone(),
        task: task.public.id.clone(),
        expected: case.expected.to_string(),
    })
}

/// All that an operator can grant a grader.
fn everything() -> Grant {
    let role = Role::Grader;
    Capability::ALL
        .into_iter()
        .filter(|capability| capability.granter(role) == Granter::Operator)
        .fold(Grant::standard(role), |grant, capability| grant.clone().with(capability).unwrap_or(grant))
}

/// What a grader cannot run without, of what an operator can grant.
fn asks_for(plugin: &Plugin) -> Option<Demanding> {
    let operators = |capability: &&Capability| capability.granter(Role::Grader) == Granter::Operator;
    let capabilities: BTreeSet<_> = plugin.capabilities().iter().filter(operators).copied().collect();
    (!capabilities.is_empty()).then(|| Demanding { grader: plugin.name().to_owned(), capabilities })
}

/// How many gold patches there are in files of the suite's own. Those in images are
/// the controls' to read.
fn golds(suite: &Suite, wrong: &mut Vec<Error>) -> usize {
    let mut count = 0;
    for task in suite.tasks() {
        let Some(path) = suite.gold_file(task) else { continue };
        match suite.gold(task) {
            Ok(Some(Gold::File(patch))) => {
                count += 1;
                if let Err(error) = check_gold(&patch) {
                    let (problem, task) = (error.to_string(), task.public.id.clone());
                    wrong.push(Error::BadGold { path: path.to_owned(), problem, task });
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
