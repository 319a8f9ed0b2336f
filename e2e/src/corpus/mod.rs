//! The attack corpus: published attacks on token webhooks, as tokens and requests with the answer
//! that each must get. `corpus/attacks.yaml` is the list; this module makes the tokens (they need
//! fresh dates and signatures, so the file holds recipes), posts them and judges the answers.
//!
//! Nothing here uses the decoder under test: tokens are put together from text.

mod expand;
mod post;
mod recipe;
mod tokens;

pub use expand::Values;
pub use post::{Poster, Verdict};
pub use recipe::{Encoding, Entry, Expected, Outcome, Recipe, RequestRecipe, V1Recipe, V2Recipe, Who};
pub use tokens::Key;

use crate::error::{Error, Result};

/// The list, as it is in the repository.
const ATTACKS: &str = include_str!("../../corpus/attacks.yaml");

/// All entries, in the order of the file.
///
/// # Errors
/// The file does not parse, or an id stands twice.
pub fn entries() -> Result<Vec<Entry>> {
    let failed = Error::answer::<serde_saphyr::Error>("reading e2e/corpus/attacks.yaml");
    let entries: Vec<Entry> = serde_saphyr::from_str(ATTACKS).map_err(failed)?;
    let mut ids = std::collections::BTreeSet::new();
    match entries.iter().find(|entry| !ids.insert(entry.id.as_str())) {
        Some(twice) => Err(Error::Answer {
            what: "reading e2e/corpus/attacks.yaml".to_owned(),
            reason: format!("the id {} stands twice", twice.id),
        }),
        None => Ok(entries),
    }
}
