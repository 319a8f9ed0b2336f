//! Flags and file, merged and checked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::OsString;
use std::path::Path;

use clap::{CommandFactory as _, Parser as _};

use super::*;
use crate::args::{Arguments, Command};

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect()
}

fn arguments(words: &[OsString]) -> ServerArguments {
    match Arguments::try_parse_from(words).unwrap().command {
        Some(Command::Server(arguments)) => *arguments,
        other => panic!("{other:?}"),
    }
}

const NEEDED: &str = "--cluster-id c0ffee --account-id 1234567890123456";

fn config(flags: &str) -> Result<ServerConfig, ConfigError> {
    server(&arguments(&words(&format!("program server {flags}"))))
}

/// As the program reads them.
fn with_file(flags: &str, name: &str, text: &str) -> Result<(ServerArguments, Vec<String>), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let root = Arguments::command();
    let command = root.find_subcommand("server").unwrap();
    let from_file = file::read(&path)
        .and_then(|file| file.flags(command, command))
        .map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))?;
    let unknown = from_file.unknown.clone();
    let merged = file::merged(&words(&format!("program server {flags}")), command, from_file);
    Ok((arguments(&merged), unknown))
}

#[test]
fn two_ids_are_enough_and_everything_else_is_as_documented() {
    let config = config(NEEDED).unwrap();
    let settings = &config.settings;
    assert_eq!(settings.account_id, "1234567890123456");
    assert_eq!(settings.provider_arn, "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0ffee");
    assert_eq!(settings.audience, "sts.aliyuncs.com");
    assert_eq!(settings.mount_path, "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens");
    assert_eq!((settings.expiration_seconds, &settings.region, settings.sts_variables), (3600, &None, true));
    assert_eq!((config.on_lookup_failure, config.on_fault), (Choice::Admit, Choice::Admit));
    assert_eq!(config.listen.address.to_string(), "0.0.0.0:8443");
    assert!(config.health.is_none() && !config.listen.reuse_port && config.write_events);
    assert!(config.namespace.is_none() && config.kubeconfig.is_none());
    assert_eq!(config.shutdown_delay.as_secs(), 0);
    assert_eq!(config.certificates.webhook_configuration, "ack-pod-identity-webhook");
    let CertificateSource::Own { secret, service, hostnames, leaf_lifetime, authority_lifetime, overlap } =
        config.certificates.source
    else {
        panic!("files")
    };
    assert_eq!(secret, "ack-pod-identity-webhook-certificates");
    assert_eq!((service.as_str(), hostnames.len()), ("ack-pod-identity-webhook", 0));
    assert_eq!((leaf_lifetime.as_secs(), authority_lifetime.as_secs()), (90 * 86_400, 1095 * 86_400));
    assert_eq!(overlap.as_secs(), 600);
}

#[test]
fn the_defaults_of_a_value_are_those_of_a_command_line() {
    let by_flags = arguments(&words("program server")).component;
    let by_value = ComponentArguments::default();
    assert_eq!(format!("{by_flags:?}"), format!("{by_value:?}"));
}

#[test]
fn the_variables_about_sts_come_with_a_region_and_can_be_turned_off() {
    let sts = |flags: &str| {
        let settings = config(&format!("{NEEDED} {flags}")).unwrap().settings;
        (settings.region, settings.sts_variables)
    };
    let region = Some("cn-hangzhou".to_owned());
    assert_eq!(sts("--region cn-hangzhou"), (region.clone(), true));
    // A service account may still ask for one of them.
    assert_eq!(sts("--region cn-hangzhou --sts-variables=false"), (region, false));
    assert_eq!(sts("--region="), (None, true));
    assert_eq!(sts("--sts-variables"), (None, true));
}

#[test]
fn a_provider_of_another_name_needs_no_cluster_id() {
    let arn = "acs:ram::9876543210:oidc-provider/mine";
    let config = config(&format!("--account-id 1234567890123456 --oidc-provider-arn {arn}")).unwrap();
    assert_eq!(config.settings.provider_arn, arn);
}

