//! A machine for unit tests: nothing happens on it but what a test says.

#![allow(clippy::panic)]

use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::{CredentialError, Environment, Search, Source};
use crate::network::Lookup;

/// These variables and files; nothing is written, run or locked.
pub(super) fn environment<'a>(
    variable: Lookup<'a>,
    read_file: &'a dyn Fn(&Path) -> io::Result<String>,
) -> Environment<'a> {
    Environment {
        variable,
        read_file,
        write_file: &|path, _| panic!("{} is written for nothing", path.display()),
        run_program: &|program| panic!("{} is run for nothing", program.name),
        lock: &|path| panic!("{} is locked for nothing", path.display()),
        warn: &|text| panic!("warned: {text}"),
        alert: &|text| panic!("alerted: {text}"),
        argument_zero: "/usr/bin/ack-ram-tool",
    }
}

/// A search with these variables and files, changed by `change`.
pub(super) fn search_with(
    pairs: &[(&str, &str)],
    read_file: &dyn Fn(&Path) -> io::Result<String>,
    change: impl FnOnce(&mut Search<'_>),
) -> Result<Source, CredentialError> {
    let variable =
        |name: &str| pairs.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let mut search = Search::new(environment(&variable, read_file), Timestamp::UNIX_EPOCH);
    change(&mut search);
    Source::find(&search)
}

/// A file that is not there.
pub(super) fn missing(_: &Path) -> io::Result<String> {
    Err(io::ErrorKind::NotFound.into())
}
