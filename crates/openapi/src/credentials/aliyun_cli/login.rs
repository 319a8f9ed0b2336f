//! What logins that are kept in the aliyun CLI's file have in common: keys that are stored while they last, and a file
//! that only one process at a time renews.

use std::any::Any;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use signature::Secret;

use super::{File, Profile, write_back};
use crate::credentials::error::read_problem;
use crate::credentials::values::keys;
use crate::credentials::{Context, CredentialError, Credentials};

/// Stored keys and tokens that end sooner than this count as over: what is made with them must last a while.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// Where a login is kept.
#[derive(Clone, Debug)]
pub(super) struct Home {
    name: String,
    /// The profile and its file: for messages.
    place: String,
    /// None for what a program printed.
    file: Option<PathBuf>,
}

impl Home {
    pub(super) fn of_profile(profile: &Profile, file: &Path) -> Self {
        Self {
            name: profile.name().to_owned(),
            place: profile.place().to_owned(),
            file: Some(file.to_owned()),
        }
    }

    pub(super) fn without_file(self) -> Self {
        Self { file: None, ..self }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// That the person must log in, and how.
    pub(super) fn login_needed(&self, what: &str, command: &str) -> CredentialError {
        let how = match self.has_file() {
            true => format!("log in with: {command}"),
            false => "the program that printed it must log in anew".to_owned(),
        };
        CredentialError::Profile { place: self.place.clone(), detail: format!("{what}; {how}") }
    }
}

/// Whether a time in Unix seconds is over, or nearly.
pub(super) fn is_over(end: i64, now: Timestamp) -> bool {
    let limit = now.checked_add(MARGIN).unwrap_or(Timestamp::MAX);
    end <= limit.as_second()
}

/// The keys that a profile stores, while they last.
pub(super) fn stored(profile: &Profile, now: Timestamp) -> Result<Option<Credentials>, CredentialError> {
    let end = profile.integer("sts_expiration")?.unwrap_or_default();
    if is_over(end, now) {
        return Ok(None);
    }
    let parts =
        [profile.text("access_key_id")?, profile.text("access_key_secret")?, profile.text("sts_token")?];
    let [Some(id), Some(secret), Some(token)] = parts else { return Ok(None) };
    let expiration = Timestamp::from_second(end).unwrap_or(Timestamp::MAX);
    Ok(Some(Credentials { expiration: Some(expiration), ..keys(&id, &secret, Some(&token))? }))
}

/// New keys, as a profile stores them.
pub(super) struct Stored {
    id: String,
    secret: Secret,
    token: Secret,
    end: i64,
}

impl Stored {
    /// `earlier`: how many seconds before their end they shall count as over.
    pub(super) fn new(credentials: &Credentials, earlier: i64) -> Self {
        Self {
            id: credentials.access_key_id.clone(),
            secret: credentials.access_key_secret.clone(),
            token: credentials.security_token.clone().unwrap_or_else(|| Secret::new("")),
            end: credentials.expiration.map_or(0, |end| end.as_second().saturating_sub(earlier)),
        }
    }

    pub(super) fn changes(&self) -> [(&'static str, Value); 4] {
        [
            ("access_key_id", Value::from(self.id.as_str())),
            ("access_key_secret", Value::from(self.secret.expose())),
            ("sts_token", Value::from(self.token.expose())),
            ("sts_expiration", Value::from(self.end)),
        ]
    }
}

/// What follows where new keys and tokens are not stored.
pub(super) enum Consequence<'a> {
    /// The next program gets others.
    AskedAgain,
    /// Something is lost: what, and what to do.
    Lost(&'a str),
}

/// The file of a login while this process alone renews it. What has no file is renewed without.
pub(super) struct LoginFile<'a> {
    home: &'a Home,
    context: &'a Context<'a>,
    /// Held until the end.
    _lock: Option<Box<dyn Any>>,
}

impl<'a> LoginFile<'a> {
    /// Waits for every other process that renews a login of this file.
    pub(super) fn open(home: &'a Home, context: &'a Context<'a>) -> Self {
        let lock = home.file.as_deref().and_then(|file| {
            let beside = lock_file(file)?;
            match (context.environment.lock)(&beside) {
                Ok(lock) => Some(lock),
                Err(error) => {
                    // Mostly a folder that cannot be written to, where nothing can be stored either; or somebody keeps
                    // the lock, which must not keep everybody else out.
                    tracing::debug!(file = %beside.display(), %error, "renewing a login without a lock");
                    None
                }
            }
        });
        Self { home, context, _lock: lock }
    }

    /// The profile as it stands in the file now.
    pub(super) fn profile(&self) -> Result<Option<Profile>, CredentialError> {
        let Some(path) = &self.home.file else { return Ok(None) };
        let text = (self.context.environment.read_file)(path).map_err(|error| CredentialError::File {
            kind: super::KIND,
            path: path.clone(),
            detail: read_problem(&error),
        })?;
        let file = File::parse(path, &text)?;
        let profile = file.profile(&self.home.name).ok_or_else(|| CredentialError::Profile {
            place: self.home.place.clone(),
            detail: "the profile was removed meanwhile".to_owned(),
        })?;
        Ok(Some(profile.clone()))
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        self.home.file.as_deref().unwrap_or(Path::new(""))
    }

    /// Sets keys of the profile. Credentials are good without: where the file cannot be changed, the person is told so,
    /// and what follows from it.
    pub(super) fn store(&self, changes: &[(&str, Value)], consequence: Consequence<'_>) {
        let Some(path) = &self.home.file else { return };
        if let Err(error) = write_back::store(&self.context.environment, path, &self.home.name, changes) {
            let (tell, consequence) = match consequence {
                Consequence::AskedAgain => (self.context.environment.warn, "it is asked for again each time"),
                Consequence::Lost(what) => (self.context.environment.alert, what),
            };
            tell(&format!(
                "{}: the renewed login is used, but not stored, because the file cannot be changed ({error}): {consequence}",
                self.home.place
            ));
        }
    }
}

/// The file that is locked: the file itself is replaced by each renewal, which would leave its lock behind.
fn lock_file(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_string_lossy();
    Some(file.with_file_name(format!(".{name}.ack-ram-tool.lock")))
}
