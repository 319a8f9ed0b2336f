//! The global flags, completed from their variables.

use openapi::Endpoint;
use openapi::api::Service;
use openapi::credentials::Setting;

use crate::cluster_id::ClusterId;
use crate::error::Error;
use crate::flags::{CredentialType, GlobalFlags, parse_bool};
use crate::log::Level;
use crate::world::World;

/// What holds for every command. A flag beats its variable.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) assume_yes: bool,
    pub(crate) region_id: Option<String>,
    pub(crate) sts_endpoint: Endpoint,
    /// Whether a flag or a variable named the endpoint of STS or its region.
    pub(crate) sts_is_chosen: bool,
    /// Whether the flag itself named the endpoint of STS: what a person has typed he knows.
    pub(crate) sts_is_typed: bool,
    /// What a flag or variable says, for kubeconfigs. What counts is [`Settings::cs_endpoint`].
    pub(crate) given_cs_endpoint: Option<Setting>,
    given_ram_endpoint: Option<Setting>,
    /// As written: it may begin with `~/`.
    pub(crate) profile_file: Option<Setting>,
    pub(crate) profile_name: Option<Setting>,
    /// The flag or variable that says so.
    pub(crate) ignore_env_credentials: Option<&'static str>,
    /// The flag or variable that says so.
    pub(crate) ignore_aliyun_cli_credentials: Option<&'static str>,
    pub(crate) credential_type: CredentialType,
    pub(crate) level: Level,
    pub(crate) cluster_id: Option<ClusterId>,
    pub(crate) role_arn: Option<String>,
}

