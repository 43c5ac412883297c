//! Fields by which a sender claims to be somebody else, or to be elsewhere.

use super::*;

const FORWARDED: &[&str] = &[
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Ssl",
    "X-Forwarded-Server",
    "X-Forwarded-Scheme",
    "X-Forwarded-Protocol",
    "X-Forwarded-By",
    "X-Forwarded-Tls-Client-Cert-Info-And-More",
];

const CLOUDFLARE: &[&str] =
    &["CF-Connecting-IP", "CF-Connecting-IPv6", "CF-Pseudo-IPv4", "CF-Visitor", "CF-IPCountry", "True-Client-IP"];

const OTHERS: &[&str] = &[
    "Forwarded",
    "X-Real-IP",
    "Client-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "Fastly-Client-IP",
    "Proxy-Client-IP",
    "WL-Proxy-Client-IP",
    "X-Forwarded",
    "Forwarded-For",
    "X-Host",
    "X-HTTP-Host-Override",
    "X-Original-Host",
    "X-Original-URL",
    "X-Rewrite-URL",
    "Front-End-Https",
    "X-Scheme",
    "X-Url-Scheme",
    "X-Script-Name",
    "Script-Name",
    "Path-Info",
    "Client-Cert",
    "Client-Cert-Chain",
    "X-Client-Cert",
    "X-Client-Verify",
    "X-Client-DN",
    "X-SSL-Client-Cert",
    "X-SSL-Client-Verify",
    "X-SSL-Client-DN",
    "X-SSL-Client-S-DN",
    "Ssl-Client-Cert",
    "Ssl-Client-Verify",
    "Ssl-Client-S-Dn",
    "Ssl-Client-Subject-Dn",
    "Ssl-Client-Issuer-Dn",
    "X-SSL-Client-CN",
    "X-SSL-CERT",
    "X-Client-Cert-Chain",
    "Cf-Client-Cert-Sha256",
    "X-Amzn-Mtls-Clientcert",
    "X-ARR-ClientCert",
];

/// Alike to some eyes, and nobody's claim.
const HARMLESS: &[&str] = &["CF-Ray", "X-Forward", "X-Forwarder-For", "X-Original", "Client", "X-Own_Field", "Accept"];

fn claims() -> impl Iterator<Item = &'static str> {
    [FORWARDED, CLOUDFLARE, OTHERS].into_iter().flatten().copied()
}

fn lines<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("{name}: x\r\n")).collect()
}

fn names(head: &Head) -> Vec<String> {
    head.fields().map(|(name, _)| text(name)).filter(|name| name != "Host").collect()
}

#[test]
fn each_sender_is_believed_in_what_it_keeps_up() {
    for (sender, kept) in [
        (Sender::Stranger, &[HARMLESS][..]),
        (Sender::Proxy, &[FORWARDED, HARMLESS]),
        (Sender::Cloudflare, &[FORWARDED, CLOUDFLARE, HARMLESS]),
    ] {
        let mut head = get(&lines(claims().chain(HARMLESS.iter().copied())));
        head.strip_claims(sender);
        assert_eq!(names(&head), kept.concat(), "{sender:?}");
        assert_eq!(head.len(), kept.concat().len() + 1, "{sender:?}");
    }
}

#[test]
fn what_was_stripped_can_be_said_anew() {
    let mut head = get("X-Forwarded-For: 192.0.2.1\r\nx-forwarded-scheme: https\r\nX-Forwarded-For: 192.0.2.2\r\n");
    head.strip_claims(Sender::Stranger);
    head.push(Name::XForwardedFor, b"192.0.2.3");
    head.push_str("x-forwarded-scheme", b"http");
    assert_eq!(head.all(Name::XForwardedFor).collect::<Vec<_>>(), [b"192.0.2.3"]);
    assert_eq!(head.get_str("X-Forwarded-Scheme"), Some(&b"http"[..]));
    head.remove_str("x-forwarded-scheme");
    assert_eq!((head.get_str("x-forwarded-scheme"), head.len()), (None, 2));
}

#[test]
fn members_of_a_family_are_told_apart_by_their_text() {
    let mut head = get("X-Forwarded-By: 1\r\nX-Forwarded-Ssl: 2\r\nClient-IP: 3\r\nX-Client-IP: 4\r\n");
    assert_eq!(head.get_str("x-forwarded-ssl"), Some(&b"2"[..]));
    assert_eq!(head.all_str("x-client-ip").collect::<Vec<_>>(), [b"4"]);
    assert_eq!((head.get(Name::XForwardedOther), head.all(Name::ClaimOther).count()), (None, 0));
    head.remove(Name::ClaimOther);
    head.remove_str("client-ip");
    assert_eq!(names(&head), ["X-Forwarded-By", "X-Forwarded-Ssl", "X-Client-IP"]);
}

#[test]
fn a_connection_option_takes_out_no_claim() {
    for name in claims() {
        let mut head = get(&format!("Connection: {name}\r\n{name}: x\r\n"));
        head.strip_hop_by_hop();
        assert_eq!(names(&head), [name]);
    }
}

#[test]
fn no_claim_is_made_behind_a_body() {
    let mut trailers = Trailers::new();
    for name in claims() {
        trailers.push(name.as_bytes(), b"x");
        trailers.push(name.replace('-', "_").as_bytes(), b"x");
    }
    assert_eq!(trailers.fields().map(|(name, _)| text(name)).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_claim_with_underscores_is_dropped_whoever_sends_it() {
    for name in claims().filter(|name| name.contains('-')) {
        for twin in [name.replace('-', "_"), name.replacen('-', "_", 1), name.to_uppercase().replace('-', "_")] {
            let head = get(&format!("{twin}: x\r\n"));
            assert_eq!(names(&head), [""; 0], "{twin}");
        }
    }
}
