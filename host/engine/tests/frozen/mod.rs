//! The contract as it was released: what was built against it then is loaded and run now, and
//! its text has only been added to. `tests/fixtures/contract` has both.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use lancet_core::{
    Answer, Capability, Cents, Fault, FaultKind, Kind, Limits, Outcome, Proposal, Role, Sha256, SolveEnd,
    Task, Verdict,
};
use lancet_engine::{Behind, Call, Plugin, SettingsSource, Sources};
use wit_parser::{PackageId, Resolve};

use super::{WORLDS, grant, load, whole};

mod shape;

fn kept(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/contract").join(path)
}

/// Every file of a text of the contract in one.
fn text(folder: PathBuf) -> String {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "wit")).collect();
    // The package is named before anything of it.
    paths.sort_by_key(|path| (!path.ends_with("package.wit"), path.clone()));
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The digest of the released text, which is kept as it is: what was promised is not edited.
const RELEASED: &str = "sha256:bc1dcfd91c8a56d5e0f304e3224dc15ac7507133dd221bc278840e806702898d";

fn released() -> String {
    let text = text(kept("wit"));
    assert_eq!(Sha256::of(text.as_bytes()).to_string(), RELEASED, "the kept text is not the released one");
    text
}

fn parsed(text: &str) -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("contract.wit", text).unwrap();
    (resolve, package)
}

fn shape(text: &str) -> shape::Shape {
    let (resolve, package) = parsed(text);
    shape::of(&resolve, package)
}

