//! Writes a man page for each command of `ack-ram-tool` into a folder: `man-pages FOLDER`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: man-pages FOLDER");
        return ExitCode::FAILURE;
    };
    let folder = Path::new(&folder);
    let written =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(ram_tool::command(), folder));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write man pages to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}
