//! Changes a kubeconfig's text at the places that are to change, and nowhere else.
//!
//! The text is edited, not written anew, so that comments, order and layout stay. What came out is read again and
//! compared, value by value, with what should have come out: a text that would say anything else is never given.

use std::ops::Range;

use super::Section;
use super::document::{self, Kind, Node};
use super::merge_error::MergeError;
use super::yaml::{self, Layout, Yaml};

/// A change of one list.
#[derive(Debug)]
pub(super) enum Change {
    /// The element at that place becomes another one.
    Replace(usize, Yaml),
    /// One more at the end.
    Add(Yaml),
}

/// What is to change.
#[derive(Debug)]
pub(super) struct Changes {
    /// For each of [`Section::ALL`].
    pub(super) sections: [Vec<Change>; 3],
    pub(super) current_context: Option<String>,
}

struct Edit {
    range: Range<usize>,
    new: String,
}

/// The text with the changes in it.
pub(super) fn apply(
    text: &str,
    root: &Node,
    changes: &Changes,
    line_break: &str,
) -> Result<String, MergeError> {
    let editor = Editor { text, root, layout: Layout { step: 2, line_break } };
    let new = editor.edited(changes)?;
    match document::parse(&new) {
        Ok(Some(read)) if read.same(&expected(root, changes)) => Ok(new),
        _ => Err(MergeError::Shape("its layout is unusual")),
    }
}

/// What the changed text has to say.
fn expected(root: &Node, changes: &Changes) -> Node {
    let mut root = root.clone();
    for (section, changes) in Section::ALL.into_iter().zip(&changes.sections) {
        if changes.is_empty() {
            continue;
        }
        with_value(&mut root, section.key(), |list| {
            if list.is_null() {
                *list = Node::of(&Yaml::List(Vec::new()));
            }
            let Kind::List { items, .. } = &mut list.kind else { return };
            for change in changes {
                match change {
                    Change::Replace(at, value) => {
                        if let Some(item) = items.get_mut(*at) {
                            *item = Node::of(value);
                        }
                    }
                    Change::Add(value) => items.push(Node::of(value)),
                }
            }
        });
    }
    if let Some(context) = &changes.current_context {
        let wanted = Node::of(&Yaml::text(context.as_str()));
        with_value(&mut root, "current-context", |value| *value = wanted);
    }
    root
}

/// Changes the value of a key, which is put at the end of the mapping where there is none yet.
fn with_value(root: &mut Node, key: &str, change: impl FnOnce(&mut Node)) {
    let Kind::Map { entries, .. } = &mut root.kind else { return };
    match entries.iter_mut().find(|(known, _)| known.text() == Some(key)) {
        Some((_, value)) => change(value),
        None => {
            let mut value = Node::of(&Yaml::Bare("null".to_owned()));
            change(&mut value);
            entries.push((Node::of(&Yaml::text(key)), value));
        }
    }
}

struct Editor<'a> {
    text: &'a str,
    root: &'a Node,
    layout: Layout<'a>,
}

