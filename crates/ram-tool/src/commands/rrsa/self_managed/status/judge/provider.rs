//! The identity provider of RAM.

use super::super::facts::{AUDIENCE, Facts, Provider};
use super::super::finding::{Finding, Part};
use super::{enable, unread};

const PART: Part = Part::Provider;
/// Hours after its issuance for which STS takes a token, where the provider says nothing.
const DEFAULT_LIMIT: u32 = 12;

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let name = facts.asked.provider_name();
    let mut findings = match &facts.provider {
        Err(why) => {
            let mend =
                "see that the credentials are there (ack-ram-tool auth whoami) and that IMS can be reached";
            vec![unread(PART, "exists", &format!("the provider {name}"), why, mend)]
        }
        Ok(None) => vec![missing(facts, &name)],
        Ok(Some(provider)) => {
            let text = format!("{} has the issuer {}", provider.arn, provider.issuer);
            let mut findings = vec![Finding::ok(PART, "exists", text), client_ids(facts, provider)];
            findings.extend(issuance_limit(facts, provider));
            findings
        }
    };
    findings.extend(others(facts));
    findings
}

fn missing(facts: &Facts, name: &str) -> Finding {
    const CHECK: &str = "exists";
    let text = format!("RAM has no OIDC provider {name} in the account of these credentials");
    match same_issuer(facts).first() {
        Some(other) => Finding::broken(
            PART,
            CHECK,
            format!("{text}; the issuer {} is that of the provider {}", other.issuer, other.name),
            format!(
                "RAM takes an issuer once in an account: give the -c that belongs to it, or delete {} in RAM once no trust policy names it, then `{}`",
                other.name,
                enable(facts)
            ),
        ),
        None => Finding::broken(
            PART,
            CHECK,
            text,
            match facts.asked.self_managed {
                true => {
                    format!("`{}`; or see that the credentials are those of the right account", enable(facts))
                }
                false => format!(
                    "`{0}` (where that says that RRSA is enabled already, `ack-ram-tool rrsa disable -c {1}` before it; where the cluster is not ACK's, give --self-managed); or see that the credentials are those of the right account",
                    enable(facts),
                    facts.asked.cluster
                ),
            },
        ),
    }
}

/// Other providers that have the issuer that signs, or that the provider has.
fn same_issuer(facts: &Facts) -> Vec<&Provider> {
    let own = super::provider(facts).map(|provider| provider.issuer.as_str());
    let signing = facts.api_server.as_ref().and_then(|read| read.as_ref().ok()).map(|s| s.issuer.as_str());
    let token = facts.token.as_ref().and_then(|read| read.as_ref().ok()).map(|t| t.says.issuer.as_str());
    let issuers: Vec<&str> = [own, signing, token].into_iter().flatten().collect();
    let others = facts.others.as_deref().unwrap_or_default();
    others.iter().filter(|other| issuers.contains(&other.issuer.as_str())).collect()
}

fn client_ids(facts: &Facts, provider: &Provider) -> Finding {
    const CHECK: &str = "clientIds";
    if provider.client_ids.iter().any(|id| id == AUDIENCE) {
        return Finding::ok(PART, CHECK, format!("{AUDIENCE} is one of its client ids"));
    }
    let ids = match provider.client_ids.as_slice() {
        [] => "none".to_owned(),
        ids => ids.join(", "),
    };
    Finding::broken(
        PART,
        CHECK,
        format!("its client ids are {ids}, and tokens have the audience {AUDIENCE}"),
        match facts.asked.self_managed {
            true => format!("add {AUDIENCE} to the provider's client ids: `{}` does it", enable(facts)),
            false => format!("add {AUDIENCE} to the provider's client ids in the RAM console"),
        },
    )
}

/// A pod's token is renewed after four fifths of its life; before, STS must not refuse it for its age.
fn issuance_limit(facts: &Facts, provider: &Provider) -> Option<Finding> {
    const CHECK: &str = "issuanceLimit";
    let hours = provider.issuance_limit.unwrap_or(DEFAULT_LIMIT);
    let seconds = u64::from(hours).saturating_mul(3600);
    let pod = facts.pod.as_ref().and_then(|read| read.as_ref().ok()).and_then(Option::as_ref)?;
    let longest = pod.tokens.iter().filter(|token| token.audience == AUDIENCE).map(|t| t.lifetime).max()?;
    if longest.saturating_mul(4) <= seconds.saturating_mul(5) {
        return Some(Finding::ok(
            PART,
            CHECK,
            format!("STS takes tokens for {hours} h after they were made, and the pod's are renewed before"),
        ));
    }
    Some(Finding::broken(
        PART,
        CHECK,
        format!(
            "STS takes tokens for {hours} h after they were made, and the pod's are renewed after {} s",
            longest.saturating_mul(4).checked_div(5).unwrap_or_default()
        ),
        "let the pod's token live shorter (pod-identity.alibabacloud.com/service-account-token-expiration), or raise the provider's IssuanceLimitTime",
    ))
}

fn others(facts: &Facts) -> Option<Finding> {
    const CHECK: &str = "others";
    if let Err(why) = &facts.others {
        // Where RAM cannot be asked at all, it was said once.
        return facts
            .provider
            .is_ok()
            .then(|| unread(PART, CHECK, "the account's other providers", why, "ask again"));
    }
    let provider = super::provider(facts)?;
    let other = same_issuer(facts).into_iter().next()?;
    let (name, issuer) = (&other.name, &other.issuer);
    Some(match *issuer == provider.issuer {
        true => Finding::warning(
            PART,
            CHECK,
            format!("the provider {name} has the same issuer"),
            format!(
                "trust policies and the webhook must name {} alone; delete {name} once none names it",
                provider.arn
            ),
        ),
        false => Finding::broken(
            PART,
            CHECK,
            format!("the issuer that signs, {issuer}, is that of another provider, {name}"),
            format!(
                "give the -c that belongs to {name}, or register that issuer as {} after deleting {name}",
                provider.name
            ),
        ),
    })
}
