//! `auth whoami` against an STS that checks signatures.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]

mod support;

use std::collections::BTreeMap;

use emulator::{Config, Emulator};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use support::{CANARY, Sts, run};

const DEV: &str = "acs:ram::1234567890123456:role/dev";
const CLUSTER: &str = "c5e1a2b3c4d5e6f708192a3b4c5d6e7f8";

fn whoami(sts: &Sts, flags: &[&str], variables: &[(&str, &str)]) -> support::Outcome {
    run(&[&["auth", "whoami"][..], flags].concat(), &sts.variables(variables))
}

#[test]
fn shows_a_user_and_a_role_as_the_public_tool_does() {
    let sts = Sts::start();
    assert_eq!(
        whoami(&sts, &[], &[]).success(),
        "AccountId     1234567890123456\nIdentityType  RAMUser\nUserId        222222222222222222\n\
         UserName      alice\nArn           acs:ram::1234567890123456:user/alice\n\
         PrincipalId   222222222222222222\n"
    );
    let session = ("ALIBABA_CLOUD_ROLE_SESSION_NAME", "alice@example.com");
    assert_eq!(
        whoami(&sts, &["--role-arn", DEV], &[session]).success(),
        "AccountId     1234567890123456\nIdentityType  AssumedRoleUser\nRoleId        333333333333333333\n\
         RoleName      dev\nArn           acs:ram::1234567890123456:role/dev\n\
         PrincipalId   333333333333333333:alice@example.com\n"
    );
}

#[test]
fn json_and_yaml_say_the_same() {
    let sts = Sts::start();
    let expected = json!({"accountId": "1234567890123456", "identityType": "RAMUser",
        "userId": "222222222222222222", "userName": "alice",
        "arn": "acs:ram::1234567890123456:user/alice", "principalId": "222222222222222222"});
    let json: Value = serde_json::from_str(&whoami(&sts, &["-o", "json"], &[]).success()).unwrap();
    assert_eq!(json, expected);
    let yaml: BTreeMap<String, String> =
        serde_saphyr::from_str(&whoami(&sts, &["--output=yaml"], &[]).success()).unwrap();
    assert_eq!(serde_json::to_value(yaml).unwrap(), expected);
    let error = whoami(&sts, &["-o", "xml"], &[]).error();
    assert!(error.contains("--output"), "{error}");
}

#[test]
fn says_what_the_cluster_would_be_told() {
    let sts = Sts::start();
    let before = Timestamp::now();
    let flags = ["--role-arn", DEV, "--cluster-id", CLUSTER];
    let session = ("ALIBABA_CLOUD_ROLE_SESSION_NAME", "alice");
    let answer = whoami(&sts, &[&flags[..], &["-o", "json"]].concat(), &[session]).success();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let told = &answer["cluster"];
    assert_eq!(told["clusterId"], CLUSTER);
    assert_eq!(told["arn"], "acs:ram::1234567890123456:assumed-role/dev/alice");
    assert_eq!(told["canonicalArn"], DEV);
    assert_eq!(told["sessionName"], "alice");
    assert!(told["accessKeyId"].as_str().unwrap().starts_with("STS."), "{told}");
    let time = |key: &str| told[key].as_str().unwrap().parse::<Timestamp>().unwrap();
    let seconds = |later: Timestamp, sooner: Timestamp| sooner.duration_until(later).as_secs();
    assert!(seconds(time("tokenSignedAt"), before).abs() < 60);
    assert_eq!(seconds(time("tokenEnd"), time("tokenSignedAt")), 600);
    assert!(told["clockAheadSeconds"].as_i64().unwrap().abs() <= 60, "{told}");
    assert_eq!(told["requestId"].as_str().unwrap().len(), 36);

    let text = whoami(&sts, &flags, &[session]).success();
    for line in [
        "The cluster would be told:",
        "SessionName    alice",
        "CanonicalArn   acs:ram::1234567890123456:role/dev",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
    }
}

/// The token of a cluster is good for that cluster wherever it is sent on to: it does not leave this machine here.
#[test]
fn no_token_of_the_cluster_is_sent_to_the_endpoint() {
    let sts = Sts::start();
    sts.emulator.clear_requests();
    whoami(&sts, &["--cluster-id", CLUSTER], &[]).success();
    let requests = sts.emulator.requests();
    assert_eq!(requests.len(), 2, "the clock, and the caller");
    for request in requests {
        let shown = format!("{:?}", request.raw);
        assert!(!shown.contains(CLUSTER), "{shown}");
    }
}

#[test]
fn a_refusal_is_explained_in_a_line() {
    let sts = Sts::start();
    let error = whoami(&sts, &[], &[("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAInobody")]).error();
    assert!(error.contains("InvalidAccessKeyId.NotFound") && error.contains("request "), "{error}");
    let wrong = ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-wrong");
    for flags in [&[][..], &["-c", CLUSTER], &["-v"]] {
        let error = whoami(&sts, flags, &[wrong]).error();
        assert!(error.contains("SignatureDoesNotMatch") && !error.contains(CANARY), "{error}");
    }
    let error = whoami(&sts, &["--sts-endpoint", "127.0.0.1:1"], &[]).error();
    assert!(error.contains("127.0.0.1:1"), "{error}");
}

#[test]
fn a_clock_that_is_off_is_warned_about_and_explains_a_refusal() {
    let of_cluster = ["-c", CLUSTER];
    let warned = |minutes: i64, flags: &[&str]| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let off = SignedDuration::from_mins(minutes);
        let config = Config::from_yaml(support::CONFIG, "test").unwrap();
        let builder = Emulator::builder(config).clock(move || Timestamp::now() - off);
        let emulator = runtime.block_on(builder.start()).unwrap();
        let endpoint = emulator.address().to_string();
        let ca = emulator.ca_file().to_str().unwrap();
        let own = [("SSL_CERT_FILE", ca), ("ALIBABA_CLOUD_STS_ENDPOINT", &endpoint)];
        run(&[&["auth", "whoami"], flags].concat(), &[&support::ALICE[..], &own].concat())
    };
    let outcome = warned(0, &of_cluster);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    for (minutes, wanted) in [(3, "s ahead of STS's"), (-3, "s behind STS's")] {
        let outcome = warned(minutes, &of_cluster);
        assert!(outcome.stderr.contains(" WARN ") && outcome.stderr.contains(wanted), "{}", outcome.stderr);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let clock = outcome.stdout.lines().find(|line| line.starts_with("Clock ")).unwrap().to_owned();
        assert!(clock.contains(wanted), "{clock}");
    }
    // Without a cluster the time is asked for once it is what the refusal is about.
    for (minutes, flags) in [(20, &of_cluster[..]), (-20, &of_cluster), (20, &[]), (-20, &[])] {
        let outcome = warned(minutes, flags);
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("clock is 1") && outcome.stderr.contains("InvalidTimeStamp"),
            "{}",
            outcome.stderr
        );
    }
}
