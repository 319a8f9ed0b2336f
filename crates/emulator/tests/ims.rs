//! IMS: the OIDC providers of an account.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::sync::{Arc, Mutex};

use common::*;
use emulator::Emulator;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use serde_json::{Value, json};

const VERSION: &str = "2019-08-15";
const FINGERPRINT: &str = "902ef2deeb3c5b13ea4c3d5193629309e2310000";
const ISSUER: &str = "https://issuer.example/c1";

struct Ims {
    emulator: Emulator,
    client: Client,
    clock: Arc<Mutex<Timestamp>>,
}

impl Ims {
    async fn start() -> Self {
        let clock = Arc::new(Mutex::new(Timestamp::from_second(NOON).unwrap()));
        let told = Arc::clone(&clock);
        let emulator =
            Emulator::builder(config()).clock(move || *told.lock().unwrap()).start().await.unwrap();
        Self { client: client(&emulator), emulator, clock }
    }

    fn now(&self) -> Timestamp {
        *self.clock.lock().unwrap()
    }

    async fn as_(&self, keys: &Keys, action: &str, params: &[(&str, &str)]) -> (u16, Value) {
        let fixed = [("Action", action), ("Version", VERSION)];
        let params = [&fixed, params].concat();
        answer(rpc_get_at(&self.client, &self.emulator, keys, &params, self.now())).await
    }

    async fn ask(&self, action: &str, params: &[(&str, &str)]) -> (u16, Value) {
        self.as_(&root(), action, params).await
    }

    async fn ok(&self, action: &str, params: &[(&str, &str)]) -> Value {
        let (status, body) = self.ask(action, params).await;
        assert_eq!(status, 200, "{action} {params:?}: {body}");
        body
    }

    async fn refused(&self, action: &str, params: &[(&str, &str)]) -> (u16, String) {
        let (status, body) = self.ask(action, params).await;
        (status, body["Code"].as_str().unwrap_or_else(|| panic!("{action} {params:?}: {body}")).to_owned())
    }

    async fn create(&self, name: &str, issuer: &str) -> (u16, Value) {
        self.ask("CreateOIDCProvider", &[("OIDCProviderName", name), ("IssuerUrl", issuer)]).await
    }
}

fn name(name: &str) -> (&str, &str) {
    ("OIDCProviderName", name)
}

#[tokio::test]
async fn a_provider_is_made_shown_changed_and_deleted() {
    let ims = Ims::start().await;
    let all = [
        name("ack-rrsa-c1"),
        ("IssuerUrl", ISSUER),
        ("ClientIds", "sts.aliyuncs.com,second,second"),
        ("Fingerprints", FINGERPRINT),
        ("IssuanceLimitTime", "6"),
        ("Description", "RRSA"),
    ];
    let body = ims.ok("CreateOIDCProvider", &all).await;
    let made = json!({
        "OIDCProviderName": "ack-rrsa-c1",
        "Arn": "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1",
        "IssuerUrl": ISSUER,
        "ClientIds": "sts.aliyuncs.com,second",
        "Fingerprints": FINGERPRINT,
        "IssuanceLimitTime": 6,
        "Description": "RRSA",
        "CreateDate": "2026-11-22T15:30:20Z",
        "UpdateDate": "2026-11-22T15:30:20Z",
        "GmtCreate": "1795361420000",
        "GmtModified": "1795361420000",
    });
    assert_eq!(body["OIDCProvider"], made);
    assert_eq!(ims.ok("GetOIDCProvider", &[name("Ack-RRSA-c1")]).await["OIDCProvider"], made);

    *ims.clock.lock().unwrap() += SignedDuration::from_secs(60);
    let changes = [
        name("ack-rrsa-c1"),
        ("NewDescription", "new"),
        ("ClientIds", "third"),
        ("IssuanceLimitTime", "168"),
    ];
    let changed = ims.ok("UpdateOIDCProvider", &changes).await["OIDCProvider"].clone();
    let with = |pairs: &[(&str, Value)]| {
        let mut expected = made.clone();
        for (name, value) in pairs {
            expected[*name] = value.clone();
        }
        expected
    };
    let expected = with(&[
        ("Description", json!("new")),
        ("ClientIds", json!("third")),
        ("IssuanceLimitTime", json!(168)),
        ("UpdateDate", json!("2026-11-22T15:31:20Z")),
        ("GmtModified", json!("1795361480000")),
    ]);
    assert_eq!(changed, expected);
    let same = ims.ok("UpdateOIDCProvider", &[name("ack-rrsa-c1")]).await["OIDCProvider"].clone();
    assert_eq!(same, expected, "what is not named stays");

    assert_eq!(ims.ok("DeleteOIDCProvider", &[name("ack-rrsa-c1")]).await.as_object().unwrap().len(), 1);
    for action in ["GetOIDCProvider", "DeleteOIDCProvider", "UpdateOIDCProvider"] {
        let refused = ims.refused(action, &[name("ack-rrsa-c1")]).await;
        assert_eq!(refused, (404, "EntityNotExist.OIDCProvider".to_owned()), "{action}");
    }
}