#[test]
fn a_mount_path_has_one_spelling() {
    let path =
        |path: &str| config(&format!("{NEEDED} --token-mount-path={path}")).map(|c| c.settings.mount_path);
    assert_eq!(path("/a/b/").unwrap(), "/a/b");
    for wrong in ["", "/", "a/b", "/a//b", "/a/../b", "/a/./b", "/a:b", "//"] {
        assert!(matches!(path(wrong), Err(ConfigError::MountPath(_))), "{wrong}");
    }
}

#[test]
fn what_is_missing_or_wrong_is_one_line_that_says_what_to_write() {
    for (flags, said) in [
        ("--account-id 1", "no cluster ID: give --cluster-id, or clusterID"),
        ("--cluster-id c --account-id=", "no account ID: give --account-id, or accountID"),
        ("--cluster-id c/../d --account-id 1", "the cluster ID \"c/../d\" is not one"),
        ("--cluster-id <cluster-id> --account-id 1", "the cluster ID \"<cluster-id>\" is not one"),
        ("--cluster-id c --account-id <account-id>", "the account ID \"<account-id>\" is not one"),
        ("--cluster-id c --account-id 1 --region a.evil.example", "the region \"a.evil.example\" is not one"),
        ("--cluster-id c --account-id 1 --audience=", "--audience is \"\""),
        ("--account-id 1 --oidc-provider-arn acs:ram::1:role/x", "write it as in acs:ram::"),
        ("--cluster-id c --account-id 1 --tls-cert-file a.pem", "belong together"),
        ("--cluster-id c --account-id 1 --tls-private-key-file a.pem", "belong together"),
    ] {
        let line = config(flags).unwrap_err().to_string();
        assert!(line.contains(said) && !line.contains('\n'), "{flags}: {line}");
    }
}

#[test]
fn wrong_flags_are_refused_where_they_are_read() {
    for flag in [
        "--default-token-expiration=599",
        "--default-token-expiration=43201",
        "--sts-variables=maybe",
        "--on-fault=ignore",
        "--listen=8443",
        "--health-address=localhost",
        "--namespace=A",
        "--secret=a_b",
        "--service=-a",
        "--hostname=a_b",
        "--certificate-lifetime=9s",
        "--authority-lifetime=1",
        "--authority-overlap=0s",
        "--shutdown-grace-period=0s",
        "--shutdown-delay=2h",
        "--max-connections=0",
        "--log-level=loud",
    ] {
        let error = Arguments::try_parse_from(["program", "server", flag]).unwrap_err();
        let name = flag.split('=').next().unwrap();
        assert!(error.to_string().contains(name), "{flag}: {error}");
    }
}

#[test]
fn files_that_somebody_else_keeps_replace_own_certificates() {
    let config = config(&format!("{NEEDED} --tls-cert-file a.pem --tls-private-key-file b.pem")).unwrap();
    let files = CertificateSource::Files { certificate: "a.pem".into(), key: "b.pem".into() };
    assert_eq!(config.certificates.source, files);
}

#[test]
fn a_file_has_a_key_for_each_flag_in_any_case() {
    let text = "clusterID: c0ffee\naccountID: 1234567890123456\nREGION: cn-beijing\noidcProviderARN: ''\n\
                onLookupFailure: deny\nhostname: [a.example, b.example]\nwriteEvents: false\n\
                defaultTokenExpiration: '7200'\nshutdownDelay: 5s\ntlsCertFile: a.pem\ntlsPrivateKeyFile: b.pem\n\
                maxConnections: null\n";
    let (arguments, unknown) = with_file("", "config.yaml", text).unwrap();
    assert!(unknown.is_empty(), "{unknown:?}");
    let config = server(&arguments).unwrap();
    assert_eq!(config.settings.provider_arn, "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0ffee");
    assert_eq!(config.settings.region.unwrap(), "cn-beijing");
    assert_eq!(config.settings.expiration_seconds, 7200);
    assert_eq!((config.on_lookup_failure, config.write_events), (Choice::Deny, false));
    assert_eq!(config.shutdown_delay.as_secs(), 5);
    assert_eq!(arguments.hostname, ["a.example", "b.example"]);
    assert!(matches!(config.certificates.source, CertificateSource::Files { .. }));
}

