//! Attacks that take more than one request, or a mapping, against the built program: F (a cached answer serves
//! somebody else), D (reserved names), J (wildcards), L (session names), and what widens the limits of A and N.
//! Those of one request are in `e2e/corpus/attacks.yaml`; `docs/security.md` lists all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use common::{ACCOUNT, ALICE, BOB, CLUSTER, Program, Rig, Signing, credentials, emulator, now, token_of};
use emulator::Fault;
use serde_json::{Value, json};
use signature::Secret;
use token::SigningInput;

const MAPPINGS: &str = r#"
  mapUsers:
  - {userarn: "acs:ram::1234567890123456:user/alice", username: alice}
  - {userarn: "acs:ram::1234567890123456:user/*", username: anybody}
  mapRoles:
  - {rolearn: "acs:ram::1234567890123456:assumed-role/dev/oncall@corp", username: on-call, groups: [pagers]}
  - {rolearn: "acs:ram::1234567890123456:role/dev", username: "dev:{{SessionName}}"}
  - {rolearn: "acs:ram::1234567890123456:role/name", username: "{{SessionName}}:admin"}
  - {rolearn: "acs:ram::1234567890123456:role/group", username: "g:{{SessionName}}", groups: [ok, "{{SessionNameRaw}}:masters"]}
  - {rolearn: "acs:ram::1234567890123456:role/node", username: "system:node:{{SessionName}}", groups: ["system:nodes"]}
  - {rolearn: "acs:ram::1234567890123456:role/corp", username: "{{SessionName}}"}
"#;

/// What STS says of a session, whoever asks.
fn session(account: &str, role: &str, name: &str) -> Fault {
    let body = json!({"IdentityType": "AssumedRoleUser", "AccountId": account, "PrincipalId": format!("3:{name}"),
                      "RoleId": "3", "Arn": format!("acs:ram::{account}:assumed-role/{role}/{name}"), "RequestId": "R"});
    Fault::Garbage { content_type: "application/json".to_owned(), body: body.to_string().into_bytes() }
}

/// A token of alice's key, told from others by its user agent, which is not signed.
fn token(agent: &str, extra: &[(String, String)], security_token: Option<&str>) -> String {
    token::sign_v2(&SigningInput {
        cluster_id: CLUSTER,
        access_key_id: ALICE.0,
        secret: &Secret::new(ALICE.1),
        security_token: security_token.map(Secret::new).as_ref(),
        user_agent: agent,
        extra_query: extra,
        signed_at: now(),
    })
    .expose()
    .to_owned()
}

async fn while_sts_says(rig: &Rig, agent: &str, fault: Fault) -> common::Answer {
    rig.emulator.fail("GetCallerIdentity", fault);
    let answer = rig.review(&token(agent, &[], None)).await;
    rig.emulator.clear_faults();
    answer
}

/// F: an answer that is remembered is that of one token, to the last byte.
#[tokio::test]
async fn attack_f_a_remembered_answer_is_good_for_its_own_token_alone() {
    let rig = Rig::start_with(emulator().await, MAPPINGS, &[], None).await;
    let good = token("a", &[], None);
    assert_eq!(rig.review(&good).await.user()["username"], "alice");
    assert_eq!(rig.review(&good).await.user()["username"], "alice");
    assert_eq!(rig.emulator.requests().len(), 1);

    // The same key, second and cluster, with another signature: STS is asked, and says no.
    let json = BASE64_STANDARD.decode(good.strip_prefix("k8s-ack-v2.").unwrap()).unwrap();
    let mut document: Value = serde_json::from_slice(&json).unwrap();
    let authorization = document["headers"]["Authorization"].as_str().unwrap().to_owned();
    let (rest, last) = authorization.split_at(authorization.len() - 1);
    let other = if last == "0" { "1" } else { "0" };
    document["headers"]["Authorization"] = json!(format!("{rest}{other}"));
    let forged = format!("k8s-ack-v2.{}", BASE64_STANDARD.encode(document.to_string()));
    assert!(rig.review(&forged).await.error().contains("SignatureDoesNotMatch"));
    assert_eq!(rig.emulator.requests().len(), 2);
    // And its refusal is its own too.
    assert_eq!(rig.review(&good).await.user()["username"], "alice");
    // Somebody else's token under the same everything but the key.
    rig.review(&token_of(BOB)).await.error();
    // The same token as the one remembered, but for the cluster it is for.
    let mut elsewhere = Signing::by(credentials(ALICE));
    elsewhere.cluster = "another".to_owned();
    assert!(rig.review(&elsewhere.v2()).await.error().contains("another"));
    // A longer text that begins with the remembered one.
    rig.review(&format!("{good}AAAA")).await.error();
}

