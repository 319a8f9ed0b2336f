//! RRSA of a cluster: its issuer, and the OIDC provider of its account that goes with it.

use serde_json::{Value, json};

use super::cluster::{CheckedCluster, Cluster};
use super::errors;
use crate::directory::Directory;
use crate::error::ApiError;
use crate::oidc::OidcProvider;
use jiff::Timestamp;

/// The client id of the providers that ACK makes.
const AUDIENCE: &str = "sts.aliyuncs.com";
/// The oldest version of Kubernetes that RRSA is there for (ACK documentation, "Use RRSA", "Limits").
const OLDEST: (u32, u32) = (1, 22);
/// ACK Basic and Pro, and Serverless clusters, as `cluster_type` and `profile` tell them.
const KINDS: [&str; 2] = ["ManagedKubernetes", "Ask"];
const PROFILES: [&str; 3] = ["", "Default", "Serverless"];
/// Edge clusters have it where they are Pro, which `cluster_spec` tells.
const EDGE: (&str, &str) = ("Edge", "ack.pro.");

/// `RRSAConfig` of a cluster.
pub(super) fn describe(cluster: &Cluster) -> Value {
    if !cluster.rrsa {
        return json!({"enabled": false});
    }
    let name = provider_name(cluster);
    json!({
        "enabled": true,
        "issuer": issuers(cluster).join(","),
        "audience": AUDIENCE,
        "oidc_name": name,
        "oidc_arn": format!("acs:ram::{}:oidc-provider/{name}", cluster.account),
    })
}

fn provider_name(cluster: &Cluster) -> String {
    format!("ack-rrsa-{}", cluster.id)
}

/// The issuers of the cluster's tokens, the one that signs first.
fn issuers(cluster: &Cluster) -> Vec<String> {
    if cluster.issuers.is_empty() {
        let (region, id) = (&cluster.region, &cluster.id);
        return vec![format!("https://oidc-ack-{region}.oss-{region}.aliyuncs.com/{id}")];
    }
    cluster.issuers.clone()
}

/// The issuer that signs.
fn issuer(cluster: &Cluster) -> String {
    issuers(cluster).into_iter().next().unwrap_or_default()
}

/// Whether ACK has RRSA for such a cluster. The codes of its refusals are the emulator's own.
pub(super) fn check_supported(cluster: &Cluster) -> Result<(), ApiError> {
    let edge_pro = cluster.profile == EDGE.0 && cluster.spec.starts_with(EDGE.1);
    let profile = edge_pro || PROFILES.contains(&cluster.profile.as_str());
    if !profile || !KINDS.contains(&cluster.kind.as_str()) {
        return Err(errors::no_rrsa_for_kind(&cluster.id, &cluster.kind, &cluster.profile));
    }
    if version(&cluster.version).is_none_or(|version| version < OLDEST) {
        return Err(errors::no_rrsa_for_version(&cluster.id, &cluster.version));
    }
    Ok(())
}

/// Major and minor version of `1.33.3-aliyun.1`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Makes the cluster's OIDC provider. One that is there already with the cluster's issuer is the one, and gets the client id
/// where it lacks it.
///
/// # Errors
/// Why there can be none, in words.
pub(super) fn register(
    description: &CheckedCluster,
    directory: &Directory,
    now: Timestamp,
) -> Result<(), String> {
    let cluster = &description.cluster;
    let (account, name, issuer) = (&cluster.account, provider_name(cluster), issuer(cluster));
    directory.change(|state| {
        if let Ok(record) = state.oidc_provider(account, &name) {
            if record.provider.issuer_url != issuer {
                let other = &record.provider.issuer_url;
                return Err(format!(
                    "the OIDC provider {name:?} is there with the issuer {other:?}: delete it first"
                ));
            }
            if record.provider.client_ids.iter().any(|id| id == AUDIENCE) {
                return Ok(());
            }
            let changed = state.change_oidc_provider(account, &name, now, |provider| {
                provider.client_ids.push(AUDIENCE.to_owned());
                Ok::<(), crate::directory::DirectoryError>(())
            });
            return changed.map(|_record| ()).map_err(|error| error.to_string());
        }
        let mut provider = OidcProvider::new(account, &name, &issuer)
            .client_id(AUDIENCE)
            .description(&format!("RRSA of the cluster {}", cluster.id))
            .check()?;
        provider.keys.clone_from(&description.issuer_keys);
        state.add_oidc_provider(provider, now).map(|_record| ()).map_err(|error| error.to_string())
    })
}

/// Removes the cluster's OIDC provider, where it is there with the cluster's issuer.
pub(super) fn unregister(cluster: &Cluster, directory: &Directory) {
    let (account, name) = (&cluster.account, provider_name(cluster));
    directory.change(|state| {
        let is_own = |issuer_url: &str| issuer_url == issuer(cluster);
        if state.oidc_provider(account, &name).is_ok_and(|record| is_own(&record.provider.issuer_url)) {
            // It is there: nobody else has the directory meanwhile.
            let _ = state.remove_oidc_provider(account, &name);
        }
    });
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
    use super::*;

    #[test]
    fn rrsa_is_for_managed_and_serverless_clusters_from_1_22_on() {
        let cluster = || Cluster::new("1234567890123456", "c1");
        for good in [
            cluster(),
            cluster().version("1.22.3-aliyun.1"),
            cluster().version("2.0"),
            cluster().profile("Serverless"),
            cluster().kind("Ask").profile(""),
            cluster().profile("Edge").spec("ack.pro.small"),
        ] {
            assert_eq!(check_supported(&good), Ok(()), "{good:?}");
        }
        for (wrong, code) in [
            (cluster().version("1.21.9-aliyun.1"), "ErrorClusterVersionNotSupported"),
            (cluster().version("1.9"), "ErrorClusterVersionNotSupported"),
            (cluster().version("0.99"), "ErrorClusterVersionNotSupported"),
            (cluster().version(""), "ErrorClusterVersionNotSupported"),
            (cluster().version("latest"), "ErrorClusterVersionNotSupported"),
            (cluster().kind("Kubernetes"), "ErrorClusterTypeNotSupported"),
            (cluster().kind("ExternalKubernetes"), "ErrorClusterTypeNotSupported"),
            (cluster().profile("Edge").spec("ack.standard"), "ErrorClusterTypeNotSupported"),
            (cluster().profile("Acs"), "ErrorClusterTypeNotSupported"),
        ] {
            let refused = check_supported(&wrong).unwrap_err();
            assert_eq!((refused.status, refused.code.as_str()), (400, code), "{refused:?}");
        }
    }
}
