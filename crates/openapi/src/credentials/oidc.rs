//! A file with an OIDC token, as Kubernetes mounts it, and the role that STS gives for it.

use std::path::{Path, PathBuf};

use signature::Secret;

use super::error::{CredentialError, read_problem};
use super::variables::{self as names, find};
use super::{Context, Credentials, Environment};
use crate::sts::{AssumeRoleWithOidc, Endpoint, SessionName};

/// What `AssumeRoleWithOIDC` needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// `acs:ram::ACCOUNT-ID:role/NAME`.
    pub role_arn: String,
    /// `acs:ram::ACCOUNT-ID:oidc-provider/NAME`.
    pub provider_arn: String,
    /// Read anew at each use: Kubernetes replaces it.
    pub token_file: PathBuf,
    /// Who the session is for.
    pub session_name: SessionName,
    /// The STS of a profile's `sts_region`: asked where neither flag nor variable chooses one.
    pub endpoint: Option<Endpoint>,
}

impl Oidc {
    pub(super) async fn fetch(&self, context: &Context<'_>) -> Result<Credentials, CredentialError> {
        let client = context.sts_client(self.endpoint.as_ref())?;
        let trusted = client.endpoint().is_sts_itself_or_loopback();
        if !trusted && find(context.environment.variable, names::KUBERNETES_EXEC_INFO).is_some() {
            return Err(CredentialError::OidcEndpoint {
                path: self.token_file.clone(),
                endpoint: client.endpoint().clone(),
            });
        }
        let request = AssumeRoleWithOidc {
            role_arn: self.role_arn.clone(),
            oidc_provider_arn: self.provider_arn.clone(),
            oidc_token: read_token(&self.token_file, &context.environment)?,
            session_name: self.session_name.clone(),
            duration_seconds: None,
        };
        Ok(client.assume_role_with_oidc(&request, context.now).await?)
    }
}

/// Reads the token.
fn read_token(path: &Path, environment: &Environment<'_>) -> Result<Secret, CredentialError> {
    let text = (environment.read_file)(path).map(Secret::new).map_err(|source| {
        CredentialError::ReadTokenFile { path: path.to_owned(), problem: read_problem(&source) }
    })?;
    AssumeRoleWithOidc::token_of_file(&text)
        .ok_or_else(|| CredentialError::TokenFile { path: path.to_owned() })
}
