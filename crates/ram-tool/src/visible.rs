//! Texts of others on a terminal.

/// A text that cannot steer a terminal, and in which nothing is unseen: control characters, those that turn the direction of
/// writing, and those that have no width, as `?`.
pub(crate) fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_unseen(c) { '?' } else { c }).collect()
}

/// A text that people paste, as a flag or into a shell: what either would read as more than this one word is `?`.
pub(crate) fn pasteable(text: &str) -> String {
    text.chars().map(|c| if is_pasteable(c) { c } else { '?' }).collect()
}

/// Whether a character of a URL or a name means itself to a shell, and ends no word in a list of flags.
pub(crate) fn is_pasteable(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~:/?=%+,[]".contains(c)
}

/// A JSON text in which the same characters are escapes, so that it says what it said; line breaks between its parts stay.
pub(crate) fn visible_json(text: &str) -> String {
    escaped(text, |c| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect())
}

/// The same of a JSON text that is read as YAML, which knows no pairs of units for one character.
pub(crate) fn visible_yaml(json: &str) -> String {
    escaped(json, |c| match u32::from(c) {
        code @ 0..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    })
}

/// Whether a text of several lines has one of those characters.
pub(crate) fn steers(text: &str) -> bool {
    text.chars().any(is_steering)
}

fn is_steering(c: char) -> bool {
    c != '\n' && (c.is_control() || is_unseen(c))
}

fn escaped(text: &str, escape: impl Fn(char) -> String) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is_steering(c) {
            true => shown.push_str(&escape(c)),
            false => shown.push(c),
        }
    }
    shown
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

    #[test]
    fn what_is_pasted_is_one_word() {
        for good in
            ["https://[::1]:8443/c1/openid/v1/jwks?v=1", "https://kubernetes.default.svc", "a_b~c,d%20"]
        {
            assert_eq!(pasteable(good), good);
        }
        for bad in [
            "a b",
            "a\u{430}b",
            "a\tb",
            "a\nb",
            "a;b",
            "a&b",
            "a|b",
            "a$b",
            "a`b",
            "a(b",
            "a'b",
            "a\"b",
            "a\\b",
            "a#b",
            "a>b",
            "a!b",
            "a*b",
            "a\u{202e}b",
            "a{b",
        ] {
            assert_eq!(pasteable(bad), "a?b");
        }
    }

    #[test]
    fn json_says_the_same_and_steers_nothing() {
        let hostile = "a\u{9b}2J\u{7f}\u{202e}b\u{200b}\u{e0061}\u{4e2d}\n\u{1b}";
        let value = serde_json::json!({ hostile: [hostile] });
        let shown = visible_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(shown.chars().all(|c| c == '\n' || !(c.is_control() || is_unseen(c))), "{shown:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert!(shown.contains('\u{4e2d}'));
        assert!(steers(hostile) && !steers(&shown) && !steers("a\nb"));
        let shown = visible_yaml("\"a\u{202e}\u{e0061}\"\n");
        assert_eq!(shown, "\"a\\u202e\\U000e0061\"\n");
        assert_eq!(serde_saphyr::from_str::<String>(&shown).unwrap(), "a\u{202e}\u{e0061}");
    }
}
