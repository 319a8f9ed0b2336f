//! OIDC identity providers.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::Client;
use crate::Credentials;
use crate::api::{ApiError, Call, List, object_part, read_all, text_or_null, unless, unsendable};

/// A hundred providers a page ("ListOIDCProviders", parameter `MaxItems`), which is as many as an account may have.
const PROVIDERS: List = List {
    action: "ListOIDCProviders",
    fields: ("OIDCProviders", "OIDCProvider"),
    page: "100",
    // Fifty client ids each.
    max_page_bytes: 4 * 1024 * 1024,
};

/// An OIDC identity provider as RAM knows it ("GetOIDCProvider").
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OidcProvider {
    /// `ack-rrsa-CLUSTER`.
    #[serde(rename = "OIDCProviderName")]
    pub name: String,
    /// `acs:ram::ACCOUNT-ID:oidc-provider/NAME`.
    #[serde(rename = "Arn")]
    pub arn: String,
    /// To the letter as tokens say it.
    #[serde(rename = "IssuerUrl")]
    pub issuer_url: String,
    /// The audiences: a token must be for one of them.
    #[serde(rename = "ClientIds", default, deserialize_with = "list")]
    pub client_ids: Vec<String>,
    /// SHA-1 of the certificates of authorities that vouch for the issuer's server, in hexadecimal digits.
    #[serde(rename = "Fingerprints", default, deserialize_with = "list")]
    pub fingerprints: Vec<String>,
    /// For how many hours after its `iat` a token is taken, where RAM says so.
    #[serde(rename = "IssuanceLimitTime", default)]
    pub issuance_limit_time: Option<u32>,
    /// May be empty.
    #[serde(rename = "Description", default, deserialize_with = "text_or_null")]
    pub description: String,
}

/// A provider that is to be made ("CreateOIDCProvider").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewOidcProvider {
    /// 1 to 128 letters, digits, `.`, `-` and `_`, no mark first or last.
    pub name: String,
    /// `https://…` of at most 255 characters, which no other provider of the account has.
    pub issuer_url: String,
    /// 1 to 50 audiences, none with a comma.
    pub client_ids: Vec<String>,
    /// Up to 5.
    pub fingerprints: Vec<String>,
    /// At most 256 characters; may be empty.
    pub description: String,
    /// Hours, 1 to 168; without it, RAM's own 12.
    pub issuance_limit_time: Option<u32>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "OIDCProvider", deserialize_with = "object_part")]
    provider: OidcProvider,
}

impl Client {
    /// A provider by its name (`GetOIDCProvider`), or `None` where the account has none of that name. `now` is the time of
    /// the signature, here and below.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn oidc_provider(
        &self,
        name: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Option<OidcProvider>, ApiError> {
        let call = Call::rpc("GetOIDCProvider", [("OIDCProviderName", name)]).reading();
        unless(self.ask_provider(&call, credentials, now).await, "EntityNotExist.OIDCProvider")
    }

    /// All providers of the account (`ListOIDCProviders`); none is no error.
    ///
    /// # Errors
    /// [`ApiError`]. A list that does not end, or breaks off, is one.
    pub async fn oidc_providers(
        &self,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Vec<OidcProvider>, ApiError> {
        read_all(&self.api, &PROVIDERS, credentials, now).await
    }

    /// Makes a provider (`CreateOIDCProvider`).
    ///
    /// # Errors
    /// [`ApiError`]; `EntityAlreadyExists.OIDCProvider` where there is one of that name,
    /// `EntityAlreadyExists.OIDCProvider.Url` where another has the issuer.
    pub async fn create_oidc_provider(
        &self,
        new: &NewOidcProvider,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<OidcProvider, ApiError> {
        const ACTION: &str = "CreateOIDCProvider";
        if new.client_ids.iter().chain(&new.fingerprints).any(|item| item.contains(',')) {
            return Err(unsendable(ACTION, "a client id or fingerprint holds a comma, which separates them"));
        }
        let mut call =
            Call::rpc(ACTION, [("OIDCProviderName", new.name.as_str()), ("IssuerUrl", &new.issuer_url)]);
        let optional = [
            ("ClientIds", new.client_ids.join(",")),
            ("Fingerprints", new.fingerprints.join(",")),
            ("Description", new.description.clone()),
            ("IssuanceLimitTime", new.issuance_limit_time.map(|hours| hours.to_string()).unwrap_or_default()),
        ];
        for (name, value) in optional.into_iter().filter(|(_, value)| !value.is_empty()) {
            call = call.with(name, value);
        }
        self.ask_provider(&call, credentials, now).await
    }

    /// Adds an audience to a provider (`AddClientIdToOIDCProvider`).
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn add_client_id(
        &self,
        name: &str,
        client_id: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<OidcProvider, ApiError> {
        let parameters = [("OIDCProviderName", name), ("ClientId", client_id)];
        self.ask_provider(&Call::rpc("AddClientIdToOIDCProvider", parameters), credentials, now).await
    }

    /// Adds the fingerprint of an authority to a provider (`AddFingerprintToOIDCProvider`).
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn add_fingerprint(
        &self,
        name: &str,
        fingerprint: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<OidcProvider, ApiError> {
        let parameters = [("OIDCProviderName", name), ("Fingerprint", fingerprint)];
        self.ask_provider(&Call::rpc("AddFingerprintToOIDCProvider", parameters), credentials, now).await
    }

    /// Takes a fingerprint from a provider (`RemoveFingerprintFromOIDCProvider`).
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn remove_fingerprint(
        &self,
        name: &str,
        fingerprint: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<OidcProvider, ApiError> {
        let parameters = [("OIDCProviderName", name), ("Fingerprint", fingerprint)];
        self.ask_provider(&Call::rpc("RemoveFingerprintFromOIDCProvider", parameters), credentials, now).await
    }

    /// Deletes a provider (`DeleteOIDCProvider`): `false` where there was none.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn delete_oidc_provider(
        &self,
        name: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<bool, ApiError> {
        const ACTION: &str = "DeleteOIDCProvider";
        let call = Call::rpc(ACTION, [("OIDCProviderName", name)]);
        match unless(self.api.call(&call, credentials, now).await, "EntityNotExist.OIDCProvider")? {
            Some(answer) => self.api.asked(ACTION).confirmed(answer).map(|()| true),
            None => Ok(false),
        }
    }

    async fn ask_provider(
        &self,
        call: &Call,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<OidcProvider, ApiError> {
        let answer = self.api.call(call, credentials, now).await?;
        self.api.asked(call.action).read::<Answer>(answer).map(|answer| answer.provider)
    }
}

/// Texts with commas between them.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let text = text_or_null(deserializer)?;
    Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}
