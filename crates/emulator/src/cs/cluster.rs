//! What a cluster is, as the configuration or a test describes it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;
use signature::Secret;
use thiserror::Error;

use super::client_authority::{ClientAuthority, holds_a_certificate};
use crate::names;
use crate::oidc::{KeySet, is_issuer_url};

/// How long a task takes where nobody says otherwise.
pub(crate) const DEFAULT_TASK_DURATION: SignedDuration = SignedDuration::from_secs(5);
/// Longest id, name, version and the like, in characters.
const MAX_TEXT: usize = 128;

/// A cluster of Container Service, for [`crate::Emulator::add_cluster`].
///
/// What is not said has a default: a managed cluster in `cn-hangzhou` that is `running`, with neither address nor
/// certificates, so that there is no kubeconfig to be had.
///
/// ```
/// use emulator::Cluster;
///
/// let cluster = Cluster::new("1234567890123456", "c0123456789abcdef0123456789abcdef")
///     .name("production")
///     .region("cn-shanghai")
///     .public_server("https://127.0.0.1:6443");
/// assert_eq!(cluster.id(), "c0123456789abcdef0123456789abcdef");
/// ```
#[derive(Clone)]
pub struct Cluster {
    pub(crate) account: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) spec: String,
    pub(crate) profile: String,
    pub(crate) region: String,
    pub(crate) state: String,
    pub(crate) version: String,
    pub(crate) public_server: Option<String>,
    pub(crate) private_server: Option<String>,
    pub(crate) certificate_authority: Option<String>,
    pub(crate) client_authority: Option<(String, Secret)>,
    pub(crate) rrsa: bool,
    /// The issuers of its service account tokens, the one that signs first; empty: ACK's pattern.
    pub(crate) issuers: Vec<String>,
    /// The public keys of its issuer, a JSON Web Key Set.
    pub(crate) issuer_keys: Option<String>,
    /// Installed add-ons with their versions.
    pub(crate) addons: BTreeMap<String, String>,
    pub(crate) task_duration: SignedDuration,
}

impl Cluster {
    /// A cluster of this account (16 digits), with this id: 1 to 64 letters, digits, `-` and `_`. Its name is the id.
    #[must_use]
    pub fn new(account: &str, id: &str) -> Self {
        Self {
            account: account.to_owned(),
            id: id.to_owned(),
            name: id.to_owned(),
            kind: "ManagedKubernetes".to_owned(),
            spec: "ack.pro.small".to_owned(),
            profile: "Default".to_owned(),
            region: "cn-hangzhou".to_owned(),
            state: "running".to_owned(),
            version: "1.33.3-aliyun.1".to_owned(),
            public_server: None,
            private_server: None,
            certificate_authority: None,
            client_authority: None,
            rrsa: false,
            issuers: Vec::new(),
            issuer_keys: None,
            addons: BTreeMap::new(),
            task_duration: DEFAULT_TASK_DURATION,
        }
    }

    /// `c0123456789abcdef0123456789abcdef`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What people call it.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// `cluster_type`: `ManagedKubernetes`, `Kubernetes`, `Ask`, `ExternalKubernetes`, …
    #[must_use]
    pub fn kind(mut self, kind: &str) -> Self {
        kind.clone_into(&mut self.kind);
        self
    }

    /// `cluster_spec`: `ack.standard`, `ack.pro.small`.
    #[must_use]
    pub fn spec(mut self, spec: &str) -> Self {
        spec.clone_into(&mut self.spec);
        self
    }

    /// `profile`: `Default`, `Serverless`, `Edge`.
    #[must_use]
    pub fn profile(mut self, profile: &str) -> Self {
        profile.clone_into(&mut self.profile);
        self
    }

    /// `region_id`: `cn-hangzhou`.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// `state`: `running`, `failed`, `deleting`, …
    #[must_use]
    pub fn state(mut self, state: &str) -> Self {
        state.clone_into(&mut self.state);
        self
    }

