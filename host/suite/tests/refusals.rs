//! What environments and test plans must not say: each mistake is named.

mod folder;

use std::fs;

use folder::Folder;
use lancet_suite::{Problem, Profile};

const TOML: &str = "tasks/totals/task.toml";
const ID: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A file, a part of it and what stands there instead; then the file, the key and
/// parts of the message and of the hint that are to be named.
type Mistake = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip] // a line for each
fn mistakes() -> Vec<Mistake> {
    const S: &str = "suite.toml";
    vec![
        // Images.
        (S, "[images.app]", "[images.App]", "images.App", "is no name", ""),
        (S, "[images.driver]", "[images.\"../x\"]", "images.../x", "is no name", ""),
        (S, "[images.driver]\nimage = \"registry.example.com:5000/tests/driver:v1\"", "[images.driver]", "images.driver", "found neither", ""),
        (S, "[images.driver]\n", "[images.driver]\nbuild = \"images/app\"\n", "images.driver", "found both", ""),
        (S, "[images.driver]\n", "[images.driver]\ntarget = \"x\"\n", "images.driver.target", "without `build`", ""),
        (S, "[images.driver]\n", "[images.driver]\nargs = { A = \"x\" }\n", "images.driver.args", "without `build`", ""),
        (S, "driver:v1", "driver", "images.driver.image", "neither tag nor digest", "lancet suite pin"),
        (S, "driver:v1", "Driver:v1", "images.driver.image", "is no name of an image", "name@sha256:"),
        (S, "driver:v1", "driver:v1@sha256:12", "images.driver.image", "is not a digest", ""),
        (S, "registry.example.com:5000/tests/driver:v1", ID, "images.driver.image", "one machine only", ""),
        (S, "[images.gold]\nbuild = \"images/app\"", "[images.gold]\nbuild = \"images/ap\"", "images.gold.build", "no folder `images/ap`", "did you mean `images/app`"),
        (S, "[images.gold]\nbuild = \"images/app\"", "[images.gold]\nbuild = \"images/app/source\"", "images.gold.build", "no folder in images/", "images/app"),
        (S, "[images.gold]\nbuild = \"images/app\"", "[images.gold]\nbuild = \"../app\"", "images.gold.build", "no folder in images/", ""),
        (S, "[images.gold]\nbuild = \"images/app\"", "[images.gold]\nbuild = \"tasks/totals/private\"", "images.gold.build", "no folder in images/", ""),
        (S, "target = \"gold\"", "target = \"go ld\"", "images.gold.target", "name of a stage", ""),
        (S, "target = \"gold\"", "target = \"--network=host\"", "images.gold.target", "name of a stage", ""),
        (S, "target = \"gold\"\nargs = { FIXED", "target = \"gold\"\nargs = { \"A B\"", "images.gold.args.A B", "not a variable's name", ""),
        (S, "target = \"gold\"", "dockerfile = \"gold\"", "images.gold.dockerfile", "unknown key", "`target`"),
        // Environments.
        (S, "[environments.main]\n", "[environments.main]\nimages = \"app\"\n", "environments.main.images", "unknown key", "did you mean `image`"),
        (S, "image = \"app\"\nwork", "work", "environments.main.image", "missing", "[images]"),
        (S, "image = \"app\"\nwork", "image = \"ap\"\nwork", "environments.main.image", "no image `ap`", "did you mean `app`"),
        (S, "work-tree = \"/srv/app\"\n", "", "environments.main.work-tree", "missing", ""),
        (S, "\"/srv/app\"", "\"srv/app\"", "environments.main.work-tree", "no absolute path", ""),
        (S, "\"/srv/app\"", "\"/srv/../etc\"", "environments.main.work-tree", "no absolute path", ".."),
        (S, "\"/srv/app\"", "\"/\"", "environments.main.work-tree", "no absolute path", ""),
        (S, "\"/srv/app\"", "\"/srv/app/\"", "environments.main.work-tree", "no absolute path", ""),
        (S, "\"/srv/app\"", "\"/proc/1/root\"", "environments.main.work-tree", "is in one of /proc", ""),
        (S, "driver = \"driver\"", "driver = \"drivers\"", "environments.main.driver", "no image `drivers`", "did you mean `driver`"),
        (S, "driver = \"driver\"", "", "environments.main.alias", "without `driver`", ""),
        (S, "driver = \"driver\"\nalias = \"dev.new.example.com\"", "", "environments.main.driver-resources", "without `driver`", ""),
        (S, "[environments.main.app]\nargv = [\"node\", \"/srv/serve.js\"]\n\n[environments.main.app.ready]\nargv = [\"node\", \"/srv/ready.js\"]\ntimeout-seconds = 20\n", "", "environments.main.app", "missing", "[environments.….app]"),
        (S, "[environments.main.app.ready]\nargv = [\"node\", \"/srv/ready.js\"]\ntimeout-seconds = 20\n", "", "environments.main.app.ready", "missing", ""),
        (S, "alias = \"dev.new.example.com\"", "alias = \"dev_new\"", "environments.main.alias", "no host name", ""),
        (S, "alias = \"dev.new.example.com\"", "alias = \"localhost\"", "environments.main.alias", "no host name", ""),
        (S, "alias = \"dev.new.example.com\"", "alias = \"10.0.0.1\"", "environments.main.alias", "no host name", ""),
        (S, "gold-image = \"gold\"", "gold-image = \"gild\"", "environments.main.gold-image", "no image `gild`", "did you mean `gold`"),
        (S, "gold-image = \"gold\"", "gold-image = \"app\"", "environments.main.gold-image", "the agent's image", "stage of its own"),
        (S, "target = \"gold\"", "target = \"task\"", "environments.main.gold-image", "the agent's image", ""),
        (S, "FOO = \"bar\"", "\"FOO=1\" = \"bar\"", "environments.main.variables.FOO=1", "not a variable's name", ""),
        (S, "FOO = \"bar\"", "LANCET_APP_HOST = \"bar\"", "environments.main.variables.LANCET_APP_HOST", "the host's", ""),
        (S, "FOO = \"bar\"", "FOO = \"\\u0000\"", "environments.main.variables.FOO", "NUL", ""),
        (S, "FOO = \"bar\"", "FOO = 1", "environments.main.variables.FOO", "expected text", ""),
        (S, "\".eslintrc*\"", "\"/etc/**\"", "environments.main.protected[1]", "no pattern of paths from the work tree", "config/**"),
        (S, "\".eslintrc*\"", "\"../**\"", "environments.main.protected[1]", "no pattern of paths", ""),
        (S, "\".eslintrc*\"", "\"[a\"", "environments.main.protected[1]", "is no pattern", ""),
        (S, "\".eslintrc*\"", "\"package.json\"", "environments.main.protected[1]", "listed twice", ""),
        (S, "\"node_modules/**\"", "\"package.json\"", "environments.main.overlaid[0]", "`protected` as well", ""),
        (S, "solve-timeout-seconds = 900", "solve-timeout-seconds = 0", "environments.main.solve-timeout-seconds", "expected 1 to 86400, found 0", ""),
        (S, "solve-timeout-seconds = 900", "solve-timeout-seconds = 86401", "environments.main.solve-timeout-seconds", "expected 1 to 86400", ""),
        (S, "solve-timeout-seconds = 900", "solve-timeout-seconds = -1", "environments.main.solve-timeout-seconds", "at least 1", ""),
        (S, "solve-timeout-seconds = 900", "solve-timeout-seconds = 1.5", "environments.main.solve-timeout-seconds", "an integer", ""),
        (S, "argv = [\"make\", \"ready\"]", "argv = []", "environments.main.setup.argv", "empty", "pytest"),
        (S, "argv = [\"make\", \"ready\"]", "argv = \"make ready\"", "environments.main.setup.argv", "a list", ""),
        (S, "timeout-seconds = 30 }", "timeout-seconds = 0 }", "environments.main.setup.timeout-seconds", "expected 1 to 86400", ""),
        // Serde takes the values of a table in a list, in their order.
        (S, "{ argv = [\"make\", \"ready\"], timeout-seconds = 30 }", "[[\"make\", \"ready\"], 30]", "environments.main.setup", "found a list", ""),
        (S, ", timeout-seconds = 30 }", " }", "environments.main.setup.timeout-seconds", "missing", ""),
        (S, "argv = [\"node\", \"/srv/serve.js\"]", "argv = [\"\"]", "environments.main.app.argv[0]", "expected a program", ""),
        (S, "argv = [\"node\", \"/srv/serve.js\"]", "argv = [\"node\\u0000\"]", "environments.main.app.argv[0]", "NUL", ""),
        (S, "timeout-seconds = 20", "timeout-seconds = 90000", "environments.main.app.ready.timeout-seconds", "expected 1 to 86400", ""),
        (S, "cpus = 1.5", "cpus = 0", "environments.main.resources.cpus", "expected 0.01 to 256, found 0", ""),
        (S, "cpus = 1.5", "cpus = 1e9", "environments.main.resources.cpus", "at most 256", ""),
        (S, "cpus = 1.5", "cpus = nan", "environments.main.resources.cpus", "", ""),
        (S, "cpus = 1.5", "cpus = \"all\"", "environments.main.resources.cpus", "a number", ""),
        (S, "memory-mib = 700", "memory-mib = 15", "environments.main.resources.memory-mib", "expected 16 to 1048576", ""),
        (S, "pids = 128", "pids = 65537", "environments.main.resources.pids", "expected 2 to 65536", ""),
        (S, "disk-mib = 300", "disk-mib = 0", "environments.main.resources.disk-mib", "expected 1 to", ""),
        (S, "browser = true", "browser = \"yes\"", "environments.main.driver-resources.browser", "true or false", ""),
        (S, "cpus = 2", "shm-mib = 2", "environments.main.driver-resources.shm-mib", "unknown key", ""),
        (S, "files = 10", "files = 0", "environments.main.submission.files", "expected 1 to 100000", ""),
        (S, "file-mib = 1", "file-mib = 3", "environments.main.submission.file-mib", "one file may have 3 MiB, and all together 2", ""),
        (S, "\nmib = 2", "\nmib = 5000", "environments.main.submission.mib", "expected 1 to 4096", ""),
        (S, "[environments.main]\n", "[environments.main]\nprofile = \"swe-bench\"\n", "environments.main.profile", "expected `swe-lancer`", ""),
        // Tasks.
        (TOML, "environment = \"main\"", "environment = \"mains\"", "environment", "no environment `mains`", "did you mean `main`"),
        (TOML, "environment = \"main\"\nuser-tool = \"user\"\n", "", "plans", "no meaning without `environment`", ""),
        (TOML, "[grader]\nplugin = \"junit\"\n", "", "grader", "needs a grader", "junit"),
        (TOML, "user-tool = \"user\"", "user-tool = \"users\"", "user-tool", "no plan `users`", "did you mean `user`"),
        (TOML, "image-file = \"/gold/totals.patch\"", "", "gold", "found neither", ""),
        (TOML, "image-file = \"/gold/totals.patch\"", "image-file = \"/gold/totals.patch\"\nfile = \"x\"", "gold", "found both", ""),
        (TOML, "\"/gold/totals.patch\"", "\"gold/totals.patch\"", "gold.image-file", "no absolute path", ""),
        (TOML, "image-file = \"/gold/totals.patch\"", "file = \"../statement.md\"", "gold.file", "no path of plain names", ""),
        (TOML, "image-file = \"/gold/totals.patch\"", "file = \"gold.patch\"", "gold.file", "there is no file `tasks/totals/private/gold.patch`", "private/"),
        (S, "gold-image = \"gold\"\n", "", "gold.image-file", "no `gold-image`", "in private/"),
        (TOML, "name = \"hidden\"", "name = \"Hidden\"", "plans[0].name", "is no name", ""),
        (TOML, "name = \"hidden\"", "name = \"user\"", "plans[1].name", "a plan `user` already", ""),
        (TOML, "argv = [\"python3\", \"reproduce.py\"]", "argv = []", "plans[1].argv", "empty", ""),
        (TOML, "timeout-seconds = 60\n", "timeout-seconds = 0\n", "plans[0].timeout-seconds", "expected 1 to 86400", ""),
        (TOML, "timeout-seconds = 60\n", "", "plans[0].timeout-seconds", "missing", "Seconds"),
        (TOML, "timeout-seconds = 60\nreport = \"/lancet/results/junit.xml\"", "timeout-seconds = 60\nreport = \"junit.xml\"", "plans[0].report", "no absolute path", ""),
        (TOML, "timeout-seconds = 60\nreport = \"/lancet/results/junit.xml\"", "timeout-seconds = 60\nreport = \"/tmp/junit.xml\"", "plans[0].report", "not in /lancet/results", ""),
        (TOML, "timeout-seconds = 60\nreport = \"/lancet/results/junit.xml\"", "timeout-seconds = 60\nreport = \"/lancet/resultsx/junit.xml\"", "plans[0].report", "not in /lancet/results", ""),
        (TOML, "tests = \"tests\"\n", "tests = \"test\"\n", "plans[0].tests", "there are no files in tasks/totals/private/test", "did you mean `tests`"),
        (TOML, "tests = \"tests\"\n", "tests = \"../..\"\n", "plans[0].tests", "no path of plain names", ""),
        (TOML, "tests = \"tests\"\n", "tests = \"tests\"\nfiles-at = \"/lancet/results/x\"\n", "plans[0].files-at", "cannot be laid there", "/lancet/tests"),
        (TOML, "tests = \"tests\"\n", "tests = \"tests\"\nfiles-at = \"/usr/lib\"\n", "plans[0].files-at", "cannot be laid there", ""),
        (TOML, "tests = \"tests\"\n", "files-at = \"/lancet/x\"\n", "plans[0].files-at", "without `tests`", ""),
        (TOML, "working-directory = \"/lancet\"", "working-directory = \".\"", "plans[1].working-directory", "no absolute path", ""),
        (TOML, "required = [\"reproduce::test_reproduce\"]", "required = []", "plans[1].required", "empty", "as the report names them"),
        (TOML, "required = [\"reproduce::test_reproduce\"]\n", "", "plans[1].required", "missing", ""),
        (TOML, "\"test_totals::test_rest\"", "\"test_totals::test_sum\"", "plans[0].required[1]", "listed twice", ""),
        (TOML, "\"test_totals::test_rest\"", "\"\"", "plans[0].required[1]", "expected one line", ""),
        (TOML, "\"test_totals::test_rest\"", "\"a\\nb\"", "plans[0].required[1]", "expected one line", ""),
        (TOML, "\"test_sentinel::test_must_fail\"", "\"test_totals::test_sum\"", "plans[0].sentinels[0]", "required to pass as well", ""),
        (TOML, "rerun = \"any-of-3\"", "rerun = \"any-of3\"", "plans[0].rerun", "`once` or `any-of-3`", "did you mean `any-of-3`"),
        (TOML, "rerun = \"any-of-3\"", "naming = \"function\"", "plans[0].required[0]", "no function's name", ""),
        (TOML, "rerun = \"any-of-3\"", "pass-exit = 256", "plans[0].pass-exit", "expected 0 to 255", ""),
        (TOML, "TRACE = \"1\"", "\"A-B\" = \"1\"", "plans[1].variables.A-B", "not a variable's name", ""),
        (TOML, "name = \"shots\"", "name = \"log\"", "plans[0].artifacts[1].name", "an artifact `log` already", ""),
        (TOML, "name = \"shots\"", "name = \"a/b\"", "plans[0].artifacts[1].name", "is no name", ""),
        (TOML, "kind = \"screenshot\"", "kind = \"picture\"", "plans[0].artifacts[1].kind", "`log` or `trace`", ""),
        (TOML, "\"/lancet/results/shots\"", "\"/etc/passwd\"", "plans[0].artifacts[1].path", "not in /lancet/results", ""),
        (TOML, "\"/lancet/results/trace.zip\"", "\"/lancet/results\"", "plans[1].artifacts[0].path", "the agent would see `/lancet/results/junit.xml`", "a folder of its own"),
        (TOML, "\"/lancet/results/trace.zip\"", "\"/lancet/results/junit.xml\"", "plans[1].artifacts[0].path", "the agent would see", ""),
        (TOML, "[grader]", "[swe-lancer]\nquestion-id = \"1\"\nrequired = [\"test_a\"]\n\n[grader]", "swe-lancer", "does not have that profile", ""),
    ]
}

