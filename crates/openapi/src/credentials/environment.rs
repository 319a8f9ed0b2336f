//! What a program finds around it, and what it may do there: everything that credentials need of the machine.

use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};

use super::variables::{self as names, find};
use crate::network::Lookup;

/// The machine, as closures: its variables, files and programs, and the name that this program was started by. Tests
/// bring a machine of their own.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// The value of a variable.
    pub variable: Lookup<'a>,
    /// The text of a file of at most [`MAX_FILE_BYTES`](super::system::MAX_FILE_BYTES). A larger one is an error of the kind
    /// `FileTooLarge`, one that is not UTF-8 of the kind `InvalidData`. No file is read that the place that applies
    /// does not need.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<String>,
    /// Replaces the content of a file as a whole or not at all, 0600 where it is new, never wider than it was.
    pub write_file: &'a dyn Fn(&Path, &[u8]) -> io::Result<()>,
    /// Runs a program to its end. Its stdin is the terminal where there is one, its stderr is this program's.
    pub run_program: &'a dyn Fn(&Program) -> io::Result<ProgramOutput>,
    /// Locks a file, which is made where it is missing, against every other process; the lock ends with the value.
    pub lock: &'a dyn Fn(&Path) -> io::Result<Box<dyn Any>>,
    /// Tells the person something that does not stop the command: one line, no secret.
    pub warn: &'a dyn Fn(&str),
    /// The same for what must be seen whatever else is to be hidden: something of the person's is lost.
    pub alert: &'a dyn Fn(&str),
    /// `argv[0]`: names the role session where no variable does.
    pub argument_zero: &'a str,
}

/// A program that is to be run: no shell is between.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    /// Its path, or its name in the `PATH`.
    pub name: String,
    /// What follows the name; some programs take secrets there.
    pub arguments: Vec<String>,
    /// More bytes on its stdout are an error of the kind `FileTooLarge`.
    pub max_output_bytes: usize,
}

/// What a program left.
#[derive(Clone, PartialEq, Eq)]
pub struct ProgramOutput {
    /// Its exit status; none where a signal ended it.
    pub code: Option<i32>,
    /// What it printed: it may hold secrets.
    pub stdout: Vec<u8>,
}

impl<'a> Environment<'a> {
    /// A file below the person's folder; none where no variable names that folder.
    pub(super) fn at_home(&self, path: &str) -> Option<PathBuf> {
        find(self.variable, names::HOME).map(|home| PathBuf::from(home.value).join(path))
    }

    /// A path that may begin with `~/`, the person's folder.
    pub(super) fn expand(&self, path: &str) -> PathBuf {
        path.strip_prefix("~/").and_then(|rest| self.at_home(rest)).unwrap_or_else(|| PathBuf::from(path))
    }
}

impl std::fmt::Debug for Environment<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Environment")
            .field("argument_zero", &self.argument_zero)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Program").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ProgramOutput {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ProgramOutput").field("code", &self.code).finish_non_exhaustive()
    }
}
