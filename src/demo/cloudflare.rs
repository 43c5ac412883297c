//! A stand-in for Cloudflare: [`Server`] answers what Cloudflare's API would, keeps records as it would, and fails when it
//! is told to. The demo and the tests ask it in place of the real one.
//!
//! It has no socket and no clock: whoever asks says what time it is, so that a simulation may run it through years.
//! [`serve`] puts it behind a listener.
//!
//! Shapes and rules after developers.cloudflare.com: "API / DNS / Records" (lists, batch, validation, "A/AAAA records
//! cannot exist on the same name as CNAME records"), "API / Zones", "API / IPs", "API / User / Tokens",
//! "DNS / Manage DNS records / Batch record changes" and "Record attributes" (comments), "DNS / Reference / Time to Live",
//! "Fundamentals / API / Rate limits". Where the documents are silent, codes are those that people report.

mod access;
mod batch;
mod faults;
mod http1;
mod query;
mod records;
mod refusal;
mod shape;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

pub use faults::{Fault, On};
pub use http1::serve;

use self::query::Query;
use self::refusal::Refusal;
use self::state::Zone;
use crate::dns::Record;

/// What the demo asks with.
pub const TOKEN: &str = "demo-token-that-opens-nothing-anywhere";
/// Calls that are remembered; the oldest are forgotten first.
const MAX_CALLS: usize = 10_000;
/// Calls in [`WINDOW`] ("Rate limits": 1,200 in five minutes, and none for the next five when it is exceeded).
const LIMIT: usize = 1200;
const WINDOW: Duration = Duration::from_secs(300);
/// Records of a new free zone ("Manage DNS records").
const QUOTA: usize = 200;
/// Seconds of a record that is made by hand.
const TTL: u32 = 120;
/// Where the API begins.
const PREFIX: &str = "/client/v4";

/// What a token may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Zone:Read and DNS:Edit, for every zone.
    Edit,
    /// Zone:Read and DNS:Read.
    Read,
    /// DNS:Edit without Zone:Read: it sees no zone.
    NoZones,
}

/// One call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// When, on the clock of whoever asked.
    pub at: Duration,
    /// Whose: the token that came with it, whether or not it opens anything.
    pub token: Option<String>,
    /// How.
    pub method: Method,
    /// What, with its query, below `/client/v4`.
    pub path: String,
    /// Exactly as it came.
    pub body: Bytes,
    /// Whether records are different since.
    pub wrote: bool,
}

/// What comes back.
#[derive(Debug)]
pub enum Answer {
    /// An answer.
    Reply(Response<Bytes>),
    /// The connection ends without one.
    Cut,
    /// Nothing, ever.
    Silence,
}

/// All of Cloudflare.
#[derive(Debug, Default)]
pub struct Server {
    zones: Vec<Zone>,
    tokens: HashMap<String, Access>,
    /// Global API keys and whose they are.
    keys: HashMap<String, String>,
    faults: VecDeque<(On, Fault)>,
    calls: VecDeque<Call>,
    limit: Limit,
    /// How far lists are behind.
    lag: Duration,
    made: u64,
}

#[derive(Debug)]
struct Limit {
    calls: usize,
    window: Duration,
    recent: VecDeque<Duration>,
    blocked: Option<Duration>,
}

impl Default for Limit {
    fn default() -> Self {
        Limit { calls: LIMIT, window: WINDOW, recent: VecDeque::new(), blocked: None }
    }
}

impl Server {
    /// Without zones, tokens and keys.
    pub fn new() -> Server {
        Server::default()
    }

    /// With a further zone, of 200 records at most.
    #[must_use]
    pub fn zone(mut self, name: &str) -> Server {
        let id = self.id();
        self.zones.push(Zone::new(&id, name, QUOTA));
        self
    }

    /// With a token.
    #[must_use]
    pub fn with(mut self, token: &str, access: Access) -> Server {
        self.grant(token, access);
        self
    }

    /// From now on the token may do this.
    pub fn grant(&mut self, token: &str, access: Access) {
        self.tokens.insert(token.to_owned(), access);
    }

    /// From now on nobody knows the token.
    pub fn revoke(&mut self, token: &str) {
        self.tokens.remove(token);
    }

    /// From now on this global API key opens everything, beside this address.
    pub fn grant_key(&mut self, key: &str, email: &str) {
        self.keys.insert(key.to_owned(), email.to_owned());
    }

