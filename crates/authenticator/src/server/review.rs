//! TokenReview, in and out: `authentication.k8s.io/v1` and `v1beta1`.
//!
//! Source: the Kubernetes API reference, "TokenReview v1 authentication.k8s.io", and its page "Webhook Token
//! Authentication". What goes out never holds the token, nor `status.audiences`: without them the API server takes an
//! answer as good for its own audiences alone.

use std::collections::BTreeMap;

use identity::mapping::KubernetesUser;
use serde::Serialize;
use signature::Secret;

use strict::Outline;

/// What stands before each `status.error`, as the public server has it.
const ERROR_PREFIX: &str = "[ack-ram-authenticator]";

/// The version that was asked and will be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiVersion {
    /// `authentication.k8s.io/v1`
    V1,
    /// `authentication.k8s.io/v1beta1`
    V1Beta1,
}

impl ApiVersion {
    /// As it stands in `apiVersion`.
    pub fn as_str(self) -> &'static str {
        match self {
            ApiVersion::V1 => "authentication.k8s.io/v1",
            ApiVersion::V1Beta1 => "authentication.k8s.io/v1beta1",
        }
    }
}

/// A question: who is the bearer of this token?
#[derive(Debug)]
pub struct Question {
    /// The version to answer in.
    pub version: ApiVersion,
    /// `spec.token`; empty where it is missing, null or "".
    pub token: Secret,
}

/// Why a body is no question. The text goes to the client and to the log; it quotes nothing of the body but what it
/// gives for apiVersion and kind, cut short.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// Broken, followed by something, or with a key twice.
    #[error("the request body is not one JSON object in which each key stands once: {0}")]
    Json(String),
    /// An array, a text, null…
    #[error("the request body is not a JSON object but {0}")]
    NotAnObject(&'static str),
    /// Another apiVersion or none.
    #[error(
        "apiVersion is {0}: this server answers authentication.k8s.io/v1 and authentication.k8s.io/v1beta1"
    )]
    ApiVersion(String),
    /// Another kind or none.
    #[error("kind is {0}: this server answers TokenReview")]
    Kind(String),
    /// `spec` or `spec.token` of another type.
    #[error("{field} is {found}, not {expected}")]
    Type {
        /// The field.
        field: &'static str,
        /// What it is.
        found: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
}

/// Reads a TokenReview. Fields that it does not know are not looked at, so that newer API servers can ask.
///
/// # Errors
/// [`ReviewError`].
pub fn parse(body: &[u8]) -> Result<Question, ReviewError> {
    let document =
        serde_json::from_slice(body).map_err(|error| ReviewError::Json(without_content(&error)))?;
    let Outline::Object(review) = document else { return Err(ReviewError::NotAnObject(kind_of(&document))) };
    let version = match review.get("apiVersion") {
        Some(Outline::Text(text)) if text == "authentication.k8s.io/v1" => ApiVersion::V1,
        Some(Outline::Text(text)) if text == "authentication.k8s.io/v1beta1" => ApiVersion::V1Beta1,
        other => return Err(ReviewError::ApiVersion(shown(other))),
    };
    match review.get("kind") {
        Some(Outline::Text(text)) if text == "TokenReview" => {}
        other => return Err(ReviewError::Kind(shown(other))),
    }
    let token = match review.get("spec") {
        None | Some(Outline::Null) => None,
        Some(Outline::Object(spec)) => spec.get("token"),
        Some(other) => return Err(wrong_type("spec", other, "an object")),
    };
    match token {
        None | Some(Outline::Null) => Ok(Question { version, token: Secret::new("") }),
        Some(Outline::Text(token)) => Ok(Question { version, token: Secret::new(token.as_ref()) }),
        Some(other) => Err(wrong_type("spec.token", other, "a text")),
    }
}

fn wrong_type(field: &'static str, found: &Outline<'_>, expected: &'static str) -> ReviewError {
    ReviewError::Type { field, found: kind_of(found), expected }
}

fn kind_of(value: &Outline<'_>) -> &'static str {
    match value {
        Outline::Null => "null",
        Outline::Bool => "true or false",
        Outline::Number => "a number",
        Outline::Text(_) => "a text",
        Outline::Array => "an array",
        Outline::Object(_) => "an object",
    }
}

fn shown(value: Option<&Outline<'_>>) -> String {
    match value {
        None => "missing".to_owned(),
        Some(Outline::Text(text)) => format!("{:?}", text.chars().take(64).collect::<String>()),
        Some(other) => kind_of(other).to_owned(),
    }
}

/// serde_json's messages can quote values; the place and the class say enough.
fn without_content(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Data => "a key stands twice, or a number is out of range",
        _ => "it is not JSON, or something follows it",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: &'static str,
    kind: &'static str,
    status: Status<'a>,
}

#[derive(Serialize)]
struct Status<'a> {
    authenticated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct User<'a> {
    username: &'a str,
    uid: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    groups: &'a [String],
    extra: &'a BTreeMap<String, Vec<String>>,
}

/// The answer that lets in.
pub fn authenticated(version: ApiVersion, user: &KubernetesUser) -> Vec<u8> {
    let user = User { username: &user.username, uid: &user.uid, groups: &user.groups, extra: &user.extra };
    write(version, Status { authenticated: true, user: Some(user), error: None })
}

/// The answer that refuses. `reason` reaches the API server's log, not the user. It is never left out: the API server
/// remembers a refusal without an error for as long as a success.
pub fn denied(version: ApiVersion, reason: &str) -> Vec<u8> {
    let error = format!("{ERROR_PREFIX} {reason}");
    write(version, Status { authenticated: false, user: None, error: Some(&error) })
}

fn write(version: ApiVersion, status: Status<'_>) -> Vec<u8> {
    let review = Review { api_version: version.as_str(), kind: "TokenReview", status };
    // Texts, lists and maps with text keys: nothing here that JSON cannot hold.
    serde_json::to_vec(&review).unwrap_or_default()
}

#[cfg(test)]
mod tests;