#[test]
fn each_mistake_is_named() {
    let folder = Folder::new();
    for (file, from, to, key, message, hint) in mistakes() {
        let good = fs::read(folder.path(file)).unwrap();
        folder.replace(file, from, to);
        let problems = folder.problems();
        folder.write(file, good);
        // One is about both files.
        let at = if key.starts_with("gold.image-file") && file == "suite.toml" { TOML } else { file };
        let problem = problems
            .iter()
            .find(|p| p.file == at && p.key.as_deref() == Some(key) && p.message.contains(message))
            .unwrap_or_else(|| panic!("`{to}`: expected {at} {key} {message}: {problems:#?}"));
        assert!(problem.hint.as_deref().unwrap_or_default().contains(hint), "{problem:#?}");
    }
}

#[test]
fn answer_keys_name_a_plan() {
    const FILE: &str = "tasks/totals/private/answer-key.json";
    for (text, key, message, hint) in [
        ("{\"plan\": \"hiden\"}", Some("plan"), "no plan `hiden`", "did you mean `hidden`"),
        ("{\"plan\": \"x\"}", Some("plan"), "no plan `x`", "hidden, user"),
        ("{\"plans\": \"hidden\"}", Some("plans"), "unknown key", "did you mean `plan`"),
        ("{}", Some("plan"), "missing", ""),
        ("{\"plan\": \"hidden\", \"partial\": true}", Some("partial"), "unknown key", "there are `plan`"),
        ("{\"plan\": 1}", Some("plan"), "expected text", ""),
        ("hidden", None, "no JSON", ""),
    ] {
        let folder = Folder::new();
        folder.write(FILE, text);
        let problems = folder.problems();
        let problem = problems.iter().find(|p| p.key.as_deref() == key && p.message.contains(message));
        let problem = problem.unwrap_or_else(|| panic!("{text}: {problems:#?}"));
        assert_eq!(problem.file, FILE);
        assert!(problem.hint.as_deref().unwrap_or_default().contains(hint), "{problem:#?}");
    }
    let folder = Folder::new();
    fs::remove_file(folder.path(FILE)).unwrap();
    let problem = folder.problem();
    assert_eq!(
        (problem.file.as_str(), problem.hint.as_deref()),
        (FILE, Some("write {\"plan\": \"hidden\"}"))
    );
    // What another grader reads is its own affair.
    folder.replace(TOML, "plugin = \"junit\"", "plugin = \"other\"");
    folder.suite();
    folder.replace(TOML, "plugin = \"other\"", "plugin = \"playwright-e2e\"");
    folder.write(FILE, "{\"plan\": \"user\"}");
    folder.suite();
}