    /// How many records a zone may have.
    pub fn set_quota(&mut self, zone: &str, quota: usize) {
        for zone in self.zones.iter_mut().filter(|known| known.name == zone) {
            zone.quota = quota;
        }
    }

    /// More calls in this time are refused, and all of as long a time after.
    pub fn set_limit(&mut self, calls: usize, window: Duration) {
        self.limit = Limit { calls, window, ..Limit::default() };
    }

    /// Lists are from now on as things were so long ago (reads of one record are not). Zero: as they are.
    pub fn set_lag(&mut self, lag: Duration) {
        self.lag = lag;
    }

    /// The next call of this kind fails like this. Several are used up in their order.
    pub fn fail(&mut self, on: On, fault: Fault) {
        self.faults.push_back((on, fault));
    }

    /// Faults that nobody has met yet.
    pub fn faults_left(&self) -> usize {
        self.faults.len()
    }

    /// What was asked, oldest first.
    pub fn calls(&self) -> impl DoubleEndedIterator<Item = &Call> + ExactSizeIterator {
        self.calls.iter()
    }

    /// Forgets what was asked.
    pub fn forget_calls(&mut self) {
        self.calls.clear();
    }

    /// By which a zone is called.
    pub fn zone_id(&self, name: &str) -> Option<&str> {
        self.zones.iter().find(|zone| zone.name == name).map(|zone| &*zone.id)
    }

    /// All records of a zone as they truly are.
    pub fn all(&self, zone: &str) -> &[Record] {
        self.zones.iter().find(|known| known.name == zone).map_or(&[], |zone| zone.records())
    }

    /// Records of a name as they truly are.
    pub fn records(&self, name: &str) -> Vec<&Record> {
        self.zones.iter().flat_map(Zone::records).filter(|record| record.name == name).collect()
    }

    /// A change by somebody's own hand, without rules: records may be anything then. Unknown zones have none.
    pub fn by_hand(&mut self, now: Duration, zone: &str, change: impl FnOnce(&mut Vec<Record>)) {
        let lag = self.lag;
        if let Some(zone) = self.zones.iter_mut().find(|known| known.name == zone) {
            let mut records = zone.records().to_vec();
            change(&mut records);
            zone.replace(records, now, lag);
        }
    }

    /// A record that somebody makes by hand, with the comment that he gives it. Tells its id; none for a name in no zone.
    pub fn add_by_hand(
        &mut self,
        now: Duration,
        name: &str,
        kind: &str,
        content: &str,
        comment: Option<&str>,
    ) -> Option<String> {
        let is_in = |zone: &Zone| zone.name == name || name.ends_with(&format!(".{}", zone.name));
        let zone = self.zones.iter().filter(|zone| is_in(zone)).max_by_key(|zone| zone.name.len())?;
        let (zone, zone_id) = (zone.name.clone(), zone.id.clone());
        let id = self.id();
        let mut record = shape::record(&zone_id, &id, name, kind, content, TTL);
        record.comment = comment.map(str::to_owned);
        self.by_hand(now, &zone, |records| records.push(record));
        Some(id)
    }

    /// Answers one request. `now` never goes back.
    pub fn answer(&mut self, request: &Request<Bytes>, now: Duration) -> Answer {
        let path = request.uri().path();
        let path = path.strip_prefix(PREFIX).unwrap_or(path).to_owned();
        let fault = self.fault(request.method());
        let before = self.fingerprint();
        let answer = self.faulty(request, &path, now, fault);
        let wrote = before != self.fingerprint();
        let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
        if self.calls.len() == MAX_CALLS {
            self.calls.pop_front();
        }
        let (method, body) = (request.method().clone(), request.body().clone());
        let token = access::bearer(request.headers()).ok().flatten().map(str::to_owned);
        self.calls.push_back(Call { at: now, token, method, path: path + &query, body, wrote });
        answer
    }

    /// Different after every change.
    fn fingerprint(&self) -> u64 {
        self.zones.iter().map(|zone| zone.changes).sum()
    }

    fn id(&mut self) -> String {
        self.made += 1;
        format!("{:032x}", self.made)
    }

    /// What the API answers when nothing fails.
    fn reply(&mut self, request: &Request<Bytes>, path: &str, now: Duration) -> Response<Bytes> {
        if let Some(after) = self.limit.exceeded(now) {
            return refusal::too_many(after);
        }
        self.routed(request, path, now).unwrap_or_else(Refusal::into_response)
    }

