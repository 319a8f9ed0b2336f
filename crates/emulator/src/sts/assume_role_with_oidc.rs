//! `AssumeRoleWithOIDC`: temporary keys for a role, for whoever has a token of an issuer that the role's trust policy
//! accepts. Nobody signs this call: the token is the proof.

use serde_json::json;
use signature::format_timestamp;

use super::assume_role::{Session, duration, issue, parse_role_arn, session_policy};
use crate::error::ApiError;
use crate::names::is_session_name;
use crate::oidc::{Claims, ProviderArn, no_permission, no_such_provider};
use crate::operation::{Answering, Call, Fields};
use crate::policy::{AssumeRoleRequest, Caller, OidcCaller};

/// Characters (STS API reference, AssumeRoleWithOIDC).
const MAX_TOKEN: usize = 20_000;

pub(super) fn assume_role_with_oidc<'a>(call: &'a Call<'a>) -> Answering<'a> {
    Box::pin(answer(call))
}

async fn answer(call: &Call<'_>) -> Result<Fields, ApiError> {
    let params = call.params;
    let provider_arn = params.required("OIDCProviderArn")?;
    let role_arn = params.required("RoleArn")?;
    let session_name = params.required("RoleSessionName")?;
    // An empty one has a code of its own.
    let token = params.get("OIDCToken").ok_or_else(|| ApiError::missing("OIDCToken"))?;
    let provider_arn =
        ProviderArn::parse(provider_arn).ok_or_else(|| ApiError::wrongly_formed("OIDCProviderArn"))?;
    let (account_id, role_name) =
        parse_role_arn(role_arn).ok_or_else(|| ApiError::wrongly_formed("RoleArn"))?;
    if !is_session_name(session_name) {
        return Err(ApiError::wrongly_formed("RoleSessionName"));
    }
    let policy = session_policy(params.get("Policy"))?;
    if token.len() > MAX_TOKEN {
        return Err(ApiError::wrongly_formed("OIDCToken"));
    }
    let provider = call.directory.oidc_provider(&provider_arn).ok_or_else(no_such_provider)?;
    let token = provider.read(token)?;
    let keys = call.issuers.keys(&provider, token.key_id.as_deref(), call.now).await?;
    let claims = provider.verify(token, &keys, call.now)?;
    call.throttle.count(&provider.arn.account, call.now)?;
    call.throttle.count_assumption(&provider.arn.account, call.now)?;
    let role = call.directory.role(account_id, role_name).ok_or_else(|| ApiError::no_such_role(role_arn))?;
    let caller = OidcCaller {
        provider: &provider.arn,
        issuer: &claims.issuer,
        subject: &claims.subject,
        audiences: &claims.audiences,
    };
    let request = AssumeRoleRequest { caller: Caller::Oidc(caller), external_id: None, origin: call.origin };
    if role.trust_policy.authorize(&request).is_err() {
        return Err(no_permission());
    }
    let seconds = duration(params.get("DurationSeconds"), &role)?;
    let mut fields = issue(call, account_id, &role, Session { name: session_name, policy, seconds })?;
    fields.insert("OIDCTokenInfo".to_owned(), token_info(&claims));
    Ok(fields)
}

fn token_info(claims: &Claims) -> serde_json::Value {
    json!({
        "Subject": claims.subject,
        "Issuer": claims.issuer,
        "ClientIds": claims.audiences.join(","),
        "VerificationInfo": "Success",
        "ExpirationTime": format_timestamp(claims.expires_at),
        "IssuanceTime": format_timestamp(claims.issued_at),
    })
}
