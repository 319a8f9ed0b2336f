//! `AssumeRoleWithOIDC`, as the published SDKs send it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;
#[path = "common/oidc.rs"]
mod oidc;

use common::*;
use emulator::{Cluster, Config, DirectoryError, Emulator, Fault, OidcProvider, Style};
use jiff::Timestamp;
use oidc::Issuer;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use signature::encoding;

const ACCOUNT: &str = "1234567890123456";
const ISSUER: &str = "https://issuer.example/c1";
const PROVIDER: &str = "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1";
const ROLE: &str = "acs:ram::1234567890123456:role/app";
const SUBJECT: &str = "system:serviceaccount:default:app";

/// The example with a provider `ack-rrsa-c1` and a role `app` for one service account.
struct Sts {
    emulator: Emulator,
    client: Client,
    issuer: Issuer,
}

impl Sts {
    async fn start() -> Self {
        Self::with(config()).await
    }

    async fn with(config: Config) -> Self {
        let clock = || Timestamp::from_second(NOON).unwrap();
        let emulator = Emulator::builder(config).clock(clock).start().await.unwrap();
        let (client, issuer) = (client(&emulator), Issuer::new());
        let provider = OidcProvider::new(ACCOUNT, "ack-rrsa-c1", ISSUER).client_id("sts.aliyuncs.com");
        emulator.add_oidc_provider(provider.jwks(&issuer.jwks())).unwrap();
        let sts = Self { emulator, client, issuer };
        sts.role("app", &json!({"oidc:aud": "sts.aliyuncs.com", "oidc:iss": ISSUER, "oidc:sub": SUBJECT}));
        sts
    }

    /// Makes a role as `ack-ram-tool rrsa associate-role` does.
    fn role(&self, name: &str, equals: &Value) {
        let policy = json!({"Version": "1", "Statement": [{
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": equals},
            "Effect": "Allow",
            "Principal": {"Federated": [PROVIDER]},
        }]});
        self.emulator.create_role(ACCOUNT, name, &policy.to_string()).unwrap();
    }

    fn claims(&self) -> Value {
        json!({"iss": ISSUER, "sub": SUBJECT, "aud": ["sts.aliyuncs.com"], "iat": NOON, "exp": NOON + 3600})
    }

    fn token(&self) -> String {
        self.issuer.token(&self.claims())
    }

    /// The parameters of a good call, with these instead or beside; an empty value takes one away.
    fn params(&self, others: &[(&str, &str)]) -> Vec<(String, String)> {
        let token = self.token();
        let mut all = pairs(&[
            ("OIDCProviderArn", PROVIDER),
            ("OIDCToken", &token),
            ("RoleArn", ROLE),
            ("RoleSessionName", "pod-1"),
        ]);
        all.retain(|(name, _)| others.iter().all(|(other, _)| other != name));
        all.extend(pairs(others).into_iter().filter(|(_, value)| !value.is_empty()));
        all
    }

    /// As the Go and Node SDKs send it: POST, operation in the query, the rest in a form.
    fn post(&self, others: &[(&str, &str)]) -> RequestBuilder {
        self.post_params(&self.params(others))
    }

    fn post_params(&self, params: &[(String, String)]) -> RequestBuilder {
        let query =
            "Action=AssumeRoleWithOIDC&Format=JSON&Timestamp=2026-11-22T15%3A30%3A20Z&Version=2015-04-01";
        let content_type = "application/x-www-form-urlencoded";
        let request = self.client.post(format!("{}/?{query}", self.emulator.endpoint()));
        request.header("content-type", content_type).body(encoding::build_query(params))
    }

    async fn who(&self, keys: &Keys) -> Value {
        let at = Timestamp::from_second(NOON).unwrap();
        answer(rpc_get_at(&self.client, &self.emulator, keys, &[("Action", "GetCallerIdentity")], at)).await.1
    }
}

#[tokio::test]
async fn a_token_that_the_trust_policy_names_gets_keys_of_the_role() {
    let sts = Sts::start().await;
    let (status, body) = answer(sts.post(&[])).await;
    assert_eq!(status, 200, "{body}");
    let user = &body["AssumedRoleUser"];
    assert_eq!(user["Arn"], "acs:ram::1234567890123456:role/app/pod-1");
    assert!(user["AssumedRoleId"].as_str().unwrap().ends_with(":pod-1"), "{user}");
    assert_eq!(body["Credentials"]["Expiration"], "2026-11-22T16:30:20Z");
    assert_eq!(
        body["OIDCTokenInfo"],
        json!({
            "Subject": SUBJECT, "Issuer": ISSUER, "ClientIds": "sts.aliyuncs.com",
            "VerificationInfo": "Success",
            "ExpirationTime": "2026-11-22T16:30:20Z", "IssuanceTime": "2026-11-22T15:30:20Z",
        })
    );
    let identity = sts.who(&keys_of(&body)).await;
    assert_eq!(identity["Arn"], "acs:ram::1234567890123456:assumed-role/app/pod-1", "{identity}");
    let request = sts.emulator.requests().remove(0);
    assert_eq!((request.action.as_str(), request.style), ("AssumeRoleWithOIDC", Style::Anonymous));
    assert!(!format!("{request:?}").contains(&sts.token()), "a token is a secret");
}

