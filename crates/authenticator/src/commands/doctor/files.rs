//! Certificate, webhook kubeconfig, and the mappings that are kept in files. Nothing is written.

use std::fs;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use cluster::client::describe_kubeconfig;
use identity::Rule;
use jiff::Timestamp;
use kube::config::{AuthInfo, Kubeconfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use webhook_server::certs::{Files, Pair, Problem};

use super::report::{Finding, Subject};
use crate::certificate;
use crate::config::ServerConfig;
use crate::kubeconfig::AUTHENTICATE_PATH;
use crate::mappings::file::{self, EntryError};
use crate::mappings::{BackendMode, Warning};

/// How the API server reaches the webhook, as its kubeconfig says.
#[derive(Clone, Debug)]
pub(super) struct Webhook {
    /// `https://HOST:PORT`.
    pub(super) base: String,
    /// What it trusts, as PEM; empty: the system's authorities.
    pub(super) anchors: Vec<u8>,
}

/// `cert.pem` and `key.pem`.
pub(super) fn server_certificate(config: &ServerConfig, now: Timestamp) -> (Option<Pair>, Vec<Finding>) {
    let files = Files::in_folder(&config.state_dir);
    let folder = config.state_dir.display();
    if !files.certificate.exists() && !files.key.exists() {
        let found = format!("there is no certificate in {folder} yet");
        let mend =
            "the server makes one at its start; init makes it beforehand, with the kubeconfig that pins it";
        return (None, vec![Finding::warn(Subject::Certificate, found, mend)]);
    }
    let pair = match Pair::load(&files) {
        Ok(pair) => pair,
        Err(error) => {
            let mend = "the server does not start with these files: mend them as the message says, readable for the user that runs the server";
            return (None, vec![Finding::fail(Subject::Certificate, error.to_string(), mend)]);
        }
    };
    let is_self_made = pair.is_self_made(certificate::COMMON_NAME);
    let problems = pair.problems(config.hostname.as_str(), now);
    let mut findings: Vec<Finding> = problems.iter().map(|found| problem(found, is_self_made)).collect();
    if findings.is_empty() {
        let (file, hostname) = (files.certificate.display(), config.hostname.as_str());
        let found = format!("{file} is good for {hostname:?} until {}", pair.not_after());
        findings.push(Finding::ok(Subject::Certificate, found));
    }
    (Some(pair), findings)
}

/// A server renews in memory what it made itself, so a leaf on disk that has ended is no failure: check `webhook`
/// connects as the API server does.
fn problem(problem: &Problem, is_self_made: bool) -> Finding {
    let found = problem.to_string();
    let mend = match problem {
        Problem::Expired { .. } | Problem::NotYetValid { .. } if !is_self_made => {
            let mend = "nobody can log in: replace certificate and key; the server takes them up by itself. Or the clock is wrong";
            return Finding::fail(Subject::Certificate, found, mend);
        }
        Problem::Expired { .. } | Problem::NotYetValid { .. } => {
            "the server serves a renewed one of its own making: check webhook says whether it does"
        }
        Problem::OtherName { .. } => {
            "set server.hostname to the name in the certificate and in the webhook kubeconfig, or have both made anew with init"
        }
        Problem::EndsSoon { .. } | Problem::AuthorityEndsSoon { .. } | Problem::ClientEndsSoon { .. } => {
            "do it before the day comes: nobody can log in after it"
        }
        Problem::OpenKey { .. } => "whoever can read the key can answer for this server",
    };
    Finding::warn(Subject::Certificate, found, mend)
}

/// The kubeconfig of `--authentication-token-webhook-config-file`.
pub(super) fn webhook_kubeconfig(
    path: &Path,
    config: &ServerConfig,
    pair: Option<&Pair>,
) -> (Option<Webhook>, Vec<Finding>) {
    let subject = Subject::WebhookKubeconfig;
    let shown = path.display();
    let fail = |found: String, mend: &str| (None, vec![Finding::fail(subject, found, mend)]);
    if !path.exists() {
        let found = format!("{shown} does not exist");
        return fail(
            found,
            "init makes it, and so does the server at its start; start the API server with it after that, for it reads the file once. If it lies elsewhere, give --generate-kubeconfig",
        );
    }
    let file = match Kubeconfig::read_from(path) {
        Ok(file) => file,
        Err(error) => {
            return fail(
                format!("{shown}: {}", describe_kubeconfig(&error)),
                "make it anew with init, and restart the API server",
            );
        }
    };
    let Some((cluster, user)) = current(&file) else {
        let found = format!("{shown} has no current context with a cluster");
        return fail(found, "make it anew with init, and restart the API server");
    };
    let server = cluster.server.clone().unwrap_or_default();
    let base = match base_of(&server) {
        Ok(base) => base,
        Err(reason) => {
            let found = format!("{shown}: the server {server:?} {reason}");
            return fail(found, "make it anew with init, and restart the API server");
        }
    };
    let anchors = match anchors(&cluster) {
        Ok(anchors) => anchors,
        Err(reason) => {
            let found = format!("{shown}: {reason}");
            return fail(found, "make it anew with init, and restart the API server");
        }
    };
    let mut findings: Vec<Finding> =
        client_certificate(&shown.to_string(), &user, config).into_iter().collect();
    if cluster.insecure_skip_tls_verify == Some(true) {
        findings.push(Finding::warn(
            subject,
            format!("{shown} has insecure-skip-tls-verify: whoever gets in between can log in as anybody"),
            "put certificate-authority-data there instead, as init writes it",
        ));
    }
    let port = base.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    if config.listen.port() != 0 && port != Some(config.listen.port()) {
        findings.push(Finding::fail(
            subject,
            format!("{shown} sends the API server to {server}, and this server listens on port {}", config.listen.port()),
            "make port and kubeconfig agree (--port, server.port), and restart the API server if the kubeconfig changed",
        ));
    }
    if let Some(pair) = pair.filter(|_| !anchors.is_empty()) {
        let pinned = certificates(&anchors);
        let ours = certificates(pair.trust_anchor_pem().as_bytes());
        if !ours.iter().any(|ours| pinned.contains(ours)) {
            findings.push(Finding::warn(
                subject,
                format!("{shown} pins another authority than the one in {}", config.state_dir.display()),
                "right if that authority issued the certificate: see check webhook. Else write the kubeconfig anew (init) and restart the API server",
            ));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(subject, format!("{shown} sends the API server to {server}")));
    }
    (Some(Webhook { base, anchors }), findings)
}

fn current(file: &Kubeconfig) -> Option<(kube::config::Cluster, AuthInfo)> {
    let context = file.current_context.as_ref()?;
    let context = file.contexts.iter().find(|named| named.name == *context)?.context.as_ref()?;
    let cluster = file.clusters.iter().find(|named| named.name == context.cluster)?.cluster.clone()?;
    let user = file.auth_infos.iter().find(|named| Some(&named.name) == context.user.as_ref());
    Some((cluster, user.and_then(|named| named.auth_info.clone()).unwrap_or_default()))
}

/// What the API server shows, where this server lets in only those who show a certificate.
fn client_certificate(shown: &str, user: &AuthInfo, config: &ServerConfig) -> Option<Finding> {
    config.serving.client_ca_file.as_ref()?;
    let mend = "the API server is refused with HTTP 403, and nobody can log in: make client certificate and kubeconfig with init --client-certificate, and restart the API server";
    let missing = |what: &str, data: bool, file: Option<&String>| match file {
        _ if data => None,
        None => Some(format!("{shown} has no {what}, and this server asks for one (--client-ca-file)")),
        Some(path) if !Path::new(path).exists() => {
            Some(format!("{shown} names the {what} {path}, which does not exist"))
        }
        Some(_) => None,
    };
    let certificate = missing(
        "client-certificate",
        user.client_certificate_data.is_some(),
        user.client_certificate.as_ref(),
    );
    let key = || missing("client-key", user.client_key_data.is_some(), user.client_key.as_ref());
    certificate.or_else(key).map(|found| Finding::fail(Subject::WebhookKubeconfig, found, mend))
}

/// `https://HOST:PORT` of a webhook's URL.
fn base_of(server: &str) -> Result<String, &'static str> {
    let uri = server.parse::<http::Uri>().map_err(|_| "is no URL")?;
    if uri.scheme_str() != Some("https") {
        return Err("does not begin with https://");
    }
    if uri.path() != AUTHENTICATE_PATH {
        return Err("does not end in /authenticate");
    }
    let host = uri.host().ok_or("names no host")?;
    Ok(format!("https://{host}:{}", uri.port_u16().unwrap_or(443)))
}

