//! Asking for credentials.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use signature::Secret;

use super::environment::role_arn;
use super::error::CredentialError;
use super::variables::{self as names, Found, find};
use super::{Credentials, Oidc, Source};
use crate::http;
use crate::network::{Lookup, ProxyRules, Trust};
use crate::sts::{AssumeRole, AssumeRoleWithOidc, Client, ClientError, ClientOptions, SessionName};

const MIN_TOKEN_BYTES: usize = 4;
const MAX_TOKEN_BYTES: usize = 20_000;

/// What asking takes: how to reach STS and the network, and the time of the signatures.
#[derive(Clone, Debug)]
pub struct Context {
    /// How to reach STS.
    pub sts: ClientOptions,
    /// Which CAs are trusted.
    pub trust: Trust,
    /// Which requests go through a proxy.
    pub proxies: ProxyRules,
    /// The time that requests are signed at.
    pub now: Timestamp,
}

impl Context {
    pub(super) fn http_client(
        &self,
        url: &Url,
        connect_timeout: Duration,
        timeout: Duration,
    ) -> Result<reqwest::Client, ClientError> {
        let proxy = match (url.scheme(), url.host_str(), url.port_or_known_default()) {
            ("https", Some(host), Some(port)) => self.proxies.for_https(host, port),
            _ => None,
        };
        let mut builder = self.builder(url, connect_timeout, timeout)?;
        if let Some(proxy) = proxy {
            builder = builder.proxy(reqwest::Proxy::https(proxy.url()).map_err(build_error)?);
        }
        builder.build().map_err(build_error)
    }

    pub(super) fn direct_http_client(
        &self,
        url: &Url,
        connect_timeout: Duration,
        timeout: Duration,
    ) -> Result<reqwest::Client, ClientError> {
        self.builder(url, connect_timeout, timeout)?.build().map_err(build_error)
    }

    fn builder(
        &self,
        url: &Url,
        connect_timeout: Duration,
        timeout: Duration,
    ) -> Result<reqwest::ClientBuilder, ClientError> {
        let builder = reqwest::Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(connect_timeout)
            .timeout(timeout)
            .user_agent(&self.sts.user_agent)
            .no_proxy();
        // The system's CAs take a moment to read, so plain http does without.
        let config = match url.scheme() {
            "https" => self.trust.prepare()?.config,
            _ => Some(Trust::nothing()?),
        };
        Ok(match config {
            Some(config) => builder.tls_backend_preconfigured(config),
            None => builder,
        })
    }

    fn sts_client(&self) -> Result<Client, ClientError> {
        Client::with_network(&self.sts, &self.trust, &self.proxies)
    }
}

fn build_error(error: reqwest::Error) -> ClientError {
    ClientError::Build { detail: http::reason(&error) }
}

impl Source {
    /// Gets the credentials. Where `role` is given, it is assumed with them, whatever they are.
    ///
    /// # Errors
    /// What the place, or STS, answered instead.
    pub async fn fetch(
        &self,
        context: &Context,
        role: Option<&AssumeRole>,
    ) -> Result<Credentials, CredentialError> {
        let first = match self {
            Self::Keys(credentials) => credentials.clone(),
            Self::AssumeRole { keys, request } => {
                context.sts_client()?.assume_role(keys, request, context.now).await?
            }
            Self::Oidc(oidc) => oidc.fetch(context).await?,
            Self::Uri(uri) => uri.fetch(context).await?,
            Self::Metadata(role) => role.fetch(context).await?,
        };
        match role {
            Some(role) => Ok(context.sts_client()?.assume_role(&first, role, context.now).await?),
            None => Ok(first),
        }
    }
}

impl AssumeRole {
    /// The role of a command line flag, with the session name that the environment, or else the program's name, gives.
    ///
    /// # Errors
    /// What is no role ARN, or no session name; `origin` is the flag's name, for the message.
    pub fn from_flag(
        origin: &str,
        arn: &str,
        environment: Lookup<'_>,
        argument_zero: &str,
    ) -> Result<Self, CredentialError> {
        let session = find(environment, names::ROLE_SESSION_NAME);
        Ok(Self {
            role_arn: role_arn(&Found::new(origin, arn))?,
            session_name: super::environment::session_name(session, argument_zero)?,
        })
    }
}

impl Oidc {
    async fn fetch(&self, context: &Context) -> Result<Credentials, CredentialError> {
        let request = AssumeRoleWithOidc {
            role_arn: self.role_arn.clone(),
            oidc_provider_arn: self.provider_arn.clone(),
            oidc_token: read_token(&self.token_file)?,
            session_name: SessionName::clone(&self.session_name),
        };
        Ok(context.sts_client()?.assume_role_with_oidc(&request, context.now).await?)
    }
}

/// Reads the token, without the line break that editors and shells put at the end.
fn read_token(path: &Path) -> Result<Secret, CredentialError> {
    let text = std::fs::read_to_string(path)
        .map(Secret::new)
        .map_err(|source| CredentialError::ReadTokenFile { path: path.to_owned(), source })?;
    let token = text.expose().trim_end();
    let good = (MIN_TOKEN_BYTES..=MAX_TOKEN_BYTES).contains(&token.len())
        && token.bytes().all(|b| b.is_ascii_graphic());
    if good { Ok(Secret::new(token)) } else { Err(CredentialError::TokenFile { path: path.to_owned() }) }
}
