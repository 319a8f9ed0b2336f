//! How long a token lives.

use std::ops::RangeInclusive;

use super::warnings::{Quoted, Warnings};
use super::{Namespace, Pod, ServiceAccount, Settings};

/// Lifetimes of tokens that the documentation allows, in seconds. (The API server's own lower bound is the same.)
pub(super) const VALID_SECONDS: RangeInclusive<u32> = 600..=43200;

/// A lifetime, and whether somebody asked for it.
pub(super) struct Expiration {
    pub(super) seconds: u32,
    /// By an annotation that was valid, on whatever level.
    pub(super) wanted: bool,
}

/// The lowest level that says anything decides, even where what it says is invalid: then it is the component's default,
/// as documented ("the default value is used"), and not what a higher level says. The documentation has it that a
/// value on the pod makes that of the service account be ignored, without asking whether it is valid.
pub(super) fn of_token(
    settings: &Settings,
    namespace: &Namespace,
    account: &ServiceAccount,
    pod: &Pod<'_>,
    warnings: &mut Warnings,
) -> Expiration {
    let levels = [
        ("the pod", pod.annotations().expiration.as_deref()),
        ("its service account", account.expiration.as_deref()),
        ("its namespace", namespace.expiration.as_deref()),
    ];
    let lowest = levels.into_iter().find_map(|(level, value)| Some((level, value?)));
    let default = Expiration { seconds: settings.expiration_seconds, wanted: false };
    let Some((level, value)) = lowest else { return default };
    match parse_seconds(value) {
        Some(seconds) => Expiration { seconds, wanted: true },
        None => {
            warnings.push(format_args!(
                "annotation pod-identity.alibabacloud.com/service-account-token-expiration {} of {level} is no number \
                 of seconds from {} to {}: the default of {} s is used",
                Quoted(value),
                VALID_SECONDS.start(),
                VALID_SECONDS.end(),
                settings.expiration_seconds,
            ));
            default
        }
    }
}

/// A plain decimal number within bounds: no sign, no blanks, no unit.
fn parse_seconds(text: &str) -> Option<u32> {
    // Otherwise a `+` would be taken.
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|seconds| digits && VALID_SECONDS.contains(seconds))
}
