//! Making tokens.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use signature::acs3::{self, EMPTY_BODY_SHA256};
use signature::{Secret, encoding, format_timestamp, rpc};
use zeroize::Zeroizing;

use crate::host::StsHost;
use crate::token::Version;
use crate::{ACTION, API_VERSION, V1_CLUSTER_KEY, V2_CLUSTER_KEY};

/// What a token is made of. Values are taken as they are: whether the server accepts the cluster id or the
/// extra parameters is the server's to say.
#[derive(Debug, Clone, Copy)]
pub struct SigningInput<'a> {
    /// The cluster that the token is for: `c5e1a2b3...`.
    pub cluster_id: &'a str,
    /// `LTAI...`, or `STS....` for temporary keys.
    pub access_key_id: &'a str,
    /// The access key's secret. It signs, and is not in the token.
    pub secret: &'a Secret,
    /// For temporary keys only. It is in the token.
    pub security_token: Option<&'a Secret>,
    /// Printable ASCII: `ack-ram-tool/0.20.0 (linux/amd64)`. Not signed; version 1 has no place for it.
    pub user_agent: &'a str,
    /// More query parameters, under the signature. Names: see
    /// [`check_extra_query_key`](crate::check_extra_query_key). The cluster's own parameter wins over one of the
    /// same name.
    pub extra_query: &'a [(String, String)],
    /// The time of signing; fractions of a second are cut off.
    pub signed_at: Timestamp,
}

/// The JSON object, in the order in which the public tool writes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    cluster_id: &'a str,
    method: &'a str,
    path: &'a str,
    query: &'a BTreeMap<String, String>,
    headers: &'a BTreeMap<String, String>,
}

/// A version 2 token, byte for byte as the public tool makes it: it signs neither the host nor a nonce, so that
/// the token holds at every STS endpoint until it expires.
pub fn sign_v2(input: &SigningInput<'_>) -> Secret {
    let query = sorted_query(input, V2_CLUSTER_KEY);
    let mut headers = BTreeMap::from([
        ("x-acs-action".to_owned(), ACTION.to_owned()),
        ("x-acs-content-sha256".to_owned(), EMPTY_BODY_SHA256.to_owned()),
        ("x-acs-date".to_owned(), format_timestamp(input.signed_at)),
        ("x-acs-version".to_owned(), API_VERSION.to_owned()),
    ]);
    if let Some(token) = input.security_token {
        headers.insert("x-acs-security-token".to_owned(), token.expose().to_owned());
    }
    let pairs: Vec<(String, String)> = query.clone().into_iter().collect();
    let request = acs3::Request {
        method: "POST",
        path: "/",
        query: &pairs,
        headers: &[],
        content_sha256: EMPTY_BODY_SHA256,
    };
    let authorization = acs3::authorize_headers(&request, &headers, input.access_key_id, input.secret);
    headers.insert("Authorization".to_owned(), authorization.to_string());
    headers.insert("user-agent".to_owned(), input.user_agent.to_owned());
    let document = Document {
        cluster_id: input.cluster_id,
        method: "POST",
        path: "/",
        query: &query,
        headers: &headers,
    };
    // serde_json writes to memory, from strings and maps of strings: neither can fail, and an empty token would
    // be refused by every server.
    let json = Zeroizing::new(serde_json::to_string(&document).unwrap_or_default());
    Secret::new(format!("{}{}", Version::V2.prefix(), STANDARD.encode(json.as_bytes())))
}

/// A version 1 token that names `sts.aliyuncs.com`, in standard base64 with padding.
///
/// `nonce` must be new for each token: STS takes each once. 32 hexadecimal digits are usual.
pub fn sign_v1(input: &SigningInput<'_>, nonce: &str) -> Secret {
    sign_v1_for(input, nonce, &StsHost::default())
}

/// [`sign_v1`] with another of STS's hosts in the URL. The host is not signed, and servers ask the endpoint that
/// they are set up with.
pub fn sign_v1_for(input: &SigningInput<'_>, nonce: &str, host: &StsHost) -> Secret {
    let mut query = sorted_query(input, V1_CLUSTER_KEY);
    let mut add = |key: &str, value: &str| query.insert(key.to_owned(), value.to_owned());
    add("AccessKeyId", input.access_key_id);
    add("Action", ACTION);
    add("Format", "json");
    add("SignatureMethod", rpc::SIGNATURE_METHOD);
    add("SignatureNonce", nonce);
    add("SignatureVersion", rpc::SIGNATURE_VERSION);
    add("Timestamp", &format_timestamp(input.signed_at));
    add("Version", API_VERSION);
    if let Some(token) = input.security_token {
        add("SecurityToken", token.expose());
    }
    let pairs: Vec<(String, String)> = query.clone().into_iter().collect();
    let signature = rpc::sign(input.secret, &rpc::string_to_sign("GET", &pairs));
    query.insert(rpc::SIGNATURE_PARAMETER.to_owned(), signature);
    let pairs: Vec<(String, String)> = query.into_iter().collect();
    // Go's encoder, which the public tool uses, writes a space in a query as +.
    let query = encoding::build_query(&pairs).replace("%20", "+");
    let url = Zeroizing::new(format!("https://{host}/?{query}"));
    Secret::new(format!("{}{}", Version::V1.prefix(), STANDARD.encode(url.as_bytes())))
}

/// The extra parameters and the cluster's.
fn sorted_query(input: &SigningInput<'_>, cluster_key: &str) -> BTreeMap<String, String> {
    let mut query: BTreeMap<String, String> = input.extra_query.iter().cloned().collect();
    query.insert(cluster_key.to_owned(), input.cluster_id.to_owned());
    query
}
