//! Entries of `routes`, each read by itself: a good one is a [`Draft`], a bad one leaves what is known of it. One door:
//! [`Routes`].

use serde_json::{Value, json};

use super::action::Split;
use super::file::{Kind, Node};
use super::https::Hsts;
use super::keys::RouteKeys;
use super::problem::Place;
use super::read::{Decode, Field, Reader, Step};
use super::schema::Definitions;
use super::units::OrNone;
use super::{
    Action, Backend, Conditions, Defaults, FieldEdits, HeaderEdits, HostPattern, Https, PartialTimeouts, PathPattern,
    PathRewrite, Redirect, Respond, Rewrite, Route, RouteDns, Size, Timeouts, Weighted,
};

/// Routes of one file.
pub(super) const MAX_ROUTES: usize = 100_000;

/// All entries, in file order.
#[derive(Debug)]
pub(super) struct Routes(pub(super) Vec<Slot>);

/// One entry.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) place: Place,
    /// Of the file that is shown.
    pub(super) line: u32,
    pub(super) content: Content,
}

/// What could be read of an entry.
#[derive(Debug)]
pub(super) enum Content {
    Good(Box<Draft>),
    /// Something in it is wrong, but not what it is for.
    Bad(Identity),
    /// Its hosts are known; which of their requests it is for is not.
    Covers(Vec<HostPattern>),
    /// Nobody knows which hosts it is for.
    Lost,
}

/// What a route is for. Of two routes with the same host, path and conditions the later one is bad.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) hosts: Vec<HostPattern>,
    pub(super) path: PathPattern,
    pub(super) conditions: Conditions,
}

/// A good route before it is joined with the defaults.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) identity: Identity,
    action: Action,
    rewrite: Rewrite,
    headers: HeaderEdits,
    timeouts: PartialTimeouts,
    max_body: Option<Option<u64>>,
    log: bool,
    https: Option<Https>,
    hsts: Option<std::time::Duration>,
    dns: RouteDns,
}

impl Decode for Routes {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Routes> {
        let nodes = reader.list(node)?;
        if nodes.len() > MAX_ROUTES {
            reader.error(
                node.place,
                format!("there are more than {MAX_ROUTES} routes"),
                "one gatepost is not meant for as many",
            );
            return None;
        }
        let mut slots = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let content = reader.within(Step::Index(index), |reader| content(node, reader));
            slots.push(Slot { place: node.place, line: reader.shown(node.place).line, content });
        }
        Some(Routes(slots))
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({"type": "array", "items": RouteKeys::schema(definitions), "maxItems": MAX_ROUTES})
    }

    fn of_nothing() -> Option<Routes> {
        Some(Routes(Vec::new()))
    }
}

fn content<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Content {
    let before = reader.errors();
    let Some(keys) = RouteKeys::decode(node, reader) else { return Content::Lost };
    let RouteKeys {
        host,
        hosts,
        path,
        conditions,
        backend,
        backends,
        redirect,
        respond,
        rewrite,
        headers,
        timeouts,
        max_body,
        log,
        https,
        hsts,
        dns,
    } = keys;
    // a wrong key is likely the one that is missing, and has been told
    let missing = (!has_wrong_key(node, RouteKeys::KEYS, RouteKeys::LATER)).then_some(node.place);
    let no_host = ("this route has no `host`", "write `host: www.example.com`, or `host: \"*\"` for every host");
    let hosts = all_hosts(missing.map(|place| (place, no_host)), host, hosts, reader);
    let known = !path.is_bad() && !conditions.is_bad();
    let path = path.good().unwrap_or_else(|| PathPattern::Prefix("/".to_owned()));
    let conditions = conditions.good().unwrap_or_default();
    let action = action(missing, (backend, backends, redirect, respond), reader);
    let rewrite = rewrite_of(rewrite, &path, action.as_ref(), known, reader);
    let hsts_place = hsts.place();
    let (https, hsts) = (https.good(), hsts.good().map(|Hsts { max_age }| max_age));
    if let (Some(place), Some(Https::Allow)) = (hsts_place, https) {
        let message = "browsers that come in clear never get `hsts`: it is sent over https only, and `https: allow` keeps \
                       them where they are";
        reader.warning(place, message, "write `https: redirect`, or leave one of them out");
    }
    let Some(hosts) = hosts else { return Content::Lost };
    match action {
        _ if !known => Content::Covers(hosts),
        Some(action) if reader.errors() == before => Content::Good(Box::new(Draft {
            identity: Identity { hosts, path, conditions },
            action,
            rewrite,
            headers: headers.good().unwrap_or_default(),
            timeouts: timeouts.good().unwrap_or_default(),
            max_body: max_body.good().map(|OrNone(size)| size.map(|Size(bytes)| bytes)),
            log: log.good().unwrap_or(true),
            https,
            hsts,
            dns: dns.good().unwrap_or_default(),
        })),
        _ => Content::Bad(Identity { hosts, path, conditions }),
    }
}

