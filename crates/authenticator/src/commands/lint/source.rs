//! Where documents come from: files, folders, stdin, a cluster.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::ApiResource;
use resource::RAMIdentityMapping;

use super::document::{self, Node, SyntaxError};
use super::finding::{Code, Finding, Place};

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Objects that the API server sends in one answer.
const PAGE: u32 = 500;
/// One of them is in every file with mappings, in some case.
const OUR_WORDS: [&str; 4] = ["ramidentitymapping", "maproles", "mapusers", "mapaccounts"];
/// How deep folders are looked into.
const MAX_DEPTH: usize = 32;

/// One document of one file.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) file: Arc<str>,
    /// The file was named, not found in a folder: there should be something in it.
    pub(crate) was_named: bool,
    pub(crate) node: Node,
}

/// Why there is nothing to look at. One line each.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// No flag names any.
    #[error("no mappings to look at: give -f FILE (a folder, or - for stdin), --kubeconfig or --config")]
    Nothing,
    /// A file or folder cannot be read.
    #[error("cannot read {}: {reason}", .path.display())]
    Read { path: PathBuf, reason: String },
    /// A file is too large.
    #[error("{} has more than {MAX_BYTES} bytes: too large for mappings", .0.display())]
    TooLarge(PathBuf),
    /// The API server.
    #[error("{0}")]
    Cluster(String),
    /// `--backend-mode`, or the key for it.
    #[error("the order of the backends: {0}")]
    Modes(String),
}

/// The documents of these files and folders (`-` is stdin), and what cannot be parsed.
///
/// # Errors
/// [`SourceError`] where a file or folder cannot be read at all.
pub(crate) fn read(paths: &[PathBuf]) -> Result<(Vec<Document>, Vec<Finding>), SourceError> {
    let (mut documents, mut findings) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let text = read_text(path, std::io::stdin())?;
            parse("<stdin>", Path::new("stdin.yaml"), true, &text, &mut documents, &mut findings);
            continue;
        }
        let mut files = Vec::new();
        let is_folder = path.is_dir();
        collect(path, MAX_DEPTH, &mut files)?;
        for file in files {
            // A file that is named twice, or beside its folder, is one file.
            if !seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) {
                continue;
            }
            let opened = std::fs::File::open(&file).map_err(|error| unreadable(&file, &error))?;
            let text = read_text(&file, opened)?;
            let name = file.to_string_lossy();
            parse(&name, &file, !is_folder, &text, &mut documents, &mut findings);
        }
    }
    Ok((documents, findings))
}

fn unreadable(path: &Path, error: &std::io::Error) -> SourceError {
    SourceError::Read { path: path.to_owned(), reason: error.to_string() }
}

fn read_text(path: &Path, source: impl std::io::Read) -> Result<String, SourceError> {
    let mut bytes = Vec::new();
    let mut bounded = source.take(MAX_BYTES.saturating_add(1));
    bounded.read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(SourceError::TooLarge(path.to_owned()));
    }
    String::from_utf8(bytes)
        .map_err(|_| SourceError::Read { path: path.to_owned(), reason: "it is not UTF-8 text".to_owned() })
}

/// The file itself; or the files of a folder that can hold mappings, in order of their names. Folders that begin
/// with a dot are left out, as is what an editor leaves behind.
fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), SourceError> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let Some(depth) = depth.checked_sub(1) else { return Ok(()) };
    let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut paths: Vec<PathBuf> =
        entries.map_err(|error| unreadable(path, &error))?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        let may_have_mappings = matches!(ending.as_deref(), Some("yaml" | "yml" | "json" | "toml"));
        if !is_hidden && (path.is_dir() || may_have_mappings) {
            collect(&path, depth, files)?;
        }
    }
    Ok(())
}

fn parse(
    name: &str,
    path: &Path,
    was_named: bool,
    text: &str,
    documents: &mut Vec<Document>,
    findings: &mut Vec<Finding>,
) {
    let file: Arc<str> = name.into();
    let is_toml = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"));
    let parsed = if is_toml { vec![document::toml(text)] } else { document::yaml(text) };
    let lower = text.to_ascii_lowercase();
    let may_have_mappings = was_named || OUR_WORDS.iter().any(|word| lower.contains(word));
    for node in parsed {
        match node {
            // A chart's template in the same folder is no YAML, and nobody's fault.
            Err(_) if !may_have_mappings => {}
            Ok(node) => documents.push(Document { file: Arc::clone(&file), was_named, node }),
            Err(error) => findings.push(syntax(&file, "", error)),
        }
    }
}

pub(crate) fn syntax(file: &Arc<str>, object: &str, error: SyntaxError) -> Finding {
    Finding {
        place: Place { file: Arc::clone(file), line: error.line },
        code: Code::Syntax,
        object: object.to_owned(),
        message: format!("cannot be read: {}", error.reason),
    }
}

/// The mappings of a cluster. A CustomResourceDefinition or ConfigMap that is not there is no error: it maps nobody.
///
/// # Errors
/// [`SourceError::Cluster`] says what could not be read.
pub(crate) async fn read_cluster(
    client: kube::Client,
    describe: impl Fn(&kube::Error) -> String,
) -> Result<Vec<Document>, SourceError> {
    let failed = |what: &str, error: &kube::Error| {
        SourceError::Cluster(format!("cannot read {what} from the cluster: {}", describe(error)))
    };
    let is_missing = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code == 404);
    let mut documents = Vec::new();
    let mappings = ApiResource::erase::<RAMIdentityMapping>(&());
    let objects = Api::<DynamicObject>::all_with(client.clone(), &mappings);
    let mut page = ListParams::default().limit(PAGE);
    loop {
        match objects.list(&page).await {
            Ok(list) => {
                documents.extend(list.items.iter().map(|object| of_cluster(object, &mappings)));
                match list.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => page = page.continue_token(&token),
                    None => break,
                }
            }
            Err(error) if is_missing(&error) => break,
            Err(error) => return Err(failed("RAMIdentityMapping objects", &error)),
        }
    }
    let config_maps = ApiResource::erase::<ConfigMap>(&());
    let api = Api::<DynamicObject>::namespaced_with(client, "kube-system", &config_maps);
    match api.get_opt("alibabacloud-auth").await {
        Ok(object) => documents.extend(object.iter().map(|object| of_cluster(object, &config_maps))),
        Err(error) => return Err(failed("ConfigMap kube-system/alibabacloud-auth", &error)),
    }
    Ok(documents)
}

/// Objects in a list do not say what they are.
fn of_cluster(object: &DynamicObject, resource: &ApiResource) -> Document {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("apiVersion".to_owned(), resource.api_version.clone().into());
        fields.insert("kind".to_owned(), resource.kind.clone().into());
    }
    Document { file: "cluster".into(), was_named: false, node: Node::from_value(&value) }
}