/// F: the same names in another account are somebody else.
#[tokio::test]
async fn attack_f_the_same_role_name_in_another_account_is_another_role() {
    let rig = Rig::start_with(emulator().await, MAPPINGS, &[], None).await;
    let own = while_sts_says(&rig, "own", session(ACCOUNT, "dev", "s")).await;
    assert_eq!(own.user()["username"], "dev:s");
    for (agent, account) in
        [("foreign", "6543210987654321"), ("prefix", "123456789012345"), ("longer", "12345678901234567")]
    {
        let error = while_sts_says(&rig, agent, session(account, "dev", "s")).await.error();
        assert!(error.contains("is mapped to no Kubernetes user"), "{error}");
    }
}

/// D: one check after expansion, for users and groups; `--reserved-prefix` adds to what is reserved.
#[tokio::test]
async fn attack_d_no_session_name_makes_a_reserved_user_or_group() {
    let rig = Rig::start_with(emulator().await, MAPPINGS, &["--reserved-prefix", "corp-"], None).await;
    for (agent, role, name) in
        [("1", "name", "system"), ("2", "group", "system"), ("3", "corp", "corp-admin")]
    {
        let error = while_sts_says(&rig, agent, session(ACCOUNT, role, name)).await.error();
        assert!(error.contains("makes no usable name") && error.contains("beginning"), "{error}");
    }
    // The mapping that writes the prefix out means it.
    let node = while_sts_says(&rig, "4", session(ACCOUNT, "node", "n1")).await.user();
    assert_eq!((&node["username"], &node["groups"]), (&json!("system:node:n1"), &json!(["system:nodes"])));
    let plain = while_sts_says(&rig, "5", session(ACCOUNT, "corp", "corporal")).await.user();
    assert_eq!(plain["username"], "corporal");
}

/// J: `*` of the config file is a letter, and no user has it in his name.
#[tokio::test]
async fn attack_j_a_star_in_a_file_lets_nobody_in() {
    let rig = Rig::start_with(emulator().await, MAPPINGS, &[], None).await;
    assert!(rig.review(&token_of(BOB)).await.error().contains("is mapped to no Kubernetes user"));
}

/// L: a session name gets its owner no more than the mapping of that session, or of the role, says.
#[tokio::test]
async fn attack_l_a_session_name_is_trusted_for_what_the_mapping_says_alone() {
    let rig = Rig::start_with(emulator().await, MAPPINGS, &[], None).await;
    let on_call = while_sts_says(&rig, "1", session(ACCOUNT, "dev", "oncall@corp")).await.user();
    assert_eq!((&on_call["username"], &on_call["groups"]), (&json!("on-call"), &json!(["pagers"])));
    // Whoever calls his session like a user or a group of somebody else is a session of the role all the same.
    for (agent, name, username) in [
        ("2", "oncall-corp", "dev:oncall-corp"),
        ("3", "oncall@corp2", "dev:oncall-corp2"),
        ("4", "alice", "dev:alice"),
        ("5", "on-call", "dev:on-call"),
        ("6", "{{AccountID}}", "dev:{{AccountID}}"),
    ] {
        let user = while_sts_says(&rig, agent, session(ACCOUNT, "dev", name)).await.user();
        assert_eq!((user["username"].as_str(), user.get("groups")), (Some(username), None));
        // The uid is the role's, whatever the session is called.
        assert_eq!(user["uid"], format!("ack-ram-authenticator:{ACCOUNT}:3"));
        assert_eq!(user["extra"]["sessionName"], json!([name]));
    }
    // The same session name under another role is nobody.
    while_sts_says(&rig, "7", session(ACCOUNT, "ops", "oncall@corp")).await.error();
}

