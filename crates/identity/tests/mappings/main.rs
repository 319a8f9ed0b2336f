//! Which mapping wins, which never may, and ten thousand random cases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects
)]

mod attacks;
mod common;
mod oracle;
mod order;
