//! Submissions that cheat, escape or break things, and right ones that look odd: each
//! is handed in for real, and has to come to the verdict that its file declares.
//!
//! The cases are the scripts and patches of `tests/hostile/submissions`, whose README
//! says how they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;

use crate::context::{Context, text, workspace};
use crate::scale::scaled;
use crate::secrets::{Watch, tells};
use crate::suites::{self, command, copy_folder, json, left_behind};
use crate::user_tool;

/// The file of the agent that runs a script, asks its user, and reads all that it gets.
const ASKING: &str = "./asking.wasm";

/// What the host's environment has, and no container may ever show.
const SECRET: &str = "sk-hostile-corpus-5f0c1d";

/// One submission and what is to come of it.
#[derive(Debug)]
pub(crate) struct Case {
    /// The file's name without its ending, which begins with the threat's number.
    name: String,
    /// A row of the table of threats.
    threat: u8,
    /// The task of the suite that it is an answer to.
    task: String,
    /// Whether the gold patch is applied first.
    gold: bool,
    /// A file of the same folder that the script finds in `/tmp/with`.
    with: Option<String>,
    /// Another rerun rule than the task's.
    rerun: Option<String>,
    /// Outcome and reason, such as `fail tests-failed`. More than one only where
    /// either is right.
    verdicts: Vec<String>,
    /// What its journal or an artifact has to hold: the attack was carried out, and
    /// not just misspelt.
    says: Vec<String>,
    /// Whether its agent asks its user, and hands nothing in.
    asks: bool,
    /// How often it has to be tested.
    runs: Option<u64>,
    /// Whether it is handed in however small the share of all is.
    always: bool,
    /// Whether it is a patch. Otherwise it is a script.
    patch: bool,
    /// What is applied or executed, without the keys: what it says would be among them.
    body: String,
}

/// The cases of a suite, by name.
pub(crate) fn cases(suite: &str) -> Vec<Case> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "sh" || ending == "patch"));
    files.sort();
    let cases = files.iter().map(|file| parse(file)).filter(|(of, _)| of == suite);
    cases.map(|(_, case)| case).collect()
}

fn folder() -> PathBuf {
    workspace().join("tests/hostile/submissions")
}

/// A file's suite, and the case.
fn parse(file: &Path) -> (String, Case) {
    let shown = file.display();
    let text = fs::read_to_string(file).unwrap();
    let mut keys: BTreeMap<String, String> = BTreeMap::new();
    let mut body = text.as_str();
    while let Some((line, rest)) = body.strip_prefix("# ").and_then(|rest| rest.split_once('\n')) {
        let (key, value) = line.split_once(": ").unwrap_or_else(|| panic!("{shown}: `{line}` is no key"));
        assert!(keys.insert(key.to_owned(), value.to_owned()).is_none(), "{shown}: `{key}` twice");
        body = rest;
    }
    let mut take = |key: &str| keys.remove(key);
    let suite = take("suite").unwrap_or_else(|| panic!("{shown} names no suite"));
    let ordinary = match suite.as_str() {
        "expensify-common" => "tax-without-rate",
        "web-chat" => "mention-before-another",
        "stand-in" => "90002",
        "lab" => "at-the-top",
        "parametrized" => "apart",
        other => panic!("{shown}: there is no suite `{other}`"),
    };
    let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
    let case = Case {
        threat: take("threat").unwrap_or_else(|| panic!("{shown} names no threat")).parse().unwrap(),
        task: take("task").unwrap_or_else(|| ordinary.to_owned()),
        gold: take("gold").is_some_and(|value| value == "yes"),
        with: take("with"),
        rerun: take("rerun"),
        verdicts: take("verdict").unwrap_or_default().split(" | ").map(str::to_owned).collect(),
        says: take("says").map_or(Vec::new(), |texts| texts.split(" & ").map(str::to_owned).collect()),
        asks: take("asks").is_some_and(|value| value == "user"),
        runs: take("runs").map(|runs| runs.parse().unwrap()),
        always: take("always").is_some_and(|value| value == "yes"),
        name,
        patch: file.extension().is_some_and(|ending| ending == "patch"),
        body: body.to_owned(),
    };
    assert!(take("why").is_some(), "{shown} does not say why");
    assert!(keys.is_empty(), "{shown}: unknown keys {keys:?}");
    assert!(case.name.starts_with(&format!("{:02}-", case.threat)), "{shown}: its threat is {}", case.threat);
    let known = |verdict: &String| matches!(verdict.split_once(' '), Some(("pass" | "fail", reason)) if !reason.is_empty());
    assert!(case.verdicts.iter().all(known), "{shown}: a verdict is `pass REASON` or `fail REASON`");
    let is_said = |says: &String| !case.body.contains(says.as_str());
    assert!(case.says.iter().all(is_said), "{shown}: the script itself has what it is to say in one piece");
    (suite, case)
}

