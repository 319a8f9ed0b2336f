//! The official SDK for Java, unmodified, in a pod of the webhook.

use e2e::rig::Rig;

use super::Outcome;
use super::sdk::{self, Sdk};

/// How a pod runs it.
pub(super) fn sdk(rig: &Rig) -> Result<Sdk, e2e::Error> {
    let program = e2e::sdk::java(rig)?;
    Ok(Sdk {
        name: "java",
        command: program.command,
        image: program.image,
        user_agent: &["AlibabaCloud", "Java/", "Credentials/"],
        session: "credentials-java-",
    })
}

pub(super) fn in_an_injected_pod_it_is_the_role_of_the_service_account(rig: &Rig) -> Outcome {
    sdk::is_the_role(rig, "rrsa-java", sdk(rig)?)
}

pub(super) fn with_three_variables_it_asks_the_sts_of_no_region(rig: &Rig) -> Outcome {
    sdk::asks_the_sts_of_no_region(rig, "rrsa-java-three", sdk(rig)?)
}

pub(super) fn a_token_file_that_is_replaced_is_read_again(rig: &Rig) -> Outcome {
    sdk::reads_a_replaced_token(rig, "rrsa-java-watch", sdk(rig)?)
}

/// Its default chain remembers only what has worked.
pub(super) fn after_a_refusal_it_asks_again_and_gets_the_role_once_that_is_there(rig: &Rig) -> Outcome {
    sdk::started_before_its_role(rig, "rrsa-java-early", sdk(rig)?, true)
}
