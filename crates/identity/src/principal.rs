//! The answer of STS `GetCallerIdentity`, checked until its fields agree with each other.
//!
//! Source: STS API reference, `GetCallerIdentity` (2015-04-01). Where a field contradicts another, the
//! answer is refused: each of them decides something (the ARN picks the mapping, the account id the
//! account mapping, the principal id the uid and the session name), and a caller must not be one person here
//! and another there.
//!
//! ARNs compare without regard to case, so the session in the ARN and that in the principal id may differ in
//! the case of ASCII letters; the principal id's spelling counts.

use thiserror::Error;

use crate::arn::{Arn, ArnError, Resource};
use crate::quote::Quoted;

/// Longest user or role id, in bytes. RAM hands out 18 digits.
const MAX_ID_BYTES: usize = 128;

/// The four fields of `GetCallerIdentity`'s answer, as they came.
#[derive(Clone, Copy, Debug)]
pub struct CallerIdentity<'a> {
    /// `IdentityType`: `Account`, `RAMUser` or `AssumedRoleUser`.
    pub identity_type: &'a str,
    /// `AccountId`: digits.
    pub account_id: &'a str,
    /// `PrincipalId`: the account id, the user id, or `<role id>:<session>`.
    pub principal_id: &'a str,
    /// `Arn`: `acs:ram::<account id>:...`.
    pub arn: &'a str,
}

/// A caller whom STS has identified. It can only be made from fields that agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    arn: Arn,
    canonical_arn: String,
    principal_id: String,
}

/// What a [`Principal`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalKind<'a> {
    /// The account itself (`root`).
    Account,
    /// A RAM user.
    User {
        /// Its name.
        name: &'a str,
    },
    /// A session of a RAM role.
    AssumedRole {
        /// The role's name, with its path.
        role: &'a str,
        /// The session name: chosen by the caller, so no proof of anything.
        session: &'a str,
    },
}

/// Why STS's answer names nobody. Each message is one line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PrincipalError {
    /// `Arn` is not a RAM ARN.
    #[error("STS's answer has an unusable Arn: {0}")]
    ParseArn(#[from] ArnError),
    /// `Arn` is that of a role, which cannot call anything without a session.
    #[error("STS's answer has Arn {}, a role without a session: nobody can sign a request as that", Quoted(.0))]
    RoleWithoutSession(String),
    /// `IdentityType` is another one than the ARN's kind asks for.
    #[error("STS's answer contradicts itself: IdentityType {} does not go with Arn {}", Quoted(.identity_type), Quoted(.arn))]
    MatchIdentityType {
        /// `IdentityType` of the answer.
        identity_type: String,
        /// `Arn` of the answer.
        arn: String,
    },
    /// `AccountId` is not the ARN's account.
    #[error("STS's answer contradicts itself: AccountId {} is not the account of Arn {}", Quoted(.account_id), Quoted(.arn))]
    MatchAccount {
        /// `AccountId` of the answer.
        account_id: String,
        /// `Arn` of the answer.
        arn: String,
    },
    /// `PrincipalId` is malformed, or its kind or session is not the ARN's.
    #[error("STS's answer contradicts itself: PrincipalId {} does not go with Arn {}", Quoted(.principal_id), Quoted(.arn))]
    MatchPrincipalId {
        /// `PrincipalId` of the answer.
        principal_id: String,
        /// `Arn` of the answer.
        arn: String,
    },
}

impl Principal {
    /// Checks the fields of an answer against each other.
    ///
    /// # Errors
    /// [`PrincipalError`] says which field is malformed or contradicts the ARN. A session name with a
    /// `/` or `:` is always refused, because the ARN does not tell then where the role ends.
    pub fn from_caller_identity(c: &CallerIdentity<'_>) -> Result<Self, PrincipalError> {
        let arn: Arn = c.arn.parse()?;
        let expected_type = match arn.resource() {
            Resource::Root => "Account",
            Resource::User { .. } => "RAMUser",
            Resource::AssumedRole { .. } => "AssumedRoleUser",
            Resource::Role { .. } => return Err(PrincipalError::RoleWithoutSession(c.arn.to_owned())),
        };
        if c.identity_type != expected_type {
            return Err(PrincipalError::MatchIdentityType {
                identity_type: c.identity_type.to_owned(),
                arn: c.arn.to_owned(),
            });
        }
        if c.account_id != arn.account_id() {
            return Err(PrincipalError::MatchAccount {
                account_id: c.account_id.to_owned(),
                arn: c.arn.to_owned(),
            });
        }
        if !principal_id_agrees(c.principal_id, &arn) {
            return Err(PrincipalError::MatchPrincipalId {
                principal_id: c.principal_id.to_owned(),
                arn: c.arn.to_owned(),
            });
        }
        Ok(Self { canonical_arn: arn.canonical(), arn, principal_id: c.principal_id.to_owned() })
    }

