//! Pulls that are stopped half way, by a signal or without one: nothing of them stays for long.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lancet_core::{Role, Sha256};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::context::Context;

/// What is asked for, and what is answered: after so many bytes nothing more comes.
type Shelf = Vec<(String, Vec<u8>, usize)>;

/// A registry with those things in the repository `a/b`.
fn registry(shelf: Shelf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let shelf = Arc::new(shelf);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shelf = Arc::clone(&shelf);
            std::thread::spawn(move || answer(stream, &shelf));
        }
    });
    port
}

fn answer(mut stream: TcpStream, shelf: &Shelf) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches("/v2/a/b/");
    let Some((_, bytes, most)) = shelf.iter().find(|(name, ..)| name == path) else {
        return stream.write_all(b"HTTP/1.1 404 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    };
    write!(stream, "HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", bytes.len())?;
    stream.write_all(&bytes[..bytes.len().min(*most)])?;
    if bytes.len() > *most {
        // Until whoever asked is gone.
        let _ = stream.read(&mut byte);
    }
    Ok(())
}

/// An artifact under a tag, whose layer stops after so many bytes.
fn artifact(tag: &str, config: (&str, Value), layer: (&str, Vec<u8>), most: usize) -> Shelf {
    let (config_type, mut config) = config;
    let (layer_type, layer) = layer;
    let digest = |bytes: &[u8]| Sha256::of(bytes).to_string();
    config["created"] = "1970-01-01T00:00:00Z".into();
    config["layerDigests"] = json!([digest(&layer)]);
    let config = config.to_string().into_bytes();
    let part =
        |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()});
    let manifest = json!({"schemaVersion": 2, "config": part(config_type, &config), "layers": [part(layer_type, &layer)]});
    let blob = |bytes: &[u8]| format!("blobs/{}", digest(bytes));
    vec![
        (format!("manifests/{tag}"), manifest.to_string().into_bytes(), usize::MAX),
        (blob(&config), config, usize::MAX),
        (blob(&layer), layer, most),
    ]
}

fn suite(tag: &str, archive: Vec<u8>, most: usize) -> Shelf {
    let said = json!({"name": "small", "tasks": 1, "digest": Sha256::of(b"none").to_string()});
    let config = ("application/vnd.lancet.suite.config.v1+json", said);
    artifact(tag, config, ("application/vnd.lancet.suite.layer.v1.tar", archive), most)
}

fn plugin(tag: &str, most: usize) -> Shelf {
    let component = lancet_builtin::find(Role::Grader, "manager-choice").unwrap().component.to_vec();
    let said = json!({"architecture": "wasm", "os": "wasip2", "component": {"exports": [], "imports": []}});
    let config = ("application/vnd.wasm.config.v0+json", said);
    artifact(tag, config, ("application/wasm", component), most)
}

/// An archive with that many files, each of one byte.
fn archive(files: usize) -> Vec<u8> {
    let mut archive = Vec::new();
    for n in 0..files {
        let mut header = [0_u8; 512];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, &format!("file-{n:06}"));
        put(100, "0000644\x000000000\x000000000\0");
        put(124, "00000000001\x0000000000000\0        0");
        put(257, "ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(header);
        archive.extend([b'x'; 1]);
        archive.extend([0; 511]);
    }
    archive.extend([0; 1024]);
    archive
}

/// Folders of pulls that are under way.
fn under_way(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("lancet-pull-")).collect()
}

fn started(context: &Context, arguments: &[&str]) -> Child {
    let mut command: Command = context.command(arguments);
    command.env("TMPDIR", context.path("tmp"));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until a pull has got so far, and sends it a signal. Returns its exit code; none when it was killed.
fn stopped(mut pull: Child, signal: Signal, got_so_far: impl Fn() -> bool) -> Option<i32> {
    let until = Instant::now() + Duration::from_secs(60);
    while !got_so_far() {
        assert!(pull.try_wait().unwrap().is_none() && Instant::now() < until);
        sleep(Duration::from_millis(1));
    }
    let pid = Pid::from_raw(i32::try_from(pull.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
    pull.wait().unwrap().code()
}

#[test]
fn what_a_stopped_pull_leaves_is_removed() {
    let context = Context::new();
    fs::create_dir(context.path("tmp")).unwrap();
    let (many, few) = (archive(30_000), archive(2));
    let shelf = [
        suite("many", many.clone(), usize::MAX),
        suite("few", few, usize::MAX),
        suite("slow", archive(3), 1_000),
        plugin("plugin", usize::MAX),
    ];
    let port = registry(shelf.into_iter().flatten().collect());
    let slow = registry(plugin("slow", 1_000));
    let named = |tag: &str| format!("127.0.0.1:{port}/a/b:{tag}");
    let in_place = || under_way(&context.path(""));
    let in_temporary = || under_way(&context.path("tmp"));

    // While it is on its way nothing is written.
    let slow_plugin = format!("127.0.0.1:{slow}/a/b:slow");
    for arguments in [&["suite", "pull", &named("slow"), "new"][..], &["plugin", "pull", &slow_plugin]] {
        let pull = started(&context, arguments);
        let since = Instant::now();
        let code = stopped(pull, Signal::TERM, || since.elapsed() > Duration::from_millis(700));
        assert_eq!(code, Some(130), "{arguments:?}");
        assert!(in_place().is_empty() && in_temporary().is_empty() && !context.path("new").exists());
    }

    // A signal that can be heard leaves nothing.
    let many = ["suite", "pull", &named("many"), "new"];
    let code = stopped(started(&context, &many), Signal::TERM, || !in_place().is_empty());
    assert_eq!((code, in_place().len(), context.path("new").exists()), (Some(130), 0, false));

    // What was killed leaves what it had, and the next one removes it.
    let code = stopped(started(&context, &many), Signal::KILL, || !in_place().is_empty());
    assert_eq!((code, in_place().len()), (None, 1));
    // One that is under way is let alone, and removes its own.
    let mut other = started(&context, &["suite", "pull", &named("many"), "other"]);
    let until = Instant::now() + Duration::from_secs(60);
    let left = in_place();
    while in_place().is_empty() || in_place() == left {
        assert!(Instant::now() < until);
        sleep(Duration::from_millis(1));
    }
    let under_way = in_place();
    assert_eq!(under_way.len(), 1);
    context.lancet(&["suite", "pull", &named("few"), "new"]).fails(3, &[]);
    assert_eq!(in_place(), under_way);
    kill_process(Pid::from_raw(i32::try_from(other.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    assert_eq!((other.wait().unwrap().code(), in_place().len()), (Some(130), 0));

    // The same of a plugin, which is looked at elsewhere.
    let pull = ["plugin", "pull", &named("plugin"), "-o", "plugin.wasm"];
    let code = stopped(started(&context, &pull), Signal::KILL, || !in_temporary().is_empty());
    assert_eq!((code, in_temporary().len()), (None, 1));
    let mut again = started(&context, &pull);
    assert_eq!((again.wait().unwrap().code(), in_temporary().len()), (Some(8), 0));
    let code = stopped(started(&context, &pull), Signal::TERM, || !in_temporary().is_empty());
    assert!((code == Some(130) || code == Some(8)) && in_temporary().is_empty(), "{code:?}");
    assert!(!context.path("plugin.wasm").exists());
}
