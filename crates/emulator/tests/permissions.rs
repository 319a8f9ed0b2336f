//! What policies allow, as a client sees it: users and roles that are held to policies, sessions with a policy of their
//! own, and what is told to whoever is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;
#[path = "common/roa.rs"]
mod roa;

use std::net::{IpAddr, Ipv4Addr};

use common::{Keys, acs3_post, acs3_post_to, answer, keys, keys_of};
use emulator::{Cluster, Config, Emulator};
use reqwest::{Certificate, Client};
use roa::Ask;
use serde_json::{Value, json};

const ACCOUNT: &str = "1234567890123456";
const CLUSTER: &str = "c5b5e80b0b64a4bf6939d2d8fbbc50123";
const ROOT_TRUST: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::1234567890123456:root"]}}]}"#;

const CONFIG: &str = r#"accounts:
  - id: "1234567890123456"
    accessKeys: [{id: LTAIroot, secret: s}]
    policies:
      - name: assume-dev
        document:
          Version: "1"
          Statement: {Effect: Allow, Action: "STS:assume*", Resource: "acs:ram:*:1234567890123456:role/dev"}
      - name: from-home
        document:
          Version: "1"
          Statement:
            - {Effect: Allow, Action: ["cs:*", "ram:Get*"], Resource: "*"}
            - Effect: Deny
              Action: "*"
              Resource: "*"
              Condition: {NotIpAddress: {acs:SourceIp: 127.0.0.1}}
      - name: one-cluster
        document:
          Version: "1"
          Statement:
            Effect: Allow
            Action: cs:Describe*
            Resource: "acs:cs:cn-hangzhou:1234567890123456:cluster/c5b5e80b0b64a4bf6939d2d8fbbc50123"
    users:
      - {name: free, id: "21", accessKeys: [{id: LTAIfree, secret: s}]}
      - {name: nobody, id: "22", accessKeys: [{id: LTAInobody, secret: s}], policies: []}
      - {name: assumer, id: "23", accessKeys: [{id: LTAIassumer, secret: s}], policies: [assume-dev]}
      - {name: admin, id: "24", accessKeys: [{id: LTAIadmin, secret: s}], policies: [AdministratorAccess]}
      - {name: home, id: "25", accessKeys: [{id: LTAIhome, secret: s}], policies: [From-Home]}
      - {name: one, id: "26", accessKeys: [{id: LTAIone, secret: s}], policies: [one-cluster]}
    roles:
      - name: dev
        id: "31"
        policies: [AliyunCSReadOnlyAccess]
        trustPolicy: &root
          Version: "1"
          Statement:
            - {Effect: Allow, Action: sts:AssumeRole, Principal: {RAM: "acs:ram::1234567890123456:root"}}
      - {name: other, id: "32", trustPolicy: *root}
      - name: at-home
        id: "33"
        trustPolicy:
          Version: "1"
          Statement:
            Effect: Allow
            Action: sts:Assume*
            Principal: {RAM: "acs:ram::1234567890123456:root"}
            Condition: {IpAddress: {acs:SourceIp: 127.0.0.1/32}}
"#;

struct Rig {
    emulator: Emulator,
    client: Client,
    /// The same, from 127.0.0.2.
    elsewhere: Client,
}

