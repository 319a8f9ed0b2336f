//! The component's settings, as far as they decide about a pod.

use super::ServiceAccount;

/// What every pod gets unless a lower level says otherwise. Checked where flags and file are read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Account of roles that are given by their name: digits.
    pub account_id: String,
    /// `acs:ram::<account>:oidc-provider/ack-rrsa-<cluster id>`, or another one.
    pub provider_arn: String,
    /// Audience of tokens: `sts.aliyuncs.com`.
    pub audience: String,
    /// Where the token's folder is in a container: `/var/run/secrets/ack.alibabacloud.com/rrsa-tokens`; absolute, without
    /// a slash at its end.
    pub mount_path: String,
    /// Lifetime of tokens in seconds, 600 to 43200, where no lower level has one.
    pub expiration_seconds: u32,
    /// As in `cn-hangzhou`; none: no pod gets variables about STS.
    pub region: Option<String>,
    /// Whether every pod gets them, where there is a region; else a service account can ask for one of them.
    pub sts_variables: bool,
}

impl Settings {
    /// Which variables about STS the pods of a service account get, and the region in them.
    pub(super) fn sts(&self, account: &ServiceAccount) -> Option<(StsVariables, &str)> {
        let region = self.region.as_deref()?;
        match (self.sts_variables, account.wants_sts_endpoint()) {
            (true, _) => Some((StsVariables::All, region)),
            (false, true) => Some((StsVariables::Endpoint, region)),
            (false, false) => None,
        }
    }
}

/// Which variables about STS a pod gets, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StsVariables {
    /// `ALIBABA_CLOUD_STS_ENDPOINT` (`sts-vpc.<region>.aliyuncs.com`), `ALIBABA_CLOUD_STS_REGION` and
    /// `ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED` (`true`).
    All,
    /// `ALIBABA_CLOUD_STS_ENDPOINT` alone.
    Endpoint,
}
