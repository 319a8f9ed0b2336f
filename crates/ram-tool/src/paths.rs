//! Paths as people write them.

use std::path::{Path, PathBuf};

use crate::world::World;

/// The person's folder; none where nothing says which it is.
pub(crate) fn home(world: &World<'_>) -> Option<PathBuf> {
    world.set("HOME").or_else(|| world.set("USERPROFILE")).map(PathBuf::from)
}

/// A path, with `~` and `~/` for the person's folder; none where that is unknown.
pub(crate) fn expand(path: &str, world: &World<'_>) -> Option<PathBuf> {
    if path == "~" {
        return home(world);
    }
    match path.strip_prefix("~/") {
        Some(rest) => home(world).map(|home| home.join(rest)),
        None => Some(PathBuf::from(path)),
    }
}

/// A path that means the same from every folder: `~/` stays, a relative one becomes absolute.
pub(crate) fn from_anywhere(path: &str) -> String {
    if path.is_empty() || path == "~" || path.starts_with("~/") {
        return path.to_owned();
    }
    match std::path::absolute(Path::new(path)) {
        Ok(absolute) => absolute.to_str().unwrap_or(path).to_owned(),
        Err(_) => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_is_the_persons_folder() {
        let variable = |name: &str| (name == "HOME").then(|| "/home/x".to_owned());
        let world = World { variable: &variable, ..World::of_this_process("ack-ram-tool") };
        let expanded = |path| expand(path, &world).map(|path| path.to_str().unwrap_or_default().to_owned());
        assert_eq!(expanded("~/.kube/config").as_deref(), Some("/home/x/.kube/config"));
        assert_eq!(expanded("~").as_deref(), Some("/home/x"));
        assert_eq!(expanded("~bob/x").as_deref(), Some("~bob/x"));
        assert_eq!(expanded("/etc/x").as_deref(), Some("/etc/x"));
        let nowhere = World { variable: &|_| None, ..world };
        assert_eq!(expand("~/x", &nowhere), None);
    }

    #[test]
    fn only_relative_paths_change() {
        assert_eq!(from_anywhere("~/x"), "~/x");
        assert_eq!(from_anywhere("/x/y"), "/x/y");
        assert!(from_anywhere("x").ends_with("/x") && from_anywhere("x").starts_with('/'));
    }
}
