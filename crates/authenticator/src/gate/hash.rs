//! What tables and logs know a token by.

use sha2::{Digest as _, Sha256};
use signature::acs3::hex;

/// SHA-256 of a token's whole text, prefix included: no two tokens share an answer, and no table holds one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of `text`.
    pub fn of(text: &str) -> TokenHash {
        TokenHash(Sha256::digest(text.as_bytes()).into())
    }

    /// For logs: the same 16 hexadecimal digits as [`token::fingerprint`].
    pub fn fingerprint(&self) -> String {
        hex(self.0.first_chunk::<8>().map_or(&[], |half| half))
    }

    /// A number below `bound` that differs from token to token: what waits by it does not wait in step.
    pub(super) fn spread(&self, bound: u32) -> u32 {
        let number = self.0.iter().rev().take(4).fold(0u32, |number, byte| (number << 8) | u32::from(*byte));
        number.checked_rem(bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_one_of_the_token_crate() {
        for text in ["", "k8s-ack-v2.x", "k8s-ack-v2.y"] {
            assert_eq!(TokenHash::of(text).fingerprint(), token::fingerprint(text));
        }
    }

    #[test]
    fn every_byte_of_the_text_counts() {
        let text = "k8s-ack-v2.".to_owned() + &"A".repeat(8000);
        let mut hashes = std::collections::HashSet::from([TokenHash::of(&text)]);
        for place in 0..text.len() {
            let mut other = text.clone();
            other.replace_range(place..=place, "B");
            assert!(hashes.insert(TokenHash::of(&other)), "byte {place}");
        }
        assert!(hashes.insert(TokenHash::of(&format!("{text}="))), "one byte more");
    }

    #[test]
    fn spreads_below_the_bound() {
        let spread: std::collections::BTreeSet<u32> =
            (0..100).map(|n| TokenHash::of(&format!("{n}")).spread(200)).collect();
        assert!(spread.len() > 50 && spread.iter().all(|n| *n < 200), "{spread:?}");
        assert_eq!(TokenHash::of("x").spread(0), 0);
    }
}
