//! `ram-emulator`: a local Alibaba Cloud for development and tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Fails only when one is installed already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    emulator::cli::run(std::env::args_os())
}
