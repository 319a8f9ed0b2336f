//! The load generator: connections to one server, requests in flight on each, and what came of them.
//!
//! It is a closed loop: a request goes out as soon as the answer to the one before it has been read and checked. So the
//! rate is what the server (or this generator) can do, and the latencies are those at that rate. Its threads run a
//! reactor each, with connections of their own, and share nothing but a few counters.

mod connect;
mod exchange;
mod run;
mod slot;
mod tally;
mod target;
mod wire;

pub use exchange::{Exchange, Source};
pub use run::{Length, Settings, run};
pub use tally::{Faults, Latency, Outcome, Used};
pub use target::{Credentials, Http, Target, Trust};
