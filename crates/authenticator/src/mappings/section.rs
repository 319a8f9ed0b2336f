//! The shape of mapping entries in the config file, the dynamic file and the ConfigMap.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

/// The mappings of the config file's `server` section. Keys are lower case: the loader of the config file
/// makes them so, because the public program takes them in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct MapSection {
    /// `mapRoles`.
    #[serde(rename = "maproles", default, deserialize_with = "null_as_default")]
    pub map_roles: Vec<MapRole>,
    /// `mapUsers`.
    #[serde(rename = "mapusers", default, deserialize_with = "null_as_default")]
    pub map_users: Vec<MapUser>,
    /// `mapAccounts`.
    #[serde(rename = "mapaccounts", default, deserialize_with = "null_as_default")]
    pub map_accounts: Vec<MapAccount>,
}

impl MapSection {
    /// Whether there are no entries at all.
    pub fn is_empty(&self) -> bool {
        self.map_roles.is_empty() && self.map_users.is_empty() && self.map_accounts.is_empty()
    }
}

/// An entry of `mapRoles`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct MapRole {
    /// ARN; required.
    #[serde(default, deserialize_with = "null_as_default")]
    pub rolearn: String,
    /// User name or template; required.
    #[serde(default, deserialize_with = "null_as_default")]
    pub username: String,
    /// Group names or templates.
    #[serde(default, deserialize_with = "null_as_default")]
    pub groups: Vec<String>,
}

/// An entry of `mapUsers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct MapUser {
    /// ARN; required.
    #[serde(default, deserialize_with = "null_as_default")]
    pub userarn: String,
    /// User name or template; required.
    #[serde(default, deserialize_with = "null_as_default")]
    pub username: String,
    /// Group names or templates.
    #[serde(default, deserialize_with = "null_as_default")]
    pub groups: Vec<String>,
}

/// An entry of `mapAccounts`: an account id, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapAccount(pub String);

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl<'de> Deserialize<'de> for MapAccount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AccountVisitor)
    }
}

/// Takes text alone: an unquoted number loses its leading zeros, or is read as octal.
struct AccountVisitor;

impl AccountVisitor {
    fn quote_it<E: serde::de::Error>(number: impl fmt::Display) -> E {
        E::custom(format!(
            "mapAccounts: the account id {number} must be quoted (\"{number}\"): YAML reads it as a number"
        ))
    }
}

impl Visitor<'_> for AccountVisitor {
    type Value = MapAccount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account id in quotes")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<MapAccount, E> {
        Ok(MapAccount(text.to_owned()))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<MapAccount, E> {
        Err(Self::quote_it(number))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<MapAccount, E> {
        Err(Self::quote_it(number))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<MapAccount, E> {
        Err(Self::quote_it(number))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_unquoted_account_must_be_quoted() {
        for yaml in ["mapaccounts: [1234567890123456]", "mapaccounts: [0012]", "mapaccounts: [12.5]"] {
            let error = serde_saphyr::from_str::<MapSection>(yaml).unwrap_err().to_string();
            assert!(error.contains("must be quoted"), "{yaml}: {error}");
        }
        let error = serde_json::from_str::<MapSection>(r#"{"mapaccounts":[12]}"#).unwrap_err().to_string();
        assert!(error.contains("the account id 12 must be quoted"), "{error}");
        let quoted: MapSection = serde_saphyr::from_str("mapaccounts: ['0012']").unwrap();
        assert_eq!(quoted.map_accounts, [MapAccount("0012".into())]);
    }
}
