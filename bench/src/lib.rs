//! The benchmark: a load generator for webhooks, a server to measure it and others against, and the table of
//! `docs/performance.md`.
//!
//! It measures programs from outside, as an API server meets them: over TLS and HTTP/2, with every answer read and
//! checked. Reading the clock is what a benchmark is for: it uses `Instant` freely, and the date only where tokens are signed.

pub mod answer;
pub mod constant;
pub mod error;
pub mod h2load;
pub mod load;
pub mod process;
pub mod report;
pub mod rig;
pub mod rounds;
pub mod row;
pub mod rows;
pub mod tokens;

pub use error::{Error, Result};
