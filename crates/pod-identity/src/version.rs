//! What this program calls itself.

use webhook_server::version::Build;

/// The program's name, and that of all its objects in a cluster.
pub const PROGRAM: &str = "ack-pod-identity-webhook";
/// This program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What the command `version` says.
pub const BUILD: Build =
    Build { version: VERSION, commit: option_env!("BUILD_COMMIT"), date: option_env!("BUILD_DATE") };
