//! Tokens for the tests: recorded ones, and ones that are signed rightly but say something else.
#![allow(dead_code, reason = "each test program uses a part")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use signature::acs3::{self, Authorization};
use signature::{Secret, encoding, rpc};
use token::{DecodeError, Rules, StsRequest, Token, decode};

/// A token of the official client.
#[derive(Deserialize, Clone)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) access_key_id: String,
    pub(crate) access_key_secret: String,
    pub(crate) security_token: String,
    pub(crate) cluster_id: String,
    pub(crate) date: String,
    pub(crate) token: String,
    pub(crate) nonce: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) signature: Option<String>,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Recorded {
    pub(crate) fn secret(&self) -> Secret {
        Secret::new(self.access_key_secret.clone())
    }

    pub(crate) fn security_token(&self) -> Option<Secret> {
        (!self.security_token.is_empty()).then(|| Secret::new(self.security_token.clone()))
    }

    pub(crate) fn signed_at(&self) -> Timestamp {
        self.date.parse().unwrap()
    }

    /// Some seconds after the signing.
    pub(crate) fn now(&self) -> Timestamp {
        self.signed_at() + SignedDuration::from_secs(7)
    }

    pub(crate) fn rules(&self) -> Rules {
        Rules::for_cluster(self.cluster_id.clone())
    }

    pub(crate) fn decode(&self) -> Result<Token, DecodeError> {
        decode(&self.token, &self.rules(), self.now())
    }
}

pub(crate) fn recorded() -> Vec<Recorded> {
    serde_json::from_str(include_str!("../../testdata/tokens.json")).unwrap()
}

pub(crate) fn recorded_named(name: &str) -> Recorded {
    recorded().into_iter().find(|token| token.name == name).unwrap()
}

/// What STS would find of a request: whether the signature is that of the secret.
pub(crate) fn verifies(request: &StsRequest, secret: &Secret) -> bool {
    if request.method == "GET" {
        return rpc::verify(request.method, &request.query, secret).is_ok();
    }
    let header = request.headers.iter().find(|(name, _)| name == "authorization");
    let Some(Ok(authorization)) = header.map(|(_, value)| value.parse::<Authorization>()) else {
        return false;
    };
    let signed = acs3::Request {
        method: request.method,
        path: "/",
        query: &request.query,
        headers: &request.headers,
        content_sha256: &acs3::sha256_hex(b""),
    };
    acs3::verify(&signed, &authorization, secret).is_ok()
}

pub(crate) const CLUSTER: &str = "c5e1a2b3c4d5e6f708192a3b4c5d6e7f8";
pub(crate) const DATE: &str = "2026-11-22T01:43:34Z";
pub(crate) const SECURITY_TOKEN: &str = "CAISfake+/=~*Tok2==";

pub(crate) fn secret() -> Secret {
    Secret::new("3xAmPl3S3cr3t")
}

pub(crate) fn rules() -> Rules {
    Rules::for_cluster(CLUSTER)
}

pub(crate) fn now() -> Timestamp {
    DATE.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(7)
}

pub(crate) fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// A version 2 token under construction. Whatever a test does to it, the signature is made afterwards and over
/// what `signed` names: a refusal is never the signature's doing.
#[derive(Clone)]
pub(crate) struct V2 {
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) signed: Vec<String>,
    /// Fields of the object, as JSON, before `query` and `headers`.
    pub(crate) fields: Vec<(String, String)>,
}

