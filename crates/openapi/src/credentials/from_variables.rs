//! The place that the environment variables point to.

use std::path::PathBuf;

use super::error::{CredentialError, Lacking};
use super::ini::Reading;
use super::search::Search;
use super::values::{assume_role, keys, role_arn, session_name};
use super::variables::{self as names, Found, find};
use super::{CredentialsUri, MetadataRole, Oidc, Source, ini};

/// What the variables give.
pub(super) enum Place {
    /// The first that applies.
    Found(Box<Source>),
    /// None applies: what each lacks.
    Lacking(Vec<Lacking>),
}

impl Place {
    fn found(source: Source) -> Self {
        Self::Found(Box::new(source))
    }
}

/// Finds the place that applies, in the order of the public documentation of `ack-ram-tool`; the first that applies is
/// final:
///
/// 1. access key id, secret and security token (a role ARN beside them is ignored);
/// 2. role ARN, OIDC provider ARN and OIDC token file;
/// 3. access key id and secret, with a role ARN: that role;
/// 4. `ALIBABA_CLOUD_CREDENTIALS_URI`;
/// 5. `ALIBABA_CLOUD_ECS_METADATA`, the name of an ECS instance role;
/// 6. `ALIBABA_CLOUD_CREDENTIALS_FILE`, an ini file; one that does not exist, or has not the profile that is asked for, is
///    passed over.
pub(super) fn find_place(search: &Search<'_>) -> Result<Place, CredentialError> {
    let environment = search.environment.variable;
    let id = find(environment, names::ACCESS_KEY_ID);
    let secret = find(environment, names::ACCESS_KEY_SECRET);
    let token = find(environment, names::SECURITY_TOKEN);
    let role = find(environment, names::ROLE_ARN);
    let provider = find(environment, names::OIDC_PROVIDER_ARN);
    let token_file = find(environment, names::OIDC_TOKEN_FILE);
    let session =
        || session_name(find(environment, names::ROLE_SESSION_NAME), search.environment.argument_zero);

    if let (Some(id), Some(secret), Some(token)) = (&id, &secret, &token) {
        return Ok(Place::found(Source::Keys(keys(id, secret, Some(token))?)));
    }
    if let (Some(role), Some(provider), Some(token_file)) = (&role, &provider, &token_file) {
        return Ok(Place::found(Source::Oidc(Oidc {
            role_arn: role_arn(role)?,
            provider_arn: provider.word()?.to_owned(),
            token_file: PathBuf::from(&token_file.value),
            session_name: session()?,
            endpoint: None,
        })));
    }
    if let (Some(id), Some(secret)) = (&id, &secret) {
        let keys = Source::Keys(keys(id, secret, None)?);
        return Ok(Place::found(match &role {
            None => keys,
            Some(role) => Source::AssumeRole {
                from: Box::new(keys),
                request: assume_role(role, session()?)?,
                endpoint: None,
            },
        }));
    }
    if let Some(uri) = find(environment, names::CREDENTIALS_URI) {
        return Ok(Place::found(Source::Uri(CredentialsUri::from_text(&uri)?)));
    }
    if let Some(name) = find(environment, names::ECS_METADATA) {
        return Ok(Place::found(Source::Metadata(MetadataRole::new(Some(&name), environment)?)));
    }
    let file = match find(environment, names::CREDENTIALS_FILE) {
        None => not_set("credentials file", names::CREDENTIALS_FILE),
        Some(path) => match ini::read(search.environment.expand(&path.value), search)? {
            Reading::Source(source) => return Ok(Place::Found(source)),
            Reading::NoFile => Lacking {
                place: "credentials file",
                lacks: format!("{} is set, but {} does not exist", path.origin, path.value),
            },
            Reading::NoSuchProfile(error) => {
                Lacking { place: "credentials file", lacks: format!("{} is set, but {error}", path.origin) }
            }
        },
    };
    Ok(Place::Lacking(vec![
        lacking_keys(id.as_ref(), secret.as_ref(), token.as_ref()),
        lacking_oidc(role.is_some(), provider.is_some(), token_file.is_some()),
        not_set("credentials URI", names::CREDENTIALS_URI),
        not_set("ECS instance role", names::ECS_METADATA),
        file,
    ]))
}

