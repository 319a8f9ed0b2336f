//! The kubeconfig by which the API server finds this webhook.
//!
//! Source: the Kubernetes page "Webhook Token Authentication". It is the public program's, with the `apiVersion` and
//! `kind` that a kubeconfig has.

use std::path::{Path, PathBuf};
use std::{fs, io};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use webhook_server::file::write_atomically;

use crate::hostname::Hostname;

/// The path under which reviews are answered.
pub const AUTHENTICATE_PATH: &str = "/authenticate";

/// The file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the API server's kubeconfig to {}: {source}; {}", .path.display(), advice(.path))]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

fn advice(path: &Path) -> &'static str {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()).map(fs::metadata) {
        Some(Err(_)) => {
            "make the folder, name another file with --generate-kubeconfig, or give --kubeconfig-pregenerated"
        }
        _ => {
            "make it writable, name another file with --generate-kubeconfig, or give --kubeconfig-pregenerated"
        }
    }
}

/// Files by which the API server shows who it is, as it sees them; relative ones lie beside the kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// Its certificate.
    pub certificate: PathBuf,
    /// The key of that.
    pub key: PathBuf,
}

/// The file's text. It holds no secret: `trust_anchor_pem` is a certificate, and the user is empty, or names files.
pub fn text(hostname: &Hostname, port: u16, trust_anchor_pem: &str, client: Option<&ClientFiles>) -> String {
    let anchor = BASE64_STANDARD.encode(trust_anchor_pem);
    let host = hostname.for_url();
    let user = match client {
        None => " {}".to_owned(),
        Some(ClientFiles { certificate, key }) => {
            // A JSON string is one of YAML too, whatever the path holds.
            let quoted = |path: &Path| serde_json::Value::from(path.to_string_lossy()).to_string();
            format!("\n    client-certificate: {}\n    client-key: {}", quoted(certificate), quoted(key))
        }
    };
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: ack-ram-authenticator
  cluster:
    certificate-authority-data: {anchor}
    server: https://{host}:{port}{AUTHENTICATE_PATH}
users:
- name: apiserver
  user:{user}
contexts:
- name: webhook
  context:
    cluster: ack-ram-authenticator
    user: apiserver
current-context: webhook
"
    )
}

/// Writes the file, 0644, whole; one that says the same already is left alone, so that it may be read-only. The
/// answer is whether it was written.
///
/// # Errors
/// [`WriteError`].
pub fn write(path: &Path, text: &str) -> Result<bool, WriteError> {
    if fs::read(path).is_ok_and(|present| present == text.as_bytes()) {
        return Ok(false);
    }
    write_atomically(path, text.as_bytes(), 0o644)
        .map(|()| true)
        .map_err(|source| WriteError { path: path.to_owned(), source })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn is_the_kubeconfig_of_the_public_program() {
        let hostname = Hostname::parse("localhost").unwrap();
        let read: Value = serde_saphyr::from_str(&text(&hostname, 21362, "PEM", None)).unwrap();
        let expected = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "ack-ram-authenticator", "cluster": {
                "certificate-authority-data": "UEVN", "server": "https://localhost:21362/authenticate"}}],
            "users": [{"name": "apiserver", "user": {}}],
            "contexts": [{"name": "webhook", "context": {"cluster": "ack-ram-authenticator", "user": "apiserver"}}],
            "current-context": "webhook",
        });
        assert_eq!(read, expected);
        let six = text(&Hostname::parse("fd00::1").unwrap(), 1, "PEM", None);
        assert!(six.contains("server: https://[fd00::1]:1/authenticate"), "{six}");
    }

    #[test]
    fn names_the_clients_files_whatever_their_names_hold() {
        let hostname = Hostname::parse("localhost").unwrap();
        let client =
            ClientFiles { certificate: "client.pem".into(), key: "/a \"b\"/\n#: {c}/client-key.pem".into() };
        let read: Value = serde_saphyr::from_str(&text(&hostname, 1, "PEM", Some(&client))).unwrap();
        let expected =
            json!({"client-certificate": "client.pem", "client-key": "/a \"b\"/\n#: {c}/client-key.pem"});
        assert_eq!(read["users"][0]["user"], expected);
    }

    #[test]
    fn names_the_folder_that_is_missing() {
        let error = write(Path::new("/nonexistent/folder/kubeconfig.yaml"), "").unwrap_err().to_string();
        assert!(
            error.contains("/nonexistent/folder/kubeconfig.yaml") && error.contains("make the folder"),
            "{error}"
        );
    }
}
