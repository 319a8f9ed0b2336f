//! From facts to findings: one fact at a time is broken, and what is said of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData, RsaKeySize, SigningKey};
use serde_json::{Value, json};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::super::super::issuer::{
    ApiServerIssuer, Authority, KeySet, PublishedIssuer, TokenFacts, Unpublished,
};
use super::super::facts::*;
use super::super::finding::{Finding, State};
use super::{judge, left_out};

const NOW: i64 = 1_795_361_420;
const ISSUER: &str = "https://issuer.example/c1";
const PROVIDER: &str = "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1";
const ROLE: &str = "acs:ram::1234567890123456:role/app";
const FILE: &str = "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens";

struct Keys {
    first: KeyPair,
    second: KeyPair,
}

impl Keys {
    fn new() -> Self {
        let key = || KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        Self { first: key(), second: key() }
    }

    fn jwk(key: &KeyPair, id: &str) -> Value {
        let der = key.subject_public_key_info();
        let (_, info) = SubjectPublicKeyInfo::from_der(&der).unwrap();
        let Ok(PublicKey::RSA(public)) = info.parsed() else { panic!("no RSA key") };
        let [n, e] = [public.modulus, public.exponent].map(|number| URL_SAFE_NO_PAD.encode(number));
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": n, "e": e})
    }

    fn set(keys: &[(&KeyPair, &str)]) -> KeySet {
        let keys: Vec<Value> = keys.iter().map(|(key, id)| Self::jwk(key, id)).collect();
        KeySet::parse(&json!({"keys": keys}).to_string()).unwrap()
    }

    fn token(&self, header: &Value, changed: &Value) -> TokenFacts {
        let mut claims = json!({"iss": ISSUER, "sub": "system:serviceaccount:shop:cart",
            "aud": ["sts.aliyuncs.com"], "iat": NOW, "exp": NOW + 3600});
        for (name, value) in changed.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let [header, payload] = [header, &claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signature = self.first.sign(format!("{header}.{payload}").as_bytes()).unwrap();
        TokenFacts::read(&format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(signature))).unwrap()
    }
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Everything is as it should be.
fn good(keys: &Keys) -> Facts {
    let authority = Authority { fingerprint: "AB".repeat(20), name: "CN=CA".to_owned(), end: None };
    let set = Keys::set(&[(&keys.first, "1")]);
    let trust_policy = json!({"Version": "1", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Federated": [PROVIDER]},
        "Condition": {"StringEquals": {"oidc:iss": ISSUER, "oidc:aud": "sts.aliyuncs.com",
            "oidc:sub": "system:serviceaccount:shop:cart"}}}]});
    let container = |name: &str| Container {
        name: name.to_owned(),
        role_arn: Some(ROLE.to_owned()),
        provider_arn: Some(PROVIDER.to_owned()),
        token_file: Some(format!("{FILE}/token")),
        has_access_key: false,
        mounts: vec![("rrsa-oidc-token".to_owned(), FILE.to_owned())],
    };
    let entry = |name: &str| WebhookEntry {
        name: name.to_owned(),
        has_ca_bundle: true,
        failure_policy: "Ignore".to_owned(),
    };
    Facts {
        now: time(NOW),
        asked: Asked {
            cluster: "c1".parse().unwrap(),
            self_managed: true,
            namespace: "shop".to_owned(),
            service_account: "cart".to_owned(),
            names_account: true,
            looks_at_account: true,
            role: Some("app".to_owned()),
            pod: Some("cart-1".to_owned()),
        },
        unreached: None,
        api_server: Some(Ok(ApiServerIssuer {
            issuer: ISSUER.to_owned(),
            jwks_uri: format!("{ISSUER}/openid/v1/jwks"),
            keys: set.clone(),
        })),
        issuers: vec![ISSUER.to_owned()],
        issuers_are_deduced: false,
        published: Some(Ok(PublishedIssuer {
            issuer: ISSUER.to_owned(),
            jwks_uri: format!("{ISSUER}/openid/v1/jwks"),
            keys: set,
            authorities: vec![authority.clone()],
            keys_authorities: vec![authority],
            certificate_end: Some(time(NOW + 60 * 86_400)),
            private_address: None,
        })),
        provider: Ok(Some(Provider {
            name: "ack-rrsa-c1".to_owned(),
            arn: PROVIDER.to_owned(),
            issuer: ISSUER.to_owned(),
            client_ids: vec![AUDIENCE.to_owned()],
            fingerprints: vec!["ab:".repeat(20).trim_end_matches(':').to_owned()],
            issuance_limit: None,
        })),
        others: Ok(vec![Provider { issuer: "https://other.example".to_owned(), ..Provider::default() }]),
        token: Some(Ok(Token {
            says: keys.token(&json!({"alg": "RS256", "kid": "1"}), &json!({})),
            longest: Some(43_200),
        })),
        role: Some(Ok(Some(Role {
            name: "app".to_owned(),
            arn: ROLE.to_owned(),
            trust_policy: trust_policy.to_string(),
        }))),
        webhook: Some(Ok(Some(Webhook {
            entries: vec![entry("pods"), entry("labelled-pods")],
            deployment: Some(Ok(Some(Deployment {
                name: "hook/hook".to_owned(),
                ready: 2,
                wanted: 2,
                settings: Ok(Settings {
                    cluster_id: Some("c1".to_owned()),
                    account_id: Some("1234567890123456".to_owned()),
                    provider_arn: None,
                    audience: None,
                }),
            }))),
        }))),
        namespace: Some(Ok(Some(Namespace { injection: Some("on".to_owned()) }))),
        service_account: Some(Ok(Some(ServiceAccount {
            role_name: Some("app".to_owned()),
            role_arn: None,
            annotated: Some(time(NOW - 100)),
        }))),
        pod: Some(Ok(Some(Pod {
            service_account: "cart".to_owned(),
            created: Some(time(NOW - 50)),
            injection: None,
            containers: vec![container("app"), container("sidecar")],
            tokens: vec![PodToken {
                volume: "rrsa-oidc-token".to_owned(),
                audience: AUDIENCE.to_owned(),
                path: "token".to_owned(),
                lifetime: 3600,
            }],
        }))),
        exchange: Some(Exchange::Given),
    }
}

