//! What whoever made the pod is told: few lines, short ones, and nothing in them that could steer a terminal.

use std::fmt;

use crate::text::cut;

/// Longest warning, in bytes. The API server cuts longer ones (Kubernetes documentation, "Dynamic Admission Control",
/// Response).
const MAX_BYTES: usize = 256;

/// Most warnings about one pod, the one that says how many more there are not counted. All of them stay below the 4096
/// bytes that the API server takes from all webhooks together.
const MAX_WARNINGS: usize = 8;

/// Longest foreign text that a warning repeats, in bytes.
const MAX_QUOTED_BYTES: usize = 64;

/// Warnings in the order in which they were found, each once.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    lines: Vec<String>,
    more: usize,
}

impl Warnings {
    /// Adds one, unless it is there.
    pub(super) fn push(&mut self, line: impl fmt::Display) {
        let line = cut(&line.to_string(), MAX_BYTES);
        if self.lines.contains(&line) {
            return;
        }
        if self.lines.len() < MAX_WARNINGS {
            self.lines.push(line);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    pub(super) fn into_lines(mut self) -> Vec<String> {
        if self.more > 0 {
            self.lines.push(format!("{} more warnings about this pod were left out", self.more));
        }
        self.lines
    }
}

/// Shows a text in double quotes, with control characters and other invisible ones escaped, and cut where it is long.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = String::new();
        for c in self.0.chars() {
            let before = shown.len();
            match c {
                '\'' => shown.push(c),
                _ => shown.extend(c.escape_debug()),
            }
            if shown.len() > MAX_QUOTED_BYTES {
                shown.truncate(before);
                return write!(f, "\"{shown}...\"");
            }
        }
        write!(f, "\"{shown}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_each_thing_once_and_counts_what_is_too_much() {
        let mut warnings = Warnings::default();
        for _ in 0..3 {
            warnings.push("a");
        }
        assert_eq!(warnings.into_lines(), ["a"]);

        let mut warnings = Warnings::default();
        for number in 0..MAX_WARNINGS + 2 {
            warnings.push(number);
        }
        let lines = warnings.into_lines();
        assert_eq!(lines.len(), MAX_WARNINGS + 1);
        assert!(lines.last().unwrap().starts_with("2 more warnings"), "{lines:?}");
    }

    #[test]
    fn cuts_long_lines_between_characters() {
        for start in ["", "a", "aa", "aaa"] {
            let mut warnings = Warnings::default();
            warnings.push(format!("{start}{}", "\u{1f980}".repeat(100)));
            let line = warnings.into_lines().remove(0);
            assert!(line.len() <= MAX_BYTES && line.len() > MAX_BYTES - 4, "{}", line.len());
            assert!(line.ends_with("\u{1f980}..."), "{line}");
        }
        let mut warnings = Warnings::default();
        warnings.push("x".repeat(MAX_BYTES));
        assert_eq!(warnings.into_lines(), ["x".repeat(MAX_BYTES)]);
    }

    #[test]
    fn quotes_without_what_steers_a_terminal() {
        assert_eq!(Quoted("a'b").to_string(), r#""a'b""#);
        assert_eq!(Quoted("a\"\n\u{1b}[2J\u{202e}").to_string(), r#""a\"\n\u{1b}[2J\u{202e}""#);
        assert_eq!(Quoted(&"x".repeat(MAX_QUOTED_BYTES)).to_string(), format!("\"{}\"", "x".repeat(64)));
        assert_eq!(Quoted(&"x".repeat(1_000_000)).to_string(), format!("\"{}...\"", "x".repeat(64)));
        // An escape is kept whole or not at all.
        assert_eq!(Quoted(&"\u{1b}".repeat(1_000)).to_string(), format!("\"{}...\"", "\\u{1b}".repeat(10)));
    }
}
