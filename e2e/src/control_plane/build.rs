//! Builds a pinned Go module's programs once and keeps them in the user's cache folder.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::{cache, guard, process};

/// A folder of `e2e/control-plane` and what is built from it.
pub(crate) struct Module<'a> {
    /// The folder's name.
    pub(crate) folder: String,
    /// What it is called where it is kept.
    pub(crate) name: &'a str,
    /// The module whose version gives the result its name.
    pub(crate) module: &'a str,
    /// The main packages.
    pub(crate) packages: &'a [&'a str],
    /// The package whose `gitVersion`, `gitMajor`, `gitMinor` are set by the linker.
    pub(crate) version_variables: Option<&'a str>,
    /// How long a first build takes, for the message.
    pub(crate) expected: &'a str,
}

/// What decides how the programs come out, and so the name of the folder that keeps them.
struct Recipe<'a> {
    module: &'a Module<'a>,
    folder: PathBuf,
    version: String,
    linker_flags: String,
    key: String,
}

/// The folder that holds the module's programs, built when they are not there yet.
///
/// Two runs at once build once: the second waits for the first. What is in the folder is complete:
/// it appears by a rename.
pub(crate) fn get(module: &Module<'_>) -> Result<PathBuf> {
    let recipe = Recipe::of(module)?;
    let cache = cache::folder("control-plane")?;
    let kept = cache.join(format!("{}-{}-{}", module.name, recipe.version, recipe.key));
    let name = format!("{} {}", module.name, recipe.version);
    if kept.is_dir() {
        eprintln!("control plane: {name} from {} (built earlier)", kept.display());
        return Ok(kept);
    }
    let _lock = lock(&cache.join(format!("{}.lock", module.folder)))?;
    if kept.is_dir() {
        eprintln!("control plane: {name} from {} (built meanwhile)", kept.display());
        return Ok(kept);
    }
    eprintln!(
        "control plane: building {name} with go, {} on two cores, once: kept in {}",
        module.expected,
        kept.display()
    );
    let start = Instant::now();
    recipe.build(&cache, &kept)?;
    eprintln!("control plane: built {name} in {} s", start.elapsed().as_secs());
    Ok(kept)
}

impl<'a> Recipe<'a> {
    fn of(module: &'a Module<'a>) -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("control-plane").join(&module.folder);
        let read = |name| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(Error::file("read", path))
        };
        let go_mod = read("go.mod")?;
        let version = required_version(&go_mod, module.module).ok_or_else(|| Error::NoVersion {
            file: folder.join("go.mod"),
            module: module.module.to_owned(),
        })?;
        let linker_flags = linker_flags(module.version_variables, &version);
        let mut hash = Sha256::new();
        let packages = module.packages.join(" ");
        for part in [&go_mod, &read("go.sum")?, &go_version()?, &linker_flags, &packages] {
            hash.update(part);
            hash.update([0]);
        }
        let key = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { module, folder, version, linker_flags, key })
    }

    fn build(&self, cache: &Path, kept: &Path) -> Result<()> {
        let prefix = format!(".building-{}-", self.module.folder);
        sweep(cache, &prefix);
        let making = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(cache)
            .map_err(Error::file("make a folder in", cache))?;
        let log = cache.join(format!("{}.log", self.module.folder));
        let output = File::create(&log).map_err(Error::file("write", &log))?;
        let both = output.try_clone().map_err(Error::file("write", &log))?;
        let go = process::in_path("go").ok_or_else(|| no_go(ErrorKind::NotFound.into()))?;
        let mut command = guard::guarded(&go);
        command.args(["build", "-trimpath", "-buildvcs=false", "-ldflags", &self.linker_flags]);
        // With a slash at its end: a folder, also for a single program.
        command.arg("-o").arg(making.path().join("")).args(self.module.packages);
        for name in ["GOOS", "GOARCH", "GOEXPERIMENT"] {
            command.env_remove(name);
        }
        let status = command
            .current_dir(&self.folder)
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "-mod=readonly")
            .env("GOWORK", "off")
            .stdout(output)
            .stderr(both)
            .spawn()
            // `wait` would close the guard's pipe first.
            .and_then(|mut guard| {
                let _pipe = guard.stdin.take();
                guard.wait()
            })
            .map_err(no_go)?;
        if !status.success() {
            let module = self.module.folder.clone();
            return Err(Error::Build { module, status: status.to_string(), log });
        }
        std::fs::rename(making.path(), kept).map_err(Error::file("write", kept))?;
        // The folder is no longer where it was made: there is nothing left to remove.
        let _ = making.keep();
        Ok(())
    }
}

/// Removes what a build that was stopped left behind. Whoever holds the lock is alone here.
fn sweep(cache: &Path, prefix: &str) {
    for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Waits for another run that builds the same, and says so.
fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).map_err(Error::file("write", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("control plane: waiting for another run that is building it");
            file.lock().map_err(Error::file("lock", path))?;
        }
        Err(TryLockError::Error(source)) => return Err(Error::file("lock", path)(source)),
    }
    Ok(file)
}

fn go_version() -> Result<String> {
    let output = Command::new("go")
        .args(["env", "GOVERSION", "GOHOSTOS", "GOHOSTARCH"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(no_go)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn no_go(source: std::io::Error) -> Error {
    Error::NoGo { source }
}

/// The version in a go.mod's `require` line for `module`, e.g. `v1.37.2`.
fn required_version(go_mod: &str, module: &str) -> Option<String> {
    go_mod.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word == "require");
        let is_it = words.next() == Some(module);
        words.next().filter(|version| is_it && version.starts_with('v')).map(str::to_owned)
    })
}

fn linker_flags(variables: Option<&str>, version: &str) -> String {
    let strip = "-s -w".to_owned();
    let Some(package) = variables else { return strip };
    let mut numbers = version.trim_start_matches('v').split('.');
    let major = numbers.next().unwrap_or_default();
    let minor = numbers.next().unwrap_or_default();
    format!(
        "{strip} -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const GO_MOD: &str = "module x\n\nrequire k8s.io/kubernetes v1.37.2\n\nrequire (\n\tk8s.io/api v0.37.2 // indirect\n)\n\nreplace (\n\tk8s.io/api => k8s.io/api v0.37.2\n)\n";

    #[test]
    fn finds_the_version_that_a_go_mod_requires() {
        assert_eq!(required_version(GO_MOD, "k8s.io/kubernetes").unwrap(), "v1.37.2");
        assert_eq!(required_version(GO_MOD, "k8s.io/api").unwrap(), "v0.37.2");
        assert_eq!(required_version(GO_MOD, "k8s.io/apiserver"), None);
    }

    #[test]
    fn the_linker_gets_the_version_in_parts() {
        let flags = linker_flags(Some("p"), "v1.33.13");
        assert_eq!(flags, "-s -w -X p.gitVersion=v1.33.13 -X p.gitMajor=1 -X p.gitMinor=33");
        assert_eq!(linker_flags(None, "v3.7.3"), "-s -w");
    }
}
