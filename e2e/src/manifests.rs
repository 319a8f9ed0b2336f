//! The manifests that users install, and what removes them from a shared control plane again.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::kubectl::Kubectl;
use crate::rig::Rig;

/// What stays: deleting the CRD would delete everybody's mappings, and without a controller manager a namespace
/// is never gone, while nothing can be made in it again.
const KEPT: [&str; 2] = ["CustomResourceDefinition", "Namespace"];

/// `manifests/authenticator`.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/authenticator")
}

/// The block of YAML in `docs/install.md` that holds `word`.
///
/// # Errors
/// The page cannot be read, or has no such block.
pub fn documented(word: &str) -> Result<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/install.md");
    let text = std::fs::read_to_string(&page).map_err(Error::file("read", &page))?;
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(str::to_owned).find(|block| block.contains(word)).ok_or_else(|| Error::Answer {
        what: format!("reading {}", page.display()),
        reason: format!("no block of YAML holds {word:?}"),
    })
}

/// Objects in the cluster that are deleted when this value is dropped, CRDs and namespaces aside.
pub struct Installed<'a> {
    rig: &'a Rig,
    objects: Vec<Value>,
}

/// `kubectl apply`, by the administrator, of what `source` names: `-f FILE` or `-k FOLDER`.
///
/// # Errors
/// kubectl fails.
pub fn apply<'a>(rig: &'a Rig, source: &[&str]) -> Result<Installed<'a>> {
    let command = [&["apply", "-o", "json"], source].concat();
    let printed = rig.admin().ok(&command)?;
    let printed: Value =
        serde_json::from_str(&printed).map_err(Error::answer("reading what apply prints"))?;
    let objects = match printed.get("items").and_then(Value::as_array) {
        Some(items) => items.clone(),
        None => vec![printed],
    };
    Ok(Installed { rig, objects })
}

impl Installed<'_> {
    /// The object of a kind and a name, as the API server answered it.
    ///
    /// # Errors
    /// There is none.
    pub fn object(&self, kind: &str, name: &str) -> Result<&Value> {
        let is_it = |object: &&Value| {
            object.pointer("/kind") == Some(&json!(kind))
                && object.pointer("/metadata/name") == Some(&json!(name))
        };
        self.objects.iter().find(is_it).ok_or_else(|| Error::Answer {
            what: "applying manifests".to_owned(),
            reason: format!("there is no {kind} {name} among them"),
        })
    }

    /// All of them.
    #[must_use]
    pub fn objects(&self) -> &[Value] {
        &self.objects
    }

    fn delete(&self) -> Result<()> {
        let is_kept = |object: &&Value| {
            object.get("kind").and_then(Value::as_str).is_some_and(|kind| KEPT.contains(&kind))
        };
        let to_go = |object: &Value| {
            json!({
                "apiVersion": object.get("apiVersion"),
                "kind": object.get("kind"),
                "metadata": {
                    "name": object.pointer("/metadata/name"),
                    "namespace": object.pointer("/metadata/namespace"),
                },
            })
        };
        let items: Vec<Value> = self.objects.iter().filter(|object| !is_kept(object)).map(to_go).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let file = self.rig.run().file("delete.json", &list.to_string())?;
        let admin: Kubectl = self.rig.admin();
        let file = file.to_string_lossy();
        admin.ok(&["delete", "-f", &file, "--ignore-not-found", "--wait=false"]).map(|_text| ())
    }
}

impl Drop for Installed<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.delete() {
            eprintln!("e2e: removing manifests: {error}");
        }
    }
}

impl std::fmt::Debug for Installed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Installed").field("objects", &self.objects.len()).finish_non_exhaustive()
    }
}
