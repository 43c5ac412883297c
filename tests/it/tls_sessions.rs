//! Sessions that resume, and those that must not.

use std::sync::Arc;

use gatepost::certs::{ClientCa, Clients, TicketKey, Tickets};
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, SupportedProtocolVersion};

use crate::support::{Ca, Gate, Gatepost, PROVIDER, Tls, gatepost, tls};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

fn routes() -> Gatepost {
    gatepost().line("host: \"*\", respond: {status: 200, body: hello}")
}

/// One request on a connection of its own; tells whether its session was resumed.
fn resumes(client: &Tls, gate: &Gate, host: &str) -> bool {
    let mut connection = client.connect(gate, host);
    // with TLS 1.3 tickets come behind the handshake
    assert_eq!(connection.get(host, "/").text(), "hello");
    connection.is_resumed()
}

#[test]
fn a_session_resumes_also_after_a_renewal() {
    for version in VERSIONS {
        let ca = Ca::new();
        let gate = routes().start();
        gate.certificate("a.test", &ca.issue(&["a.test"]));
        let client = tls(&ca).only(version);
        assert!(!resumes(&client, &gate, "a.test"));
        assert!(resumes(&client, &gate, "a.test"));
        gate.certificate("a.test", &ca.issue(&["a.test"]));
        assert!(resumes(&client, &gate, "a.test"));
        assert!(!resumes(&tls(&ca).only(version), &gate, "a.test"), "another client has nothing to resume");
    }
}

#[test]
fn a_session_resumes_on_another_node_with_the_same_keys_and_on_no_other() {
    for version in VERSIONS {
        let ca = Ca::new();
        let tickets = Tickets::new(&[TicketKey::random().unwrap()]);
        // other nodes have the key's bytes, not the key
        let copied = |key: &TicketKey| TicketKey::from_bytes(&key.to_bytes()[..]).unwrap();
        let key = TicketKey::random().unwrap();
        tickets.replace(&[copied(&key)]);
        let gates = [
            routes().tickets(&tickets).start(),
            routes().tickets(&Tickets::new(&[copied(&key)])).start(),
            routes().start(),
        ];
        for gate in &gates {
            gate.certificate("a.test", &ca.issue(&["a.test"]));
        }
        let client = tls(&ca).only(version);
        let resumed: Vec<bool> = gates.iter().map(|gate| resumes(&client, gate, "a.test")).collect();
        assert_eq!(resumed, [false, true, false]);
    }
}

#[test]
fn a_ticket_is_good_for_three_generations_of_keys() {
    for version in VERSIONS {
        let ca = Ca::new();
        let mut keys = vec![TicketKey::random().unwrap()];
        let tickets = Tickets::new(&keys);
        let gate = routes().tickets(&tickets).start();
        gate.certificate("a.test", &ca.issue(&["a.test"]));
        for (generations, resumed) in [(0, true), (1, true), (2, true), (3, false)] {
            // a ticket of the newest key
            let client = tls(&ca).only(version);
            assert!(!resumes(&client, &gate, "a.test"));
            for _ in 0..generations {
                keys.insert(0, TicketKey::random().unwrap());
                tickets.replace(&keys);
            }
            assert_eq!(resumes(&client, &gate, "a.test"), resumed, "{generations}");
        }
    }
}

#[test]
fn a_session_does_not_resume_under_another_name() {
    for version in VERSIONS {
        let ca = Ca::new();
        let gate = routes().start();
        gate.certificate("*.w.test", &ca.issue(&["*.w.test"]));
        let client = tls(&ca).only(version).mixing_names_up();
        assert!(!resumes(&client, &gate, "a.w.test"));
        assert!(resumes(&client, &gate, "a.w.test"));
        assert!(!resumes(&client, &gate, "b.w.test"));
    }
}

/// Whether a session that began under one set of clients resumes under another.
fn survives(version: &'static SupportedProtocolVersion, ca: &Ca, before: &Clients, after: &Clients) -> bool {
    let gate = routes().start();
    let identity = ca.issue(&["a.test"]);
    gate.host("a.test", &[&identity], before);
    let client = tls(ca).only(version).shows(&ca.issue(&["me"]));
    assert!(!resumes(&client, &gate, "a.test"));
    assert!(resumes(&client, &gate, "a.test"));
    gate.host("a.test", &[&identity], after);
    resumes(&client, &gate, "a.test")
}

#[test]
fn a_session_ends_with_a_change_of_who_may_come() {
    let (ca, other) = (Ca::new(), Ca::new());
    let both = [ca.pem(), other.pem()].concat();
    let both = Clients::Of(Arc::new(ClientCa::read(both.as_bytes(), true, &PROVIDER).unwrap()));
    for version in VERSIONS {
        let changes = [
            (Clients::Anyone, ca.clients(true)),
            (Clients::Anyone, ca.clients(false)),
            (ca.clients(true), Clients::Anyone),
            (ca.clients(true), ca.clients(false)),
            (ca.clients(false), ca.clients(true)),
            (ca.clients(true), both.clone()),
        ];
        for (n, (before, after)) in changes.iter().enumerate() {
            assert!(!survives(version, &ca, before, after), "change {n}");
        }
        assert!(survives(version, &ca, &ca.clients(true), &ca.clients(true)), "no change");
    }
}

#[test]
fn nothing_is_taken_before_the_handshake_is_through() {
    let ca = Ca::new();
    let gate = routes().start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let client = tls(&ca).early();
    resumes(&client, &gate, "a.test");
    let mut second = client.begin(&gate, "a.test");
    assert!(second.io().conn.early_data().is_none(), "the ticket allows none");
    second.shake().unwrap();
    assert_eq!(second.io().conn.handshake_kind(), Some(HandshakeKind::Resumed));
    assert!(!second.io().conn.is_early_data_accepted());
}

#[test]
fn a_session_of_one_authority_s_clients_is_none_of_another_s() {
    for version in VERSIONS {
        let (ca, other) = (Ca::new(), Ca::new());
        let gate = routes().start();
        let (one, two) = (ca.issue(&["a.test"]), ca.issue(&["b.test"]));
        gate.host("a.test", &[&one], &ca.clients(true));
        gate.host("b.test", &[&two], &other.clients(true));
        // its certificate is the first authority's, and b.test must find that out
        let client = tls(&ca).only(version).shows(&ca.issue(&["me"])).mixing_names_up();
        assert!(!resumes(&client, &gate, "a.test"));
        assert!(resumes(&client, &gate, "a.test"));
        client.alert(&gate, "b.test");
    }
}
