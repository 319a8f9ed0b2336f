//! Everywhere that `ack-ram-tool` takes credentials from, with the cloud under its own names behind a proxy: who they
//! belong to, and that kubectl gets in with them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use e2e::cloud::{
    ACCESS_CONFIGURATION, ACCOUNT, APP_ROLE, CLUSTER, DEV_ROLE, Identity, KEY_PAIR_ID, OAUTH_ACCESS_TOKEN,
    OAUTH_REFRESH_TOKEN, OIDC_AUDIENCE, OIDC_PROVIDER, SIGN_IN_HOST, SIGN_IN_TOKEN, user,
};
use e2e::mapping::Applied;
use e2e::process::{Output, isolated, run, search_path};
use e2e::rig::Rig;
use serde_json::{Value, json};

use super::{Outcome, oidc, write_program};

const DEV_SESSION: &str = "acs:ram::1234567890123456:role/dev";
const EMULATOR_EXAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/emulator/examples/ram-emulator.yaml");
const DEADLINE: Duration = Duration::from_secs(60);
/// Long past, in seconds since 1970.
const PAST: u64 = 1_600_000_000;
/// Far ahead.
const FUTURE: u64 = 4_000_000_000;

/// Somebody with a home folder and nothing in the environment.
struct Home<'a> {
    rig: &'a Rig,
    folder: PathBuf,
}

impl<'a> Home<'a> {
    fn new(rig: &'a Rig) -> Result<Self, e2e::Error> {
        Ok(Self { rig, folder: rig.person(user("alice"))?.home().to_owned() })
    }

    /// Writes the aliyun CLI's file with these profiles, the first of them the current one.
    fn profiles(&self, profiles: &[Value]) -> std::io::Result<()> {
        let current = profiles.first().and_then(|first| first.get("name"));
        let file = json!({"current": current, "profiles": profiles, "meta_path": ""});
        std::fs::create_dir_all(self.folder.join(".aliyun"))?;
        std::fs::write(self.aliyun_cli_file(), format!("{file:#}"))
    }

    fn aliyun_cli_file(&self) -> PathBuf {
        self.folder.join(".aliyun/config.json")
    }

    fn tool(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Result<Output, e2e::Error> {
        let mut command: Command = isolated(&self.rig.bin().join("ack-ram-tool"));
        command
            .env("PATH", search_path(&[&self.folder, self.rig.bin()]))
            .env("HOME", &self.folder)
            .env("HTTPS_PROXY", self.rig.cloud().proxy())
            .env("SSL_CERT_FILE", self.rig.cloud().ca_file())
            .envs(variables.iter().copied())
            .args(arguments);
        run(command, DEADLINE)
    }

    /// The ARN that `auth whoami` tells.
    fn whoami(&self, variables: &[(&str, &str)]) -> Result<String, Box<dyn std::error::Error>> {
        let printed = self.tool(variables, &["auth", "whoami", "-o", "json"])?.success()?;
        let answer: Value = serde_json::from_str(&printed)?;
        let arn = answer.get("arn").or_else(|| answer.get("Arn")).and_then(Value::as_str);
        Ok(arn.ok_or_else(|| format!("no ARN in {printed}"))?.to_owned())
    }

    /// The one line that `get-token` says instead of a token.
    fn refusal(&self, variables: &[(&str, &str)]) -> Result<String, Box<dyn std::error::Error>> {
        let output = self.tool(variables, &["credential-plugin", "get-token", "--cluster-id", CLUSTER])?;
        assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
        assert_eq!(output.stderr.trim_end().lines().count(), 1, "{}", output.stderr);
        Ok(output.stderr)
    }
}

fn with(base: &Value, more: Value) -> Value {
    let mut merged = base.clone();
    if let (Some(fields), Value::Object(more)) = (merged.as_object_mut(), more) {
        fields.extend(more);
    }
    merged
}

fn keys_of(identity: &Identity) -> Value {
    json!({"access_key_id": identity.access_key_id, "access_key_secret": identity.access_key_secret})
}

/// Temporary keys of a session of the role `dev`, as a profile of mode `StsToken`.
fn session(rig: &Rig) -> Result<Value, Box<dyn std::error::Error>> {
    let person = rig.person(user("alice"))?;
    let printed = person.tool(rig, &["export-credentials", "--role-arn", DEV_ROLE])?.success()?;
    Ok(serde_json::from_str(&printed)?)
}

/// A service account that may be the role `app`, and the file with its token.
fn service_account_token<'a>(
    rig: &'a Rig,
    home: &Home<'_>,
) -> Result<(Applied<'a>, String), Box<dyn std::error::Error>> {
    let account = oidc::service_account(rig, "app-credentials")?;
    let file = home.folder.join("service-account-token");
    std::fs::write(&file, oidc::token(rig, "app-credentials", OIDC_AUDIENCE)?)?;
    Ok((account, file.to_string_lossy().into_owned()))
}

