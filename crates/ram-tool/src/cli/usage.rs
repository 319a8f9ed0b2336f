//! What is said to a command line that cannot be read.

use clap::error::{ContextKind, ErrorKind};

/// A command that is a group, and nothing after it: help is the answer, and no fault.
pub(crate) fn is_bare_group(error: &clap::Error) -> bool {
    matches!(error.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand)
}

/// clap's message without its usage lines and hints, in one line.
pub(crate) fn one_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(name) = error.get(ContextKind::InvalidSubcommand)
    {
        return format!(
            "there is no command {name:?}; ack-ram-tool --help lists them",
            name = name.to_string()
        );
    }
    let text = error.to_string();
    let lines = text.trim_start_matches("error: ").lines().map(str::trim);
    let message: Vec<&str> =
        lines.take_while(|line| !line.is_empty() && !line.starts_with("Usage:")).collect();
    format!("{}; ack-ram-tool --help lists the flags", message.join(" "))
}
