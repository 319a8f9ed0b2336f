//! The entry that is to be added, held to the server's own checks.

use std::fmt;

use identity::pattern::has_wildcard;
use serde_json::{Value, json};

use crate::mappings::file::{self, EntryError};
use crate::mappings::{BackendMode, MapRole, MapSection, MapUser};

/// Which section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `mapUsers`.
    User,
    /// `mapRoles`.
    Role,
}

impl Kind {
    /// The key in the ConfigMap's data.
    pub(super) fn section(self) -> &'static str {
        match self {
            Self::User => "mapUsers",
            Self::Role => "mapRoles",
        }
    }

    pub(super) fn arn_key(self) -> &'static str {
        match self {
            Self::User => "userarn",
            Self::Role => "rolearn",
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Self::User => "--userarn",
            Self::Role => "--rolearn",
        }
    }
}

/// An entry of `mapUsers` or `mapRoles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) arn: String,
    pub(crate) username: String,
    pub(crate) groups: Vec<String>,
}

/// Why an entry could never work. One line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryProblem {
    /// The server would refuse it.
    #[error("not added: {0}")]
    Refused(String),
    /// The ConfigMap knows no patterns.
    #[error(
        "not added: {flag} {arn:?} looks like a pattern, and in the ConfigMap * and ? are letters: write the whole name, or make a RAMIdentityMapping for the pattern"
    )]
    Pattern {
        /// The flag.
        flag: &'static str,
        /// The ARN.
        arn: String,
    },
}

impl Entry {
    /// What the server would say to it.
    ///
    /// # Errors
    /// [`EntryProblem`].
    pub(super) fn check(&self) -> Result<(), EntryProblem> {
        let (_rules, warnings) = file::rules(BackendMode::AckConfigMap.as_str(), &self.as_section())
            .map_err(|errors| EntryProblem::Refused(self.explain(&errors)))?;
        if has_wildcard(&self.arn) {
            return Err(EntryProblem::Pattern { flag: self.kind.flag(), arn: self.arn.clone() });
        }
        for warning in warnings {
            tracing::warn!("{}", after_place(&warning.0));
        }
        Ok(())
    }

    fn as_section(&self) -> MapSection {
        let (arn, username, groups) = (self.arn.clone(), self.username.clone(), self.groups.clone());
        let mut section = MapSection::default();
        match self.kind {
            Kind::User => section.map_users.push(MapUser { userarn: arn, username, groups }),
            Kind::Role => section.map_roles.push(MapRole { rolearn: arn, username, groups }),
        }
        section
    }

    fn explain(&self, errors: &[EntryError]) -> String {
        let one = |error: &EntryError| match error {
            EntryError::FindArn { .. } => format!("{} is empty", self.kind.flag()),
            error => after_place(&error.to_string()).to_owned(),
        };
        errors.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    /// As it stands in the list.
    pub(super) fn value(&self) -> Value {
        json!({self.kind.arn_key(): self.arn, "username": self.username, "groups": self.groups})
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: Vec<String> = self.groups.iter().map(|group| format!("{group:?}")).collect();
        let (key, section) = (self.kind.arn_key(), self.kind.section());
        write!(f, "{key} {:?} as user {:?} in groups {}, ", self.arn, self.username, groups.join(", "))?;
        write!(f, "in {section} of ConfigMap kube-system/alibabacloud-auth")
    }
}

/// The messages of mappings name the place first, `…mapUsers[0]: `, which means nothing to whoever typed one entry.
fn after_place(text: &str) -> &str {
    text.split_once("[0]: ").map_or(text, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(arn: &str, username: &str, group: &str) -> Result<(), String> {
        let entry = Entry {
            kind: Kind::Role,
            arn: arn.to_owned(),
            username: username.to_owned(),
            groups: vec![group.to_owned()],
        };
        entry.check().map_err(|problem| problem.to_string())
    }

    #[test]
    fn takes_what_the_server_takes() {
        for arn in [
            "acs:ram::1:role/Dev",
            "acs:ram::1:role/t/a/p",
            "acs:ram::1:assumed-role/dev/s",
            "acs:ram::1:user/a",
            "acs:ram::1:root",
        ] {
            assert_eq!(check(arn, "dev:{{SessionName}}", "team-{{AccountID}}"), Ok(()), "{arn}");
        }
        assert_eq!(check("acs:ram::1:role/x", "system:node:x", "system:masters"), Ok(()));
    }

    #[test]
    fn refuses_what_could_never_work_and_says_why() {
        for (arn, username, group, named) in [
            ("", "u", "g", "--rolearn is empty"),
            ("junk", "u", "g", "\"junk\" is malformed"),
            ("acs:ram::1:group/x", "u", "g", "acs:ram::1:group/x"),
            ("acs:ram::*:role/x", "u", "g", "acs:ram::*:role/x"),
            ("acs:ram::1:role/dev*", "u", "g", "looks like a pattern"),
            ("acs:ram::1:role/x", "", "g", "username"),
            ("acs:ram::1:role/x", "{{Nobody}}", "g", "{{Nobody}}"),
            ("acs:ram::1:role/x", "u", "", "groups[0]"),
            ("acs:ram::1:role/x", "a\nb", "g", "username"),
        ] {
            let problem = check(arn, username, group).unwrap_err();
            assert!(problem.starts_with("not added: ") && problem.contains(named), "{arn}: {problem}");
            assert!(!problem.contains("server.map") && !problem.contains('\n'), "{problem}");
        }
    }
}
