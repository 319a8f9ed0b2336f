//! Each code with the line it names, and what must not be found.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::arithmetic_side_effects)]

use super::*;

fn gathered(files: &[(&str, &str)]) -> (Gathered, Option<Vec<BackendMode>>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        paths.push(path);
    }
    let (gathered, modes) = of(Sources { files: paths, ..Sources::default() });
    (gathered, modes, folder)
}

fn of(sources: Sources) -> (Gathered, Option<Vec<BackendMode>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(gather(&sources, None)).unwrap()
}

fn lint_files(files: &[(&str, &str)]) -> Vec<Finding> {
    let (gathered, modes, _folder) = gathered(files);
    findings(&gathered, modes.as_deref())
}

/// `line code` of everything that is found in one YAML file.
fn lint(text: &str) -> Vec<String> {
    lint_files(&[("x.yaml", text)])
        .iter()
        .map(|finding| format!("{} {}", finding.place.line, finding.code.id()))
        .collect()
}

fn mapping(name: &str, arn: &str, username: &str) -> String {
    format!(
        "---\napiVersion: ramauthenticator.k8s.alibabacloud/v1alpha1\nkind: RAMIdentityMapping\nmetadata: {{name: {name}}}\n\
         spec:\n  arn: \"{arn}\"\n  username: \"{username}\"\n"
    )
}

fn message(text: &str, code: Code) -> String {
    let findings = lint_files(&[("x.yaml", text)]);
    let found: Vec<_> = findings.iter().filter(|finding| finding.code == code).collect();
    assert_eq!(found.len(), 1, "{findings:?}");
    found[0].message.clone()
}

const USER: &str = "acs:ram::1234567890123456:user/alice";

#[test]
fn good_mappings_of_every_form_have_no_findings() {
    let yaml = mapping("alice", USER, "alice")
        + &mapping("dev", "acs:ram::1234567890123456:role/dev", "dev:{{SessionNameRaw}}")
        + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: alibabacloud-auth, namespace: kube-system}\ndata:\n  \
           mapRoles: |\n    - rolearn: acs:ram::1234567890123456:role/ops\n      username: ops:{{SessionNameRaw}}\n      \
           groups: [g]\n"
        + "---\napiVersion: v1\nkind: Service\nmetadata: {name: other}\n";
    let config = "clusterID: c1\nserver:\n  port: 1\n  backendMode: [MountedFile, DynamicFile, ACKConfigMap, CRD]\n  \
                  mapUsers: [{userarn: 'acs:ram::1234567890123456:user/bob', username: bob, groups: null}]\n  breakGlass:\n    \
                  mapUsers: [{userarn: 'acs:ram::1234567890123456:user/carol', username: carol}]\n";
    let dynamic = r#"{"MapUsers": [{"UserARN": "acs:ram::1234567890123456:user/dora", "username": "dora"}]}"#;
    let files = [("m.yaml", yaml.as_str()), ("config.yaml", config), ("d.json", dynamic)];
    assert_eq!(lint_files(&files), []);
    let (gathered, modes, _folder) = gathered(&files);
    assert_eq!(gathered.entries.len(), 6);
    assert_eq!(modes.unwrap().len(), 4);
}

#[test]
fn a_document_that_cannot_be_read_is_named_with_its_line_and_the_others_are_looked_at() {
    let text = mapping("alice", USER, "alice") + "---\nkind: [\n" + &mapping("bob", "junk", "bob");
    let findings = lint(&text);
    assert!(
        findings[0].ends_with("RAM001") && findings[1] == "15 RAM005" && findings.len() == 2,
        "{findings:?}"
    );
    let toml = lint_files(&[("c.toml", "clusterID = 'c'\n[server\n")]);
    assert_eq!((toml[0].place.line, toml[0].code), (2, Code::Syntax));
}

