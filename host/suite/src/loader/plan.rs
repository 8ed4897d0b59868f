//! The checks of test runs, gold patches and the answer keys that go with them.

use std::collections::{BTreeMap, BTreeSet};

use lancet_core::{ArtifactRule, CaseNaming, Kind, LaidFile, Plan, RESULTS_FOLDER, TESTS_FOLDER, TaskId};

use super::environment::{is_below, is_reserved, isolation, swe_lancer, template};
use super::{Context, Loader};
use crate::diagnose;
use crate::environment::{GoldPlace, LaidPlace, TaskEnvironment};
use crate::format::{
    EnvironmentEntry, GoldEntry, MAX_GOLD_BYTES, PlanEntry, Profile, SweLancerEntry, TaskFile, TestsAnswerKey,
};
use crate::image::ImageSource;
use crate::problem::{Problem, nearest, shown};
use crate::profile;
use crate::rules::{Rules, is_name};
use crate::suite::GraderRef;
use crate::tree::StoredFile;

/// The most plans of a task, and the most artifacts of a plan.
const MAX_PLANS: usize = 16;
/// Smaller private files are no secret: an empty `__init__.py`.
const MIN_SECRET_BYTES: u64 = 32;
/// The volume that the tests' container may write to, when it is apart.
const VOLUME: &str = "/lancet";
/// The graders of the host that judge by test runs.
const TEST_GRADERS: [&str; 2] = ["junit", "playwright-e2e"];

/// A task, as far as its environment is concerned.
pub(super) struct Subject<'a> {
    folder: &'a str,
    pub(super) file: &'a TaskFile,
    private: &'a [StoredFile],
    /// Cases: their tables, and what they hand in.
    cases: &'a [StoredFile],
}

impl Loader {
    /// What a task is worked on and judged in.
    pub(super) fn task_environment(
        &mut self,
        id: &TaskId,
        file: &TaskFile,
        private: &[StoredFile],
        cases: &[StoredFile],
        context: &mut Context<'_>,
    ) -> Option<TaskEnvironment> {
        let folder = format!("tasks/{id}");
        let toml_path = format!("{folder}/task.toml");
        let subject = Subject { folder: &folder, file, private, cases };
        let mut rules = Rules { file: &toml_path, problems: &mut self.problems };
        let (name, entry) = place(&mut rules, file, context)?;
        self.settled.entry(name.to_owned()).or_default().insert(file.kind);
        if file.kind == Kind::SweManager {
            return super::manager::repository(&mut rules, &subject, name, entry, context);
        }
        if file.grader.is_none() {
            rules.problem("grader", "missing: a task in an environment needs a grader").hint =
                Some("add [grader] with plugin = \"junit\"".to_owned());
        }
        let gold = file.gold.as_ref().and_then(|gold| gold_place(&mut rules, &subject, gold, entry));
        let template = match entry.profile {
            Some(Profile::SweLancer) => issue(&mut rules, &subject, name, entry, context)?,
            None => {
                let mut template = template(name, entry);
                template.plans = plans(&mut rules, &subject, entry);
                template.user_tool = file.user_tool.clone();
                template
            }
        };
        let laid = template.plans.iter().flat_map(|plan| {
            let from = plan_folder(file, &plan.name);
            plan.files.iter().map(move |laid| (laid, from.clone()))
        });
        let laid: BTreeMap<_, _> = laid
            .map(|(laid, from)| {
                let path = format!("{folder}/private/{from}{}", laid.path);
                (laid.sha256, LaidPlace { path, bytes: laid.bytes })
            })
            .collect();
        leaks(&mut rules, &subject, entry, context);
        Some(TaskEnvironment { template, profile: entry.profile, gold, laid })
    }

