//! The command line: the public program's flags, and a few more.

use clap::{Parser, Subcommand};

use crate::commands::add::AddArguments;
use crate::commands::doctor::DoctorArguments;
use crate::commands::explain::ExplainArguments;
use crate::commands::health::HealthArguments;
use crate::commands::lint::LintArguments;
use crate::commands::verify::VerifyArguments;
use crate::commands::version::VersionArguments;
use crate::config::{GlobalArguments, InitArguments, ServerArguments};

/// Lets people log in to Kubernetes with their Alibaba Cloud RAM identity: a TokenReview webhook for the API server.
#[derive(Debug, Parser)]
#[command(
    name = "ack-ram-authenticator",
    args_override_self = true,
    disable_version_flag = true,
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
    /// Check a token as the server does, and print who signed it
    Verify(VerifyArguments),
    /// Map a RAM user or role in ConfigMap kube-system/alibabacloud-auth (backend ACKConfigMap)
    Add(AddArguments),
    /// Look for what keeps people from logging in: STS, clock, certificate, kubeconfig, port, API server, rights, CRD.
    /// Takes the server's flags, and says what to mend; exit status 1 where something fails
    Doctor(Box<DoctorArguments>),
    /// Say which mapping wins for a RAM identity, why, which others match, and who that is in Kubernetes. Exit status: 0
    /// mapped, 1 not mapped or refused, 2 wrong flags or unreadable input
    Explain(Box<ExplainArguments>),
    /// Find what is wrong with mappings, dangerous, or different from the public server. Exit status: 0 no errors, 1
    /// errors (with --strict, warnings too), 2 wrong flags or unreadable input
    Lint(Box<LintArguments>),
    /// Print the version
    Version(VersionArguments),
    /// Ask a running server whether it is ready: exit status 0, or 1 and what is missing
    Health(HealthArguments),
}

/// clap's message as one line: its first paragraph, without the usage that follows.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let paragraph: Vec<&str> =
        text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let line = paragraph.join(" ");
    format!("{}; see --help", line.strip_prefix("error: ").unwrap_or(&line))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::config::HealthAddress;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("ack-ram-authenticator").chain(line.split(' ')))
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
            let text = one_line(&parse(line).unwrap_err());
            assert!(text.contains(named) && !text.contains('\n'), "{line}: {text}");
        }
    }
}
