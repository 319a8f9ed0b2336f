//! From documents to mappings: which of them the authenticator reads, as what, and what is wrong with their form.

use std::sync::Arc;

use identity::pattern::AnyAccount;
use identity::{Rule, RuleArn, Source};
use serde_json::Value;

use super::document::{self, Content, Field, Node};
use super::entry::{Entry, Layer, Section, Text};
use super::finding::{Code, Finding, Place};
use super::problem;
use super::source::{self, Document};
use crate::config::file::{self as config_file, ContentError};
use crate::mappings::{BackendMode, MapAccount, MapRole, MapUser};

const GROUP: &str = "ramauthenticator.k8s.alibabacloud";
const API_VERSION: &str = "ramauthenticator.k8s.alibabacloud/v1alpha1";
const KIND: &str = "RAMIdentityMapping";
const CONFIG_MAP: (&str, &str) = ("kube-system", "alibabacloud-auth");
const SECTIONS: [(&str, Section); 3] =
    [("mapRoles", Section::Roles), ("mapUsers", Section::Users), ("mapAccounts", Section::Accounts)];

/// All that is written, in the order in which it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) entries: Vec<Entry>,
    pub(crate) findings: Vec<Finding>,
    /// `server.backendMode` of a configuration file among the documents.
    pub(crate) backend_mode: Option<Vec<String>>,
}

/// Finds the mappings.
pub(crate) fn gather(documents: &[Document], any_account: AnyAccount) -> Gathered {
    let mut gatherer = Gatherer { any_account, out: Gathered::default() };
    for document in documents {
        gatherer.document(document);
    }
    gatherer.out
}

struct Gatherer {
    any_account: AnyAccount,
    out: Gathered,
}

impl Gatherer {
    fn find(&mut self, file: &Arc<str>, line: usize, code: Code, object: &str, message: String) {
        let place = Place { file: Arc::clone(file), line };
        self.out.findings.push(Finding { place, code, object: object.to_owned(), message });
    }

    fn document(&mut self, document: &Document) {
        let (file, node) = (&document.file, &document.node);
        let api_version = node.get("apiVersion").and_then(Node::text).unwrap_or_default();
        let kind = node.get("kind").and_then(Node::text).unwrap_or_default();
        let has_section = |node: &Node| SECTIONS.iter().any(|(key, _)| node.get_any_case(key).is_some());
        if kind == "List" || kind == "RAMIdentityMappingList" {
            for item in node.get("items").map(Node::items).unwrap_or_default() {
                self.document(&Document { node: item.clone(), was_named: false, ..document.clone() });
            }
        } else if kind.eq_ignore_ascii_case(KIND) || api_version.split('/').next() == Some(GROUP) {
            self.object(file, node, api_version, kind);
        } else if kind == "ConfigMap" {
            self.config_map(file, node);
        } else if !kind.is_empty() || !api_version.is_empty() {
            // Another Kubernetes object: none of our business.
        } else if node.get_any_case("server").is_some() || node.get_any_case("clusterID").is_some() {
            self.config_file(file, node);
        } else if has_section(node) {
            self.dynamic_file(file, node);
        } else if document.was_named {
            let message = "there is no mapping in it: neither a RAMIdentityMapping, ConfigMap \
                           kube-system/alibabacloud-auth, configuration file nor file of DynamicFile";
            self.find(file, node.line, Code::NotRead, "", message.to_owned());
        }
    }