#[tokio::test]
async fn client_ids_and_fingerprints_come_and_go_one_by_one() {
    let ims = Ims::start().await;
    let upper = FINGERPRINT.to_uppercase();
    assert_eq!(ims.create("ack", ISSUER).await.0, 200, "without client ids and fingerprints");
    for (add, remove, parameter, list, value, again, most) in [
        (
            "AddClientIdToOIDCProvider",
            "RemoveClientIdFromOIDCProvider",
            "ClientId",
            "ClientIds",
            "one",
            "one",
            50,
        ),
        (
            "AddFingerprintToOIDCProvider",
            "RemoveFingerprintFromOIDCProvider",
            "Fingerprint",
            "Fingerprints",
            FINGERPRINT,
            upper.as_str(),
            5,
        ),
    ] {
        let body = ims.ok(add, &[name("ack"), (parameter, value)]).await;
        assert_eq!(body["OIDCProvider"][list], value);
        let twice = ims.refused(add, &[name("ack"), (parameter, again)]).await;
        assert_eq!(twice, (409, format!("EntityAlreadyExists.OIDCProvider.{parameter}")));
        for number in 1..most {
            ims.ok(add, &[name("ack"), (parameter, &format!("{number:040}"))]).await;
        }
        let full = ims.refused(add, &[name("ack"), (parameter, &"f".repeat(40))]).await;
        assert_eq!(full, (409, format!("LimitExceeded.OIDCProvider.{parameter}")));
        let body = ims.ok(remove, &[name("ack"), (parameter, again)]).await;
        let left = body["OIDCProvider"][list].as_str().unwrap().to_owned();
        assert_eq!(left.split(',').count(), most - 1, "{left}");
        let gone = ims.refused(remove, &[name("ack"), (parameter, value)]).await;
        assert_eq!(gone, (404, format!("EntityNotExist.OIDCProvider.{parameter}")));
        let nobody = ims.refused(add, &[name("nobody"), (parameter, value)]).await;
        assert_eq!(nobody, (404, "EntityNotExist.OIDCProvider".to_owned()));
        assert_eq!(ims.refused(add, &[name("ack")]).await, (400, format!("Missing{parameter}")));
        assert_eq!(
            ims.refused(add, &[name("ack"), (parameter, "a b")]).await,
            (400, format!("InvalidParameter.{parameter}"))
        );
    }
}

