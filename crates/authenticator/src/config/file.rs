//! The configuration file: YAML, JSON or TOML, keys in any case, as the public program reads it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use signature::Secret;

use crate::mappings::MapSection;
use strict::Strict;
use webhook_server::flags::boolean;

/// Why a configuration file cannot be used. One line each; none quotes more than a key.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The name's ending says no format.
    #[error("cannot tell the format of configuration file {}: its name must end in .yaml, .yml, .json or .toml", .0.display())]
    UnknownFormat(PathBuf),
    /// It cannot be read.
    #[error("cannot read configuration file {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not of the format its name promises, or a key stands twice.
    #[error("configuration file {} is not good {format}: {reason}", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// `YAML`, `JSON` or `TOML`.
        format: &'static str,
        /// The parser's words, on one line.
        reason: String,
    },
    /// It can be read, and a key holds something else than it should.
    #[error("configuration file {}: {source}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Which key.
        source: ContentError,
    },
}

/// What is wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// The document is a list or a single value.
    #[error("it must consist of keys and values")]
    NotAMap,
    /// Two keys that differ in case only.
    #[error("the key {0:?} stands twice (keys count the same in any case)")]
    SameKey(String),
    /// A value of another type.
    #[error("{key} must be {expected}")]
    Type {
        /// The key, dotted.
        key: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// Mapping entries of another shape.
    #[error("{0}mapRoles, mapUsers or mapAccounts: {1}")]
    Mappings(&'static str, String),
    /// `server.breakGlass` has something else in it.
    #[error("server.breakGlass.{0} cannot be used: it takes mapRoles and mapUsers, each naming one identity")]
    BreakGlass(String),
}

/// The keys of a file. What it does not have is `None` or empty.
#[derive(Clone, Debug, Default)]
pub struct FileConfig {
    /// `clusterID`; a list is taken too, each of whose members is then accepted.
    pub cluster_id: Vec<String>,
    /// `token`: for `verify`.
    pub token: Option<Secret>,
    /// `output`: for `verify`.
    pub output: Option<String>,
    /// `server`.
    pub server: ServerSection,
    /// Keys that nobody reads, dotted and in lower case: to be warned of.
    pub unknown: Vec<String>,
}

/// The keys under `server`.
#[derive(Clone, Debug, Default)]
pub struct ServerSection {
    /// `server.port`
    pub port: Option<u16>,
    /// `server.stateDir`
    pub state_dir: Option<String>,
    /// `server.generateKubeconfig`
    pub generate_kubeconfig: Option<String>,
    /// `server.kubeconfigPregenerated`
    pub kubeconfig_pregenerated: Option<bool>,
    /// `server.region`
    pub region: Option<String>,
    /// `server.address`
    pub address: Option<String>,
    /// `server.hostname`
    pub hostname: Option<String>,
    /// `server.kubeconfig`
    pub kubeconfig: Option<String>,
    /// `server.backendMode`: a list, or a text split at blanks and commas.
    pub backend_mode: Option<Vec<String>>,
    /// `server.dynamicfilepath`
    pub dynamic_file: Option<String>,
    /// `server.mapRoles`, `.mapUsers`, `.mapAccounts`
    pub mappings: MapSection,
    /// `server.breakGlass`: `.mapRoles` and `.mapUsers` alone
    pub break_glass: MapSection,
}

/// Reads a file; its ending gives the format.
///
/// # Errors
/// [`FileError`].
pub fn read(path: &Path) -> Result<FileConfig, FileError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let format = match extension.to_ascii_lowercase().as_str() {
        "yaml" | "yml" => Format::Yaml,
        "json" => Format::Json,
        "toml" => Format::Toml,
        _ => return Err(FileError::UnknownFormat(path.to_owned())),
    };
    let text =
        fs::read_to_string(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    let value = format.parse(&text).map_err(|reason| FileError::Parse {
        path: path.to_owned(),
        format: format.name(),
        reason,
    })?;
    interpret(value).map_err(|source| FileError::Content { path: path.to_owned(), source })
}

#[derive(Clone, Copy)]
enum Format {
    Yaml,
    Json,
    Toml,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::Yaml => "YAML",
            Format::Json => "JSON",
            Format::Toml => "TOML",
        }
    }

    fn parse(self, text: &str) -> Result<Value, String> {
        let parsed = match self {
            // An empty YAML document has no value at all.
            Format::Yaml => serde_saphyr::from_str::<Option<Strict>>(text)
                .map(|value| value.unwrap_or(Strict(Value::Null)))
                .map_err(|error| error.without_snippet().to_string()),
            Format::Json => serde_json::from_str::<Strict>(text).map_err(|error| error.to_string()),
            Format::Toml => toml::from_str::<Strict>(text).map_err(|error| error.message().to_owned()),
        };
        let one_line = |reason: String| {
            reason.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
        };
        parsed.map(|Strict(value)| value).map_err(one_line)
    }
}

