//! The Prometheus page, in the text exposition format 0.0.4, and what a listener counts.

use http::StatusCode;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

use crate::respond::{self, Answer};

/// 200 with all families of `registry`; 500 with one line where a collector contradicts itself.
pub fn page(registry: &Registry) -> Answer {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => respond::with_type(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text),
        Err(error) => {
            tracing::error!(error = %error, "metrics cannot be encoded");
            respond::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "metrics cannot be encoded; the log has the reason",
            )
        }
    }
}

/// Counts the connections of one listener; the default counts nothing.
#[derive(Clone, Debug, Default)]
pub struct ConnectionMetrics(Option<Counters>);

#[derive(Clone, Debug)]
struct Counters {
    open: IntGauge,
    refused: IntCounter,
    handshakes_failed: IntCounterVec,
}

/// One open connection; dropped when it ends.
#[derive(Debug)]
pub(crate) struct Open(Option<IntGauge>);

impl ConnectionMetrics {
    /// `connections_open`, `connections_refused_total` and `tls_handshakes_failed_total{reason}`, in `registry`.
    ///
    /// # Errors
    /// A name that is taken.
    pub fn register(registry: &Registry) -> Result<ConnectionMetrics, prometheus::Error> {
        let open = IntGauge::new("connections_open", "Open connections of the TLS port")?;
        let refused =
            IntCounter::new("connections_refused_total", "Connections closed because too many were open")?;
        let handshakes_failed = IntCounterVec::new(
            Opts::new("tls_handshakes_failed_total", "TLS handshakes that failed, by reason"),
            &["reason"],
        )?;
        for reason in ["client_certificate", "timeout", "other"] {
            handshakes_failed.with_label_values(&[reason]);
        }
        registry.register(Box::new(open.clone()))?;
        registry.register(Box::new(refused.clone()))?;
        registry.register(Box::new(handshakes_failed.clone()))?;
        Ok(ConnectionMetrics(Some(Counters { open, refused, handshakes_failed })))
    }

    pub(crate) fn opened(&self) -> Open {
        let open = self.0.as_ref().map(|counters| counters.open.clone());
        if let Some(gauge) = &open {
            gauge.inc();
        }
        Open(open)
    }

    pub(crate) fn refused(&self) {
        if let Some(counters) = &self.0 {
            counters.refused.inc();
        }
    }

    pub(crate) fn handshake_failed(&self, reason: &'static str) {
        if let Some(counters) = &self.0 {
            counters.handshakes_failed.with_label_values(&[reason]).inc();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(gauge) = &self.0 {
            gauge.dec();
        }
    }
}
