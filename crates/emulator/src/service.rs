//! The services: a table of operations, to which a new service is added as a new row.

use crate::error::ApiError;
use crate::host::{host_name, is_loopback};
use crate::ims;
use crate::operation::{Operation, Service};
use crate::ram;
use crate::request::Parsed;
use crate::sts;

/// All services of the RPC kind: path `/`, operation by name.
const SERVICES: &[Service] = &[sts::SERVICE, ram::SERVICE, ims::SERVICE];

/// The service and operation that a request asks for.
///
/// Loopback addresses stand for every service; a host name of one service for that one.
///
/// # Errors
/// As the gateway answers: no such operation at that address, or not in that version.
pub(crate) fn route(request: &Parsed<'_>) -> Result<&'static Operation, ApiError> {
    let raw = request.raw;
    if raw.path() != "/" || !matches!(raw.method.as_str(), "GET" | "POST") {
        return Err(ApiError::no_such_api());
    }
    let action = request.action().ok_or_else(|| ApiError::missing("Action"))?;
    let version = request.version().ok_or_else(|| ApiError::missing("Version"))?;
    let mut known_in_another_version = false;
    for service in SERVICES.iter().filter(|service| service.answers(raw.host())) {
        if let Some(operation) = service.operations.iter().find(|o| o.name == action) {
            if service.version == version {
                return Ok(operation);
            }
            known_in_another_version = true;
        }
    }
    Err(if known_in_another_version { ApiError::invalid_version() } else { ApiError::no_such_api() })
}

/// The product name for `Recommend` links: by version, since every service has its own.
pub(crate) fn product(version: &str) -> &'static str {
    SERVICES
        .iter()
        .find(|service| service.version == version)
        .map_or(sts::SERVICE.product, |service| service.product)
}

impl Service {
    fn answers(&self, host: &str) -> bool {
        let name = host_name(host);
        is_loopback(name)
            || (name.to_ascii_lowercase().ends_with(".aliyuncs.com")
                && name
                    .split('.')
                    .next()
                    .is_some_and(|label| self.hosts.iter().any(|known| known.eq_ignore_ascii_case(label))))
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    #[test]
    fn sts_answers_at_its_own_names_and_on_loopback_only() {
        for host in [
            "sts.aliyuncs.com",
            "STS.aliyuncs.com:443",
            "sts-vpc.cn-hangzhou.aliyuncs.com",
            "127.0.0.1:4711",
            "127.0.0.2",
            "[::1]:4711",
            "localhost:1",
        ] {
            assert!(sts::SERVICE.answers(host), "{host}");
        }
        for host in [
            "",
            "ram.aliyuncs.com",
            "sts.example.com",
            "sts.aliyuncs.com.example.com",
            "aliyuncs.com",
            "192.0.2.1",
            "localhost.example.com",
        ] {
            assert!(!sts::SERVICE.answers(host), "{host}");
        }
    }

    #[test]
    fn ims_answers_at_its_own_names_and_on_loopback_only() {
        for host in
            ["ims.aliyuncs.com", "IMS.aliyuncs.com:443", "ims.vpc-proxy.aliyuncs.com", "127.0.0.1:4711"]
        {
            assert!(ims::SERVICE.answers(host), "{host}");
        }
        for host in ["ram.aliyuncs.com", "ims.example.com", "ims.aliyuncs.com.example.com"] {
            assert!(!ims::SERVICE.answers(host), "{host}");
        }
    }

    #[test]
    fn ram_answers_at_its_own_names_and_on_loopback_only() {
        for host in ["ram.aliyuncs.com", "ram.vpc-proxy.aliyuncs.com:443", "127.0.0.1:4711", "localhost"] {
            assert!(ram::SERVICE.answers(host), "{host}");
        }
        for host in
            ["sts.aliyuncs.com", "vpc-proxy.aliyuncs.com", "ram.example.com", "ram.aliyuncs.com.example.com"]
        {
            assert!(!ram::SERVICE.answers(host), "{host}");
        }
    }
}
