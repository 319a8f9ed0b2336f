//! YAML and JSON documents with the place of each value in the text.

use std::collections::HashSet;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

use super::yaml::{Yaml, scalar};

/// More than a kubeconfig of a thousand clusters has.
pub(crate) const MAX_BYTES: usize = 8 << 20;
const MAX_DEPTH: usize = 64;

/// Why a text is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DocumentError {
    /// Not YAML. The library's own words may quote the text, which may hold secrets.
    #[error("is not valid YAML (line {line}, column {column})")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// More than one document.
    #[error("holds more than one YAML document")]
    Several,
    /// A key stands twice in one mapping.
    #[error("holds the key {key:?} twice (line {line})")]
    Twice {
        /// The key, cut.
        key: String,
        /// Of the second one, from 1.
        line: usize,
    },
}

/// A value and where it stands, in bytes of the text.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Where it begins: for collections in block style its first element's own sign (`-`) or key.
    pub(crate) start: usize,
    /// Where it ends; for collections in block style the end of their last value.
    pub(crate) end: usize,
    /// Column of the beginning, from 0, in characters.
    pub(crate) column: usize,
    /// Number of the anchor, 0 without one.
    anchor: usize,
    tag: Option<String>,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A text, or what only looks like one.
    Scalar { text: String, quoted: bool },
    /// `*name`: the number of the anchor.
    Alias(usize),
    /// A sequence.
    List { items: Vec<Node>, flow: bool },
    /// A mapping.
    Map { entries: Vec<(Node, Node)>, flow: bool },
}

impl Node {
    /// The entry of a mapping: its key and its value.
    pub(crate) fn entry(&self, name: &str) -> Option<&(Node, Node)> {
        match &self.kind {
            Kind::Map { entries, .. } => entries.iter().find(|(key, _)| key.text() == Some(name)),
            _ => None,
        }
    }

    /// The value of a key.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|(_, value)| value)
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The elements of a sequence.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List { items, .. } => items,
            _ => &[],
        }
    }

    /// Nothing: no value, `null`, `~`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, quoted: false }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Whether anybody may refer to it, or it is of a type of its own.
    fn is_plain(&self) -> bool {
        self.anchor == 0 && self.tag.is_none()
    }

    /// The value; none where it, or a part of it, has an alias, an anchor or a tag.
    pub(crate) fn value(&self) -> Option<Yaml> {
        if !self.is_plain() {
            return None;
        }
        match &self.kind {
            Kind::Alias(_) => None,
            Kind::Scalar { text, quoted } => Some(scalar_value(text, *quoted)),
            Kind::List { items, .. } => items.iter().map(Node::value).collect::<Option<_>>().map(Yaml::List),
            Kind::Map { entries, .. } => entries
                .iter()
                .map(|(key, value)| Some((key.text()?.to_owned(), value.value()?)))
                .collect::<Option<_>>()
                .map(Yaml::Map),
        }
    }

    /// Whether both say the same, wherever and in whatever style they stand. Anchors, aliases and tags count.
    pub(crate) fn same(&self, other: &Node) -> bool {
        if self.anchor != other.anchor || self.tag != other.tag {
            return false;
        }
        match (&self.kind, &other.kind) {
            (Kind::Scalar { text, quoted }, Kind::Scalar { text: other, quoted: other_quoted }) => {
                scalar_value(text, *quoted) == scalar_value(other, *other_quoted)
            }
            (Kind::Alias(one), Kind::Alias(other)) => one == other,
            (Kind::List { items, .. }, Kind::List { items: others, .. }) => {
                items.len() == others.len() && items.iter().zip(others).all(|(one, other)| one.same(other))
            }
            (Kind::Map { entries, .. }, Kind::Map { entries: others, .. }) => {
                entries.len() == others.len()
                    && entries
                        .iter()
                        .zip(others)
                        .all(|(one, other)| one.0.same(&other.0) && one.1.same(&other.1))
            }
            _ => false,
        }
    }

    /// A node of a value, that stands nowhere.
    pub(crate) fn of(value: &Yaml) -> Self {
        let kind = match value {
            Yaml::Text(text) => Kind::Scalar { text: text.clone(), quoted: true },
            Yaml::Bare(text) => Kind::Scalar { text: text.clone(), quoted: false },
            Yaml::List(items) => Kind::List { items: items.iter().map(Self::of).collect(), flow: false },
            Yaml::Map(entries) => Kind::Map {
                entries: entries
                    .iter()
                    .map(|(key, value)| (Self::of(&Yaml::text(key.as_str())), Self::of(value)))
                    .collect(),
                flow: false,
            },
        };
        Self { kind, start: 0, end: 0, column: 0, anchor: 0, tag: None }
    }
}

/// Plain texts that YAML reads as something else are what our own writer would put into quotes.
fn scalar_value(text: &str, quoted: bool) -> Yaml {
    // Over several lines YAML reads nothing but texts; written as it is, such a one would be more than one value.
    if quoted || text.contains(['\n', '\r']) || scalar(text).is_ok_and(|written| written == text) {
        Yaml::text(text)
    } else {
        Yaml::Bare(text.to_owned())
    }
}

