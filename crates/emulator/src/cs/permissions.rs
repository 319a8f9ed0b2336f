//! Who used a cluster, and taking somebody's permissions away.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use signature::format_timestamp;

use super::answer::Answer;
use super::kubeconfig::own_id;
use super::{Call, errors};
use crate::error::ApiError;
use crate::names;

/// Whoever used a cluster within this long is not cleaned away without `Force`.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A `CleanClusterUserPermissions` that was accepted, for [`crate::Emulator::on_clean_permissions`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PermissionsCleaned {
    /// The cluster.
    pub cluster_id: String,
    /// RAM's id of the user or role: the subject of the bindings that are to go.
    pub user_id: String,
    /// Whether `Force` was said.
    pub force: bool,
}

/// Does in the cluster what ACK would do.
pub(crate) type CleanHook = Arc<dyn Fn(&PermissionsCleaned) -> Result<(), String> + Send + Sync>;

pub(super) fn activity_state(call: &Call<'_>) -> Result<Answer, ApiError> {
    let user_id = user_id(call)?;
    let mut store = call.service.store(call.now);
    let cluster_id = store.cluster(call.path.get("cluster"), call.caller)?.description.cluster.id.clone();
    let activity = store.activity.get(&(cluster_id.clone(), user_id.to_owned())).cloned().unwrap_or_default();
    let mut body = Map::new();
    body.insert("active".to_owned(), Value::from(activity.active));
    if let Some(time) = activity.last_activity {
        body.insert("last_activity".to_owned(), Value::from(format_timestamp(time)));
        body.insert("last_audit_id".to_owned(), Value::from(activity.last_audit_id));
    }
    body.insert("log_project_name".to_owned(), Value::from(format!("k8s-log-{cluster_id}")));
    body.insert("log_store_name".to_owned(), Value::from(format!("audit-{cluster_id}")));
    body.insert("log_query_exp".to_owned(), Value::from(format!("user.username: \"{user_id}\"")));
    Ok(Value::Object(body).into())
}

/// The permissions of an account, and the caller's own, cannot be cleaned; without `Force` neither can those of
/// somebody who used the cluster in the last seven days, or of whom nothing is known.
pub(super) fn clean(call: &Call<'_>) -> Result<Answer, ApiError> {
    let user_id = user_id(call)?;
    let force = call.flag("Force")?;
    let mut store = call.service.store(call.now);
    let cluster_id = store.cluster(call.path.get("cluster"), call.caller)?.description.cluster.id.clone();
    if user_id == call.caller.account_id() {
        return Err(errors::forbidden("the permissions of an Alibaba Cloud account cannot be cleaned"));
    }
    if user_id == own_id(call.caller) {
        return Err(errors::forbidden("the permissions of the caller cannot be cleaned"));
    }
    let activity = store.activity.get(&(cluster_id.clone(), user_id.to_owned()));
    let idle = activity.is_some_and(|activity| {
        let recent = |time| call.now.duration_since(time) < RECENT;
        !activity.active && !activity.last_activity.is_some_and(recent)
    });
    if !force && !idle {
        return Err(errors::forbidden(
            "the user was active in the last 7 days, or no records of its activity are found: set Force to clean nonetheless",
        ));
    }
    let cleaned = PermissionsCleaned { cluster_id, user_id: user_id.to_owned(), force };
    let hook = call.service.clean_hook();
    let work = hook
        .map(|hook| -> Box<dyn FnOnce() -> Result<(), String> + Send> { Box::new(move || hook(&cleaned)) });
    Ok(Answer { body: json!({}), first: work })
}

fn user_id<'a>(call: &Call<'a>) -> Result<&'a str, ApiError> {
    let id = call.path.get("user");
    if names::is_entity_id(id) { Ok(id) } else { Err(errors::parameter("Uid", "is not made of digits")) }
}
