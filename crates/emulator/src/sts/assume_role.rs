//! `AssumeRole`: temporary keys for a role, for callers whom its trust policy names and whose own policies allow it.

use std::ops::RangeInclusive;

use serde_json::json;

use super::issue::{TemporaryKey, ended};
use crate::entities::{MIN_SESSION_SECONDS, Role};
use crate::error::{ApiError, NOT_AUTHORIZED};
use crate::names::{is_account_id, is_role_name, is_session_name};
use crate::operation::{Call, Fields};
use crate::policy::{
    self, ASSUME_ROLE, Ask, AssumeRoleRequest, Caller, Decision, Policy, PolicyType, Refusal,
};
use crate::principal::{Identity, RoleSession};

const DEFAULT_SESSION_SECONDS: u32 = 3600;
/// Bytes.
const MAX_POLICY: usize = 2048;
/// Characters.
const EXTERNAL_ID_LENGTH: RangeInclusive<usize> = 2..=1224;

pub(super) fn assume_role(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    call.throttle.count_assumption(caller.account_id(), call.now)?;
    let arn = call.params.required("RoleArn")?;
    let session_name = call.params.required("RoleSessionName")?;
    let (account_id, role_name) = parse_role_arn(arn).ok_or_else(|| ApiError::wrongly_formed("RoleArn"))?;
    if !is_session_name(session_name) {
        return Err(ApiError::wrongly_formed("RoleSessionName"));
    }
    let policy = session_policy(call.params.get("Policy"))?;
    let external_id = external_id(call.params.get("ExternalId"))?;
    if matches!(caller, Identity::Account(_)) {
        let refusal = Refusal { policy_type: PolicyType::Trust, decision: Decision::ImplicitDeny };
        return Err(denied(caller, "Roles may not be assumed by root accounts.", &refusal));
    }
    let role = call.directory.role(account_id, role_name).ok_or_else(|| ApiError::no_such_role(arn))?;
    let resource = format!("acs:ram::{account_id}:role/{}", role.name);
    let ask = Ask { action: ASSUME_ROLE, resource: &resource, origin: call.origin };
    let request = AssumeRoleRequest { caller: Caller::Ram(caller), external_id, origin: call.origin };
    policy::authorize(call.directory, caller, ask)
        .and_then(|()| role.trust_policy.authorize(&request))
        .map_err(|refusal| denied(caller, NOT_AUTHORIZED, &refusal))?;
    let seconds = duration(call.params.get("DurationSeconds"), &role)?;
    issue(call, account_id, &role, Session { name: session_name, policy, seconds })
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

/// What restricts a session beside the policies of its role; an empty one counts as none.
pub(super) fn session_policy(text: Option<&str>) -> Result<Option<Policy>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let policy = if text.len() <= MAX_POLICY { Policy::from_json(text, "Policy").ok() } else { None };
    policy.map(Some).ok_or_else(|| ApiError::wrongly_formed("PolicyGrammar"))
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

fn denied(caller: &Identity, message: &str, refusal: &Refusal) -> ApiError {
    let mut error = ApiError::no_permission(message);
    error.access_denied =
        Some(caller.access_denied_detail(ASSUME_ROLE, refusal.no_permission_type(), refusal.policy_type()));
    error
}

/// What a session of a role is to be.
pub(super) struct Session<'a> {
    pub(super) name: &'a str,
    pub(super) policy: Option<Policy>,
    pub(super) seconds: u32,
}

/// The answer with temporary keys for a session of the role.
pub(super) fn issue(
    call: &Call<'_>,
    account_id: &str,
    role: &Role,
    session: Session<'_>,
) -> Result<Fields, ApiError> {
    let (seconds, at) = if call.ended_credentials { ended(call.now) } else { (session.seconds, call.now) };
    let session_name = session.name;
    let identity = Identity::AssumedRole(RoleSession {
        account_id: account_id.to_owned(),
        role: role.name.clone(),
        role_id: role.id.clone(),
        session: session_name.to_owned(),
        policy: session.policy,
    });
    let key = TemporaryKey::issue(call.directory, identity, seconds, at)?;
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
