//! RAM's identity provider of a cluster that is not ACK's: what is to be done until it is as it must be.

use openapi::api::ApiError;
use openapi::ims::{Client, NewOidcProvider, OidcProvider};

use super::super::identity_provider::AUDIENCE;
use super::super::session::Session;
use crate::cluster_id::ClusterId;
use crate::error::{Error, SelfManagedError};
use crate::visible::visible;

/// RAM's limit ("CreateOIDCProvider").
pub(super) const MAX_FINGERPRINTS: usize = 5;
const MAX_NAME: usize = 128;

/// What the provider must be.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) cluster: ClusterId,
    pub(super) name: String,
    pub(super) issuer: String,
    /// 40 hexadecimal digits each.
    pub(super) fingerprints: Vec<String>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Create(NewOidcProvider),
    AddClientId,
    AddFingerprint(String),
}

/// Whether RAM takes the name ("CreateOIDCProvider").
pub(super) fn check_name(cluster: &ClusterId, name: &str) -> Result<(), SelfManagedError> {
    let no = |detail| Err(SelfManagedError::ProviderName { cluster: cluster.to_string(), detail });
    if name.len() > MAX_NAME {
        return no("is longer than 128 characters");
    }
    match name.ends_with(['.', '-', '_']) {
        true => no("ends with a mark"),
        false => Ok(()),
    }
}

/// A fingerprint as RAM has them: 40 hexadecimal digits in capitals. Colons between them, as openssl writes them, are left
/// out.
pub(super) fn parse_fingerprint(text: &str) -> Result<String, String> {
    let text = text.trim();
    let digits =
        text.split_once('=').map_or(text, |(_, digits)| digits).replace(':', "").to_ascii_uppercase();
    match digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => Ok(digits),
        false => Err("write the SHA-1 of a certificate: 40 hexadecimal digits".to_owned()),
    }
}

/// What is to be done, where `named` is the provider of that name and `all` are the account's.
///
/// # Errors
/// Where another provider, or this one for another issuer, stands in the way.
pub(super) fn plan(
    named: Option<&OidcProvider>,
    all: &[OidcProvider],
    wanted: &Wanted,
) -> Result<Vec<Step>, SelfManagedError> {
    let Wanted { cluster, name, issuer, fingerprints } = wanted;
    let is_taken = |provider: &&OidcProvider| {
        provider.name != *name && provider.issuer_url.trim_end_matches('/') == issuer.as_str()
    };
    if let Some(named) = named
        && named.issuer_url != *issuer
    {
        return Err(SelfManagedError::OtherIssuer {
            name: name.clone(),
            theirs: visible(&named.issuer_url),
            ours: issuer.clone(),
            cluster: cluster.to_string(),
        });
    }
    if let Some(other) = all.iter().find(is_taken) {
        return Err(SelfManagedError::IssuerTaken {
            issuer: issuer.clone(),
            other: visible(&other.name),
            name: name.clone(),
        });
    }
    let have = named.map_or(&[][..], |named| &named.fingerprints);
    let is_lacking = |wanted: &&String| !have.iter().any(|own| own.eq_ignore_ascii_case(wanted));
    let lacking: Vec<String> = fingerprints.iter().filter(is_lacking).cloned().collect();
    if have.len().saturating_add(lacking.len()) > MAX_FINGERPRINTS && !lacking.is_empty() {
        return Err(SelfManagedError::TooManyFingerprints {
            name: name.clone(),
            have: have.len(),
            lacking: lacking.join(", "),
            most: MAX_FINGERPRINTS,
        });
    }
    let Some(named) = named else {
        return Ok(vec![Step::Create(NewOidcProvider {
            name: name.clone(),
            issuer_url: issuer.clone(),
            client_ids: vec![AUDIENCE.to_owned()],
            fingerprints: lacking,
            description: format!("Kubernetes cluster {cluster}, registered by ack-ram-tool"),
            issuance_limit_time: None,
        })]);
    };
    let client_id = (!named.client_ids.iter().any(|id| id == AUDIENCE)).then_some(Step::AddClientId);
    Ok(client_id.into_iter().chain(lacking.into_iter().map(Step::AddFingerprint)).collect())
}

impl Step {
    /// What it does, for a question and for "done".
    pub(super) fn words(&self, name: &str) -> String {
        match self {
            Self::Create(new) => format!(
                "create the identity provider {name} for the issuer {}, with the client id {AUDIENCE} and the fingerprint {}",
                new.issuer_url,
                new.fingerprints.join(", ")
            ),
            Self::AddClientId => format!("add the client id {AUDIENCE} to the identity provider {name}"),
            Self::AddFingerprint(fingerprint) => {
                format!("add the fingerprint {fingerprint} to the identity provider {name}")
            }
        }
    }
}

