#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;

use super::*;
use crate::directory::SessionToken;
use crate::request::RawRequest;

/// Requests recorded from the official clients.
#[derive(Clone, Deserialize)]
struct Vector {
    name: String,
    scheme: String,
    received_at: Timestamp,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    #[serde(default)]
    access_key_id: String,
    #[serde(default)]
    access_key_secret: String,
    #[serde(default)]
    security_token: String,
    accepted_by_the_published_rule: Option<bool>,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../../../signature/testdata/requests.json")).unwrap()
}

fn vector(name: &str) -> Vector {
    vectors().into_iter().find(|v| v.name == name).unwrap_or_else(|| panic!("no vector {name}"))
}

/// Accepted vectors of one scheme.
fn accepted(scheme: &str) -> Vec<Vector> {
    let accepted: Vec<Vector> = vectors()
        .into_iter()
        .filter(|v| v.scheme == scheme && v.accepted_by_the_published_rule == Some(true))
        .collect();
    assert!(!accepted.is_empty());
    accepted
}

impl Vector {
    fn raw(&self) -> RawRequest {
        RawRequest::new(&self.method, &self.target, &self.headers, Bytes::from(self.body.clone()))
    }

    fn keys(&self) -> TestKeys {
        let session = (!self.security_token.is_empty()).then(|| SessionToken {
            token: Secret::new(self.security_token.clone()),
            expiration: self.received_at + SignedDuration::from_hours(1),
        });
        TestKeys::default().with(&self.access_key_id, &self.access_key_secret, session)
    }

    fn check(&self) -> Result<Identity, String> {
        check(&self.raw(), &self.keys(), self.received_at)
    }

    /// The answer's code when the request has been changed.
    fn check_changed(&self, change: impl FnOnce(&mut RawRequest)) -> Result<Identity, String> {
        let mut raw = self.raw();
        change(&mut raw);
        assert!(raw != self.raw(), "{}: nothing was changed", self.name);
        check(&raw, &self.keys(), self.received_at)
    }

    fn signed_headers(&self) -> Vec<String> {
        let raw = self.raw();
        let text = raw.header("authorization").unwrap();
        text.parse::<acs3::Authorization>().unwrap().signed_headers
    }
}

#[derive(Default)]
struct TestKeys(HashMap<String, Key>);

impl TestKeys {
    fn with(mut self, id: &str, secret: &str, session: Option<SessionToken>) -> Self {
        let key = Key {
            secret: Secret::new(secret),
            active: true,
            session,
            ends: None,
            identity: Identity::Account(id.to_owned()),
        };
        self.0.insert(id.to_owned(), key);
        self
    }
}

impl Keys for TestKeys {
    fn find(&self, access_key_id: &str) -> Option<Key> {
        self.0.get(access_key_id).cloned()
    }

    fn is_issued(&self, token: &Secret) -> bool {
        self.0.values().any(|key| key.session.as_ref().is_some_and(|session| session.token == *token))
    }
}

fn check(raw: &RawRequest, keys: &TestKeys, now: Timestamp) -> Result<Identity, String> {
    check_with(raw, keys, &Nonces::default(), now).map_err(|error| error.code)
}

fn check_with(
    raw: &RawRequest,
    keys: &TestKeys,
    nonces: &Nonces,
    now: Timestamp,
) -> Result<Identity, ApiError> {
    authenticate(&Parsed::new(raw)?, keys, nonces, now)
}

fn code(result: Result<Identity, String>) -> String {
    match result {
        Ok(_) => "accepted".to_owned(),
        Err(code) => code,
    }
}

fn set_header(raw: &mut RawRequest, name: &str, value: &str) {
    let header = raw.headers.iter_mut().find(|(key, _)| key == name);
    header.unwrap_or_else(|| panic!("no header {name}")).1 = value.to_owned();
}

fn remove_header(raw: &mut RawRequest, name: &str) {
    raw.headers.retain(|(key, _)| key != name);
}

/// Query and form parameters, encoded pieces `k=v`.
fn pieces(text: &str) -> Vec<String> {
    text.split('&').filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
}

/// Sets one parameter of the query, encoded.
fn set_query(raw: &mut RawRequest, name: &str, value: &str) {
    let changed: Vec<String> = pieces(raw.query())
        .into_iter()
        .map(|piece| if piece.starts_with(&format!("{name}=")) { format!("{name}={value}") } else { piece })
        .collect();
    raw.target = format!("{}?{}", raw.path(), changed.join("&"));
}

