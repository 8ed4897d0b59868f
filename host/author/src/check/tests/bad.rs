//! Plugins that are badly made, each in another way: a few lines of WebAssembly in a frame, or an
//! ordinary plugin with a manifest that lies.

use std::path::Path;

use lancet_core::Role;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::evil;
use crate::Fixture;

/// A plugin, and the code of the finding that it is found by.
pub(super) struct Bad {
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) component: Vec<u8>,
    pub(super) fixtures: Vec<Fixture>,
    pub(super) code: &'static str,
}

/// Ok(verdict) at 32, with the reason at 80.
const VERDICT: &str = r#"
  (data (i32.const 80) "a-reason")
  (func $verdict (param $outcome i32) (param $score i32) (result i32)
    (i32.store8 (i32.const 32) (i32.const 0))
    (i32.store8 (i32.const 36) (local.get $outcome))
    (i32.store (i32.const 40) (i32.const 80))
    (i32.store (i32.const 44) (i32.const 8))
    (i32.store16 (i32.const 48) (local.get $score))
    (i32.store (i32.const 52) (i32.const 4)) (i32.store (i32.const 56) (i32.const 0))
    (i32.store (i32.const 60) (i32.const 4)) (i32.store (i32.const 64) (i32.const 0))
    (i32.const 32))
  (func $pass (result i32) (call $verdict (i32.const 0) (i32.const 1000)))
  (func $fail (result i32) (call $verdict (i32.const 1) (i32.const 0)))"#;

/// Ok(answer) at 32.
const ANSWER: &str = r"
  (func $answer (param $case i32) (param $choice i32) (result i32)
    (i32.store8 (i32.const 32) (i32.const 0))
    (i32.store8 (i32.const 36) (local.get $case))
    (i32.store (i32.const 40) (local.get $choice))
    (i32.const 32))
  (func $choice (param $id i32) (result i32) (call $answer (i32.const 0) (local.get $id)))
  (func $tree (result i32) (call $answer (i32.const 2) (i32.const 0)))
  (func $nothing (result i32) (call $answer (i32.const 3) (i32.const 0)))";