    fn object(&mut self, file: &Arc<str>, node: &Node, api_version: &str, kind: &str) {
        let ends = node.get("metadata").and_then(|metadata| metadata.get("deletionTimestamp"));
        if ends.is_some_and(|time| !time.is_null()) {
            // It matches nobody any more.
            return;
        }
        let name = node.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::text);
        let label = format!("{KIND} {}", name.unwrap_or("without a name").escape_debug());
        let line_of = |key: &str| {
            node.fields().iter().find(|field| field.key == key).map_or(node.line, |field| field.line)
        };
        if kind != KIND {
            let message = format!("the kind is {kind:?}: write {KIND}, spelt exactly so");
            self.find(file, line_of("kind"), Code::NotRead, &label, message);
        }
        if api_version != API_VERSION {
            let message = format!("the apiVersion is {api_version:?}: write {API_VERSION}");
            self.find(file, line_of("apiVersion"), Code::NotRead, &label, message);
        }
        match name {
            None => {
                let message = "metadata.name is missing: write it".to_owned();
                self.find(file, line_of("metadata"), Code::Field, &label, message);
            }
            Some(name) if !is_object_name(name) => {
                let message = "metadata.name is no name for an object: write lower-case letters, digits, hyphens \
                               and dots, beginning and ending with a letter or digit";
                self.find(file, line_of("metadata"), Code::Field, &label, message.to_owned());
            }
            Some(_) => {}
        }
        self.unknown_fields(file, node, "", &["apiVersion", "kind", "metadata", "spec", "status"], &label);
        let spec = node.get("spec");
        if let Some(spec) = spec {
            self.unknown_fields(file, spec, "spec.", &["arn", "username", "groups", "principalID"], &label);
        }
        let mut entry = Entry {
            place: Place { file: Arc::clone(file), line: node.line },
            label,
            layer: Layer::Backend(BackendMode::Crd),
            section: Section::Object,
            arn: spec.and_then(|spec| text(spec.get("arn"))),
            username: spec.and_then(|spec| text(spec.get("username"))),
            groups: spec.map(|spec| texts(spec.get("groups"))).unwrap_or_default(),
            rule: None,
        };
        let source = Source::new(BackendMode::Crd.as_str(), name.unwrap_or_default());
        let created = node.get("metadata").and_then(|metadata| metadata.get("creationTimestamp"));
        let created = created.and_then(Node::text).and_then(|time| time.parse().ok());
        match resource::rule_from_object(source, created, &node.value(), self.any_account) {
            Ok(rule) => entry.rule = Some(Arc::new(rule)),
            Err(error) => {
                let line = spec.map_or(node.line, |spec| spec.line);
                self.out.findings.push(problem::of_object(&entry, line, &error));
            }
        }
        self.out.entries.push(entry);
    }

    fn unknown_fields(&mut self, file: &Arc<str>, node: &Node, prefix: &str, known: &[&str], label: &str) {
        for field in node.fields().iter().filter(|field| !known.contains(&field.key.as_str())) {
            let known = known.join(", ");
            let key = field.key.escape_debug();
            let message = format!("there is no field {prefix}{key}: the fields are {known}");
            self.find(file, field.line, Code::UnknownField, label, message);
        }
    }

    fn config_map(&mut self, file: &Arc<str>, node: &Node) {
        let metadata =
            |key: &str| node.get("metadata").and_then(|metadata| metadata.get(key)).and_then(Node::text);
        let (namespace, name) = (metadata("namespace"), metadata("name").unwrap_or_default());
        let data = node.get("data").map(Node::fields).unwrap_or_default();
        let is_ours = |field: &&Field| SECTIONS.iter().any(|(key, _)| field.key.eq_ignore_ascii_case(key));
        if name != CONFIG_MAP.1 && !data.iter().any(|field| is_ours(&field)) {
            return;
        }
        let label = format!("ConfigMap {}", name.escape_debug());
        if (namespace, name) != (Some(CONFIG_MAP.0), CONFIG_MAP.1) {
            let message = format!(
                "the authenticator reads {}/{} only: write this name and namespace",
                CONFIG_MAP.0, CONFIG_MAP.1
            );
            self.find(file, node.line, Code::NotRead, &label, message);
        }
        for field in data {
            let Some((key, section)) = SECTIONS.iter().find(|(key, _)| field.key == *key) else {
                let code = if is_ours(&field) { Code::NotRead } else { Code::UnreadKey };
                let key = field.key.escape_debug();
                let message =
                    format!("nobody reads data.{key}: the keys are mapRoles, mapUsers and mapAccounts");
                self.find(file, field.line, code, &label, message);
                continue;
            };
            if field.value.text().is_none() && !field.value.is_null() {
                let message = format!("data.{key} must be text: write `{key}: |` and the list below it");
                self.find(file, field.line, Code::Field, &label, message);
                continue;
            }
            match field.value.embedded() {
                Ok(None) => {}
                Ok(Some(list)) => {
                    let layer = Layer::Backend(BackendMode::AckConfigMap);
                    self.section(file, &list, layer, key, *section);
                }
                Err(error) => {
                    let label = format!("{label} data.{key}");
                    self.out.findings.push(source::syntax(file, &label, error));
                }
            }
        }
    }

    fn config_file(&mut self, file: &Arc<str>, node: &Node) {
        let line_of = |key: &str| line_of_key(node, key);
        match config_file::interpret(node.value()) {
            Ok(config) => {
                for key in &config.unknown {
                    let message = format!("nobody reads the key {key}");
                    self.find(file, line_of(key), Code::UnreadKey, "", message);
                }
                self.out.backend_mode = config.server.backend_mode;
            }
            // The entries are looked at one by one below.
            Err(ContentError::Mappings(..)) => {}
            Err(error) => {
                let line = match &error {
                    ContentError::Type { key, .. } | ContentError::SameKey(key) => line_of(key),
                    ContentError::BreakGlass(key) => line_of(&format!("server.breakGlass.{key}")),
                    _ => node.line,
                };
                self.find(file, line, Code::ConfigValue, "", error.to_string());
            }
        }
        let Some(server) = node.get_any_case("server") else { return };
        let layer = Layer::Backend(BackendMode::MountedFile);
        self.sections(file, server, layer, "server.", &SECTIONS);
        if let Some(break_glass) = server.get_any_case("breakGlass") {
            let [roles, users, _] = SECTIONS;
            self.sections(file, break_glass, Layer::BreakGlass, "server.breakGlass.", &[roles, users]);
        }
    }

    fn dynamic_file(&mut self, file: &Arc<str>, node: &Node) {
        let known = |field: &&Field| SECTIONS.iter().any(|(key, _)| field.key.eq_ignore_ascii_case(key));
        for field in node.fields().iter().filter(|field| !known(field)) {
            let message = format!("nobody reads the key {}", field.key.escape_debug());
            self.find(file, field.line, Code::UnreadKey, "", message);
        }
        self.sections(file, node, Layer::Backend(BackendMode::DynamicFile), "", &SECTIONS);
    }

    fn sections(
        &mut self,
        file: &Arc<str>,
        node: &Node,
        layer: Layer,
        prefix: &str,
        sections: &[(&str, Section)],
    ) {
        for (key, section) in sections {
            if let Some(list) = node.get_any_case(key) {
                self.section(file, list, layer, &format!("{prefix}{key}"), *section);
            }
        }
    }

    fn section(&mut self, file: &Arc<str>, list: &Node, layer: Layer, path: &str, section: Section) {
        match &list.content {
            Content::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.entry(file, item, layer, format!("{path}[{index}]"), section);
                }
            }
            Content::Scalar(Value::Null) => {}
            _ => self.find(file, list.line, Code::Field, path, "it must be a list".to_owned()),
        }
    }

    fn entry(&mut self, file: &Arc<str>, item: &Node, layer: Layer, label: String, section: Section) {
        let arn_key = match section {
            Section::Users => "userarn",
            _ => "rolearn",
        };
        if item.is_map() {
            for field in item.fields() {
                if ![arn_key, "username", "groups"].iter().any(|known| field.key.eq_ignore_ascii_case(known))
                {
                    let key = field.key.escape_debug();
                    let message =
                        format!("nobody reads the key {key}: an entry has {arn_key}, username and groups");
                    self.find(file, field.line, Code::UnreadKey, &label, message);
                }
            }
        }
        let mut entry = Entry {
            place: Place { file: Arc::clone(file), line: item.line },
            label,
            layer,
            section,
            arn: text(item.get_any_case(arn_key)),
            username: text(item.get_any_case("username")),
            groups: texts(item.get_any_case("groups")),
            rule: None,
        };
        match parse_entry(&entry, item, arn_key) {
            Ok(rule) => entry.rule = Some(Arc::new(rule)),
            Err(finding) => self.out.findings.push(*finding),
        }
        self.out.entries.push(entry);
    }
}

