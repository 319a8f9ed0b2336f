//! Names of objects, checked before they become part of a URL.

use std::fmt;

/// Longest name of a namespace: a label of RFC 1123.
const NAMESPACE_BYTES: usize = 63;
/// Longest name of a service account: a subdomain of RFC 1123.
const SUBDOMAIN_BYTES: usize = 253;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ObjectName {
    /// None: it is in no namespace.
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

impl ObjectName {
    /// Of a namespace; none where no namespace can be named so.
    pub(super) fn of_namespace(name: &str) -> Option<ObjectName> {
        (name.len() <= NAMESPACE_BYTES && is_label(name))
            .then(|| ObjectName { namespace: None, name: name.to_owned() })
    }

    /// Of a service account in a namespace whose name was checked; none where none can be named so.
    pub(super) fn of_service_account(namespace: &ObjectName, name: &str) -> Option<ObjectName> {
        (name.len() <= SUBDOMAIN_BYTES && name.split('.').all(is_label))
            .then(|| ObjectName { namespace: Some(namespace.name.clone()), name: name.to_owned() })
    }
}

/// "Object Names and IDs" in Kubernetes' documentation: lower case letters, digits and `-`, which neither begins nor ends
/// it. The client writes names into URLs as they are: nothing else may be asked for, whoever sent the review.
fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(is_inner)
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_can_be_a_name_becomes_part_of_a_url() {
        let namespace = ObjectName::of_namespace("rrsa-demo").unwrap();
        let account = |name: &str| ObjectName::of_service_account(&namespace, name);
        for good in ["default", "a", "0", "a.b-c.d", "a--b", &"a".repeat(253)] {
            assert_eq!(account(good).unwrap().to_string(), format!("rrsa-demo/{good}"));
        }
        let long = "a".repeat(254);
        for bad in [
            "", ".", "..", "a..b", ".a", "a.", "-a", "a-", "A", "a/b", "../x", "a?b", "a%2fb", "a b", "ä",
            &long,
        ] {
            assert_eq!(account(bad), None, "{bad}");
            assert_eq!(ObjectName::of_namespace(bad), None, "{bad}");
        }
        assert_eq!(ObjectName::of_namespace("a.b"), None, "a subdomain is no label");
        assert_eq!(ObjectName::of_namespace(&"a".repeat(64)), None);
        assert!(ObjectName::of_namespace(&"a".repeat(63)).is_some());
    }
}
