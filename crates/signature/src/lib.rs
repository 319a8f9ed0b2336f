//! Request signatures of Alibaba Cloud's OpenAPI: making them and checking them.
//!
//! * [`acs3`]: `ACS3-HMAC-SHA256`, the "Request syntax and signature method V3" of the documentation;
//! * [`rpc`]: HMAC-SHA1 over the parameters, the "Request syntax and signature method V2" of RPC APIs;
//! * [`roa`]: HMAC-SHA1 over headers and path, the same method of ROA APIs;
//! * [`encoding`]: the percent-encoding and the query strings that both are built from;
//! * [`timestamp`]: the one form of time that signed requests carry;
//! * [`Secret`]: text that is not to be printed.
//!
//! Everything here is pure: values in, values out, no clock, no network.

pub mod acs3;
pub mod encoding;
mod error;
mod hmac_key;
pub mod roa;
pub mod rpc;
mod secret;
pub mod timestamp;

pub use error::VerifyError;
pub use secret::Secret;
pub use timestamp::{format_timestamp, parse_timestamp};
