//! What somebody does in the consoles of Alibaba Cloud: signed API calls of the account's owner.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use signature::{Secret, encoding, format_timestamp, rpc};

use crate::cloud::{Cloud, Identity, account};
use crate::error::{Error, Result};
use crate::http::Client;
use crate::rig::Rig;

/// Signs calls with an access key, and sends them to the emulator.
#[derive(Debug)]
pub struct Console {
    client: Client,
    endpoint: String,
    identity: Identity,
}

impl Rig {
    /// The consoles as the account's owner sees them.
    ///
    /// # Errors
    /// The emulator's authority cannot be read.
    pub fn console(&self) -> Result<Console> {
        Console::of(self.cloud(), account())
    }
}

impl Console {
    fn of(cloud: &Cloud, identity: Identity) -> Result<Self> {
        let client = Client::new(cloud.emulator().ca_pem())?;
        Ok(Self { client, endpoint: cloud.endpoint(), identity })
    }

    /// A call of RAM (2015-05-01), as [Resource Access Management API reference] has it.
    ///
    /// # Errors
    /// RAM refuses: the message begins with its code.
    ///
    /// [Resource Access Management API reference]: https://www.alibabacloud.com/help/en/ram/developer-reference/
    pub fn ram(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        self.call("2015-05-01", action, parameters)
    }

    /// A call of IMS (2019-08-15), which knows the identity providers.
    ///
    /// # Errors
    /// IMS refuses: the message begins with its code.
    pub fn ims(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        self.call("2019-08-15", action, parameters)
    }

    /// RPC style: everything in the query, HMAC-SHA1.
    fn call(&self, version: &str, action: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        static NONCE: AtomicU64 = AtomicU64::new(0);
        let nonce = format!("console-{}", NONCE.fetch_add(1, Ordering::Relaxed));
        let time = format_timestamp(now());
        let common = [
            ("AccessKeyId", self.identity.access_key_id.as_str()),
            ("Action", action),
            ("Format", "JSON"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureNonce", &nonce),
            ("SignatureVersion", "1.0"),
            ("Timestamp", &time),
            ("Version", version),
        ];
        let all = common.iter().chain(parameters);
        let mut all: Vec<(String, String)> =
            all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let secret = Secret::new(self.identity.access_key_secret.clone());
        let signature = rpc::sign(&secret, &rpc::string_to_sign("GET", &all));
        all.push(("Signature".to_owned(), signature));
        let query = encoding::build_query(&all);
        let answer = self.client.get(&format!("https://{}/?{query}", self.endpoint))?;
        let body: Value = serde_json::from_str(&answer.body).map_err(Error::answer(action))?;
        if answer.status == 200 {
            return Ok(body);
        }
        let text = |name| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let reason = format!("{} ({})", text("Code"), text("Message"));
        Err(Error::Answer { what: action.to_owned(), reason })
    }
}

/// The border to the clock.
#[allow(clippy::disallowed_methods)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
