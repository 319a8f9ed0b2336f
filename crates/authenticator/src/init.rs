//! `init`: certificate, key and kubeconfig in the current folder, to be copied to the control plane.

use std::path::Path;

use jiff::Timestamp;
use webhook_server::certs::{self, CERTIFICATE_FILE, CertificateError, KEY_FILE, Subject};

use crate::certificate;
use crate::config::InitConfig;
use crate::kubeconfig::{self, WriteError};

/// The kubeconfig's name in the current folder.
pub const KUBECONFIG_FILE: &str = "ack-ram-authenticator.kubeconfig";

/// Why a file is missing afterwards.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Certificate or key.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The kubeconfig.
    #[error(transparent)]
    Kubeconfig(#[from] WriteError),
}

/// Writes the three files into `folder`, keeping a pair that is there, and logs where to copy them.
///
/// # Errors
/// [`InitError`].
pub fn run(config: &InitConfig, folder: &Path, now: Timestamp) -> Result<(), InitError> {
    let subject = Subject {
        common_name: certificate::COMMON_NAME,
        address: config.address,
        hostname: config.hostname.as_str(),
    };
    let (pair, origin) = certs::load_or_make(folder, &subject, now)?;
    certificate::report(&pair, origin, folder, config.hostname.as_str(), now);
    let text = kubeconfig::text(&config.hostname, config.port, &pair.trust_anchor_pem());
    kubeconfig::write(&folder.join(KUBECONFIG_FILE), &text)?;
    for (file, destination) in [
        (CERTIFICATE_FILE, config.state_dir.join(CERTIFICATE_FILE)),
        (KEY_FILE, config.state_dir.join(KEY_FILE)),
        (KUBECONFIG_FILE, config.kubeconfig.clone()),
    ] {
        let destination = destination.display();
        tracing::info!("copy {file} to {destination} on each control-plane node");
    }
    tracing::info!(
        "start the API server with --authentication-token-webhook-config-file={}",
        config.kubeconfig.display()
    );
    Ok(())
}
