//! What a MutatingWebhookConfiguration tells API servers of this webhook: by which name to call it, and whom to trust.

use http::Uri;
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhook, MutatingWebhookConfiguration};
use rustls::pki_types::CertificateDer;
use webhook_server::certs::Bundle;

/// One of `webhooks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// The name that the server's certificate has to be for.
    pub(super) host: Option<String>,
    /// Called by a URL, and not as a Service.
    pub(super) is_url: bool,
    pub(super) trust: Trust,
}

/// An entry's `caBundle`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// None: the API server trusts what its machine trusts.
    Machine,
    /// These certificates.
    Bundle(Bundle),
    /// Something else. Why it cannot be read.
    Broken(String),
}

/// All entries.
pub(super) fn entries(configuration: &MutatingWebhookConfiguration) -> Vec<Entry> {
    configuration.webhooks.iter().flatten().map(entry).collect()
}

fn entry(webhook: &MutatingWebhook) -> Entry {
    let client = &webhook.client_config;
    let host = match (&client.service, &client.url) {
        // The name by which an API server calls a Service (Kubernetes, "Dynamic Admission Control", "Service reference").
        (Some(service), _) => Some(format!("{}.{}.svc", service.name, service.namespace)),
        (None, Some(url)) => url.parse::<Uri>().ok().and_then(|uri| {
            uri.host().map(|host| host.trim_start_matches('[').trim_end_matches(']').to_owned())
        }),
        (None, None) => None,
    };
    let trust = match client.ca_bundle.as_ref().filter(|bundle| !bundle.0.trim_ascii().is_empty()) {
        None => Trust::Machine,
        Some(bundle) => match Bundle::parse(&bundle.0) {
            Ok(bundle) if bundle.is_empty() => Trust::Broken("there is no certificate in it".to_owned()),
            Ok(bundle) => Trust::Bundle(bundle),
            Err(reason) => Trust::Broken(reason),
        },
    };
    Entry {
        name: webhook.name.clone(),
        host,
        is_url: client.service.is_none() && client.url.is_some(),
        trust,
    }
}

impl Entry {
    /// The certificates that it trusts, as far as it says.
    pub(super) fn bundle(&self) -> Option<&Bundle> {
        match &self.trust {
            Trust::Bundle(bundle) => Some(bundle),
            Trust::Machine | Trust::Broken(_) => None,
        }
    }

    /// Whether an API server that calls this entry accepts `chain`.
    ///
    /// # Errors
    /// Why not, as the second half of a sentence about the entry.
    pub(super) fn verify(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Result<(), String> {
        let Some(host) = &self.host else {
            return Err("names neither a service nor a URL with a host".to_owned());
        };
        match &self.trust {
            Trust::Machine => Err("has no caBundle".to_owned()),
            Trust::Broken(reason) => Err(format!("has a caBundle that cannot be read ({reason})")),
            Trust::Bundle(bundle) => bundle.verify(chain, host, now).map_err(|reason| {
                format!("has a caBundle that does not verify what is served for {host} ({reason})")
            }),
        }
    }
}

/// What every entry trusts.
pub(super) fn trusted_by_all(entries: &[Entry]) -> Bundle {
    let Some(first) = entries.first().and_then(Entry::bundle) else { return Bundle::default() };
    first.filtered(|certificate| {
        entries.iter().all(|entry| entry.bundle().is_some_and(|bundle| bundle.contains(certificate)))
    })
}

/// What any entry trusts.
pub(super) fn trusted_by_any(entries: &[Entry]) -> Bundle {
    let mut all = Bundle::default();
    for certificate in entries.iter().filter_map(Entry::bundle).flat_map(Bundle::iter) {
        all.add(certificate);
    }
    all
}

#[cfg(test)]
#[path = "entries_tests.rs"]
mod tests;
