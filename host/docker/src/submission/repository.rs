//! What a git repository holds, by its files alone: neither its own git nor that of the
//! image is needed, and nothing of it is executed.
//!
//! A repository holds one commit when every object in it is that commit's, and no other
//! file of it can tell of another one. Files are known by their names: what is not known
//! may hold anything.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Read};

use crate::submission::object::{
    Counted, Id, Kind, MAX_KEPT, MAX_OBJECTS, Object, PIECE, Problem, changed, holds, index, loose, unknown,
};

/// The most bytes of a file that is read as text.
const MAX_TEXT: usize = 4 << 20;
/// The most of all that is kept of a repository's packs, indexes, references and logs:
/// an object may be in a pack, in its index, and named.
const MAX_MET: usize = 3 * MAX_OBJECTS;
/// What is known of a repository so far.
#[derive(Default)]
struct Repository {
    /// Bytes of a name: 20, or 32 where it says so.
    sha256: bool,
    head: Option<String>,
    /// By the name of the pack.
    packs: BTreeMap<String, Pack>,
    /// By the name of the pack: offsets and names.
    indexes: BTreeMap<String, HashMap<u64, Id>>,
    objects: HashMap<Id, Object>,
    commits: BTreeSet<Id>,
    /// What references name, with HEAD.
    named: BTreeSet<Id>,
    /// What other files name.
    mentioned: BTreeSet<Id>,
    /// The commit's message, as it was edited.
    message: String,
    kept: usize,
    /// Entries of packs, rows of indexes, and names of objects.
    met: usize,
}

struct Pack {
    entries: Vec<Entry>,
}

struct Entry {
    offset: u64,
    base: Base,
    /// Of a blob, and of what is made of one: nothing.
    content: Option<Vec<u8>>,
}

enum Base {
    None(Kind),
    /// The index of another entry.
    Entry(usize),
    Named(Id),
}

/// Looks into a repository: the archive is that of its own folder (`.git`). The engine
/// sorts names, so its configuration comes before its objects; in another order one with
/// long names cannot be read.
///
/// # Errors
/// [`Problem`]: it holds more than one commit, or it cannot be told.
pub(crate) fn examine(archive: impl Read) -> Result<(), Problem> {
    let mut repository = Repository::default();
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries()? {
        let entry = entry?;
        let path = entry.path_bytes().into_owned();
        let Ok(path) = String::from_utf8(path) else { return unknown("a name is not UTF-8") };
        let path = path.trim_end_matches('/').split_once('/').map_or("", |(_, rest)| rest).to_owned();
        match entry.header().entry_type() {
            tar::EntryType::Directory => {}
            tar::EntryType::Regular | tar::EntryType::Continuous => repository.meet(&path, entry)?,
            _ => return unknown(format!("`{path}` is no regular file")),
        }
    }
    repository.judge()
}

impl Repository {
    fn meet(&mut self, path: &str, mut file: impl Read) -> Result<(), Problem> {
        let path = match path.strip_prefix("worktrees/").and_then(|rest| rest.split_once('/')) {
            Some((_, own)) => own,
            None => path,
        };
        if let Some(object) = path.strip_prefix("objects/") {
            return self.meet_object(object, file);
        }
        let text = |file| text(path, file);
        match path {
            "config" | "config.worktree" => {
                let text = text(&mut file)?.to_ascii_lowercase();
                let format = text.lines().filter_map(|line| line.trim().strip_prefix("objectformat"));
                self.sha256 |= format.into_iter().any(|value| value.contains("sha256"));
            }
            "HEAD" => {
                let text = text(&mut file)?;
                self.name(ids(&text))?;
                self.head = Some(text.trim().to_owned());
            }
            "packed-refs" | "info/refs" => {
                let text = text(&mut file)?;
                let lines = text.lines().filter(|line| !line.starts_with('#'));
                self.name(lines.flat_map(ids))?;
            }
            "ORIG_HEAD" | "FETCH_HEAD" | "AUTO_MERGE" | "shallow" => {
                let text = text(&mut file)?;
                self.mention(ids(&text))?;
            }
            "COMMIT_EDITMSG" => self.message = text(&mut file)?,
            "description"
            | "index"
            | "info/attributes"
            | "info/exclude"
            | "info/sparse-checkout"
            | "commondir"
            | "gitdir"
            | "locked"
            | "gc.log"
            | "gc.pid" => {}
            _ if path.starts_with("refs/") => {
                let text = text(&mut file)?;
                self.name(ids(&text))?;
            }
            _ if path.starts_with("logs/") => {
                for line in text(&mut file)?.lines() {
                    let names = line.split_whitespace().take(2).flat_map(ids);
                    self.mention(names.filter(|id| id.iter().any(|byte| *byte != 0)))?;
                }
            }
            // Those of submodules are repositories of their own; of large files there are
            // contents, and no commits.
            _ if ["branches/", "hooks/", "lfs/", "modules/"]
                .iter()
                .any(|folder| path.starts_with(folder)) => {}
            _ => return holds(format!("has `{path}`, which may tell of other commits")),
        }
        Ok(())
    }

