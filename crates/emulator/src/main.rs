//! `ram-emulator`: a local Alibaba Cloud for development and tests.

use std::process::ExitCode;

/// The libraries' own allocators wait for one another where one thread frees what another took, as tasks do; musl's most.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Fails only when one is installed already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    emulator::cli::run(std::env::args_os())
}
