//! The section `dns`, and the key `dns` of a route. For the flags that say the same there are [`dns_name`] and
//! [`dns_ttl`].

use serde_json::{Value, json};

use super::file::{Kind, Node, Style};
use super::host::{address, with_port};
use super::problem::{Invalid, Place};
use super::read::{Decode, Reader, Step, brief, listed};
use super::record::record;
use super::schema::Definitions;
use super::suggest::nearest;
use super::values::Whole;
use super::{
    AUTOMATIC, Dns, DnsNodes, DnsPolicy, Duration, HostPattern, NodeAddresses, RouteDns, RouteHosts, Selector,
};

/// Names of the nodes. Each has a record for every address.
const MAX_NAMES: usize = 100;

/// Seconds that Cloudflare takes; below, only for the largest plan.
const TTL: std::ops::RangeInclusive<u64> = 60..=86_400;

record! {
    /// Names at Cloudflare that point at the nodes. What is left out is taken from the flags, if they say it.
    DnsKeys("`{names: [kubernetes.example.com]}`") {
        /// Names of the nodes: each gets the addresses of all nodes that serve. Without any, nothing is done.
        "names" names: Names,
        /// How long others may keep an answer: seconds from 60 to 86400, a duration, or `auto`.
        "ttl" ttl: Ttl = "120",
        /// Cloudflare's edge stands in front of the nodes. The TTL is then automatic.
        "proxied" proxied: bool = "false",
        /// With `cname`, each host of the routes in a zone of the token gets a CNAME to the first of `names`.
        "routeHosts" route_hosts: RouteHosts = "off",
        /// With `upsert`, no record is ever deleted.
        "policy" policy: DnsPolicy = "sync",
        /// Records of `names` and of route hosts that somebody else made become ours.
        "adopt" adopt: bool = "false",
        /// Cordoned nodes keep their records.
        "cordoned" cordoned: bool = "false",
        /// The fewest addresses that a name is left with.
        "minAddresses" min_addresses: Whole<0, 100> = "1",
        /// Which nodes, and which of their addresses.
        "nodes" nodes: DnsNodes,
    }
    later []
    guessed [
        ("name dnsName dns_name host hosts hostname hostnames domain domains", "`names: [kubernetes.example.com]`"),
        ("proxy cloudflareProxy cloudflare_proxy orange", "`proxied`"),
        ("selector nodeSelector node_selector", "`nodes: {selector: …}`"),
        ("addresses useInternalIp useInternalIP internal external", "`nodes: {addresses: …}`"),
        ("ipv6 ipv4 family families", "`nodes: {ipv6: …}`"),
        ("routes cname cnames ingress", "`routeHosts: cname`"),
        ("upsertOnly upsert_only", "`policy: upsert`"),
        ("min minimum minNodes", "`minAddresses`"),
        (
            "token apiToken api_token key apiKey api_key email secret credentials",
            "it into the Secret `cloudflare`: who may read a ConfigMap should not read that"
        ),
        ("zone zones zoneId zone_id", "only `names`: their zones are found"),
    ]
    rule json!({})
}

impl Decode for Dns {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Dns> {
        let DnsKeys { names, ttl, proxied, route_hosts, policy, adopt, cordoned, min_addresses, nodes } =
            DnsKeys::decode(node, reader)?;
        let (ttl_place, route_hosts_place) = (ttl.place(), route_hosts.place());
        let dns = Dns {
            names: names.good().map(|Names(names)| names),
            ttl: ttl.good().map(|Ttl(seconds)| seconds),
            proxied: proxied.good(),
            route_hosts: route_hosts.good(),
            policy: policy.good(),
            adopt: adopt.good(),
            cordoned: cordoned.good(),
            // at most 100
            min_addresses: min_addresses.good().map(|Whole(number)| usize::try_from(number).unwrap_or(usize::MAX)),
            nodes: nodes.good().unwrap_or_default(),
        };
        if let (Some(place), Some(true), Some(2..)) = (ttl_place, dns.proxied, dns.ttl) {
            let message = "with `proxied: true` the TTL is automatic: this one counts for nothing but `drain.lameDuck`";
            reader.within(Step::Key("ttl"), |reader| reader.warning(place, message, "leave `ttl` out"));
        }
        if let Some(place) = route_hosts_place {
            reader.within(Step::Key("routeHosts"), |reader| target(&dns, place, reader));
        }
        Some(dns)
    }

    fn schema(definitions: &mut Definitions) -> Value {
        DnsKeys::schema(definitions)
    }

    fn of_nothing() -> Option<Dns> {
        Some(Dns::default())
    }
}

