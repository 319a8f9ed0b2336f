//! Security Token Service, version 2015-04-01.

mod answer;
mod assume_role;
mod client;
mod error;
mod explanation;
mod presigned;
mod probe;
mod session_access_key;

pub use crate::api::{ClientError, Fault, Refusal, ServiceOptions as ClientOptions};
pub use crate::endpoint::{Endpoint, EndpointError};
pub use assume_role::{AssumeRole, AssumeRoleWithOidc, SessionName, SessionNameError};
pub use client::{Client, SERVICE};
pub use error::StsError;
pub use presigned::PresignedRequest;
pub use probe::Probe;
pub use session_access_key::{GenerateSessionAccessKey, RsaPrivateKey, RsaPrivateKeyError};
