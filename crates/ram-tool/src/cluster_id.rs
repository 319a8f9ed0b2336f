//! The cluster's id: it goes into tokens, kubeconfigs and file names.

use std::fmt;
use std::str::FromStr;

const MAX_BYTES: usize = 128;

/// 1 to 128 of `A-Z a-z 0-9 . _ -`, the first of them a letter or digit. ACK's are `c` and 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClusterId(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a cluster id is 1 to 128 characters of A-Z a-z 0-9 . _ -, beginning with a letter or digit")]
pub(crate) struct ClusterIdError;

impl FromStr for ClusterId {
    type Err = ClusterIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = text.len() <= MAX_BYTES
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if good { Ok(Self(text.to_owned())) } else { Err(ClusterIdError) }
    }
}

impl ClusterId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
