//! The stand-in for Cloudflare behind a listener, for real processes to ask. One door: [`Cloudflare::start`].

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use gatepost::demo::cloudflare::{Access, Call, Server, serve};
use gatepost::dns::Record;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::testbed::PATIENCE;

/// Its one zone.
pub(crate) const ZONE: &str = "example.com";

/// Of the tests, none of which is long: nobody sees when they are.
const NOW: Duration = Duration::ZERO;

pub(crate) struct Cloudflare {
    server: Arc<Mutex<Server>>,
    addr: SocketAddr,
}

impl Cloudflare {
    /// On a thread of its own: a test that waits for a process lets nothing else run on its own.
    pub(crate) fn start() -> Cloudflare {
        let server = Arc::new(Mutex::new(Server::new().zone(ZONE)));
        let theirs = Arc::clone(&server);
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                serve(listener, theirs).await;
            });
        });
        Cloudflare { server, addr: told.recv().unwrap() }
    }

    /// For `CF_API_URL`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/client/v4", self.addr)
    }

    pub(crate) fn tell<R>(&self, what: impl FnOnce(&mut Server) -> R) -> R {
        what(&mut self.server.lock().unwrap())
    }

    pub(crate) fn grant(&self, token: &str, access: Access) {
        self.tell(|server| server.grant(token, access));
    }

    /// A record that somebody else has made.
    pub(crate) fn made_by_hand(&self, name: &str, kind: &str, content: &str) {
        self.tell(|server| server.add_by_hand(NOW, name, kind, content, None)).expect("a name in the zone");
    }

    /// What a name holds, sorted; what it holds twice is there twice.
    pub(crate) fn held_by(&self, name: &str) -> Vec<String> {
        let mut held = self.tell(|server| -> Vec<String> {
            server.records(name).iter().map(|record| format!("{} {}", record.kind, record.content)).collect()
        });
        held.sort_unstable();
        held
    }

    /// Waits until a name holds just this.
    pub(crate) fn holds(&self, name: &str, wanted: &[String]) {
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        let end = Instant::now() + PATIENCE;
        loop {
            let held = self.held_by(name);
            if held == wanted {
                return;
            }
            assert!(Instant::now() < end, "{name} holds {held:?} and not {wanted:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// All records, whosever they are.
    pub(crate) fn everything(&self) -> Vec<Record> {
        self.tell(|server| server.all(ZONE).to_vec())
    }

    /// The comments beside all records, each once.
    pub(crate) fn comments(&self) -> BTreeSet<Option<String>> {
        self.everything().into_iter().map(|record| record.comment).collect()
    }

    /// How many calls were made with this token.
    pub(crate) fn calls_with(&self, token: &str) -> usize {
        self.calls(|call| call.token.as_deref() == Some(token)).len()
    }

    /// How many calls with this token were to write, whether or not they did.
    pub(crate) fn writes_with(&self, token: &str) -> usize {
        self.calls(|call| call.token.as_deref() == Some(token) && is_write(call)).len()
    }

    /// What was written, call by call: the addresses or names that were put there, and how many records were deleted.
    pub(crate) fn written(&self) -> Vec<(Vec<String>, usize)> {
        let read = |call: Call| {
            let body: Value = serde_json::from_slice(&call.body).unwrap();
            let all = |part: &str| body[part].as_array().cloned().unwrap_or_default();
            let put = all("posts").iter().map(|post| post["content"].as_str().unwrap().to_owned()).collect();
            (put, all("deletes").len())
        };
        self.calls(|call| is_write(call) && call.wrote).into_iter().map(read).collect()
    }

    fn calls(&self, wanted: impl Fn(&Call) -> bool) -> Vec<Call> {
        self.tell(|server| server.calls().filter(|call| wanted(call)).cloned().collect())
    }
}

fn is_write(call: &Call) -> bool {
    call.method != "GET"
}
