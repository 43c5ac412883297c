//! The field names that somebody in this program asks for by name. [`Name::of`] is the one door: it costs one
//! multiplication, one table read and one comparison.

/// A well-known field name; [`Name::Other`] is every other one.
macro_rules! names {
    ($($variant:ident $text:literal),+ $(,)?) => {
        /// A field name that has an index of its own in a [`Head`](super::Head).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
            /// Any name that is not listed here.
            Other,
        }

        /// Lower-case texts, by discriminant.
        const TEXTS: &[&str] = &[$($text),+];
        const NAMES: &[Name] = &[$(Name::$variant),+];
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
    XForwardedSsl "x-forwarded-ssl",
    XForwardedServer "x-forwarded-server",
    XRealIp "x-real-ip",
    TrueClientIp "true-client-ip",
    XOriginalUrl "x-original-url",
    XRewriteUrl "x-rewrite-url",
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
    MaxForwards "max-forwards",
}

/// Names that have an index; a set of them fits one `u64`.
pub(super) const COUNT: usize = TEXTS.len();
const _: () = assert!(COUNT < 64);

/// `strict-transport-security`, and some room.
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
        while i < COUNT {
            let at = slot(TEXTS[i].as_bytes(), seed);
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
    /// Looks a name up, ASCII case-insensitively.
    #[inline]
    pub fn of(name: &[u8]) -> Name {
        if name.len() < 2 {
            return Name::Other;
        }
        let found = PERFECT.1[slot(name, PERFECT.0)] as usize;
        match TEXTS.get(found) {
            Some(text) if text.as_bytes().eq_ignore_ascii_case(name) => NAMES[found],
            _ => Name::Other,
        }
    }

    /// Whether a name differs from a well-known one only by `_` for `-`. Apps behind CGI and its heirs read both as the
    /// same, so that `X_Forwarded_For` would pass for what nobody but us may say.
    pub(super) fn is_twin(name: &[u8]) -> bool {
        let mut dashed = [0; LONGEST];
        let Some(dashed) = dashed.get_mut(..name.len()) else { return false };
        if memchr::memchr(b'_', name).is_none() {
            return false;
        }
        for (to, from) in dashed.iter_mut().zip(name) {
            *to = if *from == b'_' { b'-' } else { *from };
        }
        Name::of(dashed) != Name::Other
    }

    /// The name in lower case; empty for [`Name::Other`].
    pub fn as_str(self) -> &'static str {
        TEXTS.get(self as usize).copied().unwrap_or("")
    }

    /// This name as a set of one. `Other` has a bit too, so that no shift overflows; nothing looks for it.
    #[inline]
    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }
}

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
        for (text, name) in TEXTS.iter().zip(NAMES) {
            assert_eq!(Name::of(text.as_bytes()), *name);
            assert_eq!(Name::of(text.to_ascii_uppercase().as_bytes()), *name);
            assert_eq!(name.as_str(), *text);
            let mut wrong = text.as_bytes().to_vec();
            wrong[0] ^= 1;
            assert_eq!(Name::of(&wrong), Name::Other, "{text}");
            assert_eq!(Name::of(format!("{text}x").as_bytes()), Name::Other);
        }
        assert_eq!(Name::of(b""), Name::Other);
        assert_eq!(Name::of(b"x"), Name::Other);
        assert_eq!(Name::Other.as_str(), "");
    }
}
