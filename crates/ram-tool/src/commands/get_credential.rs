//! `credential-plugin get-credential`: a client certificate from ACK.

use clap::Args;
use signature::format_timestamp;

use super::get_kubeconfig::DEFAULT_CACHE_DIR;
use crate::cache::{self, Cache, Key};
use crate::certificate::ClientCertificate;
use crate::cluster_id::ClusterId;
use crate::credentials::Origin;
use crate::error::Error;
use crate::flags::ApiVersion;
use crate::kubeconfig::{Expiration, ack};
use crate::log::Log;
use crate::settings::Settings;
use crate::world::World;
use crate::{container_service, credentials, exec_credential, paths};

// `get-credential`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct CredentialFlags {
    /// Version of the ExecCredential; what KUBERNETES_EXEC_INFO asks for wins
    #[arg(long, value_enum, default_value_t = ApiVersion::V1beta1, value_name = "VERSION")]
    api_version: ApiVersion,
    /// How long certificates are good for, 15m to 72h; 0 leaves it to ACK
    #[arg(long, default_value = Expiration::DEFAULT, value_name = "DURATION")]
    expiration: Expiration,
    /// Folder where certificates are kept until they end
    #[arg(long, default_value = DEFAULT_CACHE_DIR, value_name = "DIR")]
    credential_cache_dir: String,
}

/// An ExecCredential with a certificate: the one in the cache while enough of it remains, else a new one.
pub(crate) fn run(
    flags: &CredentialFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<String, Error> {
    let version = exec_credential::wanted_version(flags.api_version, world)?;
    let login = Login {
        id: settings.cluster_id()?,
        expiration: flags.expiration,
        origin: credentials::find(settings, world, log)?,
        settings,
        world,
        log,
    };
    let certificate = match paths::expand(&flags.credential_cache_dir, world) {
        Some(folder) if !folder.as_os_str().is_empty() => {
            login.through(&Cache::new(&folder, login.key(version)?))?
        }
        _ => {
            log.warn("certificates are not kept: --credential-cache-dir names no folder, or HOME is not set");
            login.ask()?
        }
    };
    exec_credential::of_certificate(version, &certificate)
}

/// Who logs in, and where.
struct Login<'a> {
    id: &'a ClusterId,
    expiration: Expiration,
    origin: Origin,
    settings: &'a Settings,
    world: &'a World<'a>,
    log: &'a Log<'a>,
}

impl Login<'_> {
    /// Everything that could make another certificate of it. No network is needed to know it, and no secret is in it.
    fn key(&self, version: ApiVersion) -> Result<Key, Error> {
        let role = self.origin.role.as_ref();
        let parts = [
            self.origin.source.identity_key().as_str(),
            role.map_or("", |role| &role.role_arn),
            role.map_or("", |role| role.session_name.as_str()),
            self.settings.region_id.as_deref().unwrap_or_default(),
            &self.settings.sts_endpoint.authority(),
            &self.settings.cs_endpoint()?.authority(),
            &self.expiration.to_string(),
        ]
        .map(str::to_owned);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Ok(Key::new(self.id, version, &parts))
    }

    fn through(&self, cache: &Cache) -> Result<ClientCertificate, Error> {
        if let Some(certificate) = self.good(cache, self.kept(cache)) {
            return Ok(certificate);
        }
        // Who comes second waits here, and finds what the first one got. Where that takes too long, or there can be no
        // lock, this one goes on without.
        let lock = cache.lock();
        let kept = self.kept(cache);
        if let Some(certificate) = self.good(cache, kept.clone()) {
            return Ok(certificate);
        }
        let new = match (self.ask(), kept) {
            (Ok(new), _) => new,
            (Err(error), Some(kept)) => {
                cache.note_failure((self.world.now)());
                self.log.warn(&format!(
                    "the certificate could not be renewed, and is used until {}: {error}",
                    format_timestamp(kept.end())
                ));
                return Ok(kept);
            }
            (Err(error), None) => return Err(error),
        };
        match cache.write(&new) {
            Ok(()) => cache.sweep((self.world.now)()),
            Err(error) => self.log.warn(&format!(
                "the certificate is not kept, because nothing can be written to {} (--credential-cache-dir): {error}",
                cache.folder().display()
            )),
        }
        drop(lock);
        Ok(new)
    }

    /// A certificate that needs no renewal, or none now: it could not be had a moment ago.
    fn good(&self, cache: &Cache, kept: Option<ClientCertificate>) -> Option<ClientCertificate> {
        let now = (self.world.now)();
        let fresh = |end| cache::is_fresh(end, now, self.expiration.duration());
        kept.filter(|certificate| fresh(certificate.end()) || cache.failed_lately(now))
    }

    fn kept(&self, cache: &Cache) -> Option<ClientCertificate> {
        match cache.read((self.world.now)()) {
            Ok(certificate) => Some(certificate),
            Err(reason) => {
                self.log.debug(|| format!("no certificate is taken from the cache: {reason}"));
                None
            }
        }
    }

    /// A new certificate from Container Service.
    fn ask(&self) -> Result<ClientCertificate, Error> {
        let minutes = self.expiration.minutes();
        let (settings, world, log) = (self.settings, self.world, self.log);
        // The address in the answer is not used. As the public tool does, the one inside the VPC is asked for: every
        // cluster has it.
        let answer = container_service::user_kubeconfig_of(
            &self.origin,
            self.id,
            true,
            minutes,
            settings,
            world,
            log,
        )?;
        let bad = |detail: String| Error::AckKubeconfig { cluster: self.id.to_string(), detail };
        let kubeconfig = ack::read(answer.config.expose()).map_err(|error| bad(error.to_string()))?;
        let (certificate, key) =
            ack::client_certificate(&kubeconfig).map_err(|error| bad(error.to_string()))?;
        ClientCertificate::read(&certificate, &key, (world.now)())
            .map(|certificate| certificate.ending(answer.expiration))
            .map_err(|detail| Error::Certificate { cluster: self.id.to_string(), detail })
    }
}
