//! Writes the CustomResourceDefinition, or checks that the committed file is the one that would be written.
//!
//! `generate-crds FILE` writes; `generate-crds --check FILE` exits with 1 where the file differs.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--check", file] => check(Path::new(file)),
        [file] if !file.starts_with('-') => write(Path::new(file)),
        _ => Err("usage: generate-crds [--check] FILE".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nothing is left to tell where stderr is closed.
            let _ = writeln!(std::io::stderr(), "generate-crds: {message}");
            ExitCode::FAILURE
        }
    }
}

fn write(file: &Path) -> Result<(), String> {
    let yaml = resource::crd_yaml()?;
    std::fs::write(file, yaml).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

fn check(file: &Path) -> Result<(), String> {
    let committed =
        std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    if committed == resource::crd_yaml()? {
        return Ok(());
    }
    Err(format!("{} is not what the Rust type generates: run `make generate` and commit it", file.display()))
}