/// Takes the steps, one call each.
///
/// # Errors
/// The first call that fails, with what was done before.
pub(super) fn carry_out(
    steps: &[Step],
    session: &Session<'_>,
    ims: &Client,
    name: &str,
) -> Result<(), Error> {
    let mut done: Vec<String> = Vec::new();
    for step in steps {
        match session.ask("asking IMS", call(step, session, ims, name)) {
            Ok(()) => done.push(step.words(name)),
            Err(Error::Api(source)) => {
                let done = match (done.is_empty(), source.is_passing() && source.may_have_arrived()) {
                    (false, _) => format!("this is done: {}", done.join("; ")),
                    (true, true) => format!("this may be done: {}", step.words(name)),
                    (true, false) => {
                        format!("nothing was changed at RAM, it was asked to {}", step.words(name))
                    }
                };
                return Err(SelfManagedError::HalfDone { done, source: Box::new(source) }.into());
            }
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

async fn call(step: &Step, session: &Session<'_>, ims: &Client, name: &str) -> Result<(), ApiError> {
    let (credentials, now) = (&session.credentials, session.now());
    match step {
        Step::Create(new) => ims.create_oidc_provider(new, credentials, now).await.map(|_| ()),
        Step::AddClientId => ims.add_client_id(name, AUDIENCE, credentials, now).await.map(|_| ()),
        Step::AddFingerprint(fingerprint) => {
            ims.add_fingerprint(name, fingerprint, credentials, now).await.map(|_| ())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NAME: &str = "ack-rrsa-c1";
    const ISSUER: &str = "https://issuer.example/c1";
    const CA: &str = "0BBFAB97059595E8D1EC48E89EB8657C0E5AAE71";

    fn provider(name: &str, issuer: &str, client_ids: &[&str], fingerprints: &[&str]) -> OidcProvider {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        OidcProvider {
            name: name.to_owned(),
            arn: String::new(),
            issuer_url: issuer.to_owned(),
            client_ids: owned(client_ids),
            fingerprints: owned(fingerprints),
            issuance_limit_time: None,
            description: String::new(),
        }
    }

    fn wanted() -> Wanted {
        Wanted {
            cluster: "c1".parse().unwrap(),
            name: NAME.to_owned(),
            issuer: ISSUER.to_owned(),
            fingerprints: vec![CA.to_owned()],
        }
    }

    #[test]
    fn what_is_missing_is_done_and_nothing_else() {
        let steps = |provider: OidcProvider| {
            plan(Some(&provider), std::slice::from_ref(&provider), &wanted()).unwrap()
        };
        let lower = CA.to_ascii_lowercase();
        assert_eq!(steps(provider(NAME, ISSUER, &["x", AUDIENCE], &["0", &lower])), []);
        assert_eq!(
            steps(provider(NAME, ISSUER, &["x"], &["0"])),
            [Step::AddClientId, Step::AddFingerprint(CA.to_owned())]
        );
        let other = provider("other", "https://issuer.example/c2", &[], &[]);
        let made = plan(None, &[other], &wanted()).unwrap();
        let [Step::Create(new)] = &made[..] else { panic!("{made:?}") };
        assert_eq!((new.name.as_str(), new.issuer_url.as_str()), (NAME, ISSUER));
        assert_eq!(
            (&new.client_ids[..], &new.fingerprints[..]),
            (&[AUDIENCE.to_owned()][..], &[CA.to_owned()][..])
        );
    }

    #[test]
    fn another_issuer_or_another_name_is_refused() {
        let refused = |named: Option<&OidcProvider>, all: &[OidcProvider]| {
            plan(named, all, &wanted()).unwrap_err().to_string()
        };
        let slash = provider(NAME, "https://issuer.example/c1/", &[AUDIENCE], &[CA]);
        let error = refused(Some(&slash), std::slice::from_ref(&slash));
        assert!(error.contains("for the issuer https://issuer.example/c1/ and not for"), "{error}");
        for issuer in [ISSUER, "https://issuer.example/c1/"] {
            let other = provider("mine", issuer, &[AUDIENCE], &[CA]);
            let error = refused(None, &[other]);
            assert!(error.contains("identity provider mine") && error.contains(NAME), "{error}");
        }
        let five = provider(NAME, ISSUER, &[AUDIENCE], &["1", "2", "3", "4", "5"]);
        assert!(refused(Some(&five), std::slice::from_ref(&five)).contains("has 5 fingerprints"));
        // However many there are, nothing is too many where none is lacking.
        let six = provider(NAME, ISSUER, &[AUDIENCE], &["1", "2", "3", "4", "5", CA]);
        assert_eq!(plan(Some(&six), &[], &wanted()).unwrap(), []);
        let four = provider(NAME, ISSUER, &[AUDIENCE], &["1", "2", "3", "4"]);
        assert_eq!(plan(Some(&four), &[], &wanted()).unwrap().len(), 1);
        let many =
            Wanted { fingerprints: (0..6).map(|digit| digit.to_string().repeat(40)).collect(), ..wanted() };
        assert!(plan(None, &[], &many).unwrap_err().to_string().contains("has 0 fingerprints and lacks"));
    }

    #[test]
    fn fingerprints_as_people_have_them() {
        for text in
            [CA.to_owned(), CA.to_ascii_lowercase(), format!(" {CA}\n"), format!("SHA1 Fingerprint={CA}")]
        {
            assert_eq!(parse_fingerprint(&text).unwrap(), CA);
        }
        assert_eq!(parse_fingerprint(&["ab"; 20].join(":")).unwrap(), "AB".repeat(20));
        for text in ["", "12", "0BBFAB97", &format!("{CA}0"), &"x".repeat(40)] {
            assert!(parse_fingerprint(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_that_ram_does_not_take() {
        let check = |id: &str| {
            let cluster: ClusterId = id.parse().unwrap();
            check_name(&cluster, &super::super::super::identity_provider::name_of(&cluster))
        };
        assert!(check("c1").is_ok() && check(&"c".repeat(119)).is_ok());
        for bad in ["c.", "c-", "c_", &"c".repeat(120)] {
            assert!(check(bad).unwrap_err().to_string().contains("--cluster-id"), "{bad}");
        }
    }
}
