//! How values of this program's own kinds of flags are read, and the headings under which help shows them.

use openapi::sts::Endpoint;

/// Headings in the help of `server` and `doctor`.
pub(crate) const MAPPINGS: &str = "Mappings";
pub(crate) const CLUSTER: &str = "API server";
pub(crate) const LISTENING: &str = "Listening";
pub(crate) const CERTIFICATES: &str = "Certificates and the webhook kubeconfig";
pub(crate) const TOKENS: &str = "Tokens";
pub(crate) const STS: &str = "Calls to STS";

pub(crate) fn token_query_key(text: &str) -> Result<String, String> {
    token::check_extra_query_key(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

pub(crate) fn sts_endpoint(text: &str) -> Result<Endpoint, String> {
    text.parse().map_err(|error: openapi::sts::EndpointError| error.to_string())
}
