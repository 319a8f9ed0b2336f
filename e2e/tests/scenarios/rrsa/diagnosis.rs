//! `rrsa status` finds what is broken on the whole way from the API server to STS: each thing is broken for real, named,
//! and mended as it says.

use std::path::Path;

use e2e::cloud::{ACCOUNT, CLUSTER, OIDC_AUDIENCE};
use e2e::control_plane::ApiServer;
use e2e::pod_identity::{self, LABEL, NAME};
use e2e::process::{isolated, run, search_path};
use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::stand::{KEYS, Operator, Published, Role, statement, trust_policy};
use super::*;

const SPACE: &str = "rrsa-diagnosis";
const ROLE: &str = "rrsa-diagnosis";
const PROVIDER: &str = "ack-rrsa-c0123456789abcdef0123456789abcdef";

/// A cluster of one's own, where all is well.
struct Stand<'a> {
    rig: &'a Rig,
    cluster: Published,
    operator: Operator<'a>,
}

/// What a status said.
struct Said {
    status: i32,
    report: Value,
}

impl Said {
    /// `PART/CHECK` of everything that is broken, STS's refusal aside, which is a consequence.
    fn broken(&self) -> Vec<String> {
        let findings = self.report["findings"].as_array().into_iter().flatten();
        let broken = findings.filter(|finding| finding["state"] == "broken" && finding["part"] != "sts");
        broken.map(|finding| format!("{}/{}", text(&finding["part"]), text(&finding["check"]))).collect()
    }

    /// How the first broken thing of this name is to be mended.
    fn mend(&self, what: &str) -> Result<String, Failed> {
        let mut findings = self.report["findings"].as_array().into_iter().flatten();
        let found = findings.find(|finding| {
            finding["state"] == "broken"
                && format!("{}/{}", text(&finding["part"]), text(&finding["check"])) == what
        });
        let found = found.ok_or_else(|| format!("{what} is not broken in: {:#}", self.report))?;
        Ok(text(&found["mend"]).to_owned())
    }