fn lacking_keys(id: Option<&Found>, secret: Option<&Found>, token: Option<&Found>) -> Lacking {
    let lacks = match (id, secret, token) {
        (Some(id), _, _) => {
            format!("{} is set, but no secret ({})", id.origin, names::ACCESS_KEY_SECRET.join(", "))
        }
        (None, Some(secret), _) => {
            format!("{} is set, but no access key id ({})", secret.origin, names::ACCESS_KEY_ID.join(", "))
        }
        (None, None, Some(token)) => format!(
            "{} is set, but neither access key id ({}) nor secret ({})",
            token.origin,
            names::ACCESS_KEY_ID.join(", "),
            names::ACCESS_KEY_SECRET.join(", ")
        ),
        (None, None, None) => format!(
            "neither id ({}) nor secret ({}) is set",
            names::ACCESS_KEY_ID.join(", "),
            names::ACCESS_KEY_SECRET.join(", ")
        ),
    };
    Lacking { place: "access key", lacks }
}

fn lacking_oidc(role: bool, provider: bool, token_file: bool) -> Lacking {
    let parts =
        [(role, names::ROLE_ARN), (provider, names::OIDC_PROVIDER_ARN), (token_file, names::OIDC_TOKEN_FILE)];
    let missing: Vec<String> =
        parts.iter().filter(|(set, _)| !set).map(|(_, family)| family.join(", ")).collect();
    let verb = if missing.len() == 1 { "is" } else { "are" };
    Lacking { place: "OIDC token", lacks: format!("{} {verb} not set", missing.join(", ")) }
}

