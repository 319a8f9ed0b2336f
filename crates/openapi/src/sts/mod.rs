//! Security Token Service, version 2015-04-01.

mod answer;
mod assume_role;
mod client;
mod endpoint;
mod error;
mod exchange;
mod explanation;
mod options;
mod probe;

pub use assume_role::{AssumeRole, AssumeRoleWithOidc, SessionName, SessionNameError};
pub use client::Client;
pub use endpoint::{Endpoint, EndpointError};
pub use error::{Fault, Refusal, StsError};
pub use options::{ClientError, ClientOptions, PresignedRequest};
pub use probe::Probe;
