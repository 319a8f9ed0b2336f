//! `credential-plugin get-token`.

use std::collections::BTreeMap;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use openapi::Credentials;
use signature::Secret;
use token::{SigningInput, StsHost};

use crate::error::Error;
use crate::flags::{ApiVersion, TokenVersion};
use crate::log::Log;
use crate::platform::user_agent;
use crate::settings::Settings;
use crate::world::World;
use crate::{credentials, exec_credential};

/// STS accepts the signature for 15 minutes; the public tool tells kubectl 10.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
const EXTRA_KEY_PREFIX: &str = "ACK_RAM_TOOL_TOKEN_EXTRA_KEY_PREFIX";
/// A kubeconfig may set the variable above, and names the server that the token is sent to: with a prefix of its choice it
/// would read any variable of the person's.
const PLUGIN_PREFIX: &str = "ACK_RAM_TOOL_";
/// The server's limit for the value of a parameter that it does not know.
const MAX_EXTRA_VALUE_BYTES: usize = 512;

// `get-token`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct TokenFlags {
    /// Version of the ExecCredential; what KUBERNETES_EXEC_INFO asks for wins
    #[arg(long, value_enum, default_value_t = ApiVersion::V1beta1, value_name = "VERSION")]
    pub(crate) api_version: ApiVersion,
    /// Form of the token: v2, or v1 for servers of before July 2024
    #[arg(long, value_enum, default_value_t = TokenVersion::V2, value_name = "VERSION")]
    pub(crate) token_version: TokenVersion,
}

pub(crate) fn run(
    flags: &TokenFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<String, Error> {
    let cluster_id = settings.cluster_id()?;
    let api_version = exec_credential::wanted_version(flags.api_version, world)?;
    let extra_query = extra_query(world)?;
    let credentials = credentials::get(settings, world, log)?;
    let now = (world.now)();
    let input = SigningInput {
        cluster_id: cluster_id.as_str(),
        access_key_id: &credentials.access_key_id,
        secret: &credentials.access_key_secret,
        security_token: credentials.security_token.as_ref(),
        user_agent: &user_agent(),
        extra_query: &extra_query,
        signed_at: now,
    };
    let token = match flags.token_version {
        TokenVersion::V2 => token::sign_v2(&input),
        TokenVersion::V1 => sign_v1(&input, settings, world),
    };
    log.debug(|| format!("token {} for cluster {cluster_id}", token::fingerprint(token.expose())));
    exec_credential::of_token(api_version, &token, end(&credentials, now))
}

/// The URL form names the STS endpoint that this command would ask, where it is one of STS's own names.
fn sign_v1(input: &SigningInput<'_>, settings: &Settings, world: &World<'_>) -> Secret {
    let host: StsHost = settings.sts_endpoint.host().parse().unwrap_or_default();
    token::sign_v1_for(input, &(world.nonce)(), &host)
}

/// Ten minutes from now, and never later than the end of the credentials.
pub(crate) fn end(credentials: &Credentials, now: Timestamp) -> Timestamp {
    let end = now.saturating_add(LIFETIME).unwrap_or(now);
    credentials.expiration.map_or(end, |expiration| expiration.min(end))
}

/// `ACK_RAM_TOOL_TOKEN_EXTRA_KEY_PREFIX=P`: each variable `PNAME` that is not empty joins the query as `name`.
fn extra_query(world: &World<'_>) -> Result<Vec<(String, String)>, Error> {
    let Some(prefix) = world.set(EXTRA_KEY_PREFIX) else { return Ok(Vec::new()) };
    if world.is_credential_plugin() && !prefix.starts_with(PLUGIN_PREFIX) {
        return Err(Error::ExtraPrefix);
    }
    let mut query = BTreeMap::new();
    for (variable, value) in (world.variables)() {
        let Some(name) = variable.strip_prefix(&prefix) else { continue };
        if value.is_empty() || name.is_empty() || variable == EXTRA_KEY_PREFIX {
            continue;
        }
        let name = name.to_lowercase();
        token::check_extra_query_key(&name)
            .map_err(|source| Error::ExtraKey { variable: variable.clone(), source })?;
        if value.len() > MAX_EXTRA_VALUE_BYTES || value.chars().any(char::is_control) {
            return Err(Error::ExtraValue { variable });
        }
        query.insert(name, value);
    }
    Ok(query.into_iter().collect())
}
