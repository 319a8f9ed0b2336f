//! Writing files whole or not at all.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[cfg(unix)]
use super::private::no_link;

/// Writes the file that a path leads to, through symbolic links: as [`replace_file`] does, but a link stays a link, and the
/// file stays its owner's, where this process may give it to them (`sudo`).
pub(crate) fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    match std::fs::canonicalize(path) {
        Ok(real) => {
            let old = std::fs::symlink_metadata(&real).ok();
            put(&real, content, |file| old.iter().for_each(|old| give_to_owner(file, old)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => replace_file(path, content),
        Err(error) => Err(error),
    }
}

/// Puts a file at this path, readable by its owner alone (mode 0600), in place of whatever is there (of a symbolic link, not
/// of what it leads to). Readers see the old content or the new one, and so do they after a power cut.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    put(path, content, |_| ())
}

/// Puts a file at this path that everybody may read (mode 0644), as [`replace_file`] does; folders above it that are missing
/// are made so that everybody may look into them (0755).
pub(crate) fn publish_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let missing: Vec<PathBuf> =
        folder_of(path).ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
    for folder in missing.iter().rev() {
        if !folder.as_os_str().is_empty() {
            std::fs::create_dir(folder)?;
            folder_for_everybody(folder)?;
        }
    }
    let mut refused = Ok(());
    put(path, content, |file| refused = for_everybody(file, 0o644))?;
    refused
}

/// Through no link: who owns the folder above could put one there meanwhile, and what it leads to would be everybody's.
#[cfg(unix)]
fn folder_for_everybody(folder: &Path) -> io::Result<()> {
    for_everybody(&no_link(OpenOptions::new().read(true)).open(folder)?, 0o755)
}

#[cfg(not(unix))]
fn folder_for_everybody(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whatever the umask says.
#[cfg(unix)]
fn for_everybody(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn for_everybody(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

/// `prepare` is for the new file before anybody sees it under its name.
fn put(path: &Path, content: &[u8], prepare: impl FnOnce(&File)) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no file name"))?;
    let folder = folder_of(path);
    let mut temporary_name = std::ffi::OsString::from(".");
    temporary_name.push(name);
    temporary_name.push(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
    let temporary = Temporary(folder.join(temporary_name));
    let mut file = private_file(OpenOptions::new().write(true).create_new(true)).open(&temporary.0)?;
    file.write_all(content)?;
    prepare(&file);
    file.sync_all()?;
    drop(file);
    std::fs::rename(&temporary.0, path)?;
    sync_folder(&folder);
    Ok(())
}

/// By the open file and not by its name: who owns the folder could put a link there meanwhile, and would be given what it
/// leads to.
#[cfg(unix)]
fn give_to_owner(file: &File, old: &Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    if file.metadata().is_ok_and(|new| (new.uid(), new.gid()) != (old.uid(), old.gid())) {
        // Who may not is told by `is_owned_as`, where it matters.
        let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    }
}

#[cfg(not(unix))]
fn give_to_owner(_: &File, _: &Metadata) {}

/// Removed when it is dropped; after the rename there is nothing left to remove.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A new file is its owner's alone.
#[cfg(unix)]
fn private_file(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

/// On Windows a file has its folder's access list; a home's is its owner's.
#[cfg(not(unix))]
fn private_file(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Makes the new name survive a power cut. Some file systems cannot; the file itself is written by then.
#[cfg(unix)]
fn sync_folder(folder: &Path) {
    if let Ok(folder) = std::fs::File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) {}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_new_or_replaced_and_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        write_file(&path, b"one").unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), mode(&path)), (b"one".to_vec(), 0o600));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        write_file(&path, b"two").unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), mode(&path)), (b"two".to_vec(), 0o600));
        assert_eq!(names(folder.path()), ["config.json"]);
    }

    #[test]
    fn a_link_is_followed_or_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&real, "old").unwrap();
        symlink("real", &link).unwrap();
        write_file(&link, b"new").unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read(&real).unwrap(), b"new");
        replace_file(&link, b"own").unwrap();
        assert!(!std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read(&real).unwrap(), b"new");
    }

    #[test]
    fn a_published_file_is_everybodys_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site/.well-known/openid-configuration");
        publish_file(&path, b"one").unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), mode(&path)), (b"one".to_vec(), 0o644));
        assert_eq!(mode(&folder.path().join("site")), 0o755);
        assert_eq!(mode(path.parent().unwrap()), 0o755);
        std::fs::set_permissions(path.parent().unwrap(), std::fs::Permissions::from_mode(0o700)).unwrap();
        publish_file(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(mode(path.parent().unwrap()), 0o700, "what was there stays as it is");
        assert_eq!(names(path.parent().unwrap()), ["openid-configuration"]);
    }

    #[test]
    fn nothing_that_a_link_leads_to_becomes_everybodys() {
        let folder = tempfile::tempdir().unwrap();
        let (private, link) = (folder.path().join("private"), folder.path().join("link"));
        std::fs::create_dir(&private).unwrap();
        std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o700)).unwrap();
        symlink(&private, &link).unwrap();
        assert!(folder_for_everybody(&link).is_err());
        assert_eq!(mode(&private), 0o700);
        folder_for_everybody(&private).unwrap();
        assert_eq!(mode(&private), 0o755);
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        assert!(replace_file(&path, b"x").is_err());
        assert!(replace_file(&folder.path().join("none").join("x"), b"x").is_err());
        assert_eq!(names(folder.path()), ["taken"]);
    }

    /// Only root can show it: for everybody else the owner is the same before and after.
    #[test]
    fn a_file_stays_its_owners() {
        use std::os::unix::fs::{MetadataExt, chown};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, "old").unwrap();
        let own = std::fs::metadata(&path).unwrap();
        let wanted = if own.uid() == 0 { (12_345, 23_456) } else { (own.uid(), own.gid()) };
        chown(&path, Some(wanted.0), Some(wanted.1)).unwrap();
        write_file(&path, b"new").unwrap();
        let new = std::fs::metadata(&path).unwrap();
        assert_eq!(((new.uid(), new.gid()), mode(&path)), (wanted, 0o600));
        replace_file(&path, b"mine").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().uid(), own.uid());
    }
}
