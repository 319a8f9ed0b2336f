//! The programs under test: built by cargo's dev profile, found beside the running executable.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};

/// `target/<profile>`, where cargo puts the programs.
fn profile_dir() -> Result<PathBuf> {
    let executable = std::env::current_exe().map_err(Error::file("find", "this executable"))?;
    let folder = executable.parent().unwrap_or(Path::new("."));
    // Tests are in `deps`, examples and benchmarks in folders of their own.
    let is_below = folder.file_name().is_some_and(|name| name == "deps" || name == "examples");
    let folder = if is_below { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_owned())
}

/// Cargo's target folder.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let profile = profile_dir()?;
    Ok(profile.parent().map(Path::to_owned).unwrap_or(profile))
}

/// Puts a program of this workspace into `folder`, so that a build that goes on meanwhile cannot
/// replace it in the middle of a run.
///
/// # Errors
/// It has not been built, or cannot be copied.
pub fn install(name: &str, folder: &Path) -> Result<PathBuf> {
    let built = profile_dir()?.join(name);
    if !built.is_file() {
        return Err(Error::NotBuilt { path: built });
    }
    if let Some(source) = newer_source(&built) {
        eprintln!(
            "warning: {} is older than {source}: run `make programs` (or `cargo build --bins`) to test what is written there",
            built.display()
        );
    }
    let installed = folder.join(name);
    // Not a hard link: linkers write into the file that is there.
    copy(&built, &installed)?;
    Ok(installed)
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).map(|_bytes| ()).map_err(Error::file("write", to))
}

/// The first source file that was changed after the program was built, by cargo's own list of
/// them (`<program>.d`, one make rule).
fn newer_source(program: &Path) -> Option<String> {
    let built = modified(program)?;
    let rule = std::fs::read_to_string(program.with_extension("d")).ok()?;
    let (_target, sources) = rule.split_once(": ")?;
    let mut sources = sources.split_whitespace();
    sources.find(|source| modified(Path::new(source)).is_some_and(|t| t > built)).map(str::to_owned)
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|file| file.modified()).ok()
}
