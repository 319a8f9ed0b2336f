//! One signed exchange with any service of Alibaba Cloud: ACS3-HMAC-SHA256 over method, path, query, body, `host` and every
//! `x-acs-*` header ("Request syntax and signature method V3" of the public documentation).
//!
//! [`Client`] sends and judges; what a service's operations are called and answer is known to [`crate::sts`],
//! [`crate::cs`] and [`crate::ram`].

pub(crate) mod answer;
mod call;
mod client;
mod error;
mod exchange;
mod explanation;
mod options;
mod service;

pub use call::Call;
pub use client::Client;
pub use error::{ApiError, Fault, Refusal};
pub use options::{ClientError, ServiceOptions};
pub use service::Service;

pub(crate) use answer::{Asked, is_code, is_request_id, text};
pub(crate) use call::{nonce, pairs};
pub(crate) use error::is_throttling;
pub(crate) use exchange::{Outgoing, unsendable};
pub(crate) use explanation::common as common_explanation;
pub(crate) use service::Style;
