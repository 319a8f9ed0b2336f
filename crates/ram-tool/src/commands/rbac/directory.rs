//! Whose RAM ids are whose.

use std::collections::HashMap;

use openapi::ram::{Role, User};
use serde::Serialize;

/// What a RAM id is the id of, by its first digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) enum UserType {
    /// An account.
    Root,
    /// A RAM user.
    RamUser,
    /// A RAM role.
    RamRole,
    /// No kind of id that is known here.
    Unknown,
}

impl UserType {
    pub(super) fn of(uid: &str) -> Self {
        match uid.as_bytes().first() {
            Some(b'1' | b'5') => Self::Root,
            Some(b'2') => Self::RamUser,
            Some(b'3') => Self::RamRole,
            _ => Self::Unknown,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Root => "Root",
            Self::RamUser => "RamUser",
            Self::RamRole => "RamRole",
            Self::Unknown => "Unknown",
        }
    }
}

/// Whom a RAM id belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) user_type: UserType,
    /// Empty where nobody in the account has the id.
    pub(super) name: String,
}

impl Owner {
    /// Nobody in this account has the id: a user or role is deleted then.
    pub(super) fn is_gone(&self) -> bool {
        self.name.is_empty()
    }

    /// The name, or what stands in its place.
    pub(super) fn label(&self) -> &str {
        match (self.is_gone(), self.user_type) {
            (false, _) => &self.name,
            (true, UserType::RamUser | UserType::RamRole) => "(deleted)",
            // Other accounts have ids too.
            (true, UserType::Root | UserType::Unknown) => "(not in this account)",
        }
    }
}

/// The users and roles of an account, and the account.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    account: String,
    users: HashMap<String, String>,
    roles: HashMap<String, String>,
}

impl Directory {
    pub(super) fn new(account: &str, users: Vec<User>, roles: Vec<Role>) -> Self {
        Self {
            account: account.to_owned(),
            users: users.into_iter().map(|user| (user.user_id, user.user_name)).collect(),
            roles: roles.into_iter().map(|role| (role.role_id, role.role_name)).collect(),
        }
    }

    /// An id is looked for among users and roles whatever its first digit: nobody who is there may count as deleted.
    pub(super) fn owner(&self, uid: &str) -> Owner {
        let known = |map: &HashMap<String, String>, user_type| {
            map.get(uid).map(|name| Owner { user_type, name: name.clone() })
        };
        if uid == self.account {
            return Owner { user_type: UserType::Root, name: "root".to_owned() };
        }
        known(&self.users, UserType::RamUser)
            .or_else(|| known(&self.roles, UserType::RamRole))
            .unwrap_or_else(|| Owner { user_type: UserType::of(uid), name: String::new() })
    }

    /// Whether the id is the account's own.
    pub(super) fn is_account(&self, uid: &str) -> bool {
        uid == self.account
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let users = serde_json::json!([{"UserId": "2001", "UserName": "alice"}, {"UserId": "9001", "UserName": "odd"}]);
        let roles = serde_json::json!([{"RoleId": "3001", "RoleName": "dev"}]);
        Directory::new(
            "1234567890123456",
            serde_json::from_value(users).unwrap(),
            serde_json::from_value(roles).unwrap(),
        )
    }

    #[test]
    fn ids_have_owners_types_and_an_end() {
        let directory = directory();
        for (uid, user_type, name) in [
            ("2001", UserType::RamUser, "alice"),
            ("2002", UserType::RamUser, ""),
            ("3001", UserType::RamRole, "dev"),
            ("3999", UserType::RamRole, ""),
            ("1234567890123456", UserType::Root, "root"),
            ("1999999999999999", UserType::Root, ""),
            ("5999999999999999", UserType::Root, ""),
            ("9001", UserType::RamUser, "odd"),
            ("9002", UserType::Unknown, ""),
            ("0", UserType::Unknown, ""),
        ] {
            let owner = directory.owner(uid);
            assert_eq!((owner.user_type, owner.name.as_str()), (user_type, name), "{uid}");
            assert_eq!(owner.is_gone(), name.is_empty());
        }
        assert!(directory.is_account("1234567890123456") && !directory.is_account("2001"));
    }
}
