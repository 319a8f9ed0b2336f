//! Mode `OAuth`: a login in the browser. A refresh token brings access tokens, an access token temporary keys.
//!
//! All three are stored in the profile, as the aliyun CLI does. Refresh tokens can be good for one use only, so one
//! process at a time renews, and stores what it got before it goes on.

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde_json::{Map, Value};
use signature::Secret;
use signature::acs3::sha256_hex;

use super::Profile;
use super::exchange::{Content, Refusal, Reply, SignIn, shell_word};
use super::login::{self, Consequence, Home, LoginFile, Stored};
use crate::credentials::{Context, CredentialError, Credentials};

const KIND: &str = "the OAuth service";

/// Whose accounts: `oauth_site_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Site {
    Cn,
    Intl,
}

impl Site {
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "CN" => Some(Self::Cn),
            "INTL" => Some(Self::Intl),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cn => "CN",
            Self::Intl => "INTL",
        }
    }

    fn url(self, path: &str) -> Option<Url> {
        let host = match self {
            Self::Cn => "oauth.aliyun.com",
            Self::Intl => "oauth.alibabacloud.com",
        };
        Url::parse(&format!("https://{host}{path}")).ok()
    }

    /// The aliyun CLI's own id at this site: logins of that program are renewed under it.
    fn client_id(self) -> &'static str {
        match self {
            Self::Cn => "4038181954557748008",
            Self::Intl => "4103531455503354461",
        }
    }
}

/// A login in the browser.
#[derive(Clone, Debug)]
pub struct OAuth {
    site: Site,
    tokens: Tokens,
    stored: Option<Credentials>,
    home: Home,
}

#[derive(Clone, Debug)]
struct Tokens {
    access: Option<Secret>,
    /// Unix seconds.
    access_end: i64,
    refresh: Option<Secret>,
}

