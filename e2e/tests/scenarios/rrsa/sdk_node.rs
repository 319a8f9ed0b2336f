//! The official SDK for Node.js, unmodified, in a pod of the webhook.

use e2e::rig::Rig;

use super::{Outcome, sdk};

pub(super) fn in_an_injected_pod_it_is_the_role_of_the_service_account(rig: &Rig) -> Outcome {
    sdk::is_the_role(rig, "rrsa-node", sdk::node(rig)?)
}

pub(super) fn with_three_variables_it_asks_the_sts_of_no_region(rig: &Rig) -> Outcome {
    sdk::asks_the_sts_of_no_region(rig, "rrsa-node-three", sdk::node(rig)?)
}

pub(super) fn a_token_file_that_is_replaced_is_read_again(rig: &Rig) -> Outcome {
    sdk::reads_a_replaced_token(rig, "rrsa-node-watch", sdk::node(rig)?)
}

pub(super) fn after_a_refusal_it_does_not_ask_sts_again_until_it_is_started_anew(rig: &Rig) -> Outcome {
    sdk::started_before_its_role(rig, "rrsa-node-early", sdk::node(rig)?, false)
}
