//! Where `get-token` finds its credentials: flags, variables and files, and who the token is for then.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]

mod support;

use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use openapi::network::{ProxyRules, Trust};
use openapi::sts::{AssumeRole, Client, ClientOptions, PresignedRequest};
use support::{ALICE, Sts, run, token_of};
use token::Rules;

const CLUSTER: &str = "c5e1a2b3c4d5e6f708192a3b4c5d6e7f8";
const DEV: &str = "acs:ram::1234567890123456:role/dev";
const OPS: &str = "acs:ram::1234567890123456:role/ops";

/// A person's folder.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn write(&self, path: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The aliyun CLI's file with these profiles; the first is the current one.
    fn aliyun_cli(&self, profiles: &[String]) {
        self.write(".aliyun/config.json", &config(profiles));
    }

    fn variables<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [&[("HOME", self.path())], more].concat()
    }
}

fn config(profiles: &[String]) -> String {
    format!(r#"{{"current":"default","profiles":[{}],"meta_path":""}}"#, profiles.join(","))
}

fn ak(name: &str, id: &str) -> String {
    format!(r#"{{"name":"{name}","mode":"AK","access_key_id":"{id}","access_key_secret":"canary-alice"}}"#)
}

fn ini(section: &str, id: &str) -> String {
    format!("[{section}]\ntype=access_key\naccess_key_id={id}\naccess_key_secret=canary-alice\n")
}

fn get_token(more: &[&str], variables: &[(&str, &str)]) -> support::Outcome {
    run(&[&["credential-plugin", "get-token", "-c", CLUSTER][..], more].concat(), variables)
}

/// The access key id that the token is signed with.
fn key_id(more: &[&str], variables: &[(&str, &str)]) -> String {
    let stdout = get_token(more, variables).success();
    let token = token::decode(&token_of(&stdout), &Rules::for_cluster(CLUSTER), Timestamp::now()).unwrap();
    token.access_key_id().to_owned()
}

#[test]
fn the_environment_then_the_aliyun_cli_then_the_ini_file() {
    let home = Home::new();
    let text = get_token(&[], &home.variables(&[])).error();
    let (cli, ini_file) = (".aliyun/config.json does not exist", ".alibabacloud/credentials does not exist");
    let at = |wanted: &str| text.find(wanted).unwrap_or_else(|| panic!("{wanted}: {text}"));
    assert!(at("ALIBABA_CLOUD_ACCESS_KEY_ID") < at(cli) && at(cli) < at(ini_file), "{text}");

    home.write(".alibabacloud/credentials", &ini("default", "LTAIini"));
    assert_eq!(key_id(&[], &home.variables(&[])), "LTAIini");
    home.aliyun_cli(&[ak("default", "LTAIcli"), ak("other", "LTAIother")]);
    assert_eq!(key_id(&[], &home.variables(&[])), "LTAIcli");
    assert_eq!(key_id(&[], &home.variables(&ALICE)), "LTAIalice");
    assert_eq!(key_id(&["--ignore-env-credentials"], &home.variables(&ALICE)), "LTAIcli");
    let both = ["--ignore-env-credentials", "--ignore-aliyun-cli-credentials"];
    assert_eq!(key_id(&both, &home.variables(&ALICE)), "LTAIini");
    let switch = [ALICE[0], ALICE[1], ("ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS", "1")];
    assert_eq!(key_id(&[], &home.variables(&switch)), "LTAIcli");
    let switch = [("ACK_RAM_TOOL_IGNORE_ALIYUN_CLI_CREDENTIALS", "true")];
    assert_eq!(key_id(&[], &home.variables(&switch)), "LTAIini");
}

#[test]
fn the_profile_is_named_by_the_flag_its_variables_or_the_file() {
    let home = Home::new();
    home.aliyun_cli(&["default", "a", "b", "c", "d"].map(|name| ak(name, &format!("LTAI{name}"))));
    let all = [
        ("ACK_RAM_TOOL_PROFILE_NAME", "b"),
        ("ACK_RAM_TOOL_PROFIL_ENAME", "c"),
        ("ALIBABA_CLOUD_PROFILE", "d"),
    ];
    assert_eq!(key_id(&["--profile-name", "a"], &home.variables(&all)), "LTAIa");
    for (from, wanted) in [(0, "LTAIb"), (1, "LTAIc"), (2, "LTAId"), (3, "LTAIdefault")] {
        assert_eq!(key_id(&[], &home.variables(&all[from..])), wanted);
    }
    let text = get_token(&["--profile-name", "x"], &home.variables(&[])).error();
    assert!(text.contains(r#"no profile "x" (named by --profile-name)"#), "{text}");
}

#[test]
fn a_file_of_the_flag_takes_the_place_of_all_others() {
    let home = Home::new();
    home.aliyun_cli(&[ak("default", "LTAIcli")]);
    home.write(".alibabacloud/credentials", &ini("default", "LTAIini"));
    let json = home.write("my.json", &config(&[ak("default", "LTAIjson")]));
    let other = home.write("my.ini", &(ini("default", "LTAImine") + &ini("ci", "LTAIci")));
    let (json, other) = (json.to_str().unwrap(), other.to_str().unwrap());
    let variables = home.variables(&ALICE);
    assert_eq!(key_id(&["--profile-file", json], &variables), "LTAIjson");
    assert_eq!(key_id(&["--profile-file", "~/my.json"], &variables), "LTAIjson");
    assert_eq!(key_id(&["--profile-file", other], &variables), "LTAImine");
    assert_eq!(key_id(&["--profile-file", other, "--profile-name", "ci"], &variables), "LTAIci");
    let ignored = ["--profile-file", json, "--ignore-aliyun-cli-credentials"];
    assert_eq!(key_id(&ignored, &variables), "LTAIini");
    let variable = home.variables(&[ALICE[0], ALICE[1], ("ACK_RAM_TOOL_PROFILE_FILE", json)]);
    assert_eq!(key_id(&[], &variable), "LTAIjson");
    let text = get_token(&["--profile-file", "/nowhere.json"], &variables).error();
    assert_eq!(text, "the file /nowhere.json of --profile-file does not exist");
    let text = get_token(&["--profile-file", "nowhere"], &variables).error();
    let here = std::env::current_dir().unwrap().join("nowhere");
    assert_eq!(text, format!("the file {} of --profile-file does not exist", here.display()));
}

/// Who the token is for, as the server that gets it finds out.
fn principal(sts: &Sts, stdout: &str) -> identity::Principal {
    let token = token::decode(&token_of(stdout), &Rules::for_cluster(CLUSTER), Timestamp::now()).unwrap();
    let request = token.request();
    let options = ClientOptions::new(sts.endpoint.parse().unwrap(), "test");
    let trust = Trust::File(sts.ca.clone().into());
    let client = Client::with_network(&options, &trust, &ProxyRules::default()).unwrap();
    let presigned = PresignedRequest {
        method: request.method.to_owned(),
        query: request.query,
        headers: request.headers,
    };
    sts.runtime.block_on(client.get_caller_identity_presigned(&presigned)).unwrap().0
}

fn role(name: &str, mode: &str, arn: &str, more: &str) -> String {
    format!(
        r#"{{"name":"{name}","mode":"{mode}","ram_role_arn":"{arn}","ram_session_name":"s-{name}",{more}}}"#
    )
}

#[test]
fn the_roles_of_profiles_are_assumed_at_an_sts_that_checks_everything() {
    let sts = Sts::start();
    let home = Home::new();
    let alice = r#""access_key_id":"LTAIalice","access_key_secret":"canary-alice""#;
    home.aliyun_cli(&[
        ak("default", "LTAIalice"),
        role("dev", "RamRoleArn", DEV, &format!(r#"{alice},"expired_seconds":900"#)),
        role("ops", "ChainableRamRoleArn", OPS, r#""source_profile":"dev""#),
        role("self", "ChainableRamRoleArn", OPS, r#""source_profile":"self""#),
    ]);
    let variables =
        home.variables(&[("SSL_CERT_FILE", &sts.ca), ("ALIBABA_CLOUD_STS_ENDPOINT", &sts.endpoint)]);
    let who = |flags: &[&str]| principal(&sts, &get_token(flags, &variables).success());
    assert_eq!(who(&[]).canonical_arn(), "acs:ram::1234567890123456:user/alice");
    let dev = who(&["--profile-name", "dev"]);
    assert_eq!((dev.canonical_arn(), dev.session_name()), (DEV.to_owned().as_str(), "s-dev"));
    let ops = who(&["--profile-name", "ops"]);
    assert_eq!((ops.canonical_arn(), ops.session_name()), (OPS.to_owned().as_str(), "s-ops"));
    assert_eq!(who(&["--profile-name", "dev", "--role-arn", OPS]).canonical_arn(), OPS);

    let text = get_token(&["-v", "--profile-name", "self"], &variables).error();
    assert!(text.contains(r#"the profile stands on itself: "self" -> "self""#), "{text}");
}

#[test]
fn temporary_keys_and_roles_of_both_kinds_of_file_log_in() {
    let sts = Sts::start();
    let options = ClientOptions::new(sts.endpoint.parse().unwrap(), "test");
    let client =
        Client::with_network(&options, &Trust::File(sts.ca.clone().into()), &ProxyRules::default()).unwrap();
    let alice = openapi::Credentials {
        access_key_id: "LTAIalice".to_owned(),
        access_key_secret: signature::Secret::new("canary-alice"),
        security_token: None,
        expiration: None,
    };
    let request = AssumeRole::new(DEV, "someone".parse().unwrap());
    let keys = sts.runtime.block_on(client.assume_role(&alice, &request, Timestamp::now())).unwrap();
    let (id, secret) = (&keys.access_key_id, keys.access_key_secret.expose());
    let token = keys.security_token.as_ref().unwrap().expose();

    let home = Home::new();
    let key = format!(r#""access_key_id":"{id}","access_key_secret":"{secret}","sts_token":"{token}""#);
    home.aliyun_cli(&[
        format!(r#"{{"name":"default","mode":"StsToken",{key}}}"#),
        role("ops", "RamRoleArn", OPS, &key),
    ]);
    let variables =
        home.variables(&[("SSL_CERT_FILE", &sts.ca), ("ALIBABA_CLOUD_STS_ENDPOINT", &sts.endpoint)]);
    let who = |flags: &[&str]| {
        let principal = principal(&sts, &get_token(flags, &variables).success());
        (principal.canonical_arn().to_owned(), principal.session_name().to_owned())
    };
    assert_eq!(who(&[]), (DEV.to_owned(), "someone".to_owned()));
    assert_eq!(who(&["--profile-name", "ops"]), (OPS.to_owned(), "s-ops".to_owned()));

    let temporary = format!("[default]\ntype=sts\naccess_key_id={id}\naccess_key_secret={secret}\n");
    let keys = "access_key_id=LTAIalice\naccess_key_secret=canary-alice\n";
    let roles = format!("[role]\ntype=ram_role_arn\n{keys}role_arn={DEV}\nrole_session_name=by-ini\n");
    for name in ["sts_token", "security_token"] {
        let file = home.write("my.ini", &format!("{temporary}{name} = {token}\n{roles}"));
        let file = file.to_str().unwrap();
        assert_eq!(who(&["--profile-file", file]), (DEV.to_owned(), "someone".to_owned()));
        let role = who(&["--profile-file", file, "--profile-name", "role"]);
        assert_eq!(role, (DEV.to_owned(), "by-ini".to_owned()));
    }
}

#[test]
fn each_fault_of_a_file_gives_its_own_line() {
    let home = Home::new();
    let file = home.0.path().join(".aliyun/config.json");
    let broken = |content: &[u8]| {
        home.write(".aliyun/config.json", "");
        std::fs::write(&file, content).unwrap();
        let text = get_token(&["-v"], &home.variables(&[])).error();
        assert!(text.contains(file.to_str().unwrap()), "{text}");
        text
    };
    assert!(broken(b"").contains("it is empty"));
    assert!(broken(b"{\"current\": canary}").contains("not valid JSON (line 1, column 13)"));
    assert!(broken(b"[\"canary\"]").contains("it holds no JSON object"));
    assert!(broken(b"\xff\xfecanary").contains("it is not UTF-8 text"));
    assert!(broken(&vec![b' '; 1024 * 1024 + 1]).contains("it is larger than 1 MiB"));
    assert!(broken(config(&[ak("a", "LTAIa")]).as_bytes()).contains("no profile \"default\""));
    let mode = |mode: &str| config(&[format!(r#"{{"name":"default","mode":"{mode}"}}"#)]);
    assert!(broken(mode("canary").as_bytes()).contains("mode is none of AK"));
    assert!(broken(mode("AK").as_bytes()).contains("access_key_id in profile \"default\""));
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let text = get_token(&[], &home.variables(&[])).error();
    assert!(text.contains("it is a directory"), "{text}");
}

#[test]
fn nothing_is_read_that_is_not_needed() {
    // Directories instead of files: whoever reads one fails.
    let home = Home::new();
    std::fs::create_dir_all(home.0.path().join(".aliyun/config.json")).unwrap();
    std::fs::create_dir_all(home.0.path().join(".alibabacloud/credentials")).unwrap();
    assert_eq!(key_id(&[], &home.variables(&ALICE)), "LTAIalice");
    let text = get_token(&["--ignore-env-credentials"], &home.variables(&ALICE)).error();
    assert!(text.contains("it is a directory"), "{text}");
}

/// A proxy that counts who comes.
fn proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    (address, count)
}

/// The address is one that nobody has (TEST-NET-1, RFC 5737): a loopback address would be kept from the proxy anyway.
#[test]
fn the_metadata_service_is_never_asked_through_a_proxy() {
    let (address, count) = proxy();
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let variables: Vec<(&str, &str)> = names.iter().map(|name| (*name, address.as_str())).collect();
    let started = Instant::now();
    let metadata = [&variables[..], &[("ALIBABA_CLOUD_IMDS_ENDPOINT", "http://192.0.2.1")]].concat();
    let text = get_token(&["--credential-type", "imds"], &metadata).error();
    assert!(text.contains("the ECS metadata service at http://192.0.2.1"), "{text}");
    // The limit is 0.8 s; the rest is for a machine that is busy.
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(count.load(Ordering::SeqCst), 0);
    let uri = [&variables[..], &[("ALIBABA_CLOUD_CREDENTIALS_URI", "http://192.0.2.1/x")]].concat();
    get_token(&[], &uri).error();
    assert_eq!(count.load(Ordering::SeqCst), 0, "keys would pass the proxy readable");
}

#[test]
fn the_metadata_service_alone_is_asked_where_the_flag_or_its_variable_says_so() {
    let nowhere = ("ALIBABA_CLOUD_IMDS_ENDPOINT", "http://127.0.0.1:1");
    let wanted = "the ECS metadata service at http://127.0.0.1:1";
    for kind in ["imds", "ecs-role"] {
        let text = get_token(&["--credential-type", kind], &[&ALICE[..], &[nowhere]].concat()).error();
        assert!(text.contains(wanted), "{text}");
        let variable = [&ALICE[..], &[nowhere, ("ACK_RAM_TOOL_CREDENTIAL_TYPE", kind)]].concat();
        let text = get_token(&[], &variable).error();
        assert!(text.contains(wanted), "{text}");
        assert_eq!(key_id(&["--credential-type", "auto"], &variable), "LTAIalice");
    }
}
