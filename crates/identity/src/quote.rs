//! Foreign text inside an error message.

use std::fmt;

/// Longest foreign text that a message repeats, in characters.
const LIMIT: usize = 128;

/// Shows a text in double quotes, on one line whatever it holds, and cut where it is long.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars().take(LIMIT) {
            write!(f, "{}", c.escape_debug())?;
        }
        f.write_str(if self.0.chars().nth(LIMIT).is_some() { "...\"" } else { "\"" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_message_on_one_short_line() {
        assert_eq!(Quoted("a\nb\"c").to_string(), r#""a\nb\"c""#);
        let shown = Quoted(&"x".repeat(10_000)).to_string();
        assert_eq!(shown.len(), LIMIT + 5);
        assert!(shown.ends_with("...\""));
    }
}
