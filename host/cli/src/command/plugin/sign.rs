//! `lancet plugin sign`.

use lancet_core::Sha256;
use lancet_runner::Named;
use lancet_trust::Statement;

use crate::command::sign;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keys::Sign;

/// Signs a package.
pub(super) fn main(arguments: &Sign) -> Result<Exit, Failure> {
    let name = arguments.file.display().to_string();
    let named = Named::new(&name, lancet_runner::read(&arguments.file)?);
    // What would not be loaded is not signed either.
    let (_, inspection) = super::inspection(&named)?;
    let (Some(manifest), Ok(Some(text))) = (&inspection.manifest, lancet_package::text(&named.component))
    else {
        return Err(Failure::new(
            Exit::Plugin,
            format!("`{name}` is no package: it has no manifest to be signed with it"),
        )
        .hint("`lancet plugin pack COMPONENT --manifest plugin.toml --output FILE` makes one"));
    };
    let (digest, version) = (named.identity.digest, manifest.version.to_string());
    let statement = Statement::of_plugin(&manifest.name, &version, digest, Sha256::of(text.as_bytes()));
    sign::sign(arguments, &statement.to_bytes(), &format!("{} {version}", manifest.name), digest)
}
