//! `go build` of a pinned module.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::error::{Error, Result};
use crate::{guard, kept, process};

/// What is built, and for what.
pub(crate) struct Build<'a> {
    /// For messages: `the control plane`.
    pub(crate) what: &'a str,
    /// What else helps where there is no Go: `, or set …`.
    pub(crate) instead: &'a str,
    /// The module's folder.
    pub(crate) folder: &'a Path,
    /// Its name, for messages.
    pub(crate) module: &'a str,
    /// The main packages.
    pub(crate) packages: &'a [&'a str],
    /// For `-ldflags`.
    pub(crate) linker_flags: &'a str,
}

impl Build<'_> {
    /// What `go` says of itself: a part of the key of what it builds.
    pub(crate) fn version(&self) -> Result<String> {
        let output = Command::new("go")
            .args(["env", "GOVERSION", "GOHOSTOS", "GOHOSTARCH"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .map_err(|source| self.no_go(source))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Puts the programs into a folder; what go prints is added to the file `log`.
    pub(crate) fn build_into(&self, folder: &Path, log: &Path) -> Result<()> {
        let go = process::in_path("go").ok_or_else(|| self.no_go(ErrorKind::NotFound.into()))?;
        let mut command = guard::guarded(&go);
        command.args(["build", "-trimpath", "-buildvcs=false", "-ldflags", self.linker_flags]);
        // With a slash at its end: a folder, also for a single program.
        command.arg("-o").arg(folder.join("")).args(self.packages);
        for name in ["GOOS", "GOARCH", "GOEXPERIMENT"] {
            command.env_remove(name);
        }
        command
            .current_dir(self.folder)
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "-mod=readonly")
            .env("GOWORK", "off");
        let status = kept::run(command, log)?.map_err(|source| self.no_go(source))?;
        if status.success() {
            return Ok(());
        }
        let (module, log) = (self.module.to_owned(), log.to_owned());
        Err(Error::Build { module, tool: "go", status: status.to_string(), log })
    }

    fn no_go(&self, source: std::io::Error) -> Error {
        Error::NoGo { what: self.what.to_owned(), instead: self.instead.to_owned(), source }
    }
}
