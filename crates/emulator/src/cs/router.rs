//! Which operation a method and a path mean.

use super::answer::Answer;
use super::{Call, addons, clusters, kubeconfig, permissions, tasks};
use crate::error::ApiError;
use crate::host::{host_name, is_loopback};
use crate::request::RawRequest;

/// The first labels of its host names: `cs` of `cs.aliyuncs.com` and `cs.cn-hangzhou.aliyuncs.com`.
const HOSTS: [&str; 2] = ["cs", "cs-anony-vpc"];

/// What an operation does once it is known who asks.
type Handler = fn(&Call<'_>) -> Result<Answer, ApiError>;

/// An operation and where it is.
pub(crate) struct Route {
    /// `DescribeClusterDetail`.
    pub(crate) operation: &'static str,
    pub(crate) handler: Handler,
    method: &'static str,
    /// Segments in braces fit any text but the empty one.
    pattern: &'static str,
}

/// Container Service 2015-12-15, "List of operations by function".
const ROUTES: &[Route] = &[
    route("DescribeClusterDetail", "GET", "/clusters/{cluster}", clusters::detail),
    route("DescribeClusterUserKubeconfig", "GET", "/k8s/{cluster}/user_config", kubeconfig::user_kubeconfig),
    route("DescribeClusters", "GET", "/clusters", clusters::all),
    route("DescribeClustersV1", "GET", "/api/v1/clusters", clusters::list),
    route("DescribeClustersForRegion", "GET", "/regions/{region}/clusters", clusters::list),
    route("ModifyCluster", "PUT", "/api/v2/clusters/{cluster}", tasks::modify_cluster),
    route("DescribeTaskInfo", "GET", "/tasks/{task}", tasks::task_info),
    route("DescribeClusterLogs", "GET", "/clusters/{cluster}/logs", tasks::cluster_logs),
    route("DescribeClusterAddonsVersion", "GET", "/clusters/{cluster}/components/version", addons::versions),
    route("InstallClusterAddons", "POST", "/clusters/{cluster}/components/install", addons::install),
    route(
        "DescribeUserClusterActivityState",
        "GET",
        "/clusters/{cluster}/users/{user}/activity-state",
        permissions::activity_state,
    ),
    route(
        "CleanClusterUserPermissions",
        "DELETE",
        "/cluster/{cluster}/user/{user}/permissions",
        permissions::clean,
    ),
];

const fn route(
    operation: &'static str,
    method: &'static str,
    pattern: &'static str,
    handler: Handler,
) -> Route {
    Route { operation, handler, method, pattern }
}

/// Whether a request is for Container Service: at a host name of its own, or on loopback, where every service is, at
/// a path, which the services of the RPC kind do not have.
pub(crate) fn is_addressed(raw: &RawRequest) -> bool {
    let name = host_name(raw.host());
    if is_loopback(name) {
        return raw.path() != "/";
    }
    let mut labels = name.split('.');
    let first = labels.next().unwrap_or_default();
    HOSTS.iter().any(|host| first.eq_ignore_ascii_case(host))
        && name.to_ascii_lowercase().ends_with(".aliyuncs.com")
}

/// The operation at this method and path, with the texts of the segments in braces.
pub(crate) fn find<'a>(raw: &'a RawRequest) -> Option<(&'static Route, PathParams<'a>)> {
    ROUTES.iter().find_map(|route| {
        if route.method != raw.method {
            return None;
        }
        Some((route, PathParams::of(route.pattern, raw.path())?))
    })
}

/// Texts of a path, by name, still escaped: no id that there can be needs an escape.
pub(crate) struct PathParams<'a>(Vec<(&'static str, &'a str)>);

