#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::*;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

fn request(target: &str, headers: &[(&str, &str)], body: &str) -> RawRequest {
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    RawRequest::new("POST", target, &headers, Bytes::from(body.to_owned()))
}

fn overview(target: &str, headers: &[(&str, &str)], body: &str) -> Overview {
    Overview::of(&request(target, headers, body))
}

#[test]
fn the_action_is_read_from_where_it_is_signed() {
    let header = ("x-acs-action", "FromHeader");
    let acs3 = ("authorization", "ACS3-HMAC-SHA256 Credential=x");
    let action = |target, headers: &[(&str, &str)]| {
        let raw = request(target, headers, "");
        Parsed::new(&raw).ok().and_then(|parsed| parsed.action().map(str::to_owned))
    };
    assert_eq!(action("/?Action=FromQuery", &[header, acs3]).as_deref(), Some("FromHeader"));
    assert_eq!(action("/?Action=FromQuery", &[acs3]), None);
    assert_eq!(action("/?Action=FromQuery&Signature=x", &[header]).as_deref(), Some("FromQuery"));
    assert_eq!(action("/?Signature=x", &[header]), None, "an RPC signature does not cover the header");
    assert_eq!(action("/?Action=FromQuery", &[header]).as_deref(), Some("FromQuery"));
    assert_eq!(action("/", &[header]).as_deref(), Some("FromHeader"));
}

#[test]
fn parameters_come_from_the_query_and_from_a_form() {
    let raw = request("/?Action=A&x=%2B+%20", &[FORM], "RoleArn=acs%3Aram&y=1");
    let parsed = Parsed::new(&raw).unwrap();
    assert_eq!(parsed.params.get("x"), Some("+  "));
    assert_eq!(parsed.params.get("RoleArn"), Some("acs:ram"));
    let raw = request("/?Action=A", &[("content-type", "application/json")], "RoleArn=x");
    assert_eq!(Parsed::new(&raw).unwrap().params.get("RoleArn"), None);
}

#[test]
fn what_cannot_be_decoded_or_is_given_twice_is_refused() {
    for (target, body) in
        [("/?a=%zz", ""), ("/?a=%ff", ""), ("/?a=1&a=1", ""), ("/", "a=1&b=2&a=3"), ("/", "a=%")]
    {
        let raw = request(target, &[FORM], body);
        let error = Parsed::new(&raw).err().unwrap_or_else(|| panic!("{target} {body} was accepted"));
        assert_eq!((error.status, error.code.as_str()), (400, "InvalidParameter"), "{target} {body}");
    }
}

#[test]
fn the_format_follows_the_request() {
    let acs3 = ("x-acs-action", "GetCallerIdentity");
    for (target, headers, xml) in [
        ("/?Action=A", &[][..], true),
        ("/?Action=A&Format=XML", &[], true),
        ("/?Action=A&Format=json", &[], false),
        ("/?Action=A&Format=JSON", &[], false),
        ("/?Action=A", &[("accept", "application/json")], false),
        ("/?Action=A&Format=xml", &[("accept", "application/json")], true),
        ("/", &[acs3, ("accept", "application/json")], false),
        ("/", &[acs3], false),
        ("/", &[acs3, ("accept", "*/*")], false),
        ("/", &[acs3, ("accept", "text/xml")], true),
    ] {
        assert_eq!(overview(target, headers, "").wants_xml, xml, "{target} {headers:?}");
    }
    assert!(!overview("/?Action=A", &[FORM], "Format=json").wants_xml);
}

#[test]
fn an_unreadable_request_can_still_be_described() {
    let seen = overview("/?Action=%zz", &[("authorization", "acs LTAI:x")], "");
    assert_eq!(seen.style, Style::Roa);
    assert_eq!((seen.action.as_str(), seen.access_key_id.as_str()), ("", ""));
}

#[test]
fn debug_shows_no_parameter_header_or_body() {
    let raw = request("/?SecurityToken=hidden1", &[("x-acs-security-token", "hidden2")], "Secret=hidden3");
    assert!(!format!("{raw:?}").contains("hidden"));
}
