//! The checks of environments.

use std::collections::BTreeMap;

use lancet_core::{
    Account, Environment, Isolation, Kind, PinnedImage, ProtectedPath, Protection, Resources, Service, Step,
    SubmissionLimits,
};

use super::Loader;
use super::image::MAX_ENTRIES;
use crate::format::{
    EnvironmentEntry, Profile, ResourcesEntry, ServiceEntry, StepEntry, SubmissionEntry, SuiteFile,
};
use crate::image::ImageSource;
use crate::problem::{Problem, nearest, shown};
use crate::profile;
use crate::rules::Rules;

/// How long an agent has for a task, when the environment does not say.
const SOLVE_SECONDS: u32 = 3_600;
/// The app's name for the tests, when the environment does not say.
const ALIAS: &str = "app";
/// Folders that are the kernel's or the host's.
const RESERVED: [&str; 4] = ["/proc", "/sys", "/dev", "/lancet"];

impl Loader {
    /// The environments of `suite.toml`: whatever is wrong with them is said once,
    /// here, and not again for each task.
    pub(super) fn environments(&mut self, file: &SuiteFile, images: &BTreeMap<String, ImageSource>) {
        let mut rules = Rules { file: "suite.toml", problems: &mut self.problems };
        rules.count("environments", file.environments.len(), MAX_ENTRIES);
        for (name, entry) in &file.environments {
            let key = format!("environments.{}", shown(name));
            rules.name(&key, name);
            let mut checker = Checker { rules: &mut rules, key, entry, images, file };
            match entry.profile {
                Some(profile) => checker.with_profile(profile),
                None => checker.own(),
            }
            checker.common();
        }
    }

    /// Warns of environments whose tests are not apart from what they test, where tasks
    /// with tests may be in them: of all that are not there for managers alone.
    pub(super) fn warn_of_shared_containers(&mut self, file: &SuiteFile) {
        for (name, entry) in &file.environments {
            let is_managers = self.settled.get(name).is_some_and(|kinds| !kinds.contains(&Kind::IcSwe));
            if entry.profile.is_none() && entry.driver.is_none() && !is_managers {
                let message = "the tests run beside the submitted code, which can tamper with them";
                let key = format!("environments.{}", shown(name));
                let hint = format!(
                    "to have them run apart, add `driver = \"IMAGE\"`, an image with the tests' tools, and \
                     [{key}.app] with `argv` and `ready`, which serves what is submitted; the tests reach it at \
                     $LANCET_APP_HOST"
                );
                self.warnings.push(Problem::new("suite.toml", message).key(key).hint(hint));
            }
        }
    }
}

/// Checks one environment.
struct Checker<'a, 'r> {
    rules: &'a mut Rules<'r>,
    key: String,
    entry: &'a EnvironmentEntry,
    images: &'a BTreeMap<String, ImageSource>,
    file: &'a SuiteFile,
}

