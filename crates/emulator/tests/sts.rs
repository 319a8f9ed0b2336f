//! STS through the front door: HTTPS requests, signed by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use common::*;
use emulator::{Emulator, Style};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The fields of an answer without its id.
fn fields(body: &Value) -> Value {
    let mut fields = body.clone();
    fields.as_object_mut().unwrap().remove("RequestId");
    fields
}

async fn assume(emulator: &Emulator, keys: &Keys, params: &[(&str, &str)]) -> (u16, Value) {
    let mut all = vec![("Action", "AssumeRole")];
    all.extend(params);
    answer(rpc_get(&client(emulator), emulator, keys, &all)).await
}

#[tokio::test]
async fn get_caller_identity_tells_account_user_and_role_apart() {
    let emulator = start().await;
    let client = client(&emulator);
    let (_, session) =
        assume(&emulator, &alice(), &[("RoleArn", DEV), ("RoleSessionName", "alice@example.com")]).await;
    let expected = [
        (
            root(),
            json!({"IdentityType": "Account", "AccountId": "1234567890123456", "PrincipalId": "1234567890123456",
                   "UserId": "1234567890123456", "Arn": "acs:ram::1234567890123456:root"}),
        ),
        (
            alice(),
            json!({"IdentityType": "RAMUser", "AccountId": "1234567890123456", "PrincipalId": "222222222222222222",
                   "UserId": "222222222222222222", "Arn": "acs:ram::1234567890123456:user/alice"}),
        ),
        (
            keys_of(&session),
            json!({"IdentityType": "AssumedRoleUser", "AccountId": "1234567890123456",
                   "PrincipalId": "333333333333333333:alice@example.com", "RoleId": "333333333333333333",
                   "Arn": "acs:ram::1234567890123456:assumed-role/dev/alice@example.com"}),
        ),
    ];
    for (keys, expected) in expected {
        for request in [
            rpc_get(&client, &emulator, &keys, &[("Action", "GetCallerIdentity")]),
            acs3_post(&client, &emulator, &keys, "GetCallerIdentity", &[("ACKClusterId", "c1")]),
        ] {
            let (status, body) = answer(request).await;
            assert_eq!((status, fields(&body)), (200, expected.clone()), "{}", keys.id);
            // And the reader of such answers, written by somebody else, agrees with them.
            let text = |name: &str| body[name].as_str().unwrap();
            let principal = identity::Principal::from_caller_identity(&identity::CallerIdentity {
                identity_type: text("IdentityType"),
                account_id: text("AccountId"),
                principal_id: text("PrincipalId"),
                arn: text("Arn"),
            });
            assert_eq!(principal.unwrap().arn(), text("Arn"));
        }
    }
}

#[tokio::test]
async fn a_form_a_split_and_a_chunked_body_are_read() {
    let emulator = start().await;
    let client = client(&emulator);
    let all = rpc_params(
        "POST",
        &alice(),
        &[("Action", "AssumeRole"), ("RoleArn", DEV), ("RoleSessionName", "alice")],
        now(),
    );
    let (form, query): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, _)| name.starts_with("Role"));
    let url = format!("{}/?{}", emulator.endpoint(), signature::encoding::build_query(&query));
    let (status, body) = answer(client.post(url).form(&form)).await;
    assert_eq!(
        (status, &body["AssumedRoleUser"]["AssumedRoleId"]),
        (200, &json!("333333333333333333:alice"))
    );

    let whole = rpc_params("POST", &alice(), &[("Action", "GetCallerIdentity")], now());
    let (status, _) = answer(client.post(emulator.endpoint()).form(&whole)).await;
    assert_eq!(status, 200);

    let form = signature::encoding::build_query(&rpc_params(
        "POST",
        &alice(),
        &[("Action", "GetCallerIdentity")],
        now(),
    ));
    let (first, second) = form.split_at(50);
    let chunks = format!("{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", first.len(), second.len());
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let answer = raw_http(&emulator, &format!("{head}{chunks}")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("acs:ram::1234567890123456:user/alice"), "{answer}");
}

