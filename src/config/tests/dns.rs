//! Claims about the section `dns`, and about what routes say of their records.

use super::*;

const ROUTES: &str = "routes: [{host: a.example, backend: \"a:1\"}]\n";

fn dns(text: &str) -> Dns {
    good(&format!("{ROUTES}dns: {text}\n")).dns
}

/// The one problem of a `dns` section, without its place.
fn dns_problem(text: &str) -> String {
    let told = told(&format!("{ROUTES}dns: {text}\n"));
    assert_eq!(told.len(), 1, "{text}: {told:#?}");
    told[0].splitn(4, ':').nth(3).unwrap().trim().to_owned()
}

fn route_dns(text: &str) -> RouteDns {
    only_route(&format!("- {{host: a.example, backend: \"a:1\", {text}}}\n")).dns
}

#[test]
fn what_is_left_out_of_the_section_is_told_apart_from_what_is_written() {
    for nothing in ["", "{}", "\n  nodes:\n", "{nodes: {}}"] {
        assert_eq!(dns(nothing), Dns::default(), "{nothing:?}");
    }
    assert_eq!(good(ROUTES).dns, Dns::default());
    assert_eq!(dns("{names: }").names, Some(Vec::new()));
    let all = dns("{names: [k.example.com], ttl: 5m, proxied: false, routeHosts: cname, policy: upsert, adopt: true, \
                   cordoned: true, minAddresses: 0, nodes: {selector: \"a=b,!c\", addresses: both, ipv6: false}}");
    let expected = Dns {
        names: Some(vec!["k.example.com".to_owned()]),
        ttl: Some(300),
        proxied: Some(false),
        route_hosts: Some(RouteHosts::Cname),
        policy: Some(DnsPolicy::Upsert),
        adopt: Some(true),
        cordoned: Some(true),
        min_addresses: Some(0),
        nodes: DnsNodes {
            selector: Some("a=b,!c".parse().unwrap()),
            addresses: Some(NodeAddresses::Both),
            ipv6: Some(false),
        },
    };
    assert_eq!(all, expected);
}

#[test]
fn a_name_has_one_form() {
    let names = "{names: [K.Example.COM., \"*.b\u{fc}cher.example\", a_b.example.com]}";
    let one = ["k.example.com", "*.xn--bcher-kva.example", "a_b.example.com"].map(str::to_owned);
    assert_eq!(dns(names).names, Some(one.to_vec()));
}

#[test]
fn a_ttl_is_seconds_or_a_duration_or_automatic() {
    for (written, seconds) in
        [("60", 60), ("\"120\"", 120), ("2m", 120), ("24h", 86_400), ("86400", 86_400), ("auto", 1), ("1", 1)]
    {
        assert_eq!(dns(&format!("{{ttl: {written}}}")).ttl, Some(seconds), "{written}");
    }
}

