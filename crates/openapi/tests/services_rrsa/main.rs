//! The calls of RAM, IMS and Container Service that RRSA needs: their forms on the wire, what broken answers come to, and
//! the emulator's answers, refusals among them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod broken;
mod container_service;
mod identity;
#[path = "../support/mod.rs"]
mod support;
mod wire;

use emulator::{Config, Emulator};
use jiff::Timestamp;
use openapi::api::{ApiError, ServiceOptions};
use openapi::cs::TaskId;
use openapi::ims::NewOidcProvider;
use openapi::network::{ProxyRules, Trust};
use openapi::ram::PolicyType;
use openapi::{Credentials, cs, ims, ram};
use signature::Secret;
use support::Server;

const ACCOUNT: &str = "1234567890123456";
const ISSUER: &str = "https://issuer.example/c1";
const TRUST: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::1234567890123456:root"]}}]}"#;
const DOCUMENT: &str =
    r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "cs:Get*", "Resource": "*"}]}"#;

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn keys(id: &str, token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: id.to_owned(),
        access_key_secret: Secret::new("canary-secret"),
        security_token: token.map(Secret::new),
        expiration: None,
    }
}

/// The three clients at one endpoint.
struct Clients {
    cs: cs::Client,
    ram: ram::Client,
    ims: ims::Client,
}

impl Clients {
    fn new(endpoint: &str, ca_file: std::path::PathBuf) -> Self {
        let options = ServiceOptions::new(endpoint.parse().unwrap(), "test/1");
        let (trust, proxies) = (Trust::File(ca_file), ProxyRules::default());
        Self {
            cs: cs::Client::with_network(&options, &trust, &proxies).unwrap(),
            ram: ram::Client::with_network(&options, &trust, &proxies).unwrap(),
            ims: ims::Client::with_network(&options, &trust, &proxies).unwrap(),
        }
    }

    fn of(server: &Server) -> Self {
        Self::new(&server.address.to_string(), server.ca_file())
    }
}

fn new_provider() -> NewOidcProvider {
    NewOidcProvider {
        name: "ack-rrsa-c1".to_owned(),
        issuer_url: ISSUER.to_owned(),
        client_ids: vec!["sts.aliyuncs.com".to_owned(), "b:d".to_owned()],
        fingerprints: vec!["902ef2deeb3c5b13ea4c3d5193629309e231ae55".to_owned()],
        description: String::new(),
        issuance_limit_time: Some(24),
    }
}

/// All calls that these tests are about, by the names of their operations.
const OPERATIONS: [&str; 20] = [
    "GetRole",
    "CreateRole",
    "UpdateRole",
    "GetPolicy",
    "CreatePolicy",
    "AttachPolicyToRole",
    "ListPoliciesForRole",
    "GetOIDCProvider",
    "ListOIDCProviders",
    "CreateOIDCProvider",
    "AddClientIdToOIDCProvider",
    "AddFingerprintToOIDCProvider",
    "RemoveFingerprintFromOIDCProvider",
    "DeleteOIDCProvider",
    "ModifyCluster",
    "DescribeTaskInfo",
    "DescribeClusterLogs",
    "DescribeClusterAddonsVersion",
    "InstallClusterAddons",
    "DescribeClustersForRegion",
];

/// Those that change something.
const CHANGES: [&str; 11] = [
    "CreateRole",
    "UpdateRole",
    "CreatePolicy",
    "AttachPolicyToRole",
    "CreateOIDCProvider",
    "AddClientIdToOIDCProvider",
    "AddFingerprintToOIDCProvider",
    "RemoveFingerprintFromOIDCProvider",
    "DeleteOIDCProvider",
    "ModifyCluster",
    "InstallClusterAddons",
];

