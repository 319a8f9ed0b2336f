//! The modes of the aliyun CLI's file that log in somewhere, or run a program, with the program itself, the machine's own
//! files, and the emulator under its real host names.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use emulator::{Config, Emulator, Fault};
use serde_json::{Value, json};
use support::{Outcome, run, token_of};
use tokio::runtime::Runtime;

const KEY_PAIR: &str = "TMPRSA.canarypair";

/// An emulator, a proxy that leads real names to it, and a home with an aliyun CLI file.
struct Rig {
    emulator: Emulator,
    home: tempfile::TempDir,
    _runtime: Runtime,
}

impl Rig {
    fn start(profile: &Value, public_key: &str) -> Self {
        let key_pairs = match public_key {
            "" => String::new(),
            text => format!(
                "        keyPairs:\n          - id: {KEY_PAIR}\n            publicKey: |\n{}",
                text.lines().map(|line| format!("              {line}\n")).collect::<String>()
            ),
        };
        let config = format!(
            r#"
accounts:
  - id: "1234567890123456"
    users:
      - name: alice
        id: "222222222222222222"
        accessKeys: [{{id: LTAIalice, secret: canary-alice}}]
{key_pairs}
    roles:
      - name: dev
        id: "333333333333333333"
        trustPolicy:
          Version: "1"
          Statement:
            - {{Effect: Allow, Action: "sts:AssumeRole", Principal: {{RAM: ["acs:ram::1234567890123456:root"]}}}}
cloudSso:
  host: signin-cn-shanghai.alibabacloudsso.com
  accessTokens:
    - {{token: canary-sso, user: alice@example.com}}
  accessConfigurations:
    - {{id: ac-00x, account: "1234567890123456", role: dev}}
oauth:
  rotateRefreshTokens: true
  users:
    - {{account: "1234567890123456", user: alice, refreshToken: canary-refresh, accessToken: canary-access}}
"#
        );
        let runtime = Runtime::new().unwrap();
        let config = Config::from_yaml(&config, "test").unwrap();
        let builder = Emulator::builder(config).proxy_listen("127.0.0.1:0".parse().unwrap());
        let emulator = runtime.block_on(builder.start()).unwrap();
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aliyun")).unwrap();
        let rig = Self { emulator, home, _runtime: runtime };
        rig.write(profile);
        rig
    }

    fn file(&self) -> PathBuf {
        self.home.path().join(".aliyun").join("config.json")
    }

    fn write(&self, profile: &Value) {
        let config = json!({"current": "me", "profiles": [profile], "unknown": 1.50});
        std::fs::write(self.file(), serde_json::to_string_pretty(&config).unwrap()).unwrap();
    }

    fn profile(&self) -> Value {
        let config: Value = serde_json::from_str(&std::fs::read_to_string(self.file()).unwrap()).unwrap();
        config["profiles"][0].clone()
    }

