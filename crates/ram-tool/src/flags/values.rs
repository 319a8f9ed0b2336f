//! Values of flags.

use clap::ValueEnum;

/// Version of `client.authentication.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ApiVersion {
    V1,
    V1beta1,
}

impl ApiVersion {
    /// `client.authentication.k8s.io/v1`.
    pub(crate) fn group_version(self) -> &'static str {
        match self {
            Self::V1 => "client.authentication.k8s.io/v1",
            Self::V1beta1 => "client.authentication.k8s.io/v1beta1",
        }
    }

    /// As the flag spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1beta1 => "v1beta1",
        }
    }
}

/// Form of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenVersion {
    V1,
    V2,
}

/// Where credentials are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CredentialType {
    /// In the documented order.
    #[default]
    Auto,
    /// The ECS metadata service alone; the word as it was written, for kubeconfigs.
    Metadata(&'static str),
}

impl CredentialType {
    /// `auto`, `imds`, `ecs-role`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" | "auto" => Ok(Self::Auto),
            "imds" => Ok(Self::Metadata("imds")),
            "ecs-role" => Ok(Self::Metadata("ecs-role")),
            _ => Err("write auto, imds or ecs-role".to_owned()),
        }
    }
}

/// A boolean in the spellings of Go's `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}
