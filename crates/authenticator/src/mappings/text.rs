//! Entries written as YAML or JSON text, with keys in any case.

use cluster::one_line;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Makes the keys of all objects lower case.
pub(super) fn lower_keys(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), lower_keys(value))).collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(lower_keys).collect()),
        other => other,
    }
}

/// Entries of a list with their places, and the places and faults of those that are malformed.
pub(super) type Entries<T> = (Vec<(usize, T)>, Vec<(usize, String)>);

/// Reads a YAML or JSON list. Nothing at all is an empty list.
///
/// # Errors
/// One line, where the text is no YAML or no list.
pub(super) fn entries<T: DeserializeOwned>(text: &str) -> Result<Entries<T>, String> {
    if text.trim().is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let value: Value = serde_saphyr::from_str(text).map_err(|error| first_line(&error.to_string()))?;
    let items = match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items,
        _ => return Err("it is not a list".to_owned()),
    };
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (place, item) in items.into_iter().enumerate() {
        match serde_json::from_value(lower_keys(item)) {
            Ok(entry) => good.push((place, entry)),
            Err(error) => bad.push((place, first_line(&error.to_string()))),
        }
    }
    Ok((good, bad))
}

/// The parser's message without the excerpt that it shows below.
fn first_line(message: &str) -> String {
    one_line(message.lines().next().unwrap_or_default())
}
