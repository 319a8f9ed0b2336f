//! Scripts that call the emulator with the official Python SDKs.
//!
//! Needs `python3` with venv, and a package index the first time; `scripts/python-env` says what is missing.

#[path = "../python/interpreter.rs"]
mod interpreter;

use emulator::Emulator;
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");

/// Runs a script of `tests/python` with the emulator's address and these arguments: the JSON that it prints.
pub(crate) async fn run(script: &str, emulator: &Emulator, arguments: &[&str]) -> Value {
    let python = tokio::task::spawn_blocking(interpreter::python).await.unwrap();
    let mut command = tokio::process::Command::new(python);
    command.arg(format!("{FOLDER}/{script}")).arg(emulator.address().to_string()).args(arguments);
    // The variable that OpenSSL reads: the SDKs trust what is in it.
    command.env("SSL_CERT_FILE", emulator.ca_file()).kill_on_drop(true);
    for (name, _) in std::env::vars() {
        let upper = name.to_ascii_uppercase();
        if upper.ends_with("_PROXY") || upper.starts_with("ALIBABA_CLOUD_") {
            command.env_remove(name);
        }
    }
    let output = command.output().await.unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}"))
}