/// Part and check as programs see them.
fn name(finding: &Finding) -> String {
    let part = serde_json::to_value(finding.part).unwrap();
    format!("{}.{}", part.as_str().unwrap(), finding.check)
}

fn all_but_ok(facts: &Facts) -> Vec<Finding> {
    judge(facts).into_iter().filter(|finding| finding.state != State::Ok).collect()
}

#[test]
fn what_is_as_it_should_be_is_ok_in_the_order_of_the_way() {
    let facts = good(&Keys::new());
    assert!(all_but_ok(&facts).is_empty(), "{:#?}", all_but_ok(&facts));
    let names: Vec<String> = judge(&facts).iter().map(name).collect();
    assert_eq!(
        names,
        [
            "apiServer.documents",
            "apiServer.issuer",
            "publishedIssuer.documents",
            "publishedIssuer.keys",
            "publishedIssuer.certificate",
            "publishedIssuer.fingerprint",
            "provider.exists",
            "provider.clientIds",
            "provider.issuanceLimit",
            "token.claims",
            "token.lifetime",
            "trustPolicy.role",
            "trustPolicy.allows",
            "webhook.caBundle",
            "webhook.failurePolicy",
            "webhook.deployment",
            "webhook.settings",
            "serviceAccount.namespace",
            "serviceAccount.role",
            "pod.serviceAccount",
            "pod.injected",
            "pod.role",
            "pod.provider",
            "sts.exchange",
        ]
    );
    assert!(left_out(&facts).is_empty());
}

type Break = fn(&mut Facts, &Keys);

