//! Where a service is: a host name, perhaps with a port, always https.

use std::fmt;
use std::str::FromStr;

/// The port that `https` means, and that is therefore left out of the `host` header.
const HTTPS_PORT: u16 = 443;
const MAX_HOST_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;
const MAX_REGION_BYTES: usize = 32;
/// What ids of regions begin with, by the public documentation's list of regions, and what stands for the other parts of
/// the world. Names of other services beside them (`oss-cn-hangzhou`) begin with something else.
const AREAS: [&str; 9] = ["af", "ap", "cn", "eu", "me", "na", "rus", "sa", "us"];

/// The address of a service: `HOST` or `HOST:PORT`, reached by https only.
///
/// ```
/// use openapi::Endpoint;
/// let endpoint: Endpoint = "sts-vpc.cn-hangzhou.aliyuncs.com".parse().unwrap();
/// assert_eq!(endpoint.authority(), "sts-vpc.cn-hangzhou.aliyuncs.com");
/// assert!("http://sts.aliyuncs.com".parse::<Endpoint>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
}

/// Why a text is no endpoint, or no region. One line each, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Nothing was given.
    #[error("the endpoint is empty: write HOST or HOST:PORT, for example sts.cn-hangzhou.aliyuncs.com")]
    Empty,
    /// A scheme that is not https.
    #[error("the endpoint asks for the scheme {scheme:?}: only https is allowed; write HOST or HOST:PORT")]
    Scheme {
        /// The scheme as written.
        scheme: String,
    },
    /// `user@host`: a host name that reads as another one.
    #[error("the endpoint holds a user name (an @): write HOST or HOST:PORT only")]
    UserInfo,
    /// Something after the host and port.
    #[error("the endpoint holds a path, query or fragment: write HOST or HOST:PORT only")]
    Path,
    /// The port is no number from 1 to 65535.
    #[error(
        "the endpoint's port is not a number from 1 to 65535; an IPv6 address stands in brackets, for example [::1]:443"
    )]
    Port,
    /// The host is no DNS name and no IP address.
    #[error(
        "the endpoint's host is neither a DNS name nor an IP address: write for example sts.cn-hangzhou.aliyuncs.com"
    )]
    Host,
    /// The region has other characters than region ids have.
    #[error(
        "the region id {region:?} is not one: region ids are lower-case letters, digits and hyphens, for example cn-hangzhou"
    )]
    Region {
        /// The region as given, escaped and cut to its first characters.
        region: String,
    },
}

impl Endpoint {
    /// STS's endpoint in a region, by the public documentation's list of STS endpoints.
    ///
    /// Without a region it is `sts.aliyuncs.com`, inside a VPC too. `cn-hangzhou-finance` has none of its own and
    /// uses `cn-hangzhou`'s.
    ///
    /// # Errors
    /// [`EndpointError::Region`] for what is no region id.
    pub fn from_region(region: Option<&str>, vpc: bool) -> Result<Self, EndpointError> {
        let Some(region) = region.filter(|region| !region.is_empty()) else {
            return Ok(Self::central("sts"));
        };
        let region = if region == "cn-hangzhou-finance" { "cn-hangzhou" } else { region };
        Self::of_region(if vpc { "sts-vpc" } else { "sts" }, region)
    }

    /// `PREFIX.REGION.aliyuncs.com`.
    ///
    /// # Errors
    /// [`EndpointError::Region`] for what is no region id.
    pub(crate) fn of_region(prefix: &str, region: &str) -> Result<Self, EndpointError> {
        check_region(region)?;
        Ok(Self { host: format!("{prefix}.{region}.aliyuncs.com"), port: HTTPS_PORT })
    }

    /// `PREFIX.aliyuncs.com`.
    pub(crate) fn central(prefix: &str) -> Self {
        Self { host: format!("{prefix}.aliyuncs.com"), port: HTTPS_PORT }
    }

