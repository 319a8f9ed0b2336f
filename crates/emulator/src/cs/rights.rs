//! Whether a caller's policies allow an operation on what a request names.

use jiff::Timestamp;

use super::router::PathParams;
use super::{ContainerService, errors};
use crate::error::ApiError;
use crate::policy::{self, Ask, Origin};
use crate::principal::Identity;
use crate::request::RawRequest;

impl ContainerService {
    /// Asks for `cs:<operation>` on `acs:cs:<region>:<account>:cluster/<id>`; lists, and tasks, are of `cluster/*`.
    ///
    /// # Errors
    /// `StatusForbidden`.
    pub(super) fn authorize(
        &self,
        caller: &Identity,
        operation: &str,
        (raw, path): (&RawRequest, &PathParams<'_>),
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let account = caller.account_id();
        // No id is as long: there is no such cluster.
        let id: String = path.get("cluster").chars().take(256).collect();
        let region = {
            let store = self.store.lock();
            let found = store.clusters.get(&id).map(|entry| &entry.description.cluster);
            found.filter(|cluster| cluster.account == account).map(|cluster| cluster.region.clone())
        };
        let region = region.as_deref().or(Some(path.get("region")).filter(|region| !region.is_empty()));
        let resource = format!(
            "acs:cs:{}:{account}:cluster/{}",
            region.unwrap_or("*"),
            if id.is_empty() { "*" } else { &id }
        );
        let action = format!("cs:{operation}");
        let origin = Origin { now, source_ip: raw.peer };
        policy::authorize(&self.directory, caller, Ask { action: &action, resource: &resource, origin })
            .map_err(|refusal| errors::not_permitted(caller, operation, &refusal))
    }
}
