//! The folder of keys.
//!
//! ```text
//! acme.pub            the public half, SPKI in PEM: whoever is here is believed
//! acme.key            the private half, PKCS#8 in PEM, mode 0600; absent for keys of others
//! acme.rotated.json   that another key took its place, signed by it
//! revoked.toml        keys and digests that are revoked, and why
//! ```

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use lancet_core::Sha256;
use zeroize::Zeroizing;

use crate::bundle::{Bundle, MAX_BUNDLE_BYTES};
use crate::error::{BundleError, KeysError};
use crate::file;
use crate::key::{KeyId, MAX_PEM_BYTES, PrivateKey, PublicKey, is_private, label};
use crate::revocation::{self, MAX_LIST_BYTES, Revocation, Revoked};
use crate::signer::Signer;
use crate::statement::{Rotation, Statement};

/// The most keys of a folder.
const MAX_KEYS: usize = 1000;
const LIST: &str = "revoked.toml";
const LOCK: &str = ".lock";
const PUBLIC: &str = ".pub";

/// What a key is called in a folder: lower-case letters, digits, `-` and `_`, at most 64, the
/// first a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl FromStr for KeyName {
    type Err = KeysError;

    fn from_str(text: &str) -> Result<Self, KeysError> {
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_name = text.len() <= 64
            && text.starts_with(is_word)
            && text.chars().all(|c| is_word(c) || c == '-' || c == '_');
        if is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeysError::Name(text.chars().take(80).collect()))
        }
    }
}

impl KeyName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key of the folder.
#[derive(Debug, Clone)]
pub struct Known {
    /// What it is called here.
    pub name: KeyName,
    /// Its public half.
    pub public: PublicKey,
    /// Whether the private half is here too.
    pub has_private: bool,
    /// The key that took its place, if one did.
    pub successor: Option<KeyId>,
}

/// What came in, and under which name it is kept.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The key.
    pub key: Known,
    /// What was read.
    pub import: Import,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Import {
    /// A public half.
    Public,
    /// A private half.
    Private,
    /// A statement by a key of that name, that this one takes its place.
    Rotation(KeyName),
}

/// The keys that are known, and what is revoked.
#[derive(Debug, Clone)]
pub struct Keys {
    folder: PathBuf,
    known: Vec<Known>,
    revoked: Vec<Revocation>,
}

