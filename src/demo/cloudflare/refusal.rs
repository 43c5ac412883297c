//! What the API says when it says no.

use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::{Value, json};

/// A refused call.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    code: u32,
    message: String,
    below: Option<(u32, String)>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: u32, message: &str) -> Refusal {
        Refusal { status, code, message: message.to_owned(), below: None }
    }

    /// With the reason for the reason.
    pub(super) fn below(mut self, code: u32, message: &str) -> Refusal {
        self.below = Some((code, message.to_owned()));
        self
    }

    /// A record that cannot be.
    pub(super) fn invalid(code: u32, message: &str) -> Refusal {
        Refusal::new(400, 1004, "DNS Validation Error").below(code, message)
    }

    pub(super) fn missing() -> Refusal {
        Refusal::new(404, 81_044, "Record does not exist.")
    }

    pub(super) fn unrouted(path: &str) -> Refusal {
        let message = format!("Could not route to {path}, perhaps your object identifier is invalid?");
        Refusal::new(404, 7003, &message)
    }

    pub(super) fn into_response(self) -> Response<Bytes> {
        let Refusal { status, code, message, below } = self;
        let mut error = json!({"code": code, "message": message});
        if let Some((code, message)) = below {
            error["error_chain"] = json!([{"code": code, "message": message}]);
        }
        let body = json!({"result": null, "success": false, "errors": [error], "messages": []});
        super::envelope(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), &body)
    }
}

/// "Rate limits": `Retry-After` is in whole seconds, rounded up.
pub(super) fn too_many(after: Duration) -> Response<Bytes> {
    let message =
        "More than 1200 requests per 300 seconds reached. Please wait and consider throttling your request speed";
    let mut response = Refusal::new(429, 10_100, message).into_response();
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// The JSON of a request.
pub(super) fn body(request: &Request<Bytes>) -> Result<Value, Refusal> {
    let malformed = |_| Refusal::new(400, 6007, "Malformed JSON in request body");
    serde_json::from_slice(request.body()).map_err(malformed)
}
