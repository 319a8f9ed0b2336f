//! Puts a cluster, its user and its context into a kubeconfig that somebody else wrote.

use super::document::{self, Kind, Node};
use super::edit::{self, Change, Changes};
use super::merge_error::MergeError;
use super::yaml::Yaml;
use super::{Entry, Kubeconfig, Section};
use crate::cluster_id::ClusterId;

const BYTE_ORDER_MARK: char = '\u{feff}';
const PROGRAM: &str = "ack-ram-tool";

/// A kubeconfig with the new entries in it.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) text: String,
    /// The name that the context got.
    pub(crate) context: String,
}

/// Merges `ours` into `text`, and changes nothing else in it: comments, order, layout and unknown keys stay.
///
/// An entry of the same name is replaced where it belongs to the same cluster: a user who calls this program for that
/// cluster, a context of such a user, a cluster with the same address or with such a context. Where it belongs to
/// something else, ours gets another name. A context keeps what ours does not say, its namespace for instance.
///
/// # Errors
/// [`MergeError`]: the text cannot be merged into, in which case it has to stay as it is.
pub(crate) fn merge(
    text: &str,
    ours: &Kubeconfig,
    id: &ClusterId,
    keep_current_context: bool,
) -> Result<Merged, MergeError> {
    let (mark, body) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let line_break = if body.contains("\r\n") { "\r\n" } else { "\n" };
    let context = ours.current_context.clone();
    let (new, context) = match document::parse(body)?.filter(|root| !root.is_null()) {
        None => (on_nothing(body, ours, line_break)?, context),
        Some(root) => {
            let file = File::read(&root)?;
            let named = file.name(ours, id)?;
            let context = named.current_context.clone();
            let changes = file.changes(&named, keep_current_context);
            (edit::apply(body, &root, &changes, line_break)?, context)
        }
    };
    let text = if mark { format!("{BYTE_ORDER_MARK}{new}") } else { new };
    Ok(Merged { text, context })
}

/// Ours below what an empty file has: comments, or nothing.
fn on_nothing(body: &str, ours: &Kubeconfig, line_break: &str) -> Result<String, MergeError> {
    let mut new = body.to_owned();
    if !new.is_empty() && !new.ends_with('\n') {
        new.push_str(line_break);
    }
    new.push_str(&ours.render(line_break)?);
    match document::parse(&new) {
        Ok(Some(_)) => Ok(new),
        _ => Err(MergeError::Shape("something stands before an empty document")),
    }
}

/// What is known of the file.
struct File<'a> {
    root: &'a Node,
    /// For each entry of each section: its name, and its body.
    sections: [Vec<(&'a str, Option<&'a Node>)>; 3],
}

impl<'a> File<'a> {
    fn read(root: &'a Node) -> Result<Self, MergeError> {
        if !matches!(root.kind, Kind::Map { .. }) {
            return Err(MergeError::NoKubeconfig("it is no mapping"));
        }
        let says = |key: &str, wanted: &str| {
            root.get(key).is_none_or(|value| value.is_null() || value.text() == Some(wanted))
        };
        if !says("kind", "Config") {
            return Err(MergeError::NoKubeconfig("its kind is not Config"));
        }
        if !says("apiVersion", "v1") {
            return Err(MergeError::NoKubeconfig("its apiVersion is not v1"));
        }
        if root.get("current-context").is_some_and(|value| value.text().is_none()) {
            return Err(MergeError::NoKubeconfig("its current-context is no text"));
        }
        // A list that comes from there would be hidden by one of ours.
        if root.get("<<").is_some() {
            return Err(MergeError::Shape("it has a merge key (<<) at the top"));
        }
        let mut sections = [Vec::new(), Vec::new(), Vec::new()];
        for (section, entries) in Section::ALL.into_iter().zip(&mut sections) {
            *entries = read_section(root, section)?;
        }
        Ok(Self { root, sections })
    }

