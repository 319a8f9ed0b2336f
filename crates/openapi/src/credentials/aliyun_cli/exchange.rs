//! One request to a sign-in service, whose proof is a bearer token: always https, never redirected, with a time limit.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use serde_json::{Map, Value};
use signature::{Secret, acs3, encoding};
use strict::Strict;

use crate::api::is_code;
use crate::credentials::uri::{describe, origin};
use crate::credentials::{Context, CredentialError, Credentials};
use crate::http::{self, Body};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_PART_BYTES: usize = 16 * 1024;

/// A sign-in service.
pub(super) struct SignIn<'a> {
    /// Its kind, for messages: `CloudSSO`.
    pub(super) kind: &'static str,
    /// Where it is: `https://HOST/PATH`.
    pub(super) url: &'a Url,
}

/// What is sent.
pub(super) enum Content {
    Nothing,
    Json(Value),
    Form(Vec<(String, Secret)>),
}

/// What came back.
pub(super) enum Reply {
    /// HTTP 200 and a JSON object.
    Success(Map<String, Value>),
    /// The service does not accept the proof.
    Refused(Refusal),
}

/// Why not: what may be shown of it.
pub(super) struct Refusal {
    status: u16,
    code: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code.as_str() {
            "" => write!(formatter, "HTTP {}", self.status),
            code => write!(formatter, "{code}, HTTP {}", self.status),
        }
    }
}

impl SignIn<'_> {
    /// Posts `content`, with `bearer` as proof.
    pub(super) async fn post(
        &self,
        context: &Context<'_>,
        bearer: Option<&Secret>,
        content: Content,
    ) -> Result<Reply, CredentialError> {
        if self.url.scheme() != "https" {
            return Err(self.failed("it would be asked without TLS"));
        }
        let client = context.http_client(self.url, CONNECT_TIMEOUT, TIMEOUT)?;
        let mut request = client.post(self.url.clone()).header(ACCEPT, "application/json");
        if let Some(token) = bearer {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
                .map_err(|_| self.failed("the access token holds characters that no access token has"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = match content {
            Content::Nothing => request.header(CONTENT_TYPE, "application/json").header(CONTENT_LENGTH, "0"),
            Content::Json(value) => request.header(CONTENT_TYPE, "application/json").body(value.to_string()),
            Content::Form(fields) => {
                let fields: Vec<(String, String)> =
                    fields.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect();
                request
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(encoding::build_query(&fields))
            }
        };
        let network = |error: reqwest::Error| self.failed(&describe(&error, TIMEOUT));
        let response = request.send().await.map_err(network)?;
        let status = response.status().as_u16();
        let body = match http::read_body(response).await.map_err(network)? {
            Body::Whole(body) => body,
            Body::TooLarge => return Err(self.failed("its answer is too large")),
        };
        let object = match serde_json::from_slice(&body) {
            Ok(Strict(Value::Object(object))) => Some(object),
            _ => None,
        };
        match (status, object) {
            (200, Some(object)) => Ok(Reply::Success(object)),
            (200, None) => {
                Err(self
                    .failed("its answer is no JSON object in which each key stands once (a proxy's page?)"))
            }
            (429, _) => Err(self.failed("too many requests (HTTP 429): try again later")),
            (400..500, object) => Ok(Reply::Refused(refusal(status, &object.unwrap_or_default()))),
            (300..400, _) => Err(self.failed(&format!("it redirects elsewhere (HTTP {status})"))),
            (500.., _) => Err(self.failed(&format!("it answered HTTP {status}: try again later"))),
            _ => Err(self.failed(&format!("it answered HTTP {status}"))),
        }
    }

    /// An error that says which service it is about.
    pub(super) fn failed(&self, detail: &str) -> CredentialError {
        let service = format!("{} at {}", self.kind, origin(self.url));
        CredentialError::Service { service, detail: detail.to_owned() }
    }

    /// Reads temporary credentials; `names` are those of id, secret, security token and end in the answer.
    pub(super) fn credentials(
        &self,
        object: &Map<String, Value>,
        names: [&str; 4],
    ) -> Result<Credentials, CredentialError> {
        let [id, secret, token, end] = names;
        let access_key_id = self.word(object, id)?;
        if !acs3::is_access_key_id(access_key_id) {
            return Err(self.failed(&format!("{id} in its answer is malformed")));
        }
        let expiration: Timestamp = self
            .word(object, end)?
            .parse()
            .map_err(|_| self.failed(&format!("{end} in its answer is no time")))?;
        Ok(Credentials {
            access_key_id: access_key_id.to_owned(),
            access_key_secret: Secret::new(self.word(object, secret)?),
            security_token: Some(Secret::new(self.word(object, token)?)),
            expiration: Some(expiration),
        })
    }

    /// A text of visible characters.
    pub(super) fn word<'a>(
        &self,
        object: &'a Map<String, Value>,
        name: &str,
    ) -> Result<&'a str, CredentialError> {
        match object.get(name) {
            Some(Value::String(value)) if is_word(value) => Ok(value),
            None | Some(Value::Null) => Err(self.failed(&format!("{name} is missing from its answer"))),
            Some(_) => Err(self.failed(&format!("{name} in its answer is malformed"))),
        }
    }
}

fn is_word(value: &str) -> bool {
    (1..=MAX_PART_BYTES).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic())
}

/// `error` is OAuth's (RFC 6749, section 5.2), the others are those of Alibaba Cloud's services.
fn refusal(status: u16, object: &Map<String, Value>) -> Refusal {
    let code = ["error", "ErrorCode", "Code", "code"]
        .iter()
        .find_map(|name| object.get(*name)?.as_str().filter(|code| is_code(code)))
        .unwrap_or_default();
    Refusal { status, code: code.to_owned() }
}

/// A word of a command line, quoted where a shell would read it as something else.
pub(super) fn shell_word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@' | b'/' | b':');
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_names_stand_in_commands_as_one_word() {
        assert_eq!(shell_word("sso-1"), "sso-1");
        assert_eq!(shell_word("my sso"), "'my sso'");
        assert_eq!(shell_word("a'; rm -rf /'"), r"'a'\''; rm -rf /'\'''");
        assert_eq!(shell_word(""), "''");
    }
}
