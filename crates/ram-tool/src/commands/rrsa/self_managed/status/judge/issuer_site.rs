//! The API server as an issuer, and what the world can read of it.

use jiff::{SignedDuration, Timestamp};
use signature::format_timestamp;

use super::super::super::issuer::{
    ApiServerIssuer, Authority, IssuerUrl, KeySet, PublishedIssuer, is_in_cluster, keys_missing,
};
use super::super::facts::{Exchange, Facts};
use super::super::finding::{Finding, Part};
use super::{difference, enable, provider, told, unread};
use crate::visible::pasteable;

/// So long before its end somebody should look at a certificate.
const CERTIFICATE_WARNING: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What to do about documents that ACK publishes.
const OF_ACK: &str = "ACK publishes it: look again from where the internet is reached; if it is so there, Alibaba Cloud's support has to mend it";

const API: Part = Part::ApiServer;
const SITE: Part = Part::PublishedIssuer;

pub(super) fn api_server(facts: &Facts) -> Vec<Finding> {
    if let Some(why) = &facts.unreached {
        let mend = "give --kubeconfig and --context of the cluster; nothing else of it could be looked at";
        return vec![Finding::broken(API, "reached", why, mend)];
    }
    let server = match &facts.api_server {
        None => return Vec::new(),
        Some(Err(why)) => {
            let what = "its discovery document and keys";
            return vec![unread(
                API,
                "documents",
                what,
                why,
                "give --kubeconfig and --context of the cluster, and see that kubectl reaches it",
            )];
        }
        Some(Ok(server)) => server,
    };
    let text = format!("its discovery document and {} can be read", count(&server.keys));
    let mut findings = vec![Finding::ok(API, "documents", text), issuer(facts, server)];
    findings.extend(older_issuers(facts));
    if server.keys.for_ram().next().is_none() {
        findings.push(Finding::broken(
            API,
            "signingKeys",
            "it has no RSA key, and RAM takes RS256 alone",
            "give it an RSA key of 2048 bits or more: --service-account-signing-key-file, and the public half in --service-account-key-file",
        ));
    }
    findings
}

fn issuer(facts: &Facts, server: &ApiServerIssuer) -> Finding {
    const CHECK: &str = "issuer";
    let has = &server.issuer;
    let Ok(provider) = &facts.provider else {
        let text = format!("its issuer is {has}; whether that is the provider's is not known");
        return Finding::not_known(API, CHECK, text, "see provider");
    };
    let Some(provider) = provider else {
        return match has.starts_with("https://") {
            true if is_in_cluster(has) => Finding::broken(
                API,
                CHECK,
                format!(
                    "its issuer is {has}, which means nothing outside the cluster: RAM cannot read its keys"
                ),
                format!("choose a URL that the internet can read; `{}` says what to do", enable(facts)),
            ),
            true => Finding::ok(API, CHECK, format!("its issuer is {has}")),
            false => Finding::broken(
                API,
                CHECK,
                format!("its issuer is {has}, and RAM reads https alone"),
                format!("{} says what to do", enable(facts)),
            ),
        };
    };
    let wanted = &provider.issuer;
    if has == wanted {
        return Finding::ok(API, CHECK, format!("its issuer is the provider's: {has}"));
    }
    let flag = pasteable(wanted);
    let mend = if facts.issuers.first() == Some(wanted) && !facts.issuers_are_deduced {
        "its flags are right: it was not restarted since, or another API server answers kubectl".to_owned()
    } else if facts.issuers.contains(wanted) {
        format!(
            "it knows that one, too: start it with --service-account-issuer={flag} first, since the first signs"
        )
    } else {
        let id = &facts.asked.cluster;
        // Where it could be registered at all.
        let or_register = match IssuerUrl::parse(has).is_ok() && !is_in_cluster(has) {
            true => format!(
                "; or, if the provider is wrong, `ack-ram-tool rrsa disable --self-managed -c {id}` and `ack-ram-tool rrsa enable --self-managed -c {id} --issuer {has}` (RAM changes no issuer)"
            ),
            false => String::new(),
        };
        format!(
            "start it with --service-account-issuer={flag} first and the present one behind it{or_register}"
        )
    };
    let how = difference(has, wanted);
    Finding::broken(API, CHECK, format!("its issuer is {has}, the provider's is {wanted}{how}"), mend)
}

/// Of several, the first signs.
fn older_issuers(facts: &Facts) -> Option<Finding> {
    let (first, older) = facts.issuers.split_first()?;
    if older.is_empty() {
        return None;
    }
    let older = older.join(", ");
    let how = if facts.issuers_are_deduced { " (deduced from the audiences of its own tokens)" } else { "" };
    Some(Finding::ok(
        API,
        "issuers",
        format!(
            "{first} signs, and tokens of {older} are taken, too{how}: right until the last of them has ended"
        ),
    ))
}

