//! `GenerateSessionAccessKey`: a key for a while, for whoever has the private half of a user's RSA key pair.

use std::ops::RangeInclusive;

use serde_json::json;
use signature::format_timestamp;

use super::issue::{SessionAccessKey, ended};
use crate::error::ApiError;
use crate::key_pair::KeyPairOwner;
use crate::operation::{Call, Fields};
use crate::principal::Identity;

/// Seconds; the SDKs hold their callers to the same.
const DURATION: RangeInclusive<u32> = 900..=3600;

pub(super) fn generate_session_access_key(call: &Call<'_>, owner: &KeyPairOwner) -> Result<Fields, ApiError> {
    // Some clients name the key pair a second time.
    if call.params.get("PublicKeyId").is_some_and(|id| !id.is_empty() && id != owner.key_pair.id) {
        return Err(ApiError::wrongly_formed("PublicKeyId"));
    }
    let seconds = match call.params.get("DurationSeconds").filter(|text| !text.is_empty()) {
        None => *DURATION.end(),
        Some(text) => text
            .parse()
            .ok()
            .filter(|seconds| DURATION.contains(seconds))
            .ok_or_else(|| ApiError::wrongly_formed("DurationSeconds"))?,
    };
    let (seconds, at) = if call.ended_credentials { ended(call.now) } else { (seconds, call.now) };
    let key = SessionAccessKey::issue(call.directory, Identity::User(owner.user.clone()), seconds, at)?;
    let mut fields = Fields::new();
    fields.insert(
        "SessionAccessKey".to_owned(),
        json!({
            "SessionAccessKeyId": key.id,
            "SessionAccessKeySecret": key.secret,
            "Expiration": format_timestamp(key.expiration),
        }),
    );
    Ok(fields)
}
