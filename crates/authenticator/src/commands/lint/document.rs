//! Documents whose values know the line they stand on.
//!
//! YAML and JSON are read by the same parser (JSON is YAML, as YAML 1.2 has it), TOML by its own. A YAML file is
//! split at its `---` lines first, as kubectl does it, so that a document that cannot be read leaves the others.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;
use toml::de::{DeTable, DeValue};

/// Most values in a document: 100,000 mappings have less than two million.
const MAX_VALUES: usize = 10_000_000;

/// A value and the line it begins on, from 1; 0 where it comes from no file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    /// Whether it is a `|` block of YAML, whose text begins on the next line and keeps its line breaks.
    pub(crate) is_literal_block: bool,
    pub(crate) content: Content,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// Text, number, boolean or null.
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Field>),
}

/// A key of a map and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) value: Node,
}

/// Why a document cannot be read: one line, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) line: usize,
    pub(crate) reason: String,
}

impl Node {
    /// The value without its lines.
    pub(crate) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => Value::Array(items.iter().map(Node::value).collect()),
            Content::Map(fields) => {
                Value::Object(fields.iter().map(|field| (field.key.clone(), field.value.value())).collect())
            }
        }
    }

    /// The text, where the value is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.content == Content::Scalar(Value::Null)
    }

    pub(crate) fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn fields(&self) -> &[Field] {
        match &self.content {
            Content::Map(fields) => fields,
            _ => &[],
        }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.content, Content::Map(_))
    }

    /// The field of exactly this name.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.fields().iter().find(|field| field.key == key).map(|field| &field.value)
    }

    /// The field of this name, in any case.
    pub(crate) fn get_any_case(&self, key: &str) -> Option<&Node> {
        self.fields().iter().find(|field| field.key.eq_ignore_ascii_case(key)).map(|field| &field.value)
    }

    /// A value that stands in no file.
    pub(crate) fn from_value(value: &Value) -> Self {
        let content = match value {
            Value::Array(items) => Content::List(items.iter().map(Self::from_value).collect()),
            Value::Object(fields) => Content::Map(
                fields
                    .iter()
                    .map(|(key, value)| Field { line: 0, key: key.clone(), value: Self::from_value(value) })
                    .collect(),
            ),
            scalar => Content::Scalar(scalar.clone()),
        };
        Self { line: 0, is_literal_block: false, content }
    }

    /// Moves every line by as many lines as stand before the document.
    fn shifted(mut self, lines: usize) -> Self {
        self.shift(lines);
        self
    }

    fn shift(&mut self, lines: usize) {
        self.line = self.line.saturating_add(lines);
        match &mut self.content {
            Content::Scalar(_) => {}
            Content::List(items) => items.iter_mut().for_each(|item| item.shift(lines)),
            Content::Map(fields) => {
                for field in fields {
                    field.line = field.line.saturating_add(lines);
                    field.value.shift(lines);
                }
            }
        }
    }

    /// Gives every value one line: where a text is embedded in a way that loses its line breaks.
    fn on_line(&mut self, line: usize) {
        self.line = line;
        match &mut self.content {
            Content::Scalar(_) => {}
            Content::List(items) => items.iter_mut().for_each(|item| item.on_line(line)),
            Content::Map(fields) => {
                for field in fields {
                    field.line = line;
                    field.value.on_line(line);
                }
            }
        }
    }

    /// Reads a text inside a document as a document of its own, with the lines of the file around it. `None` where
    /// there is nothing in it.
    pub(crate) fn embedded(&self) -> Result<Option<Node>, SyntaxError> {
        let text = self.text().unwrap_or_default();
        if self.is_literal_block {
            return read_yaml(text, self.line);
        }
        let moved = |error: SyntaxError| SyntaxError { line: self.line, ..error };
        Ok(read_yaml(text, 0).map_err(moved)?.map(|mut node| {
            node.on_line(self.line);
            node
        }))
    }
}

/// The documents of a YAML or JSON file, each read on its own. Empty ones are left out.
pub(crate) fn yaml(text: &str) -> Vec<Result<Node, SyntaxError>> {
    let mut documents = Vec::new();
    let mut begin = 0usize;
    let mut part = String::new();
    let mut take = |part: &mut String, begin: usize| {
        match read_yaml(part, begin) {
            Ok(Some(node)) => documents.push(Ok(node)),
            Ok(None) => {}
            Err(error) => documents.push(Err(error)),
        }
        part.clear();
    };
    for (index, line) in text.trim_start_matches('\u{feff}').split_inclusive('\n').enumerate() {
        // Nothing inside a document can begin a line so: block texts are indented, others may not hold it.
        if is_separator(line) {
            take(&mut part, begin);
            begin = index;
        }
        part.push_str(line);
    }
    take(&mut part, begin);
    documents
}

