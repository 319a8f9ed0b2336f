//! The command line: the public program's flags, and a few more.

use clap::{Parser, Subcommand};
use webhook_server::version::VersionArguments;

use crate::commands::add::AddArguments;
use crate::commands::doctor::DoctorArguments;
use crate::commands::explain::ExplainArguments;
use crate::commands::health::HealthArguments;
use crate::commands::lint::LintArguments;
use crate::commands::verify::VerifyArguments;
use crate::config::{GlobalArguments, InitArguments, ServerArguments};

/// The program's name.
const PROGRAM: &str = "ack-ram-authenticator";

/// Lets people log in to Kubernetes with their Alibaba Cloud RAM identity: a TokenReview webhook for the API server.
#[derive(Debug, Parser)]
#[command(
    name = PROGRAM,
    args_override_self = true,
    disable_version_flag = true,
    disable_help_flag = true,
    max_term_width = 100
)]
pub struct Arguments {
    /// Flags of every command.
    #[command(flatten)]
    pub global: GlobalArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write cert.pem, key.pem and the API server's webhook kubeconfig into the current folder
    Init(InitArguments),
    /// Answer the API server's TokenReviews until SIGTERM
    Server(Box<ServerArguments>),
    /// Ask a running server whether it is ready
    #[command(after_help = "Exit status: 0 ready, else 1, with what is missing.")]
    Health(HealthArguments),
    /// Check a token as the server does, and print who signed it
    Verify(VerifyArguments),
    /// Map a RAM user or role in ConfigMap kube-system/alibabacloud-auth (backend ACKConfigMap)
    Add(AddArguments),
    /// Look for what keeps people from logging in, and say what to mend. Takes the server's flags
    #[command(after_help = "Exit status: 0 where nothing fails, else 1.")]
    Doctor(Box<DoctorArguments>),
    /// Say which mapping wins for a RAM identity, why, which others match, and who that is in Kubernetes
    #[command(
        after_help = "Exit status: 0 mapped, 1 not mapped or refused, 2 wrong flags or unreadable input."
    )]
    Explain(Box<ExplainArguments>),
    /// Find what is wrong with mappings, dangerous, or different from the public server
    #[command(
        after_help = "Exit status: 0 no errors, 1 errors (with --strict, warnings too), 2 wrong flags or unreadable input."
    )]
    Lint(Box<LintArguments>),
    /// Print the version
    Version(VersionArguments),
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::SocketAddr;

    use clap::CommandFactory as _;
    use webhook_server::flags;

    use super::*;
    use crate::config::HealthAddress;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("ack-ram-authenticator").chain(line.split(' ')))
    }

    fn message(line: &str) -> String {
        let words = std::iter::once(PROGRAM).chain(line.split(' ')).map(Into::into).collect::<Vec<_>>();
        flags::one_line(&parse(line).unwrap_err(), &Arguments::command(), &words)
    }

    fn server(line: &str) -> ServerArguments {
        match parse(line).unwrap().command {
            Some(Command::Server(arguments)) => *arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn takes_the_public_programs_flags() {
        let line = "server -c /etc/x.yaml -i c1 -l json --feature-gates AllAlpha=true,RAMIdentityMappingCRD=false -b 0.0.0.0 \
                    --backend-mode CRD,MountedFile --generate-kubeconfig /tmp/k --kubeconfig-pregenerated --port 1 \
                    --region cn-hangzhou --state-dir /tmp/s";
        let arguments = server(line);
        assert_eq!(arguments.backend_mode.unwrap(), ["CRD", "MountedFile"]);
        assert_eq!(arguments.kubeconfig_pregenerated, Some(true));
        assert_eq!(arguments.port, Some(1));
        assert_eq!(server("server --kubeconfig-pregenerated=false").kubeconfig_pregenerated, Some(false));
        assert_eq!(parse("-i c1 server").unwrap().global.cluster_id, ["c1"]);
        assert_eq!(parse("server -i c1 --cluster-id c2").unwrap().global.cluster_id, ["c1", "c2"]);
    }

    #[test]
    fn the_last_of_repeated_flags_counts() {
        assert_eq!(server("server --port 1 --port 2").port, Some(2));
    }

    #[test]
    fn syncs_the_crd_unless_told_not_to() {
        assert!(server("server").sync_crd);
        assert!(server("server --sync-crd").sync_crd);
        assert!(!server("server --sync-crd=false").sync_crd);
    }

    #[test]
    fn an_empty_health_address_means_none() {
        let argument = "--health-address=";
        assert_eq!(server(&format!("server {argument}")).health_address, HealthAddress(None));
        let default = SocketAddr::from(([127, 0, 0, 1], 21363));
        assert_eq!(server("server").health_address, HealthAddress(Some(default)));
    }

    #[test]
    fn errors_are_one_line_that_names_the_flag() {
        for (line, named) in [
            ("server --nonsense", "--nonsense"),
            ("server --port x", "--port"),
            ("server --feature-gates Other=true", "--feature-gates"),
            ("server --feature-gates AllAlpha=maybe", "--feature-gates"),
            ("server --sts-timeout 0s", "--sts-timeout"),
            ("server --max-token-bytes 1000", "--max-token-bytes"),
            ("server --max-token-bytes 65536", "--max-token-bytes"),
            ("server --allow-token-query-key Action", "--allow-token-query-key"),
            ("server --allow-token-query-key a%62", "--allow-token-query-key"),
            ("server --sts-timeout -1s", "-1"),
            ("server --sts-endpoint http://x", "--sts-endpoint"),
            ("server --log-level loud", "--log-level"),
            ("server --health-address localhost", "--health-address"),
            ("frobnicate", "frobnicate"),
            ("server --config", "--config"),
        ] {
            let text = message(line);
            assert!(text.contains(named) && !text.contains('\n'), "{line}: {text}");
        }
    }

    #[test]
    fn errors_say_what_may_have_been_meant_and_where_help_is() {
        for (line, expected) in [
            ("server --prot 1", "did you mean --port?; see ack-ram-authenticator server --help"),
            ("serve", "did you mean server?; see ack-ram-authenticator --help"),
            ("add", "write one of user, role"),
        ] {
            let text = message(line);
            assert!(text.contains(expected), "{line}: {text}");
        }
    }

    #[test]
    fn each_command_has_its_own_flags_apart_from_those_of_every_command() {
        for line in ["add user --help", "server -h", "lint --help", "explain --help"] {
            let help = parse(line).unwrap_err().render().to_string();
            let (own, global) = help.split_once("Flags of every command:").unwrap();
            assert!(global.contains("--cluster-id") && global.contains("--help"), "{line}: {global}");
            assert!(!own.contains("--feature-gates"), "{line}: {own}");
            assert!(!global.contains("--kubeconfig"), "{line}: {global}");
        }
    }
}
