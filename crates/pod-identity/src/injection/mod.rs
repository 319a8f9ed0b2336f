//! What a pod gets, or why it gets nothing: values in, values out.
//!
//! The contract is Container Service's documentation of `ack-pod-identity-webhook`: environment variables, a projected
//! volume and a mount of it, by a label of the namespace and annotations of service account and pod. Patches are made
//! against the pod as the API server sent it, and nothing that is there already is touched, but for variables that the user
//! asks to have replaced.

mod decide;
mod expiration;
mod levels;
mod mount;
mod patch;
mod pod;
mod role;
mod selection;
mod settings;
mod switches;
mod variables;
mod warnings;

pub use decide::{Decision, Injection, Outcome, Reason, decide};
pub use expiration::ExpirationSource;
pub use levels::{Level, Namespace, ServiceAccount};
pub use patch::PatchOperation;
pub use pod::{Owner, Pod, PodError};
pub use settings::{Settings, StsVariables};
