//! `HTTPS_PROXY` and `NO_PROXY`, by the rules of Go's `golang.org/x/net/http/httpproxy`.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use super::Lookup;

/// A proxy for https requests: an HTTP CONNECT proxy, itself reached by http or https.
#[derive(Clone)]
pub struct Proxy {
    url: Url,
}

/// Which requests go through which proxy.
#[derive(Clone, Debug, Default)]
pub struct ProxyRules {
    https: Option<Proxy>,
    exceptions: Vec<Exception>,
}

/// Why the proxy settings cannot be used. The value is not shown: it can hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The value is no URL with a host.
    #[error("the environment variable {variable} holds no proxy address: write http://HOST:PORT")]
    Malformed {
        /// The variable's name.
        variable: &'static str,
    },
    /// A kind of proxy that is not supported, such as SOCKS.
    #[error(
        "the environment variable {variable} names a proxy of kind {scheme:?}: only http and https proxies are supported"
    )]
    Scheme {
        /// The variable's name.
        variable: &'static str,
        /// The URL's scheme.
        scheme: String,
    },
}

/// One entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    Everything,
    Address {
        address: IpAddr,
        port: Option<u16>,
    },
    Network {
        address: IpAddr,
        prefix: u32,
    },
    /// `suffix` without its leading dot or `*.`; `whole` where the name itself is meant too.
    Domain {
        suffix: String,
        whole: bool,
        port: Option<u16>,
    },
}

impl Proxy {
    /// `HOST:PORT`, without user and password: for messages.
    pub fn address(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The URL with user and password, for a client of another library; never for a message.
    pub fn expose_url(&self) -> &str {
        self.url.as_str()
    }

    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Proxy").field(&self.address()).finish()
    }
}

impl ProxyRules {
    /// Reads `HTTPS_PROXY` (else `https_proxy`) and `NO_PROXY` (else `no_proxy`); empty means unset.
    ///
    /// # Errors
    /// A proxy that is set and cannot be used: going without it would send requests where the administrator does not
    /// want them.
    pub fn from_environment(environment: Lookup<'_>) -> Result<Self, ProxyError> {
        let first = |names: [&'static str; 2]| {
            names
                .into_iter()
                .find_map(|name| Some((name, environment(name).filter(|value| !value.is_empty())?)))
        };
        let https = match first(["HTTPS_PROXY", "https_proxy"]) {
            Some((variable, value)) => Some(parse_proxy(variable, value.trim())?),
            None => None,
        };
        let exceptions = first(["NO_PROXY", "no_proxy"])
            .map(|(_, value)| value.split(',').filter_map(parse_exception).collect())
            .unwrap_or_default();
        Ok(Self { https, exceptions })
    }

    /// The proxy for `https://HOST:PORT/`, or none. `localhost` and loopback addresses are always reached directly.
    pub fn for_https(&self, host: &str, port: u16) -> Option<&Proxy> {
        let proxy = self.https.as_ref()?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok();
        if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return None;
        }
        let direct = self.exceptions.iter().any(|exception| exception.matches(&host, address, port));
        if direct { None } else { Some(proxy) }
    }
}

fn parse_proxy(variable: &'static str, value: &str) -> Result<Proxy, ProxyError> {
    let text = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&text).map_err(|_| ProxyError::Malformed { variable })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ProxyError::Scheme { variable, scheme: url.scheme().to_owned() });
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(ProxyError::Malformed { variable });
    }
    Ok(Proxy { url })
}

fn parse_exception(entry: &str) -> Option<Exception> {
    let entry = entry.trim().to_ascii_lowercase();
    if entry.is_empty() {
        return None;
    }
    if entry == "*" {
        return Some(Exception::Everything);
    }
    if let Some((address, prefix)) = entry.split_once('/') {
        let address = address.parse::<IpAddr>().ok()?;
        let prefix = prefix.parse::<u32>().ok().filter(|prefix| *prefix <= bits(address))?;
        return Some(Exception::Network { address, prefix });
    }
    let (host, port) = split_port(&entry);
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Some(Exception::Address { address, port });
    }
    let domain = match host.strip_prefix("*.").or_else(|| host.strip_prefix('.')) {
        Some(suffix) => Exception::Domain { suffix: suffix.to_owned(), whole: false, port },
        None => Exception::Domain { suffix: host.to_owned(), whole: true, port },
    };
    Some(domain)
}

/// Splits `host:port` and `[v6]:port`; a bare IPv6 address has no port.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    let Some((host, port)) = entry.rsplit_once(':') else { return (entry, None) };
    let bare_v6 = host.contains(':') && !host.ends_with(']');
    match port.parse::<u16>() {
        Ok(port) if !bare_v6 => (host, Some(port)),
        _ => (entry, None),
    }
}