/// Sends these bytes over TLS and HTTP/1.1, and reads to the end.
async fn raw_http(emulator: &Emulator, request: &str) -> String {
    use rustls_pki_types::pem::PemObject;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(rustls_pki_types::CertificateDer::from_pem_slice(emulator.ca_pem().as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = tokio::net::TcpStream::connect(emulator.address()).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut tls = connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
    tls.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tls.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn both_http_versions_sign_the_host_that_was_asked() {
    let emulator = start().await;
    let ca = reqwest::Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
    let h1 = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().http1_only().build().unwrap();
    for (client, version) in [(client(&emulator), reqwest::Version::HTTP_2), (h1, reqwest::Version::HTTP_11)]
    {
        let request = acs3_post(&client, &emulator, &alice(), "GetCallerIdentity", &[]);
        let response = request.send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, version));
        let is_h1 = version == reqwest::Version::HTTP_11;
        assert_eq!(response.headers().get("keep-alive").is_some(), is_h1);
        // The same signature at another name of the same emulator.
        let stray = acs3_post(&client, &emulator, &alice(), "GetCallerIdentity", &[]).build().unwrap();
        let mut stray_to_localhost = stray.try_clone().unwrap();
        stray_to_localhost.url_mut().set_host(Some("localhost")).unwrap();
        let (status, body) = read(client.execute(stray_to_localhost).await.unwrap()).await;
        assert_eq!((status, &body["Code"]), (400, &json!("SignatureDoesNotMatch")));
    }
    let hosts: Vec<String> = emulator.requests().into_iter().map(|request| request.host).collect();
    let port = emulator.address().port();
    assert_eq!(hosts[0], format!("127.0.0.1:{port}"));
    assert_eq!(hosts[1], format!("localhost:{port}"));
    assert_eq!(hosts[0..2], hosts[2..4]);
}

#[tokio::test]
async fn the_real_names_lead_to_sts_and_foreign_ones_nowhere() {
    let emulator = start().await;
    let ca = reqwest::Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
    let mut builder = reqwest::Client::builder().tls_certs_only([ca]).no_proxy();
    let names = ["sts.aliyuncs.com", "sts-vpc.cn-hangzhou.aliyuncs.com", "ram.aliyuncs.com"];
    for name in names {
        builder = builder.resolve(name, emulator.address());
    }
    let client = builder.build().unwrap();
    for (name, expected) in names.into_iter().zip([200, 200, 404]) {
        let query = rpc_params("GET", &alice(), &[("Action", "GetCallerIdentity")], now());
        let url = format!("https://{name}/?{}", signature::encoding::build_query(&query));
        let response = client.get(url).send().await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "{name}");
    }
    let answer = raw_http(&emulator, "GET /?Action=GetCallerIdentity&Version=2015-04-01&Format=json HTTP/1.1\r\nHost: sts.example.com\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("InvalidAction.NotFound"), "{answer}");
}

#[tokio::test]
async fn assume_role_answers_with_keys_that_sign() {
    let time = Arc::new(AtomicI64::new(NOON));
    let clock = Arc::clone(&time);
    let emulator = Emulator::builder(config())
        .clock(move || Timestamp::from_millisecond(clock.load(Ordering::Relaxed) * 1000 + 400).unwrap())
        .start()
        .await
        .unwrap();
    let client = client(&emulator);
    let at = |seconds: i64| {
        time.store(NOON + seconds, Ordering::Relaxed);
        Timestamp::from_second(NOON + seconds).unwrap()
    };
    let params = [("Action", "AssumeRole"), ("RoleArn", DEV), ("RoleSessionName", "s1")];
    for (duration, expiration, lifetime) in [
        (None, "2026-11-22T16:30:20Z", 3600),
        (Some("900"), "2026-11-22T15:45:20Z", 900),
        (Some("7200"), "2026-11-22T17:30:20Z", 7200),
    ] {
        let mut params = params.to_vec();
        params.extend(duration.map(|duration| ("DurationSeconds", duration)));
        let (status, body) = answer(rpc_get_at(&client, &emulator, &alice(), &params, at(0))).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(
            body["AssumedRoleUser"],
            json!({"Arn": "acs:ram::1234567890123456:role/dev/s1", "AssumedRoleId": "333333333333333333:s1"})
        );
        assert_eq!(body["Credentials"]["Expiration"], expiration);
        let session = keys_of(&body);
        assert!(session.id.starts_with("STS."));
        let whoami = [("Action", "GetCallerIdentity")];
        let last = rpc_get_at(&client, &emulator, &session, &whoami, at(lifetime - 1));
        assert_eq!(answer(last).await.0, 200);
        let late = rpc_get_at(&client, &emulator, &session, &whoami, at(lifetime));
        assert_eq!(error(late).await, (400, "InvalidSecurityToken.Expired".to_owned()));
        let without = Keys { token: None, ..session };
        let without = rpc_get_at(&client, &emulator, &without, &whoami, at(0));
        assert_eq!(error(without).await, (400, "MissingSecurityToken".to_owned()));
    }
}

#[tokio::test]
async fn tokens_of_other_keys_do_not_fit() {
    let emulator = start().await;
    let client = client(&emulator);
    let params = [("RoleArn", DEV), ("RoleSessionName", "s1")];
    let one = keys_of(&assume(&emulator, &alice(), &params).await.1);
    let two = keys_of(&assume(&emulator, &alice(), &params).await.1);
    assert_ne!((&one.id, &one.secret, &one.token), (&two.id, &two.secret, &two.token));
    let with = |keys: Keys, token: &Option<String>| Keys { token: token.clone(), ..keys };
    let garbage = Some("CAISgarbage".to_owned());
    for (keys, code) in [
        (with(one.clone(), &two.token), "InvalidSecurityToken.MismatchWithAccessKey"),
        (with(alice(), &one.token), "InvalidSecurityToken.MismatchWithAccessKey"),
        (with(one.clone(), &garbage), "InvalidSecurityToken.Malformed"),
        (with(alice(), &garbage), "InvalidSecurityToken.Malformed"),
        (Keys { secret: two.secret.clone(), ..one.clone() }, "SignatureDoesNotMatch"),
        (keys("STS.NUnobody", "x"), "InvalidAccessKeyId.NotFound"),
    ] {
        let (rpc, acs3) = (
            rpc_get(&client, &emulator, &keys, &[("Action", "GetCallerIdentity")]),
            acs3_post(&client, &emulator, &keys, "GetCallerIdentity", &[]),
        );
        assert_eq!(error(rpc).await.1, code);
        assert_eq!(error(acs3).await.1, code);
    }
}

#[tokio::test]
async fn the_trust_policy_decides() {
    let emulator = start().await;
    let session = |name: &'static str| ("RoleSessionName", name);
    let code = |(status, body): (u16, Value)| (status, body["Code"].as_str().unwrap_or("OK").to_owned());
    let denied = (403, "NoPermission".to_owned());

    let (status, body) = assume(&emulator, &root(), &[("RoleArn", DEV), session("root")]).await;
    assert_eq!((status, &body["Message"]), (403, &json!("Roles may not be assumed by root accounts.")));

    let agreed = ("ExternalId", "agreed-between-us");
    assert_eq!(assume(&emulator, &alice(), &[("RoleArn", ADMIN), session("a1"), agreed]).await.0, 200);
    assert_eq!(code(assume(&emulator, &alice(), &[("RoleArn", ADMIN), session("a1")]).await), denied);
    let (status, body) = assume(&emulator, &bob(), &[("RoleArn", ADMIN), session("b1"), agreed]).await;
    assert_eq!(status, 403);
    assert_eq!(body["Message"], "You are not authorized to do this action. You should be authorized by RAM.");
    assert_eq!(body["AccessDeniedDetail"]["AuthPrincipalDisplayName"], "222222222222222223");
    assert_eq!(body["AccessDeniedDetail"]["NoPermissionType"], "ImplicitDeny");

    // A role may assume another one that trusts its account, and itself.
    let dev = keys_of(&assume(&emulator, &bob(), &[("RoleArn", DEV), session("b1")]).await.1);
    let (status, body) = assume(&emulator, &dev, &[("RoleArn", DEV), session("chained")]).await;
    assert_eq!(
        (status, &body["AssumedRoleUser"]["AssumedRoleId"]),
        (200, &json!("333333333333333333:chained"))
    );
    assert_eq!(code(assume(&emulator, &dev, &[("RoleArn", ADMIN), session("x1"), agreed]).await), denied);
}

#[tokio::test]
async fn assume_role_names_the_parameter_that_is_wrong() {
    let emulator = start().await;
    let long_policy = format!("{{\"x\":\"{}\"}}", "y".repeat(2048));
    let long_name = "n".repeat(65);
    let arn = ("RoleArn", DEV);
    let session = ("RoleSessionName", "s1");
    for (params, status, code) in [
        (vec![session], 400, "MissingRoleArn"),
        (vec![arn], 400, "MissingRoleSessionName"),
        (vec![arn, ("RoleSessionName", "")], 400, "MissingRoleSessionName"),
        (vec![arn, ("RoleSessionName", "a")], 400, "InvalidParameter.RoleSessionName"),
        (vec![arn, ("RoleSessionName", "a b")], 400, "InvalidParameter.RoleSessionName"),
        (vec![arn, ("RoleSessionName", &long_name)], 400, "InvalidParameter.RoleSessionName"),
        (vec![("RoleArn", "dev"), session], 400, "InvalidParameter.RoleArn"),
        (vec![("RoleArn", "acs:ram::1234567890123456:user/alice"), session], 400, "InvalidParameter.RoleArn"),
        (vec![("RoleArn", "acs:ram::12:role/dev"), session], 400, "InvalidParameter.RoleArn"),
        (vec![("RoleArn", "acs:ram::1234567890123456:role/nobody"), session], 404, "EntityNotExist.Role"),
        (vec![("RoleArn", "acs:ram::6543210987654321:role/dev"), session], 404, "EntityNotExist.Role"),
        (vec![arn, session, ("DurationSeconds", "899")], 400, "InvalidParameter.DurationSeconds"),
        (vec![arn, session, ("DurationSeconds", "7201")], 400, "InvalidParameter.DurationSeconds"),
        (vec![arn, session, ("DurationSeconds", "1h")], 400, "InvalidParameter.DurationSeconds"),
        (vec![arn, session, ("Policy", "not json")], 400, "InvalidParameter.PolicyGrammar"),
        (vec![arn, session, ("Policy", "[]")], 400, "InvalidParameter.PolicyGrammar"),
        (
            vec![arn, session, ("Policy", r#"{"Version": "1", "Statement": []}"#)],
            400,
            "InvalidParameter.PolicyGrammar",
        ),
        (vec![arn, session, ("Policy", &long_policy)], 400, "InvalidParameter.PolicyGrammar"),
        (vec![arn, session, ("ExternalId", "x")], 400, "InvalidParameter.ExternalId"),
        (vec![arn, session, ("ExternalId", "a b")], 400, "InvalidParameter.ExternalId"),
    ] {
        let (got, body) = assume(&emulator, &alice(), &params).await;
        assert_eq!((got, body["Code"].as_str().unwrap_or_default()), (status, code), "{params:?}");
    }
    let (_, body) =
        assume(&emulator, &alice(), &[("RoleArn", "acs:ram::1234567890123456:role/x"), session]).await;
    assert_eq!(body["Message"], "The role not exists: acs:ram::1234567890123456:role/x.");
    let policy =
        ("Policy", r#"{"Version": "1", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#);
    let any_case = ("RoleArn", "ACS:RAM::1234567890123456:Role/DEV");
    assert_eq!(assume(&emulator, &alice(), &[any_case, session, policy]).await.0, 200);
}

#[tokio::test]
async fn requests_that_lead_nowhere_are_told_why() {
    let emulator = start().await;
    let client = client(&emulator);
    let rpc = |params: &[(&str, &str)]| rpc_get(&client, &emulator, &alice(), params);
    let whoami = ("Action", "GetCallerIdentity");
    for (request, status, code) in [
        (rpc(&[]), 400, "MissingAction"),
        (rpc(&[whoami, ("Version", "")]), 400, "MissingVersion"),
        (rpc(&[whoami, ("Version", "2015-05-01")]), 400, "InvalidVersion"),
        (rpc(&[("Action", "ListGroups"), ("Version", "2015-05-01")]), 404, "InvalidAction.NotFound"),
        (rpc(&[("Action", "getcalleridentity")]), 404, "InvalidAction.NotFound"),
        (client.put(format!("{}/?Format=json", emulator.endpoint())), 404, "InvalidAction.NotFound"),
        (rpc(&[whoami, ("SignatureMethod", "HMAC-SHA256")]), 400, "InvalidSignatureMethod"),
        (rpc(&[whoami, ("Timestamp", "2020-01-01T00:00:00Z")]), 400, "InvalidTimeStamp.Expired"),
        (rpc(&[whoami, ("Timestamp", "now")]), 400, "InvalidTimeStamp.Format"),
        (rpc(&[whoami, ("SignatureNonce", "")]), 400, "MissingSignatureNonce"),
        (rpc(&[whoami]).header("authorization", "acs LTAIalice:AAAA"), 400, "IncompleteSignature"),
        (
            acs3_post(&client, &emulator, &alice(), "GetCallerIdentity", &[]).header("x-acs-action", "x"),
            400,
            "IncompleteSignature",
        ),
    ] {
        let built = request.try_clone().unwrap();
        assert_eq!(error(request).await, (status, code.to_owned()), "{built:?}");
    }
    let old = keys("LTAIbobold", "old-secret-for-tests");
    for (keys, status, code) in [
        (old, 400, "InvalidAccessKeyId.Inactive"),
        (keys("LTAInobody", "x"), 404, "InvalidAccessKeyId.NotFound"),
        (keys("LTAIalice", "wrong"), 400, "SignatureDoesNotMatch"),
    ] {
        let rpc = rpc_get(&client, &emulator, &keys, &[whoami]);
        let acs3 = acs3_post(&client, &emulator, &keys, "GetCallerIdentity", &[]);
        for request in [rpc, acs3] {
            assert_eq!(error(request).await, (status, code.to_owned()));
        }
    }
}

#[tokio::test]
async fn a_request_sent_twice_is_refused_in_rpc_style_and_answered_in_acs3() {
    let emulator = start().await;
    let client = client(&emulator);
    let rpc = rpc_get(&client, &emulator, &alice(), &[("Action", "GetCallerIdentity")]);
    assert_eq!(answer(rpc.try_clone().unwrap()).await.0, 200);
    assert_eq!(error(rpc).await, (400, "SignatureNonceUsed".to_owned()));
    let acs3 = acs3_post(&client, &emulator, &alice(), "GetCallerIdentity", &[]);
    assert_eq!(answer(acs3.try_clone().unwrap()).await.0, 200);
    assert_eq!(answer(acs3).await.0, 200);
}

#[tokio::test]
async fn errors_have_the_documented_form_and_headers() {
    let emulator = start().await;
    let client = client(&emulator);
    let wrong = keys("LTAIalice", "wrong");
    let response =
        rpc_get(&client, &emulator, &wrong, &[("Action", "GetCallerIdentity")]).send().await.unwrap();
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/json;charset=utf-8");
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["access-control-expose-headers"], "*");
    assert_eq!(headers["x-acs-trace-id"].len(), 32);
    assert!(headers.contains_key("date") && !headers.contains_key("etag"));
    let (status, body) = read(response).await;
    let id = body["RequestId"].as_str().unwrap();
    assert_eq!((id.len(), id.as_bytes()[14], id.to_uppercase()), (36, b'5', id.to_owned()));
    assert_eq!(status, 400);
    assert_eq!(body["HostId"], emulator.address().to_string());
    assert_eq!(
        body["Recommend"],
        format!("https://api.aliyun.com/troubleshoot?q=SignatureDoesNotMatch&product=Sts&requestId={id}")
    );
    let message = body["Message"].as_str().unwrap();
    assert!(
        message.contains("server string to sign is:GET&%2F&AccessKeyId%3DLTAIalice%26Action"),
        "{message}"
    );
    let good =
        rpc_get(&client, &emulator, &alice(), &[("Action", "GetCallerIdentity")]).send().await.unwrap();
    assert_eq!(good.headers()["etag"].len(), 32);
}

#[tokio::test]
async fn answers_are_xml_where_the_format_says_so_or_says_nothing() {
    let emulator = start().await;
    let client = client(&emulator);
    for format in [("Format", "XML"), ("Ignored", "")] {
        let all = [("Action", "GetCallerIdentity"), format];
        let mut params = rpc_params("GET", &alice(), &all, now());
        if format.0 == "Ignored" {
            params.retain(|(name, _)| name != "Format" && name != "Signature");
            let text = signature::rpc::string_to_sign("GET", &params);
            let secret = signature::Secret::new("alice-secret-for-tests");
            params.push(("Signature".to_owned(), signature::rpc::sign(&secret, &text)));
        }
        let url = format!("{}/?{}", emulator.endpoint(), signature::encoding::build_query(&params));
        let response = client.get(url).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/xml;charset=utf-8");
        let id = response.headers()["x-acs-request-id"].to_str().unwrap().to_owned();
        let text = response.text().await.unwrap();
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><GetCallerIdentityResponse>";
        assert!(text.starts_with(head) && text.ends_with("</GetCallerIdentityResponse>"), "{text}");
        assert!(text.contains("<Arn>acs:ram::1234567890123456:user/alice</Arn>"), "{text}");
        assert!(text.contains(&format!("<RequestId>{id}</RequestId>")), "{text}");
    }
    let params =
        [("Action", "AssumeRole"), ("Format", "XML"), ("RoleArn", "<&\">"), ("RoleSessionName", "s1")];
    let response = rpc_get(&client, &emulator, &keys("LTAIalice", "wrong"), &params).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 400);
    let text = response.text().await.unwrap();
    assert!(text.contains("<Code>SignatureDoesNotMatch</Code>"), "{text}");
    let parts = ["<Error>", "<RequestId>", "<HostId>", "<Message>", "</Error>"];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    let nested = [("Action", "AssumeRole"), ("Format", "XML"), ("RoleArn", DEV), ("RoleSessionName", "s1")];
    let text = rpc_get(&client, &emulator, &alice(), &nested).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("<Credentials><AccessKeyId>STS."), "{text}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_read() {
    let emulator = start().await;
    let response = client(&emulator)
        .post(format!("{}/?Format=json&Action=GetCallerIdentity&Version=2015-04-01", emulator.endpoint()))
        .body(vec![b'a'; 1024 * 1024 + 1])
        .send()
        .await
        .unwrap();
    let (status, body) = read(response).await;
    assert_eq!(status, 413, "{body}");
    assert!(body["Message"].as_str().unwrap().contains("larger than 1048576 bytes"), "{body}");
}

#[tokio::test]
async fn requests_are_recorded_without_their_secrets_in_debug() {
    let emulator = start().await;
    let client = client(&emulator);
    let session =
        keys_of(&assume(&emulator, &alice(), &[("RoleArn", DEV), ("RoleSessionName", "s1")]).await.1);
    answer(acs3_post(&client, &emulator, &session, "GetCallerIdentity", &[])).await;
    error(rpc_get(&client, &emulator, &keys("LTAIalice", "wrong"), &[("Action", "GetCallerIdentity")])).await;
    let records = emulator.requests();
    let seen: Vec<_> = records
        .iter()
        .map(|r| (r.action.as_str(), r.style, r.access_key_id.as_str(), r.status, r.code.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [
            ("AssumeRole", Style::Rpc, "LTAIalice", Some(200), None),
            ("GetCallerIdentity", Style::Acs3, session.id.as_str(), Some(200), None),
            ("GetCallerIdentity", Style::Rpc, "LTAIalice", Some(400), Some("SignatureDoesNotMatch")),
        ]
    );
    let token = session.token.unwrap();
    assert_eq!(records[1].raw.header("x-acs-security-token"), Some(token.as_str()));
    assert_eq!(records[1].version, "2015-04-01");
    let debug = format!("{records:?}");
    let signature = records[1].raw.header("authorization").unwrap().split("Signature=").nth(1).unwrap();
    for secret in [token.as_str(), signature, "Signature=", "authorization"] {
        assert!(!debug.contains(secret), "{debug}");
    }
    emulator.clear_requests();
    assert!(emulator.requests().is_empty());
}
