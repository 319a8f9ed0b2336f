//! Tokens from recipes, put together as text and signed over what they say.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::Value;
use signature::acs3::{self, EMPTY_BODY_SHA256};
use signature::{Secret, encoding, rpc};

use super::expand::Values;
use super::recipe::{Encoding, Recipe, V1Recipe, V2Recipe};
use crate::error::{Error, Result};

type Pairs = Vec<(String, String)>;

/// An access key to sign with.
#[derive(Debug, Clone)]
pub struct Key {
    /// `LTAI…`
    pub id: String,
    /// Its secret.
    pub secret: Secret,
}

/// The token's text. `name` goes into its user agent (version 2) or nonce (version 1), so that no two
/// tokens are the same.
pub(super) fn make(recipe: &Recipe, key: &Key, values: &Values, name: &str) -> Result<String> {
    match recipe {
        Recipe::Text(text) => values.expand(text),
        Recipe::V2(recipe) => version_2(recipe, key, values, name),
        Recipe::V1(recipe) => version_1(recipe, key, values, name),
    }
}

fn version_2(recipe: &V2Recipe, key: &Key, values: &Values, name: &str) -> Result<String> {
    let mut query = match &recipe.query {
        Some(query) => values.expand_pairs(query)?,
        None => vec![pair("ACKClusterId", &values.cluster)],
    };
    query.extend(values.expand_pairs(&recipe.add_query)?);
    let mut headers = vec![
        pair("x-acs-action", "GetCallerIdentity"),
        pair("x-acs-content-sha256", EMPTY_BODY_SHA256),
        pair("x-acs-date", &signature::format_timestamp(values.now)),
        pair("x-acs-version", "2015-04-01"),
    ];
    let mut signed: Vec<String> = headers.iter().map(|(name, _)| name.clone()).collect();
    for (name, value) in values.expand_pairs(&recipe.set_headers)? {
        let header = headers.iter_mut().find(|(known, _)| *known == name).ok_or_else(|| missed(&name))?;
        header.1 = value;
    }
    headers.retain(|(name, _)| !recipe.remove_headers.contains(name));
    headers.extend(values.expand_pairs(&recipe.add_headers)?);
    signed.extend(recipe.sign.iter().cloned());
    signed.retain(|name| !recipe.unsign.contains(name));
    signed.sort();

    if headers.iter().all(|(known, _)| !known.eq_ignore_ascii_case("authorization")) {
        headers.push(pair("Authorization", &authorization(&query, &headers, &signed, key)));
    }
    if headers.iter().all(|(known, _)| !known.eq_ignore_ascii_case("user-agent")) {
        headers.push(pair("user-agent", &format!("attack-corpus/{name}")));
    }
    let mut fields = vec![
        pair("clusterId", &quote(&values.cluster)),
        pair("method", "\"POST\""),
        pair("path", "\"/\""),
        pair("query", &object(&query)),
        pair("headers", &object(&headers)),
    ];
    fields.extend(values.expand_pairs(&recipe.add_fields)?);
    let fields: Vec<String> = fields.iter().map(|(name, json)| format!("{}:{json}", quote(name))).collect();
    let json = replaced(format!("{{{}}}", fields.join(",")), &values.expand_pairs(&recipe.replace)?)?;
    let token = format!("k8s-ack-v2.{}", encode(recipe.encoding, &json));
    replaced(token, &values.expand_pairs(&recipe.replace_token)?)
}

/// Signs the first of headers that stand twice: that is what one of two readers would take.
fn authorization(query: &Pairs, headers: &Pairs, signed: &[String], key: &Key) -> String {
    let mut first: Pairs = Vec::new();
    for (name, value) in headers {
        if first.iter().all(|(other, _)| !other.eq_ignore_ascii_case(name)) {
            first.push((name.clone(), value.clone()));
        }
    }
    let content_sha256 = first.iter().find(|(name, _)| name == "x-acs-content-sha256");
    let content_sha256 = content_sha256.map_or(EMPTY_BODY_SHA256, |(_, value)| value.as_str());
    let request = acs3::Request { method: "POST", path: "/", query, headers: &first, content_sha256 };
    let signature = match acs3::canonical_request(&request, signed) {
        Ok(canonical) => acs3::sign(&key.secret, &acs3::string_to_sign(&canonical)),
        // A name under SignedHeaders without its header: nothing can be signed, nor has to be.
        Err(_) => "0".repeat(64),
    };
    let signed = signed.join(";");
    format!("{} Credential={},SignedHeaders={signed},Signature={signature}", acs3::ALGORITHM, key.id)
}

fn version_1(recipe: &V1Recipe, key: &Key, values: &Values, name: &str) -> Result<String> {
    let mut params = vec![
        pair("AccessKeyId", &key.id),
        pair("Action", "GetCallerIdentity"),
        pair("ClusterId", &values.cluster),
        pair("Format", "json"),
        pair("SignatureMethod", "HMAC-SHA1"),
        pair("SignatureNonce", &acs3::sha256_hex(format!("{name} {}", values.now).as_bytes())),
        pair("SignatureVersion", "1.0"),
        pair("Timestamp", &signature::format_timestamp(values.now)),
        pair("Version", "2015-04-01"),
    ];
    for (name, value) in values.expand_pairs(&recipe.set)? {
        let param = params.iter_mut().find(|(known, _)| *known == name).ok_or_else(|| missed(&name))?;
        param.1 = value;
    }
    params.retain(|(name, _)| !recipe.remove.contains(name));
    params.extend(values.expand_pairs(&recipe.add)?);
    let signature = rpc::sign(&key.secret, &rpc::string_to_sign("GET", &params));
    params.push(pair("Signature", &signature));
    let url = format!("https://sts.aliyuncs.com/?{}", encoding::build_query(&params));
    let url = replaced(url, &values.expand_pairs(&recipe.replace)?)?;
    Ok(format!("k8s-ack-v1.{}", encode(recipe.encoding, &url)))
}

fn encode(encoding: Encoding, text: &str) -> String {
    match encoding {
        Encoding::Standard => STANDARD.encode(text),
        Encoding::StandardNoPad => STANDARD_NO_PAD.encode(text),
        Encoding::UrlSafe => URL_SAFE.encode(text),
        Encoding::UrlSafeNoPad => URL_SAFE_NO_PAD.encode(text),
    }
}

/// Every replacement has to hit, or the recipe is not what it says.
fn replaced(text: String, replacements: &[(String, String)]) -> Result<String> {
    replacements.iter().try_fold(text, |text, (from, to)| {
        if text.contains(from.as_str()) { Ok(text.replacen(from, to, 1)) } else { Err(missed(from)) }
    })
}

fn missed(what: &str) -> Error {
    Error::Answer { what: "following a recipe".to_owned(), reason: format!("{what:?} is not there") }
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// A JSON object that keeps duplicates.
fn object(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(key, value)| format!("{}:{}", quote(key), quote(value))).collect();
    format!("{{{}}}", pairs.join(","))
}
