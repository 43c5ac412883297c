//! Claims about `https` and `hsts` of a route, and about `proxyProtocol`.

use super::*;

#[test]
fn what_becomes_of_a_request_in_clear_is_the_routes_own_word_before_the_defaults() {
    let config = good(
        "defaults: {https: only}\n\
         routes:\n\
         - {host: a, backend: \"a:1\", https: redirect, hsts: {maxAge: 365d}}\n\
         - {host: b, backend: \"a:1\", https: allow}\n\
         - {host: c, backend: \"a:1\", hsts: {maxAge: 0s}}\n",
    );
    let said: Vec<_> = config.routes.iter().map(|route| (route.https, route.hsts)).collect();
    let year = secs(31_536_000);
    assert_eq!(said, [(Https::Redirect, Some(year)), (Https::Allow, None), (Https::Only, Some(secs(0)))]);
    let route = only_route("- {host: a, backend: \"a:1\"}\n");
    assert_eq!((route.https, route.hsts), (Https::Auto, None));
}

#[test]
fn a_tombstone_redirects_nobody() {
    let text = "defaults: {https: redirect}\nroutes:\n- {host: a, backend: oops, https: only, hsts: {maxAge: 1d}}\n";
    let route = &parse(text, "x").unwrap().settle(None).unwrap().0.routes[0];
    assert_eq!((&route.action, route.https, route.hsts), (&Action::Broken, Https::Auto, None));
}

#[test]
fn wrong_words_of_https_and_hsts_say_what_would_be_right() {
    for (written, said) in [
        ("https: redirct", "`redirct` is not known here (did you mean `redirect`?)"),
        ("https: true", "`true` is not known here (did you mean `redirect`?)"),
        ("https: off", "`off` is not known here (did you mean `allow`?)"),
        ("https: required", "`required` is not known here (did you mean `only`?)"),
        ("https: auto", "`auto` is not known here (leave `https` out for that)"),
        ("https: zzz", "`zzz` is not known here (one of `redirect`, `allow`, `only`)"),
        ("hsts: {maxAge: 1y}", "`1y` is no duration (write `365d`)"),
        ("hsts: {maxAge: 500ms}", "this has parts of a second (write whole seconds, or days like `365d`)"),
        ("hsts: {}", "`hsts` has no `maxAge` (write `{maxAge: 365d}`)"),
        ("hsts: true", "this must be a mapping, not a text (write `{maxAge: 365d}`)"),
        (
            "hsts: {maxAge: 1d, includeSubDomains: true}",
            "there is no key `includeSubDomains` here (write `maxAge` alone: another's app may live on a subdomain, and would be cut off from those who come in clear)",
        ),
        (
            "hsts: {maxAge: 1d, preload: true}",
            "there is no key `preload` here (write `maxAge` alone: the preload list wants all subdomains too, and those may be another's)",
        ),
        ("tls: {}", "there is no key `tls` here (write `certificates` in the section `tls`, beside `routes`)"),
        (
            "ssl_certificate: x",
            "there is no key `ssl_certificate` here (write `certificates` in the section `tls`, beside `routes`)",
        ),
        ("forceSSL: true", "there is no key `forceSSL` here (write `https: redirect`)"),
        ("force_https: true", "there is no key `force_https` here (write `https: redirect`)"),
        (
            "strict_transport_security: x",
            "there is no key `strict_transport_security` here (write `hsts: {maxAge: 365d}`)",
        ),
        (
            "https: allow, hsts: {maxAge: 1d}",
            "browsers that come in clear never get `hsts`: it is sent over https only, and `https: allow` keeps them where they are (write `https: redirect`, or leave one of them out)",
        ),
    ] {
        let told = told(&format!("routes:\n- {{host: a, backend: \"a:1\", {written}}}\n"));
        assert_eq!(told.len(), 1, "{written}: {told:?}");
        assert!(told[0].ends_with(&format!(": {said}")), "{}\nnot {said}", told[0]);
    }
}

#[test]
fn proxy_headers_are_accepted_from_proxies_that_are_named() {
    let trust =
        |text: &str| good(&format!("routes: [{{host: a, backend: \"a:1\"}}]\ntrust: {text}\n")).trust.proxy_protocol;
    assert!(trust("{proxies: [10.0.0.0/8], proxyProtocol: accept}"));
    assert!(!trust("{proxies: [10.0.0.0/8], proxyProtocol: off}"));
    assert!(!trust("{proxies: [10.0.0.0/8]}"));
    for (text, said) in [
        (
            "{proxyProtocol: accept}",
            "without `proxies` nobody's PROXY header is believed (name the proxies in front: `proxies: [10.0.0.0/8]`)",
        ),
        ("{proxyProtocol: acept}", "`acept` is not known here (did you mean `accept`?)"),
        ("{proxyProtocol: true}", "`true` is not known here (write `accept`)"),
        ("{proxy_protocol: accept}", "there is no key `proxy_protocol` here (write `proxyProtocol: accept`)"),
    ] {
        let told = told(&format!("routes: [{{host: a, backend: \"a:1\"}}]\ntrust: {text}\n"));
        assert_eq!(told.len(), 1, "{text}: {told:?}");
        assert!(told[0].ends_with(said), "{}\nnot {said}", told[0]);
    }
}

#[test]
fn the_schema_has_the_words_of_https_and_proxy_protocol() {
    let definitions = &schema()["$defs"];
    assert_eq!(definitions["Trust"]["properties"]["proxyProtocol"]["enum"], serde_json::json!(["off", "accept"]));
    assert_eq!(definitions["Route"]["properties"]["https"]["enum"], serde_json::json!(["redirect", "allow", "only"]));
}
