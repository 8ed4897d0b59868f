//! What the kernel counts for a user and not for a container: whoever uses all of it
//! up takes nothing from anybody else.

use std::time::Duration;

use lancet_core::{Account, PinnedImage};
use tokio::time::{Instant, sleep};

use super::{TestEngine, argv, options, output, request};
use crate::engine::container::Container;
use crate::engine::hardening::ContainerSpec;
use crate::{BuildRequest, Docker, DockerError, DockerOptions, Purpose};

/// `hold WHAT` takes until there is no more, says so by a file, and keeps it; `need
/// WHAT N` takes as much as is asked for, and fails when it does not get it.
const TAKER: &str = r#"
use strict;
my ($mode, $what, $count) = @ARGV;
my @n = `uname -m` =~ /aarch64/ ? (26, 107, 180, 194, 195, 217) : (294, 222, 240, 29, 31, 248);
my ($inotify, $timer, $queue, $get, $control, $key) = @n;
my ($i, @kept, @segments) = (0);
my %take = (
    watchers => sub { syscall($inotify, 0) >= 0 },
    timers => sub { my $id = "\0" x 8; syscall($timer, 1, 0, $id) >= 0 },
    # A queue without a name lasts as long as its descriptor; a segment has to be removed.
    queues => sub {
        my $name = "q$$-" . $i++ . "\0";
        syscall($queue, $name, 0x42, 0600, 0) >= 0 && syscall($queue + 1, $name) == 0
    },
    locked => sub {
        my $id = syscall($get, 0, 4096, 01600);
        push @segments, $id if $id >= 0;
        $id >= 0 && syscall($control, $id, 11, 0) == 0
    },
    pipes => sub {
        pipe(my $from, my $to) or return 0;
        push @kept, $from, $to;
        return 0 if fcntl($to, 1032, 0) < 65536;
        fcntl($to, 1031, 1 << 20) if $mode eq 'hold';
        1
    },
    keys => sub { my ($type, $text) = ("user\0", "k" . $i++ . "\0"); syscall($key, $type, $text, $text, 1, -2) >= 0 },
);
my $take = $take{$what};
if ($mode eq 'hold') {
    1 while $take->();
    open(my $full, '>', "/tmp/full-$what");
    sleep 600;
}
my ($taken, $problem) = (0);
while ($taken < $count) {
    $take->() or $problem = $!, last;
    $taken++;
}
syscall($control, $_, 0, 0) for @segments;
die "$what: $taken of $count: $problem\n" if $taken < $count;
"#;

/// The same for descriptors on their way through sockets.
const SENDER: &str = r#"
import errno, socket, sys, time
kept = []
def send(times):
    while times:
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        kept.append(pair)
        pair[0].setblocking(False)
        try:
            while times:
                socket.send_fds(pair[0], [b'x'], [1] * 253)
                times -= 1
        except BlockingIOError:
            pass
if sys.argv[1] == 'hold':
    try:
        send(10_000)
    except OSError as e:
        if e.errno != errno.ETOOMANYREFS: raise
        open('/tmp/full-descriptors', 'w').close()
        time.sleep(600)
send(int(sys.argv[3]))
"#;

/// What is counted, and how much of it somebody else needs.
const QUOTAS: [(&str, &str); 6] = [
    ("descriptors", "4"),
    ("watchers", "64"),
    ("timers", "256"),
    ("queues", "2"),
    ("locked", "4"),
    ("pipes", "64"),
];
/// Those with limits that a process has: its user may be shared.
const LIMITED: [&str; 4] = ["descriptors", "timers", "queues", "locked"];

/// A shell command for each of these; `$1` and `$2` are the programs.
fn script(mode: &str, quotas: &[(&str, &str)], end: &str) -> String {
    let line = |(what, count): &(&str, &str)| match *what {
        "descriptors" => format!("python3 -c \"$2\" {mode} {what} {count} {end} {what}\n"),
        _ => format!("perl -e \"$1\" -- {mode} {what} {count} {end} {what}\n"),
    };
    quotas.iter().map(line).collect()
}

