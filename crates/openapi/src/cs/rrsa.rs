//! RRSA of a cluster: what Container Service says of it, and switching it.

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use strict::Strict;

use super::{Client, TaskId};
use crate::Credentials;
use crate::api::{ApiError, Call, text_or_null};

/// `RRSAConfig` of a cluster's `meta_data`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RrsaConfig {
    /// Whether RRSA is enabled. Where it is not, the rest is empty or of an earlier time.
    #[serde(default)]
    pub enabled: bool,
    /// The issuers of the cluster's tokens, with commas between them: see [`RrsaConfig::issuers`].
    #[serde(default, deserialize_with = "text_or_null")]
    pub issuer: String,
    /// The audience that tokens must have: `sts.aliyuncs.com`.
    #[serde(default, deserialize_with = "text_or_null")]
    pub audience: String,
    /// RAM's OIDC identity provider: `ack-rrsa-CLUSTER`.
    #[serde(default, deserialize_with = "text_or_null")]
    pub oidc_name: String,
    /// `acs:ram::ACCOUNT-ID:oidc-provider/ack-rrsa-CLUSTER`.
    #[serde(default, deserialize_with = "text_or_null")]
    pub oidc_arn: String,
}

impl RrsaConfig {
    /// The issuers, the one that signs first.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.issuer.split(',').map(str::trim).filter(|issuer| !issuer.is_empty())
    }

    /// The issuer that signs, where one is named.
    pub fn signing_issuer(&self) -> Option<&str> {
        self.issuers().next()
    }
}

/// `meta_data` is JSON in a text. `None` where it is missing, empty or no JSON object in which each key stands once, or says
/// of RRSA what has another type than documented: then it is not known whether RRSA is enabled. An object that says
/// nothing of RRSA is that of a cluster that never had it.
pub(super) fn of_meta_data<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<RrsaConfig>, D::Error> {
    Ok(rrsa_of(&text_or_null(deserializer)?))
}

fn rrsa_of(text: &str) -> Option<RrsaConfig> {
    let Strict(Value::Object(mut meta_data)) = serde_json::from_str(text).ok()? else { return None };
    match meta_data.remove("RRSAConfig") {
        None | Some(Value::Null) => Some(RrsaConfig::default()),
        Some(config @ Value::Object(_)) => serde_json::from_value(config).ok(),
        Some(_) => None,
    }
}

impl Client {
    /// Begins to enable or to disable RRSA (`ModifyCluster`): a task, while which the cluster is `updating`. It is sent
    /// once, whatever comes of it.
    ///
    /// # Errors
    /// [`ApiError`]; where [`ApiError::may_have_arrived`], it may have begun nevertheless.
    pub async fn set_rrsa(
        &self,
        id: &str,
        enabled: bool,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<TaskId, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            task_id: TaskId,
        }
        const ACTION: &str = "ModifyCluster";
        let call = Call::roa(ACTION, Method::PUT, &["api", "v2", "clusters", id])
            .with_json(&serde_json::json!({ "enable_rrsa": enabled }))
            .beginning();
        let answer = self.api.call(&call, credentials, now).await?;
        self.api.asked(ACTION).read::<Answer>(answer).map(|answer| answer.task_id)
    }
}
