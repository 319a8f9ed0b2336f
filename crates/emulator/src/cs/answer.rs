//! What an operation answers.

use serde_json::Value;

/// The answer to a call.
pub(crate) struct Answer {
    /// The body of the 200.
    pub(crate) body: Value,
    /// What is to be done before it is sent, and may take a while.
    pub(crate) first: Option<Box<dyn FnOnce() -> Result<(), String> + Send>>,
}

impl From<Value> for Answer {
    fn from(body: Value) -> Self {
        Self { body, first: None }
    }
}
