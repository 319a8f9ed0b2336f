use std::collections::BTreeMap;
use std::ffi::OsString;

use jiff::Timestamp;
use openapi::Credentials;
use signature::Secret;

use super::child;
use super::format::ExportFormat;

const NOW: &str = "2026-11-23T12:00:00Z";

fn permanent() -> Credentials {
    Credentials {
        access_key_id: "LTAIalice".to_owned(),
        access_key_secret: Secret::new("s3cret"),
        security_token: None,
        expiration: None,
    }
}

fn temporary() -> Credentials {
    Credentials {
        access_key_id: "STS.x".to_owned(),
        security_token: Some(Secret::new("CAIS+/t==")),
        expiration: Some("2026-11-23T12:59:59Z".parse().unwrap()),
        ..permanent()
    }
}

fn write(format: ExportFormat, credentials: &Credentials) -> String {
    format.write(credentials, NOW.parse::<Timestamp>().unwrap()).unwrap()
}

#[test]
fn the_profile_of_aliyun_cli() {
    assert_eq!(
        write(ExportFormat::AliyunCliConfig, &permanent()),
        "{\n  \"mode\": \"AK\",\n  \"access_key_id\": \"LTAIalice\",\n  \"access_key_secret\": \"s3cret\"\n }\n"
    );
    assert_eq!(
        write(ExportFormat::AliyunCliConfig, &temporary()),
        "{\n  \"mode\": \"StsToken\",\n  \"access_key_id\": \"STS.x\",\n  \"access_key_secret\": \"s3cret\",\n  \
         \"sts_token\": \"CAIS+/t==\"\n }\n"
    );
}

#[test]
fn the_answer_of_a_service_ends_when_the_credentials_do() {
    for format in [ExportFormat::CredentialsUri, ExportFormat::EcsMetadata] {
        assert_eq!(
            write(format, &temporary()),
            "{\n  \"Code\": \"Success\",\n  \"AccessKeyId\": \"STS.x\",\n  \"AccessKeySecret\": \"s3cret\",\n  \
             \"SecurityToken\": \"CAIS+/t==\",\n  \"Expiration\": \"2026-11-23T12:59:59Z\"\n }\n"
        );
        let end = |credentials: &Credentials| {
            let answer: serde_json::Value = serde_json::from_str(&write(format, credentials)).unwrap();
            (
                answer["SecurityToken"].as_str().unwrap().to_owned(),
                answer["Expiration"].as_str().unwrap().to_owned(),
            )
        };
        assert_eq!(end(&permanent()), (String::new(), "2026-11-23T13:00:00Z".to_owned()));
        let unknown = Credentials { expiration: None, ..temporary() };
        assert_eq!(end(&unknown), ("CAIS+/t==".to_owned(), "2026-11-23T12:10:00Z".to_owned()));
    }
}

#[test]
fn the_ini_file_has_what_readers_look_for() {
    assert_eq!(
        write(ExportFormat::Ini, &permanent()),
        "[default]\nenable = true\ntype = access_key\naccess_key_id = LTAIalice\naccess_key_secret = s3cret\n"
    );
    assert_eq!(
        write(ExportFormat::Ini, &temporary()),
        "[default]\nenable = true\ntype = sts\naccess_key_id = STS.x\naccess_key_secret = s3cret\n\
         sts_token = CAIS+/t==\nsecurity_token = CAIS+/t==\n"
    );
}

#[test]
fn what_an_ini_file_would_cut_is_refused() {
    for secret in ["a#b", "a;b", "a%b", "\"a\"", "a'b", "a\\b", "a b", "ä"] {
        let credentials = Credentials { access_key_secret: Secret::new(secret), ..permanent() };
        let error = ExportFormat::Ini.write(&credentials, NOW.parse().unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("access_key_secret holds") && !error.contains(secret), "{error}");
    }
}

/// The lines as a POSIX shell leaves them in its environment.
#[cfg(unix)]
fn evaluated(lines: &str) -> BTreeMap<String, String> {
    let script = format!("{lines}\nenv -0");
    let output = std::process::Command::new("/bin/sh")
        .args(["-eu", "-c", &script])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("ALIBABA_CLOUD_SECURITY_TOKEN", "stale")
        .env("ALIYUN_LOG_CLI_STS_TOKEN", "stale")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split('\0')
        .filter_map(|line| line.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
}

#[cfg(unix)]
#[test]
fn a_shell_evaluates_the_variables_whatever_they_hold() {
    for secret in ["s3cret", "it's $HOME `id` \"q\" \\ ;#&*", "-n", "a\nb"] {
        let credentials = Credentials { access_key_secret: Secret::new(secret), ..temporary() };
        let variables = evaluated(&write(ExportFormat::Environment, &credentials));
        for (names, value) in child::NAMES.into_iter().zip(["STS.x", secret, "CAIS+/t=="]) {
            for name in names {
                assert_eq!(variables.get(*name).map(String::as_str), Some(value), "{name}");
            }
        }
        assert_eq!(variables["ALIBABACLOUD_IGNORE_PROFILE"], "TRUE");
    }
}

#[cfg(unix)]
#[test]
fn permanent_keys_take_stale_tokens_away() {
    let variables = evaluated(&write(ExportFormat::Environment, &permanent()));
    assert!(!variables.keys().any(|name| name.contains("TOKEN")), "{variables:?}");
    assert_eq!(variables["ALICLOUD_SECRET_KEY"], "s3cret");
}

#[test]
fn a_command_sees_these_credentials_and_no_others() {
    let own = [
        ("PATH", "/bin"),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", "stale"),
        ("SECURITY_TOKEN", "stale"),
        ("ACCESS_KEY_ID", "stale"),
        ("ALIBABA_CLOUD_ROLE_ARN", "stale"),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "stale"),
        ("ALIBABA_CLOUD_CREDENTIALS_URI", "stale"),
        ("ALIBABA_CLOUD_ECS_METADATA", "stale"),
        ("ALIBABA_CLOUD_CREDENTIALS_FILE", "stale"),
        ("ALIBABA_CLOUD_PROFILE", "stale"),
        ("ACK_RAM_TOOL_PROFILE_FILE", "stale"),
        ("ALIYUN_LOG_CLI_STS_TOKEN", "stale"),
        ("ALIBABA_CLOUD_STS_ENDPOINT", "kept"),
    ];
    let own = own.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let seen: BTreeMap<OsString, OsString> =
        child::environment(&permanent(), own.into_iter()).into_iter().collect();
    let name = |text: &str| OsString::from(text);
    assert!(!seen.values().any(|value| value == "stale"), "{seen:?}");
    assert_eq!(seen[&name("PATH")], "/bin");
    assert_eq!(seen[&name("ALIBABA_CLOUD_STS_ENDPOINT")], "kept");
    for variable in ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALICLOUD_ACCESS_KEY", "ALIYUN_LOG_CLI_ACCESSID"] {
        assert_eq!(seen[&name(variable)], "LTAIalice");
    }
    assert!(!seen.contains_key(&name("ALIBABA_CLOUD_SECURITY_TOKEN")));
    // The aliyun CLI would take its current profile before the variables.
    assert_eq!(seen[&name("ALIBABACLOUD_IGNORE_PROFILE")], "TRUE");
}