#[test]
fn the_contract_only_grows() {
    let now = text(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../wit"));
    let broken = shape::broken(&shape(&released()), &shape(&now));
    assert!(
        broken.is_empty(),
        "`wit/` breaks `lancet:plugin@0.1`, which only ever adds interfaces and functions \
         (ARCHITECTURE.md, \"The contract\"): put back what was there, and say new things in new functions, or in \
         `0.2.0` beside it:\n  {}",
        broken.join("\n  ")
    );
}

#[test]
fn whatever_breaks_the_contract_is_found() {
    let released = released();
    let before = shape(&released);
    let after = |from: &str, to: &str| {
        assert!(released.contains(from), "the contract has no `{from}`");
        shape::broken(&before, &shape(&released.replace(from, to)))
    };
    for (from, to, words) in [
        (
            "record field {",
            "record field { more: u8,",
            "the type `field` of `log` was `record { key: string, value",
        ),
        ("enum level {", "enum level { trace,", "the type `level` of `log`"),
        ("variant grade-error {", "variant grade-error { none,", "the type `grade-error` of `types`"),
        ("type unit = string;", "type unit = u64;", "the type `unit` of `budget` was `string`, and is `u64`"),
        ("below: func(bound: u64)", "below: func(end: u64)", "the function `below` of `random`"),
        (
            "next-u64: func() -> u64;",
            "next-u64: func() -> u32;",
            "was `func() -> u64`, and is `func() -> u32`",
        ),
        ("next-u64: func() -> u64;", "", "the function `next-u64` of `random` is gone"),
        ("next-u64: func() -> u64;", "next-u64: async func() -> u64;", "and is `async func() -> u64`"),
        ("say: func(text: string)", "say: func(text: list<u8>)", "`[method]conversation.say` of `model`"),
        ("open: static func(", "open-new: static func(", "`[static]conversation.open` of `model` is gone"),
        ("    import artifacts;", "", "the import `artifacts` of the world `grader` is gone"),
        (
            "export grading;",
            "export grading; export solving;",
            "the export `solving` of the world `grader` is new",
        ),
        ("export configuring;", "", "the export `configuring` of the world `configurable-agent` is gone"),
        ("world control {", "world controls {", "the world `control` is gone"),
        ("@0.1.0;", "@0.2.0;", "the version of `lancet:plugin` was `0.1.x`, and is `0.2.x`"),
    ] {
        let found = after(from, to).join("\n");
        assert!(found.contains(words), "`{from}` to `{to}`: {words} is not in: {found}");
    }
    for (from, to) in [
        (
            "next-u64: func() -> u64;",
            "/// In other words.\n next-u64: func() -> u64; next-u32: func() -> u32;",
        ),
        (
            "world control {",
            "interface clock { type time = u64; now: func() -> time; } world control { import clock;",
        ),
        ("world control {", "world timed { export grading; } world control {"),
        ("enum level {", "enum urgency { low, high } urge: func(how: urgency); enum level {"),
        ("say: func(text: string)", "shout: func(text: string); say: func(text: string)"),
        ("@0.1.0;", "@0.1.7;"),
    ] {
        let found = after(from, to);
        assert!(found.is_empty(), "`{from}` to `{to}` breaks nothing, and yet: {found:?}");
    }
}

#[test]
fn components_of_every_function_of_the_released_contract_are_loaded() {
    for (world, role, granted) in WORLDS {
        let (resolve, package) = parsed(&released());
        let component = whole(&resolve, package, world);
        load(&component, &grant(role, granted)).unwrap_or_else(|e| panic!("{world}: {e:?}"));
    }
}

/// The components, by the digests that they have to keep: they are never built again.
const KEPT: [(&str, Role, &str); 7] = [
    ("rust-grader", Role::Grader, "sha256:c61076f27e4f7a00c2a56f35fd179da9aa7affa9724e0d28a0b6a8cf9cee8193"),
    ("rust-agent", Role::Agent, "sha256:7c0d74daef71b1a7d29c5ab3d1b04cc9c57dec87b666b295606ad79a79e359c9"),
    ("rust-chooser", Role::Agent, "sha256:c8417bdd200fac89cf4c1265287723b2d41268ff7155bea4e15b970229fa8ded"),
    (
        "javascript-grader",
        Role::Grader,
        "sha256:8b40735ba0c72c53092e820011ff24be1d90d7fec64333b197f4e609d61de409",
    ),
    (
        "javascript-agent",
        Role::Agent,
        "sha256:861d34ae7847c0679aaa2986125bde519798c20b405cca61f669435369e7e14e",
    ),
    (
        "python-grader",
        Role::Grader,
        "sha256:682d689346510559bf09381323cf803c330217c3988866b41a3eb660f4f99773",
    ),
    ("python-agent", Role::Agent, "sha256:c754871f5089a6b6d2dc9085d68b30d089eb62254ba56ef075f2f1d5407a0a41"),
];

/// What a component of that name comes to.
fn component(name: &str) -> Plugin {
    let (_, role, digest) = KEPT.into_iter().find(|(kept, ..)| *kept == name).unwrap();
    let bytes = fs::read(kept(&format!("{name}.wasm"))).unwrap();
    assert_eq!(Sha256::of(&bytes).to_string(), digest, "{name} is another component than was released");
    load(&bytes, &grant(role, &[])).unwrap_or_else(|e| panic!("{name}: {e:?}"))
}

fn task() -> Task {
    Task {
        id: "kept".parse().unwrap(),
        kind: Kind::SweManager,
        title: "Kept".to_owned(),
        statement: "It is broken.".to_owned(),
        price: Cents(100),
        proposals: [(3, "Mend it."), (5, "Mend it some other day.")]
            .map(|(id, text)| Proposal { id, text: text.to_owned() })
            .into(),
    }
}

/// What a grader says of a choice, and whether it read the log, the key and the answer on the way.
fn graded(plugin: &Plugin, chosen: u32) -> (Verdict, Vec<String>) {
    let (task, limits, answer) = (task(), Limits::standard(), Answer::Choice(chosen));
    let behind = Behind::live(Sources {
        submission: Some(Arc::new(answer.clone())),
        answer_key: Some(Arc::new(r#"{"correct": 5}"#.to_owned())),
        ..Sources::default()
    });
    let call = Call { task: &task, limits: &limits, seed: [1; 32], behind, journal: None };
    let output = blocking(plugin.grade(call, &answer)).unwrap();
    (output.verdict, output.calls.iter().map(|call| call.request.name().to_owned()).collect())
}

fn solved(plugin: &Plugin, sources: Sources) -> SolveEnd {
    let (task, limits) = (task(), Limits::standard());
    let behind = Behind::live(sources);
    let call = Call { task: &task, limits: &limits, seed: [1; 32], behind, journal: None };
    blocking(plugin.solve(call)).unwrap().end
}

/// Every setting is the text `main`.
struct Set;

impl SettingsSource for Set {
    fn value(&self, _: &str) -> Option<String> {
        Some("\"main\"".to_owned())
    }

    fn prompt(&self) -> Option<String> {
        None
    }
}

fn blocking<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

#[test]
fn components_of_the_released_contract_are_loaded_and_run() {
    for (name, right, wrong, calls) in [
        ("rust-grader", "right-choice", "wrong-choice", &["answer-key.read", "submission.answer"][..]),
        (
            "javascript-grader",
            "as-in-the-key",
            "not-as-in-the-key",
            &["answer-key.read", "submission.answer", "log.write"],
        ),
    ] {
        let plugin = component(name);
        for (chosen, outcome, reason) in [(5, Outcome::Pass, right), (3, Outcome::Fail, wrong)] {
            let (verdict, called) = graded(&plugin, chosen);
            assert_eq!((verdict.outcome, verdict.reason.as_str()), (outcome, reason), "{name}");
            assert_eq!(called, calls, "{name}");
        }
    }
    let agent = component("rust-agent");
    let configuration = blocking(agent.describe()).unwrap().unwrap();
    assert_eq!(configuration.settings[0].name, "model");
    // It asks for a model, and none is offered.
    let end = solved(&agent, Sources { settings: Some(Arc::new(Set)), ..Sources::default() });
    assert!(matches!(&end, SolveEnd::GaveUp(words) if words.contains("no model")), "{end:?}");
    // Where nothing is set it panics, which the kit of then says to the host of now.
    let end = solved(&agent, Sources::default());
    let SolveEnd::Fault(Fault { kind: FaultKind::Trap, message }) = &end else { panic!("{end:?}") };
    assert!(message.contains("; it said: panicked at ") && message.contains("`model`"), "{message}");
    assert_eq!(solved(&component("rust-chooser"), Sources::default()), SolveEnd::Answer(Answer::Choice(5)));
}

/// They are linked, their functions are called and what these return is read, which is nothing of
/// sense.
#[test]
fn what_other_tool_chains_made_for_the_released_contract_is_linked() {
    for name in ["python-grader", "python-agent", "javascript-agent"] {
        let plugin = component(name);
        for capability in [Capability::Log, Capability::Random, Capability::AnswerKey] {
            let is_used = match plugin.role() {
                Role::Grader => capability != Capability::Random,
                Role::Agent => capability != Capability::AnswerKey,
            };
            assert_eq!(plugin.has(capability), is_used, "{name}: {capability}");
        }
        let came_to = match plugin.role() {
            Role::Grader => graded(&plugin, 5).0.explanation,
            Role::Agent => format!("{:?}", solved(&plugin, Sources::default())),
        };
        assert!(came_to.contains("invalid expected discriminant"), "{name}: {came_to}");
    }
}

#[test]
fn nothing_else_is_kept() {
    let names = |entries: fs::ReadDir| -> Vec<String> {
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let mut found = names(fs::read_dir(kept("")).unwrap());
    found.retain(|name| name.ends_with(".wasm"));
    found.sort();
    let mut expected: Vec<_> = KEPT.iter().map(|(name, ..)| format!("{name}.wasm")).collect();
    expected.sort();
    assert_eq!(found, expected);
}
