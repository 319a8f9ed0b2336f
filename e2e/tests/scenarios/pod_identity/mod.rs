//! `ack-pod-identity-webhook`, installed from its manifests on a real control plane.

mod admission;
mod annotations;
mod cert_manager;
mod certificates;
mod controllers;
mod demo;
mod documented;
mod explain;
mod manifests;
mod newer;
mod outage;
mod rights;
mod seen;
mod tokens;
mod upgrade;

use std::time::Instant;

use e2e::process::Output;
use e2e::rig::Rig;
use serde_json::Value;

use super::{Outcome, SOON, Scenario};

/// Names each function by its path, `pod_identity::module::sentence`.
macro_rules! scenarios {
    ($($module:ident::$function:ident),* $(,)?) => {
        vec![$((
            concat!("pod_identity::", stringify!($module), "::", stringify!($function)),
            $module::$function,
        )),*]
    };
}

/// In the order in which they begin. Those of one installation (`rig.pod_identity()`) are neighbours; the others take it
/// away first (`rig.without_pod_identity()`).
pub(super) fn all() -> Vec<Scenario> {
    scenarios![
        demo::the_documented_manifests_give_the_documented_pod_with_three_variables_or_six,
        documented::the_readers_own_folder_is_one_that_kubectl_takes,
        documented::the_demo_of_the_page_shows_what_the_page_shows,
        documented::the_command_that_looks_for_events_is_one_that_kubectl_takes,
        annotations::a_role_by_name_or_by_arn_counts_and_what_is_none_is_told,
        annotations::only_the_value_on_of_the_namespaces_label_counts,
        annotations::the_lowest_level_decides_how_long_a_token_lives,
        annotations::only_and_skip_choose_among_containers_and_init_containers,
        newer::a_pod_with_the_label_gets_its_role_whatever_its_namespace_says,
        newer::a_service_account_has_the_sts_endpoint_alone_where_the_variables_are_off,
        newer::override_env_of_pod_or_namespace_replaces_what_a_container_has,
        annotations::pods_in_one_apply_with_their_namespace_and_service_account_all_get_their_role,
        annotations::a_pod_made_milliseconds_after_its_service_account_gets_its_role,
        admission::a_dry_run_shows_the_injected_pod_and_leaves_no_event,
        admission::a_sidecar_that_a_later_webhook_adds_gets_the_role_too,
        admission::fields_that_are_newer_than_the_webhook_survive,
        admission::what_is_in_the_way_is_told_and_the_pod_stays_as_it_was,
        admission::with_on_fault_deny_such_a_pod_is_refused_with_the_reason,
        admission::with_client_authorities_api_servers_are_answered_and_nobody_else,
        admission::no_pod_is_refused_or_taken_that_would_not_be_so_without_the_webhook,
        admission::a_pod_without_the_api_servers_token_gets_its_role,
        admission::a_container_added_later_for_debugging_changes_nothing,
        admission::what_is_no_review_gets_an_error_and_the_next_pod_its_role,
        controllers::pods_that_controllers_make_get_their_role_or_an_event_says_why_not,
        explain::what_explain_says_is_what_the_api_server_makes,
        tokens::a_token_of_an_injected_pods_volume_is_good_at_sts_for_as_long_as_asked,
        rights::the_webhook_may_do_what_it_must_and_no_more,
        rights::who_has_the_webhooks_token_can_change_its_configuration_in_nothing_but_the_bundle,
        outage::pods_of_other_namespaces_and_mirror_pods_cost_no_call,
        manifests::every_overlay_is_accepted_and_its_pods_are_admitted_where_only_restricted_ones_are,
        manifests::no_folder_of_the_manifests_is_left_out,
        outage::fail_open_pods_are_made_without_a_role_while_the_webhook_is_down,
        outage::fail_closed_pods_of_labelled_namespaces_are_refused_and_no_others,
        newer::fail_closed_pods_with_the_label_are_refused_but_where_that_would_block_the_cluster,
        upgrade::two_upgrades_on_one_port_under_a_stream_of_pods_lose_none,
        upgrade::a_rolling_update_behind_the_service_under_a_stream_of_pods_loses_none,
        certificates::an_empty_secret_becomes_a_trusted_certificate_and_only_the_webhook_owns_the_bundle,
        certificates::leaves_and_authorities_change_under_a_stream_of_pods_without_one_failure,
        certificates::when_the_holder_is_killed_between_two_authorities_the_other_replica_finishes,
        certificates::applying_again_as_an_administrator_or_a_gitops_tool_leaves_the_bundle,
        certificates::a_bundle_that_somebody_takes_away_comes_back,
        certificates::a_secret_that_somebody_empties_or_spoils_is_made_good_under_a_stream_of_pods,
        cert_manager::certificates_are_served_and_renewed_under_a_stream_of_pods_without_one_failure,
        cert_manager::without_a_bundle_it_is_not_ready_and_says_why,
    ]
}

