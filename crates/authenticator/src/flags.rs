//! How values of flags are read, wherever a flag stands, and the headings under which help shows them.

use std::time::Duration;

use openapi::sts::Endpoint;

/// Headings in the help of `server` and `doctor`.
pub(crate) const MAPPINGS: &str = "Mappings";
pub(crate) const CLUSTER: &str = "API server";
pub(crate) const LISTENING: &str = "Listening";
pub(crate) const CERTIFICATES: &str = "Certificates and the webhook kubeconfig";
pub(crate) const TOKENS: &str = "Tokens";
pub(crate) const STS: &str = "Calls to STS";

/// As Go's flag package reads it, so that what stands in manifests goes on working.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

pub(crate) fn token_query_key(text: &str) -> Result<String, String> {
    token::check_extra_query_key(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

pub(crate) fn sts_endpoint(text: &str) -> Result<Endpoint, String> {
    text.parse().map_err(|error: openapi::sts::EndpointError| error.to_string())
}

/// A time as in `500ms`, `5s` or `1m30s`; `None` for anything else, negative ones included. What is allowed, and what to
/// write instead, is each flag's to say.
pub(crate) fn time(text: &str) -> Option<Duration> {
    text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok())
}
