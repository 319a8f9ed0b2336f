//! Files and folders that are one person's alone.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

/// Makes a folder and those above it that are missing, all for their owner alone (0700). What is there stays as it is.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    with_mode(DirBuilder::new().recursive(true), 0o700).create(path)
}

/// The same, but for its owner's group to look into (0750).
pub(crate) fn make_group_folder(path: &Path) -> io::Result<()> {
    with_mode(DirBuilder::new().recursive(true), 0o750).create(path)
}

/// The content of a file that nobody but this person could have written or read: no link, no device, of this user, and
/// closed to all others.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] for a file of another kind; `FileTooLarge` above `limit` bytes; the operating
/// system's.
pub(crate) fn read_private_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = no_link(OpenOptions::new().read(true)).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || !is_private(&metadata) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    read_at_most(file, limit)
}

/// The content of a file of at most `limit` bytes.
pub(crate) fn read_at_most(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    match u64::try_from(content.len()) {
        Ok(length) if length <= limit => Ok(content),
        _ => Err(io::ErrorKind::FileTooLarge.into()),
    }
}

/// Whether the file at a path, which was written anew, belongs to whom the old one belonged.
#[cfg(unix)]
pub(crate) fn is_owned_as(path: &Path, old: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).is_ok_and(|new| new.uid() == old.uid())
}

#[cfg(not(unix))]
pub(crate) fn is_owned_as(_: &Path, _: &Metadata) -> bool {
    true
}

#[cfg(unix)]
fn is_private(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.mode() & 0o077 == 0 && metadata.uid() == rustix::process::geteuid().as_raw()
}

/// On Windows a file has its folder's access list; a home's is its owner's.
#[cfg(not(unix))]
fn is_private(_: &Metadata) -> bool {
    true
}

#[cfg(unix)]
fn with_mode(builder: &mut DirBuilder, mode: u32) -> &mut DirBuilder {
    use std::os::unix::fs::DirBuilderExt;
    builder.mode(mode)
}

#[cfg(not(unix))]
fn with_mode(builder: &mut DirBuilder, _: u32) -> &mut DirBuilder {
    builder
}

/// For what is itself there and no symbolic link.
#[cfg(unix)]
pub(super) fn no_link(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    // Opening a pipe must not wait for somebody to write into it.
    let flags = rustix::fs::OFlags::NOFOLLOW.union(rustix::fs::OFlags::NONBLOCK);
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
}

#[cfg(not(unix))]
pub(super) fn no_link(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}
