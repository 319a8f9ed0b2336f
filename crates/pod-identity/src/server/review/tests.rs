//! AdmissionReview, in and out.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};

use super::*;

fn review() -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": {"username": "anna", "groups": ["system:authenticated"]},
            "object": {"apiVersion": "v1", "kind": "Pod", "new": [1.0, 1e4, {"deep": null}]},
            "oldObject": null,
            "dryRun": false,
            "options": {"kind": "CreateOptions"},
        }
    })
}

/// The review with `value` at `pointer`, or without what is there.
fn with(pointer: &str, value: Option<Value>) -> String {
    let mut review = review();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = review.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(key.to_owned(), value),
        None => parent.remove(key),
    };
    review.to_string()
}

fn error(body: &str) -> String {
    let line = parse(body.as_bytes()).unwrap_err().to_string();
    assert!(!line.contains('\n') && line.len() < 512, "{line}");
    line
}

#[test]
fn a_pod_create_is_read_and_its_object_is_the_text_that_came() {
    let object = "{ \"b\":1.0,\"a\":1E2 ,\"b\":2}";
    let text = with("/request/object", None).replacen(
        "\"request\":{",
        &format!("\"request\":{{\"object\": {object},"),
        1,
    );
    let review = parse(text.as_bytes()).unwrap();
    assert_eq!(review.uid, "705ab4f5-6393-11e8-b7cc-42010a800002");
    let Question::Pod(create) = review.question else { panic!("{:?}", review.question) };
    assert_eq!((&*create.namespace, &*create.name, &*create.user), ("shop", "", "anna"));
    assert_eq!((create.dry_run, create.object), (false, object));
}

#[test]
fn anything_else_than_the_creation_of_a_pod_is_something_else() {
    for (pointer, value, shown) in [
        ("/request/operation", json!("UPDATE"), "UPDATE of pods"),
        ("/request/operation", Value::Null, " of pods"),
        ("/request/subResource", json!("ephemeralcontainers"), "CREATE of pods/ephemeralcontainers"),
        ("/request/resource/resource", json!("deployments"), "CREATE of deployments"),
        ("/request/resource/group", json!("other"), "CREATE of pods"),
        ("/request/resource/version", json!("v2"), "CREATE of pods"),
        ("/request/resource", Value::Null, "CREATE of "),
        ("/request/kind/kind", json!("Binding"), "CREATE of pods"),
        ("/request/kind/group", json!("other"), "CREATE of pods"),
        ("/request/kind/version", json!("v2"), "CREATE of pods"),
        ("/request/kind", Value::Null, "CREATE of pods"),
    ] {
        let text = with(pointer, Some(value));
        match parse(text.as_bytes()).unwrap().question {
            Question::Other(what) => assert_eq!(what, shown, "{pointer}"),
            Question::Pod(_) => panic!("{pointer}"),
        }
    }
}

#[test]
fn what_is_no_review_is_told_without_a_word_of_the_object() {
    let secret = json!({"spec": "CANARY"});
    for (body, said) in [
        (String::new(), "it ends too early"),
        ("{".to_owned(), "it ends too early"),
        ("nonsense".to_owned(), "not one JSON object"),
        ("[]".to_owned(), "not one JSON object"),
        ("\"CANARY\"".to_owned(), "not one JSON object"),
        ("null".to_owned(), "not one JSON object"),
        (format!("{} {{}}", review()), "something follows"),
        ("[".repeat(100_000), "not one JSON object"),
        ("{\"request\":".repeat(100_000), "it ends too early"),
        (
            with("/apiVersion", Some(json!("admission.k8s.io/v1beta1"))),
            "apiVersion is \"admission.k8s.io/v1beta1\"",
        ),
        (with("/apiVersion", None), "apiVersion is missing"),
        (with("/kind", Some(json!("TokenReview"))), "kind is \"TokenReview\""),
        (with("/request", None), "request is missing"),
        (with("/request/uid", None), "request.uid is missing"),
        (with("/request/uid", Some(json!(""))), "request.uid is missing"),
        (with("/request/uid", Some(json!("u".repeat(257)))), "request.uid is longer"),
        (with("/request/uid", Some(json!("a\nb"))), "control characters"),
        (with("/request/uid", Some(json!(7))), "expected a string"),
        (with("/request/namespace", None), "request.namespace is missing"),
        (with("/request/object", None), "request.object is missing"),
        (with("/request/object", Some(Value::Null)), "request.object is missing"),
        (with("/request/namespace", Some(secret.clone())), "expected a string"),
        (with("/request/dryRun", Some(json!("CANARY"))), "expected a boolean"),
        (with("/request/kind", Some(json!("CANARY"))), "expected Kind"),
        (review().to_string().replacen("\"uid\"", "\"uid\":\"CANARY\",\"uid\"", 1), "a key stands twice"),
    ] {
        let line = error(&body);
        assert!(line.contains(said), "{said}: {line}");
        assert!(!line.contains("CANARY"), "{line}");
    }
    assert!(parse(b"{\"apiVersion\": \"\xff\"}").is_err());
}

