//! etcd and kube-apiserver on loopback, with all that the identity layer touches: RBAC, service
//! account tokens, client certificates, an audit log, a token webhook.

mod api_server;
mod build;
mod parts;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use api_server::{ApiServer, Verbosity, Webhook};
pub use parts::{Parts, Version};

use crate::egress::Egress;
use crate::error::Result;
use crate::pki::{Authority, Pair, rsa_key};
use crate::ports::Port;
use crate::process::{Service, isolated};
use crate::run_dir::RunDir;

/// Who signs service account tokens, as they say.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// The webhook that API servers show a client certificate, where it asks for one.
pub const ASKING: &str = "ack-pod-identity-webhook.ack-pod-identity-webhook.svc";

/// Everything starts in two seconds; a loaded machine gets more.
const READY: Duration = Duration::from_secs(120);

/// etcd and what its API servers share: keys, authorities, the audit policy.
///
/// API servers must be dropped before it: one whose etcd is gone lingers.
pub struct ControlPlane {
    parts: Parts,
    etcd: Etcd,
    egress: Egress,
    clients: Authority,
    servers: Authority,
    files: Files,
}

struct Etcd {
    _service: Service,
    url: String,
    _ports: [Port; 2],
}

/// Files that every API server is given.
struct Files {
    service_accounts: TokenKey,
    audit_policy: PathBuf,
    full_audit_policy: PathBuf,
    admission: PathBuf,
}

/// An RSA key for service accounts' tokens, PEM files.
#[derive(Debug, Clone)]
pub struct TokenKey {
    /// For `--service-account-key-file`.
    pub public: PathBuf,
    /// For `--service-account-signing-key-file`.
    pub private: PathBuf,
}

/// Who did what, without bodies: those of TokenReviews hold tokens.
const AUDIT_POLICY: &str = r"apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
";
/// Everything, bodies included.
const FULL_AUDIT_POLICY: &str = r"apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: RequestResponse
";

impl ControlPlane {
    /// Starts etcd and makes keys and certificates. API servers come with
    /// [`ControlPlane::api_server`].
    ///
    /// # Errors
    /// etcd does not start, or a file cannot be written.
    pub fn start(parts: Parts, run: &RunDir) -> Result<Self> {
        let clients = Authority::create(run, "client-ca")?;
        let files = Files {
            service_accounts: TokenKey::create(run, "service-accounts")?,
            audit_policy: run.file("audit-policy.yaml", AUDIT_POLICY)?,
            full_audit_policy: run.file("full-audit-policy.yaml", FULL_AUDIT_POLICY)?,
            admission: admission(run, &clients)?,
        };
        let servers = Authority::create(run, "server-ca")?;
        let etcd = Etcd::start(&parts.etcd, run)?;
        let egress = Egress::start(run)?;
        Ok(Self { parts, etcd, egress, clients, servers, files })
    }

