//! `lancet grade`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use lancet_core::{Kind, MAX_PATCH_BYTES, Role, TaskId};
use lancet_runner::{Host, Order, Sandboxes, find, prepare};
use lancet_suite::{Suite, SuiteTask};

use super::report;
use crate::arguments::{Global, Grade};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gate::{Gate, guarded};
use crate::prediction::{Collection, Prediction, shown};
use crate::progress::Progress;
use crate::session::{block_on, execute};

/// The most bytes of a file of predictions: 1 GiB.
const MAX_PREDICTIONS_BYTES: u64 = 1 << 30;

/// What is to be graded.
#[derive(Debug, Default, PartialEq, Eq)]
struct Predictions {
    /// The patches, by task; `None` when nothing was handed in.
    patches: BTreeMap<String, Option<String>>,
    /// Their tasks in the order of the file, and where it has them: `` `p.jsonl`, line 3``.
    places: Vec<(String, String)>,
    /// The model that made the patches, as the predictions say.
    model: Option<String>,
}

/// Grades patches that were made elsewhere: the agent `patch` hands each in.
pub(crate) fn main(arguments: &Grade, global: &Global) -> Result<Exit, Failure> {
    let suite = Suite::open(&arguments.suite)?;
    let predictions = match (&arguments.predictions, &arguments.patch, &arguments.task) {
        (Some(file), ..) => parse(&read(file, MAX_PREDICTIONS_BYTES)?, file)?,
        (None, Some(file), Some(task)) => {
            let patch = Some(read(file, MAX_PATCH_BYTES as u64)?).filter(|patch| !patch.trim().is_empty());
            let places = vec![(task.clone(), "`--task`".to_owned())];
            Predictions { patches: [(task.clone(), patch)].into(), places, model: None }
        }
        (None, ..) => {
            return Err(Failure::usage("nothing to grade: give --predictions, or --patch and --task"));
        }
    };
    let (selected, inputs) = matched(&suite, predictions.patches, &predictions.places)?;
    let mut agent = find(Role::Agent, "patch")?;
    if let Some(model) = predictions.model {
        agent.identity.name = format!("patch ({model})");
    }
    let jobs = arguments.jobs.number();
    let gate = Gate::of_suite(&arguments.policy, &arguments.isolation, &suite)?;
    gate.limits(&arguments.bounds.agent(false), &arguments.bounds.grader())?;
    gate.images(&suite, &selected)?;
    let order = Order {
        suite: &suite,
        path: &arguments.suite,
        patterns: selected.iter().map(|task| task.public.id.to_string()).collect(),
        selected,
        kind: Some(Kind::IcSwe),
        agent,
        inputs,
        seed: 0,
        attempts: NonZeroU32::MIN,
        grants: Vec::new(),
        agent_limits: arguments.bounds.agent(false),
        grader_limits: arguments.bounds.grader(),
        control: None,
        models: Vec::new(),
        scripts: BTreeMap::new(),
        budgets: lancet_core::Budgets::default(),
        settings: BTreeMap::new(),
        prompt: None,
    };
    let loader = guarded(jobs, &arguments.isolation, &gate)?;
    let progress = Progress::new(global.quiet);
    let prepared = block_on(async { Ok(prepare(&loader, order, &*progress).await?) })?;
    let store = super::open_store(global)?;
    let host = Host { store, loader, sandboxes: Sandboxes::new(arguments.docker.options()) };
    block_on(async {
        let (run, exit) = Box::pin(execute(&host, prepared, jobs, progress)).await?;
        report::print_outcome(&host.store, &run, arguments.format.kind, exit).await
    })
}

/// Tasks, and what the agent is given for each.
type Matched<'a> = (Vec<&'a SuiteTask>, BTreeMap<TaskId, Arc<str>>);

