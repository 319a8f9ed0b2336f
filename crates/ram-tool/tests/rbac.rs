//! `rbac`: the emulator's Container Service, RAM and STS, and API servers that answer as a test wants. The whole against a
//! real API server is an end-to-end test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]

#[path = "../../openapi/tests/support/mod.rs"]
mod server;
mod support;
#[path = "support/terminal.rs"]
mod terminal;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use emulator::{Cluster, Fault};
use serde_json::{Value, json};
use server::{Received, Server, http};
use support::{ALICE, CANARY, Outcome, Sts};

const ACCOUNT: &str = "1234567890123456";
const ALICE_ID: &str = "222222222222222222";
const DEV_ID: &str = "333333333333333333";
const GONE: &str = "299999999999999999";

/// An emulator with clusters, and a folder where backups go.
struct World {
    sts: Sts,
    folder: tempfile::TempDir,
    cleaned: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn start() -> Self {
        let sts = Sts::start();
        let cleaned = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&cleaned);
        sts.emulator.on_clean_permissions(move |cleaned| {
            kept.lock()
                .unwrap()
                .push(format!("{} {} {}", cleaned.cluster_id, cleaned.user_id, cleaned.force));
            Ok(())
        });
        Self { sts, folder: tempfile::tempdir().unwrap(), cleaned }
    }

    /// A cluster whose API server is this one.
    fn add(&self, id: &str, server: &Server) {
        self.sts.emulator.add_cluster(cluster(id, server)).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        // Without a terminal, whoever runs the tests.
        let mut command = terminal::none();
        self.rest(&mut command, words);
        command
    }

    fn rest(&self, command: &mut Command, words: &[&str]) {
        let path = std::env::var_os("PATH").unwrap();
        command
            .arg(env!("CARGO_BIN_EXE_ack-ram-tool"))
            .args(words)
            .env_clear()
            .envs(ALICE)
            .env("PATH", path)
            .env("SSL_CERT_FILE", &self.sts.ca)
            .env("ALIBABA_CLOUD_STS_ENDPOINT", &self.sts.endpoint)
            .env("CS_ENDPOINT", &self.sts.endpoint)
            .env("RAM_ENDPOINT", &self.sts.endpoint)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
    }

    fn run(&self, words: &[&str]) -> Outcome {
        terminal::outcome(&mut self.command(words))
    }

    fn scan(&self, words: &[&str]) -> Outcome {
        self.run(&[&["rbac", "scan-user-permissions"], words].concat())
    }

    fn cleanup(&self, words: &[&str]) -> Outcome {
        self.run(&[&["rbac", "cleanup-user-permissions"], words].concat())
    }

    /// Runs the program on a terminal, types a line at the question, and gives what the terminal showed.
    fn at_terminal(&self, typed: &str, words: &[&str]) -> Outcome {
        let mut command = terminal::typing(typed);
        self.rest(&mut command, words);
        terminal::outcome(&mut command)
    }

    fn cleaned(&self) -> Vec<String> {
        self.cleaned.lock().unwrap().clone()
    }
}

fn cluster(id: &str, server: &Server) -> Cluster {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&key).unwrap().pem();
    let url = format!("https://{}", server.address);
    Cluster::new(ACCOUNT, id)
        .public_server(&url)
        .certificate_authority(&std::fs::read_to_string(server.ca_file()).unwrap())
        .client_authority(&certificate, &key.serialize_pem())
}

fn user(name: &str) -> Value {
    json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name})
}

