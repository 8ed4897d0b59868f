//! Every command, and what each of its arguments takes, by the names that the definition gives
//! them. The program's own tests hold this table to that definition, so that a command or an
//! argument that is added has to say here whether it takes a path; the tests of the program try
//! all that do, and every command with output that nobody reads.

/// A command, and its arguments.
pub(crate) struct Told {
    /// Its words behind `lancet`; none for what every command takes.
    pub(crate) command: &'static str,
    /// The arguments that take paths.
    pub(crate) paths: &'static [(&'static str, Takes)],
    /// Those that take words, numbers, or nothing at all, by what they have in common.
    pub(crate) words: &'static [&'static [&'static str]],
}

/// Paths, in the place of `@` in each of these command lines. `SUITE` is the folder of a suite and
/// `RUN` a run of it, `IMAGES` that of one with containers and `CONTAINERS` a run of it that is not
/// decided, `TABLE` a task table, `ANSWERS` the file of a scripted model, `COMPONENT` a grader,
/// `MANIFEST` what it says of itself, `PACKAGE` both in one file, and `PROJECT` a folder that it is
/// built from; `ATTESTED` a run that `mine` has signed. `mine` and `witness` are keys. With `@.jsonl` the path ends so.
pub(crate) struct Takes(pub(crate) Leads, pub(crate) &'static [&'static str]);

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leads {
    /// A file that is read.
    File,
    /// A file that is read, or a folder of files.
    FileOrFolder,
    /// A folder that is read.
    Folder,
    /// A folder that is made where there is none.
    NewFolder,
    /// A file that is written, whatever was there.
    Written,
    /// A file that is written where there is none, or an earlier one of the same kind.
    NewFile,
    /// A socket.
    Socket,
}

use Leads::{File, FileOrFolder, Folder, NewFile, NewFolder, Socket, Written};

const BOUNDS: &[&str] =
    &["agent_fuel", "agent_memory", "agent_timeout", "grader_fuel", "grader_memory", "grader_timeout"];
const DOCKER: &[&str] = &["container_runtime", "docker_patience", "leave_packet_filter", "own_users"];
const FORMAT: &[&str] = &["format"];
const ISOLATION: &[&str] = &["isolation", "require"];
const JOBS: &[&str] = &["jobs"];
const LOCKED: &[&str] = &["locked"];