/// What a container is allowed is the host's affair: a suite cannot even say it.
#[test]
fn nothing_of_the_host_can_be_asked_for() {
    let keys = [
        "privileged = true",
        "binds = [\"/:/host\"]",
        "mounts = [\"/var/run/docker.sock\"]",
        "volumes = [\"/:/host\"]",
        "tmpfs = [\"/x\"]",
        "user = \"root\"",
        "cap-add = [\"SYS_ADMIN\"]",
        "cap_add = [\"SYS_ADMIN\"]",
        "CapAdd = [\"SYS_ADMIN\"]",
        "security-opt = [\"seccomp=unconfined\"]",
        "network = \"host\"",
        "network-mode = \"host\"",
        "pid-mode = \"host\"",
        "ipc = \"host\"",
        "devices = [\"/dev/kvm\"]",
        "sysctls = { x = \"1\" }",
        "ulimits = { nofile = 1 }",
        "runtime = \"runc\"",
        "account = \"root\"",
        "conceal = { argv = [\"true\"], timeout-seconds = 1 }",
        "entrypoint = [\"sh\"]",
        "extra-hosts = [\"a:1\"]",
    ];
    let places = [
        ("suite.toml", "[images.driver]\n", "images.driver"),
        ("suite.toml", "[environments.main]\n", "environments.main"),
        ("suite.toml", "[environments.main.app]\n", "environments.main.app"),
        ("suite.toml", "[environments.main.app.ready]\n", "environments.main.app.ready"),
        ("suite.toml", "[environments.main.resources]\n", "environments.main.resources"),
        ("suite.toml", "[environments.main.driver-resources]\n", "environments.main.driver-resources"),
        ("suite.toml", "[environments.main.submission]\n", "environments.main.submission"),
        (TOML, "[grader]\n", "grader"),
        (TOML, "[gold]\n", "gold"),
        (TOML, "[[plans]]\nname = \"hidden\"\n", "plans[0]"),
        (TOML, "", ""),
        ("suite.toml", "", ""),
    ];
    let folder = Folder::new();
    for (file, header, table) in places {
        let good = fs::read(folder.path(file)).unwrap();
        for line in keys {
            if header.is_empty() {
                let text = fs::read_to_string(folder.path(file)).unwrap();
                folder.write(file, format!("{line}\n{text}"));
            } else {
                folder.replace(file, header, &format!("{header}{line}\n"));
            }
            let key = line.split(' ').next().unwrap();
            let path = if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
            let problem = folder.problem();
            assert_eq!((problem.file.as_str(), problem.key.as_deref()), (file, Some(path.as_str())));
            assert_eq!(problem.message, "unknown key");
            if !matches!(key, "CapAdd" | "account" | "conceal") {
                assert!(problem.hint.unwrap().contains("the host alone"), "{path}");
            }
            folder.write(file, &good);
        }
    }
}

