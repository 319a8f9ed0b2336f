//! Kubeconfigs: what is written into them, and how.
//!
//! Source: the Kubernetes page "kubeconfig (v1)" of the client configuration reference.

pub(crate) mod ack;
mod document;
mod edit;
mod exec;
mod expiration;
mod file;
mod merge;
mod merge_error;
mod server;
mod yaml;

pub(crate) use exec::{Login, exec_user};
pub(crate) use expiration::{Expiration, parse as parse_duration};
pub(crate) use file::merge_into;
pub(crate) use server::{check_address, read_ca};
pub(crate) use yaml::Yaml;
use yaml::{Layout, Unwritable};

/// The three lists of a kubeconfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Clusters,
    Contexts,
    Users,
}

impl Section {
    pub(crate) const ALL: [Self; 3] = [Self::Clusters, Self::Contexts, Self::Users];

    /// The list's key.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Contexts => "contexts",
            Self::Users => "users",
        }
    }

    /// The key of an entry's body.
    pub(crate) fn body_key(self) -> &'static str {
        match self {
            Self::Clusters => "cluster",
            Self::Contexts => "context",
            Self::Users => "user",
        }
    }
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// A mapping.
    pub(crate) body: Yaml,
}

/// A kubeconfig that this program writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kubeconfig {
    pub(crate) clusters: Vec<Entry>,
    pub(crate) contexts: Vec<Entry>,
    pub(crate) users: Vec<Entry>,
    pub(crate) current_context: String,
    /// Everything else at the top, `preferences` first.
    pub(crate) others: Vec<(String, Yaml)>,
}

impl Kubeconfig {
    pub(crate) fn section(&self, section: Section) -> &[Entry] {
        match section {
            Section::Clusters => &self.clusters,
            Section::Contexts => &self.contexts,
            Section::Users => &self.users,
        }
    }

    /// As YAML, its keys in the order and with the indentation of the public tool.
    pub(crate) fn render(&self, line_break: &str) -> Result<String, Unwritable> {
        let list = |section: Section| {
            let entries = self.section(section).iter().map(|entry| section.entry(entry)).collect();
            (section.key().to_owned(), Yaml::List(entries))
        };
        let mut top = vec![
            ("kind".to_owned(), Yaml::text("Config")),
            ("apiVersion".to_owned(), Yaml::text("v1")),
            list(Section::Clusters),
            list(Section::Contexts),
            ("current-context".to_owned(), Yaml::text(self.current_context.as_str())),
            list(Section::Users),
        ];
        top.extend(self.others.iter().cloned());
        yaml::entries(&top, 0, Layout { step: 4, line_break })
    }
}

impl Section {
    /// The entry as it stands in the list.
    fn entry(self, entry: &Entry) -> Yaml {
        Yaml::Map(vec![
            ("name".to_owned(), Yaml::text(entry.name.as_str())),
            (self.body_key().to_owned(), entry.body.clone()),
        ])
    }
}
