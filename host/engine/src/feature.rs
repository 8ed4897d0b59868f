//! What a component uses of WebAssembly that plugins may not, by what its validation says, and
//! how it is built without.

/// A feature that is off.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Feature {
    /// What people call it.
    pub(crate) name: &'static str,
    /// How a component is built without.
    pub(crate) without: &'static str,
    /// What the validator says of a component that uses it.
    said: &'static [&'static str],
}

const FEATURES: [Feature; 9] = [
    Feature {
        name: "asynchronous functions of the component model",
        without: "build it for synchronous calls: `jco componentize --backend quickjs --backend-qjs-disable-async`, \
                  `componentize-qjs --sync`, and no `async` in bindings of other languages",
        said: &["component model async", "component model more async", "component model error-context"],
    },
    Feature {
        name: "threads",
        without: "build it without `-pthread`, and without the target feature `atomics`",
        said: &[
            "threads support",
            "shared-everything-threads",
            "component model threading",
            "shared memories",
        ],
    },
    Feature {
        name: "exceptions of WebAssembly",
        without: "build it without them: `-fno-exceptions` and no `-fwasm-exceptions` in C++, `-C panic=abort` in Rust",
        said: &["exceptions proposal", "exceptions support", "exception handling", "exception refs"],
    },
    Feature {
        name: "garbage collection of WebAssembly",
        without: "compile the language to linear memory instead",
        said: &[
            "gc proposal",
            "gc support",
            "gc feature",
            "GC proposal",
            "`gc`",
            "function-references",
            "function references",
        ],
    },
    Feature { name: "64-bit memories", without: "build it for `wasm32`", said: &["memory64", "64-bit"] },
    Feature {
        name: "tail calls",
        without: "build it without the target feature `tail-call`",
        said: &["tail call"],
    },
    Feature {
        name: "stack switching",
        without: "build it without the proposal's `cont.new`, `suspend` and `resume`",
        said: &["stack switching"],
    },
    Feature {
        name: "wide arithmetic",
        without: "build it without the target feature `wide-arithmetic`",
        said: &["wide arithmetic"],
    },
    Feature {
        name: "a draft of the component model",
        without: "build it with a release of its toolchain that makes components of the WASI 0.2 era",
        said: &["component model"],
    },
];

/// The feature that a validator's words are about. `None` where they are of something that is
/// broken in itself.
pub(crate) fn beyond(said: &str) -> Option<&'static Feature> {
    const OFF: [&str; 6] =
        ["not enabled", "not supported", "require", "disabled", "must be enabled", "not allowed"];
    if !OFF.iter().any(|off| said.contains(off)) {
        return None;
    }
    FEATURES.iter().find(|feature| feature.said.iter().any(|part| said.contains(part)))
}

/// Why bytes are no valid component.
pub(crate) fn invalid(said: &str) -> String {
    match beyond(said) {
        Some(feature) => format!("it uses {}, which no plugin may: {said}", feature.name),
        None => format!("it is not a valid component: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect;

    #[test]
    fn a_feature_that_is_off_is_told_from_what_is_broken() {
        // A QuickJS component as its toolchain makes it by default lifts its exports asynchronously.
        for (text, name) in [
            (
                r#"(component (core module $m (func (export "f")) (func (export "c") (param i32 i32 i32) (result i32) i32.const 0))
                     (core instance $i (instantiate $m))
                     (func (export "f") (canon lift (core func $i "f") async)))"#,
                "asynchronous",
            ),
            ("(component (core module (memory 1 1 shared)))", "threads"),
            ("(component (core module (tag)))", "exceptions"),
            ("(component (core module (type (struct))))", "garbage collection"),
            ("(component (core module (memory i64 1)))", "64-bit"),
            ("(component (core module (func $f return_call $f)))", "tail calls"),
        ] {
            let error = inspect(&wat::parse_str(text).unwrap()).unwrap_err();
            let told = error.to_string();
            assert!(told.contains("which no plugin may") && told.contains(name), "{text}: {told}");
            assert!(!error.hint().unwrap().contains("build it again"), "{told}");
        }
        let broken =
            inspect(&wat::parse_str("(component (core module (func i32.add)))").unwrap()).unwrap_err();
        assert!(broken.to_string().contains("not a valid component"), "{broken}");
        assert!(broken.hint().unwrap().contains("wasm-tools validate"));
        assert_eq!(beyond("type mismatch: expected i32 but nothing on stack (at offset 0x1)"), None);
    }
}
