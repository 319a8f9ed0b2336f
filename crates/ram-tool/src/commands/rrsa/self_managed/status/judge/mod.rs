//! What is right, what is broken, and how to mend it: pure functions of what was read.

mod issuer_site;
mod pod;
mod provider;
mod sts;
#[cfg(test)]
mod tests;
mod token;
mod trust_policy;
mod webhook;

use super::super::issuer;
use super::facts::{Facts, Provider, Unread};
use super::finding::{Finding, LeftOut, Part};

/// All findings, in the order of the way from the API server to STS.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = issuer_site::api_server(facts);
    findings.extend(issuer_site::published(facts));
    findings.extend(provider::judge(facts));
    findings.extend(token::judge(facts));
    findings.extend(trust_policy::judge(facts));
    findings.extend(webhook::judge(facts));
    findings.extend(webhook::service_account(facts));
    findings.extend(pod::judge(facts));
    let sts = sts::judge(facts, &findings);
    findings.extend(sts);
    findings
}

/// What nobody asked about, with the flags that do.
pub(super) fn left_out(facts: &Facts) -> Vec<LeftOut> {
    const ROLE: &str = "-r ROLE (with -n NAMESPACE -s SERVICE-ACCOUNT)";
    let asked = &facts.asked;
    let left = |part, flags, is_asked: bool| (!is_asked).then_some(LeftOut { part, flags });
    [
        left(Part::TrustPolicy, ROLE, asked.role.is_some()),
        left(Part::ServiceAccount, "-n NAMESPACE -s SERVICE-ACCOUNT", asked.looks_at_account),
        left(Part::Pod, "--pod NAME (with -n NAMESPACE)", asked.pod.is_some()),
        left(Part::Sts, ROLE, asked.role.is_some()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Something could not be read.
fn unread(part: Part, check: &'static str, what: &str, why: &Unread, mend: &str) -> Finding {
    match why {
        Unread::NoRight(right) => Finding::not_known(
            part,
            check,
            format!("{what} may not be read with these credentials"),
            format!("have somebody with the right {right} ask, or get it"),
        ),
        Unread::Failed(detail) => {
            Finding::broken(part, check, format!("{what} cannot be read: {detail}"), mend)
        }
    }
}

/// What the room of issuers found.
fn told(part: Part, check: &'static str, finding: &issuer::Finding) -> Finding {
    let issuer::Finding { severity, what, mend } = finding;
    match severity {
        issuer::Severity::Warning => Finding::warning(part, check, what, mend),
        issuer::Severity::Broken => Finding::broken(part, check, what, mend),
    }
}

/// The provider of the cluster's name, where it is known that there is one.
fn provider(facts: &Facts) -> Option<&Provider> {
    facts.provider.as_ref().ok().and_then(Option::as_ref)
}

/// How two issuers differ that must not.
fn difference(one: &str, other: &str) -> &'static str {
    if one.trim_end_matches('/') == other.trim_end_matches('/') {
        " (they differ in a slash at the end, and are compared to the letter)"
    } else if one.eq_ignore_ascii_case(other) {
        " (they differ in upper and lower case, and are compared to the letter)"
    } else {
        ""
    }
}

/// The command that makes and registers an issuer.
fn enable(facts: &Facts) -> String {
    let id = &facts.asked.cluster;
    match facts.asked.self_managed {
        true => format!("ack-ram-tool rrsa enable --self-managed -c {id} --issuer URL"),
        false => format!("ack-ram-tool rrsa enable -c {id}"),
    }
}
