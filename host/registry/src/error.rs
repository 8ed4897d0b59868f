//! Why a registry could not be used, or what it gave is not taken.

/// What kind of problem it is, for whoever has to say how a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// What was asked for cannot be: a reference, a configuration of Docker.
    Asked,
    /// The registry cannot be reached, is too slow, or does not do what it is asked.
    Unreachable,
    /// The registry wants other credentials, or has no such thing for them.
    Denied,
    /// There is no such thing.
    Missing,
    /// What it gave is not what it has to be: another digest, size, form, or way to go.
    Refused,
}

/// A problem with a registry: whose reference, at which URL, what was expected and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{reference}`{}: {what}", at(.url.as_deref()))]
pub struct RegistryError {
    /// What kind it is.
    pub problem: Problem,
    /// The reference that was asked for.
    pub reference: String,
    /// Where it happened, without what follows a `?`, which may hold a secret.
    pub url: Option<String>,
    /// What happened, and what was expected.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

fn at(url: Option<&str>) -> String {
    url.map(|url| format!(" at {url}")).unwrap_or_default()
}

/// A text of a stranger's, as much of it as fits into a message.
pub(crate) fn cut(text: &str) -> String {
    let shown: String = text.chars().take(120).collect();
    shown.escape_debug().to_string()
}

/// A problem before it is known whose reference it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) problem: Problem,
    pub(crate) url: Option<String>,
    pub(crate) what: String,
    pub(crate) hint: &'static str,
}

impl Wrong {
    pub(crate) fn new(problem: Problem, what: impl Into<String>, hint: &'static str) -> Self {
        Self { problem, url: None, what: what.into(), hint }
    }

    /// Of what a registry gave.
    pub(crate) fn refused(what: impl Into<String>, hint: &'static str) -> Self {
        Self::new(Problem::Refused, what, hint)
    }

    pub(crate) fn at(mut self, url: &reqwest::Url) -> Self {
        self.url.get_or_insert_with(|| shown(url));
        self
    }

    pub(crate) fn of(self, reference: &impl ToString) -> RegistryError {
        let Self { problem, url, what, hint } = self;
        RegistryError { problem, reference: reference.to_string(), url, what, hint: hint.to_owned() }
    }
}

/// A URL without what may be secret in it: who asks, and what follows a `?`.
pub(crate) fn shown(url: &reqwest::Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // A URL that has no host has nobody to ask either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}
