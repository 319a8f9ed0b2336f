//! What the webhooks of this workspace share: a TLS listener with limits and a graceful end, certificates on
//! disk, health answers, metrics, logs, signals and how flags are read. It knows nothing of Kubernetes or of Alibaba Cloud.
//!
//! A program gives [`serve::Server`] an async function from request to response; everything that faces the
//! network (handshakes, header and body limits, deadlines, draining) is settled here, once for all webhooks.

pub mod body;
pub mod certs;
pub mod file;
pub mod flags;
pub mod health;
mod log_writer;
pub mod logging;
pub mod metrics;
pub mod respond;
pub mod serve;
pub mod signals;
pub mod tls;
pub mod version;
