//! A pod that is there: whether it has what the SDKs read.

use signature::format_timestamp;

use super::super::facts::{AUDIENCE, Container, Facts, Pod, PodToken, ServiceAccount};
use super::super::finding::{Finding, Part};
use super::webhook::role_name;
use super::{provider, unread};

const PART: Part = Part::Pod;
const ANEW: &str = "make the pod anew (kubectl -n NAMESPACE rollout restart deployment NAME)";

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let (Some(read), Some(name)) = (&facts.pod, &facts.asked.pod) else { return Vec::new() };
    let name = format!("{}/{name}", facts.asked.namespace);
    let pod = match read {
        Err(why) => {
            let what = format!("the pod {name}");
            return vec![unread(PART, "exists", &what, why, "see that kubectl reaches the cluster")];
        }
        Ok(None) => {
            let text = format!("there is no pod {name}");
            return vec![Finding::broken(PART, "exists", text, "give another --pod, or -n")];
        }
        Ok(Some(pod)) => pod,
    };
    let mut findings = vec![service_account(facts, pod)];
    let (with, without): (Vec<_>, Vec<_>) =
        pod.containers.iter().partition(|container| is_injected(container));
    if with.is_empty() {
        findings.push(nothing(facts, pod));
        return findings;
    }
    findings.push(containers(&without, &with));
    findings.push(role(facts, pod, &with));
    findings.extend(named_provider(facts, &with));
    findings.extend(with.iter().filter_map(|container| token(facts, pod, container)));
    findings.extend(access_key(pod));
    findings
}

fn service_account(facts: &Facts, pod: &Pod) -> Finding {
    const CHECK: &str = "serviceAccount";
    let (has, wanted) = (&pod.service_account, &facts.asked.service_account);
    match has == wanted {
        true => Finding::ok(PART, CHECK, format!("it runs as the service account {has}")),
        false => Finding::broken(
            PART,
            CHECK,
            format!("it runs as the service account {has}, not {wanted}"),
            "set spec.serviceAccountName in what makes the pod, or give another -s",
        ),
    }
}

/// Whether it has all three variables.
fn is_injected(container: &Container) -> bool {
    container.role_arn.is_some() && container.provider_arn.is_some() && container.token_file.is_some()
}

/// When the service account's annotations were written after the pod was made.
fn older_than_annotation(facts: &Facts, pod: &Pod) -> Option<String> {
    let account: &ServiceAccount = facts.service_account.as_ref()?.as_ref().ok()?.as_ref()?;
    let (created, annotated) = (pod.created?, account.annotated?);
    (created < annotated).then(|| {
        format!(
            "it was made at {}, and the service account was annotated at {}",
            format_timestamp(created),
            format_timestamp(annotated)
        )
    })
}

fn nothing(facts: &Facts, pod: &Pod) -> Finding {
    let why = older_than_annotation(facts, pod).map(|why| format!(": {why}")).unwrap_or_default();
    Finding::broken(
        PART,
        "injected",
        format!(
            "none of its containers has ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN and ALIBABA_CLOUD_OIDC_TOKEN_FILE{why}"
        ),
        format!(
            "mend what is broken of webhook and service account, then {ANEW}: pods get it when they are made"
        ),
    )
}

