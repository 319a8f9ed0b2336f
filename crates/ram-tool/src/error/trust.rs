//! Why a role could not be given to service accounts, or a token not exchanged for one.

use openapi::api::ApiError;

use crate::visible::visible;

const MAX_SHOWN: usize = 80;

/// Why a role could not be given to service accounts, or a token not exchanged for one. One line each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A flag's value is no name.
    #[error("{flag} {given:?} is no name: {rule}")]
    Name {
        /// The flag.
        flag: &'static str,
        /// What it was given, cut.
        given: String,
        /// What a name is.
        rule: &'static str,
    },
    /// There is nobody to ask.
    #[error("there is no terminal to ask at, and {done}: give --assume-yes (-y)")]
    NoTerminal {
        /// What was changed already.
        done: String,
    },
    /// A role that belongs to a service.
    #[error(
        "role {role} is a service-linked role: it belongs to the service that made it, and RAM lets nobody else change its trust policy or policies; take a role of your own, which --create-role-if-not-exist makes"
    )]
    ServiceLinked {
        /// The role.
        role: String,
    },
    /// There is no such role.
    #[error(
        "there is no role {role} in the account of these credentials, and nothing was changed: check the name, or give --create-role-if-not-exist"
    )]
    NoRole {
        /// The role.
        role: String,
    },
    /// There is no such policy.
    #[error(
        "there is no {kind} policy {policy}, and nothing was changed: check the name, and whether it is a system policy (--attach-system-policy) or one of your own (--attach-custom-policy)"
    )]
    NoPolicy {
        /// `system` or `custom`.
        kind: &'static str,
        /// The policy.
        policy: String,
    },
    /// The trust policy cannot be added to.
    #[error(
        "the trust policy of role {role} {problem}, and was left alone: correct it in the RAM console, or take another role"
    )]
    Policy {
        /// The role.
        role: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Somebody else changed the trust policy.
    #[error(
        "the trust policy of role {role} is not the one any more that was shown: somebody else changed it meanwhile, and it was left alone; run the same command again"
    )]
    Changed {
        /// The role.
        role: String,
    },
    /// The role went away.
    #[error("role {role} was deleted meanwhile; run the same command again")]
    Gone {
        /// The role.
        role: String,
    },
    /// RAM did not change or make the role.
    #[error("could not {what} role {role}: {source}; {state}")]
    Role {
        /// `change the trust policy of`, `create`.
        what: &'static str,
        /// The role.
        role: String,
        /// What it said.
        source: Box<ApiError>,
        /// Whether it may have been done nevertheless, and what to do.
        state: &'static str,
    },
    /// What comes after a change failed.
    #[error(
        "{done}, but could not {what}: {source}; run the same command again, which does what is left and nothing twice"
    )]
    HalfWay {
        /// What is done.
        done: String,
        /// `attach policy …`.
        what: String,
        /// What the service said.
        source: Box<ApiError>,
    },
    /// No such add-on.
    #[error("there is no add-on {given:?} that needs a role: give --addon-name (-a) {known}")]
    Addon {
        /// What was given, cut.
        given: String,
        /// Those that are there.
        known: String,
    },
    /// The file with the token cannot be read.
    #[error("cannot read the OIDC token from {origin}: {source}")]
    ReadToken {
        /// The file, or stdin.
        origin: String,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// It holds no token.
    #[error(
        "{origin} holds no OIDC token: one has 4 to 20000 visible ASCII characters in one line; in a pod it is the file that ALIBABA_CLOUD_OIDC_TOKEN_FILE names, elsewhere kubectl create token makes one"
    )]
    Token {
        /// The file, or stdin.
        origin: String,
    },
    /// STS refused the token.
    #[error("{source}{claims}")]
    Exchange {
        /// What it said.
        source: Box<openapi::sts::StsError>,
        /// What the token says about that, after `; `; empty where nothing is known.
        claims: String,
    },
    /// The region of the demo is not known.
    #[error(
        "which region's clusters to list is not known: give --region (the variable ALIBABA_CLOUD_STS_REGION says it too), for {source}"
    )]
    Region {
        /// What the metadata service said.
        source: Box<openapi::credentials::CredentialError>,
    },
}

impl TrustError {
    /// A flag's value that is no name.
    pub(crate) fn name(flag: &'static str, given: &str, rule: &'static str) -> Self {
        Self::Name { flag, given: shown(given), rule }
    }
}

/// What somebody else wrote, in a message.
pub(crate) fn shown(text: &str) -> String {
    visible(text).chars().take(MAX_SHOWN).collect()
}
