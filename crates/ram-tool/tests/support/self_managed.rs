//! A cluster that is not ACK's: a `kubectl` that answers from files, a web site with TLS that publishes a folder, and the
//! emulated account that it is registered in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, unreachable_pub)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use emulator::{Config, Emulator, OidcProvider};
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::oidc::Issuer;
use crate::support::{ALICE, Outcome, run};

pub const ACCOUNT: &str = "1234567890123456";
pub const OLD_ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
pub const DISCOVERY: &str = "/.well-known/openid-configuration";
pub const KEYS: &str = "/openid/v1/jwks";

/// As kubectl, as far as the program calls it: each answer is a file of the cluster's folder, `FILE.error` a failure.
const KUBECTL: &str = r#"#!/bin/sh
cluster=$(dirname "$0")/../cluster
printf '%s\n' "$*" >> "$cluster/calls"
raw= audience=none duration=
for word in "$@"; do
  case "$word" in
    --raw=*) raw=${word#--raw=} ;;
    --audience=*) audience=${word#--audience=} ;;
    --duration=*) duration=-${word#--duration=} ;;
  esac
done
case "$*" in
  *'get --raw='*) file=$cluster/raw$raw ;;
  *'create token'*) file=$cluster/token-$audience$duration ;;
  *) file=$cluster/$(printf '%s' "${*#*--output=json }" | tr ' /=' '___') ;;
esac
if [ -f "$file.error" ]; then cat "$file.error" >&2; exit 1; fi
if [ -f "$file" ]; then cat "$file"; exit 0; fi
echo "Error from server (NotFound): the server could not find the requested resource" >&2
exit 1
"#;

pub struct SelfManaged {
    pub emulator: Emulator,
    pub runtime: Runtime,
    pub home: TempDir,
    /// `https://127.0.0.1:PORT/c1`; the folder `site` is published there.
    pub issuer: String,
    /// SHA-1 of the certificate of the site's CA.
    pub fingerprint: String,
    pub key: Issuer,
    endpoint: String,
}

impl SelfManaged {
    /// A cluster with its usual issuer, and a site with nothing on it. The site shows its CA.
    pub fn start() -> Self {
        Self::with_site(true)
    }

