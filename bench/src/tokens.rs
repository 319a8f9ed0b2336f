//! Cluster tokens for the reviews, made with the `token` crate as `ack-ram-tool` makes them, and the reviews.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use signature::Secret;
use token::SigningInput;

/// The version of TokenReviews that API servers send today.
pub const V1: &str = "authentication.k8s.io/v1";

/// Somebody with an access key.
#[derive(Clone)]
pub struct Signer {
    /// The cluster that the tokens are for.
    pub cluster_id: String,
    /// Access key id.
    pub access_key_id: String,
    /// Access key secret.
    pub secret: Secret,
}

impl Signer {
    /// A version 2 token, as STS and the authenticator take it for 15 minutes from `signed_at`.
    ///
    /// Tokens of one number and one second are equal, others are not: the number is part of the user agent, which is not
    /// signed, but is part of the text that a server may remember.
    pub fn token(&self, number: u64, signed_at: Timestamp) -> Secret {
        token::sign_v2(&SigningInput {
            cluster_id: &self.cluster_id,
            access_key_id: &self.access_key_id,
            secret: &self.secret,
            security_token: None,
            user_agent: &format!("bench/{number} (linux/amd64)"),
            extra_query: &[],
            signed_at,
        })
    }
}

/// The body of a TokenReview with this token.
pub fn review(version: &str, token: &Secret) -> String {
    let review = json!({
        "kind": "TokenReview",
        "apiVersion": version,
        "metadata": {"creationTimestamp": null},
        "spec": {"token": token.expose()},
        "status": {"user": {}},
    });
    review.to_string()
}

/// The request to STS that a server makes of such a token: path with query, and headers.
///
/// # Errors
/// The token is none, in words.
pub fn sts_request(token: &Secret, cluster_id: &str, now: Timestamp) -> Result<StsRequest, String> {
    let rules = token::Rules::for_cluster(cluster_id);
    let request = token::decode(token.expose(), &rules, now).map_err(|error| error.to_string())?.request();
    let query = signature::encoding::build_query(&request.query);
    Ok((format!("/?{query}"), request.headers))
}

/// Path with query, and headers.
pub type StsRequest = (String, Vec<(String, String)>);

/// A minute ago: whose clock is a little behind takes the token too.
pub fn signing_time(now: Timestamp) -> Timestamp {
    now.checked_sub(SignedDuration::from_mins(1)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: &str = "c0123456789abcdef0123456789abcdef";

    fn signer() -> Signer {
        Signer {
            cluster_id: CLUSTER.to_owned(),
            access_key_id: "LTAIbench".to_owned(),
            secret: Secret::new("secret-of-bench".to_owned()),
        }
    }

    #[test]
    fn tokens_of_other_numbers_are_other_tokens_that_the_server_reads() {
        let now: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
        let (one, other) = (signer().token(1, now), signer().token(2, now));
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose(), signer().token(1, now).expose());
        let (path, headers) = sts_request(&one, CLUSTER, now).unwrap();
        assert_eq!(path, format!("/?ACKClusterId={CLUSTER}"));
        assert!(headers.iter().any(|(name, value)| name == "x-acs-action" && value == "GetCallerIdentity"));
        assert!(sts_request(&Secret::new("no token".to_owned()), CLUSTER, now).is_err());
    }

    #[test]
    fn a_review_is_what_the_api_server_sends() {
        let review = review(V1, &Secret::new("abc".to_owned()));
        let review: serde_json::Value = serde_json::from_str(&review).unwrap();
        assert_eq!((&review["apiVersion"], &review["spec"]["token"]), (&json!(V1), &json!("abc")));
    }
}
