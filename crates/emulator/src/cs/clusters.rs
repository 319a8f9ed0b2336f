//! `DescribeClusterDetail` and the lists of clusters.

use serde_json::{Value, json};

use super::answer::Answer;
use super::store::Entry;
use super::task::china_time;
use super::{Call, errors, rrsa};
use crate::error::ApiError;

/// Clusters on a page where `page_size` is not given.
const PAGE_SIZE: usize = 50;
/// The largest page that can be asked for.
const MAX_PAGE_SIZE: usize = 100;

pub(super) fn detail(call: &Call<'_>) -> Result<Answer, ApiError> {
    let mut store = call.service.store(call.now);
    let entry = store.cluster(call.path.get("cluster"), call.caller)?;
    let mut body = cluster(entry);
    if let Some(fields) = body.as_object_mut() {
        fields.insert("rrsa_config".to_owned(), rrsa::describe(&entry.description.cluster));
        fields.insert("parameters".to_owned(), json!({}));
    }
    Ok(body.into())
}

/// Both lists; the region stands in the path of one, and is a filter of the other.
pub(super) fn list(call: &Call<'_>) -> Result<Answer, ApiError> {
    let page_number = call.number("page_number", 1..=usize::MAX)?.unwrap_or(1);
    let page_size = call.number("page_size", 1..=MAX_PAGE_SIZE)?.unwrap_or(PAGE_SIZE);
    let region = Some(call.path.get("region")).filter(|region| !region.is_empty());
    let mut filters = vec![("region_id", region.or_else(|| call.text("region_id")))];
    for name in ["cluster_id", "name", "cluster_type", "cluster_spec", "profile"] {
        filters.push((name, call.text(name)));
    }
    let found = find(call, &filters);
    let total = found.len();
    let before = page_size.saturating_mul(page_number.saturating_sub(1));
    let page: Vec<Value> = found.into_iter().skip(before).take(page_size).collect();
    let page_info = json!({"page_number": page_number, "page_size": page_size, "total_count": total});
    Ok(json!({"clusters": page, "page_info": page_info}).into())
}

/// `DescribeClusters`, which older programs call: all at once, and nothing around them.
pub(super) fn all(call: &Call<'_>) -> Result<Answer, ApiError> {
    let filters = [("name", call.text("name")), ("cluster_type", call.text("clusterType"))];
    Ok(Value::Array(find(call, &filters)).into())
}

/// The caller's clusters whose fields have these values, where one is wanted.
fn find(call: &Call<'_>, filters: &[(&str, Option<&str>)]) -> Vec<Value> {
    let store = call.service.store(call.now);
    let mine = store.clusters.values().filter(|e| e.description.cluster.account == call.caller.account_id());
    mine.map(cluster)
        .filter(|body| filters.iter().all(|(name, wanted)| wanted.is_none_or(|text| body[*name] == text)))
        .collect()
}

/// A cluster as it stands in lists. `meta_data` and `master_url` are JSON as text.
fn cluster(entry: &Entry) -> Value {
    let cluster = &entry.description.cluster;
    let master_url = json!({
        "api_server_endpoint": cluster.public_server.as_deref().unwrap_or_default(),
        "intranet_api_server_endpoint": cluster.private_server.as_deref().unwrap_or_default(),
    });
    let meta_data = json!({"RRSAConfig": rrsa::describe(&entry.description.cluster)});
    json!({
        "cluster_id": cluster.id,
        "name": cluster.name,
        "cluster_type": cluster.kind,
        "cluster_spec": cluster.spec,
        "profile": cluster.profile,
        "region_id": cluster.region,
        "zone_id": format!("{}-a", cluster.region),
        "state": cluster.state,
        "current_version": cluster.version,
        "init_version": cluster.version,
        "vpc_id": "vpc-emulated",
        "resource_group_id": "rg-emulated",
        "deletion_protection": false,
        "size": 0,
        "tags": [],
        "created": china_time(entry.created),
        "updated": china_time(entry.updated),
        "master_url": master_url.to_string(),
        "meta_data": meta_data.to_string(),
    })
}

impl Call<'_> {
    /// A parameter of the query; an empty one counts as missing.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.params.get(name).filter(|text| !text.is_empty())
    }

    /// A whole number of the query within bounds.
    pub(super) fn number(
        &self,
        name: &str,
        bounds: std::ops::RangeInclusive<usize>,
    ) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        number.map(Some).ok_or_else(|| {
            let problem = match *bounds.end() {
                usize::MAX => format!("is not a whole number of at least {}", bounds.start()),
                end => format!("is not a whole number from {} to {end}", bounds.start()),
            };
            errors::parameter(name, &problem)
        })
    }

    /// `true` or `false` of the query, in any case; false where it is not given.
    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.text(name) {
            None => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(errors::parameter(name, "is neither true nor false")),
        }
    }
}
