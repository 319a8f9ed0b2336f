//! Where the program goes, and through what: proxies that it looks at and those that it does not, and whose region chooses
//! the endpoint.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use serde_json::json;
use support::{ALICE, Sts, run, token_of};

const ROLE: &str = "acs:ram::1234567890123456:role/dev";
/// Nothing listens there.
const CLOSED: &str = "http://127.0.0.1:1";

/// A proxy that lets nobody through: its address, and the first line of each request.
fn refusing_proxy() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (told, lines) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            let _ = BufReader::new(&stream).read_line(&mut line);
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
            let _ = told.send(line.trim_end().to_owned());
        }
    });
    (address, lines)
}

#[test]
fn only_the_documented_proxy_variables_count() {
    let sts = Sts::start();
    let ambient = [
        ("ALL_PROXY", CLOSED),
        ("all_proxy", CLOSED),
        ("HTTP_PROXY", CLOSED),
        ("http_proxy", CLOSED),
        ("HTTPS_PROXY", CLOSED),
    ];
    // Nothing on this machine is asked through a proxy.
    let token = run(
        &["credential-plugin", "get-token", "--cluster-id", "c1", "--role-arn", ROLE],
        &sts.variables(&ambient),
    );
    token_of(&token.success());
    // Nor is plain http, whose answers a proxy could read.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        let keys = r#"{"AccessKeyId":"LTAIalice","AccessKeySecret":"canary-alice"}"#;
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{keys}", keys.len()).unwrap();
        line
    });
    let mut variables = ambient.to_vec();
    variables.push(("ALIBABA_CLOUD_CREDENTIALS_URI", &uri));
    token_of(&run(&["credential-plugin", "get-token", "--cluster-id", "c1"], &variables).success());
    assert_eq!(serving.join().unwrap(), "GET / HTTP/1.1\r\n");
}

#[test]
fn a_region_of_the_command_line_comes_before_that_of_the_profile() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let profile = json!({
        "name": "p", "mode": "RamRoleArn", "access_key_id": ALICE[0].1, "access_key_secret": ALICE[1].1,
        "ram_role_arn": ROLE, "ram_session_name": "me", "sts_region": "cn-beijing",
    });
    std::fs::write(&file, json!({"current": "p", "profiles": [profile]}).to_string()).unwrap();
    let get = ["credential-plugin", "get-token", "-c", "c1", "--profile-file", file.to_str().unwrap()];
    for (region, host) in
        [(None, "sts.cn-beijing.aliyuncs.com"), (Some("cn-shanghai"), "sts.cn-shanghai.aliyuncs.com")]
    {
        let (proxy, lines) = refusing_proxy();
        let mut variables = vec![("HTTPS_PROXY", proxy.as_str())];
        variables.extend(region.map(|region| ("ACK_RAM_TOOL_REGION_ID", region)));
        let error = run(&get, &variables).error();
        assert!(error.contains(host), "{error}");
        assert_eq!(lines.recv().unwrap(), format!("CONNECT {host}:443 HTTP/1.1"));
    }
}
