//! What is shown while something takes long: on a terminal only, and gone when it is over.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
#![cfg(unix)]

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use emulator::Fault;
use support::{Sts, run, token_of};

const SLOW: [&str; 6] = [
    "credential-plugin",
    "get-token",
    "--cluster-id",
    "c1",
    "--role-arn",
    "acs:ram::1234567890123456:role/dev",
];

/// Runs a program with stderr on a terminal of its own and stdout in a file; prints what the terminal showed.
const STDERR_IS_A_TERMINAL: &str = r#"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), 1)
    os.execv(sys.argv[2], sys.argv[2:])
shown = b""
while True:
    try:
        more = os.read(terminal, 1024)
    except OSError:
        more = b""
    if not more:
        break
    shown += more
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

#[test]
fn what_takes_longer_than_a_second_is_shown_on_a_terminal_and_nowhere_else() {
    let sts = Sts::start();
    sts.emulator.fail("AssumeRole", Fault::Delay(Duration::from_millis(2500)));
    let folder = tempfile::tempdir().unwrap();
    let stdout = folder.path().join("stdout");
    let shown = |term: &str| {
        let output = Command::new("python3")
            .args(["-c", STDERR_IS_A_TERMINAL])
            .arg(&stdout)
            .arg(env!("CARGO_BIN_EXE_ack-ram-tool"))
            .args(SLOW)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs(sts.variables(&[("TERM", term)]))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .expect("python3 is missing: install Python 3");
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{shown}");
        assert!(!token_of(&std::fs::read_to_string(&stdout).unwrap()).is_empty());
        shown
    };
    let on_a_terminal = shown("xterm");
    assert!(on_a_terminal.contains("| ") && on_a_terminal.contains("/ "), "{on_a_terminal:?}");
    // The line is empty again at the end.
    assert!(on_a_terminal.ends_with("\r\u{1b}[K"), "{on_a_terminal:?}");
    // One that knows no such commands would show them as text.
    assert_eq!(shown("dumb"), "");
    assert_eq!(run(&SLOW, &sts.variables(&[("TERM", "xterm")])).stderr, "");
}
