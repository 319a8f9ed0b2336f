//! Starting other programs.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openapi::credentials::{Program, ProgramOutput};
use openapi::network::holds_certificates_alone;

use crate::visible::visible;

/// kubectl sets it for the programs that kubeconfigs name.
const KUBERNETES_EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";
/// Shells and interpreters run what these say, or what they name.
const CODE: [&str; 22] = [
    "BASHOPTS",
    "BASH_ENV",
    "BROWSER",
    "CLASSPATH",
    "DOTNET_STARTUP_HOOKS",
    "ENV",
    "GIT_ASKPASS",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LESSCLOSE",
    "LESSOPEN",
    "LUA_INIT",
    "OPENSSL_CONF",
    "PHPRC",
    "PS4",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "ZDOTDIR",
    "_JAVA_OPTIONS",
];
/// The same for all names that begin so; the first are functions of bash.
const CODE_PREFIXES: [&str; 5] = ["BASH_FUNC_", "NODE_", "PERL", "PYTHON", "RUBY"];
/// They name certificate authorities.
const AUTHORITIES: [&str; 6] = [
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// What a program says on stderr is held back for so long. One that goes on after that may be waiting for the person.
const HOLD: Duration = Duration::from_secs(1);
/// How long the stderr of a program that has ended is waited for: something that it started may hold it open.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Of what a program says on stderr, so many bytes are kept.
const MAX_WORDS: usize = 16 * 1024;

/// What a program left whose stderr was kept too.
#[derive(Clone, PartialEq, Eq)]
pub struct ProgramAnswer {
    /// Its exit status; none where a signal ended it.
    pub code: Option<i32>,
    /// What it printed: it may hold secrets.
    pub stdout: Vec<u8>,
    /// What it said on stderr, cut.
    pub stderr: Vec<u8>,
}

/// Runs a program to its end, which may take as long as a person needs. Its stdin is the terminal, where this process has
/// one, so that it can ask also where kubectl keeps stdin for itself; its stderr is this program's. It does not see
/// `KUBERNETES_EXEC_INFO`: kubectl did not start it. Where kubectl started this one, it does not see either what would let
/// a stranger's kubeconfig put code or a certificate authority into it.
///
/// # Errors
/// What starting it gives; [`io::ErrorKind::FileTooLarge`] where it prints more than its limit (it is ended then).
pub(crate) fn run_program(program: &Program) -> io::Result<ProgramOutput> {
    let mut child = command(program).stderr(Stdio::inherit()).spawn()?;
    let stdout = read_stdout(&mut child, program.max_output_bytes);
    let code = child.wait()?.code();
    Ok(ProgramOutput { code, stdout: stdout? })
}

/// [`run_program`] for one whose words go into an error. What it says while a person may be asked something, after a
/// second, is shown at once too.
///
/// # Errors
/// As [`run_program`].
pub(crate) fn ask_program(program: &Program) -> io::Result<ProgramAnswer> {
    let mut child = command(program).stderr(Stdio::piped()).spawn()?;
    let words = child.stderr.take().map(Words::listen);
    let stdout = read_stdout(&mut child, program.max_output_bytes);
    let code = child.wait()?.code();
    let stderr = words.map(Words::end).unwrap_or_default();
    Ok(ProgramAnswer { code, stdout: stdout?, stderr })
}

fn command(program: &Program) -> Command {
    let stdin = terminal().map_or_else(Stdio::null, Stdio::from);
    let mut command = Command::new(&program.name);
    if std::env::var_os(KUBERNETES_EXEC_INFO).is_some() {
        std::env::vars_os().filter(|(name, value)| is_code(name, value)).for_each(|(name, _)| {
            command.env_remove(name);
        });
    }
    command.args(&program.arguments).env_remove(KUBERNETES_EXEC_INFO).stdin(stdin).stdout(Stdio::piped());
    command
}

/// All that the program prints; one that prints more than the limit is ended.
fn read_stdout(child: &mut Child, limit: usize) -> io::Result<Vec<u8>> {
    let mut stdout = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = match child.stdout.take() {
        Some(pipe) => pipe.take(one_more).read_to_end(&mut stdout),
        None => Ok(0),
    };
    if read.is_err() || stdout.len() > limit {
        let _ = child.kill();
    }
    read?;
    match stdout.len() > limit {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(stdout),
    }
}

/// The stderr of a program that runs.
struct Words {
    held: Arc<Mutex<Held>>,
    /// Dropped by the thread that reads, at the end.
    over: mpsc::Receiver<()>,
    /// Dropped when the program has ended: nothing needs to be shown any more.
    _running: mpsc::Sender<()>,
}

#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    /// Whether what comes is shown at once.
    is_shown: bool,
}

