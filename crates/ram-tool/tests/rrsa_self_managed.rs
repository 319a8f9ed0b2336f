//! `rrsa enable --self-managed` and `rrsa disable --self-managed`, as a script sees them: a kubectl that answers from files, an
//! issuer's site with TLS, and IMS.

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
#[path = "support/self_managed.rs"]
mod self_managed;
mod support;

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, ExitCode, Stdio};

use emulator::Fault;
use oidc::{Issuer, jwks_of};
use openapi::credentials::Program;
use ram_tool::{ProgramAnswer, Reply, World};
use self_managed::{DISCOVERY, KEYS, OLD_ISSUER, SelfManaged, claims};
use serde_json::{Value, json};
use support::Outcome;

const PROVIDER: &str = "ack-rrsa-c1";

/// The last error line of a run that failed.
#[track_caller]
fn last_error(outcome: &Outcome) -> String {
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
    let errors: Vec<&str> =
        outcome.stderr.lines().filter(|line| line.split(' ').nth(1) == Some("ERROR")).collect();
    assert_eq!(errors.len(), 1, "one error line: {}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().last(), Some(errors[0]));
    errors[0].to_owned()
}

/// A cluster that is registered, whose API server signs as the new issuer already.
fn registered() -> SelfManaged {
    let cluster = SelfManaged::start();
    cluster.signs_as(&cluster.issuer);
    cluster.has_flags(&good_flags(&cluster).iter().map(String::as_str).collect::<Vec<_>>());
    let outcome = cluster.publish(&[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{}", outcome.stderr);
    cluster
}

fn good_flags(cluster: &SelfManaged) -> Vec<String> {
    vec![
        format!("--service-account-issuer={}", cluster.issuer),
        format!("--service-account-issuer={OLD_ISSUER}"),
        format!("--service-account-jwks-uri={}{KEYS}", cluster.issuer),
        "--service-account-max-token-expiration=12h".to_owned(),
        format!("--api-audiences={OLD_ISSUER}"),
    ]
}

#[test]
fn from_nothing_to_a_cluster_whose_tokens_are_good() {
    let cluster = SelfManaged::start();
    let issuer = cluster.issuer.clone();
    let elsewhere = cluster.path("written");
    let write = ["--output-dir", elsewhere.to_str().unwrap()];

    // 1: the files are written, and nothing is registered before they are published.
    let error = last_error(&cluster.enable(&write));
    assert!(error.contains("HTTP 404") && error.contains("nothing is registered"), "{error}");
    assert!(error.contains(&format!("publish the folder {} as a whole at {issuer}", elsewhere.display())));
    assert!(cluster.changes().is_empty());
    // Whoever reads the document finds the keys that it names.
    let told = cluster.enable(&["--output-dir", cluster.path("anew").to_str().unwrap()]).stderr;
    let at = |path: &str| told.find(&format!("{path} is written")).unwrap();
    assert!(at(KEYS) < at(DISCOVERY), "{told}");
    let mode = |path: &str| std::fs::metadata(elsewhere.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&DISCOVERY[1..]), mode(&KEYS[1..]), mode(".well-known")), (0o644, 0o644, 0o755));

    // 2: published; the provider is made, and the flags are printed.
    std::fs::rename(&elsewhere, cluster.path("site")).unwrap();
    cluster.has_flags(&[&format!("--service-account-issuer={OLD_ISSUER}")]);
    let outcome = cluster.publish(&[]);
    let error = last_error(&outcome);
    assert!(error.contains("1 thing is left to do"), "{error}");
    assert!(outcome.stderr.contains(&format!("the API server signs as {OLD_ISSUER}, not as {issuer}")));
    assert_eq!(outcome.stdout.lines().collect::<Vec<_>>(), good_flags(&cluster));
    assert_eq!(
        cluster.document(DISCOVERY),
        json!({
            "issuer": issuer, "jwks_uri": format!("{issuer}{KEYS}"),
            "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        })
    );
    assert_eq!(cluster.changes(), ["CreateOIDCProvider"]);

    // 3: the API server has them, and was not restarted.
    cluster.has_flags(&good_flags(&cluster).iter().map(String::as_str).collect::<Vec<_>>());
    let outcome = cluster.publish(&[]);
    last_error(&outcome);
    assert!(outcome.stdout.is_empty() && outcome.stderr.contains("not restarted"), "{}", outcome.stderr);

    // 4: and was.
    cluster.signs_as(&issuer);
    for _ in 0..2 {
        let outcome = cluster.publish(&[]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("its tokens are good for RAM roles"), "{}", outcome.stderr);
    }
    assert_eq!(cluster.changes(), ["CreateOIDCProvider"], "nothing is made twice");

    // Without the folder too.
    assert_eq!(cluster.enable(&[]).code, Some(0));
}

#[test]
fn the_provider_is_what_ram_wants() {
    let cluster = registered();
    let asked = cluster.asked("CreateOIDCProvider");
    let issuer = cluster.issuer.replace(':', "%3A").replace('/', "%2F");
    for (name, value) in [
        ("OIDCProviderName", PROVIDER),
        ("IssuerUrl", &issuer),
        ("ClientIds", "sts.aliyuncs.com"),
        ("Fingerprints", &cluster.fingerprint),
    ] {
        assert!(asked.contains(&format!("{name}={value}")), "{name}: {asked}");
    }
}

#[test]
fn a_site_that_does_not_show_its_authority_leads_to_a_trusted_one() {
    let cluster = SelfManaged::with_site(false);
    cluster.signs_as(&cluster.issuer);
    assert_eq!(cluster.publish(&[]).code, Some(0));
    let asked = cluster.asked("CreateOIDCProvider");
    assert!(asked.contains(&format!("Fingerprints={}", cluster.fingerprint)), "{asked}");
}

#[test]
fn keys_on_another_server_need_the_fingerprint_of_its_authority_too() {
    let (cluster, other) = (SelfManaged::start(), SelfManaged::start());
    cluster.signs_as(&cluster.issuer);
    let trusted = [&cluster, &other].map(|one| std::fs::read_to_string(one.path("trusted.pem")).unwrap());
    std::fs::write(cluster.path("trusted.pem"), trusted.concat()).unwrap();
    let document = json!({"issuer": cluster.issuer, "jwks_uri": format!("{}{KEYS}", other.issuer)});
    for (site, path, text) in
        [(&cluster, DISCOVERY, document.to_string()), (&other, KEYS, cluster.key.jwks())]
    {
        let path = site.path("site").join(&path[1..]);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    cluster.enable(&[]);
    let asked = cluster.asked("CreateOIDCProvider");
    let both = format!("Fingerprints={}%2C{}", cluster.fingerprint, other.fingerprint);
    assert!(asked.contains(&both), "{asked}");
}

#[test]
fn old_keys_stay_published_until_they_are_dropped() {
    let cluster = registered();
    assert_eq!(cluster.published(), ["key-1"]);
    let next = Issuer::with_id("key-2");
    // The API server has both while it is changed, then the new one alone.
    cluster.has_keys(&jwks_of(&[&next, &cluster.key]));
    assert_eq!(cluster.publish(&[]).code, Some(0));
    assert_eq!(cluster.published(), ["key-2", "key-1"]);
    cluster.has_keys(&next.jwks());
    cluster.answer("token-sts.aliyuncs.com", &next.token(&claims(&cluster.issuer, "sts.aliyuncs.com", 3600)));
    let outcome = cluster.publish(&[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("the old key key-1 stays published"), "{}", outcome.stderr);
    assert_eq!(cluster.published(), ["key-2", "key-1"]);

    // They are kept from what is published too, where the folder is a new one.
    let fresh = cluster.path("fresh");
    assert_eq!(cluster.enable(&["--output-dir", fresh.to_str().unwrap()]).code, Some(0));
    let written: Value = serde_json::from_slice(&std::fs::read(fresh.join(&KEYS[1..])).unwrap()).unwrap();
    assert_eq!(written["keys"].as_array().unwrap().len(), 2);

    assert_eq!(cluster.publish(&["--drop-old-keys"]).code, Some(0));
    assert_eq!(cluster.published(), ["key-2"]);
}

#[test]
fn a_new_key_that_is_not_published_yet_is_left_to_do() {
    let cluster = registered();
    let next = Issuer::with_id("key-2");
    cluster.has_keys(&jwks_of(&[&next, &cluster.key]));
    let error = last_error(&cluster.enable(&[]));
    assert!(error.contains("key key-2 is not published") && error.contains("--output-dir"), "{error}");
    // The key that signs is none of those that the API server publishes.
    cluster.has_keys(&cluster.key.jwks());
    cluster.answer("token-sts.aliyuncs.com", &next.token(&claims(&cluster.issuer, "sts.aliyuncs.com", 3600)));
    let outcome = cluster.enable(&[]);
    last_error(&outcome);
    assert!(
        outcome.stderr.contains("signs with the key key-2, which is none of those"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn files_that_do_not_change_are_left_alone() {
    let cluster = registered();
    let stamp = |path: &str| {
        let path = cluster.path("site").join(&path[1..]);
        std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap())
    };
    let before = (stamp(DISCOVERY), stamp(KEYS));
    assert_eq!(cluster.publish(&[]).code, Some(0));
    assert_eq!((stamp(DISCOVERY), stamp(KEYS)), before);
}

#[test]
fn private_keys_are_never_published() {
    let cluster = SelfManaged::start();
    let mut keys: Value = serde_json::from_str(&cluster.key.jwks()).unwrap();
    keys["keys"][0]["d"] = json!("canary-private");
    cluster.has_keys(&keys.to_string());
    let error = last_error(&cluster.publish(&[]));
    assert!(error.contains("/openid/v1/jwks has at keys[0] a private key"), "{error}");
    assert!(!cluster.path("site").exists());

    // Nor kept, where somebody put one there.
    cluster.has_keys(&cluster.key.jwks());
    std::fs::create_dir_all(cluster.path("site/openid/v1")).unwrap();
    std::fs::write(cluster.path("site/openid/v1/jwks"), keys.to_string()).unwrap();
    let error = last_error(&cluster.publish(&[]));
    assert!(error.contains("a private key") && error.contains("nothing was written"), "{error}");
    assert!(!cluster.path("site/.well-known").exists());
    assert!(cluster.changes().is_empty());
}

#[test]
fn a_folder_with_something_else_in_it_stays_as_it_is() {
    let cluster = SelfManaged::start();
    let file = cluster.path("site/.well-known/openid-configuration");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let other = json!({"issuer": "https://other.example", "jwks_uri": "https://other.example/keys"});
    for (text, words) in [
        (other.to_string(), "is the document of another issuer, https://other.example"),
        (
            json!({"issuer": format!("{}/", cluster.issuer), "jwks_uri": "x"}).to_string(),
            "is the document of another issuer",
        ),
        ("<html>".to_owned(), "no discovery document"),
    ] {
        std::fs::write(&file, &text).unwrap();
        let error = last_error(&cluster.publish(&[]));
        assert!(error.contains(words) && error.contains("nothing was written"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        assert!(!cluster.path("site/openid").exists());
    }
    // What cannot be read is not nothing.
    std::fs::write(&file, b"\xff").unwrap();
    let error = last_error(&cluster.publish(&[]));
    assert!(error.contains("cannot be read") && error.contains("nothing was written"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"\xff");
}

#[test]
fn what_ram_cannot_read_is_told_and_nothing_is_registered() {
    let cluster = SelfManaged::start();
    cluster.signs_as(&cluster.issuer);
    last_error(&cluster.enable(&["--output-dir", cluster.path("written").to_str().unwrap()]));
    std::fs::rename(cluster.path("written"), cluster.path("site")).unwrap();
    for (status, words) in [
        ("403 Forbidden", "not readable by everybody (HTTP 403)"),
        ("302 Found", "redirects (HTTP 302)"),
        ("500 x", "HTTP 500"),
    ] {
        std::fs::write(cluster.path("site/STATUS"), status).unwrap();
        let error = last_error(&cluster.enable(&[]));
        assert!(error.contains(words), "{error}");
    }
    std::fs::remove_file(cluster.path("site/STATUS")).unwrap();

    let document = cluster.path("site/.well-known/openid-configuration");
    let good = std::fs::read_to_string(&document).unwrap();
    let slash = good.replace("/c1\"", "/c1/\"");
    assert_ne!(slash, good);
    for (text, words) in [
        (slash, "only a slash at the end differs"),
        (good.replace("/c1\"", "/c2\""), "the document of another issuer"),
        (good.replace("https://127.0.0.1", "http://127.0.0.1"), "document of another issuer"),
        ("x".repeat(300_000), "longer than 262144 bytes"),
        ("<html>".to_owned(), "is not JSON"),
    ] {
        std::fs::write(&document, text).unwrap();
        let error = last_error(&cluster.enable(&[]));
        assert!(error.contains(words) && error.contains("nothing is registered"), "{words}: {error}");
    }
    std::fs::write(&document, &good).unwrap();
    // A server that shows a certificate of nobody who is trusted.
    let ca = cluster.emulator.ca_file().to_str().unwrap().to_owned();
    let issuer = cluster.issuer.clone();
    let words = ["rrsa", "enable", "--self-managed", "-y", "-c", "c1", "--issuer", &issuer];
    let error = last_error(&cluster.run_with(&words, &[("SSL_CERT_FILE", &ca)]));
    assert!(error.contains("no trusted TLS connection") && error.contains("public CA"), "{error}");
    // Nobody listens.
    let error = last_error(&cluster.run(&[
        "rrsa",
        "enable",
        "--self-managed",
        "-y",
        "-c",
        "c1",
        "--issuer",
        "https://127.0.0.1:1/c1",
    ]));
    assert!(error.contains("cannot connect"), "{error}");
    assert!(cluster.changes().is_empty());
    assert_eq!(cluster.enable(&[]).code, Some(0));
}

#[test]
fn what_can_be_read_here_alone_is_warned_of() {
    let cluster = registered();
    let outcome = cluster.enable(&[]);
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.stderr.contains("the address 127.0.0.1, which the internet does not reach"));
    assert!(outcome.stderr.contains("SSL_CERT_FILE chooses the CAs"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("RAM must be able to read them over the internet too"));
}

#[test]
fn issuers_and_names_are_checked_before_anything_is_asked() {
    let cluster = SelfManaged::start();
    let long = format!("c{}", "x".repeat(120));
    for (id, issuer, more, words) in [
        ("c1", "https://issuer.example/c1/", &[][..], "ends with a slash"),
        ("c1", "http://issuer.example", &[], "https://"),
        ("c1", "https://issuer.example?x", &[], "'?'"),
        ("c1", "https://a@issuer.example", &[], "'@'"),
        (long.as_str(), "https://issuer.example", &[], "longer than 128"),
        ("c1.", "https://issuer.example", &[], "ends with a mark"),
        ("c1", "https://issuer.example", &["-n", "*"], "the one service account"),
        ("c1", "https://issuer.example", &["--service-account=-x"], "service"),
        ("c1", "https://issuer.example", &["-n", "A"], "namespace"),
        ("c1", "https://issuer.example", &["--fingerprint", "12"], "40 hexadecimal digits"),
        ("c1", "https://issuer.example", &["--serve", "localhost:80"], "--serve"),
    ] {
        let words_of = ["rrsa", "enable", "--self-managed", "-c", id, "--issuer", issuer];
        let error = last_error(&cluster.run(&[&words_of[..], more].concat()));
        assert!(error.contains(words), "{words}: {error}");
    }
    let error = last_error(&cluster.run(&["rrsa", "enable", "--self-managed", "-c", "c1"]));
    assert!(error.contains("--issuer is missing"), "{error}");
    // What a command for ACK's clusters would not look at.
    for (command, flag) in [
        ("enable", &["--issuer", "https://x.example"][..]),
        ("enable", &["--output-dir", "x"]),
        ("enable", &["--serve", "127.0.0.1:1"]),
        ("enable", &["--drop-old-keys"]),
        ("enable", &["--fingerprint", "0123456789012345678901234567890123456789"]),
        ("enable", &["--namespace", "x"]),
        ("enable", &["--service-account", "x"]),
        ("enable", &["--kubeconfig", "x"]),
        ("enable", &["--context", "x"]),
        ("enable", &["--ims-endpoint", "x.example"]),
        ("enable", &["--ims-endpoint", "x.example", "--self-managed=false"]),
        ("disable", &["--ims-endpoint", "x.example"]),
        ("associate-role", &["--ims-endpoint", "x.example"]),
        ("status", &["--ims-endpoint", "x.example"]),
        ("status", &["--kubeconfig", "x"]),
        ("status", &["--context", "x"]),
    ] {
        let error = last_error(&cluster.run(&[&["rrsa", command, "-c", "c1"][..], flag].concat()));
        assert!(error.contains(flag[0]) && error.contains("--self-managed"), "{command} {flag:?}: {error}");
    }
    let error = last_error(&cluster.run(&["rrsa", "disable", "--self-managed", "-y", "-c", "c1."]));
    assert!(error.contains("--cluster-id") && error.contains("ends with a mark"), "{error}");
    assert!(cluster.kubectl_calls().is_empty() && cluster.emulator.requests().is_empty());
}

#[test]
fn kubectls_own_words_are_told() {
    let cluster = SelfManaged::start();
    let document = "raw/.well-known/openid-configuration.error";
    cluster.answer(
        document,
        "Error from server (Forbidden): forbidden: User \"bob\" cannot get path \"/.well-known/x\"\n",
    );
    let error = last_error(&cluster.enable(&["--kubeconfig", "/k", "--context", "x"]));
    assert!(error.contains("User \"bob\" cannot get path"), "{error}");
    assert!(error.contains("system:service-account-issuer-discovery"), "{error}");
    assert!(cluster.kubectl_calls()[0].starts_with("--kubeconfig=/k --context=x "));
    cluster.answer(document, "E1123 22:14:48.000000  1 x.go:1] noise\nThe connection was refused\u{1b}[2J\n");
    let error = last_error(&cluster.enable(&[]));
    assert!(error.contains("The connection was refused?[2J") && !error.contains("noise"), "{error}");
    cluster
        .answer(document, "Error from server (NotFound): the server could not find the requested resource");
    let error = last_error(&cluster.enable(&[]));
    assert!(error.contains(&format!("set --service-account-issuer={}", cluster.issuer)), "{error}");
    std::fs::remove_file(cluster.path("cluster").join(document)).unwrap();
    cluster.answer("raw/openid/v1/jwks", &"x".repeat(17 << 20));
    let error = last_error(&cluster.enable(&[]));
    assert!(error.contains("is larger than this program reads"), "{error}");
    std::fs::remove_file(cluster.path("bin/kubectl")).unwrap();
    let issuer = cluster.issuer.clone();
    let words = ["rrsa", "enable", "--self-managed", "-y", "-c", "c1", "--issuer", &issuer];
    let error = last_error(&cluster.run_with(&words, &[("PATH", "/nowhere")]));
    assert!(error.contains("kubectl is not in the PATH"), "{error}");
}

#[test]
fn keys_that_ram_cannot_use_are_left_out() {
    let cluster = SelfManaged::start();
    let mut keys: Value = serde_json::from_str(&cluster.key.jwks()).unwrap();
    let elliptic =
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "ec", "x": "x", "y": "y"});
    keys["keys"].as_array_mut().unwrap().push(elliptic.clone());
    cluster.has_keys(&keys.to_string());
    let outcome = cluster.publish(&[]);
    assert!(outcome.stderr.contains("key ec is for ES256"), "{}", outcome.stderr);
    assert_eq!(cluster.published(), ["key-1"]);
    cluster.has_keys(&json!({"keys": [elliptic]}).to_string());
    let error = last_error(&cluster.publish(&[]));
    assert!(error.contains("RS256 alone; the API server has ES256"), "{error}");
    assert_eq!(cluster.published(), ["key-1"]);
}

#[test]
fn two_providers_stand_in_each_others_way_and_nothing_is_changed() {
    let cluster = SelfManaged::start();
    cluster.has_provider("other", &cluster.issuer, &["sts.aliyuncs.com"], &[]);
    let error = last_error(&cluster.publish(&[]));
    assert!(error.contains("as the identity provider other") && error.contains(PROVIDER), "{error}");
    assert!(error.contains(&cluster.issuer), "{error}");

    let cluster = SelfManaged::start();
    cluster.has_provider(PROVIDER, "https://issuer.example", &["sts.aliyuncs.com"], &[]);
    let error = last_error(&cluster.publish(&[]));
    assert!(
        error.contains("for the issuer https://issuer.example") && error.contains(&cluster.issuer),
        "{error}"
    );
    let slash = format!("{}/", cluster.issuer);
    cluster.has_provider("slash", &slash, &["sts.aliyuncs.com"], &[]);
    assert!(cluster.changes().is_empty());
}

#[test]
fn a_provider_gets_what_it_lacks() {
    let cluster = SelfManaged::start();
    cluster.signs_as(&cluster.issuer);
    cluster.has_provider(PROVIDER, &cluster.issuer, &["mine"], &["0".repeat(40).as_str()]);
    let outcome = cluster.publish(&[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(cluster.changes(), ["AddClientIdToOIDCProvider", "AddFingerprintToOIDCProvider"]);
    assert_eq!(cluster.publish(&[]).code, Some(0));
    assert_eq!(cluster.changes().len(), 2, "nothing is added twice");
    // What is given is added, colons and all.
    let given = ["AB"; 20].join(":");
    assert_eq!(cluster.publish(&["--fingerprint", &given]).code, Some(0));
    assert_eq!(cluster.changes().len(), 3);
    for digit in ["1", "2"] {
        assert_eq!(cluster.publish(&["--fingerprint", &digit.repeat(40)]).code, Some(0));
    }
    assert_eq!(cluster.publish(&["--fingerprint", &"2".repeat(40)]).code, Some(0));
    let error = last_error(&cluster.publish(&["--fingerprint", &"3".repeat(40)]));
    assert!(error.contains("has 5 fingerprints"), "{error}");
    assert_eq!(cluster.changes().len(), 5);
}

#[test]
fn what_fails_half_way_is_told_and_finished_by_the_next_run() {
    let cluster = SelfManaged::start();
    cluster.signs_as(&cluster.issuer);
    cluster.has_provider(PROVIDER, &cluster.issuer, &["mine"], &["0".repeat(40).as_str()]);
    cluster.emulator.fail(
        "AddFingerprintToOIDCProvider",
        Fault::Error { status: 500, code: "InternalError".to_owned(), message: "canary".to_owned() }.times(1),
    );
    let error = last_error(&cluster.publish(&[]));
    assert!(error.contains("this is done: add the client id sts.aliyuncs.com"), "{error}");
    assert!(error.contains("InternalError"), "{error}");
    assert_eq!(cluster.publish(&[]).code, Some(0));
    let changes = cluster.changes();
    assert_eq!(changes.iter().filter(|action| *action == "AddClientIdToOIDCProvider").count(), 1);
    // What nobody answered may have been done.
    let cluster = SelfManaged::start();
    cluster.signs_as(&cluster.issuer);
    cluster.emulator.fail("CreateOIDCProvider", Fault::BreakConnection.times(1));
    let error = last_error(&cluster.publish(&[]));
    assert!(error.contains("this may be done: create the identity provider ack-rrsa-c1"), "{error}");
    assert_eq!(cluster.changes(), ["CreateOIDCProvider"], "it is sent once");
}

#[test]
fn without_the_right_nothing_is_registered() {
    let cluster = SelfManaged::start();
    let (issuer, folder) = (cluster.issuer.clone(), cluster.path("site"));
    let words = [
        "rrsa",
        "enable",
        "--self-managed",
        "-y",
        "-c",
        "c1",
        "--issuer",
        &issuer,
        "--output-dir",
        folder.to_str().unwrap(),
    ];
    let bob = [("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIbob"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-bob")];
    let error = last_error(&cluster.run_with(&words, &bob));
    assert!(error.contains("NoPermission") && error.contains("nothing was changed at RAM"), "{error}");
    let error =
        last_error(&cluster.run(&["rrsa", "enable", "--self-managed", "-c", "c1", "--issuer", &issuer]));
    assert!(error.contains("no terminal") && error.contains("--assume-yes"), "{error}");
}

#[test]
fn flags_that_are_not_seen_are_deduced() {
    let cluster = SelfManaged::start();
    let outcome = cluster.publish(&[]);
    last_error(&outcome);
    assert!(outcome.stderr.contains("deduced"), "{}", outcome.stderr);
    assert_eq!(outcome.stdout.lines().collect::<Vec<_>>(), good_flags(&cluster));
    // A token of a day that lives for half of one is capped.
    cluster.answer(
        "token-sts.aliyuncs.com-86400s",
        &cluster.key.token(&claims(OLD_ISSUER, "sts.aliyuncs.com", 43_200)),
    );
    let outcome = cluster.publish(&[]);
    assert!(!outcome.stdout.contains("max-token-expiration"), "{}", outcome.stdout);
}

#[test]
fn every_api_server_needs_the_flags() {
    let cluster = registered();
    let pod = |name: &str, flags: &[String]| {
        let command = [&["kube-apiserver".to_owned()], flags].concat();
        json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "x", "command": command}]}})
    };
    let old = [format!("--service-account-issuer={OLD_ISSUER}")];
    for (first, second) in [(&good_flags(&cluster)[..], &old[..]), (&old, &good_flags(&cluster))] {
        let pods = json!({"items": [pod("a", first), pod("b", second)]});
        let name = "pods_--namespace_kube-system_--selector_component_kube-apiserver";
        cluster.answer(name, &pods.to_string());
        let outcome = cluster.enable(&[]);
        assert!(outcome.stderr.contains("the pods a and b run with different flags"), "{}", outcome.stderr);
        assert!(outcome.stdout.contains("--service-account-jwks-uri="), "{}", outcome.stdout);
    }
}

#[test]
fn a_token_for_sts_must_not_open_the_api_server() {
    let cluster = registered();
    let mut flags = good_flags(&cluster);
    flags.push("--api-audiences=sts.aliyuncs.com".to_owned());
    cluster.has_flags(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    let outcome = cluster.enable(&[]);
    assert!(outcome.stderr.contains("can log in to the API server with it"), "{}", outcome.stderr);
}

#[test]
fn what_is_wrong_with_a_token_is_left_to_do() {
    let cluster = registered();
    let name = "token-sts.aliyuncs.com";
    let mut expired = claims(&cluster.issuer, "sts.aliyuncs.com", 3600);
    expired["exp"] = json!(expired["iat"].as_i64().unwrap() - 1);
    for (token, words) in [
        (cluster.key.token(&claims(&cluster.issuer, "other", 3600)), "for the audience other"),
        (cluster.key.token(&expired), "the token is over"),
        (
            Issuer::with_id("key-1").token(&claims(&cluster.issuer, "sts.aliyuncs.com", 3600)),
            "signature is not that of the published key",
        ),
        ("canary.x.y".to_owned(), "no JSON Web Token"),
    ] {
        cluster.answer(name, &token);
        let outcome = cluster.enable(&[]);
        last_error(&outcome);
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
        assert!(!outcome.stderr.contains(&token), "{}", outcome.stderr);
    }
    // One that lives for longer than STS takes it is no reason not to.
    cluster.answer(name, &cluster.key.token(&claims(&cluster.issuer, "sts.aliyuncs.com", 43_201)));
    let outcome = cluster.enable(&[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("WARN the token lives for more than 12 hours"), "{}", outcome.stderr);
    cluster.answer(
        &format!("{name}.error"),
        "error: failed to create token: serviceaccounts \"default\" is forbidden: User \"bob\" cannot create resource \"serviceaccounts/token\"\n",
    );
    let outcome = cluster.enable(&[]);
    last_error(&outcome);
    assert!(outcome.stderr.contains("serviceaccounts/token"), "{}", outcome.stderr);
}

#[test]
fn disabling_deletes_the_provider_once() {
    let cluster = registered();
    let words = ["rrsa", "disable", "--self-managed", "-c", "c1"];
    let error = last_error(&cluster.run(&words));
    assert!(error.contains("no terminal"), "{error}");
    let words = [&words[..], &["-y"]].concat();
    let outcome = cluster.run(&words);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1"),
        "{}",
        outcome.stderr
    );
    let outcome = cluster.run(&words);
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.stderr.contains("no identity provider ack-rrsa-c1"), "{}", outcome.stderr);
    assert_eq!(cluster.changes(), ["CreateOIDCProvider", "DeleteOIDCProvider"]);
}

#[test]
fn the_documents_are_served_for_a_proxy_with_tls() {
    let cluster = SelfManaged::start();
    let (issuer, kept) = (cluster.issuer.clone(), cluster.path("kept"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_ack-ram-tool"))
        .args(["rrsa", "enable", "--self-managed", "-c", "c1", "--issuer", &issuer])
        .args(["--serve", "127.0.0.1:0", "--output-dir", kept.to_str().unwrap()])
        .env_clear()
        .envs(cluster.variables(&[]))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.find_map(|line| Some(line.unwrap()).filter(|line| line.contains("serving"))).unwrap();
    let address = line.split("http://").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let ask = |method: &str, path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: issuer.example\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let document = ask("GET", &format!("/c1{DISCOVERY}"));
    assert!(document.starts_with("HTTP/1.1 200 OK") && document.contains("content-type: application/json"));
    let body: Value = serde_json::from_str(document.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(
        body,
        serde_json::from_slice::<Value>(&std::fs::read(kept.join(&DISCOVERY[1..])).unwrap()).unwrap()
    );
    assert_eq!(body["jwks_uri"], format!("{issuer}{KEYS}"));
    assert!(ask("GET", &format!("/c1{KEYS}")).contains("key-1"));
    let head = ask("HEAD", &format!("/c1{KEYS}"));
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(ask("POST", &format!("/c1{KEYS}")).starts_with("HTTP/1.1 405"));
    assert!(ask("GET", KEYS).starts_with("HTTP/1.1 404"));
    let pid = child.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(cluster.emulator.requests().is_empty(), "nothing is registered");
}

#[test]
fn a_person_is_asked_before_ram_is_changed() {
    let cluster = SelfManaged::start();
    cluster.signs_as(&cluster.issuer);
    last_error(&cluster.enable(&["--output-dir", cluster.path("written").to_str().unwrap()]));
    std::fs::rename(cluster.path("written"), cluster.path("site")).unwrap();
    let variables = cluster.variables(&[]);
    let variable = |name: &str| variables.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
    let ask_program = |program: &Program| {
        assert_eq!(program.name, "kubectl");
        let output = Command::new(cluster.path("bin/kubectl")).args(&program.arguments).output()?;
        Ok(ProgramAnswer { code: output.status.code(), stdout: output.stdout, stderr: output.stderr })
    };
    let issuer = cluster.issuer.clone();
    let run = |command: &str, said: Reply| {
        let asked = RefCell::new(Vec::new());
        let ask = |question: &str| {
            asked.borrow_mut().push(question.to_owned());
            said.clone()
        };
        let world = World {
            variable: &variable,
            ask_program: &ask_program,
            ask: &ask,
            ..World::of_this_process("ack-ram-tool")
        };
        let mut words = vec!["ack-ram-tool", "rrsa", command, "--self-managed", "-c", "c1"];
        if command == "enable" {
            words.extend(["--issuer", &issuer]);
        }
        let code = ram_tool::main(words.into_iter().map(OsString::from), &world);
        (format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS), asked.into_inner())
    };
    for no in [Reply::Line("n".to_owned()), Reply::Cancelled] {
        let (is_good, asked) = run("enable", no);
        assert!(is_good && asked.len() == 1, "{asked:?}");
        for part in [PROVIDER, &issuer, &cluster.fingerprint, "sts.aliyuncs.com"] {
            assert!(asked[0].contains(part), "{part}: {asked:?}");
        }
    }
    assert!(!run("enable", Reply::NoTerminal).0);
    assert!(cluster.changes().is_empty());
    let calls = cluster.kubectl_calls();
    assert!(!calls.iter().any(|call| call.contains("create token")), "a no is the end: {calls:?}");
    assert!(run("enable", Reply::Line("y".to_owned())).0);
    assert_eq!(cluster.changes(), ["CreateOIDCProvider"]);
    // Nothing is to be changed: nobody is asked.
    let (is_good, asked) = run("enable", Reply::NoTerminal);
    assert!(is_good && asked.is_empty(), "{asked:?}");
    let (is_good, asked) = run("disable", Reply::Line("n".to_owned()));
    assert!(is_good && asked[0].contains(PROVIDER) && asked[0].contains(&issuer), "{asked:?}");
    assert_eq!(cluster.changes().len(), 1);
}