/// What listens on the host while submissions try to reach it.
struct Listener {
    tcp: TcpListener,
    udp: UdpSocket,
}

impl Listener {
    fn new() -> Self {
        // Where the machine has IPv6, its listeners take IPv4 too.
        let tcp = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).or_else(|_| TcpListener::bind("0.0.0.0:0"));
        let udp = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).or_else(|_| UdpSocket::bind("0.0.0.0:0"));
        let listener = Self { tcp: tcp.unwrap(), udp: udp.unwrap() };
        listener.tcp.set_nonblocking(true).unwrap();
        listener.udp.set_nonblocking(true).unwrap();
        // It hears what comes.
        drop(TcpStream::connect(("127.0.0.1", listener.ports().0)).unwrap());
        assert_eq!(listener.heard().len(), 1);
        listener
    }

    fn ports(&self) -> (u16, u16) {
        (self.tcp.local_addr().unwrap().port(), self.udp.local_addr().unwrap().port())
    }

    /// Who has been here since it was last asked.
    fn heard(&self) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            match self.tcp.accept() {
                Ok((_, from)) => heard.push(format!("a connection from {from}")),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        let mut bytes = [0; 64];
        while let Ok((_, from)) = self.udp.recv_from(&mut bytes) {
            heard.push(format!("a datagram from {from}"));
        }
        heard
    }
}

/// Hands in all cases of a suite, and compares.
#[track_caller]
pub(crate) fn judge(suite_name: &str, suite: &Path) {
    let cases = cases(suite_name);
    // For whoever writes one: only those whose name has this in it, or one of these.
    let cases = match std::env::var("LANCET_CASE") {
        Ok(parts) => {
            let is_meant = |case: &Case| parts.split(',').any(|part| case.name.contains(part));
            cases.into_iter().filter(is_meant).collect()
        }
        Err(_) => a_share(cases),
    };
    assert!(!cases.is_empty());
    let (patches, cases): (Vec<_>, Vec<_>) = cases.into_iter().partition(|case| case.patch);
    let (asking, scripts): (Vec<_>, Vec<_>) = cases.into_iter().partition(|case| case.asks);
    let mut wrong = Vec::new();
    for (agent, cases) in [("script", scripts), ("patch", patches), (ASKING, asking)] {
        if !cases.is_empty() {
            wrong.extend(hand_in(agent, suite, &cases));
        }
    }
    assert!(wrong.is_empty(), "{} problems\n{}", wrong.len(), wrong.join("\n"));
}

/// As many of the cases as `LANCET_TEST_SCALE` gives, and one of each threat.
fn a_share(cases: Vec<Case>) -> Vec<Case> {
    let kinds: Vec<_> = cases.iter().map(|case| (case.threat, case.always)).collect();
    let chosen = chosen(&kinds, scaled(cases.len()));
    cases.into_iter().zip(chosen).filter_map(|(case, is_chosen)| is_chosen.then_some(case)).collect()
}

/// Which of some cases are handed in, by their threats and whether they always are: these, the
/// first of each threat that has none of them, and others that are spread over all, until there
/// are as many as the share, or one of each threat beside it, which are more of small shares.
fn chosen(cases: &[(u8, bool)], share: usize) -> Vec<bool> {
    let spread = |whole: usize, share: usize| {
        // In steps of whole / share.
        move |number: usize| (number + 1) * share / whole > number * share / whole
    };
    let mut threats = BTreeSet::new();
    let is_spread = spread(cases.len().max(1), share);
    let firsts =
        cases.iter().enumerate().map(|(number, (threat, _))| threats.insert(*threat) || is_spread(number));
    let most = firsts.filter(|is_chosen| *is_chosen).count();
    let mut chosen: Vec<bool> = cases.iter().map(|(_, always)| *always).collect();
    for number in 0..cases.len() {
        let is_there = (0..cases.len()).any(|other| chosen[other] && cases[other].0 == cases[number].0);
        chosen[number] |= !is_there;
    }
    let others: Vec<usize> = (0..cases.len()).filter(|number| !chosen[*number]).collect();
    let left = most.saturating_sub(cases.len() - others.len());
    let is_spread = spread(others.len().max(1), left);
    for (number, case) in others.into_iter().enumerate() {
        chosen[case] = is_spread(number);
    }
    chosen
}