/// The task as a manager's, with nothing to test by.
fn managed(folder: &Folder) -> String {
    let text = fs::read_to_string(folder.path(TOML)).unwrap();
    let text = text.replace("ic-swe", "swe-manager").replace("user-tool = \"user\"\n", "");
    let text =
        text.replace("junit", "manager-choice").replace("[gold]\nimage-file = \"/gold/totals.patch\"\n", "");
    let proposal = "[[proposals]]\nid = 3\nfile = \"proposals/3.md\"\n";
    folder.write("tasks/totals/proposals/3.md", "Do it.\n");
    folder.write("tasks/totals/private/answer-key.json", "{\"correct\": 3}");
    format!("{}{proposal}", &text[..text.find("[[plans]]").unwrap()])
}

#[test]
fn nothing_of_a_manager_task_is_tested() {
    let folder = Folder::new();
    folder.replace(TOML, "ic-swe", "swe-manager");
    let problems = folder.problems();
    for key in ["gold", "plans", "user-tool"] {
        let problem = problems.iter().find(|p| p.key.as_deref() == Some(key)).unwrap();
        assert!(problem.message.contains("its answer is a choice"), "{problem}");
    }
    assert!(problems.iter().all(|p| p.key.as_deref() != Some("environment")), "{problems:?}");
}

