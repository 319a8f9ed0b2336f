//! Version 2: a request signed with `ACS3-HMAC-SHA256`, as JSON.

use jiff::Timestamp;
use signature::Secret;
use signature::acs3::{Authorization, EMPTY_BODY_SHA256};

use crate::checks::{self, MAX_SECURITY_TOKEN, Value};
use crate::error::{DecodeError, Place};
use crate::json::{self, Node};
use crate::quoted::Quoted;
use crate::rules::Rules;
use crate::token::{Form, Token};
use crate::{ACTION, API_VERSION, V2_CLUSTER_KEY};

/// Longest `user-agent`, in bytes.
const MAX_USER_AGENT: usize = 256;
/// Longest `clusterId` of the JSON object, in bytes. It is there for audits and decides nothing.
const MAX_AUDIT_TEXT: usize = 256;

/// Headers that have to be there, under the signature.
const REQUIRED: [&str; 4] = ["x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-version"];
/// Headers that may be there: under the signature too, but for the last, which the public tool does not sign.
const OPTIONAL: [&str; 3] = ["x-acs-security-token", "x-acs-signature-nonce", "user-agent"];

pub(crate) fn decode(payload: &str, rules: &Rules, now: Timestamp) -> Result<Token, DecodeError> {
    let document = Document::read(payload)?;
    let (cluster_id, extra_query) = read_query(&document.query, rules)?;
    let headers = Headers::read(document.headers)?;
    let authorization: Authorization = headers.required("authorization")?.text.parse()?;
    headers.check_signed(&authorization)?;

    headers.required("x-acs-action")?.exactly(ACTION)?;
    headers.required("x-acs-version")?.exactly(API_VERSION)?;
    if headers.required("x-acs-content-sha256")?.text != EMPTY_BODY_SHA256 {
        return Err(headers.required("x-acs-content-sha256")?.bad("the SHA-256 of an empty body"));
    }
    let security_token = match headers.get("x-acs-security-token") {
        Some(value) => Some(Secret::new(value.printable(MAX_SECURITY_TOKEN)?)),
        None => None,
    };
    let nonce = headers.get("x-acs-signature-nonce").map(|value| value.nonce()).transpose()?;
    let user_agent = match headers.get("user-agent") {
        Some(value) => Some(value.printable(MAX_USER_AGENT)?.to_owned()),
        None => None,
    };
    // Last, so that a token is called expired only when nothing else is wrong with it.
    let signed_at = headers.required("x-acs-date")?.date(rules, now)?;
    Ok(Token {
        access_key_id: authorization.access_key_id.clone(),
        cluster_id,
        signed_at,
        expires_at: checks::expires_at(signed_at, rules),
        security_token,
        extra_query,
        form: Form::V2 { authorization, nonce, user_agent },
    })
}

/// The two parts of the JSON object that count.
struct Document {
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Document {
    fn read(payload: &str) -> Result<Self, DecodeError> {
        let node = json::parse(payload).map_err(|at| DecodeError::BadJson { at })?;
        let Node::Fields(fields) = node else {
            return Err(wrong_type(Place::Field, "(the whole document)"));
        };
        checks::refuse_duplicates(Place::Field, fields.iter().map(|(name, _)| name.as_str()))?;
        let (mut query, mut headers) = (None, None);
        for (name, node) in fields {
            match name.as_str() {
                "query" => query = Some(read_strings(Place::Query, "query", node)?),
                "headers" => headers = Some(read_strings(Place::Header, "headers", node)?),
                "clusterId" => check_audit_text(node)?,
                "method" => check_constant("method", "POST", node)?,
                "path" => check_constant("path", "/", node)?,
                _ => return Err(DecodeError::NotAllowed { place: Place::Field, name: Quoted::new(&name) }),
            }
        }
        Ok(Self {
            query: query.ok_or(DecodeError::Missing { place: Place::Field, name: "query" })?,
            headers: headers.ok_or(DecodeError::Missing { place: Place::Field, name: "headers" })?,
        })
    }
}

fn wrong_type(place: Place, name: &str) -> DecodeError {
    DecodeError::WrongType { place, name: Quoted::new(name) }
}

/// An object whose values are all strings, with no name twice.
fn read_strings(place: Place, name: &str, node: Node) -> Result<Vec<(String, String)>, DecodeError> {
    let Node::Fields(fields) = node else {
        return Err(wrong_type(Place::Field, name));
    };
    checks::refuse_duplicates(place, fields.iter().map(|(name, _)| name.as_str()))?;
    let strings = fields.into_iter().map(|(name, node)| match node {
        Node::Text(text) => Ok((name, text)),
        Node::Fields(_) | Node::Other => Err(wrong_type(place, &name)),
    });
    strings.collect()
}

fn check_audit_text(node: Node) -> Result<(), DecodeError> {
    let name = "clusterId";
    let Node::Text(text) = node else { return Err(wrong_type(Place::Field, name)) };
    if text.len() <= MAX_AUDIT_TEXT && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Value { place: Place::Field, name, text: &text }.bad("up to 256 bytes without control characters"))
}

