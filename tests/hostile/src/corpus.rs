use std::sync::LazyLock;

use lancet_core::FaultKind::{
    CallTooLarge, Error, MalformedResult, OutOfFuel, OutOfMemory, StackOverflow, Timeout, TooManyCalls,
    TooManyHandles, Trap,
};
use lancet_core::Role::{self, Agent, Grader};
use lancet_core::{Capability, Kind};

use crate::Expected::{self, Fault, Harmless, Refused, Undescribed};
use crate::{COMPONENTS, Case, broken};

/// All of them, by threat.
#[must_use]
pub fn cases() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| entries().iter().flat_map(Entry::cases).collect());
    &CASES
}

/// A way to misbehave, before it is known which roles there are of it.
struct Entry {
    threat: u8,
    name: &'static str,
    roles: &'static [Role],
    /// Whether the name of a case ends with its role.
    suffixed: bool,
    expected: Expected,
    kind: Kind,
    needs: &'static [Capability],
    evil_only: bool,
}

fn both(threat: u8, name: &'static str, expected: Expected) -> Entry {
    Entry { roles: &[Agent, Grader], ..agent(threat, name, expected) }
}

fn agent(threat: u8, name: &'static str, expected: Expected) -> Entry {
    Entry {
        threat,
        name,
        roles: &[Agent],
        suffixed: true,
        expected,
        kind: Kind::SweManager,
        needs: &[],
        evil_only: true,
    }
}

fn grader(threat: u8, name: &'static str, expected: Expected) -> Entry {
    Entry { roles: &[Grader], ..agent(threat, name, expected) }
}

/// Of no role, or of one that does not matter.
fn lone(threat: u8, name: &'static str, expected: Expected) -> Entry {
    Entry { suffixed: false, ..agent(threat, name, expected) }
}

impl Entry {
    /// Misbehaves whatever the task, or is refused.
    fn always(mut self) -> Self {
        self.evil_only = false;
        self
    }

    /// Made for a task that asks for a work tree, and has an environment.
    fn on_work_tree(mut self) -> Self {
        self.kind = Kind::IcSwe;
        self
    }

    /// Wants WASI, and finds nothing behind it.
    fn with_wasi(mut self) -> Self {
        self.needs = &[Capability::WasiInert];
        self
    }

    /// Wants to ask models, which is the operator's to grant.
    fn with_models(mut self) -> Self {
        self.needs = &[Capability::Model];
        self
    }

    fn cases(&self) -> impl Iterator<Item = Case> {
        self.roles.iter().map(|role| {
            let name = if self.suffixed { format!("{}-{role}", self.name) } else { self.name.to_owned() };
            let (name, what) = described(&name);
            Case {
                name,
                role: *role,
                threat: self.threat,
                what,
                expected: self.expected,
                kind: self.kind,
                needs: self.needs,
                evil_only: self.evil_only,
            }
        })
    }
}

/// The static form of a name, and what the source of that component says it does.
fn described(name: &str) -> (&'static str, &'static str) {
    let made = COMPONENTS.iter().map(|(made, what, _)| (*made, *what));
    let mut known = made.chain(broken::DESCRIBED.iter().copied());
    known.find(|(known, _)| *known == name).unwrap_or_else(|| panic!("the corpus has no component `{name}`"))
}

