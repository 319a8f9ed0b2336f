//! The Python interpreter that has the official SDKs, for the tests of every crate.

use std::process::Command;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The interpreter of an environment with the packages of `requirements.txt`, made the first time.
pub(crate) fn python() -> String {
    let output = Command::new(format!("{REPOSITORY}/scripts/python-env"))
        .arg(format!("{REPOSITORY}/crates/emulator/tests/python/requirements.txt"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the Python SDKs are needed for this test: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