#[tokio::test]
async fn it_is_taken_in_every_way_that_the_published_clients_send_it() {
    let sts = Sts::start().await;
    let endpoint = sts.emulator.endpoint();
    let common = pairs(&[("Action", "AssumeRoleWithOIDC"), ("Format", "JSON"), ("Version", "2015-04-01")]);
    let all: Vec<_> = common.into_iter().chain(sts.params(&[])).collect();
    // Python: GET, the token in the URL.
    let (status, body) = answer(sts.client.get(format!("{endpoint}/?{}", encoding::build_query(&all)))).await;
    assert_eq!(status, 200, "{body}");
    // Java: the words of a signature, and none.
    let words = "SignatureMethod=HMAC-SHA1&SignatureNonce=1&SignatureVersion=1.0";
    let url = format!("{endpoint}/?{}&{words}", encoding::build_query(&all));
    let (status, body) = answer(sts.client.post(url)).await;
    assert_eq!(status, 200, "{body}");
    // The public tool's own command: headers, and no Authorization.
    let url = format!("{endpoint}/?{}", encoding::build_query(&sts.params(&[])));
    let request = sts.client.post(url).header("x-acs-action", "AssumeRoleWithOIDC");
    let (status, body) = answer(request.header("x-acs-version", "2015-04-01")).await;
    assert_eq!(status, 200, "{body}");
    // Without Format, XML.
    let all = [all, pairs(&[("Format", "XML")])].concat();
    let xml: Vec<_> = all.into_iter().filter(|(name, value)| name != "Format" || value == "XML").collect();
    let text = sts.client.get(format!("{endpoint}/?{}", encoding::build_query(&xml))).send().await.unwrap();
    let text = text.text().await.unwrap();
    assert!(text.contains("<AssumeRoleWithOIDCResponse>"), "{text}");
    assert!(text.contains("<VerificationInfo>Success</VerificationInfo>"), "{text}");
}

#[tokio::test]
async fn each_failure_has_its_documented_code() {
    let sts = Sts::start().await;
    let changed = |name: &str, value: Value| {
        let mut claims = sts.claims();
        claims[name] = value;
        sts.issuer.token(&claims)
    };
    let forged = Issuer::new().token(&sts.claims());
    let long = "x".repeat(20_001);
    let [expired, audience, issuer, subject] = [
        changed("exp", json!(NOON)),
        changed("aud", json!("kubernetes")),
        changed("iss", json!("https://issuer.example/c2")),
        changed("sub", json!("system:serviceaccount:default:other")),
    ];
    let other_account = "acs:ram::1234567890123457:oidc-provider/ack-rrsa-c1";
    for (others, status, code) in [
        (("OIDCToken", expired.as_str()), 401, "AuthenticationFail.OIDCToken.Expired"),
        (("OIDCToken", &audience), 401, "AuthenticationFail.OIDCToken.AudienceNotMatch"),
        (("OIDCToken", &issuer), 401, "AuthenticationFail.OIDCToken.IssuerNotMatch"),
        (("OIDCToken", &forged), 401, "AuthenticationFail.OIDCToken.InvalidSignature"),
        (("OIDCToken", "no-token"), 401, "AuthenticationFail.OIDCToken.Invalid"),
        (("OIDCToken", &subject), 401, "AuthenticationFail.NoPermission"),
        (("OIDCToken", &long), 400, "InvalidParameter.OIDCToken"),
        (("OIDCProviderArn", &PROVIDER.replace("c1", "c2")), 401, "AuthenticationFail.NoPermission"),
        (("OIDCProviderArn", other_account), 401, "AuthenticationFail.NoPermission"),
        (("OIDCProviderArn", ROLE), 400, "InvalidParameter.OIDCProviderArn"),
        (("RoleArn", PROVIDER), 400, "InvalidParameter.RoleArn"),
        (("RoleArn", &ROLE.replace("app", "nobody")), 404, "EntityNotExist.Role"),
        // A role for users of the account.
        (("RoleArn", DEV), 401, "AuthenticationFail.NoPermission"),
        (("RoleSessionName", "x y"), 400, "InvalidParameter.RoleSessionName"),
        (("DurationSeconds", "899"), 400, "InvalidParameter.DurationSeconds"),
        (("DurationSeconds", "3601"), 400, "InvalidParameter.DurationSeconds"),
        (("Policy", "no JSON"), 400, "InvalidParameter.PolicyGrammar"),
        (("OIDCProviderArn", ""), 400, "MissingOIDCProviderArn"),
        (("OIDCToken", ""), 400, "MissingOIDCToken"),
        (("RoleArn", ""), 400, "MissingRoleArn"),
        (("RoleSessionName", ""), 400, "MissingRoleSessionName"),
    ] {
        assert_eq!(error(sts.post(&[others])).await, (status, code.to_owned()), "{others:?}");
    }
    let mut empty = sts.params(&[("OIDCToken", "")]);
    empty.extend(pairs(&[("OIDCToken", "")]));
    let empty = error(sts.post_params(&empty)).await;
    assert_eq!(empty, (401, "AuthenticationFail.OIDCToken.Invalid".to_owned()));
    for (others, message) in [
        (("OIDCToken", subject.as_str()), "There is no permission"),
        (("OIDCProviderArn", other_account), "No such OIDC Provider registered."),
    ] {
        assert_eq!(answer(sts.post(&[others])).await.1["Message"], message);
    }
}

