//! The global flags, completed from their variables.

use openapi::sts::Endpoint;

use crate::cli::{GlobalFlags, parse_bool};
use crate::cluster_id::ClusterId;
use crate::error::Error;
use crate::log::Level;
use crate::world::World;

/// What holds for every command. A flag beats its variable.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) region_id: Option<String>,
    pub(crate) sts_endpoint: Endpoint,
    pub(crate) ignore_env_credentials: bool,
    pub(crate) level: Level,
    pub(crate) cluster_id: Option<ClusterId>,
    pub(crate) role_arn: Option<String>,
}

impl Settings {
    pub(crate) fn resolve(flags: &GlobalFlags, world: &World<'_>) -> Result<Self, Error> {
        let region = text(flags.region_id.as_deref(), "--region-id", &["ACK_RAM_TOOL_REGION_ID"], world);
        let switch = |flag: Option<bool>, variable: &str| {
            flag.unwrap_or_else(|| world.set(variable).is_some_and(|value| parse_bool(&value) == Ok(true)))
        };
        let verbose = switch(flags.verbose, "ACK_RAM_TOOL_VERBOSE") || debug_asked(world);
        let level = text(flags.log_level.as_deref(), "--log-level", &["ACK_RAM_TOOL_LOG_LEVEL"], world);
        Ok(Self {
            sts_endpoint: sts_endpoint(flags, region.as_ref(), world)?,
            region_id: region.map(|(_, value)| value),
            ignore_env_credentials: switch(
                flags.ignore_env_credentials,
                "ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS",
            ),
            level: if verbose {
                Level::Debug
            } else {
                Level::named(level.map(|(_, value)| value).as_deref())
            },
            cluster_id: flags.cluster_id.clone(),
            role_arn: flags.role_arn.clone().filter(|arn| !arn.is_empty()),
        })
    }

    /// The cluster's id, or what to do about its absence.
    pub(crate) fn cluster_id(&self) -> Result<&ClusterId, Error> {
        self.cluster_id
            .as_ref()
            .ok_or(Error::MissingFlag { flag: "--cluster-id (-c)", what: "the cluster's id" })
    }
}

/// `--sts-endpoint`, its variables, the region's endpoint, `sts.aliyuncs.com`.
fn sts_endpoint(
    flags: &GlobalFlags,
    region: Option<&(String, String)>,
    world: &World<'_>,
) -> Result<Endpoint, Error> {
    let variables = ["ACK_RAM_TOOL_STS_ENDPOINT", "ALIBABA_CLOUD_STS_ENDPOINT"];
    // The region is checked too where an endpoint is given: it goes into kubeconfigs.
    let of_region =
        Endpoint::from_region(region.map(|(_, value)| value.as_str()), false).map_err(|source| {
            let origin = region.map(|(origin, _)| origin.clone()).unwrap_or_default();
            Error::Endpoint { origin, source }
        })?;
    match text(flags.sts_endpoint.as_deref(), "--sts-endpoint", &variables, world) {
        Some((origin, value)) => value.parse().map_err(|source| Error::Endpoint { origin, source }),
        None => Ok(of_region),
    }
}

/// The flag's value or the first variable that is not empty, each with its name.
fn text(
    flag: Option<&str>,
    flag_name: &str,
    variables: &[&str],
    world: &World<'_>,
) -> Option<(String, String)> {
    let given = flag.filter(|value| !value.is_empty()).map(|value| (flag_name.to_owned(), value.to_owned()));
    given.or_else(|| variables.iter().find_map(|name| Some(((*name).to_owned(), world.set(name)?))))
}

/// `DEBUG` with one of its three words in a comma list.
fn debug_asked(world: &World<'_>) -> bool {
    let value = world.set("DEBUG").unwrap_or_default();
    value.split(',').any(|word| matches!(word.trim(), "sdk" | "tea" | "ack-ram-tool"))
}
