//! Who `kubectl auth whoami` says that you are.

use e2e::cloud::{ACCOUNT, DEV_ROLE, DEV_ROLE_ID, account, user};
use e2e::kubectl::UserInfo;
use e2e::mapping::Mapping;
use e2e::rig::Rig;

use super::{Outcome, SOON};

pub(super) fn a_ram_user_is_who_the_mapping_says(rig: &Rig) -> Outcome {
    let alice = rig.person(user("alice"))?;
    let mapping = Mapping::new("whoami-user", alice.arn(), "alice").group("developers").group("on-call");
    let _mapping = rig.apply(&mapping)?;

    let who = alice.kubectl(rig, rig.api_server())?.whoami_eventually(SOON)?;

    assert_eq!(who.username, "alice");
    assert_eq!(who.uid, format!("ack-ram-authenticator:{ACCOUNT}:{}", alice.id()));
    assert_eq!(sorted(&who.groups), ["developers", "on-call", "system:authenticated"]);
    assert_extra(&who, alice.arn(), alice.arn(), "");
    Ok(())
}

pub(super) fn an_assumed_role_keeps_its_session_name(rig: &Rig) -> Outcome {
    let alice = rig.person(user("alice"))?.assuming(DEV_ROLE, "alice@example.com");
    let mapping = Mapping::new("whoami-role", DEV_ROLE, "dev:{{SessionName}}")
        .group("sessions-of-{{AccountID}}")
        .group("raw:{{SessionNameRaw}}");
    let _mapping = rig.apply(&mapping)?;

    let who = alice.kubectl(rig, rig.api_server())?.whoami_eventually(SOON)?;

    assert_eq!(who.username, "dev:alice-example.com");
    assert_eq!(who.uid, format!("ack-ram-authenticator:{ACCOUNT}:{DEV_ROLE_ID}"));
    let groups = sorted(&who.groups);
    let account_group = format!("sessions-of-{ACCOUNT}");
    assert_eq!(groups, ["raw:alice@example.com", &account_group, "system:authenticated"]);
    let arn = format!("acs:ram::{ACCOUNT}:assumed-role/dev/alice@example.com");
    assert_extra(&who, &arn, DEV_ROLE, "alice@example.com");
    Ok(())
}

pub(super) fn one_session_of_a_role_has_a_mapping_of_its_own(rig: &Rig) -> Outcome {
    let alice = || rig.person(user("alice"));
    let (oncall, daytime) = (alice()?.assuming(DEV_ROLE, "oncall"), alice()?.assuming(DEV_ROLE, "daytime"));
    let arn = format!("acs:ram::{ACCOUNT}:assumed-role/dev/oncall");
    let _role = rig.apply(&Mapping::new("whoami-all-sessions", DEV_ROLE, "{{RoleName}}:{{SessionName}}"))?;
    assert_eq!(oncall.kubectl(rig, rig.api_server())?.whoami_eventually(SOON)?.username, "dev:oncall");
    let _session = rig.apply(&Mapping::new("whoami-one-session", &arn, "on-call").group("pagers"))?;

    let who = daytime.kubectl(rig, rig.api_server())?.whoami_eventually(SOON)?;
    assert_eq!(who.username, "dev:daytime");
    // Another token than the one whose answer the API server remembers.
    let oncall = alice()?.assuming(DEV_ROLE, "oncall");
    let who = oncall.kubectl(rig, rig.api_server())?.whoami_eventually(SOON)?;
    assert_eq!(
        (who.username.as_str(), sorted(&who.groups)),
        ("on-call", vec!["pagers", "system:authenticated"])
    );
    Ok(())
}

pub(super) fn the_account_itself_can_be_mapped(rig: &Rig) -> Outcome {
    let root = rig.person(account())?;
    let _mapping = rig.apply(&Mapping::new("whoami-account", root.arn(), "the-account").group("owners"))?;

    let who = root.kubectl(rig, rig.api_server())?.whoami_eventually(SOON)?;

    assert_eq!(who.username, "the-account");
    assert_eq!(who.uid, format!("ack-ram-authenticator:{ACCOUNT}:{ACCOUNT}"));
    assert_eq!(sorted(&who.groups), ["owners", "system:authenticated"]);
    assert_extra(&who, root.arn(), root.arn(), "");
    Ok(())
}

pub(super) fn a_user_of_the_config_file_needs_no_resource(rig: &Rig) -> Outcome {
    let mounted = rig.person(user("mounted"))?;

    let who = mounted.kubectl(rig, rig.api_server())?.whoami()?;

    assert_eq!(who.username, "from-the-config-file");
    assert_eq!(sorted(&who.groups), ["mounted", "system:authenticated"]);
    assert_extra(&who, mounted.arn(), mounted.arn(), "");
    Ok(())
}

pub(super) fn a_kubeconfig_of_either_exec_version_lets_in(rig: &Rig) -> Outcome {
    let mounted = rig.person(user("mounted"))?;
    for version in ["v1", "v1beta1"] {
        let kubectl = mounted.kubectl_with(rig, rig.api_server(), &["--api-version", version])?;

        let kubeconfig = std::fs::read_to_string(kubectl.kubeconfig())?;
        assert!(kubeconfig.contains(&format!("client.authentication.k8s.io/{version}\n")), "{kubeconfig}");
        assert_eq!(kubectl.whoami()?.username, "from-the-config-file");
    }
    Ok(())
}

/// The five keys that the authenticator adds, one value each, and no other of its own.
fn assert_extra(who: &UserInfo, arn: &str, canonical_arn: &str, session_name: &str) {
    assert_eq!(who.extra["arn"], [arn]);
    assert_eq!(who.extra["canonicalArn"], [canonical_arn]);
    assert_eq!(who.extra["sessionName"], [session_name]);
    assert!(who.extra["principalId"][0].ends_with(session_name), "{:?}", who.extra);
    assert_eq!(who.extra["accessKeyId"].len(), 1, "{:?}", who.extra);
    assert_eq!(who.extra.len(), 5, "{:?}", who.extra);
}

fn sorted(groups: &[String]) -> Vec<&str> {
    let mut groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    groups.sort_unstable();
    groups
}
