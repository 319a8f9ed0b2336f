//! Merging into kubeconfigs of every make.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ID: &str = "c1";

fn id(text: &str) -> ClusterId {
    text.parse().unwrap()
}

fn map(pairs: &[(&str, Yaml)]) -> Yaml {
    Yaml::Map(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn entry(name: &str, body: Yaml) -> Entry {
    Entry { name: name.to_owned(), body }
}

fn named(cluster: &str, user: &str, context: &str, id: &str, server: &str) -> Kubeconfig {
    let arguments = ["credential-plugin", "get-token", "--cluster-id", id].map(Yaml::text);
    let exec = map(&[
        ("command", Yaml::text("ack-ram-tool")),
        ("args", Yaml::List(arguments.to_vec())),
        ("provideClusterInfo", Yaml::Bare("false".to_owned())),
    ]);
    Kubeconfig {
        clusters: vec![entry(cluster, map(&[("server", Yaml::text(server))]))],
        contexts: vec![entry(context, map(&[("cluster", Yaml::text(cluster)), ("user", Yaml::text(user))]))],
        users: vec![entry(user, map(&[("exec", exec)]))],
        current_context: context.to_owned(),
        others: vec![("preferences".to_owned(), map(&[]))],
    }
}

fn ours() -> Kubeconfig {
    named("kubernetes", "alice", "alice-c1", ID, "https://one")
}

fn merged(text: &str) -> String {
    let new = merge(text, &ours(), &id(ID), false).unwrap_or_else(|error| panic!("{error}: {text}")).text;
    let again = merge(&new, &ours(), &id(ID), false).unwrap().text;
    assert_eq!(new, again, "the second time changes nothing");
    new
}

fn refused(text: &str) -> String {
    let error = merge(text, &ours(), &id(ID), false).expect_err(text).to_string();
    assert!(!error.contains('\n') && error.contains("not changed"), "{error}");
    error
}

fn read(text: &str) -> Value {
    serde_saphyr::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn names(value: &Value, section: &str) -> Vec<String> {
    let list = value[section].as_array().unwrap();
    list.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

/// What kubectl writes.
const KUBECTL: &str = "\
apiVersion: v1
# my clusters
clusters:
- cluster:
    certificate-authority-data: QUJD   # the CA
    server: https://other:6443
  name: other
contexts:
- context:
    cluster: other
    namespace: web
    user: bob
  name: other
current-context: other
kind: Config
preferences: {}
users:
- name: bob
  user:
    token: canary
# the end
";

#[test]
fn adds_to_what_kubectl_wrote_and_touches_nothing_else() {
    let new = merged(KUBECTL);
    let wanted = "\
apiVersion: v1
# my clusters
clusters:
- cluster:
    certificate-authority-data: QUJD   # the CA
    server: https://other:6443
  name: other
- name: kubernetes
  cluster:
    server: https://one
contexts:
- context:
    cluster: other
    namespace: web
    user: bob
  name: other
- name: alice-c1
  context:
    cluster: kubernetes
    user: alice
current-context: alice-c1
kind: Config
preferences: {}
users:
- name: bob
  user:
    token: canary
- name: alice
  user:
    exec:
      command: ack-ram-tool
      args:
        - credential-plugin
        - get-token
        - --cluster-id
        - c1
      provideClusterInfo: false
# the end
";
    assert_eq!(new, wanted);
}

#[test]
fn line_breaks_of_windows_and_a_byte_order_mark_stay() {
    let new = merged(&format!("\u{feff}{}", KUBECTL.replace('\n', "\r\n")));
    assert_eq!(new, format!("\u{feff}{}", merged(KUBECTL).replace('\n', "\r\n")));
}

#[test]
fn an_empty_file_gets_a_whole_kubeconfig() {
    let whole = ours().render("\n").unwrap();
    assert_eq!(merged(""), whole);
    assert_eq!(merged("# mine\n"), format!("# mine\n{whole}"));
    assert_eq!(merged("# mine"), format!("# mine\n{whole}"));
    assert_eq!(read(&merged("---\n"))["current-context"], "alice-c1");
    assert_eq!(read(&merged("{}"))["current-context"], "alice-c1");
    assert_eq!(read(&merged("{} # mine\n"))["current-context"], "alice-c1");
}

#[test]
fn sections_that_are_missing_empty_or_null_are_filled() {
    for text in [
        "kind: Config\n",
        "kind: Config",
        "clusters:\ncontexts:\nusers:\ncurrent-context:\n",
        "clusters: # none\n\ncontexts: null # none\nusers: ~\ncurrent-context: \"\"\n",
        "clusters: []\ncontexts: [ ] # none\nusers: [\n]\ncurrent-context: ''\n",
        "\"clusters\": []\n'contexts': null\nusers: []\n\"current-context\": other\n",
        "  clusters: []\n  users:\n",
        "--- # start\nclusters: []\n...\n",
        "clusters: []",
        "users:",
    ] {
        let value = read(&merged(text));
        assert_eq!(names(&value, "clusters"), ["kubernetes"], "{text}");
        assert_eq!(names(&value, "contexts"), ["alice-c1"], "{text}");
        assert_eq!(names(&value, "users"), ["alice"], "{text}");
        assert_eq!(value["current-context"], "alice-c1", "{text}");
    }
    assert_eq!(
        merged("kind: Config\nclusters: []  # none\ncontexts:\nusers: []\n").lines().nth(1).unwrap(),
        "clusters:   # none"
    );
}

#[test]
fn flow_style_and_json_stay_what_they_are() {
    let json = r#"{"kind": "Config", "clusters": [{"name": "other", "cluster": {"server": "https://o"}}],
  "users": [], "contexts": [
    {"name": "other", "context": {"cluster": "other", "user": "x"}}
  ], "current-context": "other"}
"#;
    let new = merged(json);
    let value: Value = serde_json::from_str(&new).expect("still JSON");
    assert_eq!(names(&value, "clusters"), ["other", "kubernetes"]);
    assert_eq!(names(&value, "contexts"), ["other", "alice-c1"]);
    assert_eq!(value["current-context"], "alice-c1");
    assert!(new.contains("\"user\": \"x\"}},\n    {\"name\": \"alice-c1\""), "{new}");

    let tabs = serde_json::to_string_pretty(&value).unwrap().replace("  ", "\t");
    let again: Value = serde_json::from_str(&merged(&tabs)).unwrap();
    assert_eq!(again, value);
    let compact = serde_json::to_string(&json!({"kind": "Config"})).unwrap();
    let value: Value = serde_json::from_str(&merged(&compact)).unwrap();
    assert_eq!(names(&value, "users"), ["alice"]);

    let mixed =
        "clusters: [{name: other, cluster: {server: 'https://o'}}] # mine\nusers: [{name: bob, user: {}},]\n";
    let new = merged(mixed);
    assert!(new.contains(" # mine\n"), "{new}");
    assert_eq!(names(&read(&new), "users"), ["bob", "alice"]);
}

#[test]
fn unusual_layouts_of_lists_are_kept() {
    let text = "\
clusters:
    # first
    -
        name: other
        cluster: {server: \"https://o\"}   # trailing

    # about nothing

users:

-   user: {token: t}
    name: bob
contexts:
  - name: other   # c
    context:
      cluster: other
      user: |-
        bob

# the end";
    let new = merged(text);
    let value = read(&new);
    assert_eq!(names(&value, "clusters"), ["other", "kubernetes"]);
    assert_eq!(names(&value, "users"), ["bob", "alice"]);
    assert_eq!(value["contexts"][0]["context"]["user"], "bob");
    for line in text.lines() {
        assert!(new.lines().any(|other| other == line), "{line:?} is lost: {new}");
    }
}

#[test]
fn ours_is_replaced_where_it_stands_and_a_context_keeps_its_namespace() {
    let before = merged(KUBECTL);
    let changed = before
        .replace("    server: https://one\n", "    server: https://moved # old\n    tls-server-name: x\n")
        .replace("    user: alice\n", "    user: alice\n    namespace: web2\n");
    assert_ne!(before, changed);
    let after = merged(&changed);
    assert_eq!(after, before.replace("    user: alice\n", "    user: alice\n    namespace: web2\n"));
}

#[test]
fn what_kubectl_wrote_anew_is_not_written_again() {
    let before = merged(KUBECTL);
    let anew = before
        .replace("      provideClusterInfo: false\n", "      provideClusterInfo: false\n      env: null\n");
    assert_ne!(before, anew);
    assert_eq!(merged(&anew), anew);
}

#[test]
fn an_entry_of_something_else_is_never_overwritten() {
    let console = "\
clusters:
- cluster: {server: \"https://two\"}
  name: kubernetes
contexts:
- context: {cluster: kubernetes, user: alice}
  name: alice-c1
users:
- name: alice
  user: {client-certificate-data: canary}
";
    let new = merged(console);
    assert!(new.contains("{client-certificate-data: canary}") && new.contains("{server: \"https://two\"}"));
    let value = read(&new);
    assert_eq!(names(&value, "clusters"), ["kubernetes", "kubernetes-c1"]);
    assert_eq!(names(&value, "contexts"), ["alice-c1", "ack-ram-tool-c1"]);
    assert_eq!(names(&value, "users"), ["alice", "alice-c1"]);
    assert_eq!(value["contexts"][1]["context"], json!({"cluster": "kubernetes-c1", "user": "alice-c1"}));
    assert_eq!(value["current-context"], "ack-ram-tool-c1");

    // Another cluster of the same names beside it, in either order.
    let second = named("kubernetes", "alice", "alice-c2", "c2", "https://three");
    let both = merge(&new, &second, &id("c2"), false).unwrap().text;
    assert_eq!(names(&read(&both), "clusters"), ["kubernetes", "kubernetes-c1", "kubernetes-c2"]);
    assert_eq!(merge(&both, &ours(), &id(ID), true).unwrap().text, both);
}

#[test]
fn only_a_user_that_has_this_program_log_in_to_this_cluster_is_ours() {
    let names_with = |command: &str, arguments: &str| {
        let exec = format!("{{command: {command}, args: [{arguments}]}}");
        let new = merged(&format!("users:\n- name: alice\n  user: {{exec: {exec}}}\n"));
        assert_eq!(names(&read(&new), "users").len() == 2, new.contains(&exec), "{new}");
        names(&read(&new), "users")
    };
    for (command, arguments) in [
        ("kubelogin", "get-token, --cluster-id, c1"),
        ("ack-ram-tool2", "get-token, --cluster-id, c1"),
        ("not-ack-ram-tool", "get-token, --cluster-id, c1"),
        ("ack-ram-tool/other", "get-token, --cluster-id, c1"),
        ("ack-ram-tool", "get-token, --cluster-id, c2"),
        ("ack-ram-tool", "get-token, --cluster-id=c12"),
        ("ack-ram-tool", "get-token, --profile-name, c1"),
        ("ack-ram-tool", "get-token"),
    ] {
        assert_eq!(names_with(command, arguments), ["alice", "alice-c1"], "{command} {arguments}");
    }
    for (command, arguments) in [
        ("ack-ram-tool", "get-token, --cluster-id, c1, -v"),
        ("/usr/local/bin/ack-ram-tool", "get-credential, -c, c1"),
        ("'C:\\Tools\\ack-ram-tool.exe'", "get-token, --cluster-id=c1"),
    ] {
        assert_eq!(names_with(command, arguments), ["alice"], "{command} {arguments}");
    }
}

#[test]
fn where_all_names_are_taken_it_says_so() {
    let mut text = "users:\n".to_owned();
    for name in ["alice", "alice-c1", "ack-ram-tool-c1"] {
        text.push_str(&format!("- name: {name}\n  user: {{token: canary}}\n"));
    }
    let error = refused(&text);
    assert!(error.contains("users") && error.contains("--merge") && !error.contains("canary"), "{error}");
}

#[test]
fn the_current_context_can_be_left_alone() {
    let new = merge(KUBECTL, &ours(), &id(ID), true).unwrap();
    assert!(new.text.contains("current-context: other\n"));
    assert_eq!(new.context, "alice-c1");
}

#[test]
fn anchors_and_aliases_elsewhere_stay() {
    let text = "\
x: &server https://other
clusters:
- name: other
  cluster: &c
    server: *server
- {name: third, cluster: *c}
contexts: []
users: []
";
    let new = merged(text);
    assert!(new.contains("server: *server\n") && new.contains("cluster: *c}"));
    assert_eq!(names(&read(&new), "clusters"), ["other", "third", "kubernetes"]);
}

#[test]
fn what_cannot_be_merged_into_is_refused_with_a_line() {
    for (text, wanted) in [
        ("a: [", "not valid YAML"),
        ("clusters:\n\t- name: x\n", "not valid YAML"),
        ("canary: canary: canary", "not valid YAML"),
        ("clusters: []\n---\nclusters: []\n", "more than one"),
        ("clusters: []\nclusters: []\n", "twice"),
        ("clusters: {}\n", "no kubeconfig"),
        ("clusters: text\n", "no kubeconfig"),
        ("- a\n", "no kubeconfig"),
        ("text", "no kubeconfig"),
        ("kind: Secret\n", "kind"),
        ("apiVersion: v2\n", "apiVersion"),
        ("current-context: [a]\n", "current-context"),
        ("users:\n- name: x\n- name: x\n", "two users"),
        ("users:\n- user: {}\n", "no name"),
        ("x: &u []\nusers: *u\n", "no list"),
        ("users: &u\ncontexts: *u\n", "no kubeconfig"),
        ("x: &x {users: [{name: bob, user: {}}]}\n<<: *x\n", "merge key"),
    ] {
        let error = refused(text);
        assert!(error.contains(wanted), "{wanted}: {error}");
        assert!(!error.contains("canary"), "{error}");
    }
}

/// The blank lines at its end belong to the text: a line put behind the entry would take them away.
#[test]
fn where_an_edit_would_change_something_else_nothing_is_edited() {
    let text = "users:\n- user: {}\n  name: bob\n  note: |+\n    hello\n\n\ncontexts: []\n";
    assert!(refused(text).contains("cannot be edited"));
}

#[derive(Clone, Copy, Debug)]
enum Style {
    Compact,
    Indented,
    Flow,
    Json,
}

/// Names that collide with ours and names that do not; users that are ours and that are not.
fn kubeconfigs() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "kubernetes",
        "kubernetes-c1",
        "alice",
        "alice-c1",
        "ack-ram-tool-c1",
        "x",
        "true",
        "a: b",
        "é",
    ]);
    let one = (
        name.clone(),
        name.clone(),
        name,
        any::<bool>(),
        prop::sample::select(vec!["https://one", "https://x"]),
    );
    let style = prop::sample::select(vec![Style::Compact, Style::Indented, Style::Flow, Style::Json]);
    (prop::collection::vec(one, 0..4), style, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(entries, style, windows, end, comments)| {
            let mut sections: [Vec<(String, Value)>; 3] = Default::default();
            let mut add = |section: usize, name: &str, body: Value| {
                if sections[section].iter().all(|(known, _)| known != name) {
                    sections[section].push((name.to_owned(), body));
                }
            };
            for (cluster, user, context, is_ours, server) in entries {
                add(0, cluster, json!({"server": server}));
                add(1, context, json!({"cluster": cluster, "user": user, "namespace": "n"}));
                let user_body = match is_ours {
                    true => json!({"exec": {"command": "ack-ram-tool", "args": ["-c", ID]}}),
                    false => json!({"token": "t"}),
                };
                add(2, user, user_body);
            }
            let text = write(&sections, style, comments);
            let text = if end { text } else { text.trim_end().to_owned() };
            if windows { text.replace('\n', "\r\n") } else { text }
        },
    )
}

fn write(sections: &[Vec<(String, Value)>; 3], style: Style, comments: bool) -> String {
    let comments = comments && !matches!(style, Style::Json);
    let mut lines = vec!["kind: Config".to_owned()];
    if comments {
        lines.push("# about sections".to_owned());
    }
    let mut json = serde_json::Map::new();
    json.insert("kind".to_owned(), "Config".into());
    for (section, entries) in Section::ALL.into_iter().zip(sections) {
        let list: Vec<Value> =
            entries.iter().map(|(name, body)| json!({"name": name, section.body_key(): body})).collect();
        json.insert(section.key().to_owned(), list.clone().into());
        match style {
            Style::Flow => lines.push(format!("{}: {}", section.key(), Value::from(list))),
            Style::Json => {}
            Style::Compact | Style::Indented => {
                lines.push(format!("{}:", section.key()));
                for ((name, body), number) in entries.iter().zip(0..) {
                    let dash = if matches!(style, Style::Compact) { "-" } else { "  -  " };
                    let blanks = " ".repeat(dash.len() + 1);
                    if comments {
                        lines.push(format!("  # about {number} of {}", section.key()));
                    }
                    lines.push(format!("{dash} {}: {body}  # body", section.body_key()));
                    lines.push(format!("{blanks}name: {}", Value::from(name.as_str())));
                    if comments {
                        lines.push(String::new());
                    }
                }
            }
        }
    }
    match style {
        Style::Json => serde_json::to_string_pretty(&Value::Object(json)).unwrap() + "\n",
        _ => lines.join("\n") + "\n",
    }
}

proptest! {
    #[test]
    fn whatever_the_file_merging_twice_is_merging_once_and_nothing_else_changes(text in kubeconfigs()) {
        let once = match merge(&text, &ours(), &id(ID), false) {
            Ok(merged) => merged,
            Err(MergeError::Taken { .. }) => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(format!("{error}: {text}"))),
        };
        let twice = merge(&once.text, &ours(), &id(ID), false).unwrap();
        prop_assert_eq!(&once.text, &twice.text);

        let (before, after) = (read(&text), read(&once.text));
        let context = &after["current-context"];
        prop_assert_eq!(context.as_str(), Some(once.context.as_str()));
        let find = |value: &Value, section: &str, name: &Value| {
            let list = value[section].as_array().cloned().unwrap_or_default();
            list.into_iter().find(|entry| entry["name"] == *name)
        };
        let mut touched = Vec::new();
        let context = find(&after, "contexts", context).unwrap();
        touched.push(context["name"].clone());
        let cluster = find(&after, "clusters", &context["context"]["cluster"]).unwrap();
        prop_assert_eq!(&cluster["cluster"]["server"], "https://one");
        touched.push(cluster["name"].clone());
        let user = find(&after, "users", &context["context"]["user"]).unwrap();
        prop_assert_eq!(&user["user"]["exec"]["args"][1], "get-token");
        touched.push(user["name"].clone());

        for section in Section::ALL {
            for entry in before[section.key()].as_array().cloned().unwrap_or_default() {
                let now = find(&after, section.key(), &entry["name"]);
                if now.as_ref() != Some(&entry) {
                    prop_assert!(touched.contains(&entry["name"]), "{} is changed", entry);
                    // Ours alone may be replaced: a user that holds something else stays.
                    let foreign = section == Section::Users && entry["user"].get("exec").is_none();
                    prop_assert!(!foreign, "{} is overwritten", entry);
                }
            }
        }
        for line in text.lines().filter(|line| line.trim_start().starts_with('#')) {
            let kept = once.text.lines().filter(|other| *other == line).count();
            let had = text.lines().filter(|other| *other == line).count();
            prop_assert!(kept == had, "{:?} is lost: {}", line, once.text);
        }
    }
}
