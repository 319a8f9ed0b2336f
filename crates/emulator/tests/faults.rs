//! Faults on demand, and the listener's comings and goings.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use common::*;
use emulator::{Emulator, Fault, StartError};
use reqwest::{Client, RequestBuilder};

const WHOAMI: [(&str, &str); 1] = [("Action", "GetCallerIdentity")];

fn whoami(client: &Client, emulator: &Emulator) -> RequestBuilder {
    rpc_get(client, emulator, &alice(), &WHOAMI)
}

fn unavailable() -> Fault {
    Fault::Error { status: 503, code: "ServiceUnavailable".to_owned(), message: "Not now.".to_owned() }
}

#[tokio::test]
async fn an_error_on_demand_has_the_form_of_a_real_one() {
    let emulator = start().await;
    let client = client(&emulator);
    emulator.fail("GetCallerIdentity", unavailable().times(2));
    for _ in 0..2 {
        let (status, body) = answer(whoami(&client, &emulator)).await;
        assert_eq!(
            (status, &body["Code"], &body["Message"]),
            (503, &"ServiceUnavailable".into(), &"Not now.".into())
        );
    }
    assert_eq!(answer(whoami(&client, &emulator)).await.0, 200);
    let codes: Vec<_> = emulator.requests().into_iter().map(|r| (r.status, r.code)).collect();
    assert_eq!(codes[1], (Some(503), Some("ServiceUnavailable".to_owned())));
    assert_eq!(codes[2], (Some(200), None));

    let throttled =
        Fault::Error { status: 400, code: "Throttling.User".to_owned(), message: "Slowly.".to_owned() };
    emulator.fail("*", throttled);
    let response = whoami(&client, &emulator).send().await.unwrap();
    assert!(response.headers()["x-ratelimit-user"].to_str().unwrap().contains("TimeLeft:"));
    emulator.clear_faults();
    assert_eq!(answer(whoami(&client, &emulator)).await.0, 200);
}

#[tokio::test]
async fn a_fault_leaves_other_actions_alone() {
    let emulator = start().await;
    let client = client(&emulator);
    emulator.fail("AssumeRole", unavailable());
    assert_eq!(answer(whoami(&client, &emulator)).await.0, 200);
    let assume = [("Action", "AssumeRole"), ("RoleArn", DEV), ("RoleSessionName", "s1")];
    assert_eq!(answer(rpc_get(&client, &emulator, &alice(), &assume)).await.0, 503);
    // ACS3 style too, where the action is in a header.
    assert_eq!(answer(acs3_post(&client, &emulator, &alice(), "AssumeRole", &[])).await.0, 503);
}

#[tokio::test]
async fn a_delay_delays_and_the_answer_is_the_right_one() {
    let emulator = start().await;
    let client = client(&emulator);
    emulator.fail("GetCallerIdentity", Fault::Delay(Duration::from_millis(400)).times(1));
    let begin = Instant::now();
    let pending = tokio::spawn(whoami(&client, &emulator).send());
    while emulator.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(emulator.requests()[0].status, None, "recorded before it is answered");
    assert_eq!(read(pending.await.unwrap().unwrap()).await.0, 200);
    assert!(begin.elapsed() >= Duration::from_millis(400));
    let begin = Instant::now();
    assert_eq!(answer(whoami(&client, &emulator)).await.0, 200);
    assert!(begin.elapsed() < Duration::from_millis(400));
}

#[tokio::test]
async fn garbage_is_passed_on_as_it_is() {
    let emulator = start().await;
    emulator.fail("*", Fault::Garbage { content_type: "text/html".to_owned(), body: b"<html>\xff".to_vec() });
    let response = whoami(&client(&emulator), &emulator).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"text/html".parse().unwrap())
    );
    assert_eq!(&response.bytes().await.unwrap()[..], b"<html>\xff");
}

