//! `lancet log`: what the store's log tells, and its signed head.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lancet_core::{Leaf, LoggedBegin, LoggedEnd, LoggedReopening, LoggedVerdict, RunId};
use lancet_store::Reader;
use lancet_trust::{Checkpoint, KeysError, ListedLeaf, ListedLog, MAX_NOTE_BYTES, Tree};

use super::heads::Heads;
use super::{attested, sign};
use crate::arguments::{FormatKind, Global};
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::keys::{self, LogCommand, SignerArgument};
use crate::output;
use crate::render::{Table, display_safe, either, left, right};

/// The name of the file with a signed head, without a word.
const FILE: &str = "log.checkpoint";

/// Shows the log, or signs its head.
pub(crate) fn main(command: &LogCommand, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    match command {
        LogCommand::Show { run, format } => show(&store.reader(), run.as_deref(), format.kind),
        LogCommand::Sign { key, signer, output } => {
            let path = output.as_deref().unwrap_or(Path::new(FILE));
            let heads = Heads::of(&super::store_folder(global)?);
            sign_head(&store.reader(), &heads, key, signer, path)
        }
    }
}

/// The log's head, with all of its leaves and the tree over them.
fn read(reader: &Reader) -> Result<(Checkpoint, Vec<Leaf>, Tree), Failure> {
    let origin = reader.log_origin()?;
    let (mut tree, mut leaves, mut broken) = (Tree::new(), Vec::new(), None);
    reader.each_leaf(|text| {
        match Leaf::parse(text) {
            Some(leaf) => leaves.push(leaf),
            None => broken = broken.or(Some(tree.size())),
        }
        tree.push(text.as_bytes());
    })?;
    if let Some(place) = broken {
        return Err(Failure::new(Exit::Store, format!("leaf {place} of the store's log is none")).hint(
            "its database was changed: restore it from a backup; `lancet doctor` says what else is wrong",
        ));
    }
    let size = tree.size();
    Ok((Checkpoint { origin, size, root: tree.root(size).unwrap_or_default() }, leaves, tree))
}

fn show(reader: &Reader, run: Option<&str>, format: FormatKind) -> Result<Exit, Failure> {
    let only = run.map(|text| reader.resolve_run(text)).transpose()?;
    let (head, leaves, _) = read(reader)?;
    let created: BTreeMap<RunId, String> =
        reader.runs()?.into_iter().map(|row| (row.id, row.created)).collect();
    let is_shown = |leaf: &Leaf| only.as_ref().is_none_or(|only| leaf.run() == only);
    let listed: Vec<ListedLeaf> = (0..)
        .zip(&leaves)
        .filter(|(_, leaf)| is_shown(leaf))
        .map(|(place, leaf)| listed(place, leaf, &created))
        .collect();
    let open = open(&listed);
    let mut table = Table::new([
        right("place"),
        left("leaf"),
        left("run"),
        left("task"),
        right("attempt"),
        left("outcome"),
        left("begun"),
    ]);
    let dash = || "-".to_owned();
    for leaf in &listed {
        table.row([
            leaf.place.to_string(),
            leaf.leaf.clone(),
            leaf.run.to_string(),
            leaf.task.as_ref().map_or_else(dash, ToString::to_string),
            leaf.attempt.map_or_else(dash, |attempt| attempt.to_string()),
            leaf.outcome.map_or_else(dash, |outcome| outcome.to_string()),
            leaf.begun.clone().unwrap_or_else(dash),
        ]);
    }
    if let (Some(run), true) = (&only, listed.is_empty()) {
        warn(&format!("run {run} is from before this store had a log, and in none"));
    }
    let log = ListedLog {
        origin: head.origin.clone(),
        size: head.size,
        root: head.root_text(),
        open,
        leaves: listed,
    };
    if format != FormatKind::Table {
        output::print_table(format, &table, &log)?;
        return Ok(Exit::Done);
    }
    let open: Vec<_> = log.open.iter().map(ToString::to_string).collect();
    let open = if open.is_empty() { "none".to_owned() } else { open.join(", ") };
    output::print(&format!(
        "{}\nlog      {}, {} {} under {}\nnot over {open}",
        output::table_text(&table).trim_end(),
        log.origin,
        log.size,
        either(log.size, "leaf", "leaves"),
        log.root
    ))?;
    Ok(Exit::Done)
}