    /// The ARN in STS's spelling.
    pub fn arn(&self) -> &str {
        self.arn.as_str()
    }

    /// The canonical ARN in STS's spelling: for an assumed role, that of its role.
    pub fn canonical_arn(&self) -> &str {
        &self.canonical_arn
    }

    /// [`Principal::canonical_arn`] in lower case: the key that exact mappings are found by.
    pub fn canonical_key(&self) -> String {
        self.canonical_arn.to_ascii_lowercase()
    }

    /// The whole ARN of a session in lower case: the key that mappings of one session are found by. `None`
    /// unless the principal is an assumed role.
    pub fn session_key(&self) -> Option<String> {
        match self.arn.resource() {
            Resource::AssumedRole { .. } => Some(self.arn.as_str().to_ascii_lowercase()),
            _ => None,
        }
    }

    /// The account id.
    pub fn account_id(&self) -> &str {
        self.arn.account_id()
    }

    /// What the principal is.
    pub fn kind(&self) -> PrincipalKind<'_> {
        match self.arn.resource() {
            Resource::User { name } => PrincipalKind::User { name },
            Resource::AssumedRole { role, .. } => {
                PrincipalKind::AssumedRole { role, session: self.session_name() }
            }
            // A role without session was refused when the principal was made.
            Resource::Root | Resource::Role { .. } => PrincipalKind::Account,
        }
    }

    /// The session name, spelt as in the principal id; empty unless the principal is an assumed role.
    pub fn session_name(&self) -> &str {
        // Only an assumed role's principal id has a colon: that was checked when the principal was made.
        self.principal_id.split_once(':').map_or("", |(_, session)| session)
    }

    /// `PrincipalId` as STS sent it: for an assumed role `<role id>:<session>`.
    pub fn principal_id(&self) -> &str {
        &self.principal_id
    }

    /// RAM's id of the account, user or role: the principal id up to the colon.
    pub fn user_id(&self) -> &str {
        self.principal_id.split_once(':').map_or(self.principal_id.as_str(), |(id, _)| id)
    }
}

