//! Names of apps: asked for at a name server, kept when it dies.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use crate::support::{PATIENCE, Reply, black_hole, dns, gatepost, upstream, upstream_at};

const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;

#[test]
fn a_service_is_found_by_its_name_in_the_cluster() {
    let app = upstream().ok("hello");
    let dns = dns(|name, _| match name {
        "web.shop.svc.cluster.local" | "web.default.svc.cluster.local" | "api.example.com" => Reply::A(vec![LOCAL]),
        _ => Reply::NoSuchName,
    });
    let port = app.addr.port();
    let gate = gatepost()
        .line(&format!("host: a.test, backend: \"web.shop:{port}\""))
        .line(&format!("host: b.test, backend: \"web:{port}\""))
        .line(&format!("host: c.test, backend: \"api.example.com.:{port}\""))
        .names_by(&dns)
        .start();
    for host in ["a.test", "b.test", "c.test"] {
        assert_eq!(gate.client().get(host, "/").text(), "hello", "{host}");
    }
}

#[test]
fn a_named_port_is_found_by_its_srv_record() {
    let app = upstream().ok("hello");
    let port = app.addr.port();
    let dns = dns(move |name, _| match name {
        "_http._tcp.web.shop.svc.cluster.local" => Reply::Srv(port, "pod-1.web.shop.svc.cluster.local"),
        "pod-1.web.shop.svc.cluster.local" => Reply::A(vec![LOCAL]),
        _ => Reply::NoSuchName,
    });
    let gate = gatepost().line("host: a.test, backend: \"web.shop:http\"").names_by(&dns).start();
    assert_eq!(gate.client().get("a.test", "/").text(), "hello");
}

#[test]
fn a_name_that_does_not_exist_is_502() {
    let dns = dns(|_, _| Reply::NoSuchName);
    let mut gate = gatepost().line("host: a.test, backend: \"web.shop:80\"").names_by(&dns).start();
    let answer = gate.client().get("a.test", "/");
    assert_eq!((answer.status(), answer.field("proxy-status")), (502, Some("gatepost; error=dns_error")));
    assert!(gate.log()[0]["detail"].as_str().unwrap().contains("web.shop.svc.cluster.local"));
}

#[test]
fn a_name_without_an_address_is_502() {
    let dns = dns(|_, _| Reply::Nothing);
    let gate = gatepost().line("host: a.test, backend: \"web.shop:80\"").names_by(&dns).start();
    assert_eq!(gate.client().get("a.test", "/").status(), 502);
}

#[test]
fn name_servers_that_say_nothing_are_504() {
    let silent = UdpSocket::bind((LOCAL, 0)).unwrap();
    let addr = silent.local_addr().unwrap();
    for scheme in ["http", "h2c"] {
        let route = format!("host: a.test, timeouts: {{connect: 200ms}}, backend: \"{scheme}://web.shop:80\"");
        let mut gate = gatepost().line(&route).names_at(addr).start();
        let answer = gate.client().get("a.test", "/");
        let told = (answer.status(), answer.field("proxy-status"));
        assert_eq!(told, (504, Some("gatepost; error=dns_timeout")), "{scheme}");
        assert!(gate.log()[0]["detail"].as_str().unwrap().contains("web.shop.svc.cluster.local"));
    }
}