impl Words {
    fn listen(mut pipe: impl Read + Send + 'static) -> Self {
        let held: Arc<Mutex<Held>> = Arc::default();
        let (at_end, over) = mpsc::channel::<()>();
        let (running, ended) = mpsc::channel::<()>();
        let reads = Arc::clone(&held);
        std::thread::spawn(move || {
            let _at_end = at_end;
            let mut chunk = [0; 1024];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                let came = chunk.get(..length).unwrap_or_default();
                let mut held = reads.lock().unwrap_or_else(PoisonError::into_inner);
                if held.is_shown {
                    show(came);
                }
                let room = MAX_WORDS.saturating_sub(held.bytes.len());
                held.bytes.extend(came.iter().take(room));
            }
        });
        let waits = Arc::clone(&held);
        std::thread::spawn(move || {
            if ended.recv_timeout(HOLD) == Err(mpsc::RecvTimeoutError::Timeout) {
                let mut held = waits.lock().unwrap_or_else(PoisonError::into_inner);
                held.is_shown = true;
                show(&held.bytes);
            }
        });
        Self { held, over, _running: running }
    }

    fn end(self) -> Vec<u8> {
        let _ = self.over.recv_timeout(LAST_WORDS);
        std::mem::take(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner).bytes)
    }
}

fn show(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<String> = text.split('\n').map(visible).collect();
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(lines.join("\n").as_bytes());
    let _ = stderr.flush();
}

/// Whether a kubeconfig's variable would bring code or a certificate authority of its own into a program.
fn is_code(name: &OsStr, value: &OsStr) -> bool {
    let name = name.to_string_lossy();
    if AUTHORITIES.contains(&name.as_ref()) {
        return !std::env::split_paths(value).all(|path| holds_certificates_alone(&path));
    }
    CODE.contains(&name.as_ref()) || CODE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(unix)]
fn terminal() -> Option<File> {
    File::options().read(true).write(true).open("/dev/tty").ok()
}

#[cfg(not(unix))]
fn terminal() -> Option<File> {
    File::options().read(true).write(true).open("CONIN$").ok()
}

/// This process's variables, as the system has them.
pub(crate) fn variables() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os()
}

/// Runs a command in this process's place, with these variables and no others. Where the system can, this process becomes
/// it, and this function does not return; elsewhere it gives the command's exit code.
///
/// # Errors
/// What starting it gives.
#[cfg(unix)]
pub(crate) fn become_program(
    program: &OsString,
    arguments: &[OsString],
    variables: &[(OsString, OsString)],
) -> io::Result<u8> {
    use std::os::unix::process::CommandExt;
    Err(Command::new(program).args(arguments).env_clear().envs(variables.iter().cloned()).exec())
}

#[cfg(not(unix))]
pub(crate) fn become_program(
    program: &OsString,
    arguments: &[OsString],
    variables: &[(OsString, OsString)],
) -> io::Result<u8> {
    let status =
        Command::new(program).args(arguments).env_clear().envs(variables.iter().cloned()).status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, max_output_bytes: usize) -> io::Result<ProgramOutput> {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        run_program(&Program { name: "/bin/sh".to_owned(), arguments, max_output_bytes })
    }

    #[test]
    fn gives_what_it_printed_and_how_it_ended() {
        let finished = shell("printf out; exit 3", 100).unwrap();
        assert_eq!((finished.stdout, finished.code), (b"out".to_vec(), Some(3)));
        assert_eq!(shell("kill -9 $$", 100).unwrap().code, None);
        let missing =
            Program { name: "/nowhere/program".to_owned(), arguments: Vec::new(), max_output_bytes: 1 };
        assert_eq!(run_program(&missing).err().unwrap().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_it_says_on_stderr_is_kept_within_limits() {
        let ask = |script: &str| {
            let arguments = vec!["-c".to_owned(), script.to_owned()];
            ask_program(&Program { name: "/bin/sh".to_owned(), arguments, max_output_bytes: 100 }).unwrap()
        };
        let answer = ask("printf out; printf 'no\\nno' >&2; exit 3");
        assert_eq!(
            (answer.stdout, answer.stderr, answer.code),
            (b"out".to_vec(), b"no\nno".to_vec(), Some(3))
        );
        let long = ask("head -c 100000 /dev/zero >&2");
        assert_eq!((long.stderr.len(), long.code), (MAX_WORDS, Some(0)));
        // Nobody waits for what the program left behind.
        let left = ask("sleep 30 >/dev/null & printf said >&2");
        assert_eq!(left.stderr, b"said");
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // how long this test waited
    fn what_prints_without_end_is_ended() {
        let error = shell("yes", 1000).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        // Nobody waits for one that goes on without printing.
        let started = std::time::Instant::now();
        assert!(shell("echo too much; exec sleep 600", 3).is_err());
        assert!(started.elapsed() < std::time::Duration::from_secs(300));
        assert_eq!(shell("printf 1234", 4).unwrap().stdout, b"1234");
    }
}
