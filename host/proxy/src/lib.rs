//! Whether the proxy that the environment names can be used: the HTTP client passes over what it
//! cannot read, and goes its own way.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use http::Uri;
use http::uri::Authority;

/// The names of a variable: the first that is set counts.
type Names = [&'static str; 2];

const HTTPS_PROXY: Names = ["HTTPS_PROXY", "https_proxy"];
const HTTP_PROXY: Names = ["HTTP_PROXY", "http_proxy"];
/// What counts where the protocol's own variable is empty.
const ALL_PROXY: Names = ["ALL_PROXY", "all_proxy"];

/// What protocol a request goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Not encrypted.
    Http,
    /// Encrypted.
    Https,
}

/// Which variable counts for requests of a protocol and names no proxy that can be used
/// (`http://HOST:PORT`); `None` when there is none such. What a variable is set to, `variable` says.
#[must_use]
pub fn unusable(protocol: Protocol, variable: impl Fn(&str) -> Option<OsString>) -> Option<&'static str> {
    // Then a `HTTP_PROXY` may be a header of somebody's request, and no variable counts.
    if variable("REQUEST_METHOD").is_some() {
        return None;
    }
    let own = match protocol {
        Protocol::Http => HTTP_PROXY,
        Protocol::Https => HTTPS_PROXY,
    };
    let (name, value) = [own, ALL_PROXY].into_iter().find_map(|names| {
        let set = names.into_iter().find_map(|name| Some((name, variable(name)?)));
        set.filter(|(_, value)| !value.is_empty())
    })?;
    (!value.to_str().is_some_and(is_proxy)).then_some(name)
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

    fn found(protocol: Protocol, set: &[(&str, &str)]) -> Option<&'static str> {
        unusable(protocol, |name| Some(set.iter().find(|(known, _)| *known == name)?.1.to_owned().into()))
    }

    #[test]
    fn a_variable_that_names_no_proxy_is_named() {
        let https = |set: &[(&str, &str)]| found(Protocol::Https, set);
        for name in HTTPS_PROXY.into_iter().chain(ALL_PROXY) {
            for good in
                ["http://p:1", "https://u:w@p.example:8080/", "p.example:3128", "127.0.0.1:1", "p", ""]
            {
                assert_eq!(https(&[(name, good)]), None, "{name}={good}");
            }
            let bad = [
                "::bad::",
                "x y",
                " ",
                "http://[bad",
                "ftp://p:1",
                "socks9://p",
                "socks5://p:1",
                "/p",
                "http://",
                "http://u@",
            ];
            for bad in bad {
                assert_eq!(https(&[(name, bad)]), Some(name), "{bad}");
            }
        }
    }

    #[test]
    fn what_does_not_count_is_not_looked_at() {
        assert_eq!(found(Protocol::Https, &[("HTTP_PROXY", " ")]), None);
        assert_eq!(found(Protocol::Http, &[("HTTPS_PROXY", " ")]), None);
        assert_eq!(found(Protocol::Http, &[("http_proxy", " ")]), Some("http_proxy"));
        for protocol in [Protocol::Http, Protocol::Https] {
            let own = if protocol == Protocol::Http { "HTTP_PROXY" } else { "HTTPS_PROXY" };
            assert_eq!(found(protocol, &[(own, "p:1"), ("ALL_PROXY", " ")]), None);
            assert_eq!(found(protocol, &[(own, ""), ("ALL_PROXY", " ")]), Some("ALL_PROXY"));
            assert_eq!(found(protocol, &[(own, " "), ("REQUEST_METHOD", "GET")]), None);
        }
    }
}