#[test]
fn a_manager_task_may_have_a_repository_to_read() {
    let folder = Folder::new();
    folder.write(TOML, managed(&folder));
    let suite = folder.suite();
    let task = &suite.tasks()[0];
    let environment = task.environment.as_ref().unwrap();
    assert_eq!((environment.name(), environment.plans().len(), environment.has_gold()), ("main", 0, false));
    assert_eq!(environment.images().collect::<Vec<_>>(), ["app"]);
    assert_eq!(suite.laid_files(task).count(), 0);

    // Tests that run beside the code are of no concern where nothing is tested.
    let apart = "driver = \"driver\"\nalias = \"dev.new.example.com\"\n";
    folder.replace("suite.toml", apart, "");
    folder.replace("suite.toml", "[environments.main.driver-resources]\nbrowser = true\ncpus = 2\n", "");
    assert!(folder.suite().warnings().iter().all(|w| w.key.as_deref() != Some("environments.main")));
    folder.write("tasks/other/task.toml", folder::TASK.replace("tests/user", "tests"));
    folder.write("tasks/other/statement.md", "The same again.\n");
    folder.write("tasks/other/private/answer-key.json", folder::KEY);
    folder.write("tasks/other/private/tests/test_totals.py", folder::TEST);
    assert!(folder.suite().warnings().iter().any(|w| w.key.as_deref() == Some("environments.main")));

    // What the agent must not see may not lie in its image.
    let key = format!("{:width$}", "{\"correct\": 3}", width = 40);
    folder.write("tasks/totals/private/manager-data.json", &key);
    folder.write("images/app/data.json", &key);
    assert!(folder.problem().message.contains("the agent's image is built from it"));
}

