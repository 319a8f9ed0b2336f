//! Which place the environment variables point to.

use std::io;
use std::path::{Path, PathBuf};

use identity::arn::Resource;
use signature::{Secret, acs3};

use super::error::{CredentialError, Lacking, ValueProblem};
use super::variables::{self as names, Found, find};
use super::{Credentials, CredentialsUri, MetadataRole, ini};
use crate::network::Lookup;
use crate::sts::{AssumeRole, SessionName};

/// What a program finds around it: its variables, its files, and the name it was started by.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// The value of a variable.
    pub variable: Lookup<'a>,
    /// The content of a file. It is asked for the credentials file only, and only where that is the place that applies.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<String>,
    /// `argv[0]`: names the role session where no variable does.
    pub argument_zero: &'a str,
}

/// A place where credentials come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Source {
    /// They are here already.
    Keys(Credentials),
    /// Keys that assume a role.
    AssumeRole {
        /// The keys that sign the call.
        keys: Credentials,
        /// The call.
        request: AssumeRole,
    },
    /// A file with an OIDC token, exchanged at STS.
    Oidc(Oidc),
    /// A service that hands them out at a URL.
    Uri(CredentialsUri),
    /// The ECS metadata service.
    Metadata(MetadataRole),
}

/// What `AssumeRoleWithOIDC` needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// `acs:ram::ACCOUNT-ID:role/NAME`.
    pub role_arn: String,
    /// `acs:ram::ACCOUNT-ID:oidc-provider/NAME`.
    pub provider_arn: String,
    /// Read anew at each use: Kubernetes replaces it.
    pub token_file: PathBuf,
    /// Who the session is for.
    pub session_name: SessionName,
}

impl Source {
    /// Finds the place that applies, in the order of the public documentation of `ack-ram-tool`; the first that applies
    /// is final:
    ///
    /// 1. access key id, secret and security token (a role ARN beside them is ignored);
    /// 2. role ARN, OIDC provider ARN and OIDC token file;
    /// 3. access key id and secret, with a role ARN: that role;
    /// 4. `ALIBABA_CLOUD_CREDENTIALS_URI`;
    /// 5. `ALIBABA_CLOUD_ECS_METADATA`, the name of an ECS instance role;
    /// 6. `ALIBABA_CLOUD_CREDENTIALS_FILE`, an ini file whose section points to keys or to one of the above.
    ///
    /// # Errors
    /// [`CredentialError::Nothing`], or what is wrong with the variables of the place that applies.
    pub fn from_environment(surroundings: &Environment<'_>) -> Result<Self, CredentialError> {
        let environment = surroundings.variable;
        let id = find(environment, names::ACCESS_KEY_ID);
        let secret = find(environment, names::ACCESS_KEY_SECRET);
        let token = find(environment, names::SECURITY_TOKEN);
        let role = find(environment, names::ROLE_ARN);
        let provider = find(environment, names::OIDC_PROVIDER_ARN);
        let token_file = find(environment, names::OIDC_TOKEN_FILE);
        let session =
            || session_name(find(environment, names::ROLE_SESSION_NAME), surroundings.argument_zero);

        if let (Some(id), Some(secret), Some(token)) = (&id, &secret, &token) {
            return Ok(Self::Keys(keys(id, secret, Some(token))?));
        }
        if let (Some(role), Some(provider), Some(token_file)) = (&role, &provider, &token_file) {
            return Ok(Self::Oidc(Oidc {
                role_arn: role_arn(role)?,
                provider_arn: provider.word()?.to_owned(),
                token_file: PathBuf::from(&token_file.value),
                session_name: session()?,
            }));
        }
        if let (Some(id), Some(secret)) = (&id, &secret) {
            return with_role(keys(id, secret, None)?, role, session);
        }
        if let Some(uri) = find(environment, names::CREDENTIALS_URI) {
            return Ok(Self::Uri(CredentialsUri::from_text(&uri)?));
        }
        if let Some(name) = find(environment, names::ECS_METADATA) {
            return Ok(Self::Metadata(MetadataRole::new(&name, environment)?));
        }
        if let Some(path) = find(environment, names::CREDENTIALS_FILE) {
            return ini::read(&path, surroundings);
        }
        let lacking = vec![
            lacking_keys(id.as_ref(), secret.as_ref(), token.as_ref()),
            lacking_oidc(role.is_some(), provider.is_some(), token_file.is_some()),
            not_set("credentials URI", names::CREDENTIALS_URI),
            not_set("ECS instance role", names::ECS_METADATA),
            not_set("credentials file", names::CREDENTIALS_FILE),
        ];
        Err(CredentialError::Nothing { lacking })
    }

    /// What kind of place it is, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Keys(credentials) if credentials.security_token.is_some() => "temporary access key",
            Self::Keys(_) => "access key",
            Self::AssumeRole { .. } => "access key that assumes a role",
            Self::Oidc(_) => "OIDC token file",
            Self::Uri(_) => "credentials URI",
            Self::Metadata(_) => "ECS metadata service",
        }
    }

    /// The credentials, where nobody has to be asked for them.
    pub fn immediate(&self) -> Option<&Credentials> {
        match self {
            Self::Keys(credentials) => Some(credentials),
            _ => None,
        }
    }
}

