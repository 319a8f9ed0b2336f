//! What an API server says of its issuer, against what is published and what is wanted.

use super::{ApiServerIssuer, Finding, IssuerUrl, PublishedIssuer};
use crate::visible::{pasteable, visible};

/// The issuer that the API server signs as, against the one that is wanted.
pub(crate) fn issuer_differs(api_server: &ApiServerIssuer, wanted: &IssuerUrl) -> Option<Finding> {
    let own = &api_server.issuer;
    if own == wanted.as_str() {
        return None;
    }
    let why = match own.trim_end_matches('/') == wanted.as_str() {
        true => ": only a slash at the end differs, and issuers are compared to the letter",
        false => "",
    };
    Some(Finding::broken(
        format!("the API server signs as {}, not as {wanted}{why}", visible(own)),
        format!(
            "put --service-account-issuer={} first on each kube-apiserver, keep --service-account-issuer={} behind it, and restart it",
            pasteable(wanted.as_str()),
            pasteable(own)
        ),
    ))
}

/// Whether it is the issuer that an API server has by default: its Service's name, which means nothing outside the cluster.
pub(crate) fn is_in_cluster(issuer: &str) -> bool {
    issuer.starts_with("https://kubernetes.default.svc")
}

/// Keys of the API server that are not published, and published ones that it does not name any more.
pub(crate) fn keys_missing(api_server: &ApiServerIssuer, published: &PublishedIssuer) -> Vec<Finding> {
    let mut findings = Vec::new();
    for key in api_server.keys.for_ram().filter(|key| !published.keys.contains(key)) {
        let label = key.label();
        let what = match key.id.as_deref().is_some_and(|id| published.keys.names(id)) {
            true => format!("the published key {label} is another one than the API server's of that id"),
            false => {
                format!("the API server's key {label} is not published at {}", visible(&published.jwks_uri))
            }
        };
        findings.push(Finding::broken(
            what,
            "publish the API server's keys again, with rrsa enable --self-managed",
        ));
    }
    for key in published.keys.for_ram().filter(|key| !api_server.keys.contains(key)) {
        findings.push(Finding::warning(
            format!("the published key {} is none of the API server's (any more)", key.label()),
            "it may stay while tokens that it signed are in use; after that publish without it, with --drop-old-keys",
        ));
    }
    findings
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    use serde_json::json;

    use super::super::{KeySet, Severity};

    fn keys(list: &[(&str, &str)]) -> KeySet {
        let keys: Vec<_> =
            list.iter().map(|(id, n)| json!({"kty": "RSA", "kid": id, "n": n, "e": "AQAB"})).collect();
        KeySet::parse(&json!({"keys": keys}).to_string()).unwrap()
    }

    fn api_server(issuer: &str, list: &[(&str, &str)]) -> ApiServerIssuer {
        ApiServerIssuer { issuer: issuer.to_owned(), jwks_uri: String::new(), keys: keys(list) }
    }

    #[test]
    fn issuers_are_compared_to_the_letter() {
        let wanted = IssuerUrl::parse("https://issuer.example/c1").unwrap();
        let differs = |own: &str| issuer_differs(&api_server(own, &[]), &wanted);
        assert_eq!(differs("https://issuer.example/c1"), None);
        let slash = differs("https://issuer.example/c1/").unwrap();
        assert!(slash.what.contains("only a slash at the end differs"), "{}", slash.what);
        for other in ["https://issuer.example/C1", "https://issuer.example", "http://issuer.example/c1", ""] {
            let finding = differs(other).unwrap();
            assert_eq!(finding.severity, Severity::Broken);
            assert!(!finding.what.contains("slash"), "{}", finding.what);
            assert!(finding.mend.contains("--service-account-issuer=https://issuer.example/c1 first"));
        }
    }

    #[test]
    fn the_default_issuer_is_the_clusters_own() {
        for own in ["https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local"] {
            assert!(is_in_cluster(own), "{own}");
        }
        for other in ["https://issuer.example", "https://issuer.example/kubernetes.default.svc", ""] {
            assert!(!is_in_cluster(other), "{other}");
        }
    }

    #[test]
    fn keys_that_are_missing_changed_or_old() {
        let published = |list: &[(&str, &str)]| PublishedIssuer {
            issuer: "https://issuer.example".to_owned(),
            jwks_uri: "https://issuer.example/keys".to_owned(),
            keys: keys(list),
            authorities: Vec::new(),
            keys_authorities: Vec::new(),
            certificate_end: None,
            private_address: None,
        };
        let found = |own: &[(&str, &str)], there: &[(&str, &str)]| {
            let found = keys_missing(&api_server("https://issuer.example", own), &published(there));
            found.into_iter().map(|finding| (finding.severity, finding.what)).collect::<Vec<_>>()
        };
        assert_eq!(found(&[("1", "AQAB")], &[("1", "AQAB")]), []);
        // What RAM cannot use is published nowhere.
        let mut mixed = api_server("https://issuer.example", &[]);
        mixed.keys = KeySet::parse(r#"{"keys":[{"kty":"EC","kid":"2","alg":"ES256"}]}"#).unwrap();
        assert_eq!(keys_missing(&mixed, &published(&[])), []);
        let missing = found(&[("1", "AQAB"), ("2", "AQAC")], &[("1", "AQAB")]);
        assert!(
            matches!(&missing[..], [(Severity::Broken, what)] if what.contains("key 2 is not published")),
            "{missing:?}"
        );
        let other = found(&[("1", "AQAC")], &[("1", "AQAB")]);
        assert!(
            matches!(&other[..], [(Severity::Broken, what), (Severity::Warning, _)] if what.contains("another one than")),
            "{other:?}"
        );
        let old = found(&[("1", "AQAB")], &[("1", "AQAB"), ("0", "AQAC")]);
        assert!(
            matches!(&old[..], [(Severity::Warning, what)] if what.contains("key 0 is none of")),
            "{old:?}"
        );
    }
}
