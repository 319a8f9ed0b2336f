//! Mode `External` of the aliyun CLI's file: a program that prints a profile.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use openapi::Credentials;
use openapi::credentials::{
    Context, CredentialError, Environment, Program, ProgramOutput, Search, Setting, Source,
};
use openapi::network::Trust;
use serde_json::json;
use support::machine::{context, environment, now};
use support::{Server, json as answer};

const KEYS: &str =
    r#"{"mode":"StsToken","access_key_id":"STS.x","access_key_secret":"canary-s","sts_token":"canary-t"}"#;

/// A folder with programs, which is the `PATH`, and an aliyun CLI file.
struct Machine(tempfile::TempDir);

impl Machine {
    /// The current profile `sso` runs `command`.
    fn new(command: &str) -> Self {
        Self::with(&json!({"current": "sso", "profiles": [
            {"name": "sso", "mode": "External", "process_command": command, "region_id": "cn-hangzhou"},
            {"name": "keys", "mode": "AK", "access_key_id": "LTAIkeys", "access_key_secret": "canary-k"},
        ]}))
    }

    fn with(config: &serde_json::Value) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        std::fs::write(machine.path("config.json"), config.to_string()).unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A program of this name; `script` is a shell's.
    fn program(self, name: &str, script: &str) -> Self {
        std::fs::write(self.path(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn find(&self, environment: &Environment<'_>) -> Result<Source, CredentialError> {
        let file = self.path("config.json").to_str().unwrap().to_owned();
        Source::find(&Search {
            profile_file: Some(Setting { origin: "--profile-file".to_owned(), value: file }),
            ..Search::new(*environment, now())
        })
    }

    fn fetch(&self) -> Result<Credentials, CredentialError> {
        self.fetch_from("sts.invalid", Trust::from_environment(&|_| None))
    }

    fn fetch_from(&self, sts: &str, trust: Trust) -> Result<Credentials, CredentialError> {
        self.fetch_with(&[], sts, trust)
    }

    /// Programs are looked for in this machine's folder, as the real one looks for them in the `PATH`.
    fn fetch_with(
        &self,
        more: &[(&str, &str)],
        sts: &str,
        trust: Trust,
    ) -> Result<Credentials, CredentialError> {
        let folder = self.0.path().to_str().unwrap();
        let variable = |name: &str| {
            let given = more.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            given.or_else(|| (name == "PATH").then(|| folder.to_owned()))
        };
        let real = environment(&variable);
        let run_program = |program: &Program| -> io::Result<ProgramOutput> {
            let mut program = program.clone();
            if !program.name.contains('/') {
                program.name = self.path(&program.name).to_str().unwrap().to_owned();
            }
            (real.run_program)(&program)
        };
        let environment = Environment { run_program: &run_program, ..real };
        let source = self.find(&environment)?;
        assert!(source.immediate().is_none());
        let context = Context { environment, ..context(sts, trust) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(source.fetch(&context, None))
    }

    fn fails(&self) -> String {
        let error = self.fetch().unwrap_err().to_string();
        assert!(!error.contains('\n') && !error.contains("canary"), "{error}");
        error
    }
}

fn prints(text: &str) -> String {
    format!("cat <<'END'\n{text}\nEND")
}

#[test]
fn acs_sso_as_documented() {
    // It tells the person where to log in on stderr, and prints a profile.
    let machine = Machine::new("acs-sso login --profile sso").program(
        "acs-sso",
        &format!(
            "[ \"$*\" = 'login --profile sso' ] || exit 9\n\
             echo 'If your browser is not opened, use: https://signin-x.alibabacloudsso.com' >&2\n{}",
            prints(KEYS)
        ),
    );
    let credentials = machine.fetch().unwrap();
    assert_eq!(credentials.access_key_id, "STS.x");
    assert_eq!(credentials.access_key_secret.expose(), "canary-s");
    assert_eq!(credentials.security_token.unwrap().expose(), "canary-t");
}

#[test]
fn nothing_is_run_until_credentials_are_needed() {
    let machine = Machine::new("acs-sso login").program("acs-sso", "touch \"$0.ran\"; exit 1");
    let source = machine.find(&environment(&|_| None)).unwrap();
    assert!(source.name().starts_with("external program"), "{}", source.name());
    assert!(!machine.path("acs-sso.ran").exists());
    machine.fails();
    assert!(machine.path("acs-sso.ran").exists());
}

#[test]
fn the_profile_may_stand_amid_text() {
    let text = format!("Welcome {{user}}.\n  ok: {KEYS} Bye.");
    let machine = Machine::new("p").program("p", &prints(&text));
    assert_eq!(machine.fetch().unwrap().access_key_id, "STS.x");
}

#[test]
fn the_words_of_the_command_are_split_at_blanks_and_no_shell_reads_them() {
    let script = "[ $# = 3 ] && [ \"$1\" = '\"a' ] && [ \"$2\" = 'b\";' ] && [ \"$3\" = '$(touch${IFS}x)' ] || exit 9\n";
    let machine =
        Machine::new(" p   \"a b\"; \t $(touch${IFS}x) ").program("p", &(script.to_owned() + &prints(KEYS)));
    machine.fetch().unwrap();
}

#[test]
fn every_mode_can_be_printed_also_one_that_builds_on_the_file() {
    let ak = r#"{"mode":"AK","access_key_id":"LTAIx","access_key_secret":"s"}"#;
    assert_eq!(Machine::new("p").program("p", &prints(ak)).fetch().unwrap().access_key_id, "LTAIx");

    // A chain onto a profile of the file.
    const SESSION: &str = r#"{"RequestId":"R-1","Credentials":{"AccessKeyId":"STS.role","AccessKeySecret":"s",
        "SecurityToken":"t","Expiration":"2026-11-22T16:30:20Z"}}"#;
    let sts = Server::tls("127.0.0.1", |_| answer(200, SESSION));
    let chain = r#"{"mode":"ChainableRamRoleArn","source_profile":"keys","ram_session_name":"alice",
        "ram_role_arn":"acs:ram::1234567890123456:role/dev"}"#;
    let machine = Machine::new("p").program("p", &prints(chain));
    let credentials = machine.fetch_from(&sts.address.to_string(), Trust::File(sts.ca_file())).unwrap();
    assert_eq!(credentials.access_key_id, "STS.role");
    let authorization = sts.received()[0].header("authorization").unwrap().to_owned();
    assert!(authorization.contains("Credential=LTAIkeys"), "{authorization}");

    // A program that names another program.
    let other = r#"{"mode":"External","process_command":"q"}"#;
    let machine = Machine::new("p").program("p", &prints(other)).program("q", &prints(KEYS));
    assert_eq!(machine.fetch().unwrap().access_key_id, "STS.x");
}

#[test]
fn a_printed_login_is_used_but_nothing_is_written_and_no_refresh_token_is_spent() {
    let oauth = |extra: &str| {
        format!(
            r#"{{"mode":"OAuth","oauth_site_type":"CN","oauth_access_token":"canary","oauth_refresh_token":"canary",
            "oauth_access_token_expire":1 {extra}}}"#
        )
    };
    let stored = oauth(&format!(
        r#","access_key_id":"STS.o","access_key_secret":"s","sts_token":"t","sts_expiration":{}"#,
        now().as_second() + 600
    ));
    // The region is that of the profile that names the program.
    assert_eq!(Machine::new("p").program("p", &prints(&stored)).fetch().unwrap().access_key_id, "STS.o");
    let machine = Machine::new("p").program("p", &prints(&oauth("")));
    let before = std::fs::read_to_string(machine.path("config.json")).unwrap();
    let error = machine.fails();
    assert!(error.contains("the program that printed it must log in anew"), "{error}");
    assert_eq!(std::fs::read_to_string(machine.path("config.json")).unwrap(), before);
}