fn anchors(cluster: &kube::config::Cluster) -> Result<Vec<u8>, String> {
    let pem = match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
        (Some(data), _) => {
            BASE64_STANDARD.decode(data).map_err(|_| "certificate-authority-data is no base64".to_owned())?
        }
        (None, Some(path)) => fs::read(path).map_err(|error| format!("cannot read {path}: {error}"))?,
        (None, None) => return Ok(Vec::new()),
    };
    if certificates(&pem).is_empty() {
        return Err("its certificate authority holds no certificate".to_owned());
    }
    Ok(pem)
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}

/// Mappings of the configuration file, and the file of `DynamicFile`.
pub(super) fn mappings(config: &ServerConfig) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.mapping_options.has_break_glass() {
        let rules = file::break_glass_rules(&config.mapping_options.break_glass);
        findings.extend(of_configuration(rules, "mappings in server.breakGlass"));
    }
    for mode in &config.backends {
        match mode {
            BackendMode::MountedFile => {
                let rules = file::rules(BackendMode::MountedFile.as_str(), &config.mappings);
                findings.extend(of_configuration(rules, "mappings in the configuration file"));
            }
            BackendMode::DynamicFile => {
                findings.push(dynamic(config.mapping_options.dynamic_file.as_deref()))
            }
            BackendMode::AckConfigMap | BackendMode::Crd => {}
        }
    }
    findings
}

