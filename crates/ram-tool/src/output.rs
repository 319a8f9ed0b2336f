//! Listings: for people, as JSON, or as YAML.

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::error::Error;
use crate::visible::{steers, visible, visible_json, visible_yaml};

/// How a listing is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: tables and lines
    #[default]
    Text,
    /// JSON, for programs
    Json,
    /// YAML, for programs
    Yaml,
}

// Flags of every command that lists something. Not a doc comment: clap would show it in place of the command's own.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct OutputFlags {
    /// How to show it
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) output: Format,
}

impl Format {
    /// A value in this format, `text` being the one for people. A line break is at its end.
    pub(crate) fn render<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<String, Error> {
        match self {
            Self::Text => Ok(text(value)),
            Self::Json => json(value),
            Self::Yaml => yaml(value),
        }
    }
}

/// JSON with two spaces of indentation and a line break at its end. Nothing in it steers a terminal.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string_pretty(value)
        .map(|text| with_line_break(visible_json(&text)))
        .map_err(|error| failed(&error))
}

/// YAML with a line break at its end. What steers a terminal can stand in YAML as it is: a listing with such a text is
/// written in JSON's form, which is YAML too.
fn yaml<T: Serialize>(value: &T) -> Result<String, Error> {
    let text = serde_saphyr::to_string(value).map_err(|error| failed(&error))?;
    match steers(&text) {
        true => serde_json::to_string_pretty(value)
            .map(|json| with_line_break(visible_yaml(&json)))
            .map_err(|error| failed(&error)),
        false => Ok(with_line_break(text)),
    }
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::Format { what: "listing", detail: error.to_string() }
}

fn with_line_break(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// A table with a head, columns padded to their widest cell and two spaces between them. What a cell holds cannot steer a
/// terminal.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head = head.iter().map(|cell| (*cell).to_owned()).collect();
    columns(std::iter::once(&head).chain(rows))
}

/// Names and values in two columns, without a head.
pub(crate) fn pairs(rows: &[(&str, String)]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect();
    columns(rows.iter())
}

fn columns<'r>(rows: impl Iterator<Item = &'r Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.map(|row| row.iter().map(|cell| visible(cell)).collect()).collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or_default()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Person {
        name: &'static str,
        id: u64,
    }

    #[test]
    fn one_value_in_three_formats() {
        let person = Person { name: "alice: yes", id: 2 };
        let text = |person: &Person| format!("{}\n", person.name);
        assert_eq!(Format::Text.render(&person, text).unwrap(), "alice: yes\n");
        assert_eq!(
            Format::Json.render(&person, text).unwrap(),
            "{\n  \"name\": \"alice: yes\",\n  \"id\": 2\n}\n"
        );
        let yaml = Format::Yaml.render(&person, text).unwrap();
        assert_eq!(yaml.lines().last(), Some("id: 2"));
        assert_eq!(serde_saphyr::from_str::<serde_json::Value>(&yaml).unwrap()["name"], "alice: yes");
    }

    #[test]
    fn yaml_has_its_own_form_where_nothing_steers() {
        let shown = |name| Format::Yaml.render(&Person { name, id: 2 }, |_| String::new()).unwrap();
        assert_eq!(shown("alice"), "name: alice\nid: 2\n");
        assert_eq!(shown("a\u{202e}"), "{\n  \"name\": \"a\\u202e\",\n  \"id\": 2\n}\n");
    }

    #[test]
    fn no_format_steers_a_terminal_and_programs_read_what_was_said() {
        let hostile = "a\u{9b}2J\u{7f}\u{1b}[2J\u{202e}b\u{200b}\u{e0061}\n";
        let person = Person { name: hostile, id: 2 };
        for format in [Format::Json, Format::Yaml] {
            let shown = format.render(&person, |_| String::new()).unwrap();
            assert_eq!(visible(&shown.replace('\n', "")), shown.replace('\n', ""), "{shown:?}");
            assert_eq!(serde_saphyr::from_str::<serde_json::Value>(&shown).unwrap()["name"], hostile);
        }
    }

    #[test]
    fn columns_are_padded_and_cells_cannot_steer_a_terminal() {
        let rows =
            [vec!["2".to_owned(), "alice\u{1b}[2J\n".to_owned()], vec!["30".to_owned(), String::new()]];
        assert_eq!(table(&["UID", "Name"], &rows), "UID  Name\n2    alice?[2J?\n30\n");
        assert_eq!(
            pairs(&[("AccountId", "1".to_owned()), ("Arn", "a".to_owned())]),
            "AccountId  1\nArn        a\n"
        );
        assert_eq!(table(&["UID"], &[]), "UID\n");
    }
}
