//! Texts with `*` and `?`.

/// `*` stands for any text, `?` for one character; the whole of `text` has to fit. Takes at most the product of both lengths.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0_usize, 0_usize);
    // Behind the last star, and how much of the text it does not reach over yet.
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                p = p.saturating_add(1);
                star = Some((p, t));
            }
            Some(sign) if *sign == '?' || sign == character => {
                p = p.saturating_add(1);
                t = t.saturating_add(1);
            }
            _ => match &mut star {
                // The star takes one character more.
                Some((behind, taken)) => {
                    *taken = taken.saturating_add(1);
                    (p, t) = (*behind, *taken);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|sign| *sign == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("*", "a:b", true),
            ("a*", "a", true),
            ("a*c", "abbc", true),
            ("a*c", "abcbc", true),
            ("a*c", "abb", false),
            ("?", "", false),
            ("?", "ä", true),
            ("a?c", "abc", true),
            ("", "", true),
            ("", "a", false),
            ("system:serviceaccount:*:app", "system:serviceaccount:a:b:app", true),
            ("a**b", "ab", true),
            ("*a*b", "xaybab", true),
            ("A", "a", false),
        ] {
            assert_eq!(like(pattern, text), fits, "{pattern} {text}");
        }
        // No pattern makes it take long.
        assert!(!like(&"*a".repeat(200), &"a".repeat(199)));
    }
}