type Parsed = Result<(Vec<Rule>, Vec<Warning>), Vec<EntryError>>;

fn of_configuration(parsed: Parsed, what: &str) -> Vec<Finding> {
    let mend = "the server does not start with this entry: mend it in the configuration file";
    match parsed {
        Err(errors) => {
            errors.iter().map(|error| Finding::fail(Subject::Mappings, error.to_string(), mend)).collect()
        }
        Ok((rules, warnings)) => {
            let told = |warning: &Warning| {
                Finding::warn(Subject::Mappings, warning.to_string(), "mend the entry, or leave it out")
            };
            let mut findings: Vec<Finding> = warnings.iter().map(told).collect();
            findings.push(Finding::ok(Subject::Mappings, format!("{} {what}", rules.len())));
            findings
        }
    }
}

fn dynamic(path: Option<&Path>) -> Finding {
    let Some(path) = path else {
        let found = "backend DynamicFile has no file";
        return Finding::fail(
            Subject::Mappings,
            found,
            "give server.dynamicfilepath in the configuration file",
        );
    };
    let shown = path.display();
    let read = fs::read(path).map_err(|error| error.to_string());
    let parsed = read.and_then(|text| {
        serde_json::from_slice::<serde_json::Value>(&text).map_err(|error| format!("no JSON: {error}"))
    });
    match parsed {
        Ok(_) => Finding::ok(Subject::Mappings, format!("{shown} can be read")),
        Err(reason) => Finding::fail(
            Subject::Mappings,
            format!("cannot read {shown}: {reason}"),
            "backend DynamicFile goes by what the file said last, and by nothing after a restart: mend it",
        ),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::os::unix::fs::PermissionsExt as _;

    use clap::Parser as _;
    use webhook_server::certs::{self, Subject as Names};

    use super::super::report::State;
    use super::*;
    use crate::args::{Arguments, Command};
    use crate::config::file::FileConfig;
    use crate::config::{self, Environment};

    fn config(folder: &Path) -> ServerConfig {
        let line = ["ack-ram-authenticator", "server", "-i", "c", "--state-dir", folder.to_str().unwrap()];
        let arguments = Arguments::try_parse_from(line).unwrap();
        let Some(Command::Server(server)) = arguments.command else { panic!("another command") };
        config::server(&arguments.global, &server, &FileConfig::default(), &Environment::default()).unwrap()
    }

    /// What is found of a pair that `maker` made at `made`, for 100 years.
    fn found(maker: &str, hostname: &str, made: &str, mode: u32) -> Vec<(State, String)> {
        let folder = tempfile::tempdir().unwrap();
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let names = Names { common_name: maker, address, hostname };
        certs::load_or_make(folder.path(), &names, made.parse().unwrap()).unwrap();
        fs::set_permissions(folder.path().join("key.pem"), fs::Permissions::from_mode(mode)).unwrap();
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let (_, findings) = server_certificate(&config(folder.path()), now);
        findings.into_iter().map(|finding| (finding.state, finding.found)).collect()
    }

    #[test]
    fn an_ended_certificate_fails_where_the_server_does_not_renew_it() {
        let ours = certificate::COMMON_NAME;
        let recent = "2026-01-01T00:00:00Z";
        for (maker, hostname, made, mode, state, said) in [
            (ours, "localhost", recent, 0o600, State::Ok, "is good for \"localhost\""),
            ("somebody", "localhost", "1920-01-01T00:00:00Z", 0o600, State::Fail, "ended at 2019-"),
            (ours, "localhost", "2090-01-01T00:00:00Z", 0o600, State::Warn, "not valid before"),
            ("somebody", "localhost", "2090-01-01T00:00:00Z", 0o600, State::Fail, "not valid before"),
            (ours, "auth.example.com", recent, 0o600, State::Warn, "is not for \"localhost\""),
            (ours, "localhost", recent, 0o644, State::Warn, "0644"),
        ] {
            let findings = found(maker, hostname, made, mode);
            assert!(
                findings.iter().any(|(found, text)| *found == state && text.contains(said)),
                "{maker} {made}: {findings:?}"
            );
            assert!(findings.iter().all(|(found, _)| *found <= state), "{maker} {made}: {findings:?}");
        }
    }

    #[test]
    fn a_webhooks_url_is_https_and_ends_in_authenticate() {
        assert_eq!(base_of("https://localhost:21362/authenticate").unwrap(), "https://localhost:21362");
        assert_eq!(base_of("https://[::1]:21362/authenticate").unwrap(), "https://[::1]:21362");
        assert_eq!(base_of("https://auth.example.com/authenticate").unwrap(), "https://auth.example.com:443");
        for bad in [
            "",
            "localhost:21362",
            "http://localhost:21362/authenticate",
            "https://localhost:21362/",
            "https://x:1/authenticate/",
        ] {
            assert!(base_of(bad).is_err(), "{bad}");
        }
    }
}
