//! What takes a while: `ModifyCluster`, and how tasks are asked about.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Answer;
use super::store::{Entry, Store};
use super::task::{Effect, Task, china_time};
use super::{Call, errors, rrsa};
use crate::error::ApiError;
use crate::random;

/// The state of a cluster on which everything can be done.
const RUNNING: &str = "running";
/// The state of a cluster that is being modified.
const UPDATING: &str = "updating";

/// Begins a task on a cluster of the caller's.
pub(super) fn begin(store: &mut Store, call: &Call<'_>, effect: Effect) -> Result<Value, ApiError> {
    let entry = store.cluster(call.path.get("cluster"), call.caller)?;
    let ends = end(call.now, entry.description.cluster.task_duration)?;
    let modifies = matches!(effect, Effect::Rrsa(_));
    let cluster = &mut entry.description.cluster;
    let previous_state = modifies.then(|| std::mem::replace(&mut cluster.state, UPDATING.to_owned()));
    let task = Task {
        id: format!("T-{}", random::trace_id().get(..20).unwrap_or_default()),
        cluster_id: cluster.id.clone(),
        account: cluster.account.clone(),
        effect,
        created: call.now,
        ends,
        settled: false,
        failure: entry.next_failure.take(),
        previous_state,
    };
    entry.updated = call.now;
    entry.log(format!("Start to {}", task.effect.in_words()), call.now);
    let body = json!({
        "cluster_id": task.cluster_id,
        "task_id": task.id,
        "request_id": call.request_id,
    });
    store.remember(task);
    Ok(body)
}

fn end(now: Timestamp, duration: SignedDuration) -> Result<Timestamp, ApiError> {
    now.checked_add(duration).map_err(|_| errors::internal())
}

/// What of a `ModifyCluster` is understood. Other fields of the documented body change nothing here.
#[derive(Deserialize)]
struct Modification {
    enable_rrsa: Option<bool>,
}

pub(super) fn modify_cluster(call: &Call<'_>) -> Result<Answer, ApiError> {
    let body: Modification = call.json()?;
    let mut store = call.service.store(call.now);
    let cluster = &store.cluster(call.path.get("cluster"), call.caller)?.description.cluster;
    let Some(enable_rrsa) = body.enable_rrsa else {
        return Err(errors::parameter("enable_rrsa", "is missing: the emulator changes nothing else"));
    };
    if enable_rrsa {
        rrsa::check_supported(cluster)?;
    }
    if cluster.state != RUNNING {
        return Err(errors::cluster_state(&cluster.id, &cluster.state));
    }
    begin(&mut store, call, Effect::Rrsa(enable_rrsa)).map(Answer::from)
}

pub(super) fn task_info(call: &Call<'_>) -> Result<Answer, ApiError> {
    let id = call.path.get("task");
    let store = call.service.store(call.now);
    let task = store
        .tasks
        .iter()
        .find(|task| task.id == id && task.account == call.caller.account_id())
        .ok_or_else(|| errors::no_such_task(id))?;
    let state = match (&task.failure, task.settled) {
        (_, false) => "running",
        (None, true) => "success",
        (Some(_), true) => "fail",
    };
    let ended = task.settled.then(|| china_time(task.ends));
    let updated = if task.settled { task.ends } else { task.created };
    let mut body = json!({
        "task_id": task.id,
        "cluster_id": task.cluster_id,
        "task_type": task.effect.kind(),
        "state": state,
        "created": china_time(task.created),
        "updated": china_time(updated),
        "current_stage": task.effect.kind(),
        "target": {"id": task.cluster_id, "type": "cluster"},
        "events": [],
        "task_result": [],
        "stages": [{
            "state": state,
            "start_time": china_time(task.created),
            "end_time": ended,
            "message": task.effect.in_words(),
        }],
    });
    if let (Some(failure), true, Some(fields)) = (&task.failure, task.settled, body.as_object_mut()) {
        fields.insert("error".to_owned(), json!({"code": "InternalError", "message": failure}));
    }
    Ok(body.into())
}

pub(super) fn cluster_logs(call: &Call<'_>) -> Result<Answer, ApiError> {
    let mut store = call.service.store(call.now);
    let entry: &Entry = store.cluster(call.path.get("cluster"), call.caller)?;
    let id = &entry.description.cluster.id;
    // The newest first.
    let lines = entry.log.iter().rev().map(|line| {
        json!({
            "ID": line.id,
            "cluster_id": id,
            "cluster_log": line.text,
            "created": china_time(line.at),
            "updated": china_time(line.at),
        })
    });
    Ok(Value::Array(lines.collect()).into())
}