fn count(keys: &KeySet) -> String {
    match keys.iter().count() {
        1 => "1 key".to_owned(),
        many => format!("{many} keys"),
    }
}

pub(super) fn published(facts: &Facts) -> Vec<Finding> {
    let site = match &facts.published {
        None => return Vec::new(),
        Some(Err(unpublished)) => {
            let mend = match facts.asked.self_managed {
                true => format!("{}; `{} --output-dir DIR` writes them", unpublished.mend, enable(facts)),
                false => OF_ACK.to_owned(),
            };
            return vec![Finding::broken(SITE, "documents", unpublished.to_string(), mend)];
        }
        Some(Ok(site)) => site,
    };
    let text = format!("{} and its {} can be read from here", site.issuer, count(&site.keys));
    let mut findings = vec![Finding::ok(SITE, "documents", text)];
    findings.extend(site.private_address.map(|address| {
        Finding::warning(
            SITE,
            "internet",
            format!("its host has the address {address}, which the internet does not reach"),
            "RAM reads it from the internet: give its name a public address there",
        )
    }));
    findings.extend(keys(facts, site));
    findings.extend(certificate(facts.now, site));
    findings.extend(fingerprints(facts, site));
    findings
}

/// Every key that the API server may sign with has to be published; what is published beside is old.
fn keys(facts: &Facts, site: &PublishedIssuer) -> Vec<Finding> {
    const CHECK: &str = "keys";
    if site.keys.for_ram().next().is_none() {
        return vec![Finding::broken(
            SITE,
            CHECK,
            "no RSA key for RS256 is published, and RAM takes no other",
            match facts.asked.self_managed {
                true => format!("publish the keys that `{} --output-dir DIR` writes", enable(facts)),
                false => OF_ACK.to_owned(),
            },
        )];
    }
    let Some(Ok(server)) = &facts.api_server else { return Vec::new() };
    let findings = keys_missing(server, site);
    match findings.is_empty() {
        true => vec![Finding::ok(SITE, CHECK, "the API server's keys are published, and no others")],
        false => findings.iter().map(|finding| told(SITE, CHECK, finding)).collect(),
    }
}

fn certificate(now: Timestamp, site: &PublishedIssuer) -> Option<Finding> {
    const CHECK: &str = "certificate";
    let end = site.certificate_end?;
    let left = end.duration_since(now);
    let text = format!("the certificate of the site ends at {}", format_timestamp(end));
    let mend = "renew it; if its CA changes, the provider needs the new one's fingerprint";
    Some(if left <= SignedDuration::ZERO {
        Finding::broken(SITE, CHECK, text, mend)
    } else if left < CERTIFICATE_WARNING {
        Finding::warning(SITE, CHECK, text, mend)
    } else {
        Finding::ok(SITE, CHECK, text)
    })
}

fn fingerprints(facts: &Facts, site: &PublishedIssuer) -> Option<Finding> {
    const CHECK: &str = "fingerprint";
    let provider = provider(facts)?;
    let plain = |text: &str| text.replace(':', "").to_ascii_uppercase();
    let wanted: Vec<String> = provider.fingerprints.iter().map(|text| plain(text)).collect();
    if wanted.is_empty() {
        return None;
    }
    let servers = [&site.authorities, &site.keys_authorities];
    if servers.iter().any(|authorities| authorities.is_empty()) {
        let text = "the provider wants a CA of a certain fingerprint, and the site's is not known here";
        return Some(Finding::not_known(SITE, CHECK, text, "let the site show its whole chain"));
    }
    let is_wanted = |authority: &Authority| wanted.contains(&plain(&authority.fingerprint));
    let other = servers.iter().find(|above| !above.iter().any(is_wanted)).and_then(|above| above.first());
    Some(match other {
        None => Finding::ok(SITE, CHECK, "the fingerprint of the site's CA is one of the provider's"),
        Some(other) => {
            let has = &other.fingerprint;
            let text = format!(
                "the fingerprint of the site's CA {}, {has}, is none of the provider's: {}",
                other.name,
                wanted.join(", ")
            );
            let mend = match facts.asked.self_managed {
                true => format!("`{}` adds it to the provider", enable(facts)),
                false => "add it to the provider's fingerprints in the RAM console".to_owned(),
            };
            // It may be that of another CA above the site's certificate.
            match facts.exchange {
                Some(Exchange::Given) => Finding::warning(SITE, CHECK, text, mend),
                _ => Finding::broken(SITE, CHECK, text, mend),
            }
        }
    })
}
