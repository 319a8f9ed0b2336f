//! The component's level of settings: what every pod gets unless a lower level says otherwise.

use super::{ComponentArguments, ConfigError, excerpt};
use crate::injection::Settings;

/// Checks what decides about pods.
///
/// # Errors
/// [`ConfigError`] names the flag, or what is missing.
pub fn component(arguments: &ComponentArguments) -> Result<Settings, ConfigError> {
    let account_id = given(arguments.account_id.as_ref()).ok_or(ConfigError::NoAccountId)?;
    if !identity::arn::is_account_id(account_id) {
        return Err(ConfigError::AccountId(excerpt(account_id)));
    }
    let provider_arn = match given(arguments.oidc_provider_arn.as_ref()) {
        Some(arn) => provider_arn(arn)?,
        None => {
            let cluster_id = cluster_id(given(arguments.cluster_id.as_ref()))?;
            format!("acs:ram::{account_id}:oidc-provider/ack-rrsa-{cluster_id}")
        }
    };
    let region = given(arguments.region.as_ref()).map(region).transpose()?;
    Ok(Settings {
        account_id: account_id.to_owned(),
        provider_arn,
        audience: audience(&arguments.audience)?,
        mount_path: mount_path(&arguments.token_mount_path)?,
        expiration_seconds: arguments.default_token_expiration,
        region,
        sts_variables: arguments.sts_variables,
    })
}

/// An empty text is none: so a manifest can hold a key that nobody has filled in.
fn given(value: Option<&String>) -> Option<&str> {
    value.map(String::as_str).filter(|value| !value.is_empty())
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

fn cluster_id(id: Option<&str>) -> Result<&str, ConfigError> {
    let id = id.ok_or(ConfigError::NoClusterId)?;
    if id.len() <= 64 && id.chars().all(is_plain) { Ok(id) } else { Err(ConfigError::ClusterId(excerpt(id))) }
}

/// RAM's documentation, CreateOIDCProvider: a provider's name is up to 128 letters, digits, dots, hyphens, underscores.
fn provider_arn(arn: &str) -> Result<String, ConfigError> {
    let parts = arn.strip_prefix("acs:ram::").and_then(|rest| rest.split_once(":oidc-provider/"));
    let is_good = parts.is_some_and(|(account, name)| {
        let length = 1..=128;
        identity::arn::is_account_id(account) && length.contains(&name.len()) && name.chars().all(is_plain)
    });
    if is_good { Ok(arn.to_owned()) } else { Err(ConfigError::ProviderArn(excerpt(arn))) }
}

/// The region is part of a host name.
fn region(text: &str) -> Result<String, ConfigError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_good =
        text.len() <= 40 && text.chars().all(allowed) && !text.starts_with('-') && !text.ends_with('-');
    if is_good { Ok(text.to_owned()) } else { Err(ConfigError::Region(excerpt(text))) }
}

fn audience(text: &str) -> Result<String, ConfigError> {
    let is_good =
        (1..=256).contains(&text.len()) && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if is_good { Ok(text.to_owned()) } else { Err(ConfigError::Audience(excerpt(text))) }
}

/// Absolute, in its one spelling (Kubernetes API reference, VolumeMount: `mountPath` must not contain a colon). A slash at
/// its end is taken off.
fn mount_path(text: &str) -> Result<String, ConfigError> {
    let wrong = || ConfigError::MountPath(excerpt(text));
    let path = text.strip_prefix('/').ok_or_else(wrong)?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    let allowed = |c: char| !c.is_control() && !c.is_whitespace() && c != ':';
    if text.len() <= 512 && path.split('/').all(is_part) && path.chars().all(allowed) {
        Ok(format!("/{path}"))
    } else {
        Err(wrong())
    }
}
