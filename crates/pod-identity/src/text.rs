//! Foreign texts, cut to what a warning, an answer or a line of the log has room for.

/// Longest foreign text in a line of the log: a name of Kubernetes is not longer.
const EXCERPT: usize = 253;

/// Cuts at a boundary of characters, and shows that it was cut.
pub(crate) fn cut(text: &str, max_bytes: usize) -> String {
    const MARK: &str = "...";
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(max_bytes.saturating_sub(MARK.len()));
    format!("{}{MARK}", text.get(..end).unwrap_or_default())
}

/// As much of a foreign text as is repeated.
pub(crate) fn excerpt(text: &str) -> String {
    cut(text, EXCERPT)
}
