//! `explain`: what a pod would get, or why nothing, before it is made.
//!
//! It asks what the server asks: the same reading of the pod, the same decision, the same patch. Manifests say what is
//! to be; a cluster, where one is named, the rest, and whether its API server would call the webhook at all.

mod called;
mod live;
mod objects;
mod report;
mod source;
#[cfg(test)]
mod tests;
mod verdict;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::config::{self, ComponentArguments};
use crate::injection::Settings;
use crate::version::PROGRAM;
use live::Live;
use verdict::{Explained, Verdict, World};

const CLUSTER: &str = "Cluster";

/// Flags of `explain`.
#[derive(Args, Debug)]
pub struct ExplainArguments {
    /// Manifests, YAML or JSON, with pods or what makes pods, and perhaps their namespaces and service accounts: files,
    /// folders, or - for stdin
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true, num_args = 1.., action = clap::ArgAction::Append)]
    pub filename: Vec<PathBuf>,
    /// text, json (the decisions, for scripts) or yaml (the pods as they would be)
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub output: Output,
    /// Namespace of objects that name none [default: that of the kubeconfig's context, else default]
    #[arg(short = 'n', long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// What pods get.
    #[command(flatten)]
    pub component: ComponentArguments,
    /// Read namespaces and service accounts that are in no file, and the webhook's configuration, from this cluster
    #[arg(help_heading = CLUSTER, long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context in that file [default: its current one]
    #[arg(help_heading = CLUSTER, long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
    /// MutatingWebhookConfiguration by which the API server calls the webhook
    #[arg(help_heading = CLUSTER, long, value_name = "NAME", default_value = PROGRAM)]
    pub webhook_configuration: String,
}

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Rows, for people.
    Text,
    /// The decisions, for scripts.
    Json,
    /// The pods as they would be.
    Yaml,
}

/// What the command answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// For stdout.
    pub stdout: String,
    /// Lines for stderr.
    pub stderr: Vec<String>,
    /// Exit status: 0 every pod is injected, 1 some are not, 2 wrong flags or unreadable input.
    pub status: u8,
}

impl ExplainArguments {
    /// The part of the command that a configuration file may set: what decides about pods. The file is the server's, and
    /// its kubeconfig and namespace are not those of the person who asks.
    pub fn in_a_file() -> clap::Command {
        let own = ["filename", "output", "namespace", "kubeconfig", "context"];
        let all = ExplainArguments::augment_args(clap::Command::new("explain"));
        let settings = all.get_arguments().filter(|argument| !own.contains(&argument.get_id().as_str()));
        clap::Command::new("explain").args(settings.cloned())
    }
}

/// Runs the command.
pub async fn run(arguments: &ExplainArguments) -> Report {
    let live = match &arguments.kubeconfig {
        None => Ok(None),
        Some(kubeconfig) => Live::open(kubeconfig, arguments.context.as_deref()).await.map(Some),
    };
    let found = match live {
        Ok(live) => explain(arguments, live).await,
        Err(error) => Err(error.to_string()),
    };
    match found {
        Ok(report) => report,
        Err(line) => Report { stdout: String::new(), stderr: vec![line], status: 2 },
    }
}

async fn explain(arguments: &ExplainArguments, live: Option<Live>) -> Result<Report, String> {
    let settings = config::component(&arguments.component).map_err(|error| error.to_string())?;
    let documents = source::read(&arguments.filename).map_err(|error| error.to_string())?;
    let default_namespace = match (&arguments.namespace, &live) {
        (Some(name), _) => name.clone(),
        (None, Some(live)) => live.default_namespace().to_owned(),
        (None, None) => "default".to_owned(),
    };
    let mut objects = objects::gather(documents, &default_namespace).map_err(|error| error.to_string())?;
    let subjects = std::mem::take(&mut objects.subjects);
    if subjects.is_empty() {
        return Err(
            "no pod in these files, and nothing that makes pods: give manifests of a Pod, Deployment, \
                    StatefulSet, DaemonSet, ReplicaSet, Job, CronJob or ReplicationController with -f"
                .to_owned(),
        );
    }
    let configuration = arguments.webhook_configuration.as_str();
    let mut world = World { settings: &settings, objects: &objects, live, configuration };
    let mut explained = Vec::new();
    for subject in subjects {
        explained.push(world.explain(subject).await?);
    }
    report(&explained, &settings, arguments.output)
}

fn report(explained: &[Explained], settings: &Settings, output: Output) -> Result<Report, String> {
    let is_injected = |one: &&Explained| matches!(one.verdict, Verdict::Injected(_));
    let injected = explained.iter().filter(is_injected).count();
    let status = u8::from(injected < explained.len());
    let summary = format!("{injected} of {} pods injected", explained.len());
    let (stdout, stderr) = match output {
        Output::Text => {
            let texts: Vec<String> = explained.iter().map(|one| one.text(settings)).collect();
            (texts.join("\n"), vec![summary])
        }
        Output::Json => {
            let pods: Vec<_> = explained.iter().map(|one| one.json(settings)).collect();
            (format!("{:#}\n", json!({"pods": pods})), Vec::new())
        }
        Output::Yaml => (report::yaml(explained)?, vec![summary]),
    };
    Ok(Report { stdout, stderr, status })
}
