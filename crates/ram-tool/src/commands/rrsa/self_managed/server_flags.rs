//! The flags of kube-apiserver that RRSA stands on: what they are, and what they should be.

use serde_json::Value;

use super::super::identity_provider::AUDIENCE;
use crate::kubeconfig::parse_duration;
use crate::visible::{pasteable, visible};

const ISSUER: &str = "--service-account-issuer";
const JWKS_URI: &str = "--service-account-jwks-uri";
const MAX_EXPIRATION: &str = "--service-account-max-token-expiration";
const AUDIENCES: &str = "--api-audiences";
/// STS takes a token that lives longer as one of so many seconds.
pub(crate) const LONGEST_LIFE: i64 = 43_200;

/// What is known of the flags of the API servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerFlags {
    /// `--service-account-issuer`, in order: the first signs. Where the command line is not seen, that one alone.
    pub(crate) issuers: Vec<String>,
    /// `--service-account-jwks-uri`, or an address of the API server's own.
    pub(crate) jwks_uri: Option<String>,
    /// Seconds that a token lives at most; none where nothing bounds it, or nobody knows.
    pub(crate) longest_life: Option<i64>,
    /// `--api-audiences`; none where it is not set, or nobody knows.
    pub(crate) audiences: Option<Vec<String>>,
    /// The pod whose command line this is; none where it was deduced.
    pub(crate) pod: Option<String>,
}

/// Flags that should be otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    /// Whole flags, in their order, each ready to be pasted.
    pub(crate) flags: Vec<String>,
    /// Why.
    pub(crate) why: String,
}

