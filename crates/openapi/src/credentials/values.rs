//! Values of variables and files, checked: what comes out can be signed with.

use identity::arn::Resource;
use signature::{Secret, acs3};

use super::Credentials;
use super::error::{CredentialError, ValueProblem};
use super::variables::Found;
use crate::sts::{AssumeRole, SessionName};

const MIN_DURATION_SECONDS: i64 = 900;
const MAX_DURATION_SECONDS: i64 = 43_200;

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

/// The session name that was found, or the program's name.
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
    let arn: identity::Arn =
        found.value.parse().map_err(|_| CredentialError::RoleArn { origin: found.origin.clone() })?;
    match arn.resource() {
        Resource::Role { .. } => Ok(arn.as_str().to_owned()),
        _ => Err(CredentialError::NotARole { origin: found.origin.clone() }),
    }
}

/// A call of `AssumeRole` with what is always needed.
pub(super) fn assume_role(role: &Found, session: SessionName) -> Result<AssumeRole, CredentialError> {
    Ok(AssumeRole::new(role_arn(role)?, session))
}

/// `ExternalId` of `AssumeRole`: 2 to 1224 characters of `A-Z a-z 0-9 _ + = , . @ : / -`.
pub(super) fn external_id(found: &Found) -> Result<String, CredentialError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b);
    let good = (2..=1224).contains(&found.value.len()) && found.value.bytes().all(allowed);
    if good { Ok(found.value.clone()) } else { Err(found.problem(ValueProblem::ExternalId)) }
}

/// `DurationSeconds` of `AssumeRole`: 900 to 43200; 0 stands for STS's default.
pub(super) fn duration_seconds(origin: &str, seconds: i64) -> Result<Option<u32>, CredentialError> {
    match seconds {
        0 => Ok(None),
        MIN_DURATION_SECONDS..=MAX_DURATION_SECONDS => Ok(u32::try_from(seconds).ok()),
        _ => Err(CredentialError::Value { origin: origin.to_owned(), problem: ValueProblem::Duration }),
    }
}
