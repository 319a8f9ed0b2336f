//! Where things stand in a JSON text: a document can be changed in one place, and every other byte stays as it was.

use std::ops::Range;

/// A key of an object with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The key, with its escapes resolved.
    pub key: String,
    /// From the key's first quote to its last.
    pub key_span: Range<usize>,
    /// The value, without the blanks around it.
    pub value_span: Range<usize>,
}

/// The members of the object that `span` covers, in their order. None where it is no object.
///
/// The text must be well-formed JSON: for other texts the answer means nothing.
pub fn members(text: &str, span: Range<usize>) -> Option<Vec<Member>> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: span.start };
    let mut members = Vec::new();
    scanner.take(b'{')?;
    loop {
        scanner.blanks();
        match scanner.peek()? {
            b'}' => return Some(members),
            b',' => scanner.step(),
            _ => {
                let key_span = scanner.value()?;
                let key = serde_json::from_str(text.get(key_span.clone())?).ok()?;
                scanner.blanks();
                scanner.take(b':')?;
                scanner.blanks();
                members.push(Member { key, key_span, value_span: scanner.value()? });
            }
        }
    }
}

/// The elements of the array that `span` covers, in their order. None where it is no array.
pub fn elements(text: &str, span: Range<usize>) -> Option<Vec<Range<usize>>> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: span.start };
    let mut elements = Vec::new();
    scanner.take(b'[')?;
    loop {
        scanner.blanks();
        match scanner.peek()? {
            b']' => return Some(elements),
            b',' => scanner.step(),
            _ => elements.push(scanner.value()?),
        }
    }
}

/// The one value that the text is.
pub fn whole(text: &str) -> Option<Range<usize>> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0 };
    scanner.blanks();
    scanner.value()
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        let found = self.peek()? == wanted;
        self.step();
        found.then_some(())
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.step();
        }
    }

    /// Goes over one value.
    fn value(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        match self.peek()? {
            b'"' => self.string()?,
            b'{' | b'[' => self.container()?,
            _ => {
                while !matches!(self.peek(), None | Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n')) {
                    self.step();
                }
            }
        }
        Some(start..self.at)
    }

    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            match self.peek()? {
                b'"' => {
                    self.step();
                    return Some(());
                }
                b'\\' => {
                    self.step();
                    self.step();
                }
                _ => self.step(),
            }
        }
    }

    fn container(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth = depth.saturating_add(1),
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.step();
            if depth == 0 {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice)]
mod tests {
    use super::*;

    #[test]
    fn finds_keys_and_values_of_every_kind() {
        let text = " { \"a\\u0062\" : \"x\\\"}\\\\\" ,\"n\":-1.5e3,\r\n\"o\": {\"}\":[1,{}]}, \"l\" :[ 1 , \"]\" ,[] ], \"t\":true } ";
        let found = members(text, whole(text).unwrap()).unwrap();
        let shown: Vec<(&str, &str)> =
            found.iter().map(|member| (member.key.as_str(), &text[member.value_span.clone()])).collect();
        assert_eq!(
            shown,
            [
                ("ab", "\"x\\\"}\\\\\""),
                ("n", "-1.5e3"),
                ("o", "{\"}\":[1,{}]}"),
                ("l", "[ 1 , \"]\" ,[] ]"),
                ("t", "true")
            ]
        );
        assert_eq!(&text[found[0].key_span.clone()], "\"a\\u0062\"");
        let list = elements(text, found[3].value_span.clone()).unwrap();
        let shown: Vec<&str> = list.into_iter().map(|span| &text[span]).collect();
        assert_eq!(shown, ["1", "\"]\"", "[]"]);
    }

    #[test]
    fn empty_objects_and_arrays_have_nothing_and_other_values_are_neither() {
        assert!(members("{}", 0..2).unwrap().is_empty());
        assert!(elements("[ ]", 0..3).unwrap().is_empty());
        assert!(members("[]", 0..2).is_none());
        assert!(elements("{}", 0..2).is_none());
    }

    #[test]
    fn a_text_that_is_not_well_formed_ends_the_search_and_nothing_else() {
        for text in [
            "",
            "{",
            "{\"",
            "{\"a",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":[",
            "{\"a\":\"\\",
            "[",
            "[[",
            "\u{feff}{}",
            "{a}",
        ] {
            let _ = whole(text);
            let _ = members(text, 0..text.len());
            let _ = elements(text, 0..text.len());
        }
    }
}
