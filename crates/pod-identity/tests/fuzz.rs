//! Reviews that were changed at random, sent to a running server: whatever comes, it answers and goes on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use common::{Rig, review};
use http::StatusCode;
use serde_json::{Value, json};

/// How many reviews; `FUZZ_REVIEWS` asks for more.
const REVIEWS: usize = 1500;
/// At a time: one that names a service account which is not there is answered after two seconds.
const AT_ONCE: usize = 300;

/// splitmix64: the same reviews in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// A review of a pod with everything that is looked at.
fn rich() -> Value {
    let mut review: Value = serde_json::from_str(&review("seller")).unwrap();
    let token = json!({"serviceAccountToken": {"audience": "sts.aliyuncs.com", "expirationSeconds": 600, "path": "token"}});
    let path = "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens";
    review["request"]["object"] = json!({
        "metadata": {
            "generateName": "web-",
            "annotations": {
                "pod-identity.alibabacloud.com/only-containers": "web, first",
                "pod-identity.alibabacloud.com/skip-containers": "other",
                "pod-identity.alibabacloud.com/service-account-token-expiration": "900",
            },
            "labels": {"a": "b"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "1-2", "controller": true}],
        },
        "spec": {
            "serviceAccountName": "seller",
            "serviceAccount": "seller",
            "volumes": [{"name": "own", "emptyDir": {}}, {"name": "rrsa-oidc-token", "projected": {"sources": [token]}}],
            "initContainers": [{"name": "first", "env": [{"name": "A", "valueFrom": {"fieldRef": {}}}]}],
            "containers": [{
                "name": "web",
                "env": [{"name": "ALIBABA_CLOUD_ROLE_ARN", "value": "x"}],
                "volumeMounts": [{"name": "rrsa-oidc-token", "mountPath": path}, {"name": "own", "mountPath": "/own", "subPath": "a"}],
                "volumeDevices": [{"name": "d", "devicePath": "/dev/d"}],
            }, {"name": "other"}],
        },
    });
    review
}

/// Every place in a value.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(field, &format!("{at}/{name}"), all);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

fn odd(random: &mut Random) -> Value {
    let long = "x".repeat(70_000);
    let deep = (0..100).fold(json!(0), |inner, _| json!([inner]));
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}\u{1b}[2J\r\n\u{202e}"),
        json!("../../etc"),
        json!("a/b%2fc?d#e"),
        json!("*"),
        json!("rrsa-oidc-token"),
        json!("ALIBABA_CLOUD_ACCESS_KEY_ID"),
        json!("\u{1f980},,\u{feff}web"),
        json!(long),
        json!([]),
        json!({}),
        json!([[], {}, null, ""]),
        json!({"": {"": ""}}),
        deep,
        json!(vec![json!({}); 1200]),
    ];
    random.one(&odd).clone()
}

fn changed(random: &mut Random) -> Vec<u8> {
    let mut review = rich();
    for _ in 0..=random.below(3) {
        let mut places = Vec::new();
        pointers(&review, "", &mut places);
        let (from, to) = (random.one(&places).clone(), random.one(&places).clone());
        let value = match random.below(3) {
            0 => review.pointer(&from).unwrap().clone(),
            _ => odd(random),
        };
        *review.pointer_mut(&to).unwrap() = value;
    }
    let mut bytes = review.to_string().into_bytes();
    if random.below(3) == 0 {
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len().max(1));
            // Of a review that has become a number little is left.
            if bytes.len() < 2 {
                break;
            }
            match random.below(4) {
                0 => bytes[at] = u8::try_from(random.below(256)).unwrap(),
                1 => drop(bytes.remove(at)),
                2 => bytes.truncate(at.max(1)),
                _ => {
                    let part = bytes[at..].to_vec();
                    bytes.extend(part);
                }
            }
        }
    }
    bytes
}

/// What is answered fits what was asked.
fn check(asked: &[u8], answer: &str) {
    // Text that is not looked at may be no UTF-8.
    let asked: Value = serde_json::from_str(&String::from_utf8_lossy(asked)).unwrap();
    let response = serde_json::from_str::<Value>(answer).unwrap()["response"].clone();
    assert_eq!(response["uid"], asked["request"]["uid"]);
    for warning in response["warnings"].as_array().into_iter().flatten() {
        let warning = warning.as_str().unwrap();
        assert!(warning.len() <= 256 && !warning.chars().any(char::is_control), "{warning:?}");
    }
    let Some(patch) = response["patch"].as_str() else { return };
    let patch: json_patch::Patch = serde_json::from_slice(&BASE64_STANDARD.decode(patch).unwrap()).unwrap();
    let mut pod = asked["request"]["object"].clone();
    json_patch::patch(&mut pod, &patch).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reviews_that_were_changed_at_random_are_answered_or_refused_and_the_server_goes_on() {
    let mut rig = Rig::start(&["--log-level", "info"]).await;
    rig.ready().await;
    let wanted = std::env::var("FUZZ_REVIEWS").map_or(REVIEWS, |text| text.parse().unwrap());
    let mut random = Random(1);
    let (mut answered, mut refused) = (0, 0);
    while answered + refused < wanted {
        let bodies: Vec<Vec<u8>> = (0..AT_ONCE).map(|_| changed(&mut random)).collect();
        let answers = futures::future::join_all(bodies.iter().map(|body| rig.post(body.clone()))).await;
        for (body, (status, text)) in bodies.iter().zip(answers) {
            match status {
                StatusCode::OK => {
                    check(body, &text);
                    answered += 1;
                }
                StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => {
                    assert!(text.lines().count() == 1 && text.len() < 1000, "{text}");
                    refused += 1;
                }
                _ => panic!("{status} {text}: {}", String::from_utf8_lossy(body)),
            }
        }
    }
    assert!(answered > wanted / 10 && refused > wanted / 10, "{answered} and {refused}");
    assert!(rig.review("seller").await["patch"].is_string());
    let log = rig.program.stderr();
    assert!(!log.contains("panicked"), "{log}");
}