/// What else is no longer ok, `STATE part.check`, and words of the first one's text or mend.
const BREAKS: &[(&str, Break, &[&str], &[&str])] = &[
    (
        "unreached",
        |f, _| f.unreached = Some("kubectl is not in the PATH".to_owned()),
        &["Broken apiServer.reached"],
        &["PATH"],
    ),
    (
        "may not read the documents",
        |f, _| f.api_server = Some(Err(Unread::NoRight("of the ClusterRole x".to_owned()))),
        &["NotKnown apiServer.documents"],
        &["the right of the ClusterRole x"],
    ),
    (
        "no documents",
        |f, _| f.api_server = Some(Err(Unread::Failed("no".to_owned()))),
        &["Broken apiServer.documents"],
        &[],
    ),
    (
        "slash",
        |f, _| {
            api(f).issuer = format!("{ISSUER}/");
            f.issuers.clear();
        },
        &["Broken apiServer.issuer"],
        &["a slash at the end", "--service-account-issuer=https://issuer.example/c1 first"],
    ),
    (
        "the default issuer",
        |f, _| {
            api(f).issuer = "https://kubernetes.default.svc".to_owned();
            f.issuers.clear();
            f.provider = Ok(None);
        },
        &[
            "Broken apiServer.issuer",
            "Broken provider.exists",
            "NotKnown token.claims",
            "NotKnown trustPolicy.allows",
        ],
        &["means nothing outside the cluster", "choose a URL"],
    ),
    (
        "not restarted",
        |f, _| api(f).issuer = "https://old.example".to_owned(),
        &["Broken apiServer.issuer"],
        &["it was not restarted since"],
    ),
    (
        "second of two",
        |f, _| {
            api(f).issuer = "https://old.example".to_owned();
            f.issuers = vec!["https://old.example".to_owned(), ISSUER.to_owned()];
        },
        &["Broken apiServer.issuer"],
        &["first, since the first signs"],
    ),
    (
        "no RSA key",
        |f, _| api(f).keys = KeySet::default(),
        &["Broken apiServer.signingKeys", "Warning publishedIssuer.keys"],
        &["RS256"],
    ),
    (
        "not published",
        |f, _| {
            f.published = Some(Err(Unpublished {
                url: "https://x".to_owned(),
                detail: "is not there".to_owned(),
                mend: "publish it",
                is_absent: true,
            }))
        },
        &["Broken publishedIssuer.documents"],
        &["https://x is not there", "publish it; ", "--output-dir DIR"],
    ),
    (
        "private",
        |f, _| site(f).private_address = Some([10, 0, 0, 1].into()),
        &["Warning publishedIssuer.internet"],
        &["10.0.0.1"],
    ),
    (
        "a key is not published",
        |f, k| api(f).keys = Keys::set(&[(&k.second, "2"), (&k.first, "1")]),
        &["Broken publishedIssuer.keys"],
        &["key 2 is not published"],
    ),
    (
        "an old key",
        |f, k| site(f).keys = Keys::set(&[(&k.second, "0"), (&k.first, "1")]),
        &["Warning publishedIssuer.keys"],
        &["key 0 is none of the API server's"],
    ),
    (
        "another key of that id",
        |f, k| site(f).keys = Keys::set(&[(&k.second, "1")]),
        &["Broken publishedIssuer.keys", "Warning publishedIssuer.keys", "Broken token.claims"],
        &["is another one"],
    ),
    (
        "nothing to check with",
        |f, _| site(f).keys = KeySet::default(),
        &["Broken publishedIssuer.keys", "Broken token.claims"],
        &["RS256"],
    ),
    (
        "certificate over",
        |f, _| site(f).certificate_end = Some(time(NOW)),
        &["Broken publishedIssuer.certificate"],
        &["renew"],
    ),
    (
        "certificate ends",
        |f, _| site(f).certificate_end = Some(time(NOW + 86_400)),
        &["Warning publishedIssuer.certificate"],
        &[],
    ),
    (
        "fingerprint",
        |f, _| {
            site(f).authorities[0].fingerprint = "CD".repeat(20);
            f.exchange = Some(Exchange::Refused("STS said no".to_owned()));
        },
        &["Broken publishedIssuer.fingerprint", "Broken sts.exchange"],
        &["CDCDCD", "adds it to the provider"],
    ),
    (
        "fingerprint of the keys' server",
        |f, _| site(f).keys_authorities[0].fingerprint = "CD".repeat(20),
        &["Warning publishedIssuer.fingerprint"],
        &["CDCD"],
    ),
    ("no CA shown", |f, _| site(f).authorities.clear(), &["NotKnown publishedIssuer.fingerprint"], &[]),
    (
        "no provider",
        |f, _| f.provider = Ok(None),
        &["Broken provider.exists", "NotKnown token.claims", "NotKnown trustPolicy.allows"],
        &["no OIDC provider ack-rrsa-c1", "rrsa enable --self-managed -c c1"],
    ),
    (
        "another has the issuer",
        |f, _| {
            f.provider = Ok(None);
            f.others = Ok(vec![other()]);
        },
        &["Broken provider.exists", "NotKnown token.claims", "NotKnown trustPolicy.allows"],
        &["is that of the provider theirs", "RAM takes an issuer once"],
    ),
    (
        "provider may not be read",
        |f, _| {
            f.provider = Err(Unread::NoRight("ram:GetOIDCProvider".to_owned()));
            f.others = Err(Unread::NoRight("ram:ListOIDCProviders".to_owned()));
        },
        &[
            "NotKnown apiServer.issuer",
            "NotKnown provider.exists",
            "NotKnown token.claims",
            "NotKnown trustPolicy.allows",
        ],
        &[],
    ),
    (
        "others may not be read",
        |f, _| f.others = Err(Unread::NoRight("ram:ListOIDCProviders".to_owned())),
        &["NotKnown provider.others"],
        &["ram:ListOIDCProviders"],
    ),
    (
        "two with the issuer",
        |f, _| f.others = Ok(vec![other()]),
        &["Warning provider.others"],
        &["theirs has the same issuer"],
    ),
    (
        "the signing issuer is another's",
        |f, _| {
            api(f).issuer = "https://x.example".to_owned();
            f.others = Ok(vec![Provider { issuer: "https://x.example".to_owned(), ..other() }]);
        },
        &["Broken apiServer.issuer", "Broken provider.others"],
        &[],
    ),
    (
        "client id",
        |f, _| registered(f).client_ids = vec!["kubernetes".to_owned()],
        &["Broken provider.clientIds"],
        &["kubernetes", "add sts.aliyuncs.com"],
    ),
    (
        "issuance limit",
        |f, _| {
            registered(f).issuance_limit = Some(1);
            pod(f).tokens[0].lifetime = 7200;
        },
        &["Broken provider.issuanceLimit"],
        &["for 1 h", "after 5760 s", "IssuanceLimitTime"],
    ),
    (
        "no token",
        |f, _| f.token = Some(Err(Unread::NoRight("to create tokens".to_owned()))),
        &["NotKnown token.request"],
        &["to create tokens"],
    ),
    (
        "token issuer",
        |f, k| {
            token(f).says =
                k.token(&json!({"alg": "RS256", "kid": "1"}), &json!({"iss": format!("{ISSUER}/")}))
        },
        &["Broken token.claims"],
        &["slash at the end"],
    ),
    (
        "token issuer, and no keys",
        |f, k| {
            f.api_server = None;
            f.published = None;
            token(f).says = k.token(&json!({"alg": "RS256", "kid": "1"}), &json!({"iss": "https://other"}));
        },
        &["Broken token.claims"],
        &["tokens come from the issuer https://other"],
    ),
    (
        "no keys",
        |f, _| {
            f.api_server = None;
            f.published = None;
        },
        &["NotKnown token.claims"],
        &["there are no keys to check"],
    ),
    (
        "token audience",
        |f, k| token(f).says = k.token(&json!({"alg": "RS256", "kid": "1"}), &json!({"aud": ["x"]})),
        &["Broken token.claims", "Broken trustPolicy.allows"],
        &["audience x"],
    ),
    (
        "token algorithm",
        |f, k| token(f).says = k.token(&json!({"alg": "ES256", "kid": "1"}), &json!({})),
        &["Broken token.claims"],
        &["ES256"],
    ),
    (
        "token key",
        |f, k| token(f).says = k.token(&json!({"alg": "RS256", "kid": "7"}), &json!({})),
        &["Broken token.claims"],
        &["key 7"],
    ),
    (
        "token subject",
        |f, k| token(f).says = k.token(&json!({"alg": "RS256", "kid": "1"}), &json!({"sub": "me"})),
        &["Broken token.subject"],
        &["its subject is me"],
    ),
    (
        "token life",
        |f, _| token(f).longest = Some(86_400),
        &["Warning token.lifetime"],
        &["--service-account-max-token-expiration=12h"],
    ),
    (
        "no role",
        |f, _| f.role = Some(Ok(None)),
        &["Broken trustPolicy.role"],
        &["rrsa associate-role --self-managed -c c1 -r app -n shop -s cart --create-role-if-not-exist"],
    ),
    (
        "role may not be read",
        |f, _| f.role = Some(Err(Unread::NoRight("ram:GetRole".to_owned()))),
        &["NotKnown trustPolicy.role"],
        &["ram:GetRole"],
    ),
    (
        "trust policy",
        |f, _| trust(f, "shop:cart", "shop:card"),
        &["Broken trustPolicy.allows"],
        &["the service account differs", "associate-role"],
    ),
    (
        "denied",
        |f, _| trust(f, "Allow", "Deny"),
        &["Broken trustPolicy.allows"],
        &["statement 1 of the trust policy denies it"],
    ),
    (
        "wide",
        |f, _| trust(f, "system:serviceaccount:shop:cart", "*"),
        &["Broken trustPolicy.allows"],
        &["StringLike is the operator"],
    ),
    (
        "depends",
        |f, _| trust(f, "oidc:sub", "acs:SourceIp"),
        &["NotKnown trustPolicy.allows"],
        &["acs:SourceIp"],
    ),
    ("no policy", |f, _| trust(f, "{", "["), &["Broken trustPolicy.allows"], &["is no JSON"]),
    ("no webhook", |f, _| f.webhook = Some(Ok(None)), &["Warning webhook.configuration"], &["not installed"]),
    (
        "no webhook, and nothing for it",
        |f, _| {
            f.webhook = Some(Ok(None));
            f.namespace = Some(Ok(Some(Namespace { injection: None })));
            f.service_account = Some(Ok(Some(ServiceAccount::default())));
        },
        &["Warning webhook.configuration"],
        &["not installed"],
    ),
    (
        "a webhook, and nothing for it",
        |f, _| {
            f.namespace = Some(Ok(Some(Namespace { injection: None })));
            f.service_account = Some(Ok(Some(ServiceAccount::default())));
        },
        &["Broken serviceAccount.namespace", "Broken serviceAccount.role"],
        &["injection=on"],
    ),
    (
        "no webhook, nothing by hand",
        |f, _| {
            f.webhook = Some(Ok(None));
            f.pod = None;
        },
        &["Broken webhook.configuration"],
        &["manifests/pod-identity"],
    ),
    (
        "webhook may not be read",
        |f, _| f.webhook = Some(Err(Unread::NoRight("to get it".to_owned()))),
        &["NotKnown webhook.configuration"],
        &["to get it"],
    ),
    ("no entry", |f, _| hook(f).entries.clear(), &["Broken webhook.caBundle"], &["no entry"]),
    (
        "no bundle",
        |f, _| hook(f).entries[1].has_ca_bundle = false,
        &["Broken webhook.caBundle"],
        &["labelled-pods has no caBundle"],
    ),
    (
        "no deployment",
        |f, _| hook(f).deployment = Some(Ok(None)),
        &["Broken webhook.deployment"],
        &["is not there"],
    ),
    ("none ready", |f, _| deployment(f).ready = 0, &["Broken webhook.deployment"], &["0 of 2"]),
    ("one ready", |f, _| deployment(f).ready = 1, &["Warning webhook.deployment"], &["1 of 2"]),
    (
        "another cluster",
        |f, _| deployment(f).settings.as_mut().unwrap().cluster_id = Some("c2".to_owned()),
        &["Broken webhook.settings"],
        &["oidc-provider/ack-rrsa-c2"],
    ),
    (
        "another account",
        |f, _| deployment(f).settings.as_mut().unwrap().account_id = Some("1".to_owned()),
        &["Broken webhook.settings"],
        &["acs:ram::1:"],
    ),
    (
        "another ARN",
        |f, _| deployment(f).settings.as_mut().unwrap().provider_arn = Some("x".to_owned()),
        &["Broken webhook.settings"],
        &["the provider x"],
    ),
    (
        "another audience",
        |f, _| deployment(f).settings.as_mut().unwrap().audience = Some("x".to_owned()),
        &["Broken webhook.audience"],
        &["tokens for x"],
    ),
    (
        "settings unseen",
        |f, _| deployment(f).settings = Ok(Settings::default()),
        &["NotKnown webhook.settings"],
        &[],
    ),
    (
        "settings unread",
        |f, _| deployment(f).settings = Err(Unread::NoRight("x".to_owned())),
        &["NotKnown webhook.settings"],
        &[],
    ),
    (
        "no namespace",
        |f, _| f.namespace = Some(Ok(None)),
        &["Broken serviceAccount.namespace"],
        &["no namespace shop"],
    ),
    (
        "label off",
        |f, _| f.namespace = Some(Ok(Some(Namespace { injection: Some("off".to_owned()) }))),
        &["Broken serviceAccount.namespace"],
        &["injection=off", "kubectl label namespace shop"],
    ),
    (
        "no account",
        |f, _| f.service_account = Some(Ok(None)),
        &["Broken serviceAccount.exists"],
        &["no service account shop/cart"],
    ),
    (
        "no annotation",
        |f, _| account(f).role_name = None,
        &["Broken serviceAccount.role"],
        &["annotate serviceaccount cart pod-identity.alibabacloud.com/role-name=app"],
    ),
    (
        "another role",
        |f, _| account(f).role_name = Some("ops".to_owned()),
        &["Broken serviceAccount.role"],
        &["the role ops, not app"],
    ),
    (
        "the ARN counts",
        |f, _| account(f).role_arn = Some("acs:ram::1:role/ops".to_owned()),
        &["Broken serviceAccount.role"],
        &["acs:ram::1:role/ops, not app"],
    ),
    ("no pod", |f, _| f.pod = Some(Ok(None)), &["Broken pod.exists"], &["no pod shop/cart-1"]),
    (
        "pod of another",
        |f, _| pod(f).service_account = "default".to_owned(),
        &["Broken pod.serviceAccount"],
        &["the service account default, not cart"],
    ),
    (
        "made before",
        |f, _| {
            pod(f).created = Some(time(NOW - 200));
            pod(f).containers.iter_mut().for_each(|c| c.role_arn = None);
        },
        &["Broken pod.injected"],
        &[
            "it was made at 2026-11-22T15:27:00Z, and the service account was annotated at 2026-11-22T15:28:40Z",
            "anew",
        ],
    ),
    (
        "left out",
        |f, _| pod(f).containers[1].token_file = None,
        &["Warning pod.injected"],
        &["not in sidecar", "skip-containers"],
    ),
    (
        "pod's role",
        |f, _| pod(f).containers[1].role_arn = Some("acs:ram::1234567890123456:role/old".to_owned()),
        &["Broken pod.role"],
        &["role/old, not acs:ram::1234567890123456:role/app"],
    ),
    (
        "pod's provider",
        |f, _| pod(f).containers[0].provider_arn = Some("x".to_owned()),
        &["Broken pod.provider"],
        &["its provider is x"],
    ),
    (
        "not mounted",
        |f, _| pod(f).containers[0].mounts.clear(),
        &["Broken pod.token"],
        &["no projected token is mounted there"],
    ),
    (
        "pod's audience",
        |f, _| pod(f).tokens[0].audience = "x".to_owned(),
        &["Broken pod.token", "Broken pod.token"],
        &["is for x"],
    ),
    (
        "access key",
        |f, _| pod(f).containers[0].has_access_key = true,
        &["Warning pod.accessKey"],
        &["ALIBABA_CLOUD_ACCESS_KEY_ID"],
    ),
    (
        "STS away",
        |f, _| f.exchange = Some(Exchange::Failed("no answer from STS".to_owned())),
        &["Broken sts.exchange"],
        &["--sts-endpoint"],
    ),
    ("STS not asked", |f, _| f.exchange = None, &["NotKnown sts.exchange"], &[]),
    (
        "knows it too, as far as is deduced",
        |f, _| {
            api(f).issuer = "https://old.example".to_owned();
            f.issuers_are_deduced = true;
        },
        &["Broken apiServer.issuer"],
        &["it knows that one, too: start it with --service-account-issuer=https://issuer.example/c1 first"],
    ),
    (
        "the token is over",
        |f, _| f.now = time(NOW + 3600),
        &["Broken token.claims"],
        &["is over", "check the clocks"],
    ),
    (
        "no webhook, and a pod without a token",
        |f, _| {
            f.webhook = Some(Ok(None));
            pod(f).containers.iter_mut().for_each(|container| container.token_file = None);
        },
        &["Broken webhook.configuration", "Broken pod.injected"],
        &["not installed"],
    ),
    (
        "the statement is over",
        |f, _| {
            let over = r#""DateLessThan":{"acs:CurrentTime":"2026-11-22T15:30:00Z"},"StringEquals":{"#;
            trust(f, r#""StringEquals":{"#, over);
        },
        &["Broken trustPolicy.allows"],
        &["acs:CurrentTime must be DateLessThan 2026-11-22T15:30:00Z"],
    ),
    (
        "without a provider",
        |f, _| pod(f).containers[1].provider_arn = None,
        &["Warning pod.injected"],
        &["not in sidecar"],
    ),
    (
        "nobody asked about a role",
        |f, _| {
            (f.asked.role, f.role, f.exchange) = (None, None, None);
            pod(f).containers[0].role_arn = Some("acs:ram::1234567890123456:role/ops".to_owned());
        },
        &["Broken pod.role"],
        &["role/ops, not app"],
    ),
    (
        "the role that was asked about counts",
        |f, _| {
            f.role = Some(Err(Unread::NoRight("ram:GetRole".to_owned())));
            account(f).role_name = Some("ops".to_owned());
            let ops = Some("acs:ram::1234567890123456:role/ops".to_owned());
            pod(f).containers.iter_mut().for_each(|container| container.role_arn.clone_from(&ops));
        },
        &["NotKnown trustPolicy.role", "Broken serviceAccount.role", "Broken pod.role"],
        &[],
    ),
    (
        "another file",
        |f, _| pod(f).containers[0].token_file = Some(format!("{FILE}/other")),
        &["Broken pod.token"],
        &["rrsa-tokens/other, and no projected token"],
    ),
    (
        "another volume",
        |f, _| pod(f).containers[0].mounts = vec![("empty".to_owned(), FILE.to_owned())],
        &["Broken pod.token"],
        &["no projected token is mounted there"],
    ),
    (
        "STS says no",
        |f, _| f.exchange = Some(Exchange::Refused("STS said no".to_owned())),
        &["Broken sts.exchange"],
        &["nothing above says why"],
    ),
    (
        "STS says no, and it is known why",
        |f, _| {
            trust(f, "shop:cart", "shop:card");
            f.exchange = Some(Exchange::Refused("STS said no".to_owned()));
        },
        &["Broken trustPolicy.allows", "Broken sts.exchange"],
        &[],
    ),
];

fn api(facts: &mut Facts) -> &mut ApiServerIssuer {
    facts.api_server.as_mut().unwrap().as_mut().unwrap()
}

fn site(facts: &mut Facts) -> &mut PublishedIssuer {
    facts.published.as_mut().unwrap().as_mut().unwrap()
}

fn registered(facts: &mut Facts) -> &mut Provider {
    facts.provider.as_mut().unwrap().as_mut().unwrap()
}

fn token(facts: &mut Facts) -> &mut Token {
    facts.token.as_mut().unwrap().as_mut().unwrap()
}

fn trust(facts: &mut Facts, from: &str, to: &str) {
    let role = facts.role.as_mut().unwrap().as_mut().unwrap().as_mut().unwrap();
    let changed = role.trust_policy.replacen(from, to, 1);
    assert_ne!(changed, role.trust_policy);
    role.trust_policy = changed;
}

fn hook(facts: &mut Facts) -> &mut Webhook {
    facts.webhook.as_mut().unwrap().as_mut().unwrap().as_mut().unwrap()
}

fn deployment(facts: &mut Facts) -> &mut Deployment {
    hook(facts).deployment.as_mut().unwrap().as_mut().unwrap().as_mut().unwrap()
}

fn account(facts: &mut Facts) -> &mut ServiceAccount {
    facts.service_account.as_mut().unwrap().as_mut().unwrap().as_mut().unwrap()
}

fn pod(facts: &mut Facts) -> &mut Pod {
    facts.pod.as_mut().unwrap().as_mut().unwrap().as_mut().unwrap()
}

fn other() -> Provider {
    Provider { name: "theirs".to_owned(), issuer: ISSUER.to_owned(), ..Provider::default() }
}

#[test]
fn each_thing_that_is_broken_is_found_and_nothing_else() {
    let keys = Keys::new();
    for (what, break_it, wanted, words) in BREAKS {
        let mut facts = good(&keys);
        break_it(&mut facts, &keys);
        let findings = all_but_ok(&facts);
        let found: Vec<String> =
            findings.iter().map(|finding| format!("{:?} {}", finding.state, name(finding))).collect();
        assert_eq!(found, *wanted, "{what}: {findings:#?}");
        let told = format!("{} | {}", findings[0].text, findings[0].mend.clone().unwrap_or_default());
        for word in *words {
            assert!(told.contains(word), "{what}: {word:?} is not in {told}");
        }
        assert!(findings.iter().all(|finding| finding.mend.is_some()), "{what}: {findings:#?}");
    }
}

#[test]
fn what_sts_refuses_is_explained_by_what_was_found() {
    let keys = Keys::new();
    let mut facts = good(&keys);
    trust(&mut facts, "shop:cart", "shop:card");
    pod(&mut facts).containers.clear();
    facts.exchange = Some(Exchange::Refused("STS refused it".to_owned()));
    let sts = judge(&facts).pop().unwrap();
    let mend = sts.mend.unwrap();
    assert_eq!(sts.text, "STS refused it");
    assert!(mend.contains("no statement gives the role") && !mend.contains("containers"), "{mend}");
}

#[test]
fn who_else_has_the_role_is_a_warning() {
    let mut facts = good(&Keys::new());
    trust(&mut facts, "StringEquals", "StringLike");
    trust(&mut facts, "shop:cart", "*:cart");
    let findings = all_but_ok(&facts);
    assert_eq!((findings.len(), name(&findings[0])), (1, "trustPolicy.others".to_owned()));
    assert!(findings[0].text.contains("called cart, in any namespace"), "{findings:?}");
}

#[test]
fn an_issuer_that_ram_cannot_take_is_not_offered_to_be_registered() {
    for (present, is_offered) in [
        ("https://old.example", true),
        ("http://old.example", false),
        ("https://old.example/", false),
        ("https://kubernetes.default.svc.cluster.local", false),
    ] {
        let mut facts = good(&Keys::new());
        api(&mut facts).issuer = present.to_owned();
        facts.issuers.clear();
        let mend = all_but_ok(&facts)[0].mend.clone().unwrap();
        assert_eq!(mend.contains("if the provider is wrong"), is_offered, "{mend}");
    }
}

#[test]
fn a_provider_without_fingerprints_takes_every_ca() {
    let mut facts = good(&Keys::new());
    registered(&mut facts).fingerprints.clear();
    assert_eq!(all_but_ok(&facts), []);
}

#[test]
fn what_is_for_others_than_sts_is_no_finding() {
    let mut facts = good(&Keys::new());
    // A token for another service may live longer than STS takes one.
    let other = PodToken {
        volume: "other".to_owned(),
        audience: "vault".to_owned(),
        lifetime: 999_999,
        ..PodToken::default()
    };
    pod(&mut facts).tokens.push(other);
    // The provider has another client id too, and the webhook goes by it.
    registered(&mut facts).client_ids.push("x".to_owned());
    deployment(&mut facts).settings.as_mut().unwrap().audience = Some("x".to_owned());
    assert_eq!(all_but_ok(&facts), []);
}

#[test]
fn several_issuers_are_named() {
    let mut facts = good(&Keys::new());
    facts.issuers.push("https://old.example".to_owned());
    let findings = judge(&facts);
    let issuers = findings.iter().find(|finding| finding.check == "issuers").unwrap();
    assert_eq!(issuers.state, State::Ok);
    assert!(issuers.text.contains("tokens of https://old.example are taken, too: right"), "{issuers:?}");
    facts.issuers_are_deduced = true;
    assert!(judge(&facts).iter().any(|finding| finding.text.contains("(deduced from the audiences")));
}

#[test]
fn an_issuer_that_ram_cannot_read_is_told_before_there_is_a_provider() {
    let mut facts = good(&Keys::new());
    facts.provider = Ok(None);
    api(&mut facts).issuer = "http://issuer.example".to_owned();
    let findings = all_but_ok(&facts);
    assert_eq!(name(&findings[0]), "apiServer.issuer");
    assert!(findings[0].text.contains("RAM reads https alone"), "{findings:?}");
}

#[test]
fn what_was_not_asked_about_is_left_out_with_its_flags() {
    let mut facts = good(&Keys::new());
    (facts.asked.role, facts.asked.pod, facts.asked.looks_at_account) = (None, None, false);
    (facts.role, facts.exchange, facts.namespace, facts.service_account, facts.pod) =
        (None, None, None, None, None);
    let parts: Vec<Value> =
        left_out(&facts).iter().map(|left| serde_json::to_value(left.part).unwrap()).collect();
    assert_eq!(parts, ["trustPolicy", "serviceAccount", "pod", "sts"]);
    let found: Vec<String> = judge(&facts).iter().map(name).collect();
    let lacking = ["trustPolicy.", "serviceAccount.", "pod.", "sts."];
    assert!(!found.iter().any(|name| lacking.iter().any(|part| name.starts_with(part))), "{found:?}");
}

#[test]
fn clusters_of_ack_are_told_acks_commands() {
    let keys = Keys::new();
    let mut facts = good(&keys);
    facts.asked.self_managed = false;
    facts.api_server = None;
    assert!(all_but_ok(&facts).is_empty(), "{:#?}", all_but_ok(&facts));
    facts.webhook = Some(Ok(None));
    facts.pod = None;
    facts.provider = Ok(None);
    let mends: Vec<String> = all_but_ok(&facts).into_iter().filter_map(|finding| finding.mend).collect();
    let mends = mends.join("\n");
    assert!(mends.contains("rrsa install-helper-addon") && mends.contains("rrsa enable -c c1`"), "{mends}");
    assert!(!mends.contains("rrsa enable --self-managed"), "{mends}");
    // Documents are ACK's to publish, and flags for them are no good there.
    let mut facts = good(&keys);
    facts.asked.self_managed = false;
    facts.api_server = None;
    site(&mut facts).authorities =
        vec![Authority { fingerprint: "CD".repeat(20), name: "CN=Other".to_owned(), end: None }];
    facts.exchange = Some(Exchange::Refused("no".to_owned()));
    let mend = |facts: &Facts, name: &str| {
        let found = all_but_ok(facts).into_iter().find(|finding| self::name(finding) == name);
        found.unwrap_or_else(|| panic!("{name}")).mend.unwrap()
    };
    assert!(mend(&facts, "publishedIssuer.fingerprint").contains("in the RAM console"));
    site(&mut facts).keys = KeySet::default();
    assert!(mend(&facts, "publishedIssuer.keys").starts_with("ACK publishes it"));
    token(&mut facts).says =
        keys.token(&json!({"alg": "RS256", "kid": "1"}), &json!({"iss": "https://other"}));
    let other = mend(&facts, "token.claims");
    assert!(other.starts_with("see that --kubeconfig and --context are those of cluster c1"), "{other}");
    facts.published = Some(Err(Unpublished {
        url: "https://x".to_owned(),
        detail: "is not there".to_owned(),
        mend: "publish it",
        is_absent: true,
    }));
    assert!(mend(&facts, "publishedIssuer.documents").starts_with("ACK publishes it"));
}
