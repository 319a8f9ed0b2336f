//! The judge against what the emulator's STS decides: each policy is a role's, and a token asks for the role.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use emulator::{Config, Emulator, OidcProvider};
use openapi::api::ServiceOptions;
use openapi::network::{ProxyRules, Trust};
use openapi::sts::{AssumeRoleWithOidc, Client, SessionName};
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData, RsaKeySize, SigningKey};
use serde_json::{Value, json};
use signature::Secret;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::Answer;
use super::tests::{ISSUER, NOW, PROVIDER, SUBJECT, answer, policy, statement};
use jiff::Timestamp;

const ACCOUNT: &str = "1234567890123456";

fn jwks(key: &KeyPair) -> String {
    let der = key.subject_public_key_info();
    let (_, info) = SubjectPublicKeyInfo::from_der(&der).unwrap();
    let Ok(PublicKey::RSA(public)) = info.parsed() else { panic!("no RSA key") };
    let [n, e] = [public.modulus, public.exponent].map(|number| URL_SAFE_NO_PAD.encode(number));
    json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": n, "e": e}]}).to_string()
}

fn token(key: &KeyPair) -> String {
    let claims =
        json!({"iss": ISSUER, "sub": SUBJECT, "aud": ["sts.aliyuncs.com"], "iat": NOW, "exp": NOW + 3600});
    let [header, payload] =
        [json!({"alg": "RS256", "kid": "1"}), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signature = key.sign(format!("{header}.{payload}").as_bytes()).unwrap();
    format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Policies of every kind that both can decide.
fn policies() -> Vec<Value> {
    let allow = |conditions: Value| statement("Allow", &conditions);
    let deny = |conditions: Value| statement("Deny", &conditions);
    let right = allow(
        json!({"StringEquals": {"oidc:iss": ISSUER, "oidc:aud": "sts.aliyuncs.com", "oidc:sub": SUBJECT}}),
    );
    let with = |name: &str, value: Value| {
        let mut statement = right.clone();
        statement[name] = value;
        statement
    };
    let conditions = [
        json!({}),
        json!({"StringEquals": {"oidc:iss": ISSUER}}),
        json!({"StringEquals": {"oidc:iss": format!("{ISSUER}/")}}),
        json!({"StringEquals": {"oidc:iss": ISSUER.to_uppercase()}}),
        json!({"StringEqualsIgnoreCase": {"oidc:iss": ISSUER.to_uppercase()}}),
        json!({"StringNotEqualsIgnoreCase": {"oidc:iss": ISSUER.to_uppercase()}}),
        json!({"StringEquals": {"oidc:aud": "sts.aliyuncs.com"}}),
        json!({"StringEquals": {"oidc:aud": ["a", "sts.aliyuncs.com"]}}),
        json!({"StringEquals": {"oidc:aud": "kubernetes"}}),
        json!({"StringNotEquals": {"oidc:aud": "kubernetes"}}),
        json!({"StringEquals": {"oidc:sub": SUBJECT}}),
        json!({"StringEquals": {"OIDC:Sub": SUBJECT}}),
        json!({"StringEquals": {"oidc:sub": "system:serviceaccount:shop:*"}}),
        json!({"StringEquals": {"oidc:sub": "system:serviceaccount:store:cart"}}),
        json!({"StringEquals": {"oidc:sub": "system:serviceaccount:Shop:cart"}}),
        json!({"StringEquals": {"oidc:sub": ["system:serviceaccount:a:b", SUBJECT]}}),
        json!({"StringNotEquals": {"oidc:sub": SUBJECT}}),
        json!({"StringNotEquals": {"oidc:sub": ["a", SUBJECT]}}),
        json!({"StringLike": {"oidc:sub": "system:serviceaccount:shop:*"}}),
        json!({"StringLike": {"oidc:sub": "system:serviceaccount:*:cart"}}),
        json!({"StringLike": {"oidc:sub": "system:serviceaccount:shop:car?"}}),
        json!({"StringLike": {"oidc:sub": "system:serviceaccount:shop:car"}}),
        json!({"StringLike": {"oidc:sub": "*"}}),
        json!({"StringLike": {"oidc:sub": "SYSTEM:*"}}),
        json!({"StringNotLike": {"oidc:sub": "system:serviceaccount:kube-*:*"}}),
        json!({"StringNotLike": {"oidc:sub": "system:serviceaccount:s*:*"}}),
        json!({"StringLike": {"oidc:sub": "*"}, "StringEquals": {"oidc:iss": "https://other.example"}}),
        json!({"Bool": {"acs:SecureTransport": "true"}}),
        json!({"Bool": {"acs:SecureTransport": false}}),
        json!({"Bool": {"acs:MFAPresent": true}}),
        json!({"Bool": {"oidc:sub": "true"}}),
        json!({"StringEquals": {"sts:ExternalId": "x"}}),
        json!({"StringNotEquals": {"sts:ExternalId": "x"}}),
        json!({"StringLike": {"acs:PrincipalARN": "*"}}),
        json!({"DateGreaterThan": {"acs:CurrentTime": "2026-01-01T00:00:00Z"}}),
        json!({"DateLessThan": {"acs:CurrentTime": "2026-01-01T00:00:00+08:00"}}),
        json!({"DateEquals": {"acs:CurrentTime": "2026-11-22T15:30:20Z"}}),
        json!({"DateNotEquals": {"acs:CurrentTime": "2026-11-22T15:30:20Z"}}),
        json!({"DateLessThanEquals": {"oidc:sub": "2026-11-22T15:30:20Z"}}),
        json!({"NumericLessThan": {"oidc:sub": 5}}),
        json!({"NumericNotEquals": {"oidc:sub": "5"}}),
        json!({"NumericGreaterThanEquals": {"sts:ExternalId": "5"}}),
        json!({"IpAddress": {"oidc:sub": "192.0.2.0/24"}}),
        json!({"NotIpAddress": {"oidc:sub": "192.0.2.1"}}),
    ];
    let mut all: Vec<Value> = Vec::new();
    for condition in &conditions {
        all.push(policy(&[allow(condition.clone())]));
        all.push(policy(&[right.clone(), deny(condition.clone())]));
        all.push(policy(&[deny(condition.clone()), right.clone()]));
    }
    let root = json!({"RAM": [format!("acs:ram::{ACCOUNT}:root")]});
    for statement in [
        with("Principal", json!({"Federated": PROVIDER})),
        with("Principal", json!({"Federated": PROVIDER.to_uppercase()})),
        with("Principal", json!({"Federated": [format!("{PROVIDER}2"), PROVIDER]})),
        with("Principal", json!({"Federated": [format!("{PROVIDER}2")]})),
        with("Principal", json!({"Federated": PROVIDER.replace("1234567890123456", "1234567890123457")})),
        with("Principal", root.clone()),
        with("Principal", json!({"RAM": root["RAM"], "Federated": PROVIDER})),
        with("Action", json!("sts:*")),
        with("Action", json!("*")),
        with("Action", json!("STS:ASSUMEROLE")),
        with("Action", json!(["sts:TagSession", "sts:Assume*"])),
        with("Action", json!("sts:AssumeRoleWithOIDC")),
        with("Action", json!("sts:AssumeRol?")),
        with("Effect", json!("Deny")),
    ] {
        all.push(policy(std::slice::from_ref(&statement)));
        all.push(policy(&[right.clone(), statement.clone()]));
        all.push(json!({"Version": "1", "Statement": statement}));
    }
    all
}

/// In a second, STS answers a hundred of these calls of an account, and the emulator's clock stands here.
const CALLS: usize = 90;

#[test]
fn it_decides_as_the_emulator_does() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let decided: Vec<bool> = policies().chunks(CALLS).flat_map(|policies| compare(policies, &key)).collect();
    let allowed = decided.iter().filter(|allowed| **allowed).count();
    let refused = decided.len() - allowed;
    assert!(allowed > 40 && refused > 40, "{allowed} allowed, {refused} refused");
}

/// Whether each of the policies allows it, where both agree.
fn compare(policies: &[Value], key: &KeyPair) -> Vec<bool> {
    let now = Timestamp::from_second(NOW).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let accounts = format!("accounts: [{{id: \"{ACCOUNT}\"}}, {{id: \"1234567890123457\"}}]");
    let config = Config::from_yaml(&accounts, "test").unwrap();
    let emulator = runtime.block_on(Emulator::builder(config).clock(move || now).start()).unwrap();
    let provider = OidcProvider::new(ACCOUNT, "ack-rrsa-c1", ISSUER).client_id("sts.aliyuncs.com");
    emulator.add_oidc_provider(provider.jwks(&jwks(key))).unwrap();
    let options = ServiceOptions::new(emulator.address().to_string().parse().unwrap(), "test".to_owned());
    let trust = Trust::File(emulator.ca_file().to_owned());
    let sts = Client::with_network(&options, &trust, &ProxyRules::default()).unwrap();
    let token = token(key);
    let compare_one = |(number, policy): (usize, &Value)| {
        let own = match answer(policy) {
            Answer::Allowed { .. } => true,
            Answer::Denied { .. } | Answer::NotAllowed { .. } => false,
            // No policy of the table may be left open.
            Answer::Depends { on, .. } => panic!("{policy} depends on {on:?}"),
        };
        let name = format!("role-{number}");
        emulator.create_role(ACCOUNT, &name, &policy.to_string()).unwrap();
        let request = AssumeRoleWithOidc {
            role_arn: format!("acs:ram::{ACCOUNT}:role/{name}"),
            oidc_provider_arn: PROVIDER.to_owned(),
            oidc_token: Secret::new(token.clone()),
            session_name: SessionName::from_program("test"),
            duration_seconds: None,
        };
        let theirs = match runtime.block_on(sts.assume_role_with_oidc(&request, now)) {
            Ok(_) => true,
            Err(error) if error.code() == Some("AuthenticationFail.NoPermission") => false,
            Err(error) => panic!("{policy}: {error}"),
        };
        assert_eq!(own, theirs, "{policy}");
        own
    };
    policies.iter().enumerate().map(compare_one).collect()
}
