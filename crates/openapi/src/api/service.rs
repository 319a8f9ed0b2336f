//! What is particular to a service.

use crate::endpoint::{Endpoint, EndpointError};
use crate::network::Lookup;

/// A service: its name and version, where it is, and what its error codes mean.
#[derive(Debug)]
pub struct Service {
    /// As messages call it.
    pub name: &'static str,
    /// The version of its API, `2015-04-01`.
    pub version: &'static str,
    /// The flag that names its endpoint.
    pub endpoint_flag: &'static str,
    /// The variables that do, the first that is not empty counts.
    pub endpoint_variables: &'static [&'static str],
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

/// An endpoint, or the region that it would follow from, is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {source}")]
pub struct ResolveError {
    /// The flag or variable that it comes from.
    pub origin: String,
    /// What is wrong with it.
    pub source: EndpointError,
}

impl Service {
    /// Where the service is: what the flag says, else the first of its variables that is not empty, else what the region
    /// says (`region` comes with the flag or variable that it is from), else the central endpoint.
    ///
    /// # Errors
    /// What counts is no endpoint, or the region is none.
    pub fn endpoint(
        &self,
        flag: Option<&str>,
        region: Option<(&str, &str)>,
        environment: Lookup<'_>,
    ) -> Result<Endpoint, ResolveError> {
        let set = |value: &String| !value.is_empty();
        let given = flag.map(str::to_owned).filter(set).map(|value| (self.endpoint_flag, value));
        let named = given.or_else(|| {
            self.endpoint_variables.iter().find_map(|name| Some((*name, environment(name).filter(set)?)))
        });
        let region = region.filter(|(_, value)| !value.is_empty());
        let (origin, answer) = match (&named, region) {
            (Some((origin, value)), _) => (*origin, value.parse()),
            (None, Some((origin, value))) => (origin, (self.of_region)(Some(value))),
            (None, None) => ("", (self.of_region)(None)),
        };
        answer.map_err(|source| ResolveError { origin: origin.to_owned(), source })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::{cs, ram, sts};

    #[test]
    fn flag_then_variables_then_region_then_the_central_endpoint() {
        let all = |name: &str| Some(format!("{}.example", name.to_ascii_lowercase().replace('_', "-")));
        let none = |_: &str| None;
        let last =
            |name: &str| matches!(name, "CS_ENDPOINT" | "RAM_ENDPOINT").then(|| "last:8443".to_owned());
        let empty = |_: &str| Some(String::new());
        let region = Some(("--region-id", "cn-hongkong"));
        for (service, first_variable, of_region, central) in [
            (
                &cs::SERVICE,
                "ack-ram-tool-cs-endpoint.example",
                "cs.cn-hongkong.aliyuncs.com",
                "cs.aliyuncs.com",
            ),
            (&ram::SERVICE, "ack-ram-tool-ram-endpoint.example", "ram.aliyuncs.com", "ram.aliyuncs.com"),
            (
                &sts::SERVICE,
                "ack-ram-tool-sts-endpoint.example",
                "sts.cn-hongkong.aliyuncs.com",
                "sts.aliyuncs.com",
            ),
        ] {
            let find =
                |flag, region, environment| service.endpoint(flag, region, environment).unwrap().to_string();
            assert_eq!(find(Some("127.0.0.1:8443"), region, &all), "127.0.0.1:8443");
            assert_eq!(find(Some(""), region, &all), first_variable);
            assert_eq!(find(None, region, &none), of_region);
            assert_eq!(find(None, region, &empty), of_region);
            assert_eq!(find(None, None, &none), central);
            if service.name != "STS" {
                assert_eq!(find(None, region, &last), "last:8443");
            }
        }
    }

    #[test]
    fn what_is_no_endpoint_names_where_it_comes_from() {
        let variable = |name: &str| (name == "CS_ENDPOINT").then(|| "http://cs".to_owned());
        let text = |flag, region, environment| {
            cs::SERVICE.endpoint(flag, region, environment).unwrap_err().to_string()
        };
        assert!(text(None, None, &variable).starts_with("CS_ENDPOINT: the endpoint asks for the scheme"));
        assert!(text(Some("a@b"), None, &variable).starts_with("--cs-endpoint: "));
        assert!(text(None, Some(("--region-id", "x/")), &|_| None).starts_with("--region-id: the region id"));
    }
}
