//! Who may ask: the authorities of API servers' client certificates, in a file that somebody else keeps.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;
use webhook_server::tls::{ClientAuthorities, Tls};

use super::StartError;

/// Mounted files change by renamed links, which no watch on a file sees.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// No such file is that large.
const FILE_LIMIT: u64 = 1024 * 1024;

/// From now on `tls` asks clients for a certificate of one of the authorities in the PEM file at `path`, which is read again
/// when it changes, until the answer is dropped. Has to be called within a tokio runtime.
///
/// # Errors
/// [`StartError::Clients`]: the file cannot be read, or holds no certificate.
pub fn ask_clients(path: &Path, tls: Arc<Tls>) -> Result<AbortOnDropHandle<()>, StartError> {
    let wrong = |reason: String| StartError::Clients { path: path.to_owned(), reason };
    let text = read(path).map_err(|error| wrong(error.to_string()))?;
    count(&tls, &text).map_err(wrong)?;
    Ok(AbortOnDropHandle::new(tokio::spawn(keep(path.to_owned(), text, tls))))
}

async fn keep(path: PathBuf, mut counts: Vec<u8>, tls: Arc<Tls>) {
    let mut said = String::new();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let file = path.clone();
        // The file may lie on a slow disk.
        let Ok(text) = tokio::task::spawn_blocking(move || read(&file)).await else { continue };
        let counted = match text {
            Ok(text) if text == counts => Ok(()),
            Ok(text) => count(&tls, &text).map(|()| {
                tracing::info!("the authorities of client certificates have changed and count");
                counts = text;
            }),
            Err(error) => Err(error.to_string()),
        };
        let problem = counted.err().unwrap_or_default();
        if problem != said && !problem.is_empty() {
            tracing::error!(
                "--client-ca-file {} cannot be used: {problem}; the last good authorities count",
                path.display()
            );
        }
        said = problem;
    }
}

fn count(tls: &Tls, text: &[u8]) -> Result<(), String> {
    let clients = ClientAuthorities::from_pem(text).map_err(|error| error.to_string())?;
    tls.replace_client_authorities(clients).map_err(|error| error.to_string())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(FILE_LIMIT).read_to_end(&mut text)?;
    Ok(text)
}
