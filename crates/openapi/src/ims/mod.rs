//! Identity Management Service, version 2019-08-15: the OIDC identity providers of an account, whose tokens STS takes.

mod providers;

use crate::Endpoint;
use crate::api::{
    self, ClientError, Service, ServiceOptions, Style, common_explanation, identity_explanation,
};
use crate::network::{ProxyRules, Trust};

pub use providers::{NewOidcProvider, OidcProvider};

/// IMS: its version, its endpoint, its error codes.
pub static SERVICE: Service = Service {
    name: "IMS",
    version: "2019-08-15",
    endpoint_flag: "--ims-endpoint",
    // IMS has one endpoint for all regions.
    of_region: |_| Ok(Endpoint::central("ims")),
    explain: |code| identity_explanation(code).or_else(|| common_explanation(code)),
    style: Style::Rpc,
};

/// A client of IMS. Cheap to clone; clones share the connections.
///
/// Calls that change something are sent once, whatever comes of them: where [`api::ApiError::may_have_arrived`], it may
/// have been done nevertheless.
#[derive(Clone, Debug)]
pub struct Client {
    api: api::Client,
}

impl Client {
    /// Connects to nothing yet; `options.ca_file` is not read.
    ///
    /// # Errors
    /// CA certificates that cannot be used.
    pub fn with_network(
        options: &ServiceOptions,
        trust: &Trust,
        proxies: &ProxyRules,
    ) -> Result<Self, ClientError> {
        Ok(Self { api: api::Client::with_network(&SERVICE, options, trust, proxies)? })
    }

    /// The endpoint that this client asks.
    pub fn endpoint(&self) -> &Endpoint {
        self.api.endpoint()
    }
}
