//! The official SDK for Python, unmodified, in a pod of the webhook.

use e2e::rig::Rig;

use super::{Outcome, sdk};

pub(super) fn in_an_injected_pod_it_is_the_role_of_the_service_account(rig: &Rig) -> Outcome {
    sdk::is_the_role(rig, "rrsa-python", sdk::python(rig)?)
}

pub(super) fn with_three_variables_it_asks_the_sts_of_no_region(rig: &Rig) -> Outcome {
    sdk::asks_the_sts_of_no_region(rig, "rrsa-python-three", sdk::python(rig)?)
}

pub(super) fn a_token_file_that_is_replaced_is_read_again(rig: &Rig) -> Outcome {
    sdk::reads_a_replaced_token(rig, "rrsa-python-watch", sdk::python(rig)?)
}

pub(super) fn after_a_refusal_it_asks_sts_again(rig: &Rig) -> Outcome {
    sdk::started_before_its_role(rig, "rrsa-python-early", sdk::python(rig)?, true)
}
