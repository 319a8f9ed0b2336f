//! The SDK for Java.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{folder, read};
use crate::error::{Error, Result};
use crate::kept::{self, Kept};
use crate::rig::Rig;
use crate::{guard, process};

/// What decides how it comes out.
const SOURCES: [&str; 3] = ["pom.xml", "jars.sha256", "src/Identity.java"];
/// A trust store has a password; it is no secret.
const PASSWORD: &str = "changeit";
const KEYTOOL: Duration = Duration::from_secs(60);
/// What to install where a program is missing.
const JDK: &str = "a JDK of version 11 or later (Debian: apt-get install default-jdk-headless)";
const MAVEN: &str = "Maven 3 (Debian: apt-get install maven)";

/// The virtual machine.
pub(super) fn runtime() -> Result<PathBuf> {
    needed("java", JDK)
}

/// What every Java program of the image is started with.
pub(super) fn options(rig: &Rig, program: &Path) -> Result<String> {
    Ok(format!(
        "-Djavax.net.ssl.trustStore=\"{}\" -Djavax.net.ssl.trustStorePassword={PASSWORD} -Duser.home=\"{}\" \
         -XX:TieredStopAtLevel=1",
        trust_store(rig)?.display(),
        // Java finds a home by the user's id, and there the SDK looks for profiles: not in that of whoever runs this.
        program.display(),
    ))
}

/// The folder with `jars` and `classes`.
pub(super) fn program() -> Result<PathBuf> {
    let source = folder("java");
    let parts = SOURCES.iter().map(|name| read(&source.join(name))).collect::<Result<Vec<_>>>()?;
    let kept = Kept {
        group: "sdk",
        name: "java",
        title: "the program with the SDK for Java",
        folder: &format!("java-{}", kept::key(parts.iter().map(Vec::as_slice))),
        expected: "with mvn and javac, some twenty seconds on two cores",
    };
    kept.get(|folder, log| build(&source, folder, log))
}

fn build(source: &Path, folder: &Path, log: &Path) -> Result<()> {
    let (mvn, javac) = (needed("mvn", MAVEN)?, needed("javac", JDK)?);
    let (jars, classes) = (folder.join("jars"), folder.join("classes"));
    let mut to = OsString::from("-DoutputDirectory=");
    to.push(&jars);
    let mut command = guard::guarded(&mvn);
    command.args(["--batch-mode", "--no-transfer-progress", "-Dstyle.color=never"]);
    command.arg("--file").arg(source.join("pom.xml"));
    command.args(["dependency:copy-dependencies", "-DincludeScope=runtime"]).arg(to);
    step("mvn", command, log)?;
    check(&jars, &String::from_utf8_lossy(&read(&source.join("jars.sha256"))?))?;
    let mut command = guard::guarded(&javac);
    command.args(["--release", "8", "-Xlint:-options", "-d"]).arg(classes);
    command.arg("-cp").arg(jars.join("*")).arg(source.join("src/Identity.java"));
    step("javac", command, log)
}

fn step(tool: &'static str, command: Command, log: &Path) -> Result<()> {
    let status = kept::run(command, log)?;
    let status = status.map_err(|source| Error::Start { program: tool.to_owned(), source })?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Build { module: "sdk/java".to_owned(), tool, status: status.to_string(), log: log.to_owned() })
}

/// Whether the jars are those of the list, `<SHA-256>  <name>` a line: all of them, no others, to the byte.
fn check(folder: &Path, list: &str) -> Result<()> {
    let wrong =
        |reason: String| Error::Answer { what: "checking the jars of the SDK for Java".to_owned(), reason };
    let mut listed: BTreeMap<&str, &str> = list
        .lines()
        .map(|line| line.split_once("  ").map(|(hash, name)| (name, hash)))
        .collect::<Option<_>>()
        .ok_or_else(|| wrong("a line of jars.sha256 is not as sha256sum writes it".to_owned()))?;
    for entry in std::fs::read_dir(folder).map_err(Error::file("read", folder))? {
        let entry = entry.map_err(Error::file("read", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let hash = kept::hex(&Sha256::digest(read(&entry.path())?));
        match listed.remove(name.as_str()) {
            None => return Err(wrong(format!("{name} is not in jars.sha256"))),
            Some(expected) if expected != hash => {
                return Err(wrong(format!("{name} has the SHA-256 {hash}, jars.sha256 says {expected}")));
            }
            Some(_) => {}
        }
    }
    listed.keys().next().map_or(Ok(()), |name| Err(wrong(format!("{name} of jars.sha256 did not come"))))
}

/// A trust store with the authority of the rig's emulator and no other; made once for a rig.
fn trust_store(rig: &Rig) -> Result<PathBuf> {
    let store = rig.run().scratch().join("emulator-trust.p12");
    if store.is_file() {
        return Ok(store);
    }
    let mut command = process::isolated(&needed("keytool", JDK)?);
    command.args([
        "-importcert",
        "-noprompt",
        "-alias",
        "emulator",
        "-storetype",
        "PKCS12",
        "-storepass",
        PASSWORD,
    ]);
    command.arg("-file").arg(rig.cloud().ca_file()).arg("-keystore").arg(&store);
    process::run(command, KEYTOOL)?.success()?;
    Ok(store)
}

fn needed(program: &str, package: &str) -> Result<PathBuf> {
    process::in_path(program).ok_or_else(|| Error::Answer {
        what: "preparing the program with the SDK for Java".to_owned(),
        reason: format!("{program} is missing: install {package}"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_program_that_is_missing_is_told_with_its_package() {
        let error = needed("no-such-program", JDK).unwrap_err().to_string();
        assert!(error.contains("no-such-program is missing: install a JDK"), "{error}");
    }

    #[test]
    fn jars_are_those_of_the_list_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let check = |list: &str| check(folder.path(), list).map_err(|error| error.to_string());
        std::fs::write(folder.path().join("a.jar"), "").unwrap();
        let whole = format!("{EMPTY}  a.jar\n");
        assert_eq!(check(&whole), Ok(()));
        assert!(check("").unwrap_err().contains("a.jar is not in jars.sha256"));
        assert!(check(&whole.replace("e3b0", "0000")).unwrap_err().contains("jars.sha256 says 0000c4"));
        assert!(
            check(&format!("{whole}{EMPTY}  b.jar\n"))
                .unwrap_err()
                .contains("b.jar of jars.sha256 did not come")
        );
        assert!(check("nothing").unwrap_err().contains("not as sha256sum"));
    }
}
