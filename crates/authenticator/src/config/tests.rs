#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::path::Path;

use clap::Parser as _;
use serde_json::json;
use token::Version;

use super::file::{ContentError, FileError, interpret, read};
use super::*;
use crate::args::{Arguments, Command};
use crate::mappings::BackendMode;

fn merge(
    flags: &str,
    file: serde_json::Value,
    sts_region: Option<&str>,
) -> Result<ServerConfig, ConfigError> {
    let words = ["ack-ram-authenticator", "server"].into_iter().chain(flags.split_whitespace());
    let Arguments { global, command: Some(Command::Server(arguments)) } =
        Arguments::try_parse_from(words).unwrap()
    else {
        panic!("not the server command");
    };
    let environment = Environment { sts_region: sts_region.map(str::to_owned) };
    server(&global, &arguments, &interpret(file).unwrap(), &environment)
}

fn merged(flags: &str, file: serde_json::Value) -> ServerConfig {
    merge(flags, file, None).unwrap()
}

fn refused(flags: &str, file: serde_json::Value) -> String {
    let text = merge(flags, file, None).unwrap_err().to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

#[test]
fn defaults_are_those_of_the_public_program() {
    let config = merged("-i c1", json!(null));
    assert_eq!(config.cluster_ids, ["c1"]);
    assert_eq!(config.token_versions, [Version::V1, Version::V2]);
    assert_eq!(config.listen.to_string(), "127.0.0.1:21362");
    assert_eq!(config.certificate_address.to_string(), "127.0.0.1");
    assert_eq!(config.hostname.as_str(), "localhost");
    assert_eq!(config.state_dir, Path::new("/var/ack-ram-authenticator"));
    assert_eq!(
        config.webhook_kubeconfig.as_deref(),
        Some(Path::new("/etc/kubernetes/ack-ram-authenticator/kubeconfig.yaml"))
    );
    assert_eq!(config.backends, [BackendMode::MountedFile]);
    assert_eq!(config.sts.authority(), "sts.aliyuncs.com");
    assert_eq!(config.kubeconfig, None);
    assert_eq!(config.health.unwrap().to_string(), "127.0.0.1:21363");
    assert!(config.mapping_options.sync_crd);
    assert!(config.warnings.is_empty());
}

#[test]
fn reads_keys_in_any_case() {
    let config = merged(
        "",
        json!({"CLUSTERID": "c1", "Server": {
            "PORT": "1", "stateDir": "/s", "GENERATEkubeconfig": "/k", "Address": "10.0.0.1", "hostName": "h",
            "kubeConfig": "/kc", "BackendMode": ["CRD"], "region": "cn-beijing",
            "mapRoles": [{"RoleARN": "acs:ram::1:role/r", "UserName": "u", "Groups": ["g"]}],
            "MapUsers": [{"userARN": "acs:ram::1:user/u", "username": "u"}], "mapAccounts": ["1"]}}),
    );
    assert_eq!(config.cluster_ids, ["c1"]);
    assert_eq!(config.listen.to_string(), "10.0.0.1:1");
    assert_eq!(config.certificate_address.to_string(), "10.0.0.1");
    assert_eq!(config.hostname.as_str(), "h");
    assert_eq!(config.state_dir, Path::new("/s"));
    assert_eq!(config.webhook_kubeconfig.as_deref(), Some(Path::new("/k")));
    assert_eq!(config.kubeconfig.as_deref(), Some(Path::new("/kc")));
    assert_eq!(config.backends, [BackendMode::Crd]);
    assert_eq!(config.sts.authority(), "sts-vpc.cn-beijing.aliyuncs.com");
    assert_eq!(config.mappings.map_roles[0].rolearn, "acs:ram::1:role/r");
    assert_eq!(config.mappings.map_roles[0].groups, ["g"]);
    assert_eq!(config.mappings.map_users[0].userarn, "acs:ram::1:user/u");
    assert_eq!(config.mappings.map_accounts[0].0, "1");
}

#[test]
fn flags_beat_the_file() {
    let file = json!({"clusterID": "file", "server": {
        "port": 1, "stateDir": "/file", "generateKubeconfig": "/file", "kubeconfigPregenerated": true,
        "region": "cn-file", "address": "10.0.0.1", "kubeconfig": "/file", "backendMode": "CRD"}});
    let config = merged(
        "-i flag --port 2 --state-dir /flag --generate-kubeconfig /flag --kubeconfig-pregenerated=false \
         --region cn-flag --bind 10.0.0.2 --kubeconfig /flag --backend-mode MountedFile",
        file,
    );
    assert_eq!(config.cluster_ids, ["flag"]);
    assert_eq!(config.listen.to_string(), "10.0.0.2:2");
    assert_eq!(config.state_dir, Path::new("/flag"));
    assert_eq!(config.webhook_kubeconfig.as_deref(), Some(Path::new("/flag")));
    assert_eq!(config.sts.authority(), "sts-vpc.cn-flag.aliyuncs.com");
    assert_eq!(config.kubeconfig.as_deref(), Some(Path::new("/flag")));
    assert_eq!(config.backends, [BackendMode::MountedFile]);
    // The certificate names what clients connect to, which the key says.
    assert_eq!(config.certificate_address.to_string(), "10.0.0.1");
}

#[test]
fn the_file_beats_sts_region_which_is_only_the_flags_default() {
    let region =
        |flags: &str, file: serde_json::Value| merge(flags, file, Some("cn-env")).unwrap().sts.authority();
    assert_eq!(region("-i c", json!({})), "sts-vpc.cn-env.aliyuncs.com");
    assert_eq!(region("-i c", json!({"server": {"region": "cn-file"}})), "sts-vpc.cn-file.aliyuncs.com");
    assert_eq!(
        region("-i c --region cn-flag", json!({"server": {"region": "cn-file"}})),
        "sts-vpc.cn-flag.aliyuncs.com"
    );
    assert_eq!(region("-i c --region=", json!({})), "sts.aliyuncs.com");
    assert_eq!(region("-i c --region cn-hangzhou-finance", json!({})), "sts-vpc.cn-hangzhou.aliyuncs.com");
    assert_eq!(region("-i c --region x --sts-endpoint localhost:8443", json!({})), "localhost:8443");
}

#[test]
fn a_text_of_backends_is_split_at_blanks_and_commas() {
    let config = merged("-i c", json!({"server": {"backendMode": "MountedFile, CRD ACKConfigMap"}}));
    assert_eq!(config.backends, [BackendMode::MountedFile, BackendMode::Crd, BackendMode::AckConfigMap]);
}

#[test]
fn pregenerated_means_no_kubeconfig_is_written() {
    assert_eq!(merged("-i c --kubeconfig-pregenerated", json!({})).webhook_kubeconfig, None);
    assert_eq!(
        merged("-i c", json!({"server": {"kubeconfigPregenerated": "true"}})).webhook_kubeconfig,
        None
    );
}

#[test]
fn several_cluster_ids_are_accepted_each_once() {
    assert_eq!(merged("-i c1 -i c2 -i c1", json!({})).cluster_ids, ["c1", "c2"]);
    assert_eq!(merged("", json!({"clusterID": ["c3", "c4"]})).cluster_ids, ["c3", "c4"]);
}

#[test]
fn warns_of_keys_that_nobody_reads() {
    let config = merged(
        "-i c",
        json!({"token": "secret", "output": "json", "defaultRole": "x", "server": {"bind": "1.2.3.4", "mapRols": []}}),
    );
    let warned = ["server.bind", "server.maprols", "defaultrole"];
    assert_eq!(config.warnings.len(), warned.len(), "{:?}", config.warnings);
    for key in warned {
        assert!(config.warnings.iter().any(|line| line.ends_with(key)), "{key}: {:?}", config.warnings);
    }
    assert!(!format!("{config:?}").contains("secret"));
}

#[test]
fn wrong_values_are_refused_by_the_name_of_their_flag_or_key() {
    let cases = [
        ("", json!({}), "--cluster-id"),
        ("-i", json!({"server": {}}), "--cluster-id"),
        ("-i c/d", json!({}), "c/d"),
        ("-i c --bind localhost", json!({}), "--bind"),
        ("-i c", json!({"server": {"address": "x"}}), "server.address"),
        ("-i c", json!({"server": {"hostname": "a b"}}), "server.hostname"),
        ("-i c --region a.b", json!({}), "--region"),
        ("-i c", json!({"server": {"region": "a/b"}}), "server.region"),
        ("-i c --backend-mode crd", json!({}), "crd"),
        ("-i c --backend-mode CRD,CRD", json!({}), "CRD"),
        ("-i c", json!({"server": {"backendMode": ""}}), "server.backendMode"),
        ("-i c --token-versions v3", json!({}), "v3"),
        ("-i c", json!({"server": {"stateDir": ""}}), "server.stateDir"),
        ("-i c", json!({"server": {"generateKubeconfig": ""}}), "server.generateKubeconfig"),
    ];
    for (flags, file, named) in cases {
        let flags = if flags == "-i" { "-i=" } else { flags };
        let text = refused(flags, file);
        assert!(text.contains(named), "{flags}: {text}");
    }
}

#[test]
fn keys_of_another_type_are_refused_by_name() {
    let cases = [
        (json!([]), "keys and values"),
        (json!({"clusterID": 12}), "clusterid"),
        (json!({"server": []}), "server"),
        (json!({"server": {"port": "x"}}), "server.port"),
        (json!({"server": {"port": 65536}}), "server.port"),
        (json!({"server": {"stateDir": 12}}), "server.statedir"),
        (json!({"server": {"kubeconfigPregenerated": "maybe"}}), "server.kubeconfigpregenerated"),
        (json!({"server": {"backendMode": [1]}}), "server.backendmode"),
        (json!({"server": {"mapRoles": "x"}}), "mapRoles"),
    ];
    for (document, named) in cases {
        let text = interpret(document.clone()).unwrap_err().to_string();
        assert!(text.contains(named) && !text.contains('\n'), "{document}: {text}");
    }
}

#[test]
fn keys_that_differ_in_case_only_are_refused() {
    let error = interpret(json!({"server": {"port": 1, "Port": 2}})).unwrap_err();
    assert_eq!(error, ContentError::SameKey("port".into()));
    let twice = json!({"server": {"mapRoles": [{"rolearn": "a", "roleARN": "b"}]}});
    assert_eq!(interpret(twice).unwrap_err(), ContentError::SameKey("rolearn".into()));
}

#[test]
fn reads_yaml_json_and_toml_by_the_names_ending() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("a.yaml", "clusterID: c1\nserver:\n  port: 7\n"),
        ("a.YML", "clusterID: c1\nserver: {port: 7}\n"),
        ("a.json", r#"{"clusterID":"c1","server":{"port":7}}"#),
        ("a.toml", "clusterID = \"c1\"\n[server]\nport = 7\n"),
    ];
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let config = read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((config.cluster_id, config.server.port), (vec!["c1".to_owned()], Some(7)), "{name}");
    }
    let empty = folder.path().join("empty.yaml");
    fs::write(&empty, "# nothing\n").unwrap();
    assert!(read(&empty).unwrap().cluster_id.is_empty());
}

