use std::collections::BTreeMap;
use std::io::Read as _;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use lancet_core::{Kind, Role, TaskId};
use lancet_suite::{Suite, SuiteTask};
use serde::Deserialize;

use super::report;
use crate::arguments::{Global, Grade};
use crate::catalog;
use crate::execution::block_on;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::launch::{Order, prepare};
use crate::sandboxes::Sandboxes;

/// The most bytes of a file of predictions: 1 GiB.
const MAX_PREDICTIONS_BYTES: u64 = 1 << 30;

/// A prediction in the form of SWE-bench. Other keys are none of ours.
#[derive(Debug, Deserialize)]
struct Prediction {
    instance_id: String,
    /// Null or empty: nothing was handed in.
    model_patch: Option<String>,
    model_name_or_path: String,
}

/// What is to be graded.
#[derive(Debug, Default, PartialEq, Eq)]
struct Predictions {
    /// By task; `None` when nothing was handed in.
    patches: BTreeMap<String, Option<String>>,
    /// Who made them, as they say.
    model: Option<String>,
}

/// Grades patches that were made elsewhere: the agent `patch` hands each in.
pub(crate) fn main(arguments: &Grade, global: &Global) -> Result<Exit, Failure> {
    let suite = Suite::open(&arguments.suite)?;
    let predictions = match (&arguments.predictions, &arguments.patch, &arguments.task) {
        (Some(file), ..) => parse(&read(file)?, file)?,
        (None, Some(file), Some(task)) => {
            Predictions { patches: [(task.clone(), Some(read(file)?))].into(), model: None }
        }
        (None, ..) => {
            return Err(Failure::usage("nothing to grade: give --predictions, or --patch and --task"));
        }
    };
    let (selected, inputs) = matched(&suite, predictions.patches)?;
    let mut agent = catalog::find(Role::Agent, "patch")?;
    if let Some(model) = predictions.model {
        agent.identity.name = format!("patch ({model})");
    }
    let jobs = arguments.jobs.number();
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
        bounds: &arguments.bounds,
        control: None,
    };
    let ready = prepare(order, jobs)?;
    let store = super::open_store(global)?;
    let sandboxes = Sandboxes::new(&arguments.docker);
    block_on(async {
        let (run, exit) = ready.execute(&store, sandboxes, jobs, global.quiet).await?;
        report::print_outcome(&store, &run, arguments.format.kind, exit).await
    })
}

/// The tasks that patches name, with the patches. Nothing is left out in silence.
fn matched(
    suite: &Suite,
    patches: BTreeMap<String, Option<String>>,
) -> Result<(Vec<&SuiteTask>, BTreeMap<TaskId, Arc<str>>), Failure> {
    let mut selected = Vec::new();
    let mut inputs = BTreeMap::new();
    for (id, patch) in patches {
        let task = id.parse::<TaskId>().ok().and_then(|id| suite.task(&id));
        let Some(task) = task else {
            return Err(Failure::usage(format!("the suite `{}` has no task `{id}`", suite.name()))
                .hint("`instance_id` has to be a task's id; the suite's folder `tasks/` has them all"));
        };
        if task.public.kind != Kind::IcSwe {
            return Err(Failure::usage(format!("the task `{id}` takes no patch: it is a swe-manager task"))
                .hint("patches are for ic-swe tasks"));
        }
        if let Some(patch) = patch {
            inputs.insert(task.public.id.clone(), patch.into());
        }
        selected.push(task);
    }
    if selected.is_empty() {
        return Err(Failure::usage("there are no predictions in the file"));
    }
    Ok((selected, inputs))
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |e: &std::io::Error| Failure::file("read", path, e).exit(Exit::Usage);
    let file = std::fs::File::open(path).map_err(|e| failed(&e))?;
    let mut text = String::new();
    file.take(MAX_PREDICTIONS_BYTES + 1).read_to_string(&mut text).map_err(|e| failed(&e))?;
    if text.len() as u64 > MAX_PREDICTIONS_BYTES {
        return Err(failed(&std::io::Error::other(format!("more than {MAX_PREDICTIONS_BYTES} bytes"))));
    }
    Ok(text)
}

/// Reads predictions in SWE-bench's three forms: one JSON object a line, an array, or
/// an object whose values are taken.
fn parse(text: &str, path: &Path) -> Result<Predictions, Failure> {
    let bad = |place: String, problem: String| {
        Failure::usage(format!("`{}`{place}: {problem}", path.display())).hint(
            "expected SWE-bench predictions: objects with `instance_id`, `model_patch` (a text or null) and \
             `model_name_or_path`; one a line in a .jsonl file, or an array or an object of them in a .json file",
        )
    };
    let mut predictions = Vec::new();
    if path.extension().is_some_and(|extension| extension == "jsonl") {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let prediction: Prediction = serde_json::from_str(line)
                .map_err(|e| bad(format!(", line {}", index + 1), e.to_string()))?;
            predictions.push(prediction);
        }
    } else {
        let json: serde_json::Value =
            serde_json::from_str(text).map_err(|e| bad(String::new(), e.to_string()))?;
        let values: Vec<_> = match json {
            serde_json::Value::Array(values) => values,
            serde_json::Value::Object(map) => map.into_iter().map(|(_, value)| value).collect(),
            _ => return Err(bad(String::new(), "neither an array nor an object".to_owned())),
        };
        for (index, value) in values.into_iter().enumerate() {
            let prediction: Prediction = serde_json::from_value(value)
                .map_err(|e| bad(format!(", prediction {}", index + 1), e.to_string()))?;
            predictions.push(prediction);
        }
    }
    let mut read = Predictions::default();
    let mut models = Vec::new();
    for Prediction { instance_id, model_patch, model_name_or_path } in predictions {
        if !models.contains(&model_name_or_path) {
            models.push(model_name_or_path);
        }
        let patch = model_patch.filter(|patch| !patch.trim().is_empty());
        if read.patches.insert(instance_id.clone(), patch).is_some() {
            return Err(bad(String::new(), format!("`{instance_id}` has two predictions")));
        }
    }
    if models.len() > 1 {
        return Err(bad(
            String::new(),
            format!("predictions of {} models: {}", models.len(), models.join(", ")),
        ));
    }
    read.model = models.pop();
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
        let object = parse(&format!(r#"{{"x":{ONE},"y":{TWO},"z":{THREE}}}"#), Path::new("p.json")).unwrap();
        assert_eq!(lines, array);
        assert_eq!(lines, object);
        assert_eq!(lines.patches["a"].as_deref(), Some("diff"));
        assert_eq!((&lines.patches["b"], &lines.patches["c"]), (&None, &None));
        assert_eq!(lines.model.as_deref(), Some("m"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let problem = |text: &str, file: &str| parse(text, Path::new(file)).unwrap_err().to_string();
        assert!(problem("{}", "p.jsonl").contains("line 1: missing field `instance_id`"));
        assert!(problem(&format!("[{ONE},{ONE}]"), "p.json").contains("`a` has two predictions"));
        assert!(problem("3", "p.json").contains("neither an array nor an object"));
        assert!(problem("[{\"instance_id\":1}]", "p.json").contains("prediction 1"));
        let other = ONE.replace("\"m\"", "\"n\"").replace("\"a\"", "\"d\"");
        assert!(problem(&format!("[{ONE},{other}]"), "p.json").contains("2 models: m, n"));
    }
}
