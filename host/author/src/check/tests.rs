//! Bad plugins, every one of which has to be found out.

mod bad;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

use lancet_core::{CheckedPlugin, Limits, PluginFinding, Role, Severity};
use lancet_engine::{Compiler, EngineError, Runtime, RuntimeOptions, inspect};
use lancet_hostile::{Expected, cases};

use super::finding::of_fault;
use super::{CHECK_JOBS, MAX_COSTLY, MAX_FIXTURES, Subject, within};
use crate::{Fixture, FixtureError};

/// Less fuel than a plugin has in a run: what never ends need not take its time here.
fn limits() -> Limits {
    Limits { fuel: 40_000_000, ..Limits::standard() }
}

struct Bench {
    runtime: Runtime,
    executor: tokio::runtime::Runtime,
}

impl Bench {
    fn new() -> Self {
        let concurrency = NonZeroUsize::new(CHECK_JOBS).unwrap();
        Self {
            runtime: Runtime::new(&RuntimeOptions { concurrency, cache: None }).unwrap(),
            executor: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    fn check(&self, name: &str, component: &[u8], fixtures: Vec<Fixture>, only_bases: bool) -> CheckedPlugin {
        let fixtures = fixtures.into_iter().map(|fixture| (fixture.name.clone(), Ok(fixture)));
        self.check_all(name, component, fixtures.collect(), only_bases)
    }

    fn check_all(
        &self,
        name: &str,
        component: &[u8],
        fixtures: Vec<(String, Result<Fixture, FixtureError>)>,
        only_bases: bool,
    ) -> CheckedPlugin {
        let subject = Subject { name, component, inspected: inspect(component), fixtures };
        let load = |role| {
            let grant = crate::widest(role);
            Ok::<_, EngineError>(self.runtime.load(name, component, &grant, &Compiler::Here))
        };
        self.executor.block_on(within(subject, only_bases, |_| limits(), load)).unwrap()
    }
}

/// Fixtures whose tasks' ids have the corpus misbehave.
fn evil(role: Role) -> Vec<Fixture> {
    let texts = match role {
        Role::Grader => [
            r#"{"fixture": 1, "contract": "0.1.0", "role": "grader", "submission": {"choice": 3},
                "task": {"id": "evil-manager", "kind": "swe-manager", "proposals": [{"id": 3, "text": "x"}, {"id": 4, "text": "y"}]},
                "answer-key": {"correct": 3}, "expect": {"outcome": "fail", "reason": "any"}}"#,
            r#"{"fixture": 1, "contract": "0.1.0", "role": "grader", "submission": "work-tree",
                "task": {"id": "evil-tested", "kind": "ic-swe"}, "answer-key": {"plan": "hidden"},
                "files": [{"path": "a", "contents": {"text": "x"}}], "diff": {"text": "+x\n"},
                "tests": [{"name": "hidden", "required": ["t"], "runs": [{"end": {"exited": 1}, "cases": [{"id": "t", "status": "failed"}]}]}],
                "expect": {"outcome": "fail", "reason": "any"}}"#,
        ],
        Role::Agent => [
            r#"{"fixture": 1, "contract": "0.1.0", "role": "agent",
                "task": {"id": "evil-manager", "kind": "swe-manager", "proposals": [{"id": 3, "text": "x"}, {"id": 4, "text": "y"}]},
                "expect": {"answer": {"choice": 3}}}"#,
            r#"{"fixture": 1, "contract": "0.1.0", "role": "agent", "task": {"id": "evil-tree", "kind": "ic-swe"},
                "expect": {"answer": "work-tree"}}"#,
        ],
    };
    texts
        .iter()
        .enumerate()
        .map(|(n, text)| Fixture::read(&format!("evil-{n}"), text.as_bytes()).unwrap())
        .collect()
}

fn codes(checked: &CheckedPlugin) -> BTreeSet<&str> {
    checked.findings.iter().map(|finding| finding.code.as_str()).collect()
}