#[test]
fn a_share_has_every_threat_and_what_is_always_handed_in() {
    let cases: Vec<(u8, bool)> = (0..70).map(|number| (number / 7, number % 9 == 4)).collect();
    for share in [0, 1, 17, 35, 69, 70] {
        let chosen = chosen(&cases, share);
        let count = chosen.iter().filter(|is_chosen| **is_chosen).count();
        assert!((share..=share.max(18) + 10).contains(&count), "{count} of {share}");
        for (number, (threat, always)) in cases.iter().enumerate() {
            assert!(!always || chosen[number], "{number} of {share}");
            let of_threat = cases.iter().zip(&chosen).filter(|((other, _), _)| other == threat);
            assert!(of_threat.into_iter().any(|(_, is_chosen)| *is_chosen), "{threat} of {share}");
        }
    }
    assert!(chosen(&cases, 70).iter().all(|is_chosen| *is_chosen));
    assert!(chosen(&[], 0).is_empty());
}

/// Hands in cases, all in one run, and gives what is wrong.
fn hand_in(agent: &str, suite: &Path, cases: &[Case]) -> Vec<String> {
    let context = Context::new();
    if agent == ASKING {
        let component = lancet_hostile::component(lancet_hostile::case("user-tool-artifacts-agent").unwrap());
        fs::write(context.path(ASKING), component).unwrap();
    }
    let listener = Listener::new();
    let canary = context.path("canary");
    let made = context.path("hostile");
    make_suite(suite, cases, &made);
    let input = context.path("input");
    fs::create_dir(&input).unwrap();
    for case in cases {
        let given = given(case, suite)
            .replace("@TCP_PORT@", &listener.ports().0.to_string())
            .replace("@UDP_PORT@", &listener.ports().1.to_string())
            .replace("@CANARY@", canary.to_str().unwrap());
        fs::write(input.join(format!("{}.txt", case.name)), given).unwrap();
    }
    let (made, input) = (made.to_str().unwrap(), input.to_str().unwrap());
    let run = ["run", made, "--agent", agent, "--input", input, "--jobs", "2"];
    let watch = Watch::begin(&context, &run).expect("it attempts tasks");
    let output = command(&context, &run)
        .env("ANTHROPIC_API_KEY", SECRET)
        .env("LANCET_TEST_SECRET", SECRET)
        .output()
        .unwrap();
    // Whatever they do, the host comes to its end, and says how each was decided.
    let code = output.status.code();
    let report =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(code.is_some_and(|code| [0, 5].contains(&code)), "{code:?}: {report}");

    let lines = json(&context, &["show", "latest"], 0);
    print_slowest(&lines);
    let (mut wrong, kept) = (Vec::new(), kept(&context));
    wrong.extend(revealed(&kept).into_iter().map(|problem| format!("an artifact: {problem}")));
    for case in cases {
        let line = lines.as_array().unwrap().iter().find(|line| task_of(line) == case.name);
        let line = line.unwrap_or_else(|| panic!("{} was not attempted", case.name));
        for problem in problems(&context, case, line, &kept) {
            wrong.push(format!("{}: {problem}", case.name));
        }
        if case.asks {
            let journal = json(&context, &["show", text(line, "attempt")], 0);
            user_tool::tells_nothing_of_the_tests(&journal, made.as_ref(), &case.name);
        }
    }
    wrong.extend(watch.end(&gold));
    wrong.extend(unclean(&context, "latest").into_iter().map(|problem| format!("the attempts: {problem}")));
    wrong.extend(listener.heard().into_iter().map(|who| format!("something got out: {who}")));
    if canary.exists() {
        wrong.push("something was executed on the host".to_owned());
    }
    let run = lines[0]["attempt"].as_str().unwrap().split('/').next().unwrap();
    wrong.extend(left_behind(run).into_iter().map(|what| format!("{what} was left behind")));
    let replayed = json(&context, &["replay", "latest"], 0);
    if replayed["identical"] != cases.len() {
        wrong.push(format!("a replay differs: {replayed}"));
    }
    wrong
}

