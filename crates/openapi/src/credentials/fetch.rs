//! Asking for credentials.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;

use super::error::CredentialError;
use super::values::{assume_role, session_name};
use super::variables::{self as names, Found, find};
use super::{Credentials, Environment, Source};
use crate::http;
use crate::network::{Lookup, ProxyRules, Trust};
use crate::sts::{AssumeRole, Client, ClientError, ClientOptions, Endpoint};

/// What asking takes: how to reach STS and the network, the machine, and the time of the signatures.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// How to reach STS.
    pub sts: ClientOptions,
    /// Whether a flag or a variable chose the endpoint of [`Context::sts`]: a profile's `sts_region` counts only where
    /// none did.
    pub sts_is_chosen: bool,
    /// Which CAs are trusted.
    pub trust: Trust,
    /// Which requests go through a proxy.
    pub proxies: ProxyRules,
    /// The time that requests are signed at.
    pub now: Timestamp,
    /// The machine: token files are read, and what was renewed is written back, through it.
    pub environment: Environment<'a>,
}

impl Context<'_> {
    /// A client for `url`, which goes through a proxy for `https` where one is set, and never for `http`.
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

    /// A client that goes through no proxy.
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

    /// A client of STS: the chosen one, else the profile's, else the default one.
    pub(super) fn sts_client(&self, of_profile: Option<&Endpoint>) -> Result<Client, ClientError> {
        let mut options = self.sts.clone();
        if let Some(endpoint) = of_profile.filter(|_| !self.sts_is_chosen) {
            options.endpoint = endpoint.clone();
        }
        Client::with_network(&options, &self.trust, &self.proxies)
    }
}

fn build_error(error: reqwest::Error) -> ClientError {
    ClientError::Build { detail: http::reason(&error) }
}

impl Source {
    /// Gets the credentials. Where `role` is given, it is assumed with them, whatever they are.
    ///
    /// # Errors
    /// What the place, or STS, answered instead; [`CredentialError::Ended`] for credentials that are over.
    pub async fn fetch(
        &self,
        context: &Context<'_>,
        role: Option<&AssumeRole>,
    ) -> Result<Credentials, CredentialError> {
        let first = self.get(context).await?;
        let credentials = match role {
            Some(role) => context.sts_client(None)?.assume_role(&first, role, context.now).await?,
            None => first,
        };
        self.check_end(credentials, context.now)
    }

    /// One source; those that stand on another source ask that first.
    pub(super) async fn get(&self, context: &Context<'_>) -> Result<Credentials, CredentialError> {
        let credentials = match self {
            Self::Keys(credentials) => credentials.clone(),
            Self::AssumeRole { from, request, endpoint } => {
                let first = Box::pin(from.get(context)).await?;
                let client = context.sts_client(endpoint.as_ref())?;
                client.assume_role(&first, request, context.now).await?
            }
            Self::Oidc(oidc) => oidc.fetch(context).await?,
            Self::Uri(uri) => uri.fetch(context).await?,
            Self::Metadata(role) => role.fetch(context).await?,
            Self::External(program) => program.fetch(context).await?,
            Self::CloudSso(login) => login.fetch(context).await?,
            Self::OAuth(login) => login.fetch(context).await?,
            Self::RsaKeyPair(pair) => pair.fetch(context).await?,
            Self::Profile { source, .. } => Box::pin(source.get(context)).await?,
        };
        self.check_end(credentials, context.now)
    }

    fn check_end(&self, credentials: Credentials, now: Timestamp) -> Result<Credentials, CredentialError> {
        match credentials.expiration {
            Some(end) if end <= now => Err(CredentialError::Ended { place: self.name(), end }),
            _ => Ok(credentials),
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
        let session = session_name(find(environment, names::ROLE_SESSION_NAME), argument_zero)?;
        assume_role(&Found::new(origin, arn), session)
    }
}