#[tokio::test]
async fn sessions_last_as_long_as_the_role_allows_and_end_with_it() {
    let text = CONFIG.replacen(
        "    roles:\n",
        &format!(
            "    roles:\n      - name: long\n        id: \"9\"\n        maxSessionDuration: 43200\n        \
             trustPolicy: {{Version: \"1\", Statement: {{Effect: Allow, Action: sts:AssumeRole, \
             Principal: {{Federated: \"{PROVIDER}\"}}, Condition: {{StringLike: {{\"oidc:sub\": \"system:serviceaccount:*:app\"}}}}}}}}\n"
        ),
        1,
    );
    let sts = Sts::with(Config::from_yaml(&text, "long.yaml").unwrap()).await;
    let long = ROLE.replace("app", "Long");
    for (seconds, end) in
        [("900", "2026-11-22T15:45:20Z"), ("43200", "2026-11-23T03:30:20Z"), ("", "2026-11-22T16:30:20Z")]
    {
        let (status, body) = answer(sts.post(&[("RoleArn", &long), ("DurationSeconds", seconds)])).await;
        assert_eq!((status, body["Credentials"]["Expiration"].as_str()), (200, Some(end)), "{body}");
    }
    let (_, body) = answer(sts.post(&[("RoleArn", &long)])).await;
    assert_eq!(sts.who(&keys_of(&body)).await["IdentityType"], "AssumedRoleUser");
    sts.emulator.delete_role(ACCOUNT, "long").unwrap();
    assert_eq!(sts.who(&keys_of(&body)).await["Code"], "InvalidAccessKeyId.NotFound");
    sts.emulator.fail("AssumeRoleWithOIDC", Fault::ExpiredCredentials.times(1));
    let (_, body) = answer(sts.post(&[])).await;
    assert_eq!(body["Credentials"]["Expiration"], "2026-11-22T15:29:20Z");
}

#[tokio::test]
async fn providers_come_and_go_while_the_emulator_runs() {
    let sts = Sts::start().await;
    let again = || OidcProvider::new(ACCOUNT, "Ack-RRSA-c1", "https://issuer.example/c2").client_id("x");
    let refused = sts.emulator.add_oidc_provider(again()).unwrap_err();
    assert_eq!(refused, DirectoryError::OidcProviderExists("Ack-RRSA-c1".to_owned()));
    let same_issuer = OidcProvider::new(ACCOUNT, "other", ISSUER).client_id("x");
    let refused = sts.emulator.add_oidc_provider(same_issuer).unwrap_err();
    assert_eq!(refused, DirectoryError::OidcIssuerExists(ISSUER.to_owned()));
    let nowhere = OidcProvider::new("1111111111111111", "other", ISSUER).client_id("x");
    let refused = sts.emulator.add_oidc_provider(nowhere).unwrap_err();
    assert_eq!(refused, DirectoryError::NoSuchAccount("1111111111111111".to_owned()));
    let wrong = OidcProvider::new(ACCOUNT, "other", "http://issuer.example").client_id("x");
    assert!(matches!(sts.emulator.add_oidc_provider(wrong), Err(DirectoryError::Invalid(_))));

    let (_, body) = answer(sts.post(&[])).await;
    sts.emulator.remove_oidc_provider(ACCOUNT, "ACK-rrsa-c1").unwrap();
    let refused = error(sts.post(&[])).await;
    assert_eq!(refused, (401, "AuthenticationFail.NoPermission".to_owned()));
    assert_eq!(sts.who(&keys_of(&body)).await["IdentityType"], "AssumedRoleUser", "sessions go on");
    assert!(sts.emulator.remove_oidc_provider(ACCOUNT, "ack-rrsa-c1").is_err());
    // The same issuer with another key, as after a rotation that did not publish both.
    let provider = OidcProvider::new(ACCOUNT, "ack-rrsa-c1", ISSUER).client_id("sts.aliyuncs.com");
    sts.emulator.add_oidc_provider(provider.jwks(&Issuer::new().jwks())).unwrap();
    let refused = error(sts.post(&[])).await;
    assert_eq!(refused, (401, "AuthenticationFail.OIDCToken.InvalidSignature".to_owned()));
    for number in 1..100 {
        let issuer = format!("https://issuer.example/more/{number}");
        let provider = OidcProvider::new(ACCOUNT, &format!("more{number}"), &issuer).client_id("x");
        sts.emulator.add_oidc_provider(provider).unwrap();
    }
    let refused = sts.emulator.add_oidc_provider(again().client_id("y")).unwrap_err();
    assert!(matches!(refused, DirectoryError::OidcProviderExists(_)));
    let more = OidcProvider::new(ACCOUNT, "more", "https://issuer.example/more").client_id("x");
    assert!(matches!(sts.emulator.add_oidc_provider(more), Err(DirectoryError::Full { limit: 100, .. })));
}