impl Rig {
    async fn start() -> Self {
        let emulator = Emulator::builder(Config::from_yaml(CONFIG, "test").unwrap()).start().await.unwrap();
        emulator.add_cluster(Cluster::new(ACCOUNT, CLUSTER)).unwrap();
        let ca = Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
        let elsewhere = Client::builder()
            .tls_certs_only([ca])
            .no_proxy()
            .local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)))
            .build()
            .unwrap();
        Self { client: common::client(&emulator), elsewhere, emulator }
    }

    async fn assume(&self, keys: &Keys, role: &str, more: &[(&str, &str)]) -> (u16, Value) {
        let arn = format!("acs:ram::{ACCOUNT}:role/{role}");
        let mut params = vec![("RoleArn", arn.as_str()), ("RoleSessionName", "s1")];
        params.extend(more);
        answer(acs3_post(&self.client, &self.emulator, keys, "AssumeRole", &params)).await
    }

    async fn session(&self, role: &str, more: &[(&str, &str)]) -> Keys {
        let (status, body) = self.assume(&user("free"), role, more).await;
        assert_eq!(status, 200, "{body}");
        keys_of(&body)
    }

    async fn ram(&self, keys: &Keys, action: &str, params: &[(&str, &str)]) -> (u16, Value) {
        answer(acs3_post_to(&self.client, &self.emulator, keys, ("2015-05-01", action), params)).await
    }

    async fn ram_ok(&self, action: &str, params: &[(&str, &str)]) -> Value {
        let (status, body) = self.ram(&user("free"), action, params).await;
        assert_eq!(status, 200, "{action} {body}");
        body
    }

    async fn cluster(&self, keys: &Keys) -> (u16, Value) {
        self.get(keys, "DescribeClusterDetail", &format!("/clusters/{CLUSTER}")).await
    }

    async fn get(&self, keys: &Keys, operation: &str, path: &str) -> (u16, Value) {
        Ask::new("GET", path, operation).roa(keys).send(&self.client, &self.emulator).await
    }

    async fn who(&self, keys: &Keys) -> u16 {
        answer(acs3_post(&self.client, &self.emulator, keys, "GetCallerIdentity", &[])).await.0
    }
}

fn user(name: &str) -> Keys {
    keys(&format!("LTAI{name}"), "s")
}

fn code(answer: &(u16, Value)) -> String {
    let body = &answer.1;
    let code = body["Code"].as_str().or(body["code"].as_str()).unwrap_or_default();
    format!("{} {code}", answer.0)
}

const NOT_AUTHORIZED: &str = "You are not authorized to do this action. You should be authorized by RAM.";

#[tokio::test]
async fn assuming_a_role_needs_the_right_beside_the_trust_policy() {
    let rig = Rig::start().await;
    for (who, role, status) in [
        ("free", "dev", 200),
        ("free", "other", 200),
        ("nobody", "dev", 403),
        ("assumer", "dev", 200),
        ("assumer", "other", 403),
        ("admin", "other", 200),
    ] {
        assert_eq!(rig.assume(&user(who), role, &[]).await.0, status, "{who} {role}");
    }
    let refused = rig.assume(&user("nobody"), "dev", &[]).await;
    assert_eq!(code(&refused), "403 NoPermission");
    assert_eq!(refused.1["Message"], NOT_AUTHORIZED);
    assert_eq!(
        refused.1["AccessDeniedDetail"],
        json!({"AuthAction": "sts:AssumeRole", "AuthPrincipalDisplayName": "22", "AuthPrincipalOwnerId": ACCOUNT,
               "AuthPrincipalType": "SubUser", "NoPermissionType": "ImplicitDeny",
               "PolicyType": "AccountLevelIdentityBasedPolicy"})
    );
    // A session of a role needs it as well, and so does the account, which can have none.
    let dev = rig.session("dev", &[]).await;
    assert_eq!(code(&rig.assume(&dev, "other", &[]).await), "403 NoPermission");
    let other = rig.session("other", &[]).await;
    assert_eq!(rig.assume(&other, "dev", &[]).await.0, 200, "a role that is not held to policies");
    let root = rig.assume(&user("root"), "dev", &[]).await;
    assert_eq!(root.1["Message"], "Roles may not be assumed by root accounts.");
    // Who one is can be asked without any right.
    for keys in [user("nobody"), dev] {
        assert_eq!(rig.who(&keys).await, 200);
    }
}

