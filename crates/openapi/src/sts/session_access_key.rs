//! `GenerateSessionAccessKey`: an access key for a while, for whoever holds the private half of an RSA key pair that RAM
//! knows the public half of.
//!
//! The request is in RPC style ("Request syntax and signature method V2 for RPC APIs"), with `SignatureMethod`
//! `SHA256withRSA` and `SignatureType` `PRIVATEKEY`, as the published SDKs send it. This signature cannot cover the
//! host, so whoever receives the request can send it on. Therefore it goes to STS itself and to loopback only.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reqwest::Method;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::RsaSigningKey;
use rustls::sign::SigningKey;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use signature::{Secret, format_timestamp, rpc};

use super::answer;
use super::client::{Client, VERSION};
use super::error::StsError;
use crate::Credentials;
use crate::api::{Outgoing, nonce, pairs, unsendable};
use crate::http::MAX_BODY_BYTES;

const ACTION: &str = "GenerateSessionAccessKey";

/// A call of `GenerateSessionAccessKey`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerateSessionAccessKey {
    /// The id that RAM gave the key pair.
    pub key_pair_id: String,
    /// How long the access key lasts: 900 to 3600 seconds.
    pub duration_seconds: u32,
}

/// The private half of an RSA key pair. It shows nothing of itself.
#[derive(Clone)]
pub struct RsaPrivateKey(Arc<RsaSigningKey>);

/// Why a text is no RSA key that can sign, without the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RsaPrivateKeyError {
    /// It has a pass phrase, and nobody to ask for it.
    #[error(
        "is encrypted with a pass phrase, which cannot be asked for: write it without one (openssl rsa -in OLD -out NEW), readable by you alone"
    )]
    Encrypted,
    /// No PEM block of a private key.
    #[error(
        "holds no private key in PEM: -----BEGIN PRIVATE KEY----- (PKCS#8) or -----BEGIN RSA PRIVATE KEY----- (PKCS#1)"
    )]
    Missing,
    /// A key of another kind, of another size, or a damaged one.
    #[error("holds a private key that is damaged, or no RSA key of 2048 to 8192 bits")]
    Unusable,
}

impl RsaPrivateKey {
    /// Reads PKCS#8 and PKCS#1 in PEM.
    ///
    /// # Errors
    /// [`RsaPrivateKeyError`].
    pub fn from_pem(text: &Secret) -> Result<Self, RsaPrivateKeyError> {
        let text = text.expose();
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(RsaPrivateKeyError::Encrypted);
        }
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| RsaPrivateKeyError::Missing)?;
        RsaSigningKey::new(&key).map(|key| Self(Arc::new(key))).map_err(|_| RsaPrivateKeyError::Unusable)
    }

    /// Base64 of the PKCS#1 v1.5 signature over SHA-256.
    fn sign(&self, text: &str) -> Option<String> {
        let signer = self.0.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])?;
        signer.sign(text.as_bytes()).ok().map(|signature| STANDARD.encode(signature))
    }
}

impl fmt::Debug for RsaPrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RsaPrivateKey(redacted)")
    }
}

impl Client {
    /// Gets an access key with the signature of an RSA key. It has no security token. `now` is the time of the
    /// signature.
    ///
    /// # Errors
    /// [`StsError`]; `Request` where the endpoint is neither STS itself nor on this machine.
    pub async fn generate_session_access_key(
        &self,
        request: &GenerateSessionAccessKey,
        key: &RsaPrivateKey,
        now: Timestamp,
    ) -> Result<Credentials, StsError> {
        if !self.endpoint().is_sts_itself_or_loopback() {
            let detail = format!(
                "its signature does not cover the host, so it goes to sts.aliyuncs.com and sts[-vpc].REGION.aliyuncs.com only, and not to {}: leave --sts-endpoint and its variables out",
                self.endpoint()
            );
            return Err(unsendable(ACTION, &detail).into());
        }
        let unsigned = unsigned(request, &nonce(), now);
        let query = sign(unsigned, key)
            .ok_or_else(|| unsendable(ACTION, "the RSA key cannot sign it: check the private key"))?;
        let asked = self.api.asked(ACTION);
        let outgoing = Outgoing {
            action: ACTION,
            method: Method::POST,
            path: "/".to_owned(),
            query,
            headers: pairs([("accept", "application/json")]),
            body: Vec::new(),
        };
        let answer = self.api.exchange(outgoing, MAX_BODY_BYTES).await?;
        Ok(answer::session_access_key(asked, &asked.object(asked.interpret(answer)?)?)?)
    }
}

/// Every parameter but the signature. The SDKs disagree on the name of the key pair's id; requests that have it under
/// both names are among the published ones.
fn unsigned(request: &GenerateSessionAccessKey, nonce: &str, now: Timestamp) -> Vec<(String, String)> {
    pairs([
        ("AccessKeyId", &request.key_pair_id),
        ("Action", ACTION),
        ("DurationSeconds", &request.duration_seconds.to_string()),
        ("Format", "JSON"),
        ("PublicKeyId", &request.key_pair_id),
        ("SignatureMethod", "SHA256withRSA"),
        ("SignatureNonce", nonce),
        ("SignatureType", "PRIVATEKEY"),
        ("SignatureVersion", rpc::SIGNATURE_VERSION),
        ("Timestamp", &format_timestamp(now)),
        ("Version", VERSION),
    ])
}

fn sign(mut parameters: Vec<(String, String)>, key: &RsaPrivateKey) -> Option<Vec<(String, String)>> {
    let signature = key.sign(&rpc::string_to_sign("POST", &parameters))?;
    parameters.push((rpc::SIGNATURE_PARAMETER.to_owned(), signature));
    Some(parameters)
}
