//! An emulated Container Service with one cluster, for tests of what asks it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, unreachable_pub)]

use std::path::PathBuf;

use emulator::{Cluster, Config, Emulator};
use jiff::{SignedDuration, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::{ALICE, CONFIG, Outcome, run};

pub const ACCOUNT: &str = "1234567890123456";
pub const CLUSTER: &str = "c5e1a2b3c4d5e6f708192a3b4c5d6e7f8";
pub const OTHER_CLUSTER: &str = "c00000000000000000000000000000000";
pub const PUBLIC: &str = "https://203.0.113.1:6443";
pub const PRIVATE: &str = "https://10.0.0.1:6443";

pub struct Ack {
    pub emulator: Emulator,
    pub runtime: Runtime,
    pub endpoint: String,
    pub ca: String,
    pub home: TempDir,
    /// The CA of client certificates, PEM, and its key.
    pub authority: (String, String),
}

impl Ack {
    pub fn start() -> Self {
        Self::with_clock(SignedDuration::ZERO)
    }

    /// Its clock is ahead of this machine's by so much.
    pub fn with_clock(ahead: SignedDuration) -> Self {
        let runtime = Runtime::new().unwrap();
        let config = Config::from_yaml(
            &CONFIG.replace(
                "    roles:\n",
                "      - {name: bob, id: \"555555555555555555\", accessKeys: [{id: LTAIbob, secret: canary-bob}]}\n    roles:\n",
            ),
            "test",
        )
        .unwrap();
        let builder = Emulator::builder(config).clock(move || now().checked_add(ahead).unwrap());
        let emulator = runtime.block_on(builder.start()).unwrap();
        let authority = authority();
        for id in [CLUSTER, OTHER_CLUSTER] {
            let cluster = Cluster::new(ACCOUNT, id)
                .public_server(PUBLIC)
                .private_server(PRIVATE)
                .certificate_authority(&authority.0)
                .client_authority(&authority.0, &authority.1);
            emulator.add_cluster(cluster).unwrap();
        }
        let endpoint = emulator.address().to_string();
        let ca = emulator.ca_file().to_str().unwrap().to_owned();
        Self { emulator, runtime, endpoint, ca, home: tempfile::tempdir().unwrap(), authority }
    }

    /// Runs the program as alice.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with(arguments, &[])
    }

    /// Runs the program as alice, with more variables, or other values for hers.
    pub fn run_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> Outcome {
        let variables = self.variables(more);
        let variables: Vec<(&str, &str)> = variables.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        run(arguments, &variables)
    }

    pub fn variables(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let home = self.home.path().to_str().unwrap();
        let mut variables: Vec<(&str, &str)> = ALICE.to_vec();
        variables.extend([
            ("SSL_CERT_FILE", self.ca.as_str()),
            ("ALIBABA_CLOUD_STS_ENDPOINT", self.endpoint.as_str()),
            ("ACK_RAM_TOOL_CS_ENDPOINT", self.endpoint.as_str()),
            ("HOME", home),
        ]);
        variables.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        variables.extend(more);
        variables.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    /// A path in the home.
    pub fn at_home(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// The calls of Container Service so far.
    pub fn calls(&self) -> Vec<emulator::RecordedRequest> {
        let of_cs = |request: &emulator::RecordedRequest| request.action == "DescribeClusterUserKubeconfig";
        self.emulator.requests().into_iter().filter(of_cs).collect()
    }
}

fn authority() -> (String, String) {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(DnType::CommonName, "clients");
    let key = KeyPair::generate().unwrap();
    (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[allow(clippy::disallowed_methods)]
pub fn now() -> Timestamp {
    Timestamp::now()
}
