//! The aliyun CLI's profiles, as far as they ask somebody over the network.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use openapi::Credentials;
use openapi::credentials::{Context, CredentialError, Search, Setting, Source};
use openapi::network::Trust;
use support::machine::{KEYS, context, environment, now, one_line};
use support::{Server, http, json};

const ROLE: &str = r#""ram_role_arn":"acs:ram::1234567890123456:role/dev","ram_session_name":"alice""#;
const KEY: &str = r#""access_key_id":"LTAIx","access_key_secret":"canary""#;

fn session(id: &str) -> String {
    format!(
        r#"{{"RequestId":"R-1","Credentials":{{"AccessKeyId":"{id}","AccessKeySecret":"canary",
        "SecurityToken":"canary-{id}","Expiration":"2026-11-22T16:30:20Z"}}}}"#
    )
}

/// An STS that gives each session the id that the role's name has.
fn sts() -> Server {
    Server::tls("127.0.0.1", |request| {
        let role = request.line.split("role%2F").nth(1).unwrap().split(['&', ' ']).next().unwrap();
        json(200, &session(&format!("STS.{role}")))
    })
}

/// The credentials of profile `p` of a file with these profiles.
async fn fetch(
    profiles: &str,
    context: &Context<'_>,
    variables: &[(&str, &str)],
) -> Result<Credentials, CredentialError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, format!(r#"{{"current":"p","profiles":[{profiles}]}}"#)).unwrap();
    let variable =
        |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let mut search = Search::new(environment(&variable), now());
    search.profile_file =
        Some(Setting { origin: "--profile-file".to_owned(), value: path.to_str().unwrap().to_owned() });
    Source::find(&search)?.fetch(context, None).await
}

fn asking(sts: &Server) -> Context<'static> {
    context(&sts.address.to_string(), Trust::File(sts.ca_file()))
}

#[tokio::test]
async fn a_role_is_assumed_with_its_duration_and_external_id() {
    let sts = sts();
    let more = r#""external_id":"a/b","expired_seconds":1800,"sts_token":"canary""#;
    let profile = format!(r#"{{"name":"p","mode":"RamRoleArn",{KEY},{ROLE},{more}}}"#);
    let credentials = fetch(&profile, &asking(&sts), &[]).await.unwrap();
    assert_eq!(credentials.access_key_id, "STS.dev");
    let request = &sts.received()[0];
    assert_eq!(
        request.line,
        "POST /?RoleArn=acs%3Aram%3A%3A1234567890123456%3Arole%2Fdev&RoleSessionName=alice\
         &DurationSeconds=1800&ExternalId=a%2Fb HTTP/1.1"
    );
    assert_eq!(request.header("x-acs-security-token"), Some("canary"));
    assert!(request.header("authorization").unwrap().contains("host;x-acs-action;"));
}

#[tokio::test]
async fn an_instance_role_assumes_a_role() {
    let metadata = Server::plain(|request| match request.line.contains("/latest/api/token") {
        true => http(404, "text/plain", ""),
        false if request.line.contains("/worker ") => json(200, KEYS),
        false => http(200, "text/plain", "worker"),
    });
    let sts = sts();
    let imds = metadata.url("");
    let variables = [("ALIBABA_CLOUD_IMDS_ENDPOINT", imds.as_str())];
    for name in ["", r#""ram_role_name":"worker","#] {
        let profile = format!(r#"{{"name":"p","mode":"RamRoleArnWithRoleName",{name}{ROLE}}}"#);
        let credentials = fetch(&profile, &asking(&sts), &variables).await.unwrap();
        assert_eq!(credentials.access_key_id, "STS.dev");
    }
    let requests = sts.received();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.header("x-acs-security-token") == Some("token")));
}

#[tokio::test]
async fn each_link_of_a_chain_signs_with_what_the_one_before_it_got() {
    let uri = Server::plain(|_| json(200, KEYS));
    let sts = sts();
    let link = |name: &str, role: &str, from: &str| {
        let role = ROLE.replace("role/dev", &format!("role/{role}"));
        format!(r#"{{"name":"{name}","mode":"ChainableRamRoleArn",{role},"source_profile":"{from}"}}"#)
    };
    let first = format!(r#"{{"name":"uri","mode":"CredentialsURI","credentials_uri":"{}"}}"#, uri.url("/"));
    let profiles = [link("p", "third", "q"), first, link("q", "second", "uri")].join(",");
    let credentials = fetch(&profiles, &asking(&sts), &[]).await.unwrap();
    assert_eq!(credentials.access_key_id, "STS.third");
    let tokens: Vec<String> = sts
        .received()
        .iter()
        .map(|request| request.header("x-acs-security-token").unwrap().to_owned())
        .collect();
    assert_eq!(tokens, ["token", "canary-STS.second"]);
}

#[tokio::test]
async fn the_sts_of_a_profile_is_asked_where_nobody_chose_another() {
    let sts = sts();
    let profile = format!(r#"{{"name":"p","mode":"RamRoleArn",{KEY},{ROLE},"sts_region":"xx-nowhere-1"}}"#);
    let chosen = asking(&sts);
    assert!(fetch(&profile, &chosen, &[]).await.is_ok());
    let not_chosen = Context { sts_is_chosen: false, ..chosen };
    let text = one_line(&fetch(&profile, &not_chosen, &[]).await.unwrap_err());
    assert!(text.contains("sts.xx-nowhere-1.aliyuncs.com"), "{text}");
    assert_eq!(sts.received().len(), 1);
}

#[tokio::test]
async fn an_oidc_token_file_of_a_profile_is_exchanged() {
    let sts = Server::tls("127.0.0.1", |_| json(200, &session("STS.x")));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "head.canary.sig\n").unwrap();
    let profile = format!(
        r#"{{"name":"p","mode":"OIDC","region_id":"cn-hangzhou",{ROLE},"oidc_token_file":"{}",
        "oidc_provider_arn":"acs:ram::1234567890123456:oidc-provider/ack"}}"#,
        file.display()
    );
    assert_eq!(fetch(&profile, &asking(&sts), &[]).await.unwrap().access_key_id, "STS.x");
    assert!(sts.received()[0].body.contains("OIDCToken=head.canary.sig&"));
    std::fs::remove_file(&file).unwrap();
    let text = one_line(&fetch(&profile, &asking(&sts), &[]).await.unwrap_err());
    assert!(text.contains("cannot read the OIDC token file"), "{text}");
}
