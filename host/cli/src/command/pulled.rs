//! What was pulled of a registry, and is in nobody's hands yet.

use std::num::NonZeroUsize;
use std::path::Path;

use lancet_engine::Inspection;
use lancet_file::HiddenFolder;
use lancet_registry::{
    Artifact, Config, Credentials, Options, Reference, Registry, Signatures, look, pull, signatures,
};
use lancet_runner::{Error, Loader, Named};
use lancet_trust::{Finding, Keys, Policy, Signed};
use semver::Version;

use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::gate::signer_of_package;
use crate::isolation::IsolationArguments;
use crate::paths;
use crate::session::{Signals, block_on, loader};

/// A plugin that was pulled: the bytes of its digest, which are what its config says of them.
pub(super) struct Pulled {
    /// The reference, with the digest of the manifest that it named.
    pub(super) reference: Reference,
    pub(super) named: Named,
    pub(super) inspection: Inspection,
    /// Whose it is, by the best of its signatures.
    pub(super) signed: Signed,
    /// The bytes of that signature.
    pub(super) bundle: Option<Vec<u8>>,
    pub(super) loader: Loader,
    /// Where it lies, and who hears of signals meanwhile, until it is in its place.
    lies: Option<(HiddenFolder, Signals)>,
}

/// How registries are asked.
pub(super) fn options() -> Options {
    Options { credentials: Credentials::docker(), ..Options::default() }
}

/// Refuses a place that the policy does not name.
pub(super) fn allowed(policy: &Policy, reference: &Reference) -> Result<(), Failure> {
    let line = policy.decide_registry(&reference.name());
    if line.finding != Finding::Refuses {
        return Ok(());
    }
    let what = format!("`{reference}`");
    Err(Error::NotLetIn { what, policy: policy.name().to_owned(), key: line.key, why: line.why }.into())
}

/// The version that a tag stands for, if it does.
pub(super) fn version_of(tag: &str) -> Option<Version> {
    Version::parse(&tag.replacen('_', "+", 1)).ok()
}

/// Looks at what a reference names, and at the signatures of it.
pub(super) fn looked(reference: &Reference) -> Result<(Registry, Artifact, Signatures), Failure> {
    let registry = Registry::reader(reference, &options())?;
    block_on(async {
        let artifact = look(&registry).await?;
        let found = signatures(&registry, &artifact).await?;
        for (digest, why) in &found.passed_over {
            warn(&format!(
                "`{reference}`: the manifest {digest} is listed with its signatures and is none: {why}"
            ));
        }
        Ok((registry, artifact, found))
    })
}

impl Pulled {
    /// Pulls a plugin. Nothing of it is run: what it is, is read in a process of its own.
    pub(super) fn pull(reference: &Reference, keys: &Keys) -> Result<Self, Failure> {
        let (registry, artifact, found) = looked(reference)?;
        let Config::Plugin(config) = &artifact.config else {
            return Err(Failure::usage(format!("`{reference}` is a suite, expected a plugin"))
                .hint("`lancet suite pull` pulls it"));
        };
        let bytes = block_on(async { Ok(pull(&registry, &artifact).await?) })?;
        // From here on there is something to remove.
        let signals = Signals::listen();
        let place = std::env::temp_dir();
        let folder = HiddenFolder::begin(&place, ".lancet-pull-").map_err(|error| {
            Failure::file("make a folder in", &place, &error)
                .hint("make room there, or name another folder in the variable `TMPDIR`")
        })?;
        let path = folder.path().join("plugin.wasm");
        let named = Named {
            origin: lancet_runner::Origin::File(path.clone()),
            ..Named::new(&reference.to_string(), bytes)
        };
        let loader = loader(NonZeroUsize::MIN, &IsolationArguments::default())?;
        let inspection = loader.inspect(&named)?;
        let imports: Vec<_> = inspection.imports.iter().map(|import| import.name.clone()).collect();
        config.is_of(&inspection.exports, &imports).map_err(|why| {
            Failure::new(Exit::Unverified, format!("`{reference}`: {why}"))
                .hint("what it asks for is not what it says: take nothing from whoever pushed it")
        })?;
        if let (Some(manifest), Some(tag), None) =
            (&inspection.manifest, reference.tag().and_then(version_of), reference.digest())
            && manifest.version != tag
        {
            let message = format!(
                "`{reference}` is version {} of `{}`, expected {tag}",
                manifest.version, manifest.name
            );
            return Err(Failure::new(Exit::Unverified, message)
                .hint("somebody may have moved the tag to an older version: ask whoever pushed it"));
        }
        let (signed, bundle) = best(&path, found.bundles, |path| signer_of_package(keys, &named, path))?;
        is_revoked(keys, reference, &signed, named.identity.digest)?;
        let reference = reference.pinned(artifact.digest);
        let pulled =
            Self { reference, named, inspection, signed, bundle, loader, lies: Some((folder, signals)) };
        pulled.goes_on()?;
        Ok(pulled)
    }

