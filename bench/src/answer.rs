//! What has to come back: every answer is held to it, for a fast wrong answer is worth nothing.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// What a good answer says. Its status is 200 in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// A TokenReview that lets somebody in.
    User {
        /// The version that was asked in: `authentication.k8s.io/v1`.
        version: String,
        /// The user's name; `None`: any that is not empty.
        name: Option<String>,
    },
    /// An AdmissionReview that allows.
    Admission {
        /// The request's `uid`.
        uid: String,
        /// Whether it has a patch, a JSON list with at least one operation.
        patched: bool,
    },
    /// The answer to `GetCallerIdentity`.
    Caller {
        /// ARN of who signed.
        arn: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenReview<'a> {
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    status: TokenStatus,
}

#[derive(Deserialize)]
struct TokenStatus {
    #[serde(default)]
    authenticated: bool,
    #[serde(default)]
    user: User,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize, Default)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdmissionReview<'a> {
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    response: Admission<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Admission<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
    allowed: bool,
    #[serde(borrow)]
    patch: Option<Cow<'a, str>>,
    patch_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CallerIdentity {
    arn: String,
}

impl Expected {
    /// Whether the answer is good.
    ///
    /// # Errors
    /// What is wrong with it, in a few words and without what differs from one request to the next, so that equal
    /// faults can be counted together.
    pub fn check(&self, status: u16, body: &[u8]) -> Result<(), String> {
        if status != 200 {
            return Err(format!("status {status}"));
        }
        match self {
            Expected::User { version, name } => check_user(version, name.as_deref(), body),
            Expected::Admission { uid, patched } => check_admission(uid, *patched, body),
            Expected::Caller { arn } => {
                let answer: CallerIdentity = read("GetCallerIdentity", body)?;
                equal("ARN", &answer.arn, arn)
            }
        }
    }
}

fn check_user(version: &str, name: Option<&str>, body: &[u8]) -> Result<(), String> {
    let review: TokenReview<'_> = read("TokenReview", body)?;
    equal("kind", &review.kind, "TokenReview")?;
    equal("apiVersion", &review.api_version, version)?;
    if !review.status.authenticated {
        let reason: String = review.status.error.chars().take(80).collect();
        return Err(if reason.is_empty() {
            "not authenticated".to_owned()
        } else {
            format!("not authenticated: {reason}")
        });
    }
    match name {
        Some(name) => equal("user name", &review.status.user.username, name),
        None if review.status.user.username.is_empty() => Err("no user name".to_owned()),
        None => Ok(()),
    }
}

fn check_admission(uid: &str, patched: bool, body: &[u8]) -> Result<(), String> {
    let review: AdmissionReview<'_> = read("AdmissionReview", body)?;
    equal("kind", &review.kind, "AdmissionReview")?;
    equal("apiVersion", &review.api_version, "admission.k8s.io/v1")?;
    equal("uid", &review.response.uid, uid)?;
    if !review.response.allowed {
        return Err("not allowed".to_owned());
    }
    match review.response.patch {
        None if patched => Err("no patch".to_owned()),
        None => Ok(()),
        Some(_) if !patched => Err("a patch where none was due".to_owned()),
        Some(patch) => {
            equal("patchType", review.response.patch_type.as_deref().unwrap_or_default(), "JSONPatch")?;
            let patch =
                STANDARD.decode(patch.as_bytes()).map_err(|_| "the patch is not base64".to_owned())?;
            let operations: Vec<serde_json::Value> = read("patch", &patch)?;
            if operations.is_empty() { Err("the patch is empty".to_owned()) } else { Ok(()) }
        }
    }
}

fn read<'a, T: Deserialize<'a>>(what: &str, body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|_| format!("not a {what}"))
}

