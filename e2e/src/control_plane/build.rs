//! Builds a pinned Go module's programs once and keeps them in the user's cache folder.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::go::Build;
use crate::kept::{self, Kept};

/// A folder of `e2e/control-plane` and what is built from it.
pub(crate) struct Module<'a> {
    /// The folder's name.
    pub(crate) folder: String,
    /// What it is called where it is kept.
    pub(crate) name: &'a str,
    /// The module whose version gives the result its name.
    pub(crate) module: &'a str,
    /// The main packages.
    pub(crate) packages: &'a [&'a str],
    /// The package whose `gitVersion`, `gitMajor`, `gitMinor` are set by the linker.
    pub(crate) version_variables: Option<&'a str>,
    /// How long a first build takes, for the message.
    pub(crate) expected: &'a str,
}

/// The folder that holds the module's programs, built when they are not there yet.
pub(crate) fn get(module: &Module<'_>) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("control-plane").join(&module.folder);
    let read = |name| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).map_err(Error::file("read", path))
    };
    let (go_mod, go_sum) = (read("go.mod")?, read("go.sum")?);
    let version = required_version(&go_mod, module.module)
        .ok_or_else(|| Error::NoVersion { file: folder.join("go.mod"), module: module.module.to_owned() })?;
    let linker_flags = linker_flags(module.version_variables, &version);
    let go = Build {
        what: "the control plane",
        instead: ", or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl",
        folder: &folder,
        module: &module.folder,
        packages: module.packages,
        linker_flags: &linker_flags,
    };
    let packages = module.packages.join(" ");
    let parts = [&go_mod, &go_sum, &go.version()?, &linker_flags, &packages];
    let kept = Kept {
        group: "control plane",
        name: &module.folder,
        title: &format!("{} {version}", module.name),
        folder: &format!("{}-{version}-{}", module.name, kept::key(parts.map(|part| part.as_bytes()))),
        expected: &format!("with go, {} on two cores", module.expected),
    };
    kept.get(|folder, log| go.build_into(folder, log))
}

/// The version in a go.mod's `require` line for `module`, e.g. `v1.37.2`.
fn required_version(go_mod: &str, module: &str) -> Option<String> {
    go_mod.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word == "require");
        let is_it = words.next() == Some(module);
        words.next().filter(|version| is_it && version.starts_with('v')).map(str::to_owned)
    })
}

fn linker_flags(variables: Option<&str>, version: &str) -> String {
    let strip = "-s -w".to_owned();
    let Some(package) = variables else { return strip };
    let mut numbers = version.trim_start_matches('v').split('.');
    let major = numbers.next().unwrap_or_default();
    let minor = numbers.next().unwrap_or_default();
    format!(
        "{strip} -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const GO_MOD: &str = "module x\n\nrequire k8s.io/kubernetes v1.37.2\n\nrequire (\n\tk8s.io/api v0.37.2 // indirect\n)\n\nreplace (\n\tk8s.io/api => k8s.io/api v0.37.2\n)\n";

    #[test]
    fn finds_the_version_that_a_go_mod_requires() {
        assert_eq!(required_version(GO_MOD, "k8s.io/kubernetes").unwrap(), "v1.37.2");
        assert_eq!(required_version(GO_MOD, "k8s.io/api").unwrap(), "v0.37.2");
        assert_eq!(required_version(GO_MOD, "k8s.io/apiserver"), None);
    }

    #[test]
    fn the_linker_gets_the_version_in_parts() {
        let flags = linker_flags(Some("p"), "v1.33.13");
        assert_eq!(flags, "-s -w -X p.gitVersion=v1.33.13 -X p.gitMajor=1 -X p.gitMinor=33");
        assert_eq!(linker_flags(None, "v3.7.3"), "-s -w");
    }
}
