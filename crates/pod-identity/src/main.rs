//! `ack-pod-identity-webhook`: see the library of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: a TLS library that finds two providers in the build and none installed panics.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return ExitCode::FAILURE;
    }
    pod_identity::cli::main(std::env::args_os())
}
