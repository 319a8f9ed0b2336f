//! ack-pod-identity-webhook, and what it goes by.

use super::super::facts::{AUDIENCE, Deployment, Facts, Pod, ServiceAccount, Settings, Webhook};
use super::super::finding::{Finding, Part};
use super::{provider, unread};

const HOOK: Part = Part::Webhook;
const ACCOUNT: Part = Part::ServiceAccount;
const LABEL: &str = "pod-identity.alibabacloud.com/injection";
const ROLE_NAME: &str = "pod-identity.alibabacloud.com/role-name";

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "configuration";
    let webhook = match &facts.webhook {
        None => return Vec::new(),
        Some(Err(why)) => {
            let what = "the MutatingWebhookConfiguration ack-pod-identity-webhook";
            return vec![unread(HOOK, CHECK, what, why, "see that kubectl reaches the cluster")];
        }
        Some(Ok(None)) => {
            let install = match facts.asked.self_managed {
                true => {
                    "install it (manifests/pod-identity), or write variables and volume into the pods yourself"
                }
                false => {
                    "`ack-ram-tool rrsa install-helper-addon`, or write variables and volume into the pods yourself"
                }
            };
            let text =
                "ack-pod-identity-webhook is not installed: pods get nothing but what their manifests have";
            return vec![match is_by_hand(facts) {
                true => Finding::warning(HOOK, CHECK, text, install),
                false => Finding::broken(HOOK, CHECK, text, install),
            }];
        }
        Some(Ok(Some(webhook))) => webhook,
    };
    let mut findings = vec![ca_bundle(webhook)];
    findings.extend(failure_policy(webhook));
    findings.extend(deployment(facts, webhook));
    findings
}

fn ca_bundle(webhook: &Webhook) -> Finding {
    const CHECK: &str = "caBundle";
    let without: Vec<&str> =
        webhook.entries.iter().filter(|e| !e.has_ca_bundle).map(|e| e.name.as_str()).collect();
    match without.as_slice() {
        _ if webhook.entries.is_empty() => Finding::broken(
            HOOK,
            CHECK,
            "the MutatingWebhookConfiguration has no entry: the API server asks it about no pod",
            "apply the folder of manifests that it was installed from again",
        ),
        [] => Finding::ok(HOOK, CHECK, "it is there, and has a caBundle"),
        without => Finding::broken(
            HOOK,
            CHECK,
            format!(
                "{} has no caBundle: the API server does not trust the webhook, and asks it in vain",
                without.join(", ")
            ),
            "a ready replica writes it within seconds (with cert-manager, its cainjector): see the webhook's log",
        ),
    }
}

fn failure_policy(webhook: &Webhook) -> Option<Finding> {
    const CHECK: &str = "failurePolicy";
    let entry = webhook.entries.first()?;
    Some(match entry.failure_policy.as_str() {
        "Fail" => Finding::ok(HOOK, CHECK, "while it cannot be asked, pods are refused (failurePolicy Fail)"),
        _ => Finding::ok(
            HOOK,
            CHECK,
            "while it cannot be asked, pods are made without a role (failurePolicy Ignore)",
        ),
    })
}

fn deployment(facts: &Facts, webhook: &Webhook) -> Vec<Finding> {
    const CHECK: &str = "deployment";
    let see = "kubectl describe it, and see the log of its pods";
    let deployment = match &webhook.deployment {
        None => return Vec::new(),
        Some(Err(why)) => return vec![unread(HOOK, CHECK, "the webhook's Deployment", why, see)],
        Some(Ok(None)) => {
            let text = "the webhook's Deployment is not there: nobody answers the API server";
            let mend = "apply the folder of manifests that it was installed from again";
            return vec![Finding::broken(HOOK, CHECK, text, mend)];
        }
        Some(Ok(Some(deployment))) => deployment,
    };
    let Deployment { name, ready, wanted, settings } = deployment;
    let text = format!("{ready} of {wanted} replicas of the Deployment {name} are ready");
    let mut findings = vec![match (ready, wanted) {
        (0, _) => Finding::broken(HOOK, CHECK, text, see),
        (ready, wanted) if ready < wanted => Finding::warning(HOOK, CHECK, text, see),
        _ => Finding::ok(HOOK, CHECK, text),
    }];
    match settings {
        Err(why) => {
            findings.push(unread(
                HOOK,
                "settings",
                "the webhook's configuration file",
                why,
                "see that it is there",
            ));
        }
        Ok(settings) => findings.extend(self::settings(facts, settings)),
    }
    findings
}

/// Which provider it names to pods, and for whom the tokens are.
fn settings(facts: &Facts, settings: &Settings) -> Vec<Finding> {
    const CHECK: &str = "settings";
    let named = match (&settings.provider_arn, &settings.account_id, &settings.cluster_id) {
        (Some(arn), _, _) => arn.clone(),
        (None, Some(account), Some(cluster)) => {
            format!("acs:ram::{account}:oidc-provider/ack-rrsa-{cluster}")
        }
        _ => {
            let text = "its cluster and account are seen neither in its flags nor in its configuration file";
            let mend = "look at what pods get (--pod)";
            return vec![Finding::not_known(HOOK, CHECK, text, mend)];
        }
    };
    let mut findings = Vec::new();
    if let Some(provider) = provider(facts) {
        findings.push(match named.eq_ignore_ascii_case(&provider.arn) {
            true => Finding::ok(HOOK, CHECK, "it gives pods this provider"),
            false => Finding::broken(
                HOOK,
                CHECK,
                format!("it gives pods the provider {named}, and this one is {}", provider.arn),
                "correct clusterID and accountID (or oidcProviderARN) in its configuration, then make the pods anew",
            ),
        });
        let audience = settings.audience.as_deref().unwrap_or(AUDIENCE);
        // The one that it should be is the provider's to have: there it is said.
        if audience != AUDIENCE && !provider.client_ids.iter().any(|id| id == audience) {
            findings.push(Finding::broken(
                HOOK,
                "audience",
                format!("it gives pods tokens for {audience}, which is no client id of the provider"),
                format!("set its audience to {AUDIENCE}, or add {audience} to the provider's client ids"),
            ));
        }
    }
    findings
}

