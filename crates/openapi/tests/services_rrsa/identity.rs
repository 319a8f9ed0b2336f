//! RAM and IMS, as the emulator has them.

use emulator::OidcProvider;
use openapi::ims::NewOidcProvider;
use openapi::ram::PolicyType;

use crate::{ACCOUNT, DOCUMENT, ISSUER, Rig, TRUST, code, keys, new_provider, now};

#[tokio::test]
async fn roles_are_made_read_and_given_another_trust_policy() {
    let Rig { emulator: _emulator, clients, root } = Rig::start().await;
    let ram = clients.ram;
    assert_eq!(ram.role("dev", &root, now()).await.unwrap(), None);
    let made = ram.create_role("dev", TRUST, "für Pods + more", &root, now()).await.unwrap();
    assert_eq!((made.role_name.as_str(), made.trust_policy.as_str()), ("dev", TRUST));
    assert_eq!(made.arn, format!("acs:ram::{ACCOUNT}:role/dev"));
    assert_eq!(made.max_session_duration, Some(3600));
    let read = ram.role("DEV", &root, now()).await.unwrap().unwrap();
    assert_eq!((read.role_id, read.description.as_str()), (made.role_id, "für Pods + more"));
    let again = ram.create_role("dev", TRUST, "", &root, now()).await;
    assert_eq!(code(again), "EntityAlreadyExists.Role");

    // As the text stands, white space and all.
    let other = TRUST.replace("\"Version\":\"1\"", "\n \"Version\" : \"1\"");
    let updated = ram.update_trust_policy("dev", &other, &root, now()).await.unwrap();
    assert_eq!(
        (updated.trust_policy.as_str(), updated.description.as_str()),
        (other.as_str(), "für Pods + more")
    );
    assert_eq!(ram.role("dev", &root, now()).await.unwrap().unwrap().trust_policy, other);
    assert_eq!(code(ram.update_trust_policy("none", TRUST, &root, now()).await), "EntityNotExist.Role");
    for bad in ["{}", "canary", r#"{"Version":"1","Statement":[{}]}"#] {
        assert_eq!(code(ram.update_trust_policy("dev", bad, &root, now()).await), "MalformedPolicyDocument");
    }
    assert_eq!(ram.role("dev", &root, now()).await.unwrap().unwrap().trust_policy, other);
    for (name, expected) in [
        ("a b", "InvalidParameter.RoleName.InvalidChars"),
        (&"a".repeat(65), "InvalidParameter.RoleName.Length"),
    ] {
        assert_eq!(code(ram.create_role(name, TRUST, "", &root, now()).await), expected);
        assert_eq!(code(ram.role(name, &root, now()).await), expected);
    }
    // A role of another account is none of this one's.
    assert_eq!(ram.role("dev", &keys("LTAIother", None), now()).await.unwrap(), None);
}

