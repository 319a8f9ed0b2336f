//! A service account of the real API server becomes a RAM role: tokens of the TokenRequest API, exchanged at STS, and
//! whom the role's trust policy lets in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::cloud::{ACCOUNT, APP_ROLE, CLUSTER, OIDC_AUDIENCE, OIDC_PROVIDER, user};
use e2e::kubectl::Kubectl;
use e2e::mapping::{Applied, Mapping};
use e2e::process::{Output, isolated, run};
use e2e::rig::Rig;
use emulator::OidcProvider;
use serde_json::json;

use super::{Outcome, SOON};

const DEADLINE: Duration = Duration::from_secs(60);

/// Makes a service account in `default`.
pub(super) fn service_account<'a>(rig: &'a Rig, name: &str) -> Result<Applied<'a>, e2e::Error> {
    let metadata = json!({"name": name, "namespace": "default"});
    let manifest = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
    rig.apply_manifest(&manifest, format!("serviceaccount/{name}"))
}

/// A token of that service account, from the TokenRequest API.
pub(super) fn token(rig: &Rig, name: &str, audience: &str) -> Result<String, e2e::Error> {
    let printed = rig.admin().ok(&["create", "token", name, "--audience", audience])?;
    Ok(printed.trim().to_owned())
}

/// What a pod has: a home folder, the variables that injection sets, and its token file.
struct Pod<'a> {
    rig: &'a Rig,
    home: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl<'a> Pod<'a> {
    fn new(rig: &'a Rig, token: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let home = rig.person(user("alice"))?.home().to_owned();
        let file = home.join("token");
        std::fs::write(&file, token)?;
        let variables = vec![
            ("ALIBABA_CLOUD_ROLE_ARN", APP_ROLE.to_owned()),
            ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", OIDC_PROVIDER.to_owned()),
            ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", path(&file)),
            ("ALIBABA_CLOUD_ROLE_SESSION_NAME", "pod-1".to_owned()),
            ("HTTPS_PROXY", rig.cloud().proxy()),
            ("SSL_CERT_FILE", path(rig.cloud().ca_file())),
        ];
        Ok(Self { rig, home, variables })
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.retain(|(other, _)| *other != name);
        self.variables.push((name, value.to_owned()));
        self
    }

    fn tool(&self, arguments: &[&str]) -> Result<Output, e2e::Error> {
        let mut command = isolated(&self.rig.bin().join("ack-ram-tool"));
        let variables = self.variables.iter().map(|(name, value)| (*name, value.as_str()));
        command.env("HOME", &self.home).envs(variables).args(arguments);
        run(command, DEADLINE)
    }

    /// kubectl with the kubeconfig that the tool makes, with these global flags in it.
    fn kubectl(&self, flags: &[&str]) -> Result<Kubectl, Box<dyn std::error::Error>> {
        let server = self.rig.api_server().url();
        let authority = path(self.rig.certificate_authority());
        let command = ["get-kubeconfig", "--mode", "ram-authenticator-token", "--cluster-id", CLUSTER];
        let address = ["--server", server.as_str(), "--certificate-authority", authority.as_str()];
        let printed = self.tool(&[&command[..], &address, flags].concat())?.success()?;
        let kubeconfig = self.home.join("kubeconfig");
        std::fs::write(&kubeconfig, printed)?;
        let bin = self.rig.bin();
        let kubectl = Kubectl::new(&bin.join("kubectl"), &kubeconfig, &self.home, bin);
        Ok(self.variables.iter().fold(kubectl, |kubectl, (name, value)| kubectl.env(name, value)))
    }
}

fn path(file: &Path) -> String {
    file.to_string_lossy().into_owned()
}

pub(super) fn a_service_account_is_the_role_that_trusts_it_and_kubectl_gets_in(rig: &Rig) -> Outcome {
    let _account = service_account(rig, "app-kubectl")?;
    let _mapping = rig.apply(&Mapping::new("oidc-app", APP_ROLE, "app"))?;
    let pod = Pod::new(rig, &token(rig, "app-kubectl", OIDC_AUDIENCE)?)?;
    // STS by its own name, and at a loopback address.
    let endpoint = rig.cloud().endpoint();
    for flags in [&[][..], &["--sts-endpoint", &endpoint]] {
        let who = pod.kubectl(flags)?.whoami_eventually(SOON)?;
        assert_eq!(who.username, "app", "{who:?}");
        assert_eq!(who.extra.get("sessionName").map(Vec::as_slice), Some(&["pod-1".to_owned()][..]));
    }
    // The file is read at each use: Kubernetes replaces it.
    let file = pod.home.join("token");
    std::fs::write(&file, "no-token")?;
    assert!(pod.kubectl(&[])?.whoami().is_err());
    std::fs::write(&file, token(rig, "app-kubectl", OIDC_AUDIENCE)? + "\n")?;
    assert_eq!(pod.kubectl(&[])?.whoami()?.username, "app");
    Ok(())
}

