//! The SDK for Go.

use std::path::PathBuf;

use super::{folder, read};
use crate::error::Result;
use crate::go::Build;
use crate::kept::{self, Kept};

/// What decides how the programs come out, beside Go itself.
const SOURCES: [&str; 4] = ["go.mod", "go.sum", "identity/main.go", "clusters/main.go"];

/// The folder that holds them.
pub(super) fn programs() -> Result<PathBuf> {
    let module = folder("go");
    let build = Build {
        what: "the programs with the SDK for Go",
        instead: "",
        folder: &module,
        module: "sdk/go",
        packages: &["./identity", "./clusters"],
        linker_flags: "-s -w",
    };
    let mut parts = SOURCES.iter().map(|name| read(&module.join(name))).collect::<Result<Vec<_>>>()?;
    parts.push(build.version()?.into_bytes());
    let kept = Kept {
        group: "sdk",
        name: "go",
        title: "the programs with the SDK for Go",
        folder: &format!("go-{}", kept::key(parts.iter().map(Vec::as_slice))),
        expected: "with go, half a minute on two cores",
    };
    kept.get(|folder, log| build.build_into(folder, log))
}
