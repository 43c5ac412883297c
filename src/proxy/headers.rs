//! Fields on their way to the app and to the client.
//!
//! One door for each way: [`to_app`], [`to_client`].

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use super::exchange::Exchange;
use crate::config::{self, FieldEdits, Template, TemplatePart};
use crate::message::{Head, Name, Version};
use crate::routing::Route;

/// What [`to_app`] needs to know beyond the exchange.
pub(super) struct Departure<'a> {
    pub(super) route: &'a Route,
    pub(super) peer: &'a str,
    pub(super) loop_id: &'a str,
    /// `Expect: 100-continue` is passed on.
    pub(super) expect: bool,
    /// The app speaks HTTP/2.
    pub(super) http2: bool,
    /// The certificate that the client has shown (RFC 9440), empty when it has not.
    pub(super) client_cert: &'a [u8],
}

/// Step 8: the request's head becomes the one that the app gets.
pub(super) fn to_app(exchange: &mut Exchange, departure: &Departure<'_>) {
    let Departure { route, peer, loop_id, expect, http2, client_cert } = *departure;
    let trailers = http2 && exchange.request.get(Name::Te).is_some_and(accepts_trailers);
    exchange.request.strip_hop_by_hop();
    if !expect {
        exchange.request.remove(Name::Expect);
    }
    if trailers {
        exchange.request.push(Name::Te, b"trailers");
    }
    forward(exchange, peer);
    // RFC 9440 2.2; one that the client wrote itself was a claim, and is gone
    if !client_cert.is_empty() {
        exchange.request.push_str("client-cert", client_cert);
    }
    let Exchange { request, target, path, id, .. } = &mut *exchange;
    path.clear();
    let prefix = crate::routing::rewrite::path(route, target, path);
    if let Some(prefix) = prefix {
        request.push(Name::XForwardedPrefix, prefix.as_bytes());
    }
    request.set_target(path);
    if let Some(host) = &route.rule.rewrite.host {
        request.remove(Name::Host);
        request.push(Name::Host, host.as_bytes());
    } else if request.get(Name::Host) != Some(target.host_header().as_bytes()) {
        request.remove(Name::Host);
        request.push(Name::Host, target.host_header().as_bytes());
    }
    // also when the first is the one that is kept: there may be a second
    request.remove(Name::XRequestId);
    request.push(Name::XRequestId, id.as_bytes());
    request.push(Name::CdnLoop, loop_id.as_bytes());
    if route.rule.via {
        let via: &[u8] = if request.version() == Version::Http2 { b"2 gatepost" } else { b"1.1 gatepost" };
        request.push(Name::Via, via);
    }
    edit(exchange, &route.rule.headers.request, |exchange| &mut exchange.request);
}

/// `X-Forwarded-*` and `X-Real-IP`: made anew for a stranger, kept and added to for a proxy that is believed.
fn forward(exchange: &mut Exchange, peer: &str) {
    let scheme = exchange.scheme();
    let Exchange { request, target, client_text, scratch, facts, .. } = &mut *exchange;
    request.strip_claims(facts.origin.sender);
    scratch.clear();
    for value in request.all(Name::XForwardedFor) {
        scratch.extend_from_slice(value);
        scratch.extend_from_slice(b", ");
    }
    request.remove(Name::XForwardedFor);
    scratch.extend_from_slice(peer.as_bytes());
    request.push(Name::XForwardedFor, scratch);
    request.push(Name::XRealIp, client_text.as_bytes());
    if request.get(Name::XForwardedProto).is_none() {
        request.push(Name::XForwardedProto, scheme.as_bytes());
    }
    if request.get(Name::XForwardedHost).is_none() {
        request.push(Name::XForwardedHost, target.host_header().as_bytes());
    }
    if request.get(Name::XForwardedPort).is_none() {
        let port = target.port().unwrap_or(if scheme == "https" { 443 } else { 80 });
        request.push(Name::XForwardedPort, itoa::Buffer::new().format(port).as_bytes());
    }
}

