//! The component's settings, as far as they decide about a pod.

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
    /// The variables about STS, where they are wanted.
    pub sts: Option<StsVariables>,
}

/// `ALIBABA_CLOUD_STS_REGION`, `ALIBABA_CLOUD_STS_ENDPOINT` (`sts-vpc.<region>.aliyuncs.com`) and
/// `ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED` (`true`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StsVariables {
    /// As in `cn-hangzhou`.
    pub region: String,
}
