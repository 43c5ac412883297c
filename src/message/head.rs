//! The head of a message: its start line, and its fields as spans into one buffer. [`Head`] is the one door; reading,
//! writing and what the fields mean are in the sibling files.

use super::name::{self, Name};
use super::{Method, Version, target};

/// A head larger than this was an exception; its buffer is given back rather than kept for the next one.
const KEPT_BYTES: usize = 16 * 1024;
const KEPT_FIELDS: usize = 128;

/// The head of a request or an answer. Made to be used again and again: [`Head::clear`] keeps the buffers.
#[derive(Debug, Clone)]
pub struct Head {
    /// Field lines one after another: the received ones byte for byte, then the pushed ones as `name: value\r\n`.
    pub(super) bytes: Vec<u8>,
    pub(super) fields: Vec<Field>,
    /// Method, target and the like; apart from the fields because it is always text.
    pub(super) line: String,
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) status: u16,
    pub(super) is_request: bool,
    pub(super) method_at: Span,
    pub(super) target_at: Span,
    pub(super) path_at: Span,
    pub(super) scheme_at: Option<Span>,
    pub(super) authority_at: Option<Span>,
    pub(super) reason_at: Span,
    /// Which names are there, and which of them more than once.
    pub(super) present: u64,
    pub(super) several: u64,
    /// Where the first live field of a name is; means something only when its bit in `present` is set.
    pub(super) first: [u16; name::COUNT],
    pub(super) live: usize,
    pub(super) received: usize,
    pub(super) options: Options,
}

/// A part of [`Head::line`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) end: u32,
}

/// One field line within [`Head::bytes`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) at: u32,
    pub(super) value_at: u32,
    pub(super) value_len: u32,
    pub(super) name_len: u16,
    pub(super) id: Name,
    pub(super) removed: bool,
    /// The line reads `name: value\r\n` exactly, so that neighbours can be copied out together.
    pub(super) tidy: bool,
}

/// What the fields `Connection` and `Upgrade` said when they came in; outlives their removal.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
    pub(super) websocket: bool,
    pub(super) count: usize,
}

// === impl Head ===

impl Default for Head {
    fn default() -> Self {
        Head::new()
    }
}

impl Head {
    /// An empty head without buffers.
    pub fn new() -> Head {
        Head {
            bytes: Vec::new(),
            fields: Vec::new(),
            line: String::new(),
            method: Method::Other,
            version: Version::Http11,
            status: 0,
            is_request: false,
            method_at: Span::default(),
            target_at: Span::default(),
            path_at: Span::default(),
            scheme_at: None,
            authority_at: None,
            reason_at: Span::default(),
            present: 0,
            several: 0,
            first: [0; name::COUNT],
            live: 0,
            received: 0,
            options: Options::default(),
        }
    }

    /// Forgets the message and keeps the buffers, unless an unusually large head made them grow.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
        self.line.clear();
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes.shrink_to(KEPT_BYTES);
        }
        if self.line.capacity() > KEPT_BYTES {
            self.line.shrink_to(KEPT_BYTES);
        }
        if self.fields.capacity() > KEPT_FIELDS {
            self.fields.shrink_to(KEPT_FIELDS);
        }
        self.method = Method::Other;
        self.version = Version::Http11;
        self.status = 0;
        self.is_request = false;
        self.method_at = Span::default();
        self.target_at = Span::default();
        self.path_at = Span::default();
        self.scheme_at = None;
        self.authority_at = None;
        self.reason_at = Span::default();
        self.present = 0;
        self.several = 0;
        self.live = 0;
        self.received = 0;
        self.options = Options::default();
    }

    /// Clears, and begins a request of our own. A method or target that could not be sent is left out (see
    /// [`Head::set_target`]).
    pub fn start_request(&mut self, method: &str, target: &str, version: Version) {
        self.clear();
        self.is_request = true;
        self.version = version;
        if target::is_method(method.as_bytes()) {
            self.set_method(method);
        } else {
            debug_assert!(false, "not a method: {method:?}");
        }
        self.set_target(target);
    }

    /// Clears, and begins an answer of our own with the usual reason phrase.
    pub fn start_response(&mut self, status: u16) {
        self.clear();
        let reason = http::StatusCode::from_u16(status).ok().and_then(|known| known.canonical_reason());
        self.set_status(status, reason.unwrap_or(""));
    }

    // --- start line ---

    /// The version the message came by.
    #[inline]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The method, of those known by name.
    #[inline]
    pub fn method(&self) -> Method {
        self.method
    }

    /// The method's text.
    pub fn method_str(&self) -> &str {
        self.text(self.method_at)
    }

    /// The request-target as received; for HTTP/2 the `:path`.
    pub fn target(&self) -> &str {
        self.text(self.target_at)
    }

    /// The target in origin-form: what is left of an absolute-form without scheme and authority, else the target.
    pub fn path_and_query(&self) -> &str {
        self.text(self.path_at)
    }

    /// The scheme, when an absolute-form target or HTTP/2 named one; as written.
    pub fn scheme(&self) -> Option<&str> {
        self.scheme_at.map(|at| self.text(at))
    }

    /// The authority, when an absolute-form or authority-form target or HTTP/2 named one; as written.
    pub fn authority(&self) -> Option<&str> {
        self.authority_at.map(|at| self.text(at))
    }

    /// The status code; 0 in a request.
    #[inline]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase, often empty.
    pub fn reason(&self) -> &str {
        self.text(self.reason_at)
    }

    /// How many bytes the head had when it was received.
    pub fn bytes(&self) -> usize {
        self.received
    }

    /// Replaces the target, as after a rewrite. A target with bytes that no request line may hold changes nothing:
    /// it would be sent as something else than it says.
    pub fn set_target(&mut self, target: &str) {
        let set = self.replace_target(target);
        debug_assert!(set, "not a target: {target:?}");
    }

    // --- for the sibling files ---

    /// False: nothing was changed.
    pub(super) fn replace_target(&mut self, target: &str) -> bool {
        let good = !target.is_empty() && target::is_clean(target.as_bytes());
        if good {
            self.target_at = self.add_text(target);
            self.path_at = self.target_at;
        }
        good
    }

    pub(super) fn set_method(&mut self, method: &str) {
        self.method = Method::of(method);
        self.method_at = self.add_text(method);
    }

    pub(super) fn set_status(&mut self, status: u16, reason: &str) {
        self.status = status;
        self.reason_at = self.add_text(reason);
    }

    pub(super) fn add_text(&mut self, text: &str) -> Span {
        let at = self.line.len() as u32;
        self.line.push_str(text);
        Span { at, end: self.line.len() as u32 }
    }

    #[inline]
    fn text(&self, span: Span) -> &str {
        &self.line[span.at as usize..span.end as usize]
    }
}
