//! What the scenarios about issuers and trust have in common: tokens, and whom STS takes their holder for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::cloud::{ACCOUNT, Identity, user};
use e2e::control_plane::{ApiServer, ISSUER};
use e2e::kubectl::Kubectl;
use e2e::process::{Output, isolated, run, search_path};
use e2e::site::Site;
use serde_json::{Value, json};

use libtest_mimic::Failed;

use super::*;

/// A namespace of the scenarios here.
pub(super) const SPACE: &str = "rrsa-issuers";
/// A service account that [`service_accounts`] makes.
pub(super) const NAME: &str = "app";

/// `app` in [`SPACE`], deleted when the answer is dropped.
pub(super) fn service_accounts<'a>(
    rig: &'a Rig,
    names: &[&str],
) -> e2e::Result<e2e::manifests::Installed<'a>> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}});
    let accounts = names.iter().map(|name| e2e::pod_identity::service_account(SPACE, name, &[]));
    rig.apply_all(&std::iter::once(namespace).chain(accounts).collect::<Vec<_>>())
}

/// A token of `app` from the TokenRequest API, with these options more.
pub(super) fn token(kubectl: &Kubectl, more: &[&str]) -> e2e::Result<String> {
    token_of(kubectl, NAME, more)
}

/// The same of another service account in [`SPACE`].
pub(super) fn token_of(kubectl: &Kubectl, name: &str, more: &[&str]) -> e2e::Result<String> {
    let command = ["create", "token", name, "--namespace", SPACE];
    Ok(kubectl.ok(&[&command[..], more].concat())?.trim().to_owned())
}

/// A part of a token: 0 its header, 1 what it claims.
fn part(token: &str, number: usize) -> Value {
    let text = token.split('.').nth(number).expect("a token of three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64")).expect("JSON")
}

/// What a token claims.
pub(super) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// The id of the key that signed it.
pub(super) fn key_id(token: &str) -> String {
    part(token, 0)["kid"].as_str().unwrap_or_default().to_owned()
}

/// From `iat` to `exp`, in seconds.
pub(super) fn lifetime(token: &str) -> i64 {
    let claims = claims(token);
    claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
}

/// A document that the API server publishes, as an administrator reads it.
pub(super) fn raw(kubectl: &Kubectl, path: &str) -> Result<Value, Failed> {
    Ok(serde_json::from_str(&kubectl.ok(&["get", "--raw", path])?)?)
}

/// Ids of keys of a JSON Web Key Set.
pub(super) fn key_ids(jwks: &Value) -> Vec<&str> {
    jwks["keys"].as_array().into_iter().flatten().filter_map(|key| key["kid"].as_str()).collect()
}

/// A role's ARN.
pub(super) fn role_arn(role: &str) -> String {
    format!("acs:ram::{ACCOUNT}:role/{role}")
}

/// A provider's ARN.
pub(super) fn provider_arn(provider: &str) -> String {
    format!("acs:ram::{ACCOUNT}:oidc-provider/{provider}")
}

/// The trust policy of the documentation, for one subject.
pub(super) fn trust_policy(provider: &str, issuer: &str, subject: &str) -> Value {
    json!({"Version": "1", "Statement": [statement(provider, issuer, subject)]})
}

/// The statement of the documentation.
pub(super) fn statement(provider: &str, issuer: &str, subject: &str) -> Value {
    json!({
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {
            "oidc:aud": "sts.aliyuncs.com", "oidc:iss": issuer, "oidc:sub": subject,
        }},
        "Effect": "Allow",
        "Principal": {"Federated": [provider_arn(provider)]},
    })
}

/// The subject of a service account in [`SPACE`].
pub(super) fn subject(name: &str) -> String {
    format!("system:serviceaccount:{SPACE}:{name}")
}

/// A role that is deleted when this is dropped.
pub(super) struct Role<'a> {
    rig: &'a Rig,
    name: String,
}

impl<'a> Role<'a> {
    pub(super) fn create(rig: &'a Rig, name: &str, trust_policy: &Value) -> Result<Self, Failed> {
        rig.cloud().emulator().create_role(ACCOUNT, name, &trust_policy.to_string())?;
        Ok(Self::made_elsewhere(rig, name))
    }

    /// One that a command will make.
    pub(super) fn made_elsewhere(rig: &'a Rig, name: &str) -> Self {
        Self { rig, name: name.to_owned() }
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        let _ = self.rig.cloud().emulator().delete_role(ACCOUNT, &self.name);
    }
}

/// A provider that is removed when this is dropped.
pub(super) struct Provider<'a> {
    rig: &'a Rig,
    name: String,
}

impl<'a> Provider<'a> {
    pub(super) fn add(rig: &'a Rig, provider: emulator::OidcProvider, name: &str) -> Result<Self, Failed> {
        rig.cloud().emulator().add_oidc_provider(provider)?;
        Ok(Self::made_elsewhere(rig, name))
    }

