//! A cluster that is not ACK's gets RRSA from nothing, by `ack-ram-tool` alone.

use std::path::Path;

use e2e::cloud::{ACCOUNT, OIDC_AUDIENCE};
use e2e::control_plane::ISSUER;
use e2e::http::Client;
use e2e::namespace::{Image, RunningPod};
use e2e::pod_identity;
use e2e::ports::Port;
use e2e::process::Service;
use e2e::site::Site;
use serde_json::{Value, json};

use super::stand::{
    DOCUMENT, KEYS, Operator, Provider, Role, claims, provider_arn, role_arn, service_accounts, token,
};
use super::*;

const ID: &str = "c-self-managed";
const ROLE: &str = "rrsa-self-managed";

/// Uploads a folder as it is.
fn upload(from: &Path, to: &Path) -> Outcome {
    for path in [DOCUMENT, KEYS] {
        let file = to.join(path);
        std::fs::create_dir_all(file.parent().ok_or("no folder")?)?;
        std::fs::copy(from.join(path), file)?;
    }
    Ok(())
}

/// Whole flags among lines of stdout.
fn flags(printed: &str) -> Vec<String> {
    printed.lines().filter(|line| line.starts_with("--")).map(str::to_owned).collect()
}

/// A pod that kubeadm's API server would have: what stands in the cluster of a static pod.
fn static_pod(flags: &[&str]) -> Value {
    let command = [&["kube-apiserver"], flags].concat();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "kube-apiserver-e2e",
            "namespace": "kube-system",
            "labels": {"component": "kube-apiserver"},
            "annotations": {"kubernetes.io/config.mirror": "e2e"},
        },
        "spec": {
            "nodeName": "e2e",
            "containers": [{
                "name": "kube-apiserver",
                "image": "kube-apiserver",
                "command": command,
            }],
        },
    })
}

pub(super) fn from_an_issuer_that_nobody_can_read_to_a_pod_with_a_role(rig: &Rig) -> Outcome {
    let _accounts = service_accounts(rig, &["app"])?;
    let site = Site::start(rig.run(), "self-managed")?;
    let url = site.url();
    rig.cloud().emulator().trust_oidc_issuers(site.authority())?;
    let operator = Operator::new(rig)?.trusting(&site)?;
    let name = format!("ack-rrsa-{ID}");
    let _provider = Provider::made_elsewhere(rig, &name);
    let console = rig.console()?;
    let folder = operator.home().join("issuer");
    let folder_name = folder.to_string_lossy().into_owned();
    let enable = [
        "rrsa",
        "enable",
        "--self-managed",
        "-c",
        ID,
        "--issuer",
        &url,
        "--output-dir",
        &folder_name,
        "-n",
        stand::SPACE,
        "-s",
        stand::NAME,
    ];

    // Nothing is published: the files are there, and RAM knows nothing.
    let output = operator.tool(&enable)?;
    assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
    assert!(output.stderr.contains(&format!("publish the folder {folder_name}")), "{output:?}");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(folder.join(DOCUMENT))?)?;
    assert_eq!((&document["issuer"], &document["jwks_uri"]), (&json!(url), &json!(format!("{url}/{KEYS}"))));
    let absent = console.ims("GetOIDCProvider", &[("OIDCProviderName", &name)]);
    assert!(absent.is_err_and(|error| error.to_string().contains("EntityNotExist.OIDCProvider")));

    // Published: the provider is there; the API server does not sign as this issuer yet, and the flags for it are printed.
    upload(&folder, site.folder())?;
    let output = operator.tool(&enable)?;
    assert_eq!(output.status, 1, "{output:?}");
    assert!(output.stderr.contains(&format!("signs as {ISSUER}, not as {url}")), "{output:?}");
    let printed = flags(&output.stdout);
    let expected = [
        format!("--service-account-issuer={url}"),
        format!("--service-account-issuer={ISSUER}"),
        format!("--service-account-jwks-uri={url}/{KEYS}"),
        "--service-account-max-token-expiration=12h".to_owned(),
        format!("--api-audiences={ISSUER}"),
    ];
    assert_eq!(printed, expected, "{output:?}");
    let registered = || console.ims("GetOIDCProvider", &[("OIDCProviderName", &name)]);
    let provider = registered()?["OIDCProvider"].clone();
    assert_eq!((&provider["IssuerUrl"], &provider["ClientIds"]), (&json!(url), &json!(OIDC_AUDIENCE)));
    assert_eq!(provider["Fingerprints"].as_str().map(str::len), Some(40), "{provider}");

    // Where the API server's command line can be seen, it is read, and says the same.
    {
        let issuer = format!("--service-account-issuer={ISSUER}");
        // Bound to a node that nobody runs: it goes by force only.
        let pod = "pod/kube-apiserver-e2e --namespace=kube-system --force --grace-period=0";
        let pod = rig.apply_manifest(&static_pod(&[&issuer]), pod.to_owned())?;
        let output = operator.tool(&enable)?;
        assert!(!output.stderr.contains("deduced"), "{output:?}");
        assert_eq!(flags(&output.stdout), expected);
        pod.delete()?;
    }

    // An API server with exactly these flags: all is well, and what pods had goes on.
    let old = token(&rig.admin(), &[])?;
    let server = rig.api_server_with("self-managed", &printed)?;
    let operator = operator.at(&server);
    let output = operator.tool(&enable)?;
    assert_eq!((output.status, output.stdout.as_str()), (0, ""), "{output:?}");
    assert_eq!(registered()?["OIDCProvider"]["UpdateDate"], provider["UpdateDate"], "nothing is changed");
    rig.nobody(&server)?.arg(format!("--token={old}")).ok(&["auth", "whoami"])?;
    let new = token(&rig.admin_of(&server), &[])?;
    assert_eq!((&claims(&new)["iss"], &claims(&new)["aud"]), (&json!(url), &json!([ISSUER])));
    rig.nobody(&server)?.arg(format!("--token={new}")).ok(&["auth", "whoami"])?;

    // A role, and a pod that has it: its keys are those that the site has.
    let _role = Role::made_elsewhere(rig, ROLE);
    let space = "rrsa-self-managed";
    let associate =
        ["rrsa", "associate-role", "--self-managed", "-c", ID, "-r", ROLE, "-n", space, "-s", "app"];
    let without = operator.tool(&associate)?;
    assert!(without.status == 1 && without.stderr.contains("--create-role-if-not-exist"), "{without:?}");
    operator.tool(&[&associate[..], &["--create-role-if-not-exist"]].concat())?.success()?;
    let webhook = rig.pod_identity()?;
    let _instead = webhook.with("self-managed", &[&format!("--cluster-id={ID}")])?;
    let namespace = pod_identity::namespace(space);
    let account = pod_identity::service_account(space, "app", &[("role-name", ROLE)]);
    let _applied = rig.apply_all(&[namespace, account])?;
    let mut pod = pod_identity::pod(space, "app", "app", &[]);
    pod["spec"]["containers"][0]["args"] = json!(["auth", "whoami", "-o", "json"]);
    let pod = RunningPod::start_at(rig, rig.admin_of(&server), &pod)?;
    let provider =
        pod.environment("app")?.into_iter().find(|(name, _)| name == "ALIBABA_CLOUD_OIDC_PROVIDER_ARN");
    assert_eq!(provider.map(|(_, value)| value), Some(provider_arn(&name)));
    site.asked();
    rig.cloud().emulator().forget_oidc_keys();
    let program = rig.bin().join("ack-ram-tool");
    let image = Image::new().entry_point(&[program]).variable("SSL_CERT_FILE", rig.cloud().ca_file());
    let who: Value = serde_json::from_str(&pod.run("app", &image)?.success()?)?;
    assert_eq!(who["arn"], role_arn(ROLE));
    let fetched = [DOCUMENT, KEYS].map(|path| format!("200 /self-managed/{path}"));
    assert_eq!(site.asked(), fetched, "STS has fetched the keys");

    // And back.
    let disable = ["rrsa", "disable", "--self-managed", "-c", ID];
    operator.tool(&disable)?.success()?;
    assert!(registered().is_err());
    let refused = pod.run("app", &image)?;
    assert!(refused.stderr.contains("AuthenticationFail.NoPermission"), "{refused:?}");
    operator.tool(&disable)?.success()?;
    assert!(rig.cloud().emulator().remove_oidc_provider(ACCOUNT, &name).is_err());
    Ok(())
}

