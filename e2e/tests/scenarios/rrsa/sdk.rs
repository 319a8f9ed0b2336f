//! What all official SDKs have in common: the pod that runs them, what their programs print, and what is asked of them.
//!
//! A program takes one argument or none. Without, it asks STS once who it is, with the SDK's default chain and client, and
//! prints one line of JSON: `{"arn", "account", "type"}`, or `{"error", "message"}` (and ends with status 1). With `watch`
//! it asks again and again with one client whose role sessions are so short that the SDK has to renew them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use e2e::cloud::{ACCOUNT, CLUSTER, OIDC_AUDIENCE, OIDC_PROVIDER};
use e2e::control_plane::ISSUER;
use e2e::namespace::{Image, RunningPod};
use e2e::pod_identity::{self, service_account};
use e2e::process::Output;
use e2e::rig::Rig;
use emulator::{OidcProvider, RecordedRequest};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Outcome, SOON, sdk_go, sdk_java};

/// Where STS is for pods of the rig's region, as the injected variables say.
pub(super) const STS_IN_THE_VPC: &str = "sts-vpc.cn-hangzhou.aliyuncs.com";

/// One official SDK: how a pod runs it, and what it is known by.
pub(super) struct Sdk {
    /// The container's name: `python`.
    pub(super) name: &'static str,
    /// The container's command.
    pub(super) command: Vec<String>,
    /// What its image has: who is trusted, and where packages are.
    pub(super) image: Image,
    /// Words of the `user-agent` of AssumeRoleWithOIDC; none for one that sends no such header.
    pub(super) user_agent: &'static [&'static str],
    /// How names of its sessions begin.
    pub(super) session: &'static str,
}

/// What a program printed.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) arn: Option<String>,
    /// The kind of the SDK's own error.
    pub(super) error: Option<String>,
    /// Its text, which quotes the answer of STS.
    #[serde(default)]
    pub(super) message: String,
}

/// The official SDK for Python.
pub(super) fn python(rig: &Rig) -> Result<Sdk, String> {
    let python = installed("scripts/python-env", "e2e/sdk/python/requirements.txt")?;
    Ok(Sdk {
        name: "python",
        command: vec![python, path(&repository().join("e2e/sdk/python/main.py"))],
        image: Image::new().variable("SSL_CERT_FILE", rig.cloud().ca_file()),
        user_agent: &["AlibabaCloud", "Python/", "Credentials/"],
        session: "credentials-python-",
    })
}

/// The official SDK for Node.js.
pub(super) fn node(rig: &Rig) -> Result<Sdk, String> {
    let packages = installed("scripts/node-env", "e2e/sdk/node")?;
    Ok(Sdk {
        name: "node",
        command: vec!["node".to_owned(), path(&repository().join("e2e/sdk/node/main.js"))],
        image: Image::new()
            .variable("NODE_PATH", packages)
            .variable("NODE_EXTRA_CA_CERTS", rig.cloud().ca_file()),
        user_agent: &[],
        session: "credentials-nodejs-",
    })
}

/// All of them.
pub(super) fn all(rig: &Rig) -> Result<Vec<Sdk>, libtest_mimic::Failed> {
    Ok(vec![python(rig)?, node(rig)?, sdk_go::sdk(rig)?, sdk_java::sdk(rig)?])
}