#[test]
fn loops_are_refused_and_chains_of_programs_end() {
    let again = r#"{"mode":"External","process_command":"p"}"#;
    let error = Machine::new("p").program("p", &prints(again)).fails();
    assert!(error.contains("runs the same program again"), "{error}");

    // Each prints another command: p 1, p 11, p 111, …
    let script = "echo \"{\\\"mode\\\":\\\"External\\\",\\\"process_command\\\":\\\"p 1$1\\\"}\"\necho x >> \"$0.ran\"";
    let machine = Machine::new("p 1").program("p", script);
    let error = machine.fails();
    assert!(error.contains("more than 10 profiles"), "{error}");
    assert!(std::fs::read_to_string(machine.path("p.ran")).unwrap().lines().count() <= 10);

    // A printed chain onto the profile that runs the program.
    let onto_itself = r#"{"mode":"ChainableRamRoleArn","source_profile":"sso","ram_session_name":"alice",
        "ram_role_arn":"acs:ram::1234567890123456:role/dev"}"#;
    let error = Machine::new("p").program("p", &prints(onto_itself)).fails();
    assert!(error.contains("stands on itself") && error.contains("\"sso\""), "{error}");
}

#[test]
fn a_chain_in_the_file_may_begin_with_a_program() {
    let config = json!({"current": "dev", "profiles": [
        {"name": "dev", "mode": "ChainableRamRoleArn", "source_profile": "sso", "ram_session_name": "alice",
            "ram_role_arn": "acs:ram::1234567890123456:role/dev"},
        {"name": "sso", "mode": "External", "process_command": "p"},
    ]});
    let machine = Machine::with(&config).program("p", "echo canary; exit 4");
    assert!(machine.fails().contains("ended with status 4"));
}

