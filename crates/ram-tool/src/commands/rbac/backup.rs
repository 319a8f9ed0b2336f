//! Backups of bindings, before anything is taken away: `./CLUSTER/KIND-NAMESPACE-NAME.json`.

use std::io;
use std::path::{Path, PathBuf};

use super::bindings::Binding;
use crate::error::RbacError;
use crate::platform;

/// An older backup that says something else is never replaced: this many may pile up.
const MAX_GENERATIONS: u32 = 10_000;

/// Writes all of them below `folder`, and gives the files. With the first that fails it stops.
pub(super) fn write(folder: &Path, cluster: &str, bindings: &[&Binding]) -> Result<Vec<PathBuf>, RbacError> {
    let folder = folder.join(cluster);
    let failed = |path: &Path, source| RbacError::Backup { path: path.to_owned(), source };
    platform::make_group_folder(&folder).map_err(|source| failed(&folder, source))?;
    let mut files = Vec::new();
    for binding in bindings {
        let mut text = serde_json::to_string_pretty(&binding.object)
            .map_err(|error| failed(&folder, io::Error::other(error)))?;
        text.push('\n');
        let stem = stem(binding);
        let path = free_path(&folder, &stem, &text).map_err(|source| failed(&folder.join(&stem), source))?;
        platform::replace_file(&path, text.as_bytes()).map_err(|source| failed(&path, source))?;
        files.push(path);
    }
    Ok(files)
}

/// `STEM.json`; where that is there and says something else, `STEM.2.json`, and so on.
fn free_path(folder: &Path, stem: &str, text: &str) -> io::Result<PathBuf> {
    for generation in 1..=MAX_GENERATIONS {
        let name = match generation {
            1 => format!("{stem}.json"),
            more => format!("{stem}.{more}.json"),
        };
        let path = folder.join(name);
        match platform::read_file(&path) {
            Ok(known) if known == text => return Ok(path),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
            // Not ours to judge, so not ours to replace: a folder, a file of somebody else, one that is no text.
            Err(_) => {}
        }
    }
    Err(io::Error::other("there are too many older backups of it"))
}

/// `KIND-NAMESPACE-NAME`. A slash cannot be in a Kubernetes name; whatever answers in the API server's place may send one.
fn stem(binding: &Binding) -> String {
    let Binding { kind, namespace, name, .. } = binding;
    let whole = format!("{}-{namespace}-{name}", kind.as_str());
    let on_windows = std::env::consts::OS == "windows";
    let is_bad = |c: char| {
        c.is_control()
            || matches!(c, '/' | '\\')
            || (on_windows && matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|'))
    };
    whole.chars().map(|c| if is_bad(c) { '_' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::bindings::Kind;
    use super::*;

    fn binding(kind: Kind, namespace: &str, name: &str, more: &str) -> Binding {
        let subject = json!({"kind": "User", "name": "2001", "more": more});
        let object = json!({"metadata": {"name": name, "namespace": namespace}, "subjects": [subject]});
        Binding::of_ram(kind, object).unwrap()
    }

    #[test]
    fn backups_are_named_after_what_they_hold_and_only_their_owner_reads_them() {
        let here = tempfile::tempdir().unwrap();
        let role = binding(Kind::RoleBinding, "ns", "b1", "");
        let cluster = binding(Kind::ClusterRoleBinding, "", "system:x", "");
        let files = write(here.path(), "c1", &[&role, &cluster]).unwrap();
        let names: Vec<_> = files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["RoleBinding-ns-b1.json", "ClusterRoleBinding--system:x.json"]);
        let read: Value = serde_json::from_slice(&std::fs::read(&files[0]).unwrap()).unwrap();
        assert_eq!(read, role.object);
        assert_eq!(
            (read["kind"].as_str(), read["apiVersion"].as_str()),
            (Some("RoleBinding"), Some("rbac.authorization.k8s.io/v1"))
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
            assert_eq!((mode(&files[0]), mode(&here.path().join("c1"))), (0o600, 0o750));
        }
    }

    #[test]
    fn an_older_backup_is_never_replaced_by_another_text() {
        let here = tempfile::tempdir().unwrap();
        let (old, new) =
            (binding(Kind::RoleBinding, "ns", "b", "old"), binding(Kind::RoleBinding, "ns", "b", "new"));
        let first = write(here.path(), "c1", &[&old]).unwrap();
        assert_eq!(write(here.path(), "c1", &[&old]).unwrap(), first);
        let second = write(here.path(), "c1", &[&new]).unwrap();
        assert!(second[0].ends_with("RoleBinding-ns-b.2.json"), "{second:?}");
        assert_eq!(write(here.path(), "c1", &[&new]).unwrap(), second);
        assert!(std::fs::read_to_string(&first[0]).unwrap().contains("old"));
        // Nor is what cannot be read: nobody knows what it is.
        std::fs::write(&first[0], b"\xff").unwrap();
        assert_eq!(write(here.path(), "c1", &[&new]).unwrap(), second);
        assert_eq!(std::fs::read(&first[0]).unwrap(), b"\xff");
    }

    #[test]
    fn no_name_leaves_the_folder() {
        let here = tempfile::tempdir().unwrap();
        let odd = binding(Kind::RoleBinding, "../../x", "/etc/passwd", "");
        let files = write(here.path(), "c1", &[&odd]).unwrap();
        assert_eq!(files[0].parent(), Some(here.path().join("c1").as_path()));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
        let here = tempfile::tempdir().unwrap();
        std::fs::write(here.path().join("c1"), "").unwrap();
        let error = write(here.path(), "c1", &[&binding(Kind::RoleBinding, "ns", "b", "")]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("c1") && text.contains("nothing was changed"), "{text}");
    }
}
