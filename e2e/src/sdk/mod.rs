//! Programs on top of the official SDKs for Go and Java (`e2e/sdk`), built once and kept, for containers of a
//! [`RunningPod`](crate::namespace::RunningPod). The SDKs are pinned and unmodified.

mod go;
mod java;

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::namespace::Image;
use crate::rig::Rig;

/// A program that is there.
#[derive(Debug, Clone)]
pub struct Program {
    /// The command of its container.
    pub command: Vec<String>,
    /// What its image brings: trust in the rig's emulator.
    pub image: Image,
}

/// A program in Go: `identity`, which asks STS who it is, or `clusters`, which lists the account's clusters as the demo
/// application of RRSA's documentation does.
///
/// # Errors
/// There is no Go, or the build fails.
pub fn go(rig: &Rig, program: &str) -> Result<Program> {
    Ok(Program {
        command: vec![text(&go::programs()?.join(program))],
        image: Image::new().variable("SSL_CERT_FILE", rig.cloud().ca_file()),
    })
}

/// The program in Java that asks STS who it is.
///
/// # Errors
/// There is no JDK or no Maven (the message says what to install), or the build fails.
pub fn java(rig: &Rig) -> Result<Program> {
    let (java, program) = (java::runtime()?, java::program()?);
    let path = format!("{}:{}", text(&program.join("classes")), text(&program.join("jars").join("*")));
    Ok(Program {
        command: vec![text(&java), "-cp".to_owned(), path, "Identity".to_owned()],
        image: Image::new().variable("JAVA_TOOL_OPTIONS", java::options(rig, &program)?),
    })
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A folder of `e2e/sdk`.
fn folder(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk").join(language)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(Error::file("read", file))
}
