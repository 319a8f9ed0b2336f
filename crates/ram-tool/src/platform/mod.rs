//! What this program is, and what it runs on: everything that one operating system does otherwise than another is here.

mod files;
mod lock;
mod private;
mod programs;
mod reply;
mod signals;
mod tty;

pub(crate) use files::{publish_file, replace_file, write_file};
pub(crate) use lock::lock;
pub(crate) use openapi::credentials::system::read_file;
pub(crate) use private::{is_owned_as, make_folder, make_group_folder, read_at_most, read_private_file};
pub use programs::ProgramAnswer;
pub(crate) use programs::{ask_program, become_program, run_program, variables};
pub use reply::Reply;
pub(crate) use signals::{at_interrupt, ended};
pub(crate) use tty::{ask, stderr_is_terminal};

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `ack-ram-tool/0.1.0 (linux/amd64)`, with Go's names of systems and processors, as the public tool has it.
pub(crate) fn user_agent() -> String {
    format!(
        "ack-ram-tool/{VERSION} ({}/{})",
        go_system(std::env::consts::OS),
        go_processor(std::env::consts::ARCH)
    )
}

fn go_system(name: &'static str) -> &'static str {
    match name {
        "macos" => "darwin",
        other => other,
    }
}

fn go_processor(name: &'static str) -> &'static str {
    match name {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}
