//! `utils test-ecs-metadata` against a metadata service whose credentials STS accepts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]

mod support;

use emulator::{Config, Emulator};
use support::{ALICE, CANARY, CONFIG, run};

const ONCE: [&str; 3] = ["utils", "test-ecs-metadata", "--no-loop"];

#[test]
fn credentials_of_the_metadata_service_are_tested_whatever_else_is_set() {
    let config = format!("{CONFIG}metadata: {{account: \"1234567890123456\", role: dev}}\n");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let builder = Emulator::builder(Config::from_yaml(&config, "test").unwrap())
        .metadata_listen("127.0.0.1:0".parse().unwrap());
    let emulator = runtime.block_on(builder.start()).unwrap();
    let (ca, endpoint) = (emulator.ca_file().to_str().unwrap(), emulator.address().to_string());
    let metadata = emulator.metadata_endpoint().unwrap();
    let own = [
        ("SSL_CERT_FILE", ca),
        ("ALIBABA_CLOUD_STS_ENDPOINT", &endpoint),
        ("ALIBABA_CLOUD_IMDS_ENDPOINT", &metadata),
    ];
    let outcome = run(&ONCE, &[&ALICE[..], &own].concat());
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    for word in [" INFO ", "STS.", "acs:ram::1234567890123456:assumed-role/dev/"] {
        assert!(outcome.stderr.contains(word), "{}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains(CANARY), "{}", outcome.stderr);
}

#[test]
fn keys_of_the_environment_are_no_substitute() {
    let nowhere = ("ALIBABA_CLOUD_IMDS_ENDPOINT", "http://127.0.0.1:1");
    let error = run(&ONCE, &[&ALICE[..], &[nowhere]].concat()).error();
    assert!(error.contains("metadata service"), "{error}");
}
