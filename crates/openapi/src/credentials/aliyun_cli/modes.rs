//! From a profile to the source that it describes.

use std::path::PathBuf;

use jiff::Timestamp;

use super::super::error::{CredentialError, ValueProblem};
use super::super::values::{assume_role, duration_seconds, external_id, keys, session_name};
use super::super::{CredentialsUri, Environment, MetadataRole, Oidc, Source};
use super::file::shown;
use super::{CloudSso, External, File, Mode, OAuth, Profile, RsaKeyPair};
use crate::sts::{AssumeRole, Endpoint};

const MAX_PROFILES_IN_A_CHAIN: usize = 10;

/// The profiles that lead to the one that is looked at: no profile may stand on itself.
#[derive(Clone, Debug, Default)]
pub(in crate::credentials) struct Chain(Vec<String>);

impl Chain {
    /// This chain with one more profile.
    ///
    /// # Errors
    /// The profile is in the chain already, or the chain is too long.
    pub(in crate::credentials) fn with(&self, profile: &Profile) -> Result<Self, CredentialError> {
        let path = || {
            let names = self.0.iter().map(String::as_str).chain([profile.name()]);
            names.map(shown).collect::<Vec<_>>().join(" -> ")
        };
        // A profile that a program printed may have no name: only the length of the chain bounds those.
        if !profile.name().is_empty() && self.0.iter().any(|name| name == profile.name()) {
            return Err(
                profile.error(format!("the profile stands on itself: {}; change source_profile", path()))
            );
        }
        if self.0.len() >= MAX_PROFILES_IN_A_CHAIN {
            return Err(profile.error(format!(
                "more than {MAX_PROFILES_IN_A_CHAIN} profiles stand on each other: {}",
                path()
            )));
        }
        let mut names = self.0.clone();
        names.push(profile.name().to_owned());
        Ok(Self(names))
    }
}

/// The source that a profile describes. Nothing is asked and nothing is run.
pub(in crate::credentials) fn source_of(
    profile: &Profile,
    file: &File,
    chain: &Chain,
    environment: &Environment<'_>,
    now: Timestamp,
) -> Result<Source, CredentialError> {
    let chain = chain.with(profile)?;
    let key = || keys(&profile.required("access_key_id")?, &profile.required("access_key_secret")?, None);
    match profile.mode()? {
        Mode::Ak => Ok(Source::Keys(key()?)),
        Mode::StsToken => temporary_key(profile),
        Mode::RamRoleArn => {
            let from = match profile.text("sts_token")? {
                Some(_) => temporary_key(profile)?,
                None => Source::Keys(key()?),
            };
            with_role(from, profile)
        }
        Mode::EcsRamRole => metadata(profile, environment),
        Mode::RamRoleArnWithRoleName => with_role(metadata(profile, environment)?, profile),
        Mode::ChainableRamRoleArn => {
            let name = profile.required("source_profile")?;
            let first = file.profile(&name.value).ok_or_else(|| file.no_profile(&name))?;
            with_role(source_of(first, file, &chain, environment, now)?, profile)
        }
        Mode::CredentialsUri => {
            Ok(Source::Uri(CredentialsUri::from_text(&profile.required("credentials_uri")?)?))
        }
        Mode::Oidc => oidc(profile),
        Mode::External => Ok(Source::External(External::of_profile(profile, file, &chain)?)),
        Mode::CloudSso => Ok(Source::CloudSso(CloudSso::of_profile(profile, file.path(), now)?)),
        Mode::OAuth => Ok(Source::OAuth(OAuth::of_profile(profile, file.path(), now)?)),
        Mode::RsaKeyPair => {
            let endpoint = endpoint(profile)?;
            Ok(Source::RsaKeyPair(RsaKeyPair::of_profile(profile, endpoint, environment)?))
        }
    }
}

fn temporary_key(profile: &Profile) -> Result<Source, CredentialError> {
    let token = profile.required("sts_token")?;
    let id = profile.required("access_key_id")?;
    Ok(Source::Keys(keys(&id, &profile.required("access_key_secret")?, Some(&token))?))
}

fn metadata(profile: &Profile, environment: &Environment<'_>) -> Result<Source, CredentialError> {
    let role = profile.text("ram_role_name")?;
    Ok(Source::Metadata(MetadataRole::new(role.as_ref(), environment.variable)?))
}

fn with_role(from: Source, profile: &Profile) -> Result<Source, CredentialError> {
    let session = session_name(Some(profile.required("ram_session_name")?), "")?;
    let request = AssumeRole {
        duration_seconds: match profile.integer("expired_seconds")? {
            Some(seconds) => duration_seconds(&profile.origin("expired_seconds"), seconds)?,
            None => None,
        },
        external_id: profile.text("external_id")?.as_ref().map(external_id).transpose()?,
        ..assume_role(&profile.required("ram_role_arn")?, session)?
    };
    Ok(Source::AssumeRole { from: Box::new(from), request, endpoint: endpoint(profile)? })
}

/// `sts_region`.
fn endpoint(profile: &Profile) -> Result<Option<Endpoint>, CredentialError> {
    let Some(region) = profile.text("sts_region")? else { return Ok(None) };
    let endpoint = Endpoint::from_region(Some(&region.value), false);
    endpoint.map(Some).map_err(|_| region.problem(ValueProblem::Region))
}

fn oidc(profile: &Profile) -> Result<Source, CredentialError> {
    profile.require_region()?;
    let session = session_name(Some(profile.required("ram_session_name")?), "")?;
    Ok(Source::Oidc(Oidc {
        role_arn: assume_role(&profile.required("ram_role_arn")?, session.clone())?.role_arn,
        provider_arn: profile.required("oidc_provider_arn")?.word()?.to_owned(),
        token_file: PathBuf::from(profile.required("oidc_token_file")?.value),
        session_name: session,
        endpoint: endpoint(profile)?,
    }))
}
