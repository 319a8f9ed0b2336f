//! Attacks that take a cluster: mappings in resources (C, D, J), and kubectl (M). `docs/security.md` lists all.

use e2e::cloud::{DEV_ROLE, user};
use e2e::mapping::Mapping;
use e2e::rig::Rig;
use serde_json::json;

use super::refusals::{assert_unauthorized, reason_in_the_log};
use super::{Outcome, SOON};

/// C: what does not parse matches nothing, whatever else is written into it; status least of all.
pub(super) fn attack_c_a_mapping_that_is_no_mapping_lets_nobody_in(rig: &Rig) -> Outcome {
    let stranger = rig.person(user("stranger"))?;
    let kubectl = stranger.kubectl(rig, rig.api_server())?;
    // A status that claims the stranger's ARN, as a public server would have matched.
    let nobody = format!("acs:ram::{}:user/nobody", e2e::cloud::ACCOUNT);
    let claimed = Mapping::new("attack-c", &nobody, "claimed");
    let _claimed = rig.apply(&claimed)?;
    let status = json!({"status": {"canonicalARN": stranger.arn(), "userID": user("stranger").id}});
    let resource = claimed.resource();
    let patch = status.to_string();
    rig.admin().ok(&["patch", &resource, "--subresource=status", "--type=merge", "-p", &patch])?;
    // And ARNs that nobody has, where admission lets them in at all.
    let malformed =
        ["", "*", "acs:ram::*:*", "role/stranger", "acs:ram::.*:user/stranger", "acs:ram::*:user/stranger"];
    let mut kept = Vec::new();
    for (number, arn) in malformed.into_iter().enumerate() {
        let mapping = Mapping::new(&format!("attack-c-{number}"), arn, "malformed");
        kept.extend(rig.apply(&mapping).ok());
    }
    // The watch has told of all this once a mapping that was made later counts.
    let carol = rig.person(user("carol"))?;
    let _later = rig.apply(&Mapping::new("attack-c-later", carol.arn(), "carol"))?;
    carol.kubectl(rig, rig.api_server())?.whoami_eventually(SOON)?;

    let log = rig.api_server().log().mark();
    assert_unauthorized(&kubectl.run(&["get", "namespaces"])?);
    reason_in_the_log(rig, log, "is mapped to no Kubernetes user")?;
    Ok(())
}

/// D: one check after expansion, for resources too, and the login is refused rather than mapped by the next rule.
pub(super) fn attack_d_no_session_reaches_system_masters_through_a_template(rig: &Rig) -> Outcome {
    let session = rig.person(user("alice"))?.assuming(DEV_ROLE, "system");
    let _strong = rig.apply(&Mapping::new("attack-d", DEV_ROLE, "u").group("{{SessionNameRaw}}:masters"))?;
    let other = rig.person(user("alice"))?.assuming(DEV_ROLE, "team");
    other.kubectl(rig, rig.api_server())?.whoami_eventually(SOON)?;

    let log = rig.api_server().log().mark();
    assert_unauthorized(&session.kubectl(rig, rig.api_server())?.run(&["get", "namespaces"])?);
    reason_in_the_log(rig, log, "makes no usable name")?;
    Ok(())
}

/// J: a pattern that becomes an exact ARN is no pattern any more, at once.
pub(super) fn attack_j_a_pattern_ends_with_the_edit_that_takes_it_away(rig: &Rig) -> Outcome {
    let account = e2e::cloud::ACCOUNT;
    let testuser = rig.person(user("testuser"))?;
    let kubectl = testuser.kubectl(rig, rig.api_server())?;
    let _wide = rig.apply(&Mapping::new("attack-j", &format!("acs:ram::{account}:user/test*"), "wide"))?;
    assert_eq!(kubectl.whoami_eventually(SOON)?.username, "wide");
    let _narrow = rig.apply(&Mapping::new("attack-j", &format!("acs:ram::{account}:user/test"), "narrow"))?;
    let carol = rig.person(user("carol"))?;
    let _later = rig.apply(&Mapping::new("attack-j-later", carol.arn(), "carol"))?;
    carol.kubectl(rig, rig.api_server())?.whoami_eventually(SOON)?;
    // The API server may still know the token of the first login: a new one is asked about.
    super::next_second();
    let token = super::refusals::fresh_token(&user("testuser"));
    let refused =
        rig.nobody(rig.api_server())?.arg(format!("--token={token}")).run(&["get", "namespaces"])?;
    assert_unauthorized(&refused);
    Ok(())
}

/// M: the generated kubeconfig names one program and no shell, so that kubectl's allowlist of credential plugins can
/// hold it to that one.
pub(super) fn attack_m_the_kubeconfig_works_where_kubectl_may_run_this_one_plugin_alone(
    rig: &Rig,
) -> Outcome {
    let mounted = rig.person(user("mounted"))?;
    let kubectl = mounted.kubectl(rig, rig.api_server())?;
    let kuberc = |name: &str, plugin: &str| {
        let preference = json!({
            "apiVersion": "kubectl.config.k8s.io/v1beta1",
            "kind": "Preference",
            "credentialPluginPolicy": "Allowlist",
            "credentialPluginAllowlist": [{"command": plugin}],
        });
        rig.run().file(name, &preference.to_string())
    };
    let allowed = kuberc("kuberc-allowed", "ack-ram-tool")?;
    let other = kuberc("kuberc-other", "sh")?;
    let with = |file: &std::path::Path| kubectl.clone().arg(format!("--kuberc={}", file.display()));

    let version = rig.admin().ok(&["version", "--client", "-o", "json"])?;
    let version: serde_json::Value = serde_json::from_str(&version)?;
    let minor: u32 = version["clientVersion"]["minor"].as_str().ok_or("no minor version")?.parse()?;
    // Older ones have no such list.
    if minor >= 37 {
        let who = with(&allowed).whoami()?;
        assert_eq!(who.username, "from-the-config-file");
        let refused = with(&other).run(&["get", "namespaces"])?;
        assert!(refused.status != 0 && refused.stderr.contains("plugin"), "{refused:?}");
    } else {
        assert_eq!(kubectl.whoami()?.username, "from-the-config-file");
    }

    let kubeconfig = std::fs::read_to_string(kubectl.kubeconfig())?;
    for secret in [&user("mounted").access_key_secret, "client-key-data", "token:", "password"] {
        assert!(!kubeconfig.contains(secret), "{secret} is in the kubeconfig");
    }
    assert_eq!(kubeconfig.matches("command:").count(), 1, "{kubeconfig}");
    Ok(())
}