#[test]
fn what_is_wrong_with_the_section_says_what_would_be_right() {
    let ttl = "(write seconds from 60 to 86400, a duration like `2m`, or `auto`)";
    for (text, said) in [
        ("{names: k.example.com}", "names: this must be a list, not a text (write `[k.example.com]`)".to_owned()),
        ("{names: [\"https://k.example.com/\"]}", "names[0]: this is a URL, not a host (write `k.example.com`)".to_owned()),
        (
            "{names: [a.b, 192.0.2.7]}",
            "names[1]: `192.0.2.7` is an address, and this is to be a name that points at addresses (write one like `kubernetes.example.com`)".to_owned(),
        ),
        ("{names: [\"2001:db8::1\"]}", "is an address, and this is to be a name that points at addresses (write one like `kubernetes.example.com`)".to_owned()),
        ("{names: [\"*\"]}", "`*` alone is no name that a record can have (write a name, or the names below one: `*.example.com`)".to_owned()),
        ("{names: [\"k.example.com:443\"]}", "a DNS name has no port (write `k.example.com`)".to_owned()),
        ("{names: [kubernetes]}", "`kubernetes` belongs to no zone of yours (write it in full, like `kubernetes.example.com`)".to_owned()),
        ("{names: [\"*.com\"]}", "`*.com` belongs to no zone of yours (write it in full, like `kubernetes.example.com`)".to_owned()),
        ("{names: [a.b, A.b.]}", "names[1]: `a.b` is named twice here (keep it once)".to_owned()),
        ("{ttl: 59}", format!("ttl: the TTL `59` is out of range {ttl}")),
        ("{ttl: 25h}", format!("the TTL `25h` is out of range {ttl}")),
        ("{ttl: 60500ms}", format!("the TTL `60500ms` is out of range {ttl}")),
        ("{ttl: 99999999999999999999}", format!("the TTL `99999999999999999999` is out of range {ttl}")),
        ("{ttl: two}", format!("`two` is no TTL {ttl}")),
        ("{ttl: Auto}", "`Auto` is no TTL (did you mean `auto`?)".to_owned()),
        ("{ttl: automatic}", "`automatic` is no TTL (did you mean `auto`?)".to_owned()),
        (
            "{ttl: 120, proxied: true}",
            "ttl: with `proxied: true` the TTL is automatic: this one counts for nothing but `drain.lameDuck` (leave `ttl` out)".to_owned(),
        ),
        ("{routeHosts: true}", "routeHosts: `true` is not known here (did you mean `cname`?)".to_owned()),
        ("{routeHosts: false}", "`false` is not known here (did you mean `off`?)".to_owned()),
        ("{routeHosts: of}", "`of` is not known here (did you mean `off`?)".to_owned()),
        (
            "{routeHosts: cname, names: []}",
            "routeHosts: without `names` there is nothing that hosts of routes could point at (write `names: [kubernetes.example.com]` beside it)".to_owned(),
        ),
        (
            "{routeHosts: cname, names: [\"*.a.b\"]}",
            "routeHosts: hosts of routes need one name to point at, and there are only wildcards in `names` (add one like `kubernetes.example.com` to `names`)".to_owned(),
        ),
        ("{policy: upsert-only}", "policy: `upsert-only` is not known here (did you mean `upsert`?)".to_owned()),
        ("{policy: x}", "`x` is not known here (one of `sync`, `upsert`)".to_owned()),
        ("{minAddresses: 101}", "minAddresses: 101 is out of range (write a whole number from 0 to 100)".to_owned()),
        ("{nodes: {selector: {role: web}}}", "nodes.selector: this must be a text, as `kubectl -l` takes it (write `role=web`)".to_owned()),
        ("{nodes: {selector: \"a b\"}}", "nodes.selector: this is no selector: there is `b` where `=`, `!=`, `in`, `notin` or a `,` should be (write it like `role=web,!spot`)".to_owned()),
        ("{nodes: {addresses: ExternalIP}}", "`ExternalIP` is not known here (did you mean `external`?)".to_owned()),
        ("{nodes: {addresses: public}}", "`public` is not known here (did you mean `external`?)".to_owned()),
        ("{adopt: on}", "adopt: this must be true or false (write true)".to_owned()),
        ("{dnsName: x}", "there is no key `dnsName` here (write `names: [kubernetes.example.com]`)".to_owned()),
        (
            "{apiToken: x}",
            "there is no key `apiToken` here (write it into the Secret `cloudflare`: who may read a ConfigMap should not read that)".to_owned(),
        ),
        ("{routehost: off}", "there is no key `routehost` here (did you mean `routeHosts`?)".to_owned()),
        ("[a.b]", "this must be a mapping, not a list (write `{names: [kubernetes.example.com]}`)".to_owned()),
    ] {
        let told = dns_problem(text);
        assert!(told.ends_with(&said), "{text}: {told}\nnot {said}");
    }
}

#[test]
fn a_hundred_names_are_the_most() {
    let names = |count: usize| (0..count).map(|n| format!("n{n}.example.com")).collect::<Vec<_>>().join(", ");
    assert_eq!(dns(&format!("{{names: [{}]}}", names(100))).names.unwrap().len(), 100);
    assert!(dns_problem(&format!("{{names: [{}]}}", names(101))).contains("there are more than 100 names"));
}

