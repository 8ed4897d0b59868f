//! Base URLs: where requests go, and whose server that is.

use lancet_core::WireForm;
use reqwest::Url;

use super::Wrong;
use crate::client::is_this_machine;

/// The base URL as requests are made from it, and as it is recorded: in the one way in which
/// the URL is written, without a `/` at its end.
pub(super) fn checked(text: &str, allow_plain_http: bool) -> Result<String, Wrong> {
    let wrong = |what: String| Wrong::new("base-url", what);
    if text.is_empty() {
        return Err(wrong("is needed: the server's address, like `https://HOST/v1`".to_owned()));
    }
    // Not told back where it may hold a key.
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(wrong("has a space, a `\\` or a control character in it, which no URL has".to_owned()));
    }
    if !text.contains("://") {
        return Err(wrong(without_scheme(text)));
    }
    let url = Url::parse(text)
        .map_err(|error| wrong(format!("is no URL ({error}): expected one like `https://HOST/v1`")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "holds a user or a password: keys come from `key-env` or `key-file` only".to_owned(),
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(
            "has a `?` or `#`: expected what stands before the paths of the API only".to_owned(),
        ));
    }
    match url.scheme() {
        "https" => {}
        "http" if allow_plain_http || is_this_machine(&url) => {}
        "http" => {
            return Err(wrong(format!(
                "`{text}` would send the key and all else unencrypted: use https, or say `allow-plain-http = true` \
                 in a `models.toml`"
            )));
        }
        scheme => {
            return Err(wrong(format!("begins with `{scheme}:`: expected https, or http to this machine")));
        }
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong(format!("`{text}` names no host")));
    }
    let base = url.as_str().trim_end_matches('/');
    for end in ["/chat/completions", "/responses", "/messages"] {
        if let Some(rest) = base.strip_suffix(end) {
            return Err(wrong(format!("ends with `{end}`, which the form adds: leave it out (`{rest}`)")));
        }
    }
    Ok(base.to_owned())
}

/// What is said of an address without `https://` before it: with what it would be one, where
/// it may be shown.
fn without_scheme(text: &str) -> String {
    let fits = |scheme: &str| {
        let whole = format!("{scheme}://{text}");
        let url = Url::parse(&whole).ok().filter(|url| url.has_host() && !text.starts_with('/'))?;
        let open = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        open.then_some((whole, is_this_machine(&url)))
    };
    let suggested = match fits("http") {
        Some((whole, true)) => Some(whole),
        _ => fits("https").map(|(whole, _)| whole),
    };
    match suggested {
        Some(whole) => format!("does not say how the server is reached: is `{whole}` meant?"),
        None => "is no URL: expected one like `https://HOST/v1`".to_owned(),
    }
}

/// The form of the provider whose own server it is.
pub(super) fn provider(base_url: &str) -> Option<WireForm> {
    match Url::parse(base_url).ok()?.host_str()? {
        "api.anthropic.com" => Some(WireForm::Messages),
        "api.openai.com" => Some(WireForm::Responses),
        _ => None,
    }
}
