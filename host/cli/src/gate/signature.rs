//! Who signed what is about to be used.

use std::path::Path;

use lancet_core::Sha256;
use lancet_runner::Named;
use lancet_suite::Suite;
use lancet_trust::{Bundle, KeyId, Keys, Predicate, Signed, Statement, Voucher, read_text};

use crate::paths;

/// Who signed a package that lies there.
pub(crate) fn of_package(keys: &Keys, named: &Named, path: &Path) -> Signed {
    let expected = || {
        let (Ok(Some(text)), Ok(Some(manifest))) =
            (lancet_package::text(&named.component), lancet_package::read(&named.component))
        else {
            return Err("it is no package, and packages are signed".to_owned());
        };
        let (version, text) = (manifest.version.to_string(), Sha256::of(text.as_bytes()));
        Ok(Statement::of_plugin(&manifest.name, &version, named.identity.digest, text))
    };
    signed(keys, path, Voucher::Package, expected)
}

/// Who signed a suite.
pub(crate) fn of_suite(keys: &Keys, suite: &Suite) -> Signed {
    let expected = || Ok(Statement::of_suite(suite.name(), suite.tasks().len(), suite.digest()));
    signed(keys, suite.path(), Voucher::Suite, expected)
}

/// A signature that held when a run began, as its record says. A key that is not known here says
/// nothing now, whoever knew it then.
pub(super) fn recorded(keys: &Keys, key: KeyId) -> Signed {
    match is_told_of(keys, key) {
        true => by(keys, key, Voucher::Record),
        false => Signed::Unknown(key),
    }
}

/// Whether a key is one of those that are known here, or one that is revoked, which refuses what
/// names it also where the key itself is not.
fn is_told_of(keys: &Keys, key: KeyId) -> bool {
    keys.by_id(key).is_some() || keys.revoked_key(key).is_some()
}

fn by(keys: &Keys, key: KeyId, voucher: Voucher) -> Signed {
    Signed::By { key, revoked: keys.revoked_key(key).map(str::to_owned), voucher }
}

/// Who signed what lies at a path, by the file beside it. A signature that is there and cannot be
/// looked at does not hold: it is not taken for absent.
fn signed<P: Predicate>(
    keys: &Keys,
    path: &Path,
    voucher: Voucher,
    expected: impl FnOnce() -> Result<Statement<P>, String>,
) -> Signed {
    let Ok(bundle) = paths::signature(path) else { return Signed::Not };
    let is_gone = |error: std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    if bundle.symlink_metadata().is_err_and(is_gone) {
        return Signed::Not;
    }
    let held = || {
        let text = read_text(&bundle).map_err(|error| error.to_string())?;
        let parsed = Bundle::parse(text.as_bytes()).map_err(|error| error.to_string())?;
        let key = parsed.key_id();
        let Some(known) = keys.by_id(key) else {
            return Ok(if is_told_of(keys, key) { by(keys, key, voucher) } else { Signed::Unknown(key) });
        };
        let payload = parsed.verify(&known.public).map_err(|error| error.to_string())?;
        let said = Statement::<P>::parse(payload).map_err(|error| error.to_string())?;
        said.expect(&expected()?).map_err(|error| error.to_string())?;
        Ok(by(keys, key, voucher))
    };
    held().unwrap_or_else(|why: String| Signed::Broken(format!("`{}`: {why}", bundle.display())))
}
