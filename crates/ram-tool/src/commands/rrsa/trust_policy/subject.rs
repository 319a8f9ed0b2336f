//! Which service accounts a statement is for.

use crate::error::TrustError;

/// Every namespace, or every service account ("associate-role", flags).
const ANY: &str = "*";
const MAX_LABEL: usize = 63;
const MAX_SUBDOMAIN: usize = 253;

/// A service account, or with `*` for its namespace or its name, several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Subject {
    namespace: String,
    service_account: String,
}

impl Subject {
    /// Checks both names: what is no name of Kubernetes would be a statement for nobody, or, with a `*` amid it, for others
    /// than it seems.
    ///
    /// # Errors
    /// Which of the two is no name.
    pub(in super::super) fn new(namespace: &str, service_account: &str) -> Result<Self, TrustError> {
        if namespace != ANY && !is_label(namespace) {
            return Err(TrustError::name(
                "--namespace (-n)",
                namespace,
                "a namespace has 1 to 63 lower case letters, digits and -, and begins and ends with a letter or digit; '*' alone stands for every namespace",
            ));
        }
        if service_account != ANY && !is_subdomain(service_account) {
            return Err(TrustError::name(
                "--service-account (-s)",
                service_account,
                "a service account has 1 to 253 lower case letters, digits, - and ., and each part between dots begins and ends with a letter or digit; '*' alone stands for every service account",
            ));
        }
        Ok(Self { namespace: namespace.to_owned(), service_account: service_account.to_owned() })
    }

    /// As it was given; `*` for every namespace.
    pub(in super::super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// As it was given; `*` for every service account.
    pub(in super::super) fn service_account(&self) -> &str {
        &self.service_account
    }

    /// `sub` of its tokens; where it is several, a pattern.
    pub(in super::super) fn text(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.service_account)
    }

    /// Whether it is several.
    pub(in super::super) fn is_pattern(&self) -> bool {
        self.namespace == ANY || self.service_account == ANY
    }

    /// Who gets the role beside the one service account that a person may have in mind; None where it is one.
    pub(in super::super) fn breadth(&self) -> Option<String> {
        match (self.namespace.as_str(), self.service_account.as_str()) {
            (ANY, ANY) => {
                Some("EVERY service account of the cluster, in all namespaces, gets the role".to_owned())
            }
            (ANY, name) => Some(format!(
                "a service account called {name} gets the role in EVERY namespace: whoever can create one anywhere has it"
            )),
            (namespace, ANY) => {
                Some(format!("EVERY service account of the namespace {namespace} gets the role"))
            }
            _ => None,
        }
    }
}

/// RFC 1123: a label.
fn is_label(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=MAX_LABEL).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// RFC 1123: a subdomain, as Kubernetes has it.
fn is_subdomain(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(allowed) && !part.starts_with('-') && !part.ends_with('-')
    };
    text.len() <= MAX_SUBDOMAIN && text.split('.').all(part)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_of_kubernetes_and_a_star_alone() {
        for (namespace, account) in
            [("a", "a"), ("rrsa-demo", "demo-sa"), ("0a", "a.b-c.0"), ("*", "a"), ("a", "*"), ("*", "*")]
        {
            let subject = Subject::new(namespace, account).unwrap();
            assert_eq!(subject.text(), format!("system:serviceaccount:{namespace}:{account}"));
        }
        let (label, subdomain) = ("a".repeat(63), "a".repeat(253));
        assert!(Subject::new(&label, &subdomain).is_ok());
    }

    #[test]
    fn what_is_no_name_is_refused_and_so_is_a_star_amid_others() {
        let (label, subdomain) = ("a".repeat(64), "a".repeat(254));
        for namespace in [
            "", "A", "a_b", "-a", "a-", "a.b", "a:b", "app-*", "**", "a b", "?", "ä", "a\n", "a/b", "\"",
            &label,
        ] {
            let error = Subject::new(namespace, "a").unwrap_err().to_string();
            assert!(error.starts_with("--namespace (-n) "), "{error}");
        }
        for account in [
            "",
            "A",
            "a_b",
            "-a",
            "a-",
            "a..b",
            ".a",
            "a.",
            "a:b",
            "app-*",
            "**",
            "a b",
            "?",
            "system:serviceaccount:a:b",
            &subdomain,
        ] {
            let error = Subject::new("a", account).unwrap_err().to_string();
            assert!(error.starts_with("--service-account (-s) "), "{error}");
        }
    }

    #[test]
    fn what_is_broad_is_said() {
        let breadth = |namespace, account| Subject::new(namespace, account).unwrap().breadth();
        assert_eq!(breadth("a", "b"), None);
        assert!(breadth("*", "*").unwrap().starts_with("EVERY service account of the cluster"));
        assert!(breadth("a", "*").unwrap().contains("EVERY service account of the namespace a"));
        assert!(breadth("*", "b").unwrap().contains("called b gets the role in EVERY namespace"));
    }
}
