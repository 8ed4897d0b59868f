//! `lancet run`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lancet_core::{Capability, Granter, Kind, MAX_PATCH_BYTES, Role, TaskId};
use lancet_engine::{ImportProblem, LoadError, Meaning};
use lancet_file::FileError;
use lancet_runner::{Error, Host, Loader, Named, Order, Sandboxes, find, prepare};
use lancet_suite::{Suite, SuiteTask};

use super::report;
use crate::arguments::{Global, Run};
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::gate::{Gate, guarded};
use crate::prediction::shown;
use crate::progress::Progress;
use crate::render::{either, numbered};
use crate::session::{block_on, execute};

/// The most attempts of a run. Those that are still to be made are kept in memory.
const MOST_ATTEMPTS: u64 = 200_000;

/// Starts a run and executes it.
pub(crate) fn main(arguments: &Run, global: &Global) -> Result<Exit, Failure> {
    // Everything that can be wrong is found before anything is written.
    let suite = Suite::open(&arguments.suite)?;
    let selected = lancet_suite::select(&suite, arguments.kind.map(Kind::from), &arguments.tasks)
        .map_err(|e| Failure::from(e).exit(Exit::Usage))?;
    let attempts = selected.len() as u64 * u64::from(arguments.attempts.get());
    if attempts > MOST_ATTEMPTS {
        return Err(Failure::usage(format!(
            "{} with {} {} {attempts} attempts, and a run has at most {MOST_ATTEMPTS}",
            numbered(selected.len(), "task"),
            numbered(arguments.attempts.get(), "attempt"),
            either(selected.len(), "is", "each are")
        ))
        .hint("make several runs, of some of the tasks each (`--task`)"));
    }
    let asked = arguments.models.chosen()?;
    let (budgets, settings) = (arguments.models.budgets()?, arguments.models.settings()?);
    let prompt = arguments.models.prompt()?;
    if asked.models.is_empty() && !budgets.is_empty() {
        return Err(Failure::usage("a budget limits what is spent on models, and there are none")
            .hint("choose one with `--model`, or leave `--budget` and `--run-budget` out"));
    }
    let agent_limits = arguments.bounds.agent(!asked.models.is_empty());
    let jobs = arguments.jobs.number_with(&asked.models, &agent_limits);
    let agent = find(Role::Agent, &arguments.agent)?;
    let gate = Gate::of_suite(&arguments.policy, &arguments.isolation, &suite)?;
    gate.limits(&agent_limits, &arguments.bounds.grader())?;
    gate.images(&suite, &selected)?;
    let loader = guarded(jobs, &arguments.isolation, &gate)?;
    if arguments.input.is_some() {
        loader.admit(&agent, Role::Agent)?;
        refuse_unread(&loader, &agent)?;
    }
    let order = Order {
        suite: &suite,
        path: &arguments.suite,
        inputs: inputs(arguments.input.as_deref(), &suite, &selected)?,
        selected,
        kind: arguments.kind.map(Kind::from),
        patterns: arguments.tasks.clone(),
        agent,
        seed: arguments.seed,
        attempts: arguments.attempts,
        grants: arguments.grants.clone(),
        agent_limits,
        grader_limits: arguments.bounds.grader(),
        control: None,
        models: asked.models,
        scripts: asked.scripts,
        budgets,
        settings,
        prompt,
    };
    let progress = Progress::new(global.quiet);
    let names_models = !order.models.is_empty();
    let prepared = block_on(async {
        let prepared = prepare(&loader, order, &*progress).await;
        prepared.map_err(|error| match is_ungranted(&error) && names_models {
            // Who names a model for a grader and does not grant it has left an option out.
            true => Failure::from(error).exit(Exit::Usage),
            false => error.into(),
        })
    })?;
    if prepared.spec().is_control() {
        warn(&format!(
            "agent `{}` is granted the answers: this run is a control of the suite, and no result",
            prepared.spec().agent.name
        ));
    }
    let store = super::open_store(global)?;
    let host = Host { store, loader, sandboxes: Sandboxes::new(arguments.docker.options()) };
    block_on(async {
        let (run, exit) = Box::pin(execute(&host, prepared, jobs, progress)).await?;
        report::print_outcome(&host.store, &run, arguments.format.kind, exit).await
    })
}

/// Whether a plugin lacks models, or more, and nothing that the operator cannot grant.
fn is_ungranted(error: &Error) -> bool {
    let Error::Load(LoadError::Imports { problems, .. }) = error else { return false };
    let granted_by_operator = |problem: &ImportProblem| match problem.import.meaning {
        Meaning::Capability(capability) => capability.granter(problem.role) == Granter::Operator,
        _ => false,
    };
    let model = Meaning::Capability(Capability::Model);
    problems.0.iter().all(granted_by_operator) && problems.0.iter().any(|it| it.import.meaning == model)
}

/// Refuses to give something to an agent that cannot take it. What is no agent at all is
/// refused when it is loaded.
fn refuse_unread(loader: &Loader, agent: &Named) -> Result<(), Failure> {
    // `workspace` has `apply-input`.
    const TAKES: [Meaning; 2] =
        [Meaning::Capability(Capability::Input), Meaning::Capability(Capability::Workspace)];
    let Ok(inspection) = loader.inspect(agent) else { return Ok(()) };
    if inspection.imports.iter().any(|import| TAKES.contains(&import.meaning)) {
        return Ok(());
    }
    let name = &agent.identity.name;
    Err(Failure::usage(format!("the agent `{name}` would never see what `--input` gives it"))
        .hint("it imports neither `input` nor `workspace`: leave the option out, or run another agent"))
}

