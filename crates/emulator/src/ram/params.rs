//! Parameters of RAM's operations, checked as its documentation of CreateUser, CreateRole and CreatePolicy has them.

use super::refusal::{invalid_chars, malformed_policy, too_long};
use crate::entities::MAX_SESSION_DURATION;
use crate::error::ApiError;
use crate::policy::TrustPolicy;
use crate::request::Params;

/// Characters of a description; of users' comments and display names.
const MAX_DESCRIPTION: usize = 1024;
const MAX_COMMENT: usize = 128;
/// Bytes of a trust policy; of a custom policy.
const MAX_TRUST_POLICY: usize = 4096;
pub(super) const MAX_POLICY: usize = 6144;

/// A name of 1 to `longest` letters, digits and `marks`.
fn name<'a>(params: &'a Params, key: &str, longest: usize, marks: &str) -> Result<&'a str, ApiError> {
    let name = params.required(key)?;
    if name.chars().count() > longest {
        return Err(too_long(key));
    }
    if name.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c)) {
        Ok(name)
    } else {
        Err(invalid_chars(key))
    }
}

pub(super) fn user_name(params: &Params) -> Result<&str, ApiError> {
    name(params, "UserName", 64, ".-_@")
}

pub(super) fn role_name(params: &Params) -> Result<&str, ApiError> {
    name(params, "RoleName", 64, ".-")
}

pub(super) fn policy_name(params: &Params) -> Result<&str, ApiError> {
    name(params, "PolicyName", 128, "-")
}

/// `Description` or `NewDescription`; `None` when it is not given.
pub(super) fn description<'a>(params: &'a Params, key: &str) -> Result<Option<&'a str>, ApiError> {
    short_text(params, key, MAX_DESCRIPTION)
}

/// `DisplayName`, `Comments`, `Email`, `MobilePhone`.
pub(super) fn comment<'a>(params: &'a Params, key: &str) -> Result<&'a str, ApiError> {
    Ok(short_text(params, key, MAX_COMMENT)?.unwrap_or_default())
}

fn short_text<'a>(params: &'a Params, key: &str, longest: usize) -> Result<Option<&'a str>, ApiError> {
    match params.get(key) {
        Some(text) if text.chars().count() > longest => Err(too_long(key)),
        given => Ok(given),
    }
}

/// Whether `PolicyType` is `Custom`, and not `System`.
pub(super) fn is_custom(params: &Params) -> Result<bool, ApiError> {
    match params.required("PolicyType")? {
        "Custom" => Ok(true),
        "System" => Ok(false),
        _ => Err(ApiError::new(
            400,
            "InvalidParameter.PolicyType",
            "The parameter - \"PolicyType\" is incorrect.",
        )),
    }
}

/// `MaxSessionDuration` or `NewMaxSessionDuration`, in seconds; `None` when it is not given.
pub(super) fn max_session_duration(params: &Params, key: &str) -> Result<Option<u32>, ApiError> {
    let Some(text) = params.get(key).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(seconds) if MAX_SESSION_DURATION.contains(&seconds) => Ok(Some(seconds)),
        _ => Err(ApiError::new(
            400,
            format!("InvalidParameter.{key}"),
            format!(
                "The parameter - \"{key}\" must be between {} and {} seconds.",
                MAX_SESSION_DURATION.start(),
                MAX_SESSION_DURATION.end()
            ),
        )),
    }
}

/// `AssumeRolePolicyDocument` or `NewAssumeRolePolicyDocument`; `role` is named in what is wrong with it.
pub(super) fn trust_policy(text: &str, key: &str, role: &str) -> Result<TrustPolicy, ApiError> {
    if text.len() > MAX_TRUST_POLICY {
        return Err(too_long(key));
    }
    TrustPolicy::from_json(text, &format!("role {role:?}")).map_err(|problem| malformed_policy(&problem))
}
