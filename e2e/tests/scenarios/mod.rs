//! The scenarios, each file one promise, each function one sentence of it.

mod admission_policy;
mod attacks;
mod audiences;
mod audit;
mod canary;
mod checks;
mod client_ca;
mod commands;
mod container_service;
mod crd;
mod crd_upgrade;
mod credentials;
mod documented_pages;
mod kubeconfigs;
mod manifests;
mod many_mappings;
mod mapping_changes;
mod oidc;
mod operator;
mod other_credentials;
mod pod_identity;
mod rbac;
mod rbac_scan;
mod refusals;
mod renewal;
mod rrsa;
mod secrecy;
mod stand;
mod sts_outage;
mod upgrade;
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

/// Those that read what all others have left behind: they run last, on every rig.
pub(crate) fn last() -> Vec<Scenario> {
    scenarios![secrecy::no_log_of_the_whole_run_holds_a_token_or_a_secret]
}

/// All others, in the order in which they begin.
pub(crate) fn all() -> Vec<Scenario> {
    let mut all: Vec<Scenario> = scenarios![
        // Waits for a minute: the others run meanwhile.
        kubeconfigs::a_user_who_is_deleted_is_out,
        whoami::a_ram_user_is_who_the_mapping_says,
        whoami::an_assumed_role_keeps_its_session_name,
        whoami::one_session_of_a_role_has_a_mapping_of_its_own,
        whoami::the_account_itself_can_be_mapped,
        whoami::a_user_of_the_config_file_needs_no_resource,
        whoami::a_kubeconfig_of_either_exec_version_lets_in,
        checks::explain_says_what_a_login_becomes,
        checks::lint_finds_in_a_cluster_what_never_counts,
        commands::add_maps_a_user_and_a_role_and_both_log_in,
        commands::add_asks_on_a_terminal_and_takes_no_for_an_answer,
        commands::doctor_finds_nothing_where_all_is_well,
        commands::doctor_names_each_fault_and_what_to_mend,
        commands::verify_says_who_signed_the_token_that_the_tool_makes,
        crd::the_server_makes_the_crd_and_leaves_one_that_is_there_as_it_is,
        crd_upgrade::objects_of_the_public_definition_stay_valid_and_editable_under_ours,
        crd_upgrade::doctor_says_what_to_mend_where_the_definition_is_missing_or_the_public_one,
        operator::every_reason_is_told_and_what_is_wrong_in_an_event_too,
        operator::a_status_is_written_once_and_never_before_serving,
        operator::the_first_id_is_recorded_and_another_one_under_the_same_name_is_told,
        operator::a_pattern_records_nobody_and_a_status_written_by_hand_lets_nobody_in,
        operator::without_rights_logins_go_on_and_the_log_names_the_right,
        operator::when_the_holder_of_the_lease_is_killed_another_takes_over_and_every_login_passes,
        kubeconfigs::with_a_certificate_of_ack_kubectl_is_the_ram_user,
        kubeconfigs::with_a_token_and_the_address_of_ack_kubectl_is_who_the_mapping_says,
        kubeconfigs::twenty_kubectls_at_once_make_one_login,
        kubeconfigs::merged_into_a_file_of_kubectl_both_clusters_work,
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
        sts_outage::kubectl_waits_while_sts_throttles_fails_breaks_off_or_answers_garbage,
        sts_outage::kubectl_waits_for_a_slow_sts,
        sts_outage::kubectl_is_refused_at_once_where_sts_refuses_and_gets_in_when_it_does_not,
        audit::the_audit_log_of_a_later_request_names_the_session,
        audiences::a_token_is_good_for_the_api_server_and_for_no_other_audience,
        webhook_versions::an_api_server_that_asks_in_v1beta1_is_answered,
        webhook_versions::a_v1_url_token_is_accepted,
        webhook_versions::with_the_default_cache_a_token_outlives_its_mapping_and_a_new_one_does_not,
        other_credentials::certificates_and_service_account_tokens_work_with_the_webhook_on_and_down,
        upgrade::three_upgrades_on_one_port_under_a_stream_of_new_logins_lose_none,
        upgrade::a_second_server_without_the_flag_does_not_take_the_port,
        renewal::a_self_made_certificate_is_renewed_and_logins_go_on,
        renewal::the_public_programs_pair_is_renewed_under_the_kubeconfig_that_pins_it,
        renewal::files_that_change_under_load_are_served_and_no_login_fails,
        client_ca::only_the_api_servers_certificate_opens_authenticate,
        documented_pages::steps_2_to_6_for_a_ram_user,
        documented_pages::steps_2_to_6_for_a_cloudsso_user,
        credentials::every_mode_of_the_aliyun_cli_says_who_it_is,
        credentials::every_place_of_the_environment_says_who_it_is,
        credentials::what_is_renewed_is_written_back_to_the_file_that_was_read,
        credentials::each_fault_has_its_own_line,
        credentials::the_role_of_an_instance_is_found_where_it_is_on_every_instance,
        oidc::a_service_account_is_the_role_that_trusts_it_and_kubectl_gets_in,
        oidc::another_service_account_audience_or_issuer_is_refused_and_the_line_says_why,
        oidc::started_by_kubectl_the_token_goes_to_sts_itself_or_loopback_only,
        container_service::cleaning_permissions_deletes_the_bindings_of_that_user_alone,
        rbac_scan::users_who_are_there_gone_and_robots_are_told_apart,
        rbac_scan::what_a_cleanup_took_away_comes_back_from_its_backup,
        rbac_scan::whoever_may_not_list_bindings_is_told_what_is_missing,
        admission_policy::whoever_may_only_write_mappings_cannot_become_anybody_else,
        admission_policy::whoever_may_impersonate_user_and_groups_may_map_to_them_and_no_further,
        admission_policy::a_team_may_map_its_own_people_with_the_role_of_the_page,
        admission_policy::cluster_admin_may_map_everybody_and_write_the_configmap,
        manifests::every_overlay_is_accepted_and_its_pods_are_admitted,
        manifests::whoever_runs_the_server_may_do_what_it_must_and_no_more,
        manifests::what_was_installed_goes_again,
        manifests::from_nothing_to_a_login_with_the_flags_and_the_rights_of_each_overlay,
        attacks::attack_c_a_mapping_that_is_no_mapping_lets_nobody_in,
        attacks::attack_d_no_session_reaches_system_masters_through_a_template,
        attacks::attack_j_a_pattern_ends_with_the_edit_that_takes_it_away,
        attacks::attack_m_the_kubeconfig_works_where_kubectl_may_run_this_one_plugin_alone,
        canary::no_secret_is_in_what_a_cluster_at_its_highest_verbosity_writes,
    ];
    all.extend(pod_identity::all());
    all.extend(rrsa::all());
    all
}

/// Writes a script that can be started.
fn write_program(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}
