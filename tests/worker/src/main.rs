//! A worker for plugins: the real one, or one that was taken over and lies to its parent.
//!
//! The first argument says how. Whatever it is, the worker closes its jail as the real one
//! does, and says of its plugin what a real one could, so that it is given a call to lie
//! about.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [how, rest @ ..] = &arguments[..] else { return 2.into() };
    if how == "real" {
        return lancet_engine::run_worker(rest).into();
    }
    // A second thread, with which no jail holds; not in the first process that is started.
    if let Some(mark) = how.strip_prefix("loses-its-jail-after:")
        && std::fs::File::create_new(mark).is_err()
    {
        std::thread::spawn(std::thread::park);
    }
    // Nothing is heard of it any more; but of the first process that is started.
    if let Some(mark) = how.strip_prefix("gets-not-ready-after:")
        && std::fs::File::create_new(mark).is_err()
    {
        return silent();
    }
    let slanders = how
        .strip_prefix("slanders-its-jail-after:")
        .is_some_and(|mark| std::fs::File::create_new(mark).is_err());
    let Ok(mut loading) = lancet_jail::enter() else { return 3.into() };
    // It is loaded code that says so.
    if slanders {
        loading.code().expect("the parent is there");
        let said = framed(r#"{"NotHeld":"the kernel has no seccomp"}"#);
        let _ = rustix::io::write(std::io::stdin(), &said);
        std::thread::park();
    }
    if how == "dies-while-loading" {
        std::process::exit(9);
    }
    let mut line = loading.lock().expect("walls hold").line;
    if how == "speaks-before-its-job" {
        say(&mut line, CALLS_LOG);
    }
    let job = hear(&mut line);
    if job.contains(r#""inspect""#) {
        if how == "says-what-it-imports" {
            say(&mut line, &returned(r#"{"mismatch":null,"functions":["log.write"]}"#));
        }
        say(&mut line, &returned(r#"{"mismatch":null}"#));
    } else {
        lie(how, &mut line);
    }
    loop {
        hear(&mut line);
    }
}

/// Says nothing for as long as there is a parent: its line ends with it.
fn silent() -> std::process::ExitCode {
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    0.into()
}

const CALLS_LOG: &str =
    r#"{"call":{"fuel_used":7,"request":{"call":"log-write","level":"info","message":"m","fields":[]}}}"#;
const PASS: &str = r#"{"Ok":{"outcome":"pass","reason":"bought","score":1000,"checks":[],"explanation":""}}"#;

fn returned(value: &str) -> String {
    ended(&format!(r#"{{"returned":{value}}}"#))
}

fn ended(how: &str) -> String {
    format!(r#"{{"ended":{{"how":{how},"spent":10,"output":[]}}}}"#)
}

fn calls(fuel: u64, request: &str) -> String {
    format!(r#"{{"call":{{"fuel_used":{fuel},"request":{request}}}}}"#)
}

fn lie(how: &str, line: &mut UnixStream) {
    let fault = |kind: &str, message: &str| {
        ended(&format!(r#"{{"fault":{{"kind":"{kind}","message":"{message}"}}}}"#))
    };
    let log = r#"{"call":"log-write","level":"info","message":"m","fields":[]}"#;
    match how {
        // How it ends.
        "speaks-before-its-job" | "is-silent" => {}
        "spins" => loop {
            std::hint::spin_loop();
        },
        "exits" => std::process::exit(0),
        "exits-with-3" => std::process::exit(3),
        "aborts" => std::process::abort(),
        "panics" => panic!("on purpose"),
        "overflows-its-stack" => {
            overflow(1);
        }
        "opens-a-file" => drop(std::fs::File::open("/etc/passwd")),
        "starts-a-thread" => drop(std::thread::Builder::new().spawn(|| ())),
        "opens-a-socket" => drop(UnixStream::connect("/var/run/docker.sock")),
        // What is no message.
        "says-nothing-at-length" => send(line, &[0; 4]),
        "says-no-json" => say(line, "\u{1}\u{2}not json"),
        "says-bytes" => send(line, &[&4_u32.to_le_bytes()[..], &[0xff, 0xfe, 0, 1]].concat()),
        "says-half" => send(line, &[&400_u32.to_le_bytes()[..], b"{\"call\":"].concat()),
        "says-a-byte-now-and-then" => {
            send(line, &400_000_u32.to_le_bytes());
            loop {
                send(line, b" ");
                let said = std::time::Instant::now();
                while said.elapsed() < std::time::Duration::from_millis(5) {
                    std::hint::spin_loop();
                }
            }
        }
        "says-a-byte-and-sleeps" => {
            send(line, &400_000_u32.to_le_bytes());
            loop {
                send(line, b" ");
                std::thread::sleep(std::time::Duration::from_millis(35));
            }
        }
        "announces-4-gib" => send(line, &u32::MAX.to_le_bytes()),
        "floods-with-bytes" => loop {
            send(line, &[b' '; 64 << 10]);
        },
        "floods-with-one-message" => {
            send(line, &(20_u32 << 20).to_le_bytes());
            loop {
                send(line, &[b' '; 64 << 10]);
            }
        }
        "floods-with-calls" => loop {
            say(line, CALLS_LOG);
        },
        "says-many-values" => {
            let fields = format!("[{}[\"\",\"\"]]", "[\"\",\"\"],".repeat(1 << 20));
            say(line, &calls(7, &log.replace("[]", &fields)));
        }
        "nests-deeply" => say(line, &"[".repeat(1 << 20)),
        "has-a-further-field" => say(line, &returned(r#"{"Ok":{"choice":1},"x":1}"#)),
        "says-another-role-s-answer" => say(line, &returned(PASS)),
        "says-two-at-once" => {
            let one = framed(CALLS_LOG);
            send(line, &[&one[..], &one].concat());
        }
        // What cannot come there.
        "answers" => say(line, r#"{"answered":{"response":{"kind":"done"},"fuel":0}}"#),
        "says-over" => say(line, r#""over""#),
        "calls-what-it-was-not-granted" => say(line, &calls(7, r#"{"call":"answer-key-read"}"#)),
        "calls-what-its-plugin-does-not-import" => {
            say(line, &calls(7, r#"{"call":"random-next"}"#));
            hear(line);
            say(line, &returned(r#"{"Ok":{"choice":1}}"#));
        }
        "carries-too-much" => {
            let message = format!(r#""message":"{}""#, "x".repeat((8 << 20) + 1));
            say(line, &calls(7, &log.replace(r#""message":"m""#, &message)));
            hear(line);
            say(line, &returned(r#"{"Ok":{"choice":1}}"#).replace(r#""spent":10"#, r#""spent":100000000"#));
        }
        "goes-on-with-no-fuel" => {
            say(line, &calls(200_000_000, log));
            hear(line);
            say(line, &calls(200_000_000, log));
            hear(line);
            say(line, &returned(r#"{"Ok":{"choice":1}}"#).replace(r#""spent":10"#, r#""spent":200000000"#));
        }
        "returns-with-no-fuel" => {
            say(line, &calls(200_000_000, log));
            hear(line);
            say(line, &returned(r#"{"Ok":{"choice":1}}"#).replace(r#""spent":10"#, r#""spent":200000000"#));
        }
        "runs-tests" => say(line, &calls(7, r#"{"call":"tests-run","plan":"hidden"}"#)),
        "talks-to-nobody" => {
            say(line, &calls(7, r#"{"call":"model-say","conversation":4000000000,"text":"x"}"#));
        }
        "gives-fuel-back" => {
            say(line, &calls(1_000_000, log));
            hear(line);
            say(line, &calls(1_000_000, log));
        }
        "has-more-fuel-than-there-is" => say(line, &calls(u64::MAX, log)),
        "used-less-than-its-calls" => {
            say(line, &calls(1_000_000, log));
            hear(line);
            say(line, &returned(r#"{"Ok":{"choice":1}}"#));
        }
        "used-no-fuel" => {
            say(line, &returned(r#"{"Ok":{"choice":1}}"#).replace(r#""spent":10"#, r#""spent":null"#));
        }
        "was-ended-by-nobody" => say(line, &ended(r#""over""#)),
        "blames-the-infrastructure" => say(line, &ended(r#""unavailable""#)),
        "blames-the-host" => say(line, &ended(r#"{"failed":"the disk is full"}"#)),
        "goes-on-after-its-end" => {
            // More calls than the limit is the host's to find out.
            for number in 0..20_000_u64 {
                say(line, &calls(10_000 * number, log));
                hear(line);
            }
        }
        "is-hung-by-its-own-word" => say(line, &fault("hung", "x")),
        "made-too-many-calls-by-its-own-word" => say(line, &fault("too-many-calls", "x")),
        "tells-a-long-story" => say(line, &fault("trap", &"x".repeat(1 << 20))),
        "writes-without-streams" => {
            let output = r#""output":[{"level":"info","stream":"stdout","text":"x"}]"#;
            say(line, &returned(r#"{"Ok":{"choice":1}}"#).replace(r#""output":[]"#, output));
        }
        "gives-up-at-length" => {
            say(line, &returned(&format!(r#"{{"Err":"{}"}}"#, "x".repeat(1 << 20))));
        }
        // What can, and is looked at.
        "passes" => say(line, &returned(PASS)),
        "passes-with-1001" => say(line, &returned(&PASS.replace("1000", "1001"))),
        "speaks-for-the-host" => say(line, &returned(&PASS.replace("bought", "docker-error"))),
        "fails-by-another-s-reason" => {
            say(line, &returned(r#"{"Err":{"kind":"timeout","message":"x"}}"#));
        }
        "hands-in-a-large-document" => {
            say(line, &returned(&format!(r#"{{"Ok":{{"document":"{}"}}}}"#, "x".repeat(70_000))));
        }
        other => panic!("no way to lie: {other}"),
    }
}

#[expect(unconditional_recursion, reason = "it is to find no end")]
fn overflow(depth: u64) -> u64 {
    let kept = std::hint::black_box([depth; 64]);
    overflow(depth + 1) + kept[3]
}

fn framed(json: &str) -> Vec<u8> {
    let length = u32::try_from(json.len()).expect("messages are short");
    [&length.to_le_bytes()[..], json.as_bytes()].concat()
}

fn say(line: &mut UnixStream, json: &str) {
    send(line, &framed(json));
}

fn send(line: &mut UnixStream, bytes: &[u8]) {
    if line.write_all(bytes).is_err() {
        std::process::exit(0);
    }
}

fn hear(line: &mut UnixStream) -> String {
    let mut length = [0; 4];
    if line.read_exact(&mut length).is_err() {
        std::process::exit(0);
    }
    let mut json = vec![0; u32::from_le_bytes(length) as usize];
    if line.read_exact(&mut json).is_err() {
        std::process::exit(0);
    }
    String::from_utf8(json).expect("JSON is text")
}