    /// `current_version`: `1.33.3-aliyun.1`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// The API server's address on the Internet: `https://192.0.2.1:6443`.
    #[must_use]
    pub fn public_server(mut self, url: &str) -> Self {
        self.public_server = Some(url.to_owned());
        self
    }

    /// The API server's address inside the VPC.
    #[must_use]
    pub fn private_server(mut self, url: &str) -> Self {
        self.private_server = Some(url.to_owned());
        self
    }

    /// The authority of the API server's own certificate, in PEM: `certificate-authority-data` of kubeconfigs.
    #[must_use]
    pub fn certificate_authority(mut self, pem: &str) -> Self {
        self.certificate_authority = Some(pem.to_owned());
        self
    }

    /// The authority of client certificates (the API server's `--client-ca-file`) with its private key, both in PEM.
    /// The certificates in kubeconfigs are signed by it.
    #[must_use]
    pub fn client_authority(mut self, certificate_pem: &str, key_pem: &str) -> Self {
        self.client_authority = Some((certificate_pem.to_owned(), Secret::new(key_pem)));
        self
    }

    /// One more issuer of its service account tokens: an https URL. The first one signs, and is that of the OIDC provider
    /// which enabling RRSA makes. Where this is not called, it is
    /// `https://oidc-ack-REGION.oss-REGION.aliyuncs.com/CLUSTER-ID`.
    #[must_use]
    pub fn issuer(mut self, url: &str) -> Self {
        self.issuers.push(url.to_owned());
        self
    }

    /// The public keys of its issuer: a JSON Web Key Set, as `kubectl get --raw /openid/v1/jwks` prints it. Without it they
    /// are fetched from the issuer.
    #[must_use]
    pub fn issuer_keys(mut self, jwks: &str) -> Self {
        self.issuer_keys = Some(jwks.to_owned());
        self
    }

    /// Whether RRSA is enabled. Then the account has the OIDC provider `ack-rrsa-CLUSTER-ID` from the start on, unless
    /// another provider has that name or that issuer.
    #[must_use]
    pub fn rrsa(mut self, enabled: bool) -> Self {
        self.rrsa = enabled;
        self
    }

    /// An add-on that is installed in this version.
    #[must_use]
    pub fn addon(mut self, name: &str, version: &str) -> Self {
        self.addons.insert(name.to_owned(), version.to_owned());
        self
    }

    /// How long its tasks take by the emulator's clock; 5 seconds where this is not called.
    #[must_use]
    pub fn task_duration(mut self, duration: SignedDuration) -> Self {
        self.task_duration = duration;
        self
    }

