//! Registries that lie, send elsewhere, never end, and want to know too much.

mod bounds;
mod lies;
mod secrets;
mod server;
mod shelf;
mod signatures;

use std::time::Duration;

use lancet_core::Sha256;
use lancet_registry::{
    Artifact, Options, Patience, Problem, Reference, Registry, RegistryError, look, pull, pushed_plugin,
};
use server::{Asked, Server, Told};
use shelf::Shelf;

const COMPONENT: &[u8] = b"\0asm a component, as far as a registry is concerned";

/// Whoever waits as long as anybody does.
fn options() -> Options {
    Options::default()
}

/// Whoever waits as long as an honest registry on this machine takes, however busy that is.
fn hasty() -> Options {
    let soon = Duration::from_secs(3);
    Options {
        patience: Patience { connect: soon, answer: soon, idle: soon, total: soon * 2 },
        ..Options::default()
    }
}

fn reference(server: &Server, rest: &str) -> Reference {
    format!("127.0.0.1:{}/acme/choice{rest}", server.port).parse().unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A shelf with the plugin under its version.
async fn filled(shelf: &Shelf) -> Artifact {
    let honest = shelf.clone();
    let server = Server::start(move |asked| honest.answer(asked)).await;
    let registry = Registry::writer(&reference(&server, ":1.0.0"), &options()).unwrap();
    let exports = names(&["lancet:plugin/grading@0.1.0"]);
    let plugin =
        pushed_plugin(COMPONENT, ("acme/choice", "1.0.0"), exports, names(&["lancet:plugin/log@0.1.0"]))
            .unwrap();
    let pushed = plugin.push(&registry, false).await.unwrap();
    assert_eq!(pushed.digest, plugin.digest());
    // Once more is the same.
    assert_eq!(plugin.push(&registry, false).await.unwrap(), pushed);
    pushed
}

/// A registry that is honest but for what `spoil` answers.
async fn spoiled(shelf: &Shelf, spoil: impl Fn(&Asked) -> Option<Told> + Send + Sync + 'static) -> Server {
    let shelf = shelf.clone();
    Server::start(move |asked| spoil(asked).unwrap_or_else(|| shelf.answer(asked))).await
}

async fn pulled(server: &Server, rest: &str) -> Result<(Artifact, Vec<u8>), RegistryError> {
    pulled_by(&options(), server, rest).await
}

async fn pulled_by(
    options: &Options,
    server: &Server,
    rest: &str,
) -> Result<(Artifact, Vec<u8>), RegistryError> {
    let registry = Registry::reader(&reference(server, rest), options)?;
    let artifact = look(&registry).await?;
    let bytes = pull(&registry, &artifact).await?;
    Ok((artifact, bytes))
}

/// That it was refused, and told of as it has to be.
#[track_caller]
fn refused<T: std::fmt::Debug>(found: Result<T, RegistryError>, problem: Problem, expected: &str) {
    let error = found.unwrap_err();
    assert_eq!(error.problem, problem, "{error}");
    assert!(error.to_string().contains(expected), "{expected}: {error}");
    assert!(error.to_string().contains("/acme/choice") && !error.hint.is_empty(), "{error}");
}

#[tokio::test]
async fn what_is_pushed_is_pulled() {
    let shelf = Shelf::default();
    let pushed = filled(&shelf).await;
    let server = spoiled(&shelf, |_| None).await;
    let (by_tag, bytes) = pulled(&server, ":1.0.0").await.unwrap();
    assert_eq!((by_tag.digest, bytes.as_slice()), (pushed.digest, COMPONENT));
    let (by_digest, _) = pulled(&server, &format!("@{}", pushed.digest)).await.unwrap();
    assert_eq!(by_digest, by_tag);
    // A tag beside a digest decides nothing.
    assert_eq!(pulled(&server, &format!(":no@{}", pushed.digest)).await.unwrap().0, by_tag);
    refused(pulled(&server, ":2.0.0").await, Problem::Missing, "there is no such tag");
    refused(
        pulled(&server, &format!("@{}", Sha256::of(b"x"))).await,
        Problem::Missing,
        "no manifest of that digest",
    );
    refused(pulled(&server, "").await, Problem::Asked, "neither a tag nor a digest");
    let registry = Registry::reader(&reference(&server, ""), &options()).unwrap();
    assert_eq!(registry.tags().await.unwrap(), ["1.0.0"]);
    // Nothing listens there.
    let nobody: Reference = "127.0.0.1:1/acme/choice:1".parse().unwrap();
    let found = Registry::reader(&nobody, &options()).unwrap().tags().await;
    refused(found, Problem::Unreachable, "cannot be reached");
}

#[tokio::test]
async fn a_version_is_pushed_once() {
    let shelf = Shelf::default();
    let first = filled(&shelf).await;
    let server = spoiled(&shelf, |_| None).await;
    let registry = Registry::writer(&reference(&server, ":1.0.0"), &options()).unwrap();
    let other = pushed_plugin(b"\0asm other", ("acme/choice", "1.0.0"), vec![], vec![]).unwrap();
    refused(other.push(&registry, false).await, Problem::Asked, "the tag names");
    assert_eq!(pulled(&server, ":1.0.0").await.unwrap().0.digest, first.digest);
    assert_eq!(other.push(&registry, true).await.unwrap().digest, other.digest());
    assert_eq!(pulled(&server, ":1.0.0").await.unwrap().0.digest, other.digest());
    for rest in ["", &format!(":1.0.0@{}", first.digest)] {
        let registry = Registry::writer(&reference(&server, rest), &options()).unwrap();
        refused(other.push(&registry, true).await, Problem::Asked, "no place to push to");
    }
}
