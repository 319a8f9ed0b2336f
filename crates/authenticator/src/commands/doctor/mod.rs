//! `doctor`: what stands between a user and a login, looked at from the machine that the server runs on, with the
//! server's own flags. It reads and asks; it changes nothing, and shows no secret.

mod cluster;
mod files;
mod listener;
mod report;
mod sts;

use ::cluster::Clock;
use clap::Args;

use crate::config::file::FileConfig;
use crate::config::{self, ConfigError, DEFAULT_KUBECONFIG, Environment, ServerConfig};
use crate::config::{GlobalArguments, ServerArguments};
pub use report::{Finding, Report, State, Subject};

/// Flags of `doctor`: the server's own, so that it looks at what the server uses.
#[derive(Args, Debug)]
pub struct DoctorArguments {
    /// The server's flags.
    #[command(flatten)]
    pub server: ServerArguments,
    /// text or json
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub output: String,
}

/// Stands for the cluster's id where none is given, so that everything else can be looked at.
const NO_CLUSTER: &str = "none";

/// Looks at everything that the configuration names.
pub async fn run(
    global: &GlobalArguments,
    arguments: &DoctorArguments,
    file: &FileConfig,
    environment: &Environment,
    clock: &Clock,
) -> Report {
    let (config, mut findings) = configuration(global, arguments, file, environment);
    let Some(config) = config else { return Report(findings) };
    findings.extend(sts::check(&config, clock).await);
    let (pair, of_certificate) = files::server_certificate(&config, clock.now());
    findings.extend(of_certificate);
    let path = webhook_kubeconfig(&config, arguments, file);
    let (webhook, of_kubeconfig) = files::webhook_kubeconfig(&path, &config, pair.as_ref());
    findings.extend(of_kubeconfig);
    if let Some(webhook) = webhook {
        findings.extend(listener::check(&webhook, &config).await);
    }
    findings.extend(listener::health(&config).await);
    findings.extend(files::mappings(&config));
    findings.extend(cluster::check(&config).await);
    Report(findings)
}

fn configuration(
    global: &GlobalArguments,
    arguments: &DoctorArguments,
    file: &FileConfig,
    environment: &Environment,
) -> (Option<ServerConfig>, Vec<Finding>) {
    let merged = |file: &FileConfig| config::server(global, &arguments.server, file, environment);
    let mut findings = Vec::new();
    let config = match merged(file) {
        Ok(config) => {
            let ids = config.cluster_ids.join(", ");
            findings.push(Finding::ok(Subject::ClusterId, format!("tokens for cluster {ids} are accepted")));
            Ok(config)
        }
        Err(error @ ConfigError::NoClusterId) => {
            let mend = "the server does not start without it; it is the one in users' kubeconfigs, for ACK that of the console";
            findings.push(Finding::fail(Subject::ClusterId, error.to_string(), mend));
            merged(&FileConfig { cluster_id: vec![NO_CLUSTER.to_owned()], ..file.clone() })
        }
        Err(error) => Err(error),
    };
    match config {
        Ok(config) => {
            let told = |text: &String| {
                Finding::warn(
                    Subject::Configuration,
                    text.as_str(),
                    "see whether that is meant; mend the configuration if not",
                )
            };
            let warnings: Vec<Finding> = config.warnings.iter().map(told).collect();
            if warnings.is_empty() {
                let names: Vec<&str> = config.backends.iter().map(|mode| mode.as_str()).collect();
                let found = format!("backends {}, port {}", names.join(", "), config.listen.port());
                findings.push(Finding::ok(Subject::Configuration, found));
            }
            findings.extend(warnings);
            (Some(config), findings)
        }
        Err(error) => {
            let mend = "the server does not start with this; the other checks need it mended first";
            findings.push(Finding::fail(Subject::Configuration, error.to_string(), mend));
            (None, findings)
        }
    }
}

/// Where it is, also where `--kubeconfig-pregenerated` keeps the server from writing it.
fn webhook_kubeconfig(
    config: &ServerConfig,
    arguments: &DoctorArguments,
    file: &FileConfig,
) -> std::path::PathBuf {
    let given = || arguments.server.generate_kubeconfig.clone();
    let key = || file.server.generate_kubeconfig.as_ref().map(Into::into);
    config.webhook_kubeconfig.clone().or_else(given).or_else(key).unwrap_or_else(|| DEFAULT_KUBECONFIG.into())
}