pub(super) fn every_mode_of_the_aliyun_cli_says_who_it_is(rig: &Rig) -> Outcome {
    let home = Home::new(rig)?;
    let alice = user("alice");
    let keys = with(&keys_of(&alice), json!({"region_id": "cn-hangzhou"}));
    let role = json!({"ram_role_arn": DEV_ROLE, "ram_session_name": "alice"});
    let session = session(rig)?;
    let metadata = rig.cloud().metadata();
    let variables = [("ALIBABA_CLOUD_IMDS_ENDPOINT", metadata.as_str())];
    let rsa_key = home.folder.join("rsa.pem");
    std::fs::write(&rsa_key, rig.cloud().key_pair())?;
    let (_account, token_file) = service_account_token(rig, &home)?;
    write_program(
        &home.folder.join("print-profile"),
        &format!("#!/bin/sh\ncat <<'EOT'\nsome words first\n{session}\nEOT\n"),
    )?;

    let modes: Vec<(&str, Vec<Value>, &str)> = vec![
        ("AK", vec![keys.clone()], &alice.arn),
        ("StsToken", vec![session.clone()], DEV_SESSION),
        ("RamRoleArn", vec![with(&keys, role.clone())], DEV_SESSION),
        ("EcsRamRole", vec![json!({"ram_role_name": "dev"})], DEV_SESSION),
        ("EcsRamRole", vec![json!({"ram_role_name": ""})], DEV_SESSION),
        ("RamRoleArnWithRoleName", vec![with(&role, json!({"ram_role_name": "dev"}))], DEV_SESSION),
        (
            "ChainableRamRoleArn",
            vec![
                with(&role, json!({"source_profile": "keys"})),
                with(&keys, json!({"name": "keys", "mode": "AK"})),
            ],
            DEV_SESSION,
        ),
        ("External", vec![json!({"process_command": "print-profile"})], DEV_SESSION),
        ("CredentialsURI", vec![json!({"credentials_uri": rig.cloud().credentials_uri()})], DEV_SESSION),
        (
            "CloudSSO",
            vec![json!({
                "region_id": "cn-shanghai",
                "cloud_sso_sign_in_url": format!("https://{SIGN_IN_HOST}/example/login"),
                "cloud_sso_account_id": ACCOUNT,
                "cloud_sso_access_config": ACCESS_CONFIGURATION,
                "access_token": SIGN_IN_TOKEN,
                "cloud_sso_access_token_expire": FUTURE,
            })],
            DEV_SESSION,
        ),
        (
            "OAuth",
            vec![json!({
                "region_id": "cn-hangzhou",
                "oauth_site_type": "CN",
                "oauth_access_token": OAUTH_ACCESS_TOKEN,
                "oauth_refresh_token": OAUTH_REFRESH_TOKEN,
                "oauth_access_token_expire": PAST,
            })],
            "acs:ram::1234567890123456:user/carol",
        ),
        (
            "OIDC",
            vec![json!({
                "region_id": "cn-hangzhou",
                "oidc_provider_arn": OIDC_PROVIDER,
                "oidc_token_file": token_file,
                "ram_role_arn": APP_ROLE,
                "ram_session_name": "pod-1",
            })],
            APP_ROLE,
        ),
        (
            "RsaKeyPair",
            vec![json!({
                "region_id": "cn-hangzhou",
                "private_key": rsa_key,
                "key_pair_name": KEY_PAIR_ID,
                "expired_seconds": 900,
            })],
            "acs:ram::1234567890123456:user/bob",
        ),
    ];
    for (mode, mut profiles, arn) in modes {
        if let Some(first) = profiles.first_mut() {
            *first = with(first, json!({"name": "mine", "mode": mode}));
        }
        home.profiles(&profiles)?;
        assert_eq!(home.whoami(&variables)?, arn, "{mode}");
    }
    Ok(())
}

