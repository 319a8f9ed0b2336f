//! Reading answers: JSON in which each key stands once, or what kind of failure it is.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use strict::Strict;

use super::error::{ApiError, Refusal, is_passing_refusal};
use super::service::{Service, Style};
use crate::http::Body;

const MAX_CODE_BYTES: usize = 128;
const MAX_REQUEST_ID_BYTES: usize = 64;

/// An HTTP answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: bool,
    pub(crate) body: Body,
    pub(crate) max_bytes: usize,
}

/// Which call an answer belongs to, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) service: &'static Service,
    pub(crate) action: &'static str,
    pub(crate) endpoint: &'a str,
}

impl Asked<'_> {
    pub(crate) fn invalid(self, detail: impl Into<String>) -> ApiError {
        ApiError::InvalidAnswer {
            service: self.service.name,
            action: self.action,
            endpoint: self.endpoint.to_owned(),
            detail: detail.into(),
            setting: self.service.endpoint_flag,
        }
    }

    /// The object or array of a success, or what kind of failure it is.
    pub(crate) fn interpret(self, answer: Answer) -> Result<Value, ApiError> {
        let Answer { status, json, body, max_bytes } = answer;
        let value = match &body {
            Body::Whole(bytes) if json => value(bytes),
            Body::Whole(_) | Body::TooLarge => None,
        };
        match (status, value) {
            (200, Some(value)) => Ok(value),
            (200, None) => Err(self.invalid(match body {
                Body::TooLarge => format!("its answer is larger than {max_bytes} bytes"),
                Body::Whole(_) if !json => "its content type is not application/json".to_owned(),
                Body::Whole(_) => NO_OBJECT.to_owned(),
            })),
            (400.., Some(Value::Object(object))) => Err(self.refused(status, &object)),
            (400.., _) => Err(self.refused(status, &Map::new())),
            (300..400, _) => Err(self.invalid(format!("it redirects elsewhere (HTTP {status})"))),
            (_, _) => Err(self.invalid(format!("it answered HTTP {status}"))),
        }
    }

    /// The object of a success.
    pub(crate) fn object(self, value: Value) -> Result<Map<String, Value>, ApiError> {
        match value {
            Value::Object(object) => Ok(object),
            _ => Err(self.invalid(NO_OBJECT)),
        }
    }

    /// What a success that is an object says, as a type.
    pub(crate) fn read<T: DeserializeOwned>(self, value: Value) -> Result<T, ApiError> {
        self.value(Value::Object(self.object(value)?))
    }

    /// What a success that is a list says.
    pub(crate) fn read_list<T: DeserializeOwned>(self, value: Value) -> Result<Vec<T>, ApiError> {
        match value {
            Value::Array(_) => self.list(value),
            _ => Err(self.invalid("its answer is no list")),
        }
    }

    /// A part of an answer that is a list of objects. The library would read a list as an object too, by position.
    pub(crate) fn list<T: DeserializeOwned>(self, value: Value) -> Result<Vec<T>, ApiError> {
        match &value {
            Value::Array(items) if items.iter().all(Value::is_object) => self.value(value),
            _ => Err(self.invalid(OTHER_TYPE)),
        }
    }

    /// A part of an answer, as a type. The library's own words can quote the answer, so that only the name of a missing
    /// field, which is ours, is taken from them.
    pub(crate) fn value<T: DeserializeOwned>(self, value: Value) -> Result<T, ApiError> {
        serde_json::from_value(value).map_err(|error| {
            let text = error.to_string();
            let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
            self.invalid(match missing {
                Some(name) => format!("{name} is missing from its answer"),
                None => OTHER_TYPE.to_owned(),
            })
        })
    }

    /// The success of an RPC operation that says nothing but its request id.
    pub(crate) fn confirmed(self, value: Value) -> Result<(), ApiError> {
        self.read::<Confirmation>(value).map(|_| ())
    }

    fn refused(self, status: u16, object: &Map<String, Value>) -> ApiError {
        let (codes, ids): (&[&str], &[&str]) = match self.service.style {
            Style::Rpc => (&["Code"], &["RequestId"]),
            Style::Roa => (&["code", "Code"], &["requestId", "requestid", "RequestId", "request_id"]),
        };
        let code = first(object, codes).filter(|code| is_code(code)).unwrap_or_default();
        let request_id = first(object, ids).filter(|id| is_request_id(id)).unwrap_or_default();
        let passing = is_passing_refusal(status, code);
        if code.is_empty() && !passing {
            return self.invalid(format!("it answered HTTP {status} without an error code"));
        }
        let refusal = Refusal {
            meaning: self.meaning(status, code, object),
            code: code.to_owned(),
            status,
            request_id: request_id.to_owned(),
        };
        let (service, action) = (self.service.name, self.action);
        match passing {
            true => ApiError::Unavailable { service, action, refusal },
            false => ApiError::Refused { service, action, refusal },
        }
    }

    /// What the code means; where the service names the permission that is missing, that it is this one.
    fn meaning(self, status: u16, code: &str, object: &Map<String, Value>) -> String {
        let permission = match status {
            403 => permission(object),
            _ => None,
        };
        match permission {
            Some(Permission { action, kind, is_of_trust_policy: true }) => format!(
                "the role's trust policy does not allow {action} to the caller{kind}; let whoever owns the role name the caller there"
            ),
            Some(Permission { action, kind, is_of_trust_policy: false }) => format!(
                "the caller's RAM policies do not allow {action}{kind}; let an administrator grant it to the user or role whose keys are used"
            ),
            None => (self.service.explain)(code).unwrap_or_default().to_owned(),
        }
    }
}

