//! `rrsa enable --self-managed --serve`: the two documents over plain HTTP, for a proxy with TLS in front.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;

use super::documents::{Documents, Folder, keys_to_publish};
use super::issuer::{ApiServerIssuer, DISCOVERY_PATH, IssuerUrl, KEYS_PATH, KeySet};
use super::kubectl::Kubectl;
use crate::Done;
use crate::error::{Error, SelfManagedError};
use crate::log::Log;
use crate::platform;
use crate::serve;

/// The API server is read anew this often: a new key is served before pods get many tokens of it.
const INTERVAL: Duration = Duration::from_secs(120);

/// The documents that are served now.
type Served = Arc<Mutex<Documents>>;

/// Serves until the process is told to end. A thread answers, this one reads the API server now and then.
pub(super) fn run(
    address: SocketAddr,
    issuer: &IssuerUrl,
    first: KeySet,
    folder: Option<&Folder<'_>>,
    kubectl: &Kubectl<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    let served: Served = Arc::new(Mutex::new(Documents::new(issuer, &first)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { source })?;
    let listen = |source| Error::Listen { address, source };
    let (ended, listener) = runtime
        .block_on(async { Ok((platform::ended()?, TcpListener::bind(address).await?)) })
        .map_err(listen)?;
    let own = listener.local_addr().map_err(listen)?;
    let prefix = issuer.path();
    log.info(&format!(
        "serving {prefix}{DISCOVERY_PATH} and {prefix}{KEYS_PATH} at http://{own} until Ctrl-C, for a proxy with TLS in front, so that {} answers; run the same command with no --serve in another terminal to register the issuer",
        issuer.discovery()
    ));
    let (at_end, over) = mpsc::channel::<()>();
    let shared = Arc::clone(&served);
    let answering = std::thread::Builder::new().spawn(move || {
        let _at_end = at_end;
        runtime.block_on(async {
            tokio::select! {
                () = ended => {}
                () = serve::accept(&listener, |request: Request<Incoming>| {
                    let answered = answer(request.method(), request.uri().path(), &prefix, &shared);
                    async { answered }
                }) => {}
            }
        });
        runtime.shutdown_background();
    });
    answering.map_err(|source| Error::Runtime { source })?;
    let mut followed = Followed { issuer, known: first, folder, served: &served };
    while over.recv_timeout(INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
        followed.read_again(kubectl, log);
    }
    Ok(Done::default())
}

/// What is served, and where it comes from.
struct Followed<'a> {
    issuer: &'a IssuerUrl,
    known: KeySet,
    folder: Option<&'a Folder<'a>>,
    served: &'a Served,
}

impl Followed<'_> {
    /// Has new keys served too. Those that are known stay, whatever the API server says.
    fn read_again(&mut self, kubectl: &Kubectl<'_>, log: &Log<'_>) {
        let keys = match keys_now(self.issuer, &self.known, kubectl) {
            Ok(keys) if keys == self.known => return,
            Ok(keys) => keys,
            Err(error) => return log.warn(&format!("the keys that are known are served on: {error}")),
        };
        for key in self.known.missing_from(&keys) {
            log.info(&format!("the API server has a new key, {}: it is served too", key.label()));
        }
        let documents = Documents::new(self.issuer, &keys);
        if let Some(Err(error)) = self.folder.map(|folder| folder.write(&documents)) {
            log.warn(&format!("the keys are served, and not kept for the next start: {error}"));
        }
        *lock(self.served) = documents;
        self.known = keys;
    }
}

/// The API server's keys now, and behind them those that were served before.
fn keys_now(issuer: &IssuerUrl, known: &KeySet, kubectl: &Kubectl<'_>) -> Result<KeySet, SelfManagedError> {
    let api_server = ApiServerIssuer::read(kubectl, issuer.as_str())
        .map_err(|error| SelfManagedError::ApiServer { detail: error.to_string() })?;
    keys_to_publish(&api_server, std::slice::from_ref(known)).map(|keys| keys.all)
}

