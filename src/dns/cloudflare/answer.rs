//! What an answer says: the thing that was asked for, or which error it is.
//!
//! Codes are listed nowhere as a whole; those here are told of on developers.cloudflare.com under "Troubleshooting" of
//! "Cloudflare API" and "DNS", and in the reports of those who met them.

use std::fmt;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::pages::Info;
use crate::dns::{Error, Fault, Permission};

/// Headers or credentials in a form that cannot be: `6003` with `6102`, `6103` or `6111` below it, or some missing.
const BAD_HEADERS: [u32; 5] = [6003, 6102, 6103, 6111, 9106];
/// An e-mail address and key that nobody has, or a token that nobody has (`1000` where a token asks after itself).
const UNKNOWN: [u32; 3] = [1000, 9103, 10_001];
/// "Authentication error": of a token that nobody has as of one that may not do this.
const AUTHENTICATION: u32 = 10_000;
/// "Invalid access token", or "Unauthorized to access requested resource".
const ACCESS: u32 = 9109;

/// Characters of a message that are kept: it is shown in logs and Events.
const MESSAGE: usize = 200;

/// What was asked for.
#[derive(Debug)]
pub(super) enum Asked<'z> {
    Zones,
    Usage(&'z str),
    Records(&'z str),
    Batch(&'z str),
    Networks,
}

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asked::Zones => f.write_str("the list of zones"),
            Asked::Usage(zone) => write!(f, "the number of records in {zone}"),
            Asked::Records(zone) => write!(f, "the records of {zone}"),
            Asked::Batch(zone) => write!(f, "a change of records in {zone}"),
            Asked::Networks => f.write_str("the list of its networks"),
        }
    }
}

/// The answer to what went well.
pub(super) struct Answer<R> {
    pub(super) result: R,
    pub(super) info: Option<Info>,
}

#[derive(Deserialize)]
struct Envelope<R> {
    success: bool,
    result: Option<R>,
    result_info: Option<Info>,
}

#[derive(Deserialize)]
struct Failed {
    #[serde(default)]
    errors: Vec<Reported>,
}

#[derive(Deserialize)]
struct Reported {
    #[serde(default)]
    code: u32,
    #[serde(default)]
    message: String,
    #[serde(default)]
    error_chain: Vec<Reported>,
}

/// Reads an answer.
pub(super) fn read<R: DeserializeOwned>(asked: &Asked<'_>, response: &Response<Bytes>) -> Result<Answer<R>, Error> {
    let status = response.status();
    let malformed = |reason: String| Err(asked.unavailable(Fault::Malformed(reason)));
    if status.is_server_error() {
        return Err(asked.unavailable(Fault::Status(status.as_u16())));
    }
    if status.is_redirection() {
        // whoever followed it would send the credentials elsewhere
        return malformed(format!("a redirect (status {})", status.as_u16()));
    }
    if !status.is_success() {
        return Err(asked.failed(status, response.body()));
    }
    match serde_json::from_slice::<Envelope<R>>(response.body()) {
        Ok(Envelope { success: true, result: Some(result), result_info }) => Ok(Answer { result, info: result_info }),
        Ok(Envelope { success: true, result: None, .. }) => malformed("no result in it".to_owned()),
        Ok(Envelope { success: false, .. }) => Err(asked.failed(status, response.body())),
        // what failed has a result of another shape, or none
        Err(error) => match serde_json::from_slice::<Envelope<serde::de::IgnoredAny>>(response.body()) {
            Ok(Envelope { success: false, .. }) => Err(asked.failed(status, response.body())),
            _ => malformed(error.to_string()),
        },
    }
}

impl Asked<'_> {
    pub(super) fn unavailable(&self, fault: Fault) -> Error {
        Error::Unavailable { what: self.to_string(), fault }
    }

    fn failed(&self, status: StatusCode, body: &[u8]) -> Error {
        let failed = serde_json::from_slice::<Failed>(body).unwrap_or(Failed { errors: Vec::new() });
        let Some(first) = failed.errors.first() else {
            return match status {
                StatusCode::UNAUTHORIZED => Error::Denied(Permission::Invalid("status 401".to_owned())),
                StatusCode::FORBIDDEN => self.denied("status 403".to_owned()),
                _ => self.unavailable(Fault::Malformed(format!("a failure without a reason (status {status})"))),
            };
        };
        let (code, message) = (first.code, first.text());
        let is_known = !(BAD_HEADERS.contains(&code) || UNKNOWN.contains(&code));
        let may_not = code == ACCESS && first.message.contains("Unauthorized");
        let is_access = code == AUTHENTICATION || code == ACCESS || status == StatusCode::FORBIDDEN;
        let told = format!("{message}, code {code}");
        match self {
            Asked::Networks => self.refused(code, message),
            _ if !is_known || (code == ACCESS && !may_not) => Error::Denied(Permission::Invalid(told)),
            Asked::Zones if code == AUTHENTICATION => Error::Denied(Permission::Invalid(told)),
            _ if is_access => self.denied(told),
            _ => self.refused(code, message),
        }
    }

    fn denied(&self, reason: String) -> Error {
        match self {
            Asked::Zones => Error::Denied(Permission::ZoneRead(reason)),
            Asked::Usage(zone) | Asked::Records(zone) | Asked::Batch(zone) => {
                Error::Denied(Permission::DnsEdit { zone: (*zone).to_owned(), reason })
            }
            Asked::Networks => self.refused(0, reason),
        }
    }

    fn refused(&self, code: u32, message: String) -> Error {
        Error::Refused { what: self.to_string(), code, message }
    }
}