    /// The answer key of a task that is judged by test runs: it names a plan.
    pub(super) fn tests_answer_key(
        &mut self,
        id: &TaskId,
        environment: &TaskEnvironment,
        grader: Option<&GraderRef>,
        text: Option<&str>,
    ) {
        let path = format!("tasks/{id}/private/answer-key.json");
        let Some(GraderRef::Builtin(name)) = grader else { return };
        if !TEST_GRADERS.contains(&name.as_str()) {
            return;
        }
        let plans: Vec<_> = environment.template.plans.iter().map(|plan| plan.name.as_str()).collect();
        let Some(text) = text else {
            if !self.unread.contains(&path) {
                let plan = plans.first().unwrap_or(&"…");
                let problem = Problem::new(path, format!("missing: `{name}` needs an answer key"));
                self.problems.push(problem.hint(format!("write {{\"plan\": \"{plan}\"}}")));
            }
            return;
        };
        let key: Option<TestsAnswerKey> = diagnose::json(&path, text, &mut self.problems);
        // Without plans, that they are missing is what is to be said.
        if let Some(key) = key
            && !plans.is_empty()
            && !plans.contains(&key.plan.as_str())
        {
            let hint = match nearest(&key.plan, plans.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", plans.join(", ")),
            };
            let message = format!("the task has no plan `{}`", shown(&key.plan));
            self.problems.push(Problem::new(path, message).key("plan").hint(hint));
        }
    }
}

