//! The emulated Alibaba Cloud of a run, and who lives there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use emulator::{Config, Emulator};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::control_plane::ISSUER;
use crate::error::{Error, Result};
use crate::pki::{Pair, rsa_key};
use crate::ports::Port;
use crate::run_dir::RunDir;

/// The account that everybody belongs to.
pub const ACCOUNT: &str = "1234567890123456";
/// The cluster that the authenticator answers for.
pub const CLUSTER: &str = "c0123456789abcdef0123456789abcdef";
/// How many users `burst-0000`, `burst-0001`, … there are, for mappings applied by the thousand.
pub const BURST: usize = 1000;

/// Users with an access key each; their ids follow from their place here.
const USERS: [&str; 7] = ["alice", "bob", "carol", "testuser", "mounted", "stranger", "leaver"];

/// Somebody with an access key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// ARN as STS spells it.
    pub arn: String,
    /// RAM's own id of the user; the account's for the account.
    pub id: String,
    /// Access key id.
    pub access_key_id: String,
    /// Access key secret.
    pub access_key_secret: String,
}

/// The account itself.
#[must_use]
pub fn account() -> Identity {
    Identity {
        arn: format!("acs:ram::{ACCOUNT}:root"),
        id: ACCOUNT.to_owned(),
        access_key_id: "LTAIroot".to_owned(),
        access_key_secret: "secret-of-the-account".to_owned(),
    }
}

/// A RAM user by name. One whom the cloud does not know gets answers as such.
#[must_use]
pub fn user(name: &str) -> Identity {
    let place = USERS.iter().position(|known| *known == name).unwrap_or_default();
    Identity {
        arn: format!("acs:ram::{ACCOUNT}:user/{name}"),
        id: format!("2{place:017}"),
        access_key_id: format!("LTAI{name}"),
        access_key_secret: format!("secret-of-{name}"),
    }
}

/// One of the users made for mappings by the thousand.
#[must_use]
pub fn burst_user(number: usize) -> Identity {
    Identity { id: format!("3{number:017}"), ..user(&format!("burst-{number:04}")) }
}

/// A free port on loopback.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The role `dev`, which every user of the account may assume.
pub const DEV_ROLE: &str = "acs:ram::1234567890123456:role/dev";
/// RAM's own id of the role `dev`.
pub const DEV_ROLE_ID: &str = "400000000000000001";

/// The OIDC provider of [`CLUSTER`], as enabling RRSA registers it.
pub const OIDC_PROVIDER: &str =
    "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123456789abcdef0123456789abcdef";
/// The audience of tokens for STS: the client id of [`OIDC_PROVIDER`].
pub const OIDC_AUDIENCE: &str = "sts.aliyuncs.com";
/// The role `app`, which service accounts `app-…` of the namespace `default`, and `app` of `pod-identity-tokens`, may
/// assume with tokens of [`CLUSTER`].
pub const APP_ROLE: &str = "acs:ram::1234567890123456:role/app";

/// Where CloudSSO's people sign in.
pub const SIGN_IN_HOST: &str = "signin-cn-shanghai.alibabacloudsso.com";
/// The access token of alice@example.com at CloudSSO.
pub const SIGN_IN_TOKEN: &str = "cloudsso-token-of-alice";
/// The access configuration of CloudSSO that stands for the role `dev`.
pub const ACCESS_CONFIGURATION: &str = "ac-00e2e";
/// carol's tokens of the aliyun CLI's mode `OAuth`; the refresh token is good once.
pub const OAUTH_REFRESH_TOKEN: &str = "refresh-token-of-carol";
/// bob's RSA key pair, by its id.
pub const KEY_PAIR_ID: &str = "key-pair-of-bob";
/// See [`OAUTH_REFRESH_TOKEN`].
pub const OAUTH_ACCESS_TOKEN: &str = "access-token-of-carol";

