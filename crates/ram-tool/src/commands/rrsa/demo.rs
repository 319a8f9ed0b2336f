//! `rrsa demo`: what a pod with a role can do.

use std::time::Duration;

use clap::Args;
use openapi::Endpoint;
use openapi::credentials::metadata_region;
use openapi::cs;
use openapi::network::{ProxyRules, Trust};

use crate::Done;
use crate::credentials;
use crate::error::{Error, TrustError};
use crate::flags::parse_bool;
use crate::log::Log;
use crate::network::{self, options};
use crate::settings::Settings;
use crate::visible::visible;
use crate::world::World;

const PAUSE: Duration = Duration::from_secs(30);

// `rrsa demo`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct DemoFlags {
    /// Once, not every 30 seconds
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_parser = parse_bool, value_name = "BOOL")]
    no_loop: bool,
    /// The region whose clusters are listed [env: ALIBABA_CLOUD_STS_REGION] [default: the one that the ECS metadata service names]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
}

pub(super) fn run(
    flags: &DemoFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    loop {
        match list(flags, settings, world, log) {
            Ok(text) if flags.no_loop => return Ok(text.into()),
            Err(error) if flags.no_loop => return Err(error),
            Ok(text) => crate::write_stdout(&text)?,
            Err(error) => crate::log::write_error(&error.to_string(), world),
        }
        (world.sleep)(PAUSE);
    }
}

/// The public tool's lines.
fn list(flags: &DemoFlags, settings: &Settings, world: &World<'_>, log: &Log<'_>) -> Result<String, Error> {
    let place = Place::find(flags, settings, world)?;
    let credentials = credentials::get(settings, world, log)?;
    log.debug(|| format!("Container Service endpoint: {}", place.endpoint));
    let client = cs::Client::with_network(
        &options(place.endpoint),
        &Trust::from_environment(world.variable),
        &ProxyRules::from_environment(world.variable)?,
    )?;
    let listing = client.clusters_of_region(&place.region, &credentials, (world.now)());
    let clusters = network::run("asking Container Service", world, listing)??;
    let mut text = "clusters:\n".to_owned();
    for cluster in clusters {
        let (id, name) = (visible(&cluster.cluster_id), visible(&cluster.name));
        text.push_str(&format!("cluster id: {id}, cluster name: {name}\n"));
    }
    Ok(text)
}

/// Which region's clusters are listed, and where is asked.
#[derive(Debug)]
struct Place {
    region: String,
    endpoint: Endpoint,
}