#[tokio::test]
async fn names_and_issuers_are_there_once_and_values_have_bounds() {
    let ims = Ims::start().await;
    assert_eq!(ims.create("ack", ISSUER).await.0, 200);
    let code = |(status, body): (u16, Value)| (status, body["Code"].as_str().unwrap().to_owned());
    let conflict = |code: &str| (409, code.to_owned());
    assert_eq!(
        code(ims.create("ACK", "https://other.example").await),
        conflict("EntityAlreadyExists.OIDCProvider")
    );
    assert_eq!(code(ims.create("other", ISSUER).await), conflict("EntityAlreadyExists.OIDCProvider.Url"));

    let long = |length: usize| "x".repeat(length);
    let ids = |count: usize| (0..count).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    let fingerprints = |count: usize| (0..count).map(|id| format!("{id:040}")).collect::<Vec<_>>().join(",");
    let url = |length: usize| format!("https://{}", "x".repeat(length - 8));
    let good = [name("new"), ("IssuerUrl", "https://new.example")];
    let with = |key: &str, value: &str| -> Vec<(String, String)> {
        let mut params = pairs(&good);
        params.retain(|(other, _)| other != key);
        params.extend(pairs(&[(key, value)]));
        params
    };
    for (key, value, status, code) in [
        ("OIDCProviderName", String::new(), 400, "MissingOIDCProviderName"),
        ("OIDCProviderName", long(129), 400, "InvalidParameter.OIDCProviderName.Length"),
        ("OIDCProviderName", "a b".to_owned(), 400, "InvalidParameter.OIDCProviderName.InvalidChars"),
        ("OIDCProviderName", "-a".to_owned(), 400, "InvalidParameter.OIDCProviderName.InvalidChars"),
        ("IssuerUrl", String::new(), 400, "MissingIssuerUrl"),
        ("IssuerUrl", "http://issuer.example".to_owned(), 400, "InvalidParameter.IssuerUrl"),
        ("IssuerUrl", "https://issuer.example?x".to_owned(), 400, "InvalidParameter.IssuerUrl"),
        ("IssuerUrl", "https://a@issuer.example".to_owned(), 400, "InvalidParameter.IssuerUrl"),
        ("IssuerUrl", url(256), 400, "InvalidParameter.IssuerUrl.Length"),
        ("ClientIds", "a,,b".to_owned(), 400, "InvalidParameter.ClientIds"),
        ("ClientIds", "a b".to_owned(), 400, "InvalidParameter.ClientIds"),
        ("ClientIds", long(129), 400, "InvalidParameter.ClientIds"),
        ("ClientIds", ids(51), 409, "LimitExceeded.OIDCProvider.ClientId"),
        ("Fingerprints", "abc".to_owned(), 400, "InvalidParameter.Fingerprints"),
        ("Fingerprints", "g".repeat(40), 400, "InvalidParameter.Fingerprints"),
        ("Fingerprints", fingerprints(6), 409, "LimitExceeded.OIDCProvider.Fingerprint"),
        ("IssuanceLimitTime", "0".to_owned(), 400, "InvalidParameter.IssuanceLimitTime"),
        ("IssuanceLimitTime", "169".to_owned(), 400, "InvalidParameter.IssuanceLimitTime"),
        ("IssuanceLimitTime", "x".to_owned(), 400, "InvalidParameter.IssuanceLimitTime"),
        ("Description", long(257), 400, "InvalidParameter.Description.Length"),
    ] {
        let params = with(key, &value);
        let params: Vec<(&str, &str)> =
            params.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let refused = ims.refused("CreateOIDCProvider", &params).await;
        assert_eq!(refused, (status, code.to_owned()), "{key}");
    }
    for (number, (key, value)) in [
        ("OIDCProviderName", long(128)),
        ("IssuerUrl", url(255)),
        ("ClientIds", ids(50)),
        ("Fingerprints", fingerprints(5)),
        ("IssuanceLimitTime", "168".to_owned()),
        ("Description", long(256)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut params = with(key, &value);
        for (name, value) in &mut params {
            match name.as_str() {
                "OIDCProviderName" if key != name => *value = format!("new{number}"),
                "IssuerUrl" if key != name => *value = format!("https://new{number}.example"),
                _ => {}
            }
        }
        let params: Vec<(&str, &str)> =
            params.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        ims.ok("CreateOIDCProvider", &params).await;
    }
}

#[tokio::test]
async fn lists_come_in_pages_and_each_account_has_its_own_hundred() {
    let ims = Ims::start().await;
    for number in 0..100 {
        let (status, body) =
            ims.create(&format!("p{number:02}"), &format!("https://issuer.example/{number}")).await;
        assert_eq!(status, 200, "{body}");
    }
    let (status, body) = ims.create("more", "https://issuer.example/more").await;
    assert_eq!((status, &body["Code"]), (409, &json!("LimitExceeded.OIDCProvider")));
    let names = |body: &Value| -> Vec<String> {
        let list = body["OIDCProviders"]["OIDCProvider"].as_array().unwrap();
        list.iter().map(|one| one["OIDCProviderName"].as_str().unwrap().to_owned()).collect()
    };
    let body = ims.ok("ListOIDCProviders", &[]).await;
    assert_eq!((names(&body).len(), &body["IsTruncated"]), (100, &json!(false)));
    let body = ims.ok("ListOIDCProviders", &[("MaxItems", "60")]).await;
    assert_eq!((names(&body).len(), &body["IsTruncated"]), (60, &json!(true)));
    let marker = body["Marker"].as_str().unwrap();
    let body = ims.ok("ListOIDCProviders", &[("MaxItems", "60"), ("Marker", marker)]).await;
    assert_eq!((names(&body).len(), names(&body)[0].as_str()), (40, "p60"));
    for wrong in ["0", "101", "x"] {
        let refused = ims.refused("ListOIDCProviders", &[("MaxItems", wrong)]).await;
        assert_eq!(refused, (400, "InvalidParameter.MaxItems".to_owned()));
    }
}

#[tokio::test]
async fn it_takes_acs3_and_no_other_version() {
    let emulator = start().await;
    let client = client(&emulator);
    let params = [name("ack"), ("IssuerUrl", ISSUER)];
    let request = acs3_post_to(&client, &emulator, &root(), (VERSION, "CreateOIDCProvider"), &params);
    assert_eq!(answer(request).await.0, 200);
    let other = acs3_post_to(&client, &emulator, &root(), ("2015-05-01", "GetOIDCProvider"), &params);
    assert_eq!(error(other).await, (400, "InvalidVersion".to_owned()));
    let wrong = keys("LTAIroot", "another-secret");
    let request = acs3_post_to(&client, &emulator, &wrong, (VERSION, "GetOIDCProvider"), &params);
    let (status, body) = answer(request).await;
    assert_eq!((status, &body["Code"]), (400, &json!("SignatureDoesNotMatch")));
    assert!(body["Recommend"].as_str().unwrap().contains("product=Ims"), "{body}");
}
