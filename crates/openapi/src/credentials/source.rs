//! A place where credentials come from.

use signature::acs3::sha256_hex;

use super::aliyun_cli::{CloudSso, External, OAuth, RsaKeyPair};
use super::{Credentials, CredentialsUri, MetadataRole, Oidc};
use crate::sts::{AssumeRole, Endpoint};

/// A place where credentials come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Source {
    /// They are here already.
    Keys(Credentials),
    /// Credentials of another source, which assume a role.
    AssumeRole {
        /// Where the credentials that sign the call come from.
        from: Box<Source>,
        /// The call.
        request: AssumeRole,
        /// The STS of a profile's `sts_region`: asked where neither flag nor variable chooses one.
        endpoint: Option<Endpoint>,
    },
    /// A file with an OIDC token, exchanged at STS.
    Oidc(Oidc),
    /// A service that hands them out at a URL.
    Uri(CredentialsUri),
    /// The ECS metadata service.
    Metadata(MetadataRole),
    /// A program that prints a profile.
    External(External),
    /// A login at CloudSSO that the aliyun CLI keeps.
    CloudSso(CloudSso),
    /// A login in the browser that the aliyun CLI keeps.
    OAuth(OAuth),
    /// An RSA key pair, whose private half signs for a key.
    RsaKeyPair(RsaKeyPair),
    /// One of the above, as a profile of a file says.
    Profile {
        /// The profile and the file: for messages, and to tell profiles apart.
        place: String,
        /// What the profile describes.
        source: Box<Source>,
    },
}

impl Source {
    /// What kind of place it is, for messages.
    pub fn name(&self) -> String {
        match self {
            Self::Keys(credentials) if credentials.security_token.is_some() => {
                "temporary access key".to_owned()
            }
            Self::Keys(_) => "access key".to_owned(),
            Self::AssumeRole { from, .. } => format!("{} that assumes a role", from.name()),
            Self::Oidc(_) => "OIDC token file".to_owned(),
            Self::Uri(_) => "credentials URI".to_owned(),
            Self::Metadata(_) => "ECS metadata service".to_owned(),
            Self::External(_) => "external program".to_owned(),
            Self::CloudSso(_) => "CloudSSO login".to_owned(),
            Self::OAuth(_) => "OAuth login".to_owned(),
            Self::RsaKeyPair(_) => "RSA key pair".to_owned(),
            Self::Profile { place, source } => format!("{} ({place})", source.name()),
        }
    }

    /// The credentials, where nobody has to be asked for them.
    pub fn immediate(&self) -> Option<&Credentials> {
        match self {
            Self::Keys(credentials) => Some(credentials),
            Self::Profile { source, .. } => source.immediate(),
            Self::CloudSso(login) => login.stored(),
            Self::OAuth(login) => login.stored(),
            _ => None,
        }
    }

    /// What tells this source's identities from every other source's: account, role, session, profile, file. One line
    /// for each part. It takes no network, is the same for the same settings, and holds no secret: they enter as
    /// SHA-256.
    pub fn identity_key(&self) -> String {
        let mut parts = Vec::new();
        self.identity(&mut parts);
        // Each part with its length: no two lists of parts give one text.
        parts.iter().map(|part| format!("{}:{part}\n", part.len())).collect()
    }

    fn identity(&self, parts: &mut Vec<String>) {
        let mut push = |words: &[&str]| parts.extend(words.iter().map(|word| (*word).to_owned()));
        match self {
            Self::Keys(keys) => {
                let token = keys
                    .security_token
                    .as_ref()
                    .map_or_else(String::new, |token| sha256_hex(token.expose().as_bytes()));
                let secret = sha256_hex(keys.access_key_secret.expose().as_bytes());
                push(&["keys", &keys.access_key_id, &secret, &token]);
            }
            Self::AssumeRole { from, request, endpoint } => {
                push(&["role"]);
                parts.extend(role_identity(request));
                parts.push(endpoint.as_ref().map(ToString::to_string).unwrap_or_default());
                from.identity(parts);
            }
            Self::Oidc(oidc) => {
                let file = oidc.token_file.to_string_lossy();
                let endpoint = oidc.endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
                let session = oidc.session_name.as_str();
                push(&["oidc", &oidc.role_arn, &oidc.provider_arn, &file, session, &endpoint]);
            }
            Self::Uri(uri) => push(&["uri", &uri.fingerprint()]),
            Self::Metadata(role) => {
                push(&["metadata"]);
                parts.extend(role.identity());
            }
            Self::External(program) => push(&["external", &program.fingerprint()]),
            Self::CloudSso(login) => {
                push(&["cloud-sso"]);
                parts.extend(login.identity());
            }
            Self::OAuth(login) => {
                push(&["oauth"]);
                parts.extend(login.identity());
            }
            Self::RsaKeyPair(pair) => {
                push(&["rsa-key-pair"]);
                parts.extend(pair.identity());
            }
            Self::Profile { place, source } => {
                push(&["profile", place]);
                source.identity(parts);
            }
        }
    }
}

/// What tells a role and its session from others.
pub(super) fn role_identity(request: &AssumeRole) -> [String; 3] {
    let external_id = request.external_id.as_deref().unwrap_or_default();
    [
        request.role_arn.clone(),
        request.session_name.to_string(),
        // An external id is shared between two parties and shown to nobody else.
        sha256_hex(external_id.as_bytes()),
    ]
}