/// Route hosts need a name to point at. When none is written here, a flag may give one.
fn target(dns: &Dns, place: Place, reader: &mut Reader<'_>) {
    let (Some(RouteHosts::Cname), Some(names)) = (dns.route_hosts, &dns.names) else { return };
    match names.first() {
        None => reader.warning(
            place,
            "without `names` there is nothing that hosts of routes could point at",
            "write `names: [kubernetes.example.com]` beside it",
        ),
        Some(_) if names.iter().all(|name| name.starts_with("*.")) => reader.error(
            place,
            "hosts of routes need one name to point at, and there are only wildcards in `names`",
            "add one like `kubernetes.example.com` to `names`",
        ),
        Some(_) => {}
    }
}

// === names ===

/// A DNS name that records can have, in its one form: `kubernetes.example.com` or `*.example.com`, A-labels in lower case
/// without a dot at the end.
///
/// # Errors
/// It is a URL, an address, `*` alone, or no name; with what to write instead.
pub fn dns_name(text: &str) -> Result<String, Invalid> {
    let (pattern, port) = with_port(text)?;
    let name = pattern.to_string();
    match &pattern {
        HostPattern::Any => {
            let hint = "write a name, or the names below one: `*.example.com`";
            Err(Invalid::new("`*` alone is no name that a record can have", hint))
        }
        HostPattern::Exact(exact) if address(exact).is_some() => {
            let message = format!("`{}` is an address, and this is to be a name that points at addresses", brief(text));
            Err(Invalid::new(message, "write one like `kubernetes.example.com`"))
        }
        _ if port.is_some() => Err(Invalid::new("a DNS name has no port", format!("write `{name}`"))),
        HostPattern::Exact(rest) | HostPattern::Wildcard(rest) if !rest.contains('.') => {
            let message = format!("`{}` belongs to no zone of yours", brief(text));
            Err(Invalid::new(message, "write it in full, like `kubernetes.example.com`"))
        }
        HostPattern::Exact(_) | HostPattern::Wildcard(_) => Ok(name),
    }
}

struct Names(Vec<String>);

impl Decode for Names {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Names> {
        let nodes = reader.list(node)?;
        if nodes.len() > MAX_NAMES {
            let hint = "let the others be CNAMEs of one: `routeHosts: cname`";
            reader.error(node.place, format!("there are more than {MAX_NAMES} names"), hint);
            return None;
        }
        let mut names: Vec<String> = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            reader.within(Step::Index(index), |reader| {
                let Some(text) = reader.text(node) else { return };
                match dns_name(text) {
                    Ok(name) if names.contains(&name) => {
                        reader.warning(node.place, format!("`{name}` is named twice here"), "keep it once");
                    }
                    Ok(name) => names.push(name),
                    Err(error) => reader.invalid(node.place, error),
                }
            });
        }
        Some(Names(names))
    }

    fn schema(_: &mut Definitions) -> Value {
        let name = json!({"type": "string", "minLength": 3, "examples": ["kubernetes.example.com", "*.example.com"]});
        json!({"type": "array", "items": name, "maxItems": MAX_NAMES})
    }

    fn of_nothing() -> Option<Names> {
        Some(Names(Vec::new()))
    }
}

// === ttl ===

/// A TTL: `120`, `2m`, or `auto`, which is 1 (as Cloudflare has it).
///
/// # Errors
/// It is none, or less than 60 or more than 86,400 seconds.
pub fn dns_ttl(text: &str) -> Result<u32, Invalid> {
    if text == "auto" || text == "1" {
        return Ok(AUTOMATIC);
    }
    let hint = "write seconds from 60 to 86400, a duration like `2m`, or `auto`";
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = if is_number {
        text.parse().ok()
    } else {
        let Ok(duration) = text.parse::<Duration>() else {
            let hint = match nearest(text, ["auto"]) {
                Some(_) => "did you mean `auto`?",
                None if text.eq_ignore_ascii_case("automatic") => "did you mean `auto`?",
                None => hint,
            };
            return Err(Invalid::new(format!("`{}` is no TTL", brief(text)), hint));
        };
        let time = duration.get();
        (time.subsec_nanos() == 0).then_some(time.as_secs())
    };
    match seconds.filter(|seconds| TTL.contains(seconds)).map(u32::try_from) {
        Some(Ok(seconds)) => Ok(seconds),
        _ => Err(Invalid::new(format!("the TTL `{}` is out of range", brief(text)), hint)),
    }
}

struct Ttl(u32);

impl Decode for Ttl {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Ttl> {
        let text = reader.text(node)?;
        dns_ttl(text).map(Ttl).map_err(|error| reader.invalid(node.place, error)).ok()
    }

    fn schema(definitions: &mut Definitions) -> Value {
        let seconds = json!({"type": "integer", "minimum": TTL.start(), "maximum": TTL.end()});
        json!({"anyOf": [seconds, {"const": "auto"}, {"const": 1}, Duration::schema(definitions)]})
    }
}

// === words ===