    /// The host: a lower-case DNS name, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 443 where none was written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether requests that are proof to whoever holds them may go there: to STS by its own names (`sts.aliyuncs.com`,
    /// `sts.REGION.aliyuncs.com`, `sts-vpc.REGION.aliyuncs.com`, port 443), and to this machine. Other names below
    /// `aliyuncs.com` can belong to customers: `sts.oss-cn-hangzhou.aliyuncs.com` is a bucket of somebody's.
    pub fn is_sts_itself_or_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        if self.host == "localhost" || address.is_ok_and(|address| address.is_loopback()) {
            return true;
        }
        let name = self.host.strip_suffix(".aliyuncs.com").unwrap_or_default();
        let region = name.strip_prefix("sts.").or_else(|| name.strip_prefix("sts-vpc."));
        let is_region = |region: &str| {
            let area = region.split('-').next().unwrap_or_default();
            check_region(region).is_ok() && AREAS.contains(&area)
        };
        let is_sts = name == "sts" || region.is_some_and(is_region);
        is_sts && self.port == HTTPS_PORT
    }

    /// What the `host` header holds: the host, and the port unless it is 443.
    pub fn authority(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.host)?;
        if self.port != HTTPS_PORT {
            write!(formatter, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Takes `HOST`, `HOST:PORT`, and the same after `https://`, with or without one slash at the end.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(EndpointError::Empty);
        }
        let authority = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
            Some((scheme, _)) => return Err(EndpointError::Scheme { scheme: excerpt(scheme) }),
            None => text,
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(EndpointError::Path);
        }
        let (host, port) = split_port(authority)?;
        Ok(Self { host: check_host(host)?, port })
    }
}

/// Checks a region id's characters and length.
///
/// # Errors
/// [`EndpointError::Region`].
fn check_region(region: &str) -> Result<(), EndpointError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = region.len() <= MAX_REGION_BYTES
        && region.chars().all(allowed)
        && !region.starts_with('-')
        && !region.ends_with('-')
        && !region.is_empty();
    if good { Ok(()) } else { Err(EndpointError::Region { region: excerpt(region) }) }
}

fn split_port(authority: &str) -> Result<(&str, u16), EndpointError> {
    let after_host = match authority.rfind(']') {
        Some(end) => authority.get(end..).unwrap_or_default().find(':').and_then(|at| end.checked_add(at)),
        None => authority.find(':'),
    };
    let Some((host, port)) = after_host.and_then(|at| authority.split_at_checked(at)) else {
        return Ok((authority, HTTPS_PORT));
    };
    let digits = port.strip_prefix(':').unwrap_or_default();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EndpointError::Port);
    }
    match digits.parse::<u16>() {
        Ok(port) if port != 0 => Ok((host, port)),
        _ => Err(EndpointError::Port),
    }
}