    fn meet_object(&mut self, path: &str, mut file: impl Read) -> Result<(), Problem> {
        let pack = path.strip_prefix("pack/").and_then(|name| name.rsplit_once('.'));
        match (path, pack) {
            ("info/alternates" | "info/http-alternates", _) => {
                let text = text(path, &mut file)?;
                if !text.trim().is_empty() {
                    return holds(format!("has other objects: alternate: {}", text.trim()));
                }
            }
            (_, Some((name, "idx"))) => {
                let index = index(file, if self.sha256 { 32 } else { 20 })?;
                self.count(index.len() + 1)?;
                self.indexes.insert(name.to_owned(), index);
            }
            (_, Some((name, "pack"))) => {
                let pack = self.pack(BufReader::with_capacity(PIECE, file))?;
                self.packs.insert(name.to_owned(), pack);
            }
            (_, Some((_, "rev" | "bitmap" | "keep" | "mtimes" | "promisor"))) => {}
            ("info/packs" | "info/commit-graph" | "pack/multi-pack-index", _) => {}
            _ if path.starts_with("info/commit-graphs/") => {}
            _ => {
                let name = path.split_once('/').map(|(first, rest)| format!("{first}{rest}"));
                let id = name.filter(|name| matches!(name.len(), 40 | 64)).and_then(|name| id_of(&name));
                let Some(id) = id else { return holds(format!("has other objects: garbage: {path}")) };
                let object = loose(BufReader::with_capacity(PIECE, file))?;
                self.add(id, object)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, id: Id, object: Object) -> Result<(), Problem> {
        self.keep(object.content.len())?;
        self.named_object(id, object)
    }

    /// Stops at the second commit: what is enough to know is enough to read.
    fn named_object(&mut self, id: Id, object: Object) -> Result<(), Problem> {
        if object.kind == Kind::Commit {
            self.commits.insert(id.clone());
        }
        self.objects.insert(id, object);
        match self.commits.len() {
            0 | 1 if self.objects.len() > MAX_OBJECTS => {
                unknown(format!("there are more than {MAX_OBJECTS} objects"))
            }
            0 | 1 => Ok(()),
            commits => holds(format!("has {commits} commits")),
        }
    }

    fn name(&mut self, ids: impl Iterator<Item = Id>) -> Result<(), Problem> {
        for id in ids {
            let is_new = self.named.insert(id);
            self.count(usize::from(is_new))?;
        }
        Ok(())
    }

    fn mention(&mut self, ids: impl Iterator<Item = Id>) -> Result<(), Problem> {
        for id in ids {
            let is_new = self.mentioned.insert(id);
            self.count(usize::from(is_new))?;
        }
        Ok(())
    }

    /// Every file has its own limits; there may be any number of files.
    fn count(&mut self, met: usize) -> Result<(), Problem> {
        self.met += met;
        if self.met > MAX_MET {
            return unknown(format!("its packs, references and logs name more than {MAX_MET} objects"));
        }
        Ok(())
    }

    fn keep(&mut self, bytes: usize) -> Result<(), Problem> {
        self.kept += bytes;
        if self.kept > MAX_KEPT {
            return unknown(format!("its commits and trees have more than {MAX_KEPT} bytes"));
        }
        Ok(())
    }

    /// Reads a pack from its begin to its end, and stops at the second commit.
    fn pack(&mut self, file: impl BufRead) -> Result<Pack, Problem> {
        let hash = if self.sha256 { 32 } else { 20 };
        let mut file = Counted { file, at: 0 };
        let mut header = [0; 12];
        file.exact(&mut header)?;
        let count = u32::from_be_bytes([header[8], header[9], header[10], header[11]]) as usize;
        if &header[..4] != b"PACK" || !matches!(header[7], 2 | 3) || count > MAX_OBJECTS {
            return unknown("a pack is none, or too large");
        }
        self.count(count + 1)?;
        let (mut entries, mut by_offset): (Vec<Entry>, HashMap<u64, usize>) = Default::default();
        // Of each entry, as far as it is known: those that a name stands for come later.
        let mut kinds: Vec<Option<Kind>> = Vec::new();
        let mut commits = 0;
        for _ in 0..count {
            let offset = file.at;
            let first = file.byte()?;
            let mut next = first;
            let mut bits = 0;
            while next & 0x80 != 0 {
                next = file.byte()?;
                bits += 1;
                if bits > 9 {
                    return unknown("a size in a pack is too long");
                }
            }
            let (base, kind) = match first >> 4 & 7 {
                1 => (Base::None(Kind::Commit), Some(Kind::Commit)),
                2 => (Base::None(Kind::Tree), Some(Kind::Tree)),
                3 => (Base::None(Kind::Blob), Some(Kind::Blob)),
                4 => (Base::None(Kind::Tag), Some(Kind::Tag)),
                6 => {
                    let back = file.distance()?;
                    let base = offset.checked_sub(back).and_then(|at| by_offset.get(&at));
                    let Some(&base) = base else { return unknown("a pack refers to what is not there") };
                    (Base::Entry(base), kinds[base])
                }
                7 => {
                    let mut id = vec![0; hash];
                    file.exact(&mut id)?;
                    (Base::Named(id), None)
                }
                _ => return unknown("a pack has an object of no known kind"),
            };
            commits += usize::from(kind == Some(Kind::Commit));
            if commits > 1 {
                return holds("has more than 1 commit");
            }
            let content = if kind == Some(Kind::Blob) {
                file.unpack(None)?;
                None
            } else {
                let mut content = Vec::new();
                file.unpack(Some((&mut content, MAX_KEPT - self.kept)))?;
                self.keep(content.len())?;
                Some(content)
            };
            by_offset.insert(offset, entries.len());
            kinds.push(kind);
            entries.push(Entry { offset, base, content });
        }
        let trailer = io::copy(&mut file.file, &mut io::sink())?;
        if trailer != hash as u64 {
            return unknown("a pack holds more than it says");
        }
        Ok(Pack { entries })
    }

    /// Gives the objects of packs their names and contents.
    fn unpack(&mut self) -> Result<(), Problem> {
        for (name, pack) in std::mem::take(&mut self.packs) {
            let Some(index) = self.indexes.remove(&name) else {
                return holds(format!("has other objects: a pack without an index: {name}"));
            };
            let mut names: Vec<Id> = Vec::with_capacity(pack.entries.len());
            for entry in &pack.entries {
                let Some(id) = index.get(&entry.offset) else {
                    return unknown("a pack has objects that its index does not name");
                };
                names.push(id.clone());
            }
            let by_name: HashMap<&Id, usize> = names.iter().enumerate().map(|(at, id)| (id, at)).collect();
            // From each object to those that are made of it: in whatever order a pack has
            // them, each is looked at once.
            let mut made: Vec<Option<Object>> = pack.entries.iter().map(|_| None).collect();
            let mut made_of: Vec<Vec<usize>> = vec![Vec::new(); pack.entries.len()];
            let mut deltas: Vec<Option<Vec<u8>>> = Vec::with_capacity(pack.entries.len());
            let mut next: Vec<usize> = Vec::new();
            for (at, entry) in pack.entries.into_iter().enumerate() {
                let base = match entry.base {
                    Base::None(kind) => {
                        made[at] = Some(Object { kind, content: entry.content.unwrap_or_default() });
                        deltas.push(None);
                        next.push(at);
                        continue;
                    }
                    Base::Entry(base) => base,
                    Base::Named(id) => match by_name.get(&id) {
                        Some(base) => *base,
                        None => return unknown("a pack refers to what is not in it"),
                    },
                };
                made_of[base].push(at);
                deltas.push(entry.content);
            }
            while let Some(base) = next.pop() {
                for at in std::mem::take(&mut made_of[base]) {
                    let Some(base) = &made[base] else { continue };
                    let content = match (base.kind, deltas[at].take()) {
                        (Kind::Blob, _) => Vec::new(),
                        (_, Some(delta)) => changed(&base.content, &delta, MAX_KEPT - self.kept)?,
                        (_, None) => return unknown("a pack is not in order"),
                    };
                    let kind = base.kind;
                    self.keep(content.len())?;
                    made[at] = Some(Object { kind, content });
                    next.push(at);
                }
            }
            if made.iter().any(Option::is_none) {
                return unknown("objects of a pack refer to one another in a circle");
            }
            for (id, object) in names.iter().zip(made) {
                if let Some(object) = object {
                    self.named_object(id.clone(), object)?;
                }
            }
        }
        if let Some(name) = self.indexes.keys().next() {
            return unknown(format!("there is no pack to the index {name}"));
        }
        Ok(())
    }

    fn judge(mut self) -> Result<(), Problem> {
        self.unpack()?;
        if let Some(head) = &self.head
            && !head.starts_with("ref: refs/")
            && id_of(head).is_none()
        {
            return unknown("HEAD names nothing");
        }
        if let Some(id) = self.named.iter().find(|id| !self.objects.contains_key(*id)) {
            return holds(format!("has a reference to {}, which is not in it", hex(id)));
        }
        if let Some(id) = self.mentioned.iter().find(|id| !self.objects.contains_key(*id)) {
            return holds(format!("knows of {}, which is not in it", hex(id)));
        }
        let held = self.held()?;
        let all = self.objects.len();
        if held != all {
            return holds(format!("has {all} objects, of which its commit holds {held}"));
        }
        let commit = self.objects.values().find(|object| object.kind == Kind::Commit);
        let commit = commit.map(|object| String::from_utf8_lossy(&object.content)).unwrap_or_default();
        let foreign = self.message.lines().map(str::trim).find(|line| {
            !line.is_empty() && !line.starts_with('#') && !commit.lines().any(|known| known.trim() == *line)
        });
        if foreign.is_some() {
            return holds("has the message of another commit in COMMIT_EDITMSG");
        }
        Ok(())
    }

    /// How many objects are reached from what is named.
    fn held(&self) -> Result<usize, Problem> {
        let hash = if self.sha256 { 32 } else { 20 };
        let mut seen: HashSet<&[u8]> = HashSet::new();
        let mut next: Vec<&[u8]> = self.named.iter().map(Vec::as_slice).collect();
        let mut texts: Vec<Id> = Vec::new();
        loop {
            while let Some(id) = next.pop() {
                let Some((id, object)) = self.objects.get_key_value(id) else { continue };
                if !seen.insert(id) {
                    continue;
                }
                match object.kind {
                    Kind::Blob => {}
                    Kind::Tree => {
                        let mut rest = object.content.as_slice();
                        while !rest.is_empty() {
                            let end = rest.iter().position(|byte| *byte == 0);
                            let name = end.and_then(|end| rest.get(end + 1..end + 1 + hash));
                            let (Some(end), Some(name)) = (end, name) else {
                                return unknown("a tree is not in order");
                            };
                            next.push(name);
                            rest = &rest[end + 1 + hash..];
                        }
                    }
                    Kind::Commit | Kind::Tag => {
                        let text = String::from_utf8_lossy(&object.content).into_owned();
                        let header = text.lines().take_while(|line| !line.is_empty());
                        let named = header.filter_map(|line| {
                            line.strip_prefix("tree ").or_else(|| line.strip_prefix("object "))
                        });
                        texts.extend(named.filter_map(id_of));
                    }
                }
            }
            // What texts name is looked up among the names that are here.
            let found = texts.drain(..).filter_map(|id| self.objects.get_key_value(&id));
            next.extend(found.map(|(id, _)| id.as_slice()));
            if next.is_empty() {
                return Ok(seen.len());
            }
        }
    }
}

fn text(path: &str, file: &mut impl Read) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    file.by_ref().take(MAX_TEXT as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_TEXT {
        return unknown(format!("`{path}` has more than {MAX_TEXT} bytes"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The names of objects in a text.
fn ids(text: &str) -> impl Iterator<Item = Id> {
    text.split(|c: char| !c.is_ascii_hexdigit()).filter_map(id_of)
}

fn id_of(text: &str) -> Option<Id> {
    if !matches!(text.len(), 40 | 64) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "../tests/repositories.rs"]
mod tests;
