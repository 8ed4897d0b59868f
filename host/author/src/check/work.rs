//! What agents are tried on: tasks, environments and models, well and ill.

use std::collections::BTreeMap;
use std::sync::Arc;

use lancet_core::{
    Answer, AnswerPart, CallErrorKind, Cents, Configuration, DeclaredSetting, Kind, ModelFailureKind,
    Proposal, SettingKind, StopReason, Task,
};
use lancet_engine::{Outside, Plugin};
use serde_json::Value;

use super::execution::Input;
use super::submission::{KINDS, error_word};
use super::world::{Model, Running, Texts, World};
use crate::contents::Contents;
use crate::held::Held;

/// The functions of an agent's that can give an error.
const FALLIBLE: [&str; 10] = [
    "workspace.list",
    "workspace.read",
    "workspace.search",
    "workspace.write",
    "workspace.remove",
    "workspace.apply-patch",
    "workspace.apply-input",
    "shell.run",
    "user-tool.reproduce",
    "user-tool.read",
];

/// The largest number, and the most bytes of a text, that can be set of an agent.
const MAX_NUMBER: u64 = (1 << 53) - 1;
const MAX_SETTING_BYTES: usize = 16 << 10;
/// The most values that are tried of a setting which names those that it takes.
const MAX_CHOICES: usize = 8;

/// Something that an agent is tried on.
pub(super) struct Worked {
    tried: String,
    task: Task,
    seed: [u8; 32],
    behind: Behind,
    /// Whether nothing is the matter with it: what is executed again, under other conditions.
    pub(super) is_base: bool,
    /// Whether it is as large as the contract lets it be.
    pub(super) is_huge: bool,
}

/// What answers an agent.
enum Behind {
    World(World),
    Fixture(Arc<Contents>),
}

impl Input for Worked {
    fn tried(&self) -> &str {
        &self.tried
    }

    fn task(&self) -> &Task {
        &self.task
    }

    fn answer(&self) -> Answer {
        Answer::Nothing
    }

    fn seed(&self) -> [u8; 32] {
        self.seed
    }

    fn outside(&self) -> Arc<dyn Outside> {
        match &self.behind {
            Behind::World(world) => Arc::new(Running::new(world.clone())),
            Behind::Fixture(contents) => Arc::new(Held::new(Arc::clone(contents))),
        }
    }
}

impl Worked {
    fn new(tried: &str, task: Task, world: World) -> Self {
        Self {
            tried: tried.to_owned(),
            task,
            seed: [7; 32],
            behind: Behind::World(world),
            is_base: false,
            is_huge: false,
        }
    }
}

/// All that an agent is tried on: its fixtures, and tasks of both kinds with whatever can be
/// wrong with them.
pub(super) fn inputs(
    plugin: &Plugin,
    fixtures: &[crate::Fixture],
    configuration: &Configuration,
) -> Vec<Arc<Worked>> {
    let mut made = Vec::new();
    for fixture in fixtures {
        let Ok(contents) = fixture.contents(plugin) else { continue };
        made.push(Worked {
            tried: format!("the fixture `{}`", fixture.name),
            task: fixture.task.clone(),
            seed: fixture.seed(),
            behind: Behind::Fixture(contents),
            is_base: true,
            is_huge: false,
        });
    }
    // Who asks models is offered one that has something to say.
    let asks = plugin.has(lancet_core::Capability::Model);
    let defaults = configuration.settings.iter();
    let defaults: BTreeMap<_, _> =
        defaults.map(|setting| (setting.name.clone(), setting.default.to_string())).collect();
    let there = World {
        is_there: true,
        model: asks.then_some(Model::Works),
        settings: Arc::new(defaults.clone()),
        prompt: configuration.prompt.as_ref().map(|prompt| Arc::from(prompt.text.as_str())),
        ..World::default()
    };
    let not_there = World { is_there: false, ..there.clone() };
    let base = |tried: &str, task: Task, world: &World| Worked {
        is_base: true,
        ..Worked::new(tried, task, world.clone())
    };
    for fixture in fixtures {
        made.push(base(
            &format!("the task of the fixture `{}`, in an environment", fixture.name),
            fixture.task.clone(),
            &there,
        ));
    }
    made.push(base("a manager task", manager(), &not_there));
    made.push(base("a manager task with a repository", manager(), &there));
    made.push(base("a task with a work tree", work_tree(), &there));
    made.extend(tasks(&not_there));
    made.push(Worked::new("a task for a work tree, without an environment", work_tree(), not_there.clone()));
    made.extend(environments(&there, plugin));
    for (what, name, value) in set(configuration) {
        let mut settings = defaults.clone();
        settings.insert(name, value);
        let world = World { settings: Arc::new(settings), ..there.clone() };
        for (of, task) in [("a manager task", manager()), ("a task with a work tree", work_tree())] {
            made.push(Worked::new(&format!("{of}, {what}"), task, world.clone()));
        }
    }
    if asks {
        made.extend(models(&there));
    }
    if plugin.has(lancet_core::Capability::Budget) {
        for (what, allowance) in
            [("a budget that is used up", (10, 10)), ("a boundless budget", (u64::MAX, 0))]
        {
            let world = World { allowance: Some(allowance), ..there.clone() };
            for (of, task) in [("a manager task", manager()), ("a task with a work tree", work_tree())] {
                made.push(Worked::new(&format!("{of}, {what}"), task, world.clone()));
            }
        }
    }
    made.into_iter().map(Arc::new).collect()
}

