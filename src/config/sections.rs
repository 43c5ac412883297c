//! The sections beside `routes`: `defaults`, `trust`, `limits`, `drain` (`accessLog` has a file of its own).

use std::net::IpAddr;
use std::time::Duration as StdDuration;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::file::{Kind, Node};
use super::read::{Decode, Reader, brief};
use super::record::record;
use super::schema::Definitions;
use super::suggest::nearest;
use super::units::{OrNone, Positive};
use super::values::Whole;
use super::{AUTOMATIC, Defaults, Dns, Drain, Duration, HeaderEdits, Https, Limits, PartialTimeouts, Size, Trust};

record! {
    /// How long each phase of a request may take.
    TimeoutKeys("`{connect: 3s, firstByte: 60s}`") {
        /// Until a connection to the app stands.
        "connect" connect: Positive = "3s",
        /// From the last byte of the request sent to the first of the answer.
        "firstByte" first_byte: Positive = "60s",
        /// Without a byte in one direction of an unfinished body.
        "idle" idle: Positive = "60s",
        /// For the whole request.
        "request" request: OrNone<Positive> = "none",
        /// The idle limit of tunnels and endless answers: WebSockets, event streams, gRPC. Never a lifetime.
        "tunnel" tunnel: Positive = "1h",
    }
    later ["park"]
    guessed [
        ("read", "`idle`, or `firstByte` for the wait until an answer begins"),
        ("send write", "`idle`"),
        ("response", "`firstByte`, or `request` for the whole"),
        ("total", "`request`"),
        ("websocket", "`tunnel`"),
        ("dial", "`connect`"),
    ]
    rule json!({})
}

impl Decode for PartialTimeouts {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<PartialTimeouts> {
        let TimeoutKeys { connect, first_byte, idle, request, tunnel } = TimeoutKeys::decode(node, reader)?;
        let get = |Positive(duration): Positive| duration.get();
        Some(PartialTimeouts {
            connect: connect.good().map(get),
            first_byte: first_byte.good().map(get),
            idle: idle.good().map(get),
            request: request.good().map(|OrNone(limit)| limit.map(get)),
            tunnel: tunnel.good().map(get),
        })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        TimeoutKeys::schema(definitions)
    }
}

record! {
    /// What every route gets that does not say otherwise.
    DefaultsKeys("`{timeouts: {connect: 3s}}`") {
        /// A route's own win key by key.
        "timeouts" timeouts: PartialTimeouts,
        /// Largest request body; more is 413. A route lifts it with `none`.
        "maxBody" max_body: OrNone<Size> = "none",
        /// Done before a route's own.
        "headers" headers: HeaderEdits,
        /// Adds a `Via` field to requests and answers.
        "via" via: bool = "false",
        /// What becomes of a request in clear: `redirect`, `allow` or `only`. A route's own wins.
        "https" https: Https,
    }
    later ["retry", "compress"]
    guessed [
        ("timeout", "`timeouts`"),
        ("client_max_body_size", "`maxBody`"),
        ("hsts", "`hsts` in each route that is meant"),
        ("forceSSL forceSsl ssl_redirect sslRedirect forceHttps force_https", "`https: redirect`"),
    ]
    rule json!({})
}

impl Decode for Defaults {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Defaults> {
        let DefaultsKeys { timeouts, max_body, headers, via, https } = DefaultsKeys::decode(node, reader)?;
        Some(Defaults {
            timeouts: timeouts.good().unwrap_or_default(),
            max_body: max_body.good().and_then(|OrNone(size)| size).map(|Size(bytes)| bytes),
            headers: headers.good().unwrap_or_default(),
            via: via.good().unwrap_or_default(),
            https: https.good().unwrap_or_default(),
        })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        DefaultsKeys::schema(definitions)
    }

    fn of_nothing() -> Option<Defaults> {
        Some(Defaults::default())
    }
}

// === trust ===

/// An entry of `trust.proxies`.
enum Proxy {
    Cloudflare,
    Network(IpNet),
}

