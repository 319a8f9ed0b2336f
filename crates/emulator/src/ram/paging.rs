//! `Marker` and `MaxItems`: lists in pages, in the order of names.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::operation::Fields;
use crate::request::Params;

const DEFAULT_MAX_ITEMS: usize = 100;
const MAX_ITEMS: usize = 1000;

/// Which page is asked for.
pub(crate) struct Page {
    /// Lower-case name of the last item of the page before.
    after: Option<String>,
    max_items: usize,
}

impl Page {
    pub(crate) fn of(params: &Params) -> Result<Self, ApiError> {
        Self::of_at_most(params, MAX_ITEMS)
    }

    /// Where `MaxItems` may be less than elsewhere.
    pub(crate) fn of_at_most(params: &Params, most: usize) -> Result<Self, ApiError> {
        let max_items = match params.get("MaxItems").filter(|text| !text.is_empty()) {
            None => DEFAULT_MAX_ITEMS,
            Some(text) => text
                .parse()
                .ok()
                .filter(|items| (1..=most).contains(items))
                .ok_or_else(|| ApiError::wrongly_formed("MaxItems"))?,
        };
        let after = match params.get("Marker").filter(|text| !text.is_empty()) {
            None => None,
            Some(marker) => Some(
                URL_SAFE_NO_PAD
                    .decode(marker)
                    .ok()
                    .and_then(|name| String::from_utf8(name).ok())
                    .ok_or_else(|| ApiError::wrongly_formed("Marker"))?,
            ),
        };
        Ok(Self { after, max_items })
    }

    /// `IsTruncated`, `Marker` where it is, and the items as `<list>.<item>[]`. The items come in the order of their
    /// lower-case names: so a page is right although items before it were deleted meanwhile.
    pub(crate) fn of_items<T>(
        &self,
        items: impl Iterator<Item = T>,
        name: impl Fn(&T) -> String,
        to_json: impl Fn(&T) -> Value,
        (list, item): (&str, &str),
    ) -> Fields {
        let mut rest = items
            .map(|item| (name(&item).to_ascii_lowercase(), item))
            .skip_while(|(name, _)| self.after.as_ref().is_some_and(|after| name <= after))
            .peekable();
        let mut page = Vec::new();
        let mut last = String::new();
        while let Some((name, item)) = rest.next_if(|_| page.len() < self.max_items) {
            page.push(to_json(&item));
            last = name;
        }
        let is_truncated = rest.peek().is_some();
        let mut fields = Fields::new();
        fields.insert("IsTruncated".to_owned(), Value::from(is_truncated));
        if is_truncated {
            fields.insert("Marker".to_owned(), Value::from(URL_SAFE_NO_PAD.encode(last)));
        }
        fields.insert(list.to_owned(), json!({ item: page }));
        fields
    }
}