pub(super) fn every_place_of_the_environment_says_who_it_is(rig: &Rig) -> Outcome {
    let home = Home::new(rig)?;
    let alice = user("alice");
    let id = ("ALIBABA_CLOUD_ACCESS_KEY_ID", alice.access_key_id.as_str());
    let secret = ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", alice.access_key_secret.as_str());
    let session = session(rig)?;
    let text = |key: &str| session.get(key).and_then(Value::as_str).unwrap_or_default();
    let (metadata, uri) = (rig.cloud().metadata(), rig.cloud().credentials_uri());
    let ini = home.folder.join("credentials.ini");
    let keys = format!(
        "[default]\ntype = access_key\naccess_key_id = {}\naccess_key_secret = {}\n",
        alice.access_key_id, alice.access_key_secret
    );
    std::fs::write(&ini, &keys)?;
    let ini = ini.to_string_lossy().into_owned();

    assert_eq!(home.whoami(&[id, secret])?, alice.arn);
    assert_eq!(home.whoami(&[id, secret, ("ALIBABA_CLOUD_ROLE_ARN", DEV_ROLE)])?, DEV_SESSION);
    let temporary = [
        ("ALICLOUD_ACCESS_KEY", text("access_key_id")),
        ("ALICLOUD_SECRET_KEY", text("access_key_secret")),
        ("ALICLOUD_ACCESS_KEY_STS_TOKEN", text("sts_token")),
    ];
    assert_eq!(home.whoami(&temporary)?, DEV_SESSION);
    let (_account, token_file) = service_account_token(rig, &home)?;
    let pod = [
        ("ALIBABA_CLOUD_ROLE_ARN", APP_ROLE),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", OIDC_PROVIDER),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", &token_file),
    ];
    assert_eq!(home.whoami(&pod)?, APP_ROLE);
    assert_eq!(home.whoami(&[("ALIBABA_CLOUD_CREDENTIALS_URI", &uri)])?, DEV_SESSION);
    let imds = ("ALIBABA_CLOUD_IMDS_ENDPOINT", metadata.as_str());
    assert_eq!(home.whoami(&[imds, ("ALIBABA_CLOUD_ECS_METADATA", "dev")])?, DEV_SESSION);
    assert_eq!(home.whoami(&[imds, ("ACK_RAM_TOOL_CREDENTIAL_TYPE", "imds")])?, DEV_SESSION);
    assert_eq!(home.whoami(&[("ALIBABA_CLOUD_CREDENTIALS_FILE", &ini)])?, alice.arn);
    std::fs::create_dir_all(home.folder.join(".alibabacloud"))?;
    std::fs::write(home.folder.join(".alibabacloud/credentials"), keys)?;
    assert_eq!(home.whoami(&[])?, alice.arn);
    Ok(())
}

pub(super) fn what_is_renewed_is_written_back_to_the_file_that_was_read(rig: &Rig) -> Outcome {
    let home = Home::new(rig)?;
    home.profiles(&[json!({
        "name": "mine", "mode": "CloudSSO", "region_id": "cn-shanghai",
        "cloud_sso_sign_in_url": format!("https://{SIGN_IN_HOST}/example/login"),
        "cloud_sso_account_id": ACCOUNT,
        "cloud_sso_access_config": ACCESS_CONFIGURATION,
        "access_token": SIGN_IN_TOKEN,
        "cloud_sso_access_token_expire": FUTURE,
        "a_key_of_tomorrow": [1, 2.50, 90_071_992_547_409_930_u64],
    })])?;
    let elsewhere = home.folder.join("elsewhere.json");
    std::fs::rename(home.aliyun_cli_file(), &elsewhere)?;
    let file = elsewhere.to_string_lossy().into_owned();
    let named = [("ACK_RAM_TOOL_PROFILE_FILE", file.as_str())];
    let asked = || {
        rig.cloud()
            .emulator()
            .proxy_requests()
            .iter()
            .filter(|one| one.target.starts_with(SIGN_IN_HOST))
            .count()
    };
    let before = asked();
    assert_eq!(home.whoami(&named)?, DEV_SESSION);
    assert_eq!(home.whoami(&named)?, DEV_SESSION);
    assert_eq!(asked(), before.saturating_add(1), "the second time the stored keys are good");
    let text = std::fs::read_to_string(&elsewhere)?;
    assert!(text.contains("a_key_of_tomorrow") && text.contains("90071992547409930"), "{text}");
    assert!(text.contains("sts_expiration"), "{text}");
    assert!(!home.aliyun_cli_file().exists(), "another file was written");
    Ok(())
}

