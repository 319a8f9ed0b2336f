//! Requests to Container Service.

use jiff::Timestamp;
use serde_json::Value;

use super::App;
use crate::authenticate::authenticate_roa;
use crate::cs::Answer;
use crate::error::ApiError;
use crate::request::{Parsed, RawRequest};

impl App {
    /// The body of a 200, or an error.
    pub(super) async fn handle_container_service(
        &self,
        raw: &RawRequest,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let Answer { body, first } = self.call_container_service(raw, request_id, now)?;
        if let Some(work) = first {
            // It may take as long as it likes: nothing else waits for it.
            tokio::task::spawn_blocking(work)
                .await
                .map_err(|_| "the hook panicked".to_owned())
                .and_then(|done| done)
                .map_err(|problem| ApiError::new(500, "InternalError", problem))?;
        }
        Ok(body)
    }

    fn call_container_service(
        &self,
        raw: &RawRequest,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Answer, ApiError> {
        let request = Parsed::new(raw)?;
        self.container_service.answer(&request, request_id, now, || {
            let caller = authenticate_roa(&request, &*self.directory, &self.nonces, now)?;
            self.may_call(caller.account_id(), now)?;
            Ok(caller)
        })
    }
}