#[test]
fn json_files_are_read_and_empty_ones_say_nothing() {
    let (arguments, _) =
        with_file("", "config.json", r#"{"clusterID": "c", "stsVariables": false}"#).unwrap();
    assert_eq!(
        (arguments.component.cluster_id.as_deref(), arguments.component.sts_variables),
        (Some("c"), false)
    );
    for text in ["", "# nothing\n", "---\n"] {
        let (arguments, unknown) = with_file("", "config.yml", text).unwrap();
        assert!(arguments.component.cluster_id.is_none() && unknown.is_empty());
    }
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let text = "clusterID: by-file\naudience: by-file\nhostname: [a.example]\nstsVariables: false\n";
    let (arguments, _) =
        with_file("--cluster-id by-flag --hostname b.example --sts-variables", "config.yaml", text).unwrap();
    assert_eq!(arguments.component.cluster_id.as_deref(), Some("by-flag"));
    assert_eq!(arguments.component.audience, "by-file");
    assert_eq!(arguments.hostname, ["b.example"]);
    assert!(arguments.component.sts_variables);
}

#[test]
fn the_public_components_key_turns_the_sts_variables_off() {
    let (arguments, unknown) = with_file("", "config.yaml", "AutoInjectSTSEnvVars: false\n").unwrap();
    assert!(!arguments.component.sts_variables && unknown.is_empty());
}

#[test]
fn unknown_keys_are_told_and_nothing_else() {
    let (_, unknown) =
        with_file("", "config.yaml", "clusterId: c\nclusterid2: d\nconfig: x\nhelp: true\n").unwrap();
    assert_eq!(unknown, ["clusterid2", "config", "help"]);
}

#[test]
fn one_file_serves_both_commands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, "clusterID: c0ffee\nlisten: 0.0.0.0:8443\nnonsense: 1\n").unwrap();
    let root = Arguments::command();
    let (explain, server) =
        (root.find_subcommand("explain").unwrap(), root.find_subcommand("server").unwrap());
    let from_file = file::read(&path).unwrap().flags(explain, server).unwrap();
    assert_eq!(from_file.flags, ["--cluster-id=c0ffee"]);
    assert_eq!(from_file.unknown, ["nonsense"]);
}

#[test]
fn what_is_wrong_with_a_file_names_the_file_and_the_key() {
    for (name, text, said) in [
        ("config.toml", "", "its name must end in .yaml, .yml or .json"),
        ("config.yaml", "a: [", "configuration file FILE is not good YAML"),
        ("config.yaml", "clusterID: a\nclusterID: b\n", "not good YAML"),
        ("config.yaml", "clusterID: a\nclusterid: b\n", "FILE: clusterid: it stands twice"),
        ("config.yaml", "stsVariables: true\nautoInjectSTSEnvVars: false\n", "it stands twice"),
        ("config.yaml", "[a]", "it must consist of keys and values"),
        ("config.yaml", "clusterID: 1e3\n", "FILE: clusterID: write text (in quotes"),
        ("config.yaml", "clusterID: {a: b}\n", "FILE: clusterID: write text"),
        ("config.yaml", "clusterID: [a, b]\n", "FILE: clusterID: write one value, without the list"),
        ("config.yaml", "accountID: []\n", "FILE: accountID: write one value, without the list"),
        ("config.yaml", "defaultTokenExpiration: 1\n", "FILE: defaultTokenExpiration: invalid value '1'"),
        ("config.yaml", "onFault: perhaps\n", "FILE: onFault: invalid value 'perhaps'"),
        ("config.yaml", "listen: here\n", "write ADDRESS:PORT"),
    ] {
        let line = with_file("", name, text).unwrap_err();
        assert!(line.contains(said) && !line.contains('\n'), "{text}: {line}");
    }
    let cut = format!("#{}\nonFault: deny\n", " ".repeat(1024 * 1024));
    let line = with_file("", "config.yaml", &cut).unwrap_err();
    assert!(line.contains("FILE is larger than 1048576 bytes"), "{line}");
    let line = file::read(Path::new("/no/such.yaml")).unwrap_err().to_string();
    assert!(line.starts_with("cannot read configuration file /no/such.yaml: "), "{line}");
}

