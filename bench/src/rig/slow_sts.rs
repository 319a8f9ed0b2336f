//! The emulated STS inside this process, so that it can be told to take its time, and asked what it was asked.

use std::path::Path;
use std::time::Duration;

use emulator::{Config, Emulator, Fault};
use tokio::runtime::Runtime;

use super::Sts;
use super::emulator::config_of_all;
use crate::error::{Error, Result};

/// It runs until it is dropped.
#[derive(Debug)]
pub struct SlowSts {
    emulator: Emulator,
    _runtime: Runtime,
}

impl SlowSts {
    /// The people of [`super::Cloud`]; each answer comes `delay` after it could have come.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(folder: &Path, delay: Duration) -> Result<SlowSts> {
        let what = "starting an emulator";
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Error::failed(what))?;
        let config = Config::from_yaml(&config_of_all().to_string(), "the benchmark's users");
        let config = config.map_err(Error::failed(what))?;
        let starting = Emulator::builder(config).state_dir(folder.join("slow-sts")).start();
        let emulator = runtime.block_on(starting).map_err(Error::failed(what))?;
        emulator.fail("GetCallerIdentity", Fault::Delay(delay));
        Ok(SlowSts { emulator, _runtime: runtime })
    }

    /// For the authenticator.
    pub fn sts(&self) -> Sts {
        Sts {
            endpoint: self.emulator.endpoint().trim_start_matches("https://").to_owned(),
            authority: self.emulator.ca_file().to_owned(),
        }
    }

    /// How many calls have come since this was asked last. More than the emulator remembers are an error, for they could
    /// not be told from fewer.
    ///
    /// # Errors
    /// There were too many.
    pub fn take_calls(&self) -> Result<usize> {
        let calls = self.emulator.requests().len();
        self.emulator.clear_requests();
        if calls >= emulator::MAX_RECORDED {
            return Err(Error::because(
                "counting calls to STS",
                format!("{calls} or more: too many to count"),
            ));
        }
        Ok(calls)
    }
}