/// There is a key that nobody knows.
pub(super) fn has_wrong_key(node: &Node<'_>, keys: &[&str], later: &[&str]) -> bool {
    let Kind::Map(entries) = &node.kind else { return false };
    let right = |key: &str| keys.contains(&key) || later.contains(&key);
    entries.iter().any(|entry| !right(&entry.key))
}

/// `host` and `hosts` together; `None` when one of them is not known for sure. `missing` is where, and with which message
/// and hint, it is told that there are none.
pub(super) fn all_hosts<H: Into<HostPattern>>(
    missing: Option<(Place, (&str, &str))>,
    host: Field<H>,
    hosts: Field<Vec<H>>,
    reader: &mut Reader<'_>,
) -> Option<Vec<HostPattern>> {
    let several = hosts.place();
    match (host.place(), several) {
        (None, None) => {
            if let Some((place, (message, hint))) = missing {
                reader.error(place, message, hint);
            }
            return None;
        }
        (Some(_), Some(several)) => reader.error(several, "`host` and `hosts` are the same", "keep one of them"),
        _ => {}
    }
    if host.is_bad() || hosts.is_bad() {
        return None;
    }
    let (host, hosts) = (host.good(), hosts.good().unwrap_or_default());
    let mut all: Vec<HostPattern> = Vec::with_capacity(1 + hosts.len());
    let mut seen = foldhash::HashSet::default();
    for host in host.into_iter().chain(hosts).map(H::into) {
        if seen.insert(host.clone()) {
            all.push(host);
        } else if let Some(place) = several {
            reader.error(place, format!("the host `{host}` is named twice here"), "keep it once");
        }
    }
    if let (Some(place), true) = (several, all.is_empty()) {
        reader.error(place, "there is no host in this list", "write `host: www.example.com`");
        return None;
    }
    Some(all)
}

type Actions = (Field<Backend>, Field<Split>, Field<Redirect>, Field<Respond>);

/// The one action. What is wrong inside of it has been told.
fn action(
    missing: Option<Place>,
    (backend, backends, redirect, respond): Actions,
    reader: &mut Reader<'_>,
) -> Option<Action> {
    let written = [
        ("backend", backend.place()),
        ("backends", backends.place()),
        ("redirect", redirect.place()),
        ("respond", respond.place()),
    ];
    let mut written = written.into_iter().filter_map(|(key, place)| Some((key, place?)));
    match (written.next(), written.next()) {
        (None, _) => {
            if let Some(place) = missing {
                let message = "this route does nothing: it has neither `backend`, `backends`, `redirect` nor `respond`";
                reader.error(place, message, "write `backend: my-app:8080`");
            }
            return None;
        }
        (Some((first, _)), Some((second, place))) => {
            let hint = "a route has one action; write a second route, or `backends` for several apps";
            reader.error(place, format!("`{second}` stands beside `{first}`"), hint);
            return None;
        }
        _ => {}
    }
    let one = backend.good().map(|to| Action::Forward(vec![Weighted { to, weight: 1 }]));
    let several = || backends.good().map(|Split(targets)| Action::Forward(targets));
    one.or_else(several)
        .or_else(|| redirect.good().map(Action::Redirect))
        .or_else(|| respond.good().map(Action::Respond))
}

