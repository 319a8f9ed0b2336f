//! One write to the cluster: what it is made of, and how it ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cluster::{describe, is_denied};
use kube::api::{Api, Patch, PatchParams};
use serde_json::Value;

use super::metrics::Written;
use crate::custom_resource::{Checked, MappingObject, RuleReader, Stated, check};

/// Reads objects afresh and patches their status.
#[derive(Clone)]
pub(super) struct Statuses {
    api: Api<MappingObject>,
    reader: RuleReader,
    complained: Arc<AtomicBool>,
}

/// An object as it is now.
pub(super) struct Fresh {
    pub(super) object: MappingObject,
    pub(super) checked: Checked,
    pub(super) stated: Stated,
}

impl Statuses {
    pub(super) fn new(client: kube::Client, reader: RuleReader) -> Statuses {
        Statuses { api: Api::all(client), reader, complained: Arc::default() }
    }

    /// The object, unless it is gone or about to go.
    pub(super) async fn read(&self, name: &str) -> Result<Option<Fresh>, Written> {
        match self.api.get_opt(name).await {
            Ok(object) => {
                Ok(object.filter(|object| object.metadata.deletion_timestamp.is_none()).map(|object| {
                    let checked = check(&self.reader, &object);
                    let stated = Stated::of(&object.data);
                    Fresh { object, checked, stated }
                }))
            }
            Err(error) => Err(self.failed(name, &error)),
        }
    }

    /// Applies a merge patch made from what [`Statuses::read`] brought; answers what the API server stored.
    pub(super) async fn patch(&self, name: &str, patch: &Value) -> Result<MappingObject, Written> {
        match self.api.patch_status(name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(object) => {
                self.complained.store(false, Ordering::Relaxed);
                Ok(object)
            }
            Err(error) => Err(self.failed(name, &error)),
        }
    }

    fn failed(&self, name: &str, error: &kube::Error) -> Written {
        let result = match error {
            // Not found: deleted between reading and writing, which the next reading shows.
            kube::Error::Api(status) if matches!(status.code, 404 | 409) => return Written::Conflict,
            error if is_denied(error) => Written::Denied,
            _ => Written::Failed,
        };
        if !self.complained.swap(true, Ordering::Relaxed) {
            let (name, error) = (name.escape_debug(), describe(error));
            match result {
                Written::Denied => tracing::error!(
                    "cannot write the status of RAMIdentityMapping {name}: {error}: give the rights to get \
                     ramidentitymappings and to patch ramidentitymappings/status (or start with --write-status=false); \
                     logins go on"
                ),
                _ => tracing::warn!(
                    "cannot write the status of RAMIdentityMapping {name}: {error}: trying again; logins go on"
                ),
            }
        }
        result
    }
}
