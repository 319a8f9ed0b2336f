//! What can be read at an issuer's URL.

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use jiff::Timestamp;
use openapi::api::Fault;
use openapi::network::{ProxyError, ProxyRules, Trust};
use openapi::site::{Page, SiteError, SiteOptions, SiteReader};
use reqwest::Url;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::api_server::discovery_document;
use super::{DISCOVERY_PATH, KeySet};
use crate::network::{CONNECT_TIMEOUT, TIMEOUT};
use crate::platform::user_agent;
use crate::visible::{is_pasteable, visible};
use crate::world::World;

/// Both documents are of some kilobytes.
const MAX_BYTES: usize = 256 * 1024;
/// For a name server.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_SHOWN: usize = 300;

/// What can be read at an issuer's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublishedIssuer {
    /// What its discovery document says it is; [`Site::read`] gives none that is not the one that was asked for.
    pub(crate) issuer: String,
    /// Where its keys were read.
    pub(crate) jwks_uri: String,
    /// Its keys.
    pub(crate) keys: KeySet,
    /// The certificate authorities above its web server's certificate, as far as they are known: first the one whose
    /// fingerprint RAM's documentation asks for. RAM takes that of any.
    pub(crate) authorities: Vec<Authority>,
    /// The same of the server that has its keys.
    pub(crate) keys_authorities: Vec<Authority>,
    /// When the certificate of its web server ends.
    pub(crate) certificate_end: Option<Timestamp>,
    /// An address of its host that the internet does not reach.
    pub(crate) private_address: Option<IpAddr>,
}

/// A certificate authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    /// SHA-1 of its certificate, 40 hexadecimal digits in capitals, as RAM wants it.
    pub(crate) fingerprint: String,
    /// Its name, as it can be shown.
    pub(crate) name: String,
    /// When its certificate ends.
    pub(crate) end: Option<Timestamp>,
}

/// Why nothing that RAM could use can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url} {detail}")]
pub(crate) struct Unpublished {
    /// What was read, as it can be shown.
    pub(crate) url: String,
    /// What is wrong, as the rest of a sentence.
    pub(crate) detail: String,
    /// What to do.
    pub(crate) mend: &'static str,
    /// Whether the files are not there, or not for everybody.
    pub(crate) is_absent: bool,
}

impl Unpublished {
    fn new(url: &str, detail: String, mend: &'static str) -> Self {
        Self { url: shown(url), detail, mend, is_absent: mend == PUBLISH }
    }
}

const PUBLISH: &str = "publish the two files there, readable by everybody without a login";

/// Reads what issuers publish, as anybody could.
pub(crate) struct Site<'a> {
    reader: SiteReader,
    world: &'a World<'a>,
}

impl<'a> Site<'a> {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// A proxy that cannot be used.
    pub(crate) fn new(world: &'a World<'a>) -> Result<Self, ProxyError> {
        let options = SiteOptions {
            user_agent: user_agent(),
            connect_timeout: CONNECT_TIMEOUT,
            timeout: TIMEOUT,
            max_bytes: MAX_BYTES,
        };
        let proxies = ProxyRules::from_environment(world.variable)?;
        Ok(Self { reader: SiteReader::new(Trust::from_environment(world.variable), proxies, options), world })
    }

    /// Reads the discovery document of an issuer and the keys that it names.
    ///
    /// # Errors
    /// What stands in the way; where it is another issuer's document, that.
    pub(crate) async fn read(&self, issuer: &str) -> Result<PublishedIssuer, Unpublished> {
        let url = format!("{}{DISCOVERY_PATH}", issuer.strip_suffix('/').unwrap_or(issuer));
        let document = self.get(&url).await?;
        let no = |url: &str, detail: String, mend| Unpublished::new(url, detail, mend);
        let (own, jwks_uri) =
            discovery_document(&text(&document)).map_err(|detail| no(&url, detail, PUBLISH))?;
        if own != issuer {
            let why = match own.trim_end_matches('/') == issuer.trim_end_matches('/') {
                true => ": only a slash at the end differs, and issuers are compared to the letter",
                false => "",
            };
            let detail = format!("is the document of another issuer, {}{why}", shown(&own));
            return Err(no(
                &url,
                detail,
                "publish this issuer's own document there, or give the URL that it names",
            ));
        }
        if !is_plain_url(&jwks_uri) {
            let detail = format!("names keys at {}, which is no plain https URL", shown(&jwks_uri));
            return Err(no(&url, detail, PUBLISH));
        }
        let keys = self.get(&jwks_uri).await?;
        let set = KeySet::parse(&text(&keys)).map_err(|detail| no(&jwks_uri, detail, PUBLISH))?;
        Ok(PublishedIssuer {
            authorities: self.authorities(&url, &document),
            keys_authorities: self.authorities(&jwks_uri, &keys),
            certificate_end: document
                .chain
                .first()
                .and_then(|der| certificate(der))
                .and_then(|cert| end(&cert)),
            private_address: private_address(&url).await,
            issuer: own,
            jwks_uri,
            keys: set,
        })
    }