pub(super) fn another_service_account_audience_or_issuer_is_refused_and_the_line_says_why(
    rig: &Rig,
) -> Outcome {
    let (_app, _other) = (service_account(rig, "app-refusals")?, service_account(rig, "other")?);
    let app = token(rig, "app-refusals", OIDC_AUDIENCE)?;
    let other = token(rig, "other", OIDC_AUDIENCE)?;
    let for_the_cluster = rig.admin().ok(&["create", "token", "app-refusals"])?;
    // What app says, under the signature of what the other one says.
    let says = app.rsplit_once('.').ok_or("no token")?.0;
    let forged = format!("{says}.{}", other.rsplit_once('.').ok_or("no token")?.1);

    let elsewhere = OidcProvider::new(ACCOUNT, "elsewhere", "https://issuer.example");
    rig.cloud().emulator().add_oidc_provider(elsewhere.client_id(OIDC_AUDIENCE))?;
    let elsewhere = OIDC_PROVIDER.replace(&format!("ack-rrsa-{CLUSTER}"), "elsewhere");
    let provider = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN";
    let nobody = APP_ROLE.replace("app", "nobody");
    let outcome = (|| -> Outcome {
        for (pod, code, cause) in [
            (Pod::new(rig, &other)?, "AuthenticationFail.NoPermission", "trust policy"),
            (Pod::new(rig, &for_the_cluster)?, "AuthenticationFail.OIDCToken.AudienceNotMatch", "audience"),
            (Pod::new(rig, &forged)?, "AuthenticationFail.OIDCToken.InvalidSignature", "not signed"),
            (Pod::new(rig, "no-token")?, "AuthenticationFail.OIDCToken.Invalid", "no OIDC token"),
            (
                Pod::new(rig, &app)?.with(provider, &elsewhere),
                "AuthenticationFail.OIDCToken.IssuerNotMatch",
                "issuer",
            ),
            (
                Pod::new(rig, &app)?.with(provider, &OIDC_PROVIDER.replace("rrsa", "none")),
                "AuthenticationFail.NoPermission",
                "not registered",
            ),
            (
                Pod::new(rig, &app)?.with("ALIBABA_CLOUD_ROLE_ARN", &nobody),
                "EntityNotExist.Role",
                "no such role",
            ),
        ] {
            let output = pod.tool(&["credential-plugin", "get-token", "--cluster-id", CLUSTER])?;
            assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{code}: {output:?}");
            let line = output.stderr;
            assert_eq!(line.trim_end().lines().count(), 1, "{line}");
            assert!(line.contains(code) && line.contains(cause), "{code}, {cause}: {line}");
            assert!(!line.contains(says) && !line.contains("eyJ"), "a token is in {line}");
        }
        Ok(())
    })();
    rig.cloud().emulator().remove_oidc_provider(ACCOUNT, "elsewhere")?;
    outcome
}

/// A kubeconfig can come from a stranger, and a token is good for whoever receives it.
pub(super) fn started_by_kubectl_the_token_goes_to_sts_itself_or_loopback_only(rig: &Rig) -> Outcome {
    let _account = service_account(rig, "app-stranger")?;
    let pod = Pod::new(rig, &token(rig, "app-stranger", OIDC_AUDIENCE)?)?;
    let asked = |host: &str| {
        let requests = rig.cloud().emulator().proxy_requests();
        requests.iter().filter(|request| request.target.starts_with(host)).count()
    };
    for stranger in
        ["sts.evil.example", "sts.aliyuncs.com.evil.example", "bucket.oss-cn-beijing.aliyuncs.com"]
    {
        let kubectl = pod.kubectl(&["--sts-endpoint", stranger])?;
        let refused = kubectl.run(&["get", "namespaces"])?;
        assert_ne!(refused.status, 0, "{refused:?}");
        assert!(
            refused.stderr.contains("is not sent to") && refused.stderr.contains(stranger),
            "{}",
            refused.stderr
        );
        assert_eq!(asked(stranger), 0, "{stranger} was asked");
        // Where a person says so it is sent: what would be seen, is.
        pod.tool(&["auth", "whoami", "--sts-endpoint", stranger])?;
        assert_ne!(asked(stranger), 0, "{stranger} was not asked");
    }
    Ok(())
}
