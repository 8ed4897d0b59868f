//! Plugins and suites through a real registry: Debian's `docker-registry`, started here with a
//! folder of its own. It keeps no lists of what belongs to what, so that signatures are found by
//! the tag in its place.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lancet_core::{Role, Sha256};
use lancet_registry::{InspectedReference, Options, OutdatedPlugin, Reference, pushed_plugin};
use lancet_trust::{ExplainedPolicy, Finding, Lock, Locked, Source};

use crate::context::{Context, Outcome, files_with};
use crate::packages::GRADER;
use crate::shapes::has_shape;
use crate::signing::works;

/// A registry, and where it keeps what it has.
struct Registry {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
}

/// `user` and `secret-word`, as htpasswd has them.
const USER: &str = "user:$2b$05$abcdefghijklmnopqrstuuUOabO4v2PoT/v47Y.znQK.9MsMDnesq\n";

impl Registry {
    fn start(wants_password: bool) -> Self {
        is_installed();
        let folder = tempfile::tempdir().unwrap();
        // Somebody else may take the port meanwhile; then another is tried.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let at = |name: &str| folder.path().join(name).display().to_string();
            fs::write(at("users"), USER).unwrap();
            let auth = match wants_password {
                true => format!("auth:\n  htpasswd:\n    realm: tests\n    path: {}\n", at("users")),
                false => String::new(),
            };
            let text = format!(
                "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n{auth}",
                at("storage")
            );
            fs::write(at("config.yml"), text).unwrap();
            let log = fs::File::create(at("log")).unwrap();
            let mut process = Command::new("docker-registry")
                .args(["serve", &at("config.yml")])
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap();
            let until = Instant::now() + Duration::from_secs(60);
            while process.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Self { process, folder, port };
                }
                assert!(Instant::now() < until, "{}", fs::read_to_string(at("log")).unwrap());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        panic!("{}", fs::read_to_string(folder.path().join("log")).unwrap());
    }

    fn name(&self, rest: &str) -> String {
        format!("localhost:{}/{rest}", self.port)
    }

    /// What a name has as tags.
    fn tags(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("storage/docker/registry/v2/repositories/{name}/_manifests/tags"))
    }

    fn blob(&self, digest: Sha256) -> PathBuf {
        let hex = digest.hex();
        self.folder.path().join(format!("storage/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]))
    }

    /// Has a tag name what another one names, as anybody can who may push.
    fn move_tag(&self, name: &str, from: &str, to: &str) {
        let link = fs::read_to_string(self.tags(name).join(from).join("current/link")).unwrap();
        let manifest = fs::read(self.blob(link.parse().unwrap())).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "PUT /v2/{name}/manifests/{to} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Type: application/vnd.oci.image.manifest.v1+json\r\n\r\n",
            manifest.len()
        )
        .unwrap();
        stream.write_all(&manifest).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes sure that there is Debian's `docker-registry`.
fn is_installed() {
    let is_there = || {
        let mut command = Command::new("docker-registry");
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    if is_there() {
        return;
    }
    for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", "docker-registry"]] {
        let mut command = Command::new("apt-get");
        let status =
            command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "install `docker-registry`, as Debian has it");
    }
    assert!(is_there());
}

/// Makes a package of that version in a context, signed by that key.
fn package(context: &Context, version: &str, key: &str) -> String {
    package_called(context, "acme/right-choice", version, key)
}

/// The same of a package of another name.
fn package_called(context: &Context, name: &str, version: &str, key: &str) -> String {
    let grader = lancet_builtin::find(Role::Grader, "manager-choice").unwrap();
    // Each version is another component: it has a custom section with a byte of its own.
    let mine = [grader.component, &[0, 3, 1, b'x', version.as_bytes()[2]]].concat();
    fs::write(context.path("bare.wasm"), mine).unwrap();
    let manifest = GRADER.replace("1.2.0", version).replace("acme/right-choice", name);
    fs::write(context.path("plugin.toml"), manifest).unwrap();
    let file = format!("{}-{version}.wasm", name.replace('/', "-"));
    works(context, &["plugin", "pack", "bare.wasm", "-o", &file]);
    works(context, &["plugin", "sign", &file, "--key", key]);
    file
}

fn publisher() -> Context {
    let context = Context::new();
    works(&context, &["key", "new", "acme"]);
    context
}

/// Somebody else, who has the publisher's key or not.
fn reader(publisher: &Context, has_key: bool) -> Context {
    let reader = Context::new();
    if has_key {
        fs::copy(publisher.path(".config/lancet/keys/acme.pub"), reader.path("acme.pub")).unwrap();
        works(&reader, &["key", "import", "./acme.pub", "--name", "them"]);
    }
    reader
}

/// The reference by digest in what a command printed.
fn pinned(outcome: &Outcome) -> String {
    let found = outcome.stdout.split_whitespace().find(|word| word.contains("@sha256:"));
    let (name, digest) = found.unwrap().split_once('@').unwrap();
    let name = name.rsplit_once(':').unwrap().0;
    format!("{name}@{digest}")
}

#[test]
fn plugins_go_through_a_registry_and_are_what_was_signed() {
    let registry = Registry::start(false);
    let publisher = publisher();
    let file = package(&publisher, "1.2.0", "acme");
    let name = registry.name("acme/choice");
    let tagged = format!("{name}:1.2.0");
    let pushed = works(&publisher, &["plugin", "push", &file, &name]);
    assert!(pushed.stdout.starts_with(&format!("{tagged}@sha256:")), "{}", pushed.stdout);
    // Once more is the same, and another one under that version is not.
    assert_eq!(works(&publisher, &["plugin", "push", &file, &tagged]).stdout, pushed.stdout);
    let tags: Vec<_> =
        fs::read_dir(registry.tags("acme/choice")).unwrap().map(|tag| tag.unwrap().file_name()).collect();
    let digest = pinned(&pushed).split_once("@sha256:").unwrap().1.to_owned();
    assert!(tags.iter().any(|tag| *tag == *format!("sha256-{digest}")), "{tags:?}");

    // Somebody without the key gets the same bytes, and is told that they are nobody's.
    let stranger = reader(&publisher, false);
    let pulled = works(&stranger, &["plugin", "pull", &tagged]);
    assert!(pulled.stdout.contains("which is not known here"), "{}", pulled.stdout);
    assert_eq!(
        fs::read(stranger.path("right-choice.wasm")).unwrap(),
        fs::read(publisher.path(&file)).unwrap()
    );
    stranger.lancet(&["verify", "right-choice.wasm"]).fails(8, &["not known here"]);
    stranger.lancet(&["plugin", "add", &tagged]).fails(4, &["`publisher.keys`", "is not known here"]);
    let explained = stranger.lancet(&["policy", "explain", &tagged, "--format", "json"]);
    assert_eq!(explained.code, Some(4), "{}", explained.stderr);
    let explained: ExplainedPolicy = serde_json::from_str(&explained.stdout).unwrap();
    assert_eq!(explained.explained[0].source, Some(Source::Registry));
    assert_eq!(explained.explained[0].lines[0].key, "registries");

    // Whoever has it gets it verified, by its digest too, and locked.
    let reader = reader(&publisher, true);
    works(&reader, &["plugin", "pull", &pinned(&pushed), "--output", "mine.wasm"]);
    works(&reader, &["verify", "mine.wasm"]);
    reader
        .lancet(&["plugin", "pull", &format!("{name}:3.0.0")])
        .fails(2, &["there is no such tag", "hint: "]);
    let inspected = reader.lancet(&["plugin", "inspect", &tagged, "--format", "json"]);
    let inspected = has_shape::<InspectedReference>(&inspected, "plugin-inspect-reference");
    assert_eq!(
        (&inspected["signatures"][0]["name"], &inspected["package"]["version"]),
        (&"them".into(), &"1.2.0".into())
    );
    let said = works(&reader, &["plugin", "inspect", &tagged]).stdout;
    assert!(said.contains("acme/right-choice 1.2.0") && said.contains("`them`"), "{said}");
    let added = works(&reader, &["plugin", "add", &tagged]);
    let kept = ".local/share/lancet/plugins/acme/right-choice-1.2.0.wasm";
    assert!(added.stdout.contains(kept), "{}", added.stdout);
    works(&reader, &["verify", kept]);
    let lock_file = reader.path(".config/lancet/lancet.lock");
    let lock = || Lock::read_own(&lock_file).unwrap().unwrap();
    let locked = lock().plugins().next().unwrap().clone();
    assert_eq!((locked.version.as_deref(), locked.from.as_deref()), (Some("1.2.0"), Some(&*tagged)));
    assert_eq!((locked.publisher.as_deref(), locked.key.is_some()), (Some("acme"), true));
    works(&reader, &["policy", "explain", kept, "--locked"]);

    // A newer version is told of, and takes the place of the other.
    let outdated = |context: &Context| {
        let outcome = context.lancet(&["plugin", "outdated", "--format", "json"]);
        has_shape::<Vec<OutdatedPlugin>>(&outcome, "plugin-outdated")[0]["newest"].clone()
    };
    assert!(outdated(&reader).is_null());
    let newer = package(&publisher, "1.10.0", "acme");
    publisher.lancet(&["plugin", "push", &newer, &tagged]).fails(2, &["the tag is version 1.2.0"]);
    works(&publisher, &["plugin", "push", &newer, &name]);
    assert_eq!(outdated(&reader), "1.10.0");
    works(&reader, &["plugin", "add", &format!("{name}:1.10.0")]);
    assert_eq!(lock().plugins().next().unwrap().version.as_deref(), Some("1.10.0"));

    // Other bytes under a version: refused for whoever publishes, and for whoever has it locked.
    let other = reader_with_other_component(&publisher);
    publisher
        .lancet(&["plugin", "push", &other, &name])
        .fails(2, &["the tag names sha256:", "another version"]);
    registry.move_tag("acme/choice", "1.2.0", "1.10.0");
    reader
        .lancet(&["plugin", "pull", &format!("{name}:1.10.0"), "--output", "moved.wasm"])
        .fails(8, &["is version 1.2.0", "expected 1.10.0"]);
    assert!(!reader.path("moved.wasm").exists());
    works(&publisher, &["plugin", "push", &other, &format!("{name}:again")]);
    reader
        .lancet(&["plugin", "add", &format!("{name}:again")])
        .fails(8, &["has `acme/right-choice` 1.10.0 as sha256:", "a version stays what it is"]);

    // One whose config keeps still about what it imports.
    push_lying(&registry.name("acme/lying:1.2.0"), &fs::read(publisher.path(&file)).unwrap());
    reader
        .lancet(&["plugin", "pull", &registry.name("acme/lying:1.2.0"), "--output", "lying.wasm"])
        .fails(8, &["its config is silent on imports of the component: `lancet:plugin/", "hint: "]);
    assert!(!reader.path("lying.wasm").exists());

    // Other bytes on the registry's disk.
    let digest = Sha256::of(&fs::read(publisher.path(&file)).unwrap());
    let mut bytes = fs::read(registry.blob(digest)).unwrap();
    bytes[100] ^= 1;
    fs::write(registry.blob(digest), bytes).unwrap();
    reader
        .lancet(&["plugin", "pull", &tagged, "--output", "changed.wasm"])
        .fails(8, &["the digest of what came is", "hint: "]);
    assert!(!reader.path("changed.wasm").exists());
}

/// Pushes a component as one that imports nothing.
fn push_lying(reference: &str, component: &[u8]) {
    let reference: Reference = reference.parse().unwrap();
    let exports = vec!["lancet:plugin/grading@0.1.0".to_owned()];
    let lying = pushed_plugin(component, ("acme/right-choice", "1.2.0"), exports, Vec::new()).unwrap();
    let registry = lancet_registry::Registry::writer(&reference, &Options::default()).unwrap();
    let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    executor.block_on(lying.push(&registry, false)).unwrap();
}

/// Another component that calls itself 1.10.0.
fn reader_with_other_component(publisher: &Context) -> String {
    let other = package(publisher, "1.20.0", "acme");
    let manifest = fs::read_to_string(publisher.path("plugin.toml")).unwrap().replace("1.20.0", "1.10.0");
    fs::write(publisher.path("plugin.toml"), manifest).unwrap();
    let bytes = [fs::read(publisher.path("bare.wasm")).unwrap(), vec![0, 3, 1, b'y', 1]].concat();
    fs::write(publisher.path("bare.wasm"), bytes).unwrap();
    fs::remove_file(publisher.path(&format!("{other}.sigstore.json"))).unwrap();
    works(publisher, &["plugin", "pack", "bare.wasm", "-o", &other]);
    works(publisher, &["plugin", "sign", &other, "--key", "acme"]);
    other
}

#[test]
fn suites_go_through_a_registry_and_are_what_was_signed() {
    let registry = Registry::start(false);
    let publisher = publisher();
    let suite = publisher.small_suite("shop");
    fs::write(suite.join("README.md"), "A shop.\n").unwrap();
    works(&publisher, &["suite", "sign", "shop", "--key", "acme"]);
    let reference = registry.name("suites/shop:2026-11");
    publisher
        .lancet(&["suite", "push", "shop", &registry.name("suites/shop")])
        .fails(2, &["expected a tag and no digest"]);
    let pushed = works(&publisher, &["suite", "push", "shop", &reference]);
    let reader = reader(&publisher, true);
    let pulled = works(&reader, &["suite", "pull", &reference]);
    assert!(pulled.stdout.starts_with("shop\npulled  "), "{}", pulled.stdout);
    works(&reader, &["verify", "shop"]);
    assert_eq!(fs::read_to_string(reader.path("shop/README.md")).unwrap(), "A shop.\n");
    works(&reader, &["suite", "pull", &pinned(&pushed), "again"]);
    works(&reader, &["suite", "check", "again"]);
    // Nothing is written over what is there, and nothing is left of what is given up.
    reader.lancet(&["suite", "pull", &reference]).fails(2, &["`shop` is there already"]);
    reader.lancet(&["plugin", "pull", &reference]).fails(2, &["is a suite, expected a plugin"]);
    reader.lancet(&["plugin", "inspect", &reference]).fails(2, &["is a suite, expected a plugin"]);

    // A grader of a registry in it, locked there.
    let file = package(&publisher, "1.2.0", "acme");
    let name = registry.name("acme/choice:1.2.0");
    works(&publisher, &["plugin", "push", &file, &name]);
    let added = works(&reader, &["plugin", "add", &name, "--suite", "again"]);
    assert!(
        added.stdout.contains("graders/right-choice.wasm") && added.stdout.contains("sign it again"),
        "{}",
        added.stdout
    );
    let text = fs::read_to_string(reader.path("again/lancet.lock")).unwrap();
    assert!(text.contains(&format!("from = \"{name}\"")), "{text}");
    reader.lancet(&["suite", "pull", &name]).fails(2, &["is a plugin, expected a suite"]);

    // What was changed on the registry's disk is refused, and leaves nothing.
    let layer = largest_blob(&registry);
    let mut bytes = fs::read(&layer).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&layer, bytes).unwrap();
    let tar = files_with("It is broken.", &registry.folder.path().join("storage"));
    let mut bytes = fs::read(&tar[0]).unwrap();
    bytes[700] ^= 1;
    fs::write(&tar[0], bytes).unwrap();
    reader.lancet(&["suite", "pull", &reference, "changed"]).fails(8, &["the digest of what came is"]);
    reader.lancet(&["plugin", "pull", &name]).fails(8, &["the digest of what came is"]);
    let left =
        fs::read_dir(reader.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.contains("changed") || name.starts_with(".lancet-pull")));
}

