//! An attempt beside an agent of another run that takes all it can of what the kernel
//! counts: it comes to what it comes to alone.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::context::{Context, text};
use crate::suites::{self, command, json, left_behind};

/// How long the neighbour has for its container, and to take everything.
const SOON: Duration = Duration::from_secs(180);

/// Takes descriptors in flight, inotify instances, timers, message queues, pipes and
/// processes until there are no more, says how many of each, and keeps them until it is told
/// to end.
const GREEDY: &str = r#"cat > /tmp/greedy.pl <<'END'
use strict;
use Socket;
my @n = `uname -m` =~ /aarch64/ ? (26, 107, 180, 211) : (294, 222, 240, 46);
my ($inotify, $timer, $queue, $send) = @n;
my (%taken, @kept, $i);
sub address { unpack('Q', pack('P', $_[0])) }
my ($byte, $descriptors) = ('x', pack('l*', (1) x 253));
my $rights = pack('Q l l', 16 + length $descriptors, 1, 1) . $descriptors;
my $parts = pack('Q Q', address($byte), 1);
my $message = pack('Q L x4 Q Q Q Q l x4', 0, 0, address($parts), 1, address($rights), length $rights, 0);
while (1) {
    socketpair(my $from, my $to, AF_UNIX, SOCK_DGRAM, 0) or last;
    push @kept, $from, $to;
    # Without waiting: a pair that is full makes room for the next.
    $taken{descriptors} += 253 while syscall($send, fileno $from, $message, 0x40) >= 0;
    last if $! != 11;
}
sub take { my ($what, $take) = @_; $taken{$what}++ while ($taken{$what} // 0) < 20_000 && $take->() }
# What is kept in descriptors takes those of processes of its own.
for my $what ([watchers => sub { syscall($inotify, 0) >= 0 }],
              [pipes => sub { pipe(my $from, my $to) or return 0; push @kept, $from, $to; fcntl($to, 1031, 1 << 20); 1 }]) {
    pipe(my $told, my $tell);
    my $child = fork();
    if ($child == 0) { take(@$what); syswrite $tell, $taken{$what->[0]} // 0; sleep 600; exit }
    push @kept, $child;
    sysread $told, $taken{$what->[0]}, 20;
}
take(timers => sub { my $id = "\0" x 8; syscall($timer, 1, 0, $id) >= 0 });
take(queues => sub { my $name = "q$$-" . $i++ . "\0"; syscall($queue, $name, 0x42, 0600, 0) >= 0 });
take(processes => sub { my $child = fork() // return 0; if (!$child) { sleep 600; exit } push @kept, $child; 1 });
# Whoever looks at what was taken needs some.
for (1 .. 12) { kill 9, $kept[-1]; waitpid pop @kept, 0 }
open(my $full, '>', '/tmp/full.part');
print $full map { "$_ $taken{$_}\n" } sort keys %taken;
close $full;
rename '/tmp/full.part', '/tmp/full';
select undef, undef, undef, 0.1 until -e '/tmp/end';
kill 9, grep { !ref } @kept;
END
perl /tmp/greedy.pl
cat /tmp/full
"#;

/// A run of another process that is ended when it is not needed any more.
struct Neighbour {
    process: Child,
    run: String,
    container: String,
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["kill", &self.container]).output();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Standard output of a command of the engine's client, which may fail.
fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("the docker client");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What there is as soon as there is something.
#[track_caller]
fn soon(what: &str, look: impl Fn() -> Option<String>) -> String {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not after {SOON:?}");
        sleep(Duration::from_millis(200));
    }
}

/// Starts the run of a greedy agent, and waits until it has taken everything.
fn greedy(context: &Context) -> Neighbour {
    fs::write(context.path("script"), GREEDY).unwrap();
    let suite = suites::lab().to_str().unwrap();
    let run = ["run", suite, "--task", "at-the-top", "--agent", "script", "--input", "script"];
    let output = fs::File::create(context.path("output")).unwrap();
    let process = command(context, &run).stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
    let store = context.path("store/lancet.db");
    let mut neighbour = Neighbour { process, run: String::new(), container: String::new() };
    neighbour.run = soon("a run", || {
        let database =
            rusqlite::Connection::open_with_flags(&store, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY);
        database.ok()?.query_row("SELECT id FROM runs", [], |row| row.get(0)).ok()
    });
    let of_run = format!("label=dev.lancet.run={}", neighbour.run);
    neighbour.container = soon("the greedy agent's container", || {
        let agents =
            ["ps", "-q", "--no-trunc", "--filter", &of_run, "--filter", "label=dev.lancet.role=agent"];
        Some(docker(&agents)).filter(|id| !id.is_empty())
    });
    let full = soon("that it has taken everything", || {
        Some(docker(&["exec", &neighbour.container, "cat", "/tmp/full"])).filter(|text| !text.is_empty())
    });
    println!("{full}");
    for what in ["descriptors", "watchers", "timers", "queues", "pipes", "processes"] {
        let taken = full.lines().find_map(|line| line.strip_prefix(what)?.trim().parse::<u32>().ok());
        assert!(taken.is_some_and(|taken| taken > 0), "it took no {what}: {full}");
    }
    neighbour
}

/// The gold answer of a task, graded: its verdict and what its tests came to.
fn gold(suite: &Path, task: &str) -> (Value, Vec<(String, String)>) {
    let context = Context::new();
    let patch = suite.join("tasks").join(task).join("private/gold.patch");
    let patch = patch.to_str().unwrap();
    let report = json(&context, &["grade", suite.to_str().unwrap(), "--task", task, "--patch", patch], 0);
    let shown = json(&context, &["show", "latest"], 0);
    assert_eq!((text(&shown, "0/state"), text(&shown, "0/reason")), ("pass", "tests-passed"), "{report:#}");
    let journal = json(&context, &["show", text(&shown, "0/attempt")], 0);
    let events = journal.as_array().unwrap().iter();
    let runs = events.clone().filter_map(|event| event.pointer("/call/response/tested/runs")?.as_array());
    let cases = runs.flatten().flat_map(|run| run["cases"].as_array().unwrap());
    let cases = cases.map(|case| (text(case, "id").to_owned(), case["status"].to_string())).collect();
    let verdict = events.clone().find_map(|event| event.pointer("/record/verdict")).unwrap().clone();
    assert_eq!(left_behind(text(&report, "run")), Vec::<String>::new());
    (verdict, cases)
}

#[test]
fn of_another_run_that_take_all_they_can_change_nothing() {
    let (suite, task) = (suites::web_chat(), "mention-before-another");
    let alone = gold(suite, task);
    assert!(alone.1.len() > 5, "{alone:?}");

    let context = Context::new();
    let mut neighbour = greedy(&context);
    let beside = gold(suite, task);
    // It held everything all the time, and ends as any attempt.
    assert!(neighbour.process.try_wait().unwrap().is_none(), "the neighbour has ended");
    docker(&["exec", &neighbour.container, "touch", "/tmp/end"]);
    let status = neighbour.process.wait().unwrap();
    let said = fs::read_to_string(context.path("output")).unwrap();
    assert!(status.success(), "{said}");
    assert_eq!(beside, alone);
    let shown = json(&context, &["show", "latest"], 0);
    assert_eq!((text(&shown, "0/state"), text(&shown, "0/reason")), ("fail", "tests-failed"));
    assert_eq!(left_behind(&neighbour.run), Vec::<String>::new());
}
