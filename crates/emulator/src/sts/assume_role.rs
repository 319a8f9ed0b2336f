//! `AssumeRole`: temporary keys for a role, for callers whom its trust policy names.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::issue::{TemporaryKey, ended};
use crate::entities::{MIN_SESSION_SECONDS, Role};
use crate::error::ApiError;
use crate::names::{is_account_id, is_role_name, is_session_name};
use crate::operation::{Call, Fields};
use crate::principal::Identity;
use crate::trust_policy::{AssumeRoleRequest, Caller, Decision};

const DEFAULT_SESSION_SECONDS: u32 = 3600;
/// Bytes.
const MAX_POLICY: usize = 2048;
/// Characters.
const EXTERNAL_ID_LENGTH: RangeInclusive<usize> = 2..=1224;

pub(super) fn assume_role(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let arn = call.params.required("RoleArn")?;
    let session_name = call.params.required("RoleSessionName")?;
    let (account_id, role_name) = parse_role_arn(arn).ok_or_else(|| ApiError::wrongly_formed("RoleArn"))?;
    if !is_session_name(session_name) {
        return Err(ApiError::wrongly_formed("RoleSessionName"));
    }
    check_policy(call.params.get("Policy"))?;
    let external_id = external_id(call.params.get("ExternalId"))?;
    if matches!(caller, Identity::Account(_)) {
        return Err(denied(caller, "Roles may not be assumed by root accounts.", Decision::ImplicitDeny));
    }
    let role = call.directory.role(account_id, role_name).ok_or_else(|| ApiError::no_such_role(arn))?;
    let decision = role.trust_policy.decide(&AssumeRoleRequest { caller: Caller::Ram(caller), external_id });
    if decision != Decision::Allowed {
        let message = "You are not authorized to do this action. You should be authorized by RAM.";
        return Err(denied(caller, message, decision));
    }
    let seconds = duration(call.params.get("DurationSeconds"), &role)?;
    issue(call, account_id, &role, session_name, seconds)
}

/// `acs:ram::<account>:role/<name>`, in any case.
pub(super) fn parse_role_arn(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(5, ':');
    let mut part = || parts.next();
    let (acs, ram, region, account, resource) = (part()?, part()?, part()?, part()?, part()?);
    let (kind, name) = resource.split_once('/')?;
    let fixed = [(acs, "acs"), (ram, "ram"), (region, ""), (kind, "role")];
    let right = fixed.iter().all(|(given, wanted)| given.eq_ignore_ascii_case(wanted));
    (right && is_account_id(account) && is_role_name(name)).then_some((account, name))
}

/// A session policy is accepted and changes nothing here: no operation of the emulator depends on permissions yet.
pub(super) fn check_policy(policy: Option<&str>) -> Result<(), ApiError> {
    let Some(policy) = policy.filter(|text| !text.is_empty()) else {
        return Ok(());
    };
    let is_document = serde_json::from_str::<Value>(policy).is_ok_and(|document| document.is_object());
    if policy.len() <= MAX_POLICY && is_document {
        Ok(())
    } else {
        Err(ApiError::wrongly_formed("PolicyGrammar"))
    }
}

fn external_id(text: Option<&str>) -> Result<Option<&str>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if EXTERNAL_ID_LENGTH.contains(&text.chars().count()) && text.chars().all(allowed) {
        Ok(Some(text))
    } else {
        Err(ApiError::wrongly_formed("ExternalId"))
    }
}

pub(super) fn duration(text: Option<&str>, role: &Role) -> Result<u32, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(DEFAULT_SESSION_SECONDS);
    };
    let allowed = MIN_SESSION_SECONDS..=role.max_session_duration;
    text.parse().ok().filter(|seconds| allowed.contains(seconds)).ok_or_else(|| {
        ApiError::new(
            400,
            "InvalidParameter.DurationSeconds",
            format!(
                "The parameter DurationSeconds must be between {} and {} seconds.",
                allowed.start(),
                allowed.end()
            ),
        )
    })
}

fn denied(caller: &Identity, message: &str, decision: Decision) -> ApiError {
    let no_permission_type = match decision {
        Decision::ExplicitDeny => "ExplicitDeny",
        Decision::ImplicitDeny | Decision::Allowed => "ImplicitDeny",
    };
    let mut error = ApiError::no_permission(message);
    error.access_denied =
        Some(caller.access_denied_detail("sts:AssumeRole", no_permission_type, "AssumeRolePolicy"));
    error
}

/// The answer with temporary keys for a session of the role.
pub(super) fn issue(
    call: &Call<'_>,
    account_id: &str,
    role: &Role,
    session_name: &str,
    seconds: u32,
) -> Result<Fields, ApiError> {
    let (seconds, at) = if call.ended_credentials { ended(call.now) } else { (seconds, call.now) };
    let key = TemporaryKey::for_role(call.directory, account_id, role, session_name, seconds, at)?;
    let mut fields = Fields::new();
    fields.insert(
        "AssumedRoleUser".to_owned(),
        json!({
            "Arn": format!("acs:ram::{account_id}:role/{}/{session_name}", role.name),
            "AssumedRoleId": format!("{}:{session_name}", role.id),
        }),
    );
    fields.insert("Credentials".to_owned(), key.to_json());
    Ok(fields)
}