#[test]
fn wrong_kinds_versions_names_and_fields_are_named() {
    let head = "apiVersion: ramauthenticator.k8s.alibabacloud/v1alpha1\nkind: RAMIdentityMapping\n";
    let spec = "spec: {arn: 'acs:ram::1:user/a', username: a}\n";
    for (text, expected) in [
        (
            format!(
                "apiVersion: ramauthenticator.k8s.alibabacloud/v1\nkind: RAMIdentityMapping\nmetadata: {{name: a}}\n{spec}"
            ),
            "1 RAM002",
        ),
        (
            format!(
                "apiVersion: ramauthenticator.k8s.alibabacloud/v1alpha1\nkind: RamIdentityMapping\nmetadata: {{name: a}}\n{spec}"
            ),
            "2 RAM002",
        ),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: alibabacloud-auth}\n".to_owned(), "1 RAM002"),
        ("hello: world\n".to_owned(), "1 RAM002"),
        (
            format!(
                "{head}metadata: {{name: a}}\nspec:\n  arn: acs:ram::1:user/a\n  username: a\n  group: [x]\n"
            ),
            "7 RAM003",
        ),
        (format!("{head}{spec}"), "1 RAM004"),
        (format!("{head}metadata: {{name: Alice}}\n{spec}"), "3 RAM004"),
        (format!("{head}metadata: {{name: a}}\n"), "1 RAM004"),
        (format!("{head}metadata: {{name: a}}\nspec:\n  username: a\n"), "5 RAM004"),
        (format!("{head}metadata: {{name: a}}\nspec: {{arn: 7, username: a}}\n"), "4 RAM004"),
        ("server:\n  mapUsers:\n  - username: a\n".to_owned(), "3 RAM004"),
        ("server:\n  mapUsers:\n  - {userarn: 'acs:ram::1:user/a', username: 7}\n".to_owned(), "3 RAM004"),
        ("server:\n  mapUsers: x\n".to_owned(), "2 RAM004"),
        ("server:\n  mapAccounts: [12]\n".to_owned(), "2 RAM004"),
        ("clusterID: c\nserver:\n  port: many\n".to_owned(), "3 RAM013"),
        ("clusterID: c\nserver:\n  breakGlass:\n    mapAccounts: ['1']\n".to_owned(), "4 RAM013"),
        ("clusterID: c\nserver:\n  bogus: 1\n".to_owned(), "3 RAM109"),
        (
            "server:\n  mapUsers:\n  - {userarn: 'acs:ram::1:user/a', username: a,\n     group: [x]}\n"
                .to_owned(),
            "4 RAM109",
        ),
    ] {
        assert_eq!(lint(&text), [expected], "{text}");
    }
}

#[test]
fn the_servers_own_errors_have_the_line_of_the_field() {
    for (arn, username, expected) in [
        ("junk", "a", "6 RAM005"),
        ("acs:ram::1:group/x", "a", "6 RAM005"),
        ("acs:ram::*:user/a", "a", "6 RAM006"),
        ("acs:ram::1:user/team/a*", "a", "6 RAM007"),
        (USER, "{{Nobody}}", "7 RAM008"),
        (USER, "a{{", "7 RAM008"),
        (USER, "", "7 RAM009"),
    ] {
        let findings = lint(&mapping("x", arn, username));
        assert!(findings.contains(&expected.to_owned()), "{arn} {username}: {findings:?}");
    }
    let groups = mapping("x", USER, "a") + &format!("  groups:\n  - ok\n  - {}\n", "g".repeat(300));
    assert_eq!(lint(&groups), ["10 RAM009"]);
    assert_eq!(lint("server: {mapAccounts: ['1', x]}\n"), ["1 RAM010", "1 RAM204"]);
}

#[test]
fn entries_of_the_config_map_have_the_lines_of_the_file() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: alibabacloud-auth\n  namespace: kube-system\ndata:\n  \
                mapRoles: |\n    - rolearn: acs:ram::1:role/ok\n      username: ok\n    - rolearn: junk\n      username: x\n  \
                mapUsers: |\n    - userarn: acs:ram::1:user/a\n      username: a\n    - [open\n  mapaccounts: '[]'\n  \
                other: x\n";
    let findings = lint(text);
    assert_eq!(findings[0], "10 RAM005", "{findings:?}");
    assert!(findings[1].ends_with("RAM001"), "{findings:?}");
    assert_eq!(findings[2..], ["16 RAM002", "17 RAM109"]);
}

