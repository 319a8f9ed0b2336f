//! Texts of others on a terminal.

/// A text that cannot steer a terminal, and in which nothing is unseen: control characters, those that turn the direction of
/// writing, and those that have no width, as `?`.
pub(crate) fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_unseen(c) { '?' } else { c }).collect()
}

/// Format characters (Unicode, general category Cf, and the separators of lines) that a text of one line needs none of: two
/// names that differ in them alone look the same.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
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
        // Two names that differ in these look the same.
        for c in ['\u{ad}', '\u{61c}', '\u{200b}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{e0061}'] {
            assert_eq!(visible(&format!("a{c}b")), "a?b", "{c:?}");
        }
        assert_eq!(visible("prod-\u{4e2d}\u{6587} \"x\""), "prod-\u{4e2d}\u{6587} \"x\"");
    }
}
