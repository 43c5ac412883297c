//! Cloudflare's client over real connections: what it asks, what it makes of the answers, and what it never shows.

use std::sync::Arc;
use std::time::Duration;

use gatepost::demo::cloudflare::{Access, Fault as Fails, On, Server};
use gatepost::dns::{
    Batch, Cloudflare, Credentials, Draft, Error, Fault, Https, Mark, Patch, Permission, Post, Record, RecordType,
    Transport, Usage, Which, Zone,
};
use rustls::RootCertStore;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::support::cloudflare::{Listening, TOKEN, cloudflare, credentials, permit, world};
use crate::support::{Ca, PROVIDER};

const NOW: Duration = Duration::ZERO;

fn post(name: &str, kind: RecordType, content: &str, comment: &str) -> Post {
    let record = Draft { name: name.to_owned(), kind, content: content.to_owned(), ttl: 120, proxied: false };
    Post { record, comment: comment.to_owned() }
}

fn posts(posts: Vec<Post>) -> Batch {
    Batch { posts, ..Batch::default() }
}

fn a(name: &str, content: &str) -> Batch {
    posts(vec![post(name, RecordType::A, content, "")])
}

async fn first_zone<T: Transport>(client: &mut Cloudflare<T>) -> Zone {
    client.zones(&permit()).await.unwrap().swap_remove(0)
}

fn names(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.name.as_str()).collect()
}

