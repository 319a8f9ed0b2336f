//! The way to a Kubernetes API server, for the programs that need one: a client with deadlines, watches that go on, a
//! Lease, the clock, and errors on one line. It knows nothing of Alibaba Cloud.

pub mod client;
mod clock;
mod error;
pub mod event;
pub mod lease;
mod text;
pub mod watch;

pub use client::own_namespace;
pub use clock::Clock;
pub use error::{describe, describe_status, is_denied};
pub use text::{one_line, with_sources};