#[test]
fn each_fault_has_its_own_line_and_none_shows_the_output() {
    let error = Machine::new("acs-sso login --token canary").fails();
    assert!(error.contains("\"acs-sso\"") && error.contains("not found in the PATH (\"/"), "{error}");
    assert!(error.contains("kubectl") && error.contains("profile \"sso\" of "), "{error}");
    let error = Machine::new("/nowhere/acs-sso login").fails();
    assert!(error.contains("\"/nowhere/acs-sso\"") && error.contains("does not exist"), "{error}");
    let machine = Machine::new("p");
    std::fs::write(machine.path("p"), "#!/bin/sh\n").unwrap();
    assert!(machine.fails().contains("chmod +x"));

    for (script, wanted) in [
        ("echo canary; exit 3", "ended with status 3"),
        ("echo canary; kill -9 $$", "was ended by a signal"),
        ("true", "printed no profile"),
        ("echo canary", "printed no profile"),
        ("echo '{\"canary\": {}}'", "printed no profile"),
        ("echo '{\"mode\": \"canary\"}'", "mode is none of AK, StsToken"),
        ("echo '{\"mode\": 7}'", "mode in what \"p\" printed"),
        ("echo '{\"mode\": \"StsToken\", \"access_key_id\": \"STS.x\"}'", "sts_token in what \"p\" printed"),
        (
            "echo '{\"mode\": \"AK\", \"access_key_id\": \"canary !\", \"access_key_secret\": \"s\"}'",
            "access_key_id in",
        ),
        ("while true; do echo canarycanarycanarycanarycanarycanary; done", "printed more than 1048576 bytes"),
        ("printf '\\377\\376'", "printed no profile"),
    ] {
        let error = Machine::new("p").program("p", script).fails();
        assert!(error.contains(wanted) && error.contains("profile \"sso\" of "), "{wanted}: {error}");
    }
    let empty = Machine::with(&json!({"current": "sso", "profiles": [{"name": "sso", "mode": "External"}]}));
    assert!(empty.fails().contains("process_command in profile \"sso\""));
}

#[test]
fn the_command_tells_identities_apart_and_is_not_shown() {
    let key = |command: &str| {
        let machine = Machine::new(command);
        let source = machine.find(&environment(&|_| None)).unwrap();
        let key = source.identity_key();
        assert!(!key.contains("canary") && !format!("{source:?}").contains("canary"), "{key}");
        key.replace(machine.0.path().to_str().unwrap(), "FOLDER").split_once('\n').unwrap().1.to_owned()
    };
    assert_eq!(key("p --token canary"), key(" p  --token  canary "));
    assert_ne!(key("p --token canary"), key("p --token canary2"));
}

