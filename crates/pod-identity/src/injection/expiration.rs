//! How long a token lives.

use std::ops::RangeInclusive;

use super::warnings::{Quoted, Warnings};
use super::{Level, Namespace, Pod, ServiceAccount, Settings};

/// Lifetimes of tokens that the documentation allows, in seconds. (The API server's own lower bound is the same.)
pub(super) const VALID_SECONDS: RangeInclusive<u32> = 600..=43200;

/// Who decided how long a token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpirationSource {
    /// The component: no level says anything.
    Default,
    /// The component, as the annotation of the lowest level that has one is not valid.
    Invalid(Level),
    /// The annotation of this level.
    Annotation(Level),
    /// The pod's own volume, whose token lives for another time than it would without.
    OwnVolume,
}

/// A lifetime, and who decided it.
pub(super) struct Expiration {
    pub(super) seconds: u32,
    pub(super) source: ExpirationSource,
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
        (Level::Pod, pod.annotations().expiration.as_deref()),
        (Level::ServiceAccount, account.expiration.as_deref()),
        (Level::Namespace, namespace.expiration.as_deref()),
    ];
    let lowest = levels.into_iter().find_map(|(level, value)| Some((level, value?)));
    let default = settings.expiration_seconds;
    let Some((level, value)) = lowest else {
        return Expiration { seconds: default, source: ExpirationSource::Default };
    };
    if let Some(seconds) = parse_seconds(value) {
        return Expiration { seconds, source: ExpirationSource::Annotation(level) };
    }
    warnings.push(format_args!(
        "annotation pod-identity.alibabacloud.com/service-account-token-expiration {} of {level} is no number of \
         seconds from {} to {}: the default of {default} s is used",
        Quoted(value),
        VALID_SECONDS.start(),
        VALID_SECONDS.end(),
    ));
    Expiration { seconds: default, source: ExpirationSource::Invalid(level) }
}

/// A plain decimal number within bounds: no sign, no blanks, no unit.
fn parse_seconds(text: &str) -> Option<u32> {
    // Otherwise a `+` would be taken.
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|seconds| digits && VALID_SECONDS.contains(seconds))
}
