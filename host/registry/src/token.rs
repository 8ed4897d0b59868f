//! How a registry wants to know who asks.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;

use crate::credentials::Credential;
use crate::error::{Wrong, cut};
use crate::network::{self, host};

/// The most bytes of a challenge.
const MAX_CHALLENGE_BYTES: usize = 8 << 10;

/// What a registry wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A name and a password with each request.
    Basic,
    /// A token of a service.
    Bearer { realm: Url, service: Option<String> },
}

const HINT: &str = "this is the registry's fault: tell whoever runs it";

/// What the answer 401 asks for.
pub(crate) fn challenge(headers: &HeaderMap) -> Result<Challenge, Wrong> {
    let mut basic = false;
    for value in headers.get_all(WWW_AUTHENTICATE).iter().take(8) {
        let Ok(text) = value.to_str() else { continue };
        if text.len() > MAX_CHALLENGE_BYTES {
            continue;
        }
        let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            basic = true;
        } else if scheme.eq_ignore_ascii_case("bearer") {
            let mut parameters = parameters(rest)
                .ok_or_else(|| Wrong::refused(format!("its challenge `{}` is malformed", cut(text)), HINT))?;
            let realm = parameters.remove("realm").unwrap_or_default();
            let realm = Url::parse(&realm).map_err(|_| {
                let what =
                    format!("the realm `{}` of its challenge is no URL, expected `https://…`", cut(&realm));
                Wrong::refused(what, HINT)
            })?;
            return Ok(Challenge::Bearer { realm, service: parameters.remove("service") });
        }
    }
    match basic {
        true => Ok(Challenge::Basic),
        false => {
            let what = "it answers 401 without a challenge that is known, expected `Bearer` or `Basic`";
            Err(Wrong::refused(what, HINT))
        }
    }
}

/// `a="b",c=d`, as HTTP has it.
fn parameters(text: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim().to_ascii_lowercase();
        let mut value = String::new();
        let after = after.trim_start();
        rest = if let Some(quoted) = after.strip_prefix('"') {
            let mut chars = quoted.char_indices();
            loop {
                match chars.next()? {
                    (at, '"') => break &quoted[at + 1..],
                    (_, '\\') => value.push(chars.next()?.1),
                    (_, other) => value.push(other),
                }
            }
        } else {
            let end = after.find(',').unwrap_or(after.len());
            value.push_str(after[..end].trim());
            &after[end..]
        };
        rest = rest.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(rest) => rest.trim_start(),
            None if rest.is_empty() => rest,
            None => return None,
        };
        // Of two the first, which a proxy cannot have added behind it.
        found.entry(name).or_insert(value);
    }
    Some(found)
}

/// Whether a registry's tokens may come from there: its own host, or one of the domain that it is in
/// (`auth.docker.io` for `registry-1.docker.io`, `gitlab.com` for `registry.gitlab.com`); on this
/// machine for a registry on this machine.
pub(crate) fn is_own_realm(registry: &Url, realm: &Url) -> bool {
    if network::is_loopback(registry) {
        return network::is_loopback(realm);
    }
    let (registry, realm) = (host(registry), host(realm));
    if registry == realm {
        return true;
    }
    let is_address = |host: &str| host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
    if is_address(&registry) || is_address(&realm) {
        return false;
    }
    registry.split_once('.').map(|(_, domain)| domain).filter(|domain| domain.contains('.')).is_some_and(
        |domain| realm == domain || realm.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
    )
}

/// The answer of a service that gives tokens.
#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
}

/// The header for the token in an answer.
pub(crate) fn bearer(answer: &[u8]) -> Result<HeaderValue, Wrong> {
    let wrong = || {
        let what = "what the service of its tokens answers has no token, expected JSON with `token` or `access_token`";
        Wrong::refused(what, HINT)
    };
    let Answer { token, access_token } = serde_json::from_slice(answer).map_err(|_| wrong())?;
    let token = token.or(access_token).filter(|token| !token.is_empty()).ok_or_else(wrong)?;
    secret(&format!("Bearer {token}")).ok_or_else(wrong)
}