/// Every setting at the ends of what it takes: in words, its name, and the value as JSON.
fn set(configuration: &Configuration) -> Vec<(String, String, String)> {
    let mut made = Vec::new();
    for DeclaredSetting { name, kind, default, choices, least, most, .. } in &configuration.settings {
        let values: Vec<Value> = match kind {
            SettingKind::Flag => vec![false.into(), true.into()],
            SettingKind::Number => vec![least.unwrap_or(0).into(), most.unwrap_or(MAX_NUMBER).into()],
            SettingKind::Text if choices.is_empty() => {
                vec!["".into(), "\u{0}\u{202e}".into(), "x".repeat(MAX_SETTING_BYTES).into()]
            }
            SettingKind::Text => {
                choices.iter().take(MAX_CHOICES).map(|choice| choice.as_str().into()).collect()
            }
        };
        for value in values.into_iter().filter(|value| value != default) {
            let value = value.to_string();
            let word = &value[..value.floor_char_boundary(40)];
            made.push((format!("its setting `{name}` being {word}"), name.clone(), value));
        }
    }
    made
}

/// Manager tasks that are as odd as they can be.
fn tasks(world: &World) -> Vec<Worked> {
    let mut made = Vec::new();
    let mut add = |what: &str, is_huge: bool, change: &dyn Fn(&mut Task)| {
        let mut task = manager();
        change(&mut task);
        let worked = Worked::new(&format!("a manager task, {what}"), task, world.clone());
        made.push(Worked { is_huge, ..worked });
    };
    add("no proposals", false, &|task| task.proposals = Vec::new());
    add("one proposal", false, &|task| task.proposals.truncate(1));
    add("one proposal with the highest id", false, &|task| {
        task.proposals = vec![Proposal { id: u32::MAX, text: String::new() }];
    });
    add("an id that comes twice", false, &|task| {
        task.proposals.iter_mut().for_each(|proposal| proposal.id = 5);
    });
    add("its texts empty", false, &|task| {
        (task.title, task.statement) = (String::new(), String::new());
        task.proposals.iter_mut().for_each(|proposal| proposal.text = String::new());
    });
    add("texts of control characters", false, &|task| {
        let text = "\u{0}\u{1b}[31m\u{202e}\u{feff}\u{10ffff}\r\n".repeat(20);
        task.proposals.iter_mut().for_each(|proposal| proposal.text.clone_from(&text));
        task.statement = text;
    });
    add("a statement of 1 MiB", true, &|task| task.statement = "é".repeat(1 << 19));
    add("7 MiB of proposals", true, &|task| {
        let text = "p".repeat(1 << 20);
        task.proposals = (0..7).map(|id| Proposal { id, text: text.clone() }).collect();
    });
    add("10,000 proposals", true, &|task| {
        task.proposals = (0..10_000).map(|id| Proposal { id: id * 3, text: "p".to_owned() }).collect();
    });
    made
}