/// A copy of a suite in which each case has a task for itself, named like it.
fn make_suite(suite: &Path, cases: &[Case], made: &Path) {
    copy_folder(suite, made);
    fs::copy(suite.join("images.lock"), made.join("images.lock")).unwrap();
    fs::remove_dir_all(made.join("tasks")).unwrap();
    for case in cases {
        let task = made.join("tasks").join(&case.name);
        copy_folder(&suite.join("tasks").join(&case.task), &task);
        if let Some(rerun) = &case.rerun {
            let file = task.join("task.toml");
            let mut lines: Vec<String> =
                fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect();
            lines.retain(|line| !line.starts_with("rerun = "));
            let plan = lines.iter().position(|line| line == "[[plans]]").unwrap();
            lines.insert(plan + 1, format!("rerun = \"{rerun}\""));
            fs::write(file, lines.join("\n")).unwrap();
        }
    }
}

/// What the agent is given for a case.
fn given(case: &Case, suite: &Path) -> String {
    let gold = case.gold.then(|| gold(suite, &case.task).expect("a gold patch"));
    if case.patch {
        return gold.unwrap_or_default() + &case.body;
    }
    // What only an attack that succeeds says; its words are not in any script.
    let mut script = "found() { printf '%s%s: %s\\n' FO UND \"$*\"; }\n".to_owned();
    if let Some(with) = &case.with {
        let content = fs::read_to_string(folder().join(with)).unwrap();
        script += &format!("mkdir /tmp/with\ncat > /tmp/with/{with} <<'END_OF_FILE'\n{content}END_OF_FILE\n");
    }
    if let Some(patch) = gold {
        script += "git -c safe.directory='*' apply <<'END_OF_PATCH' || found no gold patch\n";
        script += &format!("{patch}END_OF_PATCH\n");
    }
    script + &case.body
}

/// The gold patch of a task: in the suite, or in an image of it. `None` for a task that
/// has none, or whose image is not there.
pub(crate) fn gold(suite: &Path, task: &str) -> Option<String> {
    // An image does not change, and many cases begin with the same patch.
    static GOLD: Mutex<BTreeMap<(String, String), Option<String>>> = Mutex::new(BTreeMap::new());
    let read = |name: &str| fs::read_to_string(suite.join(name)).ok();
    let task_toml = read(&format!("tasks/{task}/task.toml"))?;
    if let Some(file) = value(&task_toml, "[gold]", "file") {
        return read(&format!("tasks/{task}/private/{file}"));
    }
    let path = value(&task_toml, "[gold]", "image-file")?;
    let environment = value(&task_toml, "", "environment")?;
    let image = value(&read("suite.toml")?, &format!("[environments.{environment}]"), "gold-image")?;
    let reference = value(&read("images.lock")?, &format!("[images.{image}]"), "reference")?;
    let mut known = GOLD.lock().unwrap();
    let of_image = known.entry((reference.clone(), path.clone()));
    of_image.or_insert_with(|| file_of_image(&reference, &path)).clone()
}

/// A text file of an image, which only a container can give.
fn file_of_image(reference: &str, path: &str) -> Option<String> {
    let docker = |arguments: &[&str]| {
        let output = Command::new("docker").args(arguments).output().unwrap();
        output.status.success().then_some(output.stdout)
    };
    let container = String::from_utf8(docker(&["create", reference, "true"])?).unwrap();
    // An archive of one file: its bytes come after the header.
    let archive = docker(&["cp", &format!("{}:{path}", container.trim()), "-"]);
    docker(&["rm", container.trim()]);
    let archive = archive?;
    let size = std::str::from_utf8(&archive[124..135]).unwrap();
    let size = usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).unwrap();
    Some(String::from_utf8(archive[512..512 + size].to_vec()).unwrap())
}

/// A text of a TOML file: of its top for an empty table's name.
fn value(toml: &str, table: &str, key: &str) -> Option<String> {
    let mut current = "";
    toml.lines().find_map(|line| {
        if line.starts_with('[') {
            current = line;
        }
        let rest = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        (current == table).then(|| rest.trim_end_matches('"').to_owned())
    })
}

