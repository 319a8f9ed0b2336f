//! Add-ons: which there are, and installing them.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::task::Effect;
use super::tasks;
use super::{Call, errors};
use crate::error::ApiError;

/// What can be installed, with the newest version.
const CATALOG: &[(&str, &str)] = &[
    ("ack-erdma-controller", "0.6.4"),
    ("ack-pod-identity-webhook", "0.4.0"),
    ("ack-ram-authenticator", "0.2.0"),
    ("coredns", "v1.11.3.5-5321daf49-aliyun"),
    ("kritis-validation-hook", "v2.1.10"),
    ("metrics-server", "v0.3.9.8-9c55b0b-aliyun"),
];

pub(super) fn versions(call: &Call<'_>) -> Result<Answer, ApiError> {
    let mut store = call.service.store(call.now);
    let installed = &store.cluster(call.path.get("cluster"), call.caller)?.description.cluster.addons;
    let mut all = Map::new();
    for (name, version) in installed {
        all.insert(name.clone(), entry(name, version, version));
    }
    for (name, newest) in CATALOG {
        let version = installed.get(*name).map(String::as_str).unwrap_or_default();
        all.insert((*name).to_owned(), entry(name, version, newest));
    }
    Ok(Value::Object(all).into())
}

fn entry(name: &str, version: &str, next_version: &str) -> Value {
    json!({"component_name": name, "version": version, "next_version": next_version})
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
    #[serde(default)]
    version: String,
}

/// An empty version stands for the newest.
pub(super) fn install(call: &Call<'_>) -> Result<Answer, ApiError> {
    let wanted: Vec<Wanted> = call.json()?;
    let mut store = call.service.store(call.now);
    store.cluster(call.path.get("cluster"), call.caller)?;
    if wanted.is_empty() {
        return Err(errors::parameter("body", "names no addon"));
    }
    let addons = wanted.into_iter().map(|addon| {
        let known = CATALOG.iter().find(|(name, _)| *name == addon.name);
        let (_, newest) = known.ok_or_else(|| errors::no_such_addon(&addon.name))?;
        let version = if addon.version.is_empty() { (*newest).to_owned() } else { addon.version };
        Ok((addon.name, version))
    });
    let addons = addons.collect::<Result<Vec<_>, ApiError>>()?;
    tasks::begin(&mut store, call, Effect::Addons(addons)).map(Answer::from)
}
