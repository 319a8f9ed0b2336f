//! The terminal itself: what stdin and stdout are redirected to does not matter.

use std::io::{self, IsTerminal, Read, Write};

use super::Reply;

const MAX_REPLY_BYTES: usize = 1024;
const INTERRUPT: u8 = 3;
const END: u8 = 4;
const BACKSPACES: [u8; 2] = [8, 127];

/// Whether what is drawn on stderr is seen by a person. One that calls itself `dumb` cannot clear a line.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

/// Shows a text on the terminal and reads a line from it.
pub(crate) fn ask(question: &str) -> Reply {
    match open() {
        Ok((mut input, mut output)) => ask_at(question, &mut input, &mut output).unwrap_or(Reply::NoTerminal),
        Err(_) => Reply::NoTerminal,
    }
}

/// Reads byte by byte: Ctrl-C is a reply too, and no end of the program, whose exit status then is that of a "no".
fn ask_at(question: &str, input: &mut impl Input, output: &mut impl Write) -> io::Result<Reply> {
    // What was typed before the question is no answer to it: this throws it away.
    let _raw = input.raw()?;
    output.write_all(question.as_bytes())?;
    output.flush()?;
    let mut line = Vec::new();
    let reply = loop {
        let mut byte = [0];
        if input.read(&mut byte)? == 0 {
            break Reply::Cancelled;
        }
        match byte {
            [b'\r' | b'\n'] => break Reply::Line(String::from_utf8_lossy(&line).into_owned()),
            [INTERRUPT | END] => break Reply::Cancelled,
            [byte] if BACKSPACES.contains(&byte) => {
                if line.pop().is_some() {
                    output.write_all(b"\x08 \x08")?;
                }
            }
            [byte] if byte.is_ascii_control() => {}
            [byte] if line.len() < MAX_REPLY_BYTES => {
                line.push(byte);
                output.write_all(&[byte])?;
            }
            [_] => {}
        }
        output.flush()?;
    };
    output.write_all(b"\r\n")?;
    output.flush()?;
    Ok(reply)
}

/// Where a person types.
trait Input: Read {
    /// While the value lives, each key comes at once and as it is.
    fn raw(&self) -> io::Result<Box<dyn std::any::Any>>;
}

#[cfg(unix)]
mod system {
    use super::*;

    use std::fs::File;

    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

    pub(super) fn open() -> io::Result<(File, File)> {
        let terminal = File::options().read(true).write(true).open("/dev/tty")?;
        Ok((terminal.try_clone()?, terminal))
    }

    impl Input for File {
        fn raw(&self) -> io::Result<Box<dyn std::any::Any>> {
            let terminal = self.try_clone()?;
            let before = tcgetattr(&terminal)?;
            let mut modes = before.clone();
            modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
            modes.special_codes[SpecialCodeIndex::VMIN] = 1;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(&terminal, OptionalActions::Flush, &modes)?;
            Ok(Box::new(Raw { terminal, before }))
        }
    }

    struct Raw {
        terminal: File,
        before: Termios,
    }

    impl Drop for Raw {
        fn drop(&mut self) {
            let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &self.before);
        }
    }
}

/// On Windows the console edits the line itself, and Ctrl-C ends the program.
#[cfg(not(unix))]
mod system {
    use super::*;

    use std::fs::File;

    pub(super) fn open() -> io::Result<(File, File)> {
        let input = File::options().read(true).write(true).open("CONIN$")?;
        Ok((input, File::options().read(true).write(true).open("CONOUT$")?))
    }

    impl Input for File {
        fn raw(&self) -> io::Result<Box<dyn std::any::Any>> {
            Ok(Box::new(()))
        }
    }
}

use system::open;

#[cfg(test)]
mod tests {
    use super::*;

    struct Keys<'a>(&'a [u8]);

    impl Read for Keys<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Input for Keys<'_> {
        fn raw(&self) -> io::Result<Box<dyn std::any::Any>> {
            Ok(Box::new(()))
        }
    }

    #[test]
    fn keys_become_a_reply() {
        let line = |text: &str| Reply::Line(text.to_owned());
        for (keys, expected) in [
            (&b"y\r"[..], line("y")),
            (b"yes\n", line("yes")),
            (b"\n", line("")),
            (b"nx\x7f\x08\x08y\n", line("y")),
            (b"\x1by\n", line("y")),
            (b"y\x03", Reply::Cancelled),
            (b"\x04", Reply::Cancelled),
            (b"y", Reply::Cancelled),
            (format!("{}\n", "y".repeat(5000)).as_bytes(), line(&"y".repeat(MAX_REPLY_BYTES))),
        ] {
            let mut shown = Vec::new();
            assert_eq!(ask_at("? ", &mut Keys(keys), &mut shown).unwrap(), expected, "{keys:?}");
            assert!(shown.starts_with(b"? ") && shown.ends_with(b"\r\n"), "{shown:?}");
        }
    }

    /// What the test below runs on a terminal of its own, with stdin, stdout and stderr elsewhere.
    #[test]
    #[ignore = "asks a person"]
    fn asks_the_person_at_the_terminal() {
        #[cfg(unix)]
        let modes = || {
            let terminal = std::fs::File::open("/dev/tty").unwrap();
            rustix::termios::tcgetattr(terminal).unwrap().local_modes
        };
        #[cfg(unix)]
        let before = modes();
        let reply = ask("Go on? ");
        #[cfg(unix)]
        assert_eq!(modes(), before, "the terminal is left as it was");
        std::fs::write(std::env::var("REPLY_FILE").unwrap(), format!("{reply:?}")).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_terminal_is_asked_whatever_stdin_and_stdout_are() {
        // Starts a program with a new terminal, waits for the question, types, and shows what was on the terminal.
        const TYPIST: &str = r#"
import os, pty, select, sys
keys, program = sys.argv[1].encode().decode("unicode_escape").encode(), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.dup2(0, 9)  # the terminal stays open until the program ends
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.execv(program[0], program)
shown = b""
while select.select([terminal], [], [], 60)[0]:
    try:
        more = os.read(terminal, 1024)
    except OSError:
        more = b""
    if not more:
        break
    if b"Go on? " not in shown and b"Go on? " in shown + more:
        os.write(terminal, keys)
    shown += more
os.close(terminal)  # who still reads there gets an error, and ends
os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
"#;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("reply");
        for (keys, expected) in
            [("yes\\r", r#"Line("yes")"#), ("n\\x7f\\r", r#"Line("")"#), ("y\\x03", "Cancelled")]
        {
            let output = std::process::Command::new("python3")
                .args(["-c", TYPIST, keys])
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", "platform::tty::tests::asks_the_person_at_the_terminal", "--ignored"])
                .env("REPLY_FILE", &file)
                .output()
                .expect("Python 3 is needed for this test: install python3");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(std::fs::read_to_string(&file).unwrap(), expected, "{keys}");
            std::fs::remove_file(&file).unwrap();
            let shown = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(shown.starts_with("Go on? "), "{shown:?}");
        }
    }
}
