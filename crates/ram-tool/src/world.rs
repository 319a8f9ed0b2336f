//! What the program finds around it, and what it may do there. Tests bring a world of their own.

use std::any::Any;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use openapi::credentials::{Environment, Program, ProgramOutput};
use openapi::network::process_environment;

use crate::message::write_line;
use crate::platform::{ProgramAnswer, Reply};
use crate::{platform, progress};

/// Clock, randomness, variables, files, programs and the terminal.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// All environment variables.
    pub variables: &'a dyn Fn() -> Vec<(String, String)>,
    /// The text of a file of at most 1 MiB.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<String>,
    /// Replaces the content of the file that a path leads to (through symbolic links), whole or not at all; 0600.
    pub write_file: &'a dyn Fn(&Path, &[u8]) -> io::Result<()>,
    /// Runs a program to its end, with the terminal as its stdin.
    pub run_program: &'a dyn Fn(&Program) -> io::Result<ProgramOutput>,
    /// Runs a program to its end, as `run_program` does, and keeps what it says on stderr.
    pub ask_program: &'a dyn Fn(&Program) -> io::Result<ProgramAnswer>,
    /// Locks a file that nobody replaces, made where it is missing, against other processes while the value lives.
    pub lock: &'a dyn Fn(&Path) -> io::Result<Box<dyn Any>>,
    /// Tells the person, in one line, what went otherwise than it should without stopping the command.
    pub warn: &'a dyn Fn(&str),
    /// The same for what must be seen at every log level.
    pub alert: &'a dyn Fn(&str),
    /// Shows a question on the terminal itself and reads a line from it.
    pub ask: &'a dyn Fn(&str) -> Reply,
    /// Whether what is drawn on stderr is seen by a person.
    pub stderr_is_terminal: bool,
    /// The time.
    pub now: &'a dyn Fn() -> Timestamp,
    /// Lets time pass.
    pub sleep: &'a dyn Fn(Duration),
    /// From now on Ctrl-C ends the program with this as its last words, an error; with an empty text, silently.
    pub last_words: &'a dyn Fn(&str),
    /// A text that was never used before: 32 hexadecimal digits.
    pub nonce: &'a dyn Fn() -> String,
    /// `argv[0]`.
    pub argument_zero: &'a str,
}

impl<'a> World<'a> {
    /// The process's own.
    pub fn of_this_process(argument_zero: &'a str) -> Self {
        Self {
            variable: &process_environment,
            variables: &process_variables,
            read_file: &platform::read_file,
            write_file: &platform::write_file,
            run_program: &|program| progress::without_progress(|| platform::run_program(program)),
            ask_program: &|program| progress::without_progress(|| platform::ask_program(program)),
            lock: &platform::lock,
            warn: &|_| (),
            alert: &|_| (),
            ask: &platform::ask,
            stderr_is_terminal: platform::stderr_is_terminal(),
            now: &system_time,
            sleep: &std::thread::sleep,
            last_words: &last_words,
            nonce: &|| uuid::Uuid::new_v4().simple().to_string(),
            argument_zero,
        }
    }

    /// What credentials are looked for in.
    pub(crate) fn environment(&self) -> Environment<'_> {
        Environment {
            variable: self.variable,
            read_file: self.read_file,
            write_file: self.write_file,
            run_program: self.run_program,
            lock: self.lock,
            warn: self.warn,
            alert: self.alert,
            argument_zero: self.argument_zero,
        }
    }

    /// A variable that is set and not empty.
    pub(crate) fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// Whether kubectl, or another client of Kubernetes, started this program as its credential plugin: they always set
    /// this variable, after those of the kubeconfig, so that no kubeconfig can hide it.
    pub(crate) fn is_credential_plugin(&self) -> bool {
        (self.variable)("KUBERNETES_EXEC_INFO").is_some()
    }
}

fn process_variables() -> Vec<(String, String)> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

fn last_words(text: &str) {
    let text = text.to_owned();
    platform::at_interrupt(move || {
        if !text.is_empty() {
            write_line(system_time(), "ERROR", &text);
        }
    });
}

/// This program is a border: its clock is the system's.
#[allow(clippy::disallowed_methods)]
fn system_time() -> Timestamp {
    Timestamp::now()
}
