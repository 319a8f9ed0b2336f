//! The requests that arrived, for tests to look at.

use std::collections::VecDeque;
use std::fmt;

use jiff::Timestamp;

use crate::request::{Overview, RawRequest, Style};
use crate::sync::Guarded;

/// Most requests that are kept; older ones are dropped first.
pub const MAX_RECORDED: usize = 10_000;

/// A request that arrived, and what was answered.
///
/// [`fmt::Debug`] shows what a test's failure message needs, and nothing of the parameters, headers and body, which
/// hold signatures and security tokens: those are in [`RecordedRequest::raw`].
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The emulator's clock when the request had arrived.
    pub received_at: Timestamp,
    /// Host name that was asked, with the port if the client sent one.
    pub host: String,
    /// How the request is signed.
    pub style: Style,
    /// `GetCallerIdentity`; empty when the request names none.
    pub action: String,
    /// `2015-04-01`; empty when the request names none.
    pub version: String,
    /// Empty when the request is not signed.
    pub access_key_id: String,
    /// `RequestId` of the answer.
    pub request_id: String,
    /// HTTP status of the answer; `None` while it is being worked on, and when the connection was broken.
    pub status: Option<u16>,
    /// The error code of the answer; `None` for a 200.
    pub code: Option<String>,
    /// Everything, secrets included.
    pub raw: RawRequest,
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedRequest")
            .field("received_at", &self.received_at)
            .field("method", &self.raw.method)
            .field("host", &self.host)
            .field("style", &self.style)
            .field("action", &self.action)
            .field("access_key_id", &self.access_key_id)
            .field("status", &self.status)
            .field("code", &self.code)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

impl RecordedRequest {
    pub(crate) fn new(
        raw: RawRequest,
        overview: &Overview,
        request_id: &str,
        received_at: Timestamp,
    ) -> Self {
        Self {
            received_at,
            host: raw.host().to_owned(),
            style: overview.style,
            action: overview.action.clone(),
            version: overview.version.clone(),
            access_key_id: overview.access_key_id.clone(),
            request_id: request_id.to_owned(),
            status: None,
            code: None,
            raw,
        }
    }
}

/// The newest [`MAX_RECORDED`] requests.
#[derive(Debug, Default)]
pub(crate) struct Records(Guarded<VecDeque<RecordedRequest>>);

impl Records {
    pub(crate) fn begin(&self, request: RecordedRequest) {
        let mut records = self.0.lock();
        if records.len() >= MAX_RECORDED {
            records.pop_front();
        }
        records.push_back(request);
    }

    pub(crate) fn answered(&self, request_id: &str, status: u16, code: Option<&str>) {
        let mut records = self.0.lock();
        // The newest are the likeliest to be still open.
        if let Some(record) = records.iter_mut().rev().find(|r| r.request_id == request_id) {
            record.status = Some(status);
            record.code = code.map(str::to_owned);
        }
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.0.lock().iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }
}
