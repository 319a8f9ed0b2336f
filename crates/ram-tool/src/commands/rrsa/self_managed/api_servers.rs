//! What the API servers have to be told yet: their flags, and whether a token of theirs would pass.

use super::super::identity_provider::AUDIENCE;
use super::super::trust_policy::Subject;
use super::issuer::{
    ApiServerIssuer, Expected, IssuerUrl, PublishedIssuer, Severity, TokenFacts, check_token, issuer_differs,
};
use super::kubectl::Kubectl;
use super::server_flags::{LONGEST_LIFE, ServerFlags};
use crate::error::Error;
use crate::log::Log;
use crate::visible::visible;
use crate::world::World;

/// Longer than STS takes a token for: what comes back says what bounds it.
const LONG: u64 = 86_400;
const MAX_SHOWN: usize = 64;

/// Prints the flags that are missing or wrong, checks a token, and gives what is left to do, a line each.
pub(super) fn check(
    kubectl: &Kubectl<'_>,
    account: &Subject,
    issuer: &IssuerUrl,
    api_server: &ApiServerIssuer,
    published: &PublishedIssuer,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Vec<String>, Error> {
    let probe = Probe { kubectl, account };
    let seen = seen_flags(kubectl, &probe, api_server, log);
    let signs = api_server.issuer == issuer.as_str();
    let audiences = match seen.iter().all(|flags| flags.signs_as(issuer.as_str())) {
        true => Vec::new(),
        false => probe.default_audiences(log),
    };
    advise(&seen, issuer, published, &audiences, log)?;
    let mut left = Vec::new();
    if let Some(finding) = issuer_differs(api_server, issuer) {
        let is_told = seen.iter().all(|flags| flags.pod.is_some() && flags.signs_as(issuer.as_str()));
        left.push(match is_told {
            true => format!(
                "{}: the flags of kube-apiserver are right, so it was not restarted since, or kubectl asks another one",
                finding.what
            ),
            false => finding.line(),
        });
    }
    let token =
        match kubectl.create_token(account.namespace(), account.service_account(), Some(AUDIENCE), None) {
            Ok(token) => token,
            Err(error) => {
                let mend = match error.is_not_found() {
                    true => "; give -n and -s of a service account that is there",
                    false => "",
                };
                left.push(format!("whether a token would pass is not known: {error}{mend}"));
                return Ok(left);
            }
        };
    match TokenFacts::read(token.expose()) {
        // It would not even let the token in itself.
        Ok(TokenFacts { key_id: Some(id), .. }) if !api_server.keys.names(&id) => left.push(format!(
            "the API server signs with the key {}, which is none of those that it names: give the public half of --service-account-signing-key-file as one more --service-account-key-file, restart it, and publish the keys again",
            cut(&id)
        )),
        Ok(token) => {
            // What is wrong with the issuer is told above, once.
            let wanted = if signs { issuer.as_str() } else { &api_server.issuer };
            let expected =
                Expected { issuer: wanted, audience: AUDIENCE, keys: &published.keys, now: (world.now)() };
            if token.lifetime() > LONGEST_LIFE {
                log.warn("the token lives for more than 12 hours: STS takes it for 12 hours, and no longer");
            }
            for finding in check_token(&token, &expected) {
                match finding.severity {
                    Severity::Broken => left.push(finding.line()),
                    Severity::Warning => log.warn(&finding.line()),
                }
            }
        }
        Err(detail) => left.push(format!("the token that the API server made {detail}")),
    }
    Ok(left)
}

fn cut(text: &str) -> String {
    visible(text).chars().take(MAX_SHOWN).collect()
}

/// Tokens that are made to see what comes back.
struct Probe<'a> {
    kubectl: &'a Kubectl<'a>,
    account: &'a Subject,
}