impl V2 {
    pub(crate) fn new() -> Self {
        let headers = vec![
            pair("x-acs-action", "GetCallerIdentity"),
            pair("x-acs-content-sha256", acs3::EMPTY_BODY_SHA256),
            pair("x-acs-date", DATE),
            pair("x-acs-security-token", SECURITY_TOKEN),
            pair("x-acs-version", "2015-04-01"),
        ];
        Self {
            query: vec![pair("ACKClusterId", CLUSTER)],
            signed: headers.iter().map(|(name, _)| name.clone()).collect(),
            headers,
            fields: vec![
                pair("clusterId", &format!("{CLUSTER:?}")),
                pair("method", r#""POST""#),
                pair("path", r#""/""#),
            ],
        }
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(pair(name, value));
        self
    }

    /// A header that is signed, too.
    pub(crate) fn with_signed_header(mut self, name: &str, value: &str) -> Self {
        self.signed.push(name.to_ascii_lowercase());
        self.signed.sort();
        self.with_header(name, value)
    }

    pub(crate) fn set_header(mut self, name: &str, value: &str) -> Self {
        self.headers.iter_mut().find(|(key, _)| key == name).unwrap().1 = value.to_owned();
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self
    }

    pub(crate) fn not_signing(mut self, name: &str) -> Self {
        self.signed.retain(|key| key != name);
        self
    }

    pub(crate) fn with_query(mut self, key: &str, value: &str) -> Self {
        self.query.push(pair(key, value));
        self
    }

    pub(crate) fn set_field(mut self, name: &str, json: &str) -> Self {
        self.fields.iter_mut().find(|(key, _)| key == name).unwrap().1 = json.to_owned();
        self
    }

    pub(crate) fn with_field(mut self, name: &str, json: &str) -> Self {
        self.fields.push(pair(name, json));
        self
    }

    pub(crate) fn authorization(&self) -> String {
        let mut first: Vec<(String, String)> = Vec::new();
        for (name, value) in &self.headers {
            if first.iter().all(|(other, _)| !other.eq_ignore_ascii_case(name)) {
                first.push((name.clone(), value.clone()));
            }
        }
        let request = acs3::Request {
            method: "POST",
            path: "/",
            query: &self.query,
            headers: &first,
            content_sha256: acs3::EMPTY_BODY_SHA256,
        };
        let signature = match acs3::canonical_request(&request, &self.signed) {
            Ok(canonical) => acs3::sign(&secret(), &acs3::string_to_sign(&canonical)),
            Err(_) => "0".repeat(64),
        };
        let signed_headers = self.signed.clone();
        Authorization { access_key_id: "STS.NUexample".into(), signed_headers, signature }.to_string()
    }

    pub(crate) fn json(&self) -> String {
        let mut headers = self.headers.clone();
        if headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("authorization")) {
            headers.insert(0, pair("Authorization", &self.authorization()));
        }
        let mut fields = self.fields.clone();
        fields.push(pair("query", &object(&self.query)));
        fields.push(pair("headers", &object(&headers)));
        let fields: Vec<String> =
            fields.iter().map(|(name, json)| format!("{}:{json}", quote(name))).collect();
        format!("{{{}}}", fields.join(","))
    }

    pub(crate) fn token(&self) -> String {
        v2_token(&self.json())
    }
}

fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A JSON object that keeps duplicates.
pub(crate) fn object(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(key, value)| format!("{}:{}", quote(key), quote(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

pub(crate) fn v2_token(json: &str) -> String {
    format!("k8s-ack-v2.{}", STANDARD.encode(json))
}

pub(crate) fn v1_token(url: &str) -> String {
    format!("k8s-ack-v1.{}", STANDARD.encode(url))
}

/// The parameters of a version 1 URL, before the signature.
pub(crate) fn v1_params() -> Vec<(String, String)> {
    vec![
        pair("AccessKeyId", "STS.NUexample"),
        pair("Action", "GetCallerIdentity"),
        pair("ClusterId", CLUSTER),
        pair("Format", "json"),
        pair("SecurityToken", SECURITY_TOKEN),
        pair("SignatureMethod", "HMAC-SHA1"),
        pair("SignatureNonce", "4557c01f6cde2119b3f0e830ffea82ec"),
        pair("SignatureVersion", "1.0"),
        pair("Timestamp", DATE),
        pair("Version", "2015-04-01"),
    ]
}

/// The query of a rightly signed URL.
pub(crate) fn v1_query(params: &[(String, String)]) -> String {
    let signature = rpc::sign(&secret(), &rpc::string_to_sign("GET", params));
    let params = [params, &[pair("Signature", &signature)]].concat();
    encoding::build_query(&params)
}

pub(crate) fn v1_of(params: &[(String, String)]) -> String {
    v1_token(&format!("https://sts.aliyuncs.com/?{}", v1_query(params)))
}

/// The parameters with one value changed.
pub(crate) fn v1_with(key: &str, value: &str) -> Vec<(String, String)> {
    let mut params = v1_params();
    params.iter_mut().find(|(name, _)| name == key).unwrap().1 = value.to_owned();
    params
}

#[track_caller]
pub(crate) fn accepts(token: &str) -> Token {
    match decode(token, &rules(), now()) {
        Ok(token) => {
            assert!(
                verifies(&token.request(), &secret()),
                "the test's own signature does not hold: {token:?}"
            );
            token
        }
        Err(error) => panic!("refused: {error}"),
    }
}

#[track_caller]
pub(crate) fn rejects(token: &str, reason: &str) -> DecodeError {
    rejects_under(&rules(), token, reason)
}

#[track_caller]
pub(crate) fn rejects_under(rules: &Rules, token: &str, reason: &str) -> DecodeError {
    match decode(token, rules, now()) {
        Ok(token) => panic!("accepted: {token:?} {:?}", token.request()),
        Err(error) => {
            assert_eq!(error.reason(), reason, "{error}");
            assert!(DecodeError::REASONS.contains(&reason), "{reason} is not in the closed set");
            check_message(&error);
            error
        }
    }
}

/// What holds for every message: one line, bounded, without control characters and without secrets.
#[track_caller]
pub(crate) fn check_message(error: &DecodeError) {
    let message = error.to_string();
    assert!(message.len() < 1000, "{message}");
    assert!(!message.chars().any(char::is_control), "{message:?}");
    assert!(!message.contains(SECURITY_TOKEN) && !message.contains("CAISfake"), "{message}");
}
