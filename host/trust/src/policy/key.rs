//! Every key of `lancet.toml`. What stands here is what is taken, what the documentation lists, and
//! what the tests hold to be enforced.

/// A key of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyKey {
    /// The key, dotted.
    pub name: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// What it means, and what holds without it.
    pub means: &'static str,
}

const fn key(name: &'static str, takes: &'static str, means: &'static str) -> PolicyKey {
    PolicyKey { name, takes, means }
}

const SOURCES: &str = "a list of `built-in`, `named`, `registry` and `suite`";
const FILES: &str = "a list of `named`, `registry` and `suite`";
const CAPABILITIES: &str = "a list of capabilities as in `log`, those that `lancet plugin inspect` tells of";
const REGISTRIES: &str =
    "a list of patterns of names in registries, without tags, as in `registry.example.com/acme/**`";
const IMAGES: &str =
    "a list of `build` and patterns of whole names of images, without tags, as in `docker.io/library/*`";
const FUEL: &str = "a whole number from 1 on";
const MIB: &str = "a whole number of MiB from 1 on";
const SECONDS: &str = "a whole number of seconds from 1 on";
const NAME: &str = "a name as in `acme/choice`, without what follows the `/`";
const KEY_LIST: &str = "a list of names or ids of keys that `lancet key list` shows";

/// Every key, in the order in which they are looked at.
pub const KEYS: [PolicyKey; 20] = [
    key("sources", SOURCES, "where plugins may come from: from anywhere without it"),
    key(
        "registries",
        REGISTRIES,
        "from which registries plugins and suites may be pulled, and under which names there: from any without it. `*` stands for anything but `/`, `**` for anything",
    ),
    key(
        "unsigned",
        FILES,
        "which of them may come without a publisher's signature, with a warning: `named` and `suite` without it",
    ),
    key("publisher.name", NAME, "whose keys these are: a package that they sign is called `NAME/…`; needed"),
    key(
        "publisher.keys",
        KEY_LIST,
        "by which keys it signs: without any `publisher`, every key that is known here is one, for any name; needed",
    ),
    key("publisher.agent", CAPABILITIES, "what its agents may import at most: anything without it"),
    key("publisher.grader", CAPABILITIES, "what its graders may import at most: anything without it"),
    key(
        "publisher.control",
        CAPABILITIES,
        "what its agents that know the answers may import at most: anything without it",
    ),
    key(
        "capabilities.agent",
        CAPABILITIES,
        "what any agent may import at most, built-in ones too: anything without it",
    ),
    key(
        "capabilities.grader",
        CAPABILITIES,
        "what any grader may import at most, built-in ones too: anything without it",
    ),
    key(
        "capabilities.control",
        CAPABILITIES,
        "what any agent that knows the answers may import at most, built-in ones too: anything without it",
    ),
    key(
        "isolation.plugins",
        "`auto` or `process`",
        "which plugins have to run in jailed processes: with `auto` all that are not built in, with `process` all; none have to without it",
    ),
    key(
        "isolation.jail",
        "`seccomp` or `landlock`",
        "what has to hold the process of a plugin that is not built in, and of one that is where it has a process: nothing in particular without it",
    ),
    key(
        "images.sources",
        IMAGES,
        "which images suites may name: any without it. `*` stands for anything but `/`, `**` for anything; `build` is for those that are built from the suite",
    ),
    key("limits.agent-fuel", FUEL, "the most fuel of a call of the agent"),
    key("limits.agent-memory-mib", MIB, "the most memory of a call of the agent"),
    key("limits.agent-seconds", SECONDS, "the most time of a call of the agent"),
    key("limits.grader-fuel", FUEL, "the most fuel of a call of a grader"),
    key("limits.grader-memory-mib", MIB, "the most memory of a call of a grader"),
    key("limits.grader-seconds", SECONDS, "the most time of a call of a grader"),
];
