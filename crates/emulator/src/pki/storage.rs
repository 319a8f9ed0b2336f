//! The state folder: where the CA is kept.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tempfile::TempDir;

use super::{Authority, PkiError};

const CA_FILE: &str = "ca.pem";
const CA_KEY_FILE: &str = "ca-key.pem";

/// A folder that is kept, or one that goes with this value.
pub(crate) struct StateDir {
    path: PathBuf,
    _temporary: Option<TempDir>,
}

impl StateDir {
    /// Takes `path`, making the folder (for its owner only) where it is missing.
    pub(crate) fn at(path: PathBuf) -> Result<Self, PkiError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|source| failed("make the state folder", &path, source))?;
        Ok(Self { path, _temporary: None })
    }

    /// Makes a folder that is removed when this value is dropped.
    pub(crate) fn temporary() -> Result<Self, PkiError> {
        let parent = std::env::temp_dir();
        let temporary = tempfile::Builder::new()
            .prefix("ram-emulator-")
            .tempdir_in(&parent)
            .map_err(|source| failed("make a folder in", &parent, source))?;
        Ok(Self { path: temporary.path().to_path_buf(), _temporary: Some(temporary) })
    }

    /// Where the CA's certificate is.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.path.join(CA_FILE)
    }

    /// The CA in the folder; a new one when there is none yet. Two processes that ask at once get the same one.
    pub(crate) fn authority(&self, now: Timestamp) -> Result<Authority, PkiError> {
        let lock_path = self.path.join(".lock");
        let _lock = lock(&lock_path).map_err(|source| failed("lock", &lock_path, source))?;
        let (ca, key) = (self.ca_file(), self.path.join(CA_KEY_FILE));
        match (read(&ca)?, read(&key)?) {
            (None, None) => {
                let authority = Authority::generate(now)?;
                write(&key, &authority.key_pem(), 0o600)?;
                write(&ca, authority.certificate_pem(), 0o644)?;
                Ok(authority)
            }
            (Some(certificate_pem), Some(key_pem)) => {
                fs::set_permissions(&key, Permissions::from_mode(0o600))
                    .map_err(|source| failed("set mode 0600 on", &key, source))?;
                Authority::from_pem(&certificate_pem, &key_pem, now).map_err(|problem| self.unusable(problem))
            }
            (Some(_), None) => Err(self.unusable("ca-key.pem is missing".to_owned())),
            (None, Some(_)) => Err(self.unusable("ca.pem is missing".to_owned())),
        }
    }

    fn unusable(&self, problem: String) -> PkiError {
        PkiError::Kept { dir: self.path.clone(), problem }
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> PkiError {
    PkiError::File { action, path: path.to_path_buf(), source }
}

/// Held until the file is closed.
fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    file.lock()?;
    Ok(file)
}

fn read(path: &Path) -> Result<Option<String>, PkiError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", path, source)),
    }
}

/// Writes the whole file or nothing, never readable by more than `mode` allows.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let attempt = || -> io::Result<()> {
        let mut file =
            tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    attempt().map_err(|source| failed("write", path, source))
}
