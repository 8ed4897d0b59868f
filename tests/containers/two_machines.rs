//! The guide across machines, to the letter: what its author types is typed here, where there are
//! tool chains, and what the host and the auditor type in a container each that has no network.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::context::{Context, workspace};
use crate::python::Python;

const GUIDE: &str = "docs/two-machines.md";
/// The base image of the tests, which has the libraries that the binary needs.
const IMAGE: &str = "debian:bookworm-slim";
/// The folder of a machine's user in its container.
const HOME: &str = "/home/user";

/// What the guide has its reader do.
#[derive(Debug)]
enum Step {
    /// A command on a machine, and the exit code that it is said to have.
    Type { machine: String, line: String, code: i32 },
    /// A file that is written on the machine of the next command.
    Write { name: String, text: String },
}

fn steps(guide: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for block in guide.split("\n```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        if language != "console" {
            let name = text.lines().next().and_then(|line| line.strip_prefix("# "));
            let name = name.expect("the first line of a file is its name").to_owned();
            steps.push(Step::Write { name, text: format!("{text}\n") });
            continue;
        }
        for line in text.lines() {
            let (machine, line) = line.split_once("$ ").expect("a machine, and what is typed");
            let (line, code) = line.split_once(" # exit code ").unwrap_or((line, "0"));
            let (machine, line) = (machine.to_owned(), line.to_owned());
            steps.push(Step::Type { machine, line, code: code.parse().unwrap() });
        }
    }
    steps
}

/// A machine of the guide.
struct Machine {
    folder: PathBuf,
    stick: PathBuf,
    /// Its container; the author has none.
    container: Option<String>,
}

impl Machine {
    fn author(context: &Context) -> Self {
        let folder = context.path("author");
        fs::create_dir(&folder).unwrap();
        Self { folder, stick: context.path("stick"), container: None }
    }

    /// A machine without a network, with `lancet` and nothing else that is ours.
    fn contained(context: &Context, name: &str) -> Self {
        let (folder, stick) = (context.path(name), context.path("stick"));
        fs::create_dir(&folder).unwrap();
        let of_context = folder.metadata().unwrap();
        let user = format!("{}:{}", of_context.uid(), of_context.gid());
        let volume = |from: &Path, to: &str| format!("{}:{to}", from.display());
        let mut docker = Command::new("docker");
        docker.args(["run", "--detach", "--rm", "--init", "--network", "none", "--user", &user]);
        docker.args(["--volume", &volume(&context.path("bin"), "/opt/lancet:ro")]);
        docker.args(["--volume", &volume(&folder, HOME), "--volume", &volume(&stick, "/stick")]);
        docker.args(["--env", &format!("HOME={HOME}"), "--env", "STICK=/stick", "--workdir", HOME]);
        docker.args(["--env", "PATH=/opt/lancet:/usr/bin:/bin", IMAGE, "sleep", "600"]);
        let output = docker.output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        let container = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        Self { folder, stick, container: Some(container) }
    }

    fn types(&self, line: &str) -> Output {
        let mut command = match &self.container {
            Some(container) => {
                let mut docker = Command::new("docker");
                docker.args(["exec", container, "sh", "-c", line]);
                docker
            }
            None => self.here(line, Path::new(env!("CARGO_BIN_EXE_lancet")).parent().unwrap()),
        };
        command.output().unwrap()
    }