impl OAuth {
    /// The login of a profile of the file.
    pub(in crate::credentials) fn of_profile(
        profile: &Profile,
        file: &std::path::Path,
        now: Timestamp,
    ) -> Result<Self, CredentialError> {
        profile.require_region()?;
        let site = profile.required("oauth_site_type")?;
        let site = Site::named(&site.value)
            .ok_or_else(|| profile.error("oauth_site_type is neither CN nor INTL"))?;
        let token = |key: &str| -> Result<Option<Secret>, CredentialError> {
            profile.text(key)?.map(|found| found.word().map(Secret::new)).transpose()
        };
        Ok(Self {
            site,
            tokens: Tokens {
                access: token("oauth_access_token")?,
                access_end: profile.integer("oauth_access_token_expire")?.unwrap_or_default(),
                refresh: token("oauth_refresh_token")?,
            },
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

    /// What tells this login from others. Whoever logs in next under this profile may be somebody else, so that the
    /// token counts; one that is replaced at a renewal counts as another login.
    pub(in crate::credentials) fn identity(&self) -> [String; 2] {
        let token = self.tokens.refresh.as_ref().or(self.tokens.access.as_ref());
        [self.site.name().to_owned(), sha256_hex(token.map_or("", Secret::expose).as_bytes())]
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
            None => login.renew(context, &file).await,
        }
    }

    async fn renew(
        &self,
        context: &Context<'_>,
        file: &LoginFile<'_>,
    ) -> Result<Credentials, CredentialError> {
        let usable =
            self.tokens.access.as_ref().filter(|_| !login::is_over(self.tokens.access_end, context.now));
        let refusal = match usable {
            Some(token) => match self.exchange(token, context, file).await? {
                Ok(credentials) => return Ok(credentials),
                // It can have been revoked before its end: a new one may do.
                Err(refusal) => Some(refusal),
            },
            None => None,
        };
        if self.tokens.refresh.is_none() || !self.home.has_file() {
            return Err(match refusal {
                Some(refusal) => self.login_needed(&format!("the access token was refused ({refusal})")),
                None => self.login_needed("the access token has ended, and cannot be renewed"),
            });
        }
        let token = self.refresh(context, file).await?;
        self.exchange(&token, context, file)
            .await?
            .map_err(|refusal| self.login_needed(&format!("a new access token was refused ({refusal})")))
    }

    /// A new access token. It is stored before it is used: the old refresh token may be worth nothing now.
    async fn refresh(&self, context: &Context<'_>, file: &LoginFile<'_>) -> Result<Secret, CredentialError> {
        let old = self.tokens.refresh.clone().unwrap_or_else(|| Secret::new(""));
        let url = self.url("/v1/token")?;
        let service = SignIn { kind: KIND, url: &url };
        let field = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
        let form = vec![
            field("grant_type", "refresh_token"),
            field("refresh_token", old.expose()),
            field("client_id", self.site.client_id()),
        ];
        let object = match service.post(context, None, Content::Form(form)).await? {
            Reply::Success(object) => object,
            Reply::Refused(refusal) => {
                return Err(self.login_needed(&format!("the login could not be renewed ({refusal})")));
            }
        };
        // Whatever is wrong with the access token: a new refresh token is stored.
        let access = service.word(&object, "access_token");
        let mut changes = Vec::new();
        if let Ok(access) = access {
            let end = end_of(&object, context.now);
            changes.push(("oauth_access_token", Value::from(access)));
            changes.push(("oauth_access_token_expire", Value::from(end)));
        }
        let mut lost = None;
        if object.get("refresh_token").is_some_and(|value| !value.is_null() && value != "") {
            let new = service.word(&object, "refresh_token")?;
            if new != old.expose() {
                lost = Some(format!(
                    "THE NEW REFRESH TOKEN IS LOST, and the old one may be worth nothing: make the file writable, then log in with: {}",
                    self.login_command()
                ));
            }
            changes.push(("oauth_refresh_token", Value::from(new)));
        }
        if !changes.is_empty() {
            file.store(&changes, lost.as_deref().map_or(Consequence::AskedAgain, Consequence::Lost));
        }
        access.map(Secret::new)
    }

    /// Keys for an access token, or how it was refused.
    async fn exchange(
        &self,
        token: &Secret,
        context: &Context<'_>,
        file: &LoginFile<'_>,
    ) -> Result<Result<Credentials, Refusal>, CredentialError> {
        let url = self.url("/v1/exchange")?;
        let service = SignIn { kind: KIND, url: &url };
        let object = match service.post(context, Some(token), Content::Nothing).await? {
            Reply::Success(object) => object,
            Reply::Refused(refusal) => return Ok(Err(refusal)),
        };
        // The public SDKs differ: Python's reads names with capitals, Java's without, Go's and Node's take both.
        let names = if object.contains_key("AccessKeyId") {
            ["AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"]
        } else {
            ["accessKeyId", "accessKeySecret", "securityToken", "expiration"]
        };
        let credentials = service.credentials(&object, names)?;
        file.store(&Stored::new(&credentials, 0).changes(), Consequence::AskedAgain);
        Ok(Ok(credentials))
    }

    fn url(&self, path: &str) -> Result<Url, CredentialError> {
        self.site.url(path).ok_or_else(|| CredentialError::Service {
            service: KIND.to_owned(),
            detail: "its address is malformed".to_owned(),
        })
    }

    fn login_command(&self) -> String {
        let name = shell_word(self.home.name());
        format!("aliyun configure --mode OAuth --oauth-site-type {} --profile {name}", self.site.name())
    }

    fn login_needed(&self, what: &str) -> CredentialError {
        self.home.login_needed(what, &self.login_command())
    }
}

/// When the new access token ends, in Unix seconds. One that says nothing of it is renewed at the next need.
fn end_of(object: &Map<String, Value>, now: Timestamp) -> i64 {
    let seconds = object.get("expires_in").and_then(Value::as_i64).unwrap_or_default().max(0);
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now).as_second()
}
