//! RAM through the front door: HTTPS requests, signed by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::*;
use emulator::{Config, Emulator};
use jiff::Timestamp;
use reqwest::Client;
use serde_json::{Value, json};

const ACCOUNT: &str = "1234567890123456";
const TRUST: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"acs:ram::1234567890123456:root"}}]}"#;
const POLICY: &str =
    r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "cs:*", "Resource": "*"}]}"#;

/// Names and values.
type Params<'a> = Vec<(&'a str, &'a str)>;

/// An emulator, and a client of it.
struct Ram {
    emulator: Emulator,
    client: Client,
}

impl Ram {
    async fn start() -> Self {
        Self::with(config()).await
    }

    async fn with(config: Config) -> Self {
        let emulator = Emulator::builder(config).start().await.unwrap();
        let client = client(&emulator);
        Self { emulator, client }
    }

    async fn call_as(&self, keys: &Keys, action: &str, params: &[(&str, &str)]) -> (u16, Value) {
        let operation = ("2015-05-01", action);
        answer(acs3_post_to(&self.client, &self.emulator, keys, operation, params)).await
    }

    async fn call(&self, action: &str, params: &[(&str, &str)]) -> (u16, Value) {
        self.call_as(&alice(), action, params).await
    }

    async fn ok(&self, action: &str, params: &[(&str, &str)]) -> Value {
        let (status, body) = self.call(action, params).await;
        assert_eq!(status, 200, "{action} {params:?}: {body}");
        body
    }

    async fn refusal(&self, action: &str, params: &[(&str, &str)]) -> String {
        let (status, body) = self.call(action, params).await;
        let code = body["Code"].as_str().unwrap_or_else(|| panic!("{action} {params:?}: {body}"));
        format!("{status} {code}")
    }

    async fn assume(&self, role: &str) -> (u16, Value) {
        let arn = format!("acs:ram::{ACCOUNT}:role/{role}");
        let params = [("RoleArn", arn.as_str()), ("RoleSessionName", "session")];
        answer(acs3_post(&self.client, &self.emulator, &alice(), "AssumeRole", &params)).await
    }

    async fn who(&self, keys: &Keys) -> String {
        let request = acs3_post(&self.client, &self.emulator, keys, "GetCallerIdentity", &[]);
        let (_, body) = answer(request).await;
        body["Arn"].as_str().or(body["Code"].as_str()).unwrap().to_owned()
    }
}

fn is_date(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 20 && text.parse::<Timestamp>().is_ok())
}

#[tokio::test]
async fn a_role_is_made_shown_changed_and_deleted() {
    let ram = Ram::start().await;
    let made = ram
        .ok(
            "CreateRole",
            &[
                ("RoleName", "App.Reader"),
                ("AssumeRolePolicyDocument", TRUST),
                ("Description", ""),
                ("MaxSessionDuration", "43200"),
            ],
        )
        .await;
    let role = &made["Role"];
    let id = role["RoleId"].as_str().unwrap();
    assert!(id.len() == 18 && id.starts_with('3') && id.bytes().all(|b| b.is_ascii_digit()), "{id}");
    assert_eq!(role["RoleName"], "App.Reader");
    assert_eq!(role["Arn"], "acs:ram::1234567890123456:role/App.Reader");
    assert_eq!(role["AssumeRolePolicyDocument"], TRUST, "kept as it was sent");
    assert_eq!(role["MaxSessionDuration"], 43200);
    assert_eq!(role["Description"], "");
    assert!(is_date(&role["CreateDate"]), "{role}");
    assert_eq!(role.get("UpdateDate"), None);

    // The name in any case is the same role.
    let shown = ram.ok("GetRole", &[("RoleName", "app.reader")]).await;
    assert!(is_date(&shown["Role"]["UpdateDate"]), "{shown}");
    assert_eq!(shown["Role"]["RoleId"], id);

    // A policy with white space that YAML would not take for indentation.
    let tabbed = TRUST.replace("\"Statement\"", "\n\t\t\"Statement\"").replace(":root", ":user/bob");
    ram.ok(
        "UpdateRole",
        &[
            ("RoleName", "App.Reader"),
            ("NewAssumeRolePolicyDocument", &tabbed),
            ("NewDescription", "for the app"),
        ],
    )
    .await;
    let shown = ram.ok("GetRole", &[("RoleName", "App.Reader")]).await;
    assert_eq!(shown["Role"]["AssumeRolePolicyDocument"], tabbed.as_str());
    assert_eq!(shown["Role"]["Description"], "for the app");
    assert_eq!(shown["Role"]["MaxSessionDuration"], 43200, "what is not named stays");
    assert_eq!(ram.assume("App.Reader").await.1["Code"], "NoPermission", "alice is not trusted any more");

    assert!(ram.ok("ListRoles", &[]).await["Roles"]["Role"][1]["RoleId"] == id);
    ram.ok("DeleteRole", &[("RoleName", "App.Reader")]).await;
    assert_eq!(ram.refusal("GetRole", &[("RoleName", "App.Reader")]).await, "404 EntityNotExist.Role");
}

