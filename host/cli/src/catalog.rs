use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use lancet_core::{Grant, PluginIdentity, Role, Sha256};
use lancet_engine::{Compiler, MAX_COMPONENT_BYTES, Plugin, Runtime, RuntimeOptions};
use lancet_store::Reader;
use lancet_suite::{GraderRef, Suite};

use crate::exit::Exit;
use crate::failure::{Failure, host};
use crate::paths;

/// A component, by whatever way it was named.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) identity: PluginIdentity,
    pub(crate) component: Vec<u8>,
}

impl Named {
    fn new(name: &str, component: Vec<u8>) -> Self {
        Self { identity: PluginIdentity { name: name.to_owned(), digest: Sha256::of(&component) }, component }
    }
}

/// Starts an engine for `jobs` calls at a time.
pub(crate) fn runtime(jobs: std::num::NonZeroUsize) -> Result<Runtime, Failure> {
    Ok(Runtime::new(&RuntimeOptions { concurrency: jobs, cache: paths::cache() })?)
}

/// Loads a component under a grant. What came with this program is compiled in
/// this process, everything else in a limited child.
pub(crate) fn load(runtime: &Runtime, named: &Named, grant: &Grant) -> Result<Plugin, Failure> {
    let first_party = lancet_builtin::all().iter().any(|b| Sha256::of(b.component) == named.identity.digest);
    let compiler = if first_party {
        Compiler::Here
    } else {
        Compiler::Child {
            program: std::env::current_exe().map_err(|e| host("finding this program", e))?,
            arguments: vec!["compile-plugin".to_owned()],
        }
    };
    Ok(runtime.load(&named.identity.name, &named.component, grant, &compiler)?)
}

/// The plugin that an operator named: a built-in one by its name, or a path,
/// which `@sha256:…` may pin.
pub(crate) fn find(role: Role, text: &str) -> Result<Named, Failure> {
    if let Some(builtin) = lancet_builtin::find(role, text) {
        return Ok(Named::new(builtin.name, builtin.component.to_vec()));
    }
    let (path, pin) = match text.rsplit_once("@sha256:") {
        Some((path, hex)) => {
            let pin = format!("sha256:{hex}").parse::<Sha256>().map_err(|e| {
                Failure::usage(format!("`{text}`: {e}"))
                    .hint("`lancet plugin inspect FILE` prints a component's digest")
            })?;
            (path, Some(pin))
        }
        None => (text, None),
    };
    let looks_like_a_name = !path.contains(['/', '\\', '.']);
    if looks_like_a_name && !Path::new(path).exists() {
        return Err(unknown(role, path));
    }
    let named = Named::new(text, read(Path::new(path))?);
    match pin {
        Some(pin) if pin != named.identity.digest => Err(swapped(path, pin, named.identity.digest)),
        _ => Ok(named),
    }
}

fn unknown(role: Role, name: &str) -> Failure {
    let names: Vec<_> = lancet_builtin::all().iter().filter(|b| b.role == role).map(|b| b.name).collect();
    let near = names
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    let hint = match near {
        Some((_, known)) => format!("did you mean `{known}`?"),
        None => format!(
            "built in are {}; a component is named by its path, for example `./{name}.wasm`",
            names.join(", ")
        ),
    };
    Failure::usage(format!("there is no {role} `{name}`")).hint(hint)
}

fn swapped(name: &str, expected: Sha256, found: Sha256) -> Failure {
    Failure::new(
        Exit::Plugin,
        format!("plugin `{name}` is refused: it is pinned to {expected}, but its digest is {found}"),
    )
    .hint("somebody changed the file; when that is meant, pin the new digest")
}

/// Reads a component's file, never more than the limit.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |e: std::io::Error| {
        let failure = Failure::file("read plugin", path, &e);
        if e.kind() == std::io::ErrorKind::NotFound {
            failure
                .exit(Exit::Usage)
                .hint("give the path of a component, or the name of a built-in plugin (`lancet plugin list`)")
        } else {
            failure
        }
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Failure::usage(format!(
            "cannot read plugin `{}`: it is not a regular file",
            path.display()
        ))
        .hint("give the path of a `.wasm` component"));
    }
    let limit = MAX_COMPONENT_BYTES as u64;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(Failure::new(
            Exit::Plugin,
            format!("plugin `{}` cannot be used: it has more than {limit} bytes (64 MiB)", path.display()),
        )
        .hint("build it in release mode and strip it"));
    }
    Ok(bytes)
}

/// The graders that tasks of a suite name, each read once.
pub(crate) fn graders<'a>(
    suite: &Suite,
    references: impl Iterator<Item = &'a GraderRef>,
) -> Result<BTreeMap<GraderKey, Named>, Failure> {
    let mut graders = BTreeMap::new();
    for reference in references {
        let key = GraderKey::of(reference);
        if graders.contains_key(&key) {
            continue;
        }
        graders.insert(key, grader(suite, reference)?);
    }
    Ok(graders)
}

/// The grader that a task of a suite names.
pub(crate) fn grader(suite: &Suite, reference: &GraderRef) -> Result<Named, Failure> {
    match reference {
        GraderRef::Builtin(name) => match lancet_builtin::find(Role::Grader, name) {
            Some(builtin) => Ok(Named::new(name, builtin.component.to_vec())),
            None => Err(unknown(Role::Grader, name).exit(Exit::Suite)),
        },
        GraderRef::File { path, digest } => {
            let named = Named::new(path, suite.grader_bytes(path)?);
            if named.identity.digest != *digest {
                return Err(swapped(path, *digest, named.identity.digest));
            }
            Ok(named)
        }
    }
}

/// What tells graders of a suite apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GraderKey(String, Option<Sha256>);

impl GraderKey {
    pub(crate) fn of(reference: &GraderRef) -> Self {
        match reference {
            GraderRef::Builtin(name) => Self(name.clone(), None),
            GraderRef::File { path, digest } => Self(path.clone(), Some(*digest)),
        }
    }
}

/// A plugin as a run recorded it: from the store, whatever lies behind its name
/// today.
pub(crate) fn recorded(reader: &Reader, identity: &PluginIdentity) -> Result<Named, Failure> {
    Ok(Named { identity: identity.clone(), component: reader.blob(identity.digest)? })
}
