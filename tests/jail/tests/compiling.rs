//! What a compiler in its jail does, and what is said of it.

use std::num::NonZeroUsize;
use std::path::Path;

use lancet_core::{Grant, Role};
use lancet_engine::{Compiler, LoadError, Runtime, RuntimeOptions};
use lancet_jail::Program;

/// What is said of a component whose compiler does that.
fn loaded_by(scenario: &str) -> LoadError {
    let options = RuntimeOptions { concurrency: NonZeroUsize::MIN, cache: None };
    let component = wat::parse_str(
        r#"(component
            (type $error (variant (case "cancelled")))
            (instance $solving)
            (export "lancet:plugin/solving@0.1.0" (instance $solving)))"#,
    )
    .unwrap();
    let program = Program::new(Path::new(env!("CARGO_BIN_EXE_evil-worker")), [scenario]).unwrap();
    let runtime = Runtime::new(&options).unwrap();
    runtime
        .load("odd", &component, &Grant::standard(Role::Agent), &Compiler::Child { program })
        .err()
        .unwrap()
}

#[test]
fn refused_too_much_crashed_and_forbidden_are_told_apart() {
    for (scenario, words) in [
        ("refuse", "plugin `odd` cannot be compiled: the compiler refuses it: it is refused"),
        ("spin", "compiling it took more than 120 s or 4 GiB, or crashed the compiler (signal: 24 (SIGXCPU)"),
        ("panic", "or crashed the compiler (exit status: 101)"),
        ("socket", "what its jail forbids (SIGSYS)"),
        ("much-code", "more than 64 MiB of code come of it"),
    ] {
        let error = loaded_by(scenario);
        assert!(matches!(error, LoadError::Compile { .. }), "{scenario}: {error}");
        assert!(error.to_string().contains(words), "{scenario}: {error}");
    }
    // The host's own fault, and no plugin's.
    let error = loaded_by("ends-early");
    assert!(matches!(error, LoadError::Engine(_)), "{error}");
    assert!(error.to_string().contains("this is the end"), "{error}");
}
