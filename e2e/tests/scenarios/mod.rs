//! The scenarios, each file one promise, each function one sentence of it.

mod audiences;
mod audit;
mod crd;
mod documented_pages;
mod many_mappings;
mod mapping_changes;
mod other_credentials;
mod rbac;
mod refusals;
mod secrecy;
mod sts_outage;
mod webhook_versions;
mod whoami;

use std::time::Duration;

use crate::Outcome;
use e2e::rig::Rig;

/// How long what happens "at once" may take on a loaded machine before a test gives up.
const SOON: Duration = Duration::from_secs(30);

/// Lets the second end. Two logins within one second make the same token (its date is all that
/// tells tokens of one access key apart), and the API server remembers a token for ten seconds.
fn next_second() {
    std::thread::sleep(Duration::from_millis(1100));
}

/// A scenario and its name.
type Scenario = (&'static str, fn(&Rig) -> Outcome);

/// Names each function by its path, `module::sentence`.
macro_rules! scenarios {
    ($($module:ident::$function:ident),* $(,)?) => {
        vec![$((concat!(stringify!($module), "::", stringify!($function)), $module::$function)),*]
    };
}

/// All of them, in the order in which they run.
pub(crate) fn all() -> Vec<Scenario> {
    scenarios![
        whoami::a_ram_user_is_who_the_mapping_says,
        whoami::an_assumed_role_keeps_its_session_name,
        whoami::the_account_itself_can_be_mapped,
        whoami::a_user_of_the_config_file_needs_no_resource,
        whoami::a_kubeconfig_of_either_exec_version_lets_in,
        crd::the_server_makes_the_crd_and_leaves_one_that_is_there_as_it_is,
        rbac::what_rbac_allows_works_and_what_it_does_not_is_forbidden_under_the_mapped_name,
        mapping_changes::a_mapping_counts_changes_and_ends_at_once,
        mapping_changes::a_pattern_matches_whole_names_only,
        mapping_changes::mappings_count_from_the_first_second_after_a_restart,
        many_mappings::a_thousand_mappings_applied_together_all_count,
        refusals::an_unmapped_user_is_refused_and_the_log_names_the_arn,
        refusals::a_wrong_secret_is_refused_and_the_log_has_the_code_of_sts,
        refusals::a_token_for_another_cluster_is_refused_without_asking_sts,
        refusals::an_expired_token_is_refused_without_asking_sts,
        refusals::garbage_is_refused_without_asking_sts,
        sts_outage::kubectl_waits_while_sts_is_down_for_five_seconds_and_gets_in,
        audit::the_audit_log_of_a_later_request_names_the_session,
        audiences::a_token_is_good_for_the_api_server_and_for_no_other_audience,
        webhook_versions::an_api_server_that_asks_in_v1beta1_is_answered,
        webhook_versions::a_v1_url_token_is_accepted,
        webhook_versions::with_the_default_cache_a_token_outlives_its_mapping_and_a_new_one_does_not,
        other_credentials::certificates_and_service_account_tokens_work_with_the_webhook_on_and_down,
        documented_pages::steps_4_to_6_do_what_they_say,
        secrecy::no_log_of_the_whole_run_holds_a_token_or_a_secret,
    ]
}
