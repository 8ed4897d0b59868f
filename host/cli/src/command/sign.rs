//! What is signed is written, and `lancet suite sign`.

use std::io::Write as _;
use std::path::Path;

use lancet_core::Sha256;
use lancet_file::{FileError, WholeFile};
use lancet_suite::Suite;
use lancet_trust::{Bundle, KeyId, MAX_ATTESTED_BYTES, Statement};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::keys::{self, Sign};
use crate::output;
use crate::paths;
use crate::render::display_safe;

/// Signs a suite.
pub(crate) fn suite(arguments: &Sign) -> Result<Exit, Failure> {
    let suite = Suite::open(&arguments.file)?;
    let statement = Statement::of_suite(suite.name(), suite.tasks().len(), suite.digest());
    sign(arguments, &statement.to_bytes(), &format!("the suite {}", suite.name()), suite.digest())
}

/// Signs a statement, and writes it beside what it is of.
pub(super) fn sign(arguments: &Sign, statement: &[u8], what: &str, digest: Sha256) -> Result<Exit, Failure> {
    let path = match &arguments.output {
        Some(path) => path.clone(),
        None => paths::signature(&arguments.file)?,
    };
    let keys = keys::open()?;
    let signer = keys::signer(&keys, &arguments.key, &arguments.signer)?;
    let id = signer.public().id();
    is_ours(&path, id)?;
    let bundle = Bundle::sign(statement, signer.as_ref()).map_err(lancet_trust::KeysError::from)?;
    // What is printed may wait for its reader: from here on a signal ends the process again.
    drop(signer);
    write(&path, bundle.to_text().as_bytes())?;
    output::tell(&format!(
        "{}\nsigned  {}\ndigest  {digest}\nkey     {id}",
        display_safe(&path.display().to_string()),
        display_safe(what)
    ))?;
    Ok(Exit::Done)
}

/// Whether a file that would be replaced is an earlier signature by the same key.
pub(super) fn is_ours(path: &Path, key: KeyId) -> Result<(), Failure> {
    if !path.exists() {
        return Ok(());
    }
    // A run's file has one in each line.
    let text = lancet_file::read(path, MAX_ATTESTED_BYTES as u64).map_err(|error| {
        let exit = if matches!(error, FileError::Io(_)) { Exit::Host } else { Exit::Usage };
        Failure::file("read", path, &error).exit(exit).hint("name another file with `--output`, or remove it")
    })?;
    let first = text.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    match Bundle::parse(first) {
        Ok(bundle) if bundle.key_id() == key => Ok(()),
        Ok(bundle) => {
            let message = format!("`{}` is a signature by another key, {}", path.display(), bundle.key_id());
            Err(Failure::usage(message).hint("name another file with `--output`, or remove it"))
        }
        Err(_) => Err(Failure::usage(format!("`{}` is there already, and no signature", path.display()))
            .hint("name another file with `--output`")),
    }
}

/// Writes a file whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::file("write", path, error);
    let whole = WholeFile::begin(path, 0o644).map_err(|e| failed(&e))?;
    whole.file().write_all(bytes).and_then(|()| whole.file().sync_all()).map_err(|e| failed(&e))?;
    whole.replace().map_err(|e| failed(&e))
}