fn largest_blob(registry: &Registry) -> PathBuf {
    let blobs = files_with("\0asm", &registry.folder.path().join("storage"));
    blobs.into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
}

/// The keys of a policy that are about registries, each in every command that has to do with one.
#[test]
fn a_policy_says_which_registries_are_asked() {
    let registry = Registry::start(true);
    let publisher = publisher();
    let file = package(&publisher, "1.2.0", "acme");
    let name = registry.name("acme/choice:1.2.0");
    // It wants a name and a password.
    publisher
        .lancet(&["plugin", "push", &file, &name])
        .fails(1, &["it wants a name and a password, and there are none", "docker login"]);
    let logged_in = |context: &Context| {
        let folder = context.path(".docker");
        fs::create_dir_all(&folder).unwrap();
        let auths = format!(
            "{{\"auths\": {{\"localhost:{}\": {{\"auth\": \"dXNlcjpzZWNyZXQtd29yZA==\"}}}}}}",
            registry.port
        );
        fs::write(folder.join("config.json"), auths).unwrap();
    };
    logged_in(&publisher);
    works(&publisher, &["plugin", "push", &file, &name]);
    let suite = publisher.small_suite("shop");
    assert!(suite.exists());
    let shop = registry.name("suites/shop:1.0.0");
    works(&publisher, &["suite", "push", "shop", &shop]);
    let reader = reader(&publisher, true);
    logged_in(&reader);
    works(&reader, &["plugin", "add", &name]);
    let folder = reader.path(".config/lancet");
    let policy = |text: &str| fs::write(folder.join("lancet.toml"), text).unwrap();
    let commands: [&[&str]; 5] = [
        &["plugin", "pull", &name, "-o", "pulled.wasm"],
        &["plugin", "add", &name],
        &["plugin", "inspect", &name],
        &["plugin", "outdated"],
        &["policy", "explain", &name],
    ];
    let suites: &[&str] = &["suite", "pull", &shop, "pulled"];
    for allowed in [
        "registries = [\"localhost:*/**\"]\n",
        &format!("registries = [\"localhost:{}/*/*\"]\n", registry.port),
        "",
    ] {
        policy(allowed);
        for command in commands {
            works(&reader, command);
        }
    }
    policy("registries = [\"registry.example.com/**\"]\n");
    for command in commands.into_iter().chain([suites]) {
        let outcome = reader.lancet(command);
        assert_eq!(outcome.code, Some(4), "{command:?}: {}", outcome.stderr);
        assert!(format!("{}{}", outcome.stdout, outcome.stderr).contains("registries"), "{command:?}");
    }
    policy("");
    works(&reader, suites);
    // A source of its own, and what may come unsigned of it.
    let explained = |text: &str, reference: &str| {
        policy(text);
        let outcome = reader.lancet(&["policy", "explain", reference, "--format", "json"]);
        let explained: ExplainedPolicy = serde_json::from_str(&outcome.stdout).unwrap();
        let lines = explained.explained[0].lines.iter().filter(|line| line.finding == Finding::Refuses);
        lines.map(|line| line.key.clone()).collect::<Vec<_>>()
    };
    assert_eq!(explained("sources = [\"built-in\", \"named\", \"suite\"]\n", &name), ["sources"]);
    assert_eq!(explained("sources = [\"registry\"]\n", &name), [""; 0]);
    fs::remove_file(publisher.path(&format!("{file}.sigstore.json"))).unwrap();
    let unsigned = registry.name("acme/unsigned:1.2.0");
    works(&publisher, &["plugin", "push", &file, &unsigned]);
    // The operator's lock has to do with it as well, by its key.
    fs::remove_file(folder.join("lancet.lock")).unwrap();
    assert_eq!(explained("", &unsigned), ["unsigned"]);
    assert_eq!(explained("unsigned = [\"registry\"]\n", &unsigned), [""; 0]);
    reader.lancet(&["plugin", "add", &unsigned, "--policy", "strict"]).fails(4, &["`unsigned`"]);
    works(&reader, &["plugin", "add", &unsigned]);
    // What is revoked is not pulled.
    works(&reader, &["key", "revoke", "them", "--reason", "stolen"]);
    reader.lancet(&["plugin", "pull", &name, "-o", "pulled.wasm"]).fails(8, &["is revoked: stolen"]);
}

