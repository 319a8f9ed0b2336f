//! The command line.

use std::path::Path;

use clap::{Parser, Subcommand};
use webhook_server::version::VersionArguments;

use crate::commands::explain::ExplainArguments;
use crate::config::ServerArguments;
use crate::version::PROGRAM;

/// Gives pods the RAM role of their service account: a mutating admission webhook.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, args_override_self = true, disable_version_flag = true, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer the API server's AdmissionReviews until SIGTERM
    #[command(args_override_self = true)]
    Server(Box<ServerArguments>),
    /// Say what a pod would get, or why nothing
    #[command(
        args_override_self = true,
        after_help = "Exit status: 0 every pod is injected, 1 some are not, 2 wrong flags or unreadable input."
    )]
    Explain(Box<ExplainArguments>),
    /// Print the version
    Version(VersionArguments),
}

impl Arguments {
    /// The command that takes a configuration file, and the file.
    pub fn config(&self) -> Option<(&'static str, &Path)> {
        match &self.command {
            Some(Command::Server(arguments)) => Some(("server", arguments.component.config.as_deref()?)),
            Some(Command::Explain(arguments)) => Some(("explain", arguments.component.config.as_deref()?)),
            Some(Command::Version(_)) | None => None,
        }
    }
}
