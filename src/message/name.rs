//! The field names that somebody in this program asks for by name, and sets of them. [`Name::of`] is the one door: it
//! costs one multiplication, one table read and one comparison.

use http::header::HeaderName;

/// Names with an index of their own, then families of names that are only ever dropped together and share one.
macro_rules! names {
    ($($variant:ident $text:literal),+ ; $($family:ident [$($member:literal),* $(,)?]),+ $(,)?) => {
        /// What a field is called: a name with an index of its own in a [`Head`](super::Head), or one of many.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
            $(#[doc = concat!("One of a family that shares an index", $(", `", $member, "`"),*)] $family,)+
            /// Any other name.
            Other,
        }

        /// How lines of the names with an index of their own begin, by discriminant: in lower case, `: ` included.
        const LINES: &[&str] = &[$(concat!($text, ": ")),+];
        /// The same names as the `http` crate has them.
        static HTTP: [HeaderName; LINES.len()] = [$(HeaderName::from_static($text)),+];
        const LISTED: &[(&str, Name)] = &[$(($text, Name::$variant),)+ $($(($member, Name::$family),)*)+];
    };
}

names! {
    Host "host",
    Connection "connection",
    ContentLength "content-length",
    TransferEncoding "transfer-encoding",
    Te "te",
    Trailer "trailer",
    Upgrade "upgrade",
    KeepAlive "keep-alive",
    ProxyConnection "proxy-connection",
    ProxyAuthenticate "proxy-authenticate",
    ProxyAuthorization "proxy-authorization",
    Expect "expect",
    UserAgent "user-agent",
    Referer "referer",
    Forwarded "forwarded",
    XForwardedFor "x-forwarded-for",
    XForwardedProto "x-forwarded-proto",
    XForwardedHost "x-forwarded-host",
    XForwardedPort "x-forwarded-port",
    XForwardedPrefix "x-forwarded-prefix",
    XRealIp "x-real-ip",
    TrueClientIp "true-client-ip",
    CfConnectingIp "cf-connecting-ip",
    CfVisitor "cf-visitor",
    CdnLoop "cdn-loop",
    Via "via",
    XRequestId "x-request-id",
    ContentType "content-type",
    ContentEncoding "content-encoding",
    ContentRange "content-range",
    Date "date",
    Server "server",
    Location "location",
    CacheControl "cache-control",
    ProxyStatus "proxy-status",
    RetryAfter "retry-after",
    Http2Settings "http2-settings",
    Accept "accept",
    AcceptEncoding "accept-encoding",
    AcceptLanguage "accept-language",
    Authorization "authorization",
    Cookie "cookie",
    SetCookie "set-cookie",
    Origin "origin",
    Range "range",
    Vary "vary",
    Etag "etag",
    LastModified "last-modified",
    IfNoneMatch "if-none-match",
    IfModifiedSince "if-modified-since",
    StrictTransportSecurity "strict-transport-security",
    AltSvc "alt-svc",
    WwwAuthenticate "www-authenticate",
    MaxForwards "max-forwards";

    // every other one that begins like this: -ssl, -scheme, -protocol, -server, -by, -uri, -tls-client-cert, ...
    XForwardedOther [],
    // what Cloudflare's edge says of a client, beside `cf-connecting-ip` and `cf-visitor`
    CfOther ["cf-connecting-ipv6", "cf-pseudo-ipv4", "cf-ipcountry"],
    // Who and where the client is, in the words of other load balancers and of the apps that learned them: PHP snippets
    // and Rails (`client-ip`), Rackspace (`x-cluster-client-ip`), WebLogic, Fastly, IIS (`x-original-*`, also Symfony's;
    // `front-end-https`), WSGI middleware (`x-scheme`, `x-script-name`; gunicorn: `script_name`, `path_info`).
    ClaimOther [
        "client-ip", "x-client-ip", "x-cluster-client-ip", "fastly-client-ip", "proxy-client-ip", "wl-proxy-client-ip",
        "x-forwarded", "forwarded-for", "x-host", "x-http-host-override", "x-original-host", "x-original-url",
        "x-rewrite-url", "front-end-https", "x-scheme", "x-url-scheme", "x-script-name", "script-name", "path-info",
        // and which certificate it has shown (RFC 9440); more of them begin like one of CERTIFICATE_PREFIXES
        "client-cert", "client-cert-chain",
    ],
}