#[tokio::test]
async fn container_service_says_what_a_role_without_its_policy_may_not_do() {
    let rig = Rig::start().await;
    let dev = rig.session("dev", &[]).await;
    assert_eq!(rig.cluster(&dev).await.0, 200);
    let policy = [("RoleName", "dev"), ("PolicyName", "AliyunCSReadOnlyAccess"), ("PolicyType", "System")];
    rig.ram_ok("DetachPolicyFromRole", &policy).await;
    // The session is the same as before.
    let (status, mut body) = rig.cluster(&dev).await;
    let id = body["requestId"].take();
    assert!(id.is_string(), "{body}");
    let expected = json!({
        "accessDeniedDetail": {
            "AuthAction": "cs:DescribeClusterDetail", "AuthPrincipalDisplayName": "dev:s1",
            "AuthPrincipalOwnerId": ACCOUNT, "AuthPrincipalType": "AssumedRoleUser",
            "NoPermissionType": "ImplicitDeny", "PolicyType": "ResourceGroupLevelIdentityBasedPolicy"
        },
        "code": "StatusForbidden", "message": "STSToken policy Forbidden for action cs:DescribeClusterDetail",
        "status": 403, "statusCode": 403
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&body[name], value, "{name}");
    }
    assert_eq!(status, 403);
    // As the documentation of RRSA shows it, of the old list that its applications ask for.
    let refused = rig.get(&dev, "DescribeClusters", "/clusters").await;
    assert_eq!(refused.1["message"], "STSToken policy Forbidden for action cs:DescribeClusters");
    assert_eq!(
        refused.1["accessDeniedDetail"],
        json!({"AuthAction": "cs:DescribeClusters", "AuthPrincipalDisplayName": "dev:s1",
               "AuthPrincipalOwnerId": ACCOUNT, "AuthPrincipalType": "AssumedRoleUser",
               "NoPermissionType": "ImplicitDeny", "PolicyType": "ResourceGroupLevelIdentityBasedPolicy"})
    );
    assert_eq!(code(&refused), "403 StatusForbidden");
    rig.ram_ok("AttachPolicyToRole", &policy).await;
    assert_eq!(rig.cluster(&dev).await.0, 200);
    assert_eq!(rig.get(&dev, "DescribeClusters", "/clusters").await.1[0]["cluster_id"], CLUSTER);
    // Looking is what this policy is for.
    let path = format!("/clusters/{CLUSTER}/components/install");
    let install = Ask::new("POST", &path, "InstallClusterAddons").body(&json!([])).roa(&dev);
    assert_eq!(code(&install.send(&rig.client, &rig.emulator).await), "403 StatusForbidden");
}

#[tokio::test]
async fn a_right_can_be_for_one_cluster() {
    let rig = Rig::start().await;
    let one = user("one");
    assert_eq!(rig.cluster(&one).await.0, 200);
    for (operation, path) in [
        // Whether there is another is not told.
        ("DescribeClusterDetail", "/clusters/c2"),
        ("DescribeClusters", "/clusters"),
        ("DescribeClustersV1", "/api/v1/clusters"),
        ("DescribeClustersForRegion", "/regions/cn-hangzhou/clusters"),
    ] {
        assert_eq!(code(&rig.get(&one, operation, path).await), "403 StatusForbidden", "{path}");
    }
}

#[tokio::test]
async fn a_session_policy_restricts_what_the_role_may_do() {
    let rig = Rig::start().await;
    let logs_only = r#"{"Version": "1", "Statement": {"Effect": "Allow", "Action": "cs:DescribeClusterLogs", "Resource": "*"}}"#;
    for role in ["dev", "other"] {
        let session = rig.session(role, &[("Policy", logs_only)]).await;
        let refused = rig.cluster(&session).await;
        assert_eq!(code(&refused), "403 StatusForbidden", "{role}");
        assert_eq!(refused.1["accessDeniedDetail"]["PolicyType"], "SessionPolicy");
        let logs = rig.get(&session, "DescribeClusterLogs", &format!("/clusters/{CLUSTER}/logs")).await;
        assert_eq!(logs.0, 200, "{role}");
        assert_eq!(rig.who(&session).await, 200);
        assert_eq!(code(&rig.assume(&session, "other", &[]).await), "403 NoPermission", "{role}");
    }
    // It gives nothing that the role does not have.
    let everything = r#"{"Version": "1", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let session = rig.session("dev", &[("Policy", everything)]).await;
    assert_eq!(rig.cluster(&session).await.0, 200);
    assert_eq!(code(&rig.ram(&session, "ListRoles", &[]).await), "403 NoPermission");
}