fn is_separator(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

fn read_yaml(text: &str, lines_before: usize) -> Result<Option<Node>, SyntaxError> {
    // A list of all mappings of a large cluster has more values than a parser expects of a configuration file.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: MAX_VALUES, max_events: MAX_VALUES.saturating_mul(2) },
    };
    let parsed = serde_saphyr::from_str_with_options::<Option<Located>>(text, options);
    let document = parsed.map_err(|error| {
        let line = error.location().map_or(1, |location| number(location.line()));
        let reason = error.without_snippet().to_string();
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
        SyntaxError { line: line.max(1).saturating_add(lines_before), reason }
    })?;
    Ok(document.map(|located| located.0).filter(|node| !node.is_null()).map(|mut node| {
        mark_literal_blocks(&mut node, &text.lines().collect::<Vec<_>>());
        node.shifted(lines_before)
    }))
}

/// A value of YAML with its place, whatever it is.
struct Located(Node);

impl<'de> Deserialize<'de> for Located {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        let line = number(spanned.referenced.line());
        Ok(Self(Node { line, is_literal_block: false, content: spanned.value }))
    }
}

fn number(line: u64) -> usize {
    usize::try_from(line).unwrap_or(usize::MAX)
}

/// The place of a block text is its `|`, or its first line: either way the line of its key has the `|`.
fn mark_literal_blocks(node: &mut Node, lines: &[&str]) {
    match &mut node.content {
        Content::List(items) => items.iter_mut().for_each(|item| mark_literal_blocks(item, lines)),
        Content::Map(fields) => {
            for field in fields {
                let text_of = |line: usize| line.checked_sub(1).and_then(|line| lines.get(line)).copied();
                let is_text = matches!(&field.value.content, Content::Scalar(Value::String(text)) if text.contains('\n'));
                if is_text && text_of(field.line).is_some_and(opens_literal_block) {
                    field.value.is_literal_block = true;
                    field.value.line = field.line;
                } else {
                    mark_literal_blocks(&mut field.value, lines);
                }
            }
        }
        Content::Scalar(_) => {}
    }
}

