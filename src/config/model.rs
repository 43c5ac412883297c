//! The typed configuration that the rest of the program runs on. Every default is filled in, every name is checked.
//!
//! These are values: no clock, no I/O, no reference back to the text but the line a route stands on.

mod dns;
mod tls;

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

pub use dns::*;
pub use tls::*;

use super::AccessLog;

/// A whole routes file, every part of it good.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// In file order. Routes that could not be read are here as their last good version, or as [`Action::Broken`].
    pub routes: Vec<Route>,
    /// What routes get that do not say otherwise; it is in `routes` already, and here for a later file whose section is
    /// bad.
    pub defaults: Defaults,
    /// Whose word about the client is believed.
    pub trust: Trust,
    /// Bounds on what a client may do.
    pub limits: Limits,
    /// How long things may take to end.
    pub drain: Drain,
    /// What the access log says.
    pub access_log: AccessLog,
    /// Which certificates there are and for whom.
    pub tls: Tls,
    /// Which names point at the nodes.
    pub dns: Dns,
}

/// One entry of `routes`.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Line of the entry in its file, counted from 1.
    pub line: u32,
    /// At least one.
    pub hosts: Vec<HostPattern>,
    /// Which paths of those hosts.
    pub path: PathPattern,
    /// What else must hold.
    pub conditions: Conditions,
    /// What happens to a request that matched.
    pub action: Action,
    /// How the request changes on its way to the app.
    pub rewrite: Rewrite,
    /// Edits of header fields on the way in and out; those of `defaults` stand first.
    pub headers: HeaderEdits,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// Largest request body in bytes; more is 413.
    pub max_body: Option<u64>,
    /// Whether a `Via` field is added (RFC 9110 7.6.3).
    pub via: bool,
    /// Whether requests of this route are in the access log.
    pub log: bool,
    /// What becomes of a request in clear.
    pub https: Https,
    /// `Strict-Transport-Security: max-age` of answers over https (RFC 6797), never with subdomains.
    pub hsts: Option<Duration>,
    /// What records its hosts get.
    pub dns: RouteDns,
}

/// A host name or a set of them. Lower case, A-labels, no port and no trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// `www.example.com`
    Exact(String),
    /// `*.example.com`, held as `example.com`: one or more labels before it, never the bare domain.
    Wildcard(String),
    /// `*`: every host, and requests that name none (HTTP/1.0).
    Any,
}

/// A set of paths, in the form that paths are matched in: unreserved characters decoded, slashes merged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathPattern {
    /// Whole segments, held without a trailing slash but for `/` itself: `/api` has `/api`, `/api/` and `/api/x`, not
    /// `/apix`.
    Prefix(String),
    /// This path alone.
    Exact(String),
    /// The whole path must match; syntax of the `regex` crate, anchored at both ends. Known to compile.
    Regex(String),
}

/// The `match` block: all of it must hold. Each list is sorted and without repeats, so that equal conditions compare
/// equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Conditions {
    /// Any of these methods, upper case as sent; empty = every method.
    pub methods: Vec<String>,
    /// Field names in lower case with what their value must be.
    pub headers: Vec<(String, ValuePattern)>,
    /// Parameters of the query, percent-decoded, with what their value must be.
    pub query: Vec<(String, ValuePattern)>,
}

impl Conditions {
    /// How many conditions there are: of two routes with the same host and path the one with more is tried first.
    pub fn count(&self) -> usize {
        usize::from(!self.methods.is_empty()) + self.headers.len() + self.query.len()
    }
}

/// What a header or query value must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValuePattern {
    /// Exactly this.
    Is(String),
    /// The whole value matches. Known to compile.
    Regex(String),
    /// There is such a field or parameter, whatever its value.
    Present,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// It goes to one of these; at least one, the weights' sum is at least 1.
    Forward(Vec<Weighted>),
    /// It is told to go elsewhere.
    Redirect(Redirect),
    /// It is answered here.
    Respond(Respond),
    /// The tombstone of a route that could not be read and had no last good version: 503, never a less specific route.
    Broken,
}

/// One target of a weighted split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighted {
    /// Where to.
    pub to: Backend,
    /// Its share of the sum of all weights; 0 = none.
    pub weight: u32,
}

/// An app's address as written: `[scheme://]NAME:port`. `Display` writes the canonical form, a stable key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Backend {
    /// How the app is spoken to.
    pub scheme: BackendScheme,
    /// Where it is.
    pub name: BackendName,
    /// Which port there.
    pub port: BackendPort,
}

/// The protocol towards an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BackendScheme {
    /// HTTP/1.1 in clear.
    Http,
    /// HTTP/2 in clear with prior knowledge (RFC 9113 3.3).
    H2c,
}

/// What the name of a backend is, told by its form alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BackendName {
    /// A Kubernetes Service; without a namespace, one beside the ConfigMap.
    Service {
        /// Name of the Service.
        name: String,
        /// Its namespace, when written.
        namespace: Option<String>,
    },
    /// A DNS name outside the cluster, held without its trailing dot.
    Outside(String),
    /// An address as written.
    Ip(IpAddr),
    /// The node itself.
    Localhost,
}