fn equal(what: &str, is: &str, should: &str) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("another {what}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "authentication.k8s.io/v1";

    fn user() -> Expected {
        Expected::User { version: V1.to_owned(), name: Some("alice".to_owned()) }
    }

    fn review(version: &str, status: &str) -> Vec<u8> {
        format!(r#"{{"kind":"TokenReview","apiVersion":"{version}","metadata":{{}},"spec":{{}},"status":{status}}}"#)
            .into_bytes()
    }

    #[test]
    fn a_token_review_has_to_let_in_the_right_user_in_the_right_version() {
        let good = r#"{"authenticated":true,"user":{"username":"alice","groups":["a"]}}"#;
        assert_eq!(user().check(200, &review(V1, good)), Ok(()));
        let wrong = |status: u16, body: &[u8]| user().check(status, body).unwrap_err();
        assert_eq!(wrong(503, &review(V1, good)), "status 503");
        assert_eq!(wrong(200, &review("authentication.k8s.io/v1beta1", good)), "another apiVersion");
        assert_eq!(wrong(200, &review(V1, &good.replace("alice", "bob"))), "another user name");
        assert_eq!(wrong(200, &review(V1, &good.replace("true", "false"))), "not authenticated");
        assert_eq!(wrong(200, &review(V1, r#"{"error":"who?"}"#)), "not authenticated: who?");
        assert_eq!(wrong(200, b"{}"), "not a TokenReview");
        assert_eq!(wrong(200, b""), "not a TokenReview");
        let kind = String::from_utf8(review(V1, good)).unwrap().replace("TokenReview", "Review");
        assert_eq!(wrong(200, kind.as_bytes()), "another kind");
    }

    #[test]
    fn any_user_may_be_asked_for_but_somebody_it_has_to_be() {
        let any = Expected::User { version: V1.to_owned(), name: None };
        assert_eq!(any.check(200, &review(V1, r#"{"authenticated":true,"user":{"username":"x"}}"#)), Ok(()));
        assert!(any.check(200, &review(V1, r#"{"authenticated":true}"#)).is_err());
    }

    #[test]
    fn an_admission_review_has_to_allow_and_have_its_patch() {
        let expected = |patched| Expected::Admission { uid: "u".to_owned(), patched };
        let body = |response: &str| {
            format!(
                r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{response}}}"#
            )
        };
        let patch = |text: &str| {
            let text = STANDARD.encode(text);
            body(&format!(r#"{{"uid":"u","allowed":true,"patchType":"JSONPatch","patch":"{text}"}}"#))
        };
        let plain = body(r#"{"uid":"u","allowed":true}"#);
        let injected = patch(r#"[{"op":"add","path":"/x","value":1}]"#);
        assert_eq!(expected(false).check(200, plain.as_bytes()), Ok(()));
        assert_eq!(expected(true).check(200, injected.as_bytes()), Ok(()));
        let wrong = |patched, body: &str| expected(patched).check(200, body.as_bytes()).unwrap_err();
        assert_eq!(wrong(true, &plain), "no patch");
        assert_eq!(wrong(false, &injected), "a patch where none was due");
        assert_eq!(wrong(true, &patch("[]")), "the patch is empty");
        assert_eq!(wrong(true, &patch("{}")), "not a patch");
        assert_eq!(wrong(true, &injected.replace("JSONPatch", "Other")), "another patchType");
        assert_eq!(wrong(false, &plain.replace("true", "false")), "not allowed");
        assert_eq!(wrong(false, &plain.replace("\"u\"", "\"v\"")), "another uid");
    }

    #[test]
    fn a_caller_has_to_be_the_one_who_signed() {
        let expected = Expected::Caller { arn: "acs:ram::1:user/a".to_owned() };
        assert_eq!(expected.check(200, br#"{"Arn":"acs:ram::1:user/a","AccountId":"1"}"#), Ok(()));
        assert_eq!(expected.check(200, br#"{"Arn":"acs:ram::1:user/b"}"#).unwrap_err(), "another ARN");
        assert_eq!(expected.check(400, b"{}").unwrap_err(), "status 400");
    }
}
