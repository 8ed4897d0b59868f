//! Who is told who asks: the registry, the service of its tokens, and nobody else.

use lancet_registry::{Credentials, Options, Problem, Registry, look, pull};
use tempfile::TempDir;

use crate::server::{Asked, Server, Told};
use crate::shelf::Shelf;
use crate::{filled, options, reference, refused, spoiled};

/// `user:secret-word`.
const BASIC: &str = "Basic dXNlcjpzZWNyZXQtd29yZA==";

fn logged_in(port: u16, entry: &str) -> (TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    std::fs::write(&file, format!("{{\"auths\": {{\"127.0.0.1:{port}\": {entry}}}}}")).unwrap();
    let options = Options { credentials: Credentials::of(&file), ..options() };
    (folder, options)
}

const PASSWORD: &str = r#"{"auth": "dXNlcjpzZWNyZXQtd29yZA=="}"#;
const TOKEN: &str = r#"{"identitytoken": "secret-word"}"#;

fn authorization(asked: &Asked) -> Option<&str> {
    asked.headers.get("authorization").map(String::as_str)
}

fn has_secret(asked: &Asked) -> bool {
    format!("{asked:?}{}", String::from_utf8_lossy(&asked.body)).contains("secret-word")
        || authorization(asked).is_some()
}

#[tokio::test]
async fn a_name_and_a_password_go_to_the_registry_alone() {
    let shelf = Shelf::default();
    let pushed = filled(&shelf).await;
    let elsewhere = spoiled(&shelf, |_| None).await;
    let (port, layer) = (elsewhere.port, pushed.layer.digest);
    let server = spoiled(&shelf, move |asked| match authorization(asked) {
        Some(BASIC) => {
            let to = format!("http://127.0.0.1:{port}{}", asked.path);
            asked.path.ends_with(&layer.to_string()).then(|| Told::new(302, "").with("Location", to))
        }
        _ => Some(Told::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\"")),
    })
    .await;
    let (_folder, options) = logged_in(server.port, PASSWORD);
    let registry = Registry::reader(&reference(&server, ":1.0.0"), &options).unwrap();
    let artifact = look(&registry).await.unwrap();
    pull(&registry, &artifact).await.unwrap();
    // It waits to be asked, and the blob lies elsewhere.
    assert_eq!(authorization(&server.asked()[0]), None);
    assert_eq!(elsewhere.asked().len(), 1);
    assert!(!elsewhere.asked().iter().any(has_secret));
    // Somebody else's password is not shown.
    let (_folder, others) = logged_in(1, PASSWORD);
    let registry = Registry::reader(&reference(&server, ":1.0.0"), &others).unwrap();
    refused(look(&registry).await, Problem::Denied, "it wants a name and a password, and there are none");
}

#[tokio::test]
async fn another_server_is_told_nothing_however_it_asks() {
    let shelf = Shelf::default();
    let pushed = filled(&shelf).await;
    let elsewhere = Server::start(|_| Told::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\"")).await;
    let (port, layer) = (elsewhere.port, pushed.layer.digest);
    let server = spoiled(&shelf, move |asked| {
        let to = format!("http://127.0.0.1:{port}/blob");
        asked.path.ends_with(&layer.to_string()).then(|| Told::new(302, "").with("Location", to))
    })
    .await;
    let (_folder, options) = logged_in(server.port, PASSWORD);
    let registry = Registry::reader(&reference(&server, ":1.0.0"), &options).unwrap();
    let artifact = look(&registry).await.unwrap();
    refused(pull(&registry, &artifact).await, Problem::Denied, "it answers 401");
    assert!(!elsewhere.asked().iter().chain(&server.asked()).any(has_secret));
}

/// A registry that wants tokens of a realm.
async fn wanting(shelf: &Shelf, realm: String, token: &'static str) -> Server {
    spoiled(shelf, move |asked| {
        if let Some((path, _)) = asked.path.split_once('?').or(Some((&asked.path, "")))
            && path == "/token"
        {
            return Some(Told::new(200, token));
        }
        let challenge =
            format!("Bearer realm=\"{}\",service=\"r\"", realm.replace("HOST", &asked.headers["host"]));
        (authorization(asked) != Some("Bearer good"))
            .then(|| Told::new(401, "").with("WWW-Authenticate", challenge))
    })
    .await
}

