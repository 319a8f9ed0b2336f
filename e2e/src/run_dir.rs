//! The two folders of one run: scratch, which always goes, and logs, which stay on failure.

use std::path::{Path, PathBuf};
use std::process::Child;

use crate::error::{Error, Result};
use crate::{guard, programs};

/// Folders of one run; removed at its end, however it ends.
#[derive(Debug)]
pub struct RunDir {
    scratch: PathBuf,
    logs: PathBuf,
    janitor: Child,
}

impl RunDir {
    /// Makes both folders. `name` tells runs apart for a person, e.g. `20261123-084205-4711`.
    ///
    /// # Errors
    /// A folder cannot be made, or the janitor that removes the scratch folder cannot be started.
    pub fn create(name: &str) -> Result<Self> {
        let scratch = tempfile::Builder::new()
            .prefix("ack-e2e-")
            .tempdir()
            .map_err(Error::file("make a folder in", std::env::temp_dir()))?
            .keep();
        // It removes the folder when this process is gone, Ctrl-C and SIGKILL included.
        let janitor = guard::removing(&scratch)
            .spawn()
            .map_err(|source| Error::Start { program: "the janitor".to_owned(), source })?;
        let logs = programs::target_dir()?.join("e2e-logs").join(name);
        std::fs::create_dir_all(&logs).map_err(Error::file("make", &logs))?;
        Ok(Self { scratch, logs, janitor })
    }

    /// For data, keys, kubeconfigs.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// For logs: `target/e2e-logs/<name>`.
    #[must_use]
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// A new folder in the scratch folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.join(name);
        std::fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
        Ok(folder)
    }

    /// Writes a file into the scratch folder.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn file(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.scratch.join(name);
        std::fs::write(&path, content).map_err(Error::file("write", &path))?;
        Ok(path)
    }

    /// Removes the logs too: nobody needs those of a run that went well.
    pub fn forget_logs(&self) {
        let _ = std::fs::remove_dir_all(&self.logs);
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.scratch);
        drop(self.janitor.stdin.take());
        let _ = self.janitor.wait();
    }
}
