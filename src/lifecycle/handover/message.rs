//! What two processes say to each other while one takes the listeners of the other: JSON, one message a packet. Doors:
//! [`Message::read`] and [`Message::write`].
//!
//! [`PROTOCOL`] is the major number: another one is refused. Within it a newer process may say more, and whoever does not
//! know a field or a message goes on as if it had not been said.

use serde::{Deserialize, Serialize};

/// Which protocol this is.
pub(super) const PROTOCOL: u32 = 1;

/// Most bytes of a message.
pub(super) const LARGEST: usize = 64 * 1024;

/// Most descriptors that come with one message; the kernel takes 253.
pub(super) const FDS: usize = 64;

/// Most descriptors of an offer: 500 workers on four addresses.
pub(super) const SOCKETS: usize = 2048;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(super) enum Message {
    /// New to old: your listeners, please.
    Ask {
        /// The major number that the new one speaks.
        protocol: u32,
        /// For the log.
        #[serde(default)]
        version: String,
        /// For the log; means something only within one PID namespace.
        #[serde(default)]
        pid: u32,
    },
    /// Old to new: not now, ask again.
    Wait {
        /// For the log.
        why: String,
    },
    /// Old to new: never.
    Refuse {
        /// For the log.
        why: String,
    },
    /// Old to new: these, whose descriptors follow in messages of [`Message::Sockets`].
    Offer {
        /// The major number that the old one speaks.
        protocol: u32,
        /// What follows, in this order.
        listeners: Vec<Listener>,
    },
    /// Old to new: the next descriptors of the offer, at most [`FDS`].
    Sockets,
    /// New to old, every second.
    Alive {
        /// Whether it is ready to serve, or goes on to be.
        #[serde(default)]
        ready: bool,
    },
    /// Whoever says it accepts connections on all that was offered.
    Accepting,
    /// Old to new: accepts no more, and keeps its copies.
    Yielded,
    /// Old to new: you have been well for long enough.
    Confirmed,
    /// New to old: accept again, I go.
    TakeBack,
    /// Whoever says it has nothing to do any more with what was offered.
    Goodbye,
    /// Of a newer process.
    #[serde(other)]
    Unknown,
}

/// Sockets that listen at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listener {
    /// What they are for.
    pub(super) kind: Kind,
    /// An address, or for [`Kind::Handover`] a name.
    pub(super) addr: String,
    /// How many.
    pub(super) sockets: usize,
}

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Clients in clear.
    Http,
    /// Clients over TLS.
    Https,
    /// Questions about the process.
    Admin,
    /// Asking for these sockets.
    Handover,
    /// Of a newer process.
    #[serde(other)]
    Unknown,
}

impl Kind {
    /// As the log names it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Http => "http",
            Kind::Https => "https",
            Kind::Admin => "admin",
            Kind::Handover => "handover",
            Kind::Unknown => "unknown",
        }
    }
}

/// A packet is no message.
#[derive(Debug, thiserror::Error)]
#[error("what it said is no message: {0}")]
pub(super) struct Garbage(#[from] serde_json::Error);

impl Message {
    /// What a packet says.
    ///
    /// # Errors
    /// It is no object with a `type`, or a message that is known lacks something.
    pub(super) fn read(packet: &[u8]) -> Result<Message, Garbage> {
        Ok(serde_json::from_slice(packet)?)
    }

    /// As a packet.
    pub(super) fn write(&self) -> Vec<u8> {
        // strings, numbers and lists of them can always be written
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_these_texts() {
        let http = Listener { kind: Kind::Http, addr: "[::]:80".to_owned(), sockets: 2 };
        for (message, text) in [
            (
                Message::Ask { protocol: 1, version: "0.1.0".to_owned(), pid: 7 },
                r#"{"type":"ask","protocol":1,"version":"0.1.0","pid":7}"#,
            ),
            (
                Message::Offer { protocol: 1, listeners: vec![http] },
                r#"{"type":"offer","protocol":1,"listeners":[{"kind":"http","addr":"[::]:80","sockets":2}]}"#,
            ),
            (Message::Alive { ready: true }, r#"{"type":"alive","ready":true}"#),
            (Message::Accepting, r#"{"type":"accepting"}"#),
            (Message::TakeBack, r#"{"type":"takeBack"}"#),
            (Message::Refuse { why: "x".to_owned() }, r#"{"type":"refuse","why":"x"}"#),
        ] {
            assert_eq!(String::from_utf8(message.write()).unwrap(), text);
            assert_eq!(Message::read(text.as_bytes()).unwrap(), message);
        }
    }

    #[test]
    fn what_a_newer_process_says_besides_is_not_heard() {
        let read = |text: &str| Message::read(text.as_bytes()).unwrap();
        assert_eq!(read(r#"{"type":"alive","ready":true,"load":0.5}"#), Message::Alive { ready: true });
        assert_eq!(read(r#"{"type":"weather","rain":[1]}"#), Message::Unknown);
        let offer = r#"{"type":"offer","protocol":1,"listeners":[{"kind":"quic","addr":"x","sockets":1,"cid":[]}]}"#;
        let quic = Listener { kind: Kind::Unknown, addr: "x".to_owned(), sockets: 1 };
        assert_eq!(read(offer), Message::Offer { protocol: 1, listeners: vec![quic] });
    }

    #[test]
    fn what_is_no_message_is_garbage() {
        for text in ["", "{", "[]", "7", r#"{"type":7}"#, r#"{"protocol":1}"#, r#"{"type":"offer"}"#, "\u{0}\u{1}"] {
            assert!(Message::read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(
            Message::read(br#"{"type":"offer","protocol":1,"listeners":[{"kind":"http","addr":"x","sockets":-1}]}"#)
                .is_err()
        );
    }
}
