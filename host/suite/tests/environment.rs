//! Environments and test plans of tasks, good and bad.

mod folder;

use std::fs;

use folder::{Folder, KEY, SUITE, TASK, TEST};
use lancet_core::{Account, CaseNaming, Isolation, Protection, Rerun, Resources, Sha256, SubmissionLimits};
use lancet_suite::{Gold, ImageLock, ImageSource, NotPinned, SuiteError};
use proptest::prelude::*;

const TOML: &str = "tasks/totals/task.toml";
const ID: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[test]
fn a_task_gets_what_its_suite_says() {
    let folder = Folder::new();
    let suite = folder.suite();
    assert_eq!(suite.warnings(), []);
    let task = &suite.tasks()[0];
    let known = task.environment.as_ref().unwrap();
    assert_eq!((known.name(), known.gold_image(), known.has_gold()), ("main", Some("gold"), true));
    assert_eq!(known.images().collect::<Vec<_>>(), ["app", "driver", "driver"]);

    let mut lock = ImageLock::default();
    for image in ["app", "driver"] {
        let missing = suite.environment(task, &lock).unwrap_err();
        assert_eq!(missing, NotPinned::Missing { image: image.to_owned() });
        lock.pin(&suite, image, ID).unwrap();
    }
    let environment = suite.environment(task, &lock).unwrap().unwrap();
    assert_eq!((environment.image.name.as_str(), environment.image.reference.as_str()), ("app", ID));
    assert_eq!((environment.work_tree.as_str(), environment.account), ("/srv/app", Account::Unprivileged));
    assert_eq!(environment.variables.iter().collect::<Vec<_>>(), [(&"FOO".to_owned(), &"bar".to_owned())]);
    assert_eq!(environment.setup.as_ref().unwrap().argv, ["make", "ready"]);
    assert_eq!((environment.conceal.as_ref(), environment.solve_seconds), (None, 900));
    let app = Resources {
        cpu_millis: 1_500,
        memory_bytes: 700 << 20,
        pids: 128,
        disk_bytes: 300 << 20,
        ..Resources::standard()
    };
    assert_eq!(environment.resources, app);
    let protected: Vec<_> =
        environment.protected.iter().map(|path| (path.pattern.as_str(), path.protection)).collect();
    assert_eq!(
        protected,
        [
            ("package.json", Protection::Refused),
            (".eslintrc*", Protection::Refused),
            ("node_modules/**", Protection::Overlaid)
        ]
    );
    assert_eq!(environment.submission, SubmissionLimits { files: 10, file_bytes: 1 << 20, bytes: 2 << 20 });
    assert_eq!(environment.user_tool.as_deref(), Some("user"));

    let [hidden, user] = &environment.plans[..] else { panic!("{:?}", environment.plans) };
    let Isolation::Split { app, alias, driver, driver_resources } = &hidden.isolation else {
        panic!("{:?}", hidden.isolation)
    };
    assert_eq!((app.argv[1].as_str(), app.ready.timeout_seconds), ("/srv/serve.js", 20));
    assert_eq!((alias.as_str(), driver.reference.as_str()), ("dev.new.example.com", ID));
    assert_eq!(*driver_resources, Resources { cpu_millis: 2_000, ..Resources::browser() });
    assert_eq!(hidden.isolation, user.isolation);
    assert_eq!((hidden.pass_exit, user.pass_exit), (1, 0));
    assert_eq!((hidden.rerun, user.rerun), (Rerun::AnyOf3, Rerun::Once));
    assert_eq!((hidden.naming, hidden.files_at.as_str()), (CaseNaming::Full, "/lancet/tests"));
    assert_eq!(hidden.working_directory.as_deref(), Some("/lancet/tests"));
    assert_eq!(user.working_directory.as_deref(), Some("/lancet"));
    let files: Vec<_> = hidden.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["test_sentinel.py", "test_totals.py", "user/reproduce.py"]);
    assert_eq!((hidden.files[1].sha256, hidden.files[1].bytes), (Sha256::of(TEST.as_bytes()), 38));
    assert_eq!(user.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["reproduce.py"]);

    // What the plans name can be had, each once.
    let contents: Vec<_> = suite.laid_files(task).collect();
    assert_eq!(contents.len(), 3);
    for content in &contents {
        let bytes = content.read().unwrap();
        assert_eq!((Sha256::of(&bytes), bytes.len() as u64), (content.sha256(), content.size()));
    }
    assert!(environment.files().all(|digest| contents.iter().any(|content| content.sha256() == digest)));
    folder.write("tasks/totals/private/tests/test_totals.py", "def test_sum(): pass\n");
    let errors: Vec<_> = contents.iter().filter_map(|content| content.read().err()).collect();
    assert!(
        matches!(&errors[..], [SuiteError::FileChanged { path, .. }] if path.ends_with("test_totals.py"))
    );
}