/// Sorts the keys of a document.
///
/// # Errors
/// [`ContentError`] names the key.
pub fn interpret(document: Value) -> Result<FileConfig, ContentError> {
    let mut root = match lower_keys(document)? {
        Value::Object(root) => Section { prefix: "", keys: root },
        Value::Null => return Ok(FileConfig::default()),
        _ => return Err(ContentError::NotAMap),
    };
    let mut config = FileConfig {
        cluster_id: root.texts("clusterid", |text| vec![text])?.unwrap_or_default(),
        token: root.text("token")?.map(Secret::new),
        output: root.text("output")?,
        ..FileConfig::default()
    };
    match root.take("server") {
        None => {}
        Some(Value::Object(keys)) => {
            let mut server = Section { prefix: "server.", keys };
            config.server = server_section(&mut server)?;
            config.unknown.extend(server.unread());
        }
        Some(_) => return Err(ContentError::Type { key: "server".into(), expected: "a map" }),
    }
    config.unknown.extend(root.unread());
    Ok(config)
}

fn server_section(server: &mut Section) -> Result<ServerSection, ContentError> {
    let split = |text: String| {
        text.split([' ', ',', '\t', '\n']).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    Ok(ServerSection {
        port: server.port("port")?,
        state_dir: server.text("statedir")?,
        generate_kubeconfig: server.text("generatekubeconfig")?,
        kubeconfig_pregenerated: server.boolean("kubeconfigpregenerated")?,
        region: server.text("region")?,
        address: server.text("address")?,
        hostname: server.text("hostname")?,
        kubeconfig: server.text("kubeconfig")?,
        backend_mode: server.texts("backendmode", split)?,
        dynamic_file: server.text("dynamicfilepath")?,
        break_glass: match server.take("breakglass") {
            None => MapSection::default(),
            Some(Value::Object(keys)) => break_glass(Section { prefix: "server.breakGlass.", keys })?,
            Some(_) => return Err(server.wrong("breakGlass", "a map with mapRoles and mapUsers")),
        },
        mappings: server.mappings()?,
    })
}

/// Nothing is ignored here: who needs these mappings needs them at once.
fn break_glass(mut section: Section) -> Result<MapSection, ContentError> {
    let wrong = |key: &str| ContentError::BreakGlass(key.escape_debug().take(64).collect());
    if section.take("mapaccounts").is_some() {
        return Err(wrong("mapAccounts"));
    }
    let mappings = section.mappings()?;
    match section.keys.keys().next() {
        Some(key) => Err(wrong(key)),
        None => Ok(mappings),
    }
}

/// Lower-cases all keys at any depth.
fn lower_keys(value: Value) -> Result<Value, ContentError> {
    match value {
        Value::Object(object) => {
            let mut lower = Map::new();
            for (key, value) in object {
                let name = key.to_lowercase();
                if lower.insert(name.clone(), lower_keys(value)?).is_some() {
                    return Err(ContentError::SameKey(name.chars().take(64).collect()));
                }
            }
            Ok(Value::Object(lower))
        }
        Value::Array(items) => {
            items.into_iter().map(lower_keys).collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        other => Ok(other),
    }
}

/// Keys of one map; what is read is taken out, so that the unread ones remain.
struct Section {
    prefix: &'static str,
    keys: Map<String, Value>,
}

impl Section {
    /// The value of a key; null counts as missing.
    fn take(&mut self, key: &str) -> Option<Value> {
        self.keys.remove(key).filter(|value| !value.is_null())
    }

    fn wrong(&self, key: &str, expected: &'static str) -> ContentError {
        ContentError::Type { key: format!("{}{key}", self.prefix), expected }
    }

    /// Numbers are not taken for text: `0012` and `1e3` would have changed by then.
    fn text(&mut self, key: &str) -> Result<Option<String>, ContentError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "text (in quotes, where it looks like a number)")),
        }
    }

    fn boolean(&mut self, key: &str) -> Result<Option<bool>, ContentError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(Value::String(text)) => {
                boolean(&text).map(Some).map_err(|_| self.wrong(key, "true or false"))
            }
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    fn port(&mut self, key: &str) -> Result<Option<u16>, ContentError> {
        let port = match self.take(key) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        port.map(Some).ok_or_else(|| self.wrong(key, "a port number from 0 to 65535"))
    }

    fn texts(
        &mut self,
        key: &str,
        split: impl Fn(String) -> Vec<String>,
    ) -> Result<Option<Vec<String>>, ContentError> {
        const EXPECTED: &str = "text or a list of texts";
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(split(text))),
            Some(Value::Array(items)) => {
                let text = |item| if let Value::String(text) = item { Some(text) } else { None };
                let texts = items.into_iter().map(text).collect::<Option<Vec<_>>>();
                texts.map(Some).ok_or_else(|| self.wrong(key, EXPECTED))
            }
            Some(_) => Err(self.wrong(key, EXPECTED)),
        }
    }

    fn mappings(&mut self) -> Result<MapSection, ContentError> {
        let mut section = Map::new();
        for key in ["maproles", "mapusers", "mapaccounts"] {
            if let Some(value) = self.take(key) {
                section.insert(key.to_owned(), value);
            }
        }
        serde_json::from_value(Value::Object(section))
            .map_err(|error| ContentError::Mappings(self.prefix, error.to_string()))
    }

    fn unread(&self) -> Vec<String> {
        let shown = |key: &String| format!("{}{}", self.prefix, key.escape_debug());
        self.keys.keys().map(|key| shown(key).chars().take(100).collect()).collect()
    }
}
