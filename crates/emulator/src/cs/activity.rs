//! When somebody last used a cluster.

use jiff::Timestamp;

/// What Container Service knows of the use that a user or role made of a cluster, from the cluster's audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserActivity {
    /// Whether there was any in the last seven days.
    pub active: bool,
    /// The newest request.
    pub last_activity: Option<Timestamp>,
    /// Its `auditID`.
    pub last_audit_id: String,
}

impl UserActivity {
    /// Somebody who used the cluster at this time, and counts as active.
    #[must_use]
    pub fn active_at(last_activity: Timestamp, last_audit_id: &str) -> Self {
        Self { active: true, last_activity: Some(last_activity), last_audit_id: last_audit_id.to_owned() }
    }

    /// Somebody of whom the log has nothing but a request long ago, or nothing at all.
    #[must_use]
    pub fn inactive_since(last_activity: Option<Timestamp>) -> Self {
        Self { active: false, last_activity, last_audit_id: String::new() }
    }
}