fn entries() -> Vec<Entry> {
    vec![
        // 16. Endless loops, also where the host waits for the guest.
        agent(16, "configuration-loops", Undescribed("fuel")).always(),
        agent(16, "endless-asks", Fault(TooManyCalls)).on_work_tree(),
        agent(16, "endless-calls", Fault(TooManyCalls)),
        agent(16, "endless-commands", Fault(TooManyCalls)).on_work_tree(),
        both(16, "endless-fields", Fault(OutOfFuel)),
        agent(16, "endless-file-reads", Fault(TooManyCalls)).on_work_tree(),
        both(16, "endless-fill", Fault(OutOfFuel)),
        both(16, "endless-loop", Fault(OutOfFuel)),
        grader(16, "endless-reads", Fault(TooManyCalls)),
        grader(16, "endless-tests", Fault(TooManyCalls)).on_work_tree(),
        agent(16, "endless-writes", Fault(TooManyCalls)).on_work_tree(),
        both(16, "log-loop", Fault(TooManyCalls)),
        both(16, "loop-in-post-return", Fault(OutOfFuel)),
        both(16, "loop-in-realloc", Fault(OutOfFuel)).always(),
        both(16, "loop-in-start", Fault(OutOfFuel)).always(),
        both(16, "sleep", Fault(Timeout)).with_wasi(),
        agent(16, "naps", Harmless).with_wasi(),
        agent(16, "spin-on-clock", Fault(Timeout)).with_wasi(),
        grader(16, "wasi-calls", Fault(OutOfFuel)).with_wasi(),
        // 17. Growth of memory, tables, instances and handles.
        both(17, "allocate", Fault(OutOfMemory)),
        agent(17, "many-instances", Refused("cannot be compiled")).always(),
        agent(17, "many-memories", Fault(OutOfMemory)).always(),
        agent(17, "many-tables", Refused("cannot be compiled")).always(),
        agent(17, "memory-declared", Fault(OutOfMemory)).always(),
        agent(17, "memory-declared-huge", Refused("cannot be compiled")).always(),
        both(17, "memory-growth", Fault(OutOfMemory)),
        both(17, "memory-in-realloc", Fault(OutOfMemory)).always(),
        both(17, "memory-refused", Harmless),
        both(17, "own-handles", Fault(TooManyHandles)),
        grader(17, "pollable-handles", Fault(TooManyHandles)).with_wasi(),
        agent(17, "stream-handles", Fault(TooManyHandles)).with_wasi(),
        agent(17, "table-declared", Refused("cannot be compiled")).always(),
        both(17, "table-growth", Fault(OutOfMemory)),
        both(17, "table-refused", Harmless),
        agent(17, "too-many-memories", Refused("cannot be compiled")).always(),
        // It holds as many as there may be, which is as many as there may be handles.
        agent(17, "endless-conversations", Fault(TooManyCalls)).on_work_tree(),
        // 18. Deep recursion.
        both(18, "deep-recursion", Fault(StackOverflow)),
        grader(18, "large-frames", Fault(Trap)),
        agent(18, "linked-list", Fault(StackOverflow)),
        agent(18, "mutual-recursion", Fault(StackOverflow)),
        both(18, "recursion-in-realloc", Fault(StackOverflow)).always(),
        // 19. Large and malformed values across the boundary.
        grader(19, "checks-duplicate", Fault(MalformedResult)),
        grader(19, "checks-many", Fault(CallTooLarge)),
        grader(19, "checks-over-limit", Fault(MalformedResult)),
        agent(19, "configuration-bounds", Undescribed("the setting `a` takes 9223372036854775808 to 1"))
            .always(),
        agent(19, "configuration-deep", Undescribed("the default of `a` is no JSON")).always(),
        agent(19, "configuration-large", Undescribed("bytes")).always(),
        agent(19, "configuration-many", Undescribed("10000 settings, at most 200 are allowed")).always(),
        agent(19, "configuration-no-json", Undescribed("the default of `a` is no JSON")).always(),
        agent(19, "configuration-twice", Undescribed("the setting `a` is there twice")).always(),
        agent(19, "configuration-variables", Undescribed("100000 variables, at most 200")).always(),
        agent(19, "document-large", Fault(CallTooLarge)),
        agent(19, "document-not-utf8", Fault(Trap)),
        agent(19, "document-out-of-bounds", Fault(Trap)),
        agent(19, "document-over-limit", Fault(MalformedResult)),
        agent(19, "error-large", Harmless),
        grader(19, "dictated", Harmless).always(),
        grader(19, "error-large", Fault(Error)),
        both(19, "log-large", Fault(CallTooLarge)),
        both(19, "log-list-overflow", Fault(Trap)),
        both(19, "log-many-fields", Fault(CallTooLarge)),
        both(19, "log-no-level", Fault(Trap)),
        both(19, "log-not-utf8", Fault(Trap)),
        both(19, "log-out-of-bounds", Fault(Trap)),
        both(19, "log-shared-text", Fault(CallTooLarge)),
        both(19, "log-unaligned", Fault(Trap)),
        both(19, "log-wrapping", Fault(Trap)),
        agent(19, "path-not-utf8", Fault(Trap)).on_work_tree(),
        agent(19, "random-bytes", Fault(Trap)).with_wasi(),
        both(19, "requests-over-limit", Harmless).on_work_tree(),
        both(19, "result-no-case", Fault(Trap)),
        both(19, "result-out-of-bounds", Fault(Trap)),
        both(19, "result-unaligned", Fault(Trap)),
        grader(19, "verdict-checks-out-of-bounds", Fault(Trap)),
        grader(19, "verdict-checks-shared", Fault(CallTooLarge)),
        grader(19, "verdict-checks-unnamed", Fault(MalformedResult)),
        grader(19, "verdict-explanation-large", Fault(CallTooLarge)),
        grader(19, "verdict-explanation-over-limit", Fault(MalformedResult)),
        grader(19, "verdict-invalid-disk-full", Fault(MalformedResult)),
        grader(19, "verdict-invalid-scored", Fault(MalformedResult)),
        grader(19, "verdict-no-outcome", Fault(Trap)),
        grader(19, "verdict-not-utf8", Fault(Trap)),
        grader(19, "verdict-over-limit", Fault(MalformedResult)),
        grader(19, "verdict-pass-out-of-fuel", Fault(MalformedResult)),
        grader(19, "verdict-pass-of-failed-tests", Fault(MalformedResult)).on_work_tree(),
        grader(19, "verdict-pass-unscored", Fault(MalformedResult)),
        grader(19, "verdict-pass-untested", Fault(MalformedResult)).on_work_tree(),
        grader(19, "verdict-reason-text", Fault(MalformedResult)),
        grader(19, "verdict-score-over", Fault(MalformedResult)),
        agent(19, "write-huge", Fault(CallTooLarge)).on_work_tree(),
        agent(19, "write-out-of-bounds", Fault(Trap)).on_work_tree(),
        // 20. Traps around and in the middle of host calls.
        agent(20, "configuration-asks", Undescribed("asks the host")).always(),
        agent(20, "configuration-traps", Undescribed("unreachable")).always(),
        agent(20, "forged-conversation", Fault(Trap)),
        both(20, "call-in-post-return", Fault(Trap)),
        agent(20, "call-in-start", Harmless).always(),
        grader(20, "division-by-zero", Fault(Trap)),
        agent(20, "exit", Fault(Trap)).with_wasi(),
        both(20, "memory-out-of-bounds", Fault(Trap)),
        both(20, "null-call", Fault(Trap)),
        agent(20, "panic", Fault(Trap)),
        agent(20, "random-below-zero", Fault(Trap)),
        both(20, "realloc-calls", Fault(Trap)).always(),
        both(20, "realloc-out-of-bounds", Fault(Trap)).always(),
        grader(20, "realloc-reentrant", Fault(Trap)),
        agent(20, "realloc-same-place", Harmless).always(),
        both(20, "realloc-traps", Fault(Trap)).always(),
        both(20, "realloc-unaligned", Fault(Trap)).always(),
        both(20, "trap-after-call", Fault(Trap)),
        agent(20, "trap-after-command", Fault(Trap)).on_work_tree(),
        both(20, "trap-in-post-return", Fault(Trap)),
        both(20, "trap-in-start", Fault(Trap)).always(),
        // 21. Imports and exports beyond the contract or the grant.
        lone(21, "exports-both", Refused("it exports both")).always(),
        lone(21, "exports-neither", Refused("it exports neither")).always(),
        lone(21, "exports-next-version", Refused("serves version 0.1.0")).always(),
        both(21, "exports-other-types", Refused("does not fit the contract")).always(),
        agent(21, "imports-answer-key", Refused("--grant answer-key")).always(),
        agent(21, "imports-artifacts", Refused("nobody can grant `artifacts`")).always(),
        both(21, "imports-backdoor", Refused("it is no interface of the contract")).always(),
        both(21, "imports-filesystem", Refused("wasi-inert")).always(),
        grader(21, "imports-input", Refused("nobody can grant `input`")).always(),
        agent(21, "imports-module", Refused("it is no interface of the contract")).always(),
        both(21, "imports-next-version", Refused("this host serves version 0.1.0")).always(),
        both(21, "imports-other-signature", Refused("does not fit the contract")).always(),
        grader(21, "imports-random", Refused("nobody can grant `random`")).always(),
        grader(21, "imports-settings", Refused("`[settings]` of a package's manifest")).always(),
        grader(21, "imports-shell", Refused("nobody can grant `shell`")).always(),
        both(21, "imports-sockets", Refused("it is not in the inert profile")).always(),
        agent(21, "imports-submission", Refused("nobody can grant `submission`")).always(),
        agent(21, "imports-submission-diff", Refused("nobody can grant `submission`")).always(),
        agent(21, "imports-tests", Refused("nobody can grant `tests`")).always(),
        agent(21, "imports-unknown-function", Refused("does not fit the contract")).always(),
        both(21, "imports-unknown-interface", Refused("the contract has no such interface")).always(),
        grader(21, "imports-user-tool", Refused("nobody can grant `user-tool`")).always(),
        grader(21, "imports-workspace", Refused("nobody can grant `workspace`")).always(),
        // 22. Reading what it was not given.
        agent(22, "environment", Harmless).with_wasi(),
        both(22, "paths", Harmless).with_wasi(),
        agent(22, "reads-memory", Harmless).always(),
        agent(22, "repository-reader", Harmless).always(),
        grader(22, "submission-escapes", Harmless).on_work_tree(),
        agent(22, "user-tool-artifacts", Harmless).on_work_tree().always(),
        agent(22, "work-tree-escapes", Harmless).on_work_tree(),
        // 23. Different verdicts on the same inputs.
        grader(23, "address", Harmless),
        grader(23, "asks-model", Harmless).with_models().on_work_tree().always(),
        grader(23, "clock", Harmless).with_wasi(),
        both(23, "computes", Harmless),
        grader(23, "dice", Harmless).with_wasi(),
        grader(23, "nan-bits", Harmless),
        // 24. Leaking through logs and verdicts.
        grader(24, "evidence-in-log", Harmless).on_work_tree().always(),
        grader(24, "key-as-log", Harmless),
        grader(24, "key-as-reason", Fault(MalformedResult)),
        grader(24, "key-in-verdict", Fault(MalformedResult)),
        both(24, "log-controls", Harmless),
        both(24, "log-flood", Harmless),
        agent(24, "stdout-flood", Harmless).with_wasi(),
        // 25. What is no component, or one that uses what is off.
        agent(25, "asynchronous", Refused("it uses asynchronous functions")).always(),
        lone(25, "bit-flips", Refused("not a valid component")).always(),
        lone(25, "core-module", Refused("it is a core module")).always(),
        lone(25, "empty", Refused("it is not WebAssembly")).always(),
        agent(25, "exceptions", Refused("it uses exceptions")).always(),
        agent(25, "garbage-collection", Refused("it uses garbage collection")).always(),
        lone(25, "header-and-noise", Refused("not a valid component")).always(),
        lone(25, "header-only", Refused("it exports neither")).always(),
        lone(25, "magic-only", Refused("not a valid component")).always(),
        agent(25, "memory-64", Refused("it uses 64-bit memories")).always(),
        agent(25, "memory-shared", Refused("it uses threads")).always(),
        lone(25, "nested-deeply", Refused("cannot be")).always(),
        lone(25, "over-64-mib", Refused("at most 67108864")).always(),
        lone(25, "random-bytes", Refused("it is not WebAssembly")).always(),
        lone(25, "section-length-overflow", Refused("not a valid component")).always(),
        lone(25, "section-of-4-gib", Refused("not a valid component")).always(),
        agent(25, "tail-call", Refused("it uses tail calls")).always(),
        lone(25, "text", Refused("it is not WebAssembly")).always(),
        lone(25, "truncated", Refused("not a valid component")).always(),
        lone(25, "truncated-by-one", Refused("not a valid component")).always(),
        lone(25, "types-exponential", Refused("not a valid component")).always(),
        lone(25, "types-of-4-gib", Refused("not a valid component")).always(),
        lone(25, "unknown-version", Refused("not a valid component")).always(),
    ]
}
