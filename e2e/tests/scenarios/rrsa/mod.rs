//! RRSA end to end: a pod's own RAM role, on the real control plane, with other people's clients.

mod bad_input;
mod diagnosis;
mod issuers;
mod page;
mod rotation;
mod sdk;
mod sdk_errors;
mod sdk_go;
mod sdk_issuer;
mod sdk_java;
mod sdk_node;
mod sdk_python;
mod sdk_session;
mod sdk_trust;
mod self_managed;
mod stand;
mod trust;
mod walk_through_best_practice;
mod walk_through_rrsa;

use e2e::rig::Rig;

use super::{Outcome, SOON, Scenario};

/// Names each function by its path, `rrsa::module::sentence`.
macro_rules! scenarios {
    ($($module:ident::$function:ident),* $(,)?) => {
        vec![$((
            concat!("rrsa::", stringify!($module), "::", stringify!($function)),
            $module::$function,
        )),*]
    };
}

/// In the order in which they begin.
pub(super) fn all() -> Vec<Scenario> {
    scenarios![
        // The longest first.
        diagnosis::issuer_keys_audience_and_provider_are_each_named_and_mended_as_it_says,
        diagnosis::a_trust_policy_that_refuses_is_named_and_mended_as_it_says,
        diagnosis::webhook_service_account_and_pod_are_each_named_and_mended_as_it_says,
        sdk_python::in_an_injected_pod_it_is_the_role_of_the_service_account,
        sdk_python::with_three_variables_it_asks_the_sts_of_no_region,
        sdk_python::a_token_file_that_is_replaced_is_read_again,
        sdk_python::after_a_refusal_it_asks_sts_again,
        sdk_node::in_an_injected_pod_it_is_the_role_of_the_service_account,
        sdk_node::with_three_variables_it_asks_the_sts_of_no_region,
        sdk_node::a_token_file_that_is_replaced_is_read_again,
        sdk_node::after_a_refusal_it_does_not_ask_sts_again_until_it_is_started_anew,
        sdk_go::in_an_injected_pod_it_is_the_role_of_the_service_account,
        sdk_go::with_three_variables_it_asks_the_sts_of_no_region,
        sdk_go::a_token_file_that_is_replaced_is_read_again,
        sdk_go::after_a_refusal_it_does_not_ask_sts_again_until_it_is_started_anew,
        sdk_go::the_demo_lists_clusters_until_its_roles_policy_is_detached_and_again_after,
        sdk_java::in_an_injected_pod_it_is_the_role_of_the_service_account,
        sdk_java::with_three_variables_it_asks_the_sts_of_no_region,
        sdk_java::a_token_file_that_is_replaced_is_read_again,
        sdk_java::after_a_refusal_it_asks_again_and_gets_the_role_once_that_is_there,
        sdk_session::a_variable_of_the_container_names_the_session_but_for_go,
        sdk_issuer::with_keys_that_sts_fetches_every_sdk_is_the_role_and_names_what_is_wrong_with_the_issuer,
        sdk_errors::what_is_wrong_with_a_token_is_told_by_its_code,
        sdk_errors::what_is_wrong_with_provider_or_role_is_told_by_its_code,
        sdk_errors::an_account_that_assumes_roles_too_often_is_throttled_and_told_so,
        sdk_trust::another_service_account_namespace_audience_or_issuer_is_refused_to_the_sdk,
        sdk_trust::a_pod_that_is_not_injected_gets_no_role,
        issuers::the_first_issuer_signs_and_tokens_of_every_issuer_are_good,
        issuers::api_audiences_are_the_issuers_unless_they_are_set,
        issuers::tokens_are_capped_where_the_flag_says_so_but_those_for_the_api_server_itself,
        issuers::every_key_file_is_published_and_the_signing_key_only_if_it_is_among_them,
        issuers::an_issuer_that_is_no_https_url_has_no_discovery_document,
        trust::another_service_account_namespace_audience_or_issuer_is_refused,
        trust::a_star_counts_in_string_like_and_nowhere_else,
        trust::a_deny_wins_over_every_allow,
        trust::what_a_role_may_do_is_what_its_policies_say_at_that_moment,
        trust::tokens_of_a_deleted_role_die_and_a_new_role_of_that_name_does_not_revive_them,
        rotation::in_the_documented_order_tokens_of_both_keys_pass_until_the_old_one_is_dropped,
        rotation::a_key_that_signs_before_it_is_published_locks_pods_out_until_it_is,
        walk_through_rrsa::the_page_from_enabling_rrsa_to_a_pod_that_lists_clusters,
        walk_through_rrsa::the_page_without_the_webhook_and_with_the_tool_for_the_role,
        walk_through_best_practice::the_page_from_enabling_rrsa_to_temporary_credentials_and_their_end,
        walk_through_best_practice::a_user_who_may_not_assume_roles_is_told_so_until_he_may,
        self_managed::from_an_issuer_that_nobody_can_read_to_a_pod_with_a_role,
        self_managed::what_the_tool_serves_is_what_it_would_have_published,
        bad_input::a_cluster_that_is_not_there_is_named_and_nothing_is_changed,
        bad_input::what_a_trust_policy_says_for_others_stays_to_the_letter,
        bad_input::a_role_that_is_not_there_is_made_only_where_that_is_asked_for,
        bad_input::whoever_lacks_a_right_is_told_which_and_with_it_the_same_command_goes_on,
        bad_input::an_expired_or_foreign_token_gets_nothing_and_the_line_says_what_is_wrong_with_it,
        bad_input::an_issuer_that_another_provider_has_or_that_ends_with_a_slash_is_refused,
        bad_input::a_task_that_fails_leaves_the_cluster_as_it_was_and_the_same_command_finishes,
    ]
}