impl Checker<'_, '_> {
    fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.key)
    }

    /// An environment that says everything itself.
    fn own(&mut self) {
        let entry = self.entry;
        match &entry.image {
            None => {
                self.rules.problem(self.at("image"), "missing: the image that the agent works in").hint =
                    Some("`image` is a name from [images]".to_owned());
            }
            Some(image) => self.image("image", image),
        }
        match &entry.work_tree {
            None => {
                self.rules
                    .problem(self.at("work-tree"), "missing: the folder that submissions are taken from")
                    .hint = Some("an absolute path in the image".to_owned());
            }
            Some(path) => {
                let key = self.at("work-tree");
                if self.rules.absolute_path(&key, path) && is_reserved(path) {
                    let reserved = RESERVED.join(", ");
                    self.rules.problem(key, format!("`{}` is in one of {reserved}", shown(path)));
                }
            }
        }
        if let Some(image) = &entry.gold_image {
            self.image("gold-image", image);
            let source = |name: &Option<String>| name.as_ref().and_then(|name| self.images.get(name));
            if source(&entry.image).is_some_and(|agents| source(&entry.gold_image) == Some(agents)) {
                let message = "the agent's image: the agent would find the gold patch there";
                self.rules.problem(self.at("gold-image"), message).hint = Some(
                    "put it into a stage of its own, and name that as `target` of another image".to_owned(),
                );
            }
        }
        if let Some(setup) = &entry.setup {
            step(self.rules, &self.at("setup"), setup);
        }
        if let Some(app) = &entry.app {
            self.rules.argv(&self.at("app.argv"), &app.argv);
            step(self.rules, &self.at("app.ready"), &app.ready);
        }
        match &entry.driver {
            Some(image) => {
                self.image("driver", image);
                if entry.app.is_none() {
                    let message = "missing: the tests are apart from the app, so something has to serve it";
                    self.rules.problem(self.at("app"), message).hint = Some(
                        "add [environments.….app] with `argv`, and [environments.….app.ready]".to_owned(),
                    );
                }
            }
            None => {
                for (name, there) in
                    [("alias", entry.alias.is_some()), ("driver-resources", entry.driver_resources.is_some())]
                {
                    if there {
                        self.rules.problem(self.at(name), "it has no meaning without `driver`");
                    }
                }
            }
        }
        if let Some(alias) = &entry.alias
            && !is_host_name(alias)
        {
            let message = format!("`{}` is no host name", shown(alias));
            self.rules.problem(self.at("alias"), message).hint =
                Some("expected lower-case letters, digits, `-` and `.`: `app`, `dev.example.com`".to_owned());
        }
        if let Some(entry) = &entry.driver_resources {
            resources(self.rules, &self.at("driver-resources"), *entry);
        }
    }

    /// An environment of which the profile says the most.
    fn with_profile(&mut self, profile: Profile) {
        let entry = self.entry;
        for (name, there) in [
            ("work-tree", entry.work_tree.is_some()),
            ("driver", entry.driver.is_some()),
            ("alias", entry.alias.is_some()),
            ("gold-image", entry.gold_image.is_some()),
            ("setup", entry.setup.is_some()),
            ("app", entry.app.is_some()),
            ("driver-resources", entry.driver_resources.is_some()),
            ("resources.browser", entry.resources.is_some_and(|r| r.browser.is_some())),
        ] {
            if there {
                let message = format!("the profile `{}` says that", profile.as_str());
                self.rules.problem(self.at(name), message).hint = Some("remove it".to_owned());
            }
        }
        if let Some(image) = &entry.image {
            self.image("image", image);
        }
    }

    /// What every environment may say.
    fn common(&mut self) {
        let entry = self.entry;
        self.rules.variables(&self.at("variables"), &entry.variables);
        if let Some(seconds) = entry.solve_timeout_seconds {
            self.rules.seconds(self.at("solve-timeout-seconds"), seconds);
        }
        self.rules.patterns(&self.at("protected"), &entry.protected);
        self.rules.patterns(&self.at("overlaid"), &entry.overlaid);
        for (index, pattern) in entry.overlaid.iter().enumerate() {
            if entry.protected.contains(pattern) {
                let message = format!("`{}` is listed in `protected` as well", shown(pattern));
                self.rules.problem(self.at(&format!("overlaid[{index}]")), message);
            }
        }
        if let Some(entry) = &entry.resources {
            resources(self.rules, &self.at("resources"), *entry);
        }
        if let Some(entry) = &entry.submission {
            submission(self.rules, &self.at("submission"), *entry);
        }
    }

    fn image(&mut self, key: &str, name: &str) {
        if self.file.images.contains_key(name) {
            return;
        }
        let near = nearest(name, self.file.images.keys().map(String::as_str));
        let hint = near.map_or_else(
            || "images are declared under [images.<name>]".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("there is no image `{}`", shown(name));
        self.rules.problem(self.at(key), message).hint = Some(hint);
    }
}

fn step(rules: &mut Rules<'_>, key: &str, entry: &StepEntry) {
    rules.argv(&format!("{key}.argv"), &entry.argv);
    rules.seconds(format!("{key}.timeout-seconds"), entry.timeout_seconds);
}

fn resources(rules: &mut Rules<'_>, key: &str, entry: ResourcesEntry) {
    if let Some(cpus) = entry.cpus
        && !(10..=256_000).contains(&cpus.millis)
    {
        let message = format!("expected 0.01 to 256, found {}", f64::from(cpus));
        rules.problem(format!("{key}.cpus"), message);
    }
    for (name, value, least, most) in [
        ("memory-mib", entry.memory_mib, 16, 1 << 20),
        ("pids", entry.pids, 2, 1 << 16),
        ("disk-mib", entry.disk_mib, 1, 1 << 20),
    ] {
        if let Some(value) = value {
            rules.within(format!("{key}.{name}"), value, least, most);
        }
    }
}

fn submission(rules: &mut Rules<'_>, key: &str, entry: SubmissionEntry) {
    for (name, value, most) in
        [("files", entry.files, 100_000), ("file-mib", entry.file_mib, 1024), ("mib", entry.mib, 4096)]
    {
        if let Some(value) = value {
            rules.within(format!("{key}.{name}"), value, 1, most);
        }
    }
    let limits = limits(Some(entry));
    if limits.file_bytes > limits.bytes {
        let message = format!(
            "one file may have {} MiB, and all together {}",
            limits.file_bytes >> 20,
            limits.bytes >> 20
        );
        rules.problem(format!("{key}.file-mib"), message);
    }
}

