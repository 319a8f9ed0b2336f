//! `init`: certificate, key and kubeconfig in the current folder, to be copied to the control plane.

use std::path::Path;

use jiff::Timestamp;
use webhook_server::certs::{
    self, CERTIFICATE_FILE, CLIENT_AUTHORITY_FILE, CLIENT_CERTIFICATE_FILE, CLIENT_KEY_FILE,
    CertificateError, KEY_FILE, Origin, Subject,
};

use crate::certificate;
use crate::config::InitConfig;
use crate::kubeconfig::{self, ClientFiles, WriteError};

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

/// Writes the files into `folder`, keeping pairs that are there, and logs where to copy them.
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
    let mut files = vec![
        (CERTIFICATE_FILE, config.state_dir.join(CERTIFICATE_FILE)),
        (KEY_FILE, config.state_dir.join(KEY_FILE)),
        (KUBECONFIG_FILE, config.kubeconfig.clone()),
    ];
    let client = config
        .client_certificate
        .then(|| ClientFiles { certificate: CLIENT_CERTIFICATE_FILE.into(), key: CLIENT_KEY_FILE.into() });
    if client.is_some() {
        match certs::load_or_make_client(folder, certificate::COMMON_NAME, now)? {
            Origin::Kept => tracing::info!("using the existing client certificate"),
            Origin::Made | Origin::Replaced { .. } => tracing::info!("made a client certificate"),
        }
        files.push((CLIENT_AUTHORITY_FILE, config.state_dir.join(CLIENT_AUTHORITY_FILE)));
        let beside = |name| (name, config.kubeconfig.with_file_name(name));
        files.extend([CLIENT_CERTIFICATE_FILE, CLIENT_KEY_FILE].map(beside));
    }
    let text = kubeconfig::text(&config.hostname, config.port, &pair.trust_anchor_pem(), client.as_ref());
    kubeconfig::write(&folder.join(KUBECONFIG_FILE), &text)?;
    for (file, destination) in files {
        let destination = destination.display();
        tracing::info!("copy {file} to {destination} on each control-plane node");
    }
    tracing::info!(
        "start the API server with --authentication-token-webhook-config-file={}",
        config.kubeconfig.display()
    );
    if client.is_some() {
        let authority = config.state_dir.join(CLIENT_AUTHORITY_FILE);
        tracing::info!("start the server with --client-ca-file={}", authority.display());
    }
    Ok(())
}
