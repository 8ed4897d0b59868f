//! The environment of SWE-Lancer's published images.

mod folder;

use std::path::Path;
use std::process::Command;

use folder::{Folder, TEST};
use lancet_core::{Account, Environment, Protection, Rerun, Sha256};
use lancet_suite::{ImageLock, ImageSource, NotPinned, Suite};

const TOML: &str = "tasks/101_7/task.toml";
const IMAGE: &str = "swelancer/swelancer_x86_101_7:releasev1";

fn pinned(suite: &Suite) -> Environment {
    let mut lock = ImageLock::default();
    for image in suite.images().keys() {
        lock.pin(suite, image, &Sha256::of(image.as_bytes()).to_string()).unwrap();
    }
    suite.environment(&suite.tasks()[0], &lock).unwrap().unwrap()
}

#[test]
fn a_published_task_is_expanded() {
    let folder = Folder::swe_lancer();
    let suite = folder.suite();
    assert_eq!(suite.warnings(), []);
    assert_eq!(suite.images().get(IMAGE), Some(&ImageSource::Reference(IMAGE.to_owned())));
    let missing = suite.environment(&suite.tasks()[0], &ImageLock::default()).unwrap_err();
    assert_eq!(missing, NotPinned::Missing { image: IMAGE.to_owned() });

    // All of it, as runs record it.
    let found = serde_json::to_string_pretty(&pinned(&suite)).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/swe-lancer.json");
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{} is not what the profile makes:\n{found}", path.display());

    let laid: Vec<_> = suite.laid_files(&suite.tasks()[0]).map(|file| file.read().unwrap()).collect();
    assert!(laid.len() == 2 && laid.contains(&TEST.as_bytes().to_vec()));
    // The lock survives names with slashes and colons.
    let mut lock = ImageLock::default();
    lock.pin(&suite, IMAGE, &Sha256::of(b"").to_string()).unwrap();
    lock.write(&suite).unwrap();
    assert_eq!(ImageLock::read(&folder.suite()).unwrap(), lock);
}

#[test]
fn a_suite_may_add_to_the_profile() {
    let folder = Folder::swe_lancer();
    let text = std::fs::read_to_string(folder.path("suite.toml")).unwrap();
    folder.write(
        "suite.toml",
        text + "variables = { USE_WEB_PROXY = \"true\", MORE = \"1\" }\nprotected = [\"secret/**\"]\n\
               solve-timeout-seconds = 60\nresources = { memory-mib = 3000 }\nsubmission = { files = 7 }\n",
    );
    folder.replace(
        TOML,
        "required = [\"test_sum\"]\n",
        "required = [\"test_sum\"]\nsentinels = [\"test_must_fail\"]\nrerun = \"any-of-3\"\n",
    );
    let suite = folder.suite();
    let environment = pinned(&suite);
    assert_eq!(environment.variables["USE_WEB_PROXY"], "true");
    assert_eq!(
        (environment.variables["MORE"].as_str(), environment.variables["ISSUE_ID"].as_str()),
        ("1", "101_7")
    );
    assert_eq!((environment.solve_seconds, environment.submission.files), (60, 7));
    assert_eq!((environment.resources.memory_bytes, environment.resources.cpu_millis), (3000 << 20, 2_000));
    let own = environment.protected.last().unwrap();
    assert_eq!((own.pattern.as_str(), own.protection), ("secret/**", Protection::Refused));
    let [tests, user] = &environment.plans[..] else { panic!() };
    assert_eq!((tests.rerun, user.rerun), (Rerun::AnyOf3, Rerun::Once));
    assert_eq!((tests.pass_exit, tests.sentinels.as_slice()), (1, &["test_must_fail".to_owned()][..]));
}

#[test]
fn one_image_may_hold_all_issues() {
    let folder = Folder::swe_lancer();
    folder.write(
        "suite.toml",
        "name = \"small\"\n[images.all]\nimage = \"swelancer/swelancer_x86_monolith:releasev1\"\n\
         [environments.published]\nprofile = \"swe-lancer\"\nimage = \"all\"\n",
    );
    let problem = folder.problem();
    assert_eq!(problem.key.as_deref(), Some("swe-lancer.image"));
    assert!(problem.message.contains("image for all"), "{problem}");
    folder.replace(TOML, &format!("image = \"{IMAGE}\"\n"), "");
    let environment = pinned(&folder.suite());
    assert_eq!((environment.image.name.as_str(), environment.account), ("all", Account::Root));
    // Set up once, and not again over the submission.
    assert!(environment.setup.unwrap().argv[3].contains("RUNTIME_SETUP=true"));
    assert_eq!(environment.variables["RUNTIME_SETUP"], "");
}

