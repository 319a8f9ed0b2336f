//! `export-credentials --serve`: a credentials URI on this machine.

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN};
use hyper::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use openapi::Credentials;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::format::ExportFormat;
use crate::Done;
use crate::credentials::{self, Origin};
use crate::error::Error;
use crate::log::Log;
use crate::network;
use crate::platform;
use crate::serve;
use crate::settings::Settings;
use crate::world::World;

/// New credentials are got this long before the old ones end.
const BEFORE_END: SignedDuration = SignedDuration::from_mins(10);
/// Credentials that do not say when they end are got anew after this time.
const UNKNOWN_END: SignedDuration = SignedDuration::from_mins(5);

/// An address of this machine that no other machine reaches.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "write IP:PORT, for example 127.0.0.1:6666".to_owned())?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err("it must be a loopback address, for example 127.0.0.1:6666: whoever can connect gets the credentials"
            .to_owned()),
    }
}

/// Serves until the process is told to end.
pub(super) fn run(
    address: SocketAddr,
    format: ExportFormat,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    // What is wrong with the settings shows at once, not at the first request.
    credentials::find(settings, world, log)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { source })?;
    let served = runtime.block_on(async {
        let listen = |source| Error::Listen { address, source };
        let ended = platform::ended().map_err(listen)?;
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        log.info(&format!("serving credentials at http://{address}/ until Ctrl-C"));
        let server = Server { address, format, settings, world, log, held: Mutex::new(None) };
        tokio::select! {
            () = ended => {}
            () = serve::accept(&listener, |request| server.answer(request)) => {}
        }
        Ok(Done::default())
    });
    runtime.shutdown_background();
    served
}

struct Server<'a> {
    address: SocketAddr,
    format: ExportFormat,
    settings: &'a Settings,
    world: &'a World<'a>,
    log: &'a Log<'a>,
    held: Mutex<Option<Held>>,
}

/// Credentials, and when they were got.
struct Held {
    credentials: Credentials,
    at: Timestamp,
}

impl Held {
    /// Whether they are to be used at this time without asking for new ones.
    fn is_fresh(&self, now: Timestamp) -> bool {
        match self.credentials.expiration {
            Some(end) => now.duration_until(end) > BEFORE_END,
            None => self.at.duration_until(now) < UNKNOWN_END,
        }
    }

    fn is_valid(&self, now: Timestamp) -> bool {
        self.credentials.expiration.is_some_and(|end| end > now)
    }
}

impl Server<'_> {
    async fn answer(&self, request: Request<Incoming>) -> Response<String> {
        let (status, text) = match self.refusal(&request) {
            Some((status, text)) => (status, format!("{text}\n")),
            None => match self.export().await {
                Ok(text) => (StatusCode::OK, text),
                Err(error) => {
                    self.log.warn(&format!("a request for credentials failed: {error}"));
                    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
                }
            },
        };
        let mut response = Response::new(text);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        response
    }

    /// Why a request gets no credentials. A web page whose name was made to lead to this machine has its own name as
    /// `Host`; one that knows the address sends `Origin`.
    fn refusal(&self, request: &Request<Incoming>) -> Option<(StatusCode, &'static str)> {
        let headers = request.headers();
        // A target that names another host counts for more than the header (RFC 9112, section 3.2.2).
        let target = request.uri().authority().map(|target| target.as_str().as_bytes());
        let is_host = |target: &[u8]| headers.get(HOST).is_some_and(|host| host.as_bytes() == target);
        if !names_us(headers, self.address) || !target.is_none_or(is_host) {
            return Some((StatusCode::FORBIDDEN, "the Host header does not name the address of this server"));
        }
        if headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site") {
            return Some((StatusCode::FORBIDDEN, "browsers get no credentials"));
        }
        (request.method() != Method::GET).then_some((StatusCode::METHOD_NOT_ALLOWED, "only GET is answered"))
    }

    /// Credentials that are still good for a while. Requests wait for one another here: one of them asks.
    async fn export(&self) -> Result<String, Error> {
        let now = (self.world.now)();
        let mut held = self.held.lock().await;
        let credentials = match held.as_ref().filter(|held| held.is_fresh(now)) {
            Some(held) => held.credentials.clone(),
            None => match (self.fetch().await, held.as_ref().filter(|held| held.is_valid(now))) {
                (Ok(credentials), _) => {
                    *held = Some(Held { credentials: credentials.clone(), at: now });
                    credentials
                }
                (Err(error), Some(old)) => {
                    self.log.warn(&format!("cannot renew the credentials, the old ones are served: {error}"));
                    old.credentials.clone()
                }
                (Err(error), None) => return Err(error),
            },
        };
        self.format.write(&credentials, now)
    }

    /// Files may have changed since: they are looked at anew.
    async fn fetch(&self) -> Result<Credentials, Error> {
        let origin: Origin = credentials::find(self.settings, self.world, self.log)?;
        let context = network::context(self.settings, self.world)?;
        origin.fetch(&context).await
    }
}

/// Whether `Host` is the address that this server listens on. Clients leave the port out where it is the default one, and
/// the Python SDK always does.
fn names_us(headers: &HeaderMap, address: SocketAddr) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let name = host.strip_suffix(&format!(":{}", address.port())).unwrap_or(host);
    let own = match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    name == own || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_served_at() {
        for good in ["127.0.0.1:6666", "127.1.2.3:0", "[::1]:80"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "0.0.0.0:1",
            "[::]:1",
            "192.168.0.1:80",
            "localhost:80",
            ":80",
            "127.0.0.1",
            "",
            "[::ffff:1.2.3.4]:1",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_host_header_has_to_name_the_server() {
        let named = |values: &[&str], address: &str| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HOST, value.parse().unwrap());
            }
            names_us(&headers, address.parse().unwrap())
        };
        for (host, address) in [
            ("127.0.0.1:6666", "127.0.0.1:6666"),
            ("127.0.0.1", "127.0.0.1:6666"),
            ("localhost:6666", "127.0.0.1:6666"),
            ("[::1]:6666", "[::1]:6666"),
        ] {
            assert!(named(&[host], address), "{host}");
        }
        for host in [
            "evil.example:6666",
            "127.0.0.1.evil.example:6666",
            "127.0.0.1:7777",
            "127.0.0.2:6666",
            "",
            "a@127.0.0.1",
        ] {
            assert!(!named(&[host], "127.0.0.1:6666"), "{host}");
        }
        assert!(!named(&[], "127.0.0.1:6666"));
        assert!(!named(&["127.0.0.1:6666", "evil.example"], "127.0.0.1:6666"));
    }

    #[test]
    fn credentials_are_renewed_before_their_end() {
        let at: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let held = |expiration: Option<&str>| Held {
            credentials: Credentials {
                access_key_id: "STS.x".to_owned(),
                access_key_secret: signature::Secret::new("s"),
                security_token: None,
                expiration: expiration.map(|end| end.parse().unwrap()),
            },
            at,
        };
        let after = |minutes: i64| at + SignedDuration::from_mins(minutes);
        let hour = held(Some("2026-11-23T13:00:00Z"));
        assert!(hour.is_fresh(after(49)) && !hour.is_fresh(after(51)));
        assert!(hour.is_valid(after(59)) && !hour.is_valid(after(60)));
        let unknown = held(None);
        assert!(unknown.is_fresh(after(4)) && !unknown.is_fresh(after(6)) && !unknown.is_valid(at));
    }
}
