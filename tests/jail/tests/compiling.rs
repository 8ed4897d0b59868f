//! What a compiler in its jail does, and what is said of it.

use std::num::NonZeroUsize;
use std::path::Path;

use lancet_core::{Grant, Role};
use lancet_engine::{Compiler, LoadError, Runtime, RuntimeOptions};
use lancet_jail::Program;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is said of a component when that is done by who reads it, or compiles it.
fn loaded_by(scenario: &[&str]) -> LoadError {
    let options = RuntimeOptions { concurrency: NonZeroUsize::MIN, cache: None };
    let component = wat::parse_str(
        r#"(component
            (type $error (variant (case "cancelled")))
            (instance $solving)
            (export "lancet:plugin/solving@0.1.0" (instance $solving)))"#,
    )
    .unwrap();
    let program =
        Program::new(Path::new(env!("CARGO_BIN_EXE_evil-worker")), scenario.iter().copied()).unwrap();
    let runtime = Runtime::new(&options).unwrap();
    runtime
        .load("odd", &component, &Grant::standard(Role::Agent), &Compiler::Child { program, slow: None })
        .err()
        .unwrap()
}

#[test]
fn refused_too_much_crashed_and_forbidden_are_told_apart() {
    for (scenario, words) in [
        ("refuse", "plugin `odd` cannot be compiled: the compiler refuses it: it is refused"),
        ("spin", "compiling it took more than 120 s of processor time"),
        ("panic", "compiling it crashed the process that did (exit status: 101)"),
        ("socket", "what its jail forbids (SIGSYS)"),
        ("much-code", "more than 64 MiB of code come of it"),
    ] {
        let error = loaded_by(&["compiling", scenario]);
        assert!(matches!(error, LoadError::Compile { .. }), "{scenario}: {error}");
        assert!(error.to_string().contains(words), "{scenario}: {error}");
    }
    for (scenario, words) in [
        (
            "spin",
            "plugin `odd` cannot be used: it cannot be read: reading it took more than 60 s of processor time",
        ),
        ("eat", "reading it took more than 1 GiB of memory"),
        ("gush", "reading it gave more than 4 MiB"),
        ("panic", "reading it crashed the process that did (exit status: 101)"),
        ("socket", "what its jail forbids (SIGSYS)"),
        ("nonsense", "reading it gave nothing that can be understood: unknown variant `king`"),
    ] {
        let error = loaded_by(&[scenario]);
        assert!(matches!(error, LoadError::NotAPlugin { .. }), "{scenario}: {error}");
        assert!(error.to_string().contains(words), "{scenario}: {error}");
    }
    // The host's own fault, and no plugin's.
    for scenario in [&["ends-early"][..], &["compiling", "ends-early"]] {
        let error = loaded_by(scenario);
        assert!(matches!(error, LoadError::Engine(_)), "{error}");
        assert!(error.to_string().contains("this is the end"), "{error}");
    }
    // So is a limit of its own that is lower, which its children have, too.
    let lower = Rlimit { current: Some(110), maximum: getrlimit(Resource::Cpu).maximum };
    setrlimit(Resource::Cpu, lower).unwrap();
    let error = loaded_by(&["compiling", "spin"]);
    assert!(matches!(error, LoadError::Engine(_)), "{error}");
    for words in ["may take 120 s of processor time", "a limit of 110", "RLIMIT_CPU, `ulimit -t`"] {
        assert!(error.to_string().contains(words), "{error}");
    }
}
