//! The published attacks on this class of software, against the decoder. Each token here is signed over what it
//! says, so that a refusal is the decoder's and not the signature's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::*;
use jiff::SignedDuration;
use signature::encoding;
use token::{DecodeError, Rules, decode};

#[test]
fn the_tokens_that_the_attacks_start_from_are_accepted() {
    let v2 = accepts(&V2::new().token());
    assert_eq!((v2.access_key_id(), v2.cluster_id()), ("STS.NUexample", CLUSTER));
    let v1 = accepts(&v1_of(&v1_params()));
    assert_eq!((v1.access_key_id(), v1.cluster_id()), ("STS.NUexample", CLUSTER));
}

// A: a parameter twice, or in two spellings.

#[test]
fn attack_a_refuses_a_json_field_that_occurs_twice() {
    for name in ["clusterId", "query", "headers", "method", "path", "QUERY", "Headers", "ClusterID"] {
        rejects(&V2::new().with_field(name, r#"{"ACKClusterId":"x"}"#).token(), "duplicate");
    }
    rejects(&V2::new().with_field("headers", "{}").token(), "duplicate");
}

#[test]
fn attack_a_refuses_a_json_field_twice_through_an_escape() {
    let json = V2::new().json().replacen("{", r#"{"\u0071uery":{"ACKClusterId":"x"},"#, 1);
    rejects(&v2_token(&json), "duplicate");
}

#[test]
fn attack_a_refuses_a_query_key_that_occurs_twice_in_any_spelling() {
    for key in ["ACKClusterId", "ackclusterid", "ACKCLUSTERID"] {
        for value in [CLUSTER, "other"] {
            rejects(&V2::new().with_query(key, value).token(), "duplicate");
        }
    }
    let rules = Rules { extra_query_keys: vec!["team".into(), "Team".into()], ..rules() };
    let token = V2::new().with_query("team", "a").with_query("Team", "b").token();
    rejects_under(&rules, &token, "duplicate");
}

#[test]
fn attack_a_refuses_the_cluster_key_in_another_spelling_alone() {
    for key in
        ["ackclusterid", "AckClusterId", "ACKClusterID", "ACKClusterId ", "ACK%43lusterId", "ACK\u{43a}"]
    {
        let mut token = V2::new();
        token.query[0].0 = key.into();
        rejects(&token.token(), "not_allowed");
    }
}

#[test]
fn attack_a_refuses_a_header_in_two_cases() {
    for (name, value) in [
        ("X-Acs-Action", "GetCallerIdentity"),
        ("X-Acs-Action", "AssumeRole"),
        ("x-acs-action", "AssumeRole"),
        ("X-ACS-DATE", DATE),
        ("X-Acs-Security-Token", "x"),
        ("X-Acs-Version", "2015-04-01"),
    ] {
        rejects(&V2::new().with_header(name, value).token(), "duplicate");
    }
    let authorization = V2::new().authorization();
    let twice =
        V2::new().with_header("authorization", &authorization).with_header("Authorization", &authorization);
    rejects(&twice.token(), "duplicate");
}

#[test]
fn attack_a_refuses_fields_parameters_and_headers_that_are_not_on_the_list() {
    rejects(&V2::new().with_field("host", r#""evil.example""#).token(), "not_allowed");
    rejects(&V2::new().with_field("url", r#""https://evil.example""#).token(), "not_allowed");
    rejects(&V2::new().with_field("body", r#""Action=AssumeRole""#).token(), "not_allowed");
    for key in ["Action", "Version", "x-acs-action", "Authorization", "RoleArn", "foo", ""] {
        rejects(&V2::new().with_query(key, "GetCallerIdentity").token(), "not_allowed");
    }
    for name in
        ["ACKClusterId", "accept", "content-type", "x-acs-content-sm3", "x-forwarded-host", "x-acs-x", ""]
    {
        rejects(&V2::new().with_header(name, "x").token(), "not_allowed");
    }
}

#[test]
fn attack_a_refuses_names_that_sts_reads_though_the_rules_allow_them() {
    let rules = Rules {
        extra_query_keys: vec!["Action".into(), "x-acs-action".into(), "ackclusterid".into()],
        ..rules()
    };
    rejects_under(&rules, &V2::new().with_query("Action", "AssumeRole").token(), "not_allowed");
    rejects_under(&rules, &V2::new().with_query("x-acs-action", "AssumeRole").token(), "not_allowed");
    let mut token = V2::new();
    token.query[0].0 = "ackclusterid".into();
    rejects_under(&rules, &token.token(), "not_allowed");
}

#[test]
fn attack_a_refuses_a_url_parameter_that_occurs_twice_in_any_spelling() {
    for (key, value) in [
        ("Action", "GetCallerIdentity"),
        ("action", "AssumeRole"),
        ("ACTION", "AssumeRole"),
        ("clusterid", "other"),
        ("accesskeyid", "LTAI2"),
        ("signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ] {
        let params = [v1_params(), vec![pair(key, value)]].concat();
        rejects(&v1_of(&params), "duplicate");
    }
}

#[test]
fn attack_a_refuses_a_url_parameter_in_another_spelling_alone() {
    for key in ["action", "ACTION", "Clusterid", "ACKClusterId", "accessKeyId"] {
        let mut params = v1_params();
        let known = params.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(key) || name == "ClusterId");
        known.unwrap().0 = key.into();
        rejects(&v1_of(&params), "not_allowed");
    }
}

#[test]
fn attack_a_refuses_percent_encoded_keys() {
    let query = v1_query(&v1_params());
    for (plain, encoded) in [
        ("&Action=", "&Acti%6Fn="),
        ("&Action=", "&%41ction="),
        ("&Action=", "&Action%20="),
        ("&Action=", "&+Action="),
        ("&ClusterId=", "&Cluster%49d="),
    ] {
        let query = query.replace(plain, encoded);
        assert!(query.contains(encoded));
        rejects(&v1_token(&format!("https://sts.aliyuncs.com/?{query}")), "bad_url");
    }
    // Beside the plain key, too.
    rejects(&v1_token(&format!("https://sts.aliyuncs.com/?{query}&%41ction=AssumeRole")), "bad_url");
}

#[test]
fn attack_a_refuses_url_parameters_that_are_not_on_the_list() {
    for (key, value) in [("RoleArn", "x"), ("DurationSeconds", "900"), ("SignatureType", ""), ("foo", "bar")]
    {
        let params = [v1_params(), vec![pair(key, value)]].concat();
        rejects(&v1_of(&params), "not_allowed");
    }
}

#[test]
fn attack_a_refuses_queries_that_readers_split_differently() {
    let query = v1_query(&v1_params());
    for query in [
        format!("{query}&"),
        format!("&{query}"),
        query.replace("&Action", "&&Action"),
        format!("{query}&foo"),
        query.replace("&Action=GetCallerIdentity", "&Action=GetCallerIdentity;Action=AssumeRole"),
        query.replace("&Version=2015-04-01", "&Version=2015-04-01?Action=AssumeRole"),
        query.replace("&Version=2015-04-01", "&Version=2015-04-01%"),
        query.replace("&Version=2015-04-01", "&Version=2015-04-01%00"),
    ] {
        let token = v1_token(&format!("https://sts.aliyuncs.com/?{query}"));
        let refusal = decode(&token, &rules(), now()).expect_err(&query);
        assert!(matches!(refusal.reason(), "bad_url" | "bad_value"), "{query}: {refusal}");
        check_message(&refusal);
    }
}

// B: nothing comes from a part that nobody signed.

#[test]
fn attack_b_the_unsigned_cluster_id_of_the_json_decides_nothing() {
    let token = accepts(&V2::new().set_field("clusterId", r#""other""#).token());
    assert_eq!(token.cluster_id(), CLUSTER);
    let mut other = V2::new();
    other.query[0].1 = "other".into();
    rejects(&other.token(), "wrong_cluster");
}

#[test]
fn attack_b_a_changed_access_key_id_or_cluster_breaks_the_signature() {
    let json = V2::new().json().replace("STS.NUexample", "STS.NUvictim");
    let token = decode(&v2_token(&json), &rules(), now()).unwrap();
    assert_eq!(token.access_key_id(), "STS.NUvictim");
    // The credential picks the key at STS: under the victim's secret the attacker's signature does not hold.
    let victim = signature::Secret::new("the victim's secret");
    assert!(!verifies(&token.request(), &victim));

    let query = v1_query(&v1_params()).replace("STS.NUexample", "STS.NUvictim");
    let token = decode(&v1_token(&format!("https://sts.aliyuncs.com/?{query}")), &rules(), now()).unwrap();
    assert!(!verifies(&token.request(), &secret()));

    let moved = V2 { query: vec![pair("ACKClusterId", "other")], ..V2::new() };
    let stolen =
        moved.json().replace("\"ACKClusterId\":\"other\"", &format!("\"ACKClusterId\":\"{CLUSTER}\""));
    let token = decode(&v2_token(&stolen), &rules(), now()).unwrap();
    assert!(!verifies(&token.request(), &secret()));
}

#[test]
fn attack_b_refuses_headers_that_the_signature_does_not_cover() {
    for name in
        ["x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-security-token", "x-acs-version"]
    {
        rejects(&V2::new().not_signing(name).token(), "header_not_signed");
    }
    rejects(&V2::new().with_header("x-acs-signature-nonce", "0123").token(), "header_not_signed");
    let nothing = V2 { signed: vec!["user-agent".into()], ..V2::new() }.with_header("user-agent", "x");
    rejects(&nothing.token(), "header_not_signed");
}

#[test]
fn attack_b_refuses_signatures_over_headers_that_the_token_does_not_carry() {
    for name in ["accept", "content-type", "user-agent", "x-acs-signature-nonce", "authorization"] {
        let mut token = V2::new();
        token.signed.push(name.into());
        token.signed.sort();
        rejects(&token.token(), "signed_header_missing");
    }
}

// E: the request is turned at another host, port, path, user, action or version.

#[test]
fn attack_e_refuses_every_other_host_port_path_and_user() {
    let query = v1_query(&v1_params());
    for (url, reason) in [
        ("https://evil.example/?", "foreign_host"),
        ("https://sts.aliyuncs.com.evil.example/?", "foreign_host"),
        ("https://sts.evil.aliyuncs.com.evil.example/?", "foreign_host"),
        ("https://ram.aliyuncs.com/?", "foreign_host"),
        ("https://127.0.0.1/?", "foreign_host"),
        ("https://[::1]/?", "bad_url"),
        ("https:///?", "foreign_host"),
        ("https://STS.aliyuncs.com/?", "foreign_host"),
        ("https://sts.aliyuncs.com./?", "foreign_host"),
        ("https://sts%2Ealiyuncs.com/?", "foreign_host"),
        ("https://sts.aliyuncs.com\\.evil.example/?", "bad_url"),
        ("https://evil.example\\@sts.aliyuncs.com/?", "foreign_host"),
        ("https://sts.aliyuncs.com:443/?", "bad_url"),
        ("https://sts.aliyuncs.com:8443/?", "bad_url"),
        ("https://evil.example@sts.aliyuncs.com/?", "bad_url"),
        ("https://sts.aliyuncs.com@evil.example/?", "bad_url"),
        ("https://u:p@sts.aliyuncs.com/?", "bad_url"),
        ("https://sts.aliyuncs.com?", "bad_url"),
        ("https://sts.aliyuncs.com/x?", "bad_url"),
        ("https://sts.aliyuncs.com//?", "bad_url"),
        ("https://sts.aliyuncs.com/../?", "bad_url"),
        ("https://sts.aliyuncs.com/%2e/?", "bad_url"),
        ("https://sts.aliyuncs.com/#?", "bad_url"),
        ("https://sts.aliyuncs.com#/?", "bad_url"),
        ("http://sts.aliyuncs.com/?", "bad_url"),
        ("HTTPS://sts.aliyuncs.com/?", "bad_url"),
        ("//sts.aliyuncs.com/?", "bad_url"),
        ("file:///etc/passwd?", "bad_url"),
        (" https://sts.aliyuncs.com/?", "bad_url"),
        ("https://sts.aliyuncs.com\t/?", "bad_url"),
        ("https://sts.aliyuncs.com\r\n/?", "bad_url"),
        ("https://sts.\u{430}liyuncs.com/?", "bad_url"),
    ] {
        rejects(&v1_token(&format!("{url}{query}")), reason);
    }
    rejects(&v1_token(&format!("https://sts.aliyuncs.com/?{query}#x")), "bad_url");
    rejects(&v1_token("https://sts.aliyuncs.com/"), "bad_url");
    rejects(&v1_token("https://sts.aliyuncs.com/?"), "bad_url");
    for host in ["sts.cn-hangzhou.aliyuncs.com", "sts-vpc.cn-hangzhou.aliyuncs.com"] {
        accepts(&v1_token(&format!("https://{host}/?{query}")));
    }
}

#[test]
fn attack_e_refuses_another_method_or_path() {
    for method in ["GET", "post", "POST ", "PUT", ""] {
        rejects(&V2::new().set_field("method", &format!("{method:?}")).token(), "bad_value");
    }
    for path in ["", "//", "/x", "/?Action=AssumeRole", "https://evil.example/"] {
        rejects(&V2::new().set_field("path", &format!("{path:?}")).token(), "bad_value");
    }
}

#[test]
fn attack_e_refuses_another_action_version_body_or_algorithm() {
    for action in ["AssumeRole", "getcalleridentity", "GetCallerIdentity ", ""] {
        rejects(&V2::new().set_header("x-acs-action", action).token(), "bad_value");
        rejects(&v1_of(&v1_with("Action", action)), "bad_value");
    }
    for version in ["2015-05-01", "2015-4-1", ""] {
        rejects(&V2::new().set_header("x-acs-version", version).token(), "bad_value");
        rejects(&v1_of(&v1_with("Version", version)), "bad_value");
    }
    let other_body = signature::acs3::sha256_hex(b"Action=AssumeRole");
    for hash in [other_body.as_str(), "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", ""]
    {
        rejects(&V2::new().set_header("x-acs-content-sha256", hash).token(), "bad_value");
    }
    rejects(&v1_of(&v1_with("SignatureMethod", "HMAC-SHA256")), "bad_value");
    rejects(&v1_of(&v1_with("SignatureVersion", "2.0")), "bad_value");
    for format in ["XML", "Json", ""] {
        rejects(&v1_of(&v1_with("Format", format)), "bad_value");
    }
}

#[test]
fn attack_e_refuses_a_token_that_signs_the_host() {
    let mut token = V2::new();
    token.signed.insert(0, "host".into());
    rejects(&token.token(), "host_signed");
    rejects(&V2::new().with_signed_header("host", "evil.example").token(), "not_allowed");
}

#[test]
fn attack_e_the_request_holds_constants_and_checked_values_only() {
    let request = accepts(&V2::new().with_header("user-agent", "x").token()).request();
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "accept",
        "authorization",
        "x-acs-action",
        "x-acs-content-sha256",
        "x-acs-date",
        "x-acs-version",
        "x-acs-security-token",
    ];
    assert_eq!((request.method, names.as_slice()), ("POST", expected.as_slice()));
    assert_eq!(request.query, [pair("ACKClusterId", CLUSTER)]);
}

// G: another cluster's token, an old one, one from the future, a prefix with nothing behind it.

#[test]
fn attack_g_refuses_a_token_of_another_cluster() {
    for cluster in ["other", "", &CLUSTER.to_uppercase(), &format!("{CLUSTER} "), &format!("{CLUSTER}\0")] {
        let mut token = V2::new();
        token.query[0].1 = cluster.into();
        rejects(&token.token(), "wrong_cluster");
        rejects(&v1_of(&v1_with("ClusterId", cluster)), "wrong_cluster");
    }
    let mut nameless = V2::new();
    nameless.query.clear();
    rejects(&nameless.token(), "missing");
    let mut params = v1_params();
    params.retain(|(key, _)| key != "ClusterId");
    rejects(&v1_of(&params), "missing");
    let none = Rules { cluster_ids: Vec::new(), ..rules() };
    rejects_under(&none, &V2::new().token(), "wrong_cluster");
}

#[test]
fn attack_g_refuses_tokens_that_are_expired_or_from_the_future() {
    let signed_at = DATE.parse::<jiff::Timestamp>().unwrap();
    let tokens = [V2::new().token(), v1_of(&v1_params())];
    let second = SignedDuration::from_secs(1);
    for token in &tokens {
        let at = |offset: SignedDuration| {
            decode(token, &rules(), signed_at + offset).map_err(|error| {
                check_message(&error);
                error.reason()
            })
        };
        let (age, ahead) = (SignedDuration::from_mins(15), SignedDuration::from_mins(-5));
        assert!(at(age).is_ok());
        assert_eq!(at(age + second).unwrap_err(), "expired");
        assert_eq!(at(age + SignedDuration::from_millis(1)).unwrap_err(), "expired");
        assert_eq!(at(SignedDuration::from_hours(24 * 365)).unwrap_err(), "expired");
        assert!(at(ahead).is_ok());
        assert_eq!(at(ahead - second).unwrap_err(), "not_yet_valid");
        assert_eq!(at(SignedDuration::from_hours(-24 * 365)).unwrap_err(), "not_yet_valid");
        for edge in [jiff::Timestamp::MIN, jiff::Timestamp::MAX] {
            assert!(decode(token, &rules(), edge).is_err());
        }
    }
}

#[test]
fn attack_g_refuses_dates_that_are_not_of_the_one_form() {
    for date in ["", "2026-11-22", "2026-11-22T01:43:34+00:00", "2026-11-22T01:43:34.5Z", "1795311814", "now"]
    {
        rejects(&V2::new().set_header("x-acs-date", date).token(), "bad_value");
        rejects(&v1_of(&v1_with("Timestamp", date)), "bad_value");
    }
    for date in ["0001-01-01T00:00:00Z", "9999-12-30T00:00:00Z"] {
        let refusal = decode(&V2::new().set_header("x-acs-date", date).token(), &rules(), now()).unwrap_err();
        assert!(matches!(refusal.reason(), "expired" | "not_yet_valid"), "{refusal}");
    }
}

#[test]
fn attack_g_refuses_a_prefix_with_nothing_or_garbage_behind_it() {
    for prefix in ["k8s-ack-v1.", "k8s-ack-v2."] {
        rejects(prefix, "empty");
        for (payload, reason) in [
            ("=", "bad_base64"),
            ("%%%%", "bad_base64"),
            ("A", "bad_base64"),
            ("AAA=A", "bad_base64"),
            ("/w==", "bad_utf8"),
        ] {
            rejects(&format!("{prefix}{payload}"), reason);
        }
    }
    for json in ["", " ", "x", "{", "{} {}", "\u{feff}{}", r#"{"query":{"a":"b"}"#, "{\"a\":\"\\ud800\"}"] {
        let reason = if json.is_empty() { "empty" } else { "bad_json" };
        rejects(&v2_token(json), reason);
    }
    for json in ["null", "1", "[]", r#""x""#] {
        rejects(&v2_token(json), "wrong_type");
    }
    for json in ["{}", r#"{"query":{}}"#, r#"{"headers":{}}"#, r#"{"query":{},"headers":{}}"#] {
        rejects(&v2_token(json), "missing");
    }
    rejects(&v1_token("x"), "bad_url");
}

#[test]
fn attack_g_refuses_what_is_no_token_of_ours() {
    let good = V2::new().token();
    for text in [
        String::new(),
        " ".to_owned(),
        format!(" {good}"),
        good.to_uppercase(),
        good.replace("k8s-ack-v2.", "K8S-ACK-V2."),
        good.replace("k8s-ack-v2.", "k8s-ack-v3."),
        good.replace("k8s-ack-v2.", "k8s-ack-v2"),
        good.replace("k8s-ack-v2.", ""),
        "k8s-ack-v2".to_owned(),
        "eyJhbGciOiJSUzI1NiJ9.e30.c2ln".to_owned(),
        "\u{200b}k8s-ack-v2.e30=".to_owned(),
    ] {
        rejects(&text, "no_prefix");
    }
    rejects(&good.replace("k8s-ack-v2.", "k8s-ack-v1."), "bad_url");
    rejects(&v1_of(&v1_params()).replace("k8s-ack-v1.", "k8s-ack-v2."), "bad_json");
}

#[test]
fn refuses_base64_that_is_not_the_one_text_of_its_bytes() {
    let good = V2::new().with_header("user-agent", "a>?").token();
    accepts(&good);
    let (prefix, payload) = good.split_once('.').unwrap();
    let (start, end) = payload.split_at(40);
    for text in [
        format!("{prefix}.{start}\n{end}"),
        format!("{prefix}.{start}\r\n{end}"),
        format!("{prefix}.{start} {end}"),
        format!("{good}\n"),
        format!("{good} "),
        format!("{good}="),
        format!("{good}A"),
        format!("{good}.x"),
        format!("{prefix}.{start}={end}"),
        format!("{prefix}.{start}\0{end}"),
        // Both alphabets in one text.
        format!("{prefix}.-_+/{payload}"),
    ] {
        rejects(&text, "bad_base64");
    }
    // Bits behind the last byte, and padding that is not complete.
    for text in ["k8s-ack-v2.e31=", "k8s-ack-v2.ew=", "k8s-ack-v2.ex=="] {
        rejects(text, "bad_base64");
    }
}

// N: huge, deep, odd.

#[test]
fn attack_n_refuses_huge_tokens_before_looking_at_them() {
    let agent = |bytes: usize| V2::new().with_header("user-agent", &"a".repeat(bytes)).token();
    accepts(&agent(256));
    rejects(&agent(257), "bad_value");
    let long = |bytes: usize| V2::new().set_header("x-acs-security-token", &"a".repeat(bytes)).token();
    let fits = (0..8192).rev().map(long).find(|token| token.len() <= 8192).unwrap();
    assert!(fits.len() > 8188);
    accepts(&fits);
    let small = Rules { max_bytes: fits.len() - 1, ..rules() };
    let refusal = rejects_under(&small, &fits, "too_large");
    assert_eq!(refusal, DecodeError::TooLarge { bytes: fits.len(), limit: fits.len() - 1 });
    rejects(&format!("{fits}AAAAAAAA"), "too_large");
    rejects(&"x".repeat(100_000_000), "too_large");
}

#[test]
fn attack_n_refuses_deep_and_wide_documents() {
    let wide = Rules { max_bytes: 4_000_000, ..rules() };
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(200_000), close.repeat(200_000));
    rejects_under(&wide, &v2_token(&deep(r#"{"query":"#, "}")), "bad_json");
    rejects_under(&wide, &v2_token(&format!(r#"{{"query":{}}}"#, deep("[", "]"))), "wrong_type");
    let many: Vec<(String, String)> = (0..100_000).map(|n| pair(&format!("k{n}"), "v")).collect();
    rejects_under(
        &wide,
        &v2_token(&format!(r#"{{"headers":{{}},"query":{}}}"#, object(&many))),
        "not_allowed",
    );
    rejects_under(
        &wide,
        &v1_token(&format!("https://sts.aliyuncs.com/?{}", encoding::build_query(&many))),
        "not_allowed",
    );
}

#[test]
fn attack_n_refuses_values_that_are_not_strings() {
    for json in ["1", "true", "null", "[]", r#"["POST"]"#, "{}"] {
        for name in ["clusterId", "method", "path"] {
            rejects(&V2::new().set_field(name, json).token(), "wrong_type");
        }
        let quoted = format!("\"ACKClusterId\":\"{CLUSTER}\"");
        let query = V2::new().json().replace(&quoted, &format!("\"ACKClusterId\":{json}"));
        rejects(&v2_token(&query), "wrong_type");
        let headers = V2::new().json().replace(r#""GetCallerIdentity""#, json);
        rejects(&v2_token(&headers), "wrong_type");
    }
    for json in ["1", "null", "[]", r#""x""#] {
        rejects(&v2_token(&format!(r#"{{"query":{json},"headers":{{}}}}"#)), "wrong_type");
        rejects(&v2_token(&format!(r#"{{"query":{{}},"headers":{json}}}"#)), "wrong_type");
    }
}

#[test]
fn refuses_header_values_that_http_would_not_carry_as_they_are() {
    for value in ["", " x", "x ", "a\r\nb: c", "a\0b", "\u{e9}", "a\tb", "\u{7f}"] {
        rejects(&V2::new().set_header("x-acs-security-token", value).token(), "bad_value");
        rejects(&V2::new().with_header("user-agent", value).token(), "bad_value");
        rejects(&v1_of(&v1_with("SecurityToken", value)), "bad_value");
    }
    for nonce in ["", "a b", "a\nb", "\u{e9}", "a=b", &"a".repeat(129)] {
        rejects(&V2::new().with_signed_header("x-acs-signature-nonce", nonce).token(), "bad_value");
        rejects(&v1_of(&v1_with("SignatureNonce", nonce)), "bad_value");
    }
}

#[test]
fn refuses_tokens_that_lack_a_part() {
    for name in ["x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-version"] {
        rejects(&V2::new().without_header(name).not_signing(name).token(), "missing");
    }
    let json = V2::new().json();
    let (before, rest) = json.split_once(r#""Authorization":""#).unwrap();
    let (_, after) = rest.split_once("\",").unwrap();
    rejects(&v2_token(&format!("{before}{after}")), "missing");
    for (name, _) in v1_params() {
        let mut params = v1_params();
        params.retain(|(key, _)| *key != name);
        if name == "SecurityToken" {
            accepts(&v1_of(&params));
        } else {
            rejects(&v1_of(&params), "missing");
        }
    }
    let unsigned = encoding::build_query(&v1_params());
    rejects(&v1_token(&format!("https://sts.aliyuncs.com/?{unsigned}")), "missing");
}

#[test]
fn refuses_an_authorization_that_is_not_of_the_one_form() {
    let good = V2::new().authorization();
    for (from, to) in [
        ("ACS3-HMAC-SHA256", "ACS3-HMAC-SM3"),
        ("Credential=", "Credential=a,Credential="),
        ("STS.NUexample", ""),
        ("STS.NUexample", "STS NUexample"),
        ("x-acs-action;", "x-acs-action;x-acs-action;"),
        ("x-acs-action;", "X-Acs-Action;"),
        (",SignedHeaders", ", SignedHeaders"),
        (",Signature=", ",Signature=0"),
    ] {
        let authorization = good.replace(from, to);
        assert_ne!(authorization, good);
        rejects(&V2::new().with_header("authorization", &authorization).token(), "bad_authorization");
    }
    for id in ["", "a b", "LTAI\u{e9}", "a/b", &"a".repeat(129)] {
        rejects(&v1_of(&v1_with("AccessKeyId", id)), "bad_value");
    }
    for signature in ["", "x", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAB="] {
        let query = encoding::build_query(&[v1_params(), vec![pair("Signature", signature)]].concat());
        rejects(&v1_token(&format!("https://sts.aliyuncs.com/?{query}")), "bad_value");
    }
}

#[test]
fn extra_parameters_are_bounded() {
    let rules = Rules { extra_query_keys: vec!["team".into()], ..rules() };
    let of = |value: &str| V2::new().with_query("team", value).token();
    assert!(decode(&of(&"é".repeat(256)), &rules, now()).is_ok());
    rejects_under(&rules, &of(&"a".repeat(513)), "bad_value");
    rejects_under(&rules, &of("a\nb"), "bad_value");
    let v1 = |value: &str| v1_of(&[v1_params(), vec![pair("team", value)]].concat());
    assert!(decode(&v1("é"), &rules, now()).is_ok());
    rejects_under(&rules, &v1("a\nb"), "bad_value");
}

#[test]
fn the_audit_cluster_id_is_bounded() {
    accepts(&V2::new().set_field("clusterId", &format!("{:?}", "a".repeat(256))).token());
    rejects(&V2::new().set_field("clusterId", &format!("{:?}", "a".repeat(257))).token(), "bad_value");
    rejects(&V2::new().set_field("clusterId", r#""a\nb""#).token(), "bad_value");
}