#[test]
fn an_image_may_be_the_suites_own() {
    let folder = Folder::swe_lancer();
    folder.replace(TOML, IMAGE, "stand-in");
    let problem = folder.problem();
    assert!(problem.message.contains("no image `stand-in`"), "{problem}");
    folder.write("images/stand-in/Dockerfile", "FROM scratch\n");
    let text = std::fs::read_to_string(folder.path("suite.toml")).unwrap();
    folder.write(
        "suite.toml",
        text + "[images.stand-in]\nbuild = \"images/stand-in\"\nargs = { ISSUE_ID = \"101_7\" }\n",
    );
    let environment = pinned(&folder.suite());
    assert_eq!((environment.image.name.as_str(), environment.setup), ("stand-in", None));
}

#[test]
fn mistakes_are_named() {
    const S: &str = "suite.toml";
    let environment = "profile = \"swe-lancer\"\n";
    for (file, from, to, key, message) in [
        (
            S,
            environment,
            "profile = \"swe-lancer\"\nwork-tree = \"/app\"\n",
            "environments.published.work-tree",
            "the profile `swe-lancer` says that",
        ),
        (
            S,
            environment,
            "profile = \"swe-lancer\"\nsetup = { argv = [\"a\"], timeout-seconds = 1 }\n",
            "environments.published.setup",
            "the profile",
        ),
        (
            S,
            environment,
            "profile = \"swe-lancer\"\nresources = { browser = false }\n",
            "environments.published.resources.browser",
            "the profile",
        ),
        (
            S,
            environment,
            "profile = \"swe-lancer\"\nimage = \"none\"\n",
            "environments.published.image",
            "no image `none`",
        ),
        (TOML, "question-id = \"101_7\"", "question-id = \"../x\"", "swe-lancer.question-id", "is no id"),
        (TOML, "question-id = \"101_7\"", "question-id = \"$(id)\"", "swe-lancer.question-id", "is no id"),
        (TOML, "question-id = \"101_7\"", "", "swe-lancer.question-id", "missing"),
        (TOML, "image = \"swelancer/swelancer_x86_101_7:releasev1\"\n", "", "swe-lancer.image", "missing"),
        (TOML, "_7:releasev1", "_7", "swe-lancer.image", "neither tag nor digest"),
        (TOML, "required = [\"test_sum\"]", "required = []", "swe-lancer.required", "empty"),
        (
            TOML,
            "\"test_sum\"",
            "\"issues/101_7/test.py::test_sum\"",
            "swe-lancer.required[0]",
            "no function's name",
        ),
        (
            TOML,
            "required = [\"test_sum\"]",
            "required = [\"test_sum\"]\nsentinels = [\"test_sum\"]",
            "swe-lancer.sentinels[0]",
            "required to pass as well",
        ),
        (TOML, "[grader]", "user-tool = \"user\"\n[grader]", "user-tool", "brings its own"),
        (
            TOML,
            "[grader]",
            "[[plans]]\nname = \"p\"\nargv = [\"a\"]\ntimeout-seconds = 1\nreport = \"/r\"\nrequired = [\"a\"]\n[grader]",
            "plans",
            "brings its own",
        ),
        (TOML, "[grader]", "[gold]\nimage-file = \"/g\"\n[grader]", "gold.image-file", "no `gold-image`"),
    ] {
        let folder = Folder::swe_lancer();
        folder.replace(file, from, to);
        let problems = folder.problems();
        assert!(
            problems
                .iter()
                .any(|p| p.file == file && p.key.as_deref() == Some(key) && p.message.contains(message)),
            "{to}: {problems:#?}"
        );
    }
    let folder = Folder::swe_lancer();
    std::fs::remove_file(folder.path("tasks/101_7/private/issue/test.py")).unwrap();
    let problem = folder.problem();
    assert_eq!(
        (problem.file.as_str(), problem.message.as_str()),
        ("tasks/101_7/private/issue/test.py", "missing: the issue's test")
    );
    let folder = Folder::swe_lancer();
    let text = std::fs::read_to_string(folder.path(TOML)).unwrap();
    folder.write(TOML, &text[..text.find("[swe-lancer]").unwrap()]);
    let problem = folder.problem();
    assert!(problem.key.as_deref() == Some("swe-lancer") && problem.message.contains("missing"), "{problem}");
}

