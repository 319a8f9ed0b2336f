//! From a pod to an answer: what namespace and service account say, what the pod gets, and what becomes of one that
//! should have its role and cannot.

use super::endings;
use super::review::{Answer, PodCreate, Refusal};
use crate::config::Choice;
use crate::events::{self, Events, Told};
use crate::injection::{self, Decision, Injection, Outcome, Pod, PodError, Reason, Settings};
use crate::lookup::{Lookup, LookupError};
use crate::metrics::ResultLabel;
use crate::text::excerpt;

/// Decides about pods. Clones share what is known.
#[derive(Clone, Debug)]
pub struct Mutator {
    /// The component's level of settings.
    pub settings: Settings,
    /// Knows namespaces and service accounts.
    pub lookup: Lookup,
    /// Tells those who made the pod's controller.
    pub events: Events,
    /// A pod whose namespace or service account cannot be read.
    pub on_lookup_failure: Choice,
    /// A pod that cannot have the role that it should have.
    pub on_fault: Choice,
}

/// An answer, and what log and metrics say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What is answered.
    pub answer: Answer,
    /// The metric's result.
    pub result: ResultLabel,
    /// Why, as a word of a closed set.
    pub reason: &'static str,
    /// Whether somebody should look after it.
    pub is_fault: bool,
    /// The pod's name, or what it will begin with.
    pub pod: String,
    /// The pod's service account.
    pub service_account: String,
    /// The role that it has.
    pub role: Option<String>,
    /// The containers that have it.
    pub containers: Vec<String>,
}

impl Mutator {
    /// Decides about one pod.
    ///
    /// # Errors
    /// The object is no pod.
    pub async fn decide(&self, create: &PodCreate<'_>) -> Result<Verdict, PodError> {
        let pod = Pod::from_json(create.object)?;
        let verdict = Verdict {
            answer: Answer::Allowed { patch: Vec::new(), warnings: Vec::new() },
            result: ResultLabel::NotInjected,
            reason: Reason::MirrorPod.as_str(),
            is_fault: false,
            pod: name(create, &pod),
            service_account: excerpt(pod.service_account()),
            role: None,
            containers: Vec::new(),
        };
        // The service account of a mirror pod need not exist.
        if pod.is_mirror() {
            return Ok(verdict);
        }
        Ok(match self.lookup.find(&create.namespace, pod.service_account(), pod.is_on()).await {
            Ok(found) => {
                let decision =
                    injection::decide(&self.settings, &found.namespace, &found.service_account, &pod);
                self.decided(verdict, decision, create, &pod)
            }
            Err(error) => self.not_found(verdict, &error, create, &pod),
        })
    }

    fn decided(
        &self,
        mut verdict: Verdict,
        decision: Decision,
        create: &PodCreate<'_>,
        pod: &Pod<'_>,
    ) -> Verdict {
        let Decision { outcome, warnings } = decision;
        match outcome {
            Outcome::Injected(Injection { role_arn, containers, patch, .. }) => {
                verdict.result = ResultLabel::Injected;
                verdict.reason = if patch.is_empty() { endings::COMPLETE } else { endings::PATCHED };
                verdict.role = Some(role_arn);
                verdict.containers = containers;
                verdict.answer = Answer::Allowed { patch, warnings };
            }
            Outcome::NotInjected(reason) => {
                verdict.reason = reason.as_str();
                verdict.is_fault = reason.is_fault();
                if !reason.is_fault() {
                    verdict.answer = Answer::Allowed { patch: Vec::new(), warnings };
                    return verdict;
                }
                let message = if warnings.is_empty() { reason.to_string() } else { warnings.join("; ") };
                if self.on_fault == Choice::Deny {
                    verdict.result = ResultLabel::Denied;
                    verdict.answer = Answer::Denied { refusal: Refusal::Forbidden, message };
                } else {
                    self.tell(create, pod, events::Reason::NotInjected, &message);
                    verdict.answer = Answer::Allowed { patch: Vec::new(), warnings };
                }
            }
        }
        verdict
    }

    fn not_found(
        &self,
        mut verdict: Verdict,
        error: &LookupError,
        create: &PodCreate<'_>,
        pod: &Pod<'_>,
    ) -> Verdict {
        verdict.reason = endings::LOOKUP_FAILED;
        verdict.is_fault = true;
        if self.on_lookup_failure == Choice::Deny {
            verdict.result = ResultLabel::Denied;
            verdict.answer = Answer::Denied { refusal: Refusal::Unavailable, message: error.to_string() };
            return verdict;
        }
        let message = format!("this pod has no RAM role: {error}");
        self.tell(create, pod, events::Reason::LookupFailed, &message);
        verdict.answer = Answer::Allowed { patch: Vec::new(), warnings: vec![message] };
        verdict
    }

    /// The warnings of a pod that a controller makes reach nobody, so its people are told by an Event. Where the pod is
    /// denied the controller itself tells of it, and a dry run leaves nothing behind.
    fn tell(&self, create: &PodCreate<'_>, pod: &Pod<'_>, reason: events::Reason, note: &str) {
        let Some(owner) = pod.controller().filter(|_| !create.dry_run) else { return };
        let owner = events::Owner {
            api_version: owner.api_version(),
            kind: owner.kind(),
            name: owner.name(),
            uid: owner.uid(),
        };
        self.events.tell(&Told { namespace: &create.namespace, owner, reason, note });
    }
}

/// The name as the request has it, else as the pod has it, else what it will begin with.
fn name(create: &PodCreate<'_>, pod: &Pod<'_>) -> String {
    let name = Some(&*create.name).filter(|name| !name.is_empty()).or_else(|| pod.name());
    match (name, pod.generate_name()) {
        (Some(name), _) => excerpt(name),
        (None, Some(prefix)) => excerpt(&format!("{prefix}*")),
        (None, None) => String::new(),
    }
}
