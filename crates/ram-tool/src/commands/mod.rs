//! The commands, one module each: its flags, and what it does.

pub(crate) mod completion;
pub(crate) mod export_credentials;
pub(crate) mod get_credential;
pub(crate) mod get_kubeconfig;
pub(crate) mod get_token;
pub(crate) mod rbac;
pub(crate) mod rrsa;
pub(crate) mod utils;
pub(crate) mod version;
pub(crate) mod whoami;
