//! No process outlives the harness, however the harness ends.
//!
//! Each process is started by a guard: this very executable, run again with [`GUARD`] as its first
//! argument, in a process group of its own. The guard starts the program in that group and reads
//! its own stdin, a pipe whose other end only the harness holds. When the pipe closes (the harness
//! let go of it, returned, panicked, got Ctrl-C or SIGKILL: the kernel closes it in every case) the
//! guard kills the whole group: program, the program's children, itself.
//!
//! The line `term` on the pipe sends SIGTERM to the program instead.

use std::io::BufRead;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_current_process_group, kill_process};

/// First argument that makes the executable a guard: `__guard PROGRAM ARGS…`.
const GUARD: &str = "__guard";
/// First argument that makes the executable a janitor: `__janitor FOLDER`.
const JANITOR: &str = "__janitor";
/// The line that asks a guard to send SIGTERM to its program.
pub(crate) const TERMINATE: &[u8] = b"term\n";
/// What a shell answers for a program that cannot be started.
const CANNOT_START: u8 = 127;

/// To be called first in every `main` that uses the harness: `Some` when this process was started
/// as a guard or a janitor, has done that work and should end with the code.
#[must_use]
pub fn run_if_asked() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    let first = args.next()?;
    if first == GUARD {
        let program = args.next()?;
        let mut command = Command::new(program);
        command.args(args);
        Some(guard(command))
    } else if first == JANITOR {
        let folder = args.next()?;
        janitor(Path::new(&folder));
        Some(ExitCode::SUCCESS)
    } else {
        None
    }
}

/// A command that runs `program` under a guard. Arguments, environment, folder and output are added
/// as to any command; the program's stdin is empty.
pub(crate) fn guarded(program: &Path) -> Command {
    let mut command = myself();
    command.arg(GUARD).arg(program);
    command
}

/// A command that removes `folder` when its stdin closes.
pub(crate) fn removing(folder: &Path) -> Command {
    let mut command = myself();
    command.arg(JANITOR).arg(folder);
    command
}

fn myself() -> Command {
    // Not `current_exe`: the file may have been replaced by a later build while this one runs.
    let link = PathBuf::from("/proc/self/exe");
    let executable = if link.exists() { link } else { std::env::current_exe().unwrap_or_default() };
    let mut command = Command::new(executable);
    // A group of its own: Ctrl-C on the terminal reaches the harness alone.
    command.process_group(0).stdin(Stdio::piped());
    command
}

fn guard(mut command: Command) -> ExitCode {
    let mut child = match command.stdin(Stdio::null()).spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("cannot start {}: {error}", command.get_program().to_string_lossy());
            return ExitCode::from(CANNOT_START);
        }
    };
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    std::thread::spawn(move || obey(pid));
    match child.wait() {
        Ok(status) => {
            let code = status
                .code()
                .or_else(|| status.signal().map(|signal| signal.saturating_add(128)))
                .and_then(|code| u8::try_from(code).ok());
            code.map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(_) => ExitCode::FAILURE,
    }
}

fn obey(child: Option<Pid>) {
    for line in std::io::stdin().lock().lines() {
        match line {
            Ok(line) if line == "term" => {
                if let Some(child) = child {
                    let _ = kill_process(child, Signal::TERM);
                }
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    let _ = kill_current_process_group(Signal::KILL);
}

fn janitor(folder: &Path) {
    for _line in std::io::stdin().lock().lines() {}
    // The guards kill at the same moment: a program may still write for an instant.
    for _attempt in 0..50 {
        if std::fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
