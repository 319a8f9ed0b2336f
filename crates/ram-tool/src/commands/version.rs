//! `version`.

use crate::platform::VERSION;

/// Set at build time by whoever builds a release.
const GIT_COMMIT: Option<&str> = option_env!("ACK_RAM_TOOL_GIT_COMMIT");

/// What `version` prints.
pub(crate) fn text() -> String {
    let commit = GIT_COMMIT.filter(|commit| !commit.is_empty()).unwrap_or("unknown");
    format!("Version:     {VERSION}\nGitCommit:   {commit}\n")
}