    fn routed(&mut self, request: &Request<Bytes>, path: &str, now: Duration) -> Result<Response<Bytes>, Refusal> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let query = Query::of(request.uri().query().unwrap_or_default());
        let get = request.method() == Method::GET;
        match parts[..] {
            ["ips"] if get => Ok(shape::ips()),
            ["user", "tokens", "verify"] if get => self.verify(request.headers()),
            ["zones"] if get => {
                let access = self.access(request.headers())?;
                let seen = self.zones.iter().filter(|_| access != Access::NoZones);
                let seen = seen.filter(|zone| query.get("name").is_none_or(|name| name == zone.name));
                query.page(seen.map(Zone::shown), 20, 50)
            }
            ["zones", id] if get => {
                let access = self.access(request.headers())?;
                match self.zones.iter().find(|zone| *zone.id == *id && access != Access::NoZones) {
                    Some(zone) => Ok(shape::good(&zone.shown())),
                    None => Err(Refusal::unrouted(path)),
                }
            }
            ["zones", id, "dns_records", ref rest @ ..] => {
                let access = self.access(request.headers())?;
                if !get && access == Access::Read {
                    return Err(Refusal::new(403, 10_000, "Authentication error"));
                }
                let Some(at) = self.zones.iter().position(|zone| *zone.id == *id) else {
                    return Err(Refusal::unrouted(path));
                };
                self.in_zone(at, request, rest, &query, now)
            }
            _ => Err(Refusal::unrouted(path)),
        }
    }

    fn in_zone(
        &mut self,
        at: usize,
        request: &Request<Bytes>,
        rest: &[&str],
        query: &Query,
        now: Duration,
    ) -> Result<Response<Bytes>, Refusal> {
        let zone = &self.zones[at];
        let (get, method) = (request.method() == Method::GET, request.method().as_str());
        match rest {
            [] if get => query.page(query.matching(zone.listed(now, self.lag)), 100, 5_000_000),
            ["usage"] if get => {
                Ok(shape::good(&json!({"record_quota": zone.quota, "record_usage": zone.records().len()})))
            }
            [id] if get => match zone.records().iter().find(|record| record.id == *id) {
                Some(record) => Ok(shape::good(&shape::shown(record))),
                None => Err(Refusal::missing()),
            },
            [] if method == "POST" => self.single(at, "posts", None, request, now),
            ["batch"] if method == "POST" => {
                let done = self.batch(at, &refusal::body(request)?, now, None)?;
                Ok(shape::good(&done))
            }
            [id] if method == "PATCH" => self.single(at, "patches", Some(id), request, now),
            [id] if method == "PUT" => self.single(at, "puts", Some(id), request, now),
            [id] if method == "DELETE" => {
                self.batch(at, &json!({"deletes": [{ "id": id }]}), now, None)?;
                Ok(shape::good(&json!({ "id": id })))
            }
            _ => Err(Refusal::new(405, 10_405, "Method not allowed for this authentication scheme")),
        }
    }

    /// One record is a batch of one.
    fn single(
        &mut self,
        at: usize,
        part: &str,
        id: Option<&str>,
        request: &Request<Bytes>,
        now: Duration,
    ) -> Result<Response<Bytes>, Refusal> {
        let mut body = refusal::body(request)?;
        if let (Some(id), Some(fields)) = (id, body.as_object_mut()) {
            fields.insert("id".to_owned(), json!(id));
        }
        let done = self.batch(at, &json!({ part: [body] }), now, None)?;
        Ok(shape::good(&done[part][0]))
    }
}

impl Limit {
    /// Counts a call; how long there may be none.
    fn exceeded(&mut self, now: Duration) -> Option<Duration> {
        if let Some(until) = self.blocked {
            if now < until {
                return Some(until - now);
            }
            self.blocked = None;
            self.recent.clear();
        }
        while self.recent.front().is_some_and(|first| now.saturating_sub(*first) >= self.window) {
            self.recent.pop_front();
        }
        if self.recent.len() >= self.calls {
            self.blocked = Some(now + self.window);
            return Some(self.window);
        }
        self.recent.push_back(now);
        None
    }
}

/// A list or thing in the envelope that everything comes in.
fn envelope(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}