fn not_set(place: &'static str, family: &[&str]) -> Lacking {
    Lacking { place, lacks: format!("{} is not set", family.join(", ")) }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::super::Credentials;
    use super::super::testing::{missing, search_with};
    use super::*;

    const ROLE: &str = "acs:ram::1234567890123456:role/dev";
    const PROVIDER: &str = "acs:ram::1234567890123456:oidc-provider/ack";

    fn resolve_with(
        pairs: &[(&str, &str)],
        read_file: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<Source, CredentialError> {
        search_with(pairs, read_file, |_| ())
    }

    fn resolve(pairs: &[(&str, &str)]) -> Result<Source, CredentialError> {
        resolve_with(pairs, &|path| panic!("{} is read for nothing", path.display()))
    }

    fn fails(pairs: &[(&str, &str)]) -> String {
        let text = resolve(pairs).expect_err("must fail").to_string();
        assert!(!text.contains('\n') && !text.contains("canary"), "{text}");
        text
    }

    fn expect_keys(source: Source) -> Credentials {
        match source {
            Source::Keys(credentials) => credentials,
            other => panic!("{}", other.name()),
        }
    }

    #[test]
    fn each_name_of_the_families_is_taken_and_families_mix() {
        for id in names::ACCESS_KEY_ID {
            for secret in names::ACCESS_KEY_SECRET {
                let keys = expect_keys(resolve(&[(id, "LTAIx"), (secret, "s")]).unwrap());
                assert_eq!((keys.access_key_id.as_str(), keys.access_key_secret.expose()), ("LTAIx", "s"));
                assert_eq!((keys.security_token, keys.expiration), (None, None));
                for token in names::SECURITY_TOKEN {
                    let keys = expect_keys(resolve(&[(id, "STS.x"), (secret, "s"), (token, "t")]).unwrap());
                    assert_eq!(keys.security_token.unwrap().expose(), "t");
                }
            }
        }
    }

    #[test]
    fn the_first_name_that_is_not_empty_wins() {
        for (family, other) in [
            (names::ACCESS_KEY_ID, names::ACCESS_KEY_SECRET),
            (names::ACCESS_KEY_SECRET, names::ACCESS_KEY_ID),
        ] {
            for (at, winner) in family.iter().enumerate() {
                let mut pairs = vec![(other[0], "o"), (*winner, "winner")];
                pairs.extend(family[..at].iter().map(|earlier| (*earlier, "")));
                pairs.extend(family[at + 1..].iter().map(|later| (*later, "later")));
                let keys = expect_keys(resolve(&pairs).unwrap());
                let got = [keys.access_key_id.as_str(), keys.access_key_secret.expose()];
                assert!(got.contains(&"winner"), "{winner}");
            }
        }
    }

    #[test]
    fn a_role_beside_temporary_keys_is_ignored() {
        let source = resolve(&[
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "STS.x"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s"),
            ("ALIBABA_CLOUD_SECURITY_TOKEN", "t"),
            ("ALIBABA_CLOUD_ROLE_ARN", ROLE),
        ]);
        assert!(source.unwrap().immediate().is_some());
    }

    #[test]
    fn oidc_comes_before_plain_keys_and_after_temporary_ones() {
        let mut pairs = vec![
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIx"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s"),
            ("ALIBABA_CLOUD_ROLE_ARN", ROLE),
            ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", PROVIDER),
            ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/token"),
        ];
        match resolve(&pairs).unwrap() {
            Source::Oidc(oidc) => {
                assert_eq!(oidc.role_arn, ROLE);
                assert_eq!(oidc.provider_arn, PROVIDER);
                assert_eq!(oidc.token_file, PathBuf::from("/token"));
                assert_eq!(oidc.session_name.as_str(), "ack-ram-tool");
            }
            other => panic!("{}", other.name()),
        }
        pairs.push(("SECURITY_TOKEN", "t"));
        assert_eq!(resolve(&pairs).unwrap().name(), "temporary access key");
    }

    #[test]
    fn keys_with_a_role_assume_it_under_the_documented_session_name() {
        let session = |extra: &[(&str, &str)]| {
            let mut pairs = vec![
                ("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIx"),
                ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s"),
                ("ALIBABA_CLOUD_ROLE_ARN", ROLE),
            ];
            pairs.extend(extra);
            match resolve(&pairs).unwrap() {
                Source::AssumeRole { from, request, .. } => {
                    let keys = expect_keys(*from);
                    assert_eq!((keys.access_key_id.as_str(), request.role_arn.as_str()), ("LTAIx", ROLE));
                    request.session_name.as_str().to_owned()
                }
                other => panic!("{}", other.name()),
            }
        };
        assert_eq!(session(&[]), "ack-ram-tool");
        assert_eq!(session(&[("ALICLOUD_ROLE_SESSION_NAME", "bob")]), "bob");
        let both =
            [("ALICLOUD_ROLE_SESSION_NAME", "bob"), ("ALIBABA_CLOUD_ROLE_SESSION_NAME", "alice@example.com")];
        assert_eq!(session(&both), "alice@example.com");
    }

    #[test]
    fn uri_metadata_and_file_follow_in_this_order() {
        let all = [
            ("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:8080/x?secret=canary"),
            ("ALIBABA_CLOUD_ECS_METADATA", "worker"),
            ("ALIBABA_CLOUD_CREDENTIALS_FILE", "/nowhere"),
        ];
        assert_eq!(resolve(&all).unwrap().name(), "credentials URI");
        assert!(!format!("{:?}", resolve(&all).unwrap()).contains("canary"));
        assert_eq!(resolve(&all[1..]).unwrap().name(), "ECS metadata service");
        let error = resolve_with(&all[2..], &missing).unwrap_err();
        assert!(error.to_string().contains("/nowhere does not exist"), "{error}");
        let error = resolve_with(&all[2..], &|_| Err(io::ErrorKind::PermissionDenied.into())).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("the credentials file /nowhere: permission denied: check"), "{text}");
        let with_half_a_key = [("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIx"), all[0]];
        assert_eq!(resolve(&with_half_a_key).unwrap().name(), "credentials URI");
    }

    #[test]
    fn when_nothing_is_found_every_place_is_named_with_what_it_lacks() {
        let text = fails(&[]);
        for family in [
            names::ACCESS_KEY_ID,
            names::ACCESS_KEY_SECRET,
            names::ROLE_ARN,
            names::OIDC_PROVIDER_ARN,
            names::OIDC_TOKEN_FILE,
            names::CREDENTIALS_URI,
            names::ECS_METADATA,
            names::CREDENTIALS_FILE,
        ] {
            for name in family {
                assert!(text.contains(name), "{name} is not in: {text}");
            }
        }
        let half = fails(&[("ALICLOUD_ACCESS_KEY", "LTAIx"), ("ALIBABA_CLOUD_ROLE_ARN", ROLE)]);
        assert!(half.contains("ALICLOUD_ACCESS_KEY is set, but no secret"), "{half}");
        assert!(
            half.contains("ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE are not set"),
            "{half}"
        );
        let half = fails(&[("ALICLOUD_SECRET_KEY", "canary")]);
        assert!(half.contains("ALICLOUD_SECRET_KEY is set, but no access key id"), "{half}");
        assert!(fails(&[("SECURITY_TOKEN", "canary")]).contains("SECURITY_TOKEN is set, but neither"));
    }

    #[test]
    fn a_bad_value_is_named_by_its_variable_and_not_quoted() {
        let id = ("ALICLOUD_ACCESS_KEY", "LTAIx");
        let secret = ("ACCESS_KEY_SECRET", "s");
        for (pairs, variable, wanted) in [
            (vec![id, ("ALICLOUD_SECRET_KEY", "canary\n")], "ALICLOUD_SECRET_KEY", "start or end"),
            (vec![id, ("ALICLOUD_SECRET_KEY", "can ary")], "ALICLOUD_SECRET_KEY", "holds blanks"),
            (vec![id, ("ALICLOUD_SECRET_KEY", "canary\u{1}x")], "ALICLOUD_SECRET_KEY", "holds blanks"),
            (vec![secret, ("ACCESS_KEY_ID", "canary/x")], "ACCESS_KEY_ID", "not an access key id"),
            (vec![id, secret, ("SECURITY_TOKEN", " canary")], "SECURITY_TOKEN", "start or end"),
            (vec![id, secret, ("ALIBABA_CLOUD_ROLE_ARN", "dev")], "ALIBABA_CLOUD_ROLE_ARN", "role ARN"),
            (
                vec![id, secret, ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1234567890123456:user/x")],
                "ALIBABA_CLOUD_ROLE_ARN",
                "no role",
            ),
            (
                vec![id, secret, ("ALIBABA_CLOUD_ROLE_ARN", ROLE), ("ALICLOUD_ROLE_SESSION_NAME", "can/ary")],
                "ALICLOUD_ROLE_SESSION_NAME",
                "session name",
            ),
            (
                vec![("ALIBABA_CLOUD_CREDENTIALS_URI", "ftp://canary/x")],
                "ALIBABA_CLOUD_CREDENTIALS_URI",
                "URL",
            ),
            (vec![("ALIBABA_CLOUD_CREDENTIALS_URI", "canary")], "ALIBABA_CLOUD_CREDENTIALS_URI", "URL"),
            (vec![("ALIBABA_CLOUD_ECS_METADATA", "../canary")], "ALIBABA_CLOUD_ECS_METADATA", "role name"),
            (vec![("ALIBABA_CLOUD_ECS_METADATA", "..")], "ALIBABA_CLOUD_ECS_METADATA", "role name"),
            (
                vec![("ALIBABA_CLOUD_ECS_METADATA", "x"), ("ALIBABA_CLOUD_IMDS_ENDPOINT", "canary")],
                "ALIBABA_CLOUD_IMDS_ENDPOINT",
                "URL",
            ),
            (
                vec![
                    ("ALIBABA_CLOUD_ECS_METADATA", "x"),
                    ("ALIBABA_CLOUD_IMDS_ENDPOINT", "http://canary/x#"),
                ],
                "ALIBABA_CLOUD_IMDS_ENDPOINT",
                "URL",
            ),
        ] {
            let text = fails(&pairs);
            assert!(text.starts_with(variable) && text.contains(wanted), "{text}");
        }
    }

    #[test]
    fn nothing_prints_a_secret() {
        let source = resolve(&[
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "STS.x"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary"),
            ("ALIBABA_CLOUD_SECURITY_TOKEN", "canary"),
        ]);
        assert!(!format!("{source:?}").contains("canary"));
    }
}