/// What is left to say of a success: that the service itself gave it.
#[derive(Deserialize)]
struct Confirmation {
    #[serde(rename = "RequestId")]
    _request_id: String,
}

const OTHER_TYPE: &str = "a field of its answer is of another type than documented";
const NO_OBJECT: &str = "its answer is no JSON object in which each key stands once";

/// A permission that is missing.
struct Permission<'a> {
    action: &'a str,
    /// In brackets, how it is refused.
    kind: &'static str,
    /// Whose policy refuses: that of the role which is to be assumed, else the caller's.
    is_of_trust_policy: bool,
}

/// `AuthAction`, `NoPermissionType` and `PolicyType` of an answer's `AccessDeniedDetail`.
fn permission(object: &Map<String, Value>) -> Option<Permission<'_>> {
    let detail =
        object.get("accessDeniedDetail").or_else(|| object.get("AccessDeniedDetail"))?.as_object()?;
    let action = text(detail, "AuthAction").filter(|action| {
        action.len() <= MAX_CODE_BYTES
            && action.contains(':')
            && action.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_' | b'*'))
    })?;
    let kind = match text(detail, "NoPermissionType") {
        Some("ExplicitDeny") => " (ExplicitDeny: a policy denies it)",
        Some("ImplicitDeny") => " (ImplicitDeny: no policy allows it)",
        _ => "",
    };
    let is_of_trust_policy = text(detail, "PolicyType") == Some("AssumeRolePolicy");
    Some(Permission { action, kind, is_of_trust_policy })
}

/// The object or array that `text` is, or `None` where it is something else, or holds a key twice: an answer that says
/// two things about somebody says nothing.
fn value(text: &[u8]) -> Option<Value> {
    match serde_json::from_slice(text) {
        Ok(Strict(value @ (Value::Object(_) | Value::Array(_)))) => Some(value),
        Ok(_) | Err(_) => None,
    }
}

/// A text; an empty one where the answer says null.
pub(crate) fn text_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// A part that is an object. The library would read a list as one too, by position.
pub(crate) fn object_part<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<T, D::Error> {
    let object = Map::<String, Value>::deserialize(deserializer)?;
    serde_json::from_value(Value::Object(object)).map_err(serde::de::Error::custom)
}

pub(crate) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

fn first<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| text(object, name))
}

pub(crate) fn is_code(code: &str) -> bool {
    !code.is_empty()
        && code.len() <= MAX_CODE_BYTES
        && code.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

pub(crate) fn is_request_id(id: &str) -> bool {
    id.len() <= MAX_REQUEST_ID_BYTES && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