#[test]
fn the_ini_files_type_external_runs_a_program_too() {
    let machine = Machine::new("unused").program("p", &prints(KEYS));
    let file = machine.path("credentials");
    let command = machine.path("p");
    std::fs::write(&file, format!("[default]\ntype = external\nprocess_command = {}\n", command.display()))
        .unwrap();
    let environment = environment(&|_| None);
    let source = Source::find(&Search {
        profile_file: Some(Setting {
            origin: "--profile-file".to_owned(),
            value: file.to_str().unwrap().to_owned(),
        }),
        ..Search::new(environment, now())
    })
    .unwrap();
    let context = Context { environment, ..context("sts.invalid", Trust::from_environment(&|_| None)) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(source.fetch(&context, None)).unwrap().access_key_id, "STS.x");
}

/// A kubeconfig that is a file of profiles at the same time, and names itself as such.
#[test]
fn a_kubeconfig_cannot_choose_the_program_that_is_run() {
    let by_kubectl = ("KUBERNETES_EXEC_INFO", "{}");
    let fetch = |machine: &Machine, more: &[(&str, &str)]| {
        machine.fetch_with(more, "sts.invalid", Trust::from_environment(&|_| None))
    };
    let profiles =
        json!([{"name": "sso", "mode": "External", "process_command": "login", "region_id": "cn-hangzhou"}]);
    let script = format!("echo run >>\"$(dirname \"$0\")/ran\"; echo '{KEYS}'");
    for key in ["users", "Users", "<<"] {
        let kubeconfig =
            json!({"apiVersion": "v1", "kind": "Config", key: [], "current": "sso", "profiles": profiles});
        let machine = Machine::with(&kubeconfig).program("login", &script);
        let line = fetch(&machine, &[by_kubectl]).unwrap_err().to_string();
        assert!(line.contains("could be the kubeconfig itself") && !line.contains("canary"), "{line}");
        assert!(!machine.path("ran").exists(), "{key}");
        fetch(&machine, &[]).unwrap();
    }
    let machine = Machine::with(&json!({"current": "sso", "profiles": profiles, "meta_path": ""}));
    fetch(&machine.program("login", &script), &[by_kubectl]).unwrap();
}

#[test]
fn an_ini_file_of_a_kubeconfigs_choice_runs_no_program() {
    let machine = Machine::new("unused").program("login", &format!("echo '{KEYS}'"));
    let ini = "{\"x\": \"=\n[default]\ntype = external\nprocess_command = login\nx = \", \"users\": []}\n";
    std::fs::write(machine.path("kubeconfig"), ini).unwrap();
    let folder = machine.path("home");
    std::fs::create_dir_all(folder.join(".alibabacloud")).unwrap();
    std::fs::write(folder.join(".alibabacloud/credentials"), ini).unwrap();
    let named = machine.path("kubeconfig");
    let run_with = |pairs: &[(&str, &str)]| {
        let variable =
            |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let real = environment(&variable);
        let run_program = |_: &Program| Ok(ProgramOutput { code: Some(0), stdout: KEYS.into() });
        let environment = Environment { run_program: &run_program, ..real };
        let source = Source::find(&Search::new(environment, now())).unwrap();
        let context = Context { environment, ..context("sts.invalid", Trust::from_environment(&|_| None)) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(source.fetch(&context, None))
    };
    let named = ("ALIBABA_CLOUD_CREDENTIALS_FILE", named.to_str().unwrap());
    let home = ("HOME", folder.to_str().unwrap());
    let by_kubectl = ("KUBERNETES_EXEC_INFO", "{}");
    run_with(&[named]).unwrap();
    let line = run_with(&[named, by_kubectl]).unwrap_err().to_string();
    assert!(line.contains("could be the kubeconfig itself"), "{line}");
    run_with(&[home, by_kubectl]).unwrap();
}