/// Makes the call, and shows what came of it.
async fn make(clients: &Clients, operation: &str) -> Result<String, ApiError> {
    let Clients { cs, ram, ims } = clients;
    let (k, now) = (&keys("STS.alice", Some("canary-token")), now());
    let provider = "ack-rrsa-c1";
    Ok(match operation {
        "GetRole" => format!("{:?}", ram.role("dev", k, now).await?),
        "CreateRole" => format!("{:?}", ram.create_role("dev", TRUST, "for pods", k, now).await?),
        "UpdateRole" => format!("{:?}", ram.update_trust_policy("dev", TRUST, k, now).await?),
        "GetPolicy" => format!("{:?}", ram.policy("p", PolicyType::System, k, now).await?),
        "CreatePolicy" => format!("{:?}", ram.create_policy("p", DOCUMENT, "", k, now).await?),
        "AttachPolicyToRole" => {
            format!("{:?}", ram.attach_policy_to_role("p", PolicyType::Custom, "dev", k, now).await?)
        }
        "ListPoliciesForRole" => format!("{:?}", ram.policies_of_role("dev", k, now).await?),
        "GetOIDCProvider" => format!("{:?}", ims.oidc_provider(provider, k, now).await?),
        "ListOIDCProviders" => format!("{:?}", ims.oidc_providers(k, now).await?),
        "CreateOIDCProvider" => format!("{:?}", ims.create_oidc_provider(&new_provider(), k, now).await?),
        "AddClientIdToOIDCProvider" => format!("{:?}", ims.add_client_id(provider, "b", k, now).await?),
        "AddFingerprintToOIDCProvider" => format!("{:?}", ims.add_fingerprint(provider, "f", k, now).await?),
        "RemoveFingerprintFromOIDCProvider" => {
            format!("{:?}", ims.remove_fingerprint(provider, "f", k, now).await?)
        }
        "DeleteOIDCProvider" => format!("{:?}", ims.delete_oidc_provider(provider, k, now).await?),
        "ModifyCluster" => format!("{:?}", cs.set_rrsa("c 0*~+/1", true, k, now).await?),
        "DescribeTaskInfo" => {
            let task = TaskId::new("T-5a54309c80282e39ea00").unwrap();
            format!("{:?}", cs.task(&task, k, now).await?)
        }
        "DescribeClusterLogs" => format!("{:?}", cs.cluster_logs("c 0*~+/1", k, now).await?),
        "DescribeClusterAddonsVersion" => format!("{:?}", cs.addon_versions("c 0*~+/1", k, now).await?),
        "InstallClusterAddons" => {
            format!("{:?}", cs.install_addon("c 0*~+/1", "ack-pod-identity-webhook", "", k, now).await?)
        }
        "DescribeClustersForRegion" => format!("{:?}", cs.clusters_of_region("cn/x", k, now).await?),
        other => panic!("{other}"),
    })
}

const DIRECTORY: &str = r#"
accounts:
  - id: "1234567890123456"
    accessKeys: [{id: LTAIroot, secret: canary-secret}]
    users:
      - {name: nobody, id: "22", accessKeys: [{id: LTAInobody, secret: canary-secret}], policies: []}
  - id: "6543210987654321"
    accessKeys: [{id: LTAIother, secret: canary-secret}]
"#;

/// The emulator, at a time that stands still: no task ends by itself.
struct Rig {
    emulator: Emulator,
    clients: Clients,
    root: Credentials,
}

impl Rig {
    async fn start() -> Self {
        let config = Config::from_yaml(DIRECTORY, "test").unwrap();
        let emulator = Emulator::builder(config).clock(now).start().await.unwrap();
        let clients = Clients::new(&emulator.address().to_string(), emulator.ca_file().to_owned());
        Self { emulator, clients, root: keys("LTAIroot", None) }
    }
}

/// The refusal's code, and that its text says what to do.
#[track_caller]
fn code<T: std::fmt::Debug>(answer: Result<T, ApiError>) -> String {
    let error = answer.unwrap_err();
    let code = error.code().unwrap_or_else(|| panic!("{error}")).to_owned();
    let text = error.to_string();
    let (_, meaning) = text.split_once("): ").unwrap_or_else(|| panic!("nothing explains {text}"));
    assert!(meaning.contains(';') && !text.contains('\n'), "{text}");
    assert!(error.is_code(&code) && !error.is_code("Other"), "{text}");
    code
}