pub(crate) const COMMANDS: &[Told] = &[
    Told {
        command: "",
        paths: &[(
            "store",
            Takes(NewFolder, &["runs --store @", "run SUITE --agent first --store @", "doctor --store @"]),
        )],
        words: &[&["quiet"]],
    },
    Told {
        command: "attest",
        paths: &[
            ("key", Takes(File, &["attest --key @ --output new.jsonl"])),
            ("output", Takes(NewFile, &["attest --key mine --output @.jsonl"])),
            ("since", Takes(File, &["attest --key mine --since @ --output new.jsonl"])),
        ],
        words: &[&["run", "signer", "force"]],
    },
    Told { command: "compile-plugin", paths: &[], words: &[&["jailed"]] },
    Told { command: "completions", paths: &[], words: &[&["shell"]] },
    Told {
        command: "cosign",
        paths: &[
            ("file", Takes(File, &["cosign @ --key witness --first"])),
            ("key", Takes(File, &["cosign ATTESTED --key @ --first --output new.jsonl"])),
            ("output", Takes(NewFile, &["cosign ATTESTED --key witness --first --output @"])),
            ("since", Takes(File, &["cosign ATTESTED --key witness --since @"])),
        ],
        words: &[&["first", "signer"]],
    },
    Told {
        command: "doctor",
        paths: &[("docker_socket", Takes(Socket, &["doctor --docker-socket @"]))],
        words: &[DOCKER, FORMAT],
    },
    Told {
        command: "export",
        paths: &[
            ("key", Takes(File, &["export --key @ --output new.tar"])),
            ("output", Takes(NewFile, &["export --key mine --output @.tar"])),
            ("since", Takes(File, &["export --key mine --since @ --output new.tar"])),
        ],
        words: &[&["run", "signer"]],
    },
    Told {
        command: "grade",
        paths: &[
            (
                "docker_socket",
                Takes(
                    Socket,
                    &["grade IMAGES --task uneven-split --patch TABLE --docker-socket @ --docker-patience 0"],
                ),
            ),
            ("patch", Takes(File, &["grade SUITE --task one --patch @"])),
            (
                "predictions",
                Takes(File, &["grade SUITE --predictions @", "grade SUITE --predictions @.jsonl"]),
            ),
            ("suite", Takes(Folder, &["grade @ --task one --patch TABLE"])),
            ("policy", Takes(File, &["grade IMAGES --task uneven-split --patch TABLE --policy @"])),
        ],
        words: &[LOCKED, BOUNDS, DOCKER, FORMAT, ISOLATION, JOBS, &["task"]],
    },
    Told {
        command: "key import",
        paths: &[("file", Takes(File, &["key import @ --name theirs"]))],
        words: &[&["name"]],
    },
    Told { command: "key list", paths: &[], words: &[FORMAT] },
    Told { command: "key new", paths: &[], words: &[&["name"]] },
    Told { command: "key revoke", paths: &[], words: &[&["reason", "what"]] },
    // The key of these is one that is known here, by its name.
    Told { command: "key rotate", paths: &[], words: &[&["key", "name", "signer"]] },
    Told { command: "key show", paths: &[], words: &[FORMAT, &["key"]] },
    Told { command: "log show", paths: &[], words: &[FORMAT, &["run"]] },
    Told {
        command: "log sign",
        paths: &[
            ("key", Takes(File, &["log sign --key @ --output new.checkpoint"])),
            ("output", Takes(NewFile, &["log sign --key mine --output @"])),
        ],
        words: &[&["signer"]],
    },
    Told {
        command: "plugin add",
        paths: &[
            ("policy", Takes(File, &["plugin add localhost:1/acme/choice:1 --policy @"])),
            ("suite", Takes(Folder, &["plugin add localhost:1/acme/choice:1 --suite @"])),
        ],
        words: &[&["reference"]],
    },
    Told {
        command: "plugin build",
        paths: &[
            ("folder", Takes(Folder, &["plugin build @"])),
            ("output", Takes(Written, &["plugin build PROJECT --output @"])),
        ],
        words: &[&["lang"]],
    },
    Told {
        command: "plugin check",
        paths: &[
            ("folder", Takes(Folder, &["plugin check COMPONENT --fixtures @"])),
            ("plugin", Takes(File, &["plugin check @"])),
        ],
        words: &[FORMAT, ISOLATION],
    },
    Told {
        command: "plugin inspect",
        paths: &[("file", Takes(File, &["plugin inspect @"]))],
        words: &[FORMAT],
    },
    Told { command: "plugin list", paths: &[], words: &[FORMAT] },
    Told {
        command: "plugin lock",
        paths: &[
            ("files", Takes(File, &["plugin lock @"])),
            ("policy", Takes(File, &["plugin lock COMPONENT --policy @"])),
        ],
        words: &[],
    },
    Told { command: "plugin new", paths: &[], words: &[&["lang", "name", "world"]] },
    Told {
        command: "plugin outdated",
        paths: &[
            ("policy", Takes(File, &["plugin outdated --policy @"])),
            ("suite", Takes(Folder, &["plugin outdated --suite @"])),
        ],
        words: &[FORMAT],
    },
    Told {
        command: "plugin pack",
        paths: &[
            ("component", Takes(File, &["plugin pack @ --manifest MANIFEST --output new.wasm"])),
            ("manifest", Takes(File, &["plugin pack COMPONENT --manifest @ --output new.wasm"])),
            ("output", Takes(Written, &["plugin pack COMPONENT --manifest MANIFEST --output @"])),
        ],
        words: &[],
    },
    Told {
        command: "plugin pull",
        paths: &[
            ("output", Takes(Written, &["plugin pull localhost:1/acme/choice:1 --output @"])),
            ("policy", Takes(File, &["plugin pull localhost:1/acme/choice:1 --policy @"])),
        ],
        words: &[&["reference"]],
    },
    Told {
        command: "plugin push",
        paths: &[("file", Takes(File, &["plugin push @ localhost:1/acme/choice"]))],
        words: &[&["reference"]],
    },
    Told {
        command: "plugin record",
        paths: &[("output", Takes(NewFile, &["plugin record RUN/cart-badge-stale/1 --output @"]))],
        words: &[ISOLATION, &["attempt", "redact", "role"]],
    },
    Told {
        command: "plugin sign",
        paths: &[
            ("file", Takes(File, &["plugin sign @ --key mine"])),
            ("key", Takes(File, &["plugin sign PACKAGE --key @ --output new.json"])),
            ("output", Takes(NewFile, &["plugin sign PACKAGE --key mine --output @"])),
        ],
        words: &[&["signer"]],
    },
    Told {
        command: "plugin test",
        paths: &[
            ("folder", Takes(Folder, &["plugin test manager-choice --fixtures @"])),
            ("plugin", Takes(File, &["plugin test @"])),
        ],
        words: &[FORMAT, ISOLATION, &["watch"]],
    },
    Told { command: "plugin-worker", paths: &[], words: &[&["grant"]] },
    Told {
        command: "policy explain",
        paths: &[
            ("policy", Takes(File, &["policy explain manager-choice --policy @"])),
            ("what", Takes(File, &["policy explain @"])),
        ],
        words: &[FORMAT, ISOLATION, LOCKED],
    },
    Told {
        command: "regrade",
        paths: &[
            ("grader", Takes(File, &["regrade --grader @"])),
            ("policy", Takes(File, &["regrade --policy @"])),
        ],
        words: &[LOCKED, FORMAT, ISOLATION, JOBS, &["grants", "rounds", "run"]],
    },
    Told {
        command: "replay",
        paths: &[("policy", Takes(File, &["replay --policy @"]))],
        words: &[FORMAT, ISOLATION, JOBS, &["what"]],
    },
    Told {
        command: "report",
        paths: &[("results", Takes(Written, &["report --results @"]))],
        words: &[FORMAT, &["run"]],
    },
    Told {
        command: "resume",
        paths: &[
            ("docker_socket", Takes(Socket, &["resume CONTAINERS --docker-socket @ --docker-patience 0"])),
            ("policy", Takes(File, &["resume CONTAINERS --policy @"])),
        ],
        words: &[LOCKED, DOCKER, FORMAT, ISOLATION, JOBS, &["run"]],
    },
    Told {
        command: "run",
        paths: &[
            ("agent", Takes(File, &["run SUITE --agent @"])),
            (
                "docker_socket",
                Takes(Socket, &["run IMAGES --agent random --docker-socket @ --docker-patience 0"]),
            ),
            ("input", Takes(FileOrFolder, &["run SUITE --agent patch --input @"])),
            // A file of a scripted model.
            ("models", Takes(File, &["run SUITE --agent first --model scripted/@"])),
            ("models-file", Takes(File, &["run SUITE --agent first --models @"])),
            ("prompt", Takes(File, &["run SUITE --agent first --model scripted/ANSWERS --prompt @"])),
            ("settings", Takes(File, &["run SUITE --agent first --model scripted/ANSWERS --settings @"])),
            ("suite", Takes(Folder, &["run @ --agent first"])),
            ("policy", Takes(File, &["run SUITE --agent first --policy @"])),
        ],
        words: &[
            LOCKED,
            BOUNDS,
            DOCKER,
            FORMAT,
            ISOLATION,
            JOBS,
            &["attempt", "attempts", "base_url", "grants", "kind", "run", "seed", "set", "tasks"],
        ],
    },
    Told { command: "runs", paths: &[], words: &[FORMAT] },
    Told { command: "show", paths: &[], words: &[FORMAT, &["artifact", "full", "transcript", "what"]] },
    Told {
        command: "suite check",
        paths: &[
            (
                "docker_socket",
                Takes(Socket, &["suite check IMAGES --controls --docker-socket @ --docker-patience 0"]),
            ),
            ("suite", Takes(Folder, &["suite check @"])),
            ("policy", Takes(File, &["suite check SUITE --policy @"])),
        ],
        words: &[LOCKED, BOUNDS, DOCKER, FORMAT, ISOLATION, JOBS, &["controls", "grants", "rounds", "tasks"]],
    },
    Told {
        command: "suite import swe-lancer",
        paths: &[
            ("csv", Takes(File, &["suite import swe-lancer --csv @ --out new"])),
            ("issues", Takes(Folder, &["suite import swe-lancer --csv TABLE --out new --issues @"])),
            ("out", Takes(NewFolder, &["suite import swe-lancer --csv TABLE --out @"])),
        ],
        words: &[
            FORMAT,
            &[
                "image_prefix",
                "image_tag",
                "manager_repository",
                "monolith",
                "name",
                "parity",
                "strict",
                "text",
            ],
        ],
    },
    Told {
        command: "suite lock",
        paths: &[
            ("policy", Takes(File, &["suite lock SUITE --policy @"])),
            ("suite", Takes(Folder, &["suite lock @"])),
        ],
        words: &[],
    },
    Told {
        command: "suite new",
        paths: &[("folder", Takes(NewFolder, &["suite new @ --kind swe-manager"]))],
        words: &[&["kind"]],
    },
    Told {
        command: "suite pin",
        paths: &[
            (
                "docker_socket",
                Takes(Socket, &["suite pin IMAGES --rebuild --docker-socket @ --docker-patience 0"]),
            ),
            ("suite", Takes(Folder, &["suite pin @"])),
        ],
        words: &[FORMAT, &["docker_patience", "rebuild"]],
    },
    Told {
        command: "suite pull",
        paths: &[
            ("folder", Takes(NewFolder, &["suite pull localhost:1/acme/shop:1 @"])),
            ("policy", Takes(File, &["suite pull localhost:1/acme/shop:1 --policy @"])),
        ],
        words: &[&["reference"]],
    },
    Told {
        command: "suite push",
        paths: &[("suite", Takes(Folder, &["suite push @ localhost:1/acme/shop:1"]))],
        words: &[&["reference"]],
    },
    Told {
        command: "suite sign",
        paths: &[
            ("file", Takes(Folder, &["suite sign @ --key mine"])),
            ("key", Takes(File, &["suite sign SUITE --key @ --output new.json"])),
            ("output", Takes(NewFile, &["suite sign SUITE --key mine --output @"])),
        ],
        words: &[&["signer"]],
    },
    Told { command: "try-prompt", paths: &[], words: &[] },
    Told {
        command: "verify",
        paths: &[
            ("bundle", Takes(File, &["verify PACKAGE --bundle @", "verify SUITE --bundle @"])),
            ("file", Takes(File, &["verify @", "verify @.jsonl", "verify @.tar"])),
            ("keys", Takes(File, &["verify PACKAGE --key @"])),
            ("policy", Takes(File, &["verify PACKAGE --policy @"])),
            ("since", Takes(File, &["verify ATTESTED --since @"])),
            ("witnesses", Takes(File, &["verify ATTESTED --witness @"])),
        ],
        words: &[FORMAT, JOBS, &["foreign", "replay", "unlogged"]],
    },
];
