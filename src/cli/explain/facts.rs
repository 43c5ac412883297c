//! What there is to say about a request. The one door is [`Explained`]; its fields, as JSON, are what scripts read.

use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::record;
use super::transport::{Arrival, Transport};
use super::{Asked, Served};
use crate::config::{
    self, Action, Duration, FieldEdits, Redirect, Respond, Size, Template, TemplatePart, Timeouts, Trust, Weighted,
};
use crate::message::{Head, Limits, Method, Name};
use crate::routing::explain::{self, Trace};
use crate::routing::{Route, Settings, Target, rewrite};

/// Everything about one request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Explained {
    pub(super) method: String,
    pub(super) url: String,
    /// Name of the routes file.
    pub(super) file: String,
    /// What the proxy answers itself, without a route.
    pub(super) refused: Option<Refusal>,
    /// The route that takes the request.
    pub(super) route: Option<Winner>,
    /// What TLS has to do with it; nothing when the request names no host that could be read.
    pub(super) https: Option<Transport>,
    /// What record the host gets; nothing when the file does not speak of DNS.
    pub(super) dns: Option<String>,
    /// Routes that did not, the nearest first.
    pub(super) others: Vec<Other>,
    /// How many more there are.
    pub(super) more: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Other {
    pub(super) route: String,
    pub(super) line: u32,
    pub(super) missed: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Winner {
    pub(super) route: String,
    pub(super) line: u32,
    /// What is done, one thing a line.
    pub(super) action: Vec<String>,
    /// What the app gets, when there is one.
    pub(super) app: Option<App>,
    /// Names as in the routes file.
    #[serde(serialize_with = "as_object")]
    pub(super) timeouts: Vec<(&'static str, String)>,
    #[serde(serialize_with = "as_object")]
    pub(super) limits: Vec<(&'static str, String)>,
}

/// The request as the app gets it.
#[derive(Debug, Serialize)]
pub(super) struct App {
    pub(super) path: String,
    /// Fields that the proxy sets; the client's others pass as they are.
    pub(super) headers: Vec<(String, String)>,
    /// Fields of the client that the route takes out.
    pub(super) removed: Vec<String>,
}

fn as_object<S: Serializer>(pairs: &[(&'static str, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

impl Explained {
    pub(super) fn new(file: &str, served: &Served, asked: &Asked, peer: IpAddr) -> Explained {
        let Served { table, tls, dns, hosts } = served;
        let mut explained = Explained {
            method: asked.method.clone(),
            url: asked.url(),
            file: file.to_owned(),
            refused: None,
            route: None,
            https: None,
            dns: None,
            others: Vec::new(),
            more: 0,
        };
        let Settings { limits, trust, .. } = table.settings();
        let mut refuse = |status: u16, reason: &str| {
            explained.refused = Some(Refusal { status, reason: reason.to_owned() });
        };
        let head = asked.head(Limits { bytes: limits.header_bytes, fields: limits.header_count });
        let head = match head.and_then(|head| head.request_framing().map(|_| head)) {
            Ok(head) => head,
            Err(malformed) => {
                refuse(malformed.status(), malformed.reason());
                return explained;
            }
        };
        if matches!(head.method(), Method::Connect | Method::Trace) {
            refuse(405, "CONNECT and TRACE are refused");
            return explained;
        }
        let mut target = Target::new();
        if let Err(bad) = target.set(&head) {
            refuse(400, bad.reason());
            return explained;
        }
        let Trace { host, winner, others, more } = explain::trace(table, &target, &head);
        let request = Request::new(&head, &target, asked, trust, peer);
        let rule = winner.map(|id| &*table.route(id).rule);
        let transport = Transport::new(tls, &target, rule, request.arrival(asked), table.is_closed(&target));
        match winner {
            Some(id) => {
                explained.route = Some(Winner::new(table.route(id), table.settings(), &request, &transport));
            }
            None if host.is_some() => refuse(404, "no route of this host takes the request"),
            None => refuse(404, "no route is for this host"),
        }
        explained.https = Some(transport);
        explained.dns = record::of(dns, hosts, target.host());
        explained.more = more;
        explained.others = others
            .into_iter()
            .map(|near| Other {
                route: table.route(near.route).label.to_string(),
                line: table.route(near.route).rule.line,
                missed: near.missed.iter().map(ToString::to_string).collect(),
            })
            .collect();
        explained
    }
}

impl Winner {
    fn new(route: &Route, settings: &Settings, request: &Request<'_>, transport: &Transport) -> Winner {
        let rule = &*route.rule;
        let Timeouts { connect, first_byte, idle, request: whole, tunnel } = &rule.timeouts;
        // durations of the file are whole milliseconds
        let time = |time: &std::time::Duration| {
            let millis = format!("{}ms", time.as_millis());
            millis.parse().map_or(millis, |time: Duration| time.to_string())
        };
        let size = |bytes: u64| Size(bytes).to_string();
        let none = || "none".to_owned();
        let config::Limits { header_bytes, header_count, keep_alive, .. } = &settings.limits;
        Winner {
            route: route.label.to_string(),
            line: rule.line,
            action: match &transport.in_clear {
                Some(end) if transport.ends => vec![end.clone()],
                _ => action(&rule.action, request),
            },
            app: (matches!(rule.action, Action::Forward(_)) && !transport.ends).then(|| App::new(route, request)),
            timeouts: vec![
                ("connect", time(connect)),
                ("firstByte", time(first_byte)),
                ("idle", time(idle)),
                ("request", whole.as_ref().map_or_else(none, time)),
                ("tunnel", time(tunnel)),
                ("keepAlive", time(keep_alive)),
            ],
            limits: vec![
                ("maxBody", rule.max_body.map_or_else(none, size)),
                ("headerBytes", size(*header_bytes as u64)),
                ("headerCount", header_count.to_string()),
            ],
        }
    }
}

fn action(action: &Action, request: &Request<'_>) -> Vec<String> {
    match action {
        Action::Forward(backends) => {
            let sum: u64 = backends.iter().map(|backend| u64::from(backend.weight)).sum();
            let share = |Weighted { to, weight }: &Weighted| match backends.len() {
                1 => format!("forwards to {to}"),
                _ => format!("forwards to {to} ({:.1} % of requests)", f64::from(*weight) * 100.0 / sum.max(1) as f64),
            };
            backends.iter().map(share).collect()
        }
        Action::Redirect(Redirect { to, status }) => vec![format!("redirects to {} ({status})", request.fill(to))],
        Action::Respond(Respond { status, body, .. }) => vec![format!("answers {status} with {} bytes", body.len())],
        Action::Broken => vec!["answers 503: this route could not be read, see `gatepost check`".to_owned()],
    }
}

impl App {
    fn new(route: &Route, request: &Request<'_>) -> App {
        let mut path = String::new();
        let prefix = rewrite::path(route, request.target, &mut path);
        let rule = &*route.rule;
        let host = request.target.host_header();
        let mut headers: Vec<(String, String)> = Vec::new();
        let mut set = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        set("host", rule.rewrite.host.as_deref().unwrap_or(host));
        set("x-forwarded-for", &request.forwarded_for);
        set("x-forwarded-proto", request.scheme);
        set("x-forwarded-host", host);
        let default_port = if request.scheme == "https" { 443 } else { 80 };
        set("x-forwarded-port", &request.target.port().unwrap_or(default_port).to_string());
        set("x-real-ip", &request.client.to_string());
        prefix.into_iter().for_each(|prefix| set("x-forwarded-prefix", prefix));
        set("x-request-id", REQUEST_ID);
        if rule.via {
            set("via", "1.1 gatepost");
        }
        let FieldEdits { set, add, remove } = &rule.headers.request;
        headers.retain(|(name, _)| !remove.contains(name) && !set.iter().any(|(other, _)| other == name));
        headers.extend(set.iter().chain(add).map(|(name, value)| (name.clone(), request.fill(value))));
        App { path, headers, removed: remove.clone() }
    }
}

/// The proxy makes one for each request, unless a client that is trusted brings its own.
const REQUEST_ID: &str = "(made for each request)";

/// What is known of the request beside its head.
struct Request<'r> {
    target: &'r Target,
    scheme: &'r str,
    client: IpAddr,
    forwarded_for: String,
}

impl<'r> Request<'r> {
    fn new(head: &'r Head, target: &'r Target, asked: &Asked, trust: &Trust, peer: IpAddr) -> Request<'r> {
        let trusted = |ip: &IpAddr| trust.networks.iter().any(|network| network.contains(ip));
        let peer = peer.to_canonical();
        let mut request = Request { target, scheme: asked.scheme(), client: peer, forwarded_for: peer.to_string() };
        if trusted(&peer) {
            let chain: Vec<&str> = head
                .all(Name::XForwardedFor)
                .filter_map(|value| std::str::from_utf8(value).ok())
                .flat_map(|value| value.split(','))
                .map(str::trim)
                .collect();
            // the rightmost that is no proxy of ours; what is no address at all ends the search
            let mut known =
                chain.iter().rev().map_while(|text| text.parse::<IpAddr>().ok()).map(|ip| ip.to_canonical());
            request.client = known.find(|ip| !trusted(ip)).unwrap_or(peer);
            request.forwarded_for = chain.into_iter().chain([&*peer.to_string()]).collect::<Vec<_>>().join(", ");
            request.scheme = match head.get(Name::XForwardedProto) {
                Some(b"https") => "https",
                Some(b"http") => "http",
                _ => request.scheme,
            };
        }
        request
    }

    fn arrival(&self, asked: &Asked) -> Arrival {
        match (asked.is_https, self.scheme) {
            (true, _) => Arrival::Tls,
            (false, "https") => Arrival::Proxy,
            (false, _) => Arrival::Clear,
        }
    }

    fn fill(&self, template: &Template) -> String {
        let Template(parts) = template;
        let part = |part: &TemplatePart| match part {
            TemplatePart::Text(text) => text.clone(),
            TemplatePart::ClientIp => self.client.to_string(),
            TemplatePart::Host => self.target.host().to_owned(),
            TemplatePart::Path => self.target.path().to_owned(),
            TemplatePart::Query => self.target.query().map(|query| format!("?{query}")).unwrap_or_default(),
            TemplatePart::RequestId => REQUEST_ID.to_owned(),
            TemplatePart::Scheme => self.scheme.to_owned(),
        };
        parts.iter().map(part).collect()
    }
}
