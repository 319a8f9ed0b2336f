//! Metrics of the operator. Every label has a closed set of values.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::custom_resource::Reason;

/// How a write to the cluster ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It is there.
    Done,
    /// The object changed meanwhile; tried again.
    Conflict,
    /// A right is missing.
    Denied,
    /// The installed CustomResourceDefinition does not know the fields.
    Pruned,
    /// Anything else.
    Failed,
    /// Too much to do: left out, until the next login.
    Dropped,
}

impl Written {
    const ALL: [Written; 6] = [
        Written::Done,
        Written::Conflict,
        Written::Denied,
        Written::Pruned,
        Written::Failed,
        Written::Dropped,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Written::Done => "done",
            Written::Conflict => "conflict",
            Written::Denied => "denied",
            Written::Pruned => "pruned",
            Written::Failed => "failed",
            Written::Dropped => "dropped",
        }
    }
}

/// Counters and gauges. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct OperatorMetrics {
    leader: IntGauge,
    status_writes: IntCounterVec,
    events: IntCounterVec,
    recorded_ids: IntCounterVec,
    mappings: IntGaugeVec,
}

impl OperatorMetrics {
    /// Registers them; counters begin at 0, so that a rate shows their first event.
    pub(super) fn new(registry: &Registry) -> Result<OperatorMetrics, prometheus::Error> {
        let counter = |name: &str, help: &str| -> Result<IntCounterVec, prometheus::Error> {
            let counter = IntCounterVec::new(Opts::new(name, help), &["result"])?;
            for result in Written::ALL {
                counter.with_label_values(&[result.as_str()]);
            }
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let metrics = OperatorMetrics {
            leader: IntGauge::new("leader", "1 where this replica writes status and Events, else 0")?,
            status_writes: counter(
                "status_writes_total",
                "Writes of a RAMIdentityMapping's status, by result",
            )?,
            events: counter("events_total", "Events about RAMIdentityMappings, by result")?,
            recorded_ids: counter(
                "recorded_ids_total",
                "Writes of ids seen at logins into a RAMIdentityMapping's status, by result",
            )?,
            mappings: IntGaugeVec::new(
                Opts::new(
                    "ramidentitymappings",
                    "RAMIdentityMappings by the reason of their condition Ready, where this replica is the leader",
                ),
                &["reason"],
            )?,
        };
        for reason in Reason::ALL {
            metrics.mappings.with_label_values(&[reason.as_str()]);
        }
        registry.register(Box::new(metrics.leader.clone()))?;
        registry.register(Box::new(metrics.mappings.clone()))?;
        Ok(metrics)
    }

    pub(super) fn leader(&self, is_leader: bool) {
        self.leader.set(i64::from(is_leader));
    }

    pub(super) fn status_write(&self, result: Written) {
        self.status_writes.with_label_values(&[result.as_str()]).inc();
    }

    pub(super) fn event(&self, result: Written) {
        self.events.with_label_values(&[result.as_str()]).inc();
    }

    pub(super) fn recorded_id(&self, result: Written) {
        self.recorded_ids.with_label_values(&[result.as_str()]).inc();
    }

    pub(super) fn mappings(&self, reason: Reason, count: usize) {
        self.mappings.with_label_values(&[reason.as_str()]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