/// One of a few words. `meant` knows what other words stand for; the nearest is found without it.
fn word<T: Copy>(
    node: &Node<'_>,
    text: &str,
    words: &[(&'static str, T)],
    meant: impl FnOnce(&str) -> Option<&'static str>,
    reader: &mut Reader<'_>,
) -> Option<T> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let hint = match meant(&text.to_ascii_lowercase()).or_else(|| nearest(text, all.iter().copied())) {
        Some(right) => format!("did you mean `{right}`?"),
        None => format!("one of {}", listed(&all)),
    };
    reader.error(node.place, format!("`{}` is not known here", brief(text)), hint);
    None
}

impl Decode for RouteHosts {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<RouteHosts> {
        let text = reader.text(node)?;
        let meant = |text: &str| match text {
            "true" | "yes" | "on" | "a" | "alias" => Some("cname"),
            "false" | "no" | "none" => Some("off"),
            _ => None,
        };
        word(node, text, &[("off", RouteHosts::Off), ("cname", RouteHosts::Cname)], meant, reader)
    }

    fn schema(_: &mut Definitions) -> Value {
        // to an editor that speaks YAML 1.1, `off` is false
        json!({"enum": ["off", "cname", false]})
    }
}

impl Decode for DnsPolicy {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<DnsPolicy> {
        let text = reader.text(node)?;
        let meant = |text: &str| text.starts_with("upsert").then_some("upsert");
        word(node, text, &[("sync", DnsPolicy::Sync), ("upsert", DnsPolicy::Upsert)], meant, reader)
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"enum": ["sync", "upsert"]})
    }
}

impl Decode for NodeAddresses {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<NodeAddresses> {
        let text = reader.text(node)?;
        let meant = |text: &str| match text {
            "public" => Some("external"),
            "private" => Some("internal"),
            "all" => Some("both"),
            _ => None,
        };
        let words = [
            ("external", NodeAddresses::External),
            ("internal", NodeAddresses::Internal),
            ("both", NodeAddresses::Both),
        ];
        word(node, text, &words, meant, reader)
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"enum": ["external", "internal", "both"]})
    }
}

// === nodes ===

record! {
    /// Which nodes, and which of their addresses.
    DnsNodesKeys("`{selector: role=web}`") {
        /// Only nodes with these labels, as `kubectl -l` takes them.
        "selector" selector: Selector,
        /// `external`: those of type ExternalIP, as far as they are public. `internal`: those of type InternalIP; `both`:
        /// of both types, private ones too.
        "addresses" addresses: NodeAddresses = "external",
        /// IPv6 addresses too, as AAAA.
        "ipv6" ipv6: bool = "true",
    }
    later []
    guessed [
        ("labels matchLabels nodeSelector label", "`selector: role=web`"),
        ("address type ip ips", "`addresses`"),
        ("cordoned", "it beside `nodes`"),
    ]
    rule json!({})
}

impl Decode for DnsNodes {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<DnsNodes> {
        let DnsNodesKeys { selector, addresses, ipv6 } = DnsNodesKeys::decode(node, reader)?;
        Some(DnsNodes { selector: selector.good(), addresses: addresses.good(), ipv6: ipv6.good() })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        DnsNodesKeys::schema(definitions)
    }

    fn of_nothing() -> Option<DnsNodes> {
        Some(DnsNodes::default())
    }
}

// === a route's ===

record! {
    /// What records the hosts of this route get.
    RouteDnsKeys("`{proxied: true}`, or `false` for no record") {
        /// Cloudflare's edge stands in front of these hosts, whatever the section `dns` says.
        "proxied" proxied: bool,
    }
    later []
    guessed [
        ("proxy", "`proxied`"),
        ("enabled", "`dns: false`, or leave `dns` out"),
        ("ttl", "it into the section `dns`, beside `routes`"),
    ]
    rule json!({"required": ["proxied"]})
}

impl Decode for RouteDns {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<RouteDns> {
        match &node.kind {
            Kind::Text(text, Style::Plain) if text == "false" => return Some(RouteDns::Off),
            Kind::Text(text, _) => {
                let hint = match text.to_ascii_lowercase().as_str() {
                    "false" | "off" | "no" | "none" => "write `false`",
                    "true" | "on" | "yes" | "cname" => {
                        "leave `dns` out: hosts get a record when the section `dns` says `routeHosts: cname`"
                    }
                    "proxied" => "write `{proxied: true}`",
                    _ => "write `false` for no record, or `{proxied: true}`",
                };
                reader.error(node.place, format!("`{}` is not known here", brief(text)), hint);
                return None;
            }
            Kind::Map(entries) if entries.is_empty() => {
                reader.error(node.place, "`dns` has no `proxied`", "write `{proxied: true}`, or leave `dns` out");
                return None;
            }
            _ => {}
        }
        let RouteDnsKeys { proxied } = RouteDnsKeys::decode(node, reader)?;
        proxied.good().map(RouteDns::Proxied)
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({"anyOf": [{"const": false}, RouteDnsKeys::schema(definitions)]})
    }
}
