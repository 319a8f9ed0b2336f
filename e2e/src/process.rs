//! Processes that run beside the tests, and commands that run to their end.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::guard;
use crate::log::Log;

/// How often something that is waited for is looked at.
const POLL: Duration = Duration::from_millis(20);

/// A command that will run `program` under a guard, with nothing of this process's environment but
/// `PATH`: neither credentials nor proxies nor a kubeconfig of whoever runs the tests leak in.
#[must_use]
pub fn isolated(program: &Path) -> Command {
    let mut command = guard::guarded(program);
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// A `PATH` with these folders before those of this process.
#[must_use]
pub fn search_path(first: &[&Path]) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = first.iter().map(|folder| (*folder).to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or(path)
}

/// A process that runs until it is stopped; dropping it kills it and all of its children.
#[derive(Debug)]
pub struct Service {
    name: String,
    guard: Child,
    pipe: Option<ChildStdin>,
    log: Log,
}

impl Service {
    /// Starts `command` (made by [`isolated`]); stdout and stderr are appended to the file `log`.
    ///
    /// # Errors
    /// The log file cannot be opened, or the guard cannot be started. That the program itself does
    /// not start shows as an early end.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let file =
            std::fs::File::options().create(true).append(true).open(log).map_err(Error::file("open", log))?;
        let both = file.try_clone().map_err(Error::file("open", log))?;
        let mut guard = command
            .stdout(file)
            .stderr(both)
            .spawn()
            .map_err(|source| Error::Start { program: name.to_owned(), source })?;
        let pipe = guard.stdin.take();
        Ok(Self { name: name.to_owned(), guard, pipe, log: Log::at(log) })
    }

    /// What it has written so far.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Waits until `is_ready` says so.
    ///
    /// # Errors
    /// The process ended, or `deadline` passed.
    pub fn wait_until(
        &mut self,
        what: &str,
        deadline: Duration,
        mut is_ready: impl FnMut() -> bool,
    ) -> Result<()> {
        let start = Instant::now();
        loop {
            if is_ready() {
                return Ok(());
            }
            if let Some(status) = self.ended() {
                return Err(self.ended_error(status));
            }
            if start.elapsed() > deadline {
                return Err(Error::Deadline { what: what.to_owned(), waited: deadline });
            }
            std::thread::sleep(POLL);
        }
    }

    /// The status, when the process has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.guard.try_wait().ok().flatten()
    }

    fn ended_error(&self, status: ExitStatus) -> Error {
        Error::Ended {
            name: self.name.clone(),
            status: status.to_string(),
            log: self.log.path().to_owned(),
            last_line: self.log.last_line(),
        }
    }

    /// Sends SIGTERM and waits for the process to end by itself.
    ///
    /// # Errors
    /// It has not ended by `deadline`; it is killed then.
    pub fn terminate(mut self, deadline: Duration) -> Result<ExitStatus> {
        if let Some(pipe) = &mut self.pipe {
            let _ = pipe.write_all(guard::TERMINATE);
        }
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Ok(status);
            }
            if start.elapsed() > deadline {
                let what = format!("{} to end after SIGTERM", self.name);
                return Err(Error::Deadline { what, waited: deadline });
            }
            std::thread::sleep(POLL);
        }
    }

    /// Kills the process and its children and waits for them to be gone.
    pub fn kill(&mut self) {
        drop(self.pipe.take());
        let _ = self.guard.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a command that ran to its end left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// Exit status; 128 and the signal's number when a signal ended it.
    pub status: i32,
    /// Its stdout, lossily as UTF-8.
    pub stdout: String,
    /// Its stderr, lossily as UTF-8.
    pub stderr: String,
    /// From start to end.
    pub took: Duration,
}

impl Output {
    /// The stdout of a command that must succeed.
    ///
    /// # Errors
    /// The exit status is not 0.
    pub fn success(self) -> Result<String> {
        if self.status == 0 {
            return Ok(self.stdout);
        }
        Err(Error::Command {
            command: self.command,
            status: self.status,
            stderr: self.stderr.trim().to_owned(),
            stdout: self.stdout.trim().to_owned(),
        })
    }
}

/// Runs `command` (made by [`isolated`]) to its end and collects its output.
///
/// # Errors
/// It cannot be started, or has not ended by `deadline` (it is killed then).
pub fn run(mut command: Command, deadline: Duration) -> Result<Output> {
    let line = command_line(&command);
    let start = Instant::now();
    let mut guard = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| Error::Start { program: line.clone(), source })?;
    let pipe = guard.stdin.take();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(guard.wait_with_output()));
    let Ok(ended) = receiver.recv_timeout(deadline) else {
        drop(pipe);
        return Err(Error::Deadline { what: format!("the end of `{line}`"), waited: deadline });
    };
    let output = ended.map_err(|source| Error::Start { program: line.clone(), source })?;
    Ok(Output {
        command: line,
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: start.elapsed(),
    })
}

/// The program's name and arguments, without the guard in front.
fn command_line(command: &Command) -> String {
    let words: Vec<_> = command.get_args().skip(1).map(std::ffi::OsStr::to_string_lossy).collect();
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    let name = Path::new(program.as_ref())
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    std::iter::once(name).chain(words.map(shorten)).collect::<Vec<_>>().join(" ")
}

/// Bearer tokens and other long words have no place in messages.
fn shorten(word: std::borrow::Cow<'_, str>) -> String {
    if word.len() <= 200 {
        return word.into_owned();
    }
    word.chars().take(40).chain("…".chars()).collect()
}

/// Where a program lies in the search path.
pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