/// The header for a name and a password.
pub(crate) fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    secret(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What is asked of a service of tokens: its URL, and for an identity token what is posted.
pub(crate) fn question(
    realm: &Url,
    service: Option<&str>,
    scope: &str,
    credential: Option<&Credential>,
) -> (Url, Option<String>) {
    let mut url = realm.clone();
    let Some(Credential::Identity(token)) = credential else {
        let mut pairs = url.query_pairs_mut();
        if let Some(service) = service {
            pairs.append_pair("service", service);
        }
        pairs.append_pair("scope", scope);
        drop(pairs);
        return (url, None);
    };
    // Encoded as a form is.
    let mut form = realm.clone();
    form.query_pairs_mut()
        .clear()
        .append_pair("grant_type", "refresh_token")
        .append_pair("service", service.unwrap_or_default())
        .append_pair("client_id", "lancet")
        .append_pair("scope", scope)
        .append_pair("refresh_token", token);
    (url, form.query().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Result<Challenge, Wrong> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        challenge(&headers)
    }

    #[test]
    fn challenges_are_read() {
        let bearer = |realm: &str, service: Option<&str>| {
            Ok(Challenge::Bearer { realm: Url::parse(realm).unwrap(), service: service.map(str::to_owned) })
        };
        assert_eq!(of(&["Basic realm=\"x\""]), Ok(Challenge::Basic));
        assert_eq!(
            of(&[
                "Bearer realm=\"https://a.example/token\",service=\"r, \\\"x\",scope=\"repository:a:pull\""
            ]),
            bearer("https://a.example/token", Some("r, \"x"))
        );
        assert_eq!(
            of(&["bearer REALM = https://a.example/t , service = s"]),
            bearer("https://a.example/t", Some("s"))
        );
        assert_eq!(
            of(&["Negotiate", "Basic realm=x", "Bearer realm=\"https://a.example/\""]),
            bearer("https://a.example/", None)
        );
        let long = format!("Bearer realm=\"https://a.example/{}\"", "a".repeat(9 << 10));
        for bad in [
            "",
            "Digest realm=x",
            "Bearer",
            "Bearer realm=",
            "Bearer realm=\"x",
            "Bearer realm=\"a\" b",
            "Bearer realm=/token",
            &long,
        ] {
            assert!(of(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_come_from_the_registrys_own() {
        let is = |registry: &str, realm: &str| {
            is_own_realm(&Url::parse(registry).unwrap(), &Url::parse(realm).unwrap())
        };
        for (registry, realm) in [
            ("https://registry-1.docker.io/", "https://auth.docker.io/token"),
            ("https://registry.gitlab.com/", "https://gitlab.com/jwt/auth"),
            ("https://ghcr.io/", "https://ghcr.io/token"),
            ("https://harbor.example.com/", "https://harbor.example.com/service/token"),
            ("http://localhost:5000/", "http://127.0.0.1:5001/token"),
            ("https://10.0.0.1/", "https://10.0.0.1/token"),
        ] {
            assert!(is(registry, realm), "{registry} {realm}");
        }
        for (registry, realm) in [
            ("https://ghcr.io/", "https://evil.io/token"),
            ("https://ghcr.io/", "https://xghcr.io/token"),
            ("https://r.example.com/", "https://example.com.evil.example/"),
            ("https://r.example.com/", "https://evilexample.com/"),
            ("https://r.example.com/", "https://com/"),
            ("https://r.example.com/", "http://127.0.0.1/"),
            ("https://10.0.0.1/", "https://11.0.0.1/"),
            ("http://localhost:5000/", "https://evil.example/"),
        ] {
            assert!(!is(registry, realm), "{registry} {realm}");
        }
    }

    #[test]
    fn questions_and_answers() {
        let realm = Url::parse("https://a.example/token?x=1").unwrap();
        let (url, form) = question(&realm, Some("s&t"), "repository:a/b:pull", None);
        assert_eq!(
            (url.as_str(), form),
            ("https://a.example/token?x=1&service=s%26t&scope=repository%3Aa%2Fb%3Apull", None)
        );
        let identity = Credential::Identity("t&u".to_owned());
        let (url, form) = question(&realm, None, "repository:a:pull", Some(&identity));
        assert_eq!(url, realm);
        assert!(form.unwrap().ends_with("refresh_token=t%26u"));
        assert_eq!(bearer(br#"{"access_token": "x"}"#).unwrap(), "Bearer x");
        for bad in ["", "{}", "[]", r#"{"token": ""}"#, r#"{"token": "a\nb"}"#, r#"{"token": 1}"#] {
            assert!(bearer(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