impl Probe<'_> {
    fn token(&self, audience: Option<&str>, seconds: Option<u64>) -> Result<TokenFacts, String> {
        let (namespace, name) = (self.account.namespace(), self.account.service_account());
        let token = self
            .kubectl
            .create_token(namespace, name, audience, seconds)
            .map_err(|error| error.to_string())?;
        TokenFacts::read(token.expose()).map_err(|detail| format!("the token {detail}"))
    }

    /// The audiences of a token that is asked for without any: `--api-audiences`, or what stands in its place.
    fn default_audiences(&self, log: &Log<'_>) -> Vec<String> {
        match self.token(None, None) {
            Ok(token) => token.audiences,
            Err(problem) => {
                log.warn(&format!(
                    "which audiences the API server takes (--api-audiences) is not known: {problem}"
                ));
                Vec::new()
            }
        }
    }

    /// Seconds that a token lives at most, where that is less than a day.
    fn longest_life(&self, log: &Log<'_>) -> Option<i64> {
        match self.token(Some(AUDIENCE), Some(LONG)) {
            Ok(token) => {
                Some(token.lifetime()).filter(|seconds| *seconds < i64::try_from(LONG).unwrap_or(i64::MAX))
            }
            Err(problem) => {
                log.debug(|| format!("--service-account-max-token-expiration is not known: {problem}"));
                None
            }
        }
    }
}

/// The flags on the command lines of the API servers, where they run as pods that the caller may see; else what their
/// answers tell.
fn seen_flags(
    kubectl: &Kubectl<'_>,
    probe: &Probe<'_>,
    api_server: &ApiServerIssuer,
    log: &Log<'_>,
) -> Vec<ServerFlags> {
    let words = ["pods", "--namespace=kube-system", "--selector=component=kube-apiserver"];
    let seen = match kubectl.get_json(&words) {
        Ok(pods) => ServerFlags::of_pods(&pods),
        Err(error) => {
            log.debug(|| format!("the command line of kube-apiserver is not seen: {error}"));
            Vec::new()
        }
    };
    if !seen.is_empty() {
        return seen;
    }
    log.info("the command line of kube-apiserver is not seen from here: its flags are deduced from what it answers");
    vec![ServerFlags {
        issuers: vec![api_server.issuer.clone()],
        jwks_uri: Some(api_server.jwks_uri.clone()),
        longest_life: probe.longest_life(log),
        audiences: None,
        pod: None,
    }]
}

/// Flags go to stdout, everything about them to stderr.
fn advise(
    seen: &[ServerFlags],
    issuer: &IssuerUrl,
    published: &PublishedIssuer,
    default_audiences: &[String],
    log: &Log<'_>,
) -> Result<(), Error> {
    let without_pod = |flags: &ServerFlags| ServerFlags { pod: None, ..flags.clone() };
    if let Some(other) = seen.iter().find(|flags| seen.first().map(without_pod) != Some(without_pod(flags))) {
        let (first, other) = (seen.first().and_then(|flags| flags.pod.clone()), other.pod.clone());
        log.warn(&format!(
            "the pods {} and {} run with different flags: all of kube-apiserver must have the same",
            first.unwrap_or_default(),
            other.unwrap_or_default()
        ));
    }
    if seen.iter().any(ServerFlags::takes_tokens_for_sts) {
        log.warn(&format!(
            "--api-audiences names {AUDIENCE}: whoever gets a pod's token for STS can log in to the API server with it; take {AUDIENCE} out of it"
        ));
    }
    let advice = seen
        .iter()
        .map(|flags| flags.advice(issuer.as_str(), &published.jwks_uri, default_audiences))
        .find(|advice| !advice.is_empty());
    let Some(advice) = advice else { return Ok(()) };
    let changes_issuer = seen.iter().any(|flags| !flags.signs_as(issuer.as_str()));
    log.info("each kube-apiserver needs these flags, in place of those of the same names, and a restart:");
    let lines: Vec<&str> = advice.iter().flat_map(|advice| &advice.flags).map(String::as_str).collect();
    crate::write_stdout(&format!("{}\n", lines.join("\n")))?;
    for advice in &advice {
        let first = advice.flags.first().map(String::as_str).unwrap_or_default();
        let flag = first.split('=').next().unwrap_or_default();
        log.info(&format!("{flag}: {}", advice.why));
    }
    if changes_issuer {
        log.info("programs beside the API server that check the issuer of pods' tokens have to know the new one; with several kube-apiservers, give all of them the new issuer as the last one first, and put it in front once all know it: one that does not know it refuses tokens of another that signs with it");
    }
    Ok(())
}
