//! Mode `CloudSSO`: a login at CloudSSO, whose access token is good for temporary keys until it ends.
//!
//! The keys are stored in the profile, as the aliyun CLI does, and used from there while they last.

use jiff::Timestamp;
use reqwest::Url;
use serde_json::{Value, json};
use signature::Secret;
use signature::acs3::sha256_hex;

use super::Profile;
use super::exchange::{Content, Reply, SignIn, shell_word};
use super::login::{self, Consequence, Home, LoginFile, Stored};
use crate::credentials::error::ValueProblem;
use crate::credentials::{Context, CredentialError, Credentials};

const KIND: &str = "CloudSSO";
/// The aliyun CLI stores an end this much before the real one, in seconds.
const STORED_EARLIER: i64 = 5;

/// A login at CloudSSO.
#[derive(Clone, Debug)]
pub struct CloudSso {
    /// `https://HOST/cloud-credentials`.
    url: Url,
    account_id: String,
    access_configuration: String,
    access_token: Option<Secret>,
    /// Unix seconds.
    access_token_end: i64,
    stored: Option<Credentials>,
    home: Home,
}

impl CloudSso {
    /// The login of a profile of the file.
    pub(in crate::credentials) fn of_profile(
        profile: &Profile,
        file: &std::path::Path,
        now: Timestamp,
    ) -> Result<Self, CredentialError> {
        profile.require_region()?;
        let sign_in = profile.required("cloud_sso_sign_in_url")?;
        let url = Url::parse(sign_in.value.trim())
            .ok()
            .filter(|url| url.host_str().is_some_and(|host| !host.is_empty()))
            .filter(|url| url.username().is_empty() && url.password().is_none())
            .ok_or_else(|| sign_in.problem(ValueProblem::Url))?;
        if url.scheme() != "https" {
            return Err(profile.error("cloud_sso_sign_in_url does not begin with https://: the access token would be readable on its way"));
        }
        let url = url.join("/cloud-credentials").map_err(|_| sign_in.problem(ValueProblem::Url))?;
        Ok(Self {
            url,
            account_id: profile.required("cloud_sso_account_id")?.value,
            access_configuration: profile.required("cloud_sso_access_config")?.value,
            access_token: profile
                .text("access_token")?
                .map(|found| found.word().map(Secret::new))
                .transpose()?,
            access_token_end: profile.integer("cloud_sso_access_token_expire")?.unwrap_or_default(),
            stored: login::stored(profile, now)?,
            home: Home::of_profile(profile, file),
        })
    }

    /// The same login, printed by a program: it stands in no file.
    pub(in crate::credentials) fn without_file(self) -> Self {
        Self { home: self.home.without_file(), ..self }
    }

    /// The stored keys, while they last.
    pub(in crate::credentials) fn stored(&self) -> Option<&Credentials> {
        self.stored.as_ref()
    }

    /// What tells this login from others.
    pub(in crate::credentials) fn identity(&self) -> [String; 4] {
        let token = self.access_token.as_ref().map_or("", Secret::expose);
        [
            self.url.to_string(),
            self.account_id.clone(),
            self.access_configuration.clone(),
            // Whoever logs in next under this profile may be somebody else.
            sha256_hex(token.as_bytes()),
        ]
    }

    pub(in crate::credentials) async fn fetch(
        &self,
        context: &Context<'_>,
    ) -> Result<Credentials, CredentialError> {
        if let Some(stored) = &self.stored {
            return Ok(stored.clone());
        }
        // Others may have waited for the same, and found new keys: look again once nobody else is at it.
        let file = LoginFile::open(&self.home, context);
        let login = match file.profile()? {
            Some(profile) => Self::of_profile(&profile, file.path(), context.now)?,
            None => self.clone(),
        };
        match &login.stored {
            Some(stored) => Ok(stored.clone()),
            None => login.exchange(context, &file).await,
        }
    }

    async fn exchange(
        &self,
        context: &Context<'_>,
        file: &LoginFile<'_>,
    ) -> Result<Credentials, CredentialError> {
        let ends = login::is_over(self.access_token_end, context.now);
        let token = match &self.access_token {
            Some(token) if !ends => token,
            Some(_) => return Err(self.login_needed("the access token of CloudSSO has ended")),
            None => return Err(self.login_needed("there is no access token of CloudSSO")),
        };
        let sign_in = SignIn { kind: KIND, url: &self.url };
        let content = json!({
            "AccountId": self.account_id,
            "AccessConfigurationId": self.access_configuration,
        });
        let object = match sign_in.post(context, Some(token), Content::Json(content)).await? {
            Reply::Success(object) => object,
            Reply::Refused(refusal) => {
                return Err(self.login_needed(&format!("CloudSSO refused the access token ({refusal})")));
            }
        };
        // The public programs take the credentials at the top too.
        let inner = object.get("CloudCredential").and_then(Value::as_object).unwrap_or(&object);
        let names = ["AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"];
        let credentials = sign_in.credentials(inner, names)?;
        file.store(&Stored::new(&credentials, STORED_EARLIER).changes(), Consequence::AskedAgain);
        Ok(credentials)
    }

    fn login_needed(&self, what: &str) -> CredentialError {
        let login = format!("aliyun configure --mode CloudSSO --profile {}", shell_word(self.home.name()));
        self.home.login_needed(what, &login)
    }
}