fn remove_query(raw: &mut RawRequest, name: &str) {
    let mut left = pieces(raw.query());
    left.retain(|piece| !piece.starts_with(&format!("{name}=")));
    raw.target = format!("{}?{}", raw.path(), left.join("&"));
}

#[test]
fn the_recorded_requests_of_the_official_clients_verify_as_they_arrived() {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for vector in vectors() {
        let kind = match (vector.scheme.as_str(), vector.accepted_by_the_published_rule) {
            ("acs3-hmac-sha256" | "rpc-hmac-sha1", Some(true)) => {
                let caller = vector.check();
                assert_eq!(caller, Ok(Identity::Account(vector.access_key_id.clone())), "{}", vector.name);
                "accepted"
            }
            ("acs3-hmac-sha256" | "rpc-hmac-sha1", Some(false)) => {
                assert_eq!(code(vector.check()), "SignatureDoesNotMatch", "{}", vector.name);
                "departs from the rule"
            }
            ("anonymous", None) => {
                let raw = vector.raw();
                assert_eq!(Parsed::new(&raw).unwrap().style, Style::Anonymous, "{}", vector.name);
                assert_eq!(code(vector.check()), "MissingAccessKeyId", "{}", vector.name);
                "anonymous"
            }
            ("roa-hmac-sha1", Some(_)) => {
                // Container Service's: a later issue. Until then they are refused, not ignored.
                assert_eq!(code(vector.check()), "IncompleteSignature", "{}", vector.name);
                "ROA, left for later"
            }
            other => panic!("{}: {other:?}", vector.name),
        };
        *counts.entry(kind).or_default() += 1;
    }
    let expected =
        [("accepted", 28), ("departs from the rule", 5), ("anonymous", 6), ("ROA, left for later", 10)];
    assert_eq!(counts, HashMap::from(expected));
}

#[test]
fn acs3_refuses_a_change_of_any_signed_header() {
    for vector in accepted("acs3-hmac-sha256") {
        for name in vector.signed_headers() {
            let raw = vector.raw();
            let value = raw.header(&name).unwrap();
            let other = match name.as_str() {
                // A time that is still within the window.
                "x-acs-date" => format!("{}59Z", value.get(..17).unwrap()),
                _ => format!("{value}x"),
            };
            let result = vector.check_changed(|raw| set_header(raw, &name, &other));
            let expected = match name.as_str() {
                "x-acs-security-token" => "InvalidSecurityToken.Malformed",
                _ => "SignatureDoesNotMatch",
            };
            assert_eq!(code(result), expected, "{} {name}", vector.name);
            let result = vector.check_changed(|raw| remove_header(raw, &name));
            assert_eq!(code(result), "IncompleteSignature", "{} without {name}", vector.name);
            let result = vector.check_changed(|raw| raw.headers.push((name.clone(), value.to_owned())));
            assert_eq!(code(result), "IncompleteSignature", "{} with {name} twice", vector.name);
        }
    }
}

#[test]
fn acs3_refuses_a_change_of_method_path_query_or_body() {
    for vector in accepted("acs3-hmac-sha256") {
        let refused = |what: &str, change: &dyn Fn(&mut RawRequest)| {
            let result = vector.check_changed(change);
            assert_eq!(code(result), "SignatureDoesNotMatch", "{}: {what}", vector.name);
        };
        refused("method", &|raw| raw.method = "PATCH".to_owned());
        refused("path", &|raw| raw.target = format!("/x{}", raw.target));
        refused("one more parameter", &|raw| {
            let separator = if raw.target.contains('?') { '&' } else { '?' };
            raw.target = format!("{}{separator}Extra=1", raw.target);
        });
        refused("body", &|raw| raw.body = Bytes::from([&raw.body[..], b"&x=1"].concat()));
        for piece in pieces(vector.raw().query()) {
            let (name, value) = piece.split_once('=').unwrap();
            refused(name, &|raw| set_query(raw, name, &format!("{value}x")));
            refused(name, &|raw| remove_query(raw, name));
        }
    }
}

