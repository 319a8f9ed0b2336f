//! Folders that are built once and kept in the user's cache folder.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::cache;
use crate::error::{Error, Result};

/// A folder that is to be there.
pub(crate) struct Kept<'a> {
    /// What messages begin with, and, with `-` for spaces, the folder of the cache that it lies in.
    pub(crate) group: &'a str,
    /// What its lock and its log are called.
    pub(crate) name: &'a str,
    /// What it is, for people.
    pub(crate) title: &'a str,
    /// Its own name, which holds whatever decides how it comes out.
    pub(crate) folder: &'a str,
    /// How it is built and how long that takes, for the message.
    pub(crate) expected: &'a str,
}

impl Kept<'_> {
    /// The folder, made by `build` when it is not there yet: of the folder to fill, and of the file for the output of
    /// what it runs.
    ///
    /// Two runs at once build once: the second waits for the first. What is in the folder is complete: it appears by a
    /// rename.
    pub(crate) fn get(&self, build: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<PathBuf> {
        self.get_in(&cache::folder(&self.group.replace(' ', "-"))?, build)
    }

    fn get_in(&self, cache: &Path, build: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<PathBuf> {
        let Self { group, title, .. } = self;
        let kept = cache.join(self.folder);
        if kept.is_dir() {
            eprintln!("{group}: {title} from {} (built earlier)", kept.display());
            return Ok(kept);
        }
        let _lock = self.lock(cache)?;
        if kept.is_dir() {
            eprintln!("{group}: {title} from {} (built meanwhile)", kept.display());
            return Ok(kept);
        }
        eprintln!("{group}: building {title} {}, once: kept in {}", self.expected, kept.display());
        let start = Instant::now();
        let prefix = format!(".building-{}-", self.name);
        sweep(cache, &prefix);
        let making = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(cache)
            .map_err(Error::file("make a folder in", cache))?;
        let log = cache.join(format!("{}.log", self.name));
        File::create(&log).map_err(Error::file("write", &log))?;
        build(making.path(), &log)?;
        std::fs::rename(making.path(), &kept).map_err(Error::file("write", &kept))?;
        // The folder is no longer where it was made: there is nothing left to remove.
        let _ = making.keep();
        eprintln!("{group}: built {title} in {} s", start.elapsed().as_secs());
        Ok(kept)
    }

    /// Waits for another run that builds the same, and says so.
    fn lock(&self, cache: &Path) -> Result<File> {
        let path = cache.join(format!("{}.lock", self.name));
        let file = File::create(&path).map_err(Error::file("write", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                eprintln!("{}: waiting for another run that is building it", self.group);
                file.lock().map_err(Error::file("lock", path))?;
            }
            Err(TryLockError::Error(source)) => return Err(Error::file("lock", path)(source)),
        }
        Ok(file)
    }
}

/// Runs a command made by [`guarded`](crate::guard::guarded) to its end; what it prints is added to the file `log`.
pub(crate) fn run(mut command: Command, log: &Path) -> Result<std::io::Result<ExitStatus>> {
    let output = File::options().append(true).open(log).map_err(Error::file("write", log))?;
    let both = output.try_clone().map_err(Error::file("write", log))?;
    let guard = command.stdout(output).stderr(both).spawn();
    Ok(guard.and_then(|mut guard| {
        // `wait` would close the guard's pipe first.
        let _pipe = guard.stdin.take();
        guard.wait()
    }))
}

/// A short name for the texts that decide how a build comes out.
pub(crate) fn key<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        // No text has it: where a part ends counts.
        hash.update([0]);
    }
    hex(hash.finalize().get(..8).unwrap_or_default())
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Removes what a build that was stopped left behind. Whoever holds the lock is alone here.
fn sweep(cache: &Path, prefix: &str) {
    for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    const KEPT: Kept<'_> =
        Kept { group: "tests", name: "thing", title: "a thing", folder: "thing-1", expected: "by hand" };

    #[test]
    fn what_is_there_is_not_built_again() {
        let cache = tempfile::tempdir().unwrap();
        let built = KEPT.get_in(cache.path(), |folder, _log| write(folder, "first")).unwrap();
        let again = KEPT.get_in(cache.path(), |_folder, _log| panic!("built again")).unwrap();
        assert_eq!((built.as_path(), again.as_path()), (&*cache.path().join("thing-1"), &*built));
        assert_eq!(read(&built), "first");
    }

    #[test]
    fn of_those_who_ask_at_once_one_builds_and_all_get_it() {
        let cache = tempfile::tempdir().unwrap();
        let builds = AtomicUsize::new(0);
        let get = || {
            KEPT.get_in(cache.path(), |folder, _log| {
                builds.fetch_add(1, Ordering::SeqCst);
                // Others come meanwhile, and must not see the folder before it is complete.
                std::thread::sleep(Duration::from_millis(100));
                write(folder, "whole")
            })
        };
        let texts: Vec<String> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(get)).collect();
            all.into_iter().map(|one| read(&one.join().unwrap().unwrap())).collect()
        });
        assert_eq!((texts, builds.into_inner()), (vec!["whole".to_owned(); 4], 1));
    }

    #[test]
    fn what_failed_or_was_stopped_leaves_nothing_and_is_built_again() {
        let cache = tempfile::tempdir().unwrap();
        let stopped = cache.path().join(".building-thing-stopped");
        std::fs::create_dir(&stopped).unwrap();
        let failed = KEPT.get_in(cache.path(), |folder, log| {
            write(folder, "half")?;
            run(Command::new("/nothing/there"), log)?
                .map_err(Error::file("run", "/nothing/there"))
                .map(|_| ())
        });
        assert!(failed.unwrap_err().to_string().contains("/nothing/there"));
        assert!(!cache.path().join("thing-1").exists() && !stopped.exists());
        let built = KEPT.get_in(cache.path(), |folder, _log| write(folder, "whole")).unwrap();
        assert_eq!(read(&built), "whole");
    }

    fn write(folder: &Path, text: &str) -> Result<()> {
        let file = folder.join("file");
        std::fs::write(&file, text).map_err(Error::file("write", &file))
    }

    fn read(folder: &Path) -> String {
        std::fs::read_to_string(folder.join("file")).unwrap()
    }

    #[test]
    fn a_key_tells_apart_what_differs_only_in_where_a_part_ends() {
        let of = |parts: [&str; 2]| key(parts.map(str::as_bytes));
        assert_eq!(of(["ab", "c"]), of(["ab", "c"]));
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
        assert_eq!(of(["ab", "c"]).len(), 16);
    }
}
