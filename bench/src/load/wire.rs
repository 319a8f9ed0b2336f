//! One open connection, in either version of HTTP.

use bytes::{Bytes, BytesMut};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;

use super::exchange::Exchange;

/// What a fault is counted as.
pub(super) type Fault = String;

/// A connection, or for HTTP/2 a share in one.
pub(super) enum Wire {
    One(http1::SendRequest<Full<Bytes>>),
    Two(h2::client::SendRequest<Bytes>),
}

/// Status and body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Wire {
    /// Another share in the same connection, where there is such a thing.
    pub(super) fn share(&self) -> Option<Wire> {
        match self {
            Wire::One(_) => None,
            Wire::Two(send) => Some(Wire::Two(send.clone())),
        }
    }

    /// Waits until a request may be sent; none: the connection has ended.
    pub(super) async fn ready(self) -> Option<Wire> {
        match self {
            Wire::One(mut send) => send.ready().await.ok().map(|()| Wire::One(send)),
            Wire::Two(send) => send.ready().await.ok().map(Wire::Two),
        }
    }

    /// One request and its whole answer.
    pub(super) async fn exchange(
        &mut self,
        exchange: &Exchange,
        authority: &Authority,
    ) -> Result<Answer, Fault> {
        match self {
            Wire::One(send) => one(send, exchange, authority).await,
            Wire::Two(send) => two(send, exchange, authority).await,
        }
    }
}

async fn one(
    send: &mut http1::SendRequest<Full<Bytes>>,
    exchange: &Exchange,
    authority: &Authority,
) -> Result<Answer, Fault> {
    let mut headers = HeaderMap::clone(&exchange.headers);
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| "the host cannot be sent".to_owned())?;
    headers.insert(header::HOST, host);
    let request = request(Uri::from(exchange.path.clone()), headers, Full::new(exchange.body.clone()));
    let response = send.send_request(request).await.map_err(|error| broken(&error))?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(|error| broken(&error))?;
    Ok(Answer { status, body: body.to_bytes() })
}

async fn two(
    send: &mut h2::client::SendRequest<Bytes>,
    exchange: &Exchange,
    authority: &Authority,
) -> Result<Answer, Fault> {
    let uri = absolute(authority, &exchange.path)?;
    let request = request(uri, HeaderMap::clone(&exchange.headers), ());
    let without_body = exchange.body.is_empty();
    let (response, mut stream) = send.send_request(request, without_body).map_err(|error| reset(&error))?;
    if !without_body {
        stream.send_data(exchange.body.clone(), true).map_err(|error| reset(&error))?;
    }
    let response = response.await.map_err(|error| reset(&error))?;
    let status = response.status().as_u16();
    let mut incoming = response.into_body();
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(chunk) = incoming.data().await {
        let chunk = chunk.map_err(|error| reset(&error))?;
        incoming.flow_control().release_capacity(chunk.len()).map_err(|error| reset(&error))?;
        if first.is_empty() && rest.is_empty() {
            first = chunk;
        } else {
            // Answers mostly come in one piece, which is then not copied.
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&chunk);
        }
    }
    Ok(Answer { status, body: if rest.is_empty() { first } else { rest.freeze() } })
}

fn request<B>(uri: Uri, headers: HeaderMap, body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

fn absolute(authority: &Authority, path: &PathAndQuery) -> Result<Uri, Fault> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTPS);
    parts.authority = Some(authority.clone());
    parts.path_and_query = Some(path.clone());
    Uri::from_parts(parts).map_err(|error| error.to_string())
}

/// The whole chain of reasons, without what differs from one request to the next.
fn broken(error: &hyper::Error) -> Fault {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(reason) = source {
        text = format!("{text}: {reason}");
        source = reason.source();
    }
    text
}

fn reset(error: &h2::Error) -> Fault {
    match error.reason() {
        Some(reason) if error.is_go_away() => format!("GOAWAY with {reason:?}"),
        Some(reason) => format!("stream reset with {reason:?}"),
        None => format!("the connection broke: {error}"),
    }
}
