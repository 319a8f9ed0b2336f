//! Locks between processes.

use std::any::Any;
use std::fs::{OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Who holds a lock asks a service meanwhile, or a person: longer than any call's time limit.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Locks the file at this path for this process alone, until the value is dropped or the process ends. The file is made
/// where there is none, and stays. It must be one that nobody replaces: beside a file that is replaced, not that file.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] where somebody else holds it for a minute; what opening the file gives, a symbolic link
/// among it.
pub(crate) fn lock(path: &Path) -> io::Result<Box<dyn Any>> {
    lock_within(path, PATIENCE)
}

fn lock_within(path: &Path, patience: Duration) -> io::Result<Box<dyn Any>> {
    let file =
        private_file(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path)?;
    let started = started();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Box::new(file) as Box<dyn Any>),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if started.elapsed() >= patience => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another process holds its lock for too long",
                ));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
        }
    }
}

/// A border: the clock that only runs forward.
#[allow(clippy::disallowed_methods)]
fn started() -> Instant {
    Instant::now()
}

#[cfg(unix)]
fn private_file(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let no_link = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    options.mode(0o600).custom_flags(no_link)
}

#[cfg(not(unix))]
fn private_file(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = lock(&path).unwrap();
        let error = lock_within(&path, Duration::from_millis(50)).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || lock(&path).is_ok()
        });
        drop(held);
        assert!(waiting.join().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn it_is_this_persons_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let _held = lock(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::os::unix::fs::symlink("elsewhere", &path).unwrap();
        assert!(lock(&path).is_err());
        assert!(!folder.path().join("elsewhere").exists());
    }
}
