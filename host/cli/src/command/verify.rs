//! `lancet verify`.

use std::path::{Path, PathBuf};

use lancet_core::{Sha256, one_line};
use lancet_suite::Suite;
use lancet_trust::{
    Bundle, BundleError, Foreign, ForeignStatement, KeyId, Keys, KeysError, Plugin, Policy, Predicate as _,
    PublicKey, Statement, VerifiedFile, VerifiedKey, VerifiedSubject, predicate_type, read_text,
};

use super::attested;
use crate::arguments::{FormatKind, Global};
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::keys::{self, Verify, misstated, unverified};
use crate::output;
use crate::paths::{self, SIGNATURE_END};
use crate::render::{Table, display_safe, left};

/// What is verified: a file or a folder, the signature beside it, and the keys that are believed.
struct Case {
    file: PathBuf,
    bundle: PathBuf,
    keys: Keys,
    believed: Vec<(PublicKey, String)>,
    /// Whose publishers' keys count, each for what has its name, if one was named.
    policy: Option<Policy>,
}

/// Verifies who signed a file, and that it is the one that was signed.
pub(crate) fn main(arguments: &Verify, global: &Global) -> Result<Exit, Failure> {
    let keys = keys::open()?;
    let policy = arguments.policy.is_some().then(|| arguments.policy().in_force()).transpose()?;
    let policy = policy.map(|in_force| in_force.policy);
    let mut believed: Vec<_> = if arguments.keys.is_empty() {
        attested::known(&keys)
    } else {
        arguments.keys.iter().map(|key| keys::public(&keys, key)).collect::<Result<_, _>>()?
    };
    believed.retain(|(key, _)| policy.as_ref().is_none_or(|policy| policy.counts(key.id())));
    if attested::is_run(&arguments.file) {
        if arguments.foreign || arguments.bundle.is_some() {
            let message = format!("`{}` is a run with its signatures in it", arguments.file.display());
            return Err(Failure::usage(message).hint("leave `--foreign` and `--bundle` out"));
        }
        return attested::verify(arguments, global, &keys, &believed);
    }
    if arguments.replay {
        let message = format!("`{}` is no run that was exported", arguments.file.display());
        return Err(
            Failure::usage(message).hint("leave `--replay` out, or name a `.tar` that `lancet export` wrote")
        );
    }
    if !arguments.since.is_empty() || !arguments.witnesses.is_empty() {
        let message = format!("`{}` is no run, and in no log", arguments.file.display());
        return Err(Failure::usage(message)
            .hint("leave `--since` and `--witness` out, or name a file that `lancet attest` or `lancet export` wrote"));
    }
    let (file, bundle) = files(arguments)?;
    // A name that is mistyped is nothing that is not signed.
    if let Err(error) = file.metadata() {
        return Err(Failure::file("read", &file, &error));
    }
    let case = Case { file, bundle, keys, believed, policy };
    if !case.bundle.exists() {
        let message =
            format!("`{}` is not signed: `{}` is not there", case.file.display(), case.bundle.display());
        return Err(Failure::new(Exit::Unverified, message).hint(
            "get the signature from whoever made it, and name it with `--bundle FILE` if it lies elsewhere",
        ));
    }
    let verified = if arguments.foreign { case.foreign()? } else { case.own()? };
    warn_of(&case.keys, &verified.key);
    print(&verified, arguments.format.kind)?;
    Ok(Exit::Done)
}

/// The file, and the one with its signature.
fn files(arguments: &Verify) -> Result<(PathBuf, PathBuf), Failure> {
    let file = &arguments.file;
    let stem =
        file.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(SIGNATURE_END));
    match (&arguments.bundle, stem) {
        (Some(bundle), _) => Ok((file.clone(), bundle.clone())),
        (None, Some(stem)) => Ok((file.with_file_name(stem), file.clone())),
        (None, None) => Ok((file.clone(), paths::signature(file)?)),
    }
}

/// The text of a bundle. One that is none does not hold.
fn text(path: &Path) -> Result<String, Failure> {
    match read_text(path) {
        Ok(text) => Ok(text.to_string()),
        Err(error @ KeysError::Refused { .. }) => Err(Failure::from(error).exit(Exit::Unverified)),
        Err(error) => Err(error.into()),
    }
}

