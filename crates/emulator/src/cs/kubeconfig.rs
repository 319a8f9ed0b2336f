//! `DescribeClusterUserKubeconfig`: a kubeconfig with a client certificate that is the caller's own.
//!
//! Kubernetes knows its holder by the certificate's common name, the RAM id that ACK's role bindings have as their
//! subject: that of the user, of the role, or of the account. Names within the file are as ACK writes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::json;
use signature::format_timestamp;

use super::answer::Answer;
use super::client_authority::ClientCertificate;
use super::{Call, errors};
use crate::error::ApiError;
use crate::principal::Identity;

/// What `TemporaryDurationMinutes` may be.
const MINUTES: std::ops::RangeInclusive<usize> = 15..=4320;
/// How long a certificate is good for where nobody says: "The default validity period of a kubeconfig file is 3 years".
const DEFAULT_VALIDITY: SignedDuration = SignedDuration::from_hours(3 * 365 * 24);

pub(super) fn user_kubeconfig(call: &Call<'_>) -> Result<Answer, ApiError> {
    let private = call.flag("PrivateIpAddress")?;
    let minutes = call.number("TemporaryDurationMinutes", MINUTES)?;
    let (cluster, authority) = {
        let mut store = call.service.store(call.now);
        let description = &store.cluster(call.path.get("cluster"), call.caller)?.description;
        (description.cluster.clone(), description.client_authority.clone())
    };
    let lacks = |what: &str, remedy: &str| errors::not_configured(&cluster.id, what, remedy);
    let server = if private {
        cluster.private_server.as_deref().ok_or_else(|| lacks("private address", "give it server.private"))?
    } else {
        cluster.public_server.as_deref().ok_or_else(|| lacks("public address", "give it server.public"))?
    };
    let server_authority = cluster
        .certificate_authority
        .as_deref()
        .ok_or_else(|| lacks("authority of its server certificate", "give it certificateAuthority"))?;
    let authority = authority.ok_or_else(|| {
        lacks(
            "authority of client certificates",
            "give it clientCertificateAuthority with certificate and key",
        )
    })?;
    let validity = match minutes {
        Some(minutes) => SignedDuration::from_mins(i64::try_from(minutes).map_err(|_| errors::internal())?),
        None => DEFAULT_VALIDITY,
    };
    // Certificates and the answer have whole seconds: both end at the same one.
    let expiration = call
        .now
        .round(jiff::Unit::Second)
        .and_then(|now| now.checked_add(validity))
        .map_err(|_| errors::internal())?;
    let id = own_id(call.caller);
    let certificate = authority.issue(id, call.now, expiration)?;
    let user = if matches!(call.caller, Identity::Account(_)) { "kubernetes-admin" } else { id };
    let config = text(&cluster.id, server, server_authority, user, &certificate);
    Ok(json!({"config": config, "expiration": format_timestamp(expiration)}).into())
}

/// The RAM id of the caller, as role bindings name it.
pub(super) fn own_id(caller: &Identity) -> &str {
    match caller {
        Identity::Account(id) => id,
        Identity::User(user) => &user.user_id,
        Identity::AssumedRole(session) => &session.role_id,
    }
}

fn text(
    cluster_id: &str,
    server: &str,
    server_authority: &str,
    user: &str,
    client: &ClientCertificate,
) -> String {
    let authority = STANDARD.encode(server_authority);
    let certificate = STANDARD.encode(&client.certificate);
    let key = STANDARD.encode(client.key.expose());
    // A name of digits alone would be a number without its quotes.
    format!(
        "apiVersion: v1
clusters:
- cluster:
    server: {server}
    certificate-authority-data: {authority}
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: \"{user}\"
  name: \"{user}-{cluster_id}\"
current-context: \"{user}-{cluster_id}\"
kind: Config
preferences: {{}}
users:
- name: \"{user}\"
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
"
    )
}