#[test]
fn lists_of_objects_are_taken_apart() {
    let text = r#"{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "ramauthenticator.k8s.alibabacloud/v1alpha1", "kind": "RAMIdentityMapping",
   "metadata": {"name": "a"}, "spec":
    {"arn": "junk",
     "username": "a"}}
]}"#;
    let found = lint_files(&[("x.json", text)]);
    assert_eq!((found[0].place.line, found[0].code, found.len()), (4, Code::Arn, 1));
}

#[test]
fn what_never_counts_names_its_winner() {
    let arn = "acs:ram::1234567890123456:role/dev";
    let two = mapping("b", arn, "b") + &mapping("a", "acs:ram::1234567890123456:role/DEV", "a");
    assert_eq!(lint(&two), ["6 RAM012", "6 RAM104"]);
    assert!(message(&two, Code::Shadowed).contains("RAMIdentityMapping a"));

    let chance = mapping("a", "acs:ram::1234567890123456:role/ab-*", "a")
        + &mapping("b", "acs:ram::1234567890123456:role/*-x", "b")
        + &mapping("c", "acs:ram::1234567890123456:role/ops*y", "c");
    let winner = message(&chance, Code::WasChance);
    assert!(winner.starts_with("RAMIdentityMapping a ("), "{winner}");

    let deleted = mapping("a", arn, "a")
        + &mapping("b", arn, "b").replace("{name: b}", "{name: b, deletionTimestamp: 2026-01-01}");
    assert_eq!(lint(&deleted), Vec::<String>::new());

    let covered = mapping("a", "acs:ram::1234567890123456:role/dev-a*", "a")
        + &mapping("b", "acs:ram::1234567890123456:role/dev-?a*", "b");
    assert!(!lint(&covered).iter().any(|line| line.ends_with("RAM012")), "neither covers the other");

    assert_eq!(lint(&(mapping("a", USER, "a") + &mapping("a", USER, "b"))), ["2 RAM011"]);

    let sections = "server:\n  mapRoles:\n  - {rolearn: 'acs:ram::1:role/a', username: a}\n  - {rolearn: 'acs:ram::1:role/a', \
                    username: b}\n  mapUsers:\n  - {userarn: 'acs:ram::1:role/A', username: c}\n  - {userarn: \
                    'acs:ram::1:user/u', username: d}\n  - {userarn: 'acs:ram::1:user/U', username: e}\n";
    assert_eq!(lint(sections), ["3 RAM012", "6 RAM012", "7 RAM012", "7 RAM104"]);
}

#[test]
fn backends_shadow_each_other_where_their_order_is_known() {
    let mapping = mapping("alice", USER, "alice");
    let entry = format!("  mapUsers: [{{userarn: '{USER}', username: alice}}]\n");
    let config = |modes: &str| format!("clusterID: c\nserver:\n{modes}{entry}");
    let shadowed = |config: &str| -> Vec<String> {
        let findings = lint_files(&[("c.yaml", config), ("m.yaml", &mapping)]);
        findings.iter().map(|finding| format!("{} {}", finding.object, finding.code.id())).collect()
    };
    assert_eq!(shadowed(&config("  backendMode: [MountedFile, CRD]\n")), ["RAMIdentityMapping alice RAM012"]);
    assert_eq!(shadowed(&config("  backendMode: [CRD, MountedFile]\n")), ["server.mapUsers[0] RAM012"]);
    assert_eq!(shadowed(&config("")), Vec::<String>::new());
}