fn bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl Exception {
    fn matches(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        let right_port = |wanted: &Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        match self {
            Self::Everything => true,
            Self::Address { address: wanted, port } => address == Some(*wanted) && right_port(port),
            Self::Network { address: network, prefix } => {
                address.is_some_and(|address| within(address, *network, *prefix))
            }
            Self::Domain { suffix, whole, port } => {
                let below = host.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.ends_with('.'));
                (below || (*whole && host == suffix)) && right_port(port)
            }
        }
    }
}

fn within(address: IpAddr, network: IpAddr, prefix: u32) -> bool {
    let masked = |value: u128, width: u32| value.checked_shr(width.saturating_sub(prefix)).unwrap_or(0);
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            masked(u128::from(a.to_bits()), 32) == masked(u128::from(n.to_bits()), 32)
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => masked(a.to_bits(), 128) == masked(n.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    fn rules(pairs: &[(&str, &str)]) -> Result<ProxyRules, ProxyError> {
        let pairs: Vec<(String, String)> = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        ProxyRules::from_environment(&move |name| {
            pairs.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone())
        })
    }

    fn goes_through(no_proxy: &str, host: &str, port: u16) -> bool {
        let rules = rules(&[("HTTPS_PROXY", "http://proxy.example:3128"), ("NO_PROXY", no_proxy)]).unwrap();
        rules.for_https(host, port).is_some()
    }

    #[test]
    fn takes_the_upper_case_name_first_and_adds_the_scheme() {
        let rules = rules(&[("HTTPS_PROXY", "a.example:3128"), ("https_proxy", "http://b.example")]).unwrap();
        assert_eq!(rules.for_https("sts.aliyuncs.com", 443).unwrap().address(), "a.example:3128");
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let rules = rules(&[("HTTPS_PROXY", ""), ("https_proxy", "http://b.example")]).unwrap();
        assert_eq!(rules.for_https("sts.aliyuncs.com", 443).unwrap().address(), "b.example:80");
    }

    #[test]
    fn goes_directly_to_loopback_always() {
        assert!(!goes_through("", "127.0.0.1", 8443));
        assert!(!goes_through("", "localhost", 443));
        assert!(!goes_through("", "[::1]", 443));
        assert!(goes_through("", "10.0.0.1", 443));
    }

    #[test]
    fn obeys_names_suffixes_addresses_networks_ports_and_the_star() {
        assert!(!goes_through("aliyuncs.com", "sts.aliyuncs.com", 443));
        assert!(!goes_through("aliyuncs.com", "aliyuncs.com", 443));
        assert!(goes_through("aliyuncs.com", "notaliyuncs.com", 443));
        assert!(!goes_through(".aliyuncs.com", "sts.aliyuncs.com", 443));
        assert!(goes_through(".aliyuncs.com", "aliyuncs.com", 443));
        assert!(!goes_through("*.aliyuncs.com", "sts.aliyuncs.com", 443));
        assert!(!goes_through("a.example, STS.aliyuncs.com:443", "sts.aliyuncs.com", 443));
        assert!(goes_through("sts.aliyuncs.com:444", "sts.aliyuncs.com", 443));
        assert!(!goes_through("10.1.2.3", "10.1.2.3", 9));
        assert!(!goes_through("10.1.2.3:9", "10.1.2.3", 9));
        assert!(goes_through("10.1.2.3:9", "10.1.2.3", 10));
        assert!(!goes_through("10.1.0.0/16", "10.1.200.3", 443));
        assert!(goes_through("10.1.0.0/16", "10.2.0.3", 443));
        assert!(!goes_through("0.0.0.0/0", "10.2.0.3", 443));
        assert!(!goes_through("fd00::/8", "[fd12::1]", 443));
        assert!(!goes_through("[fd12::1]:443", "[fd12::1]", 443));
        assert!(!goes_through("fd12::1", "[fd12::1]", 443));
        assert!(!goes_through("*", "10.2.0.3", 443));
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_without_its_password() {
        let error = rules(&[("https_proxy", "socks5://user:canary@proxy:1080")]).unwrap_err();
        assert!(error.to_string().contains("https_proxy") && !error.to_string().contains("canary"));
        assert!(matches!(
            rules(&[("HTTPS_PROXY", "http://")]),
            Err(ProxyError::Malformed { variable: "HTTPS_PROXY" })
        ));
        let rules = rules(&[("HTTPS_PROXY", "http://user:canary@proxy:3128")]).unwrap();
        assert!(!format!("{rules:?}").contains("canary"));
    }
}
