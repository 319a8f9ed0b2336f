//! `completion`: scripts that let a shell complete commands and flags.

use clap::{Args, Subcommand};
use clap_complete::Shell;

use crate::flags::parse_bool;

/// The shells.
#[derive(Debug, Subcommand)]
pub(crate) enum Completion {
    /// For bash: source <(ack-ram-tool completion bash)
    Bash(CompletionFlags),
    /// For fish: ack-ram-tool completion fish | source
    Fish(CompletionFlags),
    /// For PowerShell: ack-ram-tool completion powershell | Out-String | Invoke-Expression
    Powershell(CompletionFlags),
    /// For zsh: source <(ack-ram-tool completion zsh)
    Zsh(CompletionFlags),
}

// Flags of each shell. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct CompletionFlags {
    /// Complete names only, without saying what they are
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", hide_default_value = true, value_parser = parse_bool, value_name = "BOOL")]
    no_descriptions: bool,
}

/// The script for a command line.
pub(crate) fn run(completion: &Completion, mut command: clap::Command) -> String {
    let (shell, flags) = match completion {
        Completion::Bash(flags) => (Shell::Bash, flags),
        Completion::Fish(flags) => (Shell::Fish, flags),
        Completion::Powershell(flags) => (Shell::PowerShell, flags),
        Completion::Zsh(flags) => (Shell::Zsh, flags),
    };
    if flags.no_descriptions {
        command.build();
        command = without_descriptions(command);
    }
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "ack-ram-tool", &mut script);
    let script = String::from_utf8_lossy(&script);
    // clap_complete 4.6 spells a program's name with hyphens in two ways in its script for bash, and then completes no
    // subcommand. Where it no longer does, this changes nothing.
    script.replace("ack__subcmd__ram__subcmd__tool", "ack__ram__tool")
}

fn without_descriptions(command: clap::Command) -> clap::Command {
    command
        .about(None)
        .mut_args(|argument| argument.help(None).long_help(None))
        .mut_subcommands(without_descriptions)
}
