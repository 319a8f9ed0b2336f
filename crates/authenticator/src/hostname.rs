//! Host names that can stand in a certificate and in a URL.

use std::fmt;
use std::net::IpAddr;

/// A DNS name or an IP address. Nothing in it needs quoting in a URL or in YAML, brackets for IPv6 aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hostname(String);

impl Hostname {
    /// RFC 1123, section 2.1, with underscores, which some resolvers' names have.
    pub fn parse(text: &str) -> Option<Hostname> {
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        let dns = !text.is_empty() && text.len() <= 253 && text.split('.').all(label);
        (dns || text.parse::<IpAddr>().is_ok()).then(|| Hostname(text.to_owned()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As the host of a URL (RFC 3986, section 3.2.2).
    pub fn for_url(&self) -> String {
        match self.0.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.0.clone(),
        }
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_dns_names_and_addresses_only() {
        for good in ["localhost", "auth.example.com", "10.0.0.1", "::1", "a-b_c.d"] {
            assert!(Hostname::parse(good).is_some(), "{good}");
        }
        for bad in ["", "a b", "a/b", "a:1", "x\ny", "a..b", "user@host", "\"x\"", "naïve"] {
            assert!(Hostname::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn brackets_ipv6_in_urls() {
        assert_eq!(Hostname::parse("::1").map(|name| name.for_url()).as_deref(), Some("[::1]"));
    }
}