    pub fn with_site(shows_authority: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let authority = authority("issuer site CA");
        let address = serve(&authority, shows_authority, home.path().join("site"));
        let config = json!({"accounts": [{
            "id": ACCOUNT,
            "users": [
                {"name": "alice", "id": "222222222222222222",
                    "accessKeys": [{"id": "LTAIalice", "secret": "canary-alice"}]},
                {"name": "bob", "id": "222222222222222223", "policies": ["bob"],
                    "accessKeys": [{"id": "LTAIbob", "secret": "canary-bob"}]},
            ],
            "policies": [{"name": "bob", "document": {"Version": "1", "Statement": [
                {"Effect": "Allow", "Action": ["ram:GetOIDCProvider", "ram:ListOIDCProviders"], "Resource": "*"}]}}],
        }]});
        let runtime = Runtime::new().unwrap();
        let config = Config::from_yaml(&config.to_string(), "test").unwrap();
        let emulator = runtime.block_on(Emulator::builder(config).start()).unwrap();
        emulator.trust_oidc_issuers(&authority.pem()).unwrap();
        let trusted = std::fs::read_to_string(emulator.ca_file()).unwrap() + &authority.pem();
        std::fs::write(home.path().join("trusted.pem"), trusted).unwrap();
        let program = home.path().join("bin/kubectl");
        std::fs::create_dir(home.path().join("bin")).unwrap();
        std::fs::write(&program, KUBECTL).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let cluster = Self {
            endpoint: emulator.address().to_string(),
            emulator,
            runtime,
            issuer: format!("https://{address}/c1"),
            fingerprint: sha1(authority.der()),
            key: Issuer::with_id("key-1"),
            home,
        };
        cluster.signs_as(OLD_ISSUER);
        cluster.has_keys(&cluster.key.jwks());
        cluster
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Makes kubectl answer so.
    pub fn answer(&self, name: &str, text: &str) {
        let path = self.path("cluster").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The API server signs tokens as this issuer, with this cluster's key, and its own keys' address.
    pub fn signs_as(&self, issuer: &str) {
        let document = json!({"issuer": issuer, "jwks_uri": "https://10.0.0.1:6443/openid/v1/jwks"});
        self.answer("raw/.well-known/openid-configuration", &document.to_string());
        for (audience, seconds, name) in [
            ("sts.aliyuncs.com", 3600, "token-sts.aliyuncs.com"),
            ("sts.aliyuncs.com", 86_400, "token-sts.aliyuncs.com-86400s"),
            (issuer, 3600, "token-none"),
        ] {
            self.answer(name, &self.key.token(&claims(issuer, audience, seconds)));
        }
    }

    pub fn has_keys(&self, jwks: &str) {
        self.answer("raw/openid/v1/jwks", jwks);
    }

    /// The command line of the API server's pod.
    pub fn has_flags(&self, flags: &[&str]) {
        let command = [&["kube-apiserver"], flags].concat();
        let pod = json!({"items": [{
            "metadata": {"name": "kube-apiserver-a"},
            "spec": {"containers": [{"name": "kube-apiserver", "command": command}]}
        }]});
        self.answer("pods_--namespace_kube-system_--selector_component_kube-apiserver", &pod.to_string());
    }

    /// What kubectl was called with so far.
    pub fn kubectl_calls(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.path("cluster/calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    /// Runs the program as alice, who may do everything.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with(arguments, &[])
    }

    pub fn run_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> Outcome {
        let variables = self.variables(more);
        let variables: Vec<(&str, &str)> = variables.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        run(arguments, &variables)
    }

    pub fn variables(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let (trusted, home) = (self.path("trusted.pem"), self.home.path());
        let mut variables: Vec<(&str, &str)> = ALICE.to_vec();
        variables.extend([
            ("PATH", path.as_str()),
            ("HOME", home.to_str().unwrap()),
            ("SSL_CERT_FILE", trusted.to_str().unwrap()),
            ("ALIBABA_CLOUD_STS_ENDPOINT", &self.endpoint),
            ("ACK_RAM_TOOL_IMS_ENDPOINT", &self.endpoint),
            ("ACK_RAM_TOOL_RAM_ENDPOINT", &self.endpoint),
        ]);
        variables.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        variables.extend(more);
        variables.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    /// `rrsa enable --self-managed -y` for cluster `c1`, and this issuer, and more.
    pub fn enable(&self, more: &[&str]) -> Outcome {
        let issuer = self.issuer.clone();
        self.run(
            &[&["rrsa", "enable", "--self-managed", "-y", "-c", "c1", "--issuer", &issuer], more].concat(),
        )
    }

    /// The same, writing to the folder that is published.
    pub fn publish(&self, more: &[&str]) -> Outcome {
        let folder = self.path("site");
        self.enable(&[&["--output-dir", folder.to_str().unwrap()], more].concat())
    }

    pub fn document(&self, path: &str) -> Value {
        let path = self.path("site").join(path.trim_start_matches('/'));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Ids of the keys that are published.
    pub fn published(&self) -> Vec<String> {
        let keys = self.document(KEYS);
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    /// The calls of IMS so far that change something.
    pub fn changes(&self) -> Vec<String> {
        let changes = ["Create", "Add", "Remove", "Delete", "Update"];
        let calls = self.emulator.requests().into_iter().map(|request| request.action);
        calls.filter(|action| changes.iter().any(|verb| action.starts_with(verb))).collect()
    }

    /// The query of the first call of this operation.
    pub fn asked(&self, action: &str) -> String {
        let call = self.emulator.requests().into_iter().find(|request| request.action == action).unwrap();
        call.raw.query().to_owned()
    }

    pub fn has_provider(&self, name: &str, issuer: &str, client_ids: &[&str], fingerprints: &[&str]) {
        let mut provider = OidcProvider::new(ACCOUNT, name, issuer);
        for id in client_ids {
            provider = provider.client_id(id);
        }
        for fingerprint in fingerprints {
            provider = provider.fingerprint(fingerprint);
        }
        self.emulator.add_oidc_provider(provider).unwrap();
    }
}

/// Claims of a token of `default/default` that is made now.
pub fn claims(issuer: &str, audience: &str, seconds: i64) -> Value {
    let now = now().as_second();
    json!({
        "iss": issuer, "aud": [audience], "sub": "system:serviceaccount:default:default",
        "iat": now, "nbf": now, "exp": now + seconds,
    })
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn sha1(der: &[u8]) -> String {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Publishes a folder below `/c1`, until the test's process ends. A file `STATUS` in it is the status of every answer.
fn serve(
    authority: &CertifiedIssuer<'static, KeyPair>,
    shows_authority: bool,
    folder: PathBuf,
) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let mut chain = vec![params.signed_by(&key, authority).unwrap().der().clone()];
    if shows_authority {
        chain.push(authority.der().clone());
    }
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let tls = Arc::new(tls);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let mut request = Vec::new();
            let mut chunk = [0; 1024];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut chunk) {
                    Ok(length @ 1..) => request.extend_from_slice(&chunk[..length]),
                    _ => break,
                }
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let _ = stream.write_all(answer(&folder, path).as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    address
}

fn answer(folder: &Path, path: &str) -> String {
    let file = path.strip_prefix("/c1/").map(|path| folder.join(path));
    let text = file.and_then(|file| std::fs::read_to_string(file).ok());
    let forced = std::fs::read_to_string(folder.join("STATUS")).ok();
    let status = match (&forced, &text) {
        (Some(status), _) => status.trim(),
        (None, Some(_)) => "200 OK",
        (None, None) => "404 Not Found",
    };
    let text = text.unwrap_or_default();
    format!(
        "HTTP/1.1 {status}\r\nLocation: /c1{DISCOVERY}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
}

#[allow(clippy::disallowed_methods)]
fn now() -> Timestamp {
    Timestamp::now()
}
