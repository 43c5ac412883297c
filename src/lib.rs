//! gatepost: an edge proxy for small Kubernetes clusters. One binary on every node, routes from a ConfigMap, live.
//!
//! This page is the plan of the house. Where the code finds a better plan, both change together.
//!
//! # Five floors; imports go down only
//!
//! ```text
//!   L4   main ─► cli ─► app, demo ─► everything below
//!   L3   proxy            admin            control             never import one another
//!   L2   upstream ─► wire                 dns                  I/O, but no listener and no Kubernetes
//!   L1   routing ─► config        message      certs           values: no tokio, no clock, no I/O
//!   L0   telemetry   lifecycle   published   backoff           leaves
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | what the operator wrote, as values that cannot be wrong; every error with its place |
//! | [`routing`] | which route a request takes: pure, no allocation on a look-up |
//! | [`certs`] | certificates from PEM to the handshake, and which one a name gets; keys of session tickets |
//! | [`message`] | one HTTP message head, whichever version it came by; strict HTTP/1; body framing |
//! | [`wire`] | one side of a request: bytes and bodies moving, deadlines |
//! | [`upstream`] | the only place from which a request leaves: resolve, pool, connect, send |
//! | [`proxy`] | listeners, connections, and each request in one straight line |
//! | [`dns`] | the cluster's names at Cloudflare: look, plan, act; the plan is pure |
//! | [`control`] | the only module that knows Kubernetes: the watch, Events; and the same from a file |
//! | [`admin`] | liveness, readiness, metrics, status, on an address of its own; probes of the own pod |
//! | [`lifecycle`] | signals, readiness, who may write outside, the order in which the process ends, who takes its listeners |
//! | [`published`] | how a whole value reaches those who work by it |
//! | [`telemetry`] | log, access log, metrics, the one `spawn` |
//! | [`backoff`] | waits between tries |
//!
//! `wire` is not in the first plan: the client's side and the app's side of a request need the same calls, and `proxy`
//! and `upstream` had to write them twice without it.
//!
//! # Threads
//!
//! The data plane has one OS thread per worker, each with a single-threaded runtime, its own listeners
//! (`SO_REUSEPORT`) and its own connection pools. Workers share nothing on the request path but immutable snapshots and
//! counters of which each has its own. The control plane has a thread of its own, so that a busy data plane never delays
//! a probe, and a heavy reload never delays a request. Values cross as whole, checked snapshots; a worker notices a new
//! one by one atomic load per request, and keeps for itself what it needs of each route (`proxy::table`), so that no
//! reference count is shared either. Whose turn it is to write is put off until all that has arrived is read
//! (`wire::others_first`): who gets many small writes is woken once.
//!
//! # A request, in one straight line
//!
//! ```text
//! proxy::listener     accept, limits
//!  └ connection       PROXY header, handshake (proxy::tls); HTTP/1.1, or HTTP/2 by ALPN or by its preface
//!     └ http1 | http2     HTTP/1.1 is ours and stays in the connection's task; HTTP/2 is hyper's, a task a stream
//!        └ service::handle      the file to read first: table, target, route, https, admission, answer or app, headers, relay
//!           └ upstream::send    pool or connect; the body goes up while the head of the answer is waited for
//!              └ relay          both bodies until both have ended; or a tunnel
//! ```
//!
//! # A change, in the other straight line
//!
//! ```text
//! control::config_map | control::file ─► control::applier: config::parse ─► settle ─► RouteTable::build ─► publish
//! ```
//!
//! Certificates travel in the same way: `control` makes a `certs::Store` of what Secrets or files hold, and publishes it.
//!
//! Nodes and their pods travel likewise, in the one process that leads: `control` looks, `dns` plans and writes.
//!
//! `dns` has no `Provider` to be implemented, as the first plan had it: there is one provider, and a seam below its client
//! (`dns::Transport`) has its pages, error codes and faults under test too.
//!
//! # Invariants
//!
//! 1. One writer per published value; a value is complete and checked before it is published.
//! 2. A request is decided by one generation of the table and keeps its route to its last byte, never the table.
//! 3. A table holds no state. Pools and counters live under stable keys and survive every reload.
//! 4. The data plane serves with the API server and DNS gone: last good table, last good addresses.
//! 5. A refused change alters nothing that serves. An accepted change closes no connection whose route is unchanged.
//! 6. Listeners are bound once, or taken from the process before; no reload re-binds, and no replacement loses a client.
//! 7. Outside systems get the smallest diff, computed by a pure plan; inside, whole values are swapped. Only the leader
//!    writes to them, and its right to ends before another one can have it.
//! 8. Everything has a bound: every queue, buffer, header set, table, wait and retry.
//! 9. Strangers cannot write warnings: what a client did wrong is a debug line and a metric.
//! 10. A panic ends one connection.
//!
//! # Where is it?
//!
//! | question | file |
//! |---|---|
//! | What happens to a request, in which order? | `src/proxy/service.rs` |
//! | Why 502, 503 or 504? | `src/proxy/error.rs` |
//! | Which route won? | `src/routing/table.rs`, shown by `src/routing/explain.rs` |
//! | What is a path, for matching and for the app? | `src/routing/target.rs`, `src/routing/canonical.rs` |
//! | How is `X-Forwarded-For` built, who is the client? | `src/proxy/headers.rs`, `src/proxy/forwarded.rs` |
//! | Which certificate does a name get? | `src/certs/store.rs`, `src/proxy/tls.rs` |
//! | Why 421, why a redirect to https? | `src/proxy/https.rs`, `src/routing/https.rs` |
//! | What happens to a broken Secret? | `src/control/certificates.rs`, `src/control/certificates/judge.rs` |
//! | When does every node have a certificate? | `src/control/status/agreement.rs` |
//! | Which process writes to what all share? | `src/control/leader.rs`, `src/lifecycle/leadership.rs` |
//! | Which key seals a session ticket? | `src/control/tickets/keys.rs` |
//! | Which requests are refused as ambiguous? | `src/message/parse.rs`, `src/message/semantics.rs`, `src/message/reader.rs` |
//! | What happens to a bad ConfigMap? | `src/control/applier.rs`, `src/config/settle.rs` |
//! | Which keys does the routes file have? | `src/config/keys.rs`, and `config/full.yaml` with comments |
//! | When is a request sent again? | `src/upstream/send.rs` |
//! | How many connections to an app are kept, and for how long? | `src/upstream/idle.rs` |
//! | In which order does a worker read and write? | `src/wire/turn.rs` |
//! | Who gives memory, and when does it go back? | `src/main.rs` |
//! | Which addresses are refused as backends? | `src/upstream/address.rs` |
//! | Which nodes get a record, and which lose it? | `src/control/nodes.rs`, `src/dns/wanted.rs`, `src/dns/plan.rs` |
//! | Why is an address held? | `src/dns/holds.rs` |
//! | In which order are records written? | `src/dns/apply.rs` |
//! | Whose record is it? | `src/dns/mark.rs` |
//! | Who leads, and until when may it write? | `src/control/leader.rs`, `src/lifecycle/leadership.rs` |
//! | Which networks are Cloudflare's? | `src/config/cloudflare.rs`, `src/app/leading.rs` |
//! | How long may anything take? | `src/wire/deadline.rs`, `src/proxy/connection.rs` |
//! | Is this pod ready, and who is asked? | `src/admin/probe.rs` |
//! | What is served while the API server is away? | `src/control/state.rs`, `src/control/secret_dir.rs` |
//! | How does the process end? | `src/lifecycle/stages.rs`, `src/proxy/worker/ending.rs` |
//! | How does one process take the place of another? | `src/lifecycle/handover/mod.rs`, `src/app/starting.rs` |
//! | What is in a line of the access log? | `src/telemetry/access.rs`, `src/proxy/exchange.rs` |

pub mod admin;
pub mod app;
pub mod backoff;
pub mod certs;
pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod dns;
pub mod lifecycle;
pub mod message;
pub mod proxy;
pub mod published;
pub mod routing;
pub mod telemetry;
pub mod upstream;
pub mod wire;