/// Fields in which a sender claims to be somebody else, or to be elsewhere. Who may send which is for
/// [`Head::strip_claims`](super::Head::strip_claims) to tell.
pub(super) const CLAIMS: u64 = FORWARDED | CLOUDFLARE | set(&[Name::Forwarded, Name::XRealIp, Name::ClaimOther]);

/// The claims that every proxy makes.
pub(super) const FORWARDED: u64 = set(&[
    Name::XForwardedFor,
    Name::XForwardedProto,
    Name::XForwardedHost,
    Name::XForwardedPort,
    Name::XForwardedPrefix,
    Name::XForwardedOther,
]);

/// The claims that Cloudflare's edge makes, and no other proxy.
pub(super) const CLOUDFLARE: u64 = set(&[Name::CfConnectingIp, Name::CfVisitor, Name::CfOther, Name::TrueClientIp]);

/// Indices, those of families and of [`Name::Other`] included; a set of them fits one `u64`.
pub(super) const COUNT: usize = Name::Other as usize + 1;
const _: () = assert!(COUNT <= 64);

/// Bytes of `: `.
pub(super) const SEPARATOR: usize = 2;

/// No name is as long: `strict-transport-security` has 25 letters.
const LONGEST: usize = 32;

const SLOT_BITS: u32 = 9;
const SLOTS: usize = 1 << SLOT_BITS;
const FREE: u8 = u8::MAX;

/// A multiplier under which no two names share a slot, and the table it gives; found while compiling.
const PERFECT: (u32, [u8; SLOTS]) = perfect();

const fn slot(name: &[u8], seed: u32) -> usize {
    let len = name.len();
    let letters = [name[0] | 0x20, name[len - 2] | 0x20, name[len - 1] | 0x20, len as u8];
    (u32::from_le_bytes(letters).wrapping_mul(seed) >> (32 - SLOT_BITS)) as usize
}

const fn perfect() -> (u32, [u8; SLOTS]) {
    let mut seed: u32 = 0x9e37_79b1;
    'seeds: loop {
        let mut table = [FREE; SLOTS];
        let mut i = 0;
        while i < LISTED.len() {
            let at = slot(LISTED[i].0.as_bytes(), seed);
            if table[at] != FREE {
                seed = seed.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35e) | 1;
                continue 'seeds;
            }
            table[at] = i as u8;
            i += 1;
        }
        return (seed, table);
    }
}

impl Name {
    /// Looks a name up, ASCII case-insensitively. For what is no token the answer means nothing.
    #[inline]
    pub fn of(name: &[u8]) -> Name {
        if name.len() < 2 {
            return Name::Other;
        }
        let found = PERFECT.1[slot(name, PERFECT.0)] as usize;
        match LISTED.get(found) {
            Some((text, id)) if is_text(name, text.as_bytes()) => *id,
            _ if is_forwarded(name) => Name::XForwardedOther,
            _ if is_certificate(name) => Name::ClaimOther,
            _ => Name::Other,
        }
    }

    /// Whether a name differs from a listed one only by `_` for `-`. Apps behind CGI and its heirs read both as the
    /// same, so that `X_Forwarded_For` would pass for what nobody but us may say.
    pub(super) fn is_twin(name: &[u8]) -> bool {
        if memchr::memchr(b'_', name).is_none() {
            return false;
        }
        // the beginning of a longer name tells whether it is one of `X-Forwarded-*`
        let mut dashed = [0; LONGEST];
        for (to, from) in dashed.iter_mut().zip(name) {
            *to = if *from == b'_' { b'-' } else { *from };
        }
        Name::of(&dashed[..name.len().min(LONGEST)]) != Name::Other
    }

    /// The name in lower case; empty for [`Name::Other`] and families.
    pub fn as_str(self) -> &'static str {
        let line = self.line();
        &line[..line.len().saturating_sub(SEPARATOR)]
    }

    /// The name in the `http` crate's type, for a name with an index of its own.
    pub(super) fn to_http(self) -> Option<HeaderName> {
        HTTP.get(self as usize).cloned()
    }

    /// The name and what divides it from the value, as the line of a field begins; empty when [`Name::as_str`] is.
    #[inline]
    pub(super) fn line(self) -> &'static str {
        LINES.get(self as usize).copied().unwrap_or("")
    }

    /// Whether all fields of this index have one name.
    #[inline]
    pub(super) const fn is_one(self) -> bool {
        (self as usize) < LINES.len()
    }

    /// This name as a set of one.
    #[inline]
    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// As `eq_ignore_ascii_case` for a token and one of the texts, eight bytes at a time. Setting a bit makes a large letter