fn binding(namespace: &str, name: &str, subjects: &[Value]) -> Value {
    json!({"metadata": {"name": name, "namespace": namespace, "uid": "u-1"}, "subjects": subjects,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"}})
}

fn list(items: &[Value], next: &str) -> Vec<u8> {
    http(200, "application/json", &json!({"items": items, "metadata": {"continue": next}}).to_string())
}

/// An API server with bindings of everybody, those of namespaces on two pages.
fn api_server() -> Server {
    Server::tls("127.0.0.1", |request: &Received| match request.line.split(' ').nth(1).unwrap() {
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings?limit=500" => list(
            &[
                binding("", "of-gone", &[user(&format!("{GONE}-1700000000"))]),
                binding("", "of-alice", &[user(ALICE_ID), user(DEV_ID)]),
                binding("", "of-nobody", &[user("kubernetes-admin")]),
            ],
            "",
        ),
        "/apis/rbac.authorization.k8s.io/v1/rolebindings?limit=500" => {
            let robot = json!({"kind": "ServiceAccount", "name": GONE, "namespace": "ns"});
            list(&[binding("ns", "of-robot", &[robot])], "to ken=")
        }
        "/apis/rbac.authorization.k8s.io/v1/rolebindings?limit=500&continue=to%20ken%3D" => {
            list(&[binding("ns", "of-gone", &[user(GONE)])], "")
        }
        other => panic!("{other}"),
    })
}

const TABLE: &str = "UID                 UserType  UserName   Binding
299999999999999999  RamUser   (deleted)  ClusterRoleBinding/-/of-gone
299999999999999999  RamUser   (deleted)  RoleBinding/ns/of-gone
";

#[test]
fn a_scan_shows_the_deleted_or_everybody_or_one() {
    let world = World::start();
    let server = api_server();
    world.add("c1", &server);
    assert_eq!(world.scan(&["-c", "c1"]).success(), TABLE);
    // No proxy of other programs' variables is asked.
    let mut behind_a_proxy = world.command(&["rbac", "scan-user-permissions", "-c", "c1"]);
    let behind_a_proxy = behind_a_proxy.env("ALL_PROXY", "http://127.0.0.1:1");
    assert_eq!(terminal::outcome(behind_a_proxy).success(), TABLE);
    assert_eq!(world.scan(&["-c", "c1", "-u", "0"]).success(), TABLE);
    let all = world.scan(&["-c", "c1", "-A"]).success();
    assert_eq!(
        all,
        "UID                 UserType  UserName   Binding
222222222222222222  RamUser   alice      ClusterRoleBinding/-/of-alice
299999999999999999  RamUser   (deleted)  ClusterRoleBinding/-/of-gone
299999999999999999  RamUser   (deleted)  RoleBinding/ns/of-gone
333333333333333333  RamRole   dev        ClusterRoleBinding/-/of-alice
"
    );
    let one = world.scan(&["-c", "c1", "--user-id", DEV_ID]).success();
    assert_eq!(one.lines().count(), 2, "{one}");
    assert!(one.contains("RamRole   dev"), "{one}");
    let json: Value = serde_json::from_str(&world.scan(&["-c", "c1", "-o", "json"]).success()).unwrap();
    assert_eq!(json["clusters"][0]["clusterId"], "c1");
    assert_eq!(json["clusters"][0]["bindings"][1]["name"], "of-gone");
    assert_eq!(json["clusters"][0]["bindings"][1]["gone"], true);
    let yaml = world.scan(&["-c", "c1", "--output", "yaml"]).success();
    assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), json);
    // The certificate is a short one, and the bindings are asked for as the public tool asks.
    let asked = world.sts.emulator.requests();
    let kubeconfig = asked.iter().find(|request| request.action == "DescribeClusterUserKubeconfig").unwrap();
    assert!(kubeconfig.raw.target.ends_with("?TemporaryDurationMinutes=60"), "{}", kubeconfig.raw.target);
}

