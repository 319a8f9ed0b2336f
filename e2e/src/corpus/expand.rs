//! `${…}` in recipes.

use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};

/// What recipes can ask for.
#[derive(Debug, Clone)]
pub struct Values {
    /// `${cluster}`; `${CLUSTER}` is the same in upper case.
    pub cluster: String,
    /// `${key}`.
    pub access_key_id: String,
    /// `${now}`, `${now-16m}`, `${now+6m}`, as `2026-11-22T01:43:34Z`.
    pub now: Timestamp,
}

impl Values {
    /// Replaces each `${name}`; `${x*9000}` is `x` nine thousand times.
    ///
    /// # Errors
    /// An unknown name, or a bracket without its end.
    pub fn expand(&self, text: &str) -> Result<String> {
        let mut made = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| unknown(after))?;
            made.push_str(before);
            made.push_str(&self.value(name)?);
            rest = after;
        }
        made.push_str(rest);
        Ok(made)
    }

    pub(super) fn expand_pairs(&self, pairs: &[(String, String)]) -> Result<Vec<(String, String)>> {
        pairs.iter().map(|(key, value)| Ok((self.expand(key)?, self.expand(value)?))).collect()
    }

    fn value(&self, name: &str) -> Result<String> {
        match name {
            "cluster" => return Ok(self.cluster.clone()),
            "CLUSTER" => return Ok(self.cluster.to_uppercase()),
            "key" => return Ok(self.access_key_id.clone()),
            "now" => return Ok(signature::format_timestamp(self.now)),
            // Filled in by the poster.
            "token" => return Ok("${token}".to_owned()),
            _ => {}
        }
        if let Some((text, times)) = name.split_once('*') {
            return Ok(text.repeat(times.parse().map_err(|_error| unknown(name))?));
        }
        let minutes = name.strip_prefix("now").and_then(|rest| rest.strip_suffix('m'));
        let minutes = minutes.and_then(|minutes| minutes.parse::<i64>().ok()).ok_or_else(|| unknown(name))?;
        let time = self.now.checked_add(SignedDuration::from_mins(minutes));
        time.map(signature::format_timestamp).map_err(Error::answer(format!("making ${{{name}}}")))
    }
}

fn unknown(name: &str) -> Error {
    let name: String = name.chars().take(40).collect();
    Error::Answer { what: "reading a recipe".to_owned(), reason: format!("there is no ${{{name}}}") }
}