#[test]
fn deep_nesting_in_the_object_is_somebody_elses_and_costs_no_stack() {
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let text = with("/request/object", Some(json!("OBJECT"))).replacen("\"OBJECT\"", &deep, 1);
    assert!(matches!(parse(text.as_bytes()).unwrap().question, Question::Pod(_)));
}

fn written(answer: &Answer) -> Value {
    serde_json::from_slice(&write("the \"uid\"", answer).unwrap()).unwrap()
}

#[test]
fn a_patch_is_base64_of_a_json_patch() {
    let patch = vec![PatchOperation::Add { path: "/spec/volumes/-".to_owned(), value: json!({"name": "a"}) }];
    let answer = written(&Answer::Allowed { patch, warnings: vec!["one".to_owned()] });
    assert_eq!(
        (&answer["apiVersion"], &answer["kind"]),
        (&json!("admission.k8s.io/v1"), &json!("AdmissionReview"))
    );
    let response = &answer["response"];
    assert_eq!((&response["uid"], &response["allowed"]), (&json!("the \"uid\""), &json!(true)));
    assert_eq!((&response["patchType"], &response["warnings"]), (&json!("JSONPatch"), &json!(["one"])));
    let patch = BASE64_STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    assert_eq!(patch, json!([{"op": "add", "path": "/spec/volumes/-", "value": {"name": "a"}}]));
}

#[test]
fn without_a_patch_there_is_no_patch_type_either() {
    let answer = written(&Answer::Allowed { patch: Vec::new(), warnings: Vec::new() });
    assert_eq!(answer["response"], json!({"uid": "the \"uid\"", "allowed": true}));
}

#[test]
fn a_refusal_has_the_status_that_its_creator_gets() {
    for (refusal, code, reason) in
        [(Refusal::Forbidden, 403, "Forbidden"), (Refusal::Unavailable, 503, "ServiceUnavailable")]
    {
        let answer = written(&Answer::Denied { refusal, message: "why\nnot".to_owned() });
        let status = json!({"status": "Failure", "code": code, "reason": reason, "message": "why not"});
        assert_eq!(answer["response"], json!({"uid": "the \"uid\"", "allowed": false, "status": status}));
    }
}

#[test]
fn warnings_stay_within_what_an_api_server_passes_on() {
    let long = "ä".repeat(300);
    let warnings: Vec<String> = (0..40).map(|number| format!("{number}\u{7}\n{long}")).collect();
    let answer = written(&Answer::Allowed { patch: Vec::new(), warnings });
    let lines: Vec<&str> = answer["response"]["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    assert!(lines.iter().all(|line| line.len() <= 256 && !line.chars().any(char::is_control)), "{lines:?}");
    assert!(lines.iter().map(|line| line.len()).sum::<usize>() <= 4096);
    assert!(lines.len() > 10 && lines[0].ends_with("ä..."), "{lines:?}");
    assert_eq!(*lines.last().unwrap(), "more warnings about this pod are in the webhook's log");
    let none = vec![String::new(), " \n".to_owned()];
    assert!(
        written(&Answer::Allowed { patch: Vec::new(), warnings: none })["response"].get("warnings").is_none()
    );
}

#[test]
fn the_reason_of_a_refusal_is_short() {
    let message = "\u{e4}".repeat(10_000);
    let answer = written(&Answer::Denied { refusal: Refusal::Unavailable, message });
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.len() <= 4096 && message.ends_with("\u{e4}..."), "{} bytes", message.len());
}
