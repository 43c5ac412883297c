//! The file one-to-one: its sections and the keys of a route. One door: [`File`].

use serde_json::{Value, json};

use super::action::Split;
use super::fields::{AnyField, AnyText, Named, field_name};
use super::file::Node;
use super::https::Hsts;
use super::read::{Decode, Reader, brief};
use super::record::record;
use super::route::Routes;
use super::schema::{Definitions, one_of};
use super::sections::DrainTimes;
use super::units::OrNone;
use super::{
    AccessLog, Backend, Conditions, Defaults, Dns, HeaderEdits, HostPattern, Https, Limits, PartialTimeouts,
    PathPattern, Redirect, Respond, Rewrite, RouteDns, Size, Tls, Trust, ValuePattern,
};

record! {
    /// Which request goes to which app, and how gatepost treats clients.
    pub(super) File("`routes:` with a list of routes below it") {
        /// Which request goes where. The most special host and path win, whatever the order.
        "routes" routes: Routes,
        /// What every route gets that does not say otherwise.
        "defaults" defaults: Defaults,
        /// Whose word about the client is believed.
        "trust" trust: Trust,
        /// Bounds on what clients may do.
        "limits" limits: Limits,
        /// How long things may take to end.
        "drain" drain: DrainTimes,
        /// What the access log says.
        "accessLog" access_log: AccessLog,
        /// Which certificates there are and for whom, and how TLS is spoken.
        "tls" tls: Tls,
        /// Which names at Cloudflare point at the nodes.
        "dns" dns: Dns,
    }
    later []
    guessed [
        ("http", "`routes` at the top"),
        ("rules server servers sites", "`routes`"),
        ("log logging", "`accessLog`"),
        ("timeouts headers maxBody https", "it into `defaults`"),
        ("ssl certificates certificate certs", "`tls: {certificates: …}`"),
        ("cloudflare externalDns external_dns", "`dns: {names: …}`"),
    ]
    rule json!({})
}

record! {
    /// One route: hosts and paths, and what happens to their requests.
    pub(super) RouteKeys("`host: www.example.com` with `backend: my-app:8080` below it") {
        /// Exact name, `*.example.com` (one or more labels, never the bare domain), or `*`.
        "host" host: HostPattern,
        /// The same for several names.
        "hosts" hosts: Vec<HostPattern>,
        /// A prefix by whole segments (`/api` has `/api` and `/api/x`, not `/apix`), or `{exact: /x}`, or
        /// `{regex: "/v[0-9]+/.*"}`.
        "path" path: PathPattern = "/",
        /// Further conditions; all must hold.
        "match" conditions: Conditions,
        /// Where requests go: `[scheme://]NAME:port`, scheme `http` or `h2c`. `app` and `app.namespace` are Services; a
        /// name with a dot at its end is a DNS name outside the cluster.
        "backend" backend: Backend,
        /// Several apps with a share each.
        "backends" backends: Split,
        /// Sends the client elsewhere.
        "redirect" redirect: Redirect,
        /// Answers without any app.
        "respond" respond: Respond,
        /// How a request changes on its way to the app.
        "rewrite" rewrite: Rewrite,
        /// Edits of header fields.
        "headers" headers: HeaderEdits,
        /// How long each phase may take.
        "timeouts" timeouts: PartialTimeouts,
        /// Largest request body; more is 413.
        "maxBody" max_body: OrNone<Size> = "none",
        /// Whether requests are in the access log.
        "log" log: bool = "true",
        /// What becomes of a request in clear: `redirect` (308 to https), `allow` (served as any other), `only` (403).
        /// When it is left out: `redirect` when a loaded certificate covers the host on every node, else `allow`.
        "https" https: Https,
        /// Tells browsers to come by https only. Off when it is left out.
        "hsts" hsts: Hsts,
        /// What record at Cloudflare the hosts get: none with `false`, a proxied one with `{proxied: true}`; as the section
        /// `dns` has it when it is left out.
        "dns" dns: RouteDns,
    }
    later [
        "buffer", "retry", "balance", "sticky", "resolve", "health", "upstreamTls",
        "upstreamProxyProtocol", "allow", "deny", "rateLimit", "concurrency", "auth", "cors", "compress", "errors",
        "maintenance", "mirror"
    ]
    guessed [
        ("service upstream proxy_pass proxyPass reverse_proxy to target app url server", "`backend`"),
        ("upstreams services", "`backends`"),
        ("domain server_name serverName hostname name", "`host`"),
        ("domains hostnames", "`hosts`"),
        ("location prefix pathPrefix", "`path`"),
        ("return", "`respond` or `redirect`"),
        ("response", "`respond`"),
        ("stripPrefix strip_prefix", "`rewrite: {stripPrefix: true}`"),
        ("methods method", "`match: {methods: […]}`"),
        ("query", "`match: {query: …}`"),
        ("timeout", "`timeouts: {request: …}`"),
        ("client_max_body_size", "`maxBody`"),
        ("access_log", "`log`"),
        ("port", "the port into `backend`: `my-app:8080`"),
        ("weight", "`backends: [{to: …, weight: …}]`"),
        (
            "tls ssl certs cert certificates certificate cert_file certFile key_file keyFile ssl_certificate sslCertificate \
             ssl_certificate_key secret secretName",
            "`certificates` in the section `tls`, beside `routes`"
        ),
        ("clientCa client_ca ssl_client_certificate mtls", "`clientCa` in an entry of `tls.certificates`"),
        (
            "forceSSL forceSsl force_ssl sslRedirect ssl_redirect ssl-redirect force-ssl-redirect forceHttps forceHTTPS \
             force_https httpsRedirect https_redirect redirectToHttps",
            "`https: redirect`"
        ),
        (
            "strict_transport_security strictTransportSecurity Strict-Transport-Security strict-transport-security",
            "`hsts: {maxAge: 365d}`"
        ),
    ]
    rule json!({"allOf": [one_of(&["host", "hosts"]), one_of(&["backend", "backends", "redirect", "respond"])]})
}

