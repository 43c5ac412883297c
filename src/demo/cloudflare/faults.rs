//! How it fails, when it is told to.

use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::Value;

use super::{Answer, Server, envelope, refusal};

/// Which call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The next one.
    Any,
    /// The next that only reads.
    Read,
    /// The next that writes.
    Write,
}

/// How it fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No answer, and nothing done.
    SilentBefore,
    /// No answer, and everything done.
    SilentAfter,
    /// The connection ends, and nothing is done.
    CutBefore,
    /// The connection ends, and everything is done.
    CutAfter,
    /// This status of the 500s, and nothing is done.
    FailBefore(u16),
    /// 500, and everything is done.
    FailAfter,
    /// 500, and the first half of a batch is done: worse than Cloudflare promises.
    FailMidway,
    /// An answer whose second half is missing.
    Truncated,
    /// A list that has one thing fewer than it says.
    ShortPage,
    /// 200 with nothing in it. What was asked for is done.
    Empty,
    /// 200 with a page for people in it.
    Html,
    /// 429, with or without `Retry-After`; nothing is done.
    TooMany(Option<Duration>),
    /// 302 to somewhere else; nothing is done.
    Redirect,
}

impl Server {
    /// The fault that the next call meets.
    pub(super) fn fault(&mut self, method: &Method) -> Option<Fault> {
        let is_read = method == Method::GET;
        let meets = |on: On| matches!((on, is_read), (On::Any, _) | (On::Read, true) | (On::Write, false));
        let place = self.faults.iter().position(|(on, _)| meets(*on))?;
        self.faults.remove(place).map(|(_, fault)| fault)
    }

    pub(super) fn faulty(
        &mut self,
        request: &Request<Bytes>,
        path: &str,
        now: Duration,
        fault: Option<Fault>,
    ) -> Answer {
        let reply = match fault {
            None => self.reply(request, path, now),
            Some(Fault::SilentBefore) => return Answer::Silence,
            Some(Fault::CutBefore) => return Answer::Cut,
            Some(Fault::SilentAfter) => {
                self.reply(request, path, now);
                return Answer::Silence;
            }
            Some(Fault::CutAfter) => {
                self.reply(request, path, now);
                return Answer::Cut;
            }
            Some(Fault::FailBefore(status)) => failed(status),
            Some(Fault::FailAfter) => {
                self.reply(request, path, now);
                failed(500)
            }
            Some(Fault::FailMidway) => {
                self.half(request, path, now);
                failed(500)
            }
            Some(Fault::Truncated) => {
                let body = self.reply(request, path, now).into_body();
                let half = body.len() / 2;
                Response::new(body.slice(..half))
            }
            Some(Fault::ShortPage) => short(self.reply(request, path, now)),
            Some(Fault::Empty) => {
                self.reply(request, path, now);
                Response::new(Bytes::new())
            }
            Some(Fault::Html) => Response::new(Bytes::from_static(b"<!DOCTYPE html><title>Just a moment</title>")),
            Some(Fault::TooMany(Some(after))) => refusal::too_many(after),
            Some(Fault::TooMany(None)) => {
                let mut reply = refusal::too_many(Duration::ZERO);
                reply.headers_mut().remove(http::header::RETRY_AFTER);
                reply
            }
            Some(Fault::Redirect) => redirect(),
        };
        Answer::Reply(reply)
    }

    /// The first half of a batch; anything else is done as it is.
    fn half(&mut self, request: &Request<Bytes>, path: &str, now: Duration) {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (["zones", id, "dns_records", "batch"], Ok(body)) = (&parts[..], refusal::body(request)) else {
            self.reply(request, path, now);
            return;
        };
        let operations: usize =
            body.as_object().into_iter().flatten().filter_map(|(_, part)| part.as_array()).map(Vec::len).sum();
        if let Some(at) = self.zones.iter().position(|zone| *zone.id == **id)
            && matches!(self.access(request.headers()), Ok(super::Access::Edit))
        {
            // a half that is refused is not done either
            let _ = self.batch(at, &body, now, Some(operations.div_ceil(2)));
        }
    }
}

fn failed(status: u16) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"<html><title>error</title></html>"));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn redirect() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("https://login.example.com/"));
    response
}

fn short(reply: Response<Bytes>) -> Response<Bytes> {
    let Ok(mut body) = serde_json::from_slice::<Value>(reply.body()) else { return reply };
    if let Some(list) = body.get_mut("result").and_then(Value::as_array_mut) {
        list.pop();
    }
    envelope(reply.status(), &body)
}