#[test]
fn acs3_refuses_a_body_whose_hash_in_the_header_is_another() {
    // The client lies in the header but signs the true hash, or the other way round: both are refused.
    let now: Timestamp = "2026-11-22T15:30:20Z".parse().unwrap();
    let keys = TestKeys::default().with("LTAI1", "secret", None);
    for (claimed, signed) in [("", "body"), ("body", ""), ("", "")] {
        let mut raw = RawRequest::new(
            "POST",
            "/",
            &[
                ("host".into(), "sts.aliyuncs.com".into()),
                ("x-acs-action".into(), "GetCallerIdentity".into()),
                ("x-acs-version".into(), "2015-04-01".into()),
                ("x-acs-date".into(), "2026-11-22T15:30:20Z".into()),
                ("x-acs-content-sha256".into(), acs3::sha256_hex(claimed.as_bytes())),
            ],
            Bytes::from("body"),
        );
        let request = acs3::Request {
            method: "POST",
            path: "/",
            query: &[],
            headers: &raw.headers.clone(),
            content_sha256: &acs3::sha256_hex(signed.as_bytes()),
        };
        let authorization = acs3::authorize(&request, "LTAI1", &Secret::new("secret")).unwrap();
        raw.headers.push(("authorization".to_owned(), authorization.to_string()));
        assert_eq!(code(check(&raw, &keys, now)), "SignatureDoesNotMatch", "{claimed:?} {signed:?}");
    }
}

