#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::*;

const EXAMPLE: &str = include_str!("../../examples/ram-emulator.yaml");

/// A config with one account, whose other lines are these (indented by four).
fn with(lines: &str) -> Result<Config, ConfigError> {
    Config::from_yaml(&format!("accounts:\n  - id: \"1234567890123456\"\n{lines}"), "test.yaml")
}

fn refusal(lines: &str) -> String {
    let text = with(lines).expect_err(lines).to_string();
    assert!(text.starts_with("test.yaml, line "), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn the_example_is_accepted() {
    let config = Config::from_yaml(EXAMPLE, "example").unwrap();
    let account = &config.accounts[0];
    assert_eq!(account.id, "1234567890123456");
    assert_eq!(account.users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["alice", "bob"]);
    assert_eq!(account.users[1].access_keys.iter().map(|key| key.active).collect::<Vec<_>>(), [true, false]);
    assert_eq!(account.roles[0].max_session_duration, 7200);
    assert_eq!(account.roles[1].max_session_duration, 3600);
}

#[test]
fn the_shape_of_the_issue_is_accepted() {
    let text = r#"
accounts:
  - id: "1234567890123456"
    accessKeys: [{id: LTAIroot, secret: "1"}]
    users:
      - {name: alice, id: "222222222222222222", accessKeys: [{id: LTAIalice, secret: "2"}]}
    roles:
      - {name: dev, id: "333333333333333333", maxSessionDuration: 3600, trustPolicy: {Version: "1", Statement: [{Effect: Allow, Action: sts:AssumeRole, Principal: {RAM: ["acs:ram::1234567890123456:root"]}}]}}
"#;
    assert!(Config::from_yaml(text, "issue").is_ok());
}

#[test]
fn each_mistake_is_named_with_its_line() {
    for (lines, line, words) in [
        ("    colour: red", 3, "colour"),
        ("    users:\n      - {name: alice, id: \"2\", age: \"4\"}", 4, "age"),
        ("    users:\n      - {name: alice}", 4, "id"),
        ("    users:\n      - {name: al ice, id: \"2\"}", 4, "al ice"),
        ("    users:\n      - {name: alice, id: \"2x\"}", 4, "2x"),
        ("    users:\n      - {name: alice, id: \"2\"}\n      - {name: Alice, id: \"3\"}", 5, "line 4"),
        ("    users:\n      - {name: alice, id: \"2\"}\n      - {name: bob, id: \"2\"}", 5, "line 4"),
        ("    accessKeys:\n      - {id: \"LTAI 1\", secret: s}", 4, "LTAI 1"),
        ("    accessKeys:\n      - {id: STS.1, secret: s}", 4, "AssumeRole"),
        ("    accessKeys:\n      - {id: LTAI1, secret: \"\"}", 4, "empty secret"),
        ("    accessKeys:\n      - {id: LTAI1, secret: s, status: Disabled}", 4, "Active"),
        ("    accessKeys:\n      - {id: LTAI1, secret: s}\n      - {id: LTAI1, secret: t}", 5, "line 4"),
        ("    throttle: {callsPerSecond: 0}", 3, "callsPerSecond is 0"),
        ("    throttle: {assumeRoleCallsPerSecond: 0}", 3, "assumeRoleCallsPerSecond is 0"),
        ("    throttle: {}", 3, "callsPerSecond"),
        ("  - id: \"1234567890123456\"", 3, "line 2"),
        ("  - id: \"123\"", 3, "16 digits"),
    ] {
        let text = refusal(lines);
        assert!(text.contains(&format!("line {line}:")), "{lines}\n{text}");
        assert!(text.contains(words), "{lines}\n{text}");
    }
}

#[test]
fn ids_and_keys_are_unique_over_all_accounts() {
    let two =
        |first: &str, second: &str| with(&format!("    {first}\n  - id: \"6543210987654321\"\n    {second}"));
    let key = "accessKeys: [{id: LTAI1, secret: s}]";
    assert!(two(key, key).unwrap_err().to_string().contains("access key id \"LTAI1\" is taken already"));
    let user = |name: &str, id: &str| format!("users: [{{name: {name}, id: \"{id}\"}}]");
    assert!(two(&user("a", "2"), &user("b", "2")).unwrap_err().to_string().contains("id \"2\" is taken"));
    assert!(two(&user("a", "2"), &user("a", "3")).is_ok(), "two accounts may have users of one name");
}

#[test]
fn a_number_where_a_text_is_meant_is_told_to_be_quoted() {
    for text in [
        "accounts:\n  - id: 1234567890123456\n",
        "accounts:\n  - id: \"1234567890123456\"\n    accessKeys: [{id: LTAI1, secret: 12345}]\n",
        "accounts:\n  - id: \"1234567890123456\"\n    users: [{name: alice, id: 222222222222222222}]\n",
    ] {
        let error = Config::from_yaml(text, "test.yaml").unwrap_err().to_string();
        assert!(error.contains("put it in quotes"), "{error}");
        assert!(!error.contains("12345"), "{error}");
    }
}

#[test]
fn role_mistakes_are_named() {
    let role = |rest: &str| refusal(&format!("    roles:\n      - name: dev\n        id: \"3\"\n{rest}"));
    let policy = "        trustPolicy: {Version: \"1\", Statement: {Effect: Allow, Action: \"*\", Principal: {RAM: acs:ram::1234567890123456:root}}}";
    assert!(role("").contains("trustPolicy"));
    for seconds in ["3599", "43201", "-1", "1h"] {
        let text = role(&format!("        maxSessionDuration: {seconds}\n{policy}"));
        assert!(text.contains("line 6:"), "{text}");
    }
    let text = refusal(&format!("    roles:\n      - name: de_v\n        id: \"3\"\n{policy}"));
    assert!(text.contains("de_v") && text.contains("line 4:"), "{text}");
}

#[test]
fn no_secret_is_in_an_error_or_in_debug() {
    for lines in [
        "    accessKeys: [{id: LTAI1, secret: [hunter2]}]",
        "    accessKeys: [{id: LTAI1, secret: {hunter2: x}}]",
        "    accessKeys: [{id: \"LTAI 1\", secret: hunter2}]",
        "    accessKeys: hunter2",
        "    accessKeys: [hunter2]",
        "    accessKeys: [{id: LTAI1, secret: hunter2, secret: hunter2}]",
    ] {
        let text = refusal(lines);
        // A key of a mapping is a name: it may be shown.
        assert!(!text.contains("hunter2"), "{lines}\n{text}");
    }
    let config = with("    accessKeys: [{id: LTAI1, secret: hunter2}]").unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn what_is_not_yaml_or_has_no_accounts_is_refused() {
    for text in ["", "accounts: []", "accounts: {}", "{", "accounts:\n\t- id: x", "a: 1\n---\nb: 2", "- 1"] {
        let error = Config::from_yaml(text, "test.yaml").expect_err(text).to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.starts_with("test.yaml, line "), "{error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::read(Path::new("/nowhere/config.yaml")).unwrap_err().to_string();
    assert!(error.contains("/nowhere/config.yaml"), "{error}");
}