    fn entries(&self, section: Section) -> &[(&'a str, Option<&'a Node>)] {
        let [clusters, contexts, users] = &self.sections;
        match section {
            Section::Clusters => clusters,
            Section::Contexts => contexts,
            Section::Users => users,
        }
    }

    fn find(&self, section: Section, name: &str) -> Option<Option<&'a Node>> {
        self.entries(section).iter().find(|(known, _)| *known == name).map(|(_, body)| *body)
    }

    /// Whether the user of that name logs in to this cluster through this program.
    fn is_our_user(&self, name: &str, id: &ClusterId) -> bool {
        self.find(Section::Users, name)
            .flatten()
            .and_then(|body| body.get("exec"))
            .is_some_and(|exec| calls_us(exec, id))
    }

    fn is_our_context(&self, body: Option<&Node>, id: &ClusterId) -> bool {
        let user = body.and_then(|body| body.get("user")).and_then(Node::text);
        user.is_some_and(|user| self.is_our_user(user, id))
    }

    fn is_our_cluster(&self, name: &str, body: Option<&Node>, ours: &Entry, id: &ClusterId) -> bool {
        let server = body.and_then(|body| body.get("server")).and_then(Node::text);
        if server.is_some() && server == ours.body.get("server").and_then(Yaml::as_text) {
            return true;
        }
        self.entries(Section::Contexts).iter().any(|(_, context)| {
            let cluster = context.and_then(|context| context.get("cluster")).and_then(Node::text);
            cluster == Some(name) && self.is_our_context(*context, id)
        })
    }

    /// Ours, with names under which they can stand in the file.
    fn name(&self, ours: &Kubeconfig, id: &ClusterId) -> Result<Kubeconfig, MergeError> {
        let mut named = ours.clone();
        let mut clusters = Vec::new();
        for entry in &mut named.clusters {
            let original = entry.clone();
            entry.name = self.choose(Section::Clusters, &original.name, id, |name, body| {
                self.is_our_cluster(name, body, &original, id)
            })?;
            clusters.push((original.name, entry.name.clone()));
        }
        let mut users = Vec::new();
        for entry in &mut named.users {
            let original = entry.name.clone();
            entry.name = self.choose(Section::Users, &original, id, |name, _| self.is_our_user(name, id))?;
            users.push((original, entry.name.clone()));
        }
        for entry in &mut named.contexts {
            let original = entry.name.clone();
            entry.name =
                self.choose(Section::Contexts, &original, id, |_, body| self.is_our_context(body, id))?;
            rename(&mut entry.body, "cluster", &clusters);
            rename(&mut entry.body, "user", &users);
            let kept = self.find(Section::Contexts, &entry.name).flatten().and_then(Node::value);
            keep_unsaid(&mut entry.body, kept);
            if original == ours.current_context {
                named.current_context.clone_from(&entry.name);
            }
        }
        Ok(named)
    }

    /// A name that is ours already, else one that is free.
    fn choose(
        &self,
        section: Section,
        name: &str,
        id: &ClusterId,
        is_ours: impl Fn(&str, Option<&Node>) -> bool,
    ) -> Result<String, MergeError> {
        let mut candidates = vec![name.to_owned()];
        if !name.contains(id.as_str()) {
            candidates.push(format!("{name}-{id}"));
        }
        candidates.push(format!("{PROGRAM}-{id}"));
        let known = |candidate: &String| self.find(section, candidate);
        let ours = candidates.iter().find(|name| known(name).is_some_and(|body| is_ours(name, body)));
        match ours.or_else(|| candidates.iter().find(|name| known(name).is_none())) {
            Some(name) => Ok(name.clone()),
            None => Err(MergeError::Taken { section: section.key(), names: candidates.join(", ") }),
        }
    }

    fn changes(&self, named: &Kubeconfig, keep_current_context: bool) -> Changes {
        let mut sections = [Vec::new(), Vec::new(), Vec::new()];
        for (section, changes) in Section::ALL.into_iter().zip(&mut sections) {
            for entry in named.section(section) {
                let value = section.entry(entry);
                let at = self.entries(section).iter().position(|(name, _)| *name == entry.name);
                let old = at.and_then(|at| self.root.get(section.key())?.items().get(at));
                match (at, old) {
                    (Some(at), Some(old)) if !says(old, &value) => changes.push(Change::Replace(at, value)),
                    (Some(_), _) => {}
                    (None, _) => changes.push(Change::Add(value)),
                }
            }
        }
        let current = self.root.get("current-context").and_then(Node::text);
        let current_context = (!keep_current_context && current != Some(&named.current_context))
            .then(|| named.current_context.clone());
        Changes { sections, current_context }
    }
}