/// Whether a path is one of the kernel's or the host's.
pub(super) fn is_reserved(path: &str) -> bool {
    RESERVED.iter().any(|folder| is_below(path, folder))
}

/// Whether a path is that folder or lies in it.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a container can be called that in a network of its own.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.len() <= 253
        && text != "localhost"
        && text.split('.').all(is_label)
        // What ends in a number is read as an address.
        && !text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
}

/// The environment before a task adds its plans. What is missing has been said,
/// and is left empty.
pub(super) fn template(name: &str, entry: &EnvironmentEntry) -> Environment {
    Environment {
        name: name.to_owned(),
        image: unpinned(entry.image.as_deref().unwrap_or_default()),
        work_tree: entry.work_tree.clone().unwrap_or_default(),
        account: Account::Unprivileged,
        variables: entry.variables.clone(),
        setup: entry.setup.as_ref().map(to_step),
        conceal: None,
        resources: to_resources(None, entry.resources),
        protected: protected(entry),
        submission: limits(entry.submission),
        solve_seconds: entry.solve_timeout_seconds.unwrap_or(SOLVE_SECONDS),
        plans: Vec::new(),
        user_tool: None,
    }
}

/// The environment of one task of the profile. `image` is the suite's name for it.
pub(super) fn swe_lancer(
    name: &str,
    entry: &EnvironmentEntry,
    image: &str,
    issue: &profile::Issue<'_>,
) -> Environment {
    adjusted(profile::environment(name, unpinned(image), entry.image.is_some(), issue), entry)
}

/// What a profile says, with what the suite says of it.
pub(super) fn adjusted(mut environment: Environment, entry: &EnvironmentEntry) -> Environment {
    environment.variables.extend(entry.variables.clone());
    environment.resources = to_resources(Some(environment.resources), entry.resources);
    environment.protected.extend(protected(entry));
    environment.submission = limits(entry.submission);
    if let Some(seconds) = entry.solve_timeout_seconds {
        environment.solve_seconds = seconds;
    }
    environment
}

/// How the environment keeps its tests and the submitted code apart.
pub(super) fn isolation(entry: &EnvironmentEntry) -> Isolation {
    let service = entry.app.as_ref().map(to_service);
    match (&entry.driver, service) {
        (Some(driver), Some(app)) => Isolation::Split {
            app,
            alias: entry.alias.clone().unwrap_or_else(|| ALIAS.to_owned()),
            driver: unpinned(driver),
            driver_resources: to_resources(None, entry.driver_resources),
        },
        (_, service) => Isolation::Single { service },
    }
}

/// An image that is only a name yet.
pub(super) fn unpinned(name: &str) -> PinnedImage {
    PinnedImage { name: name.to_owned(), reference: String::new() }
}

fn to_step(entry: &StepEntry) -> Step {
    Step { argv: entry.argv.clone(), timeout_seconds: entry.timeout_seconds }
}

fn to_service(entry: &ServiceEntry) -> Service {
    Service { argv: entry.argv.clone(), ready: to_step(&entry.ready) }
}

fn protected(entry: &EnvironmentEntry) -> Vec<ProtectedPath> {
    let refused = entry.protected.iter().map(|pattern| (pattern, Protection::Refused));
    let overlaid = entry.overlaid.iter().map(|pattern| (pattern, Protection::Overlaid));
    let all = refused.chain(overlaid);
    all.map(|(pattern, protection)| ProtectedPath { pattern: pattern.clone(), protection }).collect()
}

fn to_resources(base: Option<Resources>, entry: Option<ResourcesEntry>) -> Resources {
    let entry = entry.unwrap_or_default();
    let base = base.unwrap_or_else(|| match entry.browser {
        Some(true) => Resources::browser(),
        _ => Resources::standard(),
    });
    let bytes = |mib: Option<u32>, otherwise| mib.map_or(otherwise, |mib| u64::from(mib) << 20);
    Resources {
        cpu_millis: entry.cpus.map_or(base.cpu_millis, |cpus| cpus.millis),
        memory_bytes: bytes(entry.memory_mib, base.memory_bytes),
        pids: entry.pids.unwrap_or(base.pids),
        disk_bytes: bytes(entry.disk_mib, base.disk_bytes),
        shm_bytes: base.shm_bytes,
    }
}

fn limits(entry: Option<SubmissionEntry>) -> SubmissionLimits {
    let entry = entry.unwrap_or_default();
    let standard = SubmissionLimits::default();
    let bytes = |mib: Option<u32>, otherwise| mib.map_or(otherwise, |mib| u64::from(mib) << 20);
    SubmissionLimits {
        files: entry.files.unwrap_or(standard.files),
        file_bytes: bytes(entry.file_mib, standard.file_bytes),
        bytes: bytes(entry.mib, standard.bytes),
    }
}
