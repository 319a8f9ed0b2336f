//! Alibaba Cloud's OpenAPI as this project calls it: STS, RAM, IMS, Container Service, and the places where credentials come
//! from.
//!
//! Every request that is signed here is signed in the ACS3-HMAC-SHA256 style with `host` under the signature
//! ("Request syntax and signature method V3" of the public documentation), so a request sent to one endpoint
//! is worth nothing at another.

pub mod api;
pub mod credentials;
pub mod cs;
pub mod ims;
pub mod network;
pub mod ram;
pub mod site;
pub mod sts;

mod endpoint;
mod http;

pub use credentials::Credentials;
pub use endpoint::{Endpoint, EndpointError};