impl Reported {
    /// With what is below it, which often is what helps.
    fn text(&self) -> String {
        let mut text = self.message.clone();
        for below in &self.error_chain {
            text.extend([": ", &below.message]);
        }
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: &str = "example.com";

    fn failure(asked: &Asked<'_>, status: u16, code: u32, message: &str) -> Error {
        let body = format!(
            r#"{{"result":null,"success":false,"errors":[{{"code":{code},"message":"{message}"}}],"messages":[]}}"#
        );
        error(asked, status, &body)
    }

    fn error(asked: &Asked<'_>, status: u16, body: &str) -> Error {
        let response = Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap();
        let read = read::<Vec<String>>(asked, &response);
        read.err().unwrap_or_else(|| panic!("{body}"))
    }

    fn invalid(text: &str) -> Error {
        Error::Denied(Permission::Invalid(text.to_owned()))
    }

    fn dns_edit(reason: &str) -> Error {
        Error::Denied(Permission::DnsEdit { zone: ZONE.to_owned(), reason: reason.to_owned() })
    }

    #[test]
    fn credentials_that_nobody_has_are_told_from_those_that_may_not() {
        let (records, batch) = (Asked::Records(ZONE), Asked::Batch(ZONE));
        let unauthorized = "Unauthorized to access requested resource";
        for (asked, status, code, message, expected) in [
            (&Asked::Zones, 403, 10_000, "Authentication error", invalid("Authentication error, code 10000")),
            (&Asked::Zones, 403, 9109, "Invalid access token", invalid("Invalid access token, code 9109")),
            (&Asked::Zones, 400, 6003, "Invalid request headers", invalid("Invalid request headers, code 6003")),
            (&Asked::Zones, 403, 9103, "Unknown X-Auth-Key", invalid("Unknown X-Auth-Key, code 9103")),
            (
                &Asked::Zones,
                403,
                9109,
                unauthorized,
                Error::Denied(Permission::ZoneRead(format!("{unauthorized}, code 9109"))),
            ),
            (&records, 403, 9109, "Invalid access token", invalid("Invalid access token, code 9109")),
            (&records, 403, 9109, unauthorized, dns_edit("Unauthorized to access requested resource, code 9109")),
            (&records, 400, 6003, "Invalid request headers", invalid("Invalid request headers, code 6003")),
            (&batch, 403, 10_000, "Authentication error", dns_edit("Authentication error, code 10000")),
        ] {
            assert_eq!(failure(asked, status, code, message), expected, "{asked} {code}");
        }
    }

    #[test]
    fn what_cloudflare_does_not_take_keeps_its_code() {
        let batch = Asked::Batch(ZONE);
        for code in [81_044, 81_045, 81_053, 81_054, 81_057, 81_058, 1004, 7003] {
            let Error::Refused { code: told, .. } = failure(&batch, 400, code, "No") else { panic!("{code}") };
            assert_eq!(told, code);
        }
    }

    #[test]
    fn the_reason_below_the_reason_is_told_and_cannot_break_a_line() {
        let body = r#"{"success":false,"errors":[{"code":1004,"message":"DNS Validation Error",
            "error_chain":[{"code":9021,"message":"Invalid TTL.\n2"}]}]}"#;
        let Error::Refused { what, message, .. } = error(&Asked::Batch(ZONE), 400, body) else { panic!() };
        assert_eq!(message, "DNS Validation Error: Invalid TTL. 2");
        assert_eq!(what, "a change of records in example.com");
    }

    #[test]
    fn an_answer_that_is_none_is_told_from_a_failure() {
        for (status, body, expected) in [
            (200, "", Some("EOF")),
            (200, "{\"success\":true,\"result\":[\"a\"", Some("EOF")),
            (200, "<html>", Some("expected value")),
            (200, "{\"success\":true,\"result\":null}", Some("no result")),
            (200, "{\"success\":true,\"result\":[1]}", Some("invalid type")),
            (200, "{\"result\":[]}", Some("success")),
            (200, "{\"success\":false,\"errors\":[]}", Some("without a reason")),
            (404, "not here", Some("status 404")),
            (302, "", Some("redirect")),
            (500, "{\"success\":true,\"result\":[]}", None),
        ] {
            let error = error(&Asked::Records(ZONE), status, body);
            match (error, expected) {
                (Error::Unavailable { fault: Fault::Malformed(reason), .. }, Some(part)) => {
                    assert!(reason.contains(part), "{body}: {reason}");
                }
                (Error::Unavailable { fault: Fault::Status(500), .. }, None) => {}
                (error, _) => panic!("{status} {body}: {error:?}"),
            }
        }
        // a failure whose result is something else, as it is in a 200 too
        let odd = "{\"success\":false,\"result\":{},\"errors\":[{\"code\":81058,\"message\":\"x\"}]}";
        assert!(matches!(error(&Asked::Batch(ZONE), 200, odd), Error::Refused { code: 81_058, .. }));
        assert_eq!(error(&Asked::Records(ZONE), 403, "no"), dns_edit("status 403"));
    }
}
