//! Names of the mapping backends, as `--backend-mode` and `server.backendMode` have them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::Warning;

/// A place where mappings are kept. Names are case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BackendMode {
    /// `MountedFile`: `server.mapRoles`, `server.mapUsers`, `server.mapAccounts` of the config file.
    MountedFile,
    /// `DynamicFile`: a JSON file that is read again when it changes.
    DynamicFile,
    /// `ACKConfigMap`: ConfigMap `kube-system/alibabacloud-auth`.
    AckConfigMap,
    /// `CRD`: `RAMIdentityMapping` resources.
    Crd,
}

/// Why a list of backends cannot be used. Each message is one line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BackendModeError {
    /// No backend at all.
    #[error("no backend is named: name at least one of MountedFile, DynamicFile, ACKConfigMap, CRD")]
    Empty,
    /// A name that does not exist.
    #[error("unknown backend {0:?}: use MountedFile, DynamicFile, ACKConfigMap or CRD, spelt exactly so")]
    Unknown(String),
    /// A backend twice, under its own name or an alias.
    #[error("backend {0} is named twice: name each once, in the order in which they are to be asked")]
    Repeated(BackendMode),
}

impl BackendMode {
    /// The backend's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MountedFile => "MountedFile",
            Self::DynamicFile => "DynamicFile",
            Self::AckConfigMap => "ACKConfigMap",
            Self::Crd => "CRD",
        }
    }

    /// Whether the backend is kept in the cluster, so that it needs the API server.
    pub fn needs_api_server(self) -> bool {
        matches!(self, Self::AckConfigMap | Self::Crd)
    }

    /// Reads an ordered list of names. The aliases `File` and `ConfigMap` are taken with a warning.
    ///
    /// # Errors
    /// [`BackendModeError`] where the list is empty, or has a name that is unknown or repeated.
    pub fn parse_list<S: AsRef<str>>(names: &[S]) -> Result<(Vec<Self>, Vec<Warning>), BackendModeError> {
        let (mut modes, mut warnings) = (Vec::new(), Vec::new());
        for name in names {
            let name = name.as_ref();
            let mode: Self = name.parse()?;
            if name != mode.as_str() {
                warnings.push(Warning(format!("{name} is a deprecated name of {mode}: write {mode}")));
            }
            if modes.contains(&mode) {
                return Err(BackendModeError::Repeated(mode));
            }
            modes.push(mode);
        }
        if modes.is_empty() { Err(BackendModeError::Empty) } else { Ok((modes, warnings)) }
    }
}

impl fmt::Display for BackendMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BackendMode {
    type Err = BackendModeError;

    fn from_str(name: &str) -> Result<Self, BackendModeError> {
        match name {
            "MountedFile" | "File" => Ok(Self::MountedFile),
            "DynamicFile" => Ok(Self::DynamicFile),
            "ACKConfigMap" | "ConfigMap" => Ok(Self::AckConfigMap),
            "CRD" => Ok(Self::Crd),
            _ => Err(BackendModeError::Unknown(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keeps_the_order_and_takes_the_deprecated_names() {
        let (modes, warnings) =
            BackendMode::parse_list(&["CRD", "File", "ConfigMap", "DynamicFile"]).unwrap();
        assert_eq!(
            modes,
            [BackendMode::Crd, BackendMode::MountedFile, BackendMode::AckConfigMap, BackendMode::DynamicFile]
        );
        assert_eq!(
            warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "File is a deprecated name of MountedFile: write MountedFile",
                "ConfigMap is a deprecated name of ACKConfigMap: write ACKConfigMap"
            ]
        );
    }

    #[test]
    fn refuses_empty_unknown_and_repeated_backends() {
        assert_eq!(BackendMode::parse_list::<&str>(&[]), Err(BackendModeError::Empty));
        for name in ["", "crd", "EKSConfigMap", "mountedfile", " CRD"] {
            assert_eq!(BackendMode::parse_list(&[name]), Err(BackendModeError::Unknown(name.into())));
        }
        for names in [["CRD", "CRD"], ["MountedFile", "File"]] {
            assert!(matches!(BackendMode::parse_list(&names), Err(BackendModeError::Repeated(_))));
        }
    }
}