    /// One that a command will make.
    pub(super) fn made_elsewhere(rig: &'a Rig, name: &str) -> Self {
        Self { rig, name: name.to_owned() }
    }
}

impl Drop for Provider<'_> {
    fn drop(&mut self) {
        let _ = self.rig.cloud().emulator().remove_oidc_provider(ACCOUNT, &self.name);
    }
}

/// A program with a token and nothing else, which wants a role.
pub(super) struct Holder<'a> {
    rig: &'a Rig,
    home: PathBuf,
}

impl<'a> Holder<'a> {
    pub(super) fn new(rig: &'a Rig) -> e2e::Result<Self> {
        Ok(Self { rig, home: rig.person(user("alice"))?.home().to_owned() })
    }

    /// `ack-ram-tool`, with the variables and the file of a pod. STS is where the emulator is; its name is that of the
    /// proxy's other end.
    pub(super) fn tool(
        &self,
        role: &str,
        provider: &str,
        token: &str,
        arguments: &[&str],
    ) -> e2e::Result<Output> {
        let file = self.home.join("token");
        std::fs::write(&file, token).map_err(e2e::Error::file("write", &file))?;
        let mut command = isolated(&self.rig.bin().join("ack-ram-tool"));
        command
            .env("HOME", &self.home)
            .env("ALIBABA_CLOUD_ROLE_ARN", role_arn(role))
            .env("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", provider_arn(provider))
            .env("ALIBABA_CLOUD_OIDC_TOKEN_FILE", &file)
            .env("HTTPS_PROXY", self.rig.cloud().proxy())
            .env("SSL_CERT_FILE", self.rig.cloud().ca_file())
            .args(arguments);
        run(command, SOON)
    }

    /// The ARN that STS tells the holder of a token, or the code of its refusal.
    pub(super) fn becomes(&self, role: &str, provider: &str, token: &str) -> Result<String, Failed> {
        let output = self.tool(role, provider, token, &["auth", "whoami", "-o", "json"])?;
        if output.status == 0 {
            let who: Value = serde_json::from_str(&output.stdout)?;
            return Ok(who["arn"].as_str().unwrap_or_default().to_owned());
        }
        let requests = self.rig.cloud().emulator().requests();
        let asked = requests.iter().rev().find(|request| request.action == "AssumeRoleWithOIDC");
        let code = asked.and_then(|request| request.code.clone()).ok_or_else(|| output.stderr.clone())?;
        assert!(output.stderr.contains(&code), "{code} is not in: {}", output.stderr);
        assert!(!output.stderr.contains(token), "the token is in: {}", output.stderr);
        Ok(code)
    }
}

/// The path of the discovery document below an issuer, at the API server and at a site.
pub(super) const DOCUMENT: &str = ".well-known/openid-configuration";
/// The path of the keys, at the API server and, by habit, at a site.
pub(super) const KEYS: &str = "openid/v1/jwks";

/// A cluster whose issuer is a site: its API server signs under the site's URL, and STS fetches the keys from there.
pub(super) struct Published {
    pub(super) site: Site,
    pub(super) server: ApiServer,
}

impl Published {
    /// The site has both documents, and the emulator trusts the authority of its certificate.
    pub(super) fn start(rig: &Rig, name: &str) -> Result<Self, Failed> {
        let site = Site::start(rig.run(), name)?;
        rig.cloud().emulator().trust_oidc_issuers(site.authority())?;
        let flags = [
            format!("--service-account-issuer={}", site.url()),
            format!("--service-account-issuer={ISSUER}"),
            format!("--service-account-jwks-uri={}/{KEYS}", site.url()),
        ];
        let server = rig.api_server_with(name, &flags)?;
        publish(rig, &server, &site)?;
        Ok(Self { site, server })
    }
}

/// Copies both documents of an API server to a site, as they are.
pub(super) fn publish(rig: &Rig, server: &ApiServer, site: &Site) -> Outcome {
    for path in [DOCUMENT, KEYS] {
        let text = rig.admin_of(server).ok(&["get", "--raw", &format!("/{path}")])?;
        let file = site.folder().join(path);
        std::fs::create_dir_all(file.parent().ok_or("no folder")?)?;
        std::fs::write(file, text)?;
    }
    Ok(())
}

/// Temporary credentials that somebody has kept.
pub(super) struct Session {
    id: String,
    secret: String,
    token: String,
}

impl Session {
    pub(super) fn new(id: String, secret: String, token: String) -> Self {
        Self { id, secret, token }
    }

