//! The pages under `docs/` name what the program has: flags, metrics, reasons, keys. And their links lead somewhere.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::{ALICE, MAPPINGS, Rig, emulator, run, token_of};

const PREFIX: &str = "ack_ram_authenticator_";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text_of(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The word in quotes that follows each `before`.
fn quoted_after(text: &str, before: &str) -> BTreeSet<String> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

/// The function's body, as rustfmt indents it.
fn function<'a>(source: &'a str, name: &str, end: &str) -> &'a str {
    let after = source.split_once(&format!("fn {name}(")).unwrap_or_else(|| panic!("no fn {name}")).1;
    after.split_once(end).unwrap().0
}

#[test]
fn every_flag_is_named_in_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages =
        ["authenticator", "mappings", "operations", "lint"].map(|page| text_of(&format!("docs/{page}.md")));
    let is_named = |flag: &str| {
        let ends = |c: char| !(c.is_ascii_lowercase() || c == '-');
        pages
            .iter()
            .any(|page| page.split(flag).skip(1).any(|rest| rest.starts_with(ends) || rest.is_empty()))
    };
    let commands: [&[&str]; 11] = [
        &["init"],
        &["server"],
        &["health"],
        &["verify"],
        &["add"],
        &["add", "user"],
        &["add", "role"],
        &["doctor"],
        &["explain"],
        &["lint"],
        &["version"],
    ];
    let mut seen = BTreeSet::new();
    for command in commands {
        let (status, help, _) = run(folder.path(), &[command, &["--help"]].concat());
        assert_eq!(status, 0, "{command:?}");
        // Descriptions are indented further.
        let flags = help.lines().filter(|line| !line.starts_with("        ")).map(str::trim_start);
        for line in flags.filter(|line| line.starts_with('-')) {
            let flag = line.split([' ', ',', '[', '<']).find(|word| word.starts_with("--")).unwrap();
            assert!(flag == "--help" || is_named(flag), "{command:?}: no page names {flag}");
            seen.insert(flag.to_owned());
        }
    }
    assert!(seen.len() > 50, "{seen:?}");
}

/// All metrics of a server that has had a review, with the backends that need a cluster, and one of the API server alone.
async fn metrics() -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (status, _, stderr) = run(folder.path(), &["init", "-i", "x", "--client-certificate"]);
    assert_eq!(status, 0, "{stderr}");
    fs::write(path("dynamic.json"), "{}").unwrap();
    // Nobody listens there.
    let kubeconfig = "{clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}], users: [{name: a, user: {}}], \
                      contexts: [{name: a, context: {cluster: a, user: a}}], current-context: a}";
    fs::write(path("cluster"), kubeconfig).unwrap();
    let mappings = format!("{MAPPINGS}  dynamicfilepath: {}\n", path("dynamic.json"));
    let kubeconfig = path("cluster");
    let flags = ["--backend-mode", "MountedFile,DynamicFile,CRD", "--kubeconfig", &kubeconfig];
    let with_backends = Rig::start_with(emulator().await, &mappings, &flags, None).await;
    with_backends.review(&token_of(ALICE)).await.user();
    let alone = Rig::start(&["--client-ca-file", &path("client-ca.pem")]).await;
    let mut names = BTreeSet::new();
    for rig in [with_backends, alone] {
        let page = rig.get("/metrics").await.text;
        let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        names.extend(types.filter_map(|line| line.split(' ').next()).map(str::to_owned));
    }
    names
}

#[tokio::test]
async fn every_metric_has_a_row_and_every_row_a_metric() {
    let metrics = metrics().await;
    let page = text_of("docs/operations.md");
    let rows: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix(&format!("| `{PREFIX}")))
        .map(|rest| format!("{PREFIX}{}", rest.split(['{', '`']).next().unwrap()))
        .collect();
    assert_eq!(metrics, rows);
}

#[test]
fn every_reason_of_a_review_is_in_the_table() {
    let token = text_of("crates/token/src/error.rs");
    let sts = text_of("crates/openapi/src/sts/error.rs");
    let explanations = text_of("crates/openapi/src/sts/explanation.rs");
    let gate = text_of("crates/authenticator/src/gate/error.rs");
    let decisions = text_of("crates/authenticator/src/server/authenticate.rs");
    let routes = text_of("crates/authenticator/src/server/routes.rs");
    let method_end = "\n    }\n";
    let groups = [
        quoted_after(function(&token, "reason", method_end), "=> \""),
        quoted_after(function(&sts, "reason", method_end), "=> \""),
        quoted_after(&explanations, "reason: \""),
        quoted_after(&explanations, "map_or(\""),
        quoted_after(function(&gate, "reason", method_end), "=> \""),
        quoted_after(&decisions, "reason = \""),
        quoted_after(&decisions, "reason: \""),
        quoted_after(function(&routes, "unread", "\n}\n"), ", \""),
        quoted_after(&routes, "StatusCode::BAD_REQUEST, \""),
    ];
    let page = text_of("docs/operations.md");
    let table = page.split_once("## Reasons").unwrap().1.split_once("\n## ").unwrap().0;
    for group in &groups {
        assert!(!group.is_empty(), "{groups:?}");
        for reason in group {
            assert_eq!(table.matches(&format!("`{reason}`")).count(), 1, "{reason}");
        }
    }
}

#[test]
fn every_reason_of_a_status_is_in_the_table() {
    let verdict = text_of("crates/authenticator/src/custom_resource/verdict.rs");
    let reasons = quoted_after(function(&verdict, "as_str", "\n    }\n"), "=> \"");
    assert_eq!(reasons.len(), 6, "{reasons:?}");
    let page = text_of("docs/mappings.md");
    for reason in reasons {
        assert_eq!(page.matches(&format!("\n| `{reason}` |")).count(), 1, "{reason}");
    }
}

#[test]
fn every_key_of_the_configuration_file_is_in_the_example() {
    let source = text_of("crates/authenticator/src/config/file.rs");
    let reader = source.split_once("pub fn interpret(").unwrap().1.split_once("/// Lower-cases").unwrap().0;
    let mut keys = BTreeSet::new();
    for call in [".text(\"", ".texts(\"", ".port(\"", ".boolean(\"", ".take(\""] {
        keys.extend(quoted_after(reader, call));
    }
    assert!(keys.len() > 12, "{keys:?}");
    let page = text_of("docs/authenticator.md").to_lowercase();
    let section = page.split_once("## configuration file").unwrap().1.split_once("\n## ").unwrap().0;
    for key in keys {
        assert!(section.contains(&format!("{key}:")) || section.contains(&format!("`{key}`")), "{key}");
    }
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn links_between_pages_lead_to_a_file_and_a_heading() {
    let mut pages =
        vec![root().join("README.md"), root().join("CONTRIBUTING.md"), root().join("CHANGELOG.md")];
    pages.extend(fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut links = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            links += 1;
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: {target}", page.display());
            if !heading.is_empty() {
                let text = fs::read_to_string(&file).unwrap();
                let found =
                    text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading);
                assert!(found, "{}: {target}", page.display());
            }
        }
    }
    assert!(links > 20, "{links}");
}
