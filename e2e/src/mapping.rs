//! `RAMIdentityMapping` manifests, and what removes them again.

use serde_json::{Value, json};

use crate::error::Result;
use crate::rig::Rig;

/// A manifest.
#[derive(Debug, Clone)]
pub struct Mapping {
    name: String,
    arn: String,
    username: String,
    groups: Vec<String>,
    labels: Value,
}

impl Mapping {
    /// A mapping called `name` of `arn` to `username`.
    #[must_use]
    pub fn new(name: &str, arn: &str, username: &str) -> Self {
        Self {
            name: name.to_owned(),
            arn: arn.to_owned(),
            username: username.to_owned(),
            groups: Vec::new(),
            labels: json!({}),
        }
    }

    /// The same with one more group.
    #[must_use]
    pub fn group(mut self, group: &str) -> Self {
        self.groups.push(group.to_owned());
        self
    }

    /// The same with a label.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels = json!({name: value});
        self
    }

    /// `ramidentitymapping/NAME`, as kubectl takes it.
    #[must_use]
    pub fn resource(&self) -> String {
        format!("ramidentitymappings.ramauthenticator.k8s.alibabacloud/{}", self.name)
    }

    /// As JSON, which kubectl reads as well as YAML.
    #[must_use]
    pub fn manifest(&self) -> Value {
        json!({
            "apiVersion": "ramauthenticator.k8s.alibabacloud/v1alpha1",
            "kind": "RAMIdentityMapping",
            "metadata": {"name": self.name, "labels": self.labels},
            "spec": {"arn": self.arn, "username": self.username, "groups": self.groups},
        })
    }
}

/// Manifests in one file, as `kubectl apply -f` takes them.
#[must_use]
pub fn list(mappings: &[Mapping]) -> Value {
    let items: Vec<Value> = mappings.iter().map(Mapping::manifest).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// Resources in the cluster that are deleted when this value is dropped.
#[derive(Debug)]
pub struct Applied<'a> {
    rig: &'a Rig,
    resource: String,
}

impl Rig {
    /// `kubectl apply` of a mapping by the administrator; it is deleted when the answer is dropped.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn apply(&self, mapping: &Mapping) -> Result<Applied<'_>> {
        self.apply_manifest(&mapping.manifest(), mapping.resource())
    }

    /// `kubectl apply` of any manifest, of which `resource` (`KIND/NAME`) is deleted when the
    /// answer is dropped.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn apply_manifest(&self, manifest: &serde_json::Value, resource: String) -> Result<Applied<'_>> {
        let file = self.run().file("apply.json", &manifest.to_string())?;
        let applied = Applied::new(self, resource);
        self.admin().ok(&["apply", "-f", &file.to_string_lossy()])?;
        Ok(applied)
    }

    /// Deletes `resource` (`KIND/NAME`, with ` --namespace=…` where it has one), which somebody else will make,
    /// when the answer is dropped.
    #[must_use]
    pub fn removed_later(&self, resource: &str) -> Applied<'_> {
        Applied::new(self, resource.to_owned())
    }
}

impl<'a> Applied<'a> {
    pub(crate) fn new(rig: &'a Rig, resource: String) -> Self {
        Self { rig, resource }
    }

    fn command<'b>(&'b self, options: &[&'b str]) -> Vec<&'b str> {
        let resource = self.resource.split_whitespace();
        std::iter::once("delete").chain(resource).chain(options.iter().copied()).collect()
    }

    /// Deletes it now.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn delete(self) -> Result<()> {
        self.rig.admin().ok(&self.command(&["--ignore-not-found"])).map(|_text| ())
    }
}

impl Drop for Applied<'_> {
    fn drop(&mut self) {
        let _ = self.rig.admin().run(&self.command(&["--ignore-not-found", "--wait=false"]));
    }
}