fn principal_id_agrees(principal_id: &str, arn: &Arn) -> bool {
    match arn.resource() {
        Resource::Root => principal_id == arn.account_id(),
        Resource::User { .. } => is_id(principal_id),
        // The ARN's parser let neither `/` nor `:` into its session, so this comparison keeps both out of here too.
        Resource::AssumedRole { session, .. } => principal_id
            .split_once(':')
            .is_some_and(|(id, id_session)| is_id(id) && id_session.eq_ignore_ascii_case(session)),
        Resource::Role { .. } => false,
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_ID_BYTES
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const USER: CallerIdentity<'_> = CallerIdentity {
        identity_type: "RAMUser",
        account_id: "1234567890123456",
        principal_id: "222222222222222222",
        arn: "acs:ram::1234567890123456:user/Alice",
    };
    const SESSION: CallerIdentity<'_> = CallerIdentity {
        identity_type: "AssumedRoleUser",
        account_id: "1234567890123456",
        principal_id: "333333333333333333:bob@x.com",
        arn: "acs:ram::1234567890123456:assumed-role/Dev/bob@x.com",
    };
    const ROOT: CallerIdentity<'_> = CallerIdentity {
        identity_type: "Account",
        account_id: "1234567890123456",
        principal_id: "1234567890123456",
        arn: "acs:ram::1234567890123456:root",
    };

    fn rejects(c: CallerIdentity<'_>) -> PrincipalError {
        Principal::from_caller_identity(&c).unwrap_err()
    }

    #[test]
    fn keeps_the_spelling_of_sts() {
        let user = Principal::from_caller_identity(&USER).unwrap();
        assert_eq!(user.arn(), USER.arn);
        assert_eq!(user.canonical_arn(), USER.arn);
        assert_eq!(user.kind(), PrincipalKind::User { name: "Alice" });
        assert_eq!((user.session_name(), user.user_id()), ("", "222222222222222222"));

        let session = Principal::from_caller_identity(&SESSION).unwrap();
        assert_eq!(session.arn(), SESSION.arn);
        assert_eq!(session.canonical_arn(), "acs:ram::1234567890123456:role/Dev");
        assert_eq!(session.kind(), PrincipalKind::AssumedRole { role: "Dev", session: "bob@x.com" });
        assert_eq!(session.session_name(), "bob@x.com");
        assert_eq!(session.principal_id(), "333333333333333333:bob@x.com");
        assert_eq!(session.user_id(), "333333333333333333");

        let root = Principal::from_caller_identity(&ROOT).unwrap();
        assert_eq!(root.kind(), PrincipalKind::Account);
        assert_eq!(root.user_id(), root.account_id());
    }

    #[test]
    fn refuses_an_identity_type_of_another_kind() {
        for base in [USER, SESSION, ROOT] {
            for identity_type in ["Account", "RAMUser", "AssumedRoleUser", "ramuser", ""] {
                if identity_type != base.identity_type {
                    let error = rejects(CallerIdentity { identity_type, ..base });
                    assert!(matches!(error, PrincipalError::MatchIdentityType { .. }), "{error}");
                }
            }
        }
    }

    #[test]
    fn refuses_an_account_id_that_is_not_the_arns() {
        for base in [USER, SESSION, ROOT] {
            for account_id in ["6543210987654321", "", "01234567890123456", " 1234567890123456"] {
                let error = rejects(CallerIdentity { account_id, ..base });
                assert!(matches!(error, PrincipalError::MatchAccount { .. }), "{error}");
            }
        }
    }

    #[test]
    fn refuses_a_principal_id_of_another_kind_or_session() {
        for (base, ids) in [
            (USER, vec!["", "7:fake", "7 ", "a/b", "7\n"]),
            (
                SESSION,
                vec!["333333333333333333", ":bob@x.com", "3:", "3:alice", "3:bob@x.com:x", "3:4:bob@x.com"],
            ),
            (ROOT, vec!["", "6543210987654321", "1234567890123456:s"]),
        ] {
            for principal_id in ids {
                let error = rejects(CallerIdentity { principal_id, ..base });
                assert!(matches!(error, PrincipalError::MatchPrincipalId { .. }), "{principal_id} {error}");
            }
        }
    }

    #[test]
    fn refuses_a_session_with_a_slash_or_a_colon() {
        let slash = CallerIdentity {
            principal_id: "3:s1/s2",
            arn: "acs:ram::1234567890123456:assumed-role/Dev/s1/s2",
            ..SESSION
        };
        assert!(matches!(rejects(slash), PrincipalError::MatchPrincipalId { .. }));
        let colon = CallerIdentity {
            principal_id: "3:s1:s2",
            arn: "acs:ram::1234567890123456:assumed-role/Dev/s1:s2",
            ..SESSION
        };
        assert!(matches!(rejects(colon), PrincipalError::ParseArn(ArnError::Form(_))));
    }

    #[test]
    fn the_session_is_spelt_as_in_the_principal_id() {
        let c = CallerIdentity { principal_id: "3:Bob@X.com", ..SESSION };
        let principal = Principal::from_caller_identity(&c).unwrap();
        assert_eq!(principal.session_name(), "Bob@X.com");
        assert_eq!(principal.kind(), PrincipalKind::AssumedRole { role: "Dev", session: "Bob@X.com" });
        assert_eq!(principal.arn(), SESSION.arn);
        rejects(CallerIdentity {
            principal_id: "3:\u{212a}",
            arn: "acs:ram::1234567890123456:assumed-role/Dev/k",
            ..SESSION
        });
    }

    #[test]
    fn tells_a_role_path_from_a_session_by_the_principal_id() {
        let c = CallerIdentity {
            principal_id: "3:s2",
            arn: "acs:ram::1234567890123456:assumed-role/Dev/s1/s2",
            ..SESSION
        };
        let principal = Principal::from_caller_identity(&c).unwrap();
        assert_eq!(principal.canonical_arn(), "acs:ram::1234567890123456:role/Dev/s1");
        assert_eq!(principal.session_name(), "s2");
    }

    #[test]
    fn refuses_regions_other_services_federated_users_and_bare_roles() {
        for arn in [
            "acs:ram:cn-x:1234567890123456:user/Alice",
            "acs:sts::1234567890123456:user/Alice",
            "acs:ram::1234567890123456:federated-user/Alice",
            "acs:ram::1234567890123456:assumed-role/Alice",
            "",
        ] {
            assert!(matches!(rejects(CallerIdentity { arn, ..USER }), PrincipalError::ParseArn(_)), "{arn}");
        }
        let role = CallerIdentity { arn: "acs:ram::1234567890123456:role/Dev", ..SESSION };
        assert!(matches!(rejects(role), PrincipalError::RoleWithoutSession(_)));
    }

    #[test]
    fn every_message_is_one_line() {
        for c in [
            CallerIdentity { arn: "a\nb", ..USER },
            CallerIdentity { account_id: "1\n", ..USER },
            CallerIdentity { principal_id: "1\r\n", ..USER },
            CallerIdentity { identity_type: "x\ny", ..USER },
        ] {
            assert!(!rejects(c).to_string().contains(['\n', '\r']));
        }
    }
}