impl Settings {
    pub(crate) fn resolve(flags: &GlobalFlags, world: &World<'_>) -> Result<Self, Error> {
        let given = |flag: &Option<String>, name: &str, variables: &[&str]| {
            text(flag.as_deref(), name, variables, world)
        };
        let region = given(&flags.region_id, "--region-id", &["ACK_RAM_TOOL_REGION_ID"]);
        let sts = given(
            &flags.sts_endpoint,
            "--sts-endpoint",
            &["ACK_RAM_TOOL_STS_ENDPOINT", "ALIBABA_CLOUD_STS_ENDPOINT"],
        );
        let verbose = switch(flags.verbose, "--verbose", "ACK_RAM_TOOL_VERBOSE", world).is_some();
        Ok(Self {
            assume_yes: switch(flags.assume_yes, "--assume-yes", "ACK_RAM_TOOL_ASSUME_YES", world).is_some(),
            sts_is_chosen: sts.is_some() || region.is_some(),
            sts_is_typed: flags.sts_endpoint.as_deref().is_some_and(|endpoint| !endpoint.is_empty()),
            sts_endpoint: sts_endpoint(sts.as_ref(), region.as_ref())?,
            given_cs_endpoint: given(
                &flags.cs_endpoint,
                "--cs-endpoint",
                &["ACK_RAM_TOOL_CS_ENDPOINT", "CS_ENDPOINT"],
            ),
            given_ram_endpoint: given(
                &flags.ram_endpoint,
                "--ram-endpoint",
                &["ACK_RAM_TOOL_RAM_ENDPOINT", "RAM_ENDPOINT"],
            ),
            region_id: region.map(|region| region.value),
            profile_file: given(&flags.profile_file, "--profile-file", &["ACK_RAM_TOOL_PROFILE_FILE"]),
            // The second name is a slip of the public tool that scripts rely on.
            profile_name: given(
                &flags.profile_name,
                "--profile-name",
                &["ACK_RAM_TOOL_PROFILE_NAME", "ACK_RAM_TOOL_PROFIL_ENAME"],
            ),
            ignore_env_credentials: switch(
                flags.ignore_env_credentials,
                "--ignore-env-credentials",
                "ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS",
                world,
            ),
            ignore_aliyun_cli_credentials: switch(
                flags.ignore_aliyun_cli_credentials,
                "--ignore-aliyun-cli-credentials",
                "ACK_RAM_TOOL_IGNORE_ALIYUN_CLI_CREDENTIALS",
                world,
            ),
            credential_type: credential_type(flags.credential_type, world)?,
            level: level(flags, verbose, world),
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

    /// Container Service: the flag's or variable's, the region's, `cs.aliyuncs.com`.
    pub(crate) fn cs_endpoint(&self) -> Result<Endpoint, Error> {
        self.endpoint_of(&openapi::cs::SERVICE, self.given_cs_endpoint.as_ref())
    }

    /// RAM: the flag's or variable's, `ram.aliyuncs.com`.
    pub(crate) fn ram_endpoint(&self) -> Result<Endpoint, Error> {
        self.endpoint_of(&openapi::ram::SERVICE, self.given_ram_endpoint.as_ref())
    }

    /// IMS: `given` by its flag, else the variable's, else `ims.aliyuncs.com`.
    pub(crate) fn ims_endpoint(&self, given: Option<&str>, world: &World<'_>) -> Result<Endpoint, Error> {
        let service = &openapi::ims::SERVICE;
        let given = text(given, service.endpoint_flag, &["ACK_RAM_TOOL_IMS_ENDPOINT"], world);
        self.endpoint_of(service, given.as_ref())
    }

    fn endpoint_of(&self, service: &Service, given: Option<&Setting>) -> Result<Endpoint, Error> {
        match given {
            Some(setting) => endpoint(&setting.value, &setting.origin),
            None => service
                .in_region(self.region_id.as_deref())
                .map_err(|source| Error::Endpoint { origin: service.endpoint_flag.to_owned(), source }),
        }
    }
}

fn endpoint(text: &str, origin: &str) -> Result<Endpoint, Error> {
    text.parse().map_err(|source| Error::Endpoint { origin: origin.to_owned(), source })
}

/// What a flag or variable says, the region's endpoint, `sts.aliyuncs.com`.
fn sts_endpoint(given: Option<&Setting>, region: Option<&Setting>) -> Result<Endpoint, Error> {
    // The region is checked too where an endpoint is given: it goes into kubeconfigs.
    let of_region =
        Endpoint::from_region(region.map(|region| region.value.as_str()), false).map_err(|source| {
            let origin = region.map(|region| region.origin.clone()).unwrap_or_default();
            Error::Endpoint { origin, source }
        })?;
    match given {
        Some(setting) => endpoint(&setting.value, &setting.origin),
        None => Ok(of_region),
    }
}

/// What switches something on: a flag, or its variable where the flag is not given.
fn switch(
    flag: Option<bool>,
    flag_name: &'static str,
    variable: &'static str,
    world: &World<'_>,
) -> Option<&'static str> {
    match flag {
        Some(on) => on.then_some(flag_name),
        None => world.set(variable).filter(|value| parse_bool(value) == Ok(true)).map(|_| variable),
    }
}

/// An unknown type is an error in the variable too: a person who asks for the metadata service alone must not get the
/// keys of somebody else's file.
fn credential_type(flag: Option<CredentialType>, world: &World<'_>) -> Result<CredentialType, Error> {
    const VARIABLE: &str = "ACK_RAM_TOOL_CREDENTIAL_TYPE";
    match (flag, world.set(VARIABLE)) {
        (Some(given), _) => Ok(given),
        (None, None) => Ok(CredentialType::Auto),
        (None, Some(value)) => {
            CredentialType::parse(&value).map_err(|detail| Error::Variable { variable: VARIABLE, detail })
        }
    }
}

/// A variable that holds no level counts as not set: messages are not worth a login.
fn level(flags: &GlobalFlags, verbose: bool, world: &World<'_>) -> Level {
    if verbose || debug_asked(world) {
        return Level::Debug;
    }
    let variable = || world.set("ACK_RAM_TOOL_LOG_LEVEL").and_then(|name| Level::parse(&name).ok());
    flags.log_level.or_else(variable).unwrap_or(Level::Info)
}

/// The flag's value or the first variable that is not empty, with its name.
fn text(flag: Option<&str>, flag_name: &str, variables: &[&str], world: &World<'_>) -> Option<Setting> {
    let setting = |origin: &str, value: String| Setting { origin: origin.to_owned(), value };
    let given = flag.filter(|value| !value.is_empty()).map(|value| setting(flag_name, value.to_owned()));
    given.or_else(|| variables.iter().find_map(|name| Some(setting(name, world.set(name)?))))
}

/// `DEBUG` with one of its three words in a comma list.
fn debug_asked(world: &World<'_>) -> bool {
    let value = world.set("DEBUG").unwrap_or_default();
    value.split(',').any(|word| matches!(word.trim(), "sdk" | "tea" | "ack-ram-tool"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ims_is_where_the_flag_says_or_the_variable_or_at_its_own_name() {
        let asked = |flag: Option<&str>, variable: Option<&str>, region: Option<&str>| {
            let variable =
                |name: &str| (name == "ACK_RAM_TOOL_IMS_ENDPOINT").then(|| variable.map(str::to_owned))?;
            let world = World { variable: &variable, ..World::of_this_process("ack-ram-tool") };
            let flags = GlobalFlags { region_id: region.map(str::to_owned), ..GlobalFlags::default() };
            let settings = Settings::resolve(&flags, &world).unwrap();
            settings
                .ims_endpoint(flag, &world)
                .map(|endpoint| endpoint.to_string())
                .map_err(|e| e.to_string())
        };
        let central = Ok("ims.aliyuncs.com".to_owned());
        assert_eq!(asked(None, None, None), central);
        assert_eq!(asked(Some(""), Some(""), Some("cn-hongkong")), central);
        assert_eq!(asked(None, Some("127.0.0.1:1"), None), Ok("127.0.0.1:1".to_owned()));
        assert_eq!(asked(Some("127.0.0.1:2"), Some("127.0.0.1:1"), None), Ok("127.0.0.1:2".to_owned()));
        let error = asked(Some("http://x"), None, None).unwrap_err();
        assert!(error.contains("--ims-endpoint") && error.contains("only https"), "{error}");
        let error = asked(None, Some("http://x"), None).unwrap_err();
        assert!(error.contains("ACK_RAM_TOOL_IMS_ENDPOINT"), "{error}");
    }
}