    fn variables(&self) -> Vec<(String, String)> {
        [
            ("HOME", self.home.path().to_str().unwrap().to_owned()),
            ("HTTPS_PROXY", self.emulator.proxy_url().unwrap()),
            ("SSL_CERT_FILE", self.emulator.ca_file().to_str().unwrap().to_owned()),
            ("PATH", format!("{}:/usr/bin:/bin", self.home.path().display())),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        let variables = self.variables();
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        run(arguments, &variables)
    }

    /// Who STS says that the credentials belong to.
    fn who(&self) -> String {
        let stdout = self.run(&["auth", "whoami"]).success();
        let line = stdout.lines().find(|line| line.starts_with("Arn")).unwrap_or_else(|| panic!("{stdout}"));
        line.split_whitespace().nth(1).unwrap().to_owned()
    }

    /// How often an operation was asked for.
    fn asked(&self, path: &str) -> usize {
        self.emulator.requests().iter().filter(|request| request.raw.target.starts_with(path)).count()
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.home.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

const GET_TOKEN: [&str; 4] = ["credential-plugin", "get-token", "--cluster-id", "c1"];

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn cloud_sso() -> Value {
    json!({"name": "me", "mode": "CloudSSO", "region_id": "cn-shanghai", "cloud_sso_account_id": "1234567890123456",
        "cloud_sso_access_config": "ac-00x", "access_token": "canary-sso",
        "cloud_sso_sign_in_url": "https://signin-cn-shanghai.alibabacloudsso.com/device/login",
        "cloud_sso_access_token_expire": now() + 600})
}

fn oauth() -> Value {
    json!({"name": "me", "mode": "OAuth", "region_id": "cn-shanghai", "oauth_site_type": "CN",
        "oauth_access_token": "canary-old", "oauth_refresh_token": "canary-refresh",
        "oauth_access_token_expire": now() - 10})
}

#[test]
fn a_login_at_cloud_sso_is_used_and_its_keys_are_kept_in_a_file_that_stays_private() {
    let rig = Rig::start(&cloud_sso(), "");
    // A link, and a mode that is too wide: the link stays, the mode gets no wider.
    let real = rig.home.path().join("real.json");
    std::fs::rename(rig.file(), &real).unwrap();
    std::os::unix::fs::symlink(&real, rig.file()).unwrap();
    assert_eq!(rig.who(), "acs:ram::1234567890123456:role/dev");
    assert_eq!(rig.asked("/cloud-credentials"), 1);
    assert!(rig.profile()["access_key_id"].as_str().unwrap().starts_with("STS."));
    assert!(std::fs::symlink_metadata(rig.file()).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o077, 0);
    // The next ones find the keys.
    assert!(!token_of(&rig.run(&GET_TOKEN).success()).is_empty());
    assert_eq!(rig.asked("/cloud-credentials"), 1);
}

#[test]
fn a_login_in_the_browser_is_renewed_once_for_twenty_at_once() {
    let rig = Rig::start(&oauth(), "");
    let children: Vec<_> = (0..20)
        .map(|_| {
            Command::new(env!("CARGO_BIN_EXE_ack-ram-tool"))
                .args(GET_TOKEN)
                .env_clear()
                .envs(rig.variables())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    // Refresh tokens are good for one use: a second one would have failed.
    assert_eq!((rig.asked("/v1/token"), rig.asked("/v1/exchange")), (1, 1));
    assert_ne!(rig.profile()["oauth_refresh_token"], "canary-refresh");
    assert_eq!(rig.who(), "acs:ram::1234567890123456:user/alice");

    // An hour later: the new refresh token is good.
    let mut later = rig.profile();
    later["sts_expiration"] = json!(1);
    later["oauth_access_token_expire"] = json!(1);
    rig.write(&later);
    assert_eq!(rig.who(), "acs:ram::1234567890123456:user/alice");
    assert_eq!(rig.asked("/v1/token"), 2);
}

/// Kubeconfigs say `--log-level error`: a login that is lost must be told all the same.
#[test]
fn a_lost_refresh_token_is_told_at_every_log_level() {
    let rig = Rig::start(&oauth(), "");
    // The longest name that a file can have: nothing can be written beside it, root or not.
    let file = rig.home.path().join(format!("{}.json", "x".repeat(230)));
    std::fs::rename(rig.file(), &file).unwrap();
    let before = std::fs::read(&file).unwrap();
    let file = file.to_str().unwrap();
    let outcome = rig.run(&[&GET_TOKEN[..], &["--profile-file", file, "--log-level", "error"]].concat());
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "the warning about the keys is hidden, the loss is not: {lines:?}");
    assert!(lines[0].contains(" ERROR ") && lines[0].contains("THE NEW REFRESH TOKEN IS LOST"), "{lines:?}");
    assert!(!outcome.stderr.contains("canary"), "{lines:?}");
    assert!(!token_of(&outcome.success()).is_empty());
    assert_eq!(std::fs::read(file).unwrap(), before);
}

#[test]
fn a_login_that_is_over_names_the_command_that_renews_it() {
    let mut profile = oauth();
    profile["oauth_refresh_token"] = json!("canary-unknown");
    let rig = Rig::start(&profile, "");
    let error = rig.run(&GET_TOKEN).error();
    assert!(error.contains("aliyun configure --mode OAuth --oauth-site-type CN --profile me"), "{error}");
    let mut profile = cloud_sso();
    profile["access_token"] = json!("canary-unknown");
    rig.write(&profile);
    let error = rig.run(&GET_TOKEN).error();
    assert!(error.contains("aliyun configure --mode CloudSSO --profile me"), "{error}");
    rig.write(&cloud_sso());
    rig.emulator.fail("*", Fault::BreakConnection);
    let error = rig.run(&GET_TOKEN).error();
    assert!(error.contains("the connection broke") && !error.contains("aliyun configure"), "{error}");
}

#[test]
fn an_rsa_key_pair_gets_a_session_key() {
    let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let profile = json!({"name": "me", "mode": "RsaKeyPair", "region_id": "cn-hangzhou", "key_pair_name": KEY_PAIR,
        "private_key": "~/rsa.pem", "expired_seconds": 900});
    let rig = Rig::start(&profile, &pair.public_key_pem());
    std::fs::write(rig.home.path().join("rsa.pem"), pair.serialize_pem()).unwrap();
    assert_eq!(rig.who(), "acs:ram::1234567890123456:user/alice");
    assert!(!token_of(&rig.run(&GET_TOKEN).success()).is_empty());
    // The request is worth something to whoever gets it: it is not sent to an endpoint that anybody can name.
    let [command, plugin, flag, id] = GET_TOKEN;
    let error = rig.run(&[command, plugin, flag, id, "--sts-endpoint", "sts.example"]).error();
    assert!(error.contains("does not cover the host") && error.contains("sts.example"), "{error}");
    let hosts: Vec<String> =
        rig.emulator.proxy_requests().iter().map(|request| request.target.clone()).collect();
    assert!(!hosts.is_empty() && hosts.iter().all(|host| host == "sts.aliyuncs.com:443"), "{hosts:?}");
}

#[test]
fn the_documented_program_of_cloud_sso_prints_keys_and_talks_on_stderr() {
    let profile = json!({"name": "me", "mode": "External", "process_command": "acs-sso login --profile sso"});
    let rig = Rig::start(&profile, "");
    rig.program(
        "acs-sso",
        r#"[ "$*" = "login --profile sso" ] || exit 9
echo "Signin URL: https://signin-x.alibabacloudsso.com/device/code" >&2
echo '{"mode": "AK", "access_key_id": "LTAIalice", "access_key_secret": "canary-alice"}'"#,
    );
    let outcome = rig.run(&GET_TOKEN);
    assert!(outcome.stderr.contains("Signin URL: "), "its words are not shown: {}", outcome.stderr);
    assert!(!token_of(&outcome.success()).is_empty());
    assert_eq!(rig.who(), "acs:ram::1234567890123456:user/alice");

    rig.program("acs-sso", "echo canary; exit 3");
    let error = rig.run(&GET_TOKEN).error();
    assert!(error.contains("\"acs-sso\"") && error.contains("ended with status 3"), "{error}");
    std::fs::remove_file(rig.home.path().join("acs-sso")).unwrap();
    let error = rig.run(&GET_TOKEN).error();
    assert!(error.contains("not found in the PATH") && error.contains("/usr/bin:/bin"), "{error}");
}

/// Runs a program as kubectl does: on a terminal, but with stdin from nowhere and stdout into a file. Types an answer two
/// and a half seconds after the question, and prints what the terminal showed.
const AT_A_TERMINAL: &str = r#"
import json, os, pty, sys, time
question, answer, variables, stdout = sys.argv[1].encode(), sys.argv[2].encode(), json.loads(sys.argv[3]), sys.argv[4]
program = sys.argv[5:]
pid, terminal = pty.fork()
if pid == 0:
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(os.open(stdout, os.O_WRONLY | os.O_CREAT), 1)
    os.execve(program[0], program, variables)
shown, answered = b"", False
while True:
    try:
        more = os.read(terminal, 1024)
    except OSError:
        more = b""
    if not more:
        break
    shown += more
    if question in shown and not answered:
        time.sleep(2.5)
        os.write(terminal, answer + b"\n")
        answered = True
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

#[test]
fn a_program_asks_the_person_at_the_terminal_though_kubectl_keeps_stdin() {
    let profile = json!({"name": "me", "mode": "External", "process_command": "acs-sso"});
    let rig = Rig::start(&profile, "");
    rig.program(
        "acs-sso",
        r#"printf 'MFA code: ' >&2
read code
[ "$code" = 123456 ] || exit 7
echo '{"mode": "AK", "access_key_id": "LTAIalice", "access_key_secret": "canary-alice"}'"#,
    );
    let mut variables: std::collections::BTreeMap<String, String> = rig.variables().into_iter().collect();
    variables.insert("KUBERNETES_EXEC_INFO".to_owned(), EXEC_INFO.to_owned());
    let stdout = rig.home.path().join("stdout");
    let output = Command::new("python3")
        .args(["-c", AT_A_TERMINAL, "MFA code: ", "123456", &serde_json::to_string(&variables).unwrap()])
        .arg(&stdout)
        .arg(env!("CARGO_BIN_EXE_ack-ram-tool"))
        .args(GET_TOKEN)
        .stderr(Stdio::inherit())
        .output()
        .expect("python3 is missing: install Python 3");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown:?}");
    assert!(!token_of(&std::fs::read_to_string(&stdout).unwrap()).is_empty());
    // What is shown while something takes long must not run over the question.
    let after = shown.split("MFA code: ").nth(1).unwrap();
    assert_eq!(after.replace(['\r', '\n'], ""), "123456", "{shown:?}");
}

const EXEC_INFO: &str =
    r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":true}}"#;