    /// # Errors
    /// A value that cannot be right.
    pub(crate) fn check(self) -> Result<CheckedCluster, ClusterError> {
        let wrong = |problem: String| ClusterError::Value { id: self.id.clone(), problem };
        if !is_cluster_id(&self.id) {
            return Err(ClusterError::Id(self.id));
        }
        if !names::is_account_id(&self.account) {
            return Err(wrong(format!("account {:?} is not made of 16 digits", self.account)));
        }
        let texts = [
            ("name", &self.name),
            ("type", &self.kind),
            ("spec", &self.spec),
            ("profile", &self.profile),
            ("region", &self.region),
            ("state", &self.state),
            ("version", &self.version),
        ];
        for (what, text) in texts {
            let length = text.chars().count();
            if length > MAX_TEXT || text.chars().any(char::is_control) || (what == "region" && length == 0) {
                return Err(wrong(format!("{what} {text:?} is not made of 1 to {MAX_TEXT} characters")));
            }
        }
        for url in [&self.public_server, &self.private_server].into_iter().flatten() {
            if !is_server_url(url) {
                return Err(wrong(format!("server {url:?} is not of the form https://HOST:PORT")));
            }
        }
        if self.certificate_authority.as_deref().is_some_and(|pem| !holds_a_certificate(pem)) {
            return Err(wrong("certificateAuthority holds no certificate in PEM".to_owned()));
        }
        if let Some(url) = self.issuers.iter().find(|url| !is_issuer_url(url) || url.contains(',')) {
            return Err(wrong(format!(
                "issuer {url:?} is not https://HOST… as an OIDC provider may have it"
            )));
        }
        let issuer_keys = match self.issuer_keys.as_deref().map(KeySet::parse).transpose() {
            Ok(keys) => keys.map(Arc::new),
            Err(problem) => return Err(wrong(format!("its issuer's key set {problem}"))),
        };
        if self.task_duration.is_negative() {
            return Err(wrong("a task cannot take less than no time".to_owned()));
        }
        let client_authority = match &self.client_authority {
            Some((certificate, key)) => Some(Arc::new(
                ClientAuthority::from_pem(certificate, key)
                    .map_err(|problem| wrong(format!("clientCertificateAuthority: {problem}")))?,
            )),
            None => None,
        };
        Ok(CheckedCluster { client_authority, issuer_keys, cluster: self })
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("account", &self.account)
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A cluster that was checked, and the authority that signs for it.
#[derive(Clone, Debug)]
pub(crate) struct CheckedCluster {
    pub(crate) cluster: Cluster,
    pub(crate) client_authority: Option<Arc<ClientAuthority>>,
    pub(crate) issuer_keys: Option<Arc<KeySet>>,
}

/// Why a cluster was not taken. Each message is one line and holds no key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The id cannot stand in a path.
    #[error("cluster id {0:?} is not made of 1 to 64 letters, digits, '-' and '_'")]
    Id(String),
    /// There is a cluster of this id.
    #[error("cluster {0:?} is there already: remove it first, or take another id")]
    Taken(String),
    /// Another value cannot be right.
    #[error("cluster {id:?}: {problem}")]
    Value {
        /// The cluster.
        id: String,
        /// What is wrong.
        problem: String,
    },
}

fn is_cluster_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// An address that can stand unquoted in a kubeconfig.
fn is_server_url(url: &str) -> bool {
    url.strip_prefix("https://").is_some_and(|rest| {
        !rest.is_empty()
            && rest.bytes().all(|b| {
                b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']' | b'/')
            })
    })
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

    fn cluster() -> Cluster {
        Cluster::new("1234567890123456", "c0123")
    }

    #[test]
    fn what_cannot_be_right_is_refused_by_name() {
        for (cluster, word) in [
            (Cluster::new("1234567890123456", ""), "cluster id"),
            (Cluster::new("1234567890123456", "c/1"), "cluster id"),
            (Cluster::new("1234567890123456", &"c".repeat(65)), "cluster id"),
            (Cluster::new("12", "c0123"), "account"),
            (cluster().region(""), "region"),
            (cluster().name(&"n".repeat(129)), "name"),
            (cluster().state("run\nning"), "state"),
            (cluster().public_server("http://192.0.2.1"), "server"),
            (cluster().public_server("https://"), "server"),
            (cluster().private_server("https://a\nuser: b"), "server"),
            (cluster().private_server("https://a b"), "server"),
            (cluster().certificate_authority("no PEM"), "certificateAuthority"),
            (cluster().issuer("http://issuer.example"), "issuer"),
            (cluster().issuer("https://issuer.example/?x"), "issuer"),
            (cluster().issuer("https://issuer.example/a,b"), "issuer"),
            (cluster().issuer_keys("no JSON"), "key set"),
            (cluster().client_authority("no PEM", "hunter2"), "clientCertificateAuthority"),
            (cluster().task_duration(SignedDuration::from_secs(-1)), "task"),
        ] {
            let text = cluster.clone().check().expect_err(word).to_string();
            assert!(text.contains(word), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(!text.contains("hunter2") && !format!("{cluster:?}").contains("hunter2"), "{text}");
        }
        assert!(cluster().public_server("https://[::1]:6443").check().is_ok());
    }
}