pub(super) fn each_fault_has_its_own_line(rig: &Rig) -> Outcome {
    let home = Home::new(rig)?;
    let line = home.refusal(&[])?;
    for place in [
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_CREDENTIALS_URI",
        ".aliyun/config.json",
        ".alibabacloud/credentials",
    ] {
        assert!(line.contains(place), "{place} is missing: {line}");
    }
    let alice = user("alice");
    let keys = keys_of(&alice);
    let faults: Vec<(Value, &str)> = vec![
        (with(&keys, json!({"mode": "NoSuchMode"})), "mode is none of"),
        (json!({"mode": "AK", "access_key_id": "LTAIx"}), "access_key_secret"),
        (with(&keys, json!({"mode": "RamRoleArn", "ram_role_arn": DEV_ROLE})), "ram_session_name"),
        (
            json!({"mode": "ChainableRamRoleArn", "source_profile": "mine", "ram_role_arn": DEV_ROLE, "ram_session_name": "x"}),
            "mine",
        ),
        (
            json!({"mode": "ChainableRamRoleArn", "source_profile": "nobody", "ram_role_arn": DEV_ROLE, "ram_session_name": "x"}),
            "nobody",
        ),
        (json!({"mode": "External", "process_command": "no-such-program"}), "no-such-program"),
        (json!({"mode": "External", "process_command": "false"}), "false"),
        (json!({"mode": "CredentialsURI", "credentials_uri": "http://127.0.0.1:1/"}), "127.0.0.1:1"),
        (
            json!({
                "mode": "CloudSSO", "region_id": "cn-shanghai",
                "cloud_sso_sign_in_url": format!("https://{SIGN_IN_HOST}/example/login"),
                "cloud_sso_account_id": ACCOUNT, "cloud_sso_access_config": ACCESS_CONFIGURATION,
                "access_token": SIGN_IN_TOKEN, "cloud_sso_access_token_expire": PAST,
            }),
            "aliyun configure",
        ),
        (
            json!({
                "mode": "OAuth", "region_id": "cn-hangzhou", "oauth_site_type": "CN",
                "oauth_access_token": "x", "oauth_refresh_token": "spent", "oauth_access_token_expire": PAST,
            }),
            "aliyun configure --mode OAuth",
        ),
        (
            json!({"mode": "RsaKeyPair", "region_id": "cn-hangzhou", "private_key": "/no/such/file", "key_pair_name": "x"}),
            "/no/such/file",
        ),
    ];
    for (profile, wanted) in faults {
        home.profiles(&[with(&profile, json!({"name": "mine"}))])?;
        let line = home.refusal(&[])?;
        assert!(line.contains(wanted), "{wanted} is missing: {line}");
        assert!(!line.contains(&alice.access_key_secret) && !line.contains(SIGN_IN_TOKEN), "{line}");
    }
    std::fs::write(home.aliyun_cli_file(), "{\n  \"current\": \"mine\",\n  \"profiles\": [}\n")?;
    let line = home.refusal(&[])?;
    assert!(line.contains("config.json") && line.contains('3'), "the line is missing: {line}");
    Ok(())
}

/// In a network namespace with nothing but an emulator at the addresses and names of the real services.
pub(super) fn the_role_of_an_instance_is_found_where_it_is_on_every_instance(rig: &Rig) -> Outcome {
    const SCRIPT: &str = r#"
        PATH=$PATH:/usr/sbin:/sbin
        ip link set lo up
        ip addr add 100.100.100.200/32 dev lo
        echo '127.0.0.1 localhost sts.aliyuncs.com' >hosts
        mount --bind hosts /etc/hosts
        ram-emulator serve --config "$config" --state-dir state --listen 127.0.0.1:443 \
            --metadata-listen 100.100.100.200:80 >ready 2>log &
        trap 'kill %1' EXIT
        until [ -s ready ]; do kill -0 %1; sleep 0.05; done
        export SSL_CERT_FILE=state/ca.pem
        ack-ram-tool auth whoami --credential-type imds -o json
    "#;
    let home = Home::new(rig)?;
    e2e::programs::install("ram-emulator", &home.folder)?;
    let mut command = isolated(std::path::Path::new("unshare"));
    command
        .args(["--map-root-user", "--net", "--mount", "bash", "-eu", "-c", SCRIPT])
        .current_dir(&home.folder)
        .env("PATH", search_path(&[&home.folder, rig.bin()]))
        .env("HOME", &home.folder)
        .env("config", EMULATOR_EXAMPLE);
    let printed = run(command, DEADLINE)?.success().map_err(|error| {
        format!("{error}; this needs unshare (util-linux), ip (iproute2) and user namespaces")
    })?;
    let answer: Value = serde_json::from_str(&printed)?;
    assert!(printed.contains("role/dev"), "{answer:#}");
    Ok(())
}
