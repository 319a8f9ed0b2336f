//! The role and its trust policy.

use super::super::facts::{AUDIENCE, Facts, Provider, Role};
use super::super::finding::{Finding, Part};
use super::super::trust::{Answer, Breadth, Claims, TrustPolicy};
use super::unread;

const PART: Part = Part::TrustPolicy;
const CHECK: &str = "allows";

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let (Some(read), Some(name)) = (&facts.role, &facts.asked.role) else { return Vec::new() };
    let role = match read {
        Err(why) => {
            let mend = "see that the credentials are there and that RAM can be reached";
            return vec![unread(PART, "role", &format!("the role {name}"), why, mend)];
        }
        Ok(None) => {
            let text = format!("there is no role {name} in the account of these credentials");
            let mend = format!("`{} --create-role-if-not-exist`", associate(facts, name));
            return vec![Finding::broken(PART, "role", text, mend)];
        }
        Ok(Some(role)) => role,
    };
    let mut findings = vec![Finding::ok(PART, "role", format!("{} is there", role.arn))];
    match super::provider(facts) {
        Some(provider) => findings.extend(policy(facts, role, provider)),
        None => findings.push(Finding::not_known(
            PART,
            CHECK,
            "whether its trust policy allows it is not known without a provider",
            "see provider",
        )),
    }
    findings
}

fn associate(facts: &Facts, role: &str) -> String {
    let asked = &facts.asked;
    format!(
        "ack-ram-tool rrsa associate-role{} -c {} -r {role} -n {} -s {}",
        asked.self_managed_flag(),
        asked.cluster,
        asked.namespace,
        asked.service_account
    )
}

fn policy(facts: &Facts, role: &Role, provider: &Provider) -> Vec<Finding> {
    let mend = format!("`{}` adds the right statement", associate(facts, &role.name));
    let policy = match TrustPolicy::read(&role.trust_policy) {
        Ok(policy) => policy,
        Err(error) => {
            let text = format!("its trust policy {error}");
            return vec![Finding::broken(PART, CHECK, text, "write it anew in the RAM console")];
        }
    };
    let token = facts.token.as_ref().and_then(|read| read.as_ref().ok());
    let default = [AUDIENCE.to_owned()];
    let subject = facts.asked.subject();
    // The issuer of the provider: where the token has another, STS does not come so far, and that is said there.
    let claims = Claims {
        provider: &provider.arn,
        issuer: &provider.issuer,
        audiences: token.map_or(&default[..], |token| &token.says.audiences),
        subject: &subject,
        now: facts.now,
    };
    match policy.decide(&claims) {
        Answer::Allowed { statement } => {
            let mut findings =
                vec![Finding::ok(PART, CHECK, format!("statement {statement} gives the role to {subject}"))];
            findings.extend(too_wide(facts, &policy, &claims));
            findings
        }
        Answer::Denied { statement } => vec![Finding::broken(
            PART,
            CHECK,
            format!("statement {statement} of the trust policy denies it, and Deny wins"),
            "take that statement out of the trust policy, or narrow it",
        )],
        Answer::Depends { statement, on } => vec![Finding::not_known(
            PART,
            CHECK,
            format!("statement {statement} depends on what STS alone knows: {}", on.join(", ")),
            "what STS says below counts for this machine; a pod may come from another address",
        )],
        Answer::NotAllowed { nearest } => {
            let text = match nearest {
                None => "no statement of its trust policy is for an OIDC provider".to_owned(),
                Some((statement, misses)) => format!(
                    "no statement gives the role to {subject}; the nearest is {statement}: {}",
                    misses.join("; ")
                ),
            };
            vec![Finding::broken(PART, CHECK, text, mend)]
        }
    }
}

/// Who has the role beside the one who is asked about.
fn too_wide(facts: &Facts, policy: &TrustPolicy, claims: &Claims<'_>) -> Option<Finding> {
    let (namespace, name) = (&facts.asked.namespace, &facts.asked.service_account);
    let whom = match policy.breadth(claims, namespace, name)? {
        Breadth::Cluster => "every service account of the cluster".to_owned(),
        Breadth::Namespace => format!("every service account of the namespace {namespace}"),
        Breadth::Name => format!("every service account called {name}, in any namespace"),
    };
    Some(Finding::warning(
        PART,
        "others",
        format!("it gives the role to {whom}"),
        "if that is not meant, name the service accounts in oidc:sub with StringEquals",
    ))
}
