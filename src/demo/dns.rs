//! The demo's names: a stand-in for Cloudflare on a thread of its own, and this machine as its one node. One door:
//! [`start`].

use std::io;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;

use super::cloudflare::{self, Access, Server};
use crate::app::DnsSettings;
use crate::dns::{Addresses, Flags, Node};

/// The zone that every host of the demo is in.
const ZONE: &str = "localhost";

/// What hosts of the routes point at; a section that is added to the routes.
pub(super) const SECTION: &str = "
# Every host above gets a record at the demo's stand-in for Cloudflare, which the banner says how to look at.
dns:
  names: [nodes.demo.localhost]
  routeHosts: cname
  nodes: {addresses: internal}
";

/// Starts the stand-in, which runs until the process ends. Gives how it is asked, and what a person may type for that.
///
/// # Errors
/// The system gives no port or no thread.
pub(super) fn start() -> io::Result<(DnsSettings, String)> {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let endpoint = format!("http://{}/client/v4", listener.local_addr()?);
    let server = Server::new().zone(ZONE).with(cloudflare::TOKEN, Access::Edit);
    let zone = server.zone_id(ZONE).unwrap_or_default().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("demo cloudflare".to_owned()).spawn(move || {
        runtime.block_on(async {
            if let Ok(listener) = TcpListener::from_std(listener) {
                cloudflare::serve(listener, Arc::new(Mutex::new(server))).await;
            }
        });
    })?;
    let token = cloudflare::TOKEN;
    let show = format!("curl -H 'Authorization: Bearer {token}' {endpoint}/zones/{zone}/dns_records");
    let flags = Flags { addresses: Some(Addresses::Internal), ..Flags::default() };
    let settings =
        DnsSettings { flags, token: Some(token.to_owned()), endpoint: Some(endpoint), ..DnsSettings::default() };
    Ok((settings, show))
}

/// This machine.
pub(super) fn node() -> Node {
    Node {
        name: "demo".to_owned(),
        internal: vec![Ipv4Addr::LOCALHOST.into()],
        is_ready: true,
        serves: true,
        ..Node::default()
    }
}
