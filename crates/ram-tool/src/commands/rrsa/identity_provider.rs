//! RAM's identity provider of a cluster: what a trust policy names.

use openapi::cs::RrsaConfig;
use openapi::ims::OidcProvider;

use super::self_managed::SelfManagedFlags;
use super::session::Session;
use crate::cluster_id::ClusterId;
use crate::error::{Error, RrsaError, shown};

/// The audience of RRSA's tokens, which is a client id of the identity provider.
pub(super) const AUDIENCE: &str = "sts.aliyuncs.com";
/// RAM's limit for an issuer; audiences are shorter.
const MAX_TEXT: usize = 255;

/// RAM's identity provider of a cluster, wherever it was learned: from Container Service for ACK's clusters, from IMS for
/// others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IdentityProvider {
    /// `ack-rrsa-CLUSTER`.
    pub(super) name: String,
    /// `acs:ram::ACCOUNT:oidc-provider/ack-rrsa-CLUSTER`.
    pub(super) arn: String,
    /// The issuer that signs tokens now, as they say it.
    pub(super) issuer: String,
    /// The audience that tokens must have.
    pub(super) audience: String,
}

/// The name of a cluster's identity provider in RAM.
pub(super) fn name_of(cluster: &ClusterId) -> String {
    format!("ack-rrsa-{cluster}")
}

/// The identity provider of a cluster of ACK's, as Container Service says it.
///
/// # Errors
/// Among others, where RRSA is not enabled.
pub(super) fn of_ack_cluster(session: &Session<'_>, id: &ClusterId) -> Result<IdentityProvider, Error> {
    let call = session.cs.cluster(id.as_str(), &session.credentials, session.now());
    let cluster = session.ask("asking Container Service", call)?;
    let provider = of_config(cluster.rrsa.as_ref(), id)?;
    if !provider.name.eq_ignore_ascii_case(&name_of(id)) {
        session.log.warn(&format!(
            "Container Service names the OIDC provider {} for cluster {id}, and that of a cluster is called {}: see that it is this cluster's, since the pods of the one whose it is get the role",
            provider.name,
            name_of(id)
        ));
    }
    Ok(provider)
}

/// The identity provider of a cluster that is not ACK's, as IMS says it.
///
/// # Errors
/// Among others, where there is none, or it does not take the tokens.
pub(super) fn of_self_managed(
    session: &Session<'_>,
    flags: &SelfManagedFlags,
    id: &ClusterId,
) -> Result<IdentityProvider, Error> {
    let (ims, name) = (session.ims(flags)?, name_of(id));
    let call = ims.oidc_provider(&name, &session.credentials, session.now());
    let provider = session.ask("asking IMS", call)?;
    of_provider(provider, id, name).map_err(Error::from)
}

/// What Container Service says of a cluster.
pub(super) fn of_config(config: Option<&RrsaConfig>, id: &ClusterId) -> Result<IdentityProvider, RrsaError> {
    let config = config.ok_or_else(|| RrsaError::Unknown { cluster: id.to_string() })?;
    if !config.enabled {
        return Err(RrsaError::Disabled { cluster: id.to_string() });
    }
    let said = |text: &str, missing| match text.trim() {
        "" => Err(RrsaError::Incomplete { cluster: id.to_string(), missing }),
        text => Ok(text.to_owned()),
    };
    let provider = IdentityProvider {
        name: said(&config.oidc_name, "OIDC provider's name")?,
        arn: said(&config.oidc_arn, "OIDC provider's ARN")?,
        issuer: said(config.signing_issuer().unwrap_or_default(), "issuer")?,
        audience: match config.audience.trim() {
            "" => AUDIENCE.to_owned(),
            audience => audience.to_owned(),
        },
    };
    checked(provider, id, "Container Service")
}

/// Whether it is `acs:ram::ACCOUNT-ID:oidc-provider/NAME`.
pub(super) fn is_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["acs", "ram", "", account, resource] => {
            let name = resource.strip_prefix("oidc-provider/").unwrap_or_default();
            !account.is_empty()
                && account.bytes().all(|b| b.is_ascii_digit())
                && (1..=128).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        }
        _ => false,
    }
}

