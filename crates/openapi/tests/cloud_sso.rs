//! Mode `CloudSSO` of the aliyun CLI's file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[path = "support/login.rs"]
#[allow(dead_code, unreachable_pub)]
mod login;
mod support;

use std::any::Any;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use login::{Machine, Network, Tunnel, now, one_line};
use openapi::Credentials;
use openapi::credentials::{Environment, Program, ProgramOutput};
use openapi::network::Trust;
use serde_json::json;
use support::{Received, Server, http, json as answer};

const HOST: &str = "signin-cn-shanghai.alibabacloudsso.com";
const LOGIN: &str = "aliyun configure --mode CloudSSO --profile 'my sso'";
const KEYS: &str = r#"{"CloudCredential":{"AccessKeyId":"STS.new","AccessKeySecret":"canary-secret",
    "SecurityToken":"canary-token","Expiration":"2026-11-22T11:00:00Z"},"RequestId":"R"}"#;

fn config(access_end: i64, sts_end: i64) -> String {
    let config = json!({"current": "my sso", "profiles": [{
        "name": "my sso", "mode": "CloudSSO", "region_id": "cn-shanghai",
        "cloud_sso_sign_in_url": format!("https://{HOST}/device/login"),
        "cloud_sso_account_id": "1234567890123456", "cloud_sso_access_config": "ac-00x",
        "access_token": "canary-access", "cloud_sso_access_token_expire": access_end,
        "access_key_id": "STS.old", "access_key_secret": "canary-old", "sts_token": "canary-old-token",
        "sts_expiration": sts_end, "unknown": 1.50,
    }]});
    serde_json::to_string_pretty(&config).unwrap()
}

fn at(seconds: i64) -> i64 {
    now().as_second() + seconds
}

fn assert_new(credentials: &Credentials) {
    assert_eq!(credentials.access_key_id, "STS.new");
    assert_eq!(credentials.access_key_secret.expose(), "canary-secret");
    assert_eq!(credentials.security_token.as_ref().unwrap().expose(), "canary-token");
    assert_eq!(credentials.expiration.unwrap().to_string(), "2026-11-22T11:00:00Z");
}

#[test]
fn stored_keys_are_used_while_they_last_even_when_the_access_token_has_ended() {
    let source = Machine::new(&config(at(-10), at(60))).find(None).unwrap();
    assert_eq!(source.immediate().unwrap().access_key_id, "STS.old");
    assert!(Machine::new(&config(at(60), at(10))).find(None).unwrap().immediate().is_none());
}

#[test]
fn the_access_token_brings_keys_from_the_host_of_the_sign_in_url_which_are_stored() {
    let server = Server::tls(HOST, |_| answer(200, KEYS));
    let machine = Machine::new(&config(at(600), at(-10)));
    let before = machine.text();
    let tunnel = Tunnel::to(server.address);
    assert_new(&machine.fetch(&Network::to(&server, &tunnel)).unwrap());
    assert_eq!(tunnel.asked(), [format!("{HOST}:443")]);
    let received = &server.received()[0];
    assert_eq!(received.line, "POST /cloud-credentials HTTP/1.1");
    assert_eq!(received.header("authorization"), Some("Bearer canary-access"));
    assert_eq!(received.header("content-type"), Some("application/json"));
    let body: serde_json::Value = serde_json::from_str(&received.body).unwrap();
    assert_eq!(body, json!({"AccountId": "1234567890123456", "AccessConfigurationId": "ac-00x"}));
    // Stored as the aliyun CLI does: 5 s before their end they count as over.
    let expected = before
        .replace("STS.old", "STS.new")
        .replace("canary-old-token", "canary-token")
        .replace("canary-old", "canary-secret")
        .replace(&at(-10).to_string(), &at(3595).to_string());
    assert_eq!(machine.text(), expected);
    assert_eq!(machine.find(None).unwrap().immediate().unwrap().access_key_id, "STS.new");
}

#[test]
fn keys_at_the_top_of_the_answer_are_taken_too() {
    let inner = KEYS.replace("{\"CloudCredential\":", "").replace(",\"RequestId\":\"R\"}", "");
    let server = Server::tls(HOST, move |_| answer(200, &inner));
    let machine = Machine::new(&config(at(600), 0));
    assert_new(&machine.fetch(&Network::to(&server, &Tunnel::to(server.address))).unwrap());
}

#[test]
fn twenty_at_once_ask_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Server::tls(HOST, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        answer(200, KEYS)
    });
    let (machine, tunnel) = (Machine::new(&config(at(600), 0)), Tunnel::to(server.address));
    let file = machine.file();
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..20)
            .map(|_| {
                let network = Network::to(&server, &tunnel);
                let file = &file;
                scope.spawn(move || Machine::at(file).fetch(&network).map_err(|error| one_line(&error)))
            })
            .collect();
        for other in others {
            assert_eq!(other.join().unwrap().unwrap().access_key_id, "STS.new");
        }
    });
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// The error where the service answers so to everything.
fn fails_with(config: &str, reply: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static) -> String {
    let (server, machine) = (Server::tls(HOST, reply), Machine::new(config));
    let before = machine.text();
    let error = machine.fetch(&Network::to(&server, &Tunnel::to(server.address))).unwrap_err();
    assert_eq!(machine.text(), before, "the file changed although nothing was got");
    one_line(&error)
}

