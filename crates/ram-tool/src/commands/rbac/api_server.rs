//! Listing a cluster's bindings, page by page, as plain JSON: backups keep fields that this program does not know.

use std::time::Duration;

use openapi::network::ProxyRules;
use reqwest::header::ACCEPT;
use reqwest::{Client, Proxy, Response, redirect, retry};
use serde_json::Value;
use signature::{Secret, encoding};

use super::bindings::{Binding, Kind};
use super::kubeconfig::Access;
use crate::error::RbacError;
use crate::network::{CONNECT_TIMEOUT, TIMEOUT};
use crate::platform::user_agent;

const PAGE: &str = "500";
/// Half a million bindings.
const MAX_PAGES: usize = 1000;
/// 500 bindings, some of them with thousands of subjects.
const MAX_PAGE_BYTES: usize = 64 * 1024 * 1024;
/// For one page; [`TIMEOUT`] is for a silence in it.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// The API server of a cluster.
pub(super) struct ApiServer {
    client: Client,
    cluster: String,
    server: String,
}

/// Why one page did not come.
enum Failed {
    Said(u16),
    Silent(String),
}

impl ApiServer {
    /// Connects to nothing yet.
    pub(super) fn new(cluster: &str, kubeconfig: &Secret, proxies: &ProxyRules) -> Result<Self, RbacError> {
        let unusable = |detail| RbacError::Kubeconfig { cluster: cluster.to_owned(), detail };
        let access = Access::read(kubeconfig).map_err(unusable)?;
        let client = client(&access, proxies).map_err(unusable)?;
        Ok(Self { client, cluster: cluster.to_owned(), server: access.server.authority() })
    }

    /// All bindings that name somebody of RAM.
    pub(super) async fn bindings(&self) -> Result<Vec<Binding>, RbacError> {
        let mut all = Vec::new();
        for kind in Kind::ALL {
            self.list(kind, &mut all).await?;
        }
        Ok(all)
    }

    async fn list(&self, kind: Kind, all: &mut Vec<Binding>) -> Result<(), RbacError> {
        let resource = kind.resource();
        let failed = |detail: String| RbacError::ApiServer {
            cluster: self.cluster.clone(),
            server: self.server.clone(),
            resource,
            detail,
        };
        let mut next = String::new();
        for _ in 0..MAX_PAGES {
            let mut path = format!("/apis/rbac.authorization.k8s.io/v1/{resource}?limit={PAGE}");
            if !next.is_empty() {
                path.push_str("&continue=");
                path.push_str(&encoding::percent_encode(&next));
            }
            let mut page = self.get(&path).await.map_err(|why| failed(why.told()))?;
            let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
                return Err(failed("its answer is no list".to_owned()));
            };
            all.extend(items.into_iter().filter_map(|item| Binding::of_ram(kind, item)));
            let token = page.pointer("/metadata/continue").and_then(Value::as_str).unwrap_or_default();
            if token.is_empty() {
                return Ok(());
            }
            if token == next {
                return Err(failed("its list repeats itself".to_owned()));
            }
            next = token.to_owned();
        }
        Err(failed(format!("its list does not end after {MAX_PAGES} pages")))
    }

    async fn get(&self, path: &str) -> Result<Value, Failed> {
        let request = self.client.get(format!("https://{}{path}", self.server));
        let whole = async {
            let answer =
                request.header(ACCEPT, "application/json").send().await.map_err(|error| silent(&error))?;
            let status = answer.status().as_u16();
            if status != 200 {
                return Err(Failed::Said(status));
            }
            let body = body(answer).await?;
            serde_json::from_slice(&body).map_err(|_| Failed::Silent("its answer is no JSON".to_owned()))
        };
        tokio::time::timeout(PAGE_TIMEOUT, whole).await.unwrap_or_else(|_| Err(late(PAGE_TIMEOUT)))
    }
}

/// Whatever an answer says, it leads nowhere else, and nothing is asked twice.
fn client(access: &Access, proxies: &ProxyRules) -> Result<Client, &'static str> {
    const BAD_PROXY: &str = "the proxy on the way to it cannot be used";
    let mut builder = Client::builder()
        .tls_backend_preconfigured(access.tls()?)
        .https_only(true)
        .http1_only()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(TIMEOUT)
        .user_agent(user_agent())
        .no_proxy();
    if let Some(proxy) = access.proxy(proxies) {
        builder = builder.proxy(Proxy::https(proxy.expose_url()).map_err(|_| BAD_PROXY)?);
    }
    builder.build().map_err(|_| "no client can be made of it")
}

async fn body(mut answer: Response) -> Result<Vec<u8>, Failed> {
    let mut body = Vec::new();
    while let Some(more) = answer.chunk().await.map_err(|error| silent(&error))? {
        if body.len().saturating_add(more.len()) > MAX_PAGE_BYTES {
            return Err(Failed::Silent(format!("its answer is longer than {MAX_PAGE_BYTES} bytes")));
        }
        body.extend_from_slice(&more);
    }
    Ok(body)
}

fn silent(error: &reqwest::Error) -> Failed {
    match (error.is_timeout(), error.is_connect()) {
        (true, true) => late(CONNECT_TIMEOUT),
        (true, false) => late(TIMEOUT),
        (false, _) => Failed::Silent(innermost(error)),
    }
}

fn late(limit: Duration) -> Failed {
    Failed::Silent(format!("no answer within {} s", limit.as_secs()))
}

impl Failed {
    fn told(&self) -> String {
        match self {
            Self::Said(401) => "it does not accept the certificate that Container Service handed out (HTTP 401)".to_owned(),
            Self::Said(403) => {
                "the caller may not (HTTP 403); let an administrator of the cluster bind a cluster role that may list bindings, such as cluster-admin, to the user or role whose keys are used".to_owned()
            }
            Self::Said(410) => "the list changed while it was read (HTTP 410); run the command again".to_owned(),
            Self::Said(status) => format!("it answered HTTP {status}"),
            Self::Silent(reason) => format!(
                "{reason}; where the API server has no public address, run this inside its VPC with --private-address"
            ),
        }
    }
}

/// The innermost cause, which the outer ones only wrap into names of layers, on one line.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}