/// The operator's lock in a folder, as a text.
fn lock_text(context: &Context, folder: &str) -> String {
    fs::read_to_string(context.path(folder).join("lancet.lock")).unwrap()
}

const OWN: &str = ".config/lancet";

/// Somebody who may push can move a tag: to an older version, or to another package.
#[test]
fn what_a_tag_was_moved_to_takes_no_place_in_a_lock() {
    let registry = Registry::start(false);
    let publisher = publisher();
    let name = registry.name("acme/choice");
    for version in ["1.2.0", "1.3.0"] {
        let file = package(&publisher, version, "acme");
        works(&publisher, &["plugin", "push", &file, &name]);
    }
    let other = package_called(&publisher, "acme/other", "1.2.0", "acme");
    works(&publisher, &["plugin", "push", &other, &format!("{name}:other")]);
    let reader = reader(&publisher, true);
    let add = |reference: &str| reader.lancet(&["plugin", "add", reference]);
    let (latest, older) = (format!("{name}:latest"), format!("{name}:1.2.0"));

    registry.move_tag("acme/choice", "1.3.0", "latest");
    works(&reader, &["plugin", "add", &latest]);
    let before = lock_text(&reader, OWN);
    registry.move_tag("acme/choice", "1.2.0", "latest");
    let went_back = add(&latest);
    went_back.fails(8, &["has `acme/right-choice` 1.3.0, and `", "is 1.2.0 now, which is older", "hint: "]);
    registry.move_tag("acme/choice", "other", "latest");
    add(&latest).fails(
        8,
        &[
            "has `acme/right-choice` 1.3.0 as grader from `",
            "there is `acme/other` 1.2.0 as grader now",
            "hint: ",
        ],
    );
    assert_eq!(lock_text(&reader, OWN), before);

    // Whoever names the older one has it, as the hint says or by its version.
    let exact = went_back.stderr.split('`').find(|word| word.starts_with(&format!("{name}@sha256:")));
    works(&reader, &["plugin", "add", exact.unwrap()]);
    assert!(lock_text(&reader, OWN).contains(&format!("from = \"{}\"", exact.unwrap())));
    works(&reader, &["plugin", "add", &older]);
    let before = lock_text(&reader, OWN);
    assert!(before.contains("version = \"1.2.0\"") && !before.contains("1.3.0"), "{before}");

    // A suite's lock is held to the same.
    reader.small_suite("shop");
    works(&reader, &["plugin", "add", &older, "--suite", "shop"]);
    registry.move_tag("acme/choice", "other", "1.2.0");
    add(&older).fails(8, &["has `acme/right-choice` 1.2.0 as grader", "there is `acme/other` 1.2.0"]);
    reader
        .lancet(&["plugin", "add", &older, "--suite", "shop"])
        .fails(8, &["`shop/lancet.lock` has `acme/right-choice` 1.2.0", "there is `acme/other` 1.2.0"]);
    assert_eq!(lock_text(&reader, OWN), before);
    assert!(!reader.path("shop/graders/other.wasm").exists());
    // Another package by a reference of its own takes nobody's place.
    works(&reader, &["plugin", "add", &format!("{name}:other")]);
    let text = lock_text(&reader, OWN);
    assert!(text.contains("acme/right-choice") && text.contains("acme/other"), "{text}");
}

