//! What a scan and a cleanup tell.

use serde::Serialize;

use super::bindings::Binding;
use super::directory::{Directory, Owner, UserType};
use crate::output::table;

/// One RAM id in one binding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) uid: String,
    pub(super) user_type: UserType,
    /// Empty where nobody in the account has the id.
    pub(super) user_name: String,
    /// Whether nobody in the account has the id.
    pub(super) gone: bool,
    pub(super) kind: &'static str,
    /// Empty for a binding of the whole cluster.
    pub(super) namespace: String,
    pub(super) name: String,
    #[serde(skip)]
    shown: [String; 4],
}

/// Which ids a listing is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    All,
    Gone,
    One(String),
}

/// The bindings of those who are asked for, in the order of their ids.
pub(super) fn rows(bindings: &[Binding], directory: &Directory, filter: &Filter) -> Vec<Row> {
    let mut rows = Vec::new();
    for binding in bindings {
        for uid in &binding.uids {
            let owner = directory.owner(uid);
            let wanted = match filter {
                Filter::All => true,
                Filter::Gone => owner.is_gone(),
                Filter::One(wanted) => wanted == uid,
            };
            if wanted {
                rows.push(Row::new(binding, uid, owner));
            }
        }
    }
    rows.sort();
    rows
}

impl Row {
    fn new(binding: &Binding, uid: &str, owner: Owner) -> Self {
        let user_type = owner.user_type.as_str().to_owned();
        Self {
            uid: uid.to_owned(),
            user_type: owner.user_type,
            gone: owner.is_gone(),
            kind: binding.kind.as_str(),
            namespace: binding.namespace.clone(),
            name: binding.name.clone(),
            shown: [uid.to_owned(), user_type, owner.label().to_owned(), binding.path()],
            user_name: owner.name,
        }
    }
}

/// The public tool's table.
pub(super) fn text(rows: &[Row]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.shown.to_vec()).collect();
    table(&["UID", "UserType", "UserName", "Binding"], &rows)
}

/// A cluster that was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Skipped {
    pub(super) cluster_id: String,
    pub(super) name: String,
    pub(super) reason: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bindings::Kind;
    use super::*;

    fn binding(kind: Kind, namespace: &str, name: &str, users: &[&str]) -> Binding {
        let subjects: Vec<_> = users.iter().map(|name| json!({"kind": "User", "name": name})).collect();
        let object = json!({"metadata": {"name": name, "namespace": namespace}, "subjects": subjects});
        Binding::of_ram(kind, object).unwrap()
    }

    #[test]
    fn the_table_has_the_rows_that_are_asked_for() {
        let users = serde_json::from_value(json!([{"UserId": "2001", "UserName": "alice"}])).unwrap();
        let directory = Directory::new("1234567890123456", users, Vec::new());
        let bindings = [
            binding(Kind::RoleBinding, "ns", "b1", &["2002-17", "2001"]),
            binding(Kind::ClusterRoleBinding, "", "b2", &["2002", "3001", "1999999999999999"]),
        ];
        let shown = |filter| text(&rows(&bindings, &directory, &filter));
        assert_eq!(
            shown(Filter::Gone),
            "UID               UserType  UserName               Binding\n\
             1999999999999999  Root      (not in this account)  ClusterRoleBinding/-/b2\n\
             2002              RamUser   (deleted)              ClusterRoleBinding/-/b2\n\
             2002              RamUser   (deleted)              RoleBinding/ns/b1\n\
             3001              RamRole   (deleted)              ClusterRoleBinding/-/b2\n"
        );
        let one = shown(Filter::One("2001".to_owned()));
        assert_eq!(one, "UID   UserType  UserName  Binding\n2001  RamUser   alice     RoleBinding/ns/b1\n");
        assert_eq!(shown(Filter::All).lines().count(), 6);
        assert_eq!(shown(Filter::One("2".to_owned())), "UID  UserType  UserName  Binding\n");
        let json =
            serde_json::to_value(rows(&bindings, &directory, &Filter::One("2001".to_owned()))).unwrap();
        let wanted = json!([{"uid": "2001", "userType": "RamUser", "userName": "alice", "gone": false,
            "kind": "RoleBinding", "namespace": "ns", "name": "b1"}]);
        assert_eq!(json, wanted);
    }
}
