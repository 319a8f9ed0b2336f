//! Values as they stand in kubeconfigs, in the order in which they are written.

use crate::error::Error;

/// A value that the YAML library cannot write, in its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot be written: {0}")]
pub(crate) struct Unwritable(String);

impl From<Unwritable> for Error {
    fn from(Unwritable(detail): Unwritable) -> Self {
        Self::Format { what: "kubeconfig", detail }
    }
}

/// A value of YAML or JSON. Unlike `serde_json::Value` it keeps the order of keys, and what it does not understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Yaml {
    /// A text.
    Text(String),
    /// What is no text: `true`, `null`, a number; as it was written.
    Bare(String),
    /// A sequence.
    List(Vec<Yaml>),
    /// A mapping.
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The value of a key; none where this is no mapping, or has no such key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, where this is one that is not empty. A number without quotes is one too: kubectl reads it so where it
    /// expects a name.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            Self::Bare(text) if !matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") => Some(text),
            _ => None,
        }
    }

    /// The elements; none where this is no sequence.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }
}

/// How a value is laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout<'a> {
    /// Blanks a level.
    pub(crate) step: usize,
    /// The line break.
    pub(crate) line_break: &'a str,
}

/// A text as YAML, quoted where it would be read as something else.
pub(crate) fn scalar(text: &str) -> Result<String, Unwritable> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(&text, options)
        .map(|yaml| yaml.trim_end().to_owned())
        .map_err(|error| Unwritable(error.to_string()))
}

/// The lines of a mapping's entries, each beginning at `column` and ended by a line break.
pub(crate) fn entries(
    entries: &[(String, Yaml)],
    column: usize,
    layout: Layout<'_>,
) -> Result<String, Unwritable> {
    let mut out = String::new();
    for (key, value) in entries {
        indent(&mut out, column);
        out.push_str(&scalar(key)?);
        out.push(':');
        after_key(&mut out, value, column, layout)?;
    }
    Ok(out)
}

/// The lines of a sequence's elements, each beginning at `column` and ended by a line break.
pub(crate) fn items(items: &[Yaml], column: usize, layout: Layout<'_>) -> Result<String, Unwritable> {
    let mut out = String::new();
    for item in items {
        indent(&mut out, column);
        out.push_str("- ");
        let inner = column.saturating_add(2);
        match item {
            Yaml::Map(map) if !map.is_empty() => {
                // The first key stands on the line of the dash.
                out.push_str(entries(map, inner, layout)?.trim_start_matches(' '));
            }
            Yaml::List(list) if !list.is_empty() => {
                out.push_str(self::items(list, inner, layout)?.trim_start_matches(' '));
            }
            other => {
                out.push_str(&inline(other)?);
                out.push_str(layout.line_break);
            }
        }
    }
    Ok(out)
}

fn after_key(out: &mut String, value: &Yaml, column: usize, layout: Layout<'_>) -> Result<(), Unwritable> {
    let inner = next_column(column, layout.step);
    match value {
        Yaml::Map(map) if !map.is_empty() => {
            out.push_str(layout.line_break);
            out.push_str(&entries(map, inner, layout)?);
        }
        Yaml::List(list) if !list.is_empty() => {
            out.push_str(layout.line_break);
            out.push_str(&items(list, inner, layout)?);
        }
        other => {
            out.push(' ');
            out.push_str(&inline(other)?);
            out.push_str(layout.line_break);
        }
    }
    Ok(())
}

fn inline(value: &Yaml) -> Result<String, Unwritable> {
    Ok(match value {
        Yaml::Text(text) => scalar(text)?,
        Yaml::Bare(text) => text.clone(),
        Yaml::List(_) => "[]".to_owned(),
        Yaml::Map(_) => "{}".to_owned(),
    })
}

/// The next multiple of `step`, as Go's YAML library indents.
fn next_column(column: usize, step: usize) -> usize {
    column.checked_div(step).unwrap_or(0).saturating_add(1).saturating_mul(step)
}

fn indent(out: &mut String, column: usize) {
    out.extend(std::iter::repeat_n(' ', column));
}

/// The value as JSON in one line, which is YAML too.
pub(crate) fn json(value: &Yaml) -> String {
    match value {
        Yaml::Text(text) => json_text(text),
        Yaml::Bare(text) => text.clone(),
        Yaml::List(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", ")),
        Yaml::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", json_text(key), json(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// A text as a JSON string.
pub(crate) fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn writes_texts_so_that_they_are_read_as_the_same_texts() {
        for text in [
            "",
            "a",
            "true",
            "no",
            "0x10",
            "1e3",
            "~",
            "null",
            "2026-11-23",
            "a: b",
            "a #b",
            "- a",
            "{a}",
            "*a",
            "&a",
            "!a",
            "a\nb",
            "a\r\nb",
            " a",
            "a ",
            "\"a\"",
            "'a'",
            "%a",
            "@a",
            "`a`",
            "a\tb",
            "日本",
            "\u{85}",
            "\u{2028}",
            "1_000",
            "12:30:45",
            &"long ".repeat(100),
        ] {
            let yaml = format!("key: {}\n", scalar(text).unwrap());
            let read: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
            assert_eq!(read, serde_json::json!({"key": text}), "{yaml}");
            assert_eq!(yaml.lines().count(), 1, "{yaml}");
        }
    }
}
