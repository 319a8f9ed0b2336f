//! What the program finds around it. Tests bring a world of their own.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use openapi::credentials::Environment;
use openapi::network::process_environment;

/// Clock, randomness, variables and files.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// All environment variables.
    pub variables: &'a dyn Fn() -> Vec<(String, String)>,
    /// The content of a file.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<String>,
    /// The time.
    pub now: &'a dyn Fn() -> Timestamp,
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
            read_file: &|path| std::fs::read_to_string(path),
            now: &system_time,
            nonce: &|| uuid::Uuid::new_v4().simple().to_string(),
            argument_zero,
        }
    }

    /// What credentials are looked for in.
    pub(crate) fn environment(&self) -> Environment<'_> {
        Environment { variable: self.variable, read_file: self.read_file, argument_zero: self.argument_zero }
    }

    /// A variable that is set and not empty.
    pub(crate) fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }
}

fn process_variables() -> Vec<(String, String)> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

/// This program is a border: its clock is the system's.
#[allow(clippy::disallowed_methods)]
fn system_time() -> Timestamp {
    Timestamp::now()
}
