//! The stand-in for Cloudflare, on an address of this machine that the nodes reach. One door: [`Cloudflare::start`].

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use gatepost::demo::cloudflare::{Access, Server, serve};
use tokio::net::TcpListener;

use crate::bed::{DNS_NAME, until};

/// Its one zone.
const ZONE: &str = "example.com";
/// What `gatepost` asks with.
pub(crate) const TOKEN: &str = "a-token-of-the-cluster-ring";
/// The bridge; the port stays, so that a second run finds the pods of the first as they should be.
const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1)), 18_100);
/// Whose name and address somebody else has written there.
pub(crate) const FOREIGN: (&str, &str) = ("mail.example.com", "192.0.2.25");

pub(crate) struct Cloudflare(Arc<Mutex<Server>>);

impl Cloudflare {
    /// With one record that is not ours.
    pub(crate) fn start() -> Cloudflare {
        let mut server = Server::new().zone(ZONE).with(TOKEN, Access::Edit);
        // a scenario may look often, and nobody here is to be taught restraint
        server.set_limit(1_000_000, Duration::from_secs(1));
        server.add_by_hand(Duration::ZERO, FOREIGN.0, "A", FOREIGN.1, None).expect("a name in the zone");
        let server = Arc::new(Mutex::new(server));
        let theirs = Arc::clone(&server);
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind(ADDRESS).await.unwrap();
                tell.send(()).unwrap();
                serve(listener, theirs).await;
            });
        });
        told.recv().expect("the address of the bridge is free");
        Cloudflare(server)
    }

    /// For `CF_API_URL`.
    pub(crate) fn url() -> String {
        format!("http://{ADDRESS}/client/v4")
    }

    /// What a name holds, sorted.
    pub(crate) fn held_by(&self, name: &str) -> Vec<String> {
        let server = self.0.lock().unwrap();
        let mut held: Vec<String> = server.records(name).iter().map(|record| record.content.to_string()).collect();
        held.sort_unstable();
        held
    }

    /// Waits until the name of the nodes holds just the addresses of these.
    pub(crate) fn holds(&self, nodes: &[&str]) {
        let wanted: Vec<String> = nodes.iter().map(|node| crate::bed::Bed::address(node)).collect();
        until(&format!("{DNS_NAME} with {wanted:?}"), || (self.held_by(DNS_NAME) == wanted).then_some(()));
    }

    /// Names of all records, whosever they are.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().all(ZONE).iter().map(|record| record.name.clone()).collect()
    }
}
