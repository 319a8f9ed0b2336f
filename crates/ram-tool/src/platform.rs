//! What this program is, and what it runs on.

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Set at build time by whoever builds a release.
const GIT_COMMIT: Option<&str> = option_env!("ACK_RAM_TOOL_GIT_COMMIT");

/// What `version` prints.
pub(crate) fn version_text() -> String {
    let commit = GIT_COMMIT.filter(|commit| !commit.is_empty()).unwrap_or("unknown");
    format!("Version:     {VERSION}\nGitCommit:   {commit}\n")
}

/// `ack-ram-tool/0.1.0 (linux/amd64)`, with Go's names of systems and processors, as the public tool has it.
pub(crate) fn user_agent() -> String {
    format!(
        "ack-ram-tool/{VERSION} ({}/{})",
        go_system(std::env::consts::OS),
        go_processor(std::env::consts::ARCH)
    )
}

fn go_system(name: &'static str) -> &'static str {
    match name {
        "macos" => "darwin",
        other => other,
    }
}

fn go_processor(name: &'static str) -> &'static str {
    match name {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}