    /// A command outside of a container, with these programs at hand.
    fn here(&self, line: &str, programs: &Path) -> Command {
        let variable = |name: &str| std::env::var_os(name);
        let paths = std::env::split_paths(&variable("PATH").unwrap()).collect::<Vec<_>>();
        let path = std::env::join_paths([programs.to_owned()].into_iter().chain(paths)).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(&self.folder).env_clear();
        shell.env("PATH", path).env("HOME", &self.folder).env("STICK", &self.stick);
        // The tool chain stays the one of whoever tests.
        let home = PathBuf::from(variable("HOME").unwrap_or_default());
        for (name, folder) in [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")] {
            shell.env(name, variable(name).map_or_else(|| home.join(folder), PathBuf::from));
        }
        for name in ["RUSTUP_TOOLCHAIN", "CARGO_NET_OFFLINE"] {
            shell.envs(variable(name).map(|value| (name, value)));
        }
        // Beside the built-in guests, where most of what a guest is made of lies already.
        shell.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests"));
        shell.env("LANCET_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
        shell.env("PYTHONDONTWRITEBYTECODE", "1");
        shell
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(container) = &self.container {
            let _ = Command::new("docker").args(["rm", "--force", container]).output();
        }
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn a_strangers_grader_comes_to_a_verdict_that_another_machine_verifies_without_a_network() {
    let context = Context::new();
    for folder in ["stick", "bin"] {
        fs::create_dir(context.path(folder)).unwrap();
    }
    // The engine may not see the folder that it was built in.
    fs::copy(env!("CARGO_BIN_EXE_lancet"), context.path("bin/lancet")).unwrap();
    let author = Machine::author(&context);
    let host = Machine::contained(&context, "host");
    let auditor = Machine::contained(&context, "auditor");
    // The program that comes with the book; of the tools that it wants the image has none.
    let verifier = "verify.py";
    fs::copy(workspace().join("docs/verify").join(verifier), auditor.folder.join(verifier)).unwrap();
    let python = Python::oracles().program("python3");
    let python = Path::new(python.get_program()).parent().unwrap();
    for machine in [&host, &auditor] {
        assert_eq!(told(&machine.types("ls /sys/class/net")), "lo\n", "there is a network");
    }

    let guide = fs::read_to_string(workspace().join(GUIDE)).unwrap();
    let steps = steps(&guide);
    let mut written: Vec<(&str, &str)> = Vec::new();
    let mut said: Vec<(&str, String)> = Vec::new();
    for step in &steps {
        let (machine, line, code) = match step {
            Step::Write { name, text } => {
                written.push((name, text));
                continue;
            }
            Step::Type { machine, line, code } => (machine, line.as_str(), *code),
        };
        let machine = match machine.as_str() {
            "author" => &author,
            "host" => &host,
            "auditor" => &auditor,
            other => panic!("`{other}$` is none of the guide's machines"),
        };
        for (name, text) in written.drain(..) {
            fs::write(machine.folder.join(name), text).unwrap();
        }
        let began = std::time::Instant::now();
        let output = match line.starts_with("python3 ") {
            true => machine.here(line, python).output().unwrap(),
            false => machine.types(line),
        };
        println!("{:>6.2} s  {line}", began.elapsed().as_secs_f64());
        assert_eq!(output.status.code(), Some(code), "{line}: {}", told(&output));
        if line.starts_with("lancet plugin new ") {
            // The versions that the built-in guests have, of which most is built already.
            let lock = author.folder.join("right-choice/Cargo.lock");
            fs::copy(workspace().join("Cargo.lock"), lock).unwrap();
        }
        said.push((line, told(&output)));
    }
    // What the reader was promised, on each machine.
    let all = |line: &str| -> String {
        let found = said.iter().filter(|(typed, _)| typed.starts_with(line));
        let found: String = found.map(|(_, told)| told.as_str()).collect();
        assert!(!found.is_empty(), "the guide has no `{line}`");
        found
    };
    for (line, words) in [
        ("lancet verify right-choice.wasm", "right-choice.wasm is what was signed\nkey     acme, "),
        ("lancet run shop --agent longest --policy strict", "is refused by the policy `strict`"),
        ("lancet plugin lock shop", "grader acme/right-choice 0.1.0, sha256:"),
        ("lancet verify verdicts.attested.jsonl", "not known here"),
        (
            "python3 verify.py run ",
            "1 of 1 verdicts shown: 1 pass, 0 fail, 0 invalid; leaves 0 to 2 of the 3 of ",
        ),
        ("python3 verify.py export ", "holds: "),
        ("python3 verify.py package ", "holds: acme/right-choice 0.1.0"),
    ] {
        assert!(all(line).contains(words), "{line}: {words}: {}", all(line));
    }

    // The run was of the author's suite: both are told by one digest.
    let shop = all("lancet verify shop");
    let digest = shop.lines().find_map(|line| line.strip_prefix("digest  ")).unwrap();
    let run = all("lancet verify verdicts.attested.jsonl");
    assert!(run.contains(&format!("suite    shop, {digest}\n")), "{digest}: {run}");

    // None of it holds when it was changed on the way.
    for file in [
        "verdicts.attested.jsonl",
        "run.export.tar",
        "right-choice.wasm",
        "shop/tasks/cents-are-lost/statement.md",
    ] {
        let path = auditor.folder.join(file);
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        fs::write(&path, changed).unwrap();
        let line = format!("lancet verify {}", file.split('/').next().unwrap());
        let output = auditor.types(&line);
        assert_eq!(output.status.code(), Some(8), "{file}: {}", told(&output));
        fs::write(&path, whole).unwrap();
    }
}
