//! What is particular to a service.

use crate::endpoint::{Endpoint, EndpointError};

/// A service: its name and version, where it is, and what its error codes mean.
#[derive(Debug)]
pub struct Service {
    /// As messages call it.
    pub name: &'static str,
    /// The version of its API, `2015-04-01`.
    pub version: &'static str,
    /// The flag that names its endpoint.
    pub endpoint_flag: &'static str,
    pub(crate) of_region: fn(Option<&str>) -> Result<Endpoint, EndpointError>,
    pub(crate) explain: fn(&str) -> Option<&'static str>,
    pub(crate) style: Style,
}

/// How a service spells its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `Code`, `RequestId`, `AccessDeniedDetail`.
    Rpc,
    /// `code`, `requestId`, `accessDeniedDetail`.
    Roa,
}

impl Service {
    /// Where the service is in a region; without one, or with an empty one, its central endpoint.
    ///
    /// # Errors
    /// What is no region id.
    pub fn in_region(&self, region: Option<&str>) -> Result<Endpoint, EndpointError> {
        (self.of_region)(region.filter(|region| !region.is_empty()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::{cs, ram, sts};

    #[test]
    fn each_service_has_an_endpoint_in_a_region_and_a_central_one() {
        for (service, of_region, central) in [
            (&cs::SERVICE, "cs.cn-hongkong.aliyuncs.com", "cs.aliyuncs.com"),
            (&ram::SERVICE, "ram.aliyuncs.com", "ram.aliyuncs.com"),
            (&sts::SERVICE, "sts.cn-hongkong.aliyuncs.com", "sts.aliyuncs.com"),
        ] {
            let endpoint = |region| service.in_region(region).unwrap().to_string();
            assert_eq!(endpoint(Some("cn-hongkong")), of_region);
            assert_eq!((endpoint(None), endpoint(Some(""))), (central.to_owned(), central.to_owned()));
        }
        assert!(cs::SERVICE.in_region(Some("x.evil.example/")).is_err());
    }
}
