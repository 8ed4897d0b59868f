//! Which crate alone knows a large dependency, so that it can be replaced, or kept behind
//! a process, in one place.

use std::collections::BTreeMap;

use crate::structure::crates::Package;
use crate::structure::source::Source;

/// A dependency, with all whose names begin with it and `-`, and the packages that
/// may name it. Tests may look at another's data with it.
const OWNERS: [(&str, &[&str]); 4] = [
    ("wasmtime", &["host/engine"]),
    ("rusqlite", &["host/store"]),
    ("bollard", &["host/docker"]),
    ("reqwest", &["host/models", "host/registry"]),
];

/// Files and folders of `host/engine` that have to do without Wasmtime: what a call is
/// answered with outlives where the plugin runs.
const WITHOUT_WASMTIME: [&str; 3] =
    ["host/engine/src/answer.rs", "host/engine/src/outside.rs", "host/engine/src/exchange/"];

/// Who names what is another's, in its manifest or in its code, and what of the owner's has
/// to do without.
pub(super) fn problems(packages: &[Package], sources: &BTreeMap<String, Source>) -> Vec<String> {
    [others(packages, sources), without(&WITHOUT_WASMTIME, "wasmtime", sources)].concat()
}

/// Who else names them, in its manifest or in its code.
fn others(packages: &[Package], sources: &BTreeMap<String, Source>) -> Vec<String> {
    let mut found = Vec::new();
    for (dependency, owners) in OWNERS {
        let owner = owners.join(" and ");
        for package in packages.iter().filter(|package| !owners.contains(&package.folder.as_str())) {
            let named = package.dependencies.iter().filter(|named| !named.is_dev);
            found.extend(
                named
                    .filter(|named| is(&named.name, dependency, '-'))
                    .map(|named| format!("{} depends on {}: only {owner} may", package.name, named.name)),
            );
        }
        let is_below = |path: &str| {
            owners.iter().any(|owner| path.strip_prefix(owner).is_some_and(|rest| rest.starts_with('/')))
        };
        for (path, source) in sources.iter().filter(|(path, _)| !is_below(path)) {
            found.extend(
                names(source, dependency).map(|name| format!("{path} names `{name}`: only {owner} may")),
            );
        }
    }
    found
}

/// Which of the files, and of those in the folders, name a dependency, or are not there.
fn without(places: &[&str], dependency: &str, sources: &BTreeMap<String, Source>) -> Vec<String> {
    let mut found = Vec::new();
    for place in places {
        let is_in = |path: &str| path == *place || (place.ends_with('/') && path.starts_with(place));
        let mut there = sources.iter().filter(|(path, _)| is_in(path)).peekable();
        if there.peek().is_none() {
            found.push(format!(
                "{place}: there is no such file; WITHOUT_WASMTIME in host/xtask/src/structure/owner.rs lists it"
            ));
        }
        for (path, source) in there {
            found.extend(
                names(source, dependency)
                    .map(|name| format!("{path} names `{name}`, which it has to do without")),
            );
        }
    }
    found
}

/// The names in a file's code that are a dependency's.
fn names<'s>(source: &'s Source, dependency: &'s str) -> impl Iterator<Item = &'s String> {
    source.identifiers.iter().filter(move |name| is(name, dependency, '_'))
}

/// Whether it is the dependency, or one of those that come with it: `wasmtime-wasi`.
fn is(name: &str, dependency: &str, separator: char) -> bool {
    name.strip_prefix(dependency).is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::crates::Dependency;
    use crate::structure::tests::sources;

    fn package(folder: &str, dependency: &str, is_dev: bool) -> Package {
        let dependencies = vec![Dependency { name: dependency.to_owned(), is_dev }];
        Package { name: "it".to_owned(), folder: folder.to_owned(), roots: Vec::new(), dependencies }
    }

    #[test]
    fn manifests_name_what_is_theirs() {
        let nothing = BTreeMap::new();
        for (folder, dependency, is_dev, is_good) in [
            ("host/engine", "wasmtime-wasi", false, true),
            ("host/docker", "bollard", false, true),
            ("host/cli", "rusqlite", true, true),
            ("host/cli", "wasmtimer", false, true),
            ("host/cli", "rusqlite", false, false),
            ("host/runner", "wasmtime", false, false),
            ("host/store", "wasmtime-wasi", false, false),
            ("host/engine-two", "wasmtime", false, false),
        ] {
            let found = others(&[package(folder, dependency, is_dev)], &nothing);
            assert_eq!(found.is_empty(), is_good, "{folder}, {dependency}: {found:?}");
        }
    }

    #[test]
    fn code_names_what_is_its_crates() {
        for (path, text, is_good) in [
            ("host/engine/src/a.rs", "use wasmtime::Store;", true),
            (
                "host/cli/src/a.rs",
                "/// Wasmtime's `wasmtime::Store`.\nfn f() { /* wasmtime */ g(\"wasmtime\") }",
                true,
            ),
            ("host/cli/src/a.rs", "fn wasmtimes() {}", true),
            ("host/cli/src/a.rs", "use wasmtime::Store;", false),
            ("host/cli/src/a.rs", "fn f() -> ::wasmtime_wasi::Ctx { g() }", false),
            ("host/cli/src/a.rs", "fn f() { g!(x, rusqlite::Row::new()) }", false),
            ("host/core/src/a.rs", "impl From<bollard::errors::Error> for E {}", false),
            ("host/engine-two/src/a.rs", "use wasmtime as w;", false),
        ] {
            let found = others(&[], &sources(&[(path, text)]));
            assert_eq!(found.is_empty(), is_good, "{path}: {text}: {found:?}");
        }
    }

    #[test]
    fn some_files_of_the_owner_do_without() {
        let sources = sources(&[
            ("host/engine/src/exchange.rs", "//! Not of wasmtime.\nuse crate::call::Call;"),
            ("host/engine/src/linker.rs", "use wasmtime::component::Linker;"),
        ]);
        let without = |path| without(&[path], "wasmtime", &sources);
        assert_eq!(without("host/engine/src/exchange.rs"), [""; 0]);
        let found = without("host/engine/src/linker.rs");
        assert_eq!(found, ["host/engine/src/linker.rs names `wasmtime`, which it has to do without"]);
        assert!(without("host/engine/src/gone.rs")[0].contains("there is no such file"));
    }

    #[test]
    fn whatever_is_new_below_such_a_folder_does_without() {
        let new = [
            ("host/engine/src/exchange/mod.rs", "//! Not of wasmtime."),
            ("host/engine/src/exchange/new.rs", "use wasmtime::Store;"),
            ("host/engine/src/exchange/deep/new.rs", "fn f() -> wasmtime_wasi::Ctx { g() }"),
            ("host/engine/src/exchanges.rs", "use wasmtime::Store;"),
        ];
        let found = without(&WITHOUT_WASMTIME[2..], "wasmtime", &sources(&new));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|problem| problem.contains("/exchange/")), "{found:?}");
        assert!(without(&["host/engine/src/gone/"], "wasmtime", &sources(&new))[0].contains("no such file"));
    }
}
