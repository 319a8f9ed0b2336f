//! A process that runs beside the load generator, its log in a pipe that is read.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// How long a program may take until it is ready.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);
/// Lines of the log that are kept for a message.
const KEPT: usize = 5;
/// What is read of a log at a time: as a collector of logs would read it.
const BUFFER: usize = 64 * 1024;

/// A process; dropping it kills it.
#[derive(Debug)]
pub struct Service {
    name: String,
    child: Child,
    log: Arc<Log>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Log {
    lines: AtomicU64,
    last: Mutex<VecDeque<String>>,
}

impl Service {
    /// Starts `command`, with nothing of this process's environment, and stderr into a pipe that is read.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(mut command: Command) -> Result<Service> {
        let program = command.get_program().to_owned();
        let name = Path::new(&program).file_name().unwrap_or(&program).to_string_lossy().into_owned();
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(Error::failed(format!("starting {name}")))?;
        let log = Arc::<Log>::default();
        let reader = child.stderr.take().map(|pipe| {
            let log = Arc::clone(&log);
            std::thread::spawn(move || log.read(pipe))
        });
        Ok(Service { name, child, log, reader })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lines that it has logged.
    pub fn lines_logged(&self) -> u64 {
        self.log.lines.load(Ordering::Relaxed)
    }

    /// The first line that it writes to stdout.
    ///
    /// # Errors
    /// It ends before.
    pub fn announcement(&mut self) -> Result<String> {
        let mut line = String::new();
        let read =
            self.child.stdout.take().map(|pipe: ChildStdout| BufReader::new(pipe).read_line(&mut line));
        match read {
            Some(Ok(length)) if length > 0 => Ok(line),
            _ => Err(self.ended("before it was ready")),
        }
    }

    /// Waits until `is_ready` says so.
    ///
    /// # Errors
    /// It has ended, or a minute has passed.
    pub fn wait_until(&mut self, is_ready: impl Fn() -> bool) -> Result<()> {
        let start = Instant::now();
        while !is_ready() {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return Err(self.ended("before it was ready"));
            }
            if start.elapsed() > DEADLINE {
                return Err(self.ended("after a minute, in which it was not ready"));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// An error with the end of its log.
    fn ended(&mut self, when: &str) -> Error {
        self.end();
        let last = self.log.last.lock().unwrap_or_else(PoisonError::into_inner);
        let last: Vec<&str> = last.iter().map(String::as_str).collect();
        Error::because(format!("{} ended {when}", self.name), last.join(" | "))
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.end();
    }
}

impl Log {
    /// Until the pipe's other end is closed. Lines are counted in whole buffers and only the end is kept, so that reading
    /// costs next to nothing of the machine that is measured on.
    fn read(&self, mut pipe: impl Read) {
        let mut buffer = vec![0; BUFFER];
        while let Ok(length) = pipe.read(&mut buffer) {
            let Some(read) = buffer.get(..length).filter(|read| !read.is_empty()) else { return };
            let lines = read.iter().filter(|byte| **byte == b'\n').count();
            self.lines.fetch_add(u64::try_from(lines).unwrap_or_default(), Ordering::Relaxed);
            let tail = read.get(length.saturating_sub(2048)..).unwrap_or_default();
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let text = String::from_utf8_lossy(tail);
            let mut newest: Vec<&str> = text.lines().rev().take(KEPT).collect();
            newest.reverse();
            last.extend(newest.into_iter().map(str::to_owned));
            while last.len() > KEPT {
                last.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_service_announces_itself_and_its_log_is_read() {
        let mut service =
            Service::start(shell("echo one >&2; echo two >&2; echo ready; exec sleep 600")).unwrap();
        assert_eq!(service.announcement().unwrap(), "ready\n");
        let lines = || service.lines_logged();
        while lines() < 2 {
            std::thread::sleep(POLL);
        }
        let pid = service.pid();
        drop(service);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn one_that_ends_says_why() {
        let mut service = Service::start(shell("echo 'no such file' >&2; exit 1")).unwrap();
        let error = service.wait_until(|| false).unwrap_err().to_string();
        assert!(
            error.starts_with("sh ended before it was ready") && error.contains("no such file"),
            "{error}"
        );
        let mut service = Service::start(shell("exit 1")).unwrap();
        assert!(service.announcement().is_err());
        assert!(Service::start(Command::new("/no/such/program")).is_err());
    }
}
