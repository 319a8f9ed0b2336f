//! Text that must not reach a log, an error or a serialised document.

use std::fmt;

use serde::{Deserialize, Deserializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// An access key secret, a security token or a whole cluster token.
///
/// The memory is overwritten on drop, [`fmt::Debug`] prints a fixed text, and equality takes the same time
/// wherever the texts differ (the length is not hidden). It is neither [`fmt::Display`] nor
/// `serde::Serialize`: whoever needs the text says so with [`Secret::expose`].
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the text has no characters at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

/// For configuration files.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    /// The call below is ambiguous, and the crate's tests do not compile, as soon as `Secret` implements the
    /// trait in question.
    macro_rules! assert_not_implemented {
        ($name:ident, $bound:path) => {
            mod $name {
                trait AmbiguousIf<Marker> {
                    fn check() {}
                }
                impl<T: ?Sized> AmbiguousIf<()> for T {}
                impl<T: ?Sized + $bound> AmbiguousIf<u8> for T {}
                const _: fn() = <super::super::Secret as AmbiguousIf<_>>::check;
            }
        };
    }
    assert_not_implemented!(no_display, std::fmt::Display);
    assert_not_implemented!(no_serialize, serde::Serialize);
    assert_not_implemented!(no_deref, std::ops::Deref);
    assert_not_implemented!(no_as_ref, AsRef<str>);
    assert_not_implemented!(no_hash, std::hash::Hash);

    #[test]
    fn debug_prints_a_fixed_text() {
        let secret = Secret::new("canary-5f1c");
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(redacted) Secret(redacted)");
    }

    #[test]
    fn equal_only_when_every_byte_is() {
        let secret = Secret::new("abc");
        assert_eq!(secret, Secret::new("abc"));
        for other in ["abd", "Abc", "ab", "abcd", ""] {
            assert_ne!(secret, Secret::new(other), "{other:?}");
        }
        assert!(Secret::new("").is_empty());
        assert!(!secret.is_empty());
    }

    #[test]
    fn reads_from_a_configuration_file() {
        let secret: Secret = serde_json::from_str(r#""a\"b""#).unwrap();
        assert_eq!(secret.expose(), "a\"b");
        let wrong = serde_json::from_str::<Secret>("12345678901").unwrap_err();
        assert!(wrong.to_string().contains("expected a string"), "{wrong}");
    }
}
