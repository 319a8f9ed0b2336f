//! Host names as they stand in `Host` headers.

use std::net::IpAddr;

/// Host without port: `127.0.0.1:8443`, `[::1]:8443` and `localhost` are all possible.
pub(crate) fn host_name(host: &str) -> &str {
    if let Some((name, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return name;
    }
    host.split(':').next().unwrap_or_default()
}

/// `localhost`, or an address of the loopback network.
pub(crate) fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