#[tokio::test]
async fn policies_are_made_read_and_attached_once() {
    let Rig { emulator: _emulator, clients, root } = Rig::start().await;
    let ram = clients.ram;
    let (system, custom) = (PolicyType::System, PolicyType::Custom);
    assert_eq!(ram.policy("mine", custom, &root, now()).await.unwrap(), None);
    assert_eq!(ram.policy("AliyunNothing", system, &root, now()).await.unwrap(), None);
    ram.create_policy("mine", DOCUMENT, "of ours", &root, now()).await.unwrap();
    assert_eq!(
        code(ram.create_policy("mine", DOCUMENT, "", &root, now()).await),
        "EntityAlreadyExists.Policy"
    );
    assert_eq!(code(ram.create_policy("bad", "{}", "", &root, now()).await), "MalformedPolicyDocument");
    let mine = ram.policy("mine", custom, &root, now()).await.unwrap().unwrap();
    assert_eq!(
        (mine.policy_document.as_str(), mine.policy_type, mine.description.as_str()),
        (DOCUMENT, custom, "of ours")
    );
    assert_eq!(ram.policy("mine", system, &root, now()).await.unwrap(), None);
    let read_only = ram.policy("AliyunCSReadOnlyAccess", system, &root, now()).await.unwrap().unwrap();
    assert!(read_only.policy_document.contains("cs:"), "{read_only:?}");

    let attach =
        async |policy: &str, kind| ram.attach_policy_to_role(policy, kind, "dev", &root, now()).await;
    assert_eq!(code(attach("mine", custom).await), "EntityNotExist.Role");
    assert_eq!(code(ram.policies_of_role("dev", &root, now()).await), "EntityNotExist.Role");
    ram.create_role("dev", TRUST, "", &root, now()).await.unwrap();
    assert_eq!(ram.policies_of_role("dev", &root, now()).await.unwrap(), []);
    for expected in [true, false] {
        assert_eq!(attach("mine", custom).await.unwrap(), expected);
        assert_eq!(attach("AliyunCSReadOnlyAccess", system).await.unwrap(), expected);
    }
    assert_eq!(code(attach("mine", system).await), "EntityNotExist.Policy");
    let attached = ram.policies_of_role("dev", &root, now()).await.unwrap();
    let mut names: Vec<_> = attached.iter().map(|p| (p.policy_name.as_str(), p.policy_type)).collect();
    names.sort_by_key(|(name, _)| *name);
    assert_eq!(names, [("AliyunCSReadOnlyAccess", system), ("mine", custom)]);
    assert_eq!((system.to_string(), custom.to_string()), ("System".to_owned(), "Custom".to_owned()));
}

