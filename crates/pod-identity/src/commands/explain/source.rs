//! Manifests, as `kubectl apply -f` reads them: several documents a file, YAML or JSON, folders, stdin.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use strict::Strict;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// Most values in a document: a list of some thousand pods.
const MAX_VALUES: usize = 2_000_000;
/// Endings of the files of a folder that `kubectl apply -f` looks at.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// One document of one file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    pub(crate) file: Arc<str>,
    pub(crate) value: Value,
}

/// Why a file cannot be used. One line each.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("cannot read {}: {reason}", .path.display())]
    Read { path: PathBuf, reason: String },
    #[error("{} has more than {MAX_BYTES} bytes: too large for manifests", .0.display())]
    TooLarge(PathBuf),
    #[error("{file}: the document that begins on line {line} cannot be read: {reason}")]
    Syntax { file: String, line: usize, reason: String },
}

/// The documents of these files and folders (`-` is stdin), in their order.
///
/// # Errors
/// [`SourceError`].
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Document>, SourceError> {
    let mut documents = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            documents.extend(parse("stdin", &read_text(path, std::io::stdin())?)?);
            continue;
        }
        for file in files(path)? {
            let opened = std::fs::File::open(&file).map_err(|error| unreadable(&file, &error))?;
            documents.extend(parse(&file.to_string_lossy(), &read_text(&file, opened)?)?);
        }
    }
    Ok(documents)
}

fn unreadable(path: &Path, error: &std::io::Error) -> SourceError {
    SourceError::Read { path: path.to_owned(), reason: error.to_string() }
}

/// The file itself; or those of a folder, in order of their names, without what lies deeper.
fn files(path: &Path) -> Result<Vec<PathBuf>, SourceError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| unreadable(path, &error))?;
    let is_manifest = |path: &PathBuf| {
        let ending = path.extension().map(|ending| ending.to_string_lossy());
        ending.is_some_and(|ending| ENDINGS.contains(&&*ending)) && !path.is_dir()
    };
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(is_manifest).collect();
    files.sort();
    Ok(files)
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

/// The documents of a text. It is split at its `---` lines first, as kubectl does it; nothing inside a document of YAML
/// can begin a line so.
pub(crate) fn parse(name: &str, text: &str) -> Result<Vec<Document>, SourceError> {
    let file: Arc<str> = name.into();
    let mut documents = Vec::new();
    let (mut part, mut begin) = (String::new(), 1usize);
    let mut take = |part: &str, begin: usize| match values(part) {
        Ok(values) => {
            let values = values.into_iter().filter(|value| !value.is_null());
            documents.extend(values.map(|value| Document { file: Arc::clone(&file), value }));
            Ok(())
        }
        Err(reason) => Err(SourceError::Syntax { file: name.to_owned(), line: begin, reason }),
    };
    for (index, line) in text.trim_start_matches('\u{feff}').split_inclusive('\n').enumerate() {
        if is_separator(line) {
            take(&part, begin)?;
            part.clear();
            begin = index.saturating_add(1);
        }
        part.push_str(line);
    }
    take(&part, begin)?;
    Ok(documents)
}

fn is_separator(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

/// JSON, several values one after another perhaps, or one value of YAML.
fn values(text: &str) -> Result<Vec<Value>, String> {
    let bare = text.strip_prefix("---").unwrap_or(text);
    if bare.trim_start().starts_with('{') {
        let json = serde_json::Deserializer::from_str(bare).into_iter::<Strict>();
        if let Ok(values) = json.collect::<Result<Vec<_>, _>>() {
            return Ok(values.into_iter().map(|Strict(value)| value).collect());
        }
        // YAML can begin so too, and whatever is wrong with JSON is wrong with it as YAML.
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: MAX_VALUES, max_events: MAX_VALUES.saturating_mul(2) },
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Option<Strict>>(text, options) {
        Ok(value) => Ok(value.map(|Strict(value)| value).into_iter().collect()),
        Err(error) => {
            let text = error.to_string();
            Err(text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_values(text: &str) -> Vec<Value> {
        parse("f", text).unwrap().into_iter().map(|document| document.value).collect()
    }

    #[test]
    fn reads_several_documents_of_yaml_and_json() {
        assert_eq!(
            read_values("---\na: 1\n---\n# nothing\n---\nb: [x]\n"),
            [json!({"a": 1}), json!({"b": ["x"]})]
        );
        assert_eq!(read_values("{\"a\":\t1}\n{\"b\": 2}"), [json!({"a": 1}), json!({"b": 2})]);
        assert_eq!(read_values("--- {a: 1}\n---\n{\"b\": 2}\n"), [json!({"a": 1}), json!({"b": 2})]);
        assert_eq!(read_values(""), [] as [Value; 0]);
    }

    #[test]
    fn takes_plain_scalars_for_what_kubernetes_takes_them_for() {
        assert_eq!(
            read_values("a: on\nb: 'on'\nc: 3600\nd: yes\ne: ~\nf: 1e3\ng: off"),
            [json!({"a": true, "b": "on", "c": 3600, "d": true, "e": null, "f": 1000.0, "g": false})]
        );
    }

    #[test]
    fn a_document_in_which_a_key_stands_twice_is_refused_with_its_line() {
        for text in ["a: 1\n---\nb: 1\nb: 2\n", "a: 1\n---\n{\"b\": 1, \"b\": 2}\n"] {
            let error = parse("demo.yaml", text).unwrap_err().to_string();
            assert!(
                error.starts_with("demo.yaml: the document that begins on line 2 cannot be read: "),
                "{error}"
            );
            assert!(error.contains('b') && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn reads_the_manifests_of_a_folder_in_their_order_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("b.yaml", "b: 1"), ("a.json", "{\"a\": 1}"), ("c.txt", "{"), ("d.yml", "d: 1")]
        {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        std::fs::create_dir(folder.path().join("e.yaml")).unwrap();
        let documents = read(&[folder.path().to_owned()]).unwrap();
        let values: Vec<Value> = documents.into_iter().map(|document| document.value).collect();
        assert_eq!(values, [json!({"a": 1}), json!({"b": 1}), json!({"d": 1})]);
        let error = read(&[folder.path().join("none.yaml")]).unwrap_err().to_string();
        assert!(error.contains("none.yaml: No such file"), "{error}");
    }
}
