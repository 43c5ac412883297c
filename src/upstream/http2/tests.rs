//! Claims about connections that are being opened, and those that nobody uses.

use std::future::poll_fn;
use std::net::TcpListener;
use std::task::Poll;

use super::super::{Policy, ResolverSettings, Settings};
use super::*;
use crate::config::{Backend, BackendName, BackendPort, BackendScheme};
use crate::telemetry::metrics::Metrics;

type Leased = Pin<Box<dyn Future<Output = Result<(Lease, bool), Error>>>>;

/// An app at this address, as one worker sees it.
struct Fixture {
    upstream: Rc<Upstream>,
    pool: Rc<Pool>,
}

impl Fixture {
    /// A request that asks for a place, up to its first wait.
    async fn ask(&self) -> Leased {
        let (upstream, pool) = (Rc::clone(&self.upstream), Rc::clone(&self.pool));
        let mut leased: Leased = Box::pin(async move { lease(&upstream, &pool, false, Duration::from_secs(3)).await });
        assert!(poll_fn(|cx| Poll::Ready(leased.as_mut().poll(cx).is_pending())).await);
        leased
    }

    fn connections(&self) -> usize {
        self.pool.connections().borrow().len()
    }
}

fn with_app<F: Future>(app: SocketAddr, claim: impl FnOnce(Fixture) -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default()).unwrap();
    runtime.block_on(async {
        let settings = Settings {
            resolver: ResolverSettings::servers(&[]),
            policy: Policy { allow_local: true },
            namespace: String::new(),
            cluster_domain: String::new(),
        };
        let upstream = Upstream::new(settings, Metrics::new().worker(), Rc::default());
        let name = BackendName::Ip(app.ip());
        let backend = Backend { scheme: BackendScheme::H2c, name, port: BackendPort::Number(app.port()) };
        let pool = upstream.pool(&backend);
        claim(Fixture { upstream, pool }).await
    })
}

#[test]
fn who_waits_for_an_opener_that_gives_up_opens_one() {
    let app = TcpListener::bind("127.0.0.1:0").unwrap();
    with_app(app.local_addr().unwrap(), async |fixture| {
        let (opener, second, third) = (fixture.ask().await, fixture.ask().await, fixture.ask().await);
        assert_eq!(fixture.connections(), 1);
        drop(opener);
        let (second, third) = tokio::join!(second, third);
        let ((second, _), (third, _)) = (second.unwrap(), third.unwrap());
        assert!(Rc::ptr_eq(&second.place.0, &third.place.0));
        assert_eq!((fixture.connections(), second.place.0.active()), (1, 2));
    });
}

#[test]
fn what_an_opener_is_told_those_who_wait_are_told_too() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    with_app(nobody, async |fixture| {
        let (opener, second) = tokio::join!(fixture.ask(), fixture.ask());
        for told in [opener.await, second.await] {
            assert!(
                matches!(told, Err(Error::Connect(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused)
            );
        }
    });
}

#[test]
fn a_stream_that_never_began_is_not_one_that_was_cancelled() {
    let app = TcpListener::bind("127.0.0.1:0").unwrap();
    with_app(app.local_addr().unwrap(), async |fixture| {
        let (lease, _) = fixture.ask().await.await.unwrap();
        let connection = Rc::clone(&lease.place.0);
        drop(lease);
        assert_eq!((connection.active(), connection.cancelled.get()), (0, 0));
    });
}

#[test]
fn a_connection_that_no_stream_uses_for_long_is_let_go() {
    let connection = Connection::opening();
    let place = Place::take(Rc::clone(&connection));
    assert!(!connection.is_idle(0) && !connection.is_idle(10 * IDLE_FOR));
    drop(place);
    assert!(!connection.is_idle(11 * IDLE_FOR) && connection.is_idle(11 * IDLE_FOR + 1));
    // a stream that came and went between two sweeps
    drop(Place::take(Rc::clone(&connection)));
    assert!(!connection.is_idle(20 * IDLE_FOR));
}
