//! The lock of a suite's images.

mod folder;

use std::fs;

use folder::Folder;
use lancet_core::Sha256;
use lancet_suite::{ImageLock, ImageSource, NotPinned, Suite, SuiteError};

fn id(seed: &str) -> String {
    Sha256::of(seed.as_bytes()).to_string()
}

#[test]
fn a_lock_is_written_and_read() {
    let folder = Folder::new();
    let suite = folder.suite();
    let mut lock = ImageLock::read(&suite).unwrap();
    assert_eq!(lock, ImageLock::default());
    let driver = format!("registry.example.com:5000/tests/driver@{}", id("driver"));
    lock.pin(&suite, "app", &id("app")).unwrap();
    lock.pin(&suite, "gold", &id("gold")).unwrap();
    lock.pin(&suite, "driver", &driver).unwrap();
    lock.write(&suite).unwrap();

    // It says what it is, it is no part of the suite, and nothing is left beside it.
    let text = fs::read_to_string(folder.path("images.lock")).unwrap();
    assert!(text.starts_with("# The images of this suite"), "{text}");
    let again = folder.suite();
    assert_eq!((again.digest(), again.warnings().len()), (suite.digest(), 0));
    let mut names: Vec<_> = fs::read_dir(folder.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["images", "images.lock", "suite.toml", "tasks"]);

    let read = ImageLock::read(&again).unwrap();
    assert_eq!(read, lock);
    let pinned = read.pinned(&again, "driver").unwrap();
    assert_eq!((pinned.name.as_str(), pinned.reference), ("driver", driver));
    assert_eq!(pinned.name, "driver");
    assert_eq!(read.pinned(&again, "app").unwrap().reference, id("app"));
    assert_eq!(read.pinned(&again, "other"), Err(NotPinned::Unknown { image: "other".to_owned() }));
    // Written again, it is the same file.
    read.write(&again).unwrap();
    assert_eq!(fs::read_to_string(folder.path("images.lock")).unwrap(), text);
}

#[test]
fn what_has_changed_since_is_noticed() {
    let folder = Folder::new();
    let suite = folder.suite();
    let mut lock = ImageLock::default();
    lock.pin(&suite, "app", &id("app")).unwrap();
    lock.pin(&suite, "driver", &id("driver")).unwrap();
    lock.write(&suite).unwrap();

    folder.write("images/app/source/deep/main.js", "// mended\n");
    let suite = folder.suite();
    let lock = ImageLock::read(&suite).unwrap();
    let stale = lock.pinned(&suite, "app").unwrap_err();
    assert_eq!(stale, NotPinned::Stale { image: "app".to_owned() });
    assert_eq!(stale.to_string(), "the image `app` has changed since it was pinned");
    assert!(stale.hint().unwrap().contains("lancet suite pin"));
    assert_eq!(suite.environment(&suite.tasks()[0], &lock), Err(stale));
    let missing = lock.pinned(&suite, "gold").unwrap_err();
    assert_eq!((missing.image(), missing.to_string().as_str()), ("gold", "the image `gold` is not pinned"));
    assert!(missing.hint().unwrap().contains("lancet suite pin"));
    // The tag is the same: what is behind it now, only the engine can tell.
    assert!(lock.pinned(&suite, "driver").is_ok());

    // An image that is no more is dropped when the lock is written again.
    folder.replace("suite.toml", "[images.gold]", "[images.gilt]");
    folder.replace("suite.toml", "gold-image = \"gold\"", "gold-image = \"gilt\"");
    let suite = folder.suite();
    let mut lock = lock;
    lock.pin(&suite, "gilt", &id("gilt")).unwrap();
    lock.write(&suite).unwrap();
    folder.replace("suite.toml", "[images.gilt]", "[images.gold]");
    folder.replace("suite.toml", "gold-image = \"gilt\"", "gold-image = \"gold\"");
    let suite = folder.suite();
    ImageLock::read(&suite).unwrap().write(&suite).unwrap();
    assert!(!fs::read_to_string(folder.path("images.lock")).unwrap().contains("gilt"));
}

#[test]
fn a_digest_in_the_suite_needs_no_lock() {
    let folder = Folder::new();
    let digest = id("driver");
    folder.replace("suite.toml", "driver:v1", &format!("driver:v1@{digest}"));
    let suite = folder.suite();
    let pinned = ImageLock::default().pinned(&suite, "driver").unwrap();
    assert_eq!(pinned.reference, format!("registry.example.com:5000/tests/driver@{digest}"));
    assert_eq!(pinned.digest().unwrap().to_string(), digest);
}