/// small, and of no other byte that a token may hold one that a text has.
#[inline]
fn is_text(name: &[u8], text: &[u8]) -> bool {
    const SMALL: u64 = u64::from_ne_bytes([0x20; 8]);
    let differ = |name: [u8; 8], text: [u8; 8]| (u64::from_ne_bytes(name) | SMALL) ^ u64::from_ne_bytes(text);
    let different = match (name.last_chunk(), text.last_chunk()) {
        _ if name.len() != text.len() => return false,
        (Some(name_end), Some(text_end)) => {
            let words = name.as_chunks().0.iter().zip(text.as_chunks().0);
            words.fold(differ(*name_end, *text_end), |found, (name, text)| found | differ(*name, *text))
        }
        _ => name.iter().zip(text).fold(0, |found, (name, text)| found | u64::from((name | 0x20) ^ text)),
    };
    different == 0
}

/// A name with `_` is none of them, so that [`Name::is_twin`] still finds it.
fn is_forwarded(name: &[u8]) -> bool {
    let prefix = name.get(..FORWARDED_PREFIX.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(FORWARDED_PREFIX)) && memchr::memchr(b'_', name).is_none()
}

/// What a proxy in front tells of a client's certificate, in the words that people have chosen for it.
fn is_certificate(name: &[u8]) -> bool {
    // most names begin with another letter
    matches!(name[0] | 0x20, b's' | b'x' | b'c')
        && CERTIFICATE_PREFIXES
            .iter()
            .any(|prefix| name.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix.as_bytes())))
}

/// nginx and its ingress controller, HAProxy, Cloudflare, AWS, Azure.
const CERTIFICATE_PREFIXES: [&str; 8] = [
    "x-ssl-",
    "ssl-client-",
    "x-client-cert",
    "x-client-verify",
    "x-client-dn",
    "cf-client-cert",
    "x-amzn-mtls-",
    "x-arr-clientcert",
];

const FORWARDED_PREFIX: &[u8] = b"x-forwarded-";

/// A set of names, for tests like "is it one of these" on the hot path.
pub(super) const fn set(names: &[Name]) -> u64 {
    let mut bits = 0;
    let mut i = 0;
    while i < names.len() {
        bits |= names[i].bit();
        i += 1;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_nothing_else_is() {
        for (text, name) in LISTED {
            assert!(text.len() < LONGEST, "{text}");
            assert_eq!(Name::of(text.as_bytes()), *name);
            assert_eq!(Name::of(text.to_ascii_uppercase().as_bytes()), *name);
            assert_eq!(name.as_str(), if name.is_one() { text } else { "" });
            for at in 0..text.len() {
                let mut wrong = text.as_bytes().to_vec();
                wrong[at] = if wrong[at] == b'q' { b'p' } else { b'q' };
                let forwarded = is_forwarded(&wrong);
                assert_eq!(Name::of(&wrong), if forwarded { Name::XForwardedOther } else { Name::Other }, "{text}");
            }
            let longer = if is_forwarded(text.as_bytes()) { Name::XForwardedOther } else { Name::Other };
            assert_eq!(Name::of(format!("{text}y").as_bytes()), longer);
        }
        assert_eq!(Name::of(b""), Name::Other);
        assert_eq!(Name::of(b"x"), Name::Other);
        assert_eq!(Name::Other.as_str(), "");
    }

    #[test]
    fn whatever_is_called_x_forwarded_is_known_for_what_it_is() {
        for name in ["X-Forwarded-Scheme", "x-forwarded-protocol", "X-FORWARDED-BY", "x-forwarded-", "x-forwarded-ssl"]
        {
            assert_eq!(Name::of(name.as_bytes()), Name::XForwardedOther, "{name}");
        }
        for name in ["x-forwarder", "xx-forwarded-by", "x_forwarded-by", "x-forwarded_by", "x-forwarded-b_y"] {
            assert_eq!(Name::of(name.as_bytes()), Name::Other, "{name}");
        }
    }

    #[test]
    fn a_twin_differs_from_a_listed_name_by_underscores_alone() {
        let long = format!("x_forwarded_{}", "x".repeat(60));
        for name in ["X_Forwarded_For", "x-forwarded_by", "CLIENT_IP", "Content_Length", "SCRIPT_NAME", &long] {
            assert!(Name::is_twin(name.as_bytes()), "{name}");
        }
        for name in ["x-forwarded-for", "client-ip", "x_own", "_", "__", &"a_".repeat(60)] {
            assert!(!Name::is_twin(name.as_bytes()), "{name}");
        }
    }
}