    /// Whether no signal has come since there is something to remove.
    pub(super) fn goes_on(&self) -> Result<(), Failure> {
        if self.lies.as_ref().is_some_and(|(_, signals)| signals.have_come()) {
            let message = format!("`{}`: it was stopped, and nothing of it is kept", self.reference);
            return Err(Failure::new(Exit::Interrupted, message));
        }
        Ok(())
    }

    /// Removes what lies elsewhere. What is printed then may wait for its reader: from here on a signal
    /// ends the process again.
    pub(super) fn done(&mut self) {
        self.lies = None;
    }
}

/// The signature that says most of what lies at a path: by a key that is known here, or else by
/// another, or else by one that is revoked. It is left beside it.
pub(super) fn best(
    path: &Path,
    bundles: Vec<Vec<u8>>,
    signer: impl Fn(&Path) -> Signed,
) -> Result<(Signed, Option<Vec<u8>>), Failure> {
    let file = paths::signature(path)?;
    let write =
        |bytes: &[u8]| std::fs::write(&file, bytes).map_err(|error| Failure::file("write", &file, &error));
    let mut best: Option<(u8, Signed, Vec<u8>)> = None;
    for bundle in bundles {
        write(&bundle)?;
        let signed = signer(path);
        let rank = match &signed {
            Signed::By { revoked: None, .. } => 0,
            Signed::Unknown(_) => 1,
            Signed::By { revoked: Some(_), .. } => 2,
            Signed::Broken(_) | Signed::Not => 3,
        };
        if best.as_ref().is_none_or(|(other, ..)| rank < *other) {
            best = Some((rank, signed, bundle));
        }
    }
    match best {
        None => Ok((Signed::Not, None)),
        Some((_, signed, bundle)) => {
            write(&bundle)?;
            Ok((signed, Some(bundle)))
        }
    }
}

/// Refuses what is revoked, and a signature that does not hold.
pub(super) fn is_revoked(
    keys: &Keys,
    reference: &Reference,
    signed: &Signed,
    digest: lancet_core::Sha256,
) -> Result<(), Failure> {
    let refused = |why: String| {
        Failure::new(Exit::Unverified, format!("`{reference}`: {why}"))
            .hint("do not use it; its maker may have a newer version, signed by another key")
    };
    if let Some(reason) = keys.revoked_digest(digest) {
        return Err(refused(format!("its digest {digest} is revoked: {reason}")));
    }
    match signed {
        Signed::Broken(why) => Err(refused(format!("its signature does not hold: {why}"))),
        Signed::By { key, revoked: Some(reason), .. } => {
            Err(refused(format!("the key {key} that signed it is revoked: {reason}")))
        }
        Signed::Not | Signed::Unknown(_) | Signed::By { revoked: None, .. } => Ok(()),
    }
}

/// Whose signature it is, for people.
pub(super) fn told(signed: &Signed) -> String {
    match signed {
        Signed::By { key, .. } => key.to_string(),
        Signed::Unknown(key) => format!("{key}, which is not known here: it says nothing"),
        Signed::Not | Signed::Broken(_) => "unsigned".to_owned(),
    }
}
