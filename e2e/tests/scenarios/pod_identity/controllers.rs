//! Pods that kube-controller-manager makes: their requests have neither a name nor, in the object, a namespace, and nobody
//! reads their warnings.

use e2e::controller_manager::ControllerManager;
use e2e::pod_identity::{self, service_account};
use serde_json::{Value, json};

use super::*;

const SPACE: &str = "controllers";

fn template(account: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": account}},
        "spec": {
            "serviceAccountName": account,
            "restartPolicy": "Always",
            "containers": [{"name": "app", "image": "app"}],
        },
    })
}

/// A controller of a kind, called as its service account is.
fn controller(kind: &str, account: &str, spec: Value) -> Value {
    let group = if kind.ends_with("Job") { "batch" } else { "apps" };
    json!({
        "apiVersion": format!("{group}/v1"),
        "kind": kind,
        "metadata": {"name": account, "namespace": SPACE},
        "spec": spec,
    })
}

pub(super) fn pods_that_controllers_make_get_their_role_or_an_event_says_why_not(rig: &Rig) -> Outcome {
    rig.pod_identity()?;
    let _manager = ControllerManager::start(rig)?;
    let selector = |name: &str| json!({"matchLabels": {"app": name}});
    let once = |name: &str| {
        let mut template = template(name);
        template["spec"]["restartPolicy"] = json!("Never");
        template
    };
    let replicated =
        |name: &str| json!({"replicas": 3, "selector": selector(name), "template": template(name)});
    let good = ["deployment", "stateful", "job", "cron"];
    let mut objects = vec![pod_identity::namespace(SPACE)];
    objects.extend(good.map(|name| service_account(SPACE, name, &[("role-name", "ok")])));
    objects.push(service_account(SPACE, "bad", &[("role-name", "no/role")]));
    objects.push(controller("Deployment", "deployment", replicated("deployment")));
    let mut stateful = replicated("stateful");
    stateful["podManagementPolicy"] = json!("Parallel");
    stateful["serviceName"] = json!("stateful");
    objects.push(controller("StatefulSet", "stateful", stateful));
    objects.push(controller(
        "Job",
        "job",
        json!({"parallelism": 2, "completions": 2, "template": once("job")}),
    ));
    // Its time never comes: somebody starts it by hand.
    let cron = json!({"schedule": "0 0 30 2 *", "jobTemplate": {"spec": {"template": once("cron")}}});
    objects.push(controller("CronJob", "cron", cron));
    objects.push(controller("Deployment", "bad", replicated("bad")));
    let _applied = rig.apply_all(&objects)?;
    let _started = rig.removed_later(&format!("job/cron-by-hand --namespace={SPACE}"));
    rig.admin().ok(&["create", "job", "cron-by-hand", "--from=cronjob/cron", "--namespace", SPACE])?;

    for (name, wanted) in [("deployment", 3), ("stateful", 3), ("job", 2), ("cron", 1), ("bad", 3)] {
        let mut pods = Vec::new();
        eventually(&format!("{wanted} pods of {name}"), || {
            pods = list(rig, "pods", name)?["items"].as_array().unwrap().clone();
            Ok(pods.len() == wanted)
        })?;
        let containers = if name == "bad" { &[][..] } else { &["app"] };
        for pod in pods {
            assert_eq!(injected_containers(&pod), containers, "{pod}");
            assert_eq!(pod_identity::is_injected(&pod), name != "bad", "{pod}");
        }
    }
    let owner = list(rig, "replicasets", "bad")?["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    let ours = || -> Result<Vec<Value>, e2e::Error> {
        let all = events(rig, SPACE, &owner)?;
        Ok(all.into_iter().filter(|event| event["reason"] == "PodIdentityNotInjected").collect())
    };
    eventually("an Event that says why not", || Ok(!ours()?.is_empty()))?;
    // One, of three pods; about the ReplicaSet, which is where `kubectl describe` is asked.
    let [event] = &ours()?[..] else { panic!("{:#?}", ours()) };
    assert_eq!((&event["type"], &event["regarding"]["kind"]), (&json!("Warning"), &json!("ReplicaSet")));
    let note = event["note"].as_str().unwrap();
    for text in ["role-name \"no/role\"", "service account \"bad\""] {
        assert!(note.contains(text), "{note}");
    }
    let described = rig.admin().ok(&["describe", "replicaset", &owner, "--namespace", SPACE])?;
    assert!(described.contains("PodIdentityNotInjected"), "{described}");
    Ok(())
}

fn list(rig: &Rig, kind: &str, app: &str) -> Result<Value, e2e::Error> {
    let selector = format!("--selector=app={app}");
    let printed = rig.admin().ok(&["get", kind, &selector, "--namespace", SPACE, "-o", "json"])?;
    serde_json::from_str(&printed).map_err(e2e::Error::answer(format!("reading {kind}")))
}
