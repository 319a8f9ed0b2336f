//! The program with a terminal, and without one whoever runs the tests. The program and its arguments come behind.

use std::process::Command;

use crate::support::{CANARY, Outcome};

/// Without a terminal.
pub(crate) fn none() -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", "import os, sys; os.setsid(); os.execv(sys.argv[1], sys.argv[1:])"]);
    command
}

/// On a terminal, where `typed` is typed at the question; what the terminal showed is its stdout.
pub(crate) fn typing(typed: &str) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL, typed]);
    command
}

/// Runs a program on a terminal of its own, and types a line at the question.
const TERMINAL: &str = r#"
import os, pty, signal, sys
signal.alarm(60)
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown, answered = b"", False
while True:
    try:
        more = os.read(terminal, 4096)
    except OSError:
        break
    if not more:
        break
    shown += more
    if not answered and b"(y/N)" in shown:
        answered = True
        os.write(terminal, sys.argv[1].encode() + b"\n")
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

/// What the program says and how it ends; no secret is in it.
pub(crate) fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().expect("python3 is missing: install it (it gives programs a terminal)");
    let outcome = Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!outcome.stderr.contains(CANARY) && !outcome.stdout.contains(CANARY), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    outcome
}
