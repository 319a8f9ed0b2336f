//! Reads a command line.

use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::{Args, CommandFactory as _, Error, FromArgMatches as _};

use super::Arguments;
use crate::commands::get_credential::CredentialFlags;
use crate::commands::get_token::TokenFlags;
use crate::flags::GlobalFlags;

/// Reads a command line.
///
/// # Errors
/// clap's, help among them.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Arguments, Error> {
    let words: Vec<OsString> = words.into_iter().collect();
    let whole = || parse_with(Arguments::command(), &words);
    match of_kubectl(&words) {
        // Help and messages tell of the other commands too.
        Some(tree) => parse_with(tree, &words).or_else(|_| whole()),
        None => whole(),
    }
}

fn parse_with(tree: clap::Command, words: &[OsString]) -> Result<Arguments, Error> {
    // It is not taken down: the process ends before that would pay.
    let mut tree = ManuallyDrop::new(tree);
    let mut matches = tree.try_get_matches_from_mut(words)?;
    Arguments::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut tree))
}

/// The part of the tree that reads what kubectl runs before each of its own calls, where the first two words name one of
/// those two commands: whatever follows are flags of that command. clap gives each command of a tree a copy of every global
/// flag; with all commands, that takes longer than the rest of `get-token`.
fn of_kubectl(words: &[OsString]) -> Option<clap::Command> {
    let [_, group, command, ..] = words else { return None };
    let command = match (group.to_str()?, command.to_str()?) {
        ("credential-plugin", "get-token") => TokenFlags::augment_args(clap::Command::new("get-token")),
        ("credential-plugin", "get-credential") => {
            CredentialFlags::augment_args(clap::Command::new("get-credential"))
        }
        _ => return None,
    };
    let group = clap::Command::new("credential-plugin").subcommand_required(true).subcommand(command);
    Some(GlobalFlags::augment_args(clap::Command::new("ack-ram-tool")).subcommand(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_tree_reads_a_command_line_as_the_whole_does() {
        let mut read = 0;
        for flags in [
            "",
            "--cluster-id c1",
            "-c c1 --role-arn acs:ram::1:role/a --profile-file f --profile-name p --credential-type imds",
            "-c c1 --region-id cn-hangzhou --sts-endpoint a --cs-endpoint b --ram-endpoint c -y -v=false",
            "-cc1 --log-level=debug --api-version v1 --ignore-env-credentials --ignore-aliyun-cli-credentials",
            "-c c1 --token-version v1",
            "-c c1 --expiration 1h --credential-cache-dir d",
            "-c get-token",
            "-c auth --region-id version",
            // These are errors or help.
            "get-token",
            "-- -c c1",
            "-c",
            "-c c1 -c c2",
            "-c c1 --nonsense",
            "-c c1 --api-version v9",
            "--cluster c1",
            "--help",
            "-h",
            "help",
            "--version",
            "auth whoami",
        ] {
            for command in ["get-token", "get-credential"] {
                let line = format!("ack-ram-tool credential-plugin {command} {flags}");
                let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
                let part = parse_with(of_kubectl(&words).unwrap(), &words);
                let whole = parse_with(Arguments::command(), &words);
                read += usize::from(whole.is_ok());
                assert_eq!(
                    part.map(|arguments| format!("{arguments:?}")).map_err(|error| error.kind()),
                    whole.map(|arguments| format!("{arguments:?}")).map_err(|error| error.kind()),
                    "{line}"
                );
            }
        }
        assert!(read > 10, "{read}");
        for line in ["", "get-token", "-v credential-plugin get-token", "credential-plugin", "auth get-token"]
        {
            let words: Vec<OsString> =
                ["ack-ram-tool"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect();
            assert!(of_kubectl(&words).is_none(), "{line}");
        }
    }
}
