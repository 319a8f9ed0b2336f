//! A small HTTPS client for what kubectl is not asked: probes, and TokenReviews posted by hand.

use std::net::SocketAddr;
use std::time::Duration;

use crate::error::{Error, Result};

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, lossily as UTF-8.
    pub body: String,
}

/// A client that trusts one authority and nobody else.
#[derive(Debug)]
pub struct Client {
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    /// A client that trusts the certificates in `pem`.
    ///
    /// # Errors
    /// `pem` holds no certificate.
    pub fn new(pem: &str) -> Result<Self> {
        Self::with(pem, |builder| builder)
    }

    /// The same, which finds the host `name` at `address`, whatever port its URLs say.
    ///
    /// # Errors
    /// `pem` holds no certificate.
    pub fn for_host(pem: &str, name: &str, address: SocketAddr) -> Result<Self> {
        Self::with(pem, |builder| builder.resolve(name, address))
    }

    fn with(pem: &str, more: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> Result<Self> {
        let failed = || Error::answer("making an HTTPS client");
        let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(failed())?;
        let client = more(reqwest::Client::builder())
            .tls_certs_only(certificates)
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(failed())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::answer("making an HTTPS client"))?;
        Ok(Self { client, runtime })
    }

    /// GET.
    ///
    /// # Errors
    /// No answer came.
    pub fn get(&self, url: &str) -> Result<Answer> {
        self.send(self.client.get(url))
    }

    /// POST of a JSON body.
    ///
    /// # Errors
    /// No answer came.
    pub fn post(&self, url: &str, body: &serde_json::Value) -> Result<Answer> {
        self.send(self.client.post(url).json(body))
    }

    /// A request of any method, with more headers and any body: JSON, unless a header says otherwise.
    ///
    /// # Errors
    /// No answer came, or the method or a header is none that can be sent.
    pub fn request(
        &self,
        method: &str,
        url: &str,
        headers: &[(String, String)],
        body: String,
    ) -> Result<Answer> {
        let method = reqwest::Method::from_bytes(method.as_bytes())
            .map_err(Error::answer(format!("the method {method:?}")))?;
        let mut request = self.client.request(method, url).body(body);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            request = request.header("content-type", "application/json");
        }
        self.send(headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
    }

    fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer> {
        self.runtime
            .block_on(async {
                let response = request.send().await?;
                let status = response.status().as_u16();
                Ok(Answer { status, body: response.text().await? })
            })
            .map_err(|error: reqwest::Error| Error::answer("an HTTPS request")(error))
    }
}
