//! Which crate of the workspace may depend on which.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// What a package may depend on, of the workspace's own.
struct Line {
    /// The package's folder, or all of a folder's: `plugins/agents/*`.
    folder: &'static str,
    /// To be built.
    may: &'static [&'static str],
    /// For its tests and measurements, besides.
    tests: &'static [&'static str],
}

/// The directions. An edge that is not in here is an error; to add one is a decision that
/// ARCHITECTURE.md has to tell.
const DIRECTIONS: [Line; 33] = [
    Line { folder: "host/core", may: &[], tests: &[] },
    Line { folder: "host/patch", may: &[], tests: &[] },
    Line { folder: "host/jail", may: &[], tests: &[] },
    Line { folder: "host/file", may: &[], tests: &[] },
    Line { folder: "host/child", may: &[], tests: &[] },
    Line { folder: "host/proxy", may: &[], tests: &[] },
    Line { folder: "host/trace", may: &[], tests: &[] },
    Line { folder: "host/guest-build", may: &[], tests: &[] },
    Line { folder: "host/package", may: &["lancet-core"], tests: &[] },
    Line {
        folder: "host/trust",
        may: &["lancet-child", "lancet-core", "lancet-file"],
        tests: &["lancet-package"],
    },
    Line {
        folder: "host/kit",
        may: &["lancet-child", "lancet-core", "lancet-file", "lancet-guest-build", "lancet-package"],
        tests: &[],
    },
    Line {
        folder: "host/registry",
        may: &["lancet-child", "lancet-core", "lancet-file", "lancet-proxy"],
        tests: &[],
    },
    Line {
        folder: "host/engine",
        may: &["lancet-core", "lancet-jail", "lancet-package"],
        tests: &["lancet-builtin"],
    },
    Line {
        folder: "host/author",
        may: &["lancet-core", "lancet-engine", "lancet-package", "lancet-store"],
        tests: &["lancet-builtin", "lancet-guest-build", "lancet-hostile"],
    },
    Line { folder: "host/store", may: &["lancet-core", "lancet-file"], tests: &[] },
    Line { folder: "host/models", may: &["lancet-core", "lancet-file", "lancet-proxy"], tests: &[] },
    Line { folder: "host/docker", may: &["lancet-core", "lancet-patch"], tests: &[] },
    Line { folder: "host/suite", may: &["lancet-core", "lancet-file", "lancet-patch"], tests: &[] },
    Line {
        folder: "host/swe-lancer",
        may: &["lancet-core", "lancet-file", "lancet-patch", "lancet-suite"],
        tests: &[],
    },
    Line { folder: "host/builtin", may: &["lancet-core", "lancet-guest-build"], tests: &[] },
    Line {
        folder: "host/runner",
        may: &[
            "lancet-builtin",
            "lancet-core",
            "lancet-docker",
            "lancet-engine",
            "lancet-file",
            "lancet-models",
            "lancet-package",
            "lancet-store",
            "lancet-suite",
            "lancet-trace",
        ],
        tests: &["lancet-hostile"],
    },
    Line {
        folder: "host/cli",
        may: &[
            "lancet-author",
            "lancet-builtin",
            "lancet-child",
            "lancet-core",
            "lancet-docker",
            "lancet-engine",
            "lancet-file",
            "lancet-jail",
            "lancet-kit",
            "lancet-models",
            "lancet-package",
            "lancet-registry",
            "lancet-runner",
            "lancet-store",
            "lancet-suite",
            "lancet-swe-lancer",
            "lancet-trust",
        ],
        tests: &["lancet-guest-build", "lancet-hostile", "lancet-trace"],
    },
    Line {
        folder: "host/xtask",
        may: &[
            "lancet-core",
            "lancet-guest-build",
            "lancet-registry",
            "lancet-suite",
            "lancet-swe-lancer",
            "lancet-trust",
        ],
        tests: &[],
    },
    Line { folder: "plugins/sdk", may: &[], tests: &[] },
    Line { folder: "plugins/evidence", may: &["lancet-sdk"], tests: &[] },
    Line { folder: "plugins/brief", may: &["lancet-sdk"], tests: &[] },
    Line { folder: "plugins/agents/*", may: &["lancet-brief", "lancet-sdk"], tests: &[] },
    Line { folder: "plugins/graders/*", may: &["lancet-evidence", "lancet-sdk"], tests: &[] },
    // Nothing that is delivered depends on what follows.
    Line {
        folder: "tests/hostile",
        may: &["lancet-core", "lancet-guest-build"],
        tests: &["lancet-engine", "lancet-jail"],
    },
    Line { folder: "tests/jail", may: &["lancet-jail"], tests: &["lancet-core", "lancet-engine"] },
    Line {
        folder: "tests/worker",
        may: &["lancet-engine", "lancet-jail"],
        tests: &["lancet-builtin", "lancet-core", "lancet-hostile"],
    },
    Line { folder: "tests/example", may: &["lancet-sdk"], tests: &[] },
    Line { folder: "tests/hostile/guests", may: &["lancet-sdk"], tests: &[] },
];

