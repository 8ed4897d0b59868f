//! What each argument of each command takes, by the name that its definition gives it. The
//! program's own tests hold this table to that definition, so that an argument that is added
//! has to say here whether it takes a path; the tests of the program try all that do.

/// What an argument takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Words, numbers, nothing at all: no path.
    Words,
    /// Paths, in the place of `@` in each of these command lines. `SUITE` is the folder of a
    /// suite, `TABLE` a task table, `ANSWERS` the file of a scripted model, `COMPONENT` a grader, and
    /// `MANIFEST` what it says of itself.
    Path(Leads, &'static [&'static str]),
}

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
    /// A file that is written.
    Written,
    /// A socket.
    Socket,
}

use Leads::{File, FileOrFolder, Folder, NewFolder, Socket, Written};
use Takes::{Path, Words};

pub(crate) const OPTIONS: &[(&str, Takes)] = &[
    ("agent", Path(File, &["run SUITE --agent @"])),
    ("agent_fuel", Words),
    ("agent_memory", Words),
    ("agent_timeout", Words),
    ("artifact", Words),
    ("attempt", Words),
    ("attempts", Words),
    ("base_url", Words),
    ("bundle", Path(File, &["verify COMPONENT --bundle @"])),
    ("component", Path(File, &["plugin pack @ --manifest MANIFEST --output new.wasm"])),
    ("container_runtime", Words),
    ("controls", Words),
    ("csv", Path(File, &["suite import swe-lancer --csv @ --out new"])),
    ("docker_patience", Words),
    ("docker_socket", Path(Socket, &["doctor --docker-socket @"])),
    ("file", Path(File, &["plugin inspect @", "key import @ --name theirs"])),
    ("folder", Path(NewFolder, &["suite new @ --kind swe-manager"])),
    ("folder", Path(Folder, &["plugin test manager-choice --fixtures @"])),
    ("files", Path(File, &["plugin lock @"])),
    ("foreign", Words),
    ("format", Words),
    ("full", Words),
    ("grader", Path(File, &["regrade --grader @"])),
    ("grader_fuel", Words),
    ("grader_memory", Words),
    ("grader_timeout", Words),
    ("grant", Words),
    ("grants", Words),
    ("image_prefix", Words),
    ("image_tag", Words),
    ("input", Path(FileOrFolder, &["run SUITE --agent patch --input @"])),
    ("isolation", Words),
    ("issues", Path(Folder, &["suite import swe-lancer --csv TABLE --out new --issues @"])),
    ("jailed", Words),
    ("jobs", Words),
    ("key", Path(File, &["suite sign SUITE --key @ --output new.json"])),
    ("keys", Path(File, &["verify COMPONENT --key @"])),
    ("kind", Words),
    ("lang", Words),
    ("leave_packet_filter", Words),
    ("locked", Words),
    ("manager_repository", Words),
    ("manifest", Path(File, &["plugin pack COMPONENT --manifest @ --output new.wasm"])),
    // A file of a scripted model.
    ("models", Path(File, &["run SUITE --agent first --model scripted/@"])),
    ("models-file", Path(File, &["run SUITE --agent first --models @"])),
    ("monolith", Words),
    ("name", Words),
    ("out", Path(NewFolder, &["suite import swe-lancer --csv TABLE --out @"])),
    ("output", Path(Written, &["plugin pack COMPONENT --manifest MANIFEST --output @"])),
    ("own_users", Words),
    ("parity", Words),
    ("patch", Path(File, &["grade SUITE --task one --patch @"])),
    ("plugin", Path(File, &["plugin check @", "plugin test @"])),
    ("policy", Path(File, &["run SUITE --agent first --policy @"])),
    ("predictions", Path(File, &["grade SUITE --predictions @"])),
    ("prompt", Path(File, &[ASKED_PROMPT])),
    ("quiet", Words),
    ("reason", Words),
    ("rebuild", Words),
    ("redact", Words),
    ("require", Words),
    ("results", Path(Written, &["report --results @"])),
    ("role", Words),
    ("rounds", Words),
    ("run", Words),
    ("seed", Words),
    ("set", Words),
    ("settings", Path(File, &[ASKED_SETTINGS])),
    ("shell", Words),
    ("signer", Words),
    ("store", Path(NewFolder, &["runs --store @", "run SUITE --agent first --store @", "doctor --store @"])),
    ("strict", Words),
    (
        "suite",
        Path(
            Folder,
            &["suite check @", "suite pin @", "run @ --agent first", "grade @ --task one --patch TABLE"],
        ),
    ),
    ("task", Words),
    ("tasks", Words),
    ("text", Words),
    ("transcript", Words),
    ("watch", Words),
    ("what", Words),
    ("world", Words),
];

const ASKED_PROMPT: &str = "run SUITE --agent first --model scripted/ANSWERS --prompt @";
const ASKED_SETTINGS: &str = "run SUITE --agent first --model scripted/ANSWERS --settings @";
