//! Where a request may go: what a registry says of other places leads nobody inwards.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whom an address is reachable for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Everybody.
    Public,
    /// Those of one network.
    Private,
    /// Those on one cable, which is where clouds keep what their machines are told; and what is nobody's.
    Link,
    /// This machine.
    Loopback,
}

impl Reach {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [a, b, c, _] = address.octets();
        if a == 127 || a == 0 {
            Self::Loopback
        } else if address.is_link_local() || address.is_multicast() || a >= 240 {
            Self::Link
        } else if address.is_private()
            || (a == 100 && (64..128).contains(&b))
            || (a == 198 && (b == 18 || b == 19))
            || (a == 192 && b == 0 && (c == 0 || c == 2))
            || (a == 198 && b == 51 && c == 100)
            || (a == 203 && b == 0 && c == 113)
        {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let parts = address.segments();
        let last = || {
            let [.., a, b, c, d] = address.octets();
            Self::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match parts {
            [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Self::Loopback,
            // An address of IPv4 in one of IPv6: translated, or as it once was written.
            [0x64, 0xff9b, 0, 0, 0, 0, _, _] | [0, 0, 0, 0, 0, 0, _, _] => last(),
            [0x64, 0xff9b, ..] => Self::Private,
            [0x2002, high, low, ..] => {
                let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
                Self::of_v4(Ipv4Addr::new(a, b, c, d))
            }
            [first, ..] if first & 0xffc0 == 0xfe80 || first & 0xff00 == 0xff00 => Self::Link,
            [first, ..] if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 => Self::Private,
            // Teredo has an address of its own in it, and documentation nobody.
            [0x2001, 0 | 0xdb8, ..] => Self::Private,
            _ => Self::Public,
        }
    }

    fn is(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Private => "an address of a private network",
            Self::Link => "an address of one link alone, or nobody's",
            Self::Loopback => "an address of this machine",
        }
    }
}

/// Who finds the addresses of a name.
pub(crate) type Lookup = Arc<dyn Fn(&str) -> std::io::Result<Vec<IpAddr>> + Send + Sync>;

/// As the system finds them.
pub(crate) fn system() -> Lookup {
    Arc::new(|name| {
        use std::net::ToSocketAddrs as _;
        Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
    })
}

/// Where one registry is, and where it may send somebody.
pub(crate) struct Network {
    lookup: Lookup,
    places: Mutex<Places>,
    home: String,
}

#[derive(Default)]
struct Places {
    /// What the registry's own name was found to be.
    home: Option<Reach>,
    /// Names that the registry gave. A proxy's is none of them, and may be where it likes.
    watched: BTreeSet<String>,
    /// What was found of those, for whoever has to say why nothing was reached.
    refused: BTreeMap<String, String>,
}

impl Network {
    /// Of the registry at that URL.
    pub(crate) fn new(home: &Url, lookup: Lookup) -> Arc<Self> {
        let host = host(home);
        let reach = match address(home) {
            Some(address) => Some(Reach::of(address)),
            None => is_localhost(&host).then_some(Reach::Loopback),
        };
        let places = Mutex::new(Places { home: reach, ..Places::default() });
        Arc::new(Self { lookup, places, home: host })
    }

    /// Whether a registry may send somebody there; what speaks against it.
    pub(crate) fn check(&self, url: &Url) -> Result<(), String> {
        let host = host(url);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let home = places.home.unwrap_or(Reach::Public);
        let scheme = url.scheme();
        if !(scheme == "https" || scheme == "http" && home == Reach::Loopback) {
            return Err(format!("it leads to `{scheme}://{host}`, expected one that begins with `https://`"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it has a name or a password in it, expected none".to_owned());
        }
        let found = match address(url) {
            Some(address) => Reach::of(address),
            None if is_localhost(&host) => Reach::Loopback,
            None if host.is_empty() => return Err("it names no host".to_owned()),
            None if scheme == "http" => {
                return Err(format!(
                    "it leads to `http://{host}`, which is not this machine, expected https"
                ));
            }
            None => {
                if host != self.home {
                    places.watched.insert(host);
                }
                return Ok(());
            }
        };
        if found == Reach::Public && scheme == "https" || found == home {
            return Ok(());
        }
        Err(inward(&host, found, home))
    }

    /// Why a name was not gone to, if it was not.
    pub(crate) fn refusal(&self, url: &Url) -> Option<String> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).refused.get(&host(url)).cloned()
    }

