//! Mode `OAuth` of the aliyun CLI's file.

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

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use login::{Machine, Network, Tunnel, now, one_line};
use openapi::Credentials;
use openapi::network::Trust;
use support::{Received, Server, http, json};

const HOST: &str = "oauth.aliyun.com";
const LOGIN: &str = "aliyun configure --mode OAuth --oauth-site-type CN --profile me";
const KEYS: &str = r#"{"requestId":"R","accessKeyId":"STS.new","accessKeySecret":"canary-secret",
    "securityToken":"canary-token","expiration":"2026-11-22T11:00:00Z"}"#;
const TOKENS: &str = r#"{"access_token":"canary-access-2","refresh_token":"canary-refresh-2","expires_in":3600,
    "token_type":"Bearer"}"#;

/// A file as the aliyun CLI writes it, with keys that it does not know.
fn config(access_end: i64, sts_end: i64) -> String {
    format!(
        r#"{{
	"current": "me",
	"profiles": [
		{{"name": "other", "mode": "AK", "access_key_id": "LTAIother", "zz": 9007199254740993}},
		{{
			"name": "me",
			"mode": "OAuth",
			"access_key_id": "STS.old",
			"access_key_secret": "canary-old-secret",
			"sts_token": "canary-old-token",
			"sts_expiration": {sts_end},
			"region_id": "cn-hangzhou",
			"oauth_access_token": "canary-access-1",
			"oauth_refresh_token": "canary-refresh-1",
			"oauth_access_token_expire": {access_end},
			"oauth_site_type": "CN",
			"retry_timeout": 1.50
		}}
	],
	"unknown": {{"b": 1, "a": 2}}
}}
"#
    )
}

fn at(seconds: i64) -> i64 {
    now().as_second() + seconds
}

fn path(request: &Received) -> &str {
    request.line.split(' ').nth(1).unwrap()
}

fn service() -> Server {
    Server::tls(HOST, |request| match path(request) {
        "/v1/token" => json(200, TOKENS),
        "/v1/exchange" => json(200, KEYS),
        _ => http(404, "text/plain", "canary"),
    })
}

fn assert_new(credentials: &Credentials) {
    assert_eq!(credentials.access_key_id, "STS.new");
    assert_eq!(credentials.access_key_secret.expose(), "canary-secret");
    assert_eq!(credentials.security_token.as_ref().unwrap().expose(), "canary-token");
    assert_eq!(credentials.expiration.unwrap().to_string(), "2026-11-22T11:00:00Z");
}

#[test]
fn stored_keys_are_used_while_they_last_and_nobody_is_asked() {
    let machine = Machine::new(&config(at(-10), at(120)));
    let source = machine.find(None).unwrap();
    let stored = source.immediate().unwrap();
    assert_eq!(stored.access_key_id, "STS.old");
    assert_eq!(stored.security_token.as_ref().unwrap().expose(), "canary-old-token");
    assert_eq!(stored.expiration.unwrap().as_second(), at(120));
    let nearly_over = Machine::new(&config(at(-10), at(10)));
    assert!(nearly_over.find(None).unwrap().immediate().is_none());
}

#[test]
fn a_good_access_token_is_exchanged_and_the_keys_stored_where_they_were_read() {
    let (server, machine) = (service(), Machine::new(&config(at(600), at(-10))));
    let tunnel = Tunnel::to(server.address);
    assert_new(&machine.fetch(&Network::to(&server, &tunnel)).unwrap());
    assert_eq!(tunnel.asked(), ["oauth.aliyun.com:443"]);
    let received = server.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].line, "POST /v1/exchange HTTP/1.1");
    assert_eq!(received[0].header("host"), Some(HOST));
    assert_eq!(received[0].header("authorization"), Some("Bearer canary-access-1"));
    assert_eq!(received[0].body, "");

    let expected = config(at(600), at(3600))
        .replace("STS.old", "STS.new")
        .replace("canary-old-secret", "canary-secret")
        .replace("canary-old-token", "canary-token");
    assert_eq!(machine.text(), expected, "more than the keys changed");
    assert!(machine.warnings.borrow().is_empty());
    // The next one finds them.
    assert_eq!(machine.find(None).unwrap().immediate().unwrap().access_key_id, "STS.new");
}

#[test]
fn the_keys_are_read_in_either_spelling() {
    let capitals = KEYS
        .replace("accessKey", "AccessKey")
        .replace("securityToken", "SecurityToken")
        .replace("expiration", "Expiration");
    let server = Server::tls(HOST, move |_| json(200, &capitals));
    let machine = Machine::new(&config(at(600), at(-10)));
    assert_new(&machine.fetch(&Network::to(&server, &Tunnel::to(server.address))).unwrap());
}