fn repository() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    folder.canonicalize().unwrap_or(folder)
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// What a script of the repository prints: where it has installed the packages of a list, the first time.
fn installed(script: &str, list: &str) -> Result<String, String> {
    let repository = repository();
    let script = repository.join(script);
    let output = Command::new(&script).arg(repository.join(list)).output();
    let output = output.map_err(|error| format!("{}: {error}", script.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A pod with a container for each SDK, which runs its program with `arguments`.
pub(super) fn pod(namespace: &str, name: &str, account: &str, sdks: &[Sdk], arguments: &[&str]) -> Value {
    let containers: Vec<Value> = sdks
        .iter()
        .map(|sdk| json!({"name": sdk.name, "image": sdk.name, "command": sdk.command, "args": arguments}))
        .collect();
    let mut pod = pod_identity::pod(namespace, name, account, &[]);
    pod["spec"]["containers"] = Value::Array(containers);
    pod
}

/// The namespace, labelled, with a service account `app` that has this role.
pub(super) fn namespace(name: &str, role: &str) -> [Value; 2] {
    [pod_identity::namespace(name), service_account(name, "app", &[("role-name", role)])]
}

/// Runs the SDK's container once.
pub(super) fn run(pod: &RunningPod<'_>, sdk: &Sdk) -> Result<Answer, e2e::Error> {
    answer(&pod.run(sdk.name, &sdk.image)?)
}

fn answer(output: &Output) -> Result<Answer, e2e::Error> {
    let line = output.stdout.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(|error| e2e::Error::Answer {
        what: format!("what `{}` prints (status {})", output.command, output.status),
        reason: format!("{error}: {} {}", output.stdout, output.stderr),
    })
}

impl Answer {
    pub(super) fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// `Code` of the answer of STS that the SDK's error quotes.
    pub(super) fn code(&self) -> Option<String> {
        self.quoted("Code")
    }

    /// `Message` of it.
    pub(super) fn sts_message(&self) -> Option<String> {
        self.quoted("Message")
    }

    /// SDKs quote the answer in languages' own ways: `'` may have a backslash in front of it, and so may `"`.
    fn quoted(&self, field: &str) -> Option<String> {
        let plain = self.message.replace('\\', "");
        let (_before, value) = plain.split_once(&format!("\"{field}\":\""))?;
        value.split_once('"').map(|(value, _after)| value.to_owned())
    }
}

/// A role that is deleted when this is dropped.
pub(super) struct Role<'a> {
    rig: &'a Rig,
    name: String,
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        let _ = self.rig.cloud().emulator().delete_role(ACCOUNT, &self.name);
    }
}

/// A role with this trust policy.
pub(super) fn role<'a>(
    rig: &'a Rig,
    name: &str,
    trust: &Value,
) -> Result<Role<'a>, emulator::DirectoryError> {
    rig.cloud().emulator().create_role(ACCOUNT, name, &trust.to_string())?;
    Ok(Role { rig, name: name.to_owned() })
}

/// Whom a role trusts: one service account of the rig's cluster, as the documentation has it.
#[derive(Clone)]
pub(super) struct Trusted {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) subject: String,
}

/// The service account `app` of this namespace.
pub(super) fn app(namespace: &str) -> Trusted {
    Trusted {
        issuer: ISSUER.to_owned(),
        audience: OIDC_AUDIENCE.to_owned(),
        subject: format!("system:serviceaccount:{namespace}:app"),
    }
}

impl Trusted {
    pub(super) fn policy(&self) -> Value {
        let conditions =
            json!({"oidc:iss": self.issuer, "oidc:aud": self.audience, "oidc:sub": self.subject});
        json!({"Version": "1", "Statement": [{
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Federated": [OIDC_PROVIDER]},
            "Condition": {"StringEquals": conditions},
        }]})
    }
}

/// The provider of the rig's cluster in somebody's hands; it is as it was when this is dropped.
pub(super) struct Provider<'a> {
    rig: &'a Rig,
    name: String,
    keys: String,
}

impl<'a> Provider<'a> {
    /// As disabling RRSA does it.
    pub(super) fn taken_away(rig: &'a Rig) -> Result<Self, libtest_mimic::Failed> {
        let keys = rig.admin().ok(&["get", "--raw", "/openid/v1/jwks"])?;
        let name = format!("ack-rrsa-{CLUSTER}");
        rig.cloud().emulator().remove_oidc_provider(ACCOUNT, &name)?;
        Ok(Self { rig, name, keys })
    }

    /// There again, of this issuer, and with the cluster's keys.
    pub(super) fn of(&self, issuer: &str) -> Result<(), emulator::DirectoryError> {
        let provider = OidcProvider::new(ACCOUNT, &self.name, issuer).client_id(OIDC_AUDIENCE);
        self.rig.cloud().emulator().add_oidc_provider(provider.jwks(&self.keys))
    }

    /// There again, of this issuer, whose keys STS has to fetch.
    pub(super) fn without_keys(&self, issuer: &str) -> Result<(), emulator::DirectoryError> {
        let provider = OidcProvider::new(ACCOUNT, &self.name, issuer).client_id(OIDC_AUDIENCE);
        self.rig.cloud().emulator().add_oidc_provider(provider)
    }
}

impl Drop for Provider<'_> {
    fn drop(&mut self) {
        let _ = self.rig.cloud().emulator().remove_oidc_provider(ACCOUNT, &self.name);
        if let Err(error) = self.of(ISSUER) {
            eprintln!("e2e: the OIDC provider cannot be put back: {error}");
        }
    }
}

