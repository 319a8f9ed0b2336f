//! Answers that are not those of the services: never a success, and never quoted.

use openapi::api::ApiError;
use openapi::cs::TaskState;

use crate::support::{Server, http, json};
use crate::{Clients, OPERATIONS, keys, make, now};

async fn outcome(operation: &'static str, bytes: Vec<u8>) -> Result<String, ApiError> {
    let server = Server::tls("127.0.0.1", move |_| bytes.clone());
    make(&Clients::of(&server), operation).await
}

#[track_caller]
fn assert_invalid(operation: &str, answer: Result<String, ApiError>, said: &str) {
    let error = answer.expect_err(operation);
    assert!(matches!(error, ApiError::InvalidAnswer { .. }), "{operation}: {error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains(said) && !text.contains("canary"), "{operation}: {text}");
    let flag = if operation.contains("OIDC") { "--ims-endpoint" } else { "-endpoint" };
    assert!(text.contains("check --") && text.contains(flag), "{text}");
}

#[tokio::test]
async fn what_no_service_answers_is_no_success_of_any_call() {
    let name = "DescribeClusterLogs";
    for operation in OPERATIONS {
        for bytes in [
            http(200, "text/html", "<html>canary</html>"),
            json(200, "canary"),
            json(200, r#"{"canary":"#),
            json(200, r#""canary""#),
            json(200, r#"{"a":1,"a":"canary"}"#),
            json(302, "{}"),
            json(400, "{}"),
        ] {
            assert_invalid(operation, outcome(operation, bytes).await, "");
        }
        let other = if operation == name { "{}" } else { "[]" };
        assert_invalid(operation, outcome(operation, json(200, other)).await, "its answer is no");
        if !matches!(
            operation,
            "DescribeClusterLogs"
                | "DescribeClusterAddonsVersion"
                | "InstallClusterAddons"
                | "DescribeClustersForRegion"
        ) {
            assert_invalid(operation, outcome(operation, json(200, "{}")).await, "is missing");
        }
    }
}

#[tokio::test]
async fn a_missing_field_and_one_of_another_type_are_named_or_counted_as_such() {
    let another = "of another type than documented";
    for (operation, body, said) in [
        ("GetRole", r#"{"Role":{"RoleName":"canary","Arn":"a"}}"#, "RoleId is missing"),
        ("GetRole", r#"{"Role":{"RoleId":"3","RoleName":"canary"}}"#, "Arn is missing"),
        ("GetRole", r#"{"Role":null}"#, another),
        ("GetRole", r#"{"Role":"canary"}"#, another),
        (
            "GetRole",
            r#"{"Role":{"RoleId":"3","RoleName":"r","Arn":"a","AssumeRolePolicyDocument":{"canary":1}}}"#,
            another,
        ),
        (
            "GetRole",
            r#"{"Role":{"RoleId":"3","RoleName":"r","Arn":"a","MaxSessionDuration":"canary"}}"#,
            another,
        ),
        (
            "GetPolicy",
            r#"{"Policy":{"PolicyName":"p","PolicyType":"Custom"}}"#,
            "DefaultPolicyVersion is missing",
        ),
        (
            "GetPolicy",
            r#"{"Policy":{"PolicyName":"p","PolicyType":"Custom"},"DefaultPolicyVersion":{}}"#,
            "PolicyDocument is missing",
        ),
        (
            "GetPolicy",
            r#"{"Policy":{"PolicyName":"p","PolicyType":"canary"},"DefaultPolicyVersion":{"PolicyDocument":"{}"}}"#,
            another,
        ),
        ("CreatePolicy", r#"{"RequestId":"R"}"#, "Policy is missing"),
        ("AttachPolicyToRole", r#"{"canary":1}"#, "RequestId is missing"),
        ("DeleteOIDCProvider", r#"{"RequestId":7}"#, another),
        ("ListPoliciesForRole", r#"{"RequestId":"R"}"#, "Policies is missing"),
        (
            "ListPoliciesForRole",
            r#"{"Policies":{"Policy":[{"PolicyType":"Custom"}]}}"#,
            "PolicyName is missing",
        ),
        ("ListPoliciesForRole", r#"{"Policies":{"Policy":{"canary":1}}}"#, another),
        ("ListPoliciesForRole", r#"{"Policies":["canary"]}"#, another),
        ("GetOIDCProvider", r#"{"OIDCProvider":{"OIDCProviderName":"n","Arn":"a"}}"#, "IssuerUrl is missing"),
        (
            "GetOIDCProvider",
            r#"{"OIDCProvider":{"OIDCProviderName":"n","Arn":"a","IssuerUrl":"i","ClientIds":["canary"]}}"#,
            another,
        ),
        (
            "GetOIDCProvider",
            r#"{"OIDCProvider":{"OIDCProviderName":"n","Arn":"a","IssuerUrl":"i","IssuanceLimitTime":"12"}}"#,
            another,
        ),
        ("ListOIDCProviders", r#"{"IsTruncated":false}"#, "OIDCProviders is missing"),
        (
            "ListOIDCProviders",
            r#"{"OIDCProviders":{"OIDCProvider":[{"Arn":"canary"}]}}"#,
            "OIDCProviderName is missing",
        ),
        ("ListOIDCProviders", r#"{"IsTruncated":1,"OIDCProviders":{}}"#, another),
        ("ListOIDCProviders", r#"{"IsTruncated":true,"OIDCProviders":{}}"#, "breaks off"),
        ("ModifyCluster", r#"{"cluster_id":"c1"}"#, "task_id is missing"),
        ("ModifyCluster", r#"{"task_id":null}"#, another),
        ("ModifyCluster", r#"{"task_id":"canary canary"}"#, another),
        ("ModifyCluster", r#"{"task_id":".."}"#, another),
        ("DescribeTaskInfo", r#"{"task_id":"T-1"}"#, "state is missing"),
        ("DescribeTaskInfo", r#"{"state":1}"#, another),
        ("DescribeTaskInfo", r#"{"state":"fail","error":"canary"}"#, another),
        ("DescribeClusterLogs", r#"[{"ID":"canary"}]"#, another),
        ("DescribeClusterLogs", r#"["canary"]"#, another),
        ("DescribeClusterAddonsVersion", r#"{"x":"canary"}"#, another),
        ("DescribeClusterAddonsVersion", r#"{"x":{"version":1}}"#, another),
        ("InstallClusterAddons", r#"{"task_id":7}"#, another),
        ("DescribeClustersForRegion", r#"{"clusters":[{"name":"canary"}]}"#, "cluster_id is missing"),
        ("DescribeClustersForRegion", r#"{"clusters":"canary"}"#, another),
        ("DescribeClustersForRegion", r#"{"clusters":[{"cluster_id":"c1","meta_data":{}}]}"#, another),
    ] {
        assert_invalid(operation, outcome(operation, json(200, body)).await, said);
    }
}

#[tokio::test]
async fn answers_are_bounded() {
    for (operation, most) in [
        ("GetRole", 64 << 10),
        ("ListPoliciesForRole", 1 << 20),
        ("ListOIDCProviders", 4 << 20),
        ("ModifyCluster", 64 << 10),
        ("DescribeTaskInfo", 1 << 20),
        ("DescribeClusterLogs", 8 << 20),
        ("DescribeClusterAddonsVersion", 4 << 20),
        ("InstallClusterAddons", 64 << 10),
        ("DescribeClustersForRegion", 8 << 20),
    ] {
        let bytes = json(200, &format!("{{\"a\":\"{}\"}}", "x".repeat(most)));
        assert_invalid(operation, outcome(operation, bytes).await, &format!("larger than {most} bytes"));
    }
}

#[tokio::test]
async fn there_is_no_such_thing_only_where_the_service_refuses_with_just_that_code() {
    for (operation, code, none) in [
        ("GetRole", "EntityNotExist.Role", "None"),
        ("GetPolicy", "EntityNotExist.Policy", "None"),
        ("GetOIDCProvider", "EntityNotExist.OIDCProvider", "None"),
        ("DeleteOIDCProvider", "EntityNotExist.OIDCProvider", "false"),
        ("AttachPolicyToRole", "EntityAlreadyExists.Role.Policy", "false"),
    ] {
        let refused = |status, code: &str| json(status, &format!(r#"{{"Code":"{code}","RequestId":"R"}}"#));
        assert_eq!(outcome(operation, refused(404, code)).await.unwrap(), none, "{operation}");
        assert_eq!(outcome(operation, refused(409, code)).await.unwrap(), none, "{operation}");
        for (status, other) in [
            (404, format!("{code}.More")),
            (404, "EntityNotExist".to_owned()),
            (404, "EntityNotExist.User".to_owned()),
            (403, "NoPermission".to_owned()),
            // A service that has a fault says nothing of what there is.
            (503, code.to_owned()),
        ] {
            let error = outcome(operation, refused(status, &other)).await.unwrap_err();
            assert_eq!(error.code(), Some(other.as_str()), "{operation}");
        }
    }
    // Where it is asked for and has to be there, it is a refusal.
    let refused = json(404, r#"{"Code":"EntityNotExist.Role","RequestId":"R"}"#);
    for operation in ["UpdateRole", "ListPoliciesForRole", "AttachPolicyToRole"] {
        let error = outcome(operation, refused.clone()).await.unwrap_err();
        assert!(error.is_code("EntityNotExist.Role"), "{operation}: {error}");
    }
}

#[tokio::test]
async fn a_role_without_a_trust_policy_can_be_told() {
    for document in ["", r#","AssumeRolePolicyDocument":null"#, r#","AssumeRolePolicyDocument":"""#] {
        let body = format!(r#"{{"Role":{{"RoleId":"3","RoleName":"r","Arn":"a"{document}}}}}"#);
        let server = Server::tls("127.0.0.1", move |_| json(200, &body));
        let role = Clients::of(&server).ram.role("r", &keys("LTAI1", None), now()).await.unwrap().unwrap();
        assert_eq!(role.trust_policy, "");
    }
}

#[tokio::test]
async fn what_a_cluster_says_of_rrsa_is_read_or_not_known() {
    let rrsa = async |meta_data: &str| {
        let body = format!(r#"{{"cluster_id":"c1"{meta_data}}}"#);
        let server = Server::tls("127.0.0.1", move |_| json(200, &body));
        Clients::of(&server).cs.cluster("c1", &keys("LTAI1", None), now()).await.unwrap().rrsa
    };
    let text = |json: &str| format!(r#","meta_data":{}"#, serde_json::Value::from(json));
    for unknown in [
        "",
        r#","meta_data":null"#,
        &text(""),
        &text("no JSON"),
        &text("[]"),
        &text("null"),
        &text(r#"{"RRSAConfig":"enabled"}"#),
        &text(r#"{"RRSAConfig":[true]}"#),
        &text(r#"{"RRSAConfig":{"enabled":"true"}}"#),
        &text(r#"{"RRSAConfig":{"enabled":1}}"#),
        &text(r#"{"RRSAConfig":{"enabled":true,"issuer":["https://i"]}}"#),
        // What says two things says nothing.
        &text(r#"{"RRSAConfig":{"enabled":true,"enabled":false}}"#),
        &text(r#"{"RRSAConfig":{"enabled":true},"RRSAConfig":{}}"#),
    ] {
        assert_eq!(rrsa(unknown).await, None, "{unknown}");
    }
    for disabled in
        ["{}", r#"{"RRSAConfig":null}"#, r#"{"RRSAConfig":{}}"#, r#"{"RRSAConfig":{"enabled":false}}"#]
    {
        assert!(!rrsa(&text(disabled)).await.unwrap().enabled, "{disabled}");
    }
    let full = r#"{"more":1,"RRSAConfig":{"enabled":true,"issuer":"https://new, https://old/","audience":"sts.aliyuncs.com","oidc_name":"n","oidc_arn":"a","more":{}}}"#;
    let config = rrsa(&text(full)).await.unwrap();
    assert!(config.enabled);
    assert_eq!(config.issuers().collect::<Vec<_>>(), ["https://new", "https://old/"]);
    assert_eq!(config.signing_issuer(), Some("https://new"));
    assert_eq!(
        (config.audience.as_str(), config.oidc_name.as_str(), config.oidc_arn.as_str()),
        ("sts.aliyuncs.com", "n", "a")
    );
    let none = rrsa(&text(r#"{"RRSAConfig":{"enabled":true,"issuer":" , "}}"#)).await.unwrap();
    assert_eq!(none.signing_issuer(), None);
}

#[tokio::test]
async fn every_state_of_a_task_is_known_or_kept() {
    for (word, state) in [
        ("running", TaskState::Running),
        ("success", TaskState::Success),
        ("failed", TaskState::Failed),
        ("fail", TaskState::Failed),
        ("timeout", TaskState::Timeout),
        ("canceled", TaskState::Canceled),
        ("Running", TaskState::Other("Running".to_owned())),
        ("", TaskState::Other(String::new())),
    ] {
        let none = if word.len() > 6 { "null" } else { r#"{"code":"","message":null}"# };
        let body = format!(r#"{{"state":"{word}","error":{none}}}"#);
        let server = Server::tls("127.0.0.1", move |_| json(200, &body));
        let task = openapi::cs::TaskId::new("T-1").unwrap();
        let read = Clients::of(&server).cs.task(&task, &keys("LTAI1", None), now()).await.unwrap();
        assert_eq!((&read.state, &read.error), (&state, &None));
        assert_eq!(read.state.as_str(), if word == "fail" { "failed" } else { word });
    }
}