#[test]
fn where_a_login_is_needed_the_error_names_the_command() {
    for ended in [at(-10), at(10), 0] {
        let error = fails_with(&config(ended, 0), |_| panic!("asked with a token that has ended"));
        assert!(error.contains(LOGIN) && error.contains("has ended"), "{error}");
        assert!(error.contains("profile \"my sso\" of ") && error.contains("config.json"), "{error}");
    }
    let refused = fails_with(&config(at(600), 0), |_| {
        answer(401, r#"{"ErrorCode":"AccessTokenExpired","ErrorMessage":"canary"}"#)
    });
    assert!(refused.contains(LOGIN) && refused.contains("AccessTokenExpired, HTTP 401"), "{refused}");
    let without = config(at(600), 0).replace("\"access_token\": \"canary-access\",", "");
    let error = fails_with(&without, |_| panic!("asked without a token"));
    assert!(error.contains(LOGIN) && error.contains("there is no access token"), "{error}");
}

#[test]
fn each_fault_has_its_own_line() {
    for (reply, wanted) in [
        (answer(503, KEYS), "it answered HTTP 503"),
        (answer(307, KEYS), "it redirects elsewhere"),
        (http(200, "text/html", "<html>canary"), "no JSON object"),
        (answer(200, r#"{"CloudCredential":{}}"#), "AccessKeyId is missing"),
        (answer(200, &KEYS.replace("STS.new", "STS/canary")), "AccessKeyId in its answer is malformed"),
        (answer(200, &KEYS.replace("canary-token", "can ary")), "SecurityToken in its answer is malformed"),
        (answer(200, &KEYS.replace("2026-11-22T11:00:00Z", "canary")), "Expiration in its answer is no time"),
    ] {
        let error = fails_with(&config(at(600), 0), move |_| reply.clone());
        assert!(error.contains(wanted) && error.contains(&format!("CloudSSO at https://{HOST}")), "{error}");
        assert!(!error.contains("aliyun configure"), "{error}");
    }
}

#[test]
fn a_login_that_a_program_printed_stands_in_no_file() {
    let server = Server::tls(HOST, |_| answer(200, KEYS));
    let tunnel = Tunnel::to(server.address);
    let network = Network::to(&server, &tunnel);
    // A program that prints the profile; the file has one of the same name, which is none of its business.
    let mut printed: serde_json::Value = serde_json::from_str(&config(at(600), 0)).unwrap();
    let printed = printed["profiles"][0].take().to_string();
    let mut file: serde_json::Value = serde_json::from_str(&config(at(600), 0)).unwrap();
    file["profiles"].as_array_mut().unwrap().push(json!({
        "name": "program", "mode": "External", "process_command": "acs-sso login", "region_id": "cn-shanghai",
    }));
    file["current"] = json!("program");
    let machine = Machine::new(&file.to_string());
    let before = machine.text();
    let credentials = machine.with(|environment| {
        let run_program =
            |_: &Program| Ok(ProgramOutput { code: Some(0), stdout: printed.clone().into_bytes() });
        let lock = |path: &Path| -> io::Result<Box<dyn Any>> { panic!("{} is locked", path.display()) };
        let environment = Environment { run_program: &run_program, lock: &lock, ..*environment };
        network.fetch(&machine.find(None).unwrap(), &environment)
    });
    assert_new(&credentials.unwrap());
    assert_eq!(machine.text(), before);
    assert_eq!(server.received().len(), 1);
}

#[test]
fn the_access_token_goes_by_https_only_and_not_to_a_name_that_hides_another() {
    let server = Server::plain(|_| answer(200, KEYS));
    let with = |url: &str| config(at(600), 0).replace(&format!("https://{HOST}/device/login"), url);
    for url in
        [server.url("/"), "http://signin.alibabacloudsso.com/".to_owned(), "ftp://x.example/".to_owned()]
    {
        let machine = Machine::new(&with(&url));
        let network = Network::through(server.address, Trust::from_environment(&|_| None));
        let error = one_line(&machine.fetch(&network).unwrap_err());
        assert!(error.contains("does not begin with https://"), "{error}");
    }
    for url in ["https://signin.alibabacloudsso.com@canary.example/", "canary", "https://"] {
        let error = one_line(&Machine::new(&with(url)).find(None).unwrap_err());
        assert!(error.contains("cloud_sso_sign_in_url in profile"), "{error}");
    }
    assert!(server.received().is_empty());
}

#[test]
fn what_a_profile_lacks_is_named() {
    for key in ["region_id", "cloud_sso_sign_in_url", "cloud_sso_account_id", "cloud_sso_access_config"] {
        let broken = config(at(600), 0).replace(key, "other_key");
        let error = one_line(&Machine::new(&broken).find(None).unwrap_err());
        assert!(error.contains(&format!("{key} in profile \"my sso\" of ")), "{error}");
    }
    let broken =
        config(at(600), 0).replace(&format!("\"sts_expiration\": {}", 0), "\"sts_expiration\": \"canary\"");
    let error = one_line(&Machine::new(&broken).find(None).unwrap_err());
    assert!(error.contains("sts_expiration in profile"), "{error}");
}

#[test]
fn logins_are_told_apart_and_no_token_is_shown() {
    let machine = Machine::new("");
    let key = |config: &str| {
        std::fs::write(machine.file(), config).unwrap();
        machine.find(None).unwrap().identity_key()
    };
    let good = config(at(600), 0);
    let one = key(&good);
    assert!(!one.contains("canary"), "{one}");
    assert_eq!(one, key(&config(at(900), at(900))));
    for (from, to) in [
        ("canary-access", "canary-another"),
        ("1234567890123456", "1234567890123457"),
        ("ac-00x", "ac-00y"),
        (HOST, "signin-us.alibabacloudsso.com"),
    ] {
        assert_ne!(one, key(&good.replace(from, to)), "{from}");
    }
}