// Each row of the table of patterns that was made by running the public server.
#[test]
fn what_means_something_else_than_before_says_so_with_an_example() {
    let pattern = |name: &str| mapping("x", &format!("acs:ram::1234567890123456:{name}"), "x");
    for (name, parts) in [
        ("role/dev*", &["it let in role/de, which this does not"][..]),
        ("role/dev-*-admin", &["let in role/dev-admin,", "did not let in role/dev-x-admin, which this does"]),
        ("role/*-admin", &["did not let in role/x-admin, which this does"]),
        ("user/*@corp", &["did not let in user/x@corp, which this does"]),
        ("role/admin?", &["let in role/admi,"]),
        ("role/d?v", &["let in role/v,", "did not let in role/dxv,"]),
        ("role/dev-.*", &["let in role/dev-,", "write * where it has .*"]),
        ("role/x|.*", &["of any account", "a mapping for each alternative"]),
    ] {
        let text = message(&pattern(name), Code::PatternMeaning);
        assert!(parts.iter().all(|part| text.contains(part)), "{name}: {text}");
    }
    for name in ["role/[*", "role/dev**"] {
        let text = message(&pattern(name), Code::PatternWasBad);
        assert!(text.contains("could not read"), "{text}");
    }
    for name in ["role/*", "user/*"] {
        assert_eq!(lint(&pattern(name)), ["6 RAM207"], "{name}");
    }
}

#[test]
fn the_other_changes_of_meaning_are_named() {
    let session = "acs:ram::1234567890123456:assumed-role/dev/alice";
    assert!(message(&mapping("x", session, "x"), Code::SessionArn).contains("let in every session"));
    let entry = format!("server: {{mapRoles: [{{rolearn: '{session}', username: x}}]}}\n");
    assert!(message(&entry, Code::SessionArn).contains("matched nobody"));
    assert_eq!(lint("server: {mapUsers: [{userarn: 'acs:ram::1:user/a*', username: x}]}\n"), ["1 RAM107"]);
    assert_eq!(lint(&mapping("x", USER, "{{UserName}}")), ["7 RAM106"]);
    let role = "acs:ram::1234567890123456:role/dev";
    assert_eq!(lint(&mapping("x", role, "{{SessionNameRaw}}:admin")), ["7 RAM110"]);
    assert_eq!(lint(&mapping("x", USER, "{{RoleName}}")), ["7 RAM009", "7 RAM106"]);
    assert_eq!(lint(&mapping("x", USER, "a-{{SessionName}}"))[0], "7 RAM108");
    assert!(lint(&mapping("x", USER, "{{SessionNameRaw}}")).contains(&"7 RAM009".to_owned()));
    let account =
        "clusterID: c\nserver:\n  backendMode: MountedFile CRD\n  mapAccounts: ['1234567890123456']\n";
    let findings = lint_files(&[("c.yaml", account), ("m.yaml", &mapping("alice", USER, "alice"))]);
    let found: Vec<_> = findings.iter().filter(|finding| finding.code == Code::AccountWasFirst).collect();
    assert_eq!((found.len(), found[0].place.line), (1, 6));
}

#[test]
fn what_is_dangerous_is_named() {
    let rescue = "server: {breakGlass: {mapUsers: [{userarn: 'acs:ram::1:user/a', username: r, groups: ['system:masters']}]}}\n";
    assert_eq!(lint(rescue), Vec::<String>::new());
    let role = "acs:ram::1234567890123456:role/dev";
    for (text, expected) in [
        (mapping("x", role, "{{SessionName}}"), "7 RAM201"),
        (mapping("x", role, "{{SessionNameRaw}}"), "7 RAM201"),
        (mapping("x", role, "dev") + "  groups: [a, \"{{SessionNameRaw}}\"]\n", "8 RAM201"),
        (mapping("x", role, "dev:{{SessionName}}"), "7 RAM202"),
        ("server: {mapAccounts: ['1']}\n".to_owned(), "1 RAM204"),
        (mapping("x", "acs:ram::1:role/KubernetesWorkerRole-0a1b", "n"), "6 RAM205"),
        (mapping("x", "acs:ram::1:role/AliyunCSManagedKubernetesRole", "n"), "6 RAM205"),
        (mapping("x", USER, "system:admin"), "7 RAM206"),
        (mapping("x", USER, "a") + "  groups:\n  - b\n  - system:masters\n", "10 RAM206"),
        (mapping("x", "acs:ram::1:role/?*", "n"), "6 RAM207"),
        (mapping("x", "acs:ram::1:root", "n"), "6 RAM209"),
    ] {
        let findings = lint(&text);
        assert!(findings.contains(&expected.to_owned()), "{text}: {findings:?}");
    }
    let nodes = mapping("x", "acs:ram::1:role/kubernetes*", "n");
    assert!(lint(&nodes).contains(&"6 RAM205".to_owned()));

    let reached = mapping("r", role, "team-{{SessionNameRaw}}") + &mapping("a", USER, "team-lead");
    let text = message(&reached, Code::ReachesOther);
    assert!(text.contains("\"team-lead\"") && text.contains("RAMIdentityMapping a"), "{text}");
    let apart = mapping("r", role, "dev:{{SessionNameRaw}}") + &mapping("a", USER, "team-lead");
    assert_eq!(lint(&apart), Vec::<String>::new());
}

