//! The signatures of the official clients, recorded: canonical request, string to sign and signature are
//! compared one by one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::BTreeMap;

use serde::Deserialize;
use signature::{Secret, VerifyError, acs3, encoding, roa, rpc};

#[derive(Deserialize)]
struct Recorded {
    name: String,
    scheme: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    #[serde(default)]
    access_key_id: String,
    #[serde(default)]
    access_key_secret: String,
    #[serde(default)]
    signature: String,
    accepted_by_the_published_rule: Option<bool>,
    canonical_request: Option<String>,
    #[serde(default)]
    string_to_sign: String,
}

impl Recorded {
    fn secret(&self) -> Secret {
        Secret::new(self.access_key_secret.clone())
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    fn query(&self) -> Vec<(String, String)> {
        encoding::parse_query(self.target.split_once('?').map_or("", |(_, query)| query)).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Query and form body together: what an RPC signature covers.
    fn rpc_params(&self) -> Vec<(String, String)> {
        let is_form = self
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let form = if is_form { encoding::parse_query(&self.body).unwrap() } else { Vec::new() };
        rpc::merge(&self.query(), &form)
    }

    /// Runs `check` with the request as ROA sees it.
    fn with_roa<T>(&self, check: impl FnOnce(&roa::Request<'_>, &roa::Authorization) -> T) -> T {
        let authorization: roa::Authorization = self.header("authorization").unwrap().parse().unwrap();
        let request = roa::Request {
            method: &self.method,
            path: self.path(),
            query: &self.query(),
            headers: &self.headers,
        };
        check(&request, &authorization)
    }

    /// Runs `check` with the request as ACS3 sees it.
    fn with_acs3<T>(&self, check: impl FnOnce(&acs3::Request<'_>, &acs3::Authorization) -> T) -> T {
        let authorization: acs3::Authorization = self.header("authorization").unwrap().parse().unwrap();
        let request = acs3::Request {
            method: &self.method,
            path: self.path(),
            query: &self.query(),
            headers: &self.headers,
            content_sha256: &acs3::sha256_hex(self.body.as_bytes()),
        };
        check(&request, &authorization)
    }
}

fn recorded() -> Vec<Recorded> {
    serde_json::from_str(include_str!("../testdata/requests.json")).unwrap()
}

fn of(scheme: &str, accepted: bool) -> Vec<Recorded> {
    let mut requests = recorded();
    requests.retain(|r| r.scheme == scheme && r.accepted_by_the_published_rule == Some(accepted));
    requests
}

#[test]
fn every_recorded_request_is_counted() {
    let mut counts: BTreeMap<(String, Option<bool>), usize> = BTreeMap::new();
    for request in recorded() {
        *counts.entry((request.scheme, request.accepted_by_the_published_rule)).or_default() += 1;
    }
    let expected = [
        (("acs3-hmac-sha256", Some(false)), 4),
        (("acs3-hmac-sha256", Some(true)), 13),
        // Not signed at all: AssumeRoleWithOIDC.
        (("anonymous", None), 6),
        (("roa-hmac-sha1", Some(false)), 1),
        (("roa-hmac-sha1", Some(true)), 9),
        (("rpc-hmac-sha1", Some(false)), 1),
        (("rpc-hmac-sha1", Some(true)), 15),
    ];
    let expected = expected.map(|((scheme, accepted), count)| ((scheme.to_owned(), accepted), count));
    assert_eq!(counts, BTreeMap::from(expected));
}

#[test]
fn acs3_requests_of_the_official_clients_verify() {
    for recorded in of("acs3-hmac-sha256", true) {
        let name = &recorded.name;
        recorded.with_acs3(|request, authorization| {
            let canonical = acs3::canonical_request(request, &authorization.signed_headers).unwrap();
            assert_eq!(Some(&canonical), recorded.canonical_request.as_ref(), "{name}");
            let string_to_sign = acs3::string_to_sign(&canonical);
            assert_eq!(string_to_sign, recorded.string_to_sign, "{name}");
            assert_eq!(acs3::sign(&recorded.secret(), &string_to_sign), recorded.signature, "{name}");
            assert_eq!(authorization.signature, recorded.signature, "{name}");
            assert_eq!(authorization.access_key_id, recorded.access_key_id, "{name}");
            assert_eq!(Some(authorization.to_string().as_str()), recorded.header("authorization"), "{name}");
            assert_eq!(acs3::verify(request, authorization, &recorded.secret()), Ok(()), "{name}");
            let other = Secret::new(format!("{}x", recorded.access_key_secret));
            assert_eq!(acs3::verify(request, authorization, &other), Err(VerifyError::Mismatch), "{name}");
        });
    }
}

#[test]
fn acs3_requests_are_signed_as_the_go_and_node_clients_sign_them() {
    let mut counted = 0;
    for recorded in of("acs3-hmac-sha256", true) {
        // Python signs accept and user-agent too.
        if recorded.name.starts_with("python") {
            continue;
        }
        counted += 1;
        recorded.with_acs3(|request, authorization| {
            let made = acs3::authorize(request, &recorded.access_key_id, &recorded.secret()).unwrap();
            assert_eq!(&made, authorization, "{}", recorded.name);
        });
    }
    assert_eq!(counted, 9);
}

#[test]
fn rpc_requests_of_the_official_clients_verify() {
    for recorded in of("rpc-hmac-sha1", true) {
        let name = &recorded.name;
        let params = recorded.rpc_params();
        let string_to_sign = rpc::string_to_sign(&recorded.method, &params);
        assert_eq!(string_to_sign, recorded.string_to_sign, "{name}");
        assert_eq!(rpc::sign(&recorded.secret(), &string_to_sign), recorded.signature, "{name}");
        assert_eq!(rpc::verify(&recorded.method, &params, &recorded.secret()), Ok(()), "{name}");
        let other = Secret::new(format!("{}x", recorded.access_key_secret));
        assert_eq!(rpc::verify(&recorded.method, &params, &other), Err(VerifyError::Mismatch), "{name}");
    }
}

#[test]
fn roa_requests_of_the_official_clients_verify() {
    for recorded in of("roa-hmac-sha1", true) {
        let name = &recorded.name;
        recorded.with_roa(|request, authorization| {
            let string_to_sign = roa::string_to_sign(request).unwrap();
            assert_eq!(string_to_sign, recorded.string_to_sign, "{name}");
            assert_eq!(roa::sign(&recorded.secret(), &string_to_sign), recorded.signature, "{name}");
            assert_eq!(authorization.access_key_id, recorded.access_key_id, "{name}");
            let made = roa::authorize(request, &recorded.access_key_id, &recorded.secret()).unwrap();
            assert_eq!(Some(made.to_string().as_str()), recorded.header("authorization"), "{name}");
            assert_eq!(roa::verify(request, authorization, &recorded.secret()), Ok(()), "{name}");
            let other = Secret::new(format!("{}x", recorded.access_key_secret));
            assert_eq!(roa::verify(request, authorization, &other), Err(VerifyError::Mismatch), "{name}");
            let date = recorded.header("date").unwrap();
            assert_eq!(roa::format_date(roa::parse_date(date).unwrap()), date, "{name}");
        });
    }
}

/// The departures that the recordings note: each is refused, and for the reason noted. The client's text
/// gives the client's signature, and differs from ours in nothing but the departure.
#[test]
fn requests_that_depart_from_the_published_rule_do_not_verify() {
    for recorded in of("acs3-hmac-sha256", false) {
        let (ours, theirs) = match recorded.name.as_str() {
            "node-acs3-roa-json-apostrophe-in-path" => ("d~e%27f(g)!h", "d~e'f(g)!h"),
            "go-acs3-odd-query-key" => ("k%20ey%2A~%2B%5B1%5D=x", "k ey%2A~%20[1]=x"),
            "python-acs3-odd-query-key" | "node-acs3-odd-query-key" => {
                ("k%20ey%2A~%2B%5B1%5D=x", "k ey*~+[1]=x")
            }
            other => panic!("{other} departs from the rule in a way that this test does not know"),
        };
        let name = &recorded.name;
        recorded.with_acs3(|request, authorization| {
            let refusal = acs3::verify(request, authorization, &recorded.secret());
            assert_eq!(refusal, Err(VerifyError::Mismatch), "{name}");
            let canonical = acs3::canonical_request(request, &authorization.signed_headers).unwrap();
            assert!(canonical.contains(ours), "{name}: {canonical}");
            let departed = canonical.replace(ours, theirs);
            assert_eq!(Some(&departed), recorded.canonical_request.as_ref(), "{name}");
            assert_eq!(acs3::string_to_sign(&departed), recorded.string_to_sign, "{name}");
            assert_eq!(
                acs3::sign(&recorded.secret(), &recorded.string_to_sign),
                recorded.signature,
                "{name}"
            );
        });
    }
    for recorded in of("roa-hmac-sha1", false) {
        let name = &recorded.name;
        assert_eq!(name, "node-roa-v1-json-empty-value-apostrophe-in-path");
        recorded.with_roa(|request, authorization| {
            let refusal = roa::verify(request, authorization, &recorded.secret());
            assert_eq!(refusal, Err(VerifyError::Mismatch), "{name}");
            let departed = roa::string_to_sign(request)
                .unwrap()
                .replace("d~e%27f(g)!h", "d~e'f(g)!h")
                .replace("&empty&", "&empty=&");
            assert_eq!(departed, recorded.string_to_sign, "{name}");
            assert_eq!(roa::sign(&recorded.secret(), &departed), recorded.signature, "{name}");
        });
    }
    for recorded in of("rpc-hmac-sha1", false) {
        let name = &recorded.name;
        assert_eq!(name, "python-credentials-assume-role-rpc-get-space");
        let params = recorded.rpc_params();
        let refusal = rpc::verify(&recorded.method, &params, &recorded.secret());
        assert_eq!(refusal, Err(VerifyError::Mismatch), "{name}");
        let string_to_sign = rpc::string_to_sign(&recorded.method, &params);
        assert!(string_to_sign.contains("%2520"), "{name}");
        assert_eq!(string_to_sign.replace("%2520", "%2B"), recorded.string_to_sign, "{name}");
        assert_eq!(rpc::sign(&recorded.secret(), &recorded.string_to_sign), recorded.signature, "{name}");
    }
}

#[derive(Deserialize)]
struct RecordedToken {
    name: String,
    version: String,
    access_key_id: String,
    access_key_secret: String,
    security_token: String,
    cluster_id: String,
    date: String,
    authorization: Option<String>,
    url: Option<String>,
    signature: Option<String>,
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn cluster_tokens_of_the_official_client_have_our_signature() {
    let tokens: Vec<RecordedToken> = serde_json::from_str(include_str!("../testdata/tokens.json")).unwrap();
    let count = |version: &str| tokens.iter().filter(|token| token.version == version).count();
    assert_eq!((tokens.len(), count("v1"), count("v2")), (15, 10, 5));
    for token in &tokens {
        let secret = Secret::new(token.access_key_secret.clone());
        if token.version == "v2" {
            let mut headers = vec![
                pair("x-acs-action", "GetCallerIdentity"),
                pair("x-acs-version", "2015-04-01"),
                pair("x-acs-date", &token.date),
                pair("x-acs-content-sha256", acs3::EMPTY_BODY_SHA256),
                pair("user-agent", "not signed"),
            ];
            if !token.security_token.is_empty() {
                headers.push(pair("x-acs-security-token", &token.security_token));
            }
            let request = acs3::Request {
                method: "POST",
                path: "/",
                query: &[pair("ACKClusterId", &token.cluster_id)],
                headers: &headers,
                content_sha256: acs3::EMPTY_BODY_SHA256,
            };
            let made = acs3::authorize(&request, &token.access_key_id, &secret).unwrap();
            assert_eq!(Some(&made.to_string()), token.authorization.as_ref(), "{}", token.name);
        } else {
            let (_, query) = token.url.as_ref().unwrap().split_once('?').unwrap();
            let params = encoding::parse_query(query).unwrap();
            assert_eq!(rpc::verify("GET", &params, &secret), Ok(()), "{}", token.name);
            let signature = rpc::sign(&secret, &rpc::string_to_sign("GET", &params));
            assert_eq!(Some(&signature), token.signature.as_ref(), "{}", token.name);
        }
    }
}
