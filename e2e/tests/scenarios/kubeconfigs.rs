//! The kubeconfigs that `ack-ram-tool get-kubeconfig` makes of what ACK says, in both modes, under real kubectl.

use std::path::{Path, PathBuf};
use std::time::Duration;

use libtest_mimic::Failed;

use e2e::cloud::{ACCOUNT, CLUSTER, user};
use e2e::kubectl::Kubectl;
use e2e::mapping::Mapping;
use e2e::person::Person;
use e2e::rig::Rig;

use super::{Outcome, SOON, next_second};

/// Longer than the authenticator remembers an answer (a minute) and the API server after it.
const BOTH_CACHES: Duration = Duration::from_secs(120);

fn get_kubeconfig(rig: &Rig, person: &Person, more: &[&str]) -> Result<String, Failed> {
    let endpoint = rig.cloud().endpoint();
    let command = ["get-kubeconfig", "--cluster-id", CLUSTER, "--cs-endpoint", &endpoint];
    Ok(person.tool(rig, &[&command[..], more].concat())?.success()?)
}

fn kubectl(rig: &Rig, person: &Person, mode: &str) -> Result<Kubectl, Failed> {
    let file = person.home().join("kubeconfig-of-ack");
    std::fs::write(&file, get_kubeconfig(rig, person, &["--mode", mode])?)?;
    Ok(person.shell(rig, &file))
}

/// How often Container Service was asked for a certificate of this person's key.
fn logins(rig: &Rig, access_key_id: &str) -> usize {
    let requests = rig.cloud().emulator().requests();
    let of_person = requests.iter().filter(|request| {
        request.action == "DescribeClusterUserKubeconfig" && request.access_key_id == access_key_id
    });
    of_person.count()
}

pub(super) fn with_a_certificate_of_ack_kubectl_is_the_ram_user(rig: &Rig) -> Outcome {
    let alice = rig.person(user("alice"))?;
    let kubectl = kubectl(rig, &alice, "certificate")?;
    let who = kubectl.whoami()?;
    assert_eq!(who.username, alice.id());
    let asked = logins(rig, &user("alice").access_key_id);
    assert_eq!(kubectl.whoami()?.username, alice.id());
    assert_eq!(logins(rig, &user("alice").access_key_id), asked, "the certificate is kept");
    Ok(())
}

pub(super) fn with_a_token_and_the_address_of_ack_kubectl_is_who_the_mapping_says(rig: &Rig) -> Outcome {
    let alice = rig.person(user("alice"))?;
    let _mapping = rig.apply(&Mapping::new("kubeconfig-token", alice.arn(), "alice-by-token"))?;
    let kubectl = kubectl(rig, &alice, "ram-authenticator-token")?;
    // Another scenario's alice may have made the same token just now.
    next_second();
    assert_eq!(kubectl.whoami_eventually(SOON)?.username, "alice-by-token");
    Ok(())
}

pub(super) fn twenty_kubectls_at_once_make_one_login(rig: &Rig) -> Outcome {
    let bob = rig.person(user("bob"))?;
    let kubectl = kubectl(rig, &bob, "cert")?;
    let before = logins(rig, &user("bob").access_key_id);
    let names: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20).map(|_| scope.spawn(|| kubectl.whoami())).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    for name in names {
        let who = name.map_err(|_| "a thread panicked")??;
        assert_eq!(who.username, bob.id());
    }
    assert_eq!(logins(rig, &user("bob").access_key_id).saturating_sub(before), 1);
    Ok(())
}

pub(super) fn merged_into_a_file_of_kubectl_both_clusters_work(rig: &Rig) -> Outcome {
    let alice = rig.person(user("alice"))?;
    let file: PathBuf = alice.home().join("shared-kubeconfig");
    let kubectl = alice.shell(rig, &file);
    let server = rig.api_server().url();
    kubectl.ok(&["config", "set-cluster", "kubernetes", "--server", "https://another.example"])?;
    kubectl.ok(&["config", "set-credentials", "somebody", "--token", "x"])?;
    kubectl.ok(&["config", "set-context", "first", "--cluster", "kubernetes", "--user", "somebody"])?;
    kubectl.ok(&["config", "use-context", "first"])?;
    let merge = |more: &[&str]| get_kubeconfig(rig, &alice, &[&["--merge", &path(&file)], more].concat());

    merge(&["--keep-current-context"])?;
    assert_eq!(kubectl.ok(&["config", "current-context"])?.trim(), "first");
    merge(&[])?;
    assert_eq!(kubectl.whoami()?.username, alice.id());
    let view = kubectl.ok(&["config", "view", "-o", "json"])?;
    let view: serde_json::Value = serde_json::from_str(&view)?;
    let clusters = view["clusters"].as_array().ok_or("no clusters")?;
    let servers: Vec<_> = clusters.iter().filter_map(|one| one["cluster"]["server"].as_str()).collect();
    assert_eq!(servers.len(), 2, "{servers:?}");
    assert!(
        servers.contains(&"https://another.example") && servers.contains(&server.as_str()),
        "{servers:?}"
    );

    // What kubectl makes of the file, and what people change in it, is merged into as well.
    kubectl.ok(&["config", "set-context", "--current", "--namespace", "kube-public"])?;
    let before = std::fs::read_to_string(&file)?;
    merge(&[])?;
    assert_eq!(std::fs::read_to_string(&file)?, before);
    kubectl.ok(&["config", "use-context", "first"])?;
    assert!(kubectl.ok(&["config", "get-contexts", "-o", "name"])?.lines().count() == 2);
    Ok(())
}

fn path(file: &Path) -> String {
    file.to_string_lossy().into_owned()
}

pub(super) fn a_user_who_is_deleted_is_out(rig: &Rig) -> Outcome {
    let leaver = rig.person(user("leaver"))?;
    let _mapping = rig.apply(&Mapping::new("kubeconfig-leaver", leaver.arn(), "leaver"))?;
    let kubectl = kubectl(rig, &leaver, "token")?;
    assert_eq!(kubectl.whoami_eventually(SOON)?.username, "leaver");
    let token = leaver.token(rig, &[])?;
    let held = rig.nobody(rig.api_server())?.arg(format!("--token={token}"));
    assert_eq!(held.whoami()?.username, "leaver");

    rig.cloud().emulator().delete_user(ACCOUNT, "leaver")?;
    next_second();
    // A new login is refused at once: nobody has an answer about its token.
    assert!(kubectl.whoami().is_err());
    // The token that was seen before ends with what is remembered of it.
    let start = std::time::Instant::now();
    while held.whoami().is_ok() {
        assert!(start.elapsed() < BOTH_CACHES, "the token outlives its user by more than both caches");
        std::thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}