/// A method as it is sent. Known ones may be written in lower case; methods of one's own mean their case.
struct MethodName(String);

impl Decode for MethodName {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<MethodName> {
        const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
        let text = reader.text(node)?;
        let upper = text.to_ascii_uppercase();
        if matches!(upper.as_str(), "CONNECT" | "TRACE") {
            reader.error(node.place, format!("gatepost refuses every {upper} request"), "leave it out");
            return None;
        }
        if KNOWN.contains(&upper.as_str()) {
            return Some(MethodName(upper));
        }
        if field_name(text).is_err() {
            reader.error(node.place, format!("`{}` is no method", brief(text)), "write it like `GET`");
            return None;
        }
        Some(MethodName(text.to_owned()))
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "string", "examples": ["GET", "POST"]})
    }
}

record! {
    /// Further conditions; all must hold.
    MatchKeys("`{methods: [GET]}`") {
        /// Any of these methods.
        "methods" methods: Vec<MethodName>,
        /// Header fields and what their value must be: a text, `{regex: …}` or `present`.
        "headers" headers: Named<AnyField, ValuePattern>,
        /// Parameters of the query and what their value must be: a text, `{regex: …}` or `present`.
        "query" query: Named<AnyText, ValuePattern>,
    }
    later []
    guessed [
        ("method", "`methods: […]`"),
        ("header", "`headers`"),
        ("params", "`query`"),
        ("host path", "it beside `match`"),
    ]
    rule json!({})
}

impl Decode for Conditions {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Conditions> {
        let MatchKeys { methods, headers, query } = MatchKeys::decode(node, reader)?;
        let every = methods.place().filter(|_| !methods.is_bad());
        let mut methods: Vec<String> =
            methods.good().unwrap_or_default().into_iter().map(|MethodName(name)| name).collect();
        if let (Some(place), true) = (every, methods.is_empty()) {
            reader.error(place, "no method at all is allowed here", "leave `methods` out for every method");
        }
        methods.sort();
        methods.dedup();
        let sorted = |mut pairs: Vec<(String, ValuePattern)>| {
            pairs.sort();
            pairs
        };
        Some(Conditions {
            methods,
            headers: sorted(headers.good().map(Named::into_pairs).unwrap_or_default()),
            query: sorted(query.good().map(Named::into_pairs).unwrap_or_default()),
        })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        MatchKeys::schema(definitions)
    }
}
