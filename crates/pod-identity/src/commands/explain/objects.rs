//! What counts in manifests: pods, whatever makes pods, namespaces and service accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::source::Document;

/// Labels or annotations.
pub(crate) type Texts = BTreeMap<String, String>;

/// How deep lists may stand in lists.
const MAX_DEPTH: usize = 8;

/// Kinds with pods in them: group, kind, and where the pod's metadata and spec stand (Kubernetes API reference).
const KINDS: [(&str, &str, &str); 8] = [
    ("", "Pod", ""),
    ("", "ReplicationController", "/spec/template"),
    ("apps", "Deployment", "/spec/template"),
    ("apps", "ReplicaSet", "/spec/template"),
    ("apps", "StatefulSet", "/spec/template"),
    ("apps", "DaemonSet", "/spec/template"),
    ("batch", "Job", "/spec/template"),
    ("batch", "CronJob", "/spec/jobTemplate/spec/template"),
];

/// What a namespace or service account says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) labels: Texts,
    pub(crate) annotations: Texts,
}

/// A pod, or the one that another object makes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Subject {
    pub(crate) file: Arc<str>,
    pub(crate) kind: &'static str,
    /// Of the object.
    pub(crate) name: String,
    /// Of object and pod.
    pub(crate) namespace: String,
    /// The pod as the API server would get it.
    pub(crate) pod: Value,
    pub(crate) labels: Texts,
}

/// What counts in all documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Objects {
    pub(crate) subjects: Vec<Subject>,
    pub(crate) namespaces: BTreeMap<String, Meta>,
    /// By namespace and name.
    pub(crate) service_accounts: BTreeMap<(String, String), Meta>,
}

/// Why an object cannot be used: one line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {object}: {reason}")]
pub(crate) struct ObjectError {
    file: Arc<str>,
    object: String,
    reason: String,
}

/// Sorts the documents. Objects without a namespace are in `default_namespace`; of two of the same name the later one
/// counts, as after `kubectl apply`.
///
/// # Errors
/// [`ObjectError`] where the API server would not take an object either.
pub(crate) fn gather(documents: Vec<Document>, default_namespace: &str) -> Result<Objects, ObjectError> {
    let mut objects = Objects::default();
    for Document { file, value } in documents {
        objects.add(&file, value, default_namespace, MAX_DEPTH)?;
    }
    Ok(objects)
}

impl Objects {
    fn add(
        &mut self,
        file: &Arc<str>,
        value: Value,
        default_namespace: &str,
        depth: usize,
    ) -> Result<(), ObjectError> {
        let head = Head::of(&value);
        let error = |reason: String| ObjectError { file: Arc::clone(file), object: head.to_string(), reason };
        let Some(kind) = head.kind.as_deref() else {
            return Err(error("it has no kind: write apiVersion and kind".to_owned()));
        };
        if kind.ends_with("List") && value.get("items").is_some_and(Value::is_array) {
            let Some(depth) = depth.checked_sub(1) else {
                return Err(error("lists in lists in lists: too deep".to_owned()));
            };
            let kind = kind.strip_suffix("List").unwrap_or_default().to_owned();
            let (version, items) = (head.api_version.clone(), items(value));
            for mut item in items {
                complete(&mut item, version.as_deref(), &kind);
                self.add(file, item, default_namespace, depth)?;
            }
            return Ok(());
        }
        let Some(version) = head.api_version.as_deref() else {
            return Err(error("it has no apiVersion: write apiVersion and kind".to_owned()));
        };
        if let Some(group) = outdated(version, kind) {
            return Err(error(format!("API servers take it as {group}/v1: write that instead of {version}")));
        }
        let group = head.group();
        let namespace = head.namespace.clone().unwrap_or_else(|| default_namespace.to_owned());
        match (group, kind) {
            (Some(""), "Namespace") => {
                let meta = meta(&value).map_err(error)?;
                self.namespaces.insert(head.name.clone(), meta);
            }
            (Some(""), "ServiceAccount") => {
                let meta = meta(&value).map_err(error)?;
                self.service_accounts.insert((namespace, head.name.clone()), meta);
            }
            _ => {
                let known = KINDS.iter().find(|(of, named, _)| group == Some(*of) && kind == *named);
                let Some((_, kind, path)) = known else { return Ok(()) };
                let template = value.pointer(path).filter(|template| template.is_object());
                let template = template.ok_or_else(|| error(format!("it has no pod template at {path}")))?;
                let Meta { labels, .. } = meta(template).map_err(&error)?;
                let pod = pod(template, &head, &namespace, path.is_empty());
                let (file, name) = (Arc::clone(file), head.name.clone());
                self.subjects.push(Subject { file, kind, name, namespace, pod, labels });
            }
        }
        Ok(())
    }
}

