//! Addresses and blocks of addresses, as `IpAddress` takes them.

use std::net::IpAddr;

/// A block of addresses, IPv4 or IPv6; a single address is one of full length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    base: IpAddr,
    /// How many leading bits count.
    length: u32,
}

impl Network {
    /// `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            None => (text, None),
            Some((address, length)) => (address, Some(length)),
        };
        let base: IpAddr = address.parse().ok()?;
        let full = if base.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => full,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|length| *length <= full)?
            }
            Some(_) => return None,
        };
        Some(Self { base, length })
    }

    /// Whether the address is in the block; one of the other kind never is.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(other)) => {
                same(u128::from(base.to_bits()), u128::from(other.to_bits()), 32, self.length)
            }
            (IpAddr::V6(base), IpAddr::V6(other)) => same(base.to_bits(), other.to_bits(), 128, self.length),
            _ => false,
        }
    }
}

/// Whether the first `length` of `full` bits are the same.
fn same(one: u128, other: u128, full: u32, length: u32) -> bool {
    // Nothing is left of a shift by all bits.
    (one ^ other).checked_shr(full.saturating_sub(length)).unwrap_or(0) == 0
}
