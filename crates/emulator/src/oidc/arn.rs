//! How OIDC providers are named.

use std::fmt;

use crate::names;

/// `acs:ram::<account>:oidc-provider/<name>`.
#[derive(Clone, Debug)]
pub(crate) struct ProviderArn {
    pub(crate) account: String,
    pub(crate) name: String,
}

/// ARNs compare without regard to case.
impl PartialEq for ProviderArn {
    fn eq(&self, other: &Self) -> bool {
        self.account == other.account && self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl Eq for ProviderArn {}

impl ProviderArn {
    /// Reads an ARN, written in any case.
    pub(crate) fn parse(arn: &str) -> Option<Self> {
        let prefix = arn.get(..9).filter(|prefix| prefix.eq_ignore_ascii_case("acs:ram::"))?;
        let (account, resource) = arn.get(prefix.len()..)?.split_once(':')?;
        let (kind, name) = resource.split_once('/')?;
        let right = kind.eq_ignore_ascii_case("oidc-provider")
            && names::is_account_id(account)
            && names::is_oidc_provider_name(name);
        right.then(|| Self { account: account.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for ProviderArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "acs:ram::{}:oidc-provider/{}", self.account, self.name)
    }
}
