//! What the environment says of the network: certificates and proxies. A variable of the
//! environment is a process's, so each case runs in one of its own.

#[path = "server/asking.rs"]
mod asking;
mod server;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use asking::{CANARY, Till, broker, choice, completion, conversation, fault};
use lancet_core::{InfraFaultKind, ModelChoice, WireForm};
use lancet_models::{Asked, Broker, Clients, NOTHING};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use server::{Act, Server};

/// What the other process asks.
const BASE_URL: &str = "LANCET_TEST_BASE_URL";

/// Not a test of its own: what the others run in another process. It says what came of it.
#[tokio::test]
#[ignore = "the other tests run it"]
async fn asked_there() {
    let base_url = std::env::var(BASE_URL).unwrap();
    let choice = choice(WireForm::Chat, &base_url);
    if let Err(error) = Broker::new(&Clients::new().unwrap(), &choice, None) {
        println!("\nREFUSED {error}");
        return;
    }
    let (asked, till) = ask(&base_url).await;
    match asked {
        Ok(reply) => println!("\nANSWER {}", reply.spent.usage.input.unwrap()),
        Err(_) => {
            let (kind, message, tries) = fault(asked);
            assert_eq!(till.settled(), vec![NOTHING; tries.len()]);
            println!("\nFAULT {kind} after {}: {message}", tries.len());
        }
    }
}

async fn ask(base_url: &str) -> (Asked, Till) {
    let choice = ModelChoice { tries: 2, ..choice(WireForm::Chat, base_url) };
    let till = Till::new();
    let asked = till.ask(&broker(&choice), &conversation(&choice, "hello?")).await;
    (asked, till)
}

/// Asks in another process, and gives what it says.
async fn there(base_url: &str, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "asked_there", "--ignored", "--nocapture"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.env_remove("SSL_CERT_DIR").env(BASE_URL, base_url).envs(environment.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let output =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.contains(CANARY), "{output}");
    let said =
        output.lines().find(|line| ["ANSWER", "FAULT", "REFUSED"].iter().any(|word| line.starts_with(word)));
    said.unwrap_or_else(|| panic!("{output}")).to_owned()
}

fn of_tests(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server").join(file)
}

/// A server with TLS, whose certificate is for `localhost` and from an authority that
/// nobody knows but the file `authority.pem`. It answers each connection's first request.
fn encrypted() -> u16 {
    let chain = vec![CertificateDer::from_pem_file(of_tests("leaf.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(of_tests("leaf.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let config = Arc::clone(&config);
            thread::spawn(move || {
                let session = ServerConnection::new(config).unwrap();
                let mut stream = StreamOwned::new(session, stream.unwrap());
                let mut request = vec![0; 65_536];
                // Fails for who does not take the certificate.
                if stream.read(&mut request).is_ok_and(|read| read > 0) {
                    let body = completion("hello", 42, 5).to_string();
                    let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    let _ = stream.write_all(reply.as_bytes()).and_then(|()| stream.flush());
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_certificate_of_a_named_authority_is_taken() {
    let url = format!("https://localhost:{}/v1", encrypted());
    let authority = of_tests("authority.pem");
    let environment = [("SSL_CERT_FILE", authority.to_str().unwrap())];
    assert_eq!(there(&url, &environment).await, "ANSWER 42");

    // It is for another name.
    let other = url.replace("localhost", "127.0.0.1");
    let said = there(&other, &environment).await;
    assert!(
        said.starts_with(&format!("FAULT model-unreachable after 1: {other} cannot be reached: ")),
        "{said}"
    );
    assert!(said.contains("certificate not valid for name"), "{said}");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused_once_and_for_all() {
    let url = format!("https://localhost:{}/v1", encrypted());
    let (asked, till) = ask(&url).await;
    let (kind, message, tries) = fault(asked);
    assert_eq!((kind, tries.len()), (InfraFaultKind::ModelUnreachable, 1), "{message}");
    assert!(message.starts_with(&format!("{url} cannot be reached: ")), "{message}");
    assert!(message.contains("UnknownIssuer"), "{message}");
    assert_eq!(till.settled(), [NOTHING]);
}

#[tokio::test]
async fn what_speaks_no_tls_cannot_be_reached_over_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let (asked, till) = ask(&url).await;
    let (kind, message, _) = fault(asked);
    assert_eq!(kind, InfraFaultKind::ModelUnreachable, "{message}");
    assert_eq!(till.settled(), [NOTHING; 2]);
}

#[tokio::test]
async fn requests_go_through_the_proxy_that_is_named() {
    // A proxy for plain requests, and one that lets nobody through for others.
    let proxy = Server::start(|_, seen| {
        if seen.head.starts_with("CONNECT") {
            Act::with(403, [], "not through here")
        } else {
            Act::json(200, &completion("hello", 7, 5))
        }
    })
    .await;
    let with_word = proxy.url.replace("http://", "http://me:proxy-canary@");
    let said = there("http://model.invalid/v1", &[("HTTP_PROXY", &with_word)]).await;
    assert_eq!(said, "ANSWER 7");
    let seen = proxy.seen();
    assert!(
        seen[0].head.starts_with("POST http://model.invalid/v1/chat/completions HTTP/1.1\r\n"),
        "{seen:?}"
    );
    assert!(seen[0].header("proxy-authorization").is_some_and(|value| value.starts_with("Basic ")));

    let said = there("https://model.invalid/v1", &[("HTTPS_PROXY", &with_word)]).await;
    assert!(
        said.starts_with("FAULT model-unreachable after 2: https://model.invalid/v1 cannot be reached"),
        "{said}"
    );
    assert!(!said.contains("proxy-canary"), "{said}");
    let seen = proxy.seen();
    assert!(seen[1].head.starts_with("CONNECT model.invalid:443 HTTP/1.1\r\n"), "{seen:?}");
    // What the proxy does not need to know, it is not told.
    assert!(seen[1].header("authorization").is_none());

    // One that cannot be used is not passed over, and its password not told.
    let unusable = [("HTTPS_PROXY", "ftp://me:proxy-canary@p:1")];
    let said = there("https://model.invalid/v1", &unusable).await;
    assert!(said.starts_with("REFUSED model `main`: the environment variable HTTPS_PROXY names"), "{said}");
    assert!(!said.contains("proxy-canary"), "{said}");

    let direct = Server::start(|_, _| Act::json(200, &completion("hello", 8, 5))).await;
    // Neither certificates nor proxies matter there.
    let nothing = [("SSL_CERT_FILE", "/nope"), ("SSL_CERT_DIR", "/nope"), ("HTTP_PROXY", "x y")];
    assert_eq!(there(&direct.url, &nothing).await, "ANSWER 8");
    let said = there("https://model.invalid/v1", &nothing[..2]).await;
    assert!(said.starts_with("REFUSED model `main`: HTTPS cannot be set up"), "{said}");
    assert!(said.contains("ca-certificates") && said.contains("SSL_CERT_FILE"), "{said}");
    // What does not leave this machine goes to nobody else's, though nothing excepts it.
    for environment in [[("HTTP_PROXY", &*proxy.url)], [("ALL_PROXY", &*proxy.url)]] {
        assert_eq!(there(&direct.url, &environment).await, "ANSWER 8");
    }
    assert_eq!((direct.seen().len(), proxy.seen().len()), (3, 3));
}
