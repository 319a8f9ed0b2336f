//! kubectl's side of a credential plugin: `client.authentication.k8s.io` ExecCredential.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use signature::{Secret, format_timestamp};

use crate::certificate::ClientCertificate;
use crate::error::Error;
use crate::flags::ApiVersion;
use crate::world::World;

const KIND: &str = "ExecCredential";
const MAX_SHOWN_CHARS: usize = 64;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential<'a> {
    kind: &'a str,
    api_version: &'a str,
    spec: Spec,
    status: Status<'a>,
}

#[derive(Serialize)]
struct Spec {
    interactive: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    expiration_timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key_data: Option<&'a str>,
}

/// The ExecCredential of a token: JSON with one space of indentation and a line break at the end.
pub(crate) fn of_token(version: ApiVersion, token: &Secret, end: Timestamp) -> Result<String, Error> {
    let status = Status {
        expiration_timestamp: format_timestamp(end),
        token: Some(token.expose()),
        client_certificate_data: None,
        client_key_data: None,
    };
    written(version, status)
}

/// The ExecCredential of a client certificate, in the same form.
pub(crate) fn of_certificate(version: ApiVersion, certificate: &ClientCertificate) -> Result<String, Error> {
    let status = Status {
        expiration_timestamp: format_timestamp(certificate.end()),
        token: None,
        client_certificate_data: Some(certificate.certificate_pem()),
        client_key_data: Some(certificate.key_pem().expose()),
    };
    written(version, status)
}

fn written(version: ApiVersion, status: Status<'_>) -> Result<String, Error> {
    let spec = Spec { interactive: false };
    let credential = ExecCredential { kind: KIND, api_version: version.group_version(), spec, status };
    let mut output = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let failed = |detail: String| Error::Format { what: "ExecCredential", detail };
    credential
        .serialize(&mut serde_json::Serializer::with_formatter(&mut output, formatter))
        .map_err(|error| failed(error.to_string()))?;
    output.push(b'\n');
    String::from_utf8(output).map_err(|error| failed(error.to_string()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecInfo {
    kind: Option<String>,
    api_version: Option<String>,
}

/// The version that kubectl asks for in `KUBERNETES_EXEC_INFO`; the flag's where it does not.
pub(crate) fn wanted_version(flag: ApiVersion, world: &World<'_>) -> Result<ApiVersion, Error> {
    let Some(text) = world.set("KUBERNETES_EXEC_INFO") else { return Ok(flag) };
    let info: ExecInfo = serde_json::from_str(&text)
        .map_err(|_| Error::ExecInfo { detail: "is no JSON object of kind ExecCredential" })?;
    if info.kind.is_some_and(|kind| kind != KIND) {
        return Err(Error::ExecInfo { detail: "is of another kind than ExecCredential" });
    }
    let version = info.api_version.ok_or(Error::ExecInfo { detail: "has no apiVersion" })?;
    [ApiVersion::V1, ApiVersion::V1beta1]
        .into_iter()
        .find(|known| known.group_version() == version)
        .ok_or_else(|| Error::ExecInfoVersion { version: version.chars().take(MAX_SHOWN_CHARS).collect() })
}
