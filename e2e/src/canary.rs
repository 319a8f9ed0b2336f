//! Looking for a secret in all the forms in which it could be written down.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signature::encoding::percent_encode;

/// A text that must not be found.
#[derive(Clone)]
pub struct Canary {
    name: String,
    forms: Vec<String>,
}

impl Canary {
    /// `name` is what messages call it. The forms are the text itself, percent-encoded once and twice, as a JSON
    /// string, in hexadecimal, and in base64 of either alphabet wherever in a longer text it may begin.
    #[must_use]
    pub fn new(name: &str, text: &str) -> Self {
        let quoted = serde_json::Value::from(text).to_string();
        let hexadecimal = text.bytes().fold(String::new(), |mut all, byte| {
            let _ = write!(all, "{byte:02x}");
            all
        });
        let mut forms = vec![
            text.to_owned(),
            percent_encode(text),
            percent_encode(&percent_encode(text)),
            quoted.trim_matches('"').to_owned(),
            hexadecimal,
        ];
        for before in ["", "x", "xx"] {
            let encoded = STANDARD.encode(format!("{before}{text}"));
            // Six bits a letter: what neither the text before it nor what follows has a part in.
            let first = before.len().saturating_mul(8).div_ceil(6);
            let bits = before.len().saturating_add(text.len()).saturating_mul(8);
            let inner = encoded.get(first..bits.saturating_div(6)).unwrap_or_default();
            forms.push(inner.to_owned());
            forms.push(inner.replace('+', "-").replace('/', "_"));
            forms.push(percent_encode(inner));
        }
        // A form that is next to nothing would be found everywhere.
        forms.retain(|form| form.len() >= 8);
        Self { name: name.to_owned(), forms }
    }

    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of the first line that holds it in any form. Not the line: what is in a log that it should not be
    /// in has no place in another.
    #[must_use]
    pub fn line_in(&self, text: &str) -> Option<usize> {
        text.lines().position(|line| self.forms.iter().any(|form| line.contains(form.as_str())))
    }
}

impl std::fmt::Debug for Canary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canary").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_secret_is_found_in_each_form() {
        let secret = "s3cr3t+/with~odd=chars";
        let canary = Canary::new("secret", secret);
        for carrier in [
            format!("x{secret}y"),
            format!("?SecurityToken={}&", percent_encode(secret)),
            STANDARD.encode(secret),
            STANDARD.encode(format!("a{secret}cd")),
            STANDARD.encode(format!("{{\"x-acs-security-token\":\"{secret}\"}}")),
        ] {
            assert_eq!(canary.line_in(&format!("first line\n{carrier}\nlast line")), Some(1), "{carrier}");
        }
        assert_eq!(canary.line_in("s3cr3t"), None);
    }
}