    /// Where a name leads, of those that may be gone to.
    fn resolved(&self, name: &str) -> std::io::Result<Vec<SocketAddr>> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let found = (self.lookup)(&name)?;
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = found.clone();
        if name == self.home {
            // Of several kinds the registry is what it can be held to least.
            let inner = found.iter().map(|address| Reach::of(*address)).find(|reach| *reach != Reach::Public);
            let all_inner = found.iter().all(|address| Reach::of(*address) != Reach::Public);
            let home = *places.home.get_or_insert(inner.filter(|_| all_inner).unwrap_or(Reach::Public));
            // What is called this machine is spoken to without encryption: whoever answers for names
            // is not to lead it, and what is sent with it, elsewhere.
            if is_localhost(&name) {
                kept.retain(|address| Reach::of(*address) == Reach::Loopback);
                if let (true, Some(address)) = (kept.is_empty(), found.first()) {
                    let why = inward(&name, Reach::of(*address), home);
                    places.refused.insert(name, why.clone());
                    return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, why));
                }
            }
        } else if places.watched.contains(&name) {
            let home = places.home.unwrap_or(Reach::Public);
            kept.retain(|address| {
                matches!(Reach::of(*address), Reach::Public) || Reach::of(*address) == home
            });
            if let (true, Some(address)) = (kept.is_empty(), found.first()) {
                let why = inward(&name, Reach::of(*address), home);
                places.refused.insert(name, why.clone());
                return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, why));
            }
        }
        Ok(kept.into_iter().map(|address| SocketAddr::new(address, 0)).collect())
    }
}

fn inward(host: &str, found: Reach, home: Reach) -> String {
    format!("it leads to `{host}`, {}, and the registry has {}: it is not gone to", found.is(), home.is())
}

/// What `reqwest` asks for addresses.
pub(crate) struct Resolver(pub(crate) Arc<Network>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let network = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::task::spawn_blocking(move || network.resolved(name.as_str())).await??;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The host of a URL, as names are compared.
pub(crate) fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase()
}

/// Whether a URL is of this machine, by its name or address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    address(url).map_or_else(|| is_localhost(&host(url)), |address| address.to_canonical().is_loopback())
}

fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

