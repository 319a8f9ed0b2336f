//! `rrsa` among people who mean it ill: a kubeconfig, an API server, an issuer's site, a folder, an endpoint.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]
#![cfg(unix)]

#[path = "../../emulator/tests/common/oidc.rs"]
mod oidc;
#[path = "support/rrsa.rs"]
mod rrsa;
#[path = "support/self_managed.rs"]
mod self_managed;
mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use emulator::Fault;
use oidc::{Issuer, jwks_of};
use rrsa::{CLUSTER, Cloud};
use self_managed::{ACCOUNT, DISCOVERY, KEYS, SelfManaged, claims};
use serde_json::{Value, json};
use support::{CANARY, Outcome};

/// kubectl's answer.
const TOKEN: &str = "token-sts.aliyuncs.com";

/// The one error line of a run that failed, in which nothing steers a terminal.
#[track_caller]
fn error_of(outcome: &Outcome) -> String {
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let told = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(!told.contains(CANARY) && !told.contains("panicked"), "{told}");
    assert!(told.chars().all(|c| c == '\n' || !c.is_control()), "{told:?}");
    let line = outcome.stderr.lines().last().unwrap();
    let error = line.split_once(" ERROR ").unwrap_or_else(|| panic!("no error: {}", outcome.stderr)).1;
    assert!(error.len() < 1200, "{error}");
    error.to_owned()
}

/// A cluster whose documents are published, and whose API server signs as their issuer.
fn published() -> SelfManaged {
    let cluster = SelfManaged::start();
    cluster.signs_as(&cluster.issuer);
    cluster.has_flags(&[
        &format!("--service-account-issuer={}", cluster.issuer),
        &format!("--service-account-jwks-uri={}{KEYS}", cluster.issuer),
        "--service-account-max-token-expiration=12h",
        "--api-audiences=x",
    ]);
    site(&cluster, &format!("{}{KEYS}", cluster.issuer), &cluster.key.jwks());
    cluster
}

