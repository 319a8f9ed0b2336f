//! What this program calls itself.

use webhook_server::version::Build;

/// This program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What the command `version` says.
pub const BUILD: Build =
    Build { version: VERSION, commit: option_env!("BUILD_COMMIT"), date: option_env!("BUILD_DATE") };
