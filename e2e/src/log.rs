//! A growing text file that tests read: logs and audit logs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// A file that another process writes line by line.
#[derive(Debug, Clone)]
pub struct Log {
    path: PathBuf,
}

/// A place in a [`Log`]: what was written later is "since" it.
/// The default one is the beginning.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark(usize);

impl Log {
    /// The file at `path`, which need not be there yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its end as it is now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let length = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        Mark(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// The whole text, lossily as UTF-8.
    #[must_use]
    pub fn all(&self) -> String {
        self.since(Mark(0))
    }

    /// The whole text that was written since `mark`, lossily as UTF-8.
    #[must_use]
    pub fn since(&self, mark: Mark) -> String {
        let bytes = std::fs::read(&self.path).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(mark.0..).unwrap_or_default()).into_owned()
    }

    /// Waits for a line since `mark` that `is_wanted` accepts, and returns it.
    ///
    /// # Errors
    /// There is none by `deadline`; `what` is named in the message.
    pub fn line(
        &self,
        mark: Mark,
        what: &str,
        deadline: Duration,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let start = Instant::now();
        loop {
            if let Some(line) = self.since(mark).lines().find(|line| is_wanted(line)) {
                return Ok(line.to_owned());
            }
            if start.elapsed() > deadline {
                let what = format!("{what} in {}", self.path.display());
                return Err(Error::Deadline { what, waited: deadline });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn last_line(&self) -> String {
        self.all().lines().last().unwrap_or("(empty)").to_owned()
    }
}
