//! What holds for all backends alike: the break-glass, reserved prefixes, RAM's own ids, counted reloads.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use futures::FutureExt as _;
use identity::mapping::NameError;
use identity::pattern::AnyAccount;
use identity::{IdentityCheck, Rule, RuleArn, Source};
use serde_json::json;

use super::fake_api::{FakeApi, Fault, eventually, mapping, session, user, username};
use super::snapshot::{Lookup, Mappings, RuleSet, Settings};
use super::{BackendMode, Cluster, MapSection, Options};
use crate::connection::connected;
use crate::metrics::Metrics;

fn rule(name: &str, arn: &str, username: &str) -> Rule {
    let arn = RuleArn::parse_with_patterns(arn, AnyAccount::Refuse).unwrap();
    Rule::new::<&str>(Source::new("CRD", name), arn, username, &[], None).unwrap()
}

fn mappings(settings: Settings, rules: Vec<Rule>) -> Mappings {
    let mappings = Mappings::with_settings(&[BackendMode::Crd], settings);
    let set: RuleSet =
        rules.into_iter().map(|rule| (rule.source().object.to_string(), Arc::new(rule))).collect();
    mappings.publisher(0).replace(set);
    mappings.rebuild();
    mappings
}

fn break_glass() -> MapSection {
    serde_json::from_value(json!({
        "mapusers": [{"userarn": "acs:ram::1:user/rescue", "username": "rescue", "groups": ["system:masters"]}],
    }))
    .unwrap()
}

#[tokio::test]
async fn the_break_glass_answers_while_no_backend_has() {
    let api = FakeApi::new();
    api.fail_lists(Fault::Break);
    let never: Cluster = std::future::pending().boxed().shared();
    for cluster in [connected(api.client()), never] {
        let shutdown = tokio_util::sync::CancellationToken::new();
        let _guard = shutdown.clone().drop_guard();
        let options = Options { sync_crd: false, break_glass: break_glass(), ..Options::default() };
        let file = MapSection::default();
        let mappings =
            super::start(&[BackendMode::Crd], &file, Some(cluster), options, None, shutdown).await.unwrap();
        let Lookup::Mapped { user: made, source, .. } = mappings.lookup(&user("rescue")) else {
            panic!("not mapped")
        };
        assert_eq!(made.username, "rescue");
        assert_eq!(source.to_string(), "breakGlass/server.breakGlass.mapUsers[0]");
        assert_eq!(mappings.lookup(&user("other")), Lookup::NotReady { backend: BackendMode::Crd });
        assert_eq!(mappings.unsynced(), [BackendMode::Crd]);
    }
}

#[tokio::test]
async fn the_break_glass_comes_before_every_backend() {
    let api = FakeApi::new();
    api.list(vec![
        mapping("taken", "acs:ram::1:user/rescue", "somebody"),
        mapping("a", "acs:ram::1:user/a", "a"),
    ]);
    let shutdown = tokio_util::sync::CancellationToken::new();
    let _guard = shutdown.clone().drop_guard();
    let options = Options { sync_crd: false, break_glass: break_glass(), ..Options::default() };
    let (modes, file) = ([BackendMode::Crd], MapSection::default());
    let mappings =
        super::start(&modes, &file, Some(connected(api.client())), options, None, shutdown).await.unwrap();
    eventually("the objects are listed", || mappings.synced()).await;
    assert_eq!(username(&mappings, &user("rescue")).unwrap(), "rescue");
    assert_eq!(username(&mappings, &user("a")).unwrap(), "a");
}

#[tokio::test]
async fn a_pattern_over_accounts_counts_only_where_it_is_allowed() {
    for (any_account, expected) in [(AnyAccount::Refuse, None), (AnyAccount::Allow, Some("anybody"))] {
        let api = FakeApi::new();
        api.list(vec![mapping("wide", "acs:ram::*:user/a*", "anybody")]);
        let shutdown = tokio_util::sync::CancellationToken::new();
        let _guard = shutdown.clone().drop_guard();
        let options = Options { sync_crd: false, any_account, ..Options::default() };
        let (modes, file) = ([BackendMode::Crd], MapSection::default());
        let cluster = Some(connected(api.client()));
        let mappings = super::start(&modes, &file, cluster, options, None, shutdown).await.unwrap();
        eventually("the objects are listed", || mappings.synced()).await;
        assert_eq!(username(&mappings, &user("alice")).as_deref(), expected);
        assert_eq!(username(&mappings, &user("bob")), None);
    }
}