/// The emulator, running inside this process.
pub struct Cloud {
    emulator: Emulator,
    key_pair: String,
    clock: Clock,
    runtime: tokio::runtime::Runtime,
    _port: Port,
}

/// What time it is in the cloud.
type Clock = Arc<Mutex<Time>>;

#[derive(Debug, Clone, Copy)]
enum Time {
    /// Later than here by this much.
    Ahead(SignedDuration),
    /// It does not go on.
    Still(Timestamp),
}

impl Cloud {
    /// Starts it on a port of its own; its authority's files go to the scratch folder.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(run: &RunDir) -> Result<Self> {
        let failed = |reason: String| Error::Answer { what: "starting the emulator".to_owned(), reason };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        // JSON is YAML.
        let Pair { certificate: public_key, key: key_pair } = rsa_key("key pair of bob")?;
        let config = Config::from_yaml(&directory(&public_key).to_string(), "the tests' directory")
            .map_err(|error| failed(error.to_string()))?;
        // A port that stays ours while the emulator plays dead.
        let port = Port::take()?;
        let starting = Emulator::builder(config).listen(port.address()).state_dir(run.folder("emulator")?);
        let clock: Clock = Arc::new(Mutex::new(Time::Ahead(SignedDuration::ZERO)));
        let shown = Arc::clone(&clock);
        let starting =
            starting.clock(move || time(&shown)).proxy_listen(ANY_PORT).metadata_listen(ANY_PORT).start();
        let emulator = runtime.block_on(starting).map_err(|error| failed(error.to_string()))?;
        Ok(Self { emulator, key_pair, clock, runtime, _port: port })
    }

    /// `127.0.0.1:PORT`, as `--sts-endpoint` wants it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.emulator.address().to_string()
    }

    /// `http://127.0.0.1:PORT`, for `HTTPS_PROXY`: behind it the cloud has its real host names, and there is nothing
    /// else.
    #[must_use]
    pub fn proxy(&self) -> String {
        self.emulator.proxy_url().unwrap_or_default()
    }

    /// `http://127.0.0.1:PORT`, for `ALIBABA_CLOUD_IMDS_ENDPOINT`: the metadata service of an instance with the role
    /// `dev`.
    #[must_use]
    pub fn metadata(&self) -> String {
        self.emulator.metadata_endpoint().unwrap_or_default()
    }

    /// For `ALIBABA_CLOUD_CREDENTIALS_URI`: temporary keys of the role `dev`.
    #[must_use]
    pub fn credentials_uri(&self) -> String {
        self.emulator.credentials_uri().unwrap_or_default()
    }

    /// The private key of bob's key pair [`KEY_PAIR_ID`], PEM.
    #[must_use]
    pub fn key_pair(&self) -> &str {
        &self.key_pair
    }

    /// The authority of its certificate, a PEM file.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        self.emulator.ca_file()
    }

    /// The emulator: faults, recorded requests.
    #[must_use]
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Refuses connections from now on, until the answer is dropped.
    #[must_use]
    pub fn stop(&self) -> Outage<'_> {
        self.runtime.block_on(self.emulator.stop_listening());
        Outage(self)
    }

    /// The cloud's clock is ahead by so much, until the answer is dropped: more than 15 minutes, and it refuses what is
    /// signed here.
    #[must_use]
    pub fn ahead(&self, by: Duration) -> OtherTime<'_> {
        self.set_clock(Time::Ahead(SignedDuration::try_from(by).unwrap_or(SignedDuration::ZERO)))
    }

    /// The cloud's clock stands still until the answer is dropped: its limits of calls in a second are never over.
    #[must_use]
    pub fn without_time(&self) -> OtherTime<'_> {
        self.set_clock(Time::Still(now()))
    }

    fn set_clock(&self, time: Time) -> OtherTime<'_> {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = time;
        OtherTime(self)
    }

    fn listen_again(&self) -> Result<()> {
        self.runtime
            .block_on(self.emulator.listen_again())
            .map_err(Error::answer("letting the emulator listen again"))
    }
}

