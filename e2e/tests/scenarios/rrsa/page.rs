//! Pages of the documentation as files of commands (`e2e/walk-through/NAME/page.sh`), in parts that scenarios type in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::cloud::Identity;
use e2e::process::{Output, isolated, run, search_path};
use libtest_mimic::Failed;

use super::*;

/// Enabling RRSA waits for a task.
const PATIENCE: Duration = Duration::from_secs(120);

/// A page, and its reader at a terminal: an administrator of the cluster, with a key of the account's owner, who says yes.
/// The cloud has its real names.
pub(super) struct Page<'a> {
    rig: &'a Rig,
    /// The reader's folder: the files that stand beside the page.
    folder: PathBuf,
    text: String,
}

impl<'a> Page<'a> {
    /// Opens a page; `filled` says what stands for each `<name>`, in its files too.
    pub(super) fn open(rig: &'a Rig, name: &str, filled: &[(&str, &str)]) -> Result<Self, Failed> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("walk-through").join(name);
        let folder = rig.run().folder(&format!("walk-through-{name}"))?;
        let mut page = String::new();
        for entry in std::fs::read_dir(&source)? {
            let entry = entry?;
            let mut text = std::fs::read_to_string(entry.path())?;
            for (name, value) in filled {
                text = text.replace(&format!("<{name}>"), value);
            }
            if entry.file_name() == "page.sh" {
                page = text;
            } else {
                std::fs::write(folder.join(entry.file_name()), text)?;
            }
        }
        Ok(Self { rig, folder, text: page })
    }

    /// A file that stands beside the page.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The commands of a part.
    pub(super) fn part(&self, name: &str) -> Result<&str, Failed> {
        let mut parts = self.text.split("\n#: ").skip(1);
        let found = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('\n'));
        Ok(found.ok_or_else(|| format!("the page has no part {name}"))?)
    }

    /// Types a part in; what its commands print.
    pub(super) fn type_in(&self, name: &str) -> Result<String, Failed> {
        Ok(self.run_by(&e2e::cloud::account(), name)?.success()?)
    }

    /// The same by somebody else, whatever the end is.
    pub(super) fn run_by(&self, reader: &Identity, name: &str) -> Result<Output, Failed> {
        let kubectl = self.rig.plane().kubectl().parent().ok_or("kubectl is nowhere")?;
        let mut shell = isolated(Path::new("bash"));
        shell
            .args(["-euo", "pipefail", "-c", self.part(name)?])
            .current_dir(&self.folder)
            .envs(self.rig.admin().environment())
            .env("PATH", search_path(&[self.rig.bin(), kubectl]))
            .env("HOME", &self.folder)
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", &reader.access_key_id)
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", &reader.access_key_secret)
            .env("HTTPS_PROXY", self.rig.cloud().proxy())
            .env("SSL_CERT_FILE", self.rig.cloud().ca_file())
            .env("ACK_RAM_TOOL_ASSUME_YES", "true");
        Ok(run(shell, PATIENCE)?)
    }
}