/// Checks the host and gives it in the one spelling that the `host` header will have, because that is what is signed.
fn check_host(host: &str) -> Result<String, EndpointError> {
    let host = host.to_ascii_lowercase();
    if host.is_empty() || host.len() > MAX_HOST_BYTES {
        return Err(EndpointError::Host);
    }
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner.strip_suffix(']').and_then(|text| text.parse::<std::net::Ipv6Addr>().ok());
        // IPv6 addresses have many spellings: take the one that the HTTP library sends.
        let url = address.and_then(|address| reqwest::Url::parse(&format!("https://[{address}]/")).ok());
        return url.and_then(|url| url.host_str().map(str::to_owned)).ok_or(EndpointError::Host);
    }
    if host.parse::<std::net::Ipv4Addr>().is_ok() {
        return Ok(host);
    }
    // A last label of digits only would be read as an IPv4 address in one of its odd spellings (`127.1`).
    let numeric_end =
        host.rsplit('.').next().is_some_and(|label| label.starts_with(|c: char| c.is_ascii_digit()));
    if numeric_end || !host.split('.').all(is_label) { Err(EndpointError::Host) } else { Ok(host) }
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= MAX_LABEL_BYTES
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn excerpt(text: &str) -> String {
    text.chars().take(MAX_REGION_BYTES).collect()
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

    fn accepts(text: &str, authority: &str) {
        let endpoint: Endpoint = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(endpoint.authority(), authority);
    }

    fn refuses(text: &str) -> EndpointError {
        text.parse::<Endpoint>().expect_err(text)
    }

    #[test]
    fn takes_a_host_with_and_without_a_port() {
        accepts("sts.aliyuncs.com", "sts.aliyuncs.com");
        accepts("STS.Aliyuncs.COM:443", "sts.aliyuncs.com");
        accepts("127.0.0.1:8443", "127.0.0.1:8443");
        accepts("localhost:65535", "localhost:65535");
        accepts("[::1]:8443", "[::1]:8443");
        accepts("[0:0:0:0:0:0:0:1]", "[::1]");
        accepts("https://sts.aliyuncs.com", "sts.aliyuncs.com");
        accepts("HTTPS://sts.aliyuncs.com:8443/", "sts.aliyuncs.com:8443");
    }

    #[test]
    fn the_url_library_writes_the_same_host_header_that_is_signed() {
        for text in
            ["STS.aliyuncs.com", "127.0.0.1:8443", "[0:0::1]:8443", "a-b.example:1", "x", "[::ffff:1.2.3.4]"]
        {
            let endpoint: Endpoint = text.parse().unwrap();
            let url = reqwest::Url::parse(&format!("https://{endpoint}/")).unwrap();
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            assert_eq!(format!("{}{port}", url.host_str().unwrap()), endpoint.authority());
        }
    }

    #[test]
    fn refuses_schemes_users_paths_ports_and_hosts() {
        assert_eq!(refuses(""), EndpointError::Empty);
        for scheme in ["http", "ftp", "HTTP", ""] {
            let error = refuses(&format!("{scheme}://sts.aliyuncs.com"));
            assert_eq!(error, EndpointError::Scheme { scheme: scheme.to_owned() });
        }
        for text in ["sts.aliyuncs.com@evil.example", "https://a:b@sts.aliyuncs.com", "@x"] {
            assert_eq!(refuses(text), EndpointError::UserInfo, "{text}");
        }
        for text in ["sts.aliyuncs.com/x", "sts.aliyuncs.com//", "x?y", "x#y", "x\\y", "https://x/y"] {
            assert_eq!(refuses(text), EndpointError::Path, "{text}");
        }
        for text in ["x:", "x:0", "x:65536", "x:+1", "x:-1", "x:1:2", "[::1]:x", "::1", "[::1"] {
            assert_eq!(refuses(text), EndpointError::Port, "{text}");
        }
        let long = format!("{}.com", "a".repeat(64));
        for text in [
            " sts.aliyuncs.com",
            "sts.aliyuncs.com ",
            "a..b",
            ".a",
            "a.",
            "-a",
            "a-",
            "a_b",
            "127.1",
            "1.2.3.4.5",
            "0x7f.0.0.1",
            "256.1.1.1",
            "ä.com",
            "[zz]",
            "https://",
            ":443",
            "a\nb",
            &long,
        ] {
            assert_eq!(refuses(text), EndpointError::Host, "{text}");
        }
    }

    #[test]
    fn follows_the_documented_list_of_regions() {
        let endpoint = |region, vpc| Endpoint::from_region(region, vpc).unwrap().authority();
        assert_eq!(endpoint(None, false), "sts.aliyuncs.com");
        assert_eq!(endpoint(None, true), "sts.aliyuncs.com");
        assert_eq!(endpoint(Some(""), false), "sts.aliyuncs.com");
        assert_eq!(endpoint(Some("eu-central-1"), false), "sts.eu-central-1.aliyuncs.com");
        assert_eq!(endpoint(Some("cn-shanghai"), true), "sts-vpc.cn-shanghai.aliyuncs.com");
        assert_eq!(endpoint(Some("cn-hangzhou-finance"), true), "sts-vpc.cn-hangzhou.aliyuncs.com");
    }

    #[test]
    fn refuses_a_region_that_would_name_another_host() {
        for region in ["cn.evil.example/", "a b", "CN-HANGZHOU", "-a", "a-", "x@y", "a\nb", &"a".repeat(33)] {
            let error = Endpoint::from_region(Some(region), false).unwrap_err();
            assert!(matches!(error, EndpointError::Region { .. }), "{region}");
            assert!(!error.to_string().contains('\n'));
        }
    }
}