/// What every object says of itself.
struct Head {
    api_version: Option<String>,
    kind: Option<String>,
    /// Empty where a controller or `generateName` will give one.
    name: String,
    namespace: Option<String>,
}

impl Head {
    fn of(value: &Value) -> Head {
        let text = |path: &str| {
            let text = value.pointer(path).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let generated = || text("/metadata/generateName").map(|begin| format!("{begin}*"));
        Head {
            api_version: text("/apiVersion"),
            kind: text("/kind"),
            name: text("/metadata/name").or_else(generated).unwrap_or_default(),
            namespace: text("/metadata/namespace"),
        }
    }

    /// Empty for the core group's `v1`.
    fn group(&self) -> Option<&str> {
        match self.api_version.as_deref()? {
            "v1" => Some(""),
            version => version.strip_suffix("/v1"),
        }
    }
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind.as_deref().unwrap_or("object"))?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        Ok(())
    }
}

fn items(mut list: Value) -> Vec<Value> {
    match list.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// Objects in a typed list (`PodList`) do not say what they are.
fn complete(item: &mut Value, version: Option<&str>, kind: &str) {
    if let (Value::Object(fields), Some(version)) = (item, version)
        && !kind.is_empty()
        && !fields.contains_key("kind")
    {
        fields.insert("apiVersion".to_owned(), version.into());
        fields.insert("kind".to_owned(), kind.into());
    }
}

fn meta(object: &Value) -> Result<Meta, String> {
    Ok(Meta { labels: texts(object, "labels")?, annotations: texts(object, "annotations")? })
}

fn texts(object: &Value, field: &str) -> Result<Texts, String> {
    let map = match object.get("metadata").and_then(|metadata| metadata.get(field)) {
        None | Some(Value::Null) => return Ok(Texts::new()),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(format!("metadata.{field} is no map")),
    };
    let text = |(key, value): (&String, &Value)| match value {
        Value::String(text) => Ok((key.clone(), text.clone())),
        Value::Null => Ok((key.clone(), String::new())),
        Value::Bool(_) | Value::Number(_) => Err(format!(
            "metadata.{field}: {key} is {value}, and no text, so the API server will not take it: write the value in \
             quotes ('on', on without quotes means true)"
        )),
        _ => Err(format!("metadata.{field}: {key} is no text")),
    };
    map.iter().map(text).collect()
}

/// The group of a kind that makes pods, where the version is one of before `v1` (Kubernetes documentation, "Deprecated API
/// Migration Guide"). Passing it over would look like an answer.
fn outdated(version: &str, kind: &str) -> Option<&'static str> {
    let (group, version) = version.split_once('/')?;
    let is_old = |of: &str| (group == of && version != "v1") || group == "extensions";
    KINDS.iter().find(|(of, named, _)| kind == *named && is_old(of)).map(|(of, _, _)| *of)
}

