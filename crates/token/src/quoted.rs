//! Client text in messages.

use std::fmt;

/// Most characters of a client's text that a message shows.
const SHOWN: usize = 64;

/// A piece of client text, made fit for a log line: at most 64 characters of it, in quotes, with control and
/// invisible characters escaped, so that a message stays one line whatever a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted(String);

impl Quoted {
    /// Cuts and escapes `text`.
    pub fn new(text: &str) -> Self {
        let mut characters = text.chars();
        let shown: String = characters.by_ref().take(SHOWN).collect();
        let more = if characters.next().is_some() { "..." } else { "" };
        Self(format!("\"{}{more}\"", shown.escape_debug()))
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_would_break_a_line_or_hide_in_it() {
        let shown = Quoted::new("a\n\r\t\u{1b}[31m\"\\\u{202e}\u{2028}\u{0}\u{96c6}").to_string();
        assert_eq!(shown, r#""a\n\r\t\u{1b}[31m\"\\\u{202e}\u{2028}\0集""#);
    }

    #[test]
    fn shows_64_characters_and_says_that_there_are_more() {
        assert_eq!(Quoted::new(&"é".repeat(64)).to_string(), format!("\"{}\"", "é".repeat(64)));
        assert_eq!(Quoted::new(&"é".repeat(65)).to_string(), format!("\"{}...\"", "é".repeat(64)));
    }
}
