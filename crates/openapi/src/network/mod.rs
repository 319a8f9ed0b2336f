//! How this program reaches the network: which CAs it trusts, and through which proxy it goes.
//!
//! Both follow what Go programs do with the same environment variables, because the public programs that this
//! project stands in for are Go programs and run with these variables set.

mod proxy;
mod strangers;
mod trust;

pub use proxy::{Proxy, ProxyError, ProxyRules};
pub use strangers::holds_certificates_alone;
pub use trust::{Trust, TrustError};

/// Looks a variable up: the process environment in programs, a map in tests.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's own environment. What is not UTF-8 comes with replacement characters, so that the check of the value
/// refuses it by name instead of taking the variable for unset.
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