/// Environments in which something is not as it should be.
fn environments(there: &World, plugin: &Plugin) -> Vec<Worked> {
    let mut made = Vec::new();
    let mut add = |what: &str, is_huge: bool, world: World| {
        let worked = Worked::new(&format!("a task with a work tree, {what}"), work_tree(), world);
        made.push(Worked { is_huge, ..worked });
    };
    for (what, texts) in [
        ("its files and outputs empty, and commands that are not done in time", Texts::Empty),
        ("its files and outputs as large as they can be", Texts::Huge),
        ("its files and outputs no UTF-8, and commands that fail", Texts::Binary),
    ] {
        add(what, texts == Texts::Huge, World { texts, input: Some("echo 1\n".to_owned()), ..there.clone() });
    }
    for (what, input) in [
        ("with an empty input", String::new()),
        ("with an input of control characters", "\u{0}\u{1b}\u{202e}\u{feff}\r\n".to_owned()),
        ("with a patch that is cut off", "--- a/x\n+++ b/x\n@@ -1,5".to_owned()),
        ("with an input of 1 MiB", "x".repeat(1 << 20)),
    ] {
        let is_huge = input.len() > 1_000;
        add(what, is_huge, World { input: Some(input), ..there.clone() });
    }
    for function in FALLIBLE.into_iter().filter(|function| plugin.imports(function)) {
        for kind in KINDS {
            let what = format!("with `{function}` giving the error {}", error_word(kind));
            let refusing: Option<(&'static str, CallErrorKind)> = Some((function, kind));
            add(&what, false, World { refusing, input: Some("echo 1\n".to_owned()), ..there.clone() });
        }
    }
    made
}

/// Models that say what no agent wants to hear.
fn models(there: &World) -> Vec<Worked> {
    let text = |text: &str| vec![AnswerPart::Text(text.to_owned())];
    let failures = [
        ModelFailureKind::OverBudget,
        ModelFailureKind::TooLong,
        ModelFailureKind::Refused,
        ModelFailureKind::Rejected,
        ModelFailureKind::Other,
    ];
    let mut said: Vec<(String, Option<Model>, bool)> = vec![
        ("no model that is offered".to_owned(), None, false),
        (
            "a model that talks".to_owned(),
            Some(Model::Says(text("Proposal 3 is the best one."), StopReason::Finished)),
            false,
        ),
        ("a model that says nothing".to_owned(), Some(Model::Says(Vec::new(), StopReason::Finished)), false),
        ("a model that refuses".to_owned(), Some(Model::Says(text("No."), StopReason::Refused)), false),
        (
            "a model whose answer is cut off".to_owned(),
            Some(Model::Says(text("{\"sel"), StopReason::Length)),
            false,
        ),
        (
            "a model whose context is full".to_owned(),
            Some(Model::Says(Vec::new(), StopReason::Context)),
            false,
        ),
        (
            "a model that calls a tool that there is not".to_owned(),
            Some(Model::calls("no-such-tool", "{}")),
            false,
        ),
        (
            "a model that calls a tool with no JSON".to_owned(),
            Some(Model::calls("shell", "{\"command\": ")),
            false,
        ),
        (
            "a model that calls a tool with other JSON".to_owned(),
            Some(Model::calls("shell", "[1e400, null]")),
            false,
        ),
        (
            "a model that says 1 MiB".to_owned(),
            Some(Model::Says(text(&"word ".repeat(200_000)), StopReason::Finished)),
            true,
        ),
        (
            "a model that says control characters".to_owned(),
            Some(Model::Says(text("\u{0}\u{1b}[2J\u{202e}"), StopReason::Other)),
            false,
        ),
    ];
    for kind in failures {
        said.push((format!("a model that fails ({})", failure_word(kind)), Some(Model::Fails(kind)), false));
    }
    let mut made = Vec::new();
    for (what, model, is_huge) in said {
        for (of, task) in [("a manager task", manager()), ("a task with a work tree", work_tree())] {
            let world = World { model: model.clone(), ..there.clone() };
            made.push(Worked { is_huge, ..Worked::new(&format!("{of}, {what}"), task, world) });
        }
    }
    made
}

/// The kind of a model's failure, as the contract names it.
fn failure_word(kind: ModelFailureKind) -> &'static str {
    match kind {
        ModelFailureKind::OverBudget => "`over-budget`",
        ModelFailureKind::TooLong => "`too-long`",
        ModelFailureKind::Refused => "`refused`",
        ModelFailureKind::Rejected => "`rejected`",
        ModelFailureKind::Other => "`other`",
    }
}

fn manager() -> Task {
    task(
        "manager-task",
        Kind::SweManager,
        (0..4).map(|id| Proposal { id: id * 10 + 3, text: format!("Proposal {id}.") }).collect(),
    )
}

fn work_tree() -> Task {
    task("work-tree-task", Kind::IcSwe, Vec::new())
}

fn task(id: &str, kind: Kind, proposals: Vec<Proposal>) -> Task {
    Task {
        id: id.parse().expect("both are ids"),
        kind,
        title: "It is broken".to_owned(),
        statement: "Adding gives a wrong number.".to_owned(),
        price: Cents(100_000),
        proposals,
    }
}

#[cfg(test)]
mod tests {
    use lancet_core::DeclaredSetting;
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_tried_at_the_ends_of_what_they_take() {
        let setting = |kind, default: Value| DeclaredSetting {
            name: "it".to_owned(),
            kind,
            default,
            choices: Vec::new(),
            about: String::new(),
            least: None,
            most: None,
        };
        for (setting, expected) in [
            (
                DeclaredSetting { least: Some(2), ..setting(SettingKind::Number, json!(5)) },
                vec!["2", "9007199254740991"],
            ),
            (setting(SettingKind::Flag, json!(true)), vec!["false"]),
            (
                DeclaredSetting {
                    choices: vec!["a".to_owned(), "b".to_owned()],
                    ..setting(SettingKind::Text, json!("a"))
                },
                vec!["\"b\""],
            ),
        ] {
            let configuration = Configuration { settings: vec![setting], prompt: None }.validated().unwrap();
            let values: Vec<_> = set(&configuration).into_iter().map(|(_, _, value)| value).collect();
            assert_eq!(values, expected);
        }
        let text =
            set(&Configuration { settings: vec![setting(SettingKind::Text, json!(""))], prompt: None });
        assert_eq!(text.len(), 2);
        assert!(text.iter().all(|(what, ..)| what.len() < 80), "{text:?}");
    }
}