impl Editor<'_> {
    fn edited(&self, changes: &Changes) -> Result<String, MergeError> {
        let mut edits = Vec::new();
        let mut absent: Vec<(String, Yaml)> = Vec::new();
        for (section, changes) in Section::ALL.into_iter().zip(&changes.sections) {
            if changes.is_empty() {
                continue;
            }
            match self.root.entry(section.key()) {
                Some((key, list)) => self.change_list(key, list, changes, &mut edits)?,
                None => absent.push((section.key().to_owned(), Yaml::List(added(changes)))),
            }
        }
        if let Some(context) = &changes.current_context {
            match self.root.entry("current-context") {
                Some((key, value)) => edits.push(self.change_text(key, value, context)?),
                None => absent.push(("current-context".to_owned(), Yaml::text(context.as_str()))),
            }
        }
        if !absent.is_empty() {
            edits.push(self.append(&absent)?);
        }
        self.replace(edits)
    }

    /// Puts the new texts into the places of the old, from the end to the beginning.
    fn replace(&self, mut edits: Vec<Edit>) -> Result<String, MergeError> {
        let unusual = MergeError::Shape("two changes meet");
        // Of two at one place the later one in the list stands behind: it is put in first.
        edits.reverse();
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.range.start));
        let mut new = self.text.to_owned();
        let mut limit = new.len();
        for edit in edits {
            let good = edit.range.end <= limit
                && edit.range.start <= edit.range.end
                && new.is_char_boundary(edit.range.start)
                && new.is_char_boundary(edit.range.end);
            if !good {
                return Err(unusual);
            }
            limit = edit.range.start;
            new.replace_range(edit.range, &edit.new);
        }
        Ok(new)
    }

    fn change_list(
        &self,
        key: &Node,
        list: &Node,
        changes: &[Change],
        edits: &mut Vec<Edit>,
    ) -> Result<(), MergeError> {
        let items = list.items();
        match (&list.kind, items.last()) {
            (Kind::List { flow: false, .. }, Some(last)) => {
                self.change_block(key, items, last, changes, edits)
            }
            (Kind::List { .. }, Some(last)) => {
                self.change_flow(items, last, changes, edits);
                Ok(())
            }
            // Nothing is there yet: [], null, or no value at all.
            _ => self.fill(key, list, changes, edits),
        }
    }

    fn change_block(
        &self,
        key: &Node,
        items: &[Node],
        last: &Node,
        changes: &[Change],
        edits: &mut Vec<Edit>,
    ) -> Result<(), MergeError> {
        let mut floor = key.end;
        let mut dashes = Vec::new();
        for item in items {
            dashes.push(self.dash_of(item, floor)?);
            floor = item.end;
        }
        let column = dashes.first().map_or(0, |dash| dash.saturating_sub(self.line_start(*dash)));
        for change in changes {
            if let Change::Replace(at, value) = change
                && let (Some(dash), Some(item)) = (dashes.get(*at), items.get(*at))
            {
                let new = yaml::items(std::slice::from_ref(value), column, self.layout)?;
                let range = *dash..self.line_end(item.end);
                edits.push(Edit { range, new: new.trim().to_owned() });
            }
        }
        let added = added(changes);
        if !added.is_empty() {
            let at = self.line_end(last.end);
            edits.push(Edit {
                range: at..at,
                new: self.lines_after(&yaml::items(&added, column, self.layout)?),
            });
        }
        Ok(())
    }

    fn change_flow(&self, items: &[Node], last: &Node, changes: &[Change], edits: &mut Vec<Edit>) {
        // Each on a line of its own, where the others stand so.
        let start = self.line_start(last.start);
        let before = self.text.get(start..last.start).unwrap_or_default();
        let separator = match before.trim_matches([' ', '\t']).is_empty() {
            true => format!(",{}{before}", self.layout.line_break),
            false => ", ".to_owned(),
        };
        for change in changes {
            match change {
                Change::Replace(at, value) => edits.extend(
                    items.get(*at).map(|item| Edit { range: item.start..item.end, new: yaml::json(value) }),
                ),
                Change::Add(value) => edits.push(Edit {
                    range: last.end..last.end,
                    new: format!("{separator}{}", yaml::json(value)),
                }),
            }
        }
    }

    fn fill(
        &self,
        key: &Node,
        list: &Node,
        changes: &[Change],
        edits: &mut Vec<Edit>,
    ) -> Result<(), MergeError> {
        let written = list.start < list.end;
        let added = added(changes);
        if self.is_flow() {
            if !written {
                return Err(MergeError::Shape("a key has no value"));
            }
            edits.push(Edit { range: list.start..list.end, new: yaml::json(&Yaml::List(added)) });
            return Ok(());
        }
        let mut end = key.end;
        if written {
            end = list.end;
            let before = self.text.get(key.end..list.start).unwrap_or_default();
            let blanks = before.len().saturating_sub(before.trim_end_matches(' ').len());
            // The blank before the value goes with it, unless a comment follows.
            let alone = self.line_end(end) == end;
            let start = if alone { list.start.saturating_sub(blanks) } else { list.start };
            edits.push(Edit { range: start..end, new: String::new() });
        }
        let at = self.line_end(end);
        let lines = yaml::items(&added, key.column, self.layout)?;
        edits.push(Edit { range: at..at, new: self.lines_after(&lines) });
        Ok(())
    }

    fn change_text(&self, key: &Node, value: &Node, new: &str) -> Result<Edit, MergeError> {
        let quoted = matches!(value.kind, Kind::Scalar { quoted: true, .. }) || self.is_flow();
        let new = if quoted { yaml::json_text(new) } else { yaml::scalar(new)? };
        if value.start < value.end {
            return Ok(Edit { range: value.start..value.end, new });
        }
        let rest = self.text.get(key.end..).unwrap_or_default();
        let colon = rest.find(':').ok_or(MergeError::Shape("a key has no value"))?;
        let at = key.end.saturating_add(colon).saturating_add(1);
        Ok(Edit { range: at..at, new: format!(" {new}") })
    }

    /// Keys that the document does not have, at its end.
    fn append(&self, absent: &[(String, Yaml)]) -> Result<Edit, MergeError> {
        let Kind::Map { entries, flow } = &self.root.kind else {
            return Err(MergeError::Shape("it is no mapping"));
        };
        if *flow {
            let pairs: Vec<String> = absent
                .iter()
                .map(|(key, value)| format!("{}: {}", yaml::json_text(key), yaml::json(value)))
                .collect();
            let pairs = pairs.join(", ");
            return Ok(match entries.last() {
                Some((_, last)) => Edit { range: last.end..last.end, new: format!(", {pairs}") },
                None => Edit { range: self.root.start..self.root.end, new: format!("{{{pairs}}}") },
            });
        }
        let (column, end) = match (entries.first(), entries.last()) {
            (Some((first, _)), Some((key, last))) => (first.column, last.end.max(key.end)),
            _ => return Err(MergeError::Shape("it is no mapping")),
        };
        let mut lines = String::new();
        for (key, value) in absent {
            match value {
                // As kubectl writes them: the elements not further in than the key.
                Yaml::List(list) => {
                    lines.push_str(&" ".repeat(column));
                    lines.push_str(key);
                    lines.push(':');
                    lines.push_str(self.layout.line_break);
                    lines.push_str(&yaml::items(list, column, self.layout)?);
                }
                other => {
                    let entry = [(key.clone(), other.clone())];
                    lines.push_str(&yaml::entries(&entry, column, self.layout)?);
                }
            }
        }
        let at = self.line_end(end);
        Ok(Edit { range: at..at, new: self.lines_after(&lines) })
    }

    fn is_flow(&self) -> bool {
        matches!(self.root.kind, Kind::Map { flow: true, .. })
    }

    /// Lines, to be put at the end of another one.
    fn lines_after(&self, lines: &str) -> String {
        let line_break = self.layout.line_break;
        format!("{line_break}{}", lines.strip_suffix(line_break).unwrap_or(lines))
    }

    fn line_start(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        before.rfind('\n').map_or(0, |at| at.saturating_add(1))
    }

    /// Where the line ends that holds the last character before `at`, its comment included.
    fn line_end(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        let at = before.trim_end_matches(['\n', '\r']).len();
        let rest = self.text.get(at..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        at.saturating_add(line.strip_suffix('\r').unwrap_or(line).len())
    }

    /// Where the dash of an element stands: the first sign of its line, at or above the element's beginning.
    fn dash_of(&self, item: &Node, floor: usize) -> Result<usize, MergeError> {
        let mut at = item.start;
        loop {
            let start = self.line_start(at);
            let line = self.text.get(start..).unwrap_or_default();
            let blanks = line.len().saturating_sub(line.trim_start_matches(' ').len());
            let dash = start.saturating_add(blanks);
            if dash >= floor
                && dash <= item.start
                && self.text.get(dash..).is_some_and(|rest| rest.starts_with('-'))
            {
                return Ok(dash);
            }
            if start <= floor || start == 0 {
                return Err(MergeError::Shape("an entry does not begin on a line of its own"));
            }
            at = start.saturating_sub(1);
        }
    }
}

fn added(changes: &[Change]) -> Vec<Yaml> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::Add(value) => Some(value.clone()),
            Change::Replace(..) => None,
        })
        .collect()
}
