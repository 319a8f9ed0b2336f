//! Nothing that is under a signature can be changed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use proptest::prelude::*;
use proptest::sample::Index;
use signature::acs3::{self, CanonicalError};
use signature::{Secret, VerifyError, roa, rpc};

type Params = Vec<(String, String)>;

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn secret() -> Secret {
    Secret::new("3xAmPl3S3cr3t")
}

/// A request by value, so that a test can change it.
#[derive(Clone, Debug)]
struct Owned {
    method: String,
    path: String,
    query: Params,
    headers: Params,
    content_sha256: String,
}

impl Owned {
    fn example() -> Self {
        Self {
            method: "POST".into(),
            path: "/clusters/c%200".into(),
            query: vec![pair("RoleName", "dev"), pair("Empty", "")],
            headers: vec![
                pair("Host", "ram.aliyuncs.com"),
                pair("x-acs-action", "GetRole"),
                pair("X-Acs-Date", "2026-11-22T01:43:34Z"),
                pair("user-agent", "not signed"),
            ],
            content_sha256: acs3::EMPTY_BODY_SHA256.into(),
        }
    }

    fn borrowed(&self) -> acs3::Request<'_> {
        acs3::Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            content_sha256: &self.content_sha256,
        }
    }

    fn authorize(&self) -> acs3::Authorization {
        acs3::authorize(&self.borrowed(), "LTAI1", &secret()).unwrap()
    }

    fn verify(&self, authorization: &acs3::Authorization) -> Result<(), VerifyError> {
        acs3::verify(&self.borrowed(), authorization, &secret())
    }

    /// Every text that the signature covers.
    fn signed_texts(&mut self) -> Vec<&mut String> {
        let mut texts = vec![&mut self.method, &mut self.path, &mut self.content_sha256];
        for (key, value) in &mut self.query {
            texts.extend([key, value]);
        }
        texts.extend(self.headers.iter_mut().filter(|(key, _)| key != "user-agent").map(|(_, value)| value));
        texts
    }
}

/// A request of Container Service with every header that a ROA signature covers, and one that it does not.
fn roa_example(query: Params) -> Owned {
    let headers = vec![
        pair("Accept", "application/json"),
        pair("Content-MD5", "XrY7u+Ae7tCTyyK7j1rNww=="),
        pair("content-type", "application/json"),
        pair("Date", "Sun, 22 Nov 2026 15:30:20 GMT"),
        pair("x-acs-action", "DescribeClusterDetail"),
        pair("X-Acs-Version", "2015-12-15"),
        pair("user-agent", "not signed"),
    ];
    Owned { method: "GET".into(), query, headers, ..Owned::example() }
}

impl Owned {
    fn roa(&self) -> roa::Request<'_> {
        roa::Request { method: &self.method, path: &self.path, query: &self.query, headers: &self.headers }
    }

    /// Every text that a ROA signature covers.
    fn roa_texts(&mut self) -> Vec<&mut String> {
        let mut texts = vec![&mut self.method, &mut self.path];
        for (key, value) in &mut self.query {
            texts.extend([key, value]);
        }
        texts.extend(self.headers.iter_mut().filter(|(key, _)| key != "user-agent").map(|(_, value)| value));
        texts
    }
}

/// Puts another character in place of one, or adds one to an empty text.
fn change(text: &mut String, at: &Index, replacement: char) {
    let mut characters: Vec<char> = text.chars().collect();
    if characters.is_empty() {
        characters.push(replacement);
    } else {
        let at = at.index(characters.len());
        characters[at] = if characters[at] == replacement { '!' } else { replacement };
    }
    *text = characters.into_iter().collect();
}

fn params() -> impl Strategy<Value = Params> {
    proptest::collection::vec(("[A-Za-z][A-Za-z.0-9]{0,8}", "[ -~é]{0,12}"), 1..6)
}

proptest! {
    #[test]
    fn one_changed_character_breaks_an_acs3_signature(
        query in params(),
        which in any::<Index>(),
        at in any::<Index>(),
        replacement in "[0-9A-Za-z/+=%&]",
    ) {
        let mut request = Owned { query, ..Owned::example() };
        let authorization = request.authorize();
        prop_assert_eq!(request.verify(&authorization), Ok(()));
        let before = request.clone();
        let mut texts = request.signed_texts();
        let which = which.index(texts.len());
        change(texts[which], &at, replacement.chars().next().unwrap());
        prop_assert_eq!(request.verify(&authorization), Err(VerifyError::Mismatch), "{:?} {:?}", before, request);
    }

    #[test]
    fn one_changed_character_breaks_an_rpc_signature(
        mut params in params(),
        which in any::<Index>(),
        at in any::<Index>(),
        replacement in "[0-9A-Za-z/+=%&]",
    ) {
        let signature = rpc::sign(&secret(), &rpc::string_to_sign("GET", &params));
        params.push(pair("Signature", &signature));
        prop_assert_eq!(rpc::verify("GET", &params, &secret()), Ok(()));
        prop_assert_eq!(rpc::verify("POST", &params, &secret()), Err(VerifyError::Mismatch));
        let which = which.index(params.len() * 2);
        // The name `Signature` itself is the one text that is not signed: changed, no signature is left.
        let (key, value) = &mut params[which / 2];
        change(if which % 2 == 0 { key } else { value }, &at, replacement.chars().next().unwrap());
        let refusal = rpc::verify("GET", &params, &secret());
        let expected = if which == params.len() * 2 - 2 { VerifyError::MissingSignature } else { VerifyError::Mismatch };
        prop_assert_eq!(refusal, Err(expected));
    }

    #[test]
    fn one_changed_character_breaks_a_roa_signature(
        // Texts without & and =, which a decoded query cannot tell from its own.
        query in proptest::collection::vec(("[A-Za-z][A-Za-z.0-9]{0,8}", "[ !-%'-<>-~é]{0,12}"), 1..6),
        which in any::<Index>(),
        at in any::<Index>(),
        replacement in "[0-9A-Za-z/+%]",
    ) {
        let mut request = roa_example(query);
        let authorization = roa::authorize(&request.roa(), "LTAI1", &secret()).unwrap();
        prop_assert_eq!(roa::verify(&request.roa(), &authorization, &secret()), Ok(()));
        let mut texts = request.roa_texts();
        let which = which.index(texts.len());
        change(texts[which], &at, replacement.chars().next().unwrap());
        prop_assert_eq!(roa::verify(&request.roa(), &authorization, &secret()), Err(VerifyError::Mismatch));
    }

    #[test]
    fn the_order_of_parameters_and_headers_does_not_matter(query in params(), turn in any::<Index>()) {
        let mut request = Owned { query, ..Owned::example() };
        let authorization = request.authorize();
        let turn = turn.index(request.query.len());
        request.query.rotate_left(turn);
        request.query.reverse();
        request.headers.reverse();
        prop_assert_eq!(request.verify(&authorization), Ok(()));
    }
}