/// The requests of an action that the cloud has had since they were forgotten.
pub(super) fn requests(rig: &Rig, action: &str) -> Vec<RecordedRequest> {
    rig.cloud().emulator().requests().into_iter().filter(|request| request.action == action).collect()
}

/// A parameter, wherever the SDK puts it.
pub(super) fn parameter(request: &RecordedRequest, name: &str) -> Option<String> {
    let query = request.raw.target.split_once('?').map_or("", |(_path, query)| query);
    let body = String::from_utf8_lossy(&request.raw.body);
    [query, &body].into_iter().find_map(|form| {
        let base = reqwest::Url::parse(&format!("https://form/?{form}")).ok()?;
        base.query_pairs().find(|(key, _value)| key == name).map(|(_key, value)| value.into_owned())
    })
}

fn header<'a>(request: &'a RecordedRequest, name: &str) -> Option<&'a str> {
    request.raw.headers.iter().find(|(key, _value)| key == name).map(|(_key, value)| value.as_str())
}

/// In an injected pod the SDK becomes the role of the service account, with nothing but what is injected, and asks the STS
/// that the variables name.
pub(super) fn is_the_role(rig: &Rig, space: &str, sdk: Sdk) -> Outcome {
    rig.pod_identity()?;
    let name = format!("{space}-role");
    let _role = role(rig, &name, &app(space).policy())?;
    let _applied = rig.apply_all(&namespace(space, &name))?;
    let sdks = [sdk];
    let [sdk] = &sdks;
    let pod = RunningPod::start(rig, &pod(space, "app", "app", &sdks, &[]))?;
    rig.cloud().emulator().clear_requests();

    let who = run(&pod, sdk)?;

    let asked = requests(rig, "AssumeRoleWithOIDC");
    let [assume] = asked.as_slice() else { return Err(format!("{who:?} {asked:?}").into()) };
    assert_eq!(assume.host, STS_IN_THE_VPC, "{assume:?}");
    assert_eq!(assume.status, Some(200), "{assume:?}");
    assert_eq!(assume.access_key_id, "", "nobody signs it: {assume:?}");
    assert!(parameter(assume, "OIDCToken") == Some(pod.token()?), "another token than that of the file");
    assert_eq!(parameter(assume, "RoleArn"), Some(format!("acs:ram::{ACCOUNT}:role/{name}")));
    assert_eq!(parameter(assume, "OIDCProviderArn").as_deref(), Some(OIDC_PROVIDER));
    let agent = header(assume, "user-agent");
    assert_eq!(agent.is_none(), sdk.user_agent.is_empty(), "{agent:?}");
    assert!(sdk.user_agent.iter().all(|word| agent.is_some_and(|agent| agent.contains(word))), "{agent:?}");
    let session = parameter(assume, "RoleSessionName").ok_or("no session name")?;
    assert!(session.starts_with(sdk.session), "{session}");
    let identities = requests(rig, "GetCallerIdentity");
    let [identity] = identities.as_slice() else { return Err(format!("{who:?} {identities:?}").into()) };
    assert_eq!(identity.host, STS_IN_THE_VPC, "{identity:?}");
    assert_eq!(who.arn, Some(format!("acs:ram::{ACCOUNT}:assumed-role/{name}/{session}")), "{who:?}");
    Ok(())
}

/// Without the variables of STS the SDK asks the STS of no region.
pub(super) fn asks_the_sts_of_no_region(rig: &Rig, space: &str, sdk: Sdk) -> Outcome {
    let usual = rig.pod_identity()?;
    let _instead = usual.with("three-variables", &["--sts-variables=false"])?;
    let name = format!("{space}-role");
    let _role = role(rig, &name, &app(space).policy())?;
    let _applied = rig.apply_all(&namespace(space, &name))?;
    let sdks = [sdk];
    let [sdk] = &sdks;
    let pod = RunningPod::start(rig, &pod(space, "app", "app", &sdks, &[]))?;
    assert_eq!(pod.environment(sdk.name)?.len(), 3);
    rig.cloud().emulator().clear_requests();
    let who = run(&pod, sdk)?;
    assert!(who.arn.is_some(), "{who:?}");
    let hosts: Vec<_> = requests(rig, "AssumeRoleWithOIDC").into_iter().map(|request| request.host).collect();
    assert_eq!(hosts, ["sts.aliyuncs.com"]);
    Ok(())
}