/// Whoever signed a file, unless that key is revoked.
pub(super) fn key(keys: &Keys, by: &PublicKey, name: &str, path: &Path) -> Result<VerifiedKey, Failure> {
    let id = by.id();
    if let Some(reason) = keys.revoked_key(id) {
        let message =
            format!("`{}` is signed by the key `{name}`, which is revoked: {reason}", path.display());
        return Err(Failure::new(Exit::Unverified, message)
            .hint("somebody else may have signed it: get one that is signed by another key"));
    }
    let successor = keys.by_id(id).and_then(|known| known.successor);
    Ok(VerifiedKey { name: name.to_owned(), id, successor })
}

/// Says what is to be known of the key by which a signature holds.
pub(super) fn warn_of(keys: &Keys, key: &VerifiedKey) {
    if let Some(successor) = key.successor {
        warn(&format!("the key `{}` was rotated since: {successor} signs in its place", key.name));
    }
    if let Some(warning) = keys::named_by_revoked(keys, key.id, &key.name) {
        warn(&warning);
    }
}

impl Case {
    /// A file that Lancet signed, in the one spelling that it writes.
    fn own(&self) -> Result<VerifiedFile, Failure> {
        let text = text(&self.bundle)?;
        let refused = |error: BundleError| unverified(&self.bundle, &error);
        let bundle = Bundle::parse(text.as_bytes()).map_err(refused)?;
        let id = bundle.key_id();
        let by = self.believed.iter().find(|(key, _)| key.id() == id);
        let (key, name) = by.ok_or_else(|| refused(BundleError::Unknown(id)))?;
        let payload = bundle.verify(key).map_err(refused)?;
        let key = self.key(key, name)?;
        let kind = predicate_type(payload).unwrap_or_default();
        let digest = match kind.as_str() {
            Plugin::TYPE => self.plugin(payload, id)?,
            lancet_trust::Suite::TYPE => self.suite(payload)?,
            other => {
                let shown = one_line(other, 200);
                let message = format!(
                    "`{}`: it says `{shown}`, expected `{}` or `{}`",
                    self.bundle.display(),
                    Plugin::TYPE,
                    lancet_trust::Suite::TYPE
                );
                return Err(Failure::new(Exit::Unverified, message)
                    .hint("`lancet key import FILE` takes a statement of rotation; `--foreign` takes any about a file"));
            }
        };
        self.verified(payload, digest, key, false)
    }

    /// A file about which somebody else's tool signed something.
    fn foreign(&self) -> Result<VerifiedFile, Failure> {
        let text = text(&self.bundle)?;
        let refused = |error: BundleError| unverified(&self.bundle, &error);
        let mut keys: Vec<_> = self.believed.iter().map(|(key, _)| key.clone()).collect();
        // Of several who signed it one who is believed is enough.
        keys.sort_by_key(|key| self.keys.revoked_key(key.id()).is_some());
        let foreign = Foreign::parse(text.as_bytes()).map_err(refused)?;
        let (key, payload) = foreign.verify(&keys).map_err(refused)?;
        let name = self.believed.iter().find(|(one, _)| one == key).map_or("", |(_, name)| name.as_str());
        let key = self.key(key, name)?;
        let statement = ForeignStatement::parse(payload).map_err(|error| misstated(&self.bundle, &error))?;
        let digest = Sha256::of(&lancet_runner::read(&self.file)?);
        if !statement.is_about(digest) {
            let message = format!(
                "`{}` is about other files than `{}`, whose digest is {digest}",
                self.bundle.display(),
                self.file.display()
            );
            return Err(Failure::new(Exit::Unverified, message)
                .hint("the signature is good, and for something else: get the file that was signed"));
        }
        self.verified(payload, digest, key, true)
    }

    /// Whoever signed it, unless that key is revoked.
    fn key(&self, by: &PublicKey, name: &str) -> Result<VerifiedKey, Failure> {
        key(&self.keys, by, name, &self.bundle)
    }