#[test]
fn blanks_around_a_header_value_and_the_case_of_its_name_do_not_matter() {
    let mut request = Owned::example();
    let authorization = request.authorize();
    request.headers[1] = pair("X-ACS-ACTION", "  GetRole\t");
    assert_eq!(request.verify(&authorization), Ok(()));
}

#[test]
fn an_empty_path_is_signed_as_a_slash() {
    let mut request = Owned { path: String::new(), ..Owned::example() };
    let authorization = request.authorize();
    request.path = "/".into();
    assert_eq!(request.verify(&authorization), Ok(()));
}

#[test]
fn headers_that_are_not_signed_may_change() {
    let mut request = Owned::example();
    let authorization = request.authorize();
    assert_eq!(authorization.signed_headers, ["host", "x-acs-action", "x-acs-date"]);
    request.headers[3].1 = "another".into();
    assert_eq!(request.verify(&authorization), Ok(()));
}

#[test]
fn refuses_a_request_that_lacks_a_signed_header() {
    let mut request = Owned::example();
    let authorization = request.authorize();
    request.headers.remove(1);
    let missing = CanonicalError::MissingHeader { name: "x-acs-action".into() };
    assert_eq!(request.verify(&authorization), Err(VerifyError::Canonical(missing)));
}

#[test]
fn refuses_a_request_that_has_a_signed_header_twice() {
    let mut request = Owned::example();
    let authorization = request.authorize();
    request.headers.push(pair("X-Acs-Action", "GetRole"));
    let repeated = CanonicalError::RepeatedHeader { name: "x-acs-action".into() };
    assert_eq!(request.verify(&authorization), Err(VerifyError::Canonical(repeated.clone())));
    assert_eq!(acs3::authorize(&request.borrowed(), "LTAI1", &secret()).unwrap_err(), repeated);
}

#[test]
fn a_roa_signature_covers_no_header_twice_and_each_that_is_added() {
    let request = roa_example(vec![]);
    let authorization = roa::authorize(&request.roa(), "LTAI1", &secret()).unwrap();
    for name in ["accept", "Content-Type", "date", "X-ACS-Action"] {
        let mut twice = request.clone();
        twice.headers.push(pair(name, "another"));
        let repeated = CanonicalError::RepeatedHeader { name: name.to_ascii_lowercase() };
        let refusal = roa::verify(&twice.roa(), &authorization, &secret());
        assert_eq!(refusal, Err(VerifyError::Canonical(repeated)), "{name}");
    }
    let mut more = request.clone();
    more.headers.push(pair("x-acs-security-token", "token"));
    assert_eq!(roa::verify(&more.roa(), &authorization, &secret()), Err(VerifyError::Mismatch));
    let mut less = request.clone();
    less.headers.retain(|(name, _)| name != "x-acs-action");
    assert_eq!(roa::verify(&less.roa(), &authorization, &secret()), Err(VerifyError::Mismatch));
    let mut unsigned = request;
    unsigned.headers[6].1 = "another".into();
    assert_eq!(roa::verify(&unsigned.roa(), &authorization, &secret()), Ok(()));
}

#[test]
fn a_parameter_more_breaks_the_signature() {
    let mut request = Owned::example();
    let authorization = request.authorize();
    request.query.push(pair("RoleName", "dev"));
    assert_eq!(request.verify(&authorization), Err(VerifyError::Mismatch));
}

#[test]
fn refuses_an_rpc_request_with_no_signature_or_two() {
    let params = vec![pair("Action", "GetCallerIdentity")];
    assert_eq!(rpc::verify("GET", &params, &secret()), Err(VerifyError::MissingSignature));
    let signature = rpc::sign(&secret(), &rpc::string_to_sign("GET", &params));
    let mut params = [params, vec![pair("Signature", &signature)]].concat();
    assert_eq!(rpc::verify("GET", &params, &secret()), Ok(()));
    params.push(pair("Signature", "x"));
    assert_eq!(rpc::verify("GET", &params, &secret()), Err(VerifyError::RepeatedSignature));
}

#[test]
fn the_empty_body_has_the_documented_hash() {
    assert_eq!(acs3::sha256_hex(b""), acs3::EMPTY_BODY_SHA256);
}

#[test]
fn a_parameter_of_query_and_form_counts_once_with_the_value_of_the_form() {
    let merged =
        rpc::merge(&[pair("a", "1"), pair("b", "2"), pair("b", "3")], &[pair("a", "9"), pair("c", "4")]);
    assert_eq!(merged, [pair("b", "2"), pair("b", "3"), pair("a", "9"), pair("c", "4")]);
}