#[tokio::test]
async fn roles_that_ram_made_may_do_what_is_attached_to_them_and_no_more() {
    let rig = Rig::start().await;
    rig.ram_ok("CreateRole", &[("RoleName", "new"), ("AssumeRolePolicyDocument", ROOT_TRUST)]).await;
    let new = rig.session("new", &[]).await;
    assert_eq!(code(&rig.cluster(&new).await), "403 StatusForbidden");
    let document = r#"{"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": ["cs:*", "sts:AssumeRole"], "Resource": "*"},
        {"Effect": "Deny", "Action": "cs:DescribeClusterDetail", "Resource": "*"}]}"#;
    rig.ram_ok("CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", document)]).await;
    rig.ram_ok("AttachPolicyToRole", &[("RoleName", "new"), ("PolicyName", "p"), ("PolicyType", "Custom")])
        .await;
    let refused = rig.cluster(&new).await;
    assert_eq!(refused.1["accessDeniedDetail"]["NoPermissionType"], "ExplicitDeny");
    assert_eq!(refused.1["accessDeniedDetail"]["PolicyType"], "AccountLevelIdentityBasedPolicy");
    assert_eq!(rig.assume(&new, "dev", &[]).await.0, 200);
    // One that a test made is held to policies as soon as it has one, and stays so.
    rig.emulator.create_role(ACCOUNT, "made", ROOT_TRUST).unwrap();
    let made = rig.session("made", &[]).await;
    assert_eq!(rig.cluster(&made).await.0, 200);
    let policy = [("RoleName", "made"), ("PolicyName", "AliyunOSSFullAccess"), ("PolicyType", "System")];
    rig.ram_ok("AttachPolicyToRole", &policy).await;
    assert_eq!(code(&rig.cluster(&made).await), "403 StatusForbidden");
    rig.ram_ok("DetachPolicyFromRole", &policy).await;
    assert_eq!(code(&rig.cluster(&made).await), "403 StatusForbidden");
}

#[tokio::test]
async fn a_deleted_roles_tokens_die_at_once_and_no_new_role_revives_them() {
    let rig = Rig::start().await;
    let create = [("RoleName", "short"), ("AssumeRolePolicyDocument", ROOT_TRUST)];
    let attach = [("RoleName", "short"), ("PolicyName", "AdministratorAccess"), ("PolicyType", "System")];
    rig.ram_ok("CreateRole", &create).await;
    rig.ram_ok("AttachPolicyToRole", &attach).await;
    let old = rig.session("short", &[]).await;
    assert_eq!(rig.cluster(&old).await.0, 200);
    rig.ram_ok("DetachPolicyFromRole", &attach).await;
    rig.ram_ok("DeleteRole", &[("RoleName", "short")]).await;
    assert_eq!(rig.who(&old).await, 404);
    rig.ram_ok("CreateRole", &create).await;
    rig.ram_ok("AttachPolicyToRole", &attach).await;
    assert_eq!(rig.who(&old).await, 404);
    assert_eq!(code(&rig.cluster(&old).await), "404 InvalidAccessKeyId.NotFound");
    let new = rig.session("short", &[]).await;
    assert_eq!(rig.cluster(&new).await.0, 200);
}

