//! The trust policy decides who becomes a role, and the role's policies what it may do: with tokens of a real API server
//! whose keys STS has fetched from the issuer's own site.

use e2e::cloud::OIDC_AUDIENCE;
use emulator::OidcProvider;
use serde_json::{Value, json};

use super::stand::{
    Holder, KEYS, Provider, Published, Role, SPACE, Session, provider_arn, role_arn, service_accounts,
    statement, subject, token, token_of, trust_policy,
};
use libtest_mimic::Failed;

use super::*;
use e2e::control_plane::ISSUER;

const PROVIDER: &str = "ack-rrsa-trust";
const NO_PERMISSION: &str = "AuthenticationFail.NoPermission";

/// The provider of a published issuer, without keys: STS has to fetch them.
fn provider<'a>(rig: &'a Rig, issuer: &str) -> Result<Provider<'a>, Failed> {
    let provider = OidcProvider::new(e2e::cloud::ACCOUNT, PROVIDER, issuer).client_id(OIDC_AUDIENCE);
    Provider::add(rig, provider.client_id("another.client"), PROVIDER)
}

/// Whom the holder of a token becomes with a role whose trust policy has these statements.
fn becomes(rig: &Rig, holder: &Holder<'_>, statements: &[Value], token: &str) -> Result<String, Failed> {
    let policy = json!({"Version": "1", "Statement": statements});
    let _role = Role::create(rig, "rrsa-trust-table", &policy)?;
    holder.becomes("rrsa-trust-table", PROVIDER, token)
}

fn audience(name: &str) -> [&str; 2] {
    ["--audience", name]
}

pub(super) fn another_service_account_namespace_audience_or_issuer_is_refused(rig: &Rig) -> Outcome {
    let _accounts = service_accounts(rig, &["app", "other"])?;
    let namespace = e2e::pod_identity::namespace("rrsa-trust-twin");
    let _twin =
        rig.apply_all(&[namespace, e2e::pod_identity::service_account("rrsa-trust-twin", "app", &[])])?;
    let cluster = Published::start(rig, "trust-refusals")?;
    let (issuer, kubectl) = (cluster.site.url(), rig.admin_of(&cluster.server));
    let _provider = provider(rig, &issuer)?;
    let role = "rrsa-trust";
    let _role = Role::create(rig, role, &trust_policy(PROVIDER, &issuer, &subject("app")))?;
    let holder = Holder::new(rig)?;

    let app = token(&kubectl, &audience(OIDC_AUDIENCE))?;
    cluster.site.asked();
    assert_eq!(holder.becomes(role, PROVIDER, &app)?, role_arn(role));
    let name = issuer.rsplit('/').next().unwrap_or_default();
    let fetched = [format!("200 /{name}/{}", stand::DOCUMENT), format!("200 /{name}/{KEYS}")];
    assert_eq!(cluster.site.asked(), fetched, "its keys were fetched");

    let twin = ["create", "token", "app", "--namespace=rrsa-trust-twin", "--audience", OIDC_AUDIENCE];
    for (what, token, code) in [
        ("service account", token_of(&kubectl, "other", &audience(OIDC_AUDIENCE))?, NO_PERMISSION),
        ("namespace", kubectl.ok(&twin)?.trim().to_owned(), NO_PERMISSION),
        ("audience of the provider", token(&kubectl, &audience("another.client"))?, NO_PERMISSION),
        (
            "audience of nobody",
            token(&kubectl, &audience("nobody"))?,
            "AuthenticationFail.OIDCToken.AudienceNotMatch",
        ),
        (
            "audience of the API server",
            token(&kubectl, &[])?,
            "AuthenticationFail.OIDCToken.AudienceNotMatch",
        ),
        (
            "issuer",
            token(&rig.admin(), &audience(OIDC_AUDIENCE))?,
            "AuthenticationFail.OIDCToken.IssuerNotMatch",
        ),
    ] {
        assert_eq!(holder.becomes(role, PROVIDER, &token)?, code, "another {what}");
    }
    // The token is good, and the policy names another one.
    let good = statement(PROVIDER, &issuer, &subject("app"));
    for (what, pointer, value) in [
        ("issuer", "/Condition/StringEquals/oidc:iss", json!(ISSUER)),
        ("issuer, by a slash", "/Condition/StringEquals/oidc:iss", json!(format!("{issuer}/"))),
        ("audience", "/Condition/StringEquals/oidc:aud", json!("another.client")),
        ("letter case", "/Condition/StringEquals/oidc:sub", json!(subject("App"))),
        ("provider", "/Principal/Federated/0", json!(provider_arn("ack-rrsa-another"))),
    ] {
        let mut other = good.clone();
        *other.pointer_mut(pointer).ok_or(pointer)? = value;
        assert_eq!(becomes(rig, &holder, &[other.clone()], &app)?, NO_PERMISSION, "another {what}");
        // Beside one that fits it does no harm.
        assert_eq!(
            becomes(rig, &holder, &[other, good.clone()], &app)?,
            role_arn("rrsa-trust-table"),
            "{what}"
        );
    }
    Ok(())
}

