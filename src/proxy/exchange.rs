//! What one request needs from its first byte to its log line, reused for the next one.
//!
//! One door: [`Opened`], which lends an [`Exchange`] and, when dropped, whatever ended the request, writes its access
//! record and counts it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::time::Instant;

use super::forwarded::Origin;
use super::table::{RouteState, Table};
use super::worker::Worker;
use crate::message::{Head, Name, Sender, Version};
use crate::routing::Target;
use crate::telemetry::access;
use crate::upstream::Pool;

/// A request, its answer and what is known of both.
#[derive(Default)]
pub(super) struct Exchange {
    pub(super) request: Head,
    pub(super) answer: Head,
    pub(super) target: Target,
    /// Path and query as the app gets them.
    pub(super) path: String,
    /// Address of the client in text.
    pub(super) client_text: String,
    /// `X-Request-Id`.
    pub(super) id: String,
    /// Where values of fields are put together.
    pub(super) scratch: Vec<u8>,
    pub(super) facts: Facts,
}

/// What the access record tells beyond the messages.
pub(super) struct Facts {
    pub(super) origin: Origin,
    pub(super) table: Option<Rc<Table>>,
    pub(super) route: Option<Rc<RouteState>>,
    pub(super) pool: Option<Rc<Pool>>,
    pub(super) address: Option<SocketAddr>,
    /// When the head of the app's answer was there.
    pub(super) answered: Option<Instant>,
    pub(super) retries: u32,
    /// 499 until an answer's head was sent.
    pub(super) status: u16,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// `TLSv1.3`
    pub(super) tls: Option<&'static str>,
    pub(super) error: Option<&'static str>,
    pub(super) detail: String,
    /// When the last byte left, when that is known already.
    pub(super) ended: Option<Instant>,
}

impl Default for Facts {
    fn default() -> Self {
        Facts {
            origin: Origin { client: IpAddr::V4(Ipv4Addr::UNSPECIFIED), secure: false, sender: Sender::Stranger },
            table: None,
            route: None,
            pool: None,
            address: None,
            answered: None,
            retries: 0,
            status: 499,
            bytes_in: 0,
            bytes_out: 0,
            tls: None,
            error: None,
            detail: String::new(),
            ended: None,
        }
    }
}

/// A request under way.
pub(super) struct Opened {
    worker: Rc<Worker>,
    exchange: Option<Box<Exchange>>,
    started: Instant,
    started_ms: u64,
}

impl Opened {
    /// State for a request whose head has been read into `exchange`.
    pub(super) fn new(worker: &Rc<Worker>, exchange: Box<Exchange>) -> Self {
        let clock = worker.deadlines.clock();
        let started = clock.now();
        Opened { worker: Rc::clone(worker), exchange: Some(exchange), started, started_ms: clock.coarse() }
    }
}

impl Deref for Opened {
    type Target = Exchange;
    fn deref(&self) -> &Exchange {
        self.exchange.as_ref().expect("lent until dropped")
    }
}

impl DerefMut for Opened {
    fn deref_mut(&mut self) -> &mut Exchange {
        self.exchange.as_mut().expect("lent until dropped")
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let Some(mut exchange) = self.exchange.take() else { return };
        let ended = exchange.facts.ended.unwrap_or_else(|| self.worker.deadlines.clock().now());
        let since = |moment: Instant| moment.saturating_duration_since(self.started).as_nanos() as u64;
        exchange.record(&self.worker, self.started_ms, since(ended), exchange.facts.answered.map(since));
        exchange.facts.forget();
        exchange.id.clear();
        self.worker.keep_exchange(exchange);
    }
}

impl Facts {
    /// Ready for the next request; keeps the memory of its text.
    fn forget(&mut self) {
        let mut detail = std::mem::take(&mut self.detail);
        detail.clear();
        *self = Facts { detail, ..Facts::default() };
    }
}

impl Exchange {
    fn record(&self, worker: &Worker, started_ms: u64, nanos: u64, upstream_nanos: Option<u64>) {
        let facts = &self.facts;
        let method = self.request.method().as_str();
        let shard = facts.route.as_ref().map_or_else(|| worker.metrics.unrouted(), |route| &route.shard);
        shard.record(facts.status, method, nanos, upstream_nanos, facts.bytes_in, facts.bytes_out);
        if facts.route.as_ref().is_some_and(|route| !route.route.rule.log) {
            return;
        }
        // borrowed already only while a panic unwinds through the log
        let Ok(mut lines) = worker.lines.try_borrow_mut() else { return };
        let (Some(lines), Some(table)) = (&mut *lines, &facts.table) else { return };
        let record = access::Record {
            ts_ms: worker.unix_ms(started_ms),
            id: &self.id,
            client: facts.origin.client,
            method: self.request.method_str(),
            scheme: self.scheme(),
            host: self.target.host(),
            path: self.target.path(),
            query: self.target.query(),
            http: match self.request.version() {
                Version::Http10 => "1.0",
                Version::Http11 => "1.1",
                Version::Http2 => "2",
            },
            status: facts.status,
            bytes_in: facts.bytes_in,
            bytes_out: facts.bytes_out,
            nanos,
            route: facts.route.as_ref().map_or("", |route| &route.route.label),
            backend: facts.pool.as_ref().map_or("", |pool| pool.key()),
            upstream: facts.address,
            upstream_nanos,
            retries: facts.retries,
            error: facts.error,
            detail: &facts.detail,
            tls: facts.tls,
            ua: self.request.get(Name::UserAgent).unwrap_or_default(),
            referer: self.request.get(Name::Referer).unwrap_or_default(),
        };
        lines.line(record.ts_ms, |out| access::write(&record, &table.log, &table.second, out));
    }

    /// `http` or `https`, as the client sees it.
    pub(super) fn scheme(&self) -> &'static str {
        if self.facts.origin.secure { "https" } else { "http" }
    }
}