/// Nothing listens where the cloud should be while this value lives.
#[derive(Debug)]
pub struct Outage<'a>(&'a Cloud);

impl Outage<'_> {
    /// Listens again now.
    ///
    /// # Errors
    /// Somebody else listens there meanwhile.
    pub fn end(self) -> Result<()> {
        self.0.listen_again()
    }
}

impl Drop for Outage<'_> {
    fn drop(&mut self) {
        let _ = self.0.listen_again();
    }
}

/// The cloud's clock is not that of here while this value lives.
#[derive(Debug)]
pub struct OtherTime<'a>(&'a Cloud);

impl Drop for OtherTime<'_> {
    fn drop(&mut self) {
        *self.0.clock.lock().unwrap_or_else(PoisonError::into_inner) = Time::Ahead(SignedDuration::ZERO);
    }
}

fn time(clock: &Clock) -> Timestamp {
    match *clock.lock().unwrap_or_else(PoisonError::into_inner) {
        Time::Ahead(by) => now().checked_add(by).unwrap_or(Timestamp::MAX),
        Time::Still(time) => time,
    }
}

/// The border to the clock.
#[allow(clippy::disallowed_methods)]
fn now() -> Timestamp {
    Timestamp::now()
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cloud").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

fn directory(public_key: &str) -> Value {
    let known = USERS.iter().map(|name| {
        let mut entry = user_entry(name, &user(name));
        if *name == "bob" {
            let pairs = json!([{"id": KEY_PAIR_ID, "publicKey": public_key}]);
            entry.as_object_mut().map(|entry| entry.insert("keyPairs".to_owned(), pairs));
        }
        entry
    });
    let burst = (0..BURST).map(|number| user_entry(&format!("burst-{number:04}"), &burst_user(number)));
    let users: Vec<Value> = known.chain(burst).collect();
    let trust = json!({"Version": "1", "Statement": [{
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"RAM": [format!("acs:ram::{ACCOUNT}:root")]},
    }]});
    let pods = json!({"Version": "1", "Statement": [{
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Federated": [OIDC_PROVIDER]},
        "Condition": {
            "StringEquals": {"oidc:iss": ISSUER, "oidc:aud": OIDC_AUDIENCE},
            "StringLike": {"oidc:sub": [
                "system:serviceaccount:default:app-*",
                "system:serviceaccount:pod-identity-tokens:app",
            ]},
        },
    }]});
    let role = json!({"account": ACCOUNT, "role": "dev"});
    json!({
        "accounts": [{
            "id": ACCOUNT,
            "accessKeys": [access_key(&account())],
            "users": users,
            "roles": [
                {"name": "dev", "id": DEV_ROLE_ID, "trustPolicy": trust},
                {"name": "app", "id": "400000000000000002", "trustPolicy": pods},
            ],
        }],
        "metadata": role,
        "credentialsUri": {"path": "/credentials", "account": ACCOUNT, "role": "dev"},
        "cloudSso": {
            "host": SIGN_IN_HOST,
            "accessTokens": [{"token": SIGN_IN_TOKEN, "user": "alice@example.com"}],
            "accessConfigurations": [{"id": ACCESS_CONFIGURATION, "account": ACCOUNT, "role": "dev"}],
        },
        "oauth": {
            "rotateRefreshTokens": true,
            "users": [{
                "account": ACCOUNT, "user": "carol",
                "refreshToken": OAUTH_REFRESH_TOKEN, "accessToken": OAUTH_ACCESS_TOKEN,
            }],
        },
    })
}

fn user_entry(name: &str, user: &Identity) -> Value {
    json!({"name": name, "id": user.id, "accessKeys": [access_key(user)]})
}

fn access_key(identity: &Identity) -> Value {
    json!({"id": identity.access_key_id, "secret": identity.access_key_secret})
}