#[tokio::test]
async fn where_a_request_comes_from_can_decide() {
    let rig = Rig::start().await;
    assert_eq!(rig.cluster(&user("home")).await.0, 200);
    let detail = Ask::new("GET", &format!("/clusters/{CLUSTER}"), "DescribeClusterDetail").roa(&user("home"));
    let refused = detail.send(&rig.elsewhere, &rig.emulator).await;
    assert_eq!(refused.1["accessDeniedDetail"]["NoPermissionType"], "ExplicitDeny");
    let role = [("RoleName", "dev")];
    assert_eq!(rig.ram(&user("home"), "GetRole", &role).await.0, 200);
    let ask = acs3_post_to(&rig.elsewhere, &rig.emulator, &user("home"), ("2015-05-01", "GetRole"), &role);
    assert_eq!(code(&answer(ask).await), "403 NoPermission");
    // In a trust policy too, and what a header says of it counts for nothing.
    assert_eq!(rig.assume(&user("free"), "at-home", &[]).await.0, 200);
    let arn = format!("acs:ram::{ACCOUNT}:role/at-home");
    let params = [("RoleArn", arn.as_str()), ("RoleSessionName", "s1")];
    let ask = acs3_post(&rig.elsewhere, &rig.emulator, &user("free"), "AssumeRole", &params)
        .header("x-forwarded-for", "127.0.0.1");
    let refused = answer(ask).await;
    assert_eq!(code(&refused), "403 NoPermission");
    assert_eq!(refused.1["AccessDeniedDetail"]["PolicyType"], "AssumeRolePolicy");
}

#[tokio::test]
async fn rams_operations_need_rights_on_what_they_name() {
    let rig = Rig::start().await;
    let as_user = async |who: &str, action: &str, params: &[(&str, &str)]| {
        code(&rig.ram(&user(who), action, params).await)
    };
    let new = [("RoleName", "new"), ("AssumeRolePolicyDocument", ROOT_TRUST)];
    for (action, params) in
        [("CreateRole", new.as_slice()), ("ListUsers", &[]), ("GetRole", &[("RoleName", "dev")])]
    {
        assert_eq!(as_user("nobody", action, params).await, "403 NoPermission", "{action}");
    }
    let refused = rig.ram(&user("nobody"), "CreateRole", &new).await.1;
    assert_eq!(refused["Message"], NOT_AUTHORIZED);
    assert_eq!(refused["AccessDeniedDetail"]["AuthAction"], "ram:CreateRole");
    assert_eq!(as_user("free", "GetRole", &[("RoleName", "new")]).await, "404 EntityNotExist.Role");
    assert_eq!(as_user("admin", "CreateRole", &new).await, "200 ");
    // The account itself needs nothing.
    assert_eq!(as_user("root", "GetRole", &[("RoleName", "new")]).await, "200 ");
    // A right on a role is none on a policy.
    let document = r#"{"Version": "1", "Statement": {"Effect": "Allow", "Action": "ram:*", "Resource": "acs:ram:*:*:role/*"}}"#;
    rig.ram_ok("CreatePolicy", &[("PolicyName", "roles"), ("PolicyDocument", document)]).await;
    rig.ram_ok(
        "AttachPolicyToUser",
        &[("UserName", "nobody"), ("PolicyName", "roles"), ("PolicyType", "Custom")],
    )
    .await;
    assert_eq!(as_user("nobody", "GetRole", &[("RoleName", "dev")]).await, "200 ");
    assert_eq!(as_user("nobody", "ListRoles", &[]).await, "200 ");
    let attach = [("RoleName", "dev"), ("PolicyName", "AdministratorAccess"), ("PolicyType", "System")];
    assert_eq!(as_user("nobody", "AttachPolicyToRole", &attach).await, "403 NoPermission");
    assert_eq!(as_user("nobody", "GetUser", &[("UserName", "free")]).await, "403 NoPermission");
}