    /// The state of STS's own answer.
    fn sts(&self) -> &str {
        let mut findings = self.report["findings"].as_array().into_iter().flatten();
        findings.find(|finding| finding["part"] == "sts").map_or("", |finding| text(&finding["state"]))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl Stand<'_> {
    fn enable(&self) -> Outcome {
        let (url, folder) =
            (self.cluster.site.url(), self.cluster.site.folder().to_string_lossy().into_owned());
        let command = ["rrsa", "enable", "--self-managed", "-c", CLUSTER, "--issuer", &url];
        let more = ["--output-dir", &folder, "-n", SPACE, "-s", "app"];
        self.operator.tool(&[&command[..], &more].concat())?.success()?;
        self.rig.cloud().emulator().forget_oidc_keys();
        Ok(())
    }

    fn status(&self) -> Result<Said, Failed> {
        self.status_at(&self.cluster.server)
    }

    fn status_at(&self, server: &ApiServer) -> Result<Said, Failed> {
        let command = ["rrsa", "status", "--self-managed", "-c", CLUSTER, "-o", "json"];
        let more = ["-n", SPACE, "-s", "app", "-r", ROLE, "--pod", "app"];
        let output = self.operator.tool_at(server, &[&command[..], &more].concat())?;
        let report = serde_json::from_str(&output.stdout).map_err(|error| format!("{error}: {output:?}"))?;
        Ok(Said { status: output.status, report })
    }

    fn assert_all_is_well(&self, when: &str) -> Outcome {
        let said = self.status()?;
        assert_eq!((said.status, said.broken(), said.sts()), (0, vec![], "ok"), "{when}: {:#}", said.report);
        Ok(())
    }

    /// A status where this, and nothing else but what comes with it, is broken; how it is to be mended.
    fn assert_broken(&self, what: &[&str], sts: &str) -> Result<String, Failed> {
        let said = self.status()?;
        assert_eq!(
            (said.status, said.broken()),
            (1, what.iter().map(|w| (*w).to_owned()).collect()),
            "{:#}",
            said.report
        );
        assert_eq!(said.sts(), sts, "{what:?}: {:#}", said.report);
        said.mend(what[0])
    }

    /// Types in what stands in backticks, or from `kubectl` to the next comma.
    fn type_in(&self, mend: &str) -> Outcome {
        let command = match mend.split('`').nth(1) {
            Some(command) => command.to_owned(),
            None => {
                let (_, rest) = mend.split_once("kubectl").ok_or_else(|| format!("no command in: {mend}"))?;
                format!("kubectl{}", rest.split(',').next().unwrap_or_default())
            }
        };
        if let Some(arguments) = command.strip_prefix("ack-ram-tool ") {
            let arguments = arguments.replace(" URL", &format!(" {}", self.cluster.site.url()));
            let arguments: Vec<&str> =
                arguments.split_whitespace().chain(account(&command).iter().copied()).collect();
            self.operator.tool(&arguments)?.success()?;
            return Ok(());
        }
        let programs = self.rig.plane().kubectl().parent().ok_or("kubectl is nowhere")?;
        let mut shell = isolated(Path::new("bash"));
        shell.args(["-euo", "pipefail", "-c", &command]);
        shell.envs(self.rig.admin().environment()).env("PATH", search_path(&[programs]));
        run(shell, SOON)?.success()?;
        Ok(())
    }

    fn kubectl(&self, arguments: &[&str]) -> Outcome {
        self.rig.admin().ok(arguments)?;
        Ok(())
    }

    fn ims(&self, action: &str, more: &[(&str, &str)]) -> Outcome {
        self.rig.console()?.ims(action, &[&[("OIDCProviderName", PROVIDER)], more].concat())?;
        Ok(())
    }

    fn set_trust(&self, policy: &Value) -> Outcome {
        let policy = policy.to_string();
        let change = [("RoleName", ROLE), ("NewAssumeRolePolicyDocument", policy.as_str())];
        self.rig.console()?.ram("UpdateRole", &change)?;
        Ok(())
    }

    /// What a Deployment's controller says of its replicas.
    fn ready(&self, number: u32) -> Outcome {
        let patch = json!({"status": {
            "replicas": 2, "updatedReplicas": 2, "readyReplicas": number, "availableReplicas": number,
        }});
        let (name, patch) = (format!("deployment/{NAME}"), patch.to_string());
        self.kubectl(&["-n", NAME, "patch", &name, "--subresource=status", "--type=merge", "-p", &patch])
    }

    fn make_pod(&self) -> Outcome {
        let kubectl = self.rig.admin_of(&self.cluster.server);
        kubectl.ok(&["delete", "pod", "app", "-n", SPACE, "--ignore-not-found"])?;
        let pod = pod_identity::pod(SPACE, "app", "app", &[]);
        let file = self.rig.run().file("diagnosis-pod.json", &pod.to_string())?;
        kubectl.ok(&["create", "-f", &file.to_string_lossy()])?;
        Ok(())
    }
}

/// What a command has to be told beside what the status says: there is no service account `default` without a controller.
fn account(command: &str) -> &'static [&'static str] {
    if command.contains("rrsa enable") { &["-n", SPACE, "-s", "app"] } else { &[] }
}

/// Runs `test` where all is well.
fn with_stand<'a>(rig: &'a Rig, name: &str, test: impl FnOnce(&mut Stand<'a>) -> Outcome) -> Outcome {
    let _off = rig.rrsa_off()?;
    let _webhook = rig.pod_identity()?;
    let account = pod_identity::service_account(SPACE, "app", &[("role-name", ROLE)]);
    let _applied = rig.apply_all(&[pod_identity::namespace(SPACE), account])?;
    let cluster = Published::start(rig, name)?;
    let operator = Operator::new(rig)?.trusting(&cluster.site)?.at(&cluster.server);
    let mut stand = Stand { rig, cluster, operator };
    stand.enable()?;
    let _role = Role::made_elsewhere(rig, ROLE);
    let command =
        ["rrsa", "associate-role", "--self-managed", "-c", CLUSTER, "-r", ROLE, "-n", SPACE, "-s", "app"];
    stand.operator.tool(&[&command[..], &["--create-role-if-not-exist"]].concat())?.success()?;
    stand.ready(2)?;
    stand.make_pod()?;
    let _pod = rig.removed_later(&format!("pod/app --namespace={SPACE}"));
    stand.assert_all_is_well("at the beginning")?;
    test(&mut stand)
}

