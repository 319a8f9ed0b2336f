//! A local STS 2015-04-01, faithful enough for the official SDKs: for tests (in process, on a free port) and, as the
//! program `ram-emulator`, for development without an account.
//!
//! It speaks HTTPS with a certificate of its own CA, checks `ACS3-HMAC-SHA256` and RPC `HMAC-SHA1` signatures over the
//! requests as they arrive, and answers with STS's codes and messages. Beside it: RAM, IMS, Container Service (also with ROA
//! signatures), the metadata service, a credentials URI, CloudSSO, OAuth, and a CONNECT proxy. `docs/ram-emulator.md` is
//! the manual.
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
mod cs;
mod directory;
mod emulator;
mod entities;
mod error;
mod fault;
mod host;
mod ims;
mod key_pair;
mod market;
mod names;
mod nonces;
mod oidc;
mod operation;
mod pki;
mod policy;
mod principal;
mod problem;
mod proxy;
mod ram;
mod random;
mod record;
mod reply;
mod request;
mod server;
mod service;
mod sites;
mod sts;
mod sync;
mod throttle;

pub use config::{Config, ConfigError};
pub use cs::{Cluster, ClusterError, PermissionsCleaned, UserActivity};
pub use directory::DirectoryError;
pub use emulator::{Builder, Emulator, StartError};
pub use fault::{Fault, PlannedFault};
pub use oidc::OidcProvider;
pub use pki::PkiError;
pub use proxy::ProxyRequest;
pub use record::{MAX_RECORDED, RecordedRequest};
pub use request::{RawRequest, Style};