#[test]
fn the_last_good_answer_serves_on_when_the_name_servers_fail() {
    // an app that closes after each answer, so that every request needs an address
    let app = upstream().raw("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
    let port = app.addr.port();
    for failure in [Reply::Failure, Reply::NoSuchName, Reply::Nothing] {
        let dns = dns(|_, _| Reply::A(vec![LOCAL]));
        let gate = gatepost().line(&format!("host: a.test, backend: \"web.shop:{port}\"")).names_by(&dns).start();
        let mut client = gate.client();
        assert_eq!(client.get("a.test", "/").text(), "hello");
        let reply = failure.clone();
        dns.answers(move |_, _| reply.clone());
        while gate.metric("gatepost_resolve_total{result=\"failed\"}") < 1.0 {
            assert_eq!(client.get("a.test", "/").text(), "hello", "{failure:?}");
        }
        assert_eq!(client.get("a.test", "/").text(), "hello", "{failure:?}");
    }
}

#[test]
fn an_address_that_nothing_gets_through_to_leaves_time_for_the_others() {
    // an app that closes after each answer, so that every request connects, and begins with another address each time
    let app = upstream().raw("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
    let port = app.addr.port();
    let (hole, nobody) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3));
    let _hole = black_hole(SocketAddr::from((hole, port)));
    let dns = dns(move |_, _| Reply::A(vec![hole, nobody, LOCAL]));
    let route = format!("host: a.test, timeouts: {{connect: 2s}}, backend: \"web.shop:{port}\"");
    let gate = gatepost().line(&route).names_by(&dns).start();
    let mut client = gate.client();
    for _ in 0..3 {
        assert_eq!(client.get("a.test", "/").text(), "hello");
    }
}

#[test]
fn an_app_that_moves_is_followed() {
    let (one, two) = (upstream().ok("one"), upstream().ok("two"));
    let (first, second) = (one.addr.port(), two.addr.port());
    let mut port = first;
    let srv = move |port| {
        move |name: &str, _: u16| match name {
            "pod.shop.svc.cluster.local" => Reply::A(vec![LOCAL]),
            _ => Reply::Srv(port, "pod.shop.svc.cluster.local"),
        }
    };
    let dns = dns(srv(port));
    let gate = gatepost().line("host: a.test, backend: \"web.shop:http\"").names_by(&dns).start();
    let mut client = gate.client();
    assert_eq!(client.get("a.test", "/").text(), "one");
    port = second;
    dns.answers(srv(port));
    drop(one);
    let until = Instant::now() + PATIENCE;
    while client.get("a.test", "/").body != b"two" {
        assert!(Instant::now() < until, "the app's new place is found");
    }
}

#[test]
fn an_outside_name_that_leads_to_the_node_itself_is_refused() {
    let app = upstream().ok("hello");
    let dns = dns(|_, _| Reply::A(vec![LOCAL]));
    let backend = format!("host: a.test, backend: \"api.example.com.:{}\"", app.addr.port());
    let gate = gatepost().line(&backend).names_by(&dns).strict_about_addresses().start();
    let answer = gate.client().get("a.test", "/");
    assert_eq!(
        (answer.status(), answer.field("proxy-status")),
        (502, Some("gatepost; error=destination_ip_prohibited"))
    );
    assert_eq!(app.connections(), 0);
}

/// An address of this machine that is not loopback; on a machine without a network loopback, which is refused anyway.
fn own_address() -> Ipv4Addr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    // nothing is sent; documentation addresses are outside of every network but by the default route
    match socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9)).and_then(|()| socket.local_addr()) {
        Ok(SocketAddr::V4(own)) => *own.ip(),
        _ => LOCAL,
    }
}

/// An ExternalName Service is a CNAME, and whoever may make one may name anything.
#[test]
fn a_service_that_is_another_name_cannot_lead_to_the_node_itself() {
    let own = own_address();
    let app = upstream_at(own).ok("hello");
    let dns = dns(move |name, _| match name {
        "alias.shop.svc.cluster.local" => Reply::Alias("node.example.com", vec![own]),
        "node.example.com" | "pod.shop.svc.cluster.local" => Reply::A(vec![own]),
        _ => Reply::NoSuchName,
    });
    let port = app.addr.port();
    let gate = gatepost()
        .line(&format!("host: a.test, backend: \"alias.shop:{port}\""))
        .line(&format!("host: b.test, backend: \"pod.shop:{port}\""))
        .names_by(&dns)
        .strict_about_addresses()
        .start();
    let answer = gate.client().get("a.test", "/");
    let told = (answer.status(), answer.field("proxy-status"));
    assert_eq!(told, (502, Some("gatepost; error=destination_ip_prohibited")));
    assert_eq!(app.connections(), 0);
    // a pod on the host network has the node's address, and its Service is found without a further name
    if own != LOCAL {
        assert_eq!(gate.client().get("b.test", "/").text(), "hello");
    }
}