/// Uses all of everything up.
async fn use_up(container: &Container, quotas: &[(&str, &str)]) {
    let script = script("hold", quotas, "& :");
    assert_eq!(output(container, &["setsid", "-f", "sh", "-c", &script, "sh", TAKER, SENDER]).await, "");
    let deadline = Instant::now() + Duration::from_secs(60);
    while output(container, &["sh", "-c", "ls /tmp | grep -c full || :"]).await.trim()
        != quotas.len().to_string()
    {
        assert!(Instant::now() < deadline, "{}", output(container, &["ls", "/tmp"]).await);
        sleep(Duration::from_millis(100)).await;
    }
}

/// What somebody in a container does not get.
async fn lacking(container: &Container, quotas: &[(&str, &str)]) -> Vec<String> {
    let script = script("need", quotas, "2>/dev/null || echo");
    let found = output(container, &["sh", "-c", &script, "sh", TAKER, SENDER]).await;
    found.lines().map(str::to_owned).collect()
}

async fn started(engine: &TestEngine, purpose: Purpose, account: Account) -> Container {
    let idle = argv(&["sleep", "600"]);
    let container =
        engine.docker.create(&ContainerSpec { purpose, account, ..engine.spec(&idle) }).await.unwrap();
    container.start().await.unwrap();
    container
}

#[tokio::test]
async fn a_greedy_neighbour_takes_nothing_from_others() {
    let engine = TestEngine::new().await;
    let names = QUOTAS.map(|(what, _)| what);
    let greedy = [
        started(&engine, Purpose::Agent, Account::Unprivileged).await,
        started(&engine, Purpose::App, Account::Unprivileged).await,
    ];
    for container in &greedy {
        use_up(container, &QUOTAS).await;
        // There is nothing left of what is its own; keys nobody gets.
        assert_eq!(lacking(container, &QUOTAS).await, names);
        assert_eq!(lacking(container, &[("keys", "1")]).await, ["keys"]);
    }
    for purpose in [Purpose::Driver, Purpose::App, Purpose::Agent, Purpose::Single] {
        let container = started(&engine, purpose, Account::Unprivileged).await;
        assert_eq!(lacking(&container, &QUOTAS).await, Vec::<String>::new(), "{purpose}");
        container.remove().await.unwrap();
    }
    for container in greedy {
        container.remove().await.unwrap();
    }
}

/// Images that need root: what has limits is not taken from whoever tests.
#[tokio::test]
async fn root_takes_nothing_that_is_limited_from_tests() {
    let engine = TestEngine::new().await;
    let limited: Vec<_> = QUOTAS.into_iter().filter(|(what, _)| LIMITED.contains(what)).collect();
    let greedy = started(&engine, Purpose::App, Account::Root).await;
    use_up(&greedy, &limited).await;
    assert_eq!(lacking(&greedy, &limited).await, LIMITED);
    let driver = started(&engine, Purpose::Driver, Account::Root).await;
    assert_eq!(lacking(&driver, &limited).await, Vec::<String>::new());
    // Nor from the machine's own root, whose limits need not be higher.
    if rustix::process::geteuid().is_root() {
        let mut shell = std::process::Command::new("sh");
        let script = script("need", &limited, "2>&1 || echo");
        let found = shell.args(["-c", &script, "sh", TAKER, SENDER]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "", "{found:?}");
    } else {
        super::unprivileged::not_shown("that the machine's root has what containers of root use up");
    }
    for container in [greedy, driver] {
        container.remove().await.unwrap();
    }
}

