//! What STS's answers say. Only texts at the top level (and those of `Credentials`) are looked at.

use identity::{CallerIdentity, Principal};
use jiff::Timestamp;
use serde_json::{Map, Value};
use signature::Secret;

use super::error::StsError;
use crate::Credentials;
use crate::api::{ApiError, Asked, is_request_id, text};

const MAX_KEY_PART_BYTES: usize = 16 * 1024;

/// The caller, and STS's request id (empty where there is none).
pub(super) fn caller(asked: Asked<'_>, object: &Map<String, Value>) -> Result<(Principal, String), StsError> {
    let identity = CallerIdentity {
        identity_type: required(asked, object, "IdentityType")?,
        account_id: required(asked, object, "AccountId")?,
        principal_id: required(asked, object, "PrincipalId")?,
        arn: required(asked, object, "Arn")?,
    };
    let principal =
        Principal::from_caller_identity(&identity).map_err(|source| StsError::Principal { source })?;
    let request_id = text(object, "RequestId").filter(|id| is_request_id(id)).unwrap_or_default();
    Ok((principal, request_id.to_owned()))
}

/// The temporary credentials of `AssumeRole` and `AssumeRoleWithOIDC`.
pub(super) fn credentials(asked: Asked<'_>, object: &Map<String, Value>) -> Result<Credentials, ApiError> {
    let inner = match object.get("Credentials") {
        Some(Value::Object(inner)) => inner,
        _ => return Err(asked.invalid("Credentials is missing from its answer")),
    };
    let expiration: Timestamp = required(asked, inner, "Expiration")?
        .parse()
        .map_err(|_| asked.invalid("Expiration in its answer is no time"))?;
    Ok(Credentials {
        access_key_id: key_part(asked, inner, "AccessKeyId")?.to_owned(),
        access_key_secret: Secret::new(key_part(asked, inner, "AccessKeySecret")?),
        security_token: Some(Secret::new(key_part(asked, inner, "SecurityToken")?)),
        expiration: Some(expiration),
    })
}

/// The access key of `GenerateSessionAccessKey`, which has no security token.
pub(super) fn session_access_key(
    asked: Asked<'_>,
    object: &Map<String, Value>,
) -> Result<Credentials, ApiError> {
    let inner = match object.get("SessionAccessKey") {
        Some(Value::Object(inner)) => inner,
        _ => return Err(asked.invalid("SessionAccessKey is missing from its answer")),
    };
    let expiration: Timestamp = required(asked, inner, "Expiration")?
        .parse()
        .map_err(|_| asked.invalid("Expiration in its answer is no time"))?;
    Ok(Credentials {
        access_key_id: key_part(asked, inner, "SessionAccessKeyId")?.to_owned(),
        access_key_secret: Secret::new(key_part(asked, inner, "SessionAccessKeySecret")?),
        security_token: None,
        expiration: Some(expiration),
    })
}

/// A part of an access key: one word of visible characters.
fn key_part<'a>(asked: Asked<'_>, object: &'a Map<String, Value>, name: &str) -> Result<&'a str, ApiError> {
    let value = required(asked, object, name)?;
    let good = value.len() <= MAX_KEY_PART_BYTES && value.bytes().all(|b| b.is_ascii_graphic());
    if good { Ok(value) } else { Err(asked.invalid(format!("{name} in its answer is malformed"))) }
}