impl Decode for Proxy {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Proxy> {
        let text = reader.text(node)?;
        if text == "cloudflare" {
            return Some(Proxy::Cloudflare);
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Some(Proxy::Network(IpNet::from(ip.to_canonical())));
        }
        let Ok(network) = text.parse::<IpNet>() else {
            let hint = match nearest(text, ["cloudflare"]) {
                Some(right) => format!("did you mean `{right}`?"),
                None => "write `cloudflare`, a network like `10.0.0.0/8` or an address".to_owned(),
            };
            reader.error(node.place, format!("`{}` is no network", brief(text)), hint);
            return None;
        };
        if network.prefix_len() == 0 {
            reader.warning(
                node.place,
                "everybody's word about the client is believed",
                "name the networks of your proxies",
            );
        } else if network.trunc() != network {
            let message = format!("`{text}` has bits set behind its prefix");
            reader.warning(node.place, message, format!("write `{}`", network.trunc()));
        }
        Some(Proxy::Network(network.trunc()))
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "string", "examples": ["cloudflare", "10.0.0.0/8"]})
    }
}

/// Whether PROXY headers are accepted.
struct ProxyProtocol(bool);

impl Decode for ProxyProtocol {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<ProxyProtocol> {
        if let Kind::Text(text, _) = &node.kind
            && matches!(&**text, "true" | "on" | "yes" | "v1" | "v2" | "required")
        {
            reader.error(node.place, format!("`{text}` is not known here"), "write `accept`");
            return None;
        }
        reader.one_of(node, &[("off", false), ("accept", true)]).map(ProxyProtocol)
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"enum": ["off", "accept"]})
    }
}

record! {
    /// Whose word about the client is believed.
    TrustKeys("`{proxies: [10.0.0.0/8]}`") {
        /// Networks and addresses of proxies in front, and `cloudflare` for those of Cloudflare.
        "proxies" proxies: Vec<Proxy>,
        /// Whether a connection of those proxies may begin with a PROXY header (version 1 or 2), which says who the client
        /// is: `off` or `accept`.
        "proxyProtocol" proxy_protocol: ProxyProtocol = "off",
    }
    later []
    guessed [
        ("trustedProxies trusted networks ips", "`proxies`"),
        ("proxy_protocol acceptProxyProtocol use-proxy-protocol", "`proxyProtocol: accept`"),
    ]
    rule json!({})
}

impl Decode for Trust {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Trust> {
        let TrustKeys { proxies, proxy_protocol } = TrustKeys::decode(node, reader)?;
        let place = proxy_protocol.place();
        let mut trust = Trust { proxy_protocol: proxy_protocol.good().is_some_and(|word| word.0), ..Trust::default() };
        let nobody = !proxies.is_bad();
        for proxy in proxies.good().unwrap_or_default() {
            match proxy {
                Proxy::Cloudflare => trust.cloudflare = true,
                Proxy::Network(network) => trust.networks.push(network),
            }
        }
        let nobody = nobody && trust.networks.is_empty() && !trust.cloudflare;
        if let (Some(place), true) = (place, nobody && trust.proxy_protocol) {
            let message = "without `proxies` nobody's PROXY header is believed";
            reader.warning(place, message, "name the proxies in front: `proxies: [10.0.0.0/8]`");
        }
        Some(trust)
    }

    fn schema(definitions: &mut Definitions) -> Value {
        TrustKeys::schema(definitions)
    }

    fn of_nothing() -> Option<Trust> {
        Some(Trust::default())
    }
}

// === limits ===

/// A size of a message head.
struct HeadSize(usize);

impl Decode for HeadSize {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<HeadSize> {
        let size = Size::decode(node, reader)?;
        match usize::try_from(size.0) {
            Ok(bytes @ 1..=65_536) => Some(HeadSize(bytes)),
            _ => {
                reader.error(node.place, format!("{size} is out of range"), "write a size from 1 to 64Ki");
                None
            }
        }
    }

    fn schema(definitions: &mut Definitions) -> Value {
        Size::schema(definitions)
    }
}

