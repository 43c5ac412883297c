//! Who asks, and what he may.

use bytes::Bytes;
use http::Response;
use http::header::{AUTHORIZATION, HeaderMap};
use serde_json::json;

use super::refusal::Refusal;
use super::{Access, Server, shape};

impl Server {
    pub(super) fn verify(&self, headers: &HeaderMap) -> Result<Response<Bytes>, Refusal> {
        match bearer(headers)? {
            Some(token) if self.tokens.contains_key(token) => {
                Ok(shape::good(&json!({"id": "ed17574386854bf78a67040be0a770b0", "status": "active"})))
            }
            _ => Err(Refusal::new(401, 1000, "Invalid API Token")),
        }
    }

    pub(super) fn access(&self, headers: &HeaderMap) -> Result<Access, Refusal> {
        if let Some(token) = bearer(headers)? {
            let known = self.tokens.get(token).copied();
            return known.ok_or(Refusal::new(403, 9109, "Invalid access token"));
        }
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        match (text("x-auth-key"), text("x-auth-email")) {
            (Some(key), Some(email)) if self.keys.get(key).is_some_and(|owner| owner == email) => Ok(Access::Edit),
            (Some(_), Some(_)) => Err(Refusal::new(403, 9103, "Unknown X-Auth-Key or X-Auth-Email")),
            _ => Err(Refusal::new(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")),
        }
    }
}

/// The token of `Authorization`, when there is that header; its form is checked before anything else.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
    let is_good = !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if is_good {
        return Ok(Some(token));
    }
    Err(Refusal::new(400, 6003, "Invalid request headers").below(6111, "Invalid format for Authorization header"))
}