/// Several locks may pin what lies among the operator's plugins: none of it is replaced.
#[test]
fn what_is_added_leaves_what_a_lock_pins() {
    let registry = Registry::start(false);
    let publisher = publisher();
    let file = package(&publisher, "1.2.0", "acme");
    let signed = registry.name("acme/choice:1.2.0");
    works(&publisher, &["plugin", "push", &file, &signed]);
    // The same bytes without their signature, and others under the same name and version.
    fs::copy(publisher.path(&file), publisher.path("alone.wasm")).unwrap();
    let alone = registry.name("acme/alone:1.2.0");
    works(&publisher, &["plugin", "push", "alone.wasm", &alone]);
    let bytes = [fs::read(publisher.path("bare.wasm")).unwrap(), vec![0, 3, 1, b'y', 1]].concat();
    fs::write(publisher.path("bare.wasm"), bytes).unwrap();
    works(&publisher, &["plugin", "pack", "bare.wasm", "-o", "unsigned.wasm"]);
    let unsigned = registry.name("acme/unsigned:1.2.0");
    works(&publisher, &["plugin", "push", "unsigned.wasm", &unsigned]);

    let reader = reader(&publisher, true);
    works(&reader, &["plugin", "add", &signed]);
    let plugins = ".local/share/lancet/plugins/acme";
    let kept = format!("{plugins}/right-choice-1.2.0.wasm");
    for (folder, reference, source) in [("one", &unsigned, "unsigned.wasm"), ("two", &alone, "alone.wasm")] {
        fs::create_dir(reader.path(folder)).unwrap();
        let policy = format!("{folder}/lancet.toml");
        fs::write(reader.path(&policy), "unsigned = [\"named\", \"registry\"]\n").unwrap();
        let digest = Sha256::of(&fs::read(publisher.path(source)).unwrap());
        let own = format!("{plugins}/right-choice-1.2.0-{}.wasm", digest.short());
        for _ in 0..2 {
            let added = works(&reader, &["plugin", "add", reference, "--policy", &policy]);
            assert!(added.stdout.contains(&own), "{}", added.stdout);
            assert!(
                added.stderr.contains(&format!("{kept}` is something else or signed otherwise, and stays"))
            );
        }
        assert_eq!(Sha256::of(&fs::read(reader.path(&own)).unwrap()), digest);
        assert!(!reader.path(&format!("{own}.sigstore.json")).exists());
        // Both are used by the locks that have them.
        works(&reader, &["policy", "explain", &own, "--policy", &policy, "--locked"]);
        works(&reader, &["policy", "explain", &kept, "--locked"]);
    }
    works(&reader, &["verify", &kept]);

    // What was added is a file, and comes from where files do.
    fs::write(reader.path("one/lancet.toml"), "unsigned = [\"registry\"]\n").unwrap();
    let own = Sha256::of(&fs::read(publisher.path("unsigned.wasm")).unwrap()).short();
    let own = format!("{plugins}/right-choice-1.2.0-{own}.wasm");
    let explained = reader.lancet(&["policy", "explain", &own, "--policy", "one/lancet.toml"]);
    assert_eq!(explained.code, Some(4), "{}", explained.stdout);
    assert!(explained.stdout.contains("refused as grader, named, "), "{}", explained.stdout);

    // A signature of something that is gone is not left beside what has none.
    fs::remove_file(reader.path(&kept)).unwrap();
    works(&reader, &["plugin", "add", &alone, "--policy", "two/lancet.toml"]);
    assert!(reader.path(&kept).exists() && !reader.path(&format!("{kept}.sigstore.json")).exists());
    works(&reader, &["policy", "explain", &kept, "--policy", "two/lancet.toml", "--locked"]);
}

