//! An emulated account with a cluster that has RRSA, whose issuer is the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, unreachable_pub)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use emulator::{Config, Emulator};
use jiff::Timestamp;
use openapi::api::ServiceOptions;
use openapi::network::{ProxyRules, Trust};
use openapi::{Credentials, ram};
use serde_json::{Value, json};
use signature::Secret;
use tokio::runtime::Runtime;

use crate::oidc::Issuer;
use crate::support::{ALICE, CANARY, Outcome};

pub const ACCOUNT: &str = "1234567890123456";
pub const CLUSTER: &str = "c5e1a2b3c4d5e6f708192a3b4c5d6e7f8";
pub const PROVIDER: &str =
    "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c5e1a2b3c4d5e6f708192a3b4c5d6e7f8";
pub const ISSUER: &str =
    "https://oidc-ack-cn-hangzhou.oss-cn-hangzhou.aliyuncs.com/c5e1a2b3c4d5e6f708192a3b4c5d6e7f8";
/// A cluster without RRSA.
pub const PLAIN_CLUSTER: &str = "c00000000000000000000000000000000";

pub struct Cloud {
    pub emulator: Emulator,
    pub runtime: Runtime,
    pub issuer: Issuer,
    endpoint: String,
    ca: String,
    ram: ram::Client,
}

impl Cloud {
    pub fn start() -> Self {
        let issuer = Issuer::new();
        let config = json!({
            "accounts": [{
                "id": ACCOUNT,
                "users": [
                    {"name": "alice", "id": "222222222222222222",
                        "accessKeys": [{"id": "LTAIalice", "secret": "canary-alice"}]},
                    {"name": "bob", "id": "222222222222222223", "policies": ["bob"],
                        "accessKeys": [{"id": "LTAIbob", "secret": "canary-bob"}]},
                ],
                "policies": [
                    {"name": "mine", "document": policy(&["oss:*"])},
                    {"name": "bob", "document": policy(&["cs:*", "ram:GetRole", "ram:AttachPolicyToRole"])},
                ],
                // A provider that no cluster of ACK's has.
                "oidcProviders": [{
                    "name": "ack-rrsa-mine", "issuerUrl": "https://issuer.example/mine",
                    "clientIds": ["sts.aliyuncs.com"], "jwks": issuer.jwks(),
                }],
            }],
            "metadata": {"account": ACCOUNT},
            "clusters": [
                {"id": CLUSTER, "account": ACCOUNT, "name": "prod", "rrsa": true, "jwks": issuer.jwks()},
                {"id": PLAIN_CLUSTER, "account": ACCOUNT},
            ],
        });
        let runtime = Runtime::new().unwrap();
        let config = Config::from_yaml(&config.to_string(), "test").unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let emulator = runtime.block_on(Emulator::builder(config).metadata_listen(any).start());
        let emulator = emulator.unwrap();
        let (endpoint, ca) =
            (emulator.address().to_string(), emulator.ca_file().to_str().unwrap().to_owned());
        let variable = |name: &str| (name == "SSL_CERT_FILE").then(|| ca.clone());
        let ram = ram::Client::with_network(
            &ServiceOptions::new(endpoint.parse().unwrap(), "test".to_owned()),
            &Trust::from_environment(&variable),
            &ProxyRules::from_environment(&variable).unwrap(),
        )
        .unwrap();
        Self { emulator, runtime, issuer, endpoint, ca, ram }
    }

    /// Alice's keys, and where everything is.
    pub fn variables(&self) -> Vec<(String, String)> {
        let endpoint = self.endpoint.as_str();
        let mut variables = ALICE.to_vec();
        variables.extend([
            ("SSL_CERT_FILE", self.ca.as_str()),
            ("ACK_RAM_TOOL_STS_ENDPOINT", endpoint),
            ("ACK_RAM_TOOL_CS_ENDPOINT", endpoint),
            ("ACK_RAM_TOOL_RAM_ENDPOINT", endpoint),
            ("ACK_RAM_TOOL_IMS_ENDPOINT", endpoint),
        ]);
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Runs the program below `rrsa`, as alice.
    pub fn run(&self, words: &[&str]) -> Outcome {
        self.run_with(words, &[], "")
    }

    /// Runs the program below `rrsa`, as whom these variables say, with this on stdin and without a terminal.
    pub fn run_with(&self, words: &[&str], more: &[(&str, &str)], stdin: &str) -> Outcome {
        let mut command = Command::new("python3");
        command.args(["-c", "import os, sys; os.setsid(); os.execv(sys.argv[1], sys.argv[1:])"]);
        command
            .arg(env!("CARGO_BIN_EXE_ack-ram-tool"))
            .arg("rrsa")
            .args(words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs(self.variables())
            .envs(more.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("python3 is missing: install it (it takes the terminal away)");
        // Who does not read it has closed it.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        let outcome = Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(
            !outcome.stderr.contains(CANARY) && !outcome.stderr.contains("panicked"),
            "{}",
            outcome.stderr
        );
        outcome
    }

    fn alice() -> Credentials {
        Credentials {
            access_key_id: ALICE[0].1.to_owned(),
            access_key_secret: Secret::new(ALICE[1].1),
            security_token: None,
            expiration: None,
        }
    }

    /// The trust policy of a role, byte by byte.
    pub fn trust_policy(&self, role: &str) -> Option<String> {
        let alice = Self::alice();
        let asking = self.ram.role(role, &alice, now());
        self.runtime.block_on(asking).unwrap().map(|role| role.trust_policy)
    }

    /// `TYPE/NAME` of each policy of a role.
    pub fn policies(&self, role: &str) -> Vec<String> {
        let alice = Self::alice();
        let asking = self.ram.policies_of_role(role, &alice, now());
        let policies = self.runtime.block_on(asking).unwrap();
        policies.into_iter().map(|policy| format!("{}/{}", policy.policy_type, policy.policy_name)).collect()
    }

    pub fn role(&self, name: &str, trust_policy: &str) {
        self.emulator.create_role(ACCOUNT, name, trust_policy).unwrap();
    }

    pub fn calls(&self, action: &str) -> usize {
        self.emulator.requests().iter().filter(|request| request.action == action).count()
    }

    /// Calls that change something.
    pub fn changes(&self) -> Vec<String> {
        let changing = ["Create", "Update", "Attach", "Delete", "Add", "Modify"];
        self.emulator
            .requests()
            .into_iter()
            .map(|request| request.action)
            .filter(|action| changing.iter().any(|word| action.starts_with(word)))
            .collect()
    }

    /// A token of a service account of the cluster, but for these claims.
    pub fn token(&self, namespace: &str, account: &str, other: &Value) -> String {
        let second = now().as_second();
        let mut claims = json!({
            "iss": ISSUER, "aud": ["sts.aliyuncs.com"],
            "sub": format!("system:serviceaccount:{namespace}:{account}"),
            "iat": second, "nbf": second, "exp": second.saturating_add(3600),
        });
        for (name, value) in other.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        self.issuer.token(&claims)
    }

    /// Exchanges a token for credentials of a role, by the program.
    pub fn assume(&self, role: &str, token: &str) -> Outcome {
        let role = format!("acs:ram::{ACCOUNT}:role/{role}");
        self.run_with(&["assume-role", "-r", &role, "-p", PROVIDER, "-t", "-"], &[], token)
    }
}

pub fn policy(actions: &[&str]) -> Value {
    json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})
}

#[allow(clippy::disallowed_methods)]
pub fn now() -> Timestamp {
    Timestamp::now()
}
