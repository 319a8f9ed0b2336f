//! One signed exchange with any service of Alibaba Cloud: ACS3-HMAC-SHA256 over method, path, query, body, `host` and every
//! `x-acs-*` header ("Request syntax and signature method V3" of the public documentation).
//!
//! [`Client`] sends and judges; what a service's operations are called and answer is known to [`crate::sts`],
//! [`crate::cs`], [`crate::ram`] and [`crate::ims`].

pub(crate) mod answer;
mod call;
mod client;
mod error;
mod exchange;
mod explanation;
mod list;
mod options;
mod service;

pub use call::Call;
pub use client::Client;
pub use error::{ApiError, Fault, Refusal};
pub use options::{ClientError, ServiceOptions};
pub use service::Service;

pub(crate) use answer::{Asked, is_code, is_request_id, object_part, text, text_or_null};
pub(crate) use call::{nonce, pairs};
pub(crate) use error::{is_throttling, unless};
pub(crate) use exchange::{Outgoing, Way, unsendable};
pub(crate) use explanation::{common as common_explanation, identity as identity_explanation};
pub(crate) use list::{List, entries, read_all};
pub(crate) use service::Style;