#[test]
fn only_what_cannot_change_is_pinned() {
    let folder = Folder::new();
    let suite = folder.suite();
    let mut lock = ImageLock::default();
    for reference in ["", "app:latest", "app", "sha256:12", &format!("app:tag@{}", id("x")), "app@sha256:12"]
    {
        let error = lock.pin(&suite, "app", reference).unwrap_err();
        assert!(matches!(error, SuiteError::NotAPin { .. }), "{error}");
    }
    let error = lock.pin(&suite, "other", &id("x")).unwrap_err();
    assert!(matches!(error, SuiteError::UnknownImage(_)), "{error}");
    assert_eq!(lock, ImageLock::default());
}

#[test]
fn odd_locks_are_refused() {
    let entry = |source: &str, reference: &str| {
        format!("[images.app]\nsource = \"{source}\"\nreference = \"{reference}\"\n")
    };
    for (text, key, message) in [
        ("images = 1".to_owned(), Some("images"), "a table"),
        ("[".to_owned(), None, "no TOML"),
        (entry("sha256:12", &id("x")), Some("images.app.source"), "64 lower-case"),
        (entry(&id("x"), "app:latest"), Some("images.app.reference"), "repository@sha256"),
        (format!("{}more = 1\n", entry(&id("x"), &id("x"))), Some("images.app.more"), "unknown key"),
        ("[images.app]\n".to_owned(), Some("images.app.source"), "missing"),
    ] {
        let folder = Folder::new();
        folder.write("images.lock", &text);
        // The suite itself is in order.
        let suite = folder.suite();
        let error = ImageLock::read(&suite).unwrap_err();
        let problems = error.problems();
        assert!(
            problems
                .iter()
                .any(|p| p.file == "images.lock" && p.key.as_deref() == key && p.message.contains(message)),
            "{text}: {problems:#?}"
        );
    }
    let folder = Folder::new();
    folder.write("images.lock", b"\xff");
    assert!(matches!(ImageLock::read(&folder.suite()), Err(SuiteError::File { .. })));
    folder.write("images.lock", vec![b'#'; (1 << 20) + 1]);
    let error = ImageLock::read(&folder.suite()).unwrap_err();
    assert!(
        matches!(&error, SuiteError::File { source, .. } if source.to_string().contains("larger than 1048576"))
    );
    #[cfg(unix)]
    {
        fs::remove_file(folder.path("images.lock")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path("images.lock")).unwrap();
        assert!(folder.problem().message.contains("symbolic link"));
    }
}

#[test]
fn an_interrupted_pin_leaves_the_suite_in_order() {
    let folder = Folder::new();
    let digest = folder.suite().digest();
    folder.write(".images.lock.4711", "[images.app]\nsour");
    folder.write(&format!(".images.lock.{}", std::process::id()), "[images.app]\nsour");
    let suite = folder.suite();
    assert_eq!(suite.digest(), digest);
    assert!(suite.warnings()[0].message.contains("interrupted"), "{:?}", suite.warnings());
    ImageLock::default().write(&suite).unwrap();
    assert!(!folder.path(&format!(".images.lock.{}", std::process::id())).exists());
    assert_eq!(ImageLock::read(&suite).unwrap(), ImageLock::default());
}

#[cfg(unix)]
#[test]
fn a_lock_that_cannot_be_written_stays_as_it_was() {
    let folder = Folder::new();
    let suite = folder.suite();
    let mut lock = ImageLock::default();
    lock.pin(&suite, "app", &id("app")).unwrap();
    // A folder at its place: the last step, the new name, fails.
    fs::create_dir_all(folder.path("images.lock/x")).unwrap();
    let error = lock.write(&suite).unwrap_err();
    assert!(matches!(&error, SuiteError::WriteLock { .. }), "{error}");
    fs::remove_dir_all(folder.path("images.lock")).unwrap();
    assert_eq!(folder.suite().warnings(), []);
    lock.write(&suite).unwrap();
}

/// What is built is another image on each machine.
#[test]
fn pinning_a_sample_suite_leaves_the_checkout_as_it_was() {
    let workspace = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let ignored = fs::read_to_string(workspace.join(".gitignore")).unwrap();
    for folder in ["tasks", "tests/suites"] {
        let built = fs::read_dir(workspace.join(folder)).unwrap().any(|suite| {
            Suite::open(&suite.unwrap().path()).is_ok_and(|suite| {
                suite.images().values().any(|source| matches!(source, ImageSource::Build { .. }))
            })
        });
        let line = format!("/{folder}/*/images.lock");
        assert!(!built || ignored.lines().any(|ignored| ignored == line), "{line}");
    }
}