/// The tasks that patches name, with the patches. Nothing is left out in silence, and what is
/// wrong is said of the first in the file.
fn matched<'s>(
    suite: &'s Suite,
    mut patches: BTreeMap<String, Option<String>>,
    places: &[(String, String)],
) -> Result<Matched<'s>, Failure> {
    let mut selected = Vec::new();
    let mut inputs = BTreeMap::new();
    for (id, place) in places {
        let task = id.parse::<TaskId>().ok().and_then(|id| suite.task(&id));
        let Some(task) = task else {
            let message = format!("{place}: the suite `{}` has no task `{}`", suite.name(), shown(id));
            let who = if place == "`--task`" { place } else { "`instance_id`" };
            return Err(Failure::usage(message)
                .hint(format!("{who} has to be a task's id; the suite's folder `tasks/` has them all")));
        };
        if task.public.kind != Kind::IcSwe {
            let message = format!("{place}: the task `{id}` takes no patch: it is a swe-manager task");
            return Err(Failure::usage(message).hint("patches are for ic-swe tasks"));
        }
        if let Some(patch) = patches.remove(id).flatten() {
            inputs.insert(task.public.id.clone(), patch.into());
        }
        selected.push(task);
    }
    if selected.is_empty() {
        return Err(Failure::usage(
            "the file that `--predictions` names has no predictions, expected one or more",
        )
        .hint("it takes a list of objects, or one per line, with `instance_id` and `model_patch`"));
    }
    selected.sort_by(|a, b| a.public.id.cmp(&b.public.id));
    Ok((selected, inputs))
}

fn read(path: &Path, most: u64) -> Result<String, Failure> {
    let failed = |e: &dyn Display| {
        let hint =
            "`--predictions` takes a file of SWE-bench predictions, and `--patch` one with a unified diff";
        Failure::file("read", path, e).exit(Exit::Usage).hint(hint)
    };
    let bytes = lancet_file::read(path, most).map_err(|e| failed(&e))?;
    String::from_utf8(bytes)
        .map_err(|e| failed(&format!("it is no UTF-8 at byte {}", e.utf8_error().valid_up_to())))
}

