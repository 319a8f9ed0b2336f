//! How a review can end: a result, and a word that says why. A closed set, as log and metrics have it.

use crate::injection::Reason;
use crate::metrics::ResultLabel;

/// The patch gives the pod its role.
pub(super) const PATCHED: &str = "patched";
/// The pod has all of it: another webhook's change had it reviewed again, or somebody wrote it himself.
pub(super) const COMPLETE: &str = "complete";
/// Namespace or service account could not be read.
pub(super) const LOOKUP_FAILED: &str = "lookup_failed";
/// Something else than the creation of a pod.
pub(super) const NOT_A_POD_CREATE: &str = "not_a_pod_create";
/// The body is not said to be JSON.
pub(super) const CONTENT_TYPE: &str = "content_type";
/// API servers have to show a client certificate, and this client showed none.
pub(super) const CLIENT_CERTIFICATE: &str = "client_certificate";
/// No room for one more review.
pub(super) const BUSY: &str = "busy";
/// The body has more bytes than are read.
pub(super) const BODY_TOO_LARGE: &str = "body_too_large";
/// The body did not come in time.
pub(super) const BODY_TOO_SLOW: &str = "body_too_slow";
/// The body broke off.
pub(super) const BODY_BROKEN: &str = "body_broken";
/// No AdmissionReview.
pub(super) const REVIEW_MALFORMED: &str = "review_malformed";
/// An AdmissionReview of something that is no pod.
pub(super) const POD_MALFORMED: &str = "pod_malformed";
/// The answer cannot be written as JSON.
pub(super) const ANSWER_UNWRITABLE: &str = "answer_unwritable";

/// Those of what is no review that can be answered.
const ERRORS: [&str; 9] = [
    CONTENT_TYPE,
    CLIENT_CERTIFICATE,
    BUSY,
    BODY_TOO_LARGE,
    BODY_TOO_SLOW,
    BODY_BROKEN,
    REVIEW_MALFORMED,
    POD_MALFORMED,
    ANSWER_UNWRITABLE,
];

/// All of them.
pub fn all() -> Vec<(ResultLabel, &'static str)> {
    let mut all = vec![(ResultLabel::Injected, PATCHED), (ResultLabel::Injected, COMPLETE)];
    all.extend(Reason::ALL.map(|reason| (ResultLabel::NotInjected, reason.as_str())));
    all.extend([LOOKUP_FAILED, NOT_A_POD_CREATE].map(|reason| (ResultLabel::NotInjected, reason)));
    let faults = Reason::ALL.into_iter().filter(|reason| reason.is_fault());
    all.extend(faults.map(|reason| (ResultLabel::Denied, reason.as_str())));
    all.push((ResultLabel::Denied, LOOKUP_FAILED));
    all.extend(ERRORS.map(|reason| (ResultLabel::Error, reason)));
    all
}