#[test]
fn a_gold_patch_is_a_file_of_the_task_or_of_an_image() {
    let folder = Folder::new();
    let suite = folder.suite();
    let image = Gold::Image { image: "gold".to_owned(), path: "/gold/totals.patch".to_owned() };
    assert_eq!(suite.gold(&suite.tasks()[0]).unwrap(), Some(image));
    folder.replace(TOML, "image-file = \"/gold/totals.patch\"", "file = \"gold.patch\"");
    folder.write("tasks/totals/private/gold.patch", "--- a/é\n");
    let suite = folder.suite();
    assert_eq!(suite.gold(&suite.tasks()[0]).unwrap(), Some(Gold::File("--- a/é\n".to_owned())));
    folder.write("tasks/totals/private/gold.patch", "--- a/e\n");
    assert!(matches!(suite.gold(&suite.tasks()[0]), Err(SuiteError::FileChanged { .. })));
    folder.write("tasks/totals/private/gold.patch", b"\xff");
    let suite = folder.suite();
    assert!(matches!(suite.gold(&suite.tasks()[0]), Err(SuiteError::File { .. })));
    folder.replace(TOML, "[gold]\nfile = \"gold.patch\"\n", "");
    let suite = folder.suite();
    assert_eq!(suite.gold(&suite.tasks()[0]).unwrap(), None);
}

#[test]
fn what_is_not_said_has_a_default() {
    let folder = Folder::new();
    folder.write(
        "suite.toml",
        "name = \"small\"\n[images.app]\nbuild = \"images/app\"\n[environments.main]\nimage = \"app\"\nwork-tree = \"/srv/app\"\n",
    );
    folder.write(
        TOML,
        r#"title = "t"
kind = "ic-swe"
price-cents = 1
environment = "main"
[grader]
plugin = "junit"
[[plans]]
name = "hidden"
argv = ["/usr/bin/check"]
timeout-seconds = 1
report = "/srv/report.xml"
status-file = "/srv/status"
naming = "function"
pass-exit = 3
required = ["a"]
"#,
    );
    let suite = folder.suite();
    let warnings: Vec<_> = suite.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "suite.toml: `environments.main`: the tests run beside the submitted code, which can tamper with them"
        ]
    );
    let mut lock = ImageLock::default();
    lock.pin(&suite, "app", ID).unwrap();
    let environment = suite.environment(&suite.tasks()[0], &lock).unwrap().unwrap();
    assert_eq!(environment.resources, Resources::standard());
    assert_eq!(environment.submission, SubmissionLimits::default());
    assert_eq!((environment.solve_seconds, environment.user_tool), (3_600, None));
    let plan = &environment.plans[0];
    assert_eq!(plan.isolation, Isolation::Single { service: None });
    assert_eq!((plan.naming, plan.pass_exit, plan.rerun), (CaseNaming::Function, 3, Rerun::Once));
    assert_eq!((plan.working_directory.as_deref(), plan.status_file.as_deref()), (None, Some("/srv/status")));
}

#[test]
fn images_are_known_by_what_they_are_made_from() {
    let folder = Folder::new();
    let suite = folder.suite();
    assert_eq!(suite.images().keys().collect::<Vec<_>>(), ["app", "driver", "gold"]);
    let ImageSource::Build { folder: build, target, args } = &suite.images()["app"] else { panic!() };
    assert_eq!((build.as_str(), target.as_deref(), args.len()), ("images/app", Some("task"), 2));
    let files = suite.build_files(build).unwrap();
    let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["Dockerfile", "README.md", "source/deep/main.js"]);
    assert_eq!(files[2].bytes, fs::read(folder.path("images/app/source/deep/main.js")).unwrap());
    assert!(matches!(suite.build_files("images/other"), Err(SuiteError::UnknownBuild(_))));
    assert_eq!(suite.image_key("other"), None);

    let keys = || {
        let suite = folder.suite();
        ["app", "gold", "driver"].map(|image| suite.image_key(image).unwrap())
    };
    let before = keys();
    assert!(before[0] != before[1] && before[1] != before[2]);
    assert_eq!(keys(), before);
    // The content of the folder, its names and modes, the arguments, the stage.
    folder.write("images/app/source/deep/main.js", "module.exports = (a, b) => a + b;\n");
    assert!(matches!(suite.build_files("images/app"), Err(SuiteError::FileChanged { .. })));
    let after = keys();
    assert!(after[0] != before[0] && after[1] != before[1] && after[2] == before[2]);
    folder.replace(
        "suite.toml",
        "target = \"task\"\nargs = { FIXED = \"2.0\"",
        "target = \"task\"\nargs = { FIXED = \"2.1\"",
    );
    let changed = keys();
    assert!(changed[0] != after[0] && changed[1] == after[1]);
    folder.replace("suite.toml", "driver:v1", "driver:v2");
    assert_ne!(keys()[2], changed[2]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let digest = folder.suite().digest();
        let path = folder.path("images/app/README.md");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(keys()[0], changed[0]);
        let suite = folder.suite();
        assert!(suite.build_files("images/app").unwrap()[1].executable);
        // Which is what an umask does to a suite, and no reason for another one.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!((folder.suite().digest(), keys()[0]), (digest, changed[0]));
    }
}