/// Keys alone, or keys that assume a role.
pub(super) fn with_role(
    keys: Credentials,
    role: Option<Found>,
    session: impl FnOnce() -> Result<SessionName, CredentialError>,
) -> Result<Source, CredentialError> {
    let Some(role) = role else { return Ok(Source::Keys(keys)) };
    let request = AssumeRole { role_arn: role_arn(&role)?, session_name: session()? };
    Ok(Source::AssumeRole { keys, request })
}

pub(super) fn keys(
    id: &Found,
    secret: &Found,
    token: Option<&Found>,
) -> Result<Credentials, CredentialError> {
    let access_key_id = id.word()?;
    if !acs3::is_access_key_id(access_key_id) {
        return Err(id.problem(ValueProblem::AccessKeyId));
    }
    Ok(Credentials {
        access_key_id: access_key_id.to_owned(),
        access_key_secret: Secret::new(secret.word()?),
        security_token: token.map(|token| token.word().map(Secret::new)).transpose()?,
        expiration: None,
    })
}

pub(super) fn session_name(
    found: Option<Found>,
    argument_zero: &str,
) -> Result<SessionName, CredentialError> {
    match found {
        Some(found) => found.value.parse().map_err(|_| found.problem(ValueProblem::SessionName)),
        None => Ok(SessionName::from_program(argument_zero)),
    }
}

/// Checks that a text is the ARN of a role.
pub(super) fn role_arn(found: &Found) -> Result<String, CredentialError> {
    let arn: identity::Arn = found
        .value
        .parse()
        .map_err(|source| CredentialError::RoleArn { origin: found.origin.clone(), source })?;
    match arn.resource() {
        Resource::Role { .. } => Ok(arn.as_str().to_owned()),
        _ => Err(CredentialError::NotARole { origin: found.origin.clone() }),
    }
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
    use super::*;

    use std::collections::BTreeMap;

    const ROLE: &str = "acs:ram::1234567890123456:role/dev";
    const PROVIDER: &str = "acs:ram::1234567890123456:oidc-provider/ack";

    fn resolve_with(
        pairs: &[(&str, &str)],
        read_file: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<Source, CredentialError> {
        let map: BTreeMap<String, String> =
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let variable = |name: &str| map.get(name).cloned();
        Source::from_environment(&Environment {
            variable: &variable,
            read_file,
            argument_zero: "/usr/bin/ack-ram-tool",
        })
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
                Source::AssumeRole { keys, request } => {
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
        let error = resolve_with(&all[2..], &|_| Err(io::ErrorKind::NotFound.into())).unwrap_err();
        assert!(error.to_string().contains("/nowhere"), "{error}");
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
        ] {
            let text = fails(&pairs);
            assert!(text.starts_with(variable) && text.contains(wanted), "{text}");
        }
    }

    fn file(section: &str, content: &str) -> Result<Source, CredentialError> {
        let pairs = [
            ("ALIBABA_CLOUD_CREDENTIALS_FILE", "~/keys.ini"),
            ("HOME", "/home/x"),
            ("ALIBABA_CLOUD_PROFILE", section),
        ];
        resolve_with(&pairs, &|path| {
            assert_eq!(path, Path::new("/home/x/keys.ini"));
            Ok(content.to_owned())
        })
    }

    #[test]
    fn the_credentials_file_points_to_every_supported_kind() {
        let keys = "access_key_id=LTAIx\naccess_key_secret=s\n";
        for (content, name) in [
            (format!("[default]\ntype=access_key\n{keys}"), "access key"),
            (format!("[default]\ntype=sts\n{keys}sts_token=t"), "temporary access key"),
            (format!("[default]\ntype=sts\n{keys}security_token=t"), "temporary access key"),
            (
                format!("[default]\ntype=ram_role_arn\n{keys}role_arn={ROLE}\nrole_session_name=me"),
                "access key that assumes a role",
            ),
            ("[default]\ntype=ecs_ram_role\nrole_name=worker".to_owned(), "ECS metadata service"),
            ("[default]\ntype=credentials_uri\ncredentials_uri=http://x/".to_owned(), "credentials URI"),
        ] {
            assert_eq!(file("", &content).unwrap().name(), name);
        }
        let other = format!("[default]\ntype=ecs_ram_role\nrole_name=worker\n[ci]\ntype=access_key\n{keys}");
        assert_eq!(file("ci", &other).unwrap().name(), "access key");
    }

    #[test]
    fn a_credentials_file_that_cannot_be_used_names_the_key_or_section() {
        for (content, wanted) in [
            ("[default]\naccess_key_id=canary", "type in section [default]"),
            ("[default]\ntype=access_key\naccess_key_id=canary", "access_key_secret in section [default]"),
            ("[default]\ntype=canary", "a type that is not supported"),
            ("[default]\ntype=external\nprocess_command=canary", "a type that is not supported"),
            ("[x]\ntype=sts", "no section [default]"),
        ] {
            let text = file("", content).unwrap_err().to_string();
            assert!(text.contains(wanted) && text.contains("keys.ini") && !text.contains("canary"), "{text}");
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