#[tokio::test]
async fn a_broken_connection_ends_without_an_answer() {
    let emulator = start().await;
    let ca = reqwest::Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
    let h1 = Client::builder().tls_certs_only([ca]).no_proxy().http1_only().build().unwrap();
    for client in [client(&emulator), h1] {
        emulator.clear_requests();
        emulator.fail("GetCallerIdentity", Fault::BreakConnection.times(1));
        let keys = keys("LTAIalice", "alice-secret-for-tests");
        // ACS3 and POST: a client may repeat neither by itself.
        let request = acs3_post(&client, &emulator, &keys, "GetCallerIdentity", &[]);
        let error = request.timeout(Duration::from_secs(20)).send().await.unwrap_err();
        assert!(!error.is_timeout(), "{error:?}");
        assert_eq!(emulator.requests()[0].status, None);
        assert_eq!(answer(whoami(&client, &emulator)).await.0, 200);
    }
}

#[tokio::test]
async fn the_listener_goes_away_and_comes_back_at_the_same_port() {
    let emulator = start().await;
    let client = client(&emulator);
    let endpoint = emulator.endpoint();
    assert_eq!(answer(whoami(&client, &emulator)).await.0, 200);
    for _ in 0..3 {
        emulator.stop_listening().await;
        emulator.stop_listening().await;
        let refused = TcpStream::connect(emulator.address()).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        // The connection that the client kept is gone as well.
        assert!(whoami(&client, &emulator).send().await.unwrap_err().is_connect());
        emulator.listen_again().await.unwrap();
        emulator.listen_again().await.unwrap();
        assert_eq!(answer(whoami(&client, &emulator)).await.0, 200);
    }
    assert_eq!(emulator.endpoint(), endpoint);
}

#[tokio::test]
async fn a_request_that_waits_ends_with_the_listener() {
    let emulator = start().await;
    let client = client(&emulator);
    emulator.fail("*", Fault::Delay(Duration::from_secs(600)));
    let pending = tokio::spawn(whoami(&client, &emulator).send());
    while emulator.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::timeout(Duration::from_secs(20), emulator.stop_listening()).await.unwrap();
    assert!(pending.await.unwrap().is_err());
}

#[tokio::test]
async fn dropping_it_closes_the_port_and_removes_its_folder() {
    let emulator = start().await;
    let client = client(&emulator);
    assert_eq!(answer(whoami(&client, &emulator)).await.0, 200);
    let (address, ca) = (emulator.address(), emulator.ca_file().to_path_buf());
    assert_eq!(std::fs::read_to_string(&ca).unwrap(), emulator.ca_pem());
    drop(emulator);
    assert!(!ca.parent().unwrap().exists());
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "the port stays open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let emulator = start().await;
    let address = emulator.address();
    emulator.shutdown().await;
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn several_run_side_by_side_with_cas_of_their_own() {
    let (one, two) = (start().await, start().await);
    assert_ne!(one.address(), two.address());
    assert_ne!(one.ca_pem(), two.ca_pem());
    let foreign = whoami(&client(&one), &two).send().await.unwrap_err();
    assert!(foreign.is_connect(), "{foreign:?}");
}

#[tokio::test]
async fn the_state_folder_keeps_the_ca_from_start_to_start() {
    let folder = tempfile::tempdir().unwrap();
    let start = || async {
        Emulator::builder(config()).state_dir(folder.path().join("state")).start().await.unwrap()
    };
    let first = start().await;
    let client = client(&first);
    first.shutdown().await;
    let second = start().await;
    assert_eq!(answer(whoami(&client, &second)).await.0, 200);
    assert_eq!(second.ca_file(), folder.path().join("state/ca.pem"));
}

#[tokio::test]
async fn what_it_cannot_listen_on_is_refused() {
    let at = |address: &str| Emulator::builder(config()).listen(address.parse::<SocketAddr>().unwrap());
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:443"] {
        let error = at(address).start().await.unwrap_err();
        assert!(
            matches!(error, StartError::NotLoopback(_)) && error.to_string().contains(address),
            "{error}"
        );
    }
    let taken = start().await;
    let address = taken.address().to_string();
    let error = at(&address).start().await.unwrap_err().to_string();
    assert!(error.contains(&address), "{error}");
    for region in ["", "CN", "cn_x", "-cn", "cn-", "cn.hangzhou", "*"] {
        let error = Emulator::builder(config()).region(region).start().await.unwrap_err();
        assert!(matches!(error, StartError::Region(_)), "{error}");
    }
}
