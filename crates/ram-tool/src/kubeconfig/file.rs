//! A kubeconfig on disk that others use too.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Kubeconfig;
use super::document::MAX_BYTES;
use super::merge;
use crate::cluster_id::ClusterId;
use crate::error::Error;
use crate::paths;
use crate::platform;
use crate::world::World;

/// kubectl holds its lock for the time of one write.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Where a kubeconfig was merged into.
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    /// The name that the context got.
    pub(crate) context: String,
}

/// Merges `ours` into the file at `path`, or into the one that kubectl writes to: the first of `KUBECONFIG`, else
/// `~/.kube/config`. The file is replaced as a whole, by one for its owner alone (0600), or not at all; a symbolic
/// link stays one.
///
/// # Errors
/// [`Error::Kubeconfig`]: what is wrong with the file, which then is as it was.
pub(crate) fn merge_into(
    path: &str,
    ours: &Kubeconfig,
    id: &ClusterId,
    keep_current_context: bool,
    world: &World<'_>,
) -> Result<Target, Error> {
    let path = choose(path, world)?;
    let failed = |detail: String| Error::Kubeconfig { path: path.clone(), detail };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        platform::make_folder(folder).map_err(|error| failed(format!("has no folder: {error}")))?;
    }
    let _lock = Lock::take(&path).map_err(&failed)?;
    let (text, old) = read(&path).map_err(&failed)?;
    let merged =
        merge::merge(&text, ours, id, keep_current_context).map_err(|error| failed(error.to_string()))?;
    (world.write_file)(&path, merged.text.as_bytes())
        .map_err(|error| failed(format!("cannot be written: {error}; it is as it was")))?;
    if old.is_some_and(|old| !platform::is_owned_as(&path, &old)) {
        return Err(failed(
            "was written, and belongs to you now: it could not be left to its owner".to_owned(),
        ));
    }
    Ok(Target { path, context: merged.context })
}

fn choose(path: &str, world: &World<'_>) -> Result<PathBuf, Error> {
    let unknown = || Error::Usage {
        detail: "--merge names no file, and neither KUBECONFIG nor HOME is set: write --merge FILE"
            .to_owned(),
    };
    if !path.is_empty() {
        return paths::expand(path, world).ok_or_else(unknown);
    }
    let list = world.set("KUBECONFIG").unwrap_or_default();
    let first = std::env::split_paths(&list).find(|path| !path.as_os_str().is_empty());
    first.or_else(|| Some(paths::home(world)?.join(".kube").join("config"))).ok_or_else(unknown)
}

/// The file's text, and what is known of the file; no text where there is none.
fn read(path: &Path) -> Result<(String, Option<Metadata>), String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match std::fs::symlink_metadata(path) {
                Ok(_) => Err(
                    "is a symbolic link to a file that does not exist; make that file, or remove the link"
                        .to_owned(),
                ),
                Err(_) => Ok((String::new(), None)),
            };
        }
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let metadata = file.metadata().map_err(|error| format!("cannot be read: {error}"))?;
    if !metadata.is_file() {
        return Err("is no file".to_owned());
    }
    if metadata.permissions().readonly() {
        return Err("is read-only; make it writable (chmod u+w), or name another file".to_owned());
    }
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    let content = platform::read_at_most(file, limit).map_err(|error| format!("cannot be read: {error}"))?;
    let text = String::from_utf8(content).map_err(|_| "is no UTF-8 text".to_owned())?;
    Ok((text, Some(metadata)))
}

/// kubectl's lock on a kubeconfig: a file beside it that only one can make.
struct Lock(PathBuf);

impl Lock {
    fn take(path: &Path) -> Result<Self, String> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = PathBuf::from(name);
        for _ in 0..TRIES {
            match OpenOptions::new().write(true).create_new(true).open(&lock) {
                Ok(_) => return Ok(Self(lock)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => std::thread::sleep(PAUSE),
                Err(error) => return Err(format!("cannot be locked ({}: {error})", lock.display())),
            }
        }
        Err(format!("is locked by another program; if none is running, remove the file {}", lock.display()))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
