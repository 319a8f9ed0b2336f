//! What `kubectl apply` has made: found in what it prints, and deleted again.

use std::path::Path;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::kubectl::Kubectl;

/// What stays: deleting the CRD would delete everybody's mappings, and without a controller manager a namespace
/// is never gone, while nothing can be made in it again.
const KEPT: [&str; 2] = ["CustomResourceDefinition", "Namespace"];

/// The objects that `kubectl apply -o json` prints.
pub(crate) fn applied(printed: &str) -> Result<Vec<Value>> {
    let printed: Value = serde_json::from_str(printed).map_err(Error::answer("reading what apply prints"))?;
    Ok(match printed.get("items").and_then(Value::as_array) {
        Some(items) => items.clone(),
        None => vec![printed],
    })
}

/// The object of a kind and a name.
pub(crate) fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> Result<&'a Value> {
    let is_it = |object: &&Value| {
        object.pointer("/kind") == Some(&json!(kind))
            && object.pointer("/metadata/name") == Some(&json!(name))
    };
    objects.iter().find(is_it).ok_or_else(|| Error::Answer {
        what: "applying manifests".to_owned(),
        reason: format!("there is no {kind} {name} among them"),
    })
}

/// The way from one folder to another: kustomize takes no absolute path.
///
/// # Errors
/// There is no such folder.
pub(crate) fn relative(from: &Path, to: &Path) -> Result<String> {
    let full = |path: &Path| path.canonicalize().map_err(Error::file("find", path));
    let (from, to) = (full(from)?, full(to)?);
    let up = "../".repeat(from.components().count().saturating_sub(1));
    Ok(format!("{up}{}", to.strip_prefix("/").unwrap_or(&to).display()))
}

/// Deletes these objects, CRDs and namespaces aside. `folder` is for the file that says which.
pub(crate) fn delete(admin: &Kubectl, folder: &Path, objects: &[Value]) -> Result<()> {
    let is_kept =
        |object: &&Value| object.get("kind").and_then(Value::as_str).is_some_and(|kind| KEPT.contains(&kind));
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
    let items: Vec<Value> = objects.iter().filter(|object| !is_kept(object)).map(to_go).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let file = folder.join("delete.json");
    std::fs::write(&file, list.to_string()).map_err(Error::file("write", &file))?;
    let file = file.to_string_lossy();
    admin.ok(&["delete", "-f", &file, "--ignore-not-found", "--wait=false"]).map(|_text| ())
}