#[test]
fn file_errors_are_one_line_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let broken = [
        ("a.yaml", "clusterID: [\nserver: canary\n"),
        ("b.yaml", "clusterID: c1\nclusterID: c2\n"),
        ("a.json", r#"{"clusterID":"c1","clusterID":"canary"}"#),
        ("b.json", r#"{"token":"canary"#),
        ("a.toml", "token = canary\n"),
        ("a.txt", "clusterID: canary\n"),
        ("noending", "clusterID: canary\n"),
    ];
    for (name, text) in broken {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains(name) && !error.contains('\n') && !error.contains("canary"), "{error}");
    }
    let missing = read(&folder.path().join("missing.yaml")).unwrap_err();
    assert!(matches!(missing, FileError::Read { .. }), "{missing}");
}

#[test]
fn init_takes_address_and_host_name_from_flags_then_keys() {
    let init_with = |flags: &str, file: serde_json::Value| {
        let words = ["ack-ram-authenticator", "init"].into_iter().chain(flags.split_whitespace());
        match Arguments::try_parse_from(words).unwrap() {
            Arguments { global, command: Some(Command::Init(arguments)) } => {
                init(&global, &arguments, &interpret(file).unwrap())
            }
            _ => panic!("not the init command"),
        }
    };
    let keys = json!({"server": {"address": "10.0.0.1", "hostname": "key", "port": 9}});
    let config = init_with("-i c --hostname flag", keys).unwrap();
    assert_eq!(
        (config.address.to_string().as_str(), config.hostname.as_str(), config.port),
        ("10.0.0.1", "flag", 9)
    );
    assert!(matches!(
        init_with("-i c --address foo", json!({})),
        Err(ConfigError::Address { name: "--address", .. })
    ));
    assert!(matches!(init_with("", json!({})), Err(ConfigError::NoClusterId)));
}

