#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::super::testing::search_with;
use super::super::{CredentialError, Setting, Source};

const FILE: &str = "/home/x/.aliyun/config.json";
const ROLE: &str = r#""ram_role_arn":"acs:ram::1234567890123456:role/dev","ram_session_name":"alice""#;
const KEY: &str = r#""access_key_id":"LTAIx","access_key_secret":"canary""#;

/// What the text of a file gives for a profile, or for its current one.
fn find(text: &str, profile: Option<&str>) -> Result<Source, CredentialError> {
    let read = |path: &std::path::Path| {
        assert_eq!(path, std::path::Path::new(FILE));
        Ok(text.to_owned())
    };
    search_with(&[("HOME", "/home/x")], &read, |search| {
        search.profile_name =
            profile.map(|name| Setting { origin: "--profile-name".to_owned(), value: name.to_owned() });
    })
}

/// The source of a file with one profile, `p`, without the name of its place.
fn source(keys: &str) -> Result<Source, CredentialError> {
    let text = format!(r#"{{"current":"p","meta_path":"","profiles":[{{"name":"p",{keys}}}]}}"#);
    match find(&text, None)? {
        Source::Profile { place, source } => {
            assert_eq!(place, format!("profile \"p\" of {FILE}"));
            Ok(*source)
        }
        other => panic!("{other:?}"),
    }
}

fn fails(keys: &str) -> String {
    one_line(&source(keys).expect_err(keys))
}

fn one_line(error: &CredentialError) -> String {
    let text = error.to_string();
    assert!(!text.contains("canary") && !text.contains('\n'), "{text}");
    assert!(text.contains(FILE), "{text}");
    text
}

#[test]
fn each_simple_mode_gives_its_source() {
    for (keys, name) in [
        (format!(r#""mode":"AK",{KEY}"#), "access key"),
        (format!(r#""mode":"AK",{KEY},"sts_token":"left over""#), "access key"),
        (format!(r#""mode":"StsToken",{KEY},"sts_token":"canary""#), "temporary access key"),
        (format!(r#""mode":"RamRoleArn",{KEY},{ROLE}"#), "access key that assumes a role"),
        (
            format!(r#""mode":"RamRoleArn",{KEY},{ROLE},"sts_token":"canary""#),
            "temporary access key that assumes a role",
        ),
        (r#""mode":"EcsRamRole""#.to_owned(), "ECS metadata service"),
        (r#""mode":"EcsRamRole","ram_role_name":"worker""#.to_owned(), "ECS metadata service"),
        (
            format!(r#""mode":"RamRoleArnWithRoleName","ram_role_name":"worker",{ROLE}"#),
            "ECS metadata service that assumes a role",
        ),
        (
            r#""mode":"CredentialsURI","credentials_uri":"http://127.0.0.1:1/canary""#.to_owned(),
            "credentials URI",
        ),
        (
            format!(
                r#""mode":"OIDC","region_id":"cn-hangzhou",{ROLE},"oidc_token_file":"/t",
                "oidc_provider_arn":"acs:ram::1234567890123456:oidc-provider/ack""#
            ),
            "OIDC token file",
        ),
    ] {
        let source = source(&keys).unwrap();
        assert_eq!(source.name(), name);
        assert!(!format!("{source:?}").contains("canary"), "{source:?}");
    }
}

#[test]
fn the_keys_of_a_role_reach_the_call() {
    let more = r#""external_id":"a+b","expired_seconds":900,"sts_region":"cn-beijing""#;
    let Source::AssumeRole { from, request, endpoint } =
        source(&format!(r#""mode":"RamRoleArn",{KEY},{ROLE},{more}"#)).unwrap()
    else {
        panic!("no role")
    };
    assert_eq!(from.immediate().unwrap().access_key_id, "LTAIx");
    assert_eq!(request.role_arn, "acs:ram::1234567890123456:role/dev");
    assert_eq!(request.session_name.as_str(), "alice");
    assert_eq!((request.external_id.as_deref(), request.duration_seconds), (Some("a+b"), Some(900)));
    assert_eq!(endpoint.unwrap().to_string(), "sts.cn-beijing.aliyuncs.com");

    let zero = format!(r#""mode":"RamRoleArn",{KEY},{ROLE},"expired_seconds":0,"sts_region":"""#);
    let Source::AssumeRole { request, endpoint, .. } = source(&zero).unwrap() else { panic!("no role") };
    assert_eq!((request.external_id, request.duration_seconds, endpoint), (None, None, None));
}

#[test]
fn what_a_mode_lacks_is_named_by_key_profile_and_file() {
    let role = |what: &str| format!(r#""mode":"RamRoleArn",{KEY},{what}"#);
    for (keys, wanted) in [
        (r#""x":1"#.to_owned(), "mode is missing: it is one of AK, StsToken,"),
        (r#""mode":"canary""#.to_owned(), "mode is none of AK, StsToken,"),
        (r#""mode":"ak""#.to_owned(), "mode is none of AK, StsToken,"),
        (r#""mode":7"#.to_owned(), "mode in profile \"p\" of"),
        (r#""mode":"AK""#.to_owned(), "access_key_id in profile \"p\" of"),
        (r#""mode":"AK","access_key_id":"LTAIx""#.to_owned(), "access_key_secret in profile \"p\" of"),
        (
            r#""mode":"AK","access_key_id":"canary/x","access_key_secret":"s""#.to_owned(),
            "not an access key id",
        ),
        (r#""mode":"AK","access_key_id":"x","access_key_secret":"canary "#.to_owned() + "\"", "a blank"),
        (r#""mode":"AK","access_key_id":"x","access_key_secret":["canary"]"#.to_owned(), "is not a text"),
        (format!(r#""mode":"StsToken",{KEY}"#), "sts_token in"),
        (role(r#""ram_role_arn":"acs:ram::1234567890123456:role/dev""#), "ram_session_name in"),
        (role(r#""ram_session_name":"alice""#), "ram_role_arn in"),
        (
            role(r#""ram_session_name":"a","ram_role_arn":"acs:ram::1234567890123456:role/dev""#),
            "session name",
        ),
        (role(r#""ram_session_name":"alice","ram_role_arn":"canary""#), "role ARN"),
        (role(&format!(r#"{ROLE},"expired_seconds":899"#)), "expired_seconds in"),
        (role(&format!(r#"{ROLE},"expired_seconds":43201"#)), "900 to 43200"),
        (role(&format!(r#"{ROLE},"expired_seconds":"900""#)), "not a whole number"),
        (role(&format!(r#"{ROLE},"expired_seconds":9.5"#)), "not a whole number"),
        (role(&format!(r#"{ROLE},"external_id":"canary x""#)), "external_id in"),
        (role(&format!(r#"{ROLE},"sts_region":"canary.example""#)), "sts_region in"),
        (r#""mode":"EcsRamRole","ram_role_name":"../canary""#.to_owned(), "ram_role_name in"),
        (r#""mode":"CredentialsURI""#.to_owned(), "credentials_uri in"),
        (r#""mode":"CredentialsURI","credentials_uri":"file:///canary""#.to_owned(), "credentials_uri in"),
        (format!(r#""mode":"OIDC",{ROLE},"oidc_token_file":"/t","oidc_provider_arn":"x""#), "region_id in"),
        (format!(r#""mode":"OIDC","region_id":"x",{ROLE},"oidc_provider_arn":"x""#), "oidc_token_file in"),
        (format!(r#""mode":"OIDC","region_id":"x",{ROLE},"oidc_token_file":"/t""#), "oidc_provider_arn in"),
        (format!(r#""mode":"ChainableRamRoleArn",{ROLE}"#), "source_profile in"),
        (
            format!(r#""mode":"ChainableRamRoleArn",{ROLE},"source_profile":"q""#),
            r#"there is no profile "q" (named by source_profile in profile "p""#,
        ),
    ] {
        let text = fails(&keys);
        assert!(text.contains(wanted), "{keys}: {text}");
    }
}

#[test]
fn a_file_that_is_none_is_named_with_the_place_of_the_fault() {
    for (text, wanted) in [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("{\"current\":\"canary\",\n \"profiles\": canary}", "not valid JSON (line 2, column 14)"),
        ("{\"current\":\"canary\"", "not valid JSON (line 1, column 19)"),
        ("{} canary", "not valid JSON (line 1, column 4)"),
        ("[\"canary\"]", "it holds no JSON object"),
        ("\"canary\"", "it holds no JSON object"),
        (r#"{"current":1}"#, "\"current\" is not a text"),
        (r#"{"profiles":{"canary":1}}"#, "\"profiles\" is not a list"),
        (r#"{"profiles":["canary"]}"#, "profile number 1 is not an object"),
        ("{}", "there is no profile \"default\" (named by \"current\" in the file): it has none"),
        (r#"{"current":"y","profiles":[{"name":"x","mode":"AK"}]}"#, "no profile \"y\""),
    ] {
        let text = one_line(&find(text, None).unwrap_err());
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let many: Vec<String> = (0..12).map(|number| format!(r#"{{"name":"p{number}"}}"#)).collect();
    let text =
        find(&format!(r#"{{"profiles":[{}]}}"#, many.join(",")), Some("no\n")).unwrap_err().to_string();
    assert!(text.ends_with(r#""p9", …"#) && !text.contains("p10") && !text.contains('\n'), "{text}");
    let many = vec!["{}"; 1001].join(",");
    let text = find(&format!(r#"{{"profiles":[{many}]}}"#), None).unwrap_err().to_string();
    assert!(text.contains("more than 1000 profiles"), "{text}");
    let deep = format!("{{\"profiles\":{}", "[".repeat(5000));
    assert!(find(&deep, None).unwrap_err().to_string().contains("not valid JSON"));
}

/// What works with the aliyun CLI works here: its reader takes keys in any case, the last of two equal ones, and null for
/// nothing. Editors on Windows add a byte order mark and carriage returns.
#[test]
fn the_file_may_look_as_the_aliyun_cli_allows() {
    let text = "\u{feff}{\r\n \"Current\": \"old\", \"current\": \"p\", \"current\": null, \"unknown\": {\"a\": [1.5]},\r\n \
        \"profiles\": [{\"name\":\"p\",\"name\":\"q\",\"name\":\"p\",\"MODE\":\"AK\",\"access_key_id\":\"LTAIold\",\r\n \
        \"access_key_id\":\"LTAIx\",\"Access_Key_Secret\":\"canary\",\"sts_token\":null,\"language\":7}]}\r\n";
    let source = find(text, None).unwrap();
    assert_eq!(source.immediate().unwrap().access_key_id, "LTAIx");
    let twice = format!(r#"{{"profiles":[{{"name":"default","mode":"AK",{KEY}}},{{"name":"default"}}]}}"#);
    assert_eq!(
        find(&twice, None).unwrap().immediate().unwrap().access_key_id,
        "LTAIx",
        "the first profile counts"
    );
}

fn chain(links: &[(&str, &str)], last: &str) -> String {
    let links = links.iter().map(|(name, from)| {
        format!(r#"{{"name":"{name}","mode":"ChainableRamRoleArn","source_profile":"{from}",{ROLE}}}"#)
    });
    let mut profiles: Vec<String> = links.collect();
    profiles.push(format!(r#"{{"name":"{last}","mode":"AK",{KEY}}}"#));
    format!(r#"{{"profiles":[{}]}}"#, profiles.join(","))
}

#[test]
fn profiles_stand_on_others_of_any_mode() {
    let text = chain(&[("a", "b"), ("b", "c")], "c");
    let source = find(&text, Some("a")).unwrap();
    assert!(source.name().starts_with("access key that assumes a role that assumes a role (profile \"a\""));
    assert!(source.immediate().is_none());

    let names: Vec<String> = (0..=9).map(|number| format!("p{number}")).collect();
    let links: Vec<(&str, &str)> = names.windows(2).map(|two| (two[0].as_str(), two[1].as_str())).collect();
    assert!(find(&chain(&links, "p9"), Some("p0")).is_ok(), "ten profiles");
}

#[test]
fn a_profile_that_stands_on_itself_is_refused_by_name() {
    let text = one_line(&find(&chain(&[("a", "a")], "x"), Some("a")).unwrap_err());
    assert!(text.contains(r#"the profile stands on itself: "a" -> "a""#), "{text}");
    let text = one_line(&find(&chain(&[("a", "b"), ("b", "c"), ("c", "a")], "x"), Some("b")).unwrap_err());
    assert!(text.contains(r#""b" -> "c" -> "a" -> "b""#), "{text}");

    let names: Vec<String> = (0..=10).map(|number| format!("p{number}")).collect();
    let links: Vec<(&str, &str)> = names.windows(2).map(|two| (two[0].as_str(), two[1].as_str())).collect();
    let text = one_line(&find(&chain(&links, "p10"), Some("p0")).unwrap_err());
    assert!(text.contains("more than 10 profiles"), "{text}");
}

#[test]
fn identity_keys_tell_everything_apart_and_show_no_secret() {
    let key = |text: &str, profile: &str| {
        let key = find(text, Some(profile)).unwrap().identity_key();
        assert!(!key.contains("canary"), "{key}");
        key
    };
    let one = |keys: &str| format!(r#"{{"profiles":[{{"name":"p",{keys}}},{{"name":"q",{keys}}}]}}"#);
    let ak = r#""mode":"AK","access_key_id":"LTAIx","access_key_secret":"canary""#;
    let role = |more: &str| format!(r#""mode":"RamRoleArn",{KEY},{more}"#);
    let base = role(ROLE);
    let all = [
        one(ak),
        one(&ak.replace("LTAIx", "LTAIy")),
        one(&ak.replace("canary", "canary2")),
        one(&format!(r#""mode":"StsToken",{KEY},"sts_token":"canary""#)),
        one(&format!(r#""mode":"StsToken",{KEY},"sts_token":"canary2""#)),
        one(&base),
        one(&base.replace("role/dev", "role/ops")),
        one(&base.replace("1234567890123456", "6543210987654321")),
        one(&base.replace("alice", "bob")),
        one(&role(&format!(r#"{ROLE},"external_id":"canary""#))),
        one(&role(&format!(r#"{ROLE},"sts_region":"cn-beijing""#))),
        one(r#""mode":"EcsRamRole""#),
        one(r#""mode":"EcsRamRole","ram_role_name":"worker""#),
        one(r#""mode":"CredentialsURI","credentials_uri":"http://127.0.0.1:1/canary""#),
        one(r#""mode":"CredentialsURI","credentials_uri":"http://127.0.0.1:1/canary2""#),
    ];
    let mut keys: Vec<String> = all.iter().flat_map(|text| [key(text, "p"), key(text, "q")]).collect();
    let again: Vec<String> = all.iter().flat_map(|text| [key(text, "p"), key(text, "q")]).collect();
    assert_eq!(keys, again, "the same settings give the same key");
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count);
    // The same profile of another file.
    let read = |_: &std::path::Path| Ok(one(ak));
    let elsewhere = search_with(&[], &read, |search| {
        search.profile_file = Some(Setting { origin: "--profile-file".into(), value: "/b.json".into() });
        search.profile_name = Some(Setting { origin: "--profile-name".into(), value: "p".into() });
    });
    assert_ne!(elsewhere.unwrap().identity_key(), key(&one(ak), "p"));
}