/// A pod as its controller would create it: without a name yet.
fn pod(template: &Value, head: &Head, namespace: &str, is_pod: bool) -> Value {
    let mut pod = Map::new();
    if is_pod {
        pod.clone_from(template.as_object().unwrap_or(&Map::new()));
    } else {
        for field in ["metadata", "spec"] {
            if let Some(value) = template.get(field) {
                pod.insert(field.to_owned(), value.clone());
            }
        }
        pod.insert("apiVersion".to_owned(), json!("v1"));
        pod.insert("kind".to_owned(), json!("Pod"));
    }
    let metadata = pod.entry("metadata").or_insert_with(|| json!({}));
    if metadata.is_null() {
        *metadata = json!({});
    }
    if let Value::Object(metadata) = metadata {
        metadata.insert("namespace".to_owned(), json!(namespace));
        if !is_pod {
            metadata.insert("generateName".to_owned(), json!(format!("{}-", head.name)));
        }
    }
    Value::Object(pod)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::commands::explain::source::parse;

    fn gathered(text: &str) -> Result<Objects, ObjectError> {
        gather(parse("f.yaml", text).unwrap(), "here")
    }

    #[test]
    fn finds_the_pods_of_every_kind_that_makes_them() {
        for (version, kind, before, after) in [
            ("v1", "ReplicationController", "{template: ", "}"),
            ("apps/v1", "Deployment", "{template: ", "}"),
            ("apps/v1", "ReplicaSet", "{template: ", "}"),
            ("apps/v1", "StatefulSet", "{template: ", "}"),
            ("apps/v1", "DaemonSet", "{template: ", "}"),
            ("batch/v1", "Job", "{template: ", "}"),
            ("batch/v1", "CronJob", "{jobTemplate: {spec: {template: ", "}}}"),
        ] {
            let template = "{metadata: {labels: {a: b}}, spec: {containers: [{name: c}]}}";
            let text = format!(
                "{{apiVersion: {version}, kind: {kind}, metadata: {{name: web}}, spec: {before}{template}{after}}}"
            );
            let objects = gathered(&text).unwrap();
            let expected = json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"labels": {"a": "b"}, "namespace": "here", "generateName": "web-"},
                "spec": {"containers": [{"name": "c"}]},
            });
            assert_eq!(objects.subjects.len(), 1, "{kind}");
            assert_eq!(objects.subjects[0].pod, expected, "{kind}");
            assert_eq!((objects.subjects[0].kind, &*objects.subjects[0].name), (kind, "web"));
            let without = text.replace(&format!("{before}{template}{after}"), "{}");
            let error = gathered(&without).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("f.yaml: {kind} web: it has no pod template at /spec/")),
                "{error}"
            );
        }
    }

    #[test]
    fn leaves_a_pod_as_it_is_but_for_its_namespace() {
        let objects =
            gathered("{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {new: 1}, status: {}}").unwrap();
        let expected = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "here"}, "spec": {"new": 1},
            "status": {},
        });
        assert_eq!(objects.subjects[0].pod, expected);
        let objects =
            gathered("{apiVersion: v1, kind: Pod, metadata: {generateName: p-, namespace: there}}").unwrap();
        assert_eq!((&*objects.subjects[0].name, &*objects.subjects[0].namespace), ("p-*", "there"));
    }

    #[test]
    fn looks_into_lists_and_takes_the_later_of_two() {
        let objects = gathered(
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {x: '1'}}}\n\
             - {apiVersion: v1, kind: PodList, items: [{metadata: {name: p}}]}\n---\n\
             {apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {x: '2'}}}\n---\n\
             {apiVersion: v1, kind: ServiceAccount, metadata: {name: s, annotations: {y: z}}}\n---\n\
             {apiVersion: example.com/v1, kind: Deployment, metadata: {name: other}}\n---\n\
             {apiVersion: v1, kind: Service, metadata: {name: other}}",
        )
        .unwrap();
        assert_eq!(objects.namespaces["a"].labels["x"], "2");
        let key = ("here".to_owned(), "s".to_owned());
        assert_eq!(objects.service_accounts[&key].annotations["y"], "z");
        assert_eq!(objects.subjects.len(), 1);
        assert_eq!(objects.subjects[0].name, "p");
    }

    #[test]
    fn a_version_that_is_no_more_is_told_and_a_foreign_group_passed_over() {
        for (version, kind, instead) in [
            ("batch/v1beta1", "CronJob", "batch/v1"),
            ("apps/v1beta2", "Deployment", "apps/v1"),
            ("extensions/v1beta1", "DaemonSet", "apps/v1"),
        ] {
            let error = gathered(&format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}}}"));
            let expected = format!(
                "f.yaml: {kind} a: API servers take it as {instead}: write that instead of {version}"
            );
            assert_eq!(error.unwrap_err().to_string(), expected);
        }
        for other in
            ["{apiVersion: example.com/v1beta1, kind: Deployment}", "{apiVersion: batch/v2, kind: Other}"]
        {
            assert!(gathered(other).unwrap().subjects.is_empty(), "{other}");
        }
    }

    #[test]
    fn a_value_that_is_no_text_is_told_with_what_to_write() {
        let error = gathered(
            "{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {pod-identity.alibabacloud.com/injection: on}}}",
        );
        assert_eq!(
            error.unwrap_err().to_string(),
            "f.yaml: Namespace a: metadata.labels: pod-identity.alibabacloud.com/injection is true, and no text, so the \
             API server will not take it: write the value in quotes ('on', on without quotes means true)"
        );
        let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a, annotations: {x: 3600}}}";
        assert!(gathered(pod).unwrap_err().to_string().contains("x is 3600, and no text"));
        assert!(gathered("a: 1").unwrap_err().to_string().contains("no kind"));
        assert!(gathered("- 1").unwrap_err().to_string().contains("no kind"));
        assert!(gathered("kind: Pod").unwrap_err().to_string().contains("no apiVersion"));
        let deep = format!("{}{}", "{kind: List, items: [".repeat(9), "]}".repeat(9));
        assert!(gathered(&deep).unwrap_err().to_string().contains("too deep"));
    }
}