/// Reads a text that holds at most one document; none where it holds comments at most.
pub(crate) fn parse(text: &str) -> Result<Option<Node>, DocumentError> {
    let options = granit_parser::options! {
        emit_comments: false,
        block_nesting_limit: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH,
    };
    let mut building = Building::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| DocumentError::Syntax {
            line: error.marker().line(),
            column: error.marker().col().saturating_add(1),
        })?;
        building.take(event, span)?;
    }
    Ok(building.root)
}

#[derive(Default)]
struct Building {
    /// Collections that are not ended; for mappings with the key whose value is awaited, and the keys so far.
    open: Vec<(Node, Option<Node>, HashSet<String>)>,
    root: Option<Node>,
    documents: usize,
}

impl Building {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), DocumentError> {
        match event {
            Event::DocumentStart(..) => {
                self.documents = self.documents.saturating_add(1);
                if self.documents > 1 {
                    return Err(DocumentError::Several);
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain;
                let tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()));
                self.put(node(Kind::Scalar { text: text.into_owned(), quoted }, &span, anchor, tag), &span)?;
            }
            Event::Alias(number) => self.put(node(Kind::Alias(number), &span, 0, None), &span)?,
            Event::SequenceStart(style, anchor, tag) => {
                let tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()));
                let kind = Kind::List { items: Vec::new(), flow: style == StructureStyle::Flow };
                self.open.push((node(kind, &span, anchor, tag), None, HashSet::new()));
            }
            Event::MappingStart(style, anchor, tag) => {
                let tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()));
                let kind = Kind::Map { entries: Vec::new(), flow: style == StructureStyle::Flow };
                self.open.push((node(kind, &span, anchor, tag), None, HashSet::new()));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some((mut ended, ..)) = self.open.pop() {
                    let last = match &ended.kind {
                        Kind::List { items, flow: false } => items.last().map(|item| item.end),
                        Kind::Map { entries, flow: false } => entries.last().map(|(_, value)| value.end),
                        _ => None,
                    };
                    ended.end = last.unwrap_or_else(|| offset(&span.end)).max(ended.start);
                    self.put(ended, &span)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn put(&mut self, node: Node, span: &Span) -> Result<(), DocumentError> {
        let Some((parent, waiting, keys)) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.kind {
            Kind::List { items, .. } => items.push(node),
            Kind::Map { entries, .. } => match waiting.take() {
                Some(key) => entries.push((key, node)),
                None => {
                    if node.text().is_some_and(|text| !keys.insert(text.to_owned())) {
                        let key = node.text().unwrap_or_default().chars().take(64).collect();
                        return Err(DocumentError::Twice { key, line: span.start.line() });
                    }
                    *waiting = Some(node);
                }
            },
            Kind::Scalar { .. } | Kind::Alias(_) => {}
        }
        Ok(())
    }
}

fn node(kind: Kind, span: &Span, anchor: usize, tag: Option<String>) -> Node {
    let (start, end) = (offset(&span.start), offset(&span.end));
    Node { kind, start, end: end.max(start), column: span.start.col(), anchor, tag }
}

fn offset(marker: &granit_parser::Marker) -> usize {
    marker.byte_offset().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice)]
mod tests {
    use super::*;

    fn scalars<'a>(node: &Node, text: &'a str, found: &mut Vec<(String, &'a str)>) {
        match &node.kind {
            Kind::Scalar { text: value, .. } => found.push((value.clone(), &text[node.start..node.end])),
            Kind::Alias(_) => found.push(("*".to_owned(), &text[node.start..node.end])),
            Kind::List { items, .. } => items.iter().for_each(|item| scalars(item, text, found)),
            Kind::Map { entries, .. } => entries.iter().for_each(|(key, value)| {
                scalars(key, text, found);
                scalars(value, text, found);
            }),
        }
    }

    #[test]
    fn knows_where_each_value_stands() {
        let text = "# é\nclusters:\n- name: é\n  cluster: {server: \"https://x\", n: [1, 2]}\n- &a name: 'b'\nusers: []\nempty:\nblock: |\n  é\nlist:\n  - a # c\n\n# end\n";
        let root = parse(text).unwrap().unwrap();
        let mut found = Vec::new();
        scalars(&root, text, &mut found);
        assert!(found.contains(&("é".to_owned(), "é")));
        assert!(found.contains(&("https://x".to_owned(), "\"https://x\"")));
        assert!(found.contains(&("b".to_owned(), "'b'")));
        assert!(found.contains(&("~".to_owned(), "")));
        let source = |node: &Node| text[node.start..node.end].to_owned();
        let clusters = root.get("clusters").unwrap();
        assert_eq!(source(&clusters.items()[0]), "name: é\n  cluster: {server: \"https://x\", n: [1, 2]}");
        assert_eq!(source(&clusters.items()[1]), "&a name: 'b'");
        assert_eq!(source(root.get("users").unwrap()), "[]");
        assert_eq!(source(&root.get("list").unwrap().items()[0]), "a");
        assert_eq!(root.entry("list").unwrap().0.column, 0);
        assert_eq!(text[..root.get("block").unwrap().end].lines().last(), Some("  é"));
    }
}