record! {
    /// Bounds on what clients may do, the same for every HTTP version.
    LimitsKeys("`{connections: 20000}`") {
        /// Client connections of one node at once.
        "connections" connections: Whole<1, 10_000_000> = "20000",
        /// Connections of one client address at once; no limit when it is not given.
        "connectionsPerClient" connections_per_client: Whole<1, 10_000_000>,
        /// Largest message head, at most 64Ki.
        "headerBytes" header_bytes: HeadSize = "64Ki",
        /// Most fields in a head, at most 100.
        "headerCount" header_count: Whole<1, 100> = "100",
        /// How long an idle client connection is kept.
        "keepAlive" keep_alive: Positive = "75s",
        /// Streams of one HTTP/2 connection at once.
        "streams" streams: Whole<1, 10_000> = "100",
    }
    later []
    guessed [
        ("headers", "`headerCount` or `headerBytes`"),
        ("maxConnections", "`connections`"),
        ("body", "`maxBody` of a route or of `defaults`"),
        ("maxBody", "it into `defaults`"),
    ]
    rule json!({})
}

impl Decode for Limits {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Limits> {
        let keys = LimitsKeys::decode(node, reader)?;
        let LimitsKeys { connections, connections_per_client, header_bytes, header_count, keep_alive, streams } = keys;
        let default = Limits::default();
        // every range fits: usize has 64 bits on what gatepost runs on, and the largest bound fits in 32
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Some(Limits {
            connections: connections.good().map_or(default.connections, |Whole(n)| count(n)),
            connections_per_client: connections_per_client.good().map(|Whole(n)| count(n)),
            header_bytes: header_bytes.good().map_or(default.header_bytes, |HeadSize(bytes)| bytes),
            header_count: header_count.good().map_or(default.header_count, |Whole(n)| count(n)),
            keep_alive: keep_alive.good().map_or(default.keep_alive, |Positive(duration)| duration.get()),
            streams: streams.good().map_or(default.streams, |Whole(n)| u32::try_from(n).unwrap_or(u32::MAX)),
        })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        LimitsKeys::schema(definitions)
    }

    fn of_nothing() -> Option<Limits> {
        Some(Limits::default())
    }
}

// === drain ===

/// Seconds that an automatic TTL comes to (developers.cloudflare.com, "Time to Live").
const AUTOMATIC_TTL: u32 = 300;

/// For a change at Cloudflare to be seen, beside the TTL of what was there before.
const SEEN: StdDuration = StdDuration::from_secs(10);

record! {
    /// How long things may take to end.
    DrainKeys("`{tunnels: 300s}`") {
        /// How long a tunnel may go on after its route is gone or its process is replaced.
        "tunnels" tunnels: Duration = "300s",
        /// How long a node that goes serves on, so that DNS lets go of it. When it is left out: `dns.ttl`, which is 120 s
        /// when that is left out too, and 10 s.
        "lameDuck" lame_duck: Duration,
    }
    later []
    guessed [("timeout", "`tunnels` or `lameDuck`"), ("websockets", "`tunnels`")]
    rule json!({})
}

/// The section as written: what is left out of it depends on another section.
#[derive(Debug, Clone, Default)]
pub(super) struct DrainTimes {
    tunnels: Option<Duration>,
    lame_duck: Option<Duration>,
}

impl DrainTimes {
    /// With what is left out.
    pub(super) fn complete(self, dns: &Dns) -> Drain {
        let DrainTimes { tunnels, lame_duck } = self;
        let default = Drain::default();
        let until_forgotten = || match dns.ttl {
            None => default.lame_duck,
            Some(ttl) => StdDuration::from_secs(u64::from(if ttl == AUTOMATIC { AUTOMATIC_TTL } else { ttl })) + SEEN,
        };
        Drain {
            tunnels: tunnels.map_or(default.tunnels, Duration::get),
            lame_duck: lame_duck.map_or_else(until_forgotten, Duration::get),
        }
    }
}

impl Decode for DrainTimes {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<DrainTimes> {
        let DrainKeys { tunnels, lame_duck } = DrainKeys::decode(node, reader)?;
        Some(DrainTimes { tunnels: tunnels.good(), lame_duck: lame_duck.good() })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        DrainKeys::schema(definitions)
    }

    fn of_nothing() -> Option<DrainTimes> {
        Some(DrainTimes::default())
    }
}