fn site(cluster: &SelfManaged, jwks_uri: &str, keys: &str) {
    let document = json!({"issuer": cluster.issuer, "jwks_uri": jwks_uri}).to_string();
    for (path, text) in [(DISCOVERY, document.as_str()), (KEYS, keys)] {
        let path = cluster.path("site").join(&path[1..]);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[test]
fn a_kubeconfig_has_kubectl_run_nothing_of_rrsa() {
    let cluster = published();
    let issuer = cluster.issuer.as_str();
    let commands: [&[&str]; 9] = [
        &["associate-role", "-r", "dev", "-n", "a", "-s", "a"],
        &["assume-role", "-r", "acs:ram::1:role/a", "-p", "acs:ram::1:oidc-provider/a", "-t", "/etc/passwd"],
        &["demo", "--no-loop", "--region", "cn-hangzhou"],
        &["disable", "--self-managed"],
        &["enable", "--self-managed", "--issuer", issuer, "--output-dir", "made"],
        &["enable", "--self-managed", "--issuer", issuer, "--serve", "127.0.0.1:0"],
        &["install-helper-addon"],
        &["setup-addon", "-a", "ack-erdma-controller"],
        &["status", "--self-managed", "-r", "dev"],
    ];
    for command in commands {
        for info in ["{}", ""] {
            let words = [&["rrsa"], command, &["-y", "-c", "c1"]].concat();
            let outcome = cluster.run_with(&words, &[("KUBERNETES_EXEC_INFO", info)]);
            let error = error_of(&outcome);
            assert!(error.contains("credential-plugin get-token and get-credential only"), "{error}");
            assert_eq!(outcome.stdout, "");
        }
    }
    assert!(cluster.kubectl_calls().is_empty() && cluster.emulator.requests().is_empty());
}

#[test]
fn a_site_has_no_flags_of_its_own_told() {
    let cluster = published();
    for other in
        [" --anonymous-auth=true", "\n--anonymous-auth=true", ";reboot", "$(reboot)", "\u{202e}", "'", "#x"]
    {
        site(&cluster, &format!("{}{KEYS}{other}", cluster.issuer), &cluster.key.jwks());
        let outcome = cluster.enable(&[]);
        let error = error_of(&outcome);
        assert!(error.contains("is no plain https URL"), "{error}");
        assert_eq!(outcome.stdout, "");
    }
    // Nor is anything read elsewhere than over TLS, or believed that is no document of this issuer.
    for other in ["http://127.0.0.1:1/keys", "file:///etc/passwd", "https://user:canary@127.0.0.1:1/keys"] {
        site(&cluster, other, &cluster.key.jwks());
        let outcome = cluster.enable(&[]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("is no plain https URL"), "{}", outcome.stderr);
    }
    assert!(cluster.changes().is_empty());
}

#[test]
fn what_kubectl_says_neither_steers_nor_floods_nor_stops_the_program() {
    let cluster = published();
    let discovery = format!("raw{DISCOVERY}");
    let good = json!({"issuer": cluster.issuer, "jwks_uri": "https://10.0.0.1/keys"}).to_string();
    let deep = "[".repeat(200_000);
    for text in ["", "null", "[]", "\u{0}", "{\"issuer\":{}}", &deep, &format!("{{\"issuer\":{deep}")] {
        cluster.answer(&discovery, text);
        let error = error_of(&cluster.enable(&[]));
        assert!(error.contains("what the API server answers at /.well-known"), "{error}");
    }
    for text in ["\u{1b}]0;x\u{7}", "x\u{202e}y", "\u{feff}"] {
        cluster.answer(&discovery, &json!({"issuer": text, "jwks_uri": text}).to_string());
        let outcome = cluster.enable(&[]);
        error_of(&outcome);
        let told = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(!told.contains(['\u{202e}', '\u{feff}']), "{told:?}");
    }
    cluster.answer(&discovery, &good);
    for keys in [&deep, &format!("{{\"keys\":{deep}"), "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"\"}]}"]
    {
        cluster.answer(&format!("raw{KEYS}"), keys);
        let error = error_of(&cluster.enable(&[]));
        assert!(error.contains("/openid/v1/jwks"), "{error}");
    }
    cluster.answer(&format!("raw{KEYS}"), &cluster.key.jwks());
    // What is no token is shown nowhere, at no level.
    for token in ["canary", "canary.canary.canary", &format!("canary\u{1b}[2J.{}.x", "y".repeat(30_000))] {
        cluster.answer(TOKEN, token);
        let outcome = cluster.run(&["rrsa", "status", "--self-managed", "-c", "c1", "-v"]);
        error_of(&outcome);
    }
    cluster.answer(&format!("{TOKEN}.error"), &format!("\u{1b}[2Jno\r{}\n", "x".repeat(100_000)));
    error_of(&cluster.run(&["rrsa", "status", "--self-managed", "-c", "c1", "-v"]));

    // One that prints without end.
    let program = cluster.path("bin/kubectl");
    std::fs::write(&program, "#!/bin/sh\nexec yes canary\n").unwrap();
    let error = error_of(&cluster.enable(&[]));
    assert!(error.contains("is larger than this program reads"), "{error}");
    std::fs::write(&program, "#!/bin/sh\nyes \"$(printf '\\033[2J')\" | head -c 3000000 >&2\nexit 1\n")
        .unwrap();
    error_of(&cluster.enable(&[]));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o644)).unwrap();
    error_of(&cluster.enable(&[]));
    // The provider is one of the site's issuer, whatever the API server says.
    assert_eq!(cluster.changes(), ["CreateOIDCProvider"]);
}