impl ServerFlags {
    /// The flags of every API server among these pods (`kubectl get pods -o json`).
    pub(crate) fn of_pods(pods: &Value) -> Vec<Self> {
        let items = pods.get("items").and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Self::of_pod).collect()
    }

    fn of_pod(pod: &Value) -> Option<Self> {
        let name = pod.pointer("/metadata/name")?.as_str()?;
        let containers = pod.pointer("/spec/containers")?.as_array()?;
        let words = |container: &Value, part: &str| -> Vec<String> {
            let list = container.get(part).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
        };
        let command_lines = containers.iter().map(|one| [words(one, "command"), words(one, "args")].concat());
        let is_api_server = |line: &Vec<String>| {
            line.iter()
                .any(|word| word.rsplit('/').next() == Some("kube-apiserver") || word.starts_with(ISSUER))
        };
        let line = command_lines.into_iter().find(is_api_server)?;
        Some(Self { pod: Some(visible(name)), ..Self::of_command_line(&line) })
    }

    /// Flags stand as `--flag=value` or `--flag value`; of one that takes one value, the last counts.
    fn of_command_line(line: &[String]) -> Self {
        let values = |flag: &str| -> Vec<String> {
            let following = line.iter().skip(1).map(Some).chain([None]);
            line.iter()
                .zip(following)
                .filter_map(|(word, next)| match word.strip_prefix(flag)?.strip_prefix('=') {
                    Some(value) => Some(value.to_owned()),
                    None if word == flag => next.cloned(),
                    None => None,
                })
                .collect()
        };
        let audiences: Vec<String> = values(AUDIENCES)
            .iter()
            .flat_map(|list| list.split(','))
            .filter(|audience| !audience.is_empty())
            .map(str::to_owned)
            .collect();
        let longest = values(MAX_EXPIRATION).last().and_then(|text| parse_duration(text));
        Self {
            issuers: values(ISSUER),
            jwks_uri: values(JWKS_URI).pop(),
            longest_life: longest.map(|life| life.as_secs()).filter(|seconds| *seconds > 0),
            audiences: (!audiences.is_empty()).then_some(audiences),
            pod: None,
        }
    }

    /// Whether the wanted issuer is the first.
    pub(crate) fn signs_as(&self, issuer: &str) -> bool {
        self.issuers.first().is_some_and(|first| first == issuer)
    }

    /// What should be otherwise. `default_audiences` are those of a token that is asked for without any; they are needed
    /// only where the issuer is to change.
    pub(crate) fn advice(&self, issuer: &str, jwks_uri: &str, default_audiences: &[String]) -> Vec<Advice> {
        let mut advice = Vec::new();
        if !self.signs_as(issuer) {
            let kept = self.issuers.iter().filter(|own| *own != issuer);
            let flags = std::iter::once(issuer).chain(kept.map(String::as_str));
            advice.push(Advice {
                flags: flags.map(|issuer| format!("{ISSUER}={}", pasteable(issuer))).collect(),
                why: "the first issuer is the one that signs; tokens of those behind it, which pods have now, stay good"
                    .to_owned(),
            });
        }
        if self.jwks_uri.as_deref() != Some(jwks_uri) {
            advice.push(Advice {
                flags: vec![format!("{JWKS_URI}={}", pasteable(jwks_uri))],
                why: "the API server's own discovery document names the published keys then, not an address that RAM cannot reach"
                    .to_owned(),
            });
        }
        if self.longest_life.is_none_or(|seconds| seconds > LONGEST_LIFE) {
            advice.push(Advice {
                flags: vec![format!("{MAX_EXPIRATION}=12h")],
                why: "no token lives longer than STS takes it for".to_owned(),
            });
        }
        if self.audiences.is_none() && !self.signs_as(issuer) && !default_audiences.is_empty() {
            let audiences: Vec<String> =
                default_audiences.iter().map(|audience| pasteable(audience)).collect();
            advice.push(Advice {
                flags: vec![format!("{AUDIENCES}={}", audiences.join(","))],
                why: "where it is not set, it is all the issuers, so that the audience of pods' tokens for the API server changes with them; this keeps it as it is"
                    .to_owned(),
            });
        }
        advice
    }

    /// A token for STS must not open the API server too.
    pub(crate) fn takes_tokens_for_sts(&self) -> bool {
        self.audiences.iter().flatten().any(|audience| audience == AUDIENCE)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    use serde_json::json;

    const NEW: &str = "https://issuer.example/c1";
    const KEYS: &str = "https://issuer.example/c1/openid/v1/jwks";
    const OLD: &str = "https://kubernetes.default.svc.cluster.local";

    fn pods(command: &[&str], args: &[&str]) -> Value {
        json!({"items": [{
            "metadata": {"name": "kube-apiserver-a"},
            "spec": {"containers": [
                {"name": "sidecar", "command": ["proxy", "--api-audiences=x"]},
                {"name": "kube-apiserver", "command": command, "args": args}
            ]}
        }]})
    }

    fn flags(command: &[&str], args: &[&str]) -> ServerFlags {
        let mut all = ServerFlags::of_pods(&pods(command, args));
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn lines(advice: &[Advice]) -> Vec<&str> {
        advice.iter().flat_map(|advice| &advice.flags).map(String::as_str).collect()
    }

    #[test]
    fn flags_are_read_from_the_command_line_in_both_spellings() {
        let seen = flags(
            &["/usr/local/bin/kube-apiserver", "--service-account-issuer=https://a", "--api-audiences=a,b"],
            &[
                "--service-account-issuer",
                "https://b",
                "--service-account-jwks-uri=https://a/keys",
                "--service-account-max-token-expiration=1h",
                "--service-account-max-token-expiration=12h0m0s",
                "--api-audiences",
                "c",
            ],
        );
        assert_eq!(seen.issuers, ["https://a", "https://b"]);
        assert_eq!(seen.jwks_uri.as_deref(), Some("https://a/keys"));
        assert_eq!(seen.longest_life, Some(43_200));
        assert_eq!(seen.audiences.unwrap(), ["a", "b", "c"]);
        assert_eq!(seen.pod.as_deref(), Some("kube-apiserver-a"));
        assert_eq!(flags(&["kube-apiserver"], &[]).issuers, Vec::<String>::new());
        // Of one that takes one value, the last counts, and 0 bounds nothing.
        let twice = flags(
            &[
                "kube-apiserver",
                "--service-account-jwks-uri=https://a",
                "--service-account-jwks-uri=https://b",
            ],
            &["--service-account-max-token-expiration=1h", "--service-account-max-token-expiration=0"],
        );
        assert_eq!((twice.jwks_uri.as_deref(), twice.longest_life), (Some("https://b"), None));
        // The program may have another name.
        assert_eq!(
            flags(&["hyperkube", "apiserver", "--service-account-issuer=https://a"], &[]).issuers,
            ["https://a"]
        );
        // Another flag begins with the same words.
        let other = flags(&["kube-apiserver", "--service-account-issuer-x=https://a"], &[]);
        assert_eq!(other.issuers, Vec::<String>::new());
        for nothing in [json!({}), json!({"items": []}), json!({"items": [{"metadata": {"name": "x"}}]})] {
            assert_eq!(ServerFlags::of_pods(&nothing), []);
        }
    }

    #[test]
    fn a_usual_cluster_gets_the_whole_list_with_its_old_issuer_behind_the_new_one() {
        let seen = flags(&["kube-apiserver", &format!("--service-account-issuer={OLD}")], &[]);
        assert_eq!(
            lines(&seen.advice(NEW, KEYS, &[OLD.to_owned()])),
            [
                format!("--service-account-issuer={NEW}"),
                format!("--service-account-issuer={OLD}"),
                format!("--service-account-jwks-uri={KEYS}"),
                "--service-account-max-token-expiration=12h".to_owned(),
                format!("--api-audiences={OLD}"),
            ]
        );
    }

    #[test]
    fn with_exactly_these_flags_nothing_is_left() {
        let seen = flags(&["kube-apiserver", &format!("--service-account-issuer={OLD}")], &[]);
        assert!(!lines(&seen.advice(NEW, KEYS, &[])).iter().any(|line| line.starts_with("--api-audiences")));
        let odd = seen.advice(NEW, "https://a/$(reboot)", &[]);
        assert!(lines(&odd).contains(&"--service-account-jwks-uri=https://a/??reboot?"), "{odd:?}");
        let advice = seen.advice(NEW, KEYS, &[OLD.to_owned()]);
        let mended = flags(&["kube-apiserver"], &lines(&advice));
        assert_eq!(mended.advice(NEW, KEYS, &[OLD.to_owned()]), []);
    }

    #[test]
    fn what_is_set_stays() {
        let set = ServerFlags {
            issuers: vec![OLD.to_owned(), NEW.to_owned(), "https://older.example".to_owned()],
            jwks_uri: Some(KEYS.to_owned()),
            longest_life: Some(3600),
            audiences: Some(vec!["api".to_owned()]),
            pod: None,
        };
        assert_eq!(
            lines(&set.advice(NEW, KEYS, &[OLD.to_owned()])),
            [
                format!("--service-account-issuer={NEW}"),
                format!("--service-account-issuer={OLD}"),
                "--service-account-issuer=https://older.example".to_owned(),
            ]
        );
        assert!(!set.takes_tokens_for_sts());
        let open =
            ServerFlags { audiences: Some(vec!["api".to_owned(), AUDIENCE.to_owned()]), ..set.clone() };
        assert!(open.takes_tokens_for_sts());
        // The audience is not looked at where the issuer stays.
        let same = ServerFlags { issuers: vec![NEW.to_owned()], audiences: None, ..set.clone() };
        assert_eq!(same.advice(NEW, KEYS, &[NEW.to_owned()]), []);
        let long = ServerFlags { longest_life: Some(43_201), issuers: vec![NEW.to_owned()], ..set };
        assert_eq!(lines(&long.advice(NEW, KEYS, &[])), ["--service-account-max-token-expiration=12h"]);
    }
}