fn task_of(line: &Value) -> &str {
    text(line, "attempt").split('/').nth(1).unwrap()
}

/// Cases are many, and each costs time: these are worth a look.
fn print_slowest(lines: &Value) {
    let took =
        |line: &Value| ["solve_us", "grade_us"].map(|key| line[key].as_u64().unwrap_or_default() / 1_000);
    let mut slowest: Vec<&Value> = lines.as_array().unwrap().iter().collect();
    slowest.sort_by_key(|line| std::cmp::Reverse(took(line).iter().sum::<u64>()));
    for line in &slowest[..slowest.len().min(20)] {
        let [solve_ms, grade_ms] = took(line);
        println!("{}: {solve_ms} ms, and {grade_ms} ms to grade", task_of(line));
    }
}

/// All that the store keeps besides journals, artifacts for example.
fn kept(context: &Context) -> String {
    let mut kept = String::new();
    for folder in fs::read_dir(context.path("store/blobs")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            kept += &String::from_utf8_lossy(&fs::read(file.unwrap().path()).unwrap());
        }
    }
    kept
}

/// What no record may hold.
fn revealed(record: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(at) = ["FOUND: ", "FOUND "].iter().find_map(|word| record.find(word)) {
        problems.push(format!("it says `{}`", record[at..].chars().take(200).collect::<String>()));
    }
    if record.contains(SECRET) {
        problems.push("it knows a secret of the host's".to_owned());
    }
    problems
}

/// What is not as the case says.
fn problems(context: &Context, case: &Case, line: &Value, kept: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let verdict = format!("{} {}", text(line, "state"), line["reason"].as_str().unwrap_or("-"));
    let attempt = text(line, "attempt");
    let journal = json(context, &["show", attempt], 0);
    if !case.verdicts.contains(&verdict) {
        let explanation = journal
            .as_array()
            .unwrap()
            .iter()
            .find_map(|event| event.pointer("/record/verdict/explanation").and_then(Value::as_str));
        let expected = case.verdicts.join(" or ");
        problems.push(format!("{verdict}, not {expected}: {}", explanation.unwrap_or_default()));
    }
    if let Some(runs) = case.runs
        && line["test_runs"] != runs
    {
        problems.push(format!("it was tested {} times, not {runs}", line["test_runs"]));
    }
    let said = journal.to_string();
    problems.extend(revealed(&said));
    for says in case.says.iter().filter(|says| !tells(&said, says) && !kept.contains(says.as_str())) {
        problems.push(format!("it does not say `{says}`: {}", said.chars().take(6_000).collect::<String>()));
    }
    problems.extend(unclean(context, attempt));
    problems
}

/// What the terminal would take for a command, in any form meant for people.
fn unclean(context: &Context, what: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for format in [&[][..], &["--format", "md"]] {
        let (code, stdout, stderr) = suites::lancet(context, &[&["show", what], format].concat());
        if code != Some(0) {
            problems.push(format!("`show {what}` failed: {stderr}"));
        }
        let control = |c: &char| c.is_control() && *c != '\n';
        if let Some(control) = stdout.chars().chain(stderr.chars()).find(control) {
            problems.push(format!("`show` {format:?} has the control character {control:?}"));
        }
    }
    problems
}

#[test]
fn submissions_to_expensify_common_come_to_what_they_declare() {
    judge("expensify-common", suites::expensify_common());
}

#[test]
fn submissions_to_web_chat_come_to_what_they_declare() {
    judge("web-chat", suites::web_chat());
}

#[test]
fn submissions_to_lab_come_to_what_they_declare() {
    judge("lab", suites::lab());
}

#[test]
fn submissions_to_parametrized_come_to_what_they_declare() {
    judge("parametrized", suites::parametrized());
}

#[test]
fn there_is_a_case_for_every_threat() {
    let suites = ["expensify-common", "web-chat", "stand-in", "lab", "parametrized"];
    let all: Vec<Case> = suites.into_iter().flat_map(cases).collect();
    for threat in 1..=15 {
        assert!(all.iter().any(|case| case.threat == threat), "no case for threat {threat}");
    }
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    for case in &all {
        assert!(readme.contains(&format!("`{}`", case.name)), "the README does not list {}", case.name);
        if let Some(file) = &case.with {
            assert!(folder().join(file).is_file(), "{}: there is no {file}", case.name);
        }
    }
}
