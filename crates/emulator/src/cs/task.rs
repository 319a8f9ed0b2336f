//! A task: something that takes a while.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// Something under way, or done.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) cluster_id: String,
    pub(crate) account: String,
    pub(crate) effect: Effect,
    pub(crate) created: Timestamp,
    pub(crate) ends: Timestamp,
    /// Whether its effect was had.
    pub(crate) settled: bool,
    /// What it fails with.
    pub(crate) failure: Option<String>,
    /// The state that the cluster returns to.
    pub(crate) previous_state: Option<String>,
}

/// What a task changes.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// RRSA is enabled, or disabled.
    Rrsa(bool),
    /// Add-ons are installed in these versions.
    Addons(Vec<(String, String)>),
}

impl Effect {
    /// `task_type`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Rrsa(_) => "cluster_modify",
            Self::Addons(_) => "addon_install",
        }
    }

    /// For the cluster's log: `enable RRSA`.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Rrsa(true) => "enable RRSA".to_owned(),
            Self::Rrsa(false) => "disable RRSA".to_owned(),
            Self::Addons(addons) => {
                let names: Vec<&str> = addons.iter().map(|(name, _)| name.as_str()).collect();
                format!("install {}", names.join(", "))
            }
        }
    }
}

/// `2020-11-10T16:02:04+08:00`: Container Service tells times so.
pub(super) fn china_time(time: Timestamp) -> String {
    let zone = TimeZone::fixed(Offset::constant(8));
    time.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
