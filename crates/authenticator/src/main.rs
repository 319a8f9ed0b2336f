//! `ack-ram-authenticator`: see the library of this crate.

use std::process::ExitCode;

/// The libraries' own allocators wait for one another where one thread frees what another took, as tasks do; musl's most.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // First of all: a TLS library that finds two providers in the build and none installed panics.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return ExitCode::FAILURE;
    }
    authenticator::cli::main(std::env::args_os())
}
