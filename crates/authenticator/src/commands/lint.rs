//! `lint`: finds what is wrong with mappings, and what would surprise somebody, before a cluster does.
//!
//! A mapping's own faults are the server's own errors, made by the server's own code; so what `lint` lets pass, the
//! server takes. What is compared beyond that: the mappings with each other (through the index that the server
//! asks), and their meaning with the one under the public server.

mod danger;
pub(crate) mod document;
pub(crate) mod entry;
pub(crate) mod finding;
pub(crate) mod gather;
pub(crate) mod in_force;
mod meaning;
mod old_meaning;
mod problem;
pub(crate) mod source;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use cluster::client::{self, Access};
use identity::pattern::AnyAccount;
use serde_json::json;

use crate::mappings::BackendMode;
use finding::{Code, Finding, Severity};
use gather::Gathered;
use source::{Document, SourceError};

/// Where mappings are read from: flags of `lint` and of `explain`.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Sources {
    /// Manifests (RAMIdentityMapping, ConfigMap kube-system/alibabacloud-auth, lists of them), the server's configuration
    /// file, DynamicFile's JSON; a folder stands for the .yaml, .yml, .json and .toml files in it, - for stdin. --config
    /// is read too where it is given
    #[arg(short = 'f', long = "filename", value_name = "FILE", num_args = 1.., action = clap::ArgAction::Append)]
    pub files: Vec<PathBuf>,
    /// Kubeconfig: read RAMIdentityMapping objects and ConfigMap kube-system/alibabacloud-auth from this cluster too
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of that kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub kubeconfig_context: Option<String>,
    /// Order of the backends, as the server's flag [default: server.backendMode of the configuration file, else unknown]
    #[arg(long, value_name = "MODE,…", value_delimiter = ',')]
    pub backend_mode: Option<Vec<String>>,
    /// As the server's flag: patterns may have wildcards in their account id
    #[arg(long)]
    pub allow_any_account: bool,
}

/// Flags of `lint`.
#[derive(Args, Debug)]
pub struct LintArguments {
    /// What to look at. All of it is taken for one cluster's.
    #[command(flatten)]
    pub sources: Sources,
    /// Exit with 1 for warnings too
    #[arg(long)]
    pub strict: bool,
    /// Codes to leave out, as in RAM202,RAM205; RAM1 leaves out all that compares with the public server, RAM2 all that is
    /// valid and dangerous
    #[arg(long, value_name = "CODE,…", value_delimiter = ',', value_parser = code)]
    pub ignore: Vec<String>,
    /// text: FILE:LINE: SEVERITY: OBJECT: MESSAGE [CODE], one a line; or json
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub output: Output,
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people, and for tools that read compilers' messages.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// What a command has to say: its text for stdout, a line for stderr, and its exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: Option<String>,
    pub(crate) status: u8,
}

/// The exit status for a command line that cannot be read: 2 where 1 would mean that something was found.
pub(crate) fn usage_status(arguments: &[OsString]) -> ExitCode {
    let is_check = arguments.iter().skip(1).any(|argument| argument == "lint" || argument == "explain");
    if is_check { ExitCode::from(2) } else { ExitCode::FAILURE }
}

fn code(text: &str) -> Result<String, String> {
    // Errors are left out one by one only.
    let known = Code::ALL.iter().any(|code| code.id() == text) || matches!(text, "RAM1" | "RAM2");
    if known {
        Ok(text.to_owned())
    } else {
        Err("there is no such code; docs/lint.md has them all".to_owned())
    }
}