fn answer(method: &Method, path: &str, prefix: &str, served: &Served) -> Response<String> {
    let text = match path.strip_prefix(prefix) {
        Some(DISCOVERY_PATH) => Some(lock(served).discovery.clone()),
        Some(KEYS_PATH) => Some(lock(served).keys.clone()),
        _ => None,
    };
    let (status, kind, text) = match text {
        Some(text) if matches!(*method, Method::GET | Method::HEAD) => {
            (StatusCode::OK, "application/json", text)
        }
        Some(_) => (
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain; charset=utf-8",
            "only GET and HEAD are answered\n".to_owned(),
        ),
        None => (StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "there is nothing here\n".to_owned()),
    };
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

fn lock(served: &Served) -> std::sync::MutexGuard<'_, Documents> {
    served.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::cell::RefCell;

    use openapi::credentials::Program;

    use crate::commands::rrsa::self_managed::KubectlFlags;
    use crate::commands::rrsa::self_managed::issuer::PublicKey;
    use crate::log::Level;
    use crate::platform::ProgramAnswer;
    use crate::world::World;

    #[test]
    fn new_keys_are_served_and_old_ones_stay() {
        let key = |id: &str| format!(r#"{{"kty":"RSA","kid":"{id}","n":"AQAB","e":"AQAB"}}"#);
        let set = |ids: &[&str]| {
            let keys: Vec<String> = ids.iter().map(|id| key(id)).collect();
            format!(r#"{{"keys":[{}]}}"#, keys.join(","))
        };
        let answer = RefCell::new(Some(set(&["k1"])));
        let ask = |program: &Program| {
            let keys = answer.borrow().clone();
            let is_keys = program.arguments.iter().any(|word| word.ends_with(KEYS_PATH));
            let (code, stdout) = match keys {
                None => (1, String::new()),
                Some(keys) if is_keys => (0, keys),
                Some(_) => (0, r#"{"issuer":"https://x","jwks_uri":"https://x/keys"}"#.to_owned()),
            };
            Ok(ProgramAnswer { code: Some(code), stdout: stdout.into_bytes(), stderr: Vec::new() })
        };
        let world = World { ask_program: &ask, ..World::of_this_process("ack-ram-tool") };
        let log = Log::start(Level::Error, &world);
        let kubectl = Kubectl::new(&KubectlFlags::default(), &world);
        let issuer = IssuerUrl::parse("https://issuer.example/c1").unwrap();
        let known = KeySet::parse(&set(&["k1"])).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::new(directory.path(), &world);
        let served: Served = Arc::new(Mutex::new(Documents::new(&issuer, &known)));
        let mut followed = Followed { issuer: &issuer, known, folder: Some(&folder), served: &served };
        let mut then = |now: Option<String>| {
            *answer.borrow_mut() = now;
            followed.read_again(&kubectl, &log);
            let keys = KeySet::parse(&lock(&served).keys).unwrap();
            keys.iter().map(PublicKey::label).collect::<Vec<_>>()
        };
        assert_eq!(then(Some(set(&["k1"]))), ["k1"]);
        assert_eq!(then(Some(set(&["k2", "k1"]))), ["k2", "k1"]);
        assert_eq!(then(Some(set(&["k2"]))), ["k2", "k1"]);
        for nothing in [None, Some("{}".to_owned()), Some(set(&[])), Some(set(&["k1\",\"d\":\"x"]))] {
            assert_eq!(then(nothing), ["k2", "k1"]);
        }
        // However many new ones the API server has, there is an end.
        let many: Vec<String> = (0..99).map(|number| format!("more-{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(then(Some(set(&many))), ["k2", "k1"]);
        assert_eq!(then(Some(set(&many[..98]))).len(), 100);
        assert_eq!(then(Some(set(&many))).len(), 100);
        let kept = std::fs::read_to_string(directory.path().join(KEYS_PATH.trim_start_matches('/'))).unwrap();
        assert_eq!(kept, lock(&served).keys);
    }

    #[test]
    fn two_paths_are_served_and_nothing_else() {
        let served: Served = Arc::new(Mutex::new(Documents { discovery: "d".into(), keys: "k".into() }));
        let ask = |method: Method, path: &str, prefix: &str| {
            let response = answer(&method, path, prefix, &served);
            (response.status().as_u16(), response.into_body())
        };
        assert_eq!(ask(Method::GET, "/c1/.well-known/openid-configuration", "/c1"), (200, "d".to_owned()));
        assert_eq!(ask(Method::HEAD, "/c1/openid/v1/jwks", "/c1"), (200, "k".to_owned()));
        assert_eq!(ask(Method::GET, "/openid/v1/jwks", ""), (200, "k".to_owned()));
        // A new key is wanted soon, and JSON is nothing else.
        let keys = answer(&Method::GET, "/openid/v1/jwks", "", &served);
        let header = |name: &str| keys.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("cache-control"), Some("public, max-age=60"));
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!(header("x-content-type-options"), Some("nosniff"));
        for (method, path, status) in [
            (Method::POST, "/c1/openid/v1/jwks", 405),
            (Method::DELETE, "/c1/openid/v1/jwks", 405),
            (Method::GET, "/openid/v1/jwks", 404),
            (Method::GET, "/c1/openid/v1/jwks/", 404),
            (Method::GET, "/c1", 404),
            (Method::GET, "/", 404),
            (Method::GET, "/c1/../c1/openid/v1/jwks", 404),
        ] {
            assert_eq!(ask(method, path, "/c1").0, status, "{path}");
        }
    }
}
