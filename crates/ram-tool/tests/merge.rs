//! `get-kubeconfig --merge`: the file on disk.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;
use support::{Outcome, Sts, run};
use tempfile::TempDir;

const OLD: &str = "\
apiVersion: v1
kind: Config
# mine
clusters:
- name: other   # not yours
  cluster: {server: https://other}
users: []
contexts: []
current-context: other
";

struct Home {
    folder: TempDir,
    sts: Sts,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), sts: Sts::start() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn merge(&self, more: &[&str], variables: &[(&str, &str)]) -> Outcome {
        let home = self.folder.path().to_str().unwrap();
        let flags = ["get-kubeconfig", "-m", "token", "-c", "c1", "--server", "https://one"];
        let ca = ["--certificate-authority", &self.sts.ca];
        run(&[&flags[..], &ca, more].concat(), &[&[("HOME", home)], variables].concat())
    }
}

fn read(path: &str) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn mode(path: &str) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_file_is_the_one_that_kubectl_writes_to() {
    let home = Home::new();
    let default = home.path(".kube/config");
    let stdout = home.merge(&["--merge"], &[]).success();
    assert_eq!(stdout, format!("Context \"kubernetes-c1\" is in {default}, and is the current one\n"));
    assert_eq!(read(&default)["current-context"], "kubernetes-c1");
    assert_eq!((mode(&default), mode(&home.path(".kube"))), (0o600, 0o700));
    assert_eq!(names(Path::new(&home.path(".kube"))), ["config"]);

    let (first, second) = (home.path("first"), home.path("second"));
    std::fs::write(&second, OLD).unwrap();
    home.merge(&["--merge"], &[("KUBECONFIG", &format!(":{first}:{second}"))]).success();
    assert_eq!(read(&first)["current-context"], "kubernetes-c1");
    assert_eq!(std::fs::read_to_string(&second).unwrap(), OLD);

    home.merge(&["--merge", "~/third"], &[("KUBECONFIG", &first)]).success();
    home.merge(&[&format!("--merge={}", home.path("fourth"))], &[]).success();
    assert!(Path::new(&home.path("third")).exists() && Path::new(&home.path("fourth")).exists());

    let error = home.merge(&["--merge"], &[("HOME", "")]).error();
    assert!(error.contains("KUBECONFIG"), "{error}");
}

#[test]
fn the_rest_stays_and_a_second_time_changes_nothing() {
    let home = Home::new();
    let path = home.path("config");
    std::fs::write(&path, OLD).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    home.merge(&["--merge", &path], &[]).success();
    let once = std::fs::read_to_string(&path).unwrap();
    for line in ["# mine", "- name: other   # not yours", "  cluster: {server: https://other}"] {
        assert!(once.lines().any(|other| other == line), "{line}: {once}");
    }
    assert_eq!(mode(&path), 0o600);
    home.merge(&["--merge", &path], &[]).success();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), once);

    std::fs::write(&path, OLD).unwrap();
    let stdout = home.merge(&["--merge", &path, "--keep-current-context"], &[]).success();
    assert!(!stdout.contains("current"), "{stdout}");
    assert_eq!(read(&path)["current-context"], "other");
}

/// Who merges as root into somebody's file, as with sudo, does not take it away from them.
#[test]
fn the_file_stays_its_owners() {
    use std::os::unix::fs::{MetadataExt, chown};
    let home = Home::new();
    let path = home.path("of-another");
    std::fs::write(&path, OLD).unwrap();
    // Only root can give files away, and only root is asked to give one back.
    let (user, group) = match chown(&path, Some(12_345), Some(12_346)) {
        Ok(()) => (12_345, 12_346),
        Err(_) => std::fs::metadata(&path).map(|metadata| (metadata.uid(), metadata.gid())).unwrap(),
    };
    home.merge(&["--merge", &path], &[]).success();
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (user, group));
}

#[test]
fn a_symbolic_link_stays_one() {
    let home = Home::new();
    let (link, real) = (home.path("link"), home.path("dotfiles/config"));
    std::fs::create_dir(home.path("dotfiles")).unwrap();
    std::fs::write(&real, OLD).unwrap();
    symlink("dotfiles/config", &link).unwrap();
    home.merge(&["--merge", &link], &[]).success();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(read(&real)["current-context"], "kubernetes-c1");
}

#[test]
fn what_cannot_be_merged_into_stays_as_it_is() {
    let home = Home::new();
    let write = |name: &str, content: &[u8]| {
        let path = home.path(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let read_only = write("read-only", OLD.as_bytes());
    std::fs::set_permissions(&read_only, Permissions::from_mode(0o400)).unwrap();
    let dangling = home.path("dangling");
    symlink("nowhere", &dangling).unwrap();
    std::fs::create_dir(home.path("folder")).unwrap();
    for (path, wanted) in [
        (write("broken", b"users: [canary"), "not valid YAML"),
        (write("tabs", b"users:\n\t- name: canary\n"), "not valid YAML"),
        (write("several", b"users: []\n---\nusers: []\n"), "more than one"),
        (write("secret", b"kind: Secret\ndata: {a: canary}\n"), "no kubeconfig"),
        (write("bytes", b"users: \xff\n"), "UTF-8"),
        (write("huge", &vec![b'#'; 9 << 20]), "read"),
        (read_only, "read-only"),
        (dangling, "symbolic link"),
        (home.path("folder"), "no file"),
        (home.path("broken/config"), "folder"),
    ] {
        let before = std::fs::read(&path).ok();
        let error = home.merge(&["--merge", &path], &[]).error();
        assert!(error.contains(wanted) && error.contains(&path), "{wanted}: {error}");
        assert_eq!(std::fs::read(&path).ok(), before, "{path}");
    }
    let left: Vec<String> = names(home.folder.path())
        .into_iter()
        .filter(|name| name.contains(".lock") || name.contains(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn kubectl_s_lock_is_respected() {
    let home = Home::new();
    let path = home.path("config");
    std::fs::write(&path, OLD).unwrap();
    let lock = format!("{path}.lock");
    std::fs::write(&lock, "").unwrap();
    let error = home.merge(&["--merge", &path], &[]).error();
    assert!(error.contains("locked") && error.contains(&lock), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), OLD);
    assert!(Path::new(&lock).exists(), "somebody else's lock stays");
    std::fs::remove_file(&lock).unwrap();
    home.merge(&["--merge", &path], &[]).success();
    assert!(!Path::new(&lock).exists());
}

#[test]
fn many_at_once_lose_nothing() {
    let home = Home::new();
    let path = home.path("config");
    std::thread::scope(|scope| {
        for number in 0..10 {
            let (home, path) = (&home, &path);
            scope.spawn(move || {
                let id = format!("--cluster-id=c{number}");
                let server = format!("https://c{number}");
                let flags = ["get-kubeconfig", "-m", "token", &id, "--server", &server, "--merge", path];
                run(&[&flags[..], &["--certificate-authority", &home.sts.ca]].concat(), &[]).success();
            });
        }
    });
    assert_eq!(read(&path)["clusters"].as_array().unwrap().len(), 10);
}