#[tokio::test]
async fn roles_and_users_of_the_configuration_are_shown() {
    let ram = Ram::start().await;
    let role = ram.ok("GetRole", &[("RoleName", "admin")]).await;
    let document: Value =
        serde_json::from_str(role["Role"]["AssumeRolePolicyDocument"].as_str().unwrap()).unwrap();
    assert_eq!(
        document,
        json!({"Version": "1", "Statement": [{
            "Effect": "Allow", "Action": ["sts:AssumeRole"],
            "Principal": {"RAM": ["acs:ram::1234567890123456:user/alice"]},
            "Condition": {"StringEquals": {"sts:ExternalId": ["agreed-between-us"]}},
        }]})
    );
    // What is shown can be sent back.
    let text = role["Role"]["AssumeRolePolicyDocument"].as_str().unwrap();
    ram.ok("UpdateRole", &[("RoleName", "admin"), ("NewAssumeRolePolicyDocument", text)]).await;

    let users = ram.ok("ListUsers", &[("MaxItems", "1000")]).await;
    assert_eq!(users["IsTruncated"], false);
    assert_eq!(users.get("Marker"), None);
    let names: Vec<_> = users["Users"]["User"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 2);
    assert_eq!((&names[0]["UserName"], &names[0]["UserId"]), (&json!("alice"), &json!("222222222222222222")));
    let user = ram.ok("GetUser", &[("UserName", "BOB")]).await;
    assert_eq!(user["User"]["UserId"], "222222222222222223");
    assert!(is_date(&user["User"]["CreateDate"]) && is_date(&user["User"]["UpdateDate"]));
    let roles = ram.ok("ListRoles", &[]).await;
    assert_eq!(roles["Roles"]["Role"][0]["RoleName"], "admin");
    assert_eq!(roles["Roles"]["Role"][0].get("AssumeRolePolicyDocument"), None, "lists have no documents");
}

#[tokio::test]
async fn both_styles_and_both_formats_are_answered() {
    let ram = Ram::start().await;
    let params = [("Action", "GetRole"), ("RoleName", "dev"), ("Version", "2015-05-01")];
    let (status, body) = answer(rpc_get(&ram.client, &ram.emulator, &alice(), &params)).await;
    assert_eq!((status, &body["Role"]["RoleId"]), (200, &json!("333333333333333333")));
    let mut params = params.to_vec();
    params.push(("Format", "xml"));
    let text = rpc_get(&ram.client, &ram.emulator, &alice(), &params).send().await.unwrap();
    let text = text.text().await.unwrap();
    assert!(text.contains("<GetRoleResponse>") && text.contains("<RoleName>dev</RoleName>"), "{text}");
    // An error names the product in its link; and a version of another service is not RAM's.
    let (_, body) = ram.call("GetRole", &[("RoleName", "nobody")]).await;
    assert!(body["Recommend"].as_str().unwrap().contains("product=Ram"), "{body}");
    let request = acs3_post(&ram.client, &ram.emulator, &alice(), "GetRole", &[("RoleName", "dev")]);
    assert_eq!(error(request).await, (400, "InvalidVersion".to_owned()));
}