#[test]
fn a_break_glass_has_users_and_roles_and_nothing_else() {
    let entry = json!({"UserARN": "acs:ram::1:user/a", "username": "a"});
    let config = merged("-i c1", json!({"Server": {"breakGlass": {"mapUsers": [entry]}}}));
    assert_eq!(config.mapping_options.break_glass.map_users.len(), 1);
    assert!(config.mapping_options.has_break_glass());
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert!(!merged("-i c1", json!({"server": {"breakGlass": null}})).mapping_options.has_break_glass());
    for (value, part) in [
        (json!({"mapAccounts": ["1"]}), "server.breakGlass.mapAccounts cannot be used"),
        (json!({"mapUser": []}), "server.breakGlass.mapuser cannot be used"),
        (json!([]), "server.breakGlass must be a map"),
        (json!({"mapUsers": 7}), "server.breakGlass.mapRoles"),
    ] {
        let error = interpret(json!({"server": {"breakGlass": value}})).unwrap_err().to_string();
        assert!(error.starts_with(part), "{error}");
    }
}

#[test]
fn bootstrap_only_leaves_the_configuration_file_alone() {
    let file = json!({"server": {"mapAccounts": ["1"], "backendMode": "CRD"}});
    let config = merged("-i c1 --bootstrap-only", file.clone());
    assert_eq!(config.backends, [BackendMode::MountedFile]);
    assert_eq!(config.warnings, ["--bootstrap-only: the configuration file's mappings alone count"]);
    assert_eq!(merged("-i c1 --bootstrap-only=false", file).backends, [BackendMode::Crd]);
    let warnings = merged("-i c1 --bootstrap-only", json!(null)).warnings;
    assert!(warnings[0].contains("nobody can log in"), "{warnings:?}");
}

#[test]
fn mapping_flags_are_off_unless_given() {
    use identity::pattern::AnyAccount;
    let options = merged("-i c1", json!(null)).mapping_options;
    assert_eq!(options.any_account, AnyAccount::Refuse);
    assert!(!options.refuse_changed_principals && options.reserved_prefixes.is_empty());
    let flags = "-i c1 --allow-any-account --refuse-changed-principals --reserved-prefix team: --reserved-prefix ops:";
    let options = merged(flags, json!(null)).mapping_options;
    assert_eq!(options.any_account, AnyAccount::Allow);
    assert!(options.refuse_changed_principals);
    assert_eq!(options.reserved_prefixes, ["team:", "ops:"]);
}