#[tokio::test]
async fn zones_records_usage_and_networks_are_read_over_one_connection() {
    let cloud = cloudflare(world()).await;
    cloud.server.tell(|server| server.add_by_hand(NOW, "www.example.com", "A", "192.0.2.1", None));
    let (mut client, permit) = (cloud.client(), permit());
    let zones = client.zones(&permit).await.unwrap();
    assert_eq!(zones.iter().map(|zone| zone.name.as_str()).collect::<Vec<_>>(), ["example.com", "example.org"]);
    let records = client.records(&permit, &zones[0], Which::All).await.unwrap();
    assert_eq!((names(&records), records[0].zone.clone()), (vec!["www.example.com"], zones[0].id.clone()));
    let usage = client.usage(&permit, &zones[0]).await.unwrap();
    assert_eq!(usage, Some(Usage { used: 1, quota: 200 }));
    assert_eq!(client.networks(&permit).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_batch_posts_patches_and_deletes_and_tells_what_has_become() {
    let cloud = cloudflare(world()).await;
    let (mut client, permit) = (cloud.client(), permit());
    let zone = first_zone(&mut client).await;
    let made = posts(vec![
        post("a.example.com", RecordType::A, "192.0.2.1", "gatepost:0"),
        post("b.example.com", RecordType::Aaaa, "2001:DB8::1", "gatepost:0"),
        post("*.c.example.com", RecordType::Cname, "a.example.com", "gatepost:0"),
    ]);
    let made = client.batch(&permit, &zone, &made).await.unwrap();
    assert_eq!(made[1].content, "2001:db8::1");
    let to = Draft { content: "192.0.2.2".to_owned(), ..post("a.example.com", RecordType::A, "", "").record };
    let patch = Patch { id: made[0].id.clone(), to, comment: "gatepost:0 x".to_owned() };
    let deletes = vec![made[1].id.clone(), made[2].id.clone()];
    let changed = client.batch(&permit, &zone, &Batch { deletes, patches: vec![patch], posts: Vec::new() }).await;
    let changed = changed.unwrap();
    assert_eq!((changed.len(), changed[0].content.as_str()), (1, "192.0.2.2"));
    assert_eq!(cloud.server.tell(|server| server.all("example.com").to_vec()), changed);
}

#[tokio::test]
async fn a_list_of_many_pages_is_read_to_its_end() {
    let many = (0..120).fold(Server::new(), |server, n| server.zone(&format!("zone-{n:03}.example")));
    let cloud = cloudflare(many.with(TOKEN, Access::Edit)).await;
    let zones = cloud.client().zones(&permit()).await.unwrap();
    assert_eq!((zones.len(), zones[119].name.as_str()), (120, "zone-119.example"));
    assert_eq!(cloud.server.asked().len(), 3);
}

#[tokio::test]
async fn only_records_with_the_mark_are_listed_and_the_filter_is_not_believed() {
    let cloud = cloudflare(world()).await;
    let mark = Mark::new("one", "gatepost");
    cloud.server.tell(|server| {
        for (name, comment) in [
            ("ours.example.com", format!("{mark} by hand")),
            ("loud.example.com", mark.to_string().to_uppercase()),
            ("told.example.com", format!("not {mark}")),
            ("other.example.com", Mark::new("two", "gatepost").to_string()),
        ] {
            server.add_by_hand(NOW, name, "A", "192.0.2.1", Some(&comment));
        }
        server.add_by_hand(NOW, "bare.example.com", "A", "192.0.2.1", None);
    });
    let mut client = cloud.client();
    let zone = first_zone(&mut client).await;
    let marked = client.records(&permit(), &zone, Which::Marked(&mark)).await.unwrap();
    assert_eq!(names(&marked), ["ours.example.com"]);
}

#[tokio::test]
async fn records_of_types_that_are_not_ours_are_listed_and_fail_nothing() {
    let cloud = cloudflare(world()).await;
    cloud.server.tell(|server| {
        server.add_by_hand(NOW, "example.com", "CAA", "0 issue \"letsencrypt.org\"", None);
        server.add_by_hand(NOW, "example.com", "HTTPS", "1 . alpn=h2", None);
    });
    let mut client = cloud.client();
    let zone = first_zone(&mut client).await;
    let records = client.records(&permit(), &zone, Which::All).await.unwrap();
    let kinds: Vec<&str> = records.iter().map(|record| record.kind.as_str()).collect();
    assert_eq!(kinds, ["CAA", "HTTPS"]);
}

#[tokio::test]
async fn a_batch_that_is_refused_has_changed_nothing_and_keeps_cloudflares_code() {
    let cloud = cloudflare(world()).await;
    let (mut client, permit) = (cloud.client(), permit());
    let zone = first_zone(&mut client).await;
    client.batch(&permit, &zone, &a("a.example.com", "192.0.2.1")).await.unwrap();
    cloud.server.tell(|server| server.set_quota("example.com", 2));
    let cname = |name: &str| post(name, RecordType::Cname, "x.example.net", "");
    let b = || post("b.example.com", RecordType::A, "192.0.2.1", "");
    let long = post("c.example.com", RecordType::A, "192.0.2.1", &"x".repeat(101));
    let gone = Batch { deletes: vec!["0".repeat(32)], posts: vec![b()], ..Batch::default() };
    for (batch, expected) in [
        (posts(vec![b(), post("a.example.com", RecordType::A, "192.0.2.1", "")]), 81_058),
        (posts(vec![b(), cname("a.example.com")]), 81_053),
        (posts(vec![b(), cname("b.example.com")]), 81_053),
        (posts(vec![b(), long]), 1004),
        (posts(vec![b(), post("c.example.com", RecordType::A, "192.0.2.1", "")]), 81_045),
        (gone, 81_044),
    ] {
        let error = client.batch(&permit, &zone, &batch).await.unwrap_err();
        let Error::Refused { code, .. } = error else { panic!("{expected}: {error}") };
        assert_eq!(code, expected);
        assert_eq!(names(cloud.server.tell(|server| server.all("example.com").to_vec()).as_slice()), ["a.example.com"]);
    }
}

#[tokio::test]
async fn credentials_that_are_wrong_or_may_not_are_told_by_the_permission_that_is_missing() {
    let cloud = cloudflare(world().with("reads", Access::Read).with("blind", Access::NoZones)).await;
    let with = |token: &str| cloud.client_with(credentials(token));
    for token in ["nobody-has-it", "of+the/wrong=form"] {
        let error = with(token).zones(&permit()).await.unwrap_err();
        assert!(matches!(error, Error::Denied(Permission::Invalid(_))), "{token}: {error:?}");
    }
    let error = with("blind").zones(&permit()).await.unwrap_err();
    assert!(matches!(error, Error::Denied(Permission::ZoneRead(_))), "{error:?}");
    let mut reads = with("reads");
    let zone = first_zone(&mut reads).await;
    assert_eq!(reads.records(&permit(), &zone, Which::All).await, Ok(Vec::new()));
    let error = reads.batch(&permit(), &zone, &a("a.example.com", "192.0.2.1")).await.unwrap_err();
    assert!(matches!(&error, Error::Denied(Permission::DnsEdit { zone, .. }) if zone == "example.com"), "{error:?}");
    assert!(error.to_string().contains("DNS:Edit"));
}

#[tokio::test]
async fn a_global_key_with_its_address_opens_too_and_another_does_not() {
    let cloud = cloudflare(world()).await;
    cloud.server.tell(|server| server.grant_key("the-key", "me@example.com"));
    let key = |key: &str| {
        Credentials::new(None, None, Some(key.to_owned()), Some("me@example.com".to_owned()), None).unwrap()
    };
    assert_eq!(cloud.client_with(key("the-key")).zones(&permit()).await.map(|zones| zones.len()), Ok(2));
    let error = cloud.client_with(key("no-key")).zones(&permit()).await.unwrap_err();
    assert!(matches!(error, Error::Denied(Permission::Invalid(_))), "{error:?}");
}

#[tokio::test]
async fn a_token_file_that_changes_counts_from_the_next_call_on() {
    let cloud = cloudflare(world()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let given = Credentials::new(None, Some(file.path().to_owned()), None, None, None).unwrap();
    let mut client = cloud.client_with(given);
    let error = client.zones(&permit()).await.unwrap_err();
    assert!(matches!(error, Error::Denied(Permission::Unusable(_))), "{error:?}");
    assert_eq!(cloud.server.asked(), Vec::<String>::new());
    std::fs::write(file.path(), format!("{TOKEN}\n")).unwrap();
    assert!(client.zones(&permit()).await.is_ok());
    std::fs::write(file.path(), "another").unwrap();
    assert!(client.zones(&permit()).await.is_err());
}

/// Everything that this thread logs, at every level.
fn logged() -> (tracing::subscriber::DefaultGuard, Arc<std::sync::Mutex<Vec<u8>>>) {
    #[derive(Clone)]
    struct Kept(Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let kept = Kept(Arc::default());
    let log = kept.clone();
    let all = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || log.clone()).finish();
    (tracing::subscriber::set_default(all), kept.0)
}

#[tokio::test]
async fn credentials_are_in_no_log_no_error_and_no_debug_output() {
    let (_guard, log) = logged();
    let cloud = cloudflare(world()).await;
    let (mut client, permit) = (cloud.client(), permit());
    let zone = first_zone(&mut client).await;
    cloud.server.tell(|server| {
        server.add_by_hand(NOW, "www.example.com", "A", "192.0.2.1", None);
        server.fail(On::Read, Fails::ShortPage);
        server.fail(On::Read, Fails::Html);
        server.fail(On::Write, Fails::CutAfter);
    });
    let mut shown = format!("{:?}", credentials(TOKEN));
    for _ in 0..2 {
        shown.push_str(&format!("{:?}", client.records(&permit, &zone, Which::All).await));
        shown.push_str(&format!("{:?}", client.batch(&permit, &zone, &a("a.example.com", "192.0.2.1")).await));
    }
    cloud.server.tell(|server| server.revoke(TOKEN));
    shown.push_str(&client.zones(&permit).await.unwrap_err().to_string());
    let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    assert!(log.contains("changed while it was read"), "the log is heard: {log}");
    assert!(!log.contains(TOKEN) && !shown.contains(TOKEN), "{log}{shown}");
}

/// The stand-in behind TLS, with a certificate for `localhost`.
async fn behind_tls(cloud: &Listening, ca: &Ca, trusted: &Ca) -> Https {
    let identity = ca.issue(&["localhost"]);
    let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(vec![identity.der()], identity.private()));
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let inner = cloud.endpoint.to_string().replace("http://", "").replace("/client/v4", "");
    tokio::spawn(async move {
        while let Ok((outside, _)) = listener.accept().await {
            let (mut inside, accepting) = (TcpStream::connect(&inner).await.unwrap(), acceptor.accept(outside));
            // a client that does not trust us goes away
            if let Ok(mut outside) = accepting.await {
                let _ = copy_bidirectional(&mut outside, &mut inside).await;
            }
        }
    });
    let endpoint = format!("https://localhost:{port}/client/v4").parse().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der()).unwrap();
    Https::trusting(endpoint, roots).unwrap()
}

#[tokio::test]
async fn over_tls_only_whom_a_trusted_authority_vouches_for_gets_the_credentials() {
    let cloud = cloudflare(world()).await;
    let ca = Ca::new();
    let trusted = behind_tls(&cloud, &ca, &ca).await;
    let mut client = Cloudflare::new(trusted, cloud.endpoint.clone(), credentials(TOKEN));
    assert_eq!(client.zones(&permit()).await.map(|zones| zones.len()), Ok(2));
    let untrusted = behind_tls(&cloud, &ca, &Ca::new()).await;
    let error = Cloudflare::new(untrusted, cloud.endpoint.clone(), credentials(TOKEN)).zones(&permit()).await;
    assert!(matches!(error, Err(Error::Unavailable { fault: Fault::Connect(_), .. })), "{error:?}");
    assert_eq!(cloud.server.asked().len(), 1);
}
