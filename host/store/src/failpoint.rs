//! Named points at which a test can make the process die.
//!
//! They are there to show that a crash at the worst moments loses nothing that
//! was acknowledged and doubles nothing. `LANCET_FAILPOINT=NAME` aborts the
//! process the first time that it passes the point NAME, `LANCET_FAILPOINT=NAME:3`
//! the third time. Builds without debug assertions have no failpoints at all.
//!
//! The store's own are in [`FAILPOINTS`]; whoever uses the store places others
//! by calling [`failpoint`] with another name.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The failpoints of the store, each with what has happened when it is passed.
pub const FAILPOINTS: [(&str, &str); 6] = [
    ("store-before-commit", "a group of writes is in the transaction, which is not committed"),
    ("store-after-commit", "the transaction is durable, and nobody has been told"),
    ("store-run-created", "a run and its attempts are durable, and the caller has not been told"),
    ("store-blob-temporary", "a blob is in its temporary file, which is not synchronised"),
    ("store-blob-before-rename", "a blob's temporary file is durable, and not in its place"),
    ("store-blob-after-rename", "a blob is in its place, and the folder is not synchronised"),
];

/// The variable that arms a failpoint: `NAME` or `NAME:COUNT`.
pub const FAILPOINT_VARIABLE: &str = "LANCET_FAILPOINT";

struct Armed {
    name: String,
    /// How often the point has yet to be passed.
    left: AtomicU64,
}

/// Passes the failpoint `name`: aborts the process when the environment says so.
/// Does nothing in builds without debug assertions.
pub fn failpoint(name: &str) {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    if !cfg!(debug_assertions) {
        return;
    }
    let armed = ARMED.get_or_init(|| std::env::var(FAILPOINT_VARIABLE).ok().as_deref().and_then(parse));
    if let Some(armed) = armed
        && armed.name == name
        && armed.left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
}

fn parse(text: &str) -> Option<Armed> {
    if text.is_empty() {
        return None;
    }
    let (name, count) = match text.rsplit_once(':') {
        Some((name, count)) => (name, count.parse().ok().filter(|n| *n > 0).unwrap_or(1)),
        None => (text, 1),
    };
    Some(Armed { name: name.to_owned(), left: AtomicU64::new(count) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_may_follow_the_name() {
        let parts = |text| parse(text).map(|a| (a.name, a.left.into_inner()));
        assert_eq!(parts("store-before-commit"), Some(("store-before-commit".to_owned(), 1)));
        assert_eq!(parts("a:7"), Some(("a".to_owned(), 7)));
        assert_eq!(parts(""), None);
    }
}