#[tokio::test]
async fn a_cluster_with_rrsa_brings_its_provider_and_its_keys() {
    let sts = Sts::start().await;
    sts.emulator.remove_oidc_provider(ACCOUNT, "ack-rrsa-c1").unwrap();
    assert_eq!(error(sts.post(&[])).await, (401, "AuthenticationFail.NoPermission".to_owned()));
    let cluster = Cluster::new(ACCOUNT, "c1").rrsa(true).issuer(ISSUER).issuer_keys(&sts.issuer.jwks());
    sts.emulator.add_cluster(cluster).unwrap();
    assert_eq!(answer(sts.post(&[])).await.0, 200);
}

#[tokio::test]
async fn roles_are_assumed_a_hundred_times_a_second_and_in_both_ways_together() {
    let sts = Sts::start().await;
    let at = Timestamp::from_second(NOON).unwrap();
    let params =
        [("Action", "AssumeRole"), ("RoleArn", DEV), ("RoleSessionName", "alice"), ("Version", "2015-04-01")];
    for _ in 0..50 {
        assert_eq!(answer(sts.post(&[])).await.0, 200);
        let request = rpc_get_at(&sts.client, &sts.emulator, &alice(), &params, at);
        assert_eq!(answer(request).await.0, 200);
    }
    assert_eq!(error(sts.post(&[])).await, (400, "Throttling.User".to_owned()));
    let request = rpc_get_at(&sts.client, &sts.emulator, &alice(), &params, at);
    assert_eq!(error(request).await, (400, "Throttling.User".to_owned()));
    assert_eq!(sts.who(&alice()).await["IdentityType"], "RAMUser", "other calls are not throttled");
}

#[tokio::test]
async fn a_token_of_more_than_twelve_hours_counts_as_one_of_twelve() {
    let sts = Sts::start().await;
    let mut claims = sts.claims();
    claims["exp"] = json!(NOON + 48 * 3600);
    let (status, body) = answer(sts.post(&[("OIDCToken", &sts.issuer.token(&claims))])).await;
    assert_eq!((status, &body["OIDCTokenInfo"]["ExpirationTime"]), (200, &json!("2026-11-23T03:30:20Z")));
    claims["iat"] = json!(NOON - 12 * 3600);
    let refused = error(sts.post(&[("OIDCToken", &sts.issuer.token(&claims))])).await;
    assert_eq!(refused, (401, "AuthenticationFail.OIDCToken.Expired".to_owned()));
}

#[tokio::test]
async fn calls_with_a_good_token_count_for_the_account_and_others_do_not() {
    let text = CONFIG.replacen(
        "  - id: \"1234567890123456\"\n",
        "  - id: \"1234567890123456\"\n    throttle: {callsPerSecond: 2}\n",
        1,
    );
    let sts = Sts::with(Config::from_yaml(&text, "throttled.yaml").unwrap()).await;
    let forged = Issuer::new().token(&sts.claims());
    for _ in 0..5 {
        assert_eq!(error(sts.post(&[("OIDCToken", &forged)])).await.0, 401, "nobody's share is used up");
    }
    assert_eq!([answer(sts.post(&[])).await.0, answer(sts.post(&[])).await.0], [200, 200]);
    assert_eq!(error(sts.post(&[])).await, (400, "Throttling.User".to_owned()));
}
