//! Suites whose files are in memory: the same rules, and the same suite.

mod folder;

use std::fs;
use std::path::Path;

use folder::Folder;
use lancet_core::{Kind, MAX_TEXT_BYTES};
use lancet_suite::{Files, FilesError, ImageLock, ImageSource, Suite, begin};

/// The files below a folder.
fn in_memory(root: &Path) -> Files {
    let mut files = Files::default();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(&name, fs::read(path).unwrap()).unwrap();
            }
        }
    }
    files
}

#[test]
fn a_suite_in_memory_is_the_one_of_the_folder() {
    let tasks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tasks");
    let starters = tempfile::tempdir().unwrap();
    let small = Folder::new();
    let mut roots = vec![tasks.join("storefront-managers"), small.root().to_owned()];
    for kind in [Kind::IcSwe, Kind::SweManager] {
        roots.push(starters.path().join(kind.to_string()));
        begin(roots.last().unwrap(), kind).unwrap();
    }
    for root in roots {
        let folder = Suite::open(&root).unwrap();
        let memory = Suite::of_files(&root, in_memory(&root)).unwrap();
        assert_eq!(memory.tasks(), folder.tasks());
        assert_eq!(memory.digest(), folder.digest());
        assert_eq!(memory.cases_digest(), folder.cases_digest());
        assert_eq!((memory.beside(), memory.warnings()), (folder.beside(), folder.warnings()));
        assert_eq!((memory.path(), memory.images()), (root.as_path(), folder.images()));
        for task in memory.tasks() {
            assert!(memory.laid_files(task).all(|file| file.read().is_ok()));
            assert!(task.cases.iter().all(|case| memory.case_input(case).is_ok()));
        }
        for source in memory.images().values() {
            let ImageSource::Build { folder: build, .. } = source else { continue };
            assert_eq!(memory.build_files(build).unwrap(), folder.build_files(build).unwrap());
        }
        assert_eq!(ImageLock::read(&memory).unwrap(), ImageLock::read(&folder).unwrap());
        let error = ImageLock::default().write(&memory).unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("in memory"), "{error:?}");
    }
}

#[test]
fn problems_of_a_suite_in_memory_are_those_of_the_folder() {
    let folder = Folder::new();
    for path in [
        "tasks/totals/other.md",
        "tasks/B_ 2/task.toml",
        "tasks/empty/README.md",
        "else/where/file",
        "graders/unused.wasm",
        "graders/a/b/c/d/e/f/g/h/i/j/k/l/m",
        "images/file",
        "images/App/Dockerfile",
        "images.lock.1",
        "tasks/totals/cases/deep/x",
        "tasks/totals/cases/wrong.toml",
    ] {
        folder.write(path, "x");
    }
    folder.write("tasks/totals/statement.md", vec![b'x'; MAX_TEXT_BYTES + 1]);
    let root = folder.root();
    let expected = Suite::open(root).unwrap_err();
    let found = Suite::of_files(root, in_memory(root)).unwrap_err();
    assert!(expected.problems().len() >= 8, "{:#?}", expected.problems());
    assert_eq!(found.problems(), expected.problems());
    assert_eq!(found.warnings(), expected.warnings());
}

#[test]
fn only_paths_that_a_folder_can_have_are_taken_into_memory() {
    let mut files = Files::default();
    files.insert("graders/a.wasm", "1").unwrap();
    files.insert("graders/a.wasm", "2").unwrap();
    files.insert("graders/a.wasm-2", "2").unwrap();
    for path in ["", "/", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\0b", &"a/".repeat(600)] {
        assert!(matches!(files.insert(path, "x"), Err(FilesError::Path(_))), "{path:?}");
    }
    for (path, both) in [
        ("graders", "graders"),
        ("graders/a.wasm/b", "graders/a.wasm"),
        ("graders/a.wasm/b/c", "graders/a.wasm"),
    ] {
        assert_eq!(files.insert(path, "x"), Err(FilesError::Both(both.to_owned())));
    }
}
