//! Cluster tokens: a signed `GetCallerIdentity` request of Alibaba Cloud's STS, as kubectl sends it.
//!
//! Two forms are in use, both a prefix followed by base64:
//!
//! * `k8s-ack-v2.`: a JSON object with the query and the headers of a request that is signed with
//!   `ACS3-HMAC-SHA256`; today's `ack-ram-tool` makes it;
//! * `k8s-ack-v1.`: a pre-signed URL, signed with RPC HMAC-SHA1; clients until July 2024 made it.
//!
//! [`decode`] reads a token into a [`Token`], a small struct of checked values, and [`Token::request`] builds
//! the request to STS from that struct alone: no byte of the token is passed on as it came. Whether the
//! signature holds only STS can tell; everything that can be told without it is refused here, so that such
//! tokens cost no call.
//!
//! [`sign_v2`] and [`sign_v1`] make tokens.
//!
//! The crate is pure: the time is a parameter, and nothing is read or sent.

mod checks;
mod decode;
mod error;
mod host;
mod json;
mod quoted;
mod rules;
mod sign;
mod token;
mod v1;
mod v2;

pub use decode::{decode, fingerprint};
pub use error::{Accepted, DecodeError, Place};
pub use host::{HostError, StsHost};
pub use quoted::Quoted;
pub use rules::{ExtraQueryKeyError, Rules, check_extra_query_key};
pub use sign::{SigningInput, sign_v1, sign_v1_for, sign_v2};
pub use token::{StsRequest, Token, Version};

/// The only action that a token may ask for.
const ACTION: &str = "GetCallerIdentity";
/// The version of STS's API.
const API_VERSION: &str = "2015-04-01";
/// The query parameter of version 2 that binds a token to a cluster.
const V2_CLUSTER_KEY: &str = "ACKClusterId";
/// The query parameter of version 1 that binds a token to a cluster.
const V1_CLUSTER_KEY: &str = "ClusterId";
