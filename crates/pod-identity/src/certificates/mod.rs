//! The certificate that the webhook serves: who makes it, when it is served, and that the API server trusts it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cluster::Clock;
use jiff::Timestamp;
use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use webhook_server::tls::{Tls, TlsError};

mod api;
mod clients;
mod content;
mod entries;
#[cfg(test)]
mod fake_api;
mod given;
mod metrics;
#[cfg(test)]
mod model_tests;
mod own;
mod plan;
mod replica;
mod trust;

pub use clients::ask_clients;
use given::Given;
pub use metrics::CertificateMetrics;
use plan::Wanted;
pub use trust::Trust;

/// Longest wait for the Lease to be given back.
const END: Duration = Duration::from_secs(4);

/// What is needed whoever makes the certificate.
#[derive(Clone)]
pub struct Common {
    /// The way to the API server.
    pub client: kube::Client,
    /// Name of the MutatingWebhookConfiguration whose `caBundle`s have to verify what is served.
    pub webhook_configuration: String,
    /// What time it is.
    pub clock: Clock,
    /// What is measured.
    pub metrics: CertificateMetrics,
}

impl std::fmt::Debug for Common {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Common")
            .field("webhook_configuration", &self.webhook_configuration)
            .finish_non_exhaustive()
    }
}

/// Where the certificate comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Two PEM files that somebody else keeps (a mounted Secret): never written, read again when they change.
    Files {
        /// The chain, leaf first.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// An authority of our own, kept in a Secret that all replicas share.
    Own(Own),
}

/// Certificates of our own.
#[derive(Clone, Debug)]
pub struct Own {
    /// Namespace of Secret, Service and Lease.
    pub namespace: String,
    /// Name of the Secret.
    pub secret: String,
    /// Name of the Service, for the names in the certificate.
    pub service: String,
    /// More names and addresses for the certificate.
    pub hostnames: Vec<String>,
    /// How long a certificate lives.
    pub certificate_lifetime: Duration,
    /// How long an authority lives.
    pub authority_lifetime: Duration,
    /// How long API servers are given to learn of another authority, before it signs and before the last one goes.
    pub authority_overlap: Duration,
    /// Name of the Lease.
    pub lease: String,
    /// This replica's name in the Lease: `cluster::lease::identity`.
    pub identity: String,
}

/// Why nothing can be served. One line each.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The files.
    #[error("{0}")]
    Files(String),
    /// The lifetimes do not fit each other.
    #[error("{0}")]
    Lifetimes(String),
    /// No certificate can be made for these names.
    #[error("cannot make a certificate for {names}: {reason}; --hostname takes DNS names and IP addresses")]
    Make {
        /// All of them.
        names: String,
        /// What is wrong.
        reason: String,
    },
    /// The authorities of client certificates.
    #[error("--client-ca-file {}: {reason}", .path.display())]
    Clients {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// TLS settings.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What is served, kept current until this is dropped.
#[derive(Debug)]
pub struct Certificates {
    tls: Arc<Tls>,
    trust: Trust,
    _keeping: AbortOnDropHandle<()>,
    lease: Option<AbortOnDropHandle<()>>,
}

/// Begins. It never waits for the API server: until there is a certificate of our own, one is served that nobody trusts, so
/// that probes are answered, and [`Trust::missing`] says what is missing. Has to be called within a tokio runtime.
///
/// `shutdown` gives the Lease back; certificates are kept current until [`Certificates`] is dropped.
///
/// # Errors
/// [`StartError`].
pub fn start(
    source: Source,
    common: Common,
    shutdown: CancellationToken,
) -> Result<Certificates, StartError> {
    let trust = Trust::new();
    match source {
        Source::Files { certificate, key } => {
            let keeper = given::read(&certificate, &key, common.clock.now())?;
            let given = Given::new(keeper, &common, trust.clone());
            let tls = given.tls();
            let keeping = AbortOnDropHandle::new(tokio::spawn(given.run()));
            Ok(Certificates { tls, trust, _keeping: keeping, lease: None })
        }
        Source::Own(own) => {
            let wanted = own::wanted(&own)?;
            let tls = Tls::new(placeholder(&wanted, common.clock.now())?, None)?;
            let keeper = own::Keeper::new(&own, &common, wanted, Arc::clone(&tls), trust.clone());
            let (leading, leads) = watch::channel(false);
            let candidate = own::candidate(&own, &common);
            let keeping = AbortOnDropHandle::new(tokio::spawn(keeper.run(leads)));
            let lease = AbortOnDropHandle::new(tokio::spawn(candidate.run(leading, shutdown)));
            Ok(Certificates { tls, trust, _keeping: keeping, lease: Some(lease) })
        }
    }
}

/// Served until there is another one; the names are tried on it.
fn placeholder(wanted: &Wanted, now: Timestamp) -> Result<CertifiedKey, StartError> {
    let failed = |reason: String| StartError::Make { names: wanted.names.join(", "), reason };
    let server = plan::placeholder(wanted, now).map_err(|error| failed(error.to_string()))?;
    server.certified_key().map_err(|error| failed(error.to_string()))
}

impl Certificates {
    /// For the listener.
    pub fn tls(&self) -> Arc<Tls> {
        Arc::clone(&self.tls)
    }

    /// For readiness.
    pub fn trust(&self) -> Trust {
        self.trust.clone()
    }

    /// Waits, after the shutdown, until the Lease is given back (4 s at most).
    pub async fn ended(self) {
        if let Some(lease) = self.lease {
            let _ = tokio::time::timeout(END, lease).await;
        }
    }
}