impl Keys {
    /// Reads a folder. One that is not there has no keys.
    ///
    /// # Errors
    /// When others can write to it, or a file in it is not as it has to be: a list of keys that
    /// is read in part would be another list.
    pub fn open(folder: &Path) -> Result<Self, KeysError> {
        let mut keys = Self { folder: folder.to_owned(), known: Vec::new(), revoked: Vec::new() };
        if !file::is_own_folder(folder)? {
            return Ok(keys);
        }
        let failed = |error: io::Error| KeysError::File { doing: "list", path: folder.to_owned(), error };
        let mut names = Vec::new();
        for entry in folder.read_dir().map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            // What is no key's file may lie here: notes, and what an interrupted write left.
            let name = name.to_str().and_then(|name| name.strip_suffix(PUBLIC)).map(KeyName::from_str);
            names.extend(name.and_then(Result::ok));
            if names.len() > MAX_KEYS {
                return Err(KeysError::Refused {
                    path: folder.to_owned(),
                    problem: format!("it has more than {MAX_KEYS} keys"),
                    hint: "remove those that nobody needs".to_owned(),
                });
            }
        }
        names.sort();
        for name in names {
            let known = keys.read(name)?;
            keys.unknown(&known.public).map_err(|twice| {
                let hint = "remove one of the two, with the other files of its name";
                refused(&keys.path(&known.name, PUBLIC), &twice, hint)
            })?;
            keys.known.push(known);
        }
        keys.revoked = keys.list()?;
        Ok(keys)
    }

    /// No keys, where there is no folder for any.
    #[must_use]
    pub fn none() -> Self {
        Self { folder: PathBuf::new(), known: Vec::new(), revoked: Vec::new() }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The keys, by name.
    #[must_use]
    pub fn known(&self) -> &[Known] {
        &self.known
    }

    /// What is revoked, in the order of the list.
    #[must_use]
    pub fn revoked(&self) -> &[Revocation] {
        &self.revoked
    }

    /// Why a key is revoked, if it is.
    #[must_use]
    pub fn revoked_key(&self, key: KeyId) -> Option<&str> {
        self.reason(Revoked::Key(key))
    }

    /// Why a file with that digest is revoked, if it is.
    #[must_use]
    pub fn revoked_digest(&self, digest: Sha256) -> Option<&str> {
        self.reason(Revoked::Digest(digest))
    }

    fn reason(&self, revoked: Revoked) -> Option<&str> {
        self.revoked.iter().find(|one| one.revoked == revoked).map(|one| one.reason.as_str())
    }

    /// The key with that id.
    #[must_use]
    pub fn by_id(&self, id: KeyId) -> Option<&Known> {
        self.known.iter().find(|known| known.public.id() == id)
    }

    /// The nearest revoked key on the way by which that one is known: which named it as the one
    /// that takes its place, or named the one that did, and so on. Whoever had it may have made up
    /// what comes after it. `None` of a key that signs here, as nobody else has made that one.
    #[must_use]
    pub fn revoked_before(&self, id: KeyId) -> Option<&Known> {
        if self.by_id(id).is_some_and(|known| known.has_private) {
            return None;
        }
        let (mut way, mut at) = (vec![id], 0);
        while let Some(later) = way.get(at).copied() {
            for known in self.known.iter().filter(|known| known.successor == Some(later)) {
                let before = known.public.id();
                if self.revoked_key(before).is_some() {
                    return Some(known);
                }
                // Two keys may have named one another.
                if !way.contains(&before) {
                    way.push(before);
                }
            }
            at += 1;
        }
        None
    }

    /// Whether a key is that old one, or took its place: by rotations that are known here, one after the other.
    #[must_use]
    pub fn stands_for(&self, key: KeyId, old: KeyId) -> bool {
        let mut at = old;
        // Two keys may have named one another.
        for _ in 0..=self.known.len() {
            if at == key {
                return true;
            }
            match self.by_id(at).and_then(|known| known.successor) {
                Some(successor) => at = successor,
                None => return false,
            }
        }
        false
    }

    /// The key with that name or id.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, name: &str) -> Result<&Known, KeysError> {
        let id = name.parse::<KeyId>().ok();
        let is_it = |known: &&Known| known.name.0 == name || id.is_some_and(|id| known.public.id() == id);
        let unknown =
            || KeysError::Unknown { name: name.chars().take(80).collect(), folder: self.folder.clone() };
        self.known.iter().find(is_it).ok_or_else(unknown)
    }

    /// Whether something new may be signed with a key: it is neither revoked nor rotated.
    ///
    /// # Errors
    /// Which of both it is.
    pub fn may_sign(&self, known: &Known) -> Result<(), KeysError> {
        self.is_good(&known.name.0, known.public.id())?;
        match known.successor {
            Some(successor) => Err(KeysError::Rotated { name: known.name.to_string(), successor }),
            None => Ok(()),
        }
    }

    fn is_good(&self, name: &str, id: KeyId) -> Result<(), KeysError> {
        match self.revoked_key(id) {
            Some(reason) => Err(KeysError::Revoked { name: name.to_owned(), reason: reason.to_owned() }),
            None => Ok(()),
        }
    }

    /// The private half of a key.
    ///
    /// # Errors
    /// When it is not here, others can read it, or it is that of another key.
    pub fn private(&self, known: &Known) -> Result<PrivateKey, KeysError> {
        if !known.has_private {
            return Err(KeysError::Public(known.name.to_string()));
        }
        let path = self.path(&known.name, ".key");
        let key = read_private(&path)?;
        if key.public() != known.public {
            let problem =
                format!("it is the private half of {}, not of {}", key.public().id(), known.public.id());
            return Err(refused(&path, &problem, "put the right one there, or remove both halves"));
        }
        Ok(key)
    }

    /// Makes a key of that name.
    ///
    /// # Errors
    /// When the name is taken, or the files cannot be written.
    pub fn create(&mut self, name: &KeyName) -> Result<&Known, KeysError> {
        let _lock = self.lock()?;
        self.is_free(name)?;
        let key = PrivateKey::generate()?;
        self.keep(name, key.public(), Some(&key))
    }

    /// Takes in what somebody else made: a PEM file of either half, or a statement by a key that
    /// is known, that another takes its place. Where that one is here already by that name, the
    /// statement alone is taken in.
    ///
    /// # Errors
    /// When it is none of these, the name is taken, or the key is here by another name; for a
    /// statement, when it is not signed by a key that is known and not revoked.
    pub fn import(&mut self, text: &str, name: &KeyName) -> Result<Imported, KeysError> {
        let _lock = self.lock()?;
        if label(text).is_none() && text.trim_start().starts_with('{') {
            return self.import_rotation(text, name);
        }
        if is_private(text) {
            let key = PrivateKey::from_pem(text)?;
            let public = key.public();
            // The public half may have been here before.
            let is_same = self
                .known
                .iter()
                .any(|known| known.name == *name && known.public == public && !known.has_private);
            if is_same {
                file::create(&self.path(name, ".key"), &key.to_pem(), 0o600)?;
                self.known.retain(|known| known.name != *name);
                let known = self.read(name.clone())?;
                return Ok(Imported { key: self.put(known).clone(), import: Import::Private });
            }
            self.is_free(name)?;
            self.unknown(&public)?;
            let key = self.keep(name, public, Some(&key))?.clone();
            return Ok(Imported { key, import: Import::Private });
        }
        let public = PublicKey::from_pem(text)?;
        self.is_free(name)?;
        self.unknown(&public)?;
        let key = self.keep(name, public, None)?.clone();
        Ok(Imported { key, import: Import::Public })
    }

    fn import_rotation(&mut self, text: &str, name: &KeyName) -> Result<Imported, KeysError> {
        let bundle = Bundle::parse(text.as_bytes())?;
        let id = bundle.key_id();
        let old = self.by_id(id).ok_or(BundleError::Unknown(id))?.clone();
        let payload = bundle.verify(&old.public)?;
        let new = Statement::<Rotation>::parse(payload)?.successor(id)?;
        // Whoever has a revoked key could name any other.
        self.may_sign(&old)?;
        self.is_good(&name.0, new.id())?;
        // It may have come by another way before. No key takes its own place.
        let here = self.known.iter().find(|known| known.name == *name && known.public == new);
        let key = match here.filter(|known| known.name != old.name).cloned() {
            Some(known) => known,
            None => {
                self.is_free(name)?;
                self.unknown(&new)?;
                self.keep(name, new, None)?.clone()
            }
        };
        self.rotated(&old.name, &bundle)?;
        Ok(Imported { key, import: Import::Rotation(old.name) })
    }

    /// Makes a key that takes another's place: `signer` has the old one. The statement that
    /// tells others lies in the folder.
    ///
    /// # Errors
    /// When the old key is revoked or was rotated before, the name is taken, or nothing is signed.
    pub fn rotate(
        &mut self,
        old: &Known,
        new: &KeyName,
        signer: &dyn Signer,
    ) -> Result<(Known, PathBuf), KeysError> {
        let _lock = self.lock()?;
        self.may_sign(old)?;
        self.is_free(new)?;
        let key = PrivateKey::generate()?;
        let statement = Statement::of_rotation(old.public.id(), &key.public());
        let bundle = Bundle::sign(&statement.to_bytes(), signer)?;
        bundle.verify(&old.public)?;
        // The new key first: a statement in the folder names one that is there.
        let known = self.keep(new, key.public(), Some(&key))?.clone();
        let path = self.rotated(&old.name, &bundle)?;
        Ok((known, path))
    }

    fn rotated(&mut self, old: &KeyName, bundle: &Bundle) -> Result<PathBuf, KeysError> {
        let path = self.path(old, ".rotated.json");
        file::create(&path, &bundle.to_text(), 0o644)?;
        let known = self.read(old.clone())?;
        self.known.retain(|known| known.name != *old);
        self.put(known);
        Ok(path)
    }

    /// Puts a key or a digest on the list. One that is there keeps its first reason.
    ///
    /// # Errors
    /// When the reason is none, the list has no place for it, or cannot be written.
    pub fn revoke(&mut self, revocation: Revocation) -> Result<(), KeysError> {
        revocation::check_reason(&revocation.reason)?;
        let _lock = self.lock()?;
        // Somebody else may have written since.
        self.revoked = self.list()?;
        if self.reason(revocation.revoked).is_some() {
            return Ok(());
        }
        let path = self.folder.join(LIST);
        let text = match file::is_there(&path)? {
            true => file::read_own(&path, MAX_LIST_BYTES)?.to_string(),
            false => String::new(),
        };
        let text = revocation::with(&text, &revocation);
        if text.len() > MAX_LIST_BYTES {
            let problem = format!("it would have more than {MAX_LIST_BYTES} bytes with one entry more");
            return Err(refused(&path, &problem, "take out what nobody needs; nothing was revoked"));
        }
        // People may have written the list in another form of TOML, to which nothing can be
        // appended: what nobody could read would take all of it away.
        let revoked = [self.revoked.as_slice(), &[revocation]].concat();
        if revocation::parse(&text).as_ref() != Ok(&revoked) {
            let hint =
                "write its entries as `[[revoked]]`, not in one array, and do so again; nothing was revoked";
            return Err(refused(&path, &"no entry can be appended to it", hint));
        }
        file::replace(&path, &text, 0o644)?;
        self.revoked = revoked;
        Ok(())
    }

    fn path(&self, name: &KeyName, end: &str) -> PathBuf {
        self.folder.join(format!("{name}{end}"))
    }

    /// Makes the folder if need be, and keeps others from changing it at the same time.
    fn lock(&self) -> Result<File, KeysError> {
        file::make_folder(&self.folder)?;
        file::is_own_folder(&self.folder)?;
        let path = self.folder.join(LOCK);
        let lock = lancet_file::to_lock(&path).map_err(io::Error::from);
        let lock = lock.and_then(|file| file.lock().map(|()| file));
        lock.map_err(|error| KeysError::File { doing: "lock", path, error })
    }

    /// Whether no file of a key has that name.
    fn is_free(&self, name: &KeyName) -> Result<(), KeysError> {
        if let Some(known) = self.known.iter().find(|known| known.name == *name) {
            return Err(KeysError::Taken { name: name.to_string(), id: known.public.id() });
        }
        match [PUBLIC, ".key", ".rotated.json"]
            .map(|end| self.path(name, end))
            .into_iter()
            .find(|path| path.exists())
        {
            Some(path) => {
                Err(refused(&path, &"it is there already", "choose another name for the key, or remove it"))
            }
            None => Ok(()),
        }
    }

    fn unknown(&self, key: &PublicKey) -> Result<(), KeysError> {
        match self.by_id(key.id()) {
            Some(known) => Err(KeysError::Known { id: key.id(), name: known.name.to_string() }),
            None => Ok(()),
        }
    }

    /// Writes a key's files: the private half first, as a public one alone is somebody else's.
    fn keep(
        &mut self,
        name: &KeyName,
        public: PublicKey,
        key: Option<&PrivateKey>,
    ) -> Result<&Known, KeysError> {
        if let Some(key) = key {
            file::create(&self.path(name, ".key"), &key.to_pem(), 0o600)?;
        }
        file::create(&self.path(name, PUBLIC), &public.to_pem(), 0o644)?;
        Ok(self.put(Known { name: name.clone(), public, has_private: key.is_some(), successor: None }))
    }

    fn put(&mut self, known: Known) -> &Known {
        let at = self.known.partition_point(|other| other.name < known.name);
        self.known.insert(at, known);
        &self.known[at]
    }

    fn read(&self, name: KeyName) -> Result<Known, KeysError> {
        let path = self.path(&name, PUBLIC);
        let text = file::read_own(&path, MAX_PEM_BYTES)?;
        let public = PublicKey::from_pem(&text).map_err(|error| refused(&path, &error, error.hint()))?;
        let path = self.path(&name, ".rotated.json");
        let successor = if file::is_there(&path)? {
            let hint = "get the statement again from whoever has the key, or remove it";
            let text = file::read_own(&path, MAX_BUNDLE_BYTES)?;
            let bundle = Bundle::parse(text.as_bytes()).map_err(|error| refused(&path, &error, hint))?;
            let payload = bundle.verify(&public).map_err(|error| refused(&path, &error, hint))?;
            let new = Statement::<Rotation>::parse(payload).and_then(|said| said.successor(public.id()));
            Some(new.map_err(|error| refused(&path, &error, hint))?.id())
        } else {
            None
        };
        let has_private = self.path(&name, ".key").exists();
        Ok(Known { name, public, has_private, successor })
    }

    fn list(&self) -> Result<Vec<Revocation>, KeysError> {
        let path = self.folder.join(LIST);
        if !file::is_there(&path)? {
            return Ok(Vec::new());
        }
        let text = file::read_own(&path, MAX_LIST_BYTES)?;
        let hint = "each entry is `[[revoked]]` with a `key` or a `digest`, and a `reason`";
        revocation::parse(&text).map_err(|problem| refused(&path, &problem, hint))
    }
}