/// The environment that a task is in. What has no meaning without one, or for a
/// manager's task, is said.
fn place<'c>(
    rules: &mut Rules<'_>,
    file: &TaskFile,
    context: &Context<'c>,
) -> Option<(&'c str, &'c EnvironmentEntry)> {
    let others = [
        ("plans", !file.plans.is_empty()),
        ("gold", file.gold.is_some()),
        ("user-tool", file.user_tool.is_some()),
        ("swe-lancer", file.swe_lancer.is_some()),
    ];
    let there = others.iter().filter(|(_, there)| *there).map(|(key, _)| *key);
    if file.kind == Kind::SweManager {
        for key in there {
            let message = "nothing of a swe-manager task is tested: its answer is a choice";
            rules.problem(key, message).hint = Some("remove it".to_owned());
        }
    } else if file.environment.is_none() {
        for key in there {
            rules.problem(key, "it has no meaning without `environment`");
        }
    }
    let name = file.environment.as_ref()?;
    let environments = context.environments?;
    match environments.get_key_value(name) {
        Some((name, entry)) => Some((name, entry)),
        None => {
            let near = nearest(name, environments.keys().map(String::as_str));
            let hint = near.map_or_else(
                || "environments are declared in suite.toml, under [environments.<name>]".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("there is no environment `{}`", shown(name));
            rules.problem("environment", message).hint = Some(hint);
            None
        }
    }
}

/// Where the files of a plan come from: the folder in `private/`, with its `/`.
fn plan_folder(file: &TaskFile, plan: &str) -> String {
    match file.plans.iter().find(|entry| entry.name == plan) {
        Some(entry) => entry.tests.as_ref().map(|tests| format!("{tests}/")).unwrap_or_default(),
        None => profile::ISSUE_FOLDER.to_owned(),
    }
}

/// The files below a folder of `private/`, whose name has its `/`.
fn laid_files(private: &[StoredFile], folder: &str) -> Vec<LaidFile> {
    let below = private.iter().filter_map(|file| Some((file, file.path.strip_prefix(folder)?)));
    below
        .map(|(file, path)| LaidFile {
            path: path.to_owned(),
            sha256: file.sha256,
            bytes: file.bytes,
            executable: file.executable,
        })
        .collect()
}

fn plans(rules: &mut Rules<'_>, subject: &Subject<'_>, entry: &EnvironmentEntry) -> Vec<Plan> {
    let file = subject.file;
    if file.swe_lancer.is_some() {
        rules.problem("swe-lancer", "the environment does not have that profile");
    }
    if file.plans.is_empty() {
        rules.problem("plans", "missing: a task in an environment needs at least one test plan").hint =
            Some("add [[plans]] with `name`, `argv`, `timeout-seconds`, `report` and `required`".to_owned());
    }
    rules.count("plans", file.plans.len(), MAX_PLANS);
    let names: Vec<_> = file.plans.iter().map(|plan| plan.name.as_str()).collect();
    if let Some(name) = &file.user_tool
        && !names.contains(&name.as_str())
    {
        let near = nearest(name, names.iter().copied());
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        rules.problem("user-tool", format!("there is no plan `{}`", shown(name))).hint = hint;
    }
    let mut plans = Vec::with_capacity(file.plans.len());
    for (index, plan) in file.plans.iter().enumerate() {
        let key = format!("plans[{index}]");
        rules.name(format!("{key}.name"), &plan.name);
        if names[..index].contains(&plan.name.as_str()) {
            let message = format!("there is a plan `{}` already", shown(&plan.name));
            rules.problem(format!("{key}.name"), message);
        }
        let files = plan_files(rules, &key, subject, plan);
        check_plan(rules, &key, plan, entry.driver.is_some());
        if file.user_tool.as_ref() == Some(&plan.name) {
            user_tool(rules, &key, plan);
        }
        plans.push(to_plan(plan, entry, files));
    }
    plans
}

/// What a plan has to be like, besides its files.
fn check_plan(rules: &mut Rules<'_>, key: &str, plan: &PlanEntry, is_split: bool) {
    let at = |name: &str| format!("{key}.{name}");
    rules.argv(&at("argv"), &plan.argv);
    rules.seconds(at("timeout-seconds"), plan.timeout_seconds);
    rules.variables(&at("variables"), &plan.variables);
    if let Some(status) = plan.pass_exit {
        rules.within(at("pass-exit"), status, 0, 255);
    }
    let naming = plan.naming.unwrap_or_default().into();
    tests(rules, key, &plan.required, &plan.sentinels, naming);

    let files_at = plan.files_at.as_deref().unwrap_or(TESTS_FOLDER);
    if plan.files_at.is_some() {
        if plan.tests.is_none() {
            rules.problem(at("files-at"), "it has no meaning without `tests`");
        } else if rules.absolute_path(at("files-at"), files_at) {
            let good = if is_split {
                is_below(files_at, VOLUME) && files_at != VOLUME && !is_below(files_at, RESULTS_FOLDER)
            } else {
                is_below(files_at, TESTS_FOLDER) || !is_reserved(files_at)
            };
            if !good {
                rules.problem(at("files-at"), "tests cannot be laid there").hint =
                    Some(format!("leave it out: that is {TESTS_FOLDER}"));
            }
        }
    }
    if let Some(path) = &plan.working_directory {
        rules.absolute_path(at("working-directory"), path);
    }
    result(rules, &at("report"), &plan.report, is_split);
    if let Some(path) = &plan.status_file {
        result(rules, &at("status-file"), path, is_split);
    }
    rules.count(at("artifacts"), plan.artifacts.len(), MAX_PLANS);
    for (index, artifact) in plan.artifacts.iter().enumerate() {
        let at = |name: &str| format!("{key}.artifacts[{index}].{name}");
        rules.name(at("name"), &artifact.name);
        if plan.artifacts[..index].iter().any(|other| other.name == artifact.name) {
            let message = format!("there is an artifact `{}` already", shown(&artifact.name));
            rules.problem(at("name"), message);
        }
        if result(rules, &at("path"), &artifact.path, is_split)
            && (is_below(&artifact.path, files_at) || is_below(files_at, &artifact.path))
        {
            rules.problem(at("path"), format!("the hidden tests lie there, in {files_at}"));
        }
    }
}

/// A path that the tests leave something at.
fn result(rules: &mut Rules<'_>, key: &str, path: &str, is_split: bool) -> bool {
    if !rules.absolute_path(key, path) {
        return false;
    }
    if is_split && !is_below(path, RESULTS_FOLDER) {
        let message = format!("`{}` is not in {RESULTS_FOLDER}", shown(path));
        rules.problem(key, message).hint =
            Some("nothing else that the tests write is kept when they run apart".to_owned());
        return false;
    }
    if !is_split && is_reserved(path) && !is_below(path, RESULTS_FOLDER) {
        rules.problem(key, format!("nothing can be read at `{}`", shown(path)));
        return false;
    }
    true
}

/// Required tests and sentinels.
fn tests(rules: &mut Rules<'_>, key: &str, required: &[String], sentinels: &[String], naming: CaseNaming) {
    let at = |name: &str| format!("{key}.{name}");
    if required.is_empty() {
        rules.problem(at("required"), "empty, expected the tests that have to pass").hint =
            Some("as the report names them: `test_x::test_a`".to_owned());
    }
    rules.tests(&at("required"), required);
    rules.tests(&at("sentinels"), sentinels);
    let known: BTreeSet<_> = required.iter().collect();
    for (index, test) in sentinels.iter().enumerate() {
        if known.contains(test) {
            let message = format!("`{}` is required to pass as well", shown(test));
            rules.problem(at(&format!("sentinels[{index}]")), message);
        }
    }
    if naming == CaseNaming::Function {
        for (name, list) in [("required", required), ("sentinels", sentinels)] {
            for (index, test) in list.iter().enumerate() {
                if test.contains(['[', ':', '/']) {
                    let message = format!("`{}` is no function's name", shown(test));
                    rules.problem(at(&format!("{name}[{index}]")), message);
                }
            }
        }
    }
}

/// What comes back from the user tool is seen by the agent.
fn user_tool(rules: &mut Rules<'_>, key: &str, plan: &PlanEntry) {
    for (index, artifact) in plan.artifacts.iter().enumerate() {
        let results = std::iter::once(&plan.report).chain(&plan.status_file);
        for result in results {
            if is_below(result, &artifact.path) {
                let message = format!("the agent would see `{}`", shown(result));
                rules.problem(format!("{key}.artifacts[{index}].path"), message).hint =
                    Some("give what the agent may see a folder of its own".to_owned());
            }
        }
    }
}

/// The hidden tests of a plan.
fn plan_files(rules: &mut Rules<'_>, key: &str, subject: &Subject<'_>, plan: &PlanEntry) -> Vec<LaidFile> {
    let Some(folder) = &plan.tests else { return Vec::new() };
    let key = format!("{key}.tests");
    if !rules.relative_path(&key, folder, "the task's folder private/") {
        return Vec::new();
    }
    let files = laid_files(subject.private, &format!("{folder}/"));
    if files.is_empty() {
        let message = format!("there are no files in {}/private/{folder}", subject.folder);
        let folders = subject.private.iter().filter_map(|file| file.path.split_once('/').map(|(f, _)| f));
        let hint = nearest(folder, folders).map(|near| format!("did you mean `{near}`?"));
        rules.problem(key, message).hint = hint;
    }
    files
}

fn to_plan(plan: &PlanEntry, entry: &EnvironmentEntry, files: Vec<LaidFile>) -> Plan {
    let files_at = plan.files_at.clone().unwrap_or_else(|| TESTS_FOLDER.to_owned());
    let artifacts = plan.artifacts.iter().map(|artifact| ArtifactRule {
        name: artifact.name.clone(),
        kind: artifact.kind,
        path: artifact.path.clone(),
    });
    let default_exit = u32::from(!plan.sentinels.is_empty());
    Plan {
        name: plan.name.clone(),
        isolation: isolation(entry),
        argv: plan.argv.clone(),
        variables: plan.variables.clone(),
        working_directory: plan
            .working_directory
            .clone()
            .or_else(|| plan.tests.is_some().then(|| files_at.clone())),
        timeout_seconds: plan.timeout_seconds,
        report: plan.report.clone(),
        status_file: plan.status_file.clone(),
        artifacts: artifacts.collect(),
        files,
        files_at,
        required: plan.required.clone(),
        sentinels: plan.sentinels.clone(),
        naming: plan.naming.unwrap_or_default().into(),
        pass_exit: i64::from(plan.pass_exit.unwrap_or(default_exit)),
        rerun: plan.rerun.unwrap_or_default().into(),
    }
}

/// A task of the profile `swe-lancer`.
fn issue(
    rules: &mut Rules<'_>,
    subject: &Subject<'_>,
    name: &str,
    entry: &EnvironmentEntry,
    context: &mut Context<'_>,
) -> Option<lancet_core::Environment> {
    let file = subject.file;
    for (key, there) in [("plans", !file.plans.is_empty()), ("user-tool", file.user_tool.is_some())] {
        if there {
            rules.problem(key, "the profile `swe-lancer` brings its own").hint = Some("remove it".to_owned());
        }
    }
    let Some(issue) = &file.swe_lancer else {
        rules.problem("swe-lancer", "missing: the environment has that profile").hint =
            Some("add [swe-lancer] with `question-id`, `image` and `required`".to_owned());
        return None;
    };
    let id = &issue.question_id;
    let is_id = (1..=128).contains(&id.len())
        && id.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    if !is_id {
        let message = format!("`{}` is no id: expected letters, digits, `-`, `_` and `.`", shown(id));
        rules.problem("swe-lancer.question-id", message);
    }
    tests(rules, "swe-lancer", &issue.required, &issue.sentinels, CaseNaming::Function);
    let files = laid_files(subject.private, profile::ISSUE_FOLDER);
    if !files.iter().any(|file| file.path == "test.py") {
        let path = format!("{}/private/{}test.py", subject.folder, profile::ISSUE_FOLDER);
        rules.problems.push(Problem::new(path, "missing: the issue's test"));
    }
    let image = issue_image(rules, issue, entry, context)?;
    let issue = profile::Issue {
        id,
        required: &issue.required,
        sentinels: &issue.sentinels,
        rerun: issue.rerun.unwrap_or_default().into(),
        files,
    };
    Some(swe_lancer(name, entry, &image, &issue))
}

/// The suite's name for the image of an issue.
fn issue_image(
    rules: &mut Rules<'_>,
    issue: &SweLancerEntry,
    entry: &EnvironmentEntry,
    context: &mut Context<'_>,
) -> Option<String> {
    const KEY: &str = "swe-lancer.image";
    match (&issue.image, &entry.image) {
        (None, Some(image)) => Some(image.clone()),
        (Some(_), Some(_)) => {
            rules.problem(KEY, "the environment has an image for all of its tasks").hint =
                Some("remove it here, or there".to_owned());
            None
        }
        (None, None) => {
            rules.problem(KEY, "missing: the environment has none either").hint = Some(
                "`swelancer/swelancer_x86_<question id>:releasev1`, or a name from suite.toml".to_owned(),
            );
            None
        }
        (Some(image), None) if is_name(image) => {
            if context.images.contains_key(image) {
                return Some(image.clone());
            }
            let near = nearest(image, context.images.keys().map(String::as_str));
            let hint = near.map_or_else(
                || "an image of a registry has a tag or a digest".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            rules.problem(KEY, format!("there is no image `{image}` in suite.toml")).hint = Some(hint);
            None
        }
        (Some(image), None) => {
            let source = super::image::reference_of(rules, KEY, image)?;
            context.images.insert(image.clone(), source);
            Some(image.clone())
        }
    }
}

/// Where the gold patch lies.
fn gold_place(
    rules: &mut Rules<'_>,
    subject: &Subject<'_>,
    gold: &GoldEntry,
    entry: &EnvironmentEntry,
) -> Option<GoldPlace> {
    match (&gold.file, &gold.image_file) {
        (Some(path), None) => {
            if !rules.relative_path("gold.file", path, "the task's folder private/") {
                return None;
            }
            let Some(file) = subject.private.iter().find(|file| file.path == *path) else {
                let near = nearest(path, subject.private.iter().map(|file| file.path.as_str()));
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                let hint =
                    hint.or_else(|| Some("expected a path from the task's folder private/".to_owned()));
                let message = format!("there is no file `{}/private/{}`", subject.folder, shown(path));
                rules.problem("gold.file", message).hint = hint;
                return None;
            };
            if file.bytes > MAX_GOLD_BYTES {
                rules.problem("gold.file", format!("larger than {MAX_GOLD_BYTES} bytes"));
            }
            let path = format!("{}/private/{path}", subject.folder);
            Some(GoldPlace::File { path, sha256: file.sha256 })
        }
        (None, Some(path)) => {
            rules.absolute_path("gold.image-file", path);
            let Some(image) = &entry.gold_image else {
                rules.problem("gold.image-file", "the environment has no `gold-image`").hint =
                    Some("name the image in suite.toml, or the patch's `file` in private/".to_owned());
                return None;
            };
            Some(GoldPlace::Image { image: image.clone(), path: path.clone() })
        }
        (file, _) => {
            let found = if file.is_some() { "both" } else { "neither" };
            rules.problem("gold", format!("expected either `file` or `image-file`, found {found}"));
            None
        }
    }
}

/// Says which private files and cases the agent would find in its image, because they lie in
/// the folder that it is built from as well.
pub(super) fn leaks(
    rules: &mut Rules<'_>,
    subject: &Subject<'_>,
    entry: &EnvironmentEntry,
    context: &Context<'_>,
) {
    let source = entry.image.as_ref().and_then(|image| context.images.get(image));
    let Some(ImageSource::Build { folder, .. }) = source else { return };
    let built = context.builds.get(folder).into_iter().flatten();
    let built: BTreeMap<_, _> = built.map(|file| (file.sha256, file.path.as_str())).collect();
    let private = subject.private.iter().map(|file| ("private", file));
    let all = private.chain(subject.cases.iter().map(|file| ("cases", file)));
    for (place, file) in all.filter(|(_, file)| file.bytes >= MIN_SECRET_BYTES) {
        if let Some(path) = built.get(&file.sha256) {
            let message = format!("{folder}/{path} is the same file, and the agent's image is built from it");
            let problem = Problem::new(format!("{}/{place}/{}", subject.folder, file.path), message);
            rules.problems.push(problem.hint("take it out of the build folder"));
        }
    }
}