fn says_what_to_change(name: &str, findings: &[PluginFinding]) {
    for finding in findings {
        let PluginFinding { code, tried, seen, change, .. } = finding;
        assert!(change.len() > 10 && !tried.is_empty() && !seen.is_empty(), "{name}: {finding:?}");
        assert!(
            code.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase())),
            "{code}"
        );
    }
}

/// What is larger was made of Rust, and takes its time to be compiled.
const MAX_BYTES: usize = 20_000;

/// Every small component of the hostile corpus that fails, and every one that is refused, is found,
/// for the reason that it fails for.
#[test]
fn what_is_hostile_is_found() {
    let bench = Bench::new();
    let (mut counts, mut missed) = ([0, 0], Vec::new());
    for case in cases() {
        let component = lancet_hostile::component(case);
        let is_refused = matches!(case.expected, Expected::Refused(_));
        if !is_refused && component.len() > MAX_BYTES {
            continue;
        }
        let (expected, is_of_operator) = match case.expected {
            Expected::Fault(lancet_core::FaultKind::Error) | Expected::Harmless => continue,
            Expected::Fault(lancet_core::FaultKind::MalformedResult) => {
                (vec!["malformed-result", "passes-nothing", "passes-untested", "passes-junk"], false)
            }
            // Here there is little fuel.
            Expected::Fault(kind @ lancet_core::FaultKind::Timeout) => {
                (vec![of_fault(kind).code, "out-of-fuel"], false)
            }
            Expected::Fault(kind) => (vec![of_fault(kind).code], false),
            Expected::Undescribed(_) => (vec!["configuration"], false),
            Expected::Refused(why) => (Vec::new(), why.contains("--grant") || why.contains("wasi-inert")),
        };
        let checked = bench.check(case.name, &component, evil(case.role), true);
        says_what_to_change(case.name, &checked.findings);
        let found = codes(&checked);
        let is_found = match expected[..] {
            // An operator may grant it, which is said.
            [] if is_of_operator => {
                checked.errors > 0 || found.contains("control") || found.contains("needs-grant")
            }
            [] => checked.errors > 0,
            _ => expected.iter().any(|code| found.contains(code)),
        };
        if !is_found {
            missed.push(format!("{}: expected {expected:?}: {:#?}", case.name, checked.findings));
        }
        counts[usize::from(case.role == Role::Grader)] += 1;
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    println!("{} agents and {} graders were found", counts[0], counts[1]);
    assert!(counts.iter().all(|count| *count >= 20), "{counts:?}");
}

/// What is found on whatever a plugin is tried: trying it on everything would take its time.
const ON_ANYTHING: [&str; 16] = [
    "lying-manifest",
    "limits-too-low",
    "needs-more",
    "needs-grant",
    "large",
    "no-manifest",
    "unknown-export",
    "control",
    "slow",
    "depends-on-limits",
    "depends-on-chance",
    "models-untried",
    "lying-metadata",
    "no-metadata",
    "unknown-setting",
    "unread-setting",
];

#[test]
fn what_is_badly_made_is_found() {
    let bench = Bench::new();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let (mut counts, mut missed) = ([0, 0], Vec::new());
    for bad in bad::all(&wit) {
        let only_bases = ON_ANYTHING.contains(&bad.code);
        let checked = bench.check(bad.name, &bad.component, bad.fixtures, only_bases);
        says_what_to_change(bad.name, &checked.findings);
        if !codes(&checked).contains(bad.code) {
            missed.push(format!("{}: expected {}: {:#?}", bad.name, bad.code, checked.findings));
        }
        counts[usize::from(bad.role == Role::Grader)] += 1;
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    println!("{} agents and {} graders were found", counts[0], counts[1]);
    assert!(counts.iter().all(|count| *count >= 20), "{counts:?}");
}

#[test]
fn what_takes_most_of_its_fuel_is_left_out_and_told_and_what_takes_memory_is_not() {
    let bench = Bench::new();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let check = |name| bench.check(name, &bad::grader(&wit, name), Vec::new(), false);
    let slow = check("takes most of its fuel");
    let untried = slow.findings.iter().find(|finding| finding.code == "untried").unwrap();
    assert_eq!(untried.severity, Severity::Error);
    assert!(untried.seen.contains("were left out, since it takes most of its fuel"), "{untried:?}");
    assert_eq!(slow.inputs, MAX_COSTLY);
    let large = check("judges by how much memory there is");
    assert!(!codes(&large).contains("untried") && large.inputs > 10 * MAX_COSTLY, "{large:#?}");
}

#[test]
fn fixtures_that_are_not_taken_are_told() {
    let bench = Bench::new();
    let grader = lancet_builtin::find(Role::Grader, "manager-choice").unwrap().component;
    let fixture = |name: &str, about: &str| {
        let text = format!(
            r#"{{"fixture": 1, "contract": "0.1.0", "role": "grader", "submission": {{"choice": 3}}, "about": "{about}",
                "task": {{"id": "{name}", "kind": "swe-manager", "proposals": [{{"id": 3, "text": "x"}}]}},
                "answer-key": {{"correct": 3}}, "expect": {{"outcome": "pass", "reason": "right-choice"}}}}"#
        );
        (name.to_owned(), Fixture::read(name, text.as_bytes()))
    };
    let unused = |fixtures| {
        let checked = bench.check_all("manager-choice", grader, fixtures, true);
        says_what_to_change("manager-choice", &checked.findings);
        let unused = checked.findings.into_iter().filter(|finding| finding.code == "fixture-unused");
        unused.map(|PluginFinding { tried, seen, change, .. }| (tried, seen, change)).collect::<Vec<_>>()
    };
    let of_agent = evil(Role::Agent).swap_remove(0);
    let found = unused(vec![
        ("broken".to_owned(), Fixture::read("broken", b"{")),
        ("of-agent".to_owned(), Ok(of_agent)),
        fixture("right", ""),
    ]);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!([&*found[0].0, &*found[1].0], ["the fixture `broken`", "the fixture `of-agent`"]);
    // Each with what its error says to do.
    assert!(found[0].2.contains("fixture.schema.json"), "{found:#?}");
    assert!(found[1].1.contains("of the role `agent`") && found[1].2.contains("a folder of their own"));

    let many = (0..MAX_FIXTURES + 2).map(|n| fixture(&format!("f-{n}"), "")).collect();
    let found = unused(many);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].0.ends_with("the first 20") && found[0].1.starts_with("2 were left out"), "{found:#?}");

    let large = "x".repeat(3 << 20);
    let found = unused(vec![fixture("large", &large), fixture("larger", &large), fixture("small", "")]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].0.ends_with("the first 1") && found[0].1.starts_with("2 were left out"), "{found:#?}");
}

#[test]
fn an_agent_that_asks_models_may_need_what_a_run_gives_it() {
    for (imports_model, role, fuel) in [
        (true, Role::Agent, Limits::asking().fuel),
        (false, Role::Agent, Limits::standard().fuel),
        (true, Role::Grader, Limits::standard().fuel),
    ] {
        assert_eq!(crate::trial::standard(role, imports_model).fuel, fuel);
    }
}

#[test]
fn the_same_bytes_give_the_same_findings() {
    let bench = Bench::new();
    let case = lancet_hostile::case("division-by-zero-grader").unwrap();
    let component = lancet_hostile::component(case);
    let once = bench.check(case.name, &component, evil(case.role), false);
    assert_eq!(once, bench.check(case.name, &component, evil(case.role), false));
    assert!(once.findings.iter().any(|finding| finding.code == "traps" && finding.times > 1), "{once:#?}");
}
