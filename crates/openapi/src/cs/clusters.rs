//! The list of clusters, page by page.

use std::collections::HashSet;

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;

use super::Cluster;
use crate::Credentials;
use crate::api::{self, ApiError, Call};

/// As many as a page holds where nothing is said ("DescribeClustersV1", parameter `page_size`).
const PAGE: usize = 50;
const MAX_PAGES: usize = 200;
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

#[derive(Deserialize)]
struct Page {
    // Null where there is none.
    clusters: Option<Vec<Cluster>>,
    #[serde(default)]
    page_info: Option<PageInfo>,
}

#[derive(Deserialize)]
struct PageInfo {
    #[serde(default)]
    total_count: Option<usize>,
}

/// Reads until all that are said to be there are there, or a page is empty, or holds none that is new: some endpoints do
/// not look at `page_number` and give the first page for ever.
pub(super) async fn all(
    api: &api::Client,
    action: &'static str,
    segments: &[&str],
    credentials: &Credentials,
    now: Timestamp,
) -> Result<Vec<Cluster>, ApiError> {
    let asked = api.asked(action);
    let mut all: Vec<Cluster> = Vec::new();
    let mut known = HashSet::new();
    for number in 1..=MAX_PAGES {
        let call = Call::roa(action, Method::GET, segments)
            .with("page_number", number.to_string())
            .with("page_size", PAGE.to_string())
            .reading()
            .answer_of_at_most(MAX_PAGE_BYTES);
        let page: Page = asked.read(api.call(&call, credentials, now).await?)?;
        let total = page.page_info.and_then(|info| info.total_count);
        let before = all.len();
        let clusters = page.clusters.unwrap_or_default();
        let ended = clusters.is_empty();
        all.extend(clusters.into_iter().filter(|cluster| known.insert(cluster.cluster_id.clone())));
        if ended || total.is_some_and(|total| all.len() >= total) {
            return Ok(all);
        }
        if all.len() == before {
            // The same page again. Where nobody says how many there are, that is all of them.
            return match total {
                None => Ok(all),
                Some(total) => Err(asked.invalid(format!(
                    "its list of clusters repeats itself after {before}, and says that there are {total}"
                ))),
            };
        }
    }
    Err(asked.invalid(format!("its list of clusters does not end after {MAX_PAGES} pages")))
}
