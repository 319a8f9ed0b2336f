#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use jiff::SignedDuration;

use super::*;
use crate::config::Config;
use crate::principal::{RoleSession, UserIdentity};

const ACCOUNT: &str = "1234567890123456";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn directory() -> Directory {
    let config = Config::from_yaml(include_str!("../../examples/ram-emulator.yaml"), "example").unwrap();
    Directory::new(config.accounts, at(0))
}

fn session(role_id: &str) -> Identity {
    Identity::AssumedRole(RoleSession {
        account_id: ACCOUNT.to_owned(),
        role: "dev".to_owned(),
        role_id: role_id.to_owned(),
        session: "s".to_owned(),
        policy: None,
    })
}

fn temporary(identity: Identity, token: &str, expiration: Timestamp) -> Key {
    Key {
        secret: Secret::new("secret"),
        active: true,
        session: Some(SessionToken { token: Secret::new(token), expiration }),
        ends: None,
        identity,
    }
}

const DEV: &str = "333333333333333333";

#[test]
fn an_expired_key_is_known_for_a_day_and_then_forgotten_with_its_token() {
    let directory = directory();
    assert!(directory.issue("STS.1".to_owned(), temporary(session(DEV), "token-1", at(100)), at(0)));
    let day = SignedDuration::from_hours(24);
    directory.issue(
        "STS.2".to_owned(),
        temporary(session(DEV), "token-2", at(999_999)),
        at(100) + day - SignedDuration::from_secs(1),
    );
    assert!(directory.find("STS.1").is_some() && directory.is_issued(&Secret::new("token-1")));
    directory.issue("STS.3".to_owned(), temporary(session(DEV), "token-3", at(999_999)), at(100) + day);
    assert!(directory.find("STS.1").is_none() && !directory.is_issued(&Secret::new("token-1")));
    assert!(directory.find("STS.2").is_some() && directory.find("STS.3").is_some());
    assert_eq!(directory.read(|state| (state.by_end.len(), state.tokens.len())), (2, 2));
}

#[test]
fn a_key_is_not_issued_for_a_role_or_user_that_was_deleted_meanwhile() {
    let directory = directory();
    let alice = Identity::User(directory.user(ACCOUNT, "alice").unwrap().identity);
    directory.change(|state| {
        state.delete_role(ACCOUNT, "dev").unwrap();
        state.delete_user(ACCOUNT, "alice").unwrap();
        let trust_policy = state.role(ACCOUNT, "admin").unwrap().role.trust_policy.clone();
        let new = NewRole {
            name: "dev",
            description: "",
            max_session_duration: 3600,
            trust_policy,
            policies_decide: false,
        };
        state.create_role(ACCOUNT, new, at(1)).unwrap();
    });
    for identity in [session(DEV), alice] {
        assert!(!directory.issue("STS.1".to_owned(), temporary(identity, "token", at(100)), at(0)));
    }
    assert!(directory.find("STS.1").is_none() && !directory.is_issued(&Secret::new("token")));
    let id = directory.role(ACCOUNT, "dev").unwrap().id.clone();
    assert!(directory.issue("STS.1".to_owned(), temporary(session(&id), "token", at(100)), at(0)));
}

#[test]
fn a_key_of_a_deleted_user_is_not_issued_for_who_has_the_name_now() {
    let directory = directory();
    let holder = |directory: &Directory| Identity::User(directory.user(ACCOUNT, "alice").unwrap().identity);
    let old = holder(&directory);
    directory.change(|state| {
        state.delete_user(ACCOUNT, "alice").unwrap();
        state.create_user(ACCOUNT, &NewUser { name: "alice", ..NewUser::default() }, at(1)).unwrap();
    });
    let new = holder(&directory);
    assert_ne!(old, new);
    assert!(!directory.issue("TMPSK.1".to_owned(), temporary(old, "a", at(100)), at(2)));
    assert!(directory.issue("TMPSK.1".to_owned(), temporary(new, "b", at(100)), at(2)));
}

#[test]
fn an_account_has_so_many_users_and_no_more() {
    let directory = directory();
    let made = directory.change(|state| {
        let new = |number: usize| format!("user-{number}");
        (0..20_000)
            .take_while(|number| {
                let name = new(*number);
                state.create_user(ACCOUNT, &NewUser { name: &name, ..NewUser::default() }, at(1)).is_ok()
            })
            .count()
    });
    let all = directory.read(|state| state.users(ACCOUNT).count());
    assert!(made < 10_000 && all == 10_000, "{made} {all}");
}

#[test]
fn deleting_a_role_leaves_nothing_of_its_sessions() {
    let directory = directory();
    for number in 0..10 {
        let key = temporary(session(DEV), &format!("token-{number}"), at(100));
        directory.issue(format!("STS.{number}"), key, at(0));
    }
    let before = directory.read(|state| state.keys.len());
    directory.change(|state| state.delete_role(ACCOUNT, "dev")).unwrap();
    let left = directory.read(|state| (state.keys.len(), state.by_end.len(), state.tokens.len()));
    assert_eq!(left, (before - 10, 0, 0));
}

#[test]
fn a_key_without_an_end_is_never_issued() {
    let directory = directory();
    let mut key = temporary(session(DEV), "token", at(100));
    key.session = None;
    assert!(!directory.issue("STS.1".to_owned(), key, at(0)));
    assert!(directory.find("STS.1").is_none());
}

#[test]
fn a_session_of_a_role_that_is_gone_has_no_policies_of_whatever_has_its_name() {
    let directory = directory();
    let allowed =
        |caller: &Identity| directory.read(|state| state.policies_of(caller).map(|found| found.len()));
    assert_eq!(allowed(&session(DEV)), None, "not held to policies");
    let id = directory.change(|state| {
        let trust_policy = state.role(ACCOUNT, "dev").unwrap().role.trust_policy.clone();
        state.delete_role(ACCOUNT, "dev").unwrap();
        let new = NewRole {
            name: "dev",
            description: "",
            max_session_duration: 3600,
            trust_policy,
            policies_decide: true,
        };
        let id = state.create_role(ACCOUNT, new, at(1)).unwrap().role.id.clone();
        let policy = AttachedPolicy::new("AdministratorAccess", false, at(1));
        state.attach_policy(ACCOUNT, Holder::Role("dev"), policy).unwrap();
        id
    });
    assert_eq!(allowed(&session(&id)), Some(1));
    assert_eq!(allowed(&session(DEV)), Some(0));
    let gone = Identity::User(UserIdentity {
        account_id: ACCOUNT.to_owned(),
        name: "alice".to_owned(),
        user_id: "1".to_owned(),
    });
    assert_eq!(allowed(&gone), Some(0), "the name of another user");
    assert_eq!(allowed(&Identity::Account(ACCOUNT.to_owned())), None);
}