fn check_constant(name: &'static str, expected: &'static str, node: Node) -> Result<(), DecodeError> {
    let Node::Text(text) = node else { return Err(wrong_type(Place::Field, name)) };
    Value { place: Place::Field, name, text: &text }.exactly(expected)
}

/// The cluster, and what the rules allow beside it.
fn read_query(
    query: &[(String, String)],
    rules: &Rules,
) -> Result<(String, Vec<(String, String)>), DecodeError> {
    let mut cluster = None;
    let mut extra = Vec::new();
    for (key, text) in query {
        if key == V2_CLUSTER_KEY {
            cluster = Some(Value { place: Place::Query, name: V2_CLUSTER_KEY, text }.cluster(rules)?);
        } else {
            extra.push(checks::extra_parameter(key, text, rules)?);
        }
    }
    let missing = DecodeError::Missing { place: Place::Query, name: V2_CLUSTER_KEY };
    Ok((cluster.ok_or(missing)?, extra))
}

/// Headers by lower-case name, each on the allow-list.
struct Headers(Vec<(&'static str, String)>);

impl Headers {
    fn read(headers: Vec<(String, String)>) -> Result<Self, DecodeError> {
        let known = || ["authorization"].into_iter().chain(REQUIRED).chain(OPTIONAL);
        let checked = headers.into_iter().map(|(name, text)| {
            let allowed = known().find(|known| known.eq_ignore_ascii_case(&name));
            let not_allowed = || DecodeError::NotAllowed { place: Place::Header, name: Quoted::new(&name) };
            Ok((allowed.ok_or_else(not_allowed)?, text))
        });
        checked.collect::<Result<_, _>>().map(Self)
    }

    fn get(&self, name: &str) -> Option<Value<'_>> {
        let (name, text) = self.0.iter().find(|(known, _)| *known == name)?;
        Some(Value { place: Place::Header, name, text })
    }

    fn required(&self, name: &'static str) -> Result<Value<'_>, DecodeError> {
        self.get(name).ok_or(DecodeError::Missing { place: Place::Header, name })
    }

    /// The signature has to cover every header of the token that STS reads, and nothing that the token does not
    /// carry.
    fn check_signed(&self, authorization: &Authorization) -> Result<(), DecodeError> {
        let signed = &authorization.signed_headers;
        if signed.iter().any(|name| name == "host") {
            return Err(DecodeError::HostSigned);
        }
        // The header that holds the signature cannot be under it.
        let absent = |name: &&String| name.as_str() == "authorization" || self.get(name).is_none();
        if let Some(name) = signed.iter().find(absent) {
            return Err(DecodeError::SignedHeaderMissing { name: Quoted::new(name) });
        }
        let mut unsigned = self.0.iter().map(|(name, _)| *name).filter(|name| name.starts_with("x-acs-"));
        match unsigned.find(|name| signed.iter().all(|other| other != name)) {
            Some(name) => Err(DecodeError::HeaderNotSigned { name: Quoted::new(name) }),
            None => REQUIRED.into_iter().try_for_each(|name| self.required(name).map(|_| ())),
        }
    }
}