#[test]
fn acs3_demands_that_the_signature_covers_what_gives_it_its_meaning() {
    let now: Timestamp = "2026-11-22T15:30:20Z".parse().unwrap();
    let session =
        SessionToken { token: Secret::new("token"), expiration: now + SignedDuration::from_hours(1) };
    let keys = TestKeys::default().with("STS.1", "secret", Some(session));
    let headers: Vec<(String, String)> = [
        ("x-acs-action", "GetCallerIdentity"),
        ("x-acs-content-sha256", acs3::EMPTY_BODY_SHA256),
        ("x-acs-date", "2026-11-22T15:30:20Z"),
        ("x-acs-security-token", "token"),
        ("x-acs-version", "2015-04-01"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let signed_but = |left_out: Option<&str>| {
        let covered: Vec<String> = headers
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| Some(name.as_str()) != left_out)
            .collect();
        let request = acs3::Request {
            method: "POST",
            path: "/",
            query: &[],
            headers: &headers,
            content_sha256: acs3::EMPTY_BODY_SHA256,
        };
        let canonical = acs3::canonical_request(&request, &covered).unwrap();
        let authorization = acs3::Authorization {
            access_key_id: "STS.1".to_owned(),
            signature: acs3::sign(&Secret::new("secret"), &acs3::string_to_sign(&canonical)),
            signed_headers: covered,
        };
        let mut raw = RawRequest::new("POST", "/", &headers, Bytes::new());
        raw.headers.push(("authorization".to_owned(), authorization.to_string()));
        code(check(&raw, &keys, now))
    };
    // What the cluster token signs, no host and no nonce, is enough.
    assert_eq!(signed_but(None), "accepted");
    for (name, _) in &headers {
        assert_eq!(signed_but(Some(name)), "IncompleteSignature", "{name}");
    }
}

#[test]
fn acs3_refuses_another_signature_another_key_and_two_authorizations() {
    let vector = vector("python-sts-get-caller-identity-acs3");
    let authorization = vector.raw().header("authorization").unwrap().to_owned();
    let with = |value: String| code(vector.check_changed(|raw| set_header(raw, "authorization", &value)));
    let (head, last) = authorization.split_at(authorization.len() - 1);
    let other = if last == "0" { "1" } else { "0" };
    assert_eq!(with(format!("{head}{other}")), "SignatureDoesNotMatch");
    assert_eq!(
        with(authorization.replace(&vector.access_key_id, "LTAIother")),
        "InvalidAccessKeyId.NotFound"
    );
    assert_eq!(with(head.to_owned()), "IncompleteSignature");
    let twice = |raw: &mut RawRequest| raw.headers.push(("authorization".to_owned(), authorization.clone()));
    assert_eq!(code(vector.check_changed(twice)), "IncompleteSignature");
}

#[test]
fn rpc_refuses_a_change_of_any_parameter_in_query_or_form() {
    for vector in accepted("rpc-hmac-sha1") {
        let in_form = pieces(&vector.body);
        for piece in pieces(vector.raw().query()) {
            let (name, value) = piece.split_once('=').unwrap();
            if in_form.iter().any(|piece| piece.starts_with(&format!("{name}="))) {
                // The form's value is signed and read; the query's is neither.
                continue;
            }
            let other = match name {
                // A time that is still within the window.
                "Timestamp" => format!("{}59Z", value.get(..value.len() - 3).unwrap()),
                _ => format!("{value}x"),
            };
            let expected = match name {
                "AccessKeyId" => "InvalidAccessKeyId.NotFound",
                "SignatureMethod" => "InvalidSignatureMethod",
                "SignatureVersion" => "InvalidParameter.SignatureVersion",
                "SecurityToken" => "InvalidSecurityToken.Malformed",
                _ => "SignatureDoesNotMatch",
            };
            let result = vector.check_changed(|raw| set_query(raw, name, &other));
            assert_eq!(code(result), expected, "{} {name}", vector.name);
            let result = vector.check_changed(|raw| remove_query(raw, name));
            let expected = match name {
                "AccessKeyId" | "Signature" | "SignatureMethod" | "SignatureVersion" | "Timestamp"
                | "SignatureNonce" | "SecurityToken" => format!("Missing{name}"),
                _ => "SignatureDoesNotMatch".to_owned(),
            };
            assert_eq!(code(result), expected, "{} without {name}", vector.name);
        }
        let grown = |raw: &mut RawRequest| raw.target.push_str("&Extra=1");
        assert_eq!(code(vector.check_changed(grown)), "SignatureDoesNotMatch", "{}", vector.name);
        let method = |raw: &mut RawRequest| raw.method = "PUT".to_owned();
        assert_eq!(code(vector.check_changed(method)), "SignatureDoesNotMatch", "{}", vector.name);
        if !vector.body.is_empty() {
            let body = |raw: &mut RawRequest| raw.body = Bytes::from(format!("{}x", vector.body));
            assert_eq!(code(vector.check_changed(body)), "SignatureDoesNotMatch", "{}", vector.name);
        }
    }
}

#[test]
fn rpc_refuses_a_nonce_that_was_used() {
    for vector in accepted("rpc-hmac-sha1") {
        let (raw, keys, nonces) = (vector.raw(), vector.keys(), Nonces::default());
        let at = |seconds| vector.received_at + SignedDuration::from_secs(seconds);
        assert!(check_with(&raw, &keys, &nonces, at(0)).is_ok());
        for seconds in [0, 1, 800] {
            let error = check_with(&raw, &keys, &nonces, at(seconds)).unwrap_err();
            assert_eq!(error, ApiError::nonce_used(), "{} after {seconds} s", vector.name);
        }
    }
}

#[test]
fn a_nonce_is_not_used_up_by_somebody_who_cannot_sign() {
    let vector = vector("tool-whoami-rpc");
    let (keys, nonces) = (vector.keys(), Nonces::default());
    let mut forged = vector.raw();
    set_query(&mut forged, "Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA%3D");
    let error = check_with(&forged, &keys, &nonces, vector.received_at).unwrap_err();
    assert_eq!(error.code, "SignatureDoesNotMatch");
    assert!(check_with(&vector.raw(), &keys, &nonces, vector.received_at).is_ok());
}

#[test]
fn acs3_may_repeat_a_nonce_for_cluster_tokens_have_none() {
    for vector in accepted("acs3-hmac-sha256") {
        let (raw, keys, nonces) = (vector.raw(), vector.keys(), Nonces::default());
        for _ in 0..2 {
            assert!(check_with(&raw, &keys, &nonces, vector.received_at).is_ok(), "{}", vector.name);
        }
    }
}

#[test]
fn a_signature_is_good_for_fifteen_minutes_either_way_and_not_a_moment_longer() {
    for name in ["tool-whoami-rpc", "python-sts-get-caller-identity-acs3"] {
        let vector = vector(name);
        let keys = vector.keys();
        let raw = vector.raw();
        let signed_at: Timestamp = match raw.header("x-acs-date") {
            Some(date) => date.parse().unwrap(),
            None => Parsed::new(&raw).unwrap().params.get("Timestamp").unwrap().parse().unwrap(),
        };
        let at = |offset: SignedDuration| code(check(&raw, &keys, signed_at + offset));
        let moment = SignedDuration::from_millis(1);
        for edge in [WINDOW, -WINDOW] {
            assert_eq!(at(edge), "accepted", "{name} {edge}");
        }
        for beyond in [WINDOW + moment, -WINDOW - moment] {
            assert_eq!(at(beyond), "InvalidTimeStamp.Expired", "{name} {beyond}");
        }
    }
}

#[test]
fn a_time_in_another_form_is_refused_as_such() {
    let vector = vector("python-sts-get-caller-identity-acs3");
    for time in
        ["", "2026-11-22 15:39:28", "2026-11-22T15:39:28.000Z", "2026-11-22T15:39:28+00:00", "1795361968"]
    {
        let result = vector.check_changed(|raw| set_header(raw, "x-acs-date", time));
        assert_eq!(code(result), "InvalidTimeStamp.Format", "{time:?}");
    }
    let rpc = super::tests::vector("tool-whoami-rpc");
    let result = rpc.check_changed(|raw| set_query(raw, "Timestamp", "today"));
    assert_eq!(code(result), "InvalidTimeStamp.Format");
}

#[test]
fn temporary_keys_need_their_own_living_token() {
    for name in ["python-sts-assume-role-acs3-token", "tool-whoami-rpc-token"] {
        let vector = vector(name);
        let raw = vector.raw();
        let now = vector.received_at;
        let keyed = |token: &str, expiration| {
            let session = SessionToken { token: Secret::new(token), expiration };
            let others = SessionToken { token: Secret::new(&*vector.security_token), expiration: now };
            TestKeys::default().with("STS.other", "secret", Some(others)).with(
                &vector.access_key_id,
                &vector.access_key_secret,
                Some(session),
            )
        };
        let token = vector.security_token.as_str();
        let moment = SignedDuration::from_millis(1);
        assert_eq!(code(check(&raw, &keyed(token, now + moment), now)), "accepted", "{name}");
        assert_eq!(code(check(&raw, &keyed(token, now), now)), "InvalidSecurityToken.Expired", "{name}");
        let own = keyed("another", now + moment);
        assert_eq!(code(check(&raw, &own, now)), "InvalidSecurityToken.MismatchWithAccessKey", "{name}");
        // A permanent key has no token at all.
        let permanent = TestKeys::default().with(&vector.access_key_id, &vector.access_key_secret, None);
        assert_eq!(code(check(&raw, &permanent, now)), "InvalidSecurityToken.Malformed", "{name}");
    }
}

#[test]
fn a_temporary_key_without_its_token_is_told_so() {
    let vector = vector("tool-whoami-rpc");
    let session = SessionToken { token: Secret::new("t"), expiration: Timestamp::MAX };
    let keys = TestKeys::default().with(&vector.access_key_id, &vector.access_key_secret, Some(session));
    let error = check_with(&vector.raw(), &keys, &Nonces::default(), vector.received_at).unwrap_err();
    assert_eq!(
        error,
        ApiError::new(400, "MissingSecurityToken", "SecurityToken is mandatory for this action.")
    );
}

#[test]
fn a_wrong_secret_is_told_what_the_server_signed() {
    for (name, start) in [
        ("tool-whoami-rpc", "POST&%2F&AccessKeyId%3DLTAI5tFakeUserKey00001%26Action%3DGetCallerIdentity"),
        ("python-sts-get-caller-identity-acs3", "ACS3-HMAC-SHA256\n"),
    ] {
        let vector = vector(name);
        let keys = TestKeys::default().with(&vector.access_key_id, "wrong", None);
        let error = check_with(&vector.raw(), &keys, &Nonces::default(), vector.received_at).unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (400, "SignatureDoesNotMatch"));
        let marker = "Specified signature is not matched with our calculation. server string to sign is:";
        let text = error.message.strip_prefix(marker).unwrap();
        assert!(text.starts_with(start), "{text}");
        assert!(!error.message.contains("wrong"));
    }
}