/// What every one of them has: memory, an allocator, and a loop that burns fuel.
const FRAME: &str = r#"
  (memory (export "memory") 40)
  (global $next (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (block $enough
      (loop $more
        (br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
        (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
        (br $more)))
    (local.get $at))
  (func $burn (param $times i32)
    (loop $again
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if $again (local.get $times))))
  (func $fill-memory (result i32)
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (memory.size))"#;

/// What graders call.
const OF_GRADER: &str = r#"
  (import "lancet:plugin/submission@0.1.0" "answer" (func $submission (param i32)))
  (import "lancet:plugin/submission@0.1.0" "files" (func $files (param i32)))
  (import "lancet:plugin/submission@0.1.0" "diff" (func $diff (param i64 i32 i32)))
  (import "lancet:plugin/answer-key@0.1.0" "read" (func $key (param i32)))
  (import "lancet:plugin/tests@0.1.0" "run" (func $run (param i32 i32 i32)))
  (import "lancet:plugin/artifacts@0.1.0" "list" (func $artifacts (param i32)))
  (import "lancet:plugin/settings@0.1.0" "value" (func $setting (param i32 i32 i32)))
  (import "lancet:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))"#;

/// What agents call.
const OF_AGENT: &str = r#"
  (import "lancet:plugin/workspace@0.1.0" "list" (func $list (param i32 i32 i32)))
  (import "lancet:plugin/workspace@0.1.0" "read" (func $read (param i32 i32 i64 i32 i32)))
  (import "lancet:plugin/shell@0.1.0" "run" (func $shell (param i32 i32 i32 i32)))
  (import "lancet:plugin/input@0.1.0" "read" (func $input (param i32)))
  (import "lancet:plugin/random@0.1.0" "next-u64" (func $random (result i64)))
  (import "lancet:plugin/answer-key@0.1.0" "read" (func $key (param i32)))"#;

const PARAMETERS: &str = "(param $id i32) (param $id-len i32) (param $kind i32)
    (param $title i32) (param $title-len i32) (param $statement i32) (param $statement-len i32)
    (param $price i64) (param $proposals i32) (param $proposals-len i32) (result i32)";

/// Makes a plugin of what its function does. It imports the lines of `imports` whose function
/// the body names.
fn made(wit: &Path, role: Role, exported: &[&str], body: &str) -> Vec<u8> {
    let (function, results, imports) = match role {
        Role::Grader => ("grading@0.1.0#grade", VERDICT, OF_GRADER),
        Role::Agent => ("solving@0.1.0#solve", ANSWER, OF_AGENT),
    };
    let is_called = |line: &&str| {
        line.split("(func ").nth(1).and_then(|rest| rest.split([' ', ')']).next()).is_some_and(|name| {
            body.split(|c: char| !(c == '$' || c == '-' || c.is_ascii_alphanumeric()))
                .any(|word| word == name)
        })
    };
    let imports: Vec<&str> = imports.lines().filter(is_called).collect();
    let text = format!(
        "(module {} {FRAME} {results}\n(func (export \"lancet:plugin/{function}\") {PARAMETERS} (local $x i32)\n{body}))",
        imports.join("\n")
    );
    let mut module = wat::parse_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let mut resolve = Resolve::default();
    resolve.push_dir(wit).unwrap();
    let mut world = String::from("package lancet:bad;\ninterface spare { nothing: func(); }\nworld case {\n");
    for name in [
        "types",
        "log",
        "random",
        "submission",
        "answer-key",
        "input",
        "workspace",
        "shell",
        "tests",
        "artifacts",
        "settings",
    ] {
        world.push_str(&format!("import lancet:plugin/{name}@0.1.0;\n"));
    }
    for name in exported {
        world.push_str(&format!("export {name};\n"));
    }
    world.push('}');
    let package = resolve.push_str("case.wit", &world).unwrap();
    let world = resolve.select_world(&[package], Some("case")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    lancet_guest_build::componentize(&module).unwrap()
}

/// Graders by what they do, and the code that they are found by.
const GRADERS: [(&str, &str, &str); 25] = [
    ("passes everything", "call $pass", "passes-nothing"),
    (
        "passes every choice",
        "(call $submission (i32.const 1024)) (if (result i32) (i32.eqz (i32.load8_u (i32.const 1024))) (then (call $pass)) (else (call $fail)))",
        "passes-junk",
    ),
    (
        "passes every document",
        "(call $submission (i32.const 1024)) (if (result i32) (i32.eq (i32.load8_u (i32.const 1024)) (i32.const 1)) (then (call $pass)) (else (call $fail)))",
        "passes-junk",
    ),
    (
        "passes a work tree of a manager's",
        "(call $submission (i32.const 1024)) (if (result i32) (i32.eq (i32.load8_u (i32.const 1024)) (i32.const 2)) (then (call $pass)) (else (call $fail)))",
        "passes-wrong-kind",
    ),
    (
        "passes without a test",
        "(if (result i32) (local.get $kind) (then (call $fail)) (else (call $pass)))",
        "passes-untested",
    ),
    (
        "passes with any key",
        "(call $key (i32.const 1040)) (call $submission (i32.const 1024)) (if (result i32) (i32.lt_u (i32.load (i32.const 1028)) (i32.const 4)) (then (call $pass)) (else (call $fail)))",
        "passes-unreadable-key",
    ),
    (
        "traps on an empty diff",
        "(call $diff (i64.const 0) (i32.const 99) (i32.const 1024)) (if (i32.and (i32.eqz (i32.load8_u (i32.const 1024))) (i32.eqz (i32.load (i32.const 1032)))) (then unreachable)) (call $fail)",
        "traps",
    ),
    (
        "traps on no files",
        "(call $files (i32.const 1024)) (drop (i32.div_u (i32.const 1) (i32.load (i32.const 1032)))) (call $fail)",
        "traps",
    ),
    (
        "traps where tests are refused",
        "(call $run (i32.const 80) (i32.const 8) (i32.const 1024)) (if (i32.load8_u (i32.const 1024)) (then unreachable)) (call $fail)",
        "traps",
    ),
    (
        "traps without proposals",
        "(if (i32.eqz (local.get $proposals-len)) (then unreachable)) (call $fail)",
        "traps",
    ),
    (
        "traps on an empty key",
        "(call $key (i32.const 1024)) (drop (i32.rem_u (i32.const 7) (i32.load (i32.const 1028)))) (call $fail)",
        "traps",
    ),
    (
        "traps on a long statement",
        "(if (i32.gt_u (local.get $statement-len) (i32.const 500000)) (then unreachable)) (call $fail)",
        "traps",
    ),
    (
        "computes with the square of the statement",
        "(local.set $x (local.get $statement-len)) (loop $more (call $burn (i32.add (local.get $statement-len) (i32.const 1))) (br_if $more (local.tee $x (i32.sub (local.get $x) (i32.const 1))))) (call $fail)",
        "out-of-fuel",
    ),
    ("takes most of its fuel", "(call $burn (i32.const 6000000)) (call $fail)", "slow"),
    (
        "judges by how much memory there is",
        "(if (result i32) (i32.gt_u (call $fill-memory) (i32.const 600)) (then (call $verdict (i32.const 1) (i32.const 0))) (else (call $verdict (i32.const 1) (i32.const 1))))",
        "depends-on-limits",
    ),
    (
        "never judges",
        "(i32.store8 (i32.const 32) (i32.const 1)) (i32.store8 (i32.const 36) (i32.const 2)) (i32.store (i32.const 40) (i32.const 80)) (i32.store (i32.const 44) (i32.const 3)) (i32.const 32)",
        "never-judges",
    ),
    ("never passes", "call $fail", "never-passes"),
    (
        "passes every proposal",
        "(call $submission (i32.const 1024)) (if (result i32) (i32.and (i32.eqz (i32.load8_u (i32.const 1024))) (i32.lt_u (i32.load (i32.const 1028)) (i32.const 4))) (then (call $pass)) (else (call $fail)))",
        "passes-any-choice",
    ),
    (
        "passes every odd proposal",
        "(call $submission (i32.const 1024)) (if (result i32) (i32.and (i32.eqz (i32.load8_u (i32.const 1024))) (i32.and (i32.load (i32.const 1028)) (i32.const 1))) (then (call $pass)) (else (call $fail)))",
        "passes-wrong-choice",
    ),
    (
        "judges by the price",
        "(call $verdict (i32.const 1) (i64.lt_u (local.get $price) (i64.const 100)))",
        "depends-on-task",
    ),
    (
        "judges by the length of the id",
        "(call $verdict (i32.const 1) (i32.gt_u (local.get $id-len) (i32.const 20)))",
        "depends-on-task",
    ),
    (
        "says which proposal would have been right",
        "(call $key (i32.const 1040)) (drop (call $fail)) (if (i32.gt_u (i32.load (i32.const 1044)) (i32.const 20)) (then (i32.store (i32.const 60) (i32.add (i32.load (i32.const 1040)) (i32.const 11))) (i32.store (i32.const 64) (i32.const 9)))) (i32.const 32)",
        "tells-key",
    ),
    (
        "imports what it never calls",
        "(if (i32.eq (local.get $kind) (i32.const 9)) (then (call $artifacts (i32.const 1024)))) (call $fail)",
        "never-used",
    ),
    ("scores a pass with nothing", "(call $verdict (i32.const 0) (i32.const 0))", "malformed-result"),
    (
        "logs the key",
        "(call $key (i32.const 1040)) (call $log (i32.const 1) (i32.load (i32.const 1040)) (i32.load (i32.const 1044)) (i32.const 4) (i32.const 0)) (call $fail)",
        "tells-key",
    ),
];

/// Agents by what they do, and the code that they are found by.
const AGENTS: [(&str, &str, &str); 14] = [
    ("chooses 0", "(call $choice (i32.const 0))", "unknown-choice"),
    (
        "chooses the second",
        "(call $choice (i32.load (i32.add (local.get $proposals) (i32.const 12))))",
        "unknown-choice",
    ),
    (
        "traps without proposals",
        "(if (i32.eqz (local.get $proposals-len)) (then unreachable)) (call $nothing)",
        "traps",
    ),
    (
        "traps on one proposal",
        "(drop (i32.div_u (i32.const 8) (i32.sub (local.get $proposals-len) (i32.const 1)))) (call $nothing)",
        "traps",
    ),
    ("hands in nothing", "call $nothing", "never-answers"),
    ("hands in a work tree always", "call $tree", "wrong-kind"),
    (
        "chooses always",
        "(call $choice (if (result i32) (local.get $proposals-len) (then (i32.load (local.get $proposals))) (else (i32.const 0))))",
        "wrong-kind",
    ),
    (
        "answers by how much memory there is",
        "(if (result i32) (i32.gt_u (call $fill-memory) (i32.const 600)) (then (call $nothing)) (else (call $tree)))",
        "depends-on-limits",
    ),
    (
        "traps where a listing is refused",
        "(call $list (i32.const 80) (i32.const 0) (i32.const 1024)) (if (i32.load8_u (i32.const 1024)) (then unreachable)) (call $tree)",
        "traps",
    ),
    (
        "traps on an empty file",
        "(i32.store8 (i32.const 80) (i32.const 97)) (call $read (i32.const 80) (i32.const 1) (i64.const 0) (i32.const 9) (i32.const 1024)) (drop (i32.div_u (i32.const 1) (i32.load (i32.const 1032)))) (call $tree)",
        "traps",
    ),
    (
        "traps where a command is not done in time",
        "(i32.store8 (i32.const 80) (i32.const 97)) (call $shell (i32.const 80) (i32.const 1) (i32.const 5) (i32.const 1024)) (if (i32.eqz (i32.load8_u (i32.const 1028))) (then unreachable)) (call $tree)",
        "traps",
    ),
    (
        "traps on a large input",
        "(call $input (i32.const 1024)) (if (i32.gt_u (i32.load (i32.const 1032)) (i32.const 1000000)) (then unreachable)) (call $nothing)",
        "traps",
    ),
    (
        "computes with the square of the statement",
        "(local.set $x (local.get $statement-len)) (loop $more (call $burn (i32.add (local.get $statement-len) (i32.const 1))) (br_if $more (local.tee $x (i32.sub (local.get $x) (i32.const 1))))) (call $nothing)",
        "out-of-fuel",
    ),
    ("knows the answers", "(call $key (i32.const 1024)) (call $nothing)", "control"),
];

/// A manifest of the built-in `manager-choice`.
const MANIFEST: &str = r#"name = "acme/right-choice"
version = "1.2.0"
contract = "0.1.0"
world = "grader"
description = "Pays whoever chose the right proposal."
authors = ["Ada"]
licence = "MIT"
[asks]
log = "It says there what a panic is about."
submission = "It reads which proposal was chosen."
answer-key = "It compares that with the right one."
[limits]
memory-mib = 16
"#;

/// A manifest of the built-in `first`.
const OF_FIRST: &str = r#"name = "acme/first"
version = "1.2.0"
contract = "0.1.0"
world = "agent"
description = "Chooses the first."
authors = ["Ada"]
licence = "MIT"
[asks]
log = "It says there what a panic is about."
[limits]
memory-mib = 16
"#;

/// What of a manifest is said otherwise, and what that is found by.
const LIES: [(Role, &str, &str, &str, &str); 11] = [
    (
        Role::Grader,
        "asks for more than it imports",
        "[limits]",
        "tests = \"It may.\"\n[limits]",
        "lying-manifest",
    ),
    (
        Role::Grader,
        "imports more than it asks for",
        "submission = \"It reads which proposal was chosen.\"\n",
        "",
        "lying-manifest",
    ),
    (Role::Grader, "says another contract", "contract = \"0.1.0\"", "contract = \"0.1.7\"", "lying-manifest"),
    (Role::Grader, "says that it needs no memory", "memory-mib = 16", "memory-mib = 1", "limits-too-low"),
    (Role::Grader, "says that it needs no fuel", "memory-mib = 16", "fuel = 10", "limits-too-low"),
    (
        Role::Grader,
        "says that it needs more than there is",
        "memory-mib = 16",
        "memory-mib = 200",
        "needs-more",
    ),
    (
        Role::Agent,
        "asks for more than it imports",
        "[limits]",
        "random = \"It may.\"\n[limits]",
        "lying-manifest",
    ),
    (Role::Agent, "says another world", "\"agent\"", "\"configurable-agent\"", "lying-manifest"),
    (Role::Agent, "says another contract", "contract = \"0.1.0\"", "contract = \"0.1.7\"", "lying-manifest"),
    (Role::Agent, "says that it needs no fuel", "memory-mib = 16", "fuel = 1", "limits-too-low"),
    (
        Role::Agent,
        "says that it needs more than there is",
        "memory-mib = 16",
        "fuel = 9_000_000_000",
        "needs-more",
    ),
];

/// A grader that passes every document where it was set to be lax.
const LAX: &str = "(i32.store8 (i32.const 90) (i32.const 108)) (i32.store8 (i32.const 91) (i32.const 97)) (i32.store8 (i32.const 92) (i32.const 120))
    (call $setting (i32.const 90) (i32.const 3) (i32.const 1040)) (call $submission (i32.const 1024))
    (if (result i32) (i32.and (i32.eq (i32.load (i32.const 1048)) (i32.const 4)) (i32.eq (i32.load8_u (i32.const 1024)) (i32.const 1))) (then (call $pass)) (else (call $fail)))";

/// A manifest of that one.
const OF_LAX: &str = r#"name = "acme/lax"
version = "1.2.0"
contract = "0.1.0"
world = "grader"
description = "Pays for any document, if it is told to."
authors = ["Ada"]
licence = "MIT"
[asks]
submission = "It reads what was handed in."
settings = "It may be told to be lax."
[settings.properties.lax]
type = "boolean"
default = false
"#;

/// A grader of these by its name.
pub(super) fn grader(wit: &Path, name: &str) -> Vec<u8> {
    let (_, body, _) = GRADERS.into_iter().find(|(known, ..)| *known == name).unwrap();
    made(wit, Role::Grader, &["lancet:plugin/grading@0.1.0"], body)
}

/// All of them.
pub(super) fn all(wit: &Path) -> Vec<Bad> {
    let mut all = Vec::new();
    let mut add =
        |name, role, component, code| all.push(Bad { name, role, component, fixtures: Vec::new(), code });
    let export = |role: Role| match role {
        Role::Grader => "lancet:plugin/grading@0.1.0",
        Role::Agent => "lancet:plugin/solving@0.1.0",
    };
    for (name, body, code) in GRADERS {
        add(name, Role::Grader, made(wit, Role::Grader, &[export(Role::Grader)], body), code);
    }
    for (name, body, code) in AGENTS {
        add(name, Role::Agent, made(wit, Role::Agent, &[export(Role::Agent)], body), code);
    }
    for (role, name, from, to, code) in LIES {
        let (builtin, manifest) = match role {
            Role::Grader => ("manager-choice", MANIFEST),
            Role::Agent => ("first", OF_FIRST),
        };
        let component = lancet_builtin::find(role, builtin).unwrap().component;
        assert!(manifest.contains(from), "{name}");
        add(name, role, lancet_package::write(component, &manifest.replacen(from, to, 1)).unwrap(), code);
    }
    let lax = made(wit, Role::Grader, &[export(Role::Grader)], LAX);
    let other = OF_LAX.replace("properties.lax", "properties.strict");
    for (name, code) in [
        ("reads a setting that it does not declare", "unknown-setting"),
        ("declares a setting that it does not read", "unread-setting"),
    ] {
        add(name, Role::Grader, lancet_package::write(&lax, &other).unwrap(), code);
    }
    add(
        "passes documents when it is set to",
        Role::Grader,
        lancet_package::write(&lax, OF_LAX).unwrap(),
        "passes-junk",
    );
    for (role, builtin, manifest) in
        [(Role::Grader, "manager-choice", MANIFEST), (Role::Agent, "first", OF_FIRST)]
    {
        let component = lancet_builtin::find(role, builtin).unwrap().component;
        let package = lancet_package::write(component, manifest).unwrap();
        add(
            "tells other tools of another version",
            role,
            with(&package, "version", b"9.9.9"),
            "lying-metadata",
        );
        let bare = with(component, lancet_package::SECTION, manifest.as_bytes());
        add("tells other tools nothing", role, bare, "no-metadata");
    }
    for role in [Role::Grader, Role::Agent] {
        let ordinary = lancet_hostile::ordinary(role);
        add("is large", role, padded(&ordinary, 40 << 20), "large");
        add("says nothing of itself", role, ordinary, "no-manifest");
        let body = if role == Role::Grader { "call $fail)" } else { "call $nothing)" };
        let spare = format!("{body} (func (export \"lancet:bad/spare#nothing\")");
        add(
            "exports more than its world",
            role,
            made(wit, role, &[export(role), "spare"], &spare),
            "unknown-export",
        );
    }
    // What these do, they do on tasks of an evil name.
    for (name, code) in [
        ("dice-grader", "depends-on-chance"),
        ("wasi-calls-grader", "needs-grant"),
        ("asks-model-grader", "models-untried"),
        ("environment-agent", "needs-grant"),
    ] {
        let case = lancet_hostile::case(name).unwrap();
        let component = lancet_hostile::component(case);
        all.push(Bad { name, role: case.role, component, fixtures: evil(case.role), code });
    }
    all
}

/// Valid, with a custom section that makes it of about that many bytes.
fn padded(ordinary: &[u8], bytes: usize) -> Vec<u8> {
    with(ordinary, "p", &vec![0; bytes])
}

/// A component with a custom section more.
fn with(component: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let mut whole = component.to_vec();
    whole.push(0);
    let mut length = 1 + name.len() + content.len();
    while length >= 0x80 {
        whole.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    whole.push(u8::try_from(length).unwrap());
    whole.push(u8::try_from(name.len()).unwrap());
    whole.extend_from_slice(name.as_bytes());
    whole.extend_from_slice(content);
    whole
}
