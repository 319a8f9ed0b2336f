//! `ack-ram-tool`: see the library of this crate.
//!
//! No crypto provider is installed here: whoever opens a TLS connection brings its own, and most calls open none.

use std::process::ExitCode;

fn main() -> ExitCode {
    let name = std::env::args_os().next().unwrap_or_default().to_string_lossy().into_owned();
    ram_tool::main(std::env::args_os(), &ram_tool::World::of_this_process(&name))
}
