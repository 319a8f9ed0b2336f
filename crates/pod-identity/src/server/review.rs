//! AdmissionReview, in and out: `admission.k8s.io/v1`.
//!
//! Source: the Kubernetes documentation, "Dynamic Admission Control", webhook request and response; API reference,
//! "AdmissionReview". The object is neither parsed here nor ever written again: what is answered is a patch against the
//! text that came.

use std::borrow::Cow;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::injection::PatchOperation;
use crate::text::{cut, excerpt};

/// The version that is answered.
const API_VERSION: &str = "admission.k8s.io/v1";
/// Longest id of a request. API servers send 36 bytes.
const MAX_UID_BYTES: usize = 256;
/// Longest warning, and all of them together (see "Dynamic Admission Control", Response: an API server cuts or drops more).
const MAX_WARNING_BYTES: usize = 256;
const MAX_WARNINGS_BYTES: usize = 4096;
/// Longest reason of a refusal.
const MAX_MESSAGE_BYTES: usize = 4096;

/// What is asked.
#[derive(Debug)]
pub struct Review<'a> {
    /// `request.uid`, to be answered with.
    pub uid: Cow<'a, str>,
    /// What it is about.
    pub question: Question<'a>,
}

/// What a review is about.
#[derive(Debug)]
pub enum Question<'a> {
    /// A pod that is to be created.
    Pod(PodCreate<'a>),
    /// Anything else; the text says what, for the log.
    Other(String),
}

/// A pod that is to be created.
#[derive(Debug)]
pub struct PodCreate<'a> {
    /// `request.namespace`: the pod itself may name none.
    pub namespace: Cow<'a, str>,
    /// `request.name`; empty where a name is generated.
    pub name: Cow<'a, str>,
    /// `request.userInfo.username`.
    pub user: Cow<'a, str>,
    /// `request.dryRun`: nothing may be written anywhere.
    pub dry_run: bool,
    /// `request.object`, as it came.
    pub object: &'a str,
}

/// Why a body is no review that can be answered. The text goes to the client and to the log; of the body it quotes
/// apiVersion and kind alone, cut short.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// Broken, or followed by something.
    #[error("the request body is not one JSON object: {0}")]
    Json(String),
    /// A field of another type, or one that stands twice.
    #[error("the request body is no AdmissionReview: {0}")]
    Shape(String),
    /// Another apiVersion or none.
    #[error(
        "apiVersion is {0}: this server answers admission.k8s.io/v1; have admissionReviewVersions say v1"
    )]
    ApiVersion(String),
    /// Another kind or none.
    #[error("kind is {0}: this server answers AdmissionReview")]
    Kind(String),
    /// A field that every request has is missing or empty.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An id that no API server sends.
    #[error("request.uid is longer than 256 bytes, or has control characters in it")]
    Uid,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow, default)]
    api_version: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    request: Option<Request<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow, default)]
    uid: Text<'a>,
    #[serde(borrow, default)]
    kind: Option<Kind<'a>>,
    #[serde(borrow, default)]
    resource: Option<Resource<'a>>,
    #[serde(borrow, default)]
    sub_resource: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    namespace: Text<'a>,
    #[serde(borrow, default)]
    operation: Text<'a>,
    #[serde(borrow, default)]
    user_info: Option<UserInfo<'a>>,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(default)]
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, default)]
    group: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    group: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    resource: Text<'a>,
}

#[derive(Deserialize)]
struct UserInfo<'a> {
    #[serde(borrow, default)]
    username: Text<'a>,
}

/// A text that is borrowed unless something in it is escaped; null is as good as none. (Within an `Option`, serde never
/// borrows a bare `Cow`.)
#[derive(Debug, Default)]
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Borrowed<'b>(#[serde(borrow)] Cow<'b, str>);
        Ok(Text(Option::<Borrowed<'de>>::deserialize(deserializer)?.map(|text| text.0).unwrap_or_default()))
    }
}

/// Reads an AdmissionReview. Fields that it does not know are not looked at, so that newer API servers can ask.
///
/// # Errors
/// [`ReviewError`].
pub fn parse(body: &[u8]) -> Result<Review<'_>, ReviewError> {
    // serde takes an array for a struct too, with its fields in order.
    if body.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        return Err(ReviewError::Json("it does not begin with a brace".to_owned()));
    }
    let body: Body<'_> = serde_json::from_slice(body).map_err(|error| without_content(&error))?;
    if body.api_version.0 != API_VERSION {
        return Err(ReviewError::ApiVersion(shown(&body.api_version)));
    }
    if body.kind.0 != "AdmissionReview" {
        return Err(ReviewError::Kind(shown(&body.kind)));
    }
    let request = body.request.ok_or(ReviewError::Missing("request"))?;
    let uid = uid(&request.uid)?;
    if let Some(other) = not_a_pod_create(&request) {
        return Ok(Review { uid, question: Question::Other(other) });
    }
    if request.namespace.0.is_empty() {
        return Err(ReviewError::Missing("request.namespace"));
    }
    let object = request.object.ok_or(ReviewError::Missing("request.object"))?;
    let question = Question::Pod(PodCreate {
        namespace: request.namespace.0,
        name: request.name.0,
        user: request.user_info.map(|user| user.username.0).unwrap_or_default(),
        dry_run: request.dry_run.unwrap_or(false),
        object: object.get(),
    });
    Ok(Review { uid, question })
}