#[tokio::test]
async fn a_wrong_entry_of_the_break_glass_stops_the_start() {
    let break_glass: MapSection =
        serde_json::from_value(json!({"maproles": [{"rolearn": "junk", "username": "x"}]})).unwrap();
    let options = Options { break_glass, ..Options::default() };
    let (modes, file) = ([BackendMode::MountedFile], MapSection::default());
    let error = super::start(&modes, &file, None, options, None, Default::default()).await.unwrap_err();
    assert!(error.to_string().starts_with("server.breakGlass.mapRoles[0]: ARN \"junk\""), "{error}");
}

#[test]
fn a_reserved_prefix_must_be_written_out() {
    let settings = || Settings { reserved_prefixes: ["team:".to_owned()].into(), ..Settings::default() };
    let made = |username: &str| {
        let mappings = mappings(settings(), vec![rule("x", "acs:ram::1:role/team", username)]);
        mappings.lookup(&session("team"))
    };
    let Lookup::Unusable { error: NameError::Reserved { prefix, .. }, .. } = made("{{RoleName}}:admin")
    else {
        panic!("a reserved name is reached")
    };
    assert_eq!(prefix, "team:");
    assert!(matches!(made("team:{{SessionName}}"), Lookup::Mapped { .. }));
    let without =
        mappings(Settings::default(), vec![rule("x", "acs:ram::1:role/team", "{{RoleName}}:admin")]);
    assert_eq!(username(&without, &session("team")).unwrap(), "team:admin");
}

/// The user `a` of the tests has the id 222.
#[test]
fn whoever_is_not_the_pinned_one_is_refused_and_falls_to_no_weaker_mapping() {
    let rules = |pin| {
        vec![
            rule("exact", "acs:ram::1:user/a", "pinned").with_principal_id(Some(pin)),
            rule("pattern", "acs:ram::1:user/*", "anybody"),
        ]
    };
    let right = mappings(Settings::default(), rules("222"));
    assert_eq!(username(&right, &user("a")).unwrap(), "pinned");
    let wrong = mappings(Settings::default(), rules("999"));
    let Lookup::PrincipalMismatch { source, identity } = wrong.lookup(&user("a")) else { panic!("let in") };
    assert_eq!(source.to_string(), "CRD/exact");
    assert_eq!(identity, IdentityCheck::PinMismatch { expected: "999".into() });
    assert_eq!(username(&wrong, &user("b")).unwrap(), "anybody");
}

#[test]
fn whoever_has_another_id_than_the_first_login_is_told_of_or_refused() {
    let rules = || vec![rule("x", "acs:ram::1:user/a", "a").with_recorded_id(Some("999"))];
    let changed = IdentityCheck::Changed { expected: "999".into() };
    let told = mappings(Settings::default(), rules());
    let Lookup::Mapped { identity, .. } = told.lookup(&user("a")) else { panic!("refused") };
    assert_eq!(identity, changed);
    let settings = Settings { refuse_changed_principals: true, ..Settings::default() };
    let refused = mappings(settings, rules());
    let Lookup::PrincipalMismatch { identity, .. } = refused.lookup(&user("a")) else { panic!("let in") };
    assert_eq!(identity, changed);
}

#[test]
fn failed_reloads_and_skipped_entries_are_counted_by_backend() {
    let metrics = Metrics::new().unwrap();
    let settings = Settings { metrics: Some(metrics.clone()), ..Settings::default() };
    let mappings = Mappings::with_settings(&[BackendMode::Crd, BackendMode::AckConfigMap], settings);
    let page = || prometheus::TextEncoder::new().encode_to_string(&metrics.registry().gather()).unwrap();
    let publisher = mappings.publisher(1);
    publisher.reloaded(true);
    publisher.skipped(2);
    for line in ["backend_stale", "backend_reload_failures_total"] {
        assert!(page().contains(&format!("{line}{{backend=\"ACKConfigMap\"}} 0\n")), "{line}");
    }
    publisher.reloaded(false);
    for line in ["backend_stale", "backend_reload_failures_total"] {
        assert!(page().contains(&format!("{line}{{backend=\"ACKConfigMap\"}} 1\n")), "{line}");
    }
    assert!(page().contains("backend_skipped_entries{backend=\"ACKConfigMap\"} 2\n"));
    publisher.reloaded(true);
    assert!(page().contains("backend_stale{backend=\"ACKConfigMap\"} 0\n"));
}