/// A pod as the API server keeps it, and what kubectl's user was told.
struct Made {
    pod: Value,
    warnings: Vec<String>,
}

/// `kubectl create` of a pod, which is deleted at once.
fn create(rig: &Rig, pod: &Value) -> Result<Made, e2e::Error> {
    let made = create_and_keep(rig, pod)?;
    let name = made.pod["metadata"]["name"].as_str().unwrap_or_default();
    let namespace = made.pod["metadata"]["namespace"].as_str().unwrap_or_default();
    rig.admin().ok(&["delete", "pod", name, "--namespace", namespace, "--wait=false"])?;
    Ok(made)
}

/// The same, for a namespace that is the scenario's own.
fn create_and_keep(rig: &Rig, pod: &Value) -> Result<Made, e2e::Error> {
    let output = kubectl_create(rig, pod, &[])?;
    let warnings = warnings(&output);
    let printed = output.success()?;
    let pod = serde_json::from_str(&printed).map_err(e2e::Error::answer("reading a pod"))?;
    Ok(Made { pod, warnings })
}

fn kubectl_create(rig: &Rig, object: &Value, more: &[&str]) -> Result<Output, e2e::Error> {
    let file = rig.run().file("create.json", &object.to_string())?;
    let command = ["create", "-o", "json", "-f", &file.to_string_lossy()];
    rig.admin().run(&[&command[..], more].concat())
}

/// What kubectl prints of the warnings of an answer.
fn warnings(output: &Output) -> Vec<String> {
    output.stderr.lines().filter_map(|line| line.strip_prefix("Warning: ")).map(str::to_owned).collect()
}

fn get(rig: &Rig, namespace: &str, what: &str) -> Result<Value, e2e::Error> {
    let printed = rig.admin().ok(&["get", what, "--namespace", namespace, "-o", "json"])?;
    serde_json::from_str(&printed).map_err(e2e::Error::answer(format!("reading {what}")))
}

/// The literal value of a variable of a container.
fn variable(container: &Value, name: &str) -> Option<String> {
    let variables = container["env"].as_array()?;
    let found = variables.iter().find(|variable| variable["name"] == name)?;
    found["value"].as_str().map(str::to_owned)
}

/// Names of the containers that have both the role and the token, init containers first.
fn injected_containers(pod: &Value) -> Vec<String> {
    let spec = &pod["spec"];
    let all = ["initContainers", "containers"].iter().filter_map(|list| spec[list].as_array()).flatten();
    let has_both = |container: &&Value| {
        let mounts = container["volumeMounts"].as_array().map_or(&[][..], Vec::as_slice);
        let is_mounted = mounts.iter().filter(|mount| mount["name"] == e2e::pod_identity::VOLUME).count();
        let has_role = variable(container, "ALIBABA_CLOUD_ROLE_ARN").is_some();
        assert_eq!(has_role, is_mounted == 1, "only half of it: {container}");
        has_role
    };
    all.filter(has_both).map(|container| container["name"].as_str().unwrap().to_owned()).collect()
}

/// Waits for what becomes true "at once".
fn eventually(what: &str, mut is_true: impl FnMut() -> Result<bool, Box<dyn std::error::Error>>) -> Outcome {
    let start = Instant::now();
    while !is_true().map_err(|error| format!("{what}: {error}"))? {
        if start.elapsed() > SOON {
            return Err(format!("waited in vain for this: {what}").into());
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    Ok(())
}

/// The Events about an object, newest API.
fn events(rig: &Rig, namespace: &str, regarding: &str) -> Result<Vec<Value>, e2e::Error> {
    let selector = format!("--field-selector=regarding.name={regarding}");
    let command = ["get", "events.v1.events.k8s.io", "--namespace", namespace, &selector, "-o", "json"];
    let printed = rig.admin().ok(&command)?;
    let mut list: Value = serde_json::from_str(&printed).map_err(e2e::Error::answer("reading Events"))?;
    Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
}