/// A program that runs on sends the token that a kubelet has put in place of the first one, and from then on no other.
pub(super) fn reads_a_replaced_token(rig: &Rig, space: &str, sdk: Sdk) -> Outcome {
    rig.pod_identity()?;
    let name = format!("{space}-role");
    let _role = role(rig, &name, &app(space).policy())?;
    let _applied = rig.apply_all(&namespace(space, &name))?;
    let sdks = [sdk];
    let [sdk] = &sdks;
    let pod = RunningPod::start(rig, &pod(space, "watch", "app", &sdks, &["watch"]))?;
    rig.cloud().emulator().clear_requests();
    let program = pod.launch(sdk.name, &sdk.image)?;
    let is_well = |line: &str| Answer::read(line).is_some_and(|answer| answer.arn.is_some());
    program.log().line(Default::default(), "who it is", SOON, is_well)?;
    let first = pod.token()?;
    assert!(tokens(rig).iter().all(|token| *token == first), "another token than that of the file");

    let second = pod.replace_token(7200)?;
    // Which lives longer: it is not the first one once more.
    assert!(second != first);
    eventually("the new token to be sent", || Ok(tokens(rig).contains(&second)))?;
    let mark = program.log().mark();
    let sent = tokens(rig).len();
    program.log().line(mark, "who it is with the new token", SOON, is_well)?;
    eventually("more tokens to be sent", || Ok(tokens(rig).len() > sent))?;
    let later: Vec<String> = tokens(rig).into_iter().skip_while(|token| *token == first).collect();
    assert!(later.iter().all(|token| *token == second), "the first token was sent after the second");
    // Java's machine writes lines of its own.
    let failed = program.log().all().lines().filter_map(Answer::read).any(|answer| answer.arn.is_none());
    assert!(!failed, "{}", program.log().all());
    Ok(())
}

/// A program with the default chain that is started before there is a role: after the refusal the role is made. Where the
/// SDK asks STS again it becomes the role. Where it does not, it keeps to the last link of its chain, which has failed too,
/// until it is started anew.
pub(super) fn started_before_its_role(rig: &Rig, space: &str, sdk: Sdk, does_ask_again: bool) -> Outcome {
    rig.pod_identity()?;
    let name = format!("{space}-role");
    let _applied = rig.apply_all(&namespace(space, &name))?;
    let sdks = [sdk];
    let [sdk] = &sdks;
    let pod = RunningPod::start(rig, &pod(space, "early", "app", &sdks, &["stay"]))?;
    rig.cloud().emulator().clear_requests();
    let program = pod.launch(sdk.name, &sdk.image)?;
    let says =
        |line: &str, is_it: fn(&Answer) -> bool| Answer::read(line).is_some_and(|answer| is_it(&answer));
    let is_refused =
        |line: &str| says(line, |answer| answer.code().as_deref() == Some("EntityNotExist.Role"));
    program.log().line(Default::default(), "that there is no such role", SOON, is_refused)?;

    let _role = role(rig, &name, &app(space).policy())?;
    let is_well = |line: &str| says(line, |answer| answer.arn.is_some());
    if does_ask_again {
        program.log().line(Default::default(), "who it is", SOON, is_well)?;
        // One try for each call of the program that was refused, one for that which was not, and none after it.
        let refusals = program.log().all().lines().filter(|line| is_refused(line)).count();
        assert_eq!(requests(rig, "AssumeRoleWithOIDC").len(), refusals + 1);
        return Ok(());
    }
    let is_other = |line: &str| says(line, |answer| answer.error.is_some() && answer.code().is_none());
    program.log().line(Default::default(), "an error without any word of STS", SOON, is_other)?;
    let asked = requests(rig, "AssumeRoleWithOIDC");
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(!program.log().all().lines().any(is_well), "{}", program.log().all());
    let mark = program.log().mark();
    drop(program);
    let again = pod.launch(sdk.name, &sdk.image)?;
    again.log().line(mark, "who it is", SOON, is_well)?;
    Ok(())
}

pub(super) fn eventually(what: &str, mut is_true: impl FnMut() -> Result<bool, e2e::Error>) -> Outcome {
    let start = Instant::now();
    while !is_true()? {
        if start.elapsed() > SOON {
            return Err(format!("waited in vain for this: {what}").into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Those that the cloud was sent, in their order.
pub(super) fn tokens(rig: &Rig) -> Vec<String> {
    requests(rig, "AssumeRoleWithOIDC").iter().filter_map(|request| parameter(request, "OIDCToken")).collect()
}