    async fn get(&self, url: &str) -> Result<Page, Unpublished> {
        let no = |detail: String, mend| Unpublished::new(url, detail, mend);
        match self.reader.get(url).await {
            Ok(page) if page.status == 200 => Ok(page),
            Ok(page) => Err(match page.status {
                401 | 403 => no(format!("is not readable by everybody (HTTP {})", page.status), PUBLISH),
                404 => no("is not there (HTTP 404)".to_owned(), PUBLISH),
                300..=399 => no(
                    format!("redirects (HTTP {}), which is not followed", page.status),
                    "publish the two files at the issuer's URL itself",
                ),
                status => no(format!("answers HTTP {status}"), PUBLISH),
            }),
            Err(SiteError::Fault(fault @ Fault::Tls { .. })) => Err(no(
                format!("cannot be read: {fault}"),
                "RAM reads it only from a server whose certificate a public CA has issued",
            )),
            Err(error) => Err(no(format!("cannot be read: {error}"), PUBLISH)),
        }
    }

    /// The authorities that the server's certificate leads to: of those that it shows the last first, and behind them the
    /// one that is trusted here.
    fn authorities(&self, url: &str, page: &Page) -> Vec<Authority> {
        let trusted = self.reader.authority_of(url, &page.chain, (self.world.now)());
        let shown = authorities_of_chain(&page.chain).into_iter().rev().cloned();
        let mut authorities: Vec<Authority> = Vec::new();
        for authority in shown.chain(trusted).filter_map(|der| Authority::of(&der)) {
            if !authorities.contains(&authority) {
                authorities.push(authority);
            }
        }
        authorities
    }
}

impl Authority {
    fn of(der: &[u8]) -> Option<Self> {
        let parsed = certificate(der)?;
        Some(Self {
            fingerprint: fingerprint(der),
            name: shown(&parsed.subject().to_string()),
            end: end(&parsed),
        })
    }
}

/// The authorities among the certificates that a server shows, from the one above its own on. Servers may show others too,
/// in any order.
fn authorities_of_chain(chain: &[Vec<u8>]) -> Vec<&Vec<u8>> {
    let mut authorities = Vec::new();
    let Some((mut last, rest)) = chain.split_first() else { return authorities };
    for der in rest {
        let (Some(below), Some(above)) = (certificate(last), certificate(der)) else { break };
        if below.issuer() != above.subject() || !above.is_ca() {
            break;
        }
        authorities.push(der);
        last = der;
    }
    authorities
}

fn certificate(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().map(|(_, parsed)| parsed)
}

fn end(certificate: &X509Certificate<'_>) -> Option<Timestamp> {
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

fn fingerprint(der: &[u8]) -> String {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

/// An address of a URL's host that the internet does not reach. Behind a proxy the name may have no address here: nothing
/// is known then.
async fn private_address(url: &str) -> Option<IpAddr> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port_or_known_default()?;
    let looking = tokio::net::lookup_host((host, port));
    let addresses = tokio::time::timeout(LOOKUP_TIMEOUT, looking).await.ok()?.ok()?;
    addresses.map(|address| address.ip()).find(|address| !is_public(*address))
}

/// Whether the internet may reach it: none of the networks that RFC 6890 keeps for other uses.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_documentation()
                || shared)
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_public(IpAddr::V4(address)),
            None => {
                !(address.is_loopback()
                    || address.is_unspecified()
                    || address.is_unique_local()
                    || address.is_unicast_link_local())
            }
        },
    }
}

