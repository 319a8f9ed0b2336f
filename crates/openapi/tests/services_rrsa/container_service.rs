//! Container Service's part of RRSA, as the emulator has it.

use emulator::Cluster;
use openapi::cs::{TaskId, TaskState};

use crate::{ACCOUNT, Rig, code, keys, now};

fn cluster(id: &str) -> Cluster {
    Cluster::new(ACCOUNT, id)
}

#[tokio::test]
async fn rrsa_is_enabled_and_disabled_as_a_task() {
    let Rig { emulator, clients, root } = Rig::start().await;
    let cs = clients.cs;
    emulator.add_cluster(cluster("c1").issuer("https://new.example").issuer("https://old.example")).unwrap();
    let rrsa = async || cs.cluster("c1", &root, now()).await.unwrap().rrsa.unwrap();
    assert!(!rrsa().await.enabled);
    for enabled in [true, false] {
        let id = cs.set_rrsa("c1", enabled, &root, now()).await.unwrap();
        let task = cs.task(&id, &root, now()).await.unwrap();
        assert_eq!((task.state, task.error, task.cluster_id.as_str()), (TaskState::Running, None, "c1"));
        assert_eq!(cs.cluster("c1", &root, now()).await.unwrap().state, "updating");
        assert_eq!(code(cs.set_rrsa("c1", enabled, &root, now()).await), "ErrorClusterState");
        emulator.finish_tasks("c1");
        assert_eq!(cs.task(&id, &root, now()).await.unwrap().state, TaskState::Success);
        assert_eq!(cs.cluster("c1", &root, now()).await.unwrap().state, "running");
        let config = rrsa().await;
        assert_eq!(config.enabled, enabled);
        if enabled {
            assert_eq!(config.signing_issuer(), Some("https://new.example"));
            assert_eq!(config.issuers().count(), 2);
            assert_eq!(
                (config.audience.as_str(), config.oidc_name.as_str()),
                ("sts.aliyuncs.com", "ack-rrsa-c1")
            );
            assert_eq!(config.oidc_arn, format!("acs:ram::{ACCOUNT}:oidc-provider/ack-rrsa-c1"));
        }
        let provider = clients.ims.oidc_provider("ack-rrsa-c1", &root, now()).await.unwrap();
        assert_eq!(provider.map(|p| p.arn), enabled.then_some(config.oidc_arn));
    }
}

#[tokio::test]
async fn a_task_that_fails_says_why_and_the_newest_line_of_the_log_does_too() {
    let Rig { emulator, clients, root } = Rig::start().await;
    let cs = clients.cs;
    emulator.add_cluster(cluster("c1")).unwrap();
    emulator.fail_next_task("c1", "no room for the issuer");
    let id = cs.set_rrsa("c1", true, &root, now()).await.unwrap();
    emulator.finish_tasks("c1");
    let task = cs.task(&id, &root, now()).await.unwrap();
    assert_eq!(task.state, TaskState::Failed);
    assert_eq!(task.error.unwrap().message, "no room for the issuer");
    let log = cs.cluster_logs("c1", &root, now()).await.unwrap();
    let newest = log.iter().max_by_key(|line| line.id).unwrap();
    assert!(newest.cluster_log.contains("Failed to enable RRSA: no room"), "{newest:?}");
    assert_eq!(newest.created, "2026-11-23T20:00:00+08:00");
    assert_eq!(newest, &log[0], "the newest line comes first");
}

