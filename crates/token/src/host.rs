//! STS's own host names.

use std::fmt;
use std::str::FromStr;

/// Where a version 1 token can point: `sts.aliyuncs.com`, `sts.<region>.aliyuncs.com` or, inside a VPC,
/// `sts-vpc.<region>.aliyuncs.com`, in lower case. Source: STS's "Endpoints" page.
///
/// The host is not under a version 1 signature, and the server that gets the token asks its own endpoint, not
/// this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsHost(String);

/// A name that is not one of STS's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a host of STS: sts.aliyuncs.com, sts.<region>.aliyuncs.com or sts-vpc.<region>.aliyuncs.com")]
pub struct HostError;

impl StsHost {
    /// The host name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for StsHost {
    /// `sts.aliyuncs.com`, which every account can use from everywhere.
    fn default() -> Self {
        Self("sts.aliyuncs.com".to_owned())
    }
}

impl FromStr for StsHost {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let service = text.strip_suffix(".aliyuncs.com").ok_or(HostError)?;
        let good = match service.split_once('.') {
            None => service == "sts",
            Some((name, region)) => matches!(name, "sts" | "sts-vpc") && is_region(region),
        };
        if good { Ok(Self(text.to_owned())) } else { Err(HostError) }
    }
}

impl fmt::Display for StsHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One label of a host name: `cn-hangzhou`, `ap-southeast-1`.
fn is_region(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_public_the_regional_and_the_vpc_hosts() {
        for host in
            ["sts.aliyuncs.com", "sts.cn-hangzhou.aliyuncs.com", "sts-vpc.ap-southeast-1.aliyuncs.com"]
        {
            assert_eq!(host.parse::<StsHost>().as_ref().map(StsHost::as_str), Ok(host));
        }
        assert_eq!("sts.aliyuncs.com".parse(), Ok(StsHost::default()));
    }

    #[test]
    fn refuses_every_other_host() {
        for host in [
            "",
            "aliyuncs.com",
            ".aliyuncs.com",
            "sts..aliyuncs.com",
            "sts-vpc.aliyuncs.com",
            "xsts.aliyuncs.com",
            "sts.aliyuncs.com.evil.example",
            "sts.aliyuncs.com.cn",
            "evil.example/sts.aliyuncs.com",
            "evil.example#.aliyuncs.com",
            "sts.a.b.aliyuncs.com",
            "sts.evil.example?.aliyuncs.com",
            "sts.cn_hangzhou.aliyuncs.com",
            "sts.-a.aliyuncs.com",
            "sts.a-.aliyuncs.com",
            "STS.aliyuncs.com",
            "sts.aliyuncs.com.",
            "sts.aliyuncs.com:443",
            "ram.aliyuncs.com",
            "127.0.0.1",
            "sts.\u{441}n.aliyuncs.com",
        ] {
            assert_eq!(host.parse::<StsHost>(), Err(HostError), "{host}");
        }
    }
}