#[tokio::test]
async fn lists_come_in_pages_that_miss_and_repeat_nobody() {
    let ram = Ram::start().await;
    for number in 0..25 {
        ram.emulator.create_user(ACCOUNT, &format!("User{number:02}")).unwrap();
    }
    let mut names = Vec::new();
    let mut marker = String::new();
    let mut pages = 0;
    loop {
        let mut params = vec![("MaxItems", "10")];
        if !marker.is_empty() {
            params.push(("Marker", &marker));
        }
        let page = ram.ok("ListUsers", &params).await;
        let users = page["Users"]["User"].as_array().unwrap();
        names.extend(users.iter().map(|user| user["UserName"].as_str().unwrap().to_owned()));
        pages += 1;
        // Deleting the user that a marker names, and making one before it, moves nobody across a border.
        if pages == 1 {
            ram.emulator.delete_user(ACCOUNT, names.last().unwrap()).unwrap();
            ram.emulator.create_user(ACCOUNT, "aaron").unwrap();
        }
        if page["IsTruncated"] == false {
            assert_eq!(page.get("Marker"), None);
            break;
        }
        page["Marker"].as_str().unwrap().clone_into(&mut marker);
    }
    assert_eq!((pages, names.len()), (3, 27));
    let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    assert!(lower.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    for (name, value) in [("MaxItems", "0"), ("MaxItems", "1001"), ("MaxItems", "x"), ("Marker", "%%")] {
        let expected = format!("400 InvalidParameter.{name}");
        assert_eq!(ram.refusal("ListRoles", &[(name, value)]).await, expected, "{value}");
    }
    let default = Ram::start().await;
    for number in 0..120 {
        default.emulator.create_user(ACCOUNT, &format!("u{number}")).unwrap();
    }
    let page = default.ok("ListUsers", &[]).await;
    assert_eq!(page["Users"]["User"].as_array().unwrap().len(), 100, "a hundred without MaxItems");
    assert_eq!(page["IsTruncated"], true);
}

#[tokio::test]
async fn policies_are_made_attached_listed_and_detached() {
    let ram = Ram::start().await;
    let made = ram
        .ok("CreatePolicy", &[("PolicyName", "my-policy"), ("PolicyDocument", POLICY), ("Description", "d")])
        .await;
    let policy = &made["Policy"];
    assert_eq!(
        (&policy["PolicyType"], &policy["DefaultVersion"], &policy["Description"]),
        (&json!("Custom"), &json!("v1"), &json!("d"))
    );
    let custom = [("PolicyName", "my-policy"), ("PolicyType", "Custom")];
    let system = [("PolicyName", "AliyunCSReadOnlyAccess"), ("PolicyType", "System")];
    let with_role = |policy: &[(&'static str, &'static str)]| {
        let mut params = policy.to_vec();
        params.push(("RoleName", "dev"));
        params
    };
    for policy in [custom, system] {
        ram.ok("AttachPolicyToRole", &with_role(&policy)).await;
        assert_eq!(
            ram.refusal("AttachPolicyToRole", &with_role(&policy)).await,
            "409 EntityAlreadyExists.Role.Policy"
        );
        let shown = ram.ok("GetPolicy", &policy).await;
        assert_eq!(shown["Policy"]["AttachmentCount"], 1);
        assert_eq!(shown["DefaultPolicyVersion"]["IsDefaultVersion"], true);
        assert_eq!(shown["DefaultPolicyVersion"]["VersionId"], "v1");
        let document = shown["DefaultPolicyVersion"]["PolicyDocument"].as_str().unwrap();
        assert!(document.contains("cs:"), "{document}");
    }
    let shown = ram.ok("GetPolicy", &custom).await;
    assert_eq!(shown["DefaultPolicyVersion"]["PolicyDocument"], POLICY, "kept as it was sent");
    let listed = ram.ok("ListPoliciesForRole", &[("RoleName", "dev")]).await;
    let names: Vec<_> =
        listed["Policies"]["Policy"].as_array().unwrap().iter().map(|policy| &policy["PolicyName"]).collect();
    assert_eq!(names, ["my-policy", "AliyunCSReadOnlyAccess"]);
    assert!(is_date(&listed["Policies"]["Policy"][0]["AttachDate"]));

    assert_eq!(ram.refusal("DeleteRole", &[("RoleName", "dev")]).await, "409 DeleteConflict.Role.Policy");
    for policy in [custom, system] {
        ram.ok("DetachPolicyFromRole", &with_role(&policy)).await;
        assert_eq!(
            ram.refusal("DetachPolicyFromRole", &with_role(&policy)).await,
            "404 EntityNotExist.Role.Policy"
        );
    }
    ram.ok("DeleteRole", &[("RoleName", "dev")]).await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_the_documented_codes() {
    let ram = Ram::start().await;
    let long = "a".repeat(129);
    let long_text = "a".repeat(1025);
    let big_policy = format!("{{\"Version\": \"1\", \"x\": \"{}\"}}", "y".repeat(6144));
    let role = |name| ("RoleName", name);
    let trust = ("AssumeRolePolicyDocument", TRUST);
    let unknown_condition =
        TRUST.replace("}]}", r#","Condition":{"IpAddress":{"acs:SourceMac":"192.0.2.1"}}}]}"#);
    let cases: Vec<(&str, Params<'_>, &str)> = vec![
        ("GetRole", vec![], "400 MissingRoleName"),
        ("GetRole", vec![role("a_b")], "400 InvalidParameter.RoleName.InvalidChars"),
        ("GetRole", vec![role(&long)], "400 InvalidParameter.RoleName.Length"),
        ("GetRole", vec![role("nobody")], "404 EntityNotExist.Role"),
        ("CreateRole", vec![role("new")], "400 MissingAssumeRolePolicyDocument"),
        ("CreateRole", vec![role("DEV"), trust], "409 EntityAlreadyExists.Role"),
        (
            "CreateRole",
            vec![role("new"), trust, ("MaxSessionDuration", "3599")],
            "400 InvalidParameter.MaxSessionDuration",
        ),
        (
            "CreateRole",
            vec![role("new"), trust, ("MaxSessionDuration", "43201")],
            "400 InvalidParameter.MaxSessionDuration",
        ),
        (
            "CreateRole",
            vec![role("new"), trust, ("Description", &long_text)],
            "400 InvalidParameter.Description.Length",
        ),
        ("CreateRole", vec![role("new"), ("AssumeRolePolicyDocument", "{")], "400 MalformedPolicyDocument"),
        (
            "CreateRole",
            vec![role("new"), ("AssumeRolePolicyDocument", &big_policy)],
            "400 InvalidParameter.AssumeRolePolicyDocument.Length",
        ),
        (
            "UpdateRole",
            vec![role("dev"), ("NewAssumeRolePolicyDocument", &unknown_condition)],
            "400 MalformedPolicyDocument",
        ),
        (
            "UpdateRole",
            vec![role("dev"), ("NewMaxSessionDuration", "1")],
            "400 InvalidParameter.NewMaxSessionDuration",
        ),
        ("UpdateRole", vec![role("nobody")], "404 EntityNotExist.Role"),
        ("DeleteRole", vec![role("nobody")], "404 EntityNotExist.Role"),
        ("GetUser", vec![("UserName", "nobody")], "404 EntityNotExist.User"),
        ("GetUser", vec![("UserName", "a/b")], "400 InvalidParameter.UserName.InvalidChars"),
        ("CreateUser", vec![("UserName", "Alice")], "409 EntityAlreadyExists.User"),
        (
            "CreateUser",
            vec![("UserName", "new"), ("Comments", &long)],
            "400 InvalidParameter.Comments.Length",
        ),
        ("DeleteUser", vec![("UserName", "bob")], "409 DeleteConflict.User.AccessKey"),
        ("DeleteUser", vec![("UserName", "nobody")], "404 EntityNotExist.User"),
        ("GetPolicy", vec![("PolicyName", "x")], "400 MissingPolicyType"),
        ("GetPolicy", vec![("PolicyName", "x"), ("PolicyType", "custom")], "400 InvalidParameter.PolicyType"),
        ("GetPolicy", vec![("PolicyName", "x"), ("PolicyType", "Custom")], "404 EntityNotExist.Policy"),
        (
            "GetPolicy",
            vec![("PolicyName", "AliyunCSFullAccess"), ("PolicyType", "Custom")],
            "404 EntityNotExist.Policy",
        ),
        (
            "GetPolicy",
            vec![("PolicyName", "a b"), ("PolicyType", "System")],
            "400 InvalidParameter.PolicyName.InvalidChars",
        ),
        (
            "GetPolicy",
            vec![("PolicyName", &long), ("PolicyType", "System")],
            "400 InvalidParameter.PolicyName.Length",
        ),
        ("CreatePolicy", vec![("PolicyName", "x"), ("PolicyDocument", TRUST)], "400 MalformedPolicyDocument"),
        (
            "CreatePolicy",
            vec![("PolicyName", "x"), ("PolicyDocument", &big_policy)],
            "400 InvalidParameter.PolicyDocument.Length",
        ),
        (
            "CreatePolicy",
            vec![("PolicyName", "ReadOnlyAccess"), ("PolicyDocument", POLICY)],
            "409 EntityAlreadyExists.Policy",
        ),
        (
            "AttachPolicyToRole",
            vec![role("dev"), ("PolicyName", "x"), ("PolicyType", "System")],
            "404 EntityNotExist.Policy",
        ),
        (
            "AttachPolicyToRole",
            vec![role("nobody"), ("PolicyName", "ReadOnlyAccess"), ("PolicyType", "System")],
            "404 EntityNotExist.Role",
        ),
        ("ListPoliciesForRole", vec![role("nobody")], "404 EntityNotExist.Role"),
        ("DeletePolicy", vec![("PolicyName", "x")], "404 EntityNotExist.Policy"),
        ("DeletePolicy", vec![("PolicyName", "ReadOnlyAccess")], "404 EntityNotExist.Policy"),
        ("ListPoliciesForUser", vec![("UserName", "nobody")], "404 EntityNotExist.User"),
        ("DeleteGroup", vec![("GroupName", "x")], "404 InvalidAction.NotFound"),
    ];
    for (action, params, expected) in cases {
        assert_eq!(ram.refusal(action, &params).await, expected, "{action} {params:?}");
    }
    let roles = ram.ok("ListRoles", &[]).await;
    assert_eq!(roles["Roles"]["Role"].as_array().unwrap().len(), 2, "no refusal changed anything");
    assert_eq!(ram.assume("dev").await.0, 200, "nor the trust policy");
}

#[tokio::test]
async fn an_account_sees_itself_alone() {
    let mallory = r#"accounts:
  - id: "6543210987654321"
    users:
      - {name: mallory, id: "222222222222222299", accessKeys: [{id: LTAImallory, secret: m}]}
"#;
    let text = CONFIG.replacen("accounts:\n", mallory, 1);
    let ram = Ram::with(Config::from_yaml(&text, "two accounts").unwrap()).await;
    let mallory = keys("LTAImallory", "m");
    let (_, users) = ram.call_as(&mallory, "ListUsers", &[]).await;
    let users = users["Users"]["User"].as_array().unwrap();
    assert_eq!((users.len(), &users[0]["UserName"]), (1, &json!("mallory")));
    for (action, params) in [
        ("GetUser", [("UserName", "alice")]),
        ("DeleteUser", [("UserName", "alice")]),
        ("GetRole", [("RoleName", "dev")]),
        ("DeleteRole", [("RoleName", "dev")]),
    ] {
        let (status, body) = ram.call_as(&mallory, action, &params).await;
        assert_eq!(status, 404, "{action}: {body}");
    }
    let (_, roles) = ram.call_as(&mallory, "ListRoles", &[]).await;
    assert_eq!(roles["Roles"], json!({"Role": []}));
    assert_eq!(ram.who(&alice()).await, "acs:ram::1234567890123456:user/alice");
}

#[tokio::test]
async fn a_deleted_users_keys_are_refused_at_once() {
    let ram = Ram::start().await;
    let (_, session) = ram.assume("dev").await;
    let id = ram.emulator.create_user(ACCOUNT, "carol").unwrap();
    assert!(id.len() == 18 && id.starts_with('2'), "{id}");
    ram.emulator.create_access_key(ACCOUNT, "carol", "LTAIcarol", "carol-secret").unwrap();
    let carol = keys("LTAIcarol", "carol-secret");
    assert_eq!(ram.who(&carol).await, "acs:ram::1234567890123456:user/carol");
    ram.emulator.set_access_key_active("LTAIcarol", false).unwrap();
    assert_eq!(ram.who(&carol).await, "InvalidAccessKeyId.Inactive");
    ram.emulator.set_access_key_active("LTAIcarol", true).unwrap();
    ram.emulator.delete_user(ACCOUNT, "Carol").unwrap();
    assert_eq!(ram.who(&carol).await, "InvalidAccessKeyId.NotFound");
    // A new user of that name is another one.
    let again = ram.emulator.create_user(ACCOUNT, "carol").unwrap();
    assert_ne!(id, again);
    assert_eq!(ram.who(&carol).await, "InvalidAccessKeyId.NotFound");

    ram.emulator.delete_user(ACCOUNT, "alice").unwrap();
    assert_eq!(ram.who(&alice()).await, "InvalidAccessKeyId.NotFound");
    let arn = "acs:ram::1234567890123456:assumed-role/dev/session";
    assert_eq!(ram.who(&keys_of(&session)).await, arn, "a session outlives the user who began it");
    for error in [
        ram.emulator.delete_user(ACCOUNT, "alice").unwrap_err(),
        ram.emulator.delete_user("1111111111111111", "bob").unwrap_err(),
        ram.emulator.create_user(ACCOUNT, "BOB").unwrap_err(),
        ram.emulator.create_user(ACCOUNT, "a b").unwrap_err(),
        ram.emulator.create_access_key(ACCOUNT, "bob", "LTAIbob", "s").unwrap_err(),
        ram.emulator.create_access_key(ACCOUNT, "bob", "STS.x", "s").unwrap_err(),
        ram.emulator.create_access_key(ACCOUNT, "nobody", "x", "s").unwrap_err(),
        ram.emulator.delete_access_key("LTAIcarol").unwrap_err(),
        ram.emulator.set_access_key_active("LTAIcarol", true).unwrap_err(),
        ram.emulator.delete_role(ACCOUNT, "nobody").unwrap_err(),
        ram.emulator.create_role(ACCOUNT, "dev", TRUST).unwrap_err(),
        ram.emulator.create_role(ACCOUNT, "new", "{}").unwrap_err(),
    ] {
        assert_eq!(error.to_string().lines().count(), 1, "{error:?}");
    }
    ram.emulator.delete_access_key("LTAIbob").unwrap();
    assert_eq!(ram.who(&bob()).await, "InvalidAccessKeyId.NotFound");
}

#[tokio::test]
async fn a_deleted_roles_sessions_end_and_a_new_role_of_that_name_does_not_revive_them() {
    let ram = Ram::start().await;
    let (_, session) = ram.assume("dev").await;
    let session = keys_of(&session);
    assert_eq!(ram.who(&session).await, "acs:ram::1234567890123456:assumed-role/dev/session");
    ram.emulator.delete_role(ACCOUNT, "dev").unwrap();
    assert_eq!(ram.who(&session).await, "InvalidAccessKeyId.NotFound");
    assert_eq!(ram.assume("dev").await.1["Code"], "EntityNotExist.Role");
    let id = ram.emulator.create_role(ACCOUNT, "dev", TRUST).unwrap();
    assert_ne!(id, "333333333333333333");
    assert_eq!(ram.who(&session).await, "InvalidAccessKeyId.NotFound");
    let (_, renewed) = ram.assume("dev").await;
    assert_eq!(renewed["AssumedRoleUser"]["AssumedRoleId"], format!("{id}:session"));
    assert_eq!(ram.who(&keys_of(&renewed)).await, "acs:ram::1234567890123456:assumed-role/dev/session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_directory_changes_under_load_and_nobody_else_notices() {
    let ram = std::sync::Arc::new(Ram::start().await);
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let ram = std::sync::Arc::clone(&ram);
        readers.spawn(async move {
            for _ in 0..50 {
                assert_eq!(ram.who(&alice()).await, "acs:ram::1234567890123456:user/alice");
            }
        });
    }
    for round in 0..100 {
        let id = format!("LTAIround{round}");
        ram.emulator.create_user(ACCOUNT, "guest").unwrap();
        ram.emulator.create_access_key(ACCOUNT, "guest", &id, "secret").unwrap();
        ram.emulator.create_role(ACCOUNT, "guests", TRUST).unwrap();
        if round % 10 == 0 {
            let guest = keys(&id, "secret");
            assert_eq!(ram.who(&guest).await, "acs:ram::1234567890123456:user/guest");
            let (_, session) = ram.assume("guests").await;
            ram.emulator.delete_user(ACCOUNT, "guest").unwrap();
            ram.emulator.delete_role(ACCOUNT, "guests").unwrap();
            assert_eq!(ram.who(&guest).await, "InvalidAccessKeyId.NotFound");
            assert_eq!(ram.who(&keys_of(&session)).await, "InvalidAccessKeyId.NotFound");
        } else {
            ram.emulator.delete_user(ACCOUNT, "guest").unwrap();
            ram.emulator.delete_role(ACCOUNT, "guests").unwrap();
        }
    }
    while let Some(reader) = readers.join_next().await {
        reader.unwrap();
    }
}

#[tokio::test]
async fn an_account_is_throttled_where_the_configuration_says_so() {
    let limited = CONFIG.replacen(
        "  - id: \"1234567890123456\"\n",
        "  - id: \"1234567890123456\"\n    throttle: {callsPerSecond: 3}\n",
        1,
    );
    let emulator = Emulator::builder(Config::from_yaml(&limited, "limited").unwrap())
        .clock(|| Timestamp::from_second(NOON).unwrap())
        .start()
        .await
        .unwrap();
    let client = client(&emulator);
    let at = Timestamp::from_second(NOON).unwrap();
    let request = |keys: &Keys| rpc_get_at(&client, &emulator, keys, &[("Action", "GetCallerIdentity")], at);
    // A signature that is wrong does not use up the account's share.
    for _ in 0..5 {
        assert_eq!(error(request(&keys("LTAIalice", "wrong"))).await.1, "SignatureDoesNotMatch");
    }
    for _ in 0..3 {
        assert_eq!(answer(request(&alice())).await.0, 200);
    }
    let response = request(&bob()).send().await.unwrap();
    for name in ["x-ratelimit-user", "x-ratelimit-user-api"] {
        let value = response.headers()[name].to_str().unwrap();
        assert!(value.split(',').any(|pair| pair.starts_with("TimeLeft:")), "{name}: {value}");
    }
    let (status, body) = read(response).await;
    assert_eq!((status, &body["Code"]), (400, &json!("Throttling.User")));
}