/// Reads all sources.
///
/// # Errors
/// [`SourceError`] where a file or the cluster cannot be read.
pub(crate) async fn gather(
    sources: &Sources,
    config: Option<&Path>,
) -> Result<(Gathered, Option<Vec<BackendMode>>), SourceError> {
    if sources.files.is_empty() && sources.kubeconfig.is_none() && config.is_none() {
        return Err(SourceError::Nothing);
    }
    let paths: Vec<PathBuf> = sources.files.iter().cloned().chain(config.map(Path::to_owned)).collect();
    let (mut documents, mut findings) = source::read(&paths)?;
    if let Some(kubeconfig) = &sources.kubeconfig {
        documents.extend(from_cluster(kubeconfig, sources.kubeconfig_context.as_deref()).await?);
    }
    let any_account = if sources.allow_any_account { AnyAccount::Allow } else { AnyAccount::Refuse };
    let mut gathered = gather::gather(&documents, any_account);
    findings.append(&mut gathered.findings);
    gathered.findings = findings;
    let names = sources.backend_mode.as_ref().or(gathered.backend_mode.as_ref());
    let modes = names.map(|names| BackendMode::parse_list(names)).transpose();
    let modes = modes.map_err(|error| SourceError::Modes(error.to_string()))?;
    Ok((gathered, modes.map(|(modes, _)| modes)))
}

async fn from_cluster(kubeconfig: &Path, context: Option<&str>) -> Result<Vec<Document>, SourceError> {
    let access = Access { kubeconfig, context, master: None };
    let client = client::client(access).await.map_err(|error| SourceError::Cluster(error.to_string()))?;
    source::read_cluster(client, cluster::describe).await.map_err(|error| match error {
        SourceError::Cluster(text) => {
            SourceError::Cluster(format!("{text} (kubeconfig {})", kubeconfig.display()))
        }
        error => error,
    })
}

/// Everything that there is to say about these mappings, in order of files and lines.
pub(crate) fn findings(gathered: &Gathered, modes: Option<&[BackendMode]>) -> Vec<Finding> {
    let mut findings = gathered.findings.clone();
    for entry in &gathered.entries {
        findings.extend(meaning::findings(entry));
        findings.extend(danger::findings(entry));
    }
    findings.extend(danger::reached_names(&gathered.entries));
    findings.extend(in_force::findings(&gathered.entries, modes));
    findings.extend(in_force::overlaps(&gathered.entries));
    if let Some(modes) = modes {
        findings.extend(in_force::account_order(&gathered.entries, modes));
    }
    findings.sort_by(|a, b| (&a.place, a.code, &a.object).cmp(&(&b.place, b.code, &b.object)));
    findings.dedup();
    findings
}

/// Runs the command.
pub(crate) async fn run(arguments: &LintArguments, config: Option<&Path>) -> Outcome {
    let (gathered, modes) = match gather(&arguments.sources, config).await {
        Ok(gathered) => gathered,
        Err(error) => {
            return Outcome { stdout: String::new(), stderr: Some(error.to_string()), status: 2 };
        }
    };
    let mut findings = findings(&gathered, modes.as_deref());
    findings.retain(|finding| !arguments.ignore.iter().any(|ignored| finding.code.id().starts_with(ignored)));
    report(&findings, gathered.entries.len(), arguments.strict, arguments.output)
}

fn report(findings: &[Finding], mappings: usize, strict: bool, output: Output) -> Outcome {
    let count = |severity| findings.iter().filter(|finding| finding.code.severity() == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let status = u8::from(errors > 0 || (strict && warnings > 0));
    match output {
        Output::Text => {
            let mut stdout = String::new();
            for finding in findings {
                let _ = writeln!(stdout, "{}", finding.line());
            }
            let summary = format!("{mappings} mappings: {errors} errors, {warnings} warnings");
            Outcome { stdout, stderr: Some(summary), status }
        }
        Output::Json => {
            let findings: Vec<_> = findings.iter().map(Finding::json).collect();
            let all = json!({
                "mappings": mappings, "errors": errors, "warnings": warnings, "findings": findings,
            });
            Outcome { stdout: format!("{all:#}\n"), stderr: None, status }
        }
    }
}

#[cfg(test)]
mod tests;