/// Reads predictions in SWE-bench's three forms: one JSON object per line, an array,
/// or an object with them by their `instance_id`.
fn parse(text: &str, path: &Path) -> Result<Predictions, Failure> {
    let bad = |place: String, problem: String| {
        Failure::usage(format!("`{}`{place}: {problem}", path.display())).hint(
            "expected SWE-bench predictions: objects with `instance_id`, `model_patch` (a text or null) and \
             `model_name_or_path`; one per line in a .jsonl file, or an array or an object of them in a .json file",
        )
    };
    let mut read = Predictions::default();
    let mut model: Option<(String, String)> = None;
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    let mut add = |place: String, prediction: Prediction| {
        let Prediction { instance_id, model_patch, model_name_or_path } = prediction;
        // Said at the second one: there may be as many as predictions.
        let (first, at) = model.get_or_insert_with(|| (model_name_or_path.clone(), place.clone()));
        if *first != model_name_or_path {
            let problem = format!(
                "`model_name_or_path` is `{}`, and `{}` at {at}: a file has predictions of one model",
                shown(&model_name_or_path),
                shown(first)
            );
            return Err(bad(format!(", {place}"), problem));
        }
        if let Some(first) = places.insert(instance_id.clone(), place.clone()) {
            let problem = format!("`{}` has two predictions, the first at {first}", shown(&instance_id));
            return Err(bad(format!(", {place}"), problem));
        }
        read.places.push((instance_id.clone(), format!("`{}`, {place}", path.display())));
        read.patches.insert(instance_id, model_patch.filter(|patch| !patch.trim().is_empty()));
        Ok(())
    };
    if path.extension().is_some_and(|extension| extension == "jsonl") {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = format!("line {}", index + 1);
            // The parser counts the lines of what it is given, which is one.
            let prediction = serde_json::from_str(line).map_err(|e| {
                let problem = e.to_string();
                let end = problem.rfind(" at line ").filter(|_| e.line() > 0).unwrap_or(problem.len());
                bad(format!(", {place}, column {}", e.column()), problem[..end].to_owned())
            })?;
            add(place, prediction)?;
        }
    } else {
        let Collection(predictions) =
            serde_json::from_str(text).map_err(|e| bad(String::new(), e.to_string()))?;
        for (place, prediction) in predictions {
            add(place, prediction)?;
        }
    }
    read.model = model.map(|(model, _)| model);
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"instance_id":"a","model_patch":"diff","model_name_or_path":"m","extra":1}"#;
    const TWO: &str = r#"{"instance_id":"b","model_patch":null,"model_name_or_path":"m"}"#;
    const THREE: &str = r#"{"instance_id":"c","model_patch":" ","model_name_or_path":"m"}"#;

    #[test]
    fn all_three_forms_say_the_same() {
        let lines = parse(&format!("{ONE}\n\n{TWO}\n{THREE}\n"), Path::new("p.jsonl")).unwrap();
        let array = parse(&format!("[{ONE},{TWO},{THREE}]"), Path::new("p.json")).unwrap();
        let object = parse(&format!(r#"{{"a":{ONE},"b":{TWO},"c":{THREE}}}"#), Path::new("p.json")).unwrap();
        for other in [&array, &object] {
            assert_eq!((&lines.patches, &lines.model), (&other.patches, &other.model));
        }
        let places = |read: &Predictions| -> Vec<String> {
            read.places.iter().map(|(id, place)| format!("{id}: {place}")).collect()
        };
        assert_eq!(places(&lines), ["a: `p.jsonl`, line 1", "b: `p.jsonl`, line 3", "c: `p.jsonl`, line 4"]);
        assert_eq!(places(&array)[1], "b: `p.json`, prediction 2");
        let object = parse(&format!(r#"{{"b":{TWO},"a":{ONE}}}"#), Path::new("p.json")).unwrap();
        assert_eq!(places(&object), ["b: `p.json`, prediction `b`", "a: `p.json`, prediction `a`"]);
        assert_eq!(lines.patches["a"].as_deref(), Some("diff"));
        assert_eq!((&lines.patches["b"], &lines.patches["c"]), (&None, &None));
        assert_eq!(lines.model.as_deref(), Some("m"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let problem = |text: &str, file: &str| parse(text, Path::new(file)).unwrap_err().to_string();
        let misnamed = ONE.replace("model_patch", "prediction");
        let unnamed = ONE.replace("model_name_or_path", "model");
        let twice = ONE.replace("\"extra\":1", "\"model_patch\":\"\"");
        let deep = ONE.replace("\"extra\":1", "\"extra\":[{\"x\":1,\"x\":2}]");
        for (text, file, expected) in [
            ("{}".to_owned(), "p.jsonl", "line 1, column|the key `instance_id` is missing; there are: none"),
            (
                format!("{TWO}\n\n{misnamed}\n"),
                "p.jsonl",
                "line 3, column|the key `model_patch` is missing; there are: `extra`, `instance_id`, \
                 `model_name_or_path`, `prediction`",
            ),
            (format!("[\n{TWO},\n{misnamed}]"), "p.json", "prediction 2: the key `model_patch` is missing"),
            (format!("[\n{TWO},\n{misnamed}]"), "p.json", "at line 3 column"),
            (unnamed, "p.jsonl", "the key `model_name_or_path` is missing"),
            (format!("{TWO}\n{twice}"), "p.jsonl", "line 2, column|the key `model_patch` is there twice"),
            (deep.clone(), "p.jsonl", "the key `x` is there twice"),
            (format!("[{deep}]"), "p.json", "prediction 1: the key `x` is there twice at line 1"),
            (
                format!("{{\"a\": {ONE},\n\"a\": {TWO}}}"),
                "p.json",
                "`p.json`: the key `a` is there twice at line 2 column",
            ),
            (
                format!("[{ONE},{ONE}]"),
                "p.json",
                "prediction 2: `a` has two predictions, the first at prediction 1",
            ),
            (format!("{ONE}\n{ONE}"), "p.jsonl", "line 2: `a` has two predictions, the first at line 1"),
            ("3".to_owned(), "p.json", "expected an array or an object of predictions"),
            ("[3]".to_owned(), "p.json", "prediction 1: invalid type: integer `3`"),
            (
                "[{\"instance_id\":1}]".to_owned(),
                "p.json",
                "prediction 1: `instance_id`: invalid type: integer `1`",
            ),
            (format!("{ONE} {TWO}"), "p.jsonl", "line 1, column|trailing characters"),
            (format!("{ONE}\n{TWO}"), "p.json", "prediction `instance_id`: invalid type: string"),
            (
                format!("{ONE}\n{}", TWO.replace("\"m\"", "\"n\\u001b\"")),
                "p.jsonl",
                "line 2: `model_name_or_path` is `n\\u{1b}`, and `m` at line 1: a file has predictions of one model",
            ),
        ] {
            let found = problem(&text, file);
            let is_found = expected.split('|').all(|expected| found.contains(expected));
            assert!(is_found, "expected `{expected}` of\n{text}\nfound: {found}");
        }
    }
}