#[test]
fn each_flag_reaches_its_place() {
    let own = "--secret s --service v --hostname A.Example --hostname 10.0.0.7 --certificate-lifetime 1h \
               --authority-lifetime 10h --authority-overlap 1m --webhook-configuration w";
    let rest = "--max-connections 7 --on-fault deny --shutdown-grace-period 3s --shutdown-delay 2s --reuse-port \
                --health-address 127.0.0.1:1 --listen 127.0.0.1:2 --namespace n --kubeconfig k --write-events=false";
    let config = config(&format!("{NEEDED} {own} {rest}")).unwrap();
    assert_eq!((config.on_fault, config.on_lookup_failure), (Choice::Deny, Choice::Admit));
    assert_eq!(
        (config.limits.connections, config.grace.as_secs(), config.shutdown_delay.as_secs()),
        (7, 3, 2)
    );
    assert!(
        config.limits.head.as_secs() > 90,
        "an API server ends a connection after 90 s without a request"
    );
    let health = config.health.unwrap();
    assert_eq!((config.listen.address.port(), health.address.port()), (2, 1));
    assert!(config.listen.reuse_port && health.reuse_port && !config.write_events);
    assert_eq!(
        (config.namespace.as_deref(), config.kubeconfig.as_deref()),
        (Some("n"), Some(Path::new("k")))
    );
    assert_eq!(config.certificates.webhook_configuration, "w");
    let seconds = std::time::Duration::from_secs;
    let source = CertificateSource::Own {
        secret: "s".to_owned(),
        service: "v".to_owned(),
        hostnames: vec!["a.example".to_owned(), "10.0.0.7".to_owned()],
        leaf_lifetime: seconds(3600),
        authority_lifetime: seconds(36_000),
        overlap: seconds(60),
    };
    assert_eq!(config.certificates.source, source);
}

#[test]
fn what_becomes_part_of_an_arn_a_host_name_or_a_pod_is_within_its_bounds() {
    let arn = |arn: &str| config(&format!("--account-id 1 --oidc-provider-arn {arn}")).map(drop);
    let longest = "n".repeat(128);
    arn(&format!("acs:ram::1:oidc-provider/{longest}")).unwrap();
    for wrong in ["a:oidc-provider/x", ":oidc-provider/x", "1:oidc-provider/", "1:oidc-provider/a/b"] {
        assert!(matches!(arn(&format!("acs:ram::{wrong}")), Err(ConfigError::ProviderArn(_))), "{wrong}");
    }
    assert!(matches!(arn(&format!("acs:ram::1:oidc-provider/{longest}n")), Err(ConfigError::ProviderArn(_))));
    for wrong in ["-cn", "cn-", "CN", "cn_a", &"c".repeat(41)] {
        let region = config(&format!("{NEEDED} --region={wrong}"));
        assert!(matches!(region, Err(ConfigError::Region(_))), "{wrong}");
    }
    let path = |letters: usize| config(&format!("{NEEDED} --token-mount-path=/{}", "p".repeat(letters)));
    assert!(path(511).is_ok() && matches!(path(512), Err(ConfigError::MountPath(_))));
}