impl Place {
    /// The region of a flag is asked for at the region's endpoint. Where the metadata service, or the variable that pods are
    /// given together with that of VPC endpoints, says the region, this is inside a VPC, which may have no way out.
    fn find(flags: &DemoFlags, settings: &Settings, world: &World<'_>) -> Result<Self, Error> {
        let flag = flags.region.clone().filter(|region| !region.is_empty());
        let variable = || world.set("ALIBABA_CLOUD_STS_REGION");
        let (region, in_vpc) = match flag.or_else(|| settings.region_id.clone()) {
            Some(region) => (region, false),
            None => match variable() {
                Some(region) => {
                    let vpc = world.set("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED");
                    (region, vpc.is_some_and(|vpc| vpc.eq_ignore_ascii_case("true")))
                }
                None => {
                    let context = network::context(settings, world)?;
                    let asking = metadata_region(&context);
                    let region = network::run("asking the ECS metadata service", world, asking)?
                        .map_err(|source| TrustError::Region { source: Box::new(source) })?;
                    (region, true)
                }
            },
        };
        let endpoint = match (&settings.given_cs_endpoint, in_vpc) {
            (Some(_), _) => settings.cs_endpoint()?,
            (None, in_vpc) => {
                let of_region = match in_vpc {
                    true => cs::vpc_endpoint(&region),
                    false => cs::SERVICE.in_region(Some(&region)),
                };
                of_region.map_err(|source| Error::Endpoint { origin: "--region".to_owned(), source })?
            }
        };
        Ok(Self { region, endpoint })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::flags::GlobalFlags;

    #[test]
    fn who_says_the_region_decides_where_is_asked() {
        let find =
            |flag: Option<&str>, id: Option<&str>, endpoint: Option<&str>, variables: &[(&str, &str)]| {
                let variable = |name: &str| {
                    variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
                };
                let world = World { variable: &variable, ..World::of_this_process("ack-ram-tool") };
                let global = GlobalFlags {
                    region_id: id.map(str::to_owned),
                    cs_endpoint: endpoint.map(str::to_owned),
                    ..GlobalFlags::default()
                };
                let flags = DemoFlags { no_loop: true, region: flag.map(str::to_owned) };
                let place = Place::find(&flags, &Settings::resolve(&global, &world).unwrap(), &world)
                    .map_err(|error| error.to_string())?;
                Ok::<_, String>((place.region, place.endpoint.to_string()))
            };
        let is = |region: &str, endpoint: &str| Ok((region.to_owned(), endpoint.to_owned()));
        let region = ("ALIBABA_CLOUD_STS_REGION", "cn-beijing");
        let vpc = ("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "true");
        assert_eq!(
            find(Some("cn-hangzhou"), Some("x"), None, &[region, vpc]),
            is("cn-hangzhou", "cs.cn-hangzhou.aliyuncs.com")
        );
        assert_eq!(
            find(None, Some("cn-shanghai"), None, &[region, vpc]),
            is("cn-shanghai", "cs.cn-shanghai.aliyuncs.com")
        );
        assert_eq!(find(None, None, None, &[region]), is("cn-beijing", "cs.cn-beijing.aliyuncs.com"));
        assert_eq!(
            find(None, None, None, &[region, vpc]),
            is("cn-beijing", "cs-anony-vpc.cn-beijing.aliyuncs.com")
        );
        assert_eq!(find(None, None, Some("127.0.0.1:1"), &[region, vpc]), is("cn-beijing", "127.0.0.1:1"));
        for bad in ["a/b", "a.b", "a@b"] {
            let error = find(Some(bad), None, None, &[]).unwrap_err();
            assert!(error.starts_with("--region: "), "{error}");
        }
        // Nobody listens there.
        let error =
            find(None, None, None, &[("ALIBABA_CLOUD_IMDS_ENDPOINT", "http://127.0.0.1:1")]).unwrap_err();
        assert!(error.contains("give --region") && error.contains("127.0.0.1:1"), "{error}");
    }

    #[test]
    fn an_error_is_told_and_the_next_time_comes() {
        use std::cell::Cell;
        use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

        let variable = |name: &str| match name {
            "ALIBABA_CLOUD_ACCESS_KEY_ID" => Some("LTAIalice".to_owned()),
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET" => Some("canary-alice".to_owned()),
            // Nobody listens there.
            "ACK_RAM_TOOL_CS_ENDPOINT" => Some("127.0.0.1:1".to_owned()),
            _ => None,
        };
        let pauses = Cell::new(0);
        let sleep = |pause: Duration| {
            assert_eq!(pause, Duration::from_secs(30));
            pauses.set(pauses.get() + 1);
            if pauses.get() == 3 {
                resume_unwind(Box::new("enough"));
            }
        };
        let world = World { variable: &variable, sleep: &sleep, ..World::of_this_process("ack-ram-tool") };
        let settings = Settings::resolve(&GlobalFlags::default(), &world).unwrap();
        let log = Log::start(settings.level, &world);
        let flags = |no_loop| DemoFlags { no_loop, region: Some("cn-hangzhou".to_owned()) };
        let ended = catch_unwind(AssertUnwindSafe(|| run(&flags(false), &settings, &world, &log)));
        assert!(ended.is_err() && pauses.get() == 3);
        let error = run(&flags(true), &settings, &world, &log).unwrap_err().to_string();
        assert!(error.contains("Container Service at 127.0.0.1:1"), "{error}");
        assert_eq!(pauses.get(), 3);
    }
}
