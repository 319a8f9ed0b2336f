//! The configuration file: YAML or JSON, one key a flag.
//!
//! A key is a flag's name without hyphens, in any case: `clusterID` is `--cluster-id`. So each setting is known, checked
//! and explained in one place, and a file cannot say what a flag could not.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::ArgAction;
use serde_json::Value;
use strict::Strict;

/// More than any such file needs.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Names of the public component for a flag of another name, in lower case.
const ALIASES: [(&str, &str); 1] = [("autoinjectstsenvvars", "stsvariables")];

/// Flags that make no sense in a file.
const NOT_IN_A_FILE: [&str; 2] = ["config", "help"];

/// Why a configuration file cannot be used. One line each; none quotes more than a key and its wrong value.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The name's ending says no format.
    #[error("cannot tell the format of configuration file {}: its name must end in .yaml, .yml or .json", .0.display())]
    UnknownFormat(PathBuf),
    /// It cannot be read.
    #[error("cannot read configuration file {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Larger than any configuration.
    #[error("configuration file {} is larger than {FILE_LIMIT} bytes, more than any configuration needs: is it the right one?", .0.display())]
    TooLarge(PathBuf),
    /// It is not of the format its name promises, or a key stands twice.
    #[error("configuration file {} is not good {format}: {reason}", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// `YAML` or `JSON`.
        format: &'static str,
        /// The parser's words, on one line.
        reason: String,
    },
    /// It can be read, and does not consist of keys and values.
    #[error("configuration file {}: it must consist of keys and values", .0.display())]
    NotAMap(PathBuf),
    /// A key holds something else than it should.
    #[error("configuration file {}: {key}: {reason}", .path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

/// A file's keys and values, in its order.
#[derive(Clone, Debug, Default)]
pub struct FileConfig {
    path: PathBuf,
    keys: Vec<(String, Value)>,
}

/// What a file adds to a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FromFile {
    /// As in `--cluster-id=c0ffee`.
    pub flags: Vec<OsString>,
    /// Keys that are no flag of any command: to be warned of.
    pub unknown: Vec<String>,
}

/// Reads a file; its ending gives the format.
///
/// # Errors
/// [`FileError`].
pub fn read(path: &Path) -> Result<FileConfig, FileError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let is_yaml = match extension.to_ascii_lowercase().as_str() {
        "yaml" | "yml" => true,
        "json" => false,
        _ => return Err(FileError::UnknownFormat(path.to_owned())),
    };
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(FILE_LIMIT.saturating_add(1)).read_to_string(&mut text))
        .map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    // What is cut may still be a file, without its last keys.
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > FILE_LIMIT) {
        return Err(FileError::TooLarge(path.to_owned()));
    }
    parse(path, &text, is_yaml)
}

fn parse(path: &Path, text: &str, is_yaml: bool) -> Result<FileConfig, FileError> {
    let parsed = if is_yaml {
        // An empty YAML document has no value at all.
        serde_saphyr::from_str::<Option<Strict>>(text)
            .map(|value| value.map_or(Value::Null, |Strict(value)| value))
            .map_err(|error| error.without_snippet().to_string())
    } else {
        serde_json::from_str::<Strict>(text).map(|Strict(value)| value).map_err(|error| error.to_string())
    };
    let value = parsed.map_err(|reason| FileError::Parse {
        path: path.to_owned(),
        format: if is_yaml { "YAML" } else { "JSON" },
        reason: reason.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect(),
    })?;
    match value {
        Value::Object(keys) => Ok(FileConfig { path: path.to_owned(), keys: keys.into_iter().collect() }),
        Value::Null => Ok(FileConfig { path: path.to_owned(), keys: Vec::new() }),
        _ => Err(FileError::NotAMap(path.to_owned())),
    }
}

impl FileConfig {
    /// The file's keys as flags of `command`, each checked as `command` checks it. `elsewhere` is the command that has all
    /// flags: a key that only it knows is not unknown.
    ///
    /// # Errors
    /// [`FileError::Value`] names the key.
    pub fn flags(&self, command: &clap::Command, elsewhere: &clap::Command) -> Result<FromFile, FileError> {
        let mut from_file = FromFile::default();
        let mut seen: Vec<String> = Vec::new();
        for (key, value) in &self.keys {
            let shown: String = key.escape_debug().take(64).collect();
            let wrong =
                |reason: String| FileError::Value { path: self.path.clone(), key: shown.clone(), reason };
            let name = key.to_lowercase();
            let name =
                ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name.as_str(), |(_, flag)| flag);
            if seen.iter().any(|before| before == name) {
                return Err(wrong("it stands twice (keys count the same in any case)".to_owned()));
            }
            seen.push(name.to_owned());
            let Some(flag) = flag_named(command, name) else {
                if flag_named(elsewhere, name).is_none() {
                    from_file.unknown.push(shown);
                }
                continue;
            };
            if value.is_array() && !matches!(flag.get_action(), ArgAction::Append) {
                return Err(wrong("write one value, without the list".to_owned()));
            }
            for text in texts(value).map_err(|reason| wrong(reason.to_owned()))? {
                let word: OsString = format!("--{}={text}", flag.get_long().unwrap_or_default()).into();
                check(flag, &word).map_err(wrong)?;
                from_file.flags.push(word);
            }
        }
        Ok(from_file)
    }
}

/// `words` (program, command, flags) with those of the file before them, so that the words' own win: the last one counts,
/// and a flag that may be repeated is taken from one place.
pub fn merged(words: &[OsString], command: &clap::Command, from_file: FromFile) -> Vec<OsString> {
    let repeated = |word: &OsString| {
        let name = flag_of(word);
        let appends = command.get_arguments().any(|argument| {
            matches!(argument.get_action(), ArgAction::Append) && argument.get_long() == name.as_deref()
        });
        appends && words.iter().any(|own| flag_of(own) == name)
    };
    let flags = from_file.flags.into_iter().filter(|word| !repeated(word));
    let (before, after) = words.split_at(words.len().min(2));
    before.iter().cloned().chain(flags).chain(after.iter().cloned()).collect()
}

fn flag_of(word: &OsString) -> Option<String> {
    let word = word.to_str()?.strip_prefix("--")?;
    Some(word.split_once('=').map_or(word, |(name, _)| name).to_owned())
}

fn flag_named<'a>(command: &'a clap::Command, name: &str) -> Option<&'a clap::Arg> {
    command.get_arguments().find(|argument| {
        argument
            .get_long()
            .is_some_and(|long| !NOT_IN_A_FILE.contains(&long) && long.replace('-', "") == name)
    })
}

/// One value a text; null counts as missing.
fn texts(value: &Value) -> Result<Vec<String>, &'static str> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        // Of whole numbers nothing is lost; 1e3 would not be what was written.
        Value::Number(number) if number.is_u64() => Ok(number.to_string()),
        _ => Err("write text (in quotes, where it looks like a number), a whole number, or true or false"),
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items.iter().map(one).collect(),
        value => one(value).map(|text| vec![text]),
    }
}

/// Reads the one flag alone, as the command would.
fn check(flag: &clap::Arg, word: &OsString) -> Result<(), String> {
    let alone = clap::Command::new("file").no_binary_name(true).arg(flag.clone());
    match alone.try_get_matches_from([word]) {
        Ok(_) => Ok(()),
        Err(error) => Err(webhook_server::flags::what_is_wrong(&error)),
    }
}
