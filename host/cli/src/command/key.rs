//! `lancet key`.

use std::path::Path;

use lancet_core::Sha256;
use lancet_trust::{
    Import, KeyId, KeyName, Keys, KeysError, Known, ListedKey, ListedKeys, ListedRevocation, Revocation,
    Revoked, read_text,
};

use crate::arguments::FormatKind;
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::keys::{self, KeyCommand, SignerArgument};
use crate::output;
use crate::render::{Table, display_safe, left};

/// Makes, shows and exchanges keys.
pub(crate) fn main(command: &KeyCommand) -> Result<Exit, Failure> {
    let mut keys = keys::open()?;
    match command {
        KeyCommand::New { name } => {
            let known = keys.create(&name.parse::<KeyName>()?)?.clone();
            output::tell(&made(&keys, &known))?;
        }
        KeyCommand::List { format } => list(&keys, format.kind)?,
        KeyCommand::Show { key, format } => show(&keys, key, format.kind)?,
        KeyCommand::Rotate { key, name, signer } => rotate(&mut keys, key, name, signer)?,
        KeyCommand::Revoke { what, reason } => revoke(&mut keys, what, reason)?,
        KeyCommand::Import { file, name } => import(&mut keys, file, name)?,
    }
    Ok(Exit::Done)
}

fn made(keys: &Keys, known: &Known) -> String {
    let file = |end: &str| keys.folder().join(format!("{}{end}", known.name));
    format!(
        "key      {}\nid       {}\nprivate  {} (keep it to yourself)\npublic   {} (give it to whoever is to verify)",
        known.name,
        known.public.id(),
        file(".key").display(),
        file(".pub").display()
    )
}

fn listed(keys: &Keys, known: &Known) -> ListedKey {
    let id = known.public.id();
    ListedKey {
        name: known.name.to_string(),
        id,
        has_private: known.has_private,
        successor: known.successor,
        revoked: keys.revoked_key(id).map(str::to_owned),
        pem: known.public.to_pem(),
    }
}

/// What holds of a key, in a few words.
fn state(key: &ListedKey) -> String {
    match (&key.revoked, key.successor, key.has_private) {
        (Some(reason), ..) => format!("REVOKED: {reason}"),
        (None, Some(successor), _) => format!("rotated to {successor}"),
        (None, None, true) => "signs".to_owned(),
        (None, None, false) => "verifies".to_owned(),
    }
}

fn list(keys: &Keys, format: FormatKind) -> Result<(), Failure> {
    let lines: Vec<_> = keys.known().iter().map(|known| listed(keys, known)).collect();
    let mut table = Table::new([left("name"), left("id"), left("state")]);
    for key in &lines {
        table.row([key.name.clone(), key.id.to_string(), state(key)]);
    }
    let revoked: Vec<_> = keys
        .revoked()
        .iter()
        .map(|revocation| {
            let (key, digest) = match revocation.revoked {
                Revoked::Key(key) => (Some(key), None),
                Revoked::Digest(digest) => (None, Some(digest)),
            };
            ListedRevocation { key, digest, reason: revocation.reason.clone() }
        })
        .collect();
    if format != FormatKind::Table {
        let folder = keys.folder().display().to_string();
        return output::print_table(format, &table, &ListedKeys { folder, keys: lines, revoked });
    }
    let mut text = format!("{}\n\n", display_safe(&keys.folder().display().to_string()));
    text.push_str(&if lines.is_empty() { "no keys\n".to_owned() } else { output::table_text(&table) });
    for line in &revoked {
        let what = match (line.key, line.digest) {
            (Some(key), _) => key.to_string(),
            (None, digest) => digest.map(|digest| digest.to_string()).unwrap_or_default(),
        };
        text.push_str(&format!("\nrevoked  {what}: {}", display_safe(&line.reason)));
    }
    output::tell(&text)
}

fn show(keys: &Keys, key: &str, format: FormatKind) -> Result<(), Failure> {
    let line = listed(keys, keys.find(key)?);
    match format {
        FormatKind::Json => output::print_json(&line),
        FormatKind::Table => output::tell(&format!(
            "key    {}\nid     {}\nstate  {}\n\n{}",
            line.name,
            line.id,
            display_safe(&state(&line)),
            line.pem
        )),
        FormatKind::Csv | FormatKind::Md => {
            let mut table = Table::new([left("name"), left("id"), left("state")]);
            table.row([line.name.clone(), line.id.to_string(), state(&line)]);
            output::print_table(format, &table, &line)
        }
    }
}

fn rotate(keys: &mut Keys, key: &str, name: &str, command: &SignerArgument) -> Result<(), Failure> {
    let old = keys.find(key)?.clone();
    let signer = keys::signer(keys, key, command)?;
    let (new, path) = keys.rotate(&old, &name.parse::<KeyName>()?, signer.as_ref())?;
    // What is printed may wait for its reader: from here on a signal ends the process again.
    drop(signer);
    output::tell(&format!(
        "{}\n\n`{}` signs no more. Whoever knows it follows with\n`lancet key import {} --name {}`",
        made(keys, &new),
        old.name,
        path.display(),
        new.name
    ))
}

fn revoke(keys: &mut Keys, what: &str, reason: &str) -> Result<(), Failure> {
    let revoked = match what.parse::<Sha256>() {
        Ok(digest) => Revoked::Digest(digest),
        Err(error) if what.starts_with("sha256:") => {
            return Err(
                Failure::usage(error.to_string()).hint("`lancet verify FILE` shows the digest of a file")
            );
        }
        // Of a key that is not here the id says enough.
        Err(_) => match what.parse() {
            Ok(id) => Revoked::Key(id),
            Err(_) => Revoked::Key(keys.find(what)?.public.id()),
        },
    };
    let is_there = keys.revoked().iter().any(|one| one.revoked == revoked);
    keys.revoke(Revocation { revoked, reason: reason.to_owned() })?;
    if is_there {
        warn(&format!("`{what}` was revoked before; its reason stays"));
    }
    let what = match revoked {
        Revoked::Key(key) => key.to_string(),
        Revoked::Digest(digest) => digest.to_string(),
    };
    if let Revoked::Key(key) = revoked {
        warn_of_successors(keys, key);
    }
    output::tell(&format!("revoked  {what}\nlist     {}", keys.folder().join("revoked.toml").display()))
}

/// A statement of a key that is revoked is not taken in any more; what was taken in before stays.
fn warn_of_successors(keys: &Keys, revoked: KeyId) {
    for known in keys.known() {
        let id = known.public.id();
        let is_by_it = keys.revoked_before(id).is_some_and(|before| before.public.id() == revoked);
        if is_by_it
            && keys.revoked_key(id).is_none()
            && let Some(warning) = keys::named_by_revoked(keys, id, &known.name.to_string())
        {
            warn(&warning);
        }
    }
}

fn import(keys: &mut Keys, file: &Path, name: &str) -> Result<(), Failure> {
    let text = read_text(file)?;
    let imported = keys.import(&text, &name.parse::<KeyName>()?).map_err(|error| match error {
        KeysError::Key(_) | KeysError::Bundle(_) | KeysError::Statement(_) => {
            Failure::from(error).in_file(file)
        }
        other => other.into(),
    })?;
    let what = match &imported.import {
        Import::Public => "the public half: it verifies".to_owned(),
        Import::Private => "the private half: it signs".to_owned(),
        Import::Rotation(old) => format!("it takes the place of `{old}`, which says so: it verifies"),
    };
    output::tell(&format!("key      {name}\nid       {}\nimported {what}", imported.key.public.id()))
}