pub(super) fn issuer_keys_audience_and_provider_are_each_named_and_mended_as_it_says(rig: &Rig) -> Outcome {
    with_stand(rig, "diagnosis-issuer", |stand| {
        let url = stand.cluster.site.url();
        // The API server signs as somebody else.
        let said = stand.status_at(rig.api_server())?;
        assert_eq!(said.status, 1);
        let mend = said.mend("apiServer/issuer")?;
        assert!(mend.contains(&format!("--service-account-issuer={url} first")), "{mend}");
        assert!(said.broken().contains(&"token/claims".to_owned()), "{:#}", said.report);
        assert_eq!(said.sts(), "broken");
        stand.assert_all_is_well("at the API server with these flags")?;

        // The site is away.
        stand.cluster.site.go_away();
        rig.cloud().emulator().forget_oidc_keys();
        stand.assert_broken(&["publishedIssuer/documents"], "broken")?;
        stand.cluster.site.come_back();
        rig.cloud().emulator().forget_oidc_keys();
        stand.assert_all_is_well("when the site is back")?;

        // It publishes other keys.
        let file = stand.cluster.site.folder().join(KEYS);
        let keys = std::fs::read_to_string(&file)?;
        let other = e2e::control_plane::TokenKey::create(rig.run(), "diagnosis-other")?;
        let flags = [
            format!("--service-account-issuer={url}"),
            format!("--service-account-key-file={}", other.public.display()),
            format!("--service-account-signing-key-file={}", other.private.display()),
        ];
        let elsewhere = rig.api_server_with("diagnosis-elsewhere", &flags)?;
        std::fs::write(&file, rig.admin_of(&elsewhere).ok(&["get", "--raw", &format!("/{KEYS}")])?)?;
        drop(elsewhere);
        rig.cloud().emulator().forget_oidc_keys();
        let mend = stand.assert_broken(&["publishedIssuer/keys", "token/claims"], "broken")?;
        assert!(mend.contains("rrsa enable --self-managed"), "{mend}");
        stand.enable()?;
        assert_ne!(std::fs::read_to_string(&file)?, keys, "the other one stays until it is dropped");
        stand.assert_all_is_well("when the keys are published again")?;

        // Its certificate is of another CA.
        let authority = stand.cluster.site.change_authority(rig.run())?.to_owned();
        rig.cloud().emulator().trust_oidc_issuers(&authority)?;
        stand.operator = Operator::new(rig)?.trusting(&stand.cluster.site)?.at(&stand.cluster.server);
        let mend = stand.assert_broken(&["publishedIssuer/fingerprint"], "broken")?;
        stand.type_in(&mend)?;
        stand.assert_all_is_well("with the new fingerprint")?;

        // No audience.
        stand.ims("RemoveClientIdFromOIDCProvider", &[("ClientId", OIDC_AUDIENCE)])?;
        // Webhook and pod are told, too, that their audience is not among them.
        let said = stand.status()?;
        assert_eq!((said.status, said.sts()), (1, "broken"), "{:#}", said.report);
        let mend = said.mend("provider/clientIds")?;
        assert!(mend.contains(&format!("add {OIDC_AUDIENCE} to the provider's client ids")), "{mend}");
        stand.ims("AddClientIdToOIDCProvider", &[("ClientId", OIDC_AUDIENCE)])?;
        stand.assert_all_is_well("with its client id")?;

        // No provider.
        stand.ims("DeleteOIDCProvider", &[])?;
        let mend = stand.assert_broken(&["provider/exists"], "notKnown")?;
        stand.type_in(&mend)?;
        stand.assert_all_is_well("with its provider")
    })
}

pub(super) fn a_trust_policy_that_refuses_is_named_and_mended_as_it_says(rig: &Rig) -> Outcome {
    with_stand(rig, "diagnosis-trust", |stand| {
        let url = stand.cluster.site.url();
        let subject = format!("system:serviceaccount:{SPACE}:app");
        let good = trust_policy(PROVIDER, &url, &subject);
        for (what, policy) in [
            ("namespace", trust_policy(PROVIDER, &url, "system:serviceaccount:other:app")),
            ("slash", trust_policy(PROVIDER, &format!("{url}/"), &subject)),
            ("provider", trust_policy("ack-rrsa-other", &url, &subject)),
            ("star", trust_policy(PROVIDER, &url, &format!("system:serviceaccount:{SPACE}:*"))),
        ] {
            stand.set_trust(&policy)?;
            let mend = stand.assert_broken(&["trustPolicy/allows"], "broken")?;
            stand.type_in(&mend)?;
            stand.assert_all_is_well(what)?;
        }
        let mut deny = statement(PROVIDER, &url, &subject);
        deny["Effect"] = json!("Deny");
        let mut denied = good.clone();
        denied["Statement"].as_array_mut().ok_or("no list")?.push(deny);
        stand.set_trust(&denied)?;
        let mend = stand.assert_broken(&["trustPolicy/allows"], "broken")?;
        assert!(mend.contains("take that statement out"), "{mend}");
        stand.set_trust(&good)?;
        stand.assert_all_is_well("without the Deny")?;
        rig.cloud().emulator().delete_role(ACCOUNT, ROLE)?;
        let mend = stand.assert_broken(&["trustPolicy/role"], "notKnown")?;
        stand.type_in(&mend)?;
        stand.assert_all_is_well("with its role")
    })
}