/// What the agent is given: one file for every task, or a folder with one per task,
/// named by the task's id, with any ending.
fn inputs(
    path: Option<&Path>,
    suite: &Suite,
    tasks: &[&SuiteTask],
) -> Result<BTreeMap<TaskId, Arc<str>>, Failure> {
    let Some(path) = path else { return Ok(BTreeMap::new()) };
    let failed = |path: &Path, e: &std::io::Error| {
        Failure::file("read the input", path, e).exit(Exit::Usage).hint(
            "`--input` takes one file for every task, or a folder with one per task, named by the task's id",
        )
    };
    if !path.is_dir() {
        let text: Arc<str> = read(path).map_err(|e| failed(path, &e))?.into();
        return Ok(tasks.iter().map(|task| (task.public.id.clone(), Arc::clone(&text))).collect());
    }
    let files = path.read_dir().and_then(|files| files.map(|file| Ok(file?.path())).collect());
    let files = files.map_err(|e: std::io::Error| failed(path, &e))?;
    let ids = suite.tasks().iter().map(|task| task.public.id.as_str()).collect();
    let named = named(path, files, &ids)?;
    let mut inputs = BTreeMap::new();
    for task in tasks {
        if let Some(file) = named.get(task.public.id.as_str()) {
            inputs.insert(task.public.id.clone(), read(file).map_err(|e| failed(file, &e))?.into());
        }
    }
    if inputs.is_empty() {
        let problem = match tasks {
            [task] => format!("`{}` has no file for the task `{}`", path.display(), task.public.id),
            tasks => {
                format!("`{}` has no file for any of the {} tasks of the run", path.display(), tasks.len())
            }
        };
        return Err(Failure::usage(problem).hint("name each file by its task, for example `15193.patch`"));
    }
    if let Some(task) = tasks.iter().find(|task| !inputs.contains_key(&task.public.id)) {
        let (missing, all) = (tasks.len() - inputs.len(), tasks.len());
        warn(&format!(
            "`{}` has no file for {missing} of {}, `{}` for one: {} given nothing",
            path.display(),
            numbered(all, "task"),
            task.public.id,
            either(missing, "its agent is", "their agents are")
        ));
    }
    Ok(inputs)
}

/// The files of a folder, by the tasks of the suite that they are named by. A name that is
/// no task's would leave a task without what was meant for it, and of two files for one task
/// either could count, so both are refused. Hidden files are those of editors and systems.
fn named(
    folder: &Path,
    mut files: Vec<PathBuf>,
    ids: &BTreeSet<&str>,
) -> Result<BTreeMap<String, PathBuf>, Failure> {
    const HINT: &str =
        "each file is named by its task, for example `15193.patch`, once; keep others elsewhere";
    files.sort();
    let mut named = BTreeMap::<String, PathBuf>::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let Some(id) = [&name, &stem].into_iter().find(|name| ids.contains(name.as_str())) else {
            let problem = format!("`{}`: `{}` is named by no task", folder.display(), shown(&name));
            return Err(Failure::usage(problem).hint(HINT));
        };
        if let Some(first) = named.insert(id.clone(), file.clone()) {
            let first = first.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let problem =
                format!("`{}`: `{first}` and `{name}` are both for the task `{id}`", folder.display());
            return Err(Failure::usage(problem).hint(HINT));
        }
    }
    Ok(named)
}

/// Never more than any task lets be given; the task's own limit is looked at when the
/// agent is known.
fn read(path: &Path) -> std::io::Result<String> {
    let most = MAX_PATCH_BYTES as u64;
    let bytes = lancet_file::read(path, most).map_err(|error| match error {
        FileError::TooLarge(_) => std::io::Error::other(format!(
            "it has more than {most} bytes ({} MiB), which no task allows",
            most >> 20
        )),
        error => error.into(),
    })?;
    String::from_utf8(bytes).map_err(|_| std::io::Error::other("stream did not contain valid UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_of_a_folder_is_for_one_task() {
        let ids = ["1", "a", "a.b", "at-the-top"].into();
        let of = |names: &[&str]| {
            let files = names.iter().map(|name| Path::new("in").join(name)).collect();
            named(Path::new("in"), files, &ids)
        };
        let found = of(&["at-the-top.patch", "a.b", "a.txt", "1", ".DS_Store", ".1.swp"]).unwrap();
        let found: Vec<_> = found.iter().map(|(id, file)| (id.as_str(), file.to_str().unwrap())).collect();
        assert_eq!(
            found,
            [("1", "in/1"), ("a", "in/a.txt"), ("a.b", "in/a.b"), ("at-the-top", "in/at-the-top.patch")]
        );
        for (names, expected) in [
            (
                &["at-the-top.patch", "at-the-top.diff"][..],
                "`at-the-top.diff` and `at-the-top.patch` are both",
            ),
            (&["a.txt", "a"], "for the task `a`"),
            (&["1.patch", "1.patch~"], "are both for the task `1`"),
            (&["1", "at_the_top.patch"], "`at_the_top.patch` is named by no task"),
            (&["1.patch.txt"], "named by no task"),
            (&["README.md", "1"], "named by no task"),
            (&["\u{1b}[31m"], "`\\u{1b}[31m` is named by no task"),
        ] {
            let failure = format!("{:?}", of(names).unwrap_err());
            assert!(
                failure.contains(expected) || failure.contains(&expected.escape_debug().to_string()),
                "{failure}"
            );
        }
    }
}