/// `trailers` among the members of `TE` (RFC 9110 10.1.4).
fn accepts_trailers(te: &[u8]) -> bool {
    te.split(|&byte| byte == b',').any(|member| member.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

/// Step 10: the answer's head becomes the one that the client gets.
pub(super) fn to_client(exchange: &mut Exchange, rule: &config::Route) {
    exchange.answer.strip_hop_by_hop();
    let Exchange { answer, id, .. } = &mut *exchange;
    if answer.get(Name::XRequestId).is_none() {
        answer.push(Name::XRequestId, id.as_bytes());
    }
    if rule.via {
        answer.push(Name::Via, b"1.1 gatepost");
    }
    // RFC 6797 7.2: never over clear
    if let (Some(max_age), true) = (rule.hsts, exchange.facts.origin.secure) {
        let Exchange { answer, scratch, .. } = &mut *exchange;
        answer.remove(Name::StrictTransportSecurity);
        scratch.clear();
        scratch.extend_from_slice(b"max-age=");
        scratch.extend_from_slice(itoa::Buffer::new().format(max_age.as_secs()).as_bytes());
        answer.push(Name::StrictTransportSecurity, scratch);
    }
    edit(exchange, &rule.headers.response, |exchange| &mut exchange.answer);
}

fn edit(exchange: &mut Exchange, edits: &FieldEdits, head: fn(&mut Exchange) -> &mut Head) {
    let FieldEdits { set, add, remove } = edits;
    for name in remove {
        head(exchange).remove_str(name);
    }
    let replaced = set.iter().map(|(name, value)| (name, value, true));
    for (name, value, replace) in replaced.chain(add.iter().map(|(name, value)| (name, value, false))) {
        let mut text = std::mem::take(&mut exchange.scratch);
        text.clear();
        expand(value, exchange, &mut text);
        let head = head(exchange);
        if replace {
            head.remove_str(name);
        }
        head.push_str(name, &text);
        exchange.scratch = text;
    }
}

/// Fills a template's places.
pub(super) fn expand(template: &Template, exchange: &Exchange, out: &mut Vec<u8>) {
    for part in &template.0 {
        match part {
            TemplatePart::Text(text) => out.extend_from_slice(text.as_bytes()),
            TemplatePart::ClientIp => out.extend_from_slice(exchange.client_text.as_bytes()),
            TemplatePart::Host => out.extend_from_slice(exchange.target.host().as_bytes()),
            TemplatePart::Path => out.extend_from_slice(exchange.target.path().as_bytes()),
            TemplatePart::Query => {
                if let Some(query) = exchange.target.query() {
                    out.push(b'?');
                    out.extend_from_slice(query.as_bytes());
                }
            }
            TemplatePart::RequestId => out.extend_from_slice(exchange.id.as_bytes()),
            TemplatePart::Scheme => out.extend_from_slice(exchange.scheme().as_bytes()),
        }
    }
}

thread_local! {
    /// The last `Date` of this thread: most answers of a second are not its first.
    static DATE: Cell<(u64, [u8; 29])> = const { Cell::new((0, *b"Thu, 01 Jan 1970 00:00:00 GMT")) };
}

/// The time of an answer that we made ourselves, or that has none (RFC 9110 6.6.1).
pub(super) fn date(answer: &mut Head) {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let last = DATE.get();
    let date = if last.0 == seconds { last } else { (seconds, imf_fixdate(seconds)) };
    DATE.set(date);
    answer.push(Name::Date, &date.1);
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` of a Unix time (RFC 9110 5.6.7). Days to a date by the usual era arithmetic: years
/// begin in March, so that the leap day is the last.
fn imf_fixdate(seconds: u64) -> [u8; 29] {
    const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
    const MONTHS: [&[u8; 3]; 12] =
        [b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec", b"Jan", b"Feb"];
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + u64::from(month >= 10);

    let mut out = *b"Thu, 00 Jan 0000 00:00:00 GMT";
    out[..3].copy_from_slice(DAYS[(days % 7) as usize]);
    out[8..11].copy_from_slice(MONTHS[month as usize]);
    let mut digits = |at: usize, width: usize, mut value: u64| {
        for place in (at..at + width).rev() {
            out[place] = b'0' + (value % 10) as u8;
            value /= 10;
        }
    };
    digits(5, 2, day);
    digits(12, 4, year);
    digits(17, 2, time / 3_600);
    digits(20, 2, time / 60 % 60);
    digits(23, 2, time % 60);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_wants_them() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_827_696, "Tue, 29 Feb 2000 12:34:56 GMT"),
            (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
        ] {
            assert_eq!(str::from_utf8(&imf_fixdate(seconds)).unwrap(), text);
        }
    }

    #[test]
    fn only_the_member_trailers_of_te_counts() {
        assert!(accepts_trailers(b"gzip, Trailers"));
        assert!(!accepts_trailers(b"trailersx, gzip;q=0.5"));
    }
}