    /// Starts an API server of this control plane, called `name` in files and logs, and waits until
    /// it is ready.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn api_server(&self, run: &RunDir, name: &str, webhook: Option<&Webhook>) -> Result<ApiServer> {
        ApiServer::start(self, run, name, webhook, Verbosity::Usual, &[])
    }

    /// The same, with everything in its log and its audit log.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn verbose_api_server(
        &self,
        run: &RunDir,
        name: &str,
        webhook: Option<&Webhook>,
    ) -> Result<ApiServer> {
        ApiServer::start(self, run, name, webhook, Verbosity::Highest, &[])
    }

    /// An API server without token webhook, with `flags` (`--flag=value`) of its own: those about service accounts'
    /// tokens take the place of the usual ones of that name.
    ///
    /// # Errors
    /// It does not become ready: one that ends over its flags says so in its log.
    pub fn api_server_with(&self, run: &RunDir, name: &str, flags: &[String]) -> Result<ApiServer> {
        ApiServer::start(self, run, name, None, Verbosity::Usual, flags)
    }

    /// The key that signs service accounts' tokens, where a scenario has no other.
    #[must_use]
    pub fn token_key(&self) -> &TokenKey {
        &self.files.service_accounts
    }

    /// How API servers sign service accounts' tokens, but for what is in `flags`.
    fn token_flags(&self, flags: &[String]) -> Vec<String> {
        let TokenKey { public, private } = self.token_key();
        let usual = [
            ("--service-account-issuer", ISSUER.to_owned()),
            ("--service-account-key-file", public.display().to_string()),
            ("--service-account-signing-key-file", private.display().to_string()),
        ];
        let is_given = |name: &str| flags.iter().any(|flag| flag.split('=').next() == Some(name));
        let usual = usual.into_iter().filter(|(name, _value)| !is_given(name));
        usual.map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// The kubectl that goes with the API server.
    #[must_use]
    pub fn kubectl(&self) -> &Path {
        &self.parts.kubectl
    }

    /// kube-controller-manager, built when it is first asked for.
    ///
    /// # Errors
    /// There is no Go toolchain, or the build fails.
    pub fn controller_manager(&self) -> Result<PathBuf> {
        self.parts.controller_manager()
    }

    /// How its API servers reach Services.
    #[must_use]
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// The authority of the API servers' certificates, a PEM file.
    #[must_use]
    pub fn certificate_authority(&self) -> &Path {
        &self.servers.file
    }

    /// The authority of client certificates, that of API servers for [`ASKING`] among them; a PEM file.
    #[must_use]
    pub fn client_authority(&self) -> &Path {
        &self.clients.file
    }

    /// This control plane as a cluster of Container Service, which issues client certificates for it. `address` is
    /// that of one of its API servers.
    #[must_use]
    pub fn as_cluster(&self, account: &str, id: &str, address: SocketAddr) -> emulator::Cluster {
        let server = format!("https://{address}");
        emulator::Cluster::new(account, id)
            .public_server(&server)
            .private_server(&server)
            .certificate_authority(&self.servers.pem)
            .client_authority(&self.clients.pem, &self.clients.key)
    }

    /// Writes a kubeconfig with a client certificate for the user `name` in `group`.
    ///
    /// # Errors
    /// The certificate cannot be made, or the file not written.
    pub fn client_kubeconfig(
        &self,
        run: &RunDir,
        server: SocketAddr,
        name: &str,
        group: Option<&str>,
    ) -> Result<PathBuf> {
        let Pair { certificate, key } = self.clients.client(name, group)?;
        let config = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "e2e",
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": name}}],
            "clusters": [{"name": "e2e", "cluster": {
                "server": format!("https://{server}"),
                "certificate-authority-data": base64(&self.servers.pem),
            }}],
            "users": [{"name": name, "user": {
                "client-certificate-data": base64(&certificate),
                "client-key-data": base64(&key),
            }}],
        });
        // JSON is YAML.
        run.file(&format!("{name}-{}.kubeconfig", server.port()), &format!("{config:#}"))
    }
}

impl TokenKey {
    /// Makes a new one, in the scratch folder.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn create(run: &RunDir, name: &str) -> Result<Self> {
        let keys = rsa_key(name)?;
        let public = run.file(&format!("{name}.pub"), &keys.certificate)?;
        let private = run.file(&format!("{name}.key"), &keys.key)?;
        Ok(Self { public, private })
    }
}

impl Etcd {
    fn start(program: &Path, run: &RunDir) -> Result<Self> {
        let (client, peer) = (Port::take()?, Port::take()?);
        let url = format!("http://{}", client.address());
        let peer_url = format!("http://{}", peer.address());
        let mut command = isolated(program);
        command
            .arg("--data-dir")
            .arg(run.folder("etcd")?)
            .args(["--name", "e2e", "--unsafe-no-fsync", "--logger", "zap", "--log-level", "warn"])
            .args(["--listen-client-urls", &url, "--advertise-client-urls", &url])
            .args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url])
            .args(["--initial-cluster", &format!("e2e={peer_url}")]);
        let mut service = Service::start("etcd", command, &run.logs().join("etcd.log"))?;
        let address = client.address();
        let is_listening = || std::net::TcpStream::connect(address).is_ok();
        service.wait_until("etcd to listen", READY, is_listening)?;
        Ok(Self { _service: service, url, _ports: [client, peer] })
    }
}

/// `--admission-control-config-file`, as `docs/pod-identity.md` has it.
fn admission(run: &RunDir, clients: &Authority) -> Result<PathBuf> {
    let Pair { certificate, key } = clients.client("api-server", None)?;
    let kubeconfig = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "users": [{"name": ASKING, "user": {
            "client-certificate-data": base64(&certificate),
            "client-key-data": base64(&key),
        }}],
    });
    let kubeconfig = run.file("webhooks.kubeconfig", &kubeconfig.to_string())?;
    let configuration = serde_json::json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": "MutatingAdmissionWebhook", "configuration": {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "WebhookAdmissionConfiguration",
            "kubeConfigFile": kubeconfig,
        }}],
    });
    run.file("admission.yaml", &configuration.to_string())
}

fn base64(pem: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(pem)
}

fn write(run: &RunDir, name: &str, pair: &Pair) -> Result<(PathBuf, PathBuf)> {
    let certificate = run.file(&format!("{name}.crt"), &pair.certificate)?;
    let key = run.file(&format!("{name}.key"), &pair.key)?;
    Ok((certificate, key))
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlPlane").field("etcd", &self.etcd.url).finish_non_exhaustive()
    }
}