/// Whether it is an `https://` URL of at most 2048 bytes that holds nothing which a shell or a list of flags reads otherwise:
/// it is told to people as a flag of kube-apiserver, and whoever has the site could write it.
fn is_plain_url(text: &str) -> bool {
    text.starts_with("https://") && text.len() <= 2048 && text.chars().all(is_pasteable)
}

fn text(page: &Page) -> String {
    String::from_utf8_lossy(&page.body).into_owned()
}

fn shown(text: &str) -> String {
    visible(text).chars().take(MAX_SHOWN).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_keys_is_nothing_but_a_url() {
        for good in
            ["https://issuer.example/c1/openid/v1/jwks", "https://[::1]:8443/keys?v=1", "https://a.b/%20"]
        {
            assert!(is_plain_url(good), "{good}");
        }
        let long = format!("https://{}", "x".repeat(2048));
        for bad in [
            "http://issuer.example/keys",
            "https://user:password@issuer.example/keys",
            "https://issuer.example/keys --anonymous-auth=true",
            "https://issuer.example/keys\n--anonymous-auth=true",
            "https://issuer.example/$(reboot)",
            "https://issuer.example/`reboot`",
            "https://issuer.example/keys;reboot",
            "https://issuer.example/keys&reboot",
            "https://issuer.example/'keys",
            "https://issuer.example/\"keys",
            "https://issuer.example/keys#x",
            "https://issuer.example/\u{202e}keys",
            &long,
        ] {
            assert!(!is_plain_url(bad), "{bad}");
        }
    }

    #[test]
    fn of_the_certificates_that_a_server_shows_those_above_its_own_count() {
        let key = || rcgen::KeyPair::generate().unwrap();
        let named = |name: &str, is_ca: bool| {
            let mut parameters = rcgen::CertificateParams::new(vec![format!("{name}.example")]).unwrap();
            parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
            if is_ca {
                parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            }
            parameters
        };
        let (root_key, middle_key, leaf_key) = (key(), key(), key());
        let (roots, middles) = (named("root", true), named("middle", true));
        let root = roots.self_signed(&root_key).unwrap().der().to_vec();
        let root_issuer = rcgen::Issuer::from_params(&roots, &root_key);
        let middle = middles.signed_by(&middle_key, &root_issuer).unwrap().der().to_vec();
        // Of the same name, and allowed to sign nothing.
        let no_ca = named("middle", false).signed_by(&middle_key, &root_issuer).unwrap().der().to_vec();
        let middle_issuer = rcgen::Issuer::from_params(&middles, &middle_key);
        let leaf = named("leaf", false).signed_by(&leaf_key, &middle_issuer).unwrap().der().to_vec();
        let other = named("other", true).self_signed(&key()).unwrap().der().to_vec();
        for (shown, wanted) in [
            (vec![&leaf, &middle, &root], vec![&middle, &root]),
            (vec![&leaf], vec![]),
            (vec![&leaf, &other], vec![]),
            (vec![&leaf, &root], vec![]),
            (vec![&leaf, &no_ca], vec![]),
            (vec![&leaf, &middle, &other, &root], vec![&middle]),
            (vec![], vec![]),
        ] {
            let shown: Vec<Vec<u8>> = shown.into_iter().cloned().collect();
            assert_eq!(authorities_of_chain(&shown), wanted);
        }
        // Two digits for each byte, whatever it is.
        let authority = Authority::of(&root).unwrap();
        assert_eq!((authority.fingerprint.len(), authority.name.as_str()), (40, "CN=root"));
        let fingerprints = (0..200_u8).map(|byte| fingerprint(&[byte]));
        assert!(fingerprints.into_iter().all(|text| text.len() == 40));
    }

    #[test]
    fn addresses_that_the_internet_reaches() {
        for public in ["1.2.3.4", "100.63.0.1", "100.128.0.1", "172.32.0.1", "2001:4860::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.100.100.200",
            "169.254.1.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }
}
