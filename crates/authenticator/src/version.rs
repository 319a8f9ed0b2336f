//! What this program calls itself.

/// This program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from, where the build says so.
pub const COMMIT: Option<&str> = option_env!("BUILD_COMMIT");
/// The date of the build, where the build says so.
pub const DATE: Option<&str> = option_env!("BUILD_DATE");
