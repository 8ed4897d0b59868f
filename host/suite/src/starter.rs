//! Suites to begin with: a folder with one task that is in order.

use std::fs;
use std::io;
use std::path::Path;

use lancet_core::Kind;
use lancet_file::WholeFolder;

use crate::problem::SuiteError;

/// What stands for the suite's name in the files.
const NAME: &str = "@NAME@";
/// The most bytes of a name.
const MAX_NAME_BYTES: usize = 100;

/// A path from the suite's folder, and what is written there.
type File = (&'static str, &'static str);

macro_rules! files {
    ($folder:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../starter/", $folder, "/", $path)))),+]
    };
}

const IC_SWE: &[File] = files!("ic-swe":
    "README.md",
    "suite.toml",
    "images/python/Dockerfile",
    "images/python/serve.py",
    "images/python/ready.py",
    "images/python/source/bill.py",
    "tasks/uneven-split/task.toml",
    "tasks/uneven-split/statement.md",
    "tasks/uneven-split/private/answer-key.json",
    "tasks/uneven-split/private/gold.patch",
    "tasks/uneven-split/private/tests/app.py",
    "tasks/uneven-split/private/tests/test_shares.py",
    "tasks/uneven-split/private/tests/test_sentinel.py",
    "tasks/uneven-split/cases/always-a-cent-more.toml",
    "tasks/uneven-split/cases/always-a-cent-more.sh",
    "tasks/uneven-split/cases/one-pays-the-rest.toml",
    "tasks/uneven-split/cases/one-pays-the-rest.patch",
    "tasks/uneven-split/cases/written-otherwise.toml",
    "tasks/uneven-split/cases/written-otherwise.patch",
);

const SWE_MANAGER: &[File] = files!("swe-manager":
    "README.md",
    "suite.toml",
    "tasks/cents-are-lost/task.toml",
    "tasks/cents-are-lost/statement.md",
    "tasks/cents-are-lost/proposals/0.md",
    "tasks/cents-are-lost/proposals/1.md",
    "tasks/cents-are-lost/proposals/2.md",
    "tasks/cents-are-lost/private/answer-key.json",
    "tasks/cents-are-lost/cases/rounds-instead.toml",
    "tasks/cents-are-lost/cases/mends-what-is-shown.toml",
);

/// What a suite in a repository of its own has in any case.
const OF_GIT: &[File] = &[
    (".gitignore", include_str!("../starter/gitignore")),
    (".gitattributes", include_str!("../starter/gitattributes")),
];

/// Makes a folder with a suite of one task of that kind, which is in order, and gives the paths
/// of its files from there. The folder is there with all that is in it, or not at all.
///
/// # Errors
/// [`SuiteError::StarterName`] when the folder's name is none for a suite, and
/// [`SuiteError::Begin`] when there is such a folder already, or it cannot be written.
pub fn begin(folder: &Path, kind: Kind) -> Result<Vec<&'static str>, SuiteError> {
    let name = folder.file_name().and_then(|name| name.to_str()).filter(|name| is_name(name));
    let Some(name) = name else { return Err(SuiteError::StarterName(folder.to_owned())) };
    let failed = |source| SuiteError::Begin { path: folder.to_owned(), source };
    let of_kind = match kind {
        Kind::IcSwe => IC_SWE,
        Kind::SweManager => SWE_MANAGER,
    };
    let files: Vec<File> = of_kind.iter().chain(OF_GIT).copied().collect();
    // Whatever has the name already, a link that leads nowhere too, is left alone.
    let whole = WholeFolder::begin(folder).map_err(failed)?;
    write(whole.path(), name, &files).map_err(failed)?;
    whole.place().map_err(failed)?;
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

fn write(folder: &Path, name: &str, files: &[File]) -> io::Result<()> {
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above)?;
        }
        fs::write(path, text.replace(NAME, name))?;
    }
    Ok(())
}

/// Whether a name needs no quoting wherever it is written: in TOML, Markdown and a shell.
fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
