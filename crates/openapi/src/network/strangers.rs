//! Certificate authorities that a stranger's kubeconfig may have named.
//!
//! kubectl starts programs with variables that a kubeconfig chooses. One that named itself in `SSL_CERT_FILE`, or
//! `/proc/self/environ`, where its variables can be read, would bring its own authority, and with a proxy of its choice
//! read what services answer: keys of roles, certificates, tokens.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Of one file. Those of whole systems have less than a megabyte.
const MAX_BYTES: u64 = 16 << 20;
/// In one folder. Systems have some hundreds, each under several names.
const MAX_FILES: usize = 10_000;
/// More are not worth a line.
const MAX_PROBLEMS: usize = 5;

type Certificates = Vec<CertificateDer<'static>>;

/// The certificates of a file and of the files in a folder, as far as they cannot be a kubeconfig nor hold its variables,
/// and what is wrong with the others, one line each.
pub(super) fn read(file: Option<&Path>, folder: Option<&Path>) -> (Certificates, Vec<String>) {
    let mut certificates = Vec::new();
    let mut problems = Vec::new();
    let in_folder = match folder.map(|folder| (folder, fs::read_dir(folder))) {
        None => Vec::new(),
        Some((folder, Err(error))) => {
            problems.push(format!("{}: {error}", folder.display()));
            Vec::new()
        }
        Some((_, Ok(entries))) => entries.flatten().take(MAX_FILES).map(|entry| entry.path()).collect(),
    };
    let in_folder =
        in_folder.iter().filter(|path| fs::metadata(path).is_ok_and(|metadata| metadata.is_file()));
    for path in file.into_iter().chain(in_folder.map(AsRef::as_ref)) {
        match of_file(path) {
            Ok(more) => certificates.extend(more),
            Err(problem) if problems.len() < MAX_PROBLEMS => problems.push(problem),
            Err(_) => {}
        }
    }
    (certificates, problems)
}

/// Whether a file, or each file of a folder, holds certificates and nothing else, or is the system's own: what a variable
/// may name for another program that a stranger's kubeconfig can have run.
pub fn holds_certificates_alone(path: &Path) -> bool {
    match path.is_dir() {
        true => read(None, Some(path)).1.is_empty(),
        false => of_file(path).is_ok(),
    }
}

fn of_file(path: &Path) -> Result<Certificates, String> {
    let failed = |detail: String| format!("{}: {detail}", path.display());
    let (content, metadata) = content_of(path).map_err(|error| failed(error.to_string()))?;
    if !is_of_the_system(&metadata) && !cannot_be_a_kubeconfig(&content) {
        return Err(failed(
            "it holds something beside certificates, and a kubeconfig could have named it (SSL_CERT_FILE, SSL_CERT_DIR); \
             started by kubectl, this program takes a file of nothing but certificates (in PEM, with comments), or one of \
             the system's"
                .to_owned(),
        ));
    }
    CertificateDer::pem_slice_iter(&content)
        .collect::<Result<_, _>>()
        .map_err(|_| failed("it holds a damaged certificate".to_owned()))
}

fn content_of(path: &Path) -> io::Result<(Vec<u8>, Metadata)> {
    // Opening a pipe could wait for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut content = Vec::new();
    file.take(MAX_BYTES.saturating_add(1)).read_to_end(&mut content)?;
    match u64::try_from(content.len()) {
        Ok(length) if length <= MAX_BYTES => Ok((content, metadata)),
        _ => Err(io::ErrorKind::FileTooLarge.into()),
    }
}

/// Whether an administrator put the file there, and not the person who starts kubectl. What only looks like a file
/// (`/proc`) has no size.
#[cfg(unix)]
fn is_of_the_system(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.uid() == 0 && !rustix::process::geteuid().is_root() && metadata.len() > 0
}

#[cfg(not(unix))]
fn is_of_the_system(_: &Metadata) -> bool {
    false
}

/// PEM sections, comments, and titles: outside comments no character that YAML and JSON need for a mapping, which a
/// kubeconfig is; nowhere one that only variables and binary files have.
fn cannot_be_a_kubeconfig(content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content);
    text.split('\n').map(str::trim_ascii_end).all(|line| is_comment(line) || is_title(line))
}

/// YAML knows more line breaks than `\n`: none of them may end the comment.
fn is_comment(line: &str) -> bool {
    line.starts_with('#') && line.chars().all(is_plain)
}

/// Lines of PEM are such too.
fn is_title(line: &str) -> bool {
    line.chars().all(|c| is_plain(c) && !":?{}[]\"'\\!&*|>%@`".contains(c))
}

fn is_plain(c: char) -> bool {
    c == '\t' || !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\nBB==\n-----END CERTIFICATE-----\n";

    #[test]
    fn bundles_as_systems_and_people_have_them() {
        for text in [
            PEM.to_owned(),
            PEM.repeat(2),
            PEM.replace('\n', "\r\n"),
            format!("##\n## Bundle of {{CA}}: \"all\"\n\nExample Root (G2) CA, Főtanúsítvány\n====\n{PEM}\n"),
            String::new(),
        ] {
            assert!(cannot_be_a_kubeconfig(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_could_be_a_kubeconfig_or_its_variables() {
        for text in [
            format!("{{\"users\": [], \"x\": \"\n{PEM}\"}}"),
            format!("users: []\nx: \"\n{PEM}\""),
            format!("? users\n{PEM}"),
            format!("HOME=/root\0X=\n{PEM}\0"),
            // Each of these ends the comment for YAML.
            format!("# \rusers: []\n{PEM}"),
            format!("# \u{85}users: []\n{PEM}"),
            format!("# \u{2028}users: []\n{PEM}"),
            "-----BEGIN a: b-----\n-----END a: b-----\n".to_owned(),
            "-----BEGIN CERTIFICATE-----\nusers: []\n-----END CERTIFICATE-----\n".to_owned(),
        ] {
            assert!(!cannot_be_a_kubeconfig(text.as_bytes()), "{text:?}");
        }
        let wide: Vec<u8> = "users: []\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(!cannot_be_a_kubeconfig(&wide));
    }
}