impl<'a> PathParams<'a> {
    fn of(pattern: &'static str, path: &'a str) -> Option<Self> {
        let mut found = Vec::new();
        let mut given = path.split('/');
        for wanted in pattern.split('/') {
            let segment = given.next()?;
            match wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) if !segment.is_empty() => found.push((name, segment)),
                None if wanted == segment => {}
                _ => return None,
            }
        }
        given.next().is_none().then_some(Self(found))
    }

    /// The text of the segment `{name}`; empty where the route has none.
    pub(crate) fn get(&self, name: &str) -> &'a str {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, text)| *text).unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn request(method: &str, host: &str, target: &str) -> RawRequest {
        RawRequest::new(method, target, &[("host".to_owned(), host.to_owned())], Bytes::new())
    }

    #[test]
    fn each_operation_is_at_its_documented_place() {
        for (method, target, operation, params) in [
            ("GET", "/clusters/c1", "DescribeClusterDetail", vec!["c1"]),
            ("GET", "/k8s/c1/user_config?PrivateIpAddress=true", "DescribeClusterUserKubeconfig", vec!["c1"]),
            ("GET", "/clusters?name=prod", "DescribeClusters", vec![]),
            ("GET", "/api/v1/clusters", "DescribeClustersV1", vec![]),
            ("GET", "/regions/cn-hangzhou/clusters", "DescribeClustersForRegion", vec!["cn-hangzhou"]),
            ("PUT", "/api/v2/clusters/c1", "ModifyCluster", vec!["c1"]),
            ("GET", "/tasks/T-1", "DescribeTaskInfo", vec!["T-1"]),
            ("GET", "/clusters/c1/logs", "DescribeClusterLogs", vec!["c1"]),
            ("GET", "/clusters/c1/components/version", "DescribeClusterAddonsVersion", vec!["c1"]),
            ("POST", "/clusters/c1/components/install", "InstallClusterAddons", vec!["c1"]),
            (
                "GET",
                "/clusters/c1/users/2/activity-state",
                "DescribeUserClusterActivityState",
                vec!["c1", "2"],
            ),
            (
                "DELETE",
                "/cluster/c1/user/2/permissions?Force=true",
                "CleanClusterUserPermissions",
                vec!["c1", "2"],
            ),
        ] {
            let raw = request(method, "cs.aliyuncs.com", target);
            let (route, found) = find(&raw).unwrap_or_else(|| panic!("{method} {target}"));
            assert_eq!(route.operation, operation);
            assert_eq!(found.0.iter().map(|(_, text)| *text).collect::<Vec<_>>(), params, "{target}");
        }
    }

    #[test]
    fn nothing_is_elsewhere() {
        for (method, target) in [
            ("GET", "/"),
            ("GET", "/clusters/"),
            ("POST", "/clusters"),
            ("GET", "/clusters/c1/"),
            ("GET", "//clusters/c1"),
            ("get", "/clusters/c1"),
            ("POST", "/clusters/c1"),
            ("GET", "/api/v2/clusters/c1"),
            ("GET", "/clusters/c1/logs/1"),
            ("GET", "/k8s//user_config"),
        ] {
            assert!(find(&request(method, "cs.aliyuncs.com", target)).is_none(), "{method} {target}");
        }
    }

    #[test]
    fn on_loopback_the_path_decides_and_elsewhere_the_host_name() {
        for (host, target, expected) in [
            ("127.0.0.1:4711", "/clusters/c1", true),
            ("localhost", "/nothing", true),
            ("127.0.0.1:4711", "/?Action=GetCallerIdentity", false),
            ("[::1]:4711", "/", false),
            ("cs.aliyuncs.com", "/", true),
            ("CS.cn-hangzhou.aliyuncs.com:443", "/clusters/c1", true),
            ("cs-anony-vpc.cn-hangzhou.aliyuncs.com", "/clusters/c1", true),
            ("sts.aliyuncs.com", "/clusters/c1", false),
            ("cs.example.com", "/clusters/c1", false),
            ("cs.aliyuncs.com.example.com", "/clusters/c1", false),
            ("", "/clusters/c1", false),
        ] {
            assert_eq!(is_addressed(&request("GET", host, target)), expected, "{host} {target}");
        }
    }
}
