//! What runs share and keep: outside the checkout, in the user's cache folder.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// `${XDG_CACHE_HOME:-$HOME/.cache}/ack-ram-identity/<name>`, made where it is missing.
///
/// # Errors
/// Neither variable is set, or the folder cannot be made.
pub(crate) fn folder(name: &str) -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base =
        set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache"))).ok_or_else(|| {
            Error::Answer {
                what: "looking for the cache folder".to_owned(),
                reason: "set HOME or XDG_CACHE_HOME".to_owned(),
            }
        })?;
    let folder = base.join("ack-ram-identity").join(name);
    std::fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
    Ok(folder)
}
