//! What a scan and a cleanup have in common: who asks, whom RAM knows, which clusters are meant, and their bindings.

use openapi::Credentials;
use openapi::cs::{self, Cluster, UserKubeconfigRequest};
use openapi::network::{ProxyRules, Trust};
use openapi::{ram, sts};

use super::api_server::ApiServer;
use super::bindings::Binding;
use super::clusters::{ALL, reason_to_skip};
use super::directory::Directory;
use super::report::Skipped;
use crate::credentials;
use crate::error::Error;
use crate::error::RbacError;
use crate::log::Log;
use crate::network::{self, options};
use crate::settings::Settings;
use crate::world::World;

/// How long the certificate is good for that the bindings are read with: as short as a large cluster allows.
const CERTIFICATE_MINUTES: u32 = 60;

/// Who asks, and how.
pub(super) struct Session<'a> {
    world: &'a World<'a>,
    log: &'a Log<'a>,
    credentials: Credentials,
    proxies: ProxyRules,
    cs: cs::Client,
    ram: ram::Client,
    sts: sts::Client,
    private_address: bool,
}

/// Who asks, and whom RAM knows.
pub(super) struct People {
    /// RAM id of the caller: the account's, the user's, or the role's.
    pub(super) caller: String,
    pub(super) directory: Directory,
}

/// The clusters that `-c` means.
pub(super) struct Targets {
    /// Id, and name where it is known.
    pub(super) clusters: Vec<(String, String)>,
    pub(super) skipped: Vec<Skipped>,
    /// Whether `-c all` was given.
    pub(super) all: bool,
}

impl<'a> Session<'a> {
    pub(super) fn start(
        settings: &Settings,
        world: &'a World<'a>,
        log: &'a Log<'a>,
        private_address: bool,
    ) -> Result<Self, Error> {
        let (cs, ram) = (settings.cs_endpoint()?, settings.ram_endpoint()?);
        let credentials = credentials::get(settings, world, log)?;
        let trust = Trust::from_environment(world.variable);
        let proxies = ProxyRules::from_environment(world.variable)?;
        let clients = || -> Result<_, RbacError> {
            Ok((
                cs::Client::with_network(&options(cs), &trust, &proxies)?,
                ram::Client::with_network(&options(ram), &trust, &proxies)?,
                sts::Client::with_network(&options(settings.sts_endpoint.clone()), &trust, &proxies)?,
            ))
        };
        let (cs, ram, sts) = clients()?;
        Ok(Self { world, log, credentials, proxies, cs, ram, sts, private_address })
    }

    /// Who asks, and all users and roles of the account.
    pub(super) fn people(&self) -> Result<People, Error> {
        let now = || (self.world.now)();
        let asking = async {
            let (caller, _) = self.sts.get_caller_identity(&self.credentials, now()).await?;
            let users = self.ram.list_users(&self.credentials, now()).await?;
            let roles = self.ram.list_roles(&self.credentials, now()).await?;
            Ok::<_, RbacError>(People {
                caller: caller.user_id().to_owned(),
                directory: Directory::new(caller.account_id(), users, roles),
            })
        };
        let people = network::run("reading RAM users and roles", self.world, asking)??;
        self.log.debug(|| format!("caller: {}", people.caller));
        Ok(people)
    }

    /// The clusters that are meant; of all clusters, those that have no API server are passed over, and told.
    pub(super) fn targets(&self, cluster: &str) -> Result<Targets, Error> {
        if !cluster.eq_ignore_ascii_case(ALL) {
            let clusters = vec![(cluster.to_owned(), String::new())];
            return Ok(Targets { clusters, skipped: Vec::new(), all: false });
        }
        let listing =
            async { self.cs.clusters(&self.credentials, (self.world.now)()).await.map_err(RbacError::from) };
        let all = network::run("listing clusters", self.world, listing)??;
        let mut targets = Targets { clusters: Vec::new(), skipped: Vec::new(), all: true };
        for cluster in all {
            let Cluster { cluster_id, name, .. } = &cluster;
            match reason_to_skip(&cluster) {
                None => targets.clusters.push((cluster_id.clone(), name.clone())),
                Some(reason) => {
                    self.log.warn(&format!("cluster {cluster_id} ({name}) is skipped: {reason}"));
                    targets.skipped.push(Skipped {
                        cluster_id: cluster_id.clone(),
                        name: name.clone(),
                        reason,
                    });
                }
            }
        }
        if targets.clusters.is_empty() {
            self.log.warn(
                "Container Service names no cluster whose bindings could be read; is it the right account, and region (--region-id)?",
            );
        }
        Ok(targets)
    }

    /// The bindings of a cluster that name somebody of RAM.
    pub(super) fn bindings(&self, cluster: &str) -> Result<Vec<Binding>, Error> {
        let request = UserKubeconfigRequest {
            private_address: self.private_address,
            minutes: Some(CERTIFICATE_MINUTES),
        };
        let reading = async {
            let now = (self.world.now)();
            let kubeconfig = self.cs.user_kubeconfig(cluster, &request, &self.credentials, now).await?;
            ApiServer::new(cluster, &kubeconfig.config, &self.proxies)?.bindings().await
        };
        Ok(network::run(&format!("reading the bindings of cluster {cluster}"), self.world, reading)??)
    }

    /// When somebody was last seen in a cluster, in words; Container Service may not know.
    pub(super) fn last_activity(&self, cluster: &str, uid: &str) -> Result<String, Error> {
        let now = (self.world.now)();
        let asking = self.cs.user_activity(cluster, uid, &self.credentials, now);
        Ok(match network::run("asking for the last activity", self.world, asking)? {
            Ok(activity) if activity.last_activity.is_empty() => match activity.active {
                true => "active".to_owned(),
                false => "none".to_owned(),
            },
            Ok(activity) if activity.active => format!("{}, active", activity.last_activity),
            Ok(activity) => activity.last_activity,
            Err(error) => {
                self.log
                    .warn(&format!("the last activity of {uid} in cluster {cluster} is not known: {error}"));
                "not known".to_owned()
            }
        })
    }

    /// Takes bindings and certificate away.
    pub(super) fn clean(&self, cluster: &str, uid: &str) -> Result<(), Error> {
        let now = (self.world.now)();
        let cleaning = self.cs.clean_user_permissions(cluster, uid, &self.credentials, now);
        let what = format!("cleaning up cluster {cluster}");
        network::run(&what, self.world, cleaning)?.map_err(|error| {
            if error.is_passing() && error.may_have_arrived() {
                self.log.warn(&format!(
                    "cluster {cluster}: the permissions of {uid} may have been taken away nevertheless; scan again to see"
                ));
            }
            RbacError::from(error).into()
        })
    }
}