fn containers(without: &[&Container], with: &[&Container]) -> Finding {
    const CHECK: &str = "injected";
    let names = |containers: &[&Container]| {
        containers.iter().map(|container| container.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    match without {
        [] => Finding::ok(PART, CHECK, format!("variables are in {}", names(with))),
        without => Finding::warning(
            PART,
            CHECK,
            format!("variables are in {}, and not in {}", names(with), names(without)),
            "if that is not meant, see the pod's annotations pod-identity.alibabacloud.com/skip-containers and only-containers, and what is mounted at the token's path",
        ),
    }
}

/// The role that the pod should have: the one that was asked about, else the service account's.
fn wanted_role(facts: &Facts) -> Option<String> {
    let account = facts.service_account.as_ref().and_then(|read| read.as_ref().ok()).and_then(Option::as_ref);
    let annotated =
        account.and_then(|account| account.role_arn.clone().or_else(|| account.role_name.clone()));
    facts.asked.role.clone().or(annotated)
}

fn role(facts: &Facts, pod: &Pod, with: &[&Container]) -> Finding {
    const CHECK: &str = "role";
    let has = with.iter().filter_map(|container| container.role_arn.as_deref());
    let wanted = wanted_role(facts);
    let arn =
        facts.role.as_ref().and_then(|read| read.as_ref().ok()).and_then(Option::as_ref).map(|r| &r.arn);
    let fits = |arn_of_pod: &str| match (arn, &wanted) {
        (Some(arn), _) => arn.eq_ignore_ascii_case(arn_of_pod),
        (None, Some(wanted)) => role_name(wanted).eq_ignore_ascii_case(role_name(arn_of_pod)),
        (None, None) => true,
    };
    let mut roles: Vec<&str> = has.collect();
    roles.dedup();
    match roles.iter().find(|role| !fits(role)) {
        None => Finding::ok(PART, CHECK, format!("its role is {}", roles.join(", "))),
        Some(other) => {
            let wanted = arn.cloned().or(wanted).unwrap_or_default();
            let why = older_than_annotation(facts, pod).map(|why| format!(": {why}")).unwrap_or_default();
            Finding::broken(
                PART,
                CHECK,
                format!("its role is {other}, not {wanted}{why}"),
                format!("annotate the service account with the right role, if it is not, then {ANEW}"),
            )
        }
    }
}

fn named_provider(facts: &Facts, with: &[&Container]) -> Option<Finding> {
    const CHECK: &str = "provider";
    let provider = provider(facts)?;
    let other = with
        .iter()
        .filter_map(|container| container.provider_arn.as_deref())
        .find(|arn| !arn.eq_ignore_ascii_case(&provider.arn));
    Some(match other {
        None => Finding::ok(PART, CHECK, "its provider is this one"),
        Some(other) => Finding::broken(
            PART,
            CHECK,
            format!("its provider is {other}, not {}", provider.arn),
            format!("correct the webhook's configuration, if it is wrong, then {ANEW}"),
        ),
    })
}

/// What is wrong with the file that a container reads.
fn token(facts: &Facts, pod: &Pod, container: &Container) -> Option<Finding> {
    const CHECK: &str = "token";
    let (name, file) = (&container.name, container.token_file.as_deref()?);
    let at = |mount: &str, token: &PodToken| format!("{}/{}", mount.trim_end_matches('/'), token.path);
    let found = container.mounts.iter().find_map(|(volume, mount)| {
        pod.tokens.iter().find(|token| token.volume == *volume && at(mount, token) == file)
    });
    let Some(token) = found else {
        return Some(Finding::broken(
            PART,
            CHECK,
            format!("the container {name} reads {file}, and no projected token is mounted there"),
            format!("take what is mounted there away, then {ANEW}"),
        ));
    };
    // The one that it should be is the provider's to have: there it is said.
    let is_taken = token.audience == AUDIENCE
        || provider(facts).is_some_and(|provider| provider.client_ids.contains(&token.audience));
    (!is_taken).then(|| {
        Finding::broken(
            PART,
            CHECK,
            format!(
                "the token of the container {name} is for {}, which is no client id of the provider",
                token.audience
            ),
            format!("give the volume {} the audience {AUDIENCE}", token.volume),
        )
    })
}

fn access_key(pod: &Pod) -> Option<Finding> {
    let container = pod.containers.iter().find(|container| container.has_access_key)?;
    Some(Finding::warning(
        PART,
        "accessKey",
        format!(
            "the container {} has ALIBABA_CLOUD_ACCESS_KEY_ID, which the SDKs read before the role",
            container.name
        ),
        "take it out of what makes the pod",
    ))
}
