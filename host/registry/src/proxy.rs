//! Whether what the environment names as a proxy can be one: the HTTP client passes over what it
//! cannot read, and goes past it.

use std::ffi::OsString;

use http::Uri;
use http::uri::Authority;

use crate::error::{Problem, Wrong};

/// The variables that name a proxy for HTTPS: of each two the first that is set counts, and the
/// second two where the first two are empty.
const NAMES: [[&str; 2]; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];

/// Refuses to ask anybody past a proxy that was named, and cannot be used.
pub(crate) fn unless_unusable(variable: impl Fn(&str) -> Option<OsString>) -> Result<(), Wrong> {
    // Then a variable may be a header of somebody's request, and none of them counts.
    if variable("REQUEST_METHOD").is_some() {
        return Ok(());
    }
    for names in NAMES {
        let set = names.into_iter().find_map(|name| Some((name, variable(name)?)));
        match set.filter(|(_, value)| !value.is_empty()) {
            None => {}
            Some((_, value)) if value.to_str().is_some_and(is_proxy) => return Ok(()),
            Some((name, _)) => {
                let what = format!(
                    "the environment variable {name} names no proxy that can be used, expected `http://HOST:PORT` or nothing"
                );
                let hint = "mend the variable, or unset it to go past the proxy";
                return Err(Wrong::new(Problem::Asked, what, hint));
            }
        }
    }
    Ok(())
}

/// Whether a text names a proxy, read as whoever sends the requests reads it.
fn is_proxy(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let host = uri.authority().map(|authority| {
        let authority = authority.as_str();
        authority.split_once('@').map_or(authority, |(_, host)| host).parse::<Authority>()
    });
    matches!(uri.scheme_str(), None | Some("http" | "https"))
        && matches!(host, Some(Ok(host)) if !host.host().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_names_no_proxy_is_refused_by_its_name() {
        let check = |set: &[(&str, &str)]| {
            let variable =
                |name: &str| Some(set.iter().find(|(known, _)| *known == name)?.1.to_owned().into());
            unless_unusable(variable).map_err(|wrong| wrong.what)
        };
        for name in NAMES.into_iter().flatten() {
            for good in ["http://p:1", "https://u:w@p.example:8080/", "p.example:3128", "p", ""] {
                assert_eq!(check(&[(name, good)]), Ok(()), "{name}={good}");
            }
            for bad in ["::bad::", "x y", " ", "http://[bad", "ftp://p:1", "socks5://p:1", "/p", "http://"] {
                let what = check(&[(name, bad)]).unwrap_err();
                assert!(what.contains(&format!("variable {name} names no proxy")), "{bad}: {what}");
            }
        }
        // A proxy's password is nobody's to read.
        let what = check(&[("HTTPS_PROXY", "ftp://user:secret@p:1")]).unwrap_err();
        assert!(!what.contains("secret"), "{what}");
        assert_eq!(check(&[("HTTPS_PROXY", "p:1"), ("ALL_PROXY", " ")]), Ok(()));
        assert_eq!(check(&[("HTTPS_PROXY", " "), ("REQUEST_METHOD", "GET")]), Ok(()));
        assert_eq!(check(&[("HTTP_PROXY", " ")]), Ok(()));
    }
}