#[tokio::test]
async fn clusters_that_cannot_have_it_and_those_that_are_not_there_are_refused() {
    let Rig { emulator, clients, root } = Rig::start().await;
    let cs = clients.cs;
    for (id, made, expected) in [
        ("old", cluster("old").version("1.20.4-aliyun.1"), "ErrorClusterVersionNotSupported"),
        ("own", cluster("own").kind("ExternalKubernetes"), "ErrorClusterTypeNotSupported"),
        ("edge", cluster("edge").profile("Edge").spec("ack.standard"), "ErrorClusterTypeNotSupported"),
        ("failed", cluster("failed").state("failed"), "ErrorClusterState"),
    ] {
        emulator.add_cluster(made).unwrap();
        assert_eq!(code(cs.set_rrsa(id, true, &root, now()).await), expected, "{id}");
    }
    assert_eq!(cs.cluster("edge", &root, now()).await.unwrap().profile, "Edge");
    let other = keys("LTAIother", None);
    for (keys, id) in [(&root, "c9"), (&other, "old")] {
        assert_eq!(code(cs.set_rrsa(id, true, keys, now()).await), "ErrorClusterNotFound");
        assert_eq!(code(cs.cluster_logs(id, keys, now()).await), "ErrorClusterNotFound");
        assert_eq!(code(cs.addon_versions(id, keys, now()).await), "ErrorClusterNotFound");
        assert_eq!(code(cs.install_addon(id, "coredns", "", keys, now()).await), "ErrorClusterNotFound");
    }
    let none = TaskId::new("T-0").unwrap();
    assert_eq!(code(cs.task(&none, &root, now()).await), "ErrorTaskNotFound");
    let text = cs.set_rrsa("old", true, &keys("LTAInobody", None), now()).await.unwrap_err().to_string();
    assert!(
        text.contains("StatusForbidden") && text.contains("do not allow cs:ModifyCluster (ImplicitDeny"),
        "{text}"
    );
}

#[tokio::test]
async fn addons_are_listed_and_installed() {
    let Rig { emulator, clients, root } = Rig::start().await;
    let cs = clients.cs;
    let name = "ack-pod-identity-webhook";
    emulator.add_cluster(cluster("c1").addon("coredns", "v1")).unwrap();
    let addons = cs.addon_versions("c1", &root, now()).await.unwrap();
    assert_eq!(addons["coredns"].installed(), Some("v1"));
    assert_eq!((addons[name].installed(), addons[name].next_version.as_str()), (None, "0.4.0"));
    let task = cs.install_addon("c1", name, "", &root, now()).await.unwrap().unwrap();
    assert_eq!(cs.task(&task, &root, now()).await.unwrap().state, TaskState::Running);
    emulator.finish_tasks("c1");
    assert_eq!(cs.addon_versions("c1", &root, now()).await.unwrap()[name].installed(), Some("0.4.0"));
    cs.install_addon("c1", name, "0.4.1", &root, now()).await.unwrap().unwrap();
    emulator.finish_tasks("c1");
    assert_eq!(cs.addon_versions("c1", &root, now()).await.unwrap()[name].installed(), Some("0.4.1"));
    assert_eq!(code(cs.install_addon("c1", "nothing", "", &root, now()).await), "ErrorAddonNotFound");
}

#[tokio::test]
async fn the_clusters_of_a_region_are_read_to_the_end() {
    let Rig { emulator, clients, root } = Rig::start().await;
    let cs = clients.cs;
    for n in 0..101 {
        emulator.add_cluster(cluster(&format!("h{n}"))).unwrap();
    }
    emulator.add_cluster(cluster("s1").region("cn-shanghai").rrsa(true)).unwrap();
    assert_eq!(cs.clusters_of_region("cn-hangzhou", &root, now()).await.unwrap().len(), 101);
    let shanghai = cs.clusters_of_region("cn-shanghai", &root, now()).await.unwrap();
    assert_eq!(shanghai.iter().map(|c| c.cluster_id.as_str()).collect::<Vec<_>>(), ["s1"]);
    assert!(shanghai[0].rrsa.as_ref().unwrap().enabled);
    assert!(cs.clusters_of_region("cn-beijing", &root, now()).await.unwrap().is_empty());
    assert_eq!(cs.clusters(&root, now()).await.unwrap().len(), 102);
}
