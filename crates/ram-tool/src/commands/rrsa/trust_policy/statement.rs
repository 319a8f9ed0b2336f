//! The statement that lets service accounts of a cluster have a role, in the form of the public documentation ("Use an
//! existing RAM role and grant the required permissions to the RAM role").

use serde_json::{Value, json};

use super::Subject;
use super::layout::pretty;
use crate::commands::rrsa::identity_provider::IdentityProvider;

/// The statement. Keys are in the order of the alphabet.
pub(super) fn statement(provider: &IdentityProvider, subject: &Subject) -> Value {
    let (audience, issuer, text) = (&provider.audience, &provider.issuer, subject.text());
    // A `*` is a wildcard under StringLike alone.
    let condition = match subject.is_pattern() {
        false => json!({"StringEquals": {"oidc:aud": audience, "oidc:iss": issuer, "oidc:sub": text}}),
        true => json!({
            "StringEquals": {"oidc:aud": audience, "oidc:iss": issuer},
            "StringLike": {"oidc:sub": text},
        }),
    };
    json!({
        "Action": "sts:AssumeRole",
        "Condition": condition,
        "Effect": "Allow",
        "Principal": {"Federated": [provider.arn]},
    })
}

/// The trust policy of a role that is made for nothing else.
pub(in super::super) fn new_document(provider: &IdentityProvider, subject: &Subject) -> String {
    pretty(&json!({"Statement": [statement(provider, subject)], "Version": "1"}).to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn provider() -> IdentityProvider {
        IdentityProvider {
            name: "ack-rrsa-c1".to_owned(),
            arn: "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1".to_owned(),
            issuer: "https://oidc-ack-cn-hangzhou.oss-cn-hangzhou.aliyuncs.com/c1".to_owned(),
            audience: "sts.aliyuncs.com".to_owned(),
        }
    }

    #[test]
    fn it_is_the_documented_one() {
        let subject = Subject::new("rrsa-demo", "demo-sa").unwrap();
        let documented = r#"{
          "Action": "sts:AssumeRole",
          "Condition": {
            "StringEquals": {
              "oidc:aud": "sts.aliyuncs.com",
              "oidc:iss": "https://oidc-ack-cn-hangzhou.oss-cn-hangzhou.aliyuncs.com/c1",
              "oidc:sub": "system:serviceaccount:rrsa-demo:demo-sa"
            }
          },
          "Effect": "Allow",
          "Principal": {"Federated": ["acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1"]}
        }"#;
        assert_eq!(
            statement(&provider(), &subject),
            serde_json::from_str::<serde_json::Value>(documented).unwrap()
        );
    }

    #[test]
    fn a_star_is_under_string_like_and_nothing_else_is() {
        for (namespace, account) in [("*", "a"), ("a", "*"), ("*", "*")] {
            let subject = Subject::new(namespace, account).unwrap();
            let condition = statement(&provider(), &subject)["Condition"].clone();
            assert_eq!(
                condition,
                json!({
                    "StringEquals": {
                        "oidc:aud": "sts.aliyuncs.com",
                        "oidc:iss": "https://oidc-ack-cn-hangzhou.oss-cn-hangzhou.aliyuncs.com/c1",
                    },
                    "StringLike": {"oidc:sub": format!("system:serviceaccount:{namespace}:{account}")},
                })
            );
        }
    }

    #[test]
    fn a_new_document_has_it_alone() {
        let text = new_document(&provider(), &Subject::new("a", "b").unwrap());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let own = statement(&provider(), &Subject::new("a", "b").unwrap());
        assert_eq!(value, json!({"Statement": [own], "Version": "1"}));
    }
}