#[test]
fn all_clusters_are_scanned_those_without_an_api_server_skipped_and_a_failure_told() {
    let world = World::start();
    let (good, bad) = (api_server(), Server::tls("127.0.0.1", |_| http(403, "application/json", "{}")));
    world.add("c1", &good);
    world.sts.emulator.add_cluster(cluster("c2", &good).name("old").state("deleting")).unwrap();
    world.sts.emulator.add_cluster(cluster("c3", &good).name("swarm").kind("aliyun")).unwrap();
    let outcome = world.scan(&["-c", "all"]);
    assert!(
        outcome.stderr.contains("WARN cluster c2 (old) is skipped: its state is deleting"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("WARN cluster c3 (swarm) is skipped: it is a Swarm cluster"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.success(), format!("ClusterId: c1\n{TABLE}"));

    world.add("c4", &bad);
    let outcome = world.scan(&["-c", "all"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(
        outcome.stdout.contains(TABLE) && outcome.stdout.contains("ClusterId: c4\n"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stderr.contains("ERROR cluster c4 (c4): the API server"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("ERROR 1 of 2 clusters failed, see above"), "{}", outcome.stderr);
    let json = world.scan(&["-c", "all", "-o", "json"]);
    assert_eq!(json.code, Some(1));
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["clusters"].as_array().unwrap().len(), 2);
    assert!(json["clusters"].as_array().unwrap().iter().any(|cluster| cluster["error"].is_string()));
    assert_eq!(json["skipped"][0]["clusterId"], "c2");
}

#[test]
fn an_account_without_ram_users_has_deleted_ones_only() {
    let world = World::start();
    world.add("c1", &api_server());
    for empty in [r#"{"IsTruncated":false,"Users":{"User":[]}}"#, r#"{"IsTruncated":false,"Users":{}}"#] {
        let (content_type, body) = ("application/json".to_owned(), empty.as_bytes().to_vec());
        world.sts.emulator.fail("ListUsers", Fault::Garbage { content_type, body }.times(1));
        let table = world.scan(&["-c", "c1"]).success();
        assert!(table.contains(&format!("{ALICE_ID}  RamUser   (deleted)")), "{table}");
        assert!(table.ends_with(TABLE.split_once('\n').unwrap().1), "{table}");
    }
}

#[test]
fn what_an_api_server_does_wrong_is_one_line() {
    let endless = |request: &Received| {
        let page = if request.line.contains("continue=a") { "b" } else { "a" };
        list(&[], page)
    };
    // It would answer there, too.
    let elsewhere = |request: &Received| match request.line.contains("/elsewhere") {
        true => list(&[], ""),
        false => b"HTTP/1.1 302 X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\ncanary".to_vec(),
    };
    let large = format!(r#"{{"items":[{{"metadata":{{"name":"{}"}}}}]}}"#, "x".repeat(70 << 20));
    let world = World::start();
    for (id, server, said) in [
        (
            "c401",
            Server::tls("127.0.0.1", |_| http(401, "text/plain", "canary")),
            "does not accept the certificate",
        ),
        (
            "c403",
            Server::tls("127.0.0.1", |_| http(403, "text/plain", "canary")),
            "the caller may not (HTTP 403); let",
        ),
        ("c410", Server::tls("127.0.0.1", |_| http(410, "text/plain", "canary")), "run the command again"),
        ("c500", Server::tls("127.0.0.1", |_| http(500, "text/plain", "canary")), "answered HTTP 500"),
        ("c302", Server::tls("127.0.0.1", elsewhere), "answered HTTP 302"),
        ("chtml", Server::tls("127.0.0.1", |_| http(200, "text/html", "<canary>")), "no JSON"),
        (
            "cobject",
            Server::tls("127.0.0.1", |_| http(200, "application/json", r#"{"canary":1}"#)),
            "no list",
        ),
        ("csame", Server::tls("127.0.0.1", |_| list(&[], "canary")), "repeats itself"),
        ("cendless", Server::tls("127.0.0.1", endless), "does not end after 1000 pages"),
        (
            "clarge",
            Server::tls("127.0.0.1", move |_| http(200, "application/json", &large)),
            "longer than 67108864 bytes",
        ),
        ("cbroken", Server::tls("127.0.0.1", |_| Vec::new()), "where the API server has no public address"),
        ("cname", Server::tls("elsewhere.example", |_| list(&[], "")), "certificate"),
    ] {
        world.add(id, &server);
        let error = world.scan(&["-c", id]).error();
        assert!(error.contains(said) && error.contains(id), "{id}: {error}");
        assert!(error.contains(&server.address.to_string()), "{id}: {error}");
    }
}

#[test]
fn only_the_authority_of_the_kubeconfig_vouches_for_an_api_server() {
    let world = World::start();
    let (server, other) = (api_server(), api_server());
    // The machine trusts the server; the kubeconfig names somebody else's authority.
    let foreign =
        cluster("c1", &server).certificate_authority(&std::fs::read_to_string(other.ca_file()).unwrap());
    world.sts.emulator.add_cluster(foreign).unwrap();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let trusted = world.folder.path().join("trusted.pem");
    std::fs::write(&trusted, read(Path::new(&world.sts.ca)) + &read(&server.ca_file())).unwrap();
    let mut command = world.command(&["rbac", "scan-user-permissions", "-c", "c1"]);
    let error = terminal::outcome(command.env("SSL_CERT_FILE", &trusted)).error();
    assert!(error.contains("the API server") && error.contains("certificate"), "{error}");
    assert!(server.received().is_empty());
}

#[test]
fn what_the_services_refuse_is_one_line() {
    let world = World::start();
    world.add("c1", &api_server());
    let error = world.scan(&["-c", "c9"]).error();
    assert!(
        error.contains("Container Service refused DescribeClusterUserKubeconfig: ErrorClusterNotFound"),
        "{error}"
    );
    for (action, service) in [("GetCallerIdentity", "STS"), ("ListUsers", "RAM"), ("ListRoles", "RAM")] {
        let fault = Fault::Error { status: 403, code: "NoPermission".to_owned(), message: CANARY.to_owned() };
        world.sts.emulator.fail(action, fault.times(1));
        let error = world.scan(&["-c", "c1"]).error();
        assert!(error.starts_with(&format!("{service} refused {action}: NoPermission (HTTP 403")), "{error}");
    }
    let missing = world.scan(&[]).error();
    assert!(missing.contains("--cluster-id"), "{missing}");
}

#[test]
fn a_cleanup_backs_up_then_has_the_permissions_taken_away() {
    let world = World::start();
    world.add("c1", &api_server());
    let outcome = world.cleanup(&["-c", "c1", "-u", GONE, "-y"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, format!("{TABLE}UID: {GONE}\nLastActivity: none\n"));
    assert_eq!(world.cleaned(), [format!("c1 {GONE} true")]);
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(world.folder.path().join("c1").join(name)).unwrap()).unwrap()
    };
    let whole = read("ClusterRoleBinding--of-gone.json");
    assert_eq!(whole["kind"], "ClusterRoleBinding");
    assert_eq!(whole["apiVersion"], "rbac.authorization.k8s.io/v1");
    assert_eq!(whole["metadata"]["uid"], "u-1");
    assert_eq!(read("RoleBinding-ns-of-gone.json")["subjects"][0]["name"], GONE);
    assert_eq!(
        files(&world.folder.path().join("c1")),
        ["ClusterRoleBinding--of-gone.json", "RoleBinding-ns-of-gone.json"]
    );
}

#[test]
fn a_cleanup_goes_on_without_the_last_activity_and_tells_when_its_end_is_not_known() {
    let world = World::start();
    world.add("c1", &api_server());
    let fault = Fault::Error { status: 403, code: "StatusForbidden".to_owned(), message: CANARY.to_owned() };
    world.sts.emulator.fail("DescribeUserClusterActivityState", fault.times(1));
    world.sts.emulator.fail("CleanClusterUserPermissions", Fault::BreakConnection.times(1));
    let outcome = world.cleanup(&["-c", "c1", "-u", GONE, "-y"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stdout.ends_with("LastActivity: not known\n"), "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("the last activity of 299999999999999999 in cluster c1 is not known"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("may have been taken away nevertheless"), "{}", outcome.stderr);
    // What was backed up already is no hindrance the next time.
    let outcome = world.cleanup(&["-c", "c1", "-u", GONE, "-y"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!((world.cleaned().len(), files(&world.folder.path().join("c1")).len()), (1, 2));
}

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn nobody_is_cleaned_up_by_mistake() {
    let world = World::start();
    world.add("c1", &api_server());
    for (words, said) in [
        (&["-c", "c1", "-y"][..], "--user-id (-u) is missing"),
        (&["-c", "c1", "-y", "-u", "0"], "--user-id 0 names nobody"),
        (&["-c", "c1", "-y", "-u", "-1"], "-1"),
        (&["-c", "c1", "-y", "-u", "alice"], "alice"),
        (&["-y", "-u", GONE], "--cluster-id"),
        (&["-c", "c1", "-y", "-u", ALICE_ID], "is you, the caller"),
        (&["-c", "c1", "-y", "-u", ACCOUNT], "is the account itself (root)"),
        (&["-c", "c1", "-u", GONE], "no terminal"),
    ] {
        let outcome = world.cleanup(words);
        assert_eq!(outcome.code, Some(1), "{words:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(said), "{words:?}: {}", outcome.stderr);
    }
    assert_eq!(world.cleaned(), [""; 0]);
    assert_eq!(files(world.folder.path()), [""; 0]);
}

#[test]
fn whom_no_binding_names_may_still_have_a_certificate() {
    let world = World::start();
    world.add("c1", &api_server());
    let outcome = world.cleanup(&["-c", "c1", "-y", "-u", "288888888888888888"]);
    assert!(outcome.stderr.contains("no binding names 288888888888888888"), "{}", outcome.stderr);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(world.cleaned().len(), 1);
    assert_eq!(files(world.folder.path()), [""; 0], "there is nothing to back up");
}

#[test]
fn a_person_is_asked_after_the_listing_and_no_changes_nothing() {
    let world = World::start();
    world.add("c1", &api_server());
    let words = ["rbac", "cleanup-user-permissions", "-c", "c1", "-u", GONE];
    for no in ["n", "", "no", "\u{3}"] {
        let outcome = world.at_terminal(no, &words);
        assert_eq!(outcome.code, Some(0), "{no:?}: {}", outcome.stdout);
        let (before, after) = outcome.stdout.split_once("(y/N)").unwrap();
        assert!(before.contains("RoleBinding/ns/of-gone") && before.contains("? RamUser "), "{before}");
        assert!(after.contains("declined, nothing was changed"), "{after}");
        assert_eq!((world.cleaned().len(), files(world.folder.path()).len()), (0, 0));
    }
    let outcome = world.at_terminal("y", &words);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);
    assert_eq!(world.cleaned(), [format!("c1 {GONE} true")]);
    assert_eq!(files(&world.folder.path().join("c1")).len(), 2);
}

#[test]
fn without_a_backup_nothing_is_taken_away() {
    let world = World::start();
    world.add("c1", &api_server());
    std::fs::write(world.folder.path().join("c1"), "in the way").unwrap();
    let outcome = world.cleanup(&["-c", "c1", "-y", "-u", GONE]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("cannot write the backup ./c1"), "{}", outcome.stderr);
    assert_eq!(world.cleaned(), [""; 0]);
}

#[test]
fn a_cleanup_of_all_clusters_goes_on_after_a_failure_and_tells_it() {
    let world = World::start();
    let server = api_server();
    world.add("c1", &server);
    world.add("c2", &server);
    world.add("c3", &Server::tls("127.0.0.1", |_| http(500, "text/plain", "")));
    let cleaned = Arc::clone(&world.cleaned);
    world.sts.emulator.on_clean_permissions(move |clean| match clean.cluster_id.as_str() {
        "c1" => Err("canary".to_owned()),
        other => {
            cleaned.lock().unwrap().push(other.to_owned());
            Ok(())
        }
    });
    let outcome = world.cleanup(&["-c", "all", "-y", "-u", GONE, "-o", "json"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("ERROR 2 of 3 clusters failed"), "{}", outcome.stderr);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let mut outcomes: Vec<(&str, &str)> = report["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cluster| (cluster["clusterId"].as_str().unwrap(), cluster["outcome"].as_str().unwrap()))
        .collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, [("c1", "failed"), ("c2", "cleaned"), ("c3", "failed")]);
    assert_eq!(world.cleaned(), ["c2"]);
    // It was backed up before the failure.
    assert_eq!(files(&world.folder.path().join("c1")).len(), 2);
    let calls = |action: &str| {
        world.sts.emulator.requests().iter().filter(|request| request.action == action).count()
    };
    assert_eq!(calls("CleanClusterUserPermissions"), 2, "a call that changes something was made twice");
}

#[test]
fn what_a_service_says_does_not_draw_over_the_question() {
    let world = World::start();
    world.add("c1", &api_server());
    let activity = json!({"last_activity": "\u{1b}[2J\u{1b}[Hnever ".repeat(100)});
    world.sts.emulator.fail("DescribeUserClusterActivityState", says(&activity).times(1));
    let outcome = world.at_terminal("n", &["rbac", "cleanup-user-permissions", "-c", "c1", "-u", GONE]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("LastActivity: ?[2J?[Hnever"), "{:?}", outcome.stdout);
    assert!(
        outcome.stdout.contains(&format!("? RamUser {GONE} (deleted): take it out of 2 bindings, and revoke what ACK has issued for it in cluster c1"))
    );
    assert!(!outcome.stdout.contains("\u{1b}[2J") && outcome.stdout.len() < 2000, "{:?}", outcome.stdout);
}

/// The next answer says this, whatever is asked.
fn says(value: &Value) -> Fault {
    Fault::Garbage { content_type: "application/json".to_owned(), body: value.to_string().into_bytes() }
}

#[test]
fn an_id_that_is_none_names_no_folder_and_is_not_asked_about() {
    let world = World::start();
    for id in ["../../evil", "/tmp/evil", "c1\u{1b}[2J", ".."] {
        let clusters = json!({"clusters": [{"cluster_id": id, "name": "x", "state": "running"}],
            "page_info": {"total_count": 1}});
        world.sts.emulator.fail("DescribeClustersV1", says(&clusters).times(1));
        let outcome = world.cleanup(&["-c", "all", "-y", "-u", GONE, "-o", "json"]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("its id is not that of a cluster"), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains('\u{1b}'), "{:?}", outcome.stderr);
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(report["clusters"], json!([]));
    }
    let asked = world.sts.emulator.requests();
    assert!(!asked.iter().any(|request| request.action == "DescribeClusterUserKubeconfig"));
    assert_eq!(files(world.folder.path()), [""; 0]);
}
