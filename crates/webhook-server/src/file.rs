//! Files that are replaced whole: a reader sees the old text or the new one, never a half of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path` with exactly the permission bits `mode` (as in `0o600`; the umask is not applied):
/// into a new file beside it, synced, then renamed over it.
///
/// # Errors
/// Whatever the file system says; the unfinished file is removed.
pub fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let staged = Staged::write(path, bytes, mode)?;
    staged.publish()
}

/// A file written and synced under a temporary name beside its destination. Dropped without
/// [`Staged::publish`], it is removed.
#[derive(Debug)]
pub struct Staged {
    temporary: PathBuf,
    destination: PathBuf,
    published: bool,
}

impl Staged {
    /// Writes the temporary file with permission bits `mode`.
    ///
    /// # Errors
    /// Whatever the file system says; nothing is left behind.
    pub fn write(destination: &Path, bytes: &[u8], mode: u32) -> io::Result<Staged> {
        let temporary = temporary_name(destination)?;
        // A file of this very process id left by a crash: its content is of no use to anybody.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let staged = Staged { temporary, destination: destination.to_owned(), published: false };
        file.write_all(bytes)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        Ok(staged)
    }

    /// Renames the file to its destination, replacing what is there.
    ///
    /// # Errors
    /// Whatever the file system says; the temporary file is removed.
    pub fn publish(mut self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.destination)?;
        self.published = true;
        // Renames survive a power cut only once the folder is synced; some file systems cannot, and lose nothing by it.
        if let Some(folder) = self.destination.parent().and_then(|folder| File::open(or_current(folder)).ok())
        {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// `""`, the parent of a bare file name, means the current folder.
pub(crate) fn or_current(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

fn temporary_name(destination: &Path) -> io::Result<PathBuf> {
    let Some(name) = destination.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not end in a file name"));
    };
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", std::process::id()));
    Ok(destination.with_file_name(temporary))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_file_whole_with_the_mode_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        fs::write(&path, "old and longer").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_atomically(&path, b"new", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn leaves_nothing_behind_when_the_rename_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("x"), "x").unwrap();
        assert!(write_atomically(&path, b"new", 0o600).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn refuses_a_path_without_a_file_name() {
        assert!(write_atomically(Path::new("/"), b"", 0o600).is_err());
    }
}
