//! Where etcd, kube-apiserver and kubectl come from: `$KUBEBUILDER_ASSETS` where that is set, else
//! built once through Go modules and kept.

use std::path::{Path, PathBuf};

use super::build::{self, Module};
use crate::error::{Error, Result};

/// The version that is tested unless `KUBE` names another.
const DEFAULT_VERSION: &str = "1.37";
/// Those that there are module folders for, newest first; the last is the oldest we promise.
const VERSIONS: [&str; 2] = ["1.37", "1.33"];
/// What `$KUBEBUILDER_ASSETS` must hold.
const PROGRAMS: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];

/// The programs of a control plane.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The etcd server.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// kubectl, of the API server's version.
    pub kubectl: PathBuf,
    /// What only some scenarios need is built when they ask for it.
    version: Version,
}

/// Which Kubernetes to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// What the environment variable `KUBE` asks for, e.g. `1.33`; 1.37 where it is not set.
    ///
    /// # Errors
    /// There is no such version; the message lists those that there are.
    pub fn from_environment() -> Result<Self> {
        Self::named(&std::env::var("KUBE").unwrap_or_default())
    }

    /// A version by its name, `MAJOR.MINOR`; the default one for an empty name.
    ///
    /// # Errors
    /// There is no such version; the message lists those that there are.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "" => Ok(Self(DEFAULT_VERSION.to_owned())),
            name if VERSIONS.contains(&name) => Ok(Self(name.to_owned())),
            name => Err(Error::UnknownVersion { asked: name.to_owned(), known: VERSIONS.join(", ") }),
        }
    }
}

impl Parts {
    /// Finds the programs, or builds them, and says on stderr which and how long it takes.
    ///
    /// # Errors
    /// `$KUBEBUILDER_ASSETS` lacks a program; or there is no Go toolchain, or the build fails.
    pub fn get(version: &Version) -> Result<Self> {
        match std::env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty()) {
            Some(folder) => Self::from_assets(Path::new(&folder), version),
            None => Self::from_modules(version),
        }
    }

    fn from_assets(folder: &Path, version: &Version) -> Result<Self> {
        let is_missing = |program: &&str| !folder.join(program).is_file();
        let missing: Vec<&str> = PROGRAMS.into_iter().filter(is_missing).collect();
        if !missing.is_empty() {
            let folder = folder.to_owned();
            return Err(Error::AssetsIncomplete { folder, missing: missing.join(", ") });
        }
        eprintln!("control plane: from KUBEBUILDER_ASSETS={}", folder.display());
        Ok(Self {
            etcd: folder.join("etcd"),
            kube_apiserver: folder.join("kube-apiserver"),
            kubectl: folder.join("kubectl"),
            version: version.clone(),
        })
    }

    fn from_modules(version: &Version) -> Result<Self> {
        let kubernetes = build::get(&Module {
            folder: format!("kube-{}", version.0),
            name: "kubernetes",
            module: "k8s.io/kubernetes",
            packages: &["k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes/cmd/kubectl"],
            version_variables: Some("k8s.io/component-base/version"),
            expected: "about four minutes",
        })?;
        let etcd = build::get(&Module {
            folder: "etcd".to_owned(),
            name: "etcd",
            module: "go.etcd.io/etcd/server/v3",
            packages: &["go.etcd.io/etcd/server/v3"],
            version_variables: None,
            expected: "about half a minute",
        })?;
        Ok(Self {
            // Go names a program after its module's last part that is no version.
            etcd: etcd.join("server"),
            kube_apiserver: kubernetes.join("kube-apiserver"),
            kubectl: kubernetes.join("kubectl"),
            version: version.clone(),
        })
    }

    /// kube-controller-manager, beside the API server where that is one of `$KUBEBUILDER_ASSETS` which has it, else
    /// built once, as the others are.
    ///
    /// # Errors
    /// There is no Go toolchain, or the build fails.
    pub fn controller_manager(&self) -> Result<PathBuf> {
        const NAME: &str = "kube-controller-manager";
        let beside = self.kube_apiserver.with_file_name(NAME);
        if beside.is_file() {
            return Ok(beside);
        }
        let built = build::get(&Module {
            folder: format!("kube-{}", self.version.0),
            name: NAME,
            module: "k8s.io/kubernetes",
            packages: &["k8s.io/kubernetes/cmd/kube-controller-manager"],
            version_variables: Some("k8s.io/component-base/version"),
            expected: "a minute or two",
        })?;
        Ok(built.join(NAME))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn takes_the_newest_version_where_none_is_asked_for() {
        assert_eq!(Version::named("").unwrap(), Version("1.37".to_owned()));
        assert_eq!(Version::named("1.33").unwrap(), Version("1.33".to_owned()));
    }

    #[test]
    fn an_unknown_version_is_refused_with_a_list_of_the_known_ones() {
        let error = Version::named("1.2").unwrap_err().to_string();
        assert_eq!(error, "KUBE=1.2 is not a version that the tests know: take one of 1.37, 1.33");
    }

    #[test]
    fn assets_without_a_program_are_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("etcd"), "").unwrap();
        let error = Parts::from_assets(folder.path(), &Version::named("").unwrap()).unwrap_err().to_string();
        assert!(error.contains("has no kube-apiserver, kubectl"), "{error}");
    }
}