#[tokio::test]
async fn limits_of_submitted_code_are_below_those_of_its_tests() {
    let engine = TestEngine::new().await;
    for account in [Account::Unprivileged, Account::Root] {
        let mut found = Vec::new();
        for purpose in [Purpose::Agent, Purpose::App, Purpose::Single, Purpose::Driver] {
            let container = started(&engine, purpose, account).await;
            let limits = output(&container, &["cat", "/proc/self/limits"]).await;
            let limit = |name: &str| {
                let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
                let words: Vec<&str> = line[name.len()..].split_ascii_whitespace().collect();
                // Soft and hard: nobody can raise it.
                assert_eq!(words[0], words[1], "{line}");
                words[0].to_owned()
            };
            let names = ["Max open files", "Max pending signals", "Max msgqueue size", "Max locked memory"];
            found.push(names.map(|name| limit(name).parse::<u64>().unwrap()));
            container.remove().await.unwrap();
        }
        let driver = found.pop().unwrap();
        for submitted in found {
            assert!(
                submitted.iter().zip(driver).all(|(limit, own)| limit * 2 <= own),
                "{submitted:?} {driver:?}"
            );
        }
    }
}

#[tokio::test]
async fn each_container_has_a_user_that_its_tree_belongs_to() {
    let engine = TestEngine::new().await;
    // Another process with the same engine.
    let other = TestEngine { docker: Docker::connect(options()).await.unwrap(), ..TestEngine::new().await };
    let containers = [
        started(&engine, Purpose::Agent, Account::Unprivileged).await,
        started(&other, Purpose::App, Account::Unprivileged).await,
        started(&engine, Purpose::App, Account::Unprivileged).await,
        started(&other, Purpose::Driver, Account::Unprivileged).await,
    ];
    let mut users = Vec::new();
    for container in &containers {
        let id = output(container, &["id", "-u"]).await;
        for path in ["/srv/app", "/srv/app/greeting", "/tmp/home"] {
            assert_eq!(output(container, &["stat", "-c", "%u", path]).await, id, "{path}");
        }
        assert_eq!(output(container, &["stat", "-c", "%u:%g", "/srv"]).await, "0:0\n");
        output(
            container,
            &[
                "sh",
                "-c",
                "chmod 600 greeting && touch -d 2000-01-01 greeting && git init -q . && git status",
            ],
        )
        .await;
        // Nothing of the image itself counts as written.
        assert!(container.disk_bytes().await.unwrap() < 1 << 20);
        assert_eq!(container.user().id.to_string(), id.trim());
        users.push(container.user());
    }
    users.sort_by_key(|user| user.id);
    users.dedup();
    assert_eq!(users.len(), containers.len());
    for container in containers {
        container.remove().await.unwrap();
    }
    // Whose user was given back just now is none that may test.
    let driver = started(&engine, Purpose::Driver, Account::Unprivileged).await;
    assert!(users[..3].iter().all(|user| *user != driver.user()), "{users:?} {:?}", driver.user());
    driver.remove().await.unwrap();
}

#[tokio::test]
async fn what_cannot_have_a_user_is_told_of_or_refused() {
    let engine = TestEngine::new().await;
    let name = &engine.image.name;
    let container = started(&engine, Purpose::Agent, Account::Unprivileged).await;
    assert!(!engine.docker.shared_users().contains_key(name));
    container.remove().await.unwrap();
    let container = started(&engine, Purpose::Agent, Account::Root).await;
    assert!(engine.docker.shared_users()[name].contains("root"));
    container.remove().await.unwrap();

    let docker = Docker::connect(DockerOptions { own_users: true, ..options() }).await.unwrap();
    let strict = TestEngine { docker, ..TestEngine::new().await };
    let idle = argv(&["sleep", "600"]);
    let spec = ContainerSpec { account: Account::Root, ..strict.spec(&idle) };
    let refused = strict.docker.create(&spec).await.map(drop);
    assert!(matches!(refused, Err(DockerError::SharedUser { .. })), "{refused:?}");
    // What prepares an image runs nothing that was submitted.
    let spec = ContainerSpec { purpose: Purpose::Setup, ..spec };
    strict.docker.create(&spec).await.unwrap().remove().await.unwrap();
}