#[test]
fn a_token_of_a_pod_is_shown_nowhere_and_goes_elsewhere_only_with_a_word() {
    let cluster = published();
    cluster.has_provider("ack-rrsa-c1", &cluster.issuer, &["sts.aliyuncs.com"], &[&cluster.fingerprint]);
    let nobody = r#"{"Version":"1","Statement":[{"Effect":"Deny","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::1234567890123456:root"]}}]}"#;
    cluster.emulator.create_role(ACCOUNT, "app", nobody).unwrap();
    let words = ["rrsa", "status", "--self-managed", "-c", "c1", "-r", "app", "-v"];
    let outcome = cluster.run(&words);
    let told = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(told.contains("AuthenticationFail.NoPermission"), "{told}");
    assert!(!told.contains("eyJ") && !told.contains("none of STS's own names"), "{told}");

    let cloud = Cloud::start();
    let token = cloud.token("ns", "sa", &json!({}));
    let words =
        ["assume-role", "-r", "acs:ram::1:role/a", "-p", "acs:ram::1:oidc-provider/a", "-t", "-", "-v"];
    for (endpoint, is_told) in [
        ("sts.example.com", true),
        ("sts.oss-cn-hangzhou.aliyuncs.com", true),
        ("sts.cn-hangzhou.aliyuncs.com:8443", true),
        ("sts.cn-hangzhou.aliyuncs.com", false),
    ] {
        for more in [[("ACK_RAM_TOOL_STS_ENDPOINT", endpoint)], [("ALIBABA_CLOUD_STS_ENDPOINT", endpoint)]] {
            let away = [("ACK_RAM_TOOL_STS_ENDPOINT", ""), ("HTTPS_PROXY", "http://127.0.0.1:1")];
            let outcome = cloud.run_with(&words, &[&away[..], &more].concat(), &token);
            let error = error_of(&outcome);
            assert!(error.contains(&format!("no answer from STS at {endpoint}")), "{error}");
            let words = format!("the token goes to {endpoint}, which is none of STS's own names");
            assert_eq!(outcome.stderr.contains(&words), is_told, "{}", outcome.stderr);
            assert!(!outcome.stderr.contains("eyJ"), "{}", outcome.stderr);
        }
    }
    let typed = [&words[..], &["--sts-endpoint", "sts.example.com"]].concat();
    let outcome = cloud.run_with(&typed, &[("HTTPS_PROXY", "http://127.0.0.1:1")], &token);
    assert!(error_of(&outcome).contains("no answer from STS at sts.example.com"));
    assert!(!outcome.stderr.contains("none of STS's own names"), "{}", outcome.stderr);
}

#[test]
fn names_that_are_more_than_names_are_asked_of_nobody() {
    let cloud = Cloud::start();
    for (role, namespace, account) in [
        ("dev", "a:b", "c"),
        ("dev", "a", "b:c"),
        ("dev", "app-*", "c"),
        ("dev", "a?", "c"),
        ("dev", "a", "b*"),
        ("dev", "A", "b"),
        ("dev", "a", "\u{430}"),
        ("dev", "a", "b\u{200b}"),
        ("dev", "a\",\"x\":\"", "b"),
        ("dev", "a\n", "b"),
        ("*", "a", "b"),
        ("dev&Action=DeleteRole", "a", "b"),
        ("-r", "a", "b"),
    ] {
        let role = format!("--role-name={role}");
        let (namespace, account) =
            (format!("--namespace={namespace}"), format!("--service-account={account}"));
        let words = ["associate-role", "-y", "-c", CLUSTER, &role, &namespace, &account];
        let outcome = cloud.run_with(&words, &[], "");
        if role == "--role-name=-r" {
            // A name like any other for RAM.
            assert!(error_of(&outcome).contains("there is no role -r"));
            cloud.emulator.requests();
            continue;
        }
        let error = error_of(&outcome);
        assert!(error.contains("is no name"), "{error}");
        assert!(cloud.emulator.requests().is_empty());
    }
}