#[test]
fn a_manager_task_of_the_profile_needs_the_image_of_all_issues_and_its_commit() {
    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    let folder = Folder::new();
    let source = |commit: &str| format!("[source]\nquestion-id = \"101-manager-0\"\n{commit}");
    let one = managed(&folder).replace("environment = \"main\"", "environment = \"published\"");
    let all = "[images.all]\nimage = \"swelancer/swelancer_x86_monolith:releasev1\"\n";
    let suite = |image: &str| format!("{}{all}{image}", folder::SWE_LANCER);
    let write = |suite: String, commit: &str| {
        folder.write("suite.toml", suite);
        folder.write(TOML, format!("{one}{}", source(commit)));
    };
    let commit = format!("commit = \"{COMMIT}\"\n");
    let with_image = || suite("").replace("profile =", "image = \"all\"\nprofile =");
    write(suite(""), &commit);
    let problem = folder.problem();
    assert_eq!(problem.key.as_deref(), Some("environment"));
    assert!(problem.hint.unwrap().contains("[environments.published]"));
    for bad in [
        String::new(),
        commit.replace("01234567\"", "\""),
        commit.replace("abcdef", "ABCDEF"),
        commit.replace("01", ";x"),
    ] {
        write(with_image(), &bad);
        assert_eq!(folder.problem().key.as_deref(), Some("source.commit"), "{bad}");
    }
    write(with_image(), &commit);
    let loaded = folder.suite();
    let environment = loaded.tasks()[0].environment.as_ref().unwrap();
    assert_eq!(environment.images().collect::<Vec<_>>(), ["all"]);
    assert_eq!(environment.profile(), Some(Profile::SweLancer));
    assert!(environment.plans().is_empty());
}

#[test]
fn an_environment_needs_plans() {
    let folder = Folder::new();
    let text = fs::read_to_string(folder.path(TOML)).unwrap();
    let text = text.replace("user-tool = \"user\"\n", "");
    folder.write(TOML, &text[..text.find("[[plans]]").unwrap()]);
    let problem = folder.problem();
    assert_eq!(problem.key.as_deref(), Some("plans"));
    assert!(problem.message.contains("at least one test plan"), "{problem}");
}