/// Reads an entry as the server does.
fn parse_entry(entry: &Entry, item: &Node, arn_key: &str) -> Result<Rule, Box<Finding>> {
    let field = |error: serde_json::Error| {
        Box::new(entry.finding(item.line, Code::Field, format!("the entry cannot be read: {error}")))
    };
    let value = document::lower_keys(item);
    let source = Source::new(entry.layer.name(), entry.label.as_str());
    let (arn, username, groups) = match entry.section {
        Section::Accounts => {
            let MapAccount(id) = serde_json::from_value(value).map_err(field)?;
            return Rule::for_account(source, &id)
                .map_err(|error| Box::new(problem::of_rule(entry, item.line, "", &error)));
        }
        Section::Users => {
            let MapUser { userarn, username, groups } = serde_json::from_value(value).map_err(field)?;
            (userarn, username, groups)
        }
        Section::Roles | Section::Object => {
            let MapRole { rolearn, username, groups } = serde_json::from_value(value).map_err(field)?;
            (rolearn, username, groups)
        }
    };
    if arn.is_empty() {
        let message =
            format!("there is no {arn_key}: write the ARN of the RAM user or role, or remove the entry");
        return Err(Box::new(entry.finding(entry.arn_line(), Code::Field, message)));
    }
    let wrong = |error| Box::new(problem::of_rule(entry, item.line, "", &error));
    let arn = RuleArn::parse_exact(&arn).map_err(|error| wrong(error.into()))?;
    Rule::new(source, arn, &username, &groups, None).map_err(wrong)
}

fn text(node: Option<&Node>) -> Option<Text> {
    let node = node?;
    Some(Text { text: node.text()?.to_owned(), line: node.line })
}

fn texts(node: Option<&Node>) -> Vec<Text> {
    node.map(Node::items).unwrap_or_default().iter().filter_map(|item| text(Some(item))).collect()
}

/// The line of a dotted key, in any case; that of the map around it, where it is not there.
fn line_of_key(node: &Node, dotted: &str) -> usize {
    let mut line = node.line;
    let mut node = Some(node);
    for step in dotted.split('.') {
        let field = node
            .map(Node::fields)
            .unwrap_or_default()
            .iter()
            .rfind(|field| field.key.eq_ignore_ascii_case(step));
        let Some(field) = field else { return line };
        line = field.line;
        node = Some(&field.value);
    }
    line
}

/// RFC 1123, section 2.1, as Kubernetes has it for names of objects (documentation, "Object Names and IDs").
fn is_object_name(name: &str) -> bool {
    let is_edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.len() <= 253
        && name.split('.').all(|label| {
            is_edge(label.bytes().next())
                && is_edge(label.bytes().last())
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}
