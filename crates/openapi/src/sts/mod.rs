//! Security Token Service, version 2015-04-01.

mod answer;
mod assume_role;
mod client;
mod endpoint;
mod error;
mod explanation;

pub use assume_role::{AssumeRole, AssumeRoleWithOidc, SessionName, SessionNameError};
pub use client::{Client, ClientError, ClientOptions, PresignedRequest};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{Fault, Refusal, StsError};
