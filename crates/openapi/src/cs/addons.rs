//! Add-ons of a cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Client, TaskId};
use crate::Credentials;
use crate::api::{ApiError, Call, text_or_null};

/// Some hundred add-ons, each with its settings and what its newest version brings.
const MAX_ADDONS_BYTES: usize = 4 * 1024 * 1024;

/// The versions of an add-on ("DescribeClusterAddonsVersion").
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct AddonVersion {
    /// What is installed; empty where it is not.
    #[serde(default, deserialize_with = "text_or_null")]
    pub version: String,
    /// What can be installed; may be empty.
    #[serde(default, deserialize_with = "text_or_null")]
    pub next_version: String,
}

impl AddonVersion {
    /// The installed version.
    pub fn installed(&self) -> Option<&str> {
        Some(self.version.as_str()).filter(|version| !version.is_empty())
    }
}

impl Client {
    /// The add-ons that there are for a cluster, by their names, with what of them is installed
    /// (`DescribeClusterAddonsVersion`).
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn addon_versions(
        &self,
        id: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<BTreeMap<String, AddonVersion>, ApiError> {
        const ACTION: &str = "DescribeClusterAddonsVersion";
        let call = Call::roa(ACTION, Method::GET, &["clusters", id, "components", "version"])
            .reading()
            .answer_of_at_most(MAX_ADDONS_BYTES);
        self.api.asked(ACTION).read(self.api.call(&call, credentials, now).await?)
    }

    /// Begins to install an add-on; an empty version stands for the newest (`InstallClusterAddons`). `None` where Container
    /// Service names no task. It is sent once, whatever comes of it.
    ///
    /// # Errors
    /// [`ApiError`]; where [`ApiError::may_have_arrived`], it may have begun nevertheless.
    pub async fn install_addon(
        &self,
        id: &str,
        name: &str,
        version: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Option<TaskId>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            task_id: Option<String>,
        }
        const ACTION: &str = "InstallClusterAddons";
        let call = Call::roa(ACTION, Method::POST, &["clusters", id, "components", "install"])
            .with_json(&json!([{ "name": name, "version": version }]));
        let Some(answer) = self.api.call_with_optional_answer(&call, credentials, now).await? else {
            return Ok(None);
        };
        let answer: Answer = self.api.asked(ACTION).read(answer)?;
        Ok(answer.task_id.as_deref().and_then(TaskId::new))
    }
}