/// The address that stands in a URL in place of a name.
fn address(url: &Url) -> Option<IpAddr> {
    let host = host(url);
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn addresses_are_told_apart() {
        for (text, expected) in [
            ("93.184.216.34", Reach::Public),
            ("2606:4700::1111", Reach::Public),
            ("127.0.0.1", Reach::Loopback),
            ("127.255.0.1", Reach::Loopback),
            ("0.0.0.0", Reach::Loopback),
            ("::1", Reach::Loopback),
            ("::", Reach::Loopback),
            ("::ffff:127.0.0.1", Reach::Loopback),
            ("::127.0.0.1", Reach::Loopback),
            ("64:ff9b::7f00:1", Reach::Loopback),
            ("10.1.2.3", Reach::Private),
            ("172.16.0.1", Reach::Private),
            ("192.168.1.1", Reach::Private),
            ("100.64.0.1", Reach::Private),
            ("198.18.0.1", Reach::Private),
            ("::ffff:10.0.0.1", Reach::Private),
            ("64:ff9b::a00:1", Reach::Private),
            ("2002:a00:1::", Reach::Private),
            ("fd00::1", Reach::Private),
            ("2001:0:1::", Reach::Private),
            ("169.254.169.254", Reach::Link),
            ("::ffff:169.254.169.254", Reach::Link),
            ("64:ff9b::a9fe:a9fe", Reach::Link),
            ("fe80::1", Reach::Link),
            ("ff02::1", Reach::Link),
            ("224.0.0.1", Reach::Link),
            ("255.255.255.255", Reach::Link),
        ] {
            assert_eq!(Reach::of(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_called_this_machine_is_nowhere_else() {
        let led = |found: &[&str]| {
            let found: Vec<IpAddr> = found.iter().map(|text| text.parse().unwrap()).collect();
            let home = url("http://r.localhost:5000/");
            let network = Network::new(&home, Arc::new(move |_| Ok(found.clone())));
            let kept = network.resolved("r.localhost").ok();
            assert_eq!(network.refusal(&home).is_some(), kept.is_none());
            kept
        };
        assert_eq!(led(&["127.0.0.1", "10.0.0.1"]).unwrap(), ["127.0.0.1:0".parse().unwrap()]);
        for elsewhere in ["10.0.0.1", "93.184.216.34", "169.254.169.254"] {
            assert_eq!(led(&[elsewhere]), None, "{elsewhere}");
        }
    }

    #[test]
    fn nobody_is_led_inwards() {
        let lookup: Lookup = Arc::new(|name| {
            Ok(match name {
                "public.example" | "cdn.example" => vec!["93.184.216.34".parse().unwrap()],
                "private.example" | "inner.example" => vec!["10.0.0.1".parse().unwrap()],
                "both.example" => vec!["169.254.169.254".parse().unwrap(), "93.184.216.34".parse().unwrap()],
                _ => vec!["169.254.169.254".parse().unwrap()],
            })
        });
        let goes = |home: &str, to: &str| {
            let network = Network::new(&url(home), Arc::clone(&lookup));
            let _ = network.resolved(&host(&url(home)));
            network.check(&url(to))?;
            if address(&url(to)).is_some() || is_localhost(&host(&url(to))) {
                return Ok(());
            }
            let found = network.resolved(&host(&url(to)));
            assert_eq!(network.refusal(&url(to)).is_some(), found.is_err());
            let kept = found.map_err(|error| error.to_string())?;
            assert!(!kept.contains(&"169.254.169.254:0".parse().unwrap()));
            Ok::<_, String>(())
        };
        for (home, to) in [
            ("https://public.example/", "https://public.example/a"),
            ("https://public.example/", "https://cdn.example/a"),
            ("https://public.example/", "https://both.example/a"),
            ("https://public.example/", "https://1.1.1.1/a"),
            ("https://private.example/", "https://inner.example/a"),
            ("https://private.example/", "https://10.9.9.9/a"),
            ("https://private.example/", "https://cdn.example/a"),
            ("http://127.0.0.1:5000/", "http://localhost:5001/a"),
            ("http://localhost:5000/", "http://[::1]:5001/a"),
            ("http://localhost:5000/", "https://cdn.example/a"),
        ] {
            assert_eq!(goes(home, to), Ok(()), "{home} {to}");
        }
        for (home, to) in [
            ("https://public.example/", "http://cdn.example/a"),
            ("https://public.example/", "http://public.example/a"),
            ("https://public.example/", "https://inner.example/a"),
            ("https://public.example/", "https://metadata.example/a"),
            ("https://public.example/", "https://METADATA.example./a"),
            ("https://public.example/", "https://10.0.0.1/a"),
            ("https://public.example/", "https://127.0.0.1/a"),
            ("https://public.example/", "https://2130706433/a"),
            ("https://public.example/", "https://0x7f.1/a"),
            ("https://public.example/", "https://[::ffff:127.0.0.1]/a"),
            ("https://public.example/", "https://localhost/a"),
            ("https://public.example/", "http://localhost/a"),
            ("https://public.example/", "https://x.localhost/a"),
            ("https://public.example/", "https://u:p@cdn.example/a"),
            ("https://public.example/", "file:///etc/passwd"),
            ("https://public.example/", "ftp://cdn.example/a"),
            ("https://private.example/", "https://127.0.0.1/a"),
            ("https://private.example/", "https://169.254.169.254/a"),
            ("https://private.example/", "https://metadata.example/a"),
            ("https://private.example/", "http://inner.example/a"),
            ("http://localhost:5000/", "http://10.0.0.1/a"),
            ("http://localhost:5000/", "https://10.0.0.1/a"),
            ("http://localhost:5000/", "http://1.1.1.1/a"),
            ("http://localhost:5000/", "http://cdn.example/a"),
            ("http://localhost:5000/", "http://169.254.169.254/latest"),
            ("http://localhost:5000/", "https://inner.example/a"),
        ] {
            assert!(goes(home, to).is_err(), "{home} {to}");
        }
        // A proxy is nobody whom the registry names.
        let network = Network::new(&url("https://public.example/"), lookup);
        assert!(network.resolved("inner.example").is_ok());
    }
}