#[test]
fn a_wildcard_account_that_is_allowed_is_still_said_to_be_dangerous() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    std::fs::write(&path, mapping("x", "acs:ram::*:role/dev", "x")).unwrap();
    let (gathered, _) = of(Sources { files: vec![path], allow_any_account: true, ..Sources::default() });
    let codes: Vec<Code> = findings(&gathered, None).iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::PatternMeaning, Code::EveryAccount]);
}

#[test]
fn folders_are_read_without_what_is_none_of_our_business() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a/bad.yaml", mapping("x", "junk", "x")),
        ("a/chart/template.yaml", "kind: {{ .Values.kind }}\n  x: [\n".to_owned()),
        ("a/values.yml", "replicas: 3\n".to_owned()),
        ("a/readme.md", "apiVersion: [\n".to_owned()),
        ("a/.hidden.yaml", mapping("x", "junk", "x")),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let twice = vec![folder.path().to_owned(), folder.path().join("a/bad.yaml")];
    let (gathered, _) = of(Sources { files: twice, ..Sources::default() });
    let found = findings(&gathered, None);
    assert_eq!((gathered.entries.len(), found.len()), (1, 1), "{found:?}");
    assert!(found[0].line().contains("a/bad.yaml:6: error: RAMIdentityMapping x: "), "{}", found[0].line());
}

#[test]
fn findings_are_one_line_whatever_the_input_holds() {
    let text = "apiVersion: ramauthenticator.k8s.alibabacloud/v1alpha1\nkind: RAMIdentityMapping\nmetadata: {name: \"a\\nb\"}\n\
                spec: {arn: \"x\\ny\", username: \"a\\n\", \"k\\ney\": 1, groups: [\"system:\\x1b[31m\"]}\n";
    for finding in lint_files(&[("x.yaml", text)]) {
        assert!(!finding.line().contains(|c: char| c.is_control()), "{finding:?}");
    }
}

/// The settling of duplicates is the server's: both are given the same section.
#[test]
fn the_same_entries_are_in_force_as_in_the_server() {
    let section = serde_json::json!({
        "mapRoles": [
            {"rolearn": "acs:ram::1:role/a", "username": "1"},
            {"rolearn": "acs:ram::1:role/A", "username": "2"},
            {"rolearn": "acs:ram::1:user/u", "username": "3"},
            {"rolearn": "acs:ram::1:assumed-role/a/s", "username": "4"},
        ],
        "mapUsers": [
            {"userarn": "acs:ram::1:user/u", "username": "5"},
            {"userarn": "acs:ram::1:user/v", "username": "6"},
            {"userarn": "acs:ram::1:user/V", "username": "7"},
        ],
        "mapAccounts": ["1", "2", "1"],
    });
    let text = serde_json::json!({"server": section}).to_string();
    let (gathered, _, _folder) = gathered(&[("c.json", &text)]);
    let settled = in_force::in_force(&gathered.entries);
    let mut ours: Vec<String> = settled
        .entries
        .iter()
        .map(|entry| entry.rule.as_ref().unwrap().source().object.to_string())
        .collect();
    ours.sort();
    let lower = crate::config::file::interpret(serde_json::from_str(&text).unwrap()).unwrap();
    let (rules, _) = crate::mappings::file::rules("MountedFile", &lower.server.mappings).unwrap();
    let mut theirs: Vec<String> = rules.iter().map(|rule| rule.source().object.to_string()).collect();
    theirs.sort();
    assert_eq!(ours, theirs);
}
