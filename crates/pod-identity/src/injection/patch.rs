//! Operations of a JSON patch (RFC 6902).

use serde::Serialize;
use serde_json::Value;

/// One operation. Nothing is ever removed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum PatchOperation {
    /// Adds a member, or an element of an array (`-`: at its end).
    Add {
        /// JSON pointer (RFC 6901).
        path: String,
        /// What is added.
        value: Value,
    },
    /// Puts a variable in the place of another one of its name, where the user asks for that.
    Replace {
        /// JSON pointer of an element of an array that is there.
        path: String,
        /// What takes its place.
        value: Value,
    },
}

/// A patch in the making.
#[derive(Debug, Default)]
pub(super) struct Patch(Vec<PatchOperation>);

impl Patch {
    /// Adds elements to the end of an array, which is made where there is none (or a `null`: adding a member that is
    /// there replaces it).
    pub(super) fn append(&mut self, array: &str, exists: bool, elements: impl IntoIterator<Item = Value>) {
        let elements = elements.into_iter();
        if exists {
            self.0.extend(elements.map(|value| PatchOperation::Add { path: format!("{array}/-"), value }));
        } else {
            let elements: Vec<Value> = elements.collect();
            if !elements.is_empty() {
                self.0.push(PatchOperation::Add { path: array.to_owned(), value: Value::Array(elements) });
            }
        }
    }

    /// Puts something in the place of an element that is there.
    pub(super) fn replace(&mut self, array: &str, index: usize, value: Value) {
        self.0.push(PatchOperation::Replace { path: format!("{array}/{index}"), value });
    }

    pub(super) fn into_operations(self) -> Vec<PatchOperation> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_appended_as_nothing() {
        let mut patch = Patch::default();
        patch.append("/a", true, []);
        patch.append("/b", false, []);
        assert_eq!(patch.into_operations(), []);
    }
}
