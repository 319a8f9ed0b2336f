//! The manifests that users install, and what removes them from a shared control plane again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::applied::{applied, delete, find};
use crate::error::{Error, Result};
use crate::rig::Rig;

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
    let objects = applied(&rig.admin().ok(&command)?)?;
    Ok(Installed { rig, objects })
}

/// What `kubectl auth can-i --list` says beyond what it says of every user, or every service account of that namespace:
/// one `RESOURCE [NAMES] [VERBS]` a line.
///
/// # Errors
/// kubectl fails.
pub fn rights(rig: &Rig, identity: &str, namespace: &str) -> Result<BTreeSet<String>> {
    let list = |identity: &str| -> Result<BTreeSet<String>> {
        let kubectl = rig.admin().arg(format!("--as={identity}"));
        // As the API server sees such a token.
        let kubectl = match own_namespace(identity) {
            Some(own) => kubectl
                .arg("--as-group=system:serviceaccounts")
                .arg(format!("--as-group=system:serviceaccounts:{own}"))
                .arg("--as-group=system:authenticated"),
            None => kubectl,
        };
        let text = kubectl.ok(&["auth", "can-i", "--list", "--no-headers", "--namespace", namespace])?;
        Ok(text.lines().map(right).collect())
    };
    let nobody = match own_namespace(identity) {
        Some(own) => format!("system:serviceaccount:{own}:nobody-special"),
        None => "nobody-special".to_owned(),
    };
    let common = list(&nobody)?;
    Ok(list(identity)?.difference(&common).cloned().collect())
}

/// `RESOURCE [NAMES] [VERBS]` of a line, without empty brackets. kubectl sorts neither lines nor verbs.
fn right(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().filter(|word| *word != "[]").collect();
    let text = words.join(" ");
    let Some((what, verbs)) = text.rsplit_once('[') else { return text };
    let mut verbs: Vec<&str> = verbs.trim_end_matches(']').split(' ').collect();
    verbs.sort_unstable();
    format!("{what}[{}]", verbs.join(" "))
}

/// The namespace of a service account's user name.
fn own_namespace(identity: &str) -> Option<&str> {
    let (namespace, _name) = identity.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    Some(namespace)
}

impl Rig {
    /// `kubectl apply` of several manifests at once, deleted when the answer is dropped.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn apply_all(&self, manifests: &[serde_json::Value]) -> Result<Installed<'_>> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
        let file = self.run().file("apply-all.json", &list.to_string())?;
        apply(self, &["-f", &file.to_string_lossy()])
    }
}

impl Installed<'_> {
    /// The object of a kind and a name, as the API server answered it.
    ///
    /// # Errors
    /// There is none.
    pub fn object(&self, kind: &str, name: &str) -> Result<&Value> {
        find(&self.objects, kind, name)
    }

    /// All of them.
    #[must_use]
    pub fn objects(&self) -> &[Value] {
        &self.objects
    }
}

impl Drop for Installed<'_> {
    fn drop(&mut self) {
        if let Err(error) = delete(&self.rig.admin(), self.rig.run().scratch(), &self.objects) {
            eprintln!("e2e: removing manifests: {error}");
        }
    }
}

impl std::fmt::Debug for Installed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Installed").field("objects", &self.objects.len()).finish_non_exhaustive()
    }
}
