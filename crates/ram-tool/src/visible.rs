//! Texts of others on a terminal.

/// A text that cannot steer a terminal: control characters, and those that turn the direction of writing, as `?`.
pub(crate) fn visible(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_steers() {
        assert_eq!(visible("dev\u{1b}[2J\n\u{9b}x"), "dev?[2J??x");
        // Each of these changes the order in which a terminal shows what follows.
        for c in ['\u{200e}', '\u{200f}', '\u{2028}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}'] {
            assert_eq!(visible(&format!("a{c}b")), "a?b", "{c:?}");
        }
        assert_eq!(visible("prod-\u{4e2d}\u{6587} \"x\""), "prod-\u{4e2d}\u{6587} \"x\"");
    }
}