#[tokio::test]
async fn tokens_are_had_of_the_registrys_own_service() {
    let shelf = Shelf::default();
    filled(&shelf).await;
    for entry in ["{}", PASSWORD, TOKEN] {
        let server = wanting(&shelf, "http://HOST/token".to_owned(), r#"{"token": "good"}"#).await;
        let (_folder, options) = logged_in(server.port, entry);
        let registry = Registry::reader(&reference(&server, ":1.0.0"), &options).unwrap();
        let artifact = look(&registry).await.unwrap();
        pull(&registry, &artifact).await.unwrap();
        let asked = server.asked();
        let for_token: Vec<_> = asked.iter().filter(|asked| asked.path.starts_with("/token")).collect();
        assert_eq!(for_token.len(), 1);
        match entry {
            PASSWORD => assert_eq!(authorization(for_token[0]), Some(BASIC)),
            TOKEN => {
                let body = String::from_utf8_lossy(&for_token[0].body);
                assert!(
                    body.contains("refresh_token=secret-word")
                        && body.contains("scope=repository%3Aacme%2Fchoice%3Apull")
                );
                assert_eq!((for_token[0].method.as_str(), for_token[0].path.as_str()), ("POST", "/token"));
            }
            _ => assert_eq!(authorization(for_token[0]), None),
        }
        // Nobody but the service sees the secret itself.
        let rest = asked.iter().filter(|asked| !asked.path.starts_with("/token"));
        assert!(rest.clone().all(|asked| matches!(authorization(asked), None | Some("Bearer good"))));
    }
}

#[tokio::test]
async fn realms_elsewhere_are_told_nothing() {
    let shelf = Shelf::default();
    filled(&shelf).await;
    for (realm, expected) in [
        ("https://tokens.example/token", "expected a host of its own domain"),
        ("http://tokens.example/token", "expected a host of its own domain"),
        ("https://10.0.0.1/token", "expected a host of its own domain"),
        ("http://169.254.169.254/token", "expected a host of its own domain"),
        ("ftp://HOST/token", "expected one that begins with `https://`"),
        ("http://user:password@HOST/token", "a name or a password"),
        ("/token", "is no URL"),
    ] {
        for entry in [PASSWORD, TOKEN] {
            let server = wanting(&shelf, realm.to_owned(), "{}").await;
            let (_folder, options) = logged_in(server.port, entry);
            let registry = Registry::reader(&reference(&server, ":1.0.0"), &options).unwrap();
            refused(look(&registry).await, Problem::Refused, expected);
            assert!(!server.asked().iter().any(has_secret), "{realm}");
        }
    }
    // A service that sends somebody on, and answers without a token.
    for (token, expected) in
        [("{}", "has no token"), ("{\"token\": \"a\\nb\"}", "has no token"), ("secret", "has no token")]
    {
        let server = wanting(&shelf, "http://HOST/token".to_owned(), token).await;
        let registry = Registry::reader(&reference(&server, ":1.0.0"), &options()).unwrap();
        refused(look(&registry).await, Problem::Refused, expected);
    }
    let elsewhere = Server::start(|_| Told::new(200, r#"{"token": "good"}"#)).await;
    let port = elsewhere.port;
    let server = spoiled(&shelf, move |asked| {
        if asked.path.starts_with("/token") {
            return Some(Told::new(307, "").with("Location", format!("http://127.0.0.1:{port}/")));
        }
        let realm = format!("Bearer realm=\"http://{}/token\"", asked.headers["host"]);
        Some(Told::new(401, "").with("WWW-Authenticate", realm))
    })
    .await;
    let (_folder, options) = logged_in(server.port, TOKEN);
    let registry = Registry::reader(&reference(&server, ":1.0.0"), &options).unwrap();
    refused(look(&registry).await, Problem::Refused, "sends somebody on");
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_credentials_is_told_without_them() {
    let shelf = Shelf::default();
    let server =
        spoiled(&shelf, |_| Some(Told::new(401, "").with("WWW-Authenticate", "Basic realm=x"))).await;
    for (entry, problem, expected) in [
        (PASSWORD, Problem::Denied, "it answers 401"),
        (TOKEN, Problem::Denied, "it wants a name and a password, and there is a token"),
        ("{}", Problem::Denied, "and there are none"),
        (r#"{"auth": "secret-word"}"#, Problem::Asked, "it is no base64"),
        ("secret-word", Problem::Asked, "no configuration of Docker at line 1"),
        (r#"{"auth": "dTpzZWNyZXQtd29yZAo="}"#, Problem::Denied, "it answers 401"),
    ] {
        let (_folder, options) = logged_in(server.port, entry);
        let registry = Registry::reader(&reference(&server, ":1.0.0"), &options).unwrap();
        let error = look(&registry).await.unwrap_err();
        assert!(!format!("{error}{error:?}").contains("secret-word"), "{error}");
        refused(Err::<(), _>(error), problem, expected);
    }
}
