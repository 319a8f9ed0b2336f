//! Lists in pages, each with the `Marker` of the next, as RAM and IMS give them.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::answer::{Asked, text_or_null};
use super::call::Call;
use super::client::Client;
use super::error::ApiError;
use crate::Credentials;

const MAX_PAGES: usize = 200;

/// An operation that lists, and how its answers are built.
pub(crate) struct List {
    /// `ListUsers`.
    pub(crate) action: &'static str,
    /// What holds the entries, and what they are called in it: `Users`, `User`.
    pub(crate) fields: (&'static str, &'static str),
    /// How many a page holds at most: `MaxItems`.
    pub(crate) page: &'static str,
    /// How large a page may be.
    pub(crate) max_page_bytes: usize,
}

/// What a page says beside its entries.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Head {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default, deserialize_with = "text_or_null")]
    marker: String,
}

/// All entries; none is no error. `now` is the time of the signatures.
///
/// # Errors
/// [`ApiError`]. A list that does not end, or breaks off, is one: who is missing from it would seem deleted.
pub(crate) async fn read_all<T: DeserializeOwned>(
    api: &Client,
    list: &List,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<Vec<T>, ApiError> {
    let asked = api.asked(list.action);
    let mut all = Vec::new();
    let mut marker = String::new();
    let mut seen = HashSet::new();
    for _ in 0..MAX_PAGES {
        let mut call = Call::rpc(list.action, [("MaxItems", list.page)])
            .reading()
            .answer_of_at_most(list.max_page_bytes);
        if !marker.is_empty() {
            call = call.with("Marker", marker);
        }
        let mut answer = asked.object(api.call(&call, credentials, now).await?)?;
        all.extend(entries::<T>(asked, &mut answer, list.fields)?);
        let head: Head = asked.value(Value::Object(answer))?;
        if !head.is_truncated {
            return Ok(all);
        }
        if head.marker.is_empty() || !seen.insert(head.marker.clone()) {
            return Err(asked.invalid("its list breaks off: it says there is more, and not where"));
        }
        marker = head.marker;
    }
    Err(asked.invalid(format!("its list does not end after {MAX_PAGES} pages")))
}

/// Takes the entries, which stand in an object of their own, out of an answer.
pub(crate) fn entries<T: DeserializeOwned>(
    asked: Asked<'_>,
    answer: &mut Map<String, Value>,
    (outer, inner): (&str, &str),
) -> Result<Vec<T>, ApiError> {
    let held = match answer.remove(outer) {
        None | Some(Value::Null) => {
            return Err(asked.invalid(format!("{outer} is missing from its answer")));
        }
        Some(held) => held,
    };
    let mut held: Map<String, Value> = asked.value(held)?;
    match held.remove(inner) {
        None => Ok(Vec::new()),
        Some(entries) => asked.list(entries),
    }
}
