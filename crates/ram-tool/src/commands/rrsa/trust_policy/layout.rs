//! The layout of a JSON text. What the text says is copied byte by byte: nothing is decoded.

const UNIT: &str = "  ";

/// A well-formed JSON text, laid out anew with two spaces of indentation: order, numbers and escapes stay as they are.
pub(in super::super) fn pretty(text: &str) -> String {
    laid_out(text, UNIT, "")
}

/// The same with this indentation, `base` before each line but the first.
pub(super) fn laid_out(text: &str, unit: &str, base: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    let mut depth = 0_usize;
    let mut rest = text.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(base);
        out.push_str(&unit.repeat(depth));
    };
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => {}
            '"' => {
                out.push(c);
                let mut escaped = false;
                for c in rest.by_ref() {
                    out.push(c);
                    match (escaped, c) {
                        (false, '"') => break,
                        (false, '\\') => escaped = true,
                        _ => escaped = false,
                    }
                }
            }
            '{' | '[' => {
                out.push(c);
                while rest.next_if(|c| matches!(c, ' ' | '\t' | '\r' | '\n')).is_some() {}
                if let Some(end) = rest.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(end);
                } else {
                    depth = depth.saturating_add(1);
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            other => out.push(other),
        }
    }
    out
}

/// The blanks that begin the line in which a place stands.
pub(super) fn indentation_at(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let rest = line.trim_start_matches([' ', '\t']);
    line.get(..line.len().saturating_sub(rest.len())).unwrap_or_default()
}

/// One step of a text's indentation: that of its first indented line.
pub(super) fn unit_of(text: &str) -> &str {
    text.lines()
        .skip(1)
        .map(|line| {
            line.get(..line.len().saturating_sub(line.trim_start_matches([' ', '\t']).len()))
                .unwrap_or_default()
        })
        .find(|blanks| !blanks.is_empty())
        .unwrap_or(UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_numbers_and_escapes_stay() {
        let text = "{\"b\" : 12345678901234567890123,\r\n\t\"a\":[1.50, \"x\\\"{,:}\\\\\" , [ ],{ }, true ],\"a\\u0062\":null}";
        assert_eq!(
            pretty(text),
            "{\n  \"b\": 12345678901234567890123,\n  \"a\": [\n    1.50,\n    \"x\\\"{,:}\\\\\",\n    [],\n    {},\n    true\n  ],\n  \"a\\u0062\": null\n}"
        );
        assert_eq!(pretty("[]"), "[]");
        assert_eq!(pretty(" 1 "), "1");
    }

    #[test]
    fn it_says_the_same_and_is_the_librarys_layout() {
        let value = serde_json::json!({"a": [1, {"b": ["ä\u{1}", {}]}], "c": "x: y, {z}"});
        let text = value.to_string();
        assert_eq!(pretty(&text), serde_json::to_string_pretty(&value).unwrap());
        assert_eq!(pretty(&pretty(&text)), pretty(&text));
    }

    #[test]
    fn indentation_is_found() {
        let text = "{\n\t\"a\": [\n\t\t{}\n\t]\n}";
        assert_eq!(unit_of(text), "\t");
        assert_eq!(indentation_at(text, text.find("{}").unwrap_or_default()), "\t\t");
        assert_eq!(unit_of("{}"), "  ");
        assert_eq!(indentation_at("{}", 1), "");
    }
}