/// Whether an entry says what it should, its keys in whatever order. kubectl writes `null` for what is not there.
fn says(old: &Node, wanted: &Yaml) -> bool {
    fn said(entries: &[(String, Yaml)]) -> impl Iterator<Item = &(String, Yaml)> {
        entries.iter().filter(|(_, value)| !matches!(value, Yaml::Bare(text) if text == "null"))
    }
    fn equal(one: &Yaml, other: &Yaml) -> bool {
        match (one, other) {
            (Yaml::Map(entries), Yaml::Map(others)) => {
                said(entries).count() == said(others).count()
                    && said(entries)
                        .all(|(key, value)| other.get(key).is_some_and(|other| equal(value, other)))
            }
            (Yaml::List(items), Yaml::List(others)) => {
                items.len() == others.len() && items.iter().zip(others).all(|(one, other)| equal(one, other))
            }
            _ => one == other,
        }
    }
    old.value().is_some_and(|old| equal(&old, wanted))
}

fn read_section(root: &Node, section: Section) -> Result<Vec<(&str, Option<&Node>)>, MergeError> {
    let items = match root.get(section.key()) {
        None => return Ok(Vec::new()),
        Some(value) if value.is_null() => return Ok(Vec::new()),
        Some(Node { kind: Kind::List { items, .. }, .. }) => items,
        Some(_) => return Err(MergeError::NoKubeconfig("its clusters, contexts or users are no list")),
    };
    let mut entries: Vec<(&str, Option<&Node>)> = Vec::new();
    for item in items {
        let Some(name) = item.get("name").and_then(Node::text) else {
            return Err(MergeError::Shape("an entry has no name of its own"));
        };
        if entries.iter().any(|(known, _)| *known == name) {
            let name = name.chars().take(64).collect();
            return Err(MergeError::TwoOfAName { section: section.key(), name });
        }
        entries.push((name, item.get(section.body_key())));
    }
    Ok(entries)
}

/// Whether an exec section calls this program for this cluster.
fn calls_us(exec: &Node, id: &ClusterId) -> bool {
    let command = exec.get("command").and_then(Node::text).unwrap_or_default();
    let name = command.rsplit(['/', '\\']).next().unwrap_or_default();
    let arguments: Vec<&str> =
        exec.get("args").map(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect();
    name.strip_suffix(".exe").unwrap_or(name) == PROGRAM
        && (arguments.iter().any(|argument| argument.strip_prefix("--cluster-id=") == Some(id.as_str()))
            || arguments
                .windows(2)
                .any(|pair| matches!(pair, ["--cluster-id" | "-c", value] if *value == id.as_str())))
}

fn rename(body: &mut Yaml, key: &str, names: &[(String, String)]) {
    let Yaml::Map(entries) = body else { return };
    for (_, value) in entries.iter_mut().filter(|(name, _)| name == key) {
        if let Some((_, new)) = names.iter().find(|(old, _)| Some(old.as_str()) == value.as_text()) {
            *value = Yaml::text(new.as_str());
        }
    }
}

/// What people add to a context, its namespace for instance, stays.
fn keep_unsaid(body: &mut Yaml, old: Option<Yaml>) {
    let (Yaml::Map(entries), Some(Yaml::Map(old))) = (body, old) else { return };
    for (key, value) in old {
        if !entries.iter().any(|(known, _)| *known == key) {
            entries.push((key, value));
        }
    }
}

#[cfg(test)]
mod tests;
