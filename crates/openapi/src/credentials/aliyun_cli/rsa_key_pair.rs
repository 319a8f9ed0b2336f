//! Mode `RsaKeyPair`: the private half of an RSA key pair, which STS gives an access key for.

use std::path::PathBuf;

use signature::Secret;
use signature::acs3::sha256_hex;

use super::Profile;
use crate::credentials::error::{ValueProblem, read_problem};
use crate::credentials::{Context, CredentialError, Credentials, Environment};
use crate::sts::{Endpoint, GenerateSessionAccessKey, RsaPrivateKey};

const PEM_BEGIN: &str = "-----BEGIN";
const MAX_NAME_BYTES: usize = 128;
/// The bounds and the default of the published SDKs, in seconds.
const SESSION_SECONDS: std::ops::RangeInclusive<u32> = 900..=3600;
const DEFAULT_SESSION_SECONDS: u32 = 3600;

/// An RSA key pair that RAM knows.
#[derive(Clone, Debug)]
pub struct RsaKeyPair {
    key: PrivateKey,
    request: GenerateSessionAccessKey,
    /// The STS of `sts_region`: asked where neither flag nor variable chooses one.
    endpoint: Option<Endpoint>,
    /// The profile: for messages.
    place: String,
}

/// Where the private half is.
#[derive(Clone, Debug)]
enum PrivateKey {
    File(PathBuf),
    /// In the profile itself: `aliyun configure` writes it there.
    Text(Secret),
}

impl RsaKeyPair {
    /// The key pair of a profile.
    pub(in crate::credentials) fn of_profile(
        profile: &Profile,
        endpoint: Option<Endpoint>,
        environment: &Environment<'_>,
    ) -> Result<Self, CredentialError> {
        profile.require_region()?;
        let name = profile.required("key_pair_name")?;
        let key_pair_id = name.word()?.to_owned();
        if key_pair_id.len() > MAX_NAME_BYTES {
            return Err(name.problem(ValueProblem::Characters));
        }
        let key = profile.required("private_key")?.value;
        let key = match key.contains(PEM_BEGIN) {
            true => PrivateKey::Text(Secret::new(key)),
            false => PrivateKey::File(environment.expand(&key)),
        };
        let duration_seconds = match profile.integer("expired_seconds")?.unwrap_or_default() {
            0 => DEFAULT_SESSION_SECONDS,
            seconds => u32::try_from(seconds)
                .ok()
                .filter(|seconds| SESSION_SECONDS.contains(seconds))
                .ok_or_else(|| {
                    profile.error("expired_seconds is not 900 to 3600, which is how long the key of a key pair can last")
                })?,
        };
        let request = GenerateSessionAccessKey { key_pair_id, duration_seconds };
        Ok(Self { key, request, endpoint, place: profile.place().to_owned() })
    }

    /// What tells this key pair from others.
    pub(in crate::credentials) fn identity(&self) -> [String; 3] {
        let key = match &self.key {
            PrivateKey::File(path) => path.to_string_lossy().into_owned(),
            PrivateKey::Text(text) => sha256_hex(text.expose().as_bytes()),
        };
        let endpoint = self.endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
        [self.request.key_pair_id.clone(), key, endpoint]
    }

    pub(in crate::credentials) async fn fetch(
        &self,
        context: &Context<'_>,
    ) -> Result<Credentials, CredentialError> {
        let (text, what) = match &self.key {
            PrivateKey::Text(text) => (text.clone(), "private_key".to_owned()),
            PrivateKey::File(path) => {
                let what = format!("the file {} of private_key", path.display());
                let text = (context.environment.read_file)(path).map_err(|error| {
                    self.error(format!("{what} cannot be read: {}", read_problem(&error)))
                })?;
                (Secret::new(text), what)
            }
        };
        let key =
            RsaPrivateKey::from_pem(&text).map_err(|problem| self.error(format!("{what} {problem}")))?;
        let client = context.sts_client(self.endpoint.as_ref())?;
        Ok(client.generate_session_access_key(&self.request, &key, context.now).await?)
    }

    fn error(&self, detail: String) -> CredentialError {
        CredentialError::Profile { place: self.place.clone(), detail }
    }
}