pub(super) fn a_star_counts_in_string_like_and_nowhere_else(rig: &Rig) -> Outcome {
    let _accounts = service_accounts(rig, &["app"])?;
    let cluster = Published::start(rig, "trust-stars")?;
    let (issuer, kubectl) = (cluster.site.url(), rig.admin_of(&cluster.server));
    let _provider = provider(rig, &issuer)?;
    let holder = Holder::new(rig)?;
    let app = token(&kubectl, &audience(OIDC_AUDIENCE))?;
    for (subject, is_alike) in [
        (format!("system:serviceaccount:{SPACE}:*"), true),
        ("system:serviceaccount:*:app".to_owned(), true),
        ("system:serviceaccount:*:*".to_owned(), true),
        ("system:serviceaccount:*:other".to_owned(), false),
        ("system:serviceaccount:default:*".to_owned(), false),
    ] {
        let equals = statement(PROVIDER, &issuer, &subject);
        let mut like = equals.clone();
        let equal = like["Condition"]["StringEquals"].as_object_mut().ok_or("no StringEquals")?;
        let moved = equal.remove("oidc:sub").ok_or("no oidc:sub")?;
        like["Condition"]["StringLike"] = json!({"oidc:sub": moved});
        assert_eq!(becomes(rig, &holder, &[equals], &app)?, NO_PERMISSION, "StringEquals {subject}");
        let expected = if is_alike { role_arn("rrsa-trust-table") } else { NO_PERMISSION.to_owned() };
        assert_eq!(becomes(rig, &holder, &[like], &app)?, expected, "StringLike {subject}");
    }
    Ok(())
}

pub(super) fn a_deny_wins_over_every_allow(rig: &Rig) -> Outcome {
    let _accounts = service_accounts(rig, &["app", "other"])?;
    let cluster = Published::start(rig, "trust-deny")?;
    let (issuer, kubectl) = (cluster.site.url(), rig.admin_of(&cluster.server));
    let _provider = provider(rig, &issuer)?;
    let holder = Holder::new(rig)?;
    let allow = |name: &str| statement(PROVIDER, &issuer, &subject(name));
    let mut deny = allow("other");
    deny["Effect"] = json!("Deny");
    for statements in
        [[allow("app"), allow("other"), deny.clone()], [deny.clone(), allow("other"), allow("app")]]
    {
        for (name, expected) in [("app", role_arn("rrsa-trust-table")), ("other", NO_PERMISSION.to_owned())] {
            let token = token_of(&kubectl, name, &audience(OIDC_AUDIENCE))?;
            assert_eq!(becomes(rig, &holder, &statements, &token)?, expected, "{name}");
        }
    }
    Ok(())
}

/// A role that the console made, since such a one is held to its policies from the start; and a session of it.
pub(super) fn what_a_role_may_do_is_what_its_policies_say_at_that_moment(rig: &Rig) -> Outcome {
    let _accounts = service_accounts(rig, &["app"])?;
    let cluster = Published::start(rig, "trust-policies")?;
    let (issuer, kubectl) = (cluster.site.url(), rig.admin_of(&cluster.server));
    let _provider = provider(rig, &issuer)?;
    let console = rig.console()?;
    let role = "rrsa-trust-policies";
    let policy = trust_policy(PROVIDER, &issuer, &subject("app")).to_string();
    let _role = Role::made_elsewhere(rig, role);
    console.ram("CreateRole", &[("RoleName", role), ("AssumeRolePolicyDocument", &policy)])?;
    let holder = Holder::new(rig)?;
    let app = token(&kubectl, &audience(OIDC_AUDIENCE))?;
    let attached = [("PolicyName", "AliyunCSReadOnlyAccess"), ("PolicyType", "System"), ("RoleName", role)];
    let demo =
        || holder.tool(role, PROVIDER, &app, &["rrsa", "demo", "--no-loop", "--region", "cn-hangzhou"]);
    for _ in 0..2 {
        // Becoming it needs no policy.
        assert_eq!(holder.becomes(role, PROVIDER, &app)?, role_arn(role));
        let refused = demo()?;
        assert!(refused.stderr.contains("StatusForbidden"), "{refused:?}");
        assert!(!refused.stdout.contains("cluster id:"), "{refused:?}");
        console.ram("AttachPolicyToRole", &attached)?;
        let listed = demo()?.success()?;
        assert!(listed.contains(&format!("cluster id: {}", e2e::cloud::CLUSTER)), "{listed}");
        console.ram("DetachPolicyFromRole", &attached)?;
    }
    Ok(())
}

pub(super) fn tokens_of_a_deleted_role_die_and_a_new_role_of_that_name_does_not_revive_them(
    rig: &Rig,
) -> Outcome {
    let _accounts = service_accounts(rig, &["app"])?;
    let cluster = Published::start(rig, "trust-deleted")?;
    let (issuer, kubectl) = (cluster.site.url(), rig.admin_of(&cluster.server));
    let _provider = provider(rig, &issuer)?;
    let console = rig.console()?;
    let role = "rrsa-trust-deleted";
    let policy = trust_policy(PROVIDER, &issuer, &subject("app")).to_string();
    let _role = Role::made_elsewhere(rig, role);
    let create = || console.ram("CreateRole", &[("RoleName", role), ("AssumeRolePolicyDocument", &policy)]);
    create()?;
    let holder = Holder::new(rig)?;
    let app = token(&kubectl, &audience(OIDC_AUDIENCE))?;
    let exported = holder.tool(role, PROVIDER, &app, &["export-credentials"])?.success()?;
    let keys: Value = serde_json::from_str(&exported)?;
    let text = |name: &str| keys[name].as_str().map(str::to_owned).ok_or(format!("no {name}"));
    let session = Session::new(text("access_key_id")?, text("access_key_secret")?, text("sts_token")?);
    assert_eq!(session.whoami(rig)?, (0, role_arn(role)));
    console.ram("DeleteRole", &[("RoleName", role)])?;
    for again in [false, true] {
        let (status, said) = session.whoami(rig)?;
        assert!(status == 1 && said.contains("InvalidAccessKeyId.NotFound"), "{said}");
        let expected = if again { role_arn(role) } else { "EntityNotExist.Role".to_owned() };
        assert_eq!(holder.becomes(role, PROVIDER, &app)?, expected);
        if !again {
            create()?;
        }
    }
    Ok(())
}