/// The account has a home that is nobody else's business; `large` holds more than is
/// given to other users.
const HOME_OF_ITS_OWN: &str = "FROM debian:bookworm-slim AS small
RUN useradd -m -u 10001 -d /home/tester tester && chmod 0700 /home/tester \\
    && echo found > /home/tester/own && chmod 0600 /home/tester/own && chown -R 10001 /home/tester
FROM small AS large
RUN truncate -s 129M /home/tester/much && chown 10001 /home/tester/much
";

async fn with_home(engine: &TestEngine, target: &str) -> PinnedImage {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), HOME_OF_ITS_OWN).unwrap();
    let request = BuildRequest {
        name: format!("docker-tests-home-{target}"),
        folder: folder.path().to_owned(),
        target: Some(target.to_owned()),
        ..request()
    };
    engine.docker.build(request, &mut |_| ()).await.unwrap()
}

/// A user that read what is the account's in a container that cannot be written to.
async fn reader(engine: &TestEngine, image: &PinnedImage) -> u32 {
    let idle = argv(&["sleep", "600"]);
    let spec = ContainerSpec { purpose: Purpose::Driver, read_only_root: true, image, ..engine.spec(&idle) };
    let driver = engine.docker.create(&spec).await.unwrap();
    driver.start().await.unwrap();
    assert_eq!(output(&driver, &["cat", "/home/tester/own"]).await, "found\n");
    assert_eq!(output(&driver, &["id", "-un"]).await, "tester\n");
    let id = driver.user().id;
    driver.remove().await.unwrap();
    id
}

#[tokio::test]
async fn a_driver_that_cannot_write_has_what_is_the_accounts() {
    let engine = TestEngine::new().await;
    let account = crate::engine::user::User::of(Account::Unprivileged).id;
    let (small, large) = (with_home(&engine, "small").await, with_home(&engine, "large").await);
    assert_ne!(reader(&engine, &small).await, account);
    assert_eq!(reader(&engine, &large).await, account);
    assert!(!engine.docker.shared_users().contains_key(&small.name));
    assert!(engine.docker.shared_users().contains_key(&large.name));

    // Where nothing that was submitted may have the account's user, a driver may.
    let docker = Docker::connect(DockerOptions { own_users: true, ..options() }).await.unwrap();
    let strict = TestEngine { docker, ..TestEngine::new().await };
    assert_eq!(reader(&strict, &large).await, account);
    let idle = argv(&["sleep", "600"]);
    let spec = ContainerSpec { image: &large, ..strict.spec(&idle) };
    let refused = strict.docker.create(&spec).await.map(drop);
    assert!(matches!(refused, Err(DockerError::SharedUser { .. })), "{refused:?}");
}

#[tokio::test]
async fn an_image_that_is_removed_before_it_is_used_is_made_again() {
    let engine = TestEngine::new().await;
    let folder = tempfile::tempdir().unwrap();
    let dockerfile = "FROM debian:bookworm-slim\nRUN echo removed > /own && chown 10001 /own\n";
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    let name = "docker-tests-removed".to_owned();
    let request = BuildRequest { name, folder: folder.path().to_owned(), ..request() };
    let image = engine.docker.build(request, &mut |_| ()).await.unwrap();
    let idle = argv(&["sleep", "600"]);
    let spec = ContainerSpec { image: &image, ..engine.spec(&idle) };
    let found = engine.docker.identity(&spec).await.unwrap();
    assert_ne!(found.image, image);
    let options = bollard::query_parameters::RemoveImageOptionsBuilder::default().force(true).build();
    engine.docker.client().remove_image(&found.image.reference, Some(options), None).await.unwrap();
    let container = engine.docker.create_for(&spec, found).await.unwrap();
    container.start().await.unwrap();
    assert_eq!(
        output(&container, &["stat", "-c", "%u", "/own"]).await.trim(),
        container.user().id.to_string()
    );
    container.remove().await.unwrap();
}
