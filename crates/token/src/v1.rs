//! Version 1: a pre-signed URL.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use signature::acs3::is_access_key_id;
use signature::{Secret, encoding, rpc};

use crate::checks::{self, MAX_SECURITY_TOKEN, Value};
use crate::error::{DecodeError, Place};
use crate::host::StsHost;
use crate::quoted::Quoted;
use crate::rules::Rules;
use crate::token::{Form, Token};
use crate::{ACTION, API_VERSION, V1_CLUSTER_KEY};

/// Query parameters that may be there; all but `SecurityToken` have to.
const KNOWN: [&str; 11] = [
    "AccessKeyId",
    "Action",
    V1_CLUSTER_KEY,
    "Format",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureNonce",
    "SignatureVersion",
    "Timestamp",
    "Version",
];
/// Bytes of an HMAC-SHA1.
const SIGNATURE_BYTES: usize = 20;

pub(crate) fn decode(payload: &str, rules: &Rules, now: Timestamp) -> Result<Token, DecodeError> {
    let query = Query::read(split_url(payload)?, rules)?;
    query.required("Action")?.exactly(ACTION)?;
    query.required("Version")?.exactly(API_VERSION)?;
    query.required("SignatureMethod")?.exactly(rpc::SIGNATURE_METHOD)?;
    query.required("SignatureVersion")?.exactly(rpc::SIGNATURE_VERSION)?;
    // The official SDK writes json, the public authenticator's own token command wrote JSON.
    let format = query.required("Format")?;
    let format =
        ["json", "JSON"].into_iter().find(|known| *known == format.text).ok_or(format.bad("json"))?;
    let access_key_id = query.required("AccessKeyId")?;
    if !is_access_key_id(access_key_id.text) {
        return Err(access_key_id.bad("an access key id (1 to 128 of A-Z a-z 0-9 . _ -)"));
    }
    let signature = query.required("Signature")?;
    if !STANDARD.decode(signature.text).is_ok_and(|bytes| bytes.len() == SIGNATURE_BYTES) {
        return Err(signature.bad("the base64 of 20 bytes"));
    }
    let security_token = match query.get("SecurityToken") {
        Some(value) => Some(Secret::new(value.printable(MAX_SECURITY_TOKEN)?)),
        None => None,
    };
    let nonce = query.required("SignatureNonce")?.nonce()?;
    let cluster_id = query.required(V1_CLUSTER_KEY)?.cluster(rules)?;
    let signed_at = query.required("Timestamp")?.date(rules, now)?;
    Ok(Token {
        access_key_id: access_key_id.text.to_owned(),
        cluster_id,
        signed_at,
        expires_at: checks::expires_at(signed_at, rules),
        security_token,
        form: Form::V1 { signature: Secret::new(signature.text), nonce, format },
        extra_query: query.extra,
    })
}

/// The query of `https://<a host of STS>/?<query>`, the only form there is. Nothing is skipped or repaired, so
/// that no other reader of the URL can see another host or path in it.
fn split_url(url: &str) -> Result<&str, DecodeError> {
    let bad = |problem| Err(DecodeError::BadUrl { problem });
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return bad("has blanks, control characters or characters beyond ASCII in it");
    }
    let Some(rest) = url.strip_prefix("https://") else {
        return bad("does not begin with https://");
    };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
    if authority.contains('@') {
        return bad("has a user name in it");
    }
    if authority.contains(':') {
        return bad("names a port");
    }
    let host = authority.parse::<StsHost>();
    host.map_err(|reason| DecodeError::ForeignHost { host: Quoted::new(authority), reason })?;
    if rest.contains('#') {
        return bad("has a fragment");
    }
    match rest.split_once('?') {
        Some(("/", query)) => Ok(query),
        Some(_) => bad("has another path than /"),
        None => bad("has no query"),
    }
}

/// Decoded parameters by name: the known ones, and those that the rules add.
struct Query {
    known: Vec<(&'static str, String)>,
    extra: Vec<(String, String)>,
}

impl Query {
    fn read(text: &str, rules: &Rules) -> Result<Self, DecodeError> {
        let pairs: Vec<(String, String)> = text.split('&').map(read_pair).collect::<Result<_, _>>()?;
        checks::refuse_duplicates(Place::Query, pairs.iter().map(|(key, _)| key.as_str()))?;
        let mut query = Self { known: Vec::new(), extra: Vec::new() };
        for (key, value) in pairs {
            match KNOWN.into_iter().find(|known| *known == key) {
                Some(known) => query.known.push((known, value)),
                None => query.extra.push(checks::extra_parameter(&key, &value, rules)?),
            }
        }
        Ok(query)
    }

    fn get(&self, name: &str) -> Option<Value<'_>> {
        let (name, text) = self.known.iter().find(|(known, _)| *known == name)?;
        Some(Value { place: Place::Query, name, text })
    }

    fn required(&self, name: &'static str) -> Result<Value<'_>, DecodeError> {
        self.get(name).ok_or(DecodeError::Missing { place: Place::Query, name })
    }
}

/// `key=value`, decoded. A key that is written with escapes is refused, even where it decodes to a known one:
/// the official clients have no reason to.
fn read_pair(piece: &str) -> Result<(String, String), DecodeError> {
    let bad = |problem| DecodeError::BadUrl { problem };
    let Some((key, _)) = piece.split_once('=') else {
        return Err(bad("has a query parameter without a value"));
    };
    if key.contains(['%', '+']) {
        return Err(bad("has a query parameter whose name is percent-encoded"));
    }
    let pairs =
        encoding::parse_query(piece).map_err(|_| bad("has a query parameter that cannot be decoded"))?;
    pairs.into_iter().next().ok_or(bad("has an empty query parameter"))
}