#[test]
fn files_are_written_beside_nothing_and_through_no_link() {
    let cluster = published();
    let (folder, victim) = (cluster.path("folder"), cluster.path("victim"));
    std::fs::create_dir_all(folder.join(".well-known")).unwrap();
    std::os::unix::fs::symlink(&victim, folder.join(&DISCOVERY[1..])).unwrap();
    let write = ["--output-dir", folder.to_str().unwrap()];
    assert_eq!(cluster.enable(&write).code, Some(0));
    assert!(
        !victim.exists() && !std::fs::symlink_metadata(folder.join(&DISCOVERY[1..])).unwrap().is_symlink()
    );

    std::fs::write(&victim, "canary").unwrap();
    std::fs::remove_file(folder.join(&KEYS[1..])).unwrap();
    std::os::unix::fs::symlink(&victim, folder.join(&KEYS[1..])).unwrap();
    let error = error_of(&cluster.enable(&write));
    assert!(error.contains("nothing was written"), "{error}");
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "canary");
    for id in ["../../x", "..", "a/b", "a\n", "--help"] {
        let id = format!("--cluster-id={id}");
        let outcome =
            cluster.run(&["rrsa", "enable", "--self-managed", "-y", &id, "--issuer", &cluster.issuer]);
        assert!(matches!(outcome.code, Some(1 | 2)), "{}", outcome.stderr);
    }
    assert_eq!(cluster.changes(), ["CreateOIDCProvider"]);
}