    /// `ack-ram-tool` with these credentials in the environment.
    pub(super) fn tool(&self, rig: &Rig, arguments: &[&str]) -> e2e::Result<Output> {
        let mut command = isolated(&rig.bin().join("ack-ram-tool"));
        command
            .env("HOME", rig.person(user("bob"))?.home())
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", &self.id)
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", &self.secret)
            .env("ALIBABA_CLOUD_SECURITY_TOKEN", &self.token)
            .env("HTTPS_PROXY", rig.cloud().proxy())
            .env("SSL_CERT_FILE", rig.cloud().ca_file())
            .args(arguments);
        run(command, SOON)
    }

    /// The exit status of `auth whoami`, and the ARN or the line of the error.
    pub(super) fn whoami(&self, rig: &Rig) -> Result<(i32, String), Failed> {
        let output = self.tool(rig, &["auth", "whoami", "-o", "json"])?;
        if output.status != 0 {
            return Ok((output.status, output.stderr));
        }
        let who: Value = serde_json::from_str(&output.stdout)?;
        Ok((0, who["arn"].as_str().unwrap_or_default().to_owned()))
    }
}

/// A RAM user with an access key, deleted when this is dropped.
pub(super) struct User<'a> {
    rig: &'a Rig,
    name: String,
    pub(super) identity: Identity,
}

impl<'a> User<'a> {
    pub(super) fn create(rig: &'a Rig, name: &str) -> Result<Self, Failed> {
        let cloud = rig.cloud().emulator();
        let id = cloud.create_user(ACCOUNT, name)?;
        let identity = Identity { id, ..user(name) };
        let made = Self { rig, name: name.to_owned(), identity };
        let Identity { access_key_id, access_key_secret, .. } = &made.identity;
        cloud.create_access_key(ACCOUNT, name, access_key_id, access_key_secret)?;
        Ok(made)
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        let _ = self.rig.cloud().emulator().delete_user(ACCOUNT, &self.name);
    }
}

/// Somebody who runs a cluster and the account: `ack-ram-tool` with an access key, kubectl and the cloud's real names. He
/// says yes to every question.
pub(super) struct Operator<'a> {
    rig: &'a Rig,
    home: PathBuf,
    kubeconfig: PathBuf,
    identity: Identity,
    authorities: PathBuf,
}

impl<'a> Operator<'a> {
    /// The account's owner.
    pub(super) fn new(rig: &'a Rig) -> Result<Self, Failed> {
        let home = rig.person(e2e::cloud::account())?.home().to_owned();
        let kubeconfig = rig.api_server().admin().to_owned();
        let authorities = rig.cloud().ca_file().to_owned();
        Ok(Self { rig, home, kubeconfig, identity: e2e::cloud::account(), authorities })
    }

    /// The same, who trusts the authority of a site beside the cloud's.
    pub(super) fn trusting(mut self, site: &Site) -> Result<Self, Failed> {
        let both = format!("{}{}", std::fs::read_to_string(self.rig.cloud().ca_file())?, site.authority());
        self.authorities = self.home.join("authorities.pem");
        std::fs::write(&self.authorities, both)?;
        Ok(self)
    }

    /// The same at another API server.
    pub(super) fn at(mut self, server: &ApiServer) -> Self {
        server.admin().clone_into(&mut self.kubeconfig);
        self
    }

    /// The same with another's key.
    pub(super) fn with_key_of(mut self, identity: &Identity) -> Self {
        self.identity = identity.clone();
        self
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Runs `ack-ram-tool` to its end, with kubectl for another API server.
    pub(super) fn tool_at(&self, server: &ApiServer, arguments: &[&str]) -> Result<Output, Failed> {
        self.run(server.admin(), arguments)
    }

    /// Runs `ack-ram-tool` to its end.
    pub(super) fn tool(&self, arguments: &[&str]) -> Result<Output, Failed> {
        self.run(&self.kubeconfig, arguments)
    }

    fn run(&self, kubeconfig: &Path, arguments: &[&str]) -> Result<Output, Failed> {
        Ok(run(self.command(kubeconfig, arguments)?, PATIENCE)?)
    }

    /// `ack-ram-tool`, for what runs on.
    pub(super) fn command(&self, kubeconfig: &Path, arguments: &[&str]) -> Result<Command, Failed> {
        let kubectl = self.rig.plane().kubectl().parent().ok_or("kubectl is nowhere")?;
        let mut command = isolated(&self.rig.bin().join("ack-ram-tool"));
        command
            .env("HOME", &self.home)
            .env("PATH", search_path(&[kubectl]))
            .env("KUBECONFIG", kubeconfig)
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", &self.identity.access_key_id)
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", &self.identity.access_key_secret)
            .env("HTTPS_PROXY", self.rig.cloud().proxy())
            .env("NO_PROXY", "127.0.0.1")
            .env("SSL_CERT_FILE", &self.authorities)
            .env("ACK_RAM_TOOL_ASSUME_YES", "true")
            .args(arguments);
        Ok(command)
    }
}

/// For a command that makes many calls on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);