/// All of it goes into trust policies: what is in an answer and is no such thing (an ARN with a `*` that names everybody's
/// providers, a text that a person does not see as it is) must not get there.
fn checked(
    provider: IdentityProvider,
    id: &ClusterId,
    service: &'static str,
) -> Result<IdentityProvider, RrsaError> {
    let is_plain = |text: &str| text.len() <= MAX_TEXT && text.bytes().all(|b| b.is_ascii_graphic());
    let (what, said) = if !is_arn(&provider.arn)
        || provider.arn.rsplit_once('/').map(|(_, name)| name) != Some(provider.name.as_str())
    {
        ("OIDC provider's ARN", &provider.arn)
    } else if !(provider.issuer.starts_with("https://") && is_plain(&provider.issuer)) {
        ("issuer", &provider.issuer)
    } else if !is_plain(&provider.audience) {
        ("audience", &provider.audience)
    } else {
        return Ok(provider);
    };
    Err(RrsaError::Odd { cluster: id.to_string(), service, what, said: shown(said) })
}

fn of_provider(
    provider: Option<OidcProvider>,
    id: &ClusterId,
    name: String,
) -> Result<IdentityProvider, RrsaError> {
    let cluster = id.to_string();
    match provider {
        None => Err(RrsaError::NoProvider { cluster, name }),
        Some(provider) if !provider.client_ids.iter().any(|id| id == AUDIENCE) => {
            Err(RrsaError::NoAudience { cluster, name, audience: AUDIENCE })
        }
        // RAM has names in one case, whatever case is asked for.
        Some(provider) if !provider.name.eq_ignore_ascii_case(&name) => Err(RrsaError::Odd {
            cluster,
            service: "IMS",
            what: "OIDC provider's name",
            said: shown(&provider.name),
        }),
        Some(OidcProvider { name, arn, issuer_url, .. }) => checked(
            IdentityProvider { name, arn, issuer: issuer_url, audience: AUDIENCE.to_owned() },
            id,
            "IMS",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ClusterId {
        "c1".parse().unwrap()
    }

    fn config() -> RrsaConfig {
        RrsaConfig {
            enabled: true,
            issuer: "https://new.example/c1, https://old.example/c1".to_owned(),
            audience: "sts.aliyuncs.com".to_owned(),
            oidc_name: "ack-rrsa-c1".to_owned(),
            oidc_arn: "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1".to_owned(),
        }
    }

    #[test]
    fn the_first_issuer_is_the_one_that_signs() {
        let provider = of_config(Some(&config()), &id()).unwrap();
        assert_eq!(provider.issuer, "https://new.example/c1");
        assert_eq!((provider.name.as_str(), provider.audience.as_str()), ("ack-rrsa-c1", AUDIENCE));
        assert_eq!(provider.arn, "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1");
        let audience = of_config(Some(&RrsaConfig { audience: String::new(), ..config() }), &id());
        assert_eq!(audience.unwrap().audience, AUDIENCE);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |config: Option<RrsaConfig>| of_config(config.as_ref(), &id()).unwrap_err().to_string();
        let disabled = error(Some(RrsaConfig { enabled: false, ..config() }));
        assert!(
            disabled.contains("not enabled for cluster c1") && disabled.contains("rrsa enable"),
            "{disabled}"
        );
        let unknown = error(None);
        assert!(unknown.contains("whether RRSA is enabled for cluster c1"), "{unknown}");
        for (lacking, missing) in [
            (RrsaConfig { oidc_name: String::new(), ..config() }, "its OIDC provider's name"),
            (RrsaConfig { oidc_arn: " ".to_owned(), ..config() }, "its OIDC provider's ARN"),
            (RrsaConfig { issuer: " , ".to_owned(), ..config() }, "its issuer"),
        ] {
            let error = error(Some(lacking));
            assert!(error.contains(missing) && error.contains("cluster c1"), "{error}");
        }
    }

    #[test]
    fn what_is_no_provider_goes_into_no_trust_policy() {
        let arn = |arn: &str| RrsaConfig { oidc_arn: arn.to_owned(), ..config() };
        let issuer = |issuer: &str| RrsaConfig { issuer: issuer.to_owned(), ..config() };
        let long = format!("https://{}", "x".repeat(248));
        for (odd, what) in [
            (arn("*"), "OIDC provider's ARN is \"*\""),
            (arn("acs:ram::*:oidc-provider/ack-rrsa-c1"), "OIDC provider's ARN"),
            (arn("acs:ram::1234567890123456:oidc-provider/*"), "OIDC provider's ARN"),
            (arn("acs:ram::1234567890123456:role/ack-rrsa-c1"), "OIDC provider's ARN"),
            (arn("acs:ram:::oidc-provider/ack-rrsa-c1"), "OIDC provider's ARN"),
            (arn("acs:ram:*:1234567890123456:oidc-provider/ack-rrsa-c1"), "OIDC provider's ARN"),
            (
                RrsaConfig {
                    oidc_name: "ack-rrsa-*".to_owned(),
                    ..arn("acs:ram::1234567890123456:oidc-provider/ack-rrsa-*")
                },
                "OIDC provider's ARN",
            ),
            (arn("acs:ram::1234567890123456:oidc-provider/ack-rrsa-c2"), "OIDC provider's ARN"),
            (arn("acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1\u{200b}"), "OIDC provider's ARN"),
            (issuer("http://issuer.example"), "issuer is"),
            (issuer("*"), "issuer is"),
            (issuer("https://issuer.example/\u{202e}1c"), "issuer is \"https://issuer.example/?1c\""),
            (issuer("https://issuer.example/ c1"), "issuer is"),
            (issuer(&long), "issuer is"),
            (RrsaConfig { audience: "sts.aliyuncs.com\n".repeat(2), ..config() }, "audience is"),
        ] {
            let error = of_config(Some(&odd), &id()).expect_err(&odd.oidc_arn).to_string();
            assert!(error.contains(what) && error.contains("Container Service"), "{error}");
            assert!(error.lines().count() == 1 && error.len() < 400, "{error}");
        }
        let provider = |name: &str, arn: &str| OidcProvider {
            name: name.to_owned(),
            arn: arn.to_owned(),
            issuer_url: "https://issuer.example/c1".to_owned(),
            client_ids: vec![AUDIENCE.to_owned()],
            fingerprints: Vec::new(),
            issuance_limit_time: None,
            description: String::new(),
        };
        for (name, arn) in [
            ("ack-rrsa-c2", "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c2"),
            ("ack-rrsa-c1", "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c2"),
            ("ack-rrsa-c1", "acs:ram::*:oidc-provider/ack-rrsa-c1"),
        ] {
            let error = of_provider(Some(provider(name, arn)), &id(), name_of(&id())).unwrap_err();
            assert!(error.to_string().contains("IMS says"), "{error}");
        }
    }

    #[test]
    fn a_provider_of_ims_has_to_take_the_tokens() {
        let provider = |client_ids: &[&str]| OidcProvider {
            name: "ack-rrsa-c1".to_owned(),
            arn: "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1".to_owned(),
            issuer_url: "https://issuer.example/c1".to_owned(),
            client_ids: client_ids.iter().map(|id| (*id).to_owned()).collect(),
            fingerprints: Vec::new(),
            issuance_limit_time: None,
            description: String::new(),
        };
        let of = |provider| of_provider(provider, &id(), name_of(&id()));
        let good = of(Some(provider(&["kubernetes", AUDIENCE]))).unwrap();
        assert_eq!((good.issuer.as_str(), good.audience.as_str()), ("https://issuer.example/c1", AUDIENCE));
        // RAM has its name in one case, whatever case is asked for.
        let (name, arn) =
            ("ACK-rrsa-C1".to_owned(), "acs:ram::1234567890123456:oidc-provider/ACK-rrsa-C1".to_owned());
        let named = of(Some(OidcProvider { name, arn, ..provider(&[AUDIENCE]) })).unwrap();
        assert_eq!(named.arn, "acs:ram::1234567890123456:oidc-provider/ACK-rrsa-C1");
        let error = of(Some(provider(&["kubernetes"]))).unwrap_err().to_string();
        assert!(error.contains("ack-rrsa-c1 lacks the client id sts.aliyuncs.com"), "{error}");
        let error = of(None).unwrap_err().to_string();
        assert!(error.contains("ack-rrsa-c1") && error.contains("--self-managed"), "{error}");
    }
}
