//! What is no OpenAPI: the metadata service, a credentials URI, CloudSSO and OAuth. Each hands out credentials that
//! the emulator's STS accepts.
//!
//! The first two are plain HTTP and have a listener of their own, as they do in reality. The others are at the TLS
//! port, told from the API by host name, and on loopback by path.

mod cloud_sso;
mod credentials_uri;
mod instance;
mod metadata;
mod oauth;
mod reply;
mod temporary_key;

use jiff::Timestamp;

use crate::config::Config;
use crate::directory::Directory;
use crate::error::ApiError;
use crate::host::{host_name, is_loopback};
use crate::market::Market;
use crate::request::RawRequest;

pub(crate) use reply::{ErrorForm, SiteReply};

/// Which listener a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// TLS: the API, CloudSSO and OAuth.
    Tls,
    /// Plain HTTP: metadata and credentials URI.
    Plain,
}

/// Every site that the configuration has.
pub(crate) struct Sites {
    metadata: Option<metadata::Service>,
    credentials_uri: Option<credentials_uri::Site>,
    cloud_sso: Option<cloud_sso::Site>,
    oauth: Option<oauth::Site>,
}

/// What a site's request asks for, before anything is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// For records, logs and faults: `MetadataToken`.
    pub(crate) action: &'static str,
    /// The name under which faults reach all actions of a site: `Metadata`.
    pub(crate) group: &'static str,
    /// How this site words errors.
    pub(crate) errors: ErrorForm,
    site: SiteName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SiteName {
    Metadata,
    CredentialsUri,
    CloudSso,
    OAuth,
    Nothing,
}

/// What a site sees of the emulator and of the request.
pub(crate) struct Visit<'a> {
    pub(crate) raw: &'a RawRequest,
    pub(crate) directory: &'a Directory,
    pub(crate) now: Timestamp,
    pub(crate) request_id: &'a str,
    /// Credentials are to have ended already ([`crate::Fault::ExpiredCredentials`]).
    pub(crate) expired: bool,
}

impl Sites {
    /// `region` is that of the metadata service where the configuration names none.
    pub(crate) fn new(config: &Config, region: &str, now: Timestamp) -> Self {
        Self {
            metadata: config.metadata.clone().map(|config| metadata::Service::new(config, region)),
            credentials_uri: config.credentials_uri.clone().map(credentials_uri::Site::new),
            cloud_sso: config.cloud_sso.clone().map(cloud_sso::Site::new),
            oauth: config.oauth.clone().map(|config| oauth::Site::new(config, now)),
        }
    }

    /// The site that a request is for; `None`: the API.
    pub(crate) fn route(&self, door: Door, raw: &RawRequest) -> Option<Route> {
        match door {
            Door::Plain => Some(self.plain_route(raw)),
            Door::Tls => self.tls_route(raw),
        }
    }

    fn plain_route(&self, raw: &RawRequest) -> Route {
        let path = raw.path();
        if self.credentials_uri.as_ref().is_some_and(|site| site.answers(path)) {
            return route("CredentialsUri", "CredentialsUri", SiteName::CredentialsUri);
        }
        match self.metadata {
            Some(_) if metadata::answers(path) => {
                route(metadata::action(raw), "Metadata", SiteName::Metadata)
            }
            _ => route("", "", SiteName::Nothing),
        }
    }

    fn tls_route(&self, raw: &RawRequest) -> Option<Route> {
        let (host, path) = (host_name(raw.host()), raw.path());
        let on_loopback = is_loopback(host);
        if self.oauth.is_some()
            && (Market::at(host).is_some() || (on_loopback && oauth::action(path).is_some()))
        {
            return Some(route(oauth::action(path).unwrap_or("OAuth"), "OAuth", SiteName::OAuth));
        }
        let sso = self.cloud_sso.as_ref()?;
        let is_sso = sso.is_host(host) || (on_loopback && path == cloud_sso::PATH);
        is_sso.then(|| route("CloudSso", "CloudSso", SiteName::CloudSso))
    }

    /// Answers a request that [`Sites::route`] gave to a site.
    pub(crate) fn answer(&self, route: Route, visit: &Visit<'_>) -> SiteReply {
        let answer = match route.site {
            SiteName::Metadata => self.metadata.as_ref().map(|site| site.answer(visit)),
            SiteName::CredentialsUri => self.credentials_uri.as_ref().map(|site| site.answer(visit)),
            SiteName::CloudSso => self.cloud_sso.as_ref().map(|site| site.answer(visit)),
            SiteName::OAuth => self.oauth.as_ref().map(|site| site.answer(visit)),
            SiteName::Nothing => None,
        };
        answer
            .unwrap_or_else(|| Err(no_such_page()))
            .unwrap_or_else(|error| SiteReply::error(&error, route.errors, visit.request_id))
    }
}

fn route(action: &'static str, group: &'static str, site: SiteName) -> Route {
    let errors = match site {
        SiteName::Metadata | SiteName::Nothing => ErrorForm::Page,
        SiteName::CredentialsUri => ErrorForm::Code,
        SiteName::CloudSso => ErrorForm::ErrorCode,
        SiteName::OAuth => ErrorForm::OAuth,
    };
    Route { action, group, errors, site }
}

/// Nothing is at that address.
fn no_such_page() -> ApiError {
    ApiError::new(404, "NotFound", "There is nothing at this address.")
}

/// The address is right, the method is not.
fn wrong_method(right: &str) -> ApiError {
    ApiError::new(405, "MethodNotAllowed", format!("This address takes {right} only."))
}

/// The token of an `Authorization: Bearer …` header.
fn bearer(raw: &RawRequest) -> Option<&str> {
    let (scheme, token) = raw.header("authorization")?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
