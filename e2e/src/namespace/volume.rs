//! A pod's volume of tokens, as a kubelet writes it: the files in a folder of their own, which a link names, so that they
//! change all at once.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The link that names the folder with the files.
const DATA: &str = "..data";

/// A folder whose files change as those of a projected volume do.
#[derive(Debug)]
pub(super) struct Volume {
    folder: PathBuf,
}

impl Volume {
    pub(super) fn create(folder: PathBuf) -> Result<Self> {
        std::fs::create_dir(&folder).map_err(Error::file("make", &folder))?;
        Ok(Self { folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts this file in place of whatever is there.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
        let made = tempfile::Builder::new().prefix("..").tempdir_in(&self.folder);
        let made = made.map_err(Error::file("make a folder in", &self.folder))?.keep();
        readable(&made)?;
        let file = made.join(name);
        std::fs::write(&file, text).map_err(Error::file("write", &file))?;
        let before = std::fs::read_link(self.folder.join(DATA)).ok();
        let link = self.folder.join("..data_tmp");
        let target = made.file_name().map(PathBuf::from).unwrap_or_default();
        std::os::unix::fs::symlink(target, &link).map_err(Error::file("link", &link))?;
        std::fs::rename(&link, self.folder.join(DATA)).map_err(Error::file("link", &link))?;
        let shown = self.folder.join(name);
        if !shown.is_symlink() {
            std::os::unix::fs::symlink(Path::new(DATA).join(name), &shown)
                .map_err(Error::file("link", &shown))?;
        }
        if let Some(before) = before {
            let _ = std::fs::remove_dir_all(self.folder.join(before));
        }
        Ok(())
    }
}

/// Temporary folders are for their owner alone; a kubelet's are not.
fn readable(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
        .map_err(Error::file("make readable", folder))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_file_that_is_open_keeps_its_text_and_the_path_has_the_new_one() {
        use std::io::Read as _;
        let scratch = tempfile::tempdir().unwrap();
        let volume = Volume::create(scratch.path().join("volume")).unwrap();
        volume.write("token", "first").unwrap();
        let mut open = std::fs::File::open(volume.folder().join("token")).unwrap();
        volume.write("token", "second").unwrap();
        assert_eq!(std::fs::read_to_string(volume.folder().join("token")).unwrap(), "second");
        let mut text = String::new();
        open.read_to_string(&mut text).unwrap();
        assert_eq!(text, "first");
        // One folder, the link to it, and the link to the file.
        assert_eq!(std::fs::read_dir(volume.folder()).unwrap().count(), 3);
    }
}
