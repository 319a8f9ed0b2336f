//! A token as checked values, and the request that is built from them.

use std::fmt;

use jiff::Timestamp;
use signature::acs3::{Authorization, EMPTY_BODY_SHA256};
use signature::{Secret, format_timestamp, rpc};

use crate::{ACTION, API_VERSION, V1_CLUSTER_KEY, V2_CLUSTER_KEY};

/// The form of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// `k8s-ack-v1.`: a pre-signed URL.
    V1,
    /// `k8s-ack-v2.`: a signed request as JSON.
    V2,
}

impl Version {
    /// What a token of this version begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::V1 => "k8s-ack-v1.",
            Self::V2 => "k8s-ack-v2.",
        }
    }
}

/// `v1`, `v2`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

/// A token that passed every check that can be made without STS. Whether its signature holds, and who signed
/// it, only STS can say.
///
/// [`fmt::Debug`] shows neither signature nor security token.
#[derive(Clone)]
pub struct Token {
    pub(crate) access_key_id: String,
    pub(crate) cluster_id: String,
    pub(crate) signed_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) security_token: Option<Secret>,
    pub(crate) extra_query: Vec<(String, String)>,
    pub(crate) form: Form,
}

/// What only one of the versions has.
#[derive(Clone)]
pub(crate) enum Form {
    V1 { signature: Secret, nonce: String, format: &'static str },
    V2 { authorization: Authorization, nonce: Option<String>, user_agent: Option<String> },
}

impl Token {
    /// The form that the token came in.
    pub fn version(&self) -> Version {
        match self.form {
            Form::V1 { .. } => Version::V1,
            Form::V2 { .. } => Version::V2,
        }
    }

    /// The access key that the token claims to be signed with: `LTAI...`, or `STS....` for temporary keys.
    /// True only once STS has confirmed the signature.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The cluster that the signature names: one of [`Rules::cluster_ids`](crate::Rules::cluster_ids).
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// When the token was signed, by the client's clock, in whole seconds.
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }

    /// [`Token::signed_at`] and [`Rules::max_age`](crate::Rules::max_age): after this the token is refused, so
    /// that no answer about it needs to be kept longer.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Whether STS takes the request once only, for it carries a nonce: every version 1 token does, and version
    /// 2 tokens of the public tool do not.
    pub fn is_single_use(&self) -> bool {
        match &self.form {
            Form::V1 { .. } => true,
            Form::V2 { nonce, .. } => nonce.is_some(),
        }
    }

    /// What the client says it is, for example `ack-ram-tool/0.20.0 (linux/amd64)`: printable ASCII, at most 256
    /// bytes, empty where the token has none. The public tool does not sign it: anybody can have written it.
    pub fn user_agent(&self) -> &str {
        match &self.form {
            Form::V1 { .. } => "",
            Form::V2 { user_agent, .. } => user_agent.as_deref().unwrap_or_default(),
        }
    }

    /// The request for STS, from this struct's checked values and constants alone.
    pub fn request(&self) -> StsRequest {
        match &self.form {
            Form::V1 { signature, nonce, format } => self.v1_request(signature, nonce, format),
            Form::V2 { authorization, nonce, user_agent } => {
                self.v2_request(authorization, nonce.as_deref(), user_agent.as_deref())
            }
        }
    }

    fn v1_request(&self, signature: &Secret, nonce: &str, format: &str) -> StsRequest {
        let mut query = vec![
            pair("AccessKeyId", &self.access_key_id),
            pair("Action", ACTION),
            pair(V1_CLUSTER_KEY, &self.cluster_id),
            pair("Format", format),
            pair("Signature", signature.expose()),
            pair("SignatureMethod", rpc::SIGNATURE_METHOD),
            pair("SignatureNonce", nonce),
            pair("SignatureVersion", rpc::SIGNATURE_VERSION),
            pair("Timestamp", &format_timestamp(self.signed_at)),
            pair("Version", API_VERSION),
        ];
        query.extend(self.security_token.iter().map(|token| pair("SecurityToken", token.expose())));
        query.extend(self.extra_query.iter().cloned());
        StsRequest { method: "GET", query, headers: vec![pair("accept", "application/json")] }
    }

    fn v2_request(
        &self,
        authorization: &Authorization,
        nonce: Option<&str>,
        user_agent: Option<&str>,
    ) -> StsRequest {
        let mut query = vec![pair(V2_CLUSTER_KEY, &self.cluster_id)];
        query.extend(self.extra_query.iter().cloned());
        let mut headers = vec![
            pair("accept", "application/json"),
            pair("authorization", &authorization.to_string()),
            pair("x-acs-action", ACTION),
            pair("x-acs-content-sha256", EMPTY_BODY_SHA256),
            pair("x-acs-date", &format_timestamp(self.signed_at)),
            pair("x-acs-version", API_VERSION),
        ];
        headers.extend(nonce.map(|nonce| pair("x-acs-signature-nonce", nonce)));
        headers.extend(self.security_token.iter().map(|token| pair("x-acs-security-token", token.expose())));
        let signed = authorization.signed_headers.iter().any(|name| name == "user-agent");
        headers.extend(user_agent.filter(|_| signed).map(|text| pair("user-agent", text)));
        StsRequest { method: "POST", query, headers }
    }
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("version", &self.version())
            .field("access_key_id", &self.access_key_id)
            .field("cluster_id", &self.cluster_id)
            .field("signed_at", &self.signed_at)
            .field("user_agent", &self.user_agent())
            .finish_non_exhaustive()
    }
}

/// The request that a token stands for: `GetCallerIdentity`, to path `/`, with no body.
///
/// Where it goes is not part of it: the caller's own STS endpoint. Names and values are decoded; encode the
/// query when sending. [`fmt::Debug`] shows names only.
#[derive(Clone, PartialEq, Eq)]
pub struct StsRequest {
    /// `POST` for version 2, `GET` for version 1.
    pub method: &'static str,
    /// Query parameters, decoded, each name once.
    pub query: Vec<(String, String)>,
    /// Headers, with lower-case names, each once. `user-agent` is among them only where the signature covers
    /// it: send it as it is then.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for StsRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| pairs.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        f.debug_struct("StsRequest")
            .field("method", &self.method)
            .field("query", &names(&self.query))
            .field("headers", &names(&self.headers))
            .finish()
    }
}