fn uid<'a>(uid: &Text<'a>) -> Result<Cow<'a, str>, ReviewError> {
    match &uid.0 {
        uid if uid.is_empty() => Err(ReviewError::Missing("request.uid")),
        uid if uid.len() > MAX_UID_BYTES || uid.chars().any(char::is_control) => Err(ReviewError::Uid),
        uid => Ok(uid.clone()),
    }
}

/// What the request is, where it is not the creation of a pod. With `matchPolicy: Equivalent` the API server converts
/// objects to the version that the webhook asks for, so there is one version only.
fn not_a_pod_create(request: &Request<'_>) -> Option<String> {
    let resource = request.resource.as_ref();
    let kind = request.kind.as_ref();
    let is_pods = resource.is_some_and(|resource| {
        resource.group.0.is_empty() && resource.version.0 == "v1" && resource.resource.0 == "pods"
    });
    let is_pod =
        kind.is_some_and(|kind| kind.group.0.is_empty() && kind.version.0 == "v1" && kind.kind.0 == "Pod");
    if is_pods && is_pod && request.sub_resource.0.is_empty() && request.operation.0 == "CREATE" {
        return None;
    }
    let of = |text: Option<&Text<'_>>| excerpt(text.map_or("", |text| &text.0));
    let resource = of(resource.map(|resource| &resource.resource));
    let subresource = match &*request.sub_resource.0 {
        "" => String::new(),
        name => format!("/{}", excerpt(name)),
    };
    Some(format!("{} of {resource}{subresource}", excerpt(&request.operation.0)))
}

fn shown(text: &Text<'_>) -> String {
    match &*text.0 {
        "" => "missing".to_owned(),
        text => format!("{:?}", excerpt(text)),
    }
}

/// serde_json's messages can quote values; what was expected, and where, says enough.
fn without_content(error: &serde_json::Error) -> ReviewError {
    let (line, column) = (error.line(), error.column());
    if !error.is_data() {
        let what = if error.is_eof() { "it ends too early" } else { "it is broken, or something follows it" };
        return ReviewError::Json(format!("{what} (line {line}, column {column})"));
    }
    let message = error.to_string();
    let what = match message.rsplit_once(", expected ") {
        Some((_, expected)) => {
            let expected = expected.split(" at line ").next().unwrap_or_default();
            format!("expected {}", expected.trim_start_matches("struct "))
        }
        None if message.starts_with("duplicate field ") => "a key stands twice".to_owned(),
        None => "a value is of another type".to_owned(),
    };
    ReviewError::Shape(format!("{what} (line {line}, column {column})"))
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The pod is created, with what is added to it.
    Allowed {
        /// Empty: as it is.
        patch: Vec<PatchOperation>,
        /// For whoever creates it.
        warnings: Vec<String>,
    },
    /// It is not created.
    Denied {
        /// Why.
        refusal: Refusal,
        /// For whoever creates it.
        message: String,
    },
}

/// Why a pod is not created: what decides about the HTTP status that its creator gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 403: it will not get better by itself.
    Forbidden,
    /// 503: the next attempt may go well.
    Unavailable,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Out<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    /// A text that needs no escapes: it is not looked through for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
    code: u16,
    reason: &'static str,
    message: String,
}

/// The answer's JSON.
///
/// # Errors
/// None that a patch of texts, numbers, lists and maps could cause.
pub fn write(uid: &str, answer: &Answer) -> Result<Vec<u8>, serde_json::Error> {
    let mut response =
        Response { uid, allowed: true, patch_type: None, patch: None, warnings: Vec::new(), status: None };
    match answer {
        Answer::Allowed { patch, warnings } => {
            response.warnings = bounded(warnings);
            if !patch.is_empty() {
                response.patch_type = Some("JSONPatch");
                let patch = BASE64_STANDARD.encode(serde_json::to_vec(patch)?);
                response.patch = Some(RawValue::from_string(format!("\"{patch}\""))?);
            }
        }
        Answer::Denied { refusal, message } => {
            let (code, reason) = match refusal {
                Refusal::Forbidden => (403, "Forbidden"),
                Refusal::Unavailable => (503, "ServiceUnavailable"),
            };
            let message = cut(&cluster::one_line(message), MAX_MESSAGE_BYTES);
            response.allowed = false;
            response.status = Some(Status { status: "Failure", code, reason, message });
        }
    }
    serde_json::to_vec(&Out { api_version: API_VERSION, kind: "AdmissionReview", response })
}

/// As many warnings as an API server passes on; the last one says that there were more.
fn bounded(warnings: &[String]) -> Vec<String> {
    const MORE: &str = "more warnings about this pod are in the webhook's log";
    let lines: Vec<String> = warnings
        .iter()
        .map(|warning| cut(cluster::one_line(warning).trim(), MAX_WARNING_BYTES))
        .filter(|warning| !warning.is_empty())
        .collect();
    let mut room = MAX_WARNINGS_BYTES.saturating_sub(MORE.len());
    let mut kept: Vec<String> = Vec::new();
    for line in &lines {
        let Some(rest) = room.checked_sub(line.len()) else {
            kept.push(MORE.to_owned());
            break;
        };
        room = rest;
        kept.push(line.clone());
    }
    kept
}

#[cfg(test)]
mod tests;