fn pod(facts: &Facts) -> Option<&Pod> {
    facts.pod.as_ref()?.as_ref().ok()?.as_ref()
}

/// Who writes variables and volume into his manifests needs no webhook, and nothing that it goes by.
fn is_by_hand(facts: &Facts) -> bool {
    matches!(facts.webhook, Some(Ok(None)))
        && pod(facts).is_some_and(|pod| pod.containers.iter().any(|c| c.token_file.is_some()))
}

/// Namespace and service account, by which the webhook knows what a pod gets.
pub(super) fn service_account(facts: &Facts) -> Vec<Finding> {
    let namespace = &facts.asked.namespace;
    let mut findings = Vec::new();
    match &facts.namespace {
        None => {}
        Some(Err(why)) => {
            let what = format!("the namespace {namespace}");
            findings.push(unread(ACCOUNT, "namespace", &what, why, "see that kubectl reaches the cluster"));
        }
        Some(Ok(None)) => findings.push(Finding::broken(
            ACCOUNT,
            "namespace",
            format!("there is no namespace {namespace}"),
            "give another -n",
        )),
        Some(Ok(Some(found))) => findings.push(label(facts, found.injection.as_deref())),
    }
    let name = &facts.asked.service_account;
    match &facts.service_account {
        None => {}
        Some(Err(why)) => {
            let what = format!("the service account {namespace}/{name}");
            findings.push(unread(ACCOUNT, "exists", &what, why, "see that kubectl reaches the cluster"));
        }
        Some(Ok(None)) => findings.push(Finding::broken(
            ACCOUNT,
            "exists",
            format!("there is no service account {namespace}/{name}"),
            format!("kubectl -n {namespace} create serviceaccount {name}"),
        )),
        Some(Ok(Some(found))) => findings.push(annotation(facts, found)),
    }
    findings
}

fn label(facts: &Facts, value: Option<&str>) -> Finding {
    const CHECK: &str = "namespace";
    let namespace = &facts.asked.namespace;
    if value == Some("on") {
        return Finding::ok(ACCOUNT, CHECK, format!("the namespace {namespace} has the label {LABEL}=on"));
    }
    let has = value.map_or_else(
        || "no label".to_owned(),
        |value| format!("the label {LABEL}={value}, not on, and so none"),
    );
    let mend = format!("kubectl label namespace {namespace} {LABEL}=on --overwrite, then make the pods anew");
    if pod(facts).is_some_and(|pod| pod.injection.as_deref() == Some("on")) {
        let text = format!("the namespace {namespace} has {has}; the pod has its own");
        return Finding::ok(ACCOUNT, CHECK, text);
    }
    if is_by_hand(facts) {
        let text = format!("the namespace {namespace} has {has} for injection, which the pod does without");
        return Finding::ok(ACCOUNT, CHECK, text);
    }
    let text = format!(
        "the namespace {namespace} has {has} for injection: its pods get nothing, but for those with the label {LABEL}=on themselves"
    );
    Finding::broken(ACCOUNT, CHECK, text, mend)
}

fn annotation(facts: &Facts, found: &ServiceAccount) -> Finding {
    const CHECK: &str = "role";
    let (namespace, name) = (&facts.asked.namespace, &facts.asked.service_account);
    let wanted = facts.asked.role.as_deref();
    let annotate = |role: &str| {
        format!(
            "kubectl -n {namespace} annotate serviceaccount {name} {ROLE_NAME}={role} --overwrite, then make the pods anew"
        )
    };
    let Some(has) = found.role_name.as_deref().or(found.role_arn.as_deref()) else {
        if is_by_hand(facts) {
            let text = format!(
                "the service account {namespace}/{name} has no annotation {ROLE_NAME}, which the pod does without"
            );
            return Finding::ok(ACCOUNT, CHECK, text);
        }
        return Finding::broken(
            ACCOUNT,
            CHECK,
            format!(
                "the service account {namespace}/{name} has no annotation {ROLE_NAME}: its pods get no role"
            ),
            annotate(wanted.unwrap_or("ROLE")),
        );
    };
    // The ARN counts where both are there.
    let has = found.role_arn.as_deref().unwrap_or(has);
    let fits = wanted.is_none_or(|wanted| role_name(has).eq_ignore_ascii_case(wanted));
    match (fits, wanted) {
        (false, Some(wanted)) => Finding::broken(
            ACCOUNT,
            CHECK,
            format!("the service account {namespace}/{name} names the role {has}, not {wanted}"),
            annotate(wanted),
        ),
        _ => Finding::ok(
            ACCOUNT,
            CHECK,
            format!("the service account {namespace}/{name} names the role {has}"),
        ),
    }
}

/// The name of `acs:ram::ACCOUNT:role/NAME`; a name is one itself.
pub(super) fn role_name(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}
