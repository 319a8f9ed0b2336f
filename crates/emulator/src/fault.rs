//! Faults on demand, per action.

use std::time::Duration;

use crate::sync::Guarded;

/// How a request is to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The answer comes later by this much. Delays add up, and another fault may follow them.
    Delay(Duration),
    /// An error answer in the service's own form.
    Error {
        /// HTTP status, `503`.
        status: u16,
        /// `ServiceUnavailable`.
        code: String,
        /// Text for people.
        message: String,
    },
    /// Status 200 with a body that is not what was asked for.
    Garbage {
        /// `text/html`.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
    /// The connection ends without an answer.
    BreakConnection,
    /// The connection stays open and nothing is answered, until the client or the emulator ends it.
    Silence,
    /// The answer is right in all but its credentials, which ended a minute ago. Where an answer has no temporary
    /// credentials, nothing happens.
    ExpiredCredentials,
}

impl Fault {
    /// This fault for the next `times` requests; without it a fault stays until the faults are cleared.
    pub fn times(self, times: u32) -> PlannedFault {
        PlannedFault { fault: self, left: Some(times) }
    }
}

/// A fault and how often it is to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFault {
    fault: Fault,
    left: Option<u32>,
}

impl From<Fault> for PlannedFault {
    fn from(fault: Fault) -> Self {
        Self { fault, left: None }
    }
}

/// What is planned, in the order in which it was.
#[derive(Debug, Default)]
pub(crate) struct Faults(Guarded<Vec<(String, PlannedFault)>>);

/// What is to happen to one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    /// Never a [`Fault::Delay`].
    pub(crate) fault: Option<Fault>,
}

impl Faults {
    pub(crate) fn add(&self, action: &str, fault: PlannedFault) {
        self.0.lock().push((action.to_owned(), fault));
    }

    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }

    /// Uses up what is planned for one request of this action: every delay, and the first other fault.
    pub(crate) fn take(&self, action: &str) -> Plan {
        self.take_any(&[action])
    }

    /// The same for an action that goes by more than one name.
    pub(crate) fn take_any(&self, actions: &[&str]) -> Plan {
        let mut plan = Plan::default();
        let mut faults = self.0.lock();
        for (name, planned) in faults.iter_mut() {
            if (name != "*" && !actions.contains(&name.as_str())) || planned.left == Some(0) {
                continue;
            }
            match &planned.fault {
                Fault::Delay(delay) => plan.delay = plan.delay.saturating_add(*delay),
                _ if plan.fault.is_some() => continue,
                other => plan.fault = Some(other.clone()),
            }
            planned.left = planned.left.map(|left| left.saturating_sub(1));
        }
        faults.retain(|(_, planned)| planned.left != Some(0));
        plan
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    fn error(code: &str) -> Fault {
        Fault::Error { status: 503, code: code.to_owned(), message: String::new() }
    }

    #[test]
    fn a_fault_hits_its_action_as_often_as_it_was_told() {
        let faults = Faults::default();
        faults.add("AssumeRole", error("A").times(2));
        assert_eq!(faults.take("GetCallerIdentity"), Plan::default());
        for _ in 0..2 {
            assert_eq!(faults.take("AssumeRole").fault, Some(error("A")));
        }
        assert_eq!(faults.take("AssumeRole"), Plan::default());
    }

    #[test]
    fn a_fault_for_the_star_hits_every_action_until_it_is_cleared() {
        let faults = Faults::default();
        faults.add("*", Fault::BreakConnection.into());
        for action in ["AssumeRole", "GetCallerIdentity", ""] {
            assert_eq!(faults.take(action).fault, Some(Fault::BreakConnection));
        }
        faults.clear();
        assert_eq!(faults.take("AssumeRole"), Plan::default());
    }

    #[test]
    fn an_action_can_go_by_two_names() {
        let faults = Faults::default();
        faults.add("Metadata", error("all").times(2));
        faults.add("MetadataRole", error("one").times(1));
        assert_eq!(faults.take_any(&["MetadataToken", "Metadata"]).fault, Some(error("all")));
        assert_eq!(faults.take_any(&["MetadataRole", "Metadata"]).fault, Some(error("all")));
        assert_eq!(faults.take_any(&["MetadataToken", "Metadata"]), Plan::default());
        assert_eq!(faults.take_any(&["MetadataRole", "Metadata"]).fault, Some(error("one")));
    }

    #[test]
    fn delays_add_up_and_other_faults_come_one_after_another() {
        let faults = Faults::default();
        let second = Duration::from_secs(1);
        faults.add("*", Fault::Delay(second).into());
        faults.add("X", Fault::Delay(second).times(1));
        faults.add("X", error("first").times(1));
        faults.add("X", error("second").times(1));
        let plan = |seconds: u32, fault| Plan { delay: second * seconds, fault };
        assert_eq!(faults.take("X"), plan(2, Some(error("first"))));
        assert_eq!(faults.take("X"), plan(1, Some(error("second"))));
        assert_eq!(faults.take("X"), plan(1, None));
    }
}