#[test]
fn a_route_opts_out_or_is_proxied() {
    for (text, expected) in [
        ("log: true", RouteDns::AsSection),
        ("dns: false", RouteDns::Off),
        ("dns: {proxied: true}", RouteDns::Proxied(true)),
        ("dns: {proxied: false}", RouteDns::Proxied(false)),
    ] {
        assert_eq!(route_dns(text), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_routes_records_says_what_would_be_right() {
    for (text, said) in [
        (
            "true",
            "`true` is not known here (leave `dns` out: hosts get a record when the section `dns` says `routeHosts: cname`)",
        ),
        ("off", "`off` is not known here (write `false`)"),
        ("\"false\"", "`false` is not known here (write `false`)"),
        ("proxied", "`proxied` is not known here (write `{proxied: true}`)"),
        ("{}", "`dns` has no `proxied` (write `{proxied: true}`, or leave `dns` out)"),
        ("", "this must be a mapping, not nothing (write `{proxied: true}`, or `false` for no record)"),
        ("{proxied: yes}", "this must be true or false (write true)"),
        ("{ttl: 60}", "there is no key `ttl` here (write it into the section `dns`, beside `routes`)"),
    ] {
        let told = told(&format!("routes:\n- {{host: a, backend: \"a:1\", dns: {text}}}\n"));
        assert_eq!(told.len(), 1, "{text}: {told:#?}");
        assert!(told[0].ends_with(said), "{text}: {}\nnot {said}", told[0]);
    }
}

#[test]
fn a_route_that_never_was_good_leaves_its_records_as_they_are() {
    let bad = "routes:\n- {host: a.example, backend: oops, dns: false}\n";
    let parsed = parse(bad, "x").unwrap().settle(None).unwrap().0;
    assert_eq!(parsed.routes[0].dns, RouteDns::Unknown);
    let before = good("routes:\n- {host: a.example, backend: \"a:1\", dns: {proxied: true}}\n");
    let parsed = parse(bad, "x").unwrap().settle(Some(&before)).unwrap().0;
    assert_eq!(parsed.routes[0].dns, RouteDns::Proxied(true));
}

#[test]
fn a_bad_dns_section_keeps_its_last_good_version() {
    let before = good(&format!("{ROUTES}dns: {{names: [k.example.com], ttl: 300}}\n"));
    for bad in ["{names: [x]}", "{names: [a.b], ttl: 1s}", "5", "{apiToken: x}"] {
        let parsed = parse(&format!("{ROUTES}dns: {bad}\n"), "x").unwrap().settle(Some(&before)).unwrap().0;
        assert_eq!((&parsed.dns, parsed.drain.lame_duck), (&before.dns, secs(310)), "{bad}");
    }
}

#[test]
fn a_node_that_goes_serves_on_until_its_records_are_forgotten() {
    for (text, seconds) in [
        ("", 130),
        ("dns: {proxied: true}", 130),
        ("dns: {ttl: 60}", 70),
        ("dns: {ttl: 5m}\ndrain: {tunnels: 1s}", 310),
        // as long as Cloudflare makes it
        ("dns: {ttl: auto}", 310),
        ("dns: {ttl: 60}\ndrain: {lameDuck: 5s}", 5),
        ("dns: {ttl: 60}\ndrain:", 70),
    ] {
        assert_eq!(good(&format!("{ROUTES}{text}\n")).drain.lame_duck, secs(seconds), "{text}");
    }
    let before = good(&format!("{ROUTES}drain: {{lameDuck: 7s}}\n"));
    let parsed = parse(&format!("{ROUTES}dns: {{ttl: 60}}\ndrain: 5\n"), "x").unwrap();
    assert_eq!(parsed.settle(Some(&before)).unwrap().0.drain.lame_duck, secs(7));
}
