//! Mappings by the thousand: for the scenario that says that all of them count, and for the
//! benchmark that says how soon.

use serde_json::{Value, json};

use crate::cloud::{ACCOUNT, BURST, burst_user};
use crate::error::{Error, Result};
use crate::http::Client;
use crate::mapping::{Mapping, list};
use crate::rig::Rig;

/// The label by which all of them are deleted with one request.
const LABEL: &str = "e2e-burst";

/// A thousand mappings are in the cluster; dropping this deletes them.
#[derive(Debug)]
pub struct Burst<'a> {
    rig: &'a Rig,
}

/// One for each of the cloud's burst users, with an exact ARN.
#[must_use]
pub fn exact(prefix: &str) -> Vec<Mapping> {
    (0..BURST).map(|number| mapping(prefix, number, &burst_user(number).arn)).collect()
}

/// The same with a pattern that only the one user matches.
#[must_use]
pub fn patterns(prefix: &str) -> Vec<Mapping> {
    let pattern = |number| format!("acs:ram::{ACCOUNT}:user/*st-{number:04}");
    (0..BURST).map(|number| mapping(prefix, number, &pattern(number))).collect()
}

/// Exact and pattern by turns.
#[must_use]
pub fn half_patterns(prefix: &str) -> Vec<Mapping> {
    let both = exact(prefix).into_iter().zip(patterns(prefix)).enumerate();
    both.map(|(number, (exact, pattern))| if number % 2 == 0 { exact } else { pattern }).collect()
}

/// The Kubernetes user that mapping `number` names.
#[must_use]
pub fn username(number: usize) -> String {
    format!("user-{number:04}")
}

fn mapping(prefix: &str, number: usize, arn: &str) -> Mapping {
    Mapping::new(&format!("{prefix}-{number:04}"), arn, &username(number)).group("burst").label(LABEL, "true")
}

/// `kubectl apply -f` of one file with all of them; returns when kubectl does.
///
/// # Errors
/// kubectl fails.
pub fn apply<'a>(rig: &'a Rig, mappings: &[Mapping]) -> Result<Burst<'a>> {
    let file = rig.run().file("burst.json", &list(mappings).to_string())?;
    let burst = Burst { rig };
    // Server-side, so that kubectl does not read each one first.
    rig.admin().ok(&["apply", "--server-side", "-f", &file.to_string_lossy()])?;
    Ok(burst)
}

/// The `status` of a TokenReview that is posted to the authenticator as the API server does it.
///
/// # Errors
/// No answer, or one that is no TokenReview.
pub fn review(rig: &Rig, client: &Client, token: &str) -> Result<Value> {
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token},
    });
    let answer = client.post(&rig.authenticator().url(), &review)?;
    let mut review: Value = serde_json::from_str(&answer.body)
        .map_err(Error::answer(format!("reading a TokenReview of status {}", answer.status)))?;
    Ok(review.get_mut("status").map(Value::take).unwrap_or_default())
}

impl Drop for Burst<'_> {
    fn drop(&mut self) {
        let all = format!(
            "/apis/ramauthenticator.k8s.alibabacloud/v1alpha1/ramidentitymappings?labelSelector={LABEL}%3Dtrue"
        );
        let _ = self.rig.admin().run(&["delete", "--raw", &all]);
    }
}