pub(super) fn webhook_service_account_and_pod_are_each_named_and_mended_as_it_says(rig: &Rig) -> Outcome {
    with_stand(rig, "diagnosis-webhook", |stand| {
        // These do not reach STS: whoever has the token has the role.
        stand.ready(0)?;
        stand.assert_broken(&["webhook/deployment"], "ok")?;
        stand.ready(2)?;
        stand.assert_all_is_well("with replicas")?;

        // Without the label, a pod that was made meanwhile.
        stand.kubectl(&["label", "namespace", SPACE, &format!("{LABEL}-")])?;
        stand.assert_broken(&["serviceAccount/namespace"], "ok")?;
        wait_until_not_injected(stand)?;
        let mend = stand.assert_broken(&["serviceAccount/namespace", "pod/injected"], "ok")?;
        stand.type_in(&mend)?;
        stand.assert_broken(&["pod/injected"], "ok")?;
        wait_until_injected(stand)?;
        stand.assert_all_is_well("with the label, and a new pod")?;

        // A role that is not the one that the pod has.
        let annotation = "pod-identity.alibabacloud.com/role-name";
        stand.kubectl(&["-n", SPACE, "annotate", "serviceaccount", "app", &format!("{annotation}-")])?;
        let mend = stand.assert_broken(&["serviceAccount/role"], "ok")?;
        stand.type_in(&mend)?;
        stand.assert_all_is_well("with the annotation")?;

        // A configuration of another cluster.
        let data = stand.rig.admin().ok(&["-n", NAME, "get", "configmaps", "-o", "json"])?;
        let maps: Value = serde_json::from_str(&data)?;
        let mut map = maps["items"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|map| map["data"]["config.yaml"].is_string())
            .ok_or("no configuration")?
            .clone();
        let config = text(&map["data"]["config.yaml"]).to_owned();
        for (config, is_well) in [(config.replace(CLUSTER, "c0other"), false), (config.clone(), true)] {
            map["data"]["config.yaml"] = json!(config);
            let patch = json!({"data": map["data"]}).to_string();
            let name = format!("configmap/{}", text(&map["metadata"]["name"]));
            stand.kubectl(&["-n", NAME, "patch", &name, "--type=merge", "-p", &patch])?;
            match is_well {
                true => stand.assert_all_is_well("with its own configuration")?,
                false => {
                    let mend = stand.assert_broken(&["webhook/settings"], "ok")?;
                    assert!(mend.contains("correct clusterID"), "{mend}");
                }
            }
        }

        // Not installed.
        stand.kubectl(&["delete", "mutatingwebhookconfiguration", NAME])?;
        // Pods that have it go on; the one that is looked at has it.
        let said = stand.status()?;
        let findings = said.report["findings"].as_array().ok_or("no findings")?;
        let hook = findings.iter().find(|finding| finding["part"] == "webhook").ok_or("nothing of it")?;
        assert!(text(&hook["text"]).contains("is not installed"), "{hook}");
        assert!(text(&hook["mend"]).contains("manifests/pod-identity"), "{hook}");
        rig.pod_identity()?.installation().apply_again(&[])?;
        let start = std::time::Instant::now();
        while stand.status()?.broken() != Vec::<String>::new() {
            assert!(start.elapsed() < SOON, "{:#}", stand.status()?.report);
        }
        stand.assert_all_is_well("installed again")
    })
}

fn is_injected(stand: &Stand<'_>) -> Result<bool, Failed> {
    stand.make_pod()?;
    let pod = stand.rig.admin().ok(&["get", "pod", "app", "-n", SPACE, "-o", "json"])?;
    Ok(pod_identity::is_injected(&serde_json::from_str(&pod)?))
}

/// The webhook learns of labels by a watch.
fn wait_until_not_injected(stand: &Stand<'_>) -> Outcome {
    wait(stand, false)
}

fn wait_until_injected(stand: &Stand<'_>) -> Outcome {
    wait(stand, true)
}

fn wait(stand: &Stand<'_>, wanted: bool) -> Outcome {
    let start = std::time::Instant::now();
    while is_injected(stand)? != wanted {
        assert!(start.elapsed() < SOON, "pods are {}injected", if wanted { "not " } else { "" });
    }
    Ok(())
}
