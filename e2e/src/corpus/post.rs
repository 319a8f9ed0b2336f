//! Posting an entry, and what its answer is worth.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use signature::Secret;

use super::Values;
use super::recipe::{Entry, Outcome, Recipe, Who};
use super::tokens::{self, Key};
use crate::error::{Error, Result};
use crate::http::{Answer, Client};

/// Where the corpus goes, and as whom.
#[derive(Debug)]
pub struct Poster {
    /// `https://HOST:PORT/authenticate`.
    pub url: String,
    /// Trusts the server.
    pub client: Client,
    /// The cluster that the server answers for.
    pub cluster: String,
    /// The key of somebody who is mapped. Without one, what is refused locally is signed with a key that
    /// does not exist, and entries that need a real one are left out.
    pub mapped: Option<Key>,
}

/// What came of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The answer is the one that is due.
    Held,
    /// It is another; why, in one line.
    Failed(String),
    /// The entry needs the key of somebody who is mapped.
    NeedsKey,
}

impl Poster {
    /// Makes the entry's token, posts it and judges the answer.
    ///
    /// # Errors
    /// The recipe cannot be followed, or nobody answers.
    pub fn run(&self, entry: &Entry, now: Timestamp) -> Result<Verdict> {
        // STS has to believe the signature where the answer depends on it.
        let Some(key) = self.key(entry) else { return Ok(Verdict::NeedsKey) };
        let values = Values { cluster: self.cluster.clone(), access_key_id: key.id.clone(), now };
        let token = tokens::make(&entry.token, &key, &values, &entry.id)
            .map_err(Error::answer(format!("making {}", entry.id)))?;
        let body = match &entry.request.body {
            Some(body) => values.expand(body)?.replace("${token}", &token),
            None => review(&token),
        };
        let url = match &entry.request.path {
            Some(path) => format!("{}{}", self.base(), values.expand(path)?),
            None => self.url.clone(),
        };
        let headers = values.expand_pairs(&entry.request.headers)?;
        let answer = match self.client.request(&entry.request.method, &url, &headers, body) {
            Ok(answer) => answer,
            Err(_) if entry.expect.outcome == Outcome::HeadersTooLarge => return Ok(Verdict::Held),
            Err(error) => return Err(error),
        };
        Ok(match judge(entry, &answer, &token) {
            Ok(()) => Verdict::Held,
            Err(reason) => Verdict::Failed(reason),
        })
    }

    fn key(&self, entry: &Entry) -> Option<Key> {
        let unknown = || Key { id: "LTAIattackcorpus".to_owned(), secret: Secret::new("made-up") };
        match (entry.by, &self.mapped) {
            (Who::Unknown, _) => Some(unknown()),
            (Who::Mapped, Some(key)) => Some(key.clone()),
            (Who::WrongSecret, Some(key)) => Some(Key { secret: Secret::new("another"), ..key.clone() }),
            (Who::Mapped | Who::WrongSecret, None) => (entry.expect.sts == 0).then(unknown),
        }
    }

    fn base(&self) -> &str {
        self.url.strip_suffix("/authenticate").unwrap_or(&self.url)
    }

    /// How often each `(result, reason)` was counted, by the server's own metrics.
    ///
    /// # Errors
    /// The page does not come.
    pub fn reasons(&self) -> Result<BTreeMap<String, u64>> {
        let page = self.client.get(&format!("{}/metrics", self.base()))?.body;
        let lines = page.lines().filter_map(|line| {
            let (labels, count) =
                line.strip_prefix("ack_ram_authenticator_reviews_total{")?.split_once("} ")?;
            let reason = labels.split(',').find_map(|label| label.strip_prefix("reason=\""))?;
            Some((reason.strip_suffix('"')?.to_owned(), count.parse::<f64>().ok()?))
        });
        let mut reasons = BTreeMap::new();
        for (reason, count) in lines {
            let sum: &mut u64 = reasons.entry(reason).or_default();
            // Counters of a test: small whole numbers.
            *sum = sum.saturating_add(count as u64);
        }
        Ok(reasons)
    }
}

fn review(token: &str) -> String {
    json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "metadata": {"creationTimestamp": null},
        "spec": {"token": token},
    })
    .to_string()
}

fn judge(entry: &Entry, answer: &Answer, token: &str) -> std::result::Result<(), String> {
    let due = entry.expect.outcome;
    let status = match due {
        Outcome::Authenticated | Outcome::Denied => 200,
        Outcome::BadRequest => 400,
        Outcome::NotFound => 404,
        Outcome::MethodNotAllowed => 405,
        Outcome::TooLarge => 413,
        Outcome::HeadersTooLarge => 431,
    };
    if answer.status != status {
        return Err(format!("HTTP {} instead of {status}", answer.status));
    }
    if token.len() > 40 && answer.body.contains(token) {
        return Err("the answer holds the token".to_owned());
    }
    let text = match due {
        Outcome::Authenticated => return authenticated(&answer.body),
        Outcome::Denied => denied(&answer.body)?,
        _ => answer.body.clone(),
    };
    // A server that reads no version 1 tokens need not say what is wrong with one.
    if matches!(entry.token, Recipe::V1(_)) && text.contains("tokens of version v1 are switched off") {
        return Ok(());
    }
    match &entry.expect.error {
        Some(part) if !text.contains(part.as_str()) => {
            Err(format!("the error does not say {part:?}: {}", text.chars().take(300).collect::<String>()))
        }
        _ => Ok(()),
    }
}

fn status_of(body: &str) -> std::result::Result<Value, String> {
    let review: Value =
        serde_json::from_str(body).map_err(|error| format!("the answer is no JSON: {error}"))?;
    if review.pointer("/spec").is_some() {
        return Err("the answer repeats the question".to_owned());
    }
    review.pointer("/status").cloned().ok_or_else(|| "the answer has no status".to_owned())
}

fn authenticated(body: &str) -> std::result::Result<(), String> {
    let status = status_of(body)?;
    let named = status.pointer("/user/username").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if status.pointer("/authenticated") != Some(&Value::Bool(true)) || !named {
        return Err(format!("it is not let in: {status}"));
    }
    if status.pointer("/audiences").is_some() {
        return Err("the answer names audiences".to_owned());
    }
    Ok(())
}

/// The error of a refusal.
fn denied(body: &str) -> std::result::Result<String, String> {
    let status = status_of(body)?;
    if status.pointer("/authenticated") == Some(&Value::Bool(true)) || status.pointer("/user").is_some() {
        return Err(format!("it is let in: {status}"));
    }
    match status.pointer("/error").and_then(Value::as_str) {
        None | Some("") => Err("a refusal without status.error, which API servers remember".to_owned()),
        Some(error) if error.chars().any(char::is_control) => Err("the error is not one line".to_owned()),
        Some(error) => Ok(error.to_owned()),
    }
}