#[tokio::test]
async fn policies_of_users_are_attached_listed_and_detached_and_policies_are_deleted() {
    let rig = Rig::start().await;
    let refused =
        async |action: &str, params: &[(&str, &str)]| code(&rig.ram(&user("free"), action, params).await);
    let policy = |name, kind| [("UserName", "nobody"), ("PolicyName", name), ("PolicyType", kind)];
    let (system, custom) = (policy("ReadOnlyAccess", "System"), policy("one-cluster", "Custom"));
    for policy in [&system, &custom] {
        rig.ram_ok("AttachPolicyToUser", policy).await;
        assert_eq!(refused("AttachPolicyToUser", policy).await, "409 EntityAlreadyExists.User.Policy");
    }
    let listed = rig.ram_ok("ListPoliciesForUser", &[("UserName", "nobody")]).await;
    let names: Vec<_> =
        listed["Policies"]["Policy"].as_array().unwrap().iter().map(|p| &p["PolicyName"]).collect();
    assert_eq!(names, ["ReadOnlyAccess", "one-cluster"]);
    let shown = rig.ram_ok("GetPolicy", &[("PolicyName", "one-cluster"), ("PolicyType", "Custom")]).await;
    assert_eq!(shown["Policy"]["AttachmentCount"], 2, "beside the user of the configuration");
    assert_eq!(refused("DeleteUser", &[("UserName", "nobody")]).await, "409 DeleteConflict.User.Policy");
    let one = [("PolicyName", "one-cluster")];
    assert_eq!(refused("DeletePolicy", &one).await, "409 DeleteConflict.Policy.User");
    for policy in [&system, &custom] {
        rig.ram_ok("DetachPolicyFromUser", policy).await;
        assert_eq!(refused("DetachPolicyFromUser", policy).await, "404 EntityNotExist.User.Policy");
    }
    let of_one = [("UserName", "one"), ("PolicyName", "ONE-cluster"), ("PolicyType", "Custom")];
    rig.ram_ok("DetachPolicyFromUser", &of_one).await;
    let to_role = [("RoleName", "other"), ("PolicyName", "one-cluster"), ("PolicyType", "Custom")];
    rig.ram_ok("AttachPolicyToRole", &to_role).await;
    assert_eq!(refused("DeletePolicy", &one).await, "409 DeleteConflict.Policy.Role");
    rig.ram_ok("DetachPolicyFromRole", &to_role).await;
    rig.ram_ok("DeletePolicy", &one).await;
    assert_eq!(refused("DeletePolicy", &one).await, "404 EntityNotExist.Policy");
    // As the last of a hundred, whoever attaches one more is told.
    for number in 0..100 {
        let name = format!("p{number}");
        let document = r#"{"Version": "1", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
        rig.ram_ok("CreatePolicy", &[("PolicyName", &name), ("PolicyDocument", document)]).await;
        rig.ram_ok(
            "AttachPolicyToUser",
            &[("UserName", "nobody"), ("PolicyName", &name), ("PolicyType", "Custom")],
        )
        .await;
    }
    let more = [("UserName", "nobody"), ("PolicyName", "assume-dev"), ("PolicyType", "Custom")];
    assert_eq!(refused("AttachPolicyToUser", &more).await, "409 LimitExceeded.User.Policy");
}

#[test]
fn policies_in_the_configuration_that_cannot_be_right_are_errors() {
    for (from, to, words) in [
        ("name: one-cluster", "name: one_cluster", "\"one_cluster\" is not made of"),
        ("name: one-cluster", "name: readonlyaccess", "is that of a system policy"),
        ("name: one-cluster", "name: ASSUME-dev", "occurs twice"),
        ("policies: [assume-dev]", "policies: [assume-prod]", "user \"assumer\": \"assume-prod\" is neither"),
        ("policies: [assume-dev]", "policies: [assume-dev, Assume-Dev]", "stands there twice"),
        ("[AliyunCSReadOnlyAccess]", "[AliyunNothing]", "role \"dev\": \"AliyunNothing\" is neither"),
        (
            "NotIpAddress: {acs:SourceIp: 127.0.0.1}",
            "NotIpAddress: {acs:SourceIp: home}",
            "policy \"from-home\"",
        ),
        ("Action: cs:Describe*", "Actions: cs:Describe*", "Actions"),
    ] {
        assert!(CONFIG.contains(from), "{from}");
        let error = Config::from_yaml(&CONFIG.replacen(from, to, 1), "test.yaml").expect_err(to).to_string();
        assert!(error.contains(words) && error.starts_with("test.yaml, line "), "{to}\n{error}");
        assert!(!error.starts_with("test.yaml, line 0"), "{error}");
    }
}