/// One registry that does not answer says nothing of what lies in others.
#[test]
fn of_each_plugin_is_told_whether_it_is_outdated() {
    let registry = Registry::start(false);
    let publisher = publisher();
    let name = registry.name("acme/choice");
    for version in ["1.2.0", "1.3.0"] {
        let file = package(&publisher, version, "acme");
        works(&publisher, &["plugin", "push", &file, &name]);
    }
    let reader = reader(&publisher, true);
    works(&reader, &["plugin", "add", &format!("{name}:1.2.0")]);
    let lock_file = reader.path(OWN).join("lancet.lock");
    let lock = Lock::read_own(&lock_file).unwrap().unwrap();
    let locked = lock.plugins().next().unwrap().clone();
    // Entries are in the order of their digests, and these before that of a component.
    let away = |number: u8, name: &str, from: String| Locked {
        name: name.to_owned(),
        digest: format!("sha256:{number:064}").parse().unwrap(),
        from: Some(from),
        ..locked.clone()
    };
    let gone = away(0, "acme/gone", "localhost:1/acme/gone:1.0.0".to_owned());
    let nowhere = away(1, "acme/nowhere", registry.name("acme/nowhere:1.0.0"));
    fs::write(&lock_file, lock.with([gone, nowhere]).to_text()).unwrap();
    let outcome = reader.lancet(&["plugin", "outdated", "--format", "json"]);
    outcome.fails(1, &["2 of 3 plugins could not be looked up", "`localhost:1/acme/gone:1.0.0`", "hint: "]);
    let rows = has_shape::<Vec<OutdatedPlugin>>(&outcome, "plugin-outdated");
    let told = |at: usize| rows[at]["error"].as_str().unwrap_or_default();
    assert!(told(0).contains("localhost:1/acme/gone") && told(1).contains("acme/nowhere"), "{rows:#}");
    assert!(rows[2].get("error").is_none() && rows[2]["newest"] == "1.3.0", "{rows:#}");
    let outcome = reader.lancet(&["plugin", "outdated"]);
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (Some(1), 5), "{}", outcome.stdout);

    // Anybody may have written a suite's lock: nobody is asked whom the operator has not named.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let inward = away(2, "acme/inward", format!("localhost:{port}/acme/inward:1.0.0"));
    reader.small_suite("shop");
    fs::write(reader.path("shop/lancet.lock"), Lock::new([inward, locked.clone()]).to_text()).unwrap();
    fs::create_dir(reader.path("alone")).unwrap();
    let outdated = |policy: &str| {
        fs::write(reader.path("alone/lancet.toml"), policy).unwrap();
        let words = ["plugin", "outdated", "--suite", "shop", "--format", "json"];
        reader.lancet(&[&words[..], &["--policy", "alone/lancet.toml"]].concat())
    };
    outdated("").fails(4, &["2 of 2 plugins", "is not asked: the suite's lock names it", "`registries = ["]);
    let some = outdated(&format!("registries = [\"localhost:{}/acme/*\"]\n", registry.port));
    some.fails(4, &["1 of 2 plugins", "`registries`"]);
    let rows = has_shape::<Vec<OutdatedPlugin>>(&some, "plugin-outdated");
    assert!(rows[0].get("error").is_some() && rows[1]["newest"] == "1.3.0", "{rows:#}");
    // Whom a lock of the operator's own names is one that was named.
    let own = reader.lancet(&["plugin", "outdated", "--suite", "shop", "--format", "json"]);
    own.fails(4, &["1 of 2 plugins", "is not asked"]);
    assert!(listener.accept().is_err(), "it was asked");
}