#[tokio::test]
async fn providers_are_made_read_changed_and_deleted() {
    let Rig { emulator: _emulator, clients, root } = Rig::start().await;
    let ims = clients.ims;
    let name = "ack-rrsa-c1";
    assert_eq!(ims.oidc_provider(name, &root, now()).await.unwrap(), None);
    assert_eq!(ims.oidc_providers(&root, now()).await.unwrap(), []);
    let mut new = new_provider();
    new.client_ids = vec!["sts.aliyuncs.com".to_owned(), "b".to_owned()];
    new.description = "RRSA of c1".to_owned();
    let made = ims.create_oidc_provider(&new, &root, now()).await.unwrap();
    assert_eq!((&made.name, &made.issuer_url), (&new.name, &new.issuer_url));
    assert_eq!(made.arn, format!("acs:ram::{ACCOUNT}:oidc-provider/ack-rrsa-c1"));
    assert_eq!((&made.client_ids, &made.fingerprints), (&new.client_ids, &new.fingerprints));
    assert_eq!((made.issuance_limit_time, made.description.as_str()), (Some(24), "RRSA of c1"));
    assert_eq!(ims.oidc_provider(name, &root, now()).await.unwrap(), Some(made.clone()));
    assert_eq!(ims.oidc_providers(&root, now()).await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(code(ims.create_oidc_provider(&new, &root, now()).await), "EntityAlreadyExists.OIDCProvider");
    let same_issuer = NewOidcProvider { name: "other".to_owned(), ..new.clone() };
    let refused = ims.create_oidc_provider(&same_issuer, &root, now()).await;
    assert_eq!(code(refused), "EntityAlreadyExists.OIDCProvider.Url");

    let changed = ims.add_client_id(name, "c", &root, now()).await.unwrap();
    assert_eq!(changed.client_ids, ["sts.aliyuncs.com", "b", "c"]);
    assert_eq!(
        code(ims.add_client_id(name, "c", &root, now()).await),
        "EntityAlreadyExists.OIDCProvider.ClientId"
    );
    let other = "0123456789abcdef0123456789abcdef01234567";
    assert_eq!(ims.add_fingerprint(name, other, &root, now()).await.unwrap().fingerprints.len(), 2);
    let again = ims.add_fingerprint(name, other, &root, now()).await;
    assert_eq!(code(again), "EntityAlreadyExists.OIDCProvider.Fingerprint");
    let left = ims.remove_fingerprint(name, &new.fingerprints[0], &root, now()).await.unwrap();
    assert_eq!(left.fingerprints, [other]);
    let again = ims.remove_fingerprint(name, &new.fingerprints[0], &root, now()).await;
    assert_eq!(code(again), "EntityNotExist.OIDCProvider.Fingerprint");
    for (bad, expected) in [
        (
            NewOidcProvider { name: "-x".to_owned(), ..new.clone() },
            "InvalidParameter.OIDCProviderName.InvalidChars",
        ),
        (NewOidcProvider { issuer_url: "http://x".to_owned(), ..new.clone() }, "InvalidParameter.IssuerUrl"),
        (
            NewOidcProvider { fingerprints: vec!["x".to_owned()], ..new.clone() },
            "InvalidParameter.Fingerprints",
        ),
        (
            NewOidcProvider { issuance_limit_time: Some(169), ..new.clone() },
            "InvalidParameter.IssuanceLimitTime",
        ),
    ] {
        assert_eq!(code(ims.create_oidc_provider(&bad, &root, now()).await), expected);
    }

    assert!(ims.delete_oidc_provider(name, &root, now()).await.unwrap());
    assert!(!ims.delete_oidc_provider(name, &root, now()).await.unwrap());
    for refused in [
        ims.add_client_id(name, "c", &root, now()).await,
        ims.add_fingerprint(name, other, &root, now()).await,
        ims.remove_fingerprint(name, other, &root, now()).await,
    ] {
        assert_eq!(code(refused), "EntityNotExist.OIDCProvider");
    }
}

#[tokio::test]
async fn providers_are_read_page_by_page_and_an_account_has_at_most_a_hundred() {
    let Rig { emulator, clients, root } = Rig::start().await;
    let ims = clients.ims;
    for n in 0..100 {
        let provider = OidcProvider::new(ACCOUNT, &format!("p{n}"), &format!("{ISSUER}{n}")).client_id("a");
        emulator.add_oidc_provider(provider).unwrap();
    }
    assert_eq!(ims.oidc_providers(&root, now()).await.unwrap().len(), 100);
    assert_eq!(
        code(ims.create_oidc_provider(&new_provider(), &root, now()).await),
        "LimitExceeded.OIDCProvider"
    );
    assert_eq!(ims.oidc_providers(&keys("LTAIother", None), now()).await.unwrap(), []);
}

#[tokio::test]
async fn markers_lead_from_page_to_page_of_providers() {
    use crate::support::{Server, json};
    let server = Server::tls("127.0.0.1", |request| {
        let (rest, name) = match request.line.contains("Marker=m%201") {
            false => (r#""IsTruncated":true,"Marker":"m 1""#, "a"),
            true => (r#""IsTruncated":false,"Marker":null"#, "b"),
        };
        let provider = format!(r#"{{"OIDCProviderName":"{name}","Arn":"arn","IssuerUrl":"https://{name}"}}"#);
        json(200, &format!(r#"{{{rest},"OIDCProviders":{{"OIDCProvider":[{provider}]}}}}"#))
    });
    let ims = crate::Clients::of(&server).ims;
    let providers = ims.oidc_providers(&keys("LTAI1", None), now()).await.unwrap();
    assert_eq!(providers.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn what_policies_do_not_allow_is_named() {
    let Rig { emulator: _emulator, clients, root: _ } = Rig::start().await;
    let nobody = keys("LTAInobody", None);
    let text = clients.ram.role("dev", &nobody, now()).await.unwrap_err().to_string();
    assert!(
        text.starts_with("RAM refused GetRole: NoPermission (HTTP 403")
            && text.contains("do not allow ram:GetRole (ImplicitDeny"),
        "{text}"
    );
    let text =
        clients.ims.create_oidc_provider(&new_provider(), &nobody, now()).await.unwrap_err().to_string();
    assert!(
        text.contains("IMS refused CreateOIDCProvider: NoPermission")
            && text.contains("ram:CreateOIDCProvider (ImplicitDeny"),
        "{text}"
    );
}
