//! Clusters that are not ACK's: their issuer is published and registered with RAM by whoever runs them.

mod api_servers;
pub(super) mod disable;
mod documents;
pub(super) mod enable;
pub(super) mod issuer;
mod kubectl;
mod provider;
mod serve;
mod server_flags;
pub(super) mod status;

use std::path::PathBuf;

use clap::Args;

use crate::error::RrsaError;
use crate::flags::parse_bool;

const HEADING: &str = "Clusters that are not ACK's";
const KUBECTL: &str = "The cluster, through kubectl";

// Flags of the commands that know such clusters. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Default, Args)]
pub(crate) struct SelfManagedFlags {
    /// The cluster is not ACK's: --cluster-id is a name of your own for it
    #[arg(long, help_heading = HEADING, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_parser = parse_bool, value_name = "BOOL")]
    pub(super) self_managed: bool,
    /// IMS to ask, which knows RAM's identity providers [env: ACK_RAM_TOOL_IMS_ENDPOINT] [default: ims.aliyuncs.com]
    #[arg(long, help_heading = HEADING, value_name = "HOST[:PORT]")]
    pub(super) ims_endpoint: Option<String>,
}

impl SelfManagedFlags {
    /// For a command that asks Container Service: a flag that it would ignore is an error. `more`: the command's own
    /// flags of this kind, and whether they were given.
    pub(super) fn none_in_vain(&self, more: &[(&'static str, bool)]) -> Result<(), RrsaError> {
        let own = [("--ims-endpoint", self.ims_endpoint.is_some())];
        match own.iter().chain(more).find(|(_, is_given)| *is_given) {
            Some((flag, _)) => Err(RrsaError::InVain { flag }),
            None => Ok(()),
        }
    }
}

// How kubectl reaches the cluster. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Default, Args)]
pub(crate) struct KubectlFlags {
    /// The kubeconfig for kubectl, which must be in the PATH [default: kubectl's own]
    #[arg(long, help_heading = KUBECTL, value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context [default: its current one]
    #[arg(long, help_heading = KUBECTL, value_name = "NAME")]
    pub(super) context: Option<String>,
}
