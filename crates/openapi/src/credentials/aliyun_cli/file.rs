//! The file as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::super::error::CredentialError;
use super::super::variables::Found;
use super::{KIND, Profile};

const MAX_PROFILES: usize = 1000;
const MAX_SHOWN: usize = 10;
const MAX_NAME_CHARS: usize = 64;

/// The aliyun CLI's file: profiles, and the name of the one that counts where none is asked for.
#[derive(Clone, Debug)]
pub(in crate::credentials) struct File {
    path: PathBuf,
    current: Option<String>,
    profiles: Vec<Profile>,
    is_no_kubeconfig: bool,
}

impl File {
    /// Reads the text of the file at `path`.
    pub(in crate::credentials) fn parse(path: &Path, text: &str) -> Result<Self, CredentialError> {
        let failed = |detail: String| CredentialError::File { kind: KIND, path: path.to_owned(), detail };
        let mut keys = object(text.trim_start_matches('\u{feff}')).map_err(failed)?;
        let current = match keys.remove("current") {
            None => None,
            Some(Value::String(name)) => Some(name).filter(|name| !name.is_empty()),
            Some(_) => return Err(failed("\"current\" is not a text".to_owned())),
        };
        let list = match keys.remove("profiles") {
            None => Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(failed("\"profiles\" is not a list".to_owned())),
        };
        if list.len() > MAX_PROFILES {
            return Err(failed(format!("it has more than {MAX_PROFILES} profiles")));
        }
        let mut profiles = Vec::with_capacity(list.len());
        for (number, value) in (1_usize..).zip(list) {
            let Value::Object(values) = value else {
                return Err(failed(format!("profile number {number} is not an object")));
            };
            profiles.push(Profile::of_file(fold(values), path));
        }
        // A kubeconfig has to have users, and in YAML it can borrow them with a merge key.
        let is_no_kubeconfig = !keys.keys().any(|key| matches!(key.as_str(), "users" | "<<"));
        Ok(Self { path: path.to_owned(), current, profiles, is_no_kubeconfig })
    }

    /// A file without profiles: for programs that are named elsewhere than in the aliyun CLI's file.
    /// `is_no_kubeconfig`: see [`File::is_no_kubeconfig`].
    pub(in crate::credentials) fn without_profiles(path: &Path, is_no_kubeconfig: bool) -> Self {
        Self { path: path.to_owned(), current: None, profiles: Vec::new(), is_no_kubeconfig }
    }

    /// Whether the file that names a program cannot be a kubeconfig too: one that names itself as the file of profiles
    /// would otherwise choose the program that is run.
    pub(super) fn is_no_kubeconfig(&self) -> bool {
        self.is_no_kubeconfig
    }

    /// Where it was read from.
    pub(in crate::credentials) fn path(&self) -> &Path {
        &self.path
    }

    /// `current`.
    pub(in crate::credentials) fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// The first profile of this name.
    pub(in crate::credentials) fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name() == name)
    }

    /// That the file has no profile of this name, and which it has.
    pub(in crate::credentials) fn no_profile(&self, wanted: &Found) -> CredentialError {
        let names: Vec<String> = self.profiles.iter().take(MAX_SHOWN).map(|one| shown(one.name())).collect();
        let more = if self.profiles.len() > MAX_SHOWN { ", …" } else { "" };
        let there = match names.is_empty() {
            true => "it has none".to_owned(),
            false => format!("it has {}{more}", names.join(", ")),
        };
        let detail =
            format!("there is no profile {} (named by {}): {there}", shown(&wanted.value), wanted.origin);
        CredentialError::File { kind: KIND, path: self.path.clone(), detail }
    }
}

/// A name in quotes, escaped and cut.
pub(super) fn shown(name: &str) -> String {
    let cut: String = name.chars().take(MAX_NAME_CHARS).collect();
    format!("{cut:?}")
}

/// Keys in lower case; the last of two equal ones counts, and null counts for nothing, as in the aliyun CLI's reader.
pub(super) type Keys = BTreeMap<String, Value>;

/// Reads one JSON object. The error says where it is wrong, and quotes nothing.
pub(super) fn object(text: &str) -> Result<Keys, String> {
    match serde_json::from_str::<LastWins>(text) {
        Ok(LastWins(keys)) => Ok(keys),
        Err(error) if error.is_data() => Err("it holds no JSON object".to_owned()),
        Err(_) if text.trim().is_empty() => Err("it is empty".to_owned()),
        Err(error) => Err(format!("it is not valid JSON (line {}, column {})", error.line(), error.column())),
    }
}

/// What one entry of `profiles` or a program printed, with its keys in lower case.
pub(super) fn fold(values: serde_json::Map<String, Value>) -> Keys {
    let entries = values.into_iter().filter(|(_, value)| !value.is_null());
    entries.map(|(key, value)| (key.to_ascii_lowercase(), value)).collect()
}

struct LastWins(Keys);

impl<'de> Deserialize<'de> for LastWins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LastWinsVisitor)
    }
}

struct LastWinsVisitor;

impl<'de> Visitor<'de> for LastWinsVisitor {
    type Value = LastWins;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<LastWins, A::Error> {
        let mut keys = Keys::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value::<Value>()?;
            if !value.is_null() {
                keys.insert(key.to_ascii_lowercase(), value);
            }
        }
        Ok(LastWins(keys))
    }
}
