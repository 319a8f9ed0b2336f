//! What an account has: users, roles and keys, as the configuration and RAM make them.

use std::num::NonZeroU32;

use signature::Secret;

use crate::key_pair::KeyPair;
use crate::oidc::CheckedProvider;
use crate::policy::{Policy, TrustPolicy};

/// The shortest session that STS hands out, in seconds.
pub(crate) const MIN_SESSION_SECONDS: u32 = 900;

/// RAM's bounds for `MaxSessionDuration`, in seconds; the lower one is what a role has when it is not given.
pub(crate) const MAX_SESSION_DURATION: std::ops::RangeInclusive<u32> = 3600..=43_200;

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: String,
    /// How many signed calls a second are answered; `None`: any number.
    pub(crate) calls_per_second: Option<NonZeroU32>,
    /// How many calls a second that assume roles are answered; `None`: as many as STS answers.
    pub(crate) assumptions_per_second: Option<NonZeroU32>,
    pub(crate) access_keys: Vec<AccessKey>,
    pub(crate) users: Vec<User>,
    pub(crate) roles: Vec<Role>,
    pub(crate) policies: Vec<CustomPolicy>,
    pub(crate) oidc_providers: Vec<CheckedProvider>,
}

#[derive(Clone, Debug)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    pub(crate) active: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) display_name: String,
    pub(crate) comments: String,
    pub(crate) access_keys: Vec<AccessKey>,
    pub(crate) key_pairs: Vec<KeyPair>,
    /// `None`: it is not held to policies as long as none is attached.
    pub(crate) policies: Option<Vec<PolicyName>>,
}

/// A policy by its name, which exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicyName {
    pub(crate) name: String,
    /// One of the account, and not one of the system's.
    pub(crate) custom: bool,
}

/// A policy of an account.
#[derive(Clone, Debug)]
pub(crate) struct CustomPolicy {
    pub(crate) name: String,
    pub(crate) policy: Policy,
}

#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) description: String,
    /// Seconds.
    pub(crate) max_session_duration: u32,
    pub(crate) trust_policy: TrustPolicy,
    /// What the configuration attaches to it; `None`: it is not held to policies as long as none is attached.
    pub(crate) policies: Option<Vec<PolicyName>>,
}