fn required<'a>(asked: Asked<'_>, object: &'a Map<String, Value>, name: &str) -> Result<&'a str, ApiError> {
    text(object, name)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| asked.invalid(format!("{name} is missing from its answer")))
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
    use crate::api::answer::Answer;
    use crate::http::{Body, MAX_BODY_BYTES};

    static ASKED: Asked<'_> =
        Asked { service: &crate::sts::SERVICE, action: "GetCallerIdentity", endpoint: "sts.example" };
    const ID: &str = "7F75E7B4-4636-53B4-A8DE-5FC4A9E1F876";

    fn interpret(status: u16, json: bool, body: Body) -> Result<Map<String, Value>, StsError> {
        let answer = Answer { status, json, body, max_bytes: MAX_BODY_BYTES };
        Ok(ASKED.object(ASKED.interpret(answer)?)?)
    }

    fn answer(status: u16, body: &str) -> Result<Map<String, Value>, StsError> {
        interpret(status, true, Body::Whole(body.as_bytes().to_vec()))
    }

    fn error(status: u16, code: &str) -> StsError {
        let message = "canary string to sign";
        answer(status, &format!(r#"{{"RequestId":"{ID}","Code":"{code}","Message":"{message}"}}"#))
            .unwrap_err()
    }

    #[test]
    fn a_refusal_is_definite_and_keeps_code_status_and_request_id() {
        let error = error(404, "InvalidAccessKeyId.NotFound");
        assert!(!error.is_passing());
        assert_eq!(error.code(), Some("InvalidAccessKeyId.NotFound"));
        assert_eq!(error.request_id(), Some(ID));
        assert_eq!(error.reason(), "sts_access_key_not_found");
        let text = error.to_string();
        assert!(
            text.contains("HTTP 404") && text.contains(ID) && text.contains("no such access key"),
            "{text}"
        );
        assert!(!text.contains("canary"), "the Message of STS must not be shown: {text}");
    }

    #[test]
    fn every_documented_refusal_is_definite_and_explained() {
        for code in [
            "SignatureDoesNotMatch",
            "SignatureNonceUsed",
            "IncompleteSignature",
            "InvalidTimeStamp.Expired",
            "InvalidAccessKeyId.NotFound",
            "InvalidAccessKeyId.Inactive",
            "MissingSecurityToken",
            "InvalidSecurityToken.Expired",
            "InvalidSecurityToken.Malformed",
            "InvalidSecurityToken.MismatchWithAccessKey",
            "InvalidSignatureMethod",
            "ContentMD5NotMatched",
            "NoPermission",
            "EntityNotExist.Role",
            "AuthenticationFail.NoPermission",
        ] {
            let error = error(400, code);
            assert!(!error.is_passing(), "{code}");
            assert_ne!(error.reason(), "sts_refused", "{code}");
            assert!(error.to_string().contains("): "), "{code} has no explanation: {error}");
        }
        assert_eq!(error(400, "Something.New").reason(), "sts_refused");
        assert!(!error(400, "Something.New").is_passing());
    }

    #[test]
    fn throttling_and_faults_of_sts_are_passing() {
        for (status, code) in [
            (400, "Throttling"),
            (400, "Throttling.User"),
            (400, "Throttling.Api"),
            (429, "Other"),
            (503, "ServiceUnavailable"),
            (400, "ServiceUnavailable"),
            (500, "InternalError"),
            (400, "InternalError"),
            (500, "SignatureDoesNotMatch"),
            (599, "X"),
        ] {
            let error = error(status, code);
            assert!(error.is_passing(), "{status} {code}");
            assert!(matches!(error, StsError::Api(ApiError::Unavailable { .. })), "{status} {code}");
        }
        assert_eq!(error(400, "Throttling.User").reason(), "sts_throttled");
        assert!(!error(400, "ThrottlingNot").is_passing());
        assert!(answer(502, "<html>").unwrap_err().is_passing());
        assert!(answer(502, "<html>").unwrap_err().to_string().contains("HTTP 502"));
    }

    #[test]
    fn what_sts_does_not_answer_is_passing_and_no_refusal() {
        for status in [199, 201, 204, 301, 302, 307, 308, 400, 401, 403, 407] {
            let error = answer(status, "<html>captive portal</html>").unwrap_err();
            assert!(matches!(error, StsError::Api(ApiError::InvalidAnswer { .. })), "{status}");
            assert!(error.is_passing(), "{status}");
            assert!(error.to_string().contains("does not look like STS"));
        }
        for status in [201, 204, 206, 302] {
            assert!(answer(status, CALLER).unwrap_err().is_passing(), "an identity with HTTP {status}");
        }
        for body in ["", "[]", "null", "{", "\"x\"", "{\"a\":1}x"] {
            assert!(answer(200, body).unwrap_err().is_passing(), "{body}");
        }
        let html = Body::Whole(b"{}".to_vec());
        assert!(interpret(200, false, html).unwrap_err().to_string().contains("content type"));
        assert!(interpret(200, true, Body::TooLarge).unwrap_err().to_string().contains("65536 bytes"));
    }

    #[test]
    fn a_code_or_request_id_out_of_bounds_is_not_shown() {
        for code in ["a b", "a\\nb", "<x>", "", &"x".repeat(129)] {
            let error = error(400, code);
            assert!(matches!(error, StsError::Api(ApiError::InvalidAnswer { .. })), "{code}");
        }
        let body = r#"{"Code":"NoPermission","RequestId":"canary canary"}"#;
        assert!(!answer(403, body).unwrap_err().to_string().contains("canary"));
    }

    const CALLER: &str = r#"{"IdentityType":"RAMUser","AccountId":"1234567890123456","PrincipalId":"222222222222222222",
        "UserId":"222222222222222222","Arn":"acs:ram::1234567890123456:user/alice","RequestId":"7F75E7B4-4636"}"#;

    #[test]
    fn reads_the_caller() {
        let (principal, request_id) = caller(ASKED, &answer(200, CALLER).unwrap()).unwrap();
        assert_eq!(principal.arn(), "acs:ram::1234567890123456:user/alice");
        assert_eq!(request_id, "7F75E7B4-4636");
    }

    #[test]
    fn an_identity_elsewhere_than_at_the_top_or_said_twice_is_nobody() {
        let nested = format!(r#"{{"Result":{CALLER},"RequestId":"7F75E7B4-4636"}}"#);
        let error = caller(ASKED, &answer(200, &nested).unwrap()).unwrap_err();
        assert!(matches!(error, StsError::Api(ApiError::InvalidAnswer { .. })), "{error}");
        for twice in [
            CALLER.replacen('{', r#"{"Arn":"acs:ram::1234567890123456:user/bob","#, 1),
            CALLER.replacen('{', r#"{"\u0041rn":"acs:ram::1234567890123456:user/bob","#, 1),
        ] {
            let error = answer(200, &twice).unwrap_err();
            assert!(error.to_string().contains("each key stands once") && error.is_passing(), "{error}");
        }
    }

    #[test]
    fn a_caller_without_a_part_or_with_parts_that_disagree_is_nobody() {
        for name in ["IdentityType", "AccountId", "PrincipalId", "Arn"] {
            let mut object = answer(200, CALLER).unwrap();
            object.insert(name.to_owned(), Value::from(7));
            let error = caller(ASKED, &object).unwrap_err();
            assert!(error.to_string().contains(name) && error.is_passing(), "{error}");
        }
        let mut object = answer(200, CALLER).unwrap();
        object.insert("AccountId".to_owned(), Value::from("9999999999999999"));
        let error = caller(ASKED, &object).unwrap_err();
        assert_eq!((error.reason(), error.is_passing()), ("sts_invalid_principal", false));
    }

    fn session(expiration: &str, secret: &str) -> Result<Credentials, ApiError> {
        let body = serde_json::json!({"Credentials": {"AccessKeyId": "STS.x", "AccessKeySecret": secret,
            "SecurityToken": "token", "Expiration": expiration}});
        credentials(ASKED, &answer(200, &body.to_string()).unwrap())
    }

    #[test]
    fn reads_temporary_credentials_with_and_without_fractions_of_a_second() {
        let got = session("2026-11-22T16:30:20Z", "s").unwrap();
        assert_eq!(got.access_key_id, "STS.x");
        assert_eq!(got.access_key_secret.expose(), "s");
        assert_eq!(got.security_token.unwrap().expose(), "token");
        assert_eq!(got.expiration.unwrap().to_string(), "2026-11-22T16:30:20Z");
        assert!(session("2026-11-22T16:30:20.123Z", "s").is_ok());
    }

    #[test]
    fn malformed_temporary_credentials_are_an_invalid_answer_without_their_text() {
        for (expiration, secret) in [
            ("soon", "canary"),
            ("", "canary"),
            ("2026-11-22T16:30:20Z", "can ary"),
            ("2026-11-22T16:30:20Z", ""),
        ] {
            let error = session(expiration, secret).unwrap_err();
            assert!(error.is_passing());
            assert!(!error.to_string().contains("can"), "{error}");
        }
        assert!(credentials(ASKED, &Map::new()).is_err());
    }

    #[test]
    fn a_key_twice_however_escaped_or_deep_and_anything_but_an_object_is_no_answer() {
        assert!(answer(200, r#"{"Arn":"a","x":[{"a":1}]}"#).is_ok());
        for text in [
            r#"{"Arn":"a","Arn":"a"}"#,
            r#"{"Arn":"a","\u0041rn":"b"}"#,
            r#"{"x":[{"a":1,"a":2}]}"#,
            "[]",
            "null",
            r#"{"a":1}x"#,
            "",
        ] {
            let error = answer(200, text).unwrap_err();
            assert!(error.to_string().contains("no JSON object"), "{text}: {error}");
        }
    }
}