/// A: a parameter beyond the known ones is let through only where it was allowed, and then under the signature.
#[tokio::test]
async fn attack_a_a_query_parameter_has_to_be_allowed_by_name() {
    let extra = [("team".to_owned(), "blue & green".to_owned())];
    let rig = Rig::start_with(emulator().await, MAPPINGS, &[], None).await;
    assert!(rig.review(&token("1", &extra, None)).await.error().contains("--allow-token-query-key"));
    assert!(rig.emulator.requests().is_empty());

    let more = ["--allow-token-query-key", "team", "--allow-token-query-key", "cost.centre"];
    let rig = Rig::start_with(emulator().await, MAPPINGS, &more, None).await;
    assert_eq!(rig.review(&token("1", &extra, None)).await.user()["username"], "alice");
    let [request] = &rig.emulator.requests()[..] else { panic!("one request") };
    assert!(request.raw.query().contains("team=blue%20%26%20green"), "{request:?}");
    // In this spelling alone.
    let shouted = [("Team".to_owned(), "x".to_owned())];
    rig.review(&token("2", &shouted, None)).await.error();
    assert_eq!(rig.emulator.requests().len(), 1);

    // What STS itself reads can be allowed by nobody.
    let folder = tempfile::tempdir().unwrap();
    for key in ["Action", "x-acs-action", "ackclusterid", "SecurityToken", "a%62"] {
        let arguments = ["server", "--cluster-id", CLUSTER, "--allow-token-query-key", key];
        let mut program = Program::start(folder.path(), &arguments, &[]);
        assert_eq!(program.wait().code(), Some(1), "{key}");
        assert!(program.stderr().contains("--allow-token-query-key"), "{}", program.stderr());
    }
}

/// N: the limit on tokens is 8 KiB, and what the flag says.
#[tokio::test]
async fn attack_n_the_size_of_tokens_is_limited_and_the_limit_can_be_set() {
    let long = |bytes: usize| token("n", &[], Some(&"a".repeat(bytes)));
    let identity = || session(ACCOUNT, "dev", "s");
    let rig = Rig::start_with(emulator().await, MAPPINGS, &["--max-token-bytes", "16384"], None).await;
    rig.emulator.fail("GetCallerIdentity", identity());
    assert!(long(7000).len() > 8192);
    rig.review(&long(7000)).await.user();
    assert!(rig.review(&"k8s-ack-v2.A".repeat(2000)).await.error().contains("--max-token-bytes"));

    let rig = Rig::start_with(emulator().await, MAPPINGS, &["--max-token-bytes", "1024"], None).await;
    rig.emulator.fail("GetCallerIdentity", identity());
    assert!(rig.review(&long(700)).await.error().contains("--max-token-bytes"));
    assert!(rig.emulator.requests().is_empty());
    rig.review(&token("n", &[], None)).await.user();
}

/// docs/security.md names tests: each of them has to be somewhere in the sources, as a test.
#[test]
fn every_test_that_the_security_page_names_exists() {
    fn sources(folder: &std::path::Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                sources(&path, all);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                all.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/security.md")).unwrap();
    let mut all = String::new();
    for folder in ["crates", "e2e"] {
        sources(&root.join(folder), &mut all);
    }
    let corpus = std::fs::read_to_string(root.join("e2e/corpus/attacks.yaml")).unwrap();
    // Code spans that read like the sentence of a test's name.
    let is_name = |text: &&str| {
        text.matches('_').count() >= 3
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let names: Vec<&str> = page.split('`').skip(1).step_by(2).filter(is_name).collect();
    assert!(names.len() > 60, "{}", names.len());
    // Behind an attribute, or a scenario in the list of those that are run.
    let listed = ["mod.rs", "pod_identity/mod.rs", "rrsa/mod.rs"]
        .map(|list| std::fs::read_to_string(root.join("e2e/tests/scenarios").join(list)).unwrap());
    let is_test = |name: &str| {
        let mut before: Vec<&str> = all.split(&format!("fn {name}(")).collect();
        before.pop();
        before.iter().any(|text| {
            let head = text.rsplit(['}', ';']).next().unwrap();
            head.contains("#[test]") || head.contains("#[tokio::test")
        }) || listed.iter().any(|list| list.contains(&format!("::{name},")))
    };
    for name in names {
        assert!(is_test(name), "docs/security.md names {name}, which is no test");
    }
    for program in ["server", "tool"] {
        assert!(
            page.contains(&format!("## Faults of the public {program}, and what shows that they are mended"))
        );
    }
    let ids: Vec<&str> =
        page.split("corpus: ").skip(1).filter_map(|rest| rest.split([';', ' ', '`']).next()).collect();
    assert!(ids.len() > 6);
    for id in ids {
        assert!(corpus.contains(&format!("- id: {id}")), "docs/security.md names the entries {id}");
    }
    for letter in 'A'..='N' {
        assert!(page.contains(&format!("| {letter} | ")), "attack {letter} is missing");
    }
}
