//! HMAC (RFC 2104) over the two hashes that Alibaba Cloud's signatures use.
//!
//! The key is brought to one block here, so that the constructor that cannot fail is the one in use.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Block size of SHA-1 and of SHA-256, in bytes.
const BLOCK: usize = 64;

/// RFC 2104, section 2: a key longer than a block is hashed, a shorter one is filled up with zeros.
fn block_key<D: Digest>(key: &[u8]) -> Zeroizing<[u8; BLOCK]> {
    let mut block = Zeroizing::new([0_u8; BLOCK]);
    if key.len() > BLOCK {
        let digest = D::digest(key);
        block.iter_mut().zip(digest.iter()).for_each(|(slot, byte)| *slot = *byte);
    } else {
        block.iter_mut().zip(key).for_each(|(slot, byte)| *slot = *byte);
    }
    block
}

/// HMAC-SHA256 of `message`.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let key = block_key::<Sha256>(key);
    let mut mac = Hmac::<Sha256>::new((&*key).into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA1 of `message`.
pub(crate) fn hmac_sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    let key = block_key::<Sha1>(key);
    let mut mac = Hmac::<Sha1>::new((&*key).into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acs3::hex;

    /// RFC 4231, test cases 1, 2 and 6 (a key longer than a block), and RFC 2202 likewise.
    #[test]
    fn agrees_with_the_published_test_cases() {
        for (key, data, expected) in [
            (vec![0x0b; 20], "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe".to_vec(),
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(hex(&hmac_sha256(&key, data.as_bytes())), expected);
        }
        for (key, data, expected) in [
            (vec![0x0b; 20], "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
            (b"Jefe".to_vec(), "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (
                vec![0xaa; 80],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "aa4ae5e15272d00e95705637ce8a3b55ed402112",
            ),
        ] {
            assert_eq!(hex(&hmac_sha1(&key, data.as_bytes())), expected);
        }
    }
}