#[test]
fn a_task_without_an_environment_loads() {
    let folder = Folder::new();
    folder.write(TOML, "title = \"t\"\nkind = \"ic-swe\"\nprice-cents = 1\n[grader]\nplugin = \"junit\"\n");
    let suite = folder.suite();
    let task = &suite.tasks()[0];
    assert_eq!(task.environment, None);
    assert_eq!(suite.environment(task, &ImageLock::default()), Ok(None));
    assert_eq!((suite.laid_files(task).count(), suite.gold(task).unwrap()), (0, None));
}

#[test]
fn private_files_do_not_lie_in_the_agents_image() {
    let folder = Folder::new();
    folder.write("images/app/tests/copy.py", TEST);
    // Too short to be a secret.
    folder.write("images/app/tests/key.json", KEY);
    let problem = folder.problem();
    assert_eq!(problem.file, "tasks/totals/private/tests/test_totals.py");
    assert!(problem.message.contains("images/app/tests/copy.py"), "{problem}");
}

#[test]
fn build_folders_hold_plain_files_within_bounds() {
    let folder = Folder::new();
    folder.write("images/app/.hidden/.x y.é", "…");
    folder.write("images/app/.dockerignore", "*");
    folder.write("images/unused/Dockerfile", "FROM scratch\n");
    let warnings: Vec<_> = folder.suite().warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "images/app/.dockerignore: it has no effect: all files of the folder are sent",
            "images/unused: no image is built from this folder"
        ]
    );
    folder.write("images/stray", "");
    assert!(folder.problem().hint.unwrap().contains("one folder for each build"));
    fs::remove_file(folder.path("images/stray")).unwrap();
    folder.write("images/No/Dockerfile", "");
    let problem = folder.problem();
    assert_eq!((problem.file.as_str(), problem.message.contains("lower-case")), ("images/No", true));
    fs::remove_dir_all(folder.path("images/No")).unwrap();
    fs::remove_file(folder.path("images/app/Dockerfile")).unwrap();
    assert!(folder.problems().iter().all(|p| p.message == "`images/app` has no Dockerfile"));

    let folder = Folder::new();
    for file in 0..=lancet_suite::MAX_BUILD_FILES {
        folder.write(&format!("images/app/many/{file}"), "");
    }
    let problem = folder.problem();
    assert_eq!((problem.file.as_str(), problem.message.as_str()), ("images/app", "more than 10000 files"));

    let folder = Folder::new();
    let large = fs::File::create(folder.path("images/app/large")).unwrap();
    large.set_len(lancet_suite::MAX_BUILD_FILE_BYTES + 1).unwrap();
    let problem = folder.problem();
    assert_eq!(problem.file, "images/app/large");
    assert!(problem.message.contains("larger than 67108864 bytes"), "{problem}");

    #[cfg(unix)]
    {
        let folder = Folder::new();
        std::os::unix::fs::symlink("/etc", folder.path("images/app/etc")).unwrap();
        assert!(folder.problem().message.contains("symbolic link"));
    }
}

#[test]
fn images_belong_to_the_digest() {
    let folder = Folder::new();
    let before = folder.suite().digest();
    folder.write("images/app/README.md", "# Another\n");
    assert_ne!(folder.suite().digest(), before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever becomes of the files, they load or a problem is named; and nothing
    /// in them makes a task's containers root.
    #[test]
    fn mutated_files_never_panic(
        in_suite in any::<bool>(),
        lines in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4u8), 1..5),
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let folder = Folder::new();
        let (file, text) = if in_suite { ("suite.toml", SUITE) } else { (TOML, TASK) };
        let mut all: Vec<&str> = text.lines().collect();
        let other: Vec<&str> = SUITE.lines().chain(TASK.lines()).collect();
        for (at, from, how) in lines {
            let at = at.index(all.len());
            match how {
                0 => drop(all.remove(at)),
                1 => all.insert(at, other[from.index(other.len())]),
                2 => all[at] = other[from.index(other.len())],
                _ => { let from = from.index(all.len()); all.swap(at, from); }
            }
        }
        let mut text = all.join("\n").into_bytes();
        for (at, byte) in bytes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        folder.write(file, text);
        match folder.open() {
            Ok(suite) => {
                let mut lock = ImageLock::default();
                for image in suite.images().keys() {
                    lock.pin(&suite, image, ID).unwrap();
                }
                if let Some(environment) = suite.environment(&suite.tasks()[0], &lock).unwrap() {
                    prop_assert_eq!(environment.account, Account::Unprivileged);
                    prop_assert_eq!(environment.conceal, None);
                }
            }
            Err(error) => prop_assert!(!error.problems().is_empty()),
        }
    }
}