/// A package of the workspace.
pub(super) struct Package {
    pub(super) name: String,
    /// From the workspace's folder.
    pub(super) folder: String,
    /// The files that its library and its programs begin with.
    pub(super) roots: Vec<String>,
    pub(super) dependencies: Vec<Dependency>,
}

/// What a package depends on, of the workspace or not.
pub(super) struct Dependency {
    pub(super) name: String,
    /// Only to be tested and measured.
    pub(super) is_dev: bool,
}

impl Package {
    /// Whether it is delivered, or makes what is: no package of tests.
    pub(super) fn is_product(&self) -> bool {
        self.folder.starts_with("host/") || self.folder.starts_with("plugins/")
    }
}

/// Reads what `cargo metadata --no-deps` writes: the workspace's folder, and its packages.
pub(super) fn packages(metadata: &str) -> Result<(PathBuf, Vec<Package>), String> {
    let metadata: Value = serde_json::from_str(metadata).map_err(|e| format!("cargo's metadata: {e}"))?;
    let missing = |what: &str| format!("cargo's metadata has no `{what}`");
    let text = |value: &Value, key: &str| value[key].as_str().map(str::to_owned).ok_or_else(|| missing(key));
    let list = |value: &Value, key: &str| value[key].as_array().cloned().ok_or_else(|| missing(key));
    let root = PathBuf::from(text(&metadata, "workspace_root")?);
    let from_root = |path: &str| {
        let path = Path::new(path).strip_prefix(&root).ok().and_then(Path::to_str);
        path.map(str::to_owned).ok_or_else(|| format!("{}: a member lies outside", root.display()))
    };
    let mut packages = Vec::new();
    for package in list(&metadata, "packages")? {
        let manifest = from_root(&text(&package, "manifest_path")?)?;
        let mut roots = Vec::new();
        for target in list(&package, "targets")? {
            let kinds = list(&target, "kind")?;
            if kinds.iter().filter_map(Value::as_str).any(|kind| kind.ends_with("lib") || kind == "bin") {
                roots.push(from_root(&text(&target, "src_path")?)?);
            }
        }
        let mut dependencies = Vec::new();
        for dependency in list(&package, "dependencies")? {
            let is_dev = dependency["kind"].as_str() == Some("dev");
            dependencies.push(Dependency { name: text(&dependency, "name")?, is_dev });
        }
        packages.push(Package {
            name: text(&package, "name")?,
            folder: manifest.strip_suffix("/Cargo.toml").unwrap_or_default().to_owned(),
            roots,
            dependencies,
        });
    }
    Ok((root, packages))
}