fn rewrite_of(
    rewrite: Field<Rewrite>,
    path: &PathPattern,
    action: Option<&Action>,
    known: bool,
    reader: &mut Reader<'_>,
) -> Rewrite {
    let Some(place) = rewrite.place() else { return Rewrite::default() };
    let rewrite = rewrite.good().unwrap_or_default();
    let of_prefix = matches!(rewrite.path, PathRewrite::StripPrefix | PathRewrite::ReplacePrefix(_));
    if of_prefix && known && !matches!(path, PathPattern::Prefix(_)) {
        let hint = "write the path as a prefix, like `path: /api`, or use `rewrite: {path: /x}`";
        reader.error(place, "`stripPrefix` and `prefix` need a path that is a prefix", hint);
    }
    if matches!(action, Some(Action::Redirect(_) | Action::Respond(_))) {
        reader.warning(place, "`rewrite` changes what an app gets, and this route has no app", "leave it out");
    }
    rewrite
}

// === impl Content ===

impl Content {
    /// What the entry is for, when that is known whole.
    pub(super) fn identity(&self) -> Option<&Identity> {
        match self {
            Content::Good(draft) => Some(&draft.identity),
            Content::Bad(identity) => Some(identity),
            Content::Covers(_) | Content::Lost => None,
        }
    }

    /// Something was found wrong after it was read.
    pub(super) fn spoil(&mut self) {
        if let Content::Good(draft) = self {
            *self = Content::Bad(draft.identity.clone());
        }
    }
}

// === impl Draft ===

impl Draft {
    /// The route, with what it does not say from `defaults`.
    pub(super) fn complete(self, line: u32, defaults: &Defaults) -> Route {
        let Draft { identity, action, rewrite, headers, timeouts, max_body, log, https, hsts, dns } = self;
        let Identity { hosts, path, conditions } = identity;
        let Defaults {
            timeouts: default_timeouts,
            max_body: default_max_body,
            headers: default_headers,
            via,
            https: default_https,
        } = defaults;
        Route {
            line,
            hosts,
            path,
            conditions,
            action,
            rewrite,
            headers: HeaderEdits {
                request: joined(headers.request, &default_headers.request),
                response: joined(headers.response, &default_headers.response),
            },
            timeouts: timeouts.over(default_timeouts.clone().over(Timeouts::default())),
            max_body: max_body.unwrap_or(*default_max_body),
            via: *via,
            log,
            https: https.unwrap_or(*default_https),
            hsts,
            dns,
        }
    }
}

impl Route {
    /// For all requests of these hosts and paths. It changes nothing of them and bounds no body, whatever a file's `defaults`
    /// would be.
    pub fn new(line: u32, hosts: Vec<HostPattern>, path: PathPattern, action: Action) -> Route {
        Route {
            line,
            hosts,
            path,
            conditions: Conditions::default(),
            action,
            rewrite: Rewrite::default(),
            headers: HeaderEdits::default(),
            timeouts: Timeouts::default(),
            max_body: None,
            via: false,
            log: true,
            https: Https::Auto,
            hsts: None,
            dns: RouteDns::default(),
        }
    }
}

fn joined(own: FieldEdits, default: &FieldEdits) -> FieldEdits {
    if *default == FieldEdits::default() { own } else { own.after(default) }
}

impl PartialTimeouts {
    fn over(self, before: Timeouts) -> Timeouts {
        let PartialTimeouts { connect, first_byte, idle, request, tunnel } = self;
        Timeouts {
            connect: connect.unwrap_or(before.connect),
            first_byte: first_byte.unwrap_or(before.first_byte),
            idle: idle.unwrap_or(before.idle),
            request: request.unwrap_or(before.request),
            tunnel: tunnel.unwrap_or(before.tunnel),
        }
    }
}