#[test]
fn a_disabled_key_is_refused() {
    let vector = vector("tool-whoami-rpc");
    let mut keys = vector.keys();
    keys.0.get_mut(&vector.access_key_id).unwrap().active = false;
    let error = check_with(&vector.raw(), &keys, &Nonces::default(), vector.received_at).unwrap_err();
    assert_eq!(error, ApiError::key_inactive());
}

#[test]
fn a_parameter_given_twice_is_refused_even_when_it_is_signed_twice() {
    let now: Timestamp = "2026-11-22T15:30:20Z".parse().unwrap();
    let params = |actions: &[&str]| {
        let mut params: Vec<(String, String)> = [
            ("AccessKeyId", "LTAI1"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureNonce", "1"),
            ("SignatureVersion", "1.0"),
            ("Timestamp", "2026-11-22T15:30:20Z"),
        ]
        .into_iter()
        .chain(actions.iter().map(|action| ("Action", *action)))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let signature = rpc::sign(&Secret::new("secret"), &rpc::string_to_sign("GET", &params));
        params.push(("Signature".to_owned(), signature));
        params
    };
    let keys = TestKeys::default().with("LTAI1", "secret", None);
    let result = |actions: &[&str]| {
        let target = format!("/?{}", signature::encoding::build_query(&params(actions)));
        let headers = [("host".to_owned(), "sts.aliyuncs.com".to_owned())];
        code(check(&RawRequest::new("GET", &target, &headers, Bytes::new()), &keys, now))
    };
    assert_eq!(result(&["GetCallerIdentity"]), "accepted");
    assert_eq!(result(&["GetCallerIdentity", "AssumeRole"]), "InvalidParameter");
}
