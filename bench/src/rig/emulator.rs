//! The emulated STS, in a process of its own, with people who have keys.

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use signature::Secret;

use super::service::Service;
use super::{CLUSTER, Programs, Sts};
use crate::error::{Error, Result};
use crate::load::{Http, Target, Trust};
use crate::tokens::Signer;

/// How many people there are; each signs with a key of his own.
pub const USERS: u64 = 1000;

const ACCOUNT: &str = "1234567890123456";

/// It runs until it is dropped.
#[derive(Debug)]
pub struct Cloud {
    service: Service,
    announced: Announced,
}

#[derive(Debug, Deserialize)]
struct Announced {
    endpoint: String,
    ca: PathBuf,
}

impl Cloud {
    /// Without a log, which would cost it as much as the answers do.
    ///
    /// # Errors
    /// It has not been built, or does not start.
    pub fn start(programs: &Programs, folder: &Path) -> Result<Cloud> {
        let config = folder.join("ram-emulator.yaml");
        // JSON is YAML.
        std::fs::write(&config, config_of_all().to_string()).map_err(Error::file("write", &config))?;
        let mut command = Command::new(programs.find("ram-emulator")?);
        command.arg("serve").arg("--config").arg(&config).arg("--state-dir").arg(folder.join("ram-emulator"));
        // Service::start clears the environment, and so RUST_LOG: `env` sets it again.
        let mut quiet = Command::new("/usr/bin/env");
        quiet.arg("RUST_LOG=off").arg(command.get_program()).args(command.get_args());
        let mut service = Service::start(quiet)?;
        let line = service.announcement()?;
        let announced = serde_json::from_str(&line).map_err(Error::failed("starting ram-emulator"))?;
        Ok(Cloud { service, announced })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.service.pid()
    }

    /// For the authenticator.
    pub fn sts(&self) -> Sts {
        Sts {
            endpoint: self.announced.endpoint.trim_start_matches("https://").to_owned(),
            authority: self.announced.ca.clone(),
        }
    }

    /// For the load generator.
    ///
    /// # Errors
    /// Its certificate cannot be read.
    pub fn target(&self, http: Http) -> Result<Target> {
        let authority = std::fs::read_to_string(&self.announced.ca);
        let authority = authority.map_err(Error::file("read", &self.announced.ca))?;
        Target::new(&self.announced.endpoint, http, &Trust::Authorities(authority), None)
    }

    /// Token `number`, signed at `signed_at` by one of the people in turn.
    pub fn token(number: u64, signed_at: Timestamp) -> Secret {
        let user = user_of(number);
        let signer = Signer {
            cluster_id: CLUSTER.to_owned(),
            access_key_id: format!("LTAI{user}"),
            secret: Secret::new(format!("secret-of-{user}")),
        };
        signer.token(number, signed_at)
    }

    /// ARN of who signs token `number`.
    pub fn arn(number: u64) -> String {
        format!("acs:ram::{ACCOUNT}:user/{}", user_of(number))
    }

    /// The account that all of them belong to.
    pub fn account() -> &'static str {
        ACCOUNT
    }
}

fn user_of(number: u64) -> String {
    format!("bench-{:04}", number.checked_rem(USERS).unwrap_or_default())
}

pub(super) fn config_of_all() -> Value {
    let user = |number: u64| {
        let name = user_of(number);
        json!({
            "name": name,
            "id": format!("2{number:017}"),
            "accessKeys": [{"id": format!("LTAI{name}"), "secret": format!("secret-of-{name}")}],
        })
    };
    json!({"accounts": [{"id": ACCOUNT, "users": (0..USERS).map(user).collect::<Vec<_>>()}]})
}
