//! The running server, asked as the API server would ask it.

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::with_sources;

use super::files::Webhook;
use super::report::{Finding, Subject};
use crate::config::ServerConfig;

/// A server on this machine answers in milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the webhook answers, is ready, and knows its mappings.
pub(super) async fn check(webhook: &Webhook, config: &ServerConfig) -> Vec<Finding> {
    let client = match client(webhook) {
        Ok(client) => client,
        Err(reason) => {
            return vec![Finding::fail(
                Subject::WebhookKubeconfig,
                format!("what the webhook kubeconfig trusts cannot be used: {reason}"),
                "make it anew with init, and restart the API server",
            )];
        }
    };
    let base = &webhook.base;
    let mut findings = match get(&client, &format!("{base}/healthz")).await {
        Ok(answer) if answer.status == 200 => {
            vec![Finding::ok(
                Subject::Webhook,
                format!(
                    "the server answers at {base}, under a certificate that the webhook kubeconfig trusts"
                ),
            )]
        }
        Ok(answer) => {
            return vec![Finding::fail(
                Subject::Webhook,
                format!("what answers at {base}/healthz says HTTP {}", answer.status),
                "another program may listen there: see which with ss -ltnp",
            )];
        }
        Err(error) => return vec![unreachable(base, &error)],
    };
    findings.push(match get(&client, &format!("{base}/readyz")).await {
        Ok(answer) if answer.status == 200 => Finding::ok(Subject::Ready, "the server is ready"),
        Ok(answer) => Finding::fail(
            Subject::Ready,
            format!("the server is not ready: {}", bounded(&answer.text)),
            "logins that need what is missing wait or fail: the server's log says why; see the checks of the API server here",
        ),
        Err(error) => unreachable(base, &error),
    });
    if let Ok(answer) = get(&client, &format!("{base}/metrics")).await
        && answer.status == 200
    {
        findings.extend(backends(&answer.text, config));
    }
    findings
}

/// The port for probes.
pub(super) async fn health(config: &ServerConfig) -> Option<Finding> {
    let address = config.health.filter(|address| address.port() != 0)?;
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().ok()?;
    let url = format!("http://{address}/healthz");
    Some(match get(&client, &url).await {
        Ok(answer) if answer.status == 200 => Finding::ok(Subject::Health, format!("{url} answers")),
        Ok(answer) => Finding::warn(
            Subject::Health,
            format!("{url} answers HTTP {}", answer.status),
            "another program may listen there: see which with ss -ltnp, or move it with --health-address",
        ),
        Err(error) => Finding::warn(
            Subject::Health,
            format!("{url} does not answer: {}", reason(&error)),
            "probes of the kubelet fail there: start the server, or give doctor the server's own --health-address",
        ),
    })
}

fn client(webhook: &Webhook) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder().https_only(true).no_proxy().timeout(PATIENCE);
    if !webhook.anchors.is_empty() {
        let anchors =
            reqwest::Certificate::from_pem_bundle(&webhook.anchors).map_err(|e| with_sources(&e))?;
        builder = builder.tls_certs_only(anchors);
    }
    builder.redirect(reqwest::redirect::Policy::none()).build().map_err(|error| with_sources(&error))
}

struct Answer {
    status: u16,
    text: String,
}

async fn get(client: &reqwest::Client, url: &str) -> Result<Answer, reqwest::Error> {
    let response = client.get(url).send().await?;
    let status = response.status().as_u16();
    Ok(Answer { status, text: response.text().await? })
}

fn unreachable(base: &str, error: &reqwest::Error) -> Finding {
    let reason = reason(error);
    let is_tls =
        reason.contains("certificate") || reason.contains("TLS") || reason.contains("HandshakeFailure");
    let (found, mend) = if is_tls {
        (
            format!("the API server does not trust what answers at {base}: {reason}"),
            "nobody can log in: the webhook kubeconfig and the server's certificate do not go together; run init in the state folder, write its kubeconfig where the API server reads it, and restart both",
        )
    } else {
        (
            format!("nobody answers at {base}: {reason}"),
            "nobody can log in while this lasts: start the server, or make its port and the webhook kubeconfig agree (server.port, server.hostname)",
        )
    };
    Finding::fail(Subject::Webhook, found, mend)
}

fn reason(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    bounded(&innermost.to_string())
}

fn bounded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect()
}

/// What the running server's metrics say of its backends.
fn backends(metrics: &str, config: &ServerConfig) -> Vec<Finding> {
    let synced = labelled(metrics, "ack_ram_authenticator_backend_synced", "backend");
    if synced.is_empty() {
        return Vec::new();
    }
    let rules = value(metrics, "ack_ram_authenticator_mapping_rules").unwrap_or_default();
    let (known, unknown): (Vec<_>, Vec<_>) = synced.iter().partition(|(_, value)| value.as_str() == "1");
    let names = |backends: &[(&String, &String)]| {
        backends.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let mut findings = Vec::new();
    if unknown.is_empty() {
        let found = format!("{} told their mappings: {rules} in force", names(&known));
        findings.push(Finding::ok(Subject::Backends, found));
    } else {
        findings.push(Finding::fail(
            Subject::Backends,
            format!("{} did not tell their mappings yet", names(&unknown)),
            "whoever is mapped there cannot log in: the server's log says what the API server answers",
        ));
    }
    let stale = labelled(metrics, "ack_ram_authenticator_backend_stale", "backend");
    for (name, _) in stale.iter().filter(|(_, value)| value.as_str() == "1") {
        findings.push(Finding::warn(
            Subject::Backends,
            format!("what {name} says now cannot be read: its last good state counts"),
            "mend the file or ConfigMap: the server's log names the line; after a restart nothing is known of it, and whoever no earlier backend maps cannot log in",
        ));
    }
    let expected: Vec<&str> = config.backends.iter().map(|mode| mode.as_str()).collect();
    if !expected.iter().all(|name| synced.contains_key(*name)) {
        findings.push(Finding::warn(
            Subject::Backends,
            format!("the running server has other backends than asked for here ({})", expected.join(", ")),
            "give doctor the flags and the configuration file of the server, or restart the server with them",
        ));
    }
    findings
}

/// `name{label="X"} VALUE` (Prometheus text format): X and VALUE.
fn labelled(metrics: &str, name: &str, label: &str) -> BTreeMap<String, String> {
    let of_line = |line: &str| {
        let rest = line.strip_prefix(name)?.strip_prefix(&format!("{{{label}=\""))?;
        let (text, value) = rest.split_once("\"} ")?;
        Some((text.to_owned(), value.trim().to_owned()))
    };
    metrics.lines().filter_map(of_line).collect()
}

/// `name VALUE`.
fn value(metrics: &str, name: &str) -> Option<String> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(|v| v.trim().to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_metrics_with_and_without_labels() {
        let page = "# TYPE x gauge\nx_synced{backend=\"CRD\"} 0\nx_synced{backend=\"MountedFile\"} 1\nx_rules 12\nx_rules_total 3\n";
        let synced = labelled(page, "x_synced", "backend");
        assert_eq!(
            synced.into_iter().collect::<Vec<_>>(),
            [("CRD".into(), "0".into()), ("MountedFile".into(), "1".into())]
        );
        assert_eq!(value(page, "x_rules").unwrap(), "12");
        assert_eq!(value(page, "x_rule"), None);
    }
}
