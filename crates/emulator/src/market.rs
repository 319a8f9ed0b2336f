//! Where people sign in with the aliyun CLI's mode `OAuth`.

use crate::host::{host_name, is_loopback};

/// The two markets, each with a host and with an id for the aliyun CLI. Tokens of one are worth nothing at the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Market {
    /// Alibaba Cloud China: `oauth.aliyun.com`.
    Cn,
    /// Alibaba Cloud International: `oauth.alibabacloud.com`.
    Intl,
}

impl Market {
    pub(crate) const ALL: [Self; 2] = [Self::Cn, Self::Intl];

    pub(crate) fn host(self) -> &'static str {
        match self {
            Self::Cn => "oauth.aliyun.com",
            Self::Intl => "oauth.alibabacloud.com",
        }
    }

    /// The aliyun CLI's id, which is public.
    pub(crate) fn client_id(self) -> &'static str {
        match self {
            Self::Cn => "4038181954557748008",
            Self::Intl => "4103531455503354461",
        }
    }

    pub(crate) fn at(host: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|market| market.host().eq_ignore_ascii_case(host))
    }

    /// Whether a request with this `Host` reaches this market; loopback stands for both.
    pub(crate) fn is_at(self, host: &str) -> bool {
        let name = host_name(host);
        is_loopback(name) || Self::at(name) == Some(self)
    }
}