/// The port of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BackendPort {
    /// By number, never 0.
    Number(u16),
    /// By the name that the Service gives it.
    Named(String),
}

/// Where a client is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The value of `Location`.
    pub to: Template,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

/// An answer without an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Respond {
    /// 200 to 599.
    pub status: u16,
    /// Sent as it is; empty for a status that has no body.
    pub body: String,
    /// Fields as written, with `content-type: text/plain; charset=utf-8` added when there is a body and none is named.
    pub headers: Vec<(String, String)>,
}

/// A value with places that a request fills: `{client.ip}`, `{host}`, `{path}`, `{query}`, `{request.id}`, `{scheme}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template(pub Vec<TemplatePart>);

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TemplatePart {
    /// As written.
    Text(String),
    /// Address of the client.
    ClientIp,
    /// Host the client asked for, without port.
    Host,
    /// Path as it is forwarded, before any rewrite.
    Path,
    /// `?` and the query, or nothing.
    Query,
    /// Value of `X-Request-Id`.
    RequestId,
    /// `http` or `https`.
    Scheme,
}

/// The `rewrite` block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rewrite {
    /// What becomes of the path.
    pub path: PathRewrite,
    /// The app gets this `Host` in place of the client's.
    pub host: Option<String>,
}

/// What becomes of a path on its way to the app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PathRewrite {
    /// Nothing.
    #[default]
    Keep,
    /// The segments of the route's prefix go.
    StripPrefix,
    /// The segments of the route's prefix are replaced by these; begins with `/`, ends without.
    ReplacePrefix(String),
    /// The whole path is replaced; the query stays.
    Replace(String),
}

/// Edits of the fields of both heads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderEdits {
    /// On the way to the app.
    pub request: FieldEdits,
    /// On the way to the client.
    pub response: FieldEdits,
}

/// Edits of one head, done in the order remove, set, add. Names are lower case and never a framing or hop-by-hop field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldEdits {
    /// Replaces every field of that name.
    pub set: Vec<(String, Template)>,
    /// Stands beside those that are there.
    pub add: Vec<(String, Template)>,
    /// Taken out.
    pub remove: Vec<String>,
}

/// How long each phase of a request may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection to the app stands.
    pub connect: Duration,
    /// From the last byte of the request sent to the first of the answer.
    pub first_byte: Duration,
    /// Without a byte in one direction of an unfinished body.
    pub idle: Duration,
    /// For the whole request.
    pub request: Option<Duration>,
    /// The idle limit of tunnels and endless answers.
    pub tunnel: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(3),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            request: None,
            tunnel: Duration::from_secs(3600),
        }
    }
}

/// A `timeouts` block: what it names wins over what stood before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartialTimeouts {
    /// See [`Timeouts::connect`].
    pub connect: Option<Duration>,
    /// See [`Timeouts::first_byte`].
    pub first_byte: Option<Duration>,
    /// See [`Timeouts::idle`].
    pub idle: Option<Duration>,
    /// See [`Timeouts::request`]; `Some(None)` lifts a limit of `defaults`.
    pub request: Option<Option<Duration>>,
    /// See [`Timeouts::tunnel`].
    pub tunnel: Option<Duration>,
}

/// The `defaults` section.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Defaults {
    /// A route's own win key by key.
    pub timeouts: PartialTimeouts,
    /// A route's own wins.
    pub max_body: Option<u64>,
    /// Done before a route's own.
    pub headers: HeaderEdits,
    /// Whether a `Via` field is added.
    pub via: bool,
    /// A route's own wins.
    pub https: Https,
}

/// The `trust` section: peers whose forwarding fields are believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    /// Networks of proxies, those of Cloudflare not among them.
    pub networks: Vec<IpNet>,
    /// `cloudflare` is named: its published networks are trusted and `CF-Connecting-IP` is believed from them.
    pub cloudflare: bool,
    /// A connection of those peers may begin with a PROXY header, which says who the client is.
    pub proxy_protocol: bool,
}

/// The `limits` section, the same for every HTTP version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Client connections of the whole process at once.
    pub connections: usize,
    /// Of one client address.
    pub connections_per_client: Option<usize>,
    /// Largest message head in bytes, at most 64 KiB.
    pub header_bytes: usize,
    /// Most fields in a head, at most 100.
    pub header_count: usize,
    /// How long an idle client connection is kept.
    pub keep_alive: Duration,
    /// Streams of one HTTP/2 client connection at once.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 20_000,
            connections_per_client: None,
            header_bytes: 64 * 1024,
            header_count: 100,
            keep_alive: Duration::from_secs(75),
            streams: 100,
        }
    }
}

/// The `drain` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    /// How long a tunnel may go on after its route is gone or its process is replaced.
    pub tunnels: Duration,
    /// How long a process that ends without a successor serves on, so that DNS lets go of it.
    pub lame_duck: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        // the default TTL of the DNS records, 120 s, and 10 s for the change to be seen
        Drain { tunnels: Duration::from_secs(300), lame_duck: Duration::from_secs(130) }
    }
}