/// The edges that nobody decided on.
pub(super) fn problems(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        let Some(line) = line(&package.folder) else {
            found.push(format!(
                "{} ({}): it is not said which crates it may depend on; add it to DIRECTIONS in \
                 host/xtask/src/structure/crates.rs",
                package.name, package.folder
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let is_member = packages.iter().any(|other| other.name == name) || name.starts_with("lancet");
            let is_allowed = line.may.contains(&name) || (dependency.is_dev && line.tests.contains(&name));
            if is_member && !is_allowed {
                let what_for = if dependency.is_dev { " for its tests" } else { "" };
                found.push(format!(
                    "{} depends on {name}{what_for}, which is no direction that was decided on (DIRECTIONS in \
                     host/xtask/src/structure/crates.rs)",
                    package.name
                ));
            }
        }
    }
    found
}

/// What is said of a folder: of itself, or else of all beside it.
fn line(folder: &str) -> Option<&'static Line> {
    let beside = folder.rsplit_once('/').map(|(parent, _)| format!("{parent}/*"));
    let of = |wanted: &str| DIRECTIONS.iter().find(|line| line.folder == wanted);
    of(folder).or_else(|| of(&beside?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, folder: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependencies = dependencies.iter();
        Package {
            name: name.to_owned(),
            folder: folder.to_owned(),
            roots: Vec::new(),
            dependencies: dependencies
                .map(|(name, is_dev)| Dependency { name: (*name).to_owned(), is_dev: *is_dev })
                .collect(),
        }
    }

    #[test]
    fn edges_have_to_be_in_the_table() {
        let good = [
            package("lancet-core", "host/core", &[("serde", false)]),
            package("lancet-engine", "host/engine", &[("lancet-core", false), ("lancet-builtin", true)]),
            package("lancet-agent-new", "plugins/agents/new", &[("lancet-sdk", false)]),
        ];
        assert_eq!(problems(&good), [""; 0]);
        for (folder, edge, says) in [
            ("host/core", ("lancet-patch", false), "it depends on lancet-patch, which"),
            ("host/suite", ("lancet-swe-lancer", false), "it depends on lancet-swe-lancer, which"),
            ("host/engine", ("lancet-builtin", false), "it depends on lancet-builtin, which"),
            ("host/store", ("lancet-suite", true), "it depends on lancet-suite for its tests, which"),
            ("plugins/agents/new", ("lancet-core", false), "it depends on lancet-core, which"),
            ("plugins/graders/new", ("lancet", false), "it depends on lancet, which"),
            ("host/new", ("serde", false), "it (host/new): it is not said"),
            ("host/core/new", ("serde", false), "it (host/core/new): it is not said"),
        ] {
            let found = problems(&[package("it", folder, &[edge])]);
            assert!(found.len() == 1 && found[0].starts_with(says), "{folder}: {found:?}");
        }
    }

    #[test]
    fn metadata_are_read() {
        let metadata = r#"{"workspace_root": "/w", "packages": [{
            "name": "lancet-core", "manifest_path": "/w/host/core/Cargo.toml",
            "dependencies": [{"name": "serde", "kind": null}, {"name": "proptest", "kind": "dev"}],
            "targets": [{"kind": ["lib"], "src_path": "/w/host/core/src/lib.rs"},
                        {"kind": ["cdylib", "rlib"], "src_path": "/w/host/core/src/guest.rs"},
                        {"kind": ["test"], "src_path": "/w/host/core/tests/a.rs"},
                        {"kind": ["custom-build"], "src_path": "/w/host/core/build.rs"}]}]}"#;
        let (root, packages) = packages(metadata).unwrap();
        assert_eq!(root, Path::new("/w"));
        assert_eq!((packages[0].name.as_str(), packages[0].folder.as_str()), ("lancet-core", "host/core"));
        assert_eq!(packages[0].roots, ["host/core/src/lib.rs", "host/core/src/guest.rs"]);
        let dependencies = packages[0].dependencies.iter().map(|d| (d.name.as_str(), d.is_dev));
        assert_eq!(dependencies.collect::<Vec<_>>(), [("serde", false), ("proptest", true)]);
        for broken in ["", "{}", r#"{"workspace_root": "/w", "packages": [{}]}"#] {
            assert!(super::packages(broken).is_err(), "{broken}");
        }
    }
}
