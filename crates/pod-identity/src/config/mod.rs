//! What the program runs with, merged from flags, configuration file and defaults, in this order of precedence. Only
//! [`file::read`] touches the disk.

mod arguments;
mod component;
pub mod file;
mod server;
#[cfg(test)]
mod tests;

pub use arguments::{Choice, ComponentArguments, HealthAddress, Listening, LogArguments, ServerArguments};
pub use component::component;
pub use server::{CertificateConfig, CertificateSource, ServerConfig, server};

/// Why there is no configuration. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No cluster ID anywhere.
    #[error("no cluster ID: give --cluster-id, or clusterID in the configuration file")]
    NoClusterId,
    /// A cluster ID that cannot be part of a provider's name.
    #[error("the cluster ID {0:?} is not one: write up to 64 letters, digits, dots, hyphens and underscores")]
    ClusterId(String),
    /// No account ID anywhere.
    #[error("no account ID: give --account-id, or accountID in the configuration file")]
    NoAccountId,
    /// Not digits.
    #[error("the account ID {0:?} is not one: write the number of an Alibaba Cloud account, digits alone")]
    AccountId(String),
    /// A region that cannot be part of a host name.
    #[error("the region {0:?} is not one: write it as in cn-hangzhou")]
    Region(String),
    /// Not an ARN of a provider.
    #[error(
        "--oidc-provider-arn is {0:?}: write it as in acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0ffee"
    )]
    ProviderArn(String),
    /// An audience that nobody can have.
    #[error("--audience is {0:?}: write a text without blanks, up to 256 bytes")]
    Audience(String),
    /// A path that API servers refuse, or that can be written in several ways.
    #[error(
        "--token-mount-path is {0:?}: write an absolute path without .. and without a colon, as in /var/run/secrets/token"
    )]
    MountPath(String),
    /// One of the two files without the other.
    #[error("--tls-cert-file and --tls-private-key-file belong together: give both, or neither")]
    HalfAPair,
}

/// As much of a wrong value as an error repeats.
fn excerpt(text: &str) -> String {
    text.chars().take(128).collect()
}
