//! The environment variables from which the official SDKs take a role by themselves.

use serde_json::{Value, json};

use super::mount::FILE;
use super::patch::Patch;
use super::pod::Container;
use super::settings::StsVariables;
use super::warnings::{Quoted, Warnings};
use super::{Level, Settings};

/// What SDKs look for before they look for a role (the credential chain in the documentation of each of them).
const ACCESS_KEY_ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";

const STS_ENDPOINT: &str = "ALIBABA_CLOUD_STS_ENDPOINT";

/// Name and value of each variable, in the order of the documentation's output.
pub(super) struct Variables {
    all: Vec<(&'static str, String)>,
    /// Who asks to have those of the container replaced, if anybody does.
    override_by: Option<Level>,
}

impl Variables {
    pub(super) fn new(
        settings: &Settings,
        role_arn: &str,
        sts: Option<(StsVariables, &str)>,
        override_by: Option<Level>,
    ) -> Variables {
        let mut all = vec![
            ("ALIBABA_CLOUD_ROLE_ARN", role_arn.to_owned()),
            ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", settings.provider_arn.clone()),
            ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", format!("{}/{FILE}", settings.mount_path)),
        ];
        if let Some((which, region)) = sts {
            all.push((STS_ENDPOINT, format!("sts-vpc.{region}.aliyuncs.com")));
            if which == StsVariables::All {
                all.push(("ALIBABA_CLOUD_STS_REGION", region.to_owned()));
                all.push(("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "true".to_owned()));
            }
        }
        Variables { all, override_by }
    }

    /// Adds those that a container does not have. One that it has stays, whatever its value, unless it is to be replaced:
    /// then the one that counts gets the value here, and where it says that already nothing happens.
    pub(super) fn add_to(&self, container: &Container<'_>, env: &str, patch: &mut Patch) {
        if self.override_by.is_some() {
            for (index, name, value) in self.differing(container) {
                patch.replace(env, index, variable(name, value));
            }
        }
        let missing = self.all.iter().filter(|(name, _)| container.variable(name).is_none());
        patch.append(env, container.env.is_some(), missing.map(|(name, value)| variable(name, value)));
    }

    /// Those that a container has with another value, or with one that cannot be known here (`valueFrom`): place, name, and
    /// the value here.
    fn differing<'v>(
        &'v self,
        container: &'v Container<'_>,
    ) -> impl Iterator<Item = (usize, &'static str, &'v str)> {
        self.all.iter().filter_map(|(name, value)| {
            let (index, own) = container.place_of(name)?;
            (own.literal() != Some(value)).then_some((index, *name, value.as_str()))
        })
    }

    /// Tells of what a container has of its own that stands against the role, and of what is replaced. Its values are not
    /// repeated: they may be secrets. What a `valueFrom` will give cannot be known; neither can what an `envFrom` does.
    pub(super) fn warn(&self, container: &Container<'_>, warnings: &mut Warnings) {
        let quoted = Quoted(&container.name);
        for (_, name, _) in self.differing(container) {
            let is_known = container.variable(name).is_some_and(|own| own.literal().is_some());
            match self.override_by {
                Some(level) => warnings.push(format_args!(
                    "the own {name} of container {quoted} is replaced, as override-env of {level} says",
                )),
                None if is_known => warnings.push(format_args!(
                    "container {quoted} keeps its own {name}, which is another one than it would get",
                )),
                None => {}
            }
        }
        // SDKs take an empty one for none: some write it so that nothing comes in from an `envFrom`.
        if container.variable(ACCESS_KEY_ID).is_some_and(|own| own.literal() != Some("")) {
            warnings.push(format_args!(
                "container {quoted} has {ACCESS_KEY_ID}, which SDKs read before its RAM role: remove it to use the role",
            ));
        }
    }
}

fn variable(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}
