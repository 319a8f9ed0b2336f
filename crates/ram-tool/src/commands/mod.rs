//! The commands, one module each: its flags, and what it does.

pub(crate) mod get_kubeconfig;
pub(crate) mod get_token;
pub(crate) mod version;