/// Whether a line ends in `: |`, with the marks that may follow it and a comment.
fn opens_literal_block(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or_default().trim_end();
    line.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '+')
        .strip_suffix('|')
        .is_some_and(|before| before.trim_end().ends_with(':') && before.ends_with([' ', '\t']))
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(Value::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(Value::from(value)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Content, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not a number"))?;
        Ok(Content::Scalar(Value::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(Value::String(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Content, E> {
        Ok(Content::Scalar(Value::String(value)))
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(Located(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut fields: Vec<Field> = Vec::new();
        while let Some((key, Located(value))) = entries.next_entry::<Spanned<String>, Located>()? {
            let Spanned { value: key, referenced, .. } = key;
            if fields.iter().any(|field| field.key == key) {
                let shown: String = key.chars().take(64).collect();
                return Err(A::Error::custom(format_args!("the key {shown:?} stands twice")));
            }
            fields.push(Field { line: number(referenced.line()), key, value });
        }
        Ok(Content::Map(fields))
    }
}

/// The one document of a TOML file.
pub(crate) fn toml(text: &str) -> Result<Node, SyntaxError> {
    let line_of = |offset: usize| {
        let before = text.get(..offset).unwrap_or(text);
        before.matches('\n').count().saturating_add(1)
    };
    let table = DeTable::parse(text).map_err(|error| SyntaxError {
        line: error.span().map_or(1, |span| line_of(span.start)),
        reason: error.message().split_whitespace().collect::<Vec<_>>().join(" "),
    })?;
    let line = line_of(table.span().start);
    Ok(toml_table(line, table.get_ref(), &line_of))
}

fn toml_table(line: usize, table: &DeTable<'_>, line_of: &impl Fn(usize) -> usize) -> Node {
    let fields = table
        .iter()
        .map(|(key, value)| Field {
            line: line_of(key.span().start),
            key: key.get_ref().to_string(),
            value: toml_value(line_of(value.span().start), value.get_ref(), line_of),
        })
        .collect();
    Node { line, is_literal_block: false, content: Content::Map(fields) }
}

fn toml_value(line: usize, value: &DeValue<'_>, line_of: &impl Fn(usize) -> usize) -> Node {
    let scalar = |value: Value| Node { line, is_literal_block: false, content: Content::Scalar(value) };
    match value {
        DeValue::String(text) => scalar(Value::String(text.to_string())),
        DeValue::Boolean(value) => scalar(Value::Bool(*value)),
        DeValue::Integer(integer) => {
            scalar(i64::from_str_radix(integer.as_str(), integer.radix()).map_or(Value::Null, Value::from))
        }
        DeValue::Float(float) => {
            scalar(float.as_str().parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number))
        }
        // No key of the program is a date.
        DeValue::Datetime(date) => scalar(Value::String(date.to_string())),
        DeValue::Array(items) => {
            let items = items.iter();
            let items = items.map(|item| toml_value(line_of(item.span().start), item.get_ref(), line_of));
            Node { line, is_literal_block: false, content: Content::List(items.collect()) }
        }
        DeValue::Table(table) => toml_table(line, table, line_of),
    }
}

/// Lower-cases the keys of all maps, as the server does it with config files and entries.
pub(crate) fn lower_keys(node: &Node) -> Value {
    match &node.content {
        Content::Scalar(value) => value.clone(),
        Content::List(items) => Value::Array(items.iter().map(lower_keys).collect()),
        Content::Map(fields) => {
            let fields = fields.iter().map(|field| (field.key.to_lowercase(), lower_keys(&field.value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn line(node: &Node, path: &[&str]) -> usize {
        let mut node = node;
        for step in path {
            node = match step.parse::<usize>() {
                Ok(index) => &node.items()[index],
                Err(_) => node.get(step).unwrap(),
            };
        }
        node.line
    }

    #[test]
    fn every_value_of_every_document_knows_its_line() {
        let text = "# a comment\n---\nkind: A\nspec:\n  arn: x\n  groups:\n  - one\n  - two\n---\n# nothing\n---\n\nkind: B\n\
                    spec: {arn: y,\n  username: z}\n...\n";
        let documents: Vec<Node> = yaml(text).into_iter().map(Result::unwrap).collect();
        assert_eq!(documents.len(), 2, "{documents:?}");
        for (path, expected) in [
            (&["kind"][..], 3),
            (&["spec", "arn"], 5),
            (&["spec", "groups", "0"], 7),
            (&["spec", "groups", "1"], 8),
        ] {
            assert_eq!(line(&documents[0], path), expected, "{path:?}");
        }
        for (path, expected) in [(&["kind"][..], 13), (&["spec", "arn"], 14), (&["spec", "username"], 15)] {
            assert_eq!(line(&documents[1], path), expected, "{path:?}");
        }
        let keys: Vec<usize> = documents[0].fields().iter().map(|field| field.line).collect();
        assert_eq!(keys, [3, 4]);
    }

    #[test]
    fn a_text_inside_a_document_has_the_lines_of_the_file() {
        let text = "kind: ConfigMap\ndata:\n  mapRoles: |  # roles\n\n    - rolearn: a\n      username: b\n    - rolearn: c\n  \
                    mapUsers: \"- userarn: d\\n- userarn: e\\n\"\n  mapAccounts: >-\n    [\"1\",\n    \"2\"]\n";
        let document = yaml(text).remove(0).unwrap();
        let data = document.get("data").unwrap();
        let roles = data.get("mapRoles").unwrap().embedded().unwrap().unwrap();
        assert_eq!((line(&roles, &["0", "rolearn"]), line(&roles, &["1", "rolearn"])), (5, 7));
        assert_eq!(line(&roles, &["0", "username"]), 6);
        let users = data.get("mapUsers").unwrap().embedded().unwrap().unwrap();
        assert_eq!(line(&users, &["1", "userarn"]), 8);
        let accounts = data.get("mapAccounts").unwrap().embedded().unwrap().unwrap();
        assert_eq!(accounts.items().len(), 2);
    }

    #[test]
    fn a_document_that_cannot_be_read_leaves_the_others() {
        let documents = yaml("a: 1\n---\nb: [\n---\nc: 3\na: 4\na: 5\n---\nd: 6\n");
        let errors: Vec<usize> =
            documents.iter().filter_map(|document| Some(document.as_ref().err()?.line)).collect();
        assert_eq!(documents.len(), 4, "{documents:?}");
        assert!(
            errors.len() == 2 && (2..=4).contains(&errors[0]) && (5..=7).contains(&errors[1]),
            "{errors:?}"
        );
        assert_eq!(line(documents[3].as_ref().unwrap(), &["d"]), 9);
    }

    #[test]
    fn json_is_read_with_tabs_and_knows_its_lines() {
        let text = "{\n\t\"mapRoles\": [\n\t\t{\"rolearn\": \"a\"},\n\t\t{\n\t\t\t\"rolearn\": \"b\\u0041\"\n\t\t}\n\t]\n}\n";
        let document = yaml(text).remove(0).unwrap();
        assert_eq!(line(&document, &["mapRoles", "1", "rolearn"]), 5);
        assert_eq!(document.value(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_list_of_many_thousand_mappings_is_read() {
        let text = format!("[{}0]", "0,\n".repeat(300_000));
        assert_eq!(yaml(&text).remove(0).unwrap().items().last().unwrap().line, 300_001);
    }

    #[test]
    fn toml_knows_its_lines() {
        let text = "clusterID = 'c'\n[server]\nport = 1\n[[server.mapRoles]]\nrolearn = 'a'\n[[server.mapRoles]]\n\
                    rolearn = 'b'\ngroups = ['g']\n";
        let document = toml(text).unwrap();
        assert_eq!(line(&document, &["server", "mapRoles", "1", "rolearn"]), 7);
        assert_eq!(line(&document, &["server", "mapRoles", "1", "groups", "0"]), 8);
        assert_eq!(toml("a = 1\nb = =\n").unwrap_err().line, 2);
    }
}
