//! The difference of two texts, as `diff -u` shows it.

const CONTEXT: usize = 3;
const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const PLAIN: &str = "\u{1b}[0m";

/// The lines that differ between two texts, as one block with three lines around it, after a head that names them. Empty
/// where nothing differs. Nothing in it steers a terminal but, where it is wanted, colour.
pub(in super::super) fn diff(names: (&str, &str), old: &str, new: &str, colour: bool) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let head = old.iter().zip(&new).take_while(same).count();
    if head == old.len() && head == new.len() {
        return String::new();
    }
    let rest = old.len().min(new.len()).saturating_sub(head);
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(same).count();
    let (old_end, new_end) = (old.len().saturating_sub(tail), new.len().saturating_sub(tail));
    let (before, after) = (head.min(CONTEXT), tail.min(CONTEXT));
    let start = head.saturating_sub(before);
    let count = |end: usize| end.saturating_sub(head).saturating_add(before).saturating_add(after);
    let from = |count: usize| if count == 0 { start } else { start.saturating_add(1) };
    let (old_count, new_count) = (count(old_end), count(new_end));
    let mut lines = vec![
        ("", format!("--- {}", names.0)),
        ("", format!("+++ {}", names.1)),
        ("", format!("@@ -{},{old_count} +{},{new_count} @@", from(old_count), from(new_count))),
    ];
    let part = |lines: &[&str], from: usize, to: usize, sign: char| -> Vec<String> {
        lines.iter().take(to).skip(from).map(|line| format!("{sign}{line}")).collect()
    };
    lines.extend(part(&old, start, head, ' ').into_iter().map(|line| ("", line)));
    lines.extend(part(&old, head, old_end, '-').into_iter().map(|line| (RED, line)));
    lines.extend(part(&new, head, new_end, '+').into_iter().map(|line| (GREEN, line)));
    lines.extend(part(&old, old_end, old_end.saturating_add(after), ' ').into_iter().map(|line| ("", line)));
    let mut text = String::new();
    for (tint, line) in lines {
        let line = crate::visible::visible(&line);
        match tint {
            tint if colour && !tint.is_empty() => text.push_str(&format!("{tint}{line}{PLAIN}\n")),
            _ => text.push_str(&format!("{line}\n")),
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, clippy::arithmetic_side_effects)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_what_diff_shows() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8";
        let new = "1\n2\n3\n4\nx\ny\n6\n7\n8";
        assert_eq!(
            diff(("old", "new"), old, new, false),
            "--- old\n+++ new\n@@ -2,7 +2,8 @@\n 2\n 3\n 4\n-5\n+x\n+y\n 6\n 7\n 8\n"
        );
        assert_eq!(diff(("old", "new"), old, old, false), "");
        assert_eq!(diff(("old", "new"), "", "a\nb", false), "--- old\n+++ new\n@@ -0,0 +1,2 @@\n+a\n+b\n");
        assert_eq!(diff(("old", "new"), "a", "", false), "--- old\n+++ new\n@@ -1,1 +0,0 @@\n-a\n");
        assert_eq!(diff(("o", "n"), "a\na", "a\na\na", false), "--- o\n+++ n\n@@ -1,2 +1,3 @@\n a\n a\n+a\n");
    }

    #[test]
    fn colour_is_for_those_who_ask_and_texts_cannot_steer() {
        let text = diff(("old", "new"), "a", "b\u{1b}[2J", true);
        assert!(text.contains("\u{1b}[31m-a\u{1b}[0m\n\u{1b}[32m+b?[2J\u{1b}[0m\n"), "{text:?}");
        assert!(!diff(("old", "new"), "a\u{1b}", "b\u{1b}", false).contains('\u{1b}'));
    }

    /// The lines of one side of what is shown, with the place that its head names.
    fn side(shown: &str, sign: char, mark: char) -> (usize, Vec<String>) {
        let mut lines = shown.lines().skip(2);
        let head = lines.next().unwrap();
        let range = head.split(' ').find_map(|word| word.strip_prefix(mark)).unwrap();
        let (from, count) = range.split_once(',').unwrap();
        let lines: Vec<String> = lines
            .filter(|line| line.starts_with(' ') || line.starts_with(sign))
            .map(|line| line[1..].to_owned())
            .collect();
        assert_eq!(lines.len(), count.parse::<usize>().unwrap(), "{shown}");
        (from.parse::<usize>().unwrap().saturating_sub(1), lines)
    }

    proptest! {
        #[test]
        fn it_says_all_that_differs(old in prop::collection::vec("[ab]", 1..9), new in prop::collection::vec("[ab]", 1..9)) {
            let shown = diff(("text", "text"), &old.join("\n"), &new.join("\n"), false);
            if old == new {
                prop_assert_eq!(shown, "");
                return Ok(());
            }
            let (old_from, old_lines) = side(&shown, '-', '-');
            let (new_from, new_lines) = side(&shown, '+', '+');
            prop_assert_eq!(&old[old_from..old_from + old_lines.len()], &old_lines[..]);
            prop_assert_eq!(&new[new_from..new_from + new_lines.len()], &new_lines[..]);
            // Beside it nothing differs.
            prop_assert_eq!(&old[..old_from], &new[..new_from]);
            prop_assert_eq!(&old[old_from + old_lines.len()..], &new[new_from + new_lines.len()..]);
        }
    }
}