const CASES: &str = "tasks/totals/cases";

/// A suite whose task has a case, with a patch.
fn with_case() -> Folder {
    let folder = Folder::new();
    folder.write(&format!("{CASES}/wrong.toml"), "patch = \"wrong.patch\"\nexpect = \"fail tests-failed\"\n");
    folder.write(&format!("{CASES}/wrong.patch"), PATCH);
    folder
}

const PATCH: &str = "--- a/main.js\n+++ b/main.js\n@@ -1 +1 @@\n-a - b\n+b - a\n";

#[test]
fn cases_are_read_and_are_no_part_of_the_digest() {
    let folder = Folder::new();
    let (digest, cases) = (folder.suite().digest(), folder.suite().cases_digest());
    assert_eq!(cases, None);
    let folder = with_case();
    folder.write(
        &format!("{CASES}/alias.toml"),
        "script = \"run\"\nexpect = \"pass tests-passed\"\nscore = 500\nabout = \"Half\"\n",
    );
    folder.write(&format!("{CASES}/run"), "true\n");
    let suite = folder.suite();
    assert_eq!(suite.digest(), digest);
    let first = suite.cases_digest().unwrap();
    let cases = &suite.tasks()[0].cases;
    let shown: Vec<_> =
        cases.iter().map(|case| (case.name.as_str(), case.expected.to_string(), case.is_wrong())).collect();
    assert_eq!(
        shown,
        [
            ("alias", "pass tests-passed for 500 of 1000".to_owned(), false),
            ("wrong", "fail tests-failed".to_owned(), true),
        ]
    );
    assert_eq!(cases[0].about.as_deref(), Some("Half"));
    assert_eq!(suite.case_input(&cases[0]).unwrap(), "true\n");
    assert_eq!(suite.case_input(&cases[1]).unwrap(), PATCH);
    // A reader knows what was tried, and a case that changes meanwhile is not tried.
    folder.write(&format!("{CASES}/run"), "false\n");
    assert!(suite.case_input(&cases[0]).unwrap_err().to_string().contains("changed after"));
    let suite = folder.suite();
    assert_eq!(suite.digest(), digest);
    assert_ne!(suite.cases_digest(), Some(first));
}

#[rustfmt::skip] // a line for each
#[test]
fn each_mistake_in_a_case_is_named() {
    let toml = "tasks/totals/cases/wrong.toml";
    let whole = "patch = \"wrong.patch\"\nexpect = \"fail tests-failed\"\n";
    // The table instead; then the key and parts of the message and of the hint.
    for (text, key, message, hint) in [
        (whole.replace("fail tests-failed", "fail"), "expect", "expected `pass REASON` or `fail REASON`, found `fail`", "fail tests-failed"),
        (whole.replace("fail tests-failed", "failed tests"), "expect", "found `failed tests`", "fail wrong-choice"),
        (whole.replace("fail tests-failed", ""), "expect", "found ``", "pass tests-passed"),
        (whole.replace("fail tests-failed", "fail  tests-failed"), "expect", "is not a reason code", "fail tests-failed"),
        (whole.replace("fail tests-failed", "fail Tests_Failed"), "expect", "`Tests_Failed` is not a reason code", ""),
        (whole.replace("fail tests-failed", "invalid no-report"), "expect", "a case is decided", "fail tests-failed"),
        (whole.replace("expect", "expects"), "expects", "unknown key", "did you mean `expect`"),
        (whole.replace("\"fail tests-failed\"", "true"), "expect", "expected text", ""),
        (whole.replace("wrong.patch", "worng.patch"), "patch", "no file `tasks/totals/cases/worng.patch`", "did you mean `wrong.patch`"),
        (whole.replace("wrong.patch", "../private/answer-key.json"), "patch", "there is no file", "beside this one"),
        (whole.replace("wrong.patch", "/etc/passwd"), "patch", "there is no file", "beside this one"),
        (whole.replace("wrong.patch", "wrong.toml"), "patch", "there is no file", ""),
        (whole.replace("wrong.patch", "empty"), "patch", "is empty", "every task is tried so"),
        (whole.replace("wrong.patch", ""), "patch", "there is no file", ""),
        (whole.replace("patch = \"wrong.patch\"", "choice = 3"), "choice", "nothing to choose among", "a patch or a script"),
        (whole.replace("patch = \"wrong.patch\"\n", ""), "", "expected one of `patch`, `script` and `choice`, found none", "patch = \"FILE\""),
        (format!("script = \"wrong.patch\"\n{whole}"), "", "found patch and script", ""),
        (format!("{whole}score = 500\n"), "score", "a fail is worth nothing", "remove it"),
        (format!("{whole}score = 0\n").replace("fail tests-failed", "pass half"), "score", "expected 1 to 1000, found 0", ""),
        (format!("{whole}score = 1001\n").replace("fail tests-failed", "pass half"), "score", "expected 1 to 1000, found 1001", ""),
        (format!("{whole}score = 70000\n").replace("fail tests-failed", "pass half"), "score", "", ""),
        (format!("{whole}about = \"one\\ntwo\"\n"), "about", "expected one line", ""),
        (format!("{whole}about = \" \"\n"), "about", "empty", ""),
        ("expect = ".to_owned(), "", "this is no TOML", ""),
        (format!("{whole}{whole}"), "", "this is no TOML", ""),
    ] {
        let folder = with_case();
        folder.write(toml, &text);
        folder.write(&format!("{CASES}/empty"), "");
        let problems = folder.problems();
        let is_meant = |problem: &&Problem| problem.file == toml && problem.key.as_deref().unwrap_or_default() == key;
        let found = problems.iter().find(is_meant).unwrap_or_else(|| panic!("{text}: {problems:#?}"));
        assert!(found.message.contains(message), "{text}: {found:#?}");
        assert!(found.hint.as_deref().unwrap_or_default().contains(hint), "{text}: {found:#?}");
    }
}

