//! The JSON object that credentials URIs and the metadata service answer with.

use jiff::Timestamp;
use serde_json::{Map, Value};
use signature::{Secret, acs3};

use super::Credentials;

const MAX_PART_BYTES: usize = 16 * 1024;

/// Whether a security token and an end must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A credentials URI may hand out permanent keys.
    Any,
    /// The metadata service never does.
    Temporary,
}

/// Reads `AccessKeyId`, `AccessKeySecret`, `SecurityToken`, `Expiration`. The error never quotes the answer.
pub(super) fn parse(body: &[u8], kind: Kind) -> Result<Credentials, String> {
    let object: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| "its answer is no JSON object".to_owned())?;
    let text = |name: &str| -> Result<Option<&str>, String> {
        match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(value)) if value.is_empty() => Ok(None),
            Some(Value::String(value)) if is_word(value) => Ok(Some(value)),
            Some(_) => Err(format!("{name} in its answer is malformed")),
        }
    };
    let required = |name: &str| text(name)?.ok_or_else(|| format!("{name} is missing from its answer"));
    let access_key_id = required("AccessKeyId")?;
    if !acs3::is_access_key_id(access_key_id) {
        return Err("AccessKeyId in its answer is malformed".to_owned());
    }
    let (token, expiration) = match kind {
        Kind::Any => (text("SecurityToken")?, text("Expiration")?),
        Kind::Temporary => (Some(required("SecurityToken")?), Some(required("Expiration")?)),
    };
    let expiration = expiration
        .map(|value| value.parse::<Timestamp>().map_err(|_| "Expiration in its answer is no time".to_owned()))
        .transpose()?;
    Ok(Credentials {
        access_key_id: access_key_id.to_owned(),
        access_key_secret: Secret::new(required("AccessKeySecret")?),
        security_token: token.map(Secret::new),
        expiration,
    })
}

fn is_word(value: &str) -> bool {
    value.len() <= MAX_PART_BYTES && value.bytes().all(|b| b.is_ascii_graphic())
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

    #[test]
    fn a_uri_may_give_permanent_keys_and_the_metadata_service_may_not() {
        let body = br#"{"AccessKeyId":"LTAIx","AccessKeySecret":"s"}"#;
        let keys = parse(body, Kind::Any).unwrap();
        assert_eq!((keys.security_token, keys.expiration), (None, None));
        assert_eq!(parse(body, Kind::Temporary), Err("SecurityToken is missing from its answer".to_owned()));
    }

    #[test]
    fn reads_temporary_keys() {
        let body = br#"{"Code":"Success","AccessKeyId":"STS.x","AccessKeySecret":"s","SecurityToken":"t",
            "Expiration":"2026-11-22T16:30:20Z"}"#;
        let keys = parse(body, Kind::Temporary).unwrap();
        assert_eq!(keys.security_token.unwrap().expose(), "t");
        assert_eq!(keys.expiration.unwrap().to_string(), "2026-11-22T16:30:20Z");
    }

    #[test]
    fn says_what_is_wrong_without_quoting_it() {
        for (body, wanted) in [
            ("canary", "no JSON object"),
            ("[\"canary\"]", "no JSON object"),
            (r#"{"AccessKeySecret":"canary"}"#, "AccessKeyId is missing"),
            (
                r#"{"AccessKeyId":"can ary","AccessKeySecret":"canary"}"#,
                "AccessKeyId in its answer is malformed",
            ),
            (
                r#"{"AccessKeyId":"a/canary","AccessKeySecret":"canary"}"#,
                "AccessKeyId in its answer is malformed",
            ),
            (r#"{"AccessKeyId":"a","AccessKeySecret":""}"#, "AccessKeySecret is missing"),
            (
                r#"{"AccessKeyId":"a","AccessKeySecret":["canary"]}"#,
                "AccessKeySecret in its answer is malformed",
            ),
            (
                r#"{"AccessKeyId":"a","AccessKeySecret":"s","Expiration":"canary"}"#,
                "Expiration in its answer is no time",
            ),
        ] {
            let detail = parse(body.as_bytes(), Kind::Any).unwrap_err();
            assert!(detail.contains(wanted) && !detail.contains("canary"), "{body}: {detail}");
        }
    }
}
