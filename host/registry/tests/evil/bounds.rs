//! Answers that are too long or too slow, and ways that lead nowhere or inwards.

use std::time::{Duration, Instant};

use lancet_registry::{Options, Problem, RegistryError};

use crate::server::{Body, Server, Told};
use crate::shelf::Shelf;
use crate::{filled, hasty, options, pulled, pulled_by, refused, spoiled};

/// The most memory that this process has had so far, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

const PARTS: [&str; 4] = ["manifest", "config", "layer", "token"];

/// What comes of a pull when one part has that body.
async fn with(part: &'static str, body: Body, options: &Options) -> RegistryError {
    let shelf = Shelf::default();
    let pushed = filled(&shelf).await;
    let digest = pushed.digest;
    let server = spoiled(&shelf, move |asked| {
        let is_it = match part {
            "manifest" => asked.path.contains("/manifests/"),
            "config" => asked.path.ends_with(&pushed.manifest.config.digest.to_string()),
            "layer" => asked.path.ends_with(&pushed.layer.digest.to_string()),
            _ => asked.path.starts_with("/token"),
        };
        if is_it {
            return Some(Told::body(body.clone()));
        }
        (part == "token").then(|| {
            let realm = format!("Bearer realm=\"http://{}/token\"", asked.headers["host"]);
            Told::new(401, "").with("WWW-Authenticate", realm)
        })
    })
    .await;
    pulled_by(options, &server, &format!("@{digest}")).await.unwrap_err()
}

#[tokio::test]
async fn what_is_too_long_is_not_read() {
    let before = peak_kib();
    for part in PARTS {
        let error = with(part, Body::Declared(10 << 30), &options()).await;
        refused(Err::<(), _>(error), Problem::Refused, "has 10737418240 bytes, at most");
        let error = with(part, Body::Endless, &options()).await;
        refused(Err::<(), _>(error), Problem::Refused, "has more bytes, at most");
    }
    let grown = peak_kib() - before;
    assert!(grown < 64 << 10, "{grown} KiB more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_slow_is_given_up() {
    let began = Instant::now();
    let mut waiting = Vec::new();
    for part in PARTS {
        for (body, expected) in [
            (Body::Drip(Duration::from_millis(400)), "it takes too long in all"),
            (Body::Drip(Duration::from_secs(60)), "nothing came for"),
            (Body::Silence, "nothing came for"),
        ] {
            waiting.push(tokio::spawn(async move {
                refused(Err::<(), _>(with(part, body, &hasty()).await), Problem::Unreachable, expected);
            }));
        }
    }
    for one in waiting {
        one.await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(50));
}

#[tokio::test]
async fn nobody_is_sent_in_circles_or_inwards() {
    let shelf = Shelf::default();
    let pushed = filled(&shelf).await;
    let (digest, layer) = (pushed.digest, pushed.layer.digest);
    for (to, expected) in [
        ("http://10.0.0.1/blob", "an address of a private network"),
        ("https://10.0.0.1/blob", "an address of a private network"),
        ("http://169.254.169.254/latest/meta-data", "an address of one link alone"),
        ("https://[fe80::1]/", "an address of one link alone"),
        ("https://[::ffff:192.168.0.1]/", "an address of a private network"),
        ("http://registry.example/blob", "which is not this machine, expected https"),
        ("ftp://registry.example/blob", "expected one that begins with `https://`"),
        ("file:///etc/passwd", "expected one that begins with `https://`"),
        ("https://user:password@registry.example/", "a name or a password"),
        ("http://", "expected a URL in `Location`"),
        ("", "expected a URL in `Location`"),
        ("?again", "sends on more than 5 times"),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let server = spoiled(&shelf, move |asked| {
                asked.path.contains(&layer.to_string()).then(|| Told::new(status, "").with("Location", to))
            })
            .await;
            refused(pulled(&server, &format!("@{digest}")).await, Problem::Refused, expected);
        }
    }
    // What is sent is not sent on, and a place to send it to is looked at like any other.
    for (told, expected) in [
        (Told::new(307, "").with("Location", "/elsewhere"), "expected it to take it"),
        (Told::new(202, ""), "expected a URL in `Location`"),
        (Told::new(202, "").with("Location", "http://10.0.0.1/upload"), "an address of a private network"),
        (Told::new(202, "").with("Location", "http://registry.example/upload"), "expected https"),
    ] {
        let server = Server::start(move |asked| match asked.method.as_str() {
            "POST" => told.clone(),
            _ => Told::new(404, ""),
        })
        .await;
        let registry =
            lancet_registry::Registry::writer(&crate::reference(&server, ":1"), &options()).unwrap();
        let plugin = lancet_registry::pushed_plugin(b"\0asm", ("acme/choice", "1"), vec![], vec![]).unwrap();
        refused(plugin.push(&registry, false).await, Problem::Refused, expected);
    }
}

#[tokio::test]
async fn an_allowed_way_is_followed() {
    let shelf = Shelf::default();
    let pushed = filled(&shelf).await;
    let other = spoiled(&shelf, |_| None).await;
    let port = other.port;
    let layer = pushed.layer.digest;
    let server = spoiled(&shelf, move |asked| {
        let to = format!("http://localhost:{port}{}", asked.path);
        asked.path.ends_with(&layer.to_string()).then(|| Told::new(307, "").with("Location", to))
    })
    .await;
    assert_eq!(pulled(&server, ":1.0.0").await.unwrap().0.digest, pushed.digest);
    assert_eq!(other.asked().len(), 1);
}
