//! `rrsa status --self-managed`: what is broken on the whole way from the API server to STS, and how to mend it. The parts
//! about a role, a service account and a pod are the same for ACK's clusters.
//!
//! What is read, how it is judged, and how it is told stand apart: `read` → `facts` → `judge` → `finding`.

mod facts;
mod finding;
mod judge;
mod objects;
mod read;
pub(in crate::commands::rrsa) mod trust;

use clap::Args;

use super::kubectl::Kubectl;
use super::{KubectlFlags, SelfManagedFlags};
use crate::Done;
use crate::commands::rrsa::trust_policy::Subject;
use crate::error::{Error, StatusError};
use crate::log::Log;
use crate::output::Format;
use crate::settings::Settings;
use crate::world::World;
use facts::Asked;
use finding::Report;
use read::Reader;

const CHECKS: &str = "What to look at";

// What a status looks at beside the cluster. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Default, Args)]
pub(crate) struct CheckFlags {
    /// Whether this RAM role is given to the service account: its trust policy, and what STS says
    #[arg(short = 'r', long, help_heading = CHECKS, value_name = "NAME")]
    role_name: Option<String>,
    /// Namespace of the service account, and of the pod [default: default]
    #[arg(short = 'n', long, help_heading = CHECKS, value_name = "NAME")]
    namespace: Option<String>,
    /// The service account: its role, and its tokens [default: the pod's, else default]
    #[arg(short = 's', long, help_heading = CHECKS, value_name = "NAME")]
    service_account: Option<String>,
    /// Whether this pod has what the SDKs read
    #[arg(long, help_heading = CHECKS, value_name = "NAME")]
    pod: Option<String>,
    #[command(flatten)]
    kubectl: KubectlFlags,
}

impl CheckFlags {
    /// Whether more is asked than what Container Service says of a cluster.
    pub(in crate::commands::rrsa) fn is_asked(&self) -> bool {
        [&self.role_name, &self.namespace, &self.service_account, &self.pod].iter().any(|flag| flag.is_some())
    }

    /// A flag that says how to look, where nothing is looked at but what Container Service says.
    pub(in crate::commands::rrsa) fn in_vain(&self, self_managed: &SelfManagedFlags) -> Option<&'static str> {
        [
            ("--kubeconfig", self.kubectl.kubeconfig.is_some()),
            ("--context", self.kubectl.context.is_some()),
            ("--ims-endpoint", self_managed.ims_endpoint.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, is_given)| is_given.then_some(flag))
    }

    fn asked(&self, settings: &Settings, self_managed: bool) -> Result<Asked, Error> {
        let or_default = |flag: &Option<String>| flag.clone().unwrap_or_else(|| "default".to_owned());
        let asked = Asked {
            cluster: settings.cluster_id()?.clone(),
            self_managed,
            namespace: or_default(&self.namespace),
            service_account: or_default(&self.service_account),
            names_account: self.service_account.is_some(),
            looks_at_account: [&self.namespace, &self.service_account, &self.pod]
                .iter()
                .any(|flag| flag.is_some()),
            role: self.role_name.clone(),
            pod: self.pod.clone(),
        };
        // Names that go to kubectl and into commands to type.
        let subject = Subject::new(&asked.namespace, &asked.service_account)?;
        if subject.is_pattern() {
            return Err(StatusError::Pattern.into());
        }
        if let Some(name) = &asked.role
            && !is_role_name(name)
        {
            return Err(StatusError::RoleName { name: finding::one_line(name) }.into());
        }
        match &asked.pod {
            Some(name) if Subject::new("default", name).is_err() || name == "*" => {
                Err(StatusError::PodName { name: finding::one_line(name) }.into())
            }
            _ => Ok(asked),
        }
    }
}

/// 1 to 64 letters, digits, `.` and `-` ("CreateRole").
fn is_role_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
}

/// Looks at everything and says what is broken; changes nothing.
pub(in crate::commands::rrsa) fn run(
    checks: &CheckFlags,
    self_managed: &SelfManagedFlags,
    format: Format,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    let asked = checks.asked(settings, self_managed.self_managed)?;
    let reader = Reader { kubectl: Kubectl::new(&checks.kubectl, world), self_managed, settings, world, log };
    let facts = reader.facts(asked)?;
    let asked = &facts.asked;
    let about = (
        asked.cluster.to_string(),
        asked.self_managed,
        format!("{}/{}", asked.namespace, asked.service_account),
    );
    let report = Report::new(about, judge::judge(&facts), judge::left_out(&facts));
    let text = report.render(format)?;
    match report.broken {
        0 => Ok(Done::from(text)),
        broken => {
            crate::write_stdout(&text)?;
            Err(StatusError::Broken { broken }.into())
        }
    }
}