/// The files need no folder: the tool serves them, for whoever terminates TLS in front of it.
pub(super) fn what_the_tool_serves_is_what_it_would_have_published(rig: &Rig) -> Outcome {
    let _accounts = service_accounts(rig, &["app"])?;
    let site = Site::start(rig.run(), "served")?;
    let url = site.url();
    rig.cloud().emulator().trust_oidc_issuers(site.authority())?;
    let operator = Operator::new(rig)?.trusting(&site)?;
    let _provider = Provider::made_elsewhere(rig, "ack-rrsa-served");
    let enable = ["rrsa", "enable", "--self-managed", "-c", "served", "--issuer", &url];
    let account = ["-n", stand::SPACE, "-s", stand::NAME];
    let port = Port::take()?;
    let address = port.address().to_string();
    let serve = [&enable[..], &["--serve", &address]].concat();
    let command = operator.command(rig.api_server().admin(), &serve)?;
    let mut serving = Service::start("rrsa-serve", command, &rig.run().logs().join("rrsa-serve.log"))?;
    let client = Client::new(site.authority())?;
    let own = |path: &str| format!("http://{address}/served/{path}");
    serving.wait_until("the tool to serve", SOON, || client.get(&own(KEYS)).is_ok())?;

    // The front passes on what it answers.
    for path in [DOCUMENT, KEYS] {
        let answer = client.get(&own(path))?;
        assert_eq!(answer.status, 200, "{path}");
        let file = site.folder().join(path);
        std::fs::create_dir_all(file.parent().ok_or("no folder")?)?;
        std::fs::write(file, answer.body)?;
    }
    assert_eq!(client.get(&own("../etc/passwd"))?.status, 404);
    assert_eq!(client.get(&own(""))?.status, 404);
    assert_eq!(client.post(&own(KEYS), &json!({}))?.status, 405);
    let served: Value = serde_json::from_str(&std::fs::read_to_string(site.folder().join(KEYS))?)?;
    let keys: Value = serde_json::from_str(&rig.admin().ok(&["get", "--raw", &format!("/{KEYS}")])?)?;
    assert_eq!(stand::key_ids(&served), stand::key_ids(&keys));

    // It is registered, and what is left are the API server's flags.
    let output = operator.tool(&[&enable[..], &account].concat())?;
    assert_eq!(output.status, 1, "{output:?}");
    assert_eq!(flags(&output.stdout).first(), Some(&format!("--service-account-issuer={url}")));
    rig.console()?.ims("GetOIDCProvider", &[("OIDCProviderName", "ack-rrsa-served")])?;
    let ended = serving.terminate(SOON)?;
    assert!(ended.success(), "{ended}");
    Ok(())
}
