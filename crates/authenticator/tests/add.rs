//! `add` without an API server: what is refused before one is asked. With a real one: the end-to-end tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use common::run;

const USER: [&str; 7] =
    ["user", "--userarn", "acs:ram::1234567890123456:user/a", "--username", "a", "--groups", "g"];

fn refusal(folder: &Path, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = run(folder, &[&["add"], arguments].concat());
    assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    // The Kubernetes client may have logged before it what is the matter.
    let line = stderr.lines().last().unwrap().to_owned();
    assert!(line.starts_with("ack-ram-authenticator: "), "{stderr}");
    line
}

#[test]
fn what_could_never_work_is_refused_before_anybody_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let arn = "acs:ram::1234567890123456:role/dev";
    for (arguments, named) in [
        (vec!["user", "--userarn", "junk", "--username", "a", "--groups", "g"], "junk"),
        (vec!["role", "--rolearn", "acs:ram::1:role/d*", "--username", "a", "--groups", "g"], "pattern"),
        (vec!["role", "--rolearn", arn, "--username", "{{Nobody}}", "--groups", "g"], "{{Nobody}}"),
        (vec!["role", "--rolearn", arn, "--username", "", "--groups", "g"], "username"),
        (vec!["role", "--rolearn", arn, "--username", "a", "--groups", "g,"], "groups[1]"),
        (vec!["role", "--rolearn", arn, "--username", "a"], "--groups"),
        (vec!["role", "--rolearn", arn, "--groups", "g"], "--username"),
        (vec!["role", "--username", "a", "--groups", "g"], "--rolearn"),
        (vec!["group"], "group"),
    ] {
        let line = refusal(folder.path(), &arguments);
        assert!(line.contains(named), "{arguments:?}: {line}");
    }
}

#[test]
fn without_a_terminal_it_says_how_to_go_on_without_being_asked() {
    let folder = tempfile::tempdir().unwrap();
    // Not even the kubeconfig is read.
    let line = refusal(folder.path(), &[&USER[..], &["--kubeconfig", "missing"]].concat());
    assert!(line.contains("--prompt=false"), "{line}");
}

#[test]
fn a_wrong_kubeconfig_is_an_error_and_never_localhost_8080() {
    let folder = tempfile::tempdir().unwrap();
    // Where a client without a kubeconfig would go. Taken by somebody else: then that one would be asked.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 8080)).ok();
    if let Some(listener) = &listener {
        listener.set_nonblocking(true).unwrap();
    }
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("empty", "");
    write("junk", "junk: [");
    write("no-cluster", "apiVersion: v1\nkind: Config\n");
    write(
        "no-server",
        "current-context: c\nclusters: [{name: c, cluster: {}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n",
    );
    write(
        "refusing",
        "current-context: c\nclusters: [{name: c, cluster: {server: \"https://127.0.0.1:1\"}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: canary-token}}]\n",
    );
    for kubeconfig in ["missing", "empty", "junk", "no-cluster", "no-server", "refusing"] {
        let line =
            refusal(folder.path(), &[&["--prompt=false", "--kubeconfig", kubeconfig], &USER[..]].concat());
        let named = if kubeconfig == "refusing" { "kube-system/alibabacloud-auth" } else { kubeconfig };
        assert!(line.contains(named) && !line.contains("canary-token"), "{kubeconfig}: {line}");
    }
    let more = ["--prompt=false", "--kubeconfig", "refusing"];
    let line = refusal(folder.path(), &[&more[..], &["--kubeconfig-context", "other"], &USER].concat());
    assert!(line.contains("other"), "{line}");
    let line = refusal(folder.path(), &[&more[..], &["--master-url", "localhost"], &USER].concat());
    assert!(line.contains("--master-url"), "{line}");
    let line = refusal(folder.path(), &[&["--prompt=false"], &USER[..]].concat());
    assert!(line.contains("--kubeconfig"), "{line}");
    if let Some(listener) = listener {
        assert!(listener.accept().is_err(), "somebody connected to localhost:8080");
    }
}
