//! A token of the service account, as pods get one.

use super::super::super::issuer::{Expected, KeySet, check_token};
use super::super::super::server_flags::LONGEST_LIFE;
use super::super::facts::{AUDIENCE, Facts, Token};
use super::super::finding::{Finding, Part};
use super::{provider, told, unread};

const PART: Part = Part::Token;

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let token = match &facts.token {
        None => return Vec::new(),
        Some(Err(why)) => {
            let what = format!(
                "a token of the service account {}/{}",
                facts.asked.namespace, facts.asked.service_account
            );
            let mend =
                "give -n and -s of a service account that there is, and see that kubectl reaches the cluster";
            return vec![unread(PART, "request", &what, why, mend)];
        }
        Some(Ok(token)) => token,
    };
    let mut findings = claims(facts, token);
    findings.extend(subject(facts, token));
    findings.extend(lifetime(token));
    findings
}

/// Issuer, audience, algorithm and signature.
fn claims(facts: &Facts, token: &Token) -> Vec<Finding> {
    const CHECK: &str = "claims";
    let says = &token.says;
    let Some(provider) = provider(facts) else {
        let text = format!("its issuer is {}; there is no provider to compare it with", says.issuer);
        return vec![Finding::not_known(PART, CHECK, text, "see provider")];
    };
    let published = facts.published.as_ref().and_then(|read| read.as_ref().ok()).map(|site| &site.keys);
    let own = facts.api_server.as_ref().and_then(|read| read.as_ref().ok()).map(|server| &server.keys);
    // A token of another issuer is that without any keys, too.
    let (is_other, none) = (says.issuer != provider.issuer, KeySet::default());
    let Some(keys) = published.or(own).or(is_other.then_some(&none)) else {
        let text = format!("its issuer is {}; there are no keys to check its signature with", says.issuer);
        return vec![Finding::not_known(PART, CHECK, text, "see published issuer")];
    };
    let expected = Expected { issuer: &provider.issuer, audience: AUDIENCE, keys, now: facts.now };
    let mut findings: Vec<Finding> =
        check_token(says, &expected).iter().map(|finding| told(PART, CHECK, finding)).collect();
    if published.or(own).is_none() {
        findings.truncate(1);
    }
    if !facts.asked.self_managed {
        let id = &facts.asked.cluster;
        let mend = format!(
            "see that --kubeconfig and --context are those of cluster {id}; if they are, run `ack-ram-tool rrsa enable -c {id}`, which waits for what is under way, and ask again"
        );
        findings.iter_mut().for_each(|finding| finding.mend = Some(mend.clone()));
    }
    if !findings.is_empty() {
        return findings;
    }
    let whose = if published.is_some() { "a published key" } else { "a key of the API server" };
    let text = format!("issuer, audience and algorithm are what STS takes, and {whose} has signed it");
    vec![Finding::ok(PART, CHECK, text)]
}

fn subject(facts: &Facts, token: &Token) -> Option<Finding> {
    let (has, wanted) = (&token.says.subject, facts.asked.subject());
    (*has != wanted).then(|| {
        Finding::broken(
            PART,
            "subject",
            format!("its subject is {has}, not {wanted}"),
            "what signs such tokens is no API server of Kubernetes: see that kubectl reaches the right cluster",
        )
    })
}

fn lifetime(token: &Token) -> Option<Finding> {
    const CHECK: &str = "lifetime";
    let longest = token.longest?;
    Some(match longest > LONGEST_LIFE {
        true => Finding::warning(
            PART,
            CHECK,
            format!(
                "the API server makes tokens that live longer than the {LONGEST_LIFE} s for which STS takes one"
            ),
            "start the API server with --service-account-max-token-expiration=12h",
        ),
        false => Finding::ok(PART, CHECK, format!("no token lives longer than {longest} s")),
    })
}
