//! What another program learns that posts somebody's token to the API server.

use e2e::cloud::user;
use e2e::rig::Rig;
use serde_json::{Value, json};

use super::Outcome;

pub(super) fn a_token_is_good_for_the_api_server_and_for_no_other_audience(rig: &Rig) -> Outcome {
    let token = rig.person(user("mounted"))?.token(rig, &[])?;

    let own = review(rig, &json!({"token": token}))?;
    assert_eq!(own["authenticated"], true, "{own}");
    assert_eq!(own["user"]["username"], "from-the-config-file");

    let other = review(rig, &json!({"token": token, "audiences": ["https://vault.example.com"]}))?;
    assert_ne!(other["authenticated"], true, "{other}");
    assert_eq!(other["user"], json!({}), "{other}");

    let both = json!({"token": token, "audiences": [
        "https://vault.example.com", "https://kubernetes.default.svc.cluster.local",
    ]});
    let both = review(rig, &both)?;
    assert_eq!(both["authenticated"], true, "{both}");
    assert_eq!(both["audiences"], json!(["https://kubernetes.default.svc.cluster.local"]), "{both}");
    Ok(())
}

/// Posts a TokenReview to the API server, as a program in the cluster would, and returns the status.
fn review(rig: &Rig, spec: &Value) -> Result<Value, libtest_mimic::Failed> {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec});
    let file = rig.run().file("token-review.json", &review.to_string())?;
    let path = file.to_string_lossy();
    let answer = rig.admin().ok(&["create", "-f", &path, "-o", "json"])?;
    let answer: Value = serde_json::from_str(&answer)?;
    Ok(answer["status"].clone())
}
