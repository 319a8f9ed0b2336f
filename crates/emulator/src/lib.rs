//! A local STS 2015-04-01, faithful enough for the official SDKs: for tests (in process, on a free port) and, as the
//! program `ram-emulator`, for development without an account.
//!
//! It speaks HTTPS with a certificate of its own CA, checks `ACS3-HMAC-SHA256` and RPC `HMAC-SHA1` signatures over the
//! requests as they arrive, and answers with STS's codes and messages. `docs/ram-emulator.md` is the manual.
//!
//! ```
//! use emulator::{Config, Emulator, Fault};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::from_yaml(
//!     r#"
//! accounts:
//!   - id: "1234567890123456"
//!     users:
//!       - {name: alice, id: "222222222222222222", accessKeys: [{id: LTAIalice, secret: alice-secret}]}
//! "#,
//!     "inline",
//! )?;
//! let emulator = Emulator::builder(config).start().await?;
//! println!("{} with the CA in {}", emulator.endpoint(), emulator.ca_file().display());
//! emulator.fail("GetCallerIdentity", Fault::BreakConnection.times(1));
//! assert!(emulator.requests().is_empty());
//! emulator.shutdown().await;
//! # Ok(())
//! # }
//! ```

pub mod cli;

mod app;
mod authenticate;
mod config;
mod directory;
mod emulator;
mod error;
mod fault;
mod nonces;
mod pki;
mod random;
mod record;
mod reply;
mod request;
mod server;
mod service;
mod sts;
mod sync;

pub use config::{Config, ConfigError};
pub use emulator::{Builder, Emulator, StartError};
pub use fault::{Fault, PlannedFault};
pub use pki::PkiError;
pub use record::{MAX_RECORDED, RecordedRequest};
pub use request::{RawRequest, Style};
