//! Names as Kubernetes has them (Kubernetes documentation, "Object Names and IDs").

/// Longest name of an object.
const NAME_BYTES: usize = 253;
/// Longest label.
const LABEL_BYTES: usize = 63;

/// A label of DNS (RFC 1123), as names of namespaces are.
pub(crate) fn is_label(text: &str) -> bool {
    text.len() <= LABEL_BYTES && is_part(text)
}

/// A DNS subdomain as Kubernetes means it, as names of service accounts are: its parts may be longer than a label.
pub(crate) fn is_subdomain(text: &str) -> bool {
    text.len() <= NAME_BYTES && text.split('.').all(is_part)
}

fn is_part(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(is_plain) && text.ends_with(is_plain) && text.chars().all(|c| is_plain(c) || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_kubernetes_takes() {
        let (label, name) = ("a".repeat(63), "b".repeat(253));
        for good in ["a", "0-1", &label] {
            assert!(is_label(good) && is_subdomain(good), "{good}");
        }
        for good in ["a.b", "1.2-3", &name] {
            assert!(!is_label(good) && is_subdomain(good), "{good}");
        }
        let long = "b".repeat(254);
        for bad in
            ["", "-a", "a-", "A", "a_b", "a b", "a/b", "a..b", ".a", "a.", "a.-b", "a\n", "\u{e4}", &long]
        {
            assert!(!is_label(bad) && !is_subdomain(bad), "{bad}");
        }
    }
}