    fn plugin(&self, payload: &[u8], by: KeyId) -> Result<Sha256, Failure> {
        let misstated = |error| misstated(&self.bundle, &error);
        let said = Statement::<Plugin>::parse(payload).map_err(misstated)?;
        let bytes = lancet_runner::read(&self.file)?;
        let (Ok(Some(text)), Ok(Some(manifest))) =
            (lancet_package::text(&bytes), lancet_package::read(&bytes))
        else {
            // Whatever was signed of it: such a statement is about a package and its manifest.
            let message = format!(
                "`{}`: it is about a package, and `{}` is no package with one manifest",
                self.bundle.display(),
                self.file.display()
            );
            return Err(Failure::new(Exit::Unverified, message).hint(
                "it was changed after it was signed, or never was a package: get the file that was signed",
            ));
        };
        if let Some(publisher) = self.policy.as_ref().and_then(|policy| policy.publisher(by))
            && manifest.name.split('/').next() != Some(publisher.name.as_str())
        {
            let message = format!(
                "`{}` is called `{}`, and is signed by a key of the publisher `{}`",
                self.file.display(),
                manifest.name,
                publisher.name
            );
            return Err(Failure::new(Exit::Unverified, message).hint(
                "a publisher's key counts for packages of its own name: get it from whoever makes that one",
            ));
        }
        let (digest, version) = (Sha256::of(&bytes), manifest.version.to_string());
        let text = Sha256::of(text.as_bytes());
        said.expect(&Statement::of_plugin(&manifest.name, &version, digest, text)).map_err(misstated)?;
        Ok(digest)
    }

    fn suite(&self, payload: &[u8]) -> Result<Sha256, Failure> {
        let misstated = |error| misstated(&self.bundle, &error);
        let said = Statement::<lancet_trust::Suite>::parse(payload).map_err(misstated)?;
        let suite = Suite::open(&self.file)?;
        said.expect(&Statement::of_suite(suite.name(), suite.tasks().len(), suite.digest()))
            .map_err(misstated)?;
        Ok(suite.digest())
    }

    fn verified(
        &self,
        payload: &[u8],
        digest: Sha256,
        key: VerifiedKey,
        foreign: bool,
    ) -> Result<VerifiedFile, Failure> {
        if let Some(reason) = self.keys.revoked_digest(digest) {
            let message = format!("`{}`, {digest}, is revoked: {reason}", self.file.display());
            return Err(Failure::new(Exit::Unverified, message)
                .hint("do not use it; its maker may have a newer version"));
        }
        let statement = ForeignStatement::parse(payload).map_err(|error| misstated(&self.bundle, &error))?;
        let subjects = statement.subject.into_iter();
        Ok(VerifiedFile {
            file: self.file.display().to_string(),
            bundle: self.bundle.display().to_string(),
            digest,
            statement: statement.predicate_type,
            subjects: subjects.map(|one| VerifiedSubject { name: one.name, digest: one.digest }).collect(),
            key,
            foreign,
        })
    }
}

fn print(verified: &VerifiedFile, format: FormatKind) -> Result<(), Failure> {
    let key = &verified.key;
    if verified.foreign {
        warn(&format!("what `{}` says of the file is not looked at, but for its digest", verified.statement));
    }
    if format == FormatKind::Table {
        let names: Vec<_> = verified.subjects.iter().filter_map(|subject| subject.name.as_deref()).collect();
        return output::tell(&format!(
            "{} is what was signed\nkey     {}, {}\nsays    {}\nof      {}\ndigest  {}",
            display_safe(&verified.file),
            display_safe(&key.name),
            key.id,
            display_safe(&verified.statement),
            display_safe(&names.join(", ")),
            verified.digest
        ));
    }
    let mut table = Table::new([left("file"), left("digest"), left("key"), left("id"), left("statement")]);
    table.row([
        verified.file.clone(),
        verified.digest.to_string(),
        key.name.clone(),
        key.id.to_string(),
        verified.statement.clone(),
    ]);
    output::print_table(format, &table, verified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_lie_beside_what_they_are_of() {
        for (path, expected) in [
            ("a.wasm", "a.wasm.sigstore.json"),
            ("x/suite/", "x/suite.sigstore.json"),
            ("x/suite/.", "x/suite.sigstore.json"),
        ] {
            assert_eq!(paths::signature(Path::new(path)).unwrap(), Path::new(expected));
        }
    }
}