/// The script that makes the agent's image, on a tree of this machine: what is left
/// is one commit, the same each time, and no other object.
#[cfg(unix)]
#[test]
fn history_is_concealed() {
    let folder = Folder::swe_lancer();
    let script = pinned(&folder.suite()).conceal.unwrap().argv;
    assert_eq!(script[..2], ["/bin/sh", "-c"]);
    let mut commits = Vec::new();
    for _ in 0..2 {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().to_str().unwrap();
        let tree = place.path().join("expensify");
        let git = |arguments: &[&str]| {
            let output = Command::new("git").args(arguments).current_dir(&tree).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        std::fs::create_dir_all(tree.join("src")).unwrap();
        std::fs::create_dir_all(place.path().join("tests/issues")).unwrap();
        std::fs::write(tree.join(".gitignore"), "node_modules/\n").unwrap();
        git(&["init", "--quiet"]);
        for text in ["fixed", "broken"] {
            std::fs::write(tree.join("src/main.js"), text).unwrap();
            git(&["add", "--all"]);
            git(&["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", text]);
        }
        git(&["tag", "old", "HEAD~1"]);
        std::fs::create_dir_all(tree.join("node_modules/x")).unwrap();
        std::fs::write(tree.join("node_modules/x/index.js"), "1").unwrap();

        let here = script[2].replace("/app/", &format!("{root}/"));
        let output = Command::new("/bin/sh").args(["-c", &here]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!place.path().join("tests").exists());
        assert_eq!(git(&["rev-list", "--all", "--reflog", "--count"]).trim(), "1");
        // The commit, two trees, two files.
        let objects = git(&["cat-file", "--batch-all-objects", "--batch-check"]);
        assert_eq!(objects.lines().count(), 5, "{objects}");
        assert_eq!(git(&["status", "--porcelain"]), "");
        assert!(tree.join("node_modules/x/index.js").exists());
        commits.push(git(&["rev-parse", "HEAD"]));
    }
    assert_eq!(commits[0], commits[1]);
}

/// The script that sets an issue up in the image of all of them, with an entry
/// point of our own: it ends when all is set up, and leaves nothing that runs, nor
/// what would hinder the next start.
#[cfg(unix)]
#[test]
fn an_issue_is_set_up_once() {
    let folder = Folder::swe_lancer();
    folder.write(
        "suite.toml",
        "name = \"small\"\n[images.all]\nimage = \"a:b\"\n\
         [environments.published]\nprofile = \"swe-lancer\"\nimage = \"all\"\n",
    );
    folder.replace(TOML, &format!("image = \"{IMAGE}\"\n"), "");
    let setup = pinned(&folder.suite()).setup.unwrap();
    assert_eq!(setup.argv[..3], ["/bin/bash", "-l", "-c"]);
    for (ending, succeeds) in
        [("echo done > ROOT/setup_done.txt\nexec sleep 3600 >/dev/null 2>&1", true), ("exit 3", false)]
    {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().to_str().unwrap();
        let file = |name: &str| place.path().join(name);
        std::fs::create_dir_all(file("app/tests")).unwrap();
        std::fs::create_dir_all(file("tmp/.X11-unix")).unwrap();
        std::fs::write(file("setup_done.txt"), "done\n").unwrap();
        let entry = "#!/bin/sh\ntest ! -e ROOT/setup_done.txt || exit 9\necho 1 > ROOT/tmp/.X99-lock\n\
                     sleep 3600 >/dev/null 2>&1 & echo $! > ROOT/child\necho \"$RUNTIME_SETUP\" > ROOT/seen\n";
        let entry = format!("{entry}{ending}\n").replace("ROOT", root);
        std::fs::write(file("app/tests/run.sh"), entry).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(file("app/tests/run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut script = setup.argv[3].clone();
        for path in ["/app/tests/run.sh", "/setup_done.txt", "/tmp/.X*-lock", "/tmp/.X11-unix"] {
            script = script.replace(path, &format!("{root}{path}"));
        }
        let output = Command::new("/bin/bash").args(["-c", &script]).output().unwrap();
        assert_eq!(output.status.success(), succeeds, "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(std::fs::read_to_string(file("seen")).unwrap(), "true\n");
        let child = std::fs::read_to_string(file("child")).unwrap();
        if succeeds {
            assert!(!file("setup_done.txt").exists() && !file("tmp/.X99-lock").exists());
            // Gone, or dead and not yet collected by whoever inherited it.
            let state = Command::new("ps").args(["-o", "stat=", "-p", child.trim()]).output().unwrap();
            let state = String::from_utf8(state.stdout).unwrap();
            assert!(state.trim().is_empty() || state.starts_with('Z'), "{state}");
        } else {
            let _ = Command::new("kill").arg(child.trim()).status();
        }
    }
}