#[test]
fn an_ended_access_token_is_renewed_first_and_everything_is_stored() {
    let (server, machine) = (service(), Machine::new(&config(at(-10), 0)));
    let tunnel = Tunnel::to(server.address);
    assert_new(&machine.fetch(&Network::to(&server, &tunnel)).unwrap());
    let received = server.received();
    assert_eq!(received.iter().map(path).collect::<Vec<_>>(), ["/v1/token", "/v1/exchange"]);
    assert_eq!(
        received[0].body,
        "grant_type=refresh_token&refresh_token=canary-refresh-1&client_id=4038181954557748008"
    );
    assert_eq!(received[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(received[0].header("authorization"), None);
    assert_eq!(received[1].header("authorization"), Some("Bearer canary-access-2"));

    let expected = config(at(3600), at(3600))
        .replace("STS.old", "STS.new")
        .replace("canary-old-secret", "canary-secret")
        .replace("canary-old-token", "canary-token")
        .replace("canary-access-1", "canary-access-2")
        .replace("canary-refresh-1", "canary-refresh-2");
    assert_eq!(machine.text(), expected);
}

#[test]
fn the_other_site_has_its_own_host_and_client_id() {
    let server = Server::tls("oauth.alibabacloud.com", |request| match path(request) {
        "/v1/token" => json(200, TOKENS),
        _ => json(200, KEYS),
    });
    let machine = Machine::new(&config(at(-10), 0).replace("\"CN\"", "\"INTL\""));
    let tunnel = Tunnel::to(server.address);
    assert_new(&machine.fetch(&Network::to(&server, &tunnel)).unwrap());
    assert_eq!(tunnel.asked()[0], "oauth.alibabacloud.com:443");
    assert!(server.received()[0].body.ends_with("&client_id=4103531455503354461"));
}

#[test]
fn a_new_refresh_token_is_stored_before_anything_else_can_fail() {
    let server = Server::tls(HOST, |request| match path(request) {
        "/v1/token" => json(200, TOKENS),
        _ => http(503, "text/plain", "canary"),
    });
    let machine = Machine::new(&config(at(-10), 0));
    let tunnel = Tunnel::to(server.address);
    let error = one_line(&machine.fetch(&Network::to(&server, &tunnel)).unwrap_err());
    assert!(error.contains("HTTP 503") && error.contains("https://oauth.aliyun.com"), "{error}");
    let profile = &machine.config()["profiles"][1];
    assert_eq!(profile["oauth_refresh_token"], "canary-refresh-2");
    assert_eq!(profile["oauth_access_token"], "canary-access-2");
    assert_eq!(profile["access_key_id"], "STS.old");

    let server = Server::tls(HOST, |_| json(200, r#"{"refresh_token":"canary-refresh-2"}"#));
    let machine = Machine::new(&config(at(-10), 0));
    let error = machine.fetch(&Network::to(&server, &Tunnel::to(server.address))).unwrap_err();
    assert!(one_line(&error).contains("access_token is missing"), "{error}");
    let profile = &machine.config()["profiles"][1];
    assert_eq!(profile["oauth_refresh_token"], "canary-refresh-2");
    assert_eq!(profile["oauth_access_token"], "canary-access-1");
}

#[test]
fn without_a_new_refresh_token_the_old_one_is_kept() {
    let server = Server::tls(HOST, |request| match path(request) {
        "/v1/token" => json(200, r#"{"access_token":"canary-access-2","expires_in":60}"#),
        _ => json(200, KEYS),
    });
    let machine = Machine::new(&config(0, 0));
    let tunnel = Tunnel::to(server.address);
    assert_new(&machine.fetch(&Network::to(&server, &tunnel)).unwrap());
    let profile = &machine.config()["profiles"][1];
    assert_eq!(profile["oauth_refresh_token"], "canary-refresh-1");
    assert_eq!(profile["oauth_access_token_expire"], at(60));
}

#[test]
fn an_access_token_that_was_revoked_before_its_end_is_renewed() {
    let server = Server::tls(HOST, |request| match path(request) {
        "/v1/token" => json(200, TOKENS),
        _ if request.header("authorization") == Some("Bearer canary-access-2") => json(200, KEYS),
        _ => json(401, r#"{"error":"expired_token","error_description":"canary"}"#),
    });
    let machine = Machine::new(&config(at(600), 0));
    let tunnel = Tunnel::to(server.address);
    assert_new(&machine.fetch(&Network::to(&server, &tunnel)).unwrap());
    assert_eq!(server.received().len(), 3);
}

#[test]
fn twenty_at_once_renew_once_and_the_rotated_refresh_token_is_not_lost() {
    static RENEWED: AtomicUsize = AtomicUsize::new(0);
    let server = Server::tls(HOST, |request| match path(request) {
        // Each refresh token is good for one use.
        "/v1/token" => match RENEWED.fetch_add(1, Ordering::SeqCst) {
            0 => json(200, TOKENS),
            _ => json(400, r#"{"error":"invalid_grant"}"#),
        },
        _ => json(200, KEYS),
    });
    let machine = Machine::new(&config(at(-10), 0));
    let (file, tunnel) = (machine.file(), Tunnel::to(server.address));
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..20)
            .map(|_| {
                let network = Network::to(&server, &tunnel);
                let file = &file;
                scope.spawn(move || {
                    // Each a machine of its own on the same file, as processes are.
                    let own = Machine::at(file);
                    own.fetch(&network).map_err(|error| one_line(&error))
                })
            })
            .collect();
        for other in others {
            assert_new(&other.join().unwrap().unwrap());
        }
    });
    assert_eq!(RENEWED.load(Ordering::SeqCst), 1);
    assert_eq!(server.received().len(), 2);
    assert_eq!(machine.config()["profiles"][1]["oauth_refresh_token"], "canary-refresh-2");
}

#[test]
fn what_others_wrote_meanwhile_stays() {
    let machine = Machine::new(&config(at(600), 0));
    let file = machine.file();
    let server = Server::tls(HOST, move |_| {
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("LTAIother", "LTAImeanwhile")).unwrap();
        json(200, KEYS)
    });
    let tunnel = Tunnel::to(server.address);
    assert_new(&machine.fetch(&Network::to(&server, &tunnel)).unwrap());
    let config = machine.config();
    assert_eq!(config["profiles"][0]["access_key_id"], "LTAImeanwhile");
    assert_eq!(config["profiles"][1]["access_key_id"], "STS.new");
}

#[test]
fn a_file_that_cannot_be_written_is_named_in_a_warning_and_the_keys_are_used() {
    let (server, mut machine) = (service(), Machine::new(&config(at(600), 0)));
    machine.can_write = false;
    let tunnel = Tunnel::to(server.address);
    assert_new(&machine.fetch(&Network::to(&server, &tunnel)).unwrap());
    let warnings = machine.warnings.borrow().join("|");
    assert!(warnings.contains("config.json") && warnings.contains("not stored"), "{warnings}");
    assert!(!warnings.contains("canary") && machine.alerts.borrow().is_empty(), "{warnings}");
}

#[test]
fn a_rotated_refresh_token_that_cannot_be_stored_is_said_loudly_with_the_way_out() {
    let (server, mut machine) = (service(), Machine::new(&config(at(-10), 0)));
    machine.can_write = false;
    let tunnel = Tunnel::to(server.address);
    assert_new(&machine.fetch(&Network::to(&server, &tunnel)).unwrap());
    let (warnings, alerts) = (machine.warnings.borrow().concat(), machine.alerts.borrow().clone());
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert!(alerts[0].contains("THE NEW REFRESH TOKEN IS LOST") && alerts[0].contains(LOGIN), "{alerts:?}");
    assert!(warnings.contains("not stored"), "{warnings}");
    assert!(!(warnings + &alerts[0]).contains("canary"));
}

/// The error where the service answers so to everything.
fn fails_with(config: &str, answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static) -> String {
    let (server, machine) = (Server::tls(HOST, answer), Machine::new(config));
    let before = machine.text();
    let tunnel = Tunnel::to(server.address);
    let error = one_line(&machine.fetch(&Network::to(&server, &tunnel)).unwrap_err());
    assert_eq!(machine.text(), before, "the file changed although nothing was got");
    error
}

#[test]
fn where_a_login_is_needed_the_error_names_the_command_and_nothing_is_started() {
    let ended = config(at(-10), 0);
    let error =
        fails_with(&ended, |_| json(400, r#"{"error":"invalid_grant","error_description":"canary"}"#));
    assert!(error.contains(LOGIN) && error.contains("invalid_grant, HTTP 400"), "{error}");
    assert!(error.contains("profile \"me\" of ") && error.contains("config.json"), "{error}");
    let error = fails_with(&ended, |_| json(401, r#"{"error":"not a code: canary"}"#));
    assert!(error.contains(LOGIN) && error.contains("(HTTP 401)"), "{error}");

    let no_refresh = ended.replace("\"oauth_refresh_token\": \"canary-refresh-1\",", "");
    let error = fails_with(&no_refresh, |_| panic!("asked"));
    assert!(error.contains(LOGIN) && error.contains("has ended"), "{error}");
    let refused = config(at(600), 0).replace("\"oauth_refresh_token\": \"canary-refresh-1\",", "");
    let error = fails_with(&refused, |_| json(403, "{}"));
    assert!(error.contains(LOGIN) && error.contains("HTTP 403"), "{error}");
}

#[test]
fn each_fault_has_its_own_line() {
    let good = config(at(600), 0);
    for (answer, wanted) in [
        (json(500, KEYS), "it answered HTTP 500"),
        (json(429, KEYS), "too many requests"),
        (json(302, KEYS), "it redirects elsewhere (HTTP 302)"),
        (json(204, ""), "it answered HTTP 204"),
        (http(200, "text/html", "<html>canary</html>"), "no JSON object"),
        (
            json(200, r#"{"accessKeyId":"a","accessKeyId":"b"}"#),
            "no JSON object in which each key stands once",
        ),
        (json(200, "{}"), "accessKeyId is missing"),
        (json(200, &KEYS.replace("STS.new", "can ary")), "accessKeyId in its answer is malformed"),
        (json(200, &KEYS.replace("canary-secret", "")), "accessKeySecret in its answer is malformed"),
        (json(200, &KEYS.replace("\"canary-token\"", "7")), "securityToken in its answer is malformed"),
        (json(200, &KEYS.replace("2026-11-22T11:00:00Z", "canary")), "expiration in its answer is no time"),
        (json(200, &" ".repeat(70_000)), "its answer is too large"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec(), "the connection broke"),
    ] {
        let error = fails_with(&good, move |_| answer.clone());
        assert!(
            error.contains(wanted) && error.contains("the OAuth service at https://oauth.aliyun.com"),
            "{error}"
        );
        assert!(!error.contains("aliyun configure"), "a passing fault is no reason to log in: {error}");
    }
    // Keys that were over when they came.
    let server = Server::tls(HOST, |_| json(200, &KEYS.replace("T11:", "T09:")));
    let machine = Machine::new(&good);
    let error = one_line(&machine.fetch(&Network::to(&server, &Tunnel::to(server.address))).unwrap_err());
    assert!(error.contains("ended at 2026-11-22T09:00:00Z"), "{error}");
}

#[test]
fn a_service_that_is_silent_unreachable_or_not_trusted_has_its_own_line() {
    let machine = Machine::new(&config(at(600), 0));
    let (silent, _kept) = support::silent();
    let started = Instant::now();
    let network = Network::through(Tunnel::to(silent).address, Trust::from_environment(&|_| None));
    let error = one_line(&machine.fetch(&network).unwrap_err());
    assert!(error.contains("no answer within") && started.elapsed() < Duration::from_secs(30), "{error}");

    let server = service();
    let tunnel = Tunnel::to(server.address);
    let other = Server::tls(HOST, |_| Vec::new());
    let network = Network::through(tunnel.address, Trust::File(other.ca_file()));
    let error = one_line(&machine.fetch(&network).unwrap_err());
    assert!(error.contains("cannot connect") && error.contains("certificate"), "{error}");
    assert!(server.received().is_empty(), "a token went to somebody who is not trusted");

    let closed = "127.0.0.1:1".parse().unwrap();
    let network = Network::through(closed, Trust::File(server.ca_file()));
    let error = one_line(&machine.fetch(&network).unwrap_err());
    assert!(error.contains("cannot connect"), "{error}");
}

#[test]
fn a_profile_that_cannot_be_used_is_named_with_its_key() {
    let good = config(at(600), 0);
    for (from, to, wanted) in [
        (
            "\"oauth_site_type\": \"CN\"",
            "\"oauth_site_type\": \"canary\"",
            "oauth_site_type is neither CN nor INTL",
        ),
        ("\"oauth_site_type\": \"CN\",", "", "oauth_site_type in profile \"me\""),
        ("\"region_id\": \"cn-hangzhou\",", "", "region_id in profile \"me\""),
        ("\"canary-access-1\"", "\"canary access\"", "oauth_access_token in profile \"me\""),
        ("\"canary-access-1\"", "[\"canary\"]", "oauth_access_token in profile \"me\""),
    ] {
        let config = good.replace(from, to);
        assert_ne!(config, good);
        let error = one_line(&Machine::new(&config).find(None).unwrap_err());
        assert!(error.contains(wanted) && error.contains("config.json"), "{error}");
    }
}

#[test]
fn logins_are_told_apart_by_their_token_which_is_not_shown() {
    let machine = Machine::new("");
    let key = |config: &str| {
        std::fs::write(machine.file(), config).unwrap();
        machine.find(None).unwrap().identity_key()
    };
    let one = key(&config(at(600), 0));
    assert!(!one.contains("canary"), "{one}");
    assert_eq!(one, key(&config(at(900), at(900))), "other times are another login");
    assert_ne!(one, key(&config(at(600), 0).replace("canary-refresh-1", "canary-refresh-9")));
    assert_ne!(one, key(&config(at(600), 0).replace("\"CN\"", "\"INTL\"")));
}
