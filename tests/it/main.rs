//! The second ring: the real data plane in this process, on real sockets, with clients and apps that do exactly what a
//! test tells them. `support` is the language; each module is one subject.
#![allow(clippy::unwrap_used, reason = "a test fails where it is wrong")]
#![allow(missing_docs, unreachable_pub, reason = "nothing outside of this binary sees it")]

mod actions;
mod bodies;
mod dns_cloudflare;
mod dns_cloudflare_faults;
mod dns_sync;
mod dns_sync_faults;
mod dns_sync_holds;
mod dns_sync_hosts;
mod dns_sync_leading;
mod dns_sync_order;
mod drain;
mod failures;
mod fields;
mod h2spec;
mod handover;
mod handover_end;
mod handover_hostile;
mod http2;
mod interim;
mod last_good;
mod limits;
mod log;
mod messages;
mod names;
mod prepare_node;
mod probe;
mod proxy_protocol;
mod refused;
mod retry;
mod routing;
mod support;
mod tls_authority;
mod tls_clients;
mod tls_handshake;
mod tls_hostile;
mod tls_https;
mod tls_messages;
mod tls_sessions;
mod websocket;