/// The runs that have begun and not ended, or were taken up again after their end.
fn open(leaves: &[ListedLeaf]) -> Vec<RunId> {
    let mut open = BTreeSet::new();
    for leaf in leaves {
        match leaf.leaf.as_str() {
            END => drop(open.remove(&leaf.run)),
            _ => drop(open.insert(leaf.run.clone())),
        }
    }
    open.into_iter().collect()
}

const END: &str = "run-end";

fn listed(place: u64, leaf: &Leaf, created: &BTreeMap<RunId, String>) -> ListedLeaf {
    let mut listed = ListedLeaf {
        place,
        leaf: String::new(),
        run: leaf.run().clone(),
        task: None,
        attempt: None,
        outcome: None,
        digest: None,
        attempts: None,
        begun: None,
    };
    listed.leaf = match leaf {
        Leaf::RunBegin(LoggedBegin { record, due, .. }) => {
            (listed.attempts, listed.digest) = (Some(*due), Some(*record));
            listed.begun = created.get(leaf.run()).cloned();
            "run-begin"
        }
        Leaf::Verdict(LoggedVerdict { task, attempt, outcome, digest, .. }) => {
            (listed.task, listed.attempt) = (Some(task.clone()), Some(*attempt));
            (listed.outcome, listed.digest) = (Some(*outcome), Some(*digest));
            "verdict"
        }
        Leaf::Reopened(LoggedReopening { task, attempt, .. }) => {
            (listed.task, listed.attempt) = (Some(task.clone()), Some(*attempt));
            "reopened"
        }
        Leaf::RunEnd(LoggedEnd { verdicts, root, .. }) => {
            (listed.attempts, listed.digest) = (Some(*verdicts), Some(*root));
            END
        }
    }
    .to_owned();
    listed
}

fn sign_head(
    reader: &Reader,
    heads: &Heads,
    key: &str,
    command: &SignerArgument,
    path: &Path,
) -> Result<Exit, Failure> {
    if attested::is_run(path) {
        let message = format!("`{}` ends as files of runs do, and this is a head alone", path.display());
        return Err(Failure::usage(message).hint(format!("for example `--output {FILE}`")));
    }
    let (head, _, tree) = read(reader)?;
    heads.are_extended(|last| last.is_begin_of(&head.origin, &tree))?;
    let keys = keys::open()?;
    let signer = keys::signer(&keys, key, command)?;
    let public = signer.public();
    let id = public.id();
    is_ours(path, &public)?;
    let text = head.sign(signer.as_ref()).map_err(KeysError::from)?;
    // What is printed may wait for its reader: from here on a signal ends the process again.
    drop(signer);
    heads.keep(&text)?;
    sign::write(path, text.as_bytes())?;
    output::print(&format!(
        "{}\nlog   {}, {} {}\nroot  {}\nkey   {id}",
        display_safe(&path.display().to_string()),
        head.origin,
        head.size,
        either(head.size, "leaf", "leaves"),
        head.root_text()
    ))?;
    Ok(Exit::Done)
}

/// Whether a file that would be replaced is an earlier head by the same key.
fn is_ours(path: &Path, key: &lancet_trust::PublicKey) -> Result<(), Failure> {
    if !path.exists() {
        return Ok(());
    }
    let bytes = lancet_file::read(path, MAX_NOTE_BYTES as u64)
        .map_err(|error| Failure::file("read", path, &error).exit(Exit::Usage))?;
    match Checkpoint::read(&bytes, [key]) {
        Ok(_) => Ok(()),
        Err(_) => {
            let message = format!("`{}` is there already, and no head of a log by that key", path.display());
            Err(Failure::usage(message).hint("name another file with `--output`, or remove it"))
        }
    }
}