#[test]
fn cases_lie_where_they_belong_and_are_called_properly() {
    let case = "patch = \"wrong.patch\"\nexpect = \"fail tests-failed\"\n";
    for (file, text, message) in [
        ("gold.toml", case, "a control that every task has"),
        ("random.toml", case, "a control that every task has"),
        ("Wrong.toml", case, "no name of a case"),
        (".toml", case, "no name of a case"),
        ("a.b.toml", case, "no name of a case"),
        ("notes.md", "", "no case names this file"),
        ("other.patch", PATCH, "no case names this file"),
        ("deep/one.toml", case, "does not belong here"),
    ] {
        let folder = with_case();
        folder.write(&format!("{CASES}/{file}"), text);
        let problem = folder.problem();
        assert!(problem.message.contains(message), "{file}: {problem:#?}");
        assert!(problem.file.starts_with(&format!("{CASES}/")) && problem.hint.is_some(), "{problem:#?}");
    }
    let folder = with_case();
    for number in 0..100 {
        folder.write(&format!("{CASES}/case-{number}.toml"), case);
    }
    assert!(folder.problem().message.contains("101 cases, at most 100"));
    // Neither beside the tasks nor in what is hidden or shown.
    for place in ["cases/wrong.toml", "tasks/totals/cases"] {
        let folder = Folder::new();
        folder.write(place, case);
        assert!(!folder.problems().is_empty(), "{place}");
    }
}

#[test]
fn a_case_that_lies_in_the_agents_image_is_refused() {
    let folder = with_case();
    folder.write("images/app/source/a.patch", PATCH);
    let problem = folder.problem();
    assert_eq!(problem.file, format!("{CASES}/wrong.patch"));
    assert!(problem.message.contains("images/app/source/a.patch is the same file"), "{problem:#?}");
}

#[test]
fn a_managers_case_is_a_choice() {
    let folder = Folder::new();
    folder.write(TOML, managed(&folder));
    let id = folder.suite().tasks()[0].public.proposals[0].id;
    folder.write(&format!("{CASES}/wrong.toml"), format!("choice = {id}\nexpect = \"fail wrong-choice\"\n"));
    let suite = folder.suite();
    assert_eq!(suite.case_input(&suite.tasks()[0].cases[0]).unwrap(), id.to_string());
    assert_eq!(suite.warnings(), []);
    folder.write(&format!("{CASES}/wrong.toml"), "choice = 77\nexpect = \"fail unknown-proposal\"\n");
    let warning = folder.suite().warnings()[0].clone();
    assert_eq!(warning.to_string(), format!("{CASES}/wrong.toml: `choice`: no proposal has the id 77"));
    folder.write(&format!("{CASES}/wrong.patch"), PATCH);
    folder.write(&format!("{CASES}/wrong.toml"), "patch = \"wrong.patch\"\nexpect = \"fail wrong-kind\"\n");
    let problem = folder.problem();
    assert_eq!(
        (problem.key.as_deref(), problem.hint.as_deref().unwrap().contains("choice = ID")),
        (Some("patch"), true)
    );
}
