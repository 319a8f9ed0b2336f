//! The environment variables from which the official SDKs take a role by themselves.

use serde_json::{Value, json};

use super::mount::FILE;
use super::pod::Container;
use super::warnings::{Quoted, Warnings};
use super::{Settings, StsVariables};

/// What SDKs look for before they look for a role (the credential chain in the documentation of each of them).
const ACCESS_KEY_ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";

/// Name and value of each variable, in the order of the documentation's output.
pub(super) struct Variables(Vec<(&'static str, String)>);

impl Variables {
    pub(super) fn new(settings: &Settings, role_arn: &str) -> Variables {
        let mut variables = vec![
            ("ALIBABA_CLOUD_ROLE_ARN", role_arn.to_owned()),
            ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", settings.provider_arn.clone()),
            ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", format!("{}/{FILE}", settings.mount_path)),
        ];
        if let Some(StsVariables { region }) = &settings.sts {
            variables.push(("ALIBABA_CLOUD_STS_ENDPOINT", format!("sts-vpc.{region}.aliyuncs.com")));
            variables.push(("ALIBABA_CLOUD_STS_REGION", region.clone()));
            variables.push(("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "true".to_owned()));
        }
        Variables(variables)
    }

    /// Those that a container does not have, whatever their value there.
    pub(super) fn missing(&self, container: &Container<'_>) -> Vec<Value> {
        let missing = self.0.iter().filter(|(name, _)| container.variable(name).is_none());
        missing.map(|(name, value)| json!({ "name": name, "value": value })).collect()
    }

    /// Tells of what a container has of its own that stands against the role. Its values are not repeated: they may be
    /// secrets. What a `valueFrom` will give cannot be known; neither can what an `envFrom` does.
    pub(super) fn warn(&self, container: &Container<'_>, warnings: &mut Warnings) {
        for (name, value) in &self.0 {
            let own = container.variable(name).and_then(|own| own.literal());
            if own.is_some_and(|own| own != value) {
                warnings.push(format_args!(
                    "container {} keeps its own {name}, which is another one than it would get",
                    Quoted(&container.name),
                ));
            }
        }
        // SDKs take an empty one for none: some write it so that nothing comes in from an `envFrom`.
        if container.variable(ACCESS_KEY_ID).is_some_and(|own| own.literal() != Some("")) {
            warnings.push(format_args!(
                "container {} has {ACCESS_KEY_ID}, which SDKs read before its RAM role: remove it to use the role",
                Quoted(&container.name),
            ));
        }
    }
}