#[test]
fn slow_clients_do_not_keep_the_keys_from_others() {
    let cluster = SelfManaged::start();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ack-ram-tool"))
        .args(["rrsa", "enable", "--self-managed", "-c", "c1", "--issuer", &cluster.issuer])
        .args(["--serve", "127.0.0.1:0"])
        .env_clear()
        .envs(cluster.variables(&[]))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.find_map(|line| Some(line.unwrap()).filter(|line| line.contains("serving"))).unwrap();
    let address = line.split("http://").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let connect = || TcpStream::connect(&address).unwrap();
    let slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = connect();
            stream.write_all(b"GET /c1/openid/v1/jwks HTTP/1.1\r\nHost").unwrap();
            stream
        })
        .collect();
    let mut stream = connect();
    write!(stream, "GET /c1{KEYS} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("key-1"), "{answer}");
    // Only so much is read of a request.
    let mut stream = connect();
    let long = "x".repeat(100_000);
    let _ = write!(stream, "GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    drop(slow);
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_key_that_the_site_alone_has_is_warned_of() {
    let cluster = published();
    let stranger = Issuer::with_id("stranger");
    site(&cluster, &format!("{}{KEYS}", cluster.issuer), &jwks_of(&[&cluster.key, &stranger]));
    let fresh = cluster.path("fresh");
    let outcome = cluster.enable(&["--output-dir", fresh.to_str().unwrap()]);
    let warning = |outcome: &Outcome| {
        let mut lines = outcome.stderr.lines().filter(|line| line.contains("key stranger"));
        let line = lines.next().unwrap_or_else(|| panic!("{}", outcome.stderr));
        line.contains(" WARN ") && line.contains("--drop-old-keys")
    };
    assert!(warning(&outcome), "{}", outcome.stderr);
    // Once a person has let it be written, it is an old key like others.
    let outcome = cluster.enable(&["--output-dir", fresh.to_str().unwrap()]);
    assert!(!warning(&outcome), "{}", outcome.stderr);
}

#[test]
fn as_many_keys_are_published_as_others_read_and_no_more() {
    let cluster = published();
    let others = |number: usize| -> Vec<Value> {
        (0..number)
            .map(
                |n| json!({"kty": "RSA", "kid": format!("old-{n}"), "n": format!("AQAB{n:04}"), "e": "AQAB"}),
            )
            .collect()
    };
    let keys = format!("{}{KEYS}", cluster.issuer);
    let fresh = cluster.path("fresh");
    let write = ["--output-dir", fresh.to_str().unwrap()];
    // The API server's key is none of these.
    site(&cluster, &keys, &json!({"keys": others(100)}).to_string());
    let error = error_of(&cluster.enable(&write));
    assert!(
        error.contains("there would be 101 keys to publish") && error.contains("100 are the most"),
        "{error}"
    );
    assert!(error.contains("--drop-old-keys") && !fresh.exists(), "{error}");
    assert!(cluster.changes().is_empty());
    // These are read again.
    site(&cluster, &keys, &json!({"keys": others(99)}).to_string());
    cluster.enable(&write);
    let written = || -> Value {
        serde_json::from_str(&std::fs::read_to_string(fresh.join(&KEYS[1..])).unwrap()).unwrap()
    };
    assert_eq!(written()["keys"].as_array().unwrap().len(), 100);
    cluster.enable(&[&write[..], &["--drop-old-keys"]].concat());
    assert_eq!(written()["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn nothing_private_of_a_key_is_written_wherever_it_stands() {
    let cluster = published();
    let fresh = cluster.path("fresh");
    let write = ["--output-dir", fresh.to_str().unwrap(), "-v"];
    let with = |keys: &str, members: Value| {
        let mut keys: Value = serde_json::from_str(keys).unwrap();
        for (name, value) in members.as_object().unwrap() {
            keys["keys"][0][name] = value.clone();
        }
        keys["d"] = json!("canary");
        keys["private"] = json!([{"kty": "RSA", "d": "canary"}]);
        keys.to_string()
    };
    let keys = format!("{}{KEYS}", cluster.issuer);
    let old = Issuer::with_id("old");
    // What is no member of a public key is not passed on, in whatever spelling, from whomever.
    let hidden =
        json!({"D": "canary", "Dp": "canary", "x": {"d": "canary"}, "oth ": ["canary"], "x5c": ["canary"]});
    cluster.has_keys(&with(&cluster.key.jwks(), hidden.clone()));
    site(&cluster, &keys, &with(&jwks_of(&[&old]), hidden));
    let outcome = cluster.enable(&write);
    assert!(!outcome.stderr.contains(CANARY), "{}", outcome.stderr);
    for path in [DISCOVERY, KEYS] {
        let text = std::fs::read_to_string(fresh.join(&path[1..])).unwrap();
        assert!(!text.contains(CANARY), "{text}");
    }
    let written: Value =
        serde_json::from_str(&std::fs::read_to_string(fresh.join(&KEYS[1..])).unwrap()).unwrap();
    let ids: Vec<&Value> = written["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert_eq!(ids, ["key-1", "old"]);
    for key in written["keys"].as_array().unwrap() {
        let members: Vec<&String> = key.as_object().unwrap().keys().collect();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    }
    // What is a private key, for every reader, is refused.
    std::fs::remove_dir_all(&fresh).unwrap();
    cluster.has_keys(&with(&cluster.key.jwks(), json!({"d": "canary"})));
    let error = error_of(&cluster.enable(&write));
    assert!(error.contains("a private key") && !fresh.exists(), "{error}");
    cluster.has_keys(&cluster.key.jwks());
    site(&cluster, &keys, &with(&jwks_of(&[&old]), json!({"q": "canary"})));
    let outcome = cluster.enable(&[]);
    assert!(error_of(&outcome).contains("a private key"));
    assert!(cluster.changes().is_empty());
}

#[test]
fn what_is_told_to_be_pasted_is_one_word_whoever_said_it() {
    let cluster = published();
    let hostile = [
        "https://a --anonymous-auth=true",
        "https://b;reboot",
        "https://c/$(reboot)",
        "https://d/`reboot`",
        "'\"e",
    ];
    let flags: Vec<String> =
        hostile.iter().map(|issuer| format!("--service-account-issuer={issuer}")).collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let is_one_word =
        |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?=%+,[]".contains(c));
    // The flags of a pod that somebody labelled as an API server.
    cluster.has_flags(&flags);
    let outcome = cluster.enable(&[]);
    assert!(
        outcome.stdout.contains("--service-account-issuer=https://a?--anonymous-auth=true\n"),
        "{}",
        outcome.stdout
    );
    assert_eq!(outcome.stdout.matches("--service-account-issuer=").count(), 1 + hostile.len());
    assert!(outcome.stdout.lines().all(is_one_word), "{}", outcome.stdout);
    // What an API server says of itself, and the audiences of its tokens.
    let no_pods = "pods_--namespace_kube-system_--selector_component_kube-apiserver";
    cluster.answer(no_pods, "{}");
    for issuer in hostile {
        cluster.signs_as(issuer);
        // And its tokens are of another one.
        cluster.answer(
            TOKEN,
            &cluster.key.token(&claims("https://elsewhere.example", "sts.aliyuncs.com", 3600)),
        );
        let outcome = cluster.enable(&[]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        assert!(outcome.stdout.lines().all(is_one_word), "{}", outcome.stdout);
        let status = cluster.run(&["rrsa", "status", "--self-managed", "-c", "c1", "-o", "json"]);
        let report: Value = serde_json::from_str(&status.stdout).unwrap();
        let mends = report["findings"].as_array().unwrap().iter().filter_map(|one| one["mend"].as_str());
        let told = [mends.collect::<Vec<_>>().join("\n"), outcome.stderr].concat();
        for flag in told.split("--service-account-issuer=").skip(1).chain(told.split("--issuer ").skip(1)) {
            let word = flag.split_whitespace().next().unwrap_or_default();
            let word = word.trim_end_matches(['`', ')', ';']);
            assert!(is_one_word(word), "{word}: {told}");
        }
        assert!(!told.contains("issuer=https://a --anonymous"), "{told}");
    }
    // What IMS says of a provider.
    cluster.signs_as(&cluster.issuer);
    let provider = json!({"OIDCProviderName": "ack-rrsa-c1", "Arn": format!("acs:ram::{ACCOUNT}:oidc-provider/ack-rrsa-c1"),
        "IssuerUrl": "https://c/$(reboot)", "ClientIds": "sts.aliyuncs.com"});
    let body = json!({"RequestId": "A", "OIDCProvider": provider}).to_string().into_bytes();
    cluster.emulator.fail(
        "GetOIDCProvider",
        Fault::Garbage { content_type: "application/json".to_owned(), body }.times(1),
    );
    let status = cluster.run(&["rrsa", "status", "--self-managed", "-c", "c1", "-o", "json"]);
    assert!(
        status.stdout.contains("--service-account-issuer=https://c/??reboot? first"),
        "{}",
        status.stdout
    );
    assert!(!status.stdout.contains("--service-account-issuer=https://c/$"), "{}", status.stdout);
    // Such an issuer is nobody's to choose.
    let words = ["rrsa", "enable", "--self-managed", "-y", "-c", "c1", "--issuer", "https://c/$(reboot)"];
    assert!(error_of(&cluster.run(&words)).contains("holds '$', which a shell reads otherwise"));
}

#[test]
fn the_keys_of_a_site_are_read_at_one_place_and_to_an_end() {
    let cluster = published();
    let here = format!("{}{KEYS}", cluster.issuer);
    let good = cluster.key.jwks();
    let root = cluster.issuer.trim_end_matches("/c1");
    for (jwks_uri, keys, said) in [
        (here.as_str(), format!("{good}{}", " ".repeat(262_145)), "longer than 262144 bytes"),
        (&here, format!("{{\"keys\":{}", "[".repeat(100_000)), "is not JSON"),
        (&here, good.replacen('{', "{\"keys\":[],", 1), "each key stands once"),
        (&here, String::new(), "is not JSON"),
        (&here, "\u{1f}\u{fffd}\u{8}\u{0}".to_owned(), "is not JSON"),
        // The site's own root has no such file; a document is no set of keys.
        (&format!("{root}/keys"), good.clone(), "HTTP 404"),
        (&format!("{}{DISCOVERY}", cluster.issuer), good.clone(), "has no list"),
        ("https://127.0.0.1:1/keys", good.clone(), "cannot connect"),
        ("https://[::1", good.clone(), "no https URL"),
    ] {
        site(&cluster, jwks_uri, &keys);
        let error = error_of(&cluster.enable(&[]));
        assert!(error.contains(said) && error.contains("nothing is registered"), "{jwks_uri}: {error}");
    }
    assert!(cluster.changes().is_empty());
    site(&cluster, &here, &good);
    cluster.enable(&[]).success();
}