/// Reads a private key of no folder.
///
/// # Errors
/// When others can read the file, or it holds no private key.
pub fn read_private(path: &Path) -> Result<PrivateKey, KeysError> {
    let text = file::read(path, MAX_PEM_BYTES)?;
    let key = PrivateKey::from_pem(&text).map_err(|error| refused(path, &error, error.hint()))?;
    file::check_secret(path)?;
    Ok(key)
}

/// Reads a public key of no folder.
///
/// # Errors
/// When the file holds no public key.
pub fn read_public(path: &Path) -> Result<PublicKey, KeysError> {
    let text = file::read(path, MAX_PEM_BYTES)?;
    PublicKey::from_pem(&text).map_err(|error| refused(path, &error, error.hint()))
}

/// Reads the file of a key or a statement: at most 16 MiB of text. The memory is wiped when it
/// is dropped.
///
/// # Errors
/// When it is no regular file, too large, or no text.
pub fn read_text(path: &Path) -> Result<Zeroizing<String>, KeysError> {
    file::read(path, MAX_BUNDLE_BYTES)
}

fn refused(path: &Path, problem: &dyn fmt::Display, hint: &str) -> KeysError {
    KeysError::Refused { path: path.to_owned(), problem: problem.to_string(), hint: hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    fn name(text: &str) -> KeyName {
        text.parse().unwrap()
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("config/keys");
        (folder, keys)
    }

    fn error<T>(result: Result<T, KeysError>) -> String {
        let error = result.err().expect("it is refused");
        format!("{error}; hint: {}", error.hint().unwrap_or_default())
    }

    #[test]
    fn keys_are_made_found_and_read_again() {
        let (_folder, path) = folder();
        let mut keys = Keys::open(&path).unwrap();
        assert!(keys.known().is_empty() && !path.exists());
        for text in ["b", "acme", "acme-2"] {
            keys.create(&name(text)).unwrap();
        }
        let read = Keys::open(&path).unwrap();
        assert_eq!(
            read.known().iter().map(|key| key.name.to_string()).collect::<Vec<_>>(),
            ["acme", "acme-2", "b"]
        );
        let acme = read.find("acme").unwrap();
        assert_eq!(read.find(&acme.public.id().to_string()).unwrap().name, acme.name);
        assert_eq!(read.private(acme).unwrap().public(), acme.public);
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(path.join("acme.key").metadata().unwrap().mode() & 0o777, 0o600);
        assert!(error(keys.create(&name("b"))).contains("there is a key `b` already"));
        assert!(error(read.find("c")).contains("no key `c` in"));
        for bad in ["", "A", "-a", "a.b", "../a", "a/b", "é", &"a".repeat(65)] {
            assert!(error(bad.parse::<KeyName>()).contains("no name for a key"), "{bad}");
        }
    }

    #[test]
    fn what_lies_in_the_place_of_the_folder_or_its_lock_holds_up_nobody() {
        let (place, path) = folder();
        // Nothing is in what is no folder: services have `/dev/null` for their home.
        fs::write(place.path().join("file"), "").unwrap();
        let mut nowhere = Keys::open(&place.path().join("file/keys")).unwrap();
        assert!(nowhere.known().is_empty());
        assert!(error(nowhere.create(&name("acme"))).contains("cannot make the folder"));
        let mut keys = Keys::open(&path).unwrap();
        keys.create(&name("acme")).unwrap();
        let lock = path.join(".lock");
        fs::remove_file(&lock).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&lock).status().unwrap().success());
        let refused = error(keys.create(&name("other")));
        assert!(refused.contains("cannot lock `") && refused.contains("a named pipe"), "{refused}");
    }

    #[test]
    fn either_half_is_taken_in() {
        let (_one, ours) = folder();
        let (_two, theirs) = folder();
        let mut ours = Keys::open(&ours).unwrap();
        let mut theirs = Keys::open(&theirs).unwrap();
        let key = ours.create(&name("acme")).unwrap().clone();
        let private = ours.private(&key).unwrap().to_pem();
        let imported = theirs.import(&key.public.to_pem(), &name("them")).unwrap();
        assert_eq!((imported.import, imported.key.has_private), (Import::Public, false));
        assert!(error(theirs.private(&imported.key)).contains("only the public half of `them`"));
        assert!(
            error(theirs.import(&key.public.to_pem(), &name("other"))).contains("here already, as `them`")
        );
        assert!(error(theirs.import(&private, &name("other"))).contains("here already, as `them`"));
        let imported = theirs.import(&private, &name("them")).unwrap();
        assert_eq!((imported.import, imported.key.has_private), (Import::Private, true));
        assert_eq!(theirs.private(&imported.key).unwrap().public(), key.public);
        assert!(error(theirs.import(&private, &name("them"))).contains("there is a key `them` already"));
        assert!(error(theirs.import("hello", &name("x"))).contains("no PEM file"));
        assert!(error(theirs.import("{}", &name("x"))).contains("no sigstore bundle"));
        assert_eq!(theirs.known().len(), 1);
    }

    #[test]
    fn a_key_hands_over_to_another_and_whoever_knows_it_follows() {
        let (_one, ours_path) = folder();
        let (_two, theirs_path) = folder();
        let mut ours = Keys::open(&ours_path).unwrap();
        let mut theirs = Keys::open(&theirs_path).unwrap();
        let old = ours.create(&name("acme")).unwrap().clone();
        let signer = ours.private(&old).unwrap();
        let (new, path) = ours.rotate(&old, &name("acme-2"), &signer).unwrap();
        let text = fs::read_to_string(path).unwrap();
        // Who does not know the old key does not know the new one by it.
        assert!(error(theirs.import(&text, &name("acme-2"))).contains("which is not known here"));
        theirs.import(&old.public.to_pem(), &name("acme")).unwrap();
        let changed = text.replace("\"sig\":\"", "\"sig\":\"A");
        assert!(Keys::open(&theirs_path).unwrap().import(&changed, &name("acme-2")).is_err());
        let imported = theirs.import(&text, &name("acme-2")).unwrap();
        assert_eq!(imported.import, Import::Rotation(name("acme")));
        assert_eq!(imported.key.public, new.public);
        // Whoever has the new key by another way takes in the statement alone, and by its name.
        let (_three, path) = folder();
        let mut others = Keys::open(&path).unwrap();
        others.import(&old.public.to_pem(), &name("acme")).unwrap();
        others.import(&new.public.to_pem(), &name("acme-2")).unwrap();
        assert!(error(others.import(&text, &name("acme-3"))).contains("here already, as `acme-2`"));
        assert!(error(others.import(&text, &name("acme"))).contains("there is a key `acme` already"));
        assert_eq!(others.import(&text, &name("acme-2")).unwrap().key.public, new.public);
        assert_eq!(Keys::open(&path).unwrap().find("acme").unwrap().successor, Some(new.public.id()));
        let itself = Statement::of_rotation(new.public.id(), &new.public).to_bytes();
        let itself = Bundle::sign(&itself, &ours.private(&new).unwrap()).unwrap().to_text();
        assert!(error(others.import(&itself, &name("acme-2"))).contains("there is a key `acme-2` already"));
        for (keys, path) in [(ours, &ours_path), (theirs, &theirs_path)] {
            for keys in [keys, Keys::open(path).unwrap()] {
                let old = keys.find("acme").unwrap();
                assert_eq!(old.successor, Some(new.public.id()));
                assert!(error(keys.may_sign(old)).contains("was rotated"));
                keys.may_sign(keys.find("acme-2").unwrap()).unwrap();
            }
        }
        let mut ours = Keys::open(&ours_path).unwrap();
        let old = ours.find("acme").unwrap().clone();
        assert!(error(ours.rotate(&old, &name("acme-3"), &signer)).contains("was rotated"));
        // A statement that somebody put there is none of the key's.
        let other = PrivateKey::generate().unwrap();
        let said = Statement::of_rotation(old.public.id(), &other.public()).to_bytes();
        fs::write(ours_path.join("acme.rotated.json"), Bundle::sign(&said, &other).unwrap().to_text())
            .unwrap();
        assert!(
            error(Keys::open(&ours_path))
                .contains("acme.rotated.json`: `dsseEnvelope.signatures[0].keyid` is")
        );
    }

    #[test]
    fn what_is_revoked_signs_nothing_and_names_no_successor() {
        let (_folder, path) = folder();
        let mut keys = Keys::open(&path).unwrap();
        let key = keys.create(&name("acme")).unwrap().clone();
        let signer = keys.private(&key).unwrap();
        let said =
            Statement::of_rotation(key.public.id(), &PrivateKey::generate().unwrap().public()).to_bytes();
        let said = Bundle::sign(&said, &signer).unwrap().to_text();
        let revoke = |keys: &mut Keys, revoked, reason: &str| {
            keys.revoke(Revocation { revoked, reason: reason.to_owned() })
        };
        let id = Revoked::Key(key.public.id());
        assert!(error(revoke(&mut keys, id, "")).contains("the reason has no words"));
        let mut other = Keys::open(&path).unwrap();
        revoke(&mut keys, id, "stolen").unwrap();
        // Whoever opened the folder before adds to the list, and takes nothing away.
        revoke(&mut other, Revoked::Digest(Sha256::of(b"abc")), "pays everybody").unwrap();
        revoke(&mut other, id, "again").unwrap();
        for mut keys in [other, Keys::open(&path).unwrap()] {
            assert_eq!(keys.revoked().len(), 2);
            assert_eq!(keys.revoked_key(key.public.id()), Some("stolen"));
            assert_eq!(keys.revoked_digest(Sha256::of(b"abc")), Some("pays everybody"));
            assert_eq!(keys.revoked_digest(Sha256::of(b"abd")), None);
            assert!(error(keys.may_sign(&key)).contains("the key `acme` is revoked: stolen"));
            assert!(error(keys.rotate(&key, &name("acme-2"), &signer)).contains("revoked"));
            assert!(error(keys.import(&said, &name("acme-2"))).contains("revoked"));
            assert_eq!(keys.known().len(), 1);
        }
    }

    #[test]
    fn what_a_revoked_key_has_named_is_told_however_far() {
        let (_one, ours_path) = folder();
        let (_two, theirs_path) = folder();
        let mut ours = Keys::open(&ours_path).unwrap();
        let mut theirs = Keys::open(&theirs_path).unwrap();
        let mut old = ours.create(&name("a")).unwrap().clone();
        let first = old.public.id();
        theirs.import(&old.public.to_pem(), &name("a")).unwrap();
        let mut all = vec![first];
        for next in ["b", "c"] {
            let signer = ours.private(&old).unwrap();
            let (new, path) = ours.rotate(&old, &name(next), &signer).unwrap();
            theirs.import(&fs::read_to_string(path).unwrap(), &name(next)).unwrap();
            all.push(new.public.id());
            old = new;
        }
        assert!(all.iter().all(|id| theirs.revoked_before(*id).is_none()));
        for keys in [&mut theirs, &mut ours] {
            keys.revoke(Revocation { revoked: Revoked::Key(first), reason: "stolen".to_owned() }).unwrap();
        }
        let before = |keys: &Keys| {
            all.iter().map(|id| keys.revoked_before(*id).map(|key| key.public.id())).collect::<Vec<_>>()
        };
        assert_eq!(before(&theirs), [None, Some(first), Some(first)]);
        // Whoever has made them knows them by no statement.
        assert_eq!(before(&ours), [None, None, None]);
    }

    #[test]
    fn a_list_that_takes_no_entry_stays_as_it_is() {
        let (_folder, path) = folder();
        let mut keys = Keys::open(&path).unwrap();
        let key = keys.create(&name("acme")).unwrap().public.id();
        let list = path.join("revoked.toml");
        let mut revoke = |text: &str, expected: &str| {
            fs::write(&list, text).unwrap();
            fs::set_permissions(&list, fs::Permissions::from_mode(0o644)).unwrap();
            let told =
                error(keys.revoke(Revocation { revoked: Revoked::Key(key), reason: "stolen".to_owned() }));
            assert!(told.contains("revoked.toml`: ") && told.contains(expected), "{told}");
            assert!(told.contains("nothing was revoked"), "{told}");
            assert_eq!(fs::read_to_string(&list).unwrap(), text);
            assert!(keys.may_sign(keys.find("acme").unwrap()).is_ok());
        };
        revoke("revoked = []\n", "no entry can be appended to it");
        let digest = Sha256::of(b"abc");
        revoke(
            &format!("revoked = [{{ digest = \"{digest}\", reason = \"x\" }}]\n"),
            "write its entries as `[[revoked]]`",
        );
        revoke(
            &format!("#{}\n", "x".repeat(MAX_LIST_BYTES - 40)),
            "more than 1048576 bytes with one entry more",
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_absent() {
        let (_folder, path) = folder();
        let mut keys = Keys::open(&path).unwrap();
        let key = keys.create(&name("acme")).unwrap().public.id();
        for file in ["revoked.toml", "acme.rotated.json"] {
            std::os::unix::fs::symlink("elsewhere", path.join(file)).unwrap();
            let told = error(Keys::open(&path));
            assert!(told.contains("cannot read") && told.contains(file), "{told}");
            if file == "revoked.toml" {
                let revocation = Revocation { revoked: Revoked::Key(key), reason: "stolen".to_owned() };
                assert!(error(keys.revoke(revocation)).contains("cannot read"));
                assert!(path.join(file).is_symlink());
            }
            fs::remove_file(path.join(file)).unwrap();
        }
        keys.revoke(Revocation { revoked: Revoked::Key(key), reason: "stolen".to_owned() }).unwrap();
        for file in ["acme.pub", "revoked.toml"] {
            let mode = |mode| fs::set_permissions(path.join(file), fs::Permissions::from_mode(mode)).unwrap();
            mode(0o664);
            let told = error(Keys::open(&path));
            assert!(told.contains(&format!("{file}`: its mode is 0664: others can change it")), "{told}");
            assert!(told.contains("chmod go-w"), "{told}");
            mode(0o644);
        }
        assert_eq!(Keys::open(&path).unwrap().revoked_key(key), Some("stolen"));
    }

    #[test]
    fn a_folder_that_is_not_as_it_has_to_be_is_refused_by_the_file() {
        let (_folder, path) = folder();
        let mut keys = Keys::open(&path).unwrap();
        let key = keys.create(&name("acme")).unwrap().clone();
        keys.create(&name("other")).unwrap();
        let mode = |file: &str, mode| {
            fs::set_permissions(path.join(file), fs::Permissions::from_mode(mode)).unwrap();
        };
        mode("acme.key", 0o640);
        assert!(error(keys.private(&key)).contains("its mode is 0640: others than its owner"));
        mode("acme.key", 0o600);
        keys.private(&key).unwrap();
        fs::copy(path.join("other.key"), path.join("acme.key")).unwrap();
        assert!(error(keys.private(&key)).contains("acme.key`: it is the private half of"));
        fs::write(path.join("acme.key"), "x".repeat(MAX_PEM_BYTES + 1)).unwrap();
        assert!(error(keys.private(&key)).contains("more than 4096 bytes"));

        mode("", 0o777);
        assert!(error(Keys::open(&path)).contains("others can put keys in it"));
        mode("", 0o700);
        fs::write(path.join("acme.pub"), "x").unwrap();
        assert!(error(Keys::open(&path)).contains("acme.pub`: it is no PEM file"));
        fs::write(path.join("acme.pub"), [0xff; 9]).unwrap();
        assert!(error(Keys::open(&path)).contains("acme.pub`: it is no text"));
        fs::copy(path.join("other.pub"), path.join("acme.pub")).unwrap();
        let told = error(Keys::open(&path));
        assert!(
            told.contains("other.pub`: the key ") && told.contains("is here already, as `acme`"),
            "{told}"
        );
        assert!(told.contains("remove one of the two"), "{told}");
        fs::remove_file(path.join("acme.pub")).unwrap();
        // Half of a key that was interrupted is not written over.
        assert!(
            error(Keys::open(&path).unwrap().create(&name("acme")))
                .contains("acme.key`: it is there already")
        );
        fs::write(path.join("revoked.toml"), "[[revoked]]\nkye = \"x\"\n").unwrap();
        mode("revoked.toml", 0o644);
        assert!(error(Keys::open(&path)).contains("unknown field `kye`"));
        fs::remove_file(path.join("revoked.toml")).unwrap();
        fs::create_dir(path.join("acme.pub")).unwrap();
        assert!(error(Keys::open(&path)).contains("acme.pub`: it is a folder, and no file"));
        fs::remove_dir(path.join("acme.pub")).unwrap();
        fs::write(path.join("README.md"), "Keys.").unwrap();
        assert_eq!(Keys::open(&path).unwrap().known().len(), 1);
        assert!(error(Keys::open(&path.join("other.pub"))).contains("it is no folder"));
    }
}
