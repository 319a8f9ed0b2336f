//! Principals and rules in few words.

use std::sync::Arc;

use identity::pattern::AnyAccount;
use identity::{CallerIdentity, Found, Index, Layer, Principal, Rule, RuleArn, Source};

pub(crate) const A: &str = "1234567890123456";
pub(crate) const B: &str = "6543210987654321";

pub(crate) fn user(account: &str, name: &str) -> Principal {
    principal("RAMUser", account, "222222222222222222", &format!("acs:ram::{account}:user/{name}"))
}

pub(crate) fn session(account: &str, role: &str, session: &str) -> Principal {
    let arn = format!("acs:ram::{account}:assumed-role/{role}/{session}");
    principal("AssumedRoleUser", account, &format!("333333333333333333:{session}"), &arn)
}

pub(crate) fn root(account: &str) -> Principal {
    principal("Account", account, account, &format!("acs:ram::{account}:root"))
}

fn principal(identity_type: &str, account_id: &str, principal_id: &str, arn: &str) -> Principal {
    Principal::from_caller_identity(&CallerIdentity { identity_type, account_id, principal_id, arn }).unwrap()
}

/// A rule whose object name is also its user name.
pub(crate) fn rule(name: &str, arn: &str) -> Arc<Rule> {
    aged(name, arn, None)
}

pub(crate) fn aged(name: &str, arn: &str, second: Option<i64>) -> Arc<Rule> {
    let arn = RuleArn::parse_with_patterns(arn, AnyAccount::Refuse).unwrap();
    let created = second.map(|second| jiff::Timestamp::from_second(second).unwrap());
    Arc::new(Rule::new::<&str>(Source::new("CRD", name), arn, name, &[], created).unwrap())
}

pub(crate) fn account(name: &str, id: &str) -> Arc<Rule> {
    Arc::new(Rule::for_account(Source::new("MountedFile", name), id).unwrap())
}

pub(crate) fn index(layers: impl IntoIterator<Item = Vec<Arc<Rule>>>) -> Index {
    Index::build(layers.into_iter().map(Layer::Ready))
}

/// The object name of the rule that wins.
pub(crate) fn winner(index: &Index, principal: &Principal) -> Option<String> {
    match index.lookup(principal) {
        Found::Match(found) => Some(found.rule().source().object.to_string()),
        Found::Nothing => None,
        Found::Pending(place) => panic!("layer {place} is pending"),
    }
}
