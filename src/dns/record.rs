//! What there is at Cloudflare: zones and the records in them.
//!
//! Names are in lower case and A-labels, without a dot at the end, and absolute; a wildcard is `*.example.com`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::Draft;
use super::wanted::one_form;
use crate::config::AUTOMATIC;

/// Identifier of a zone: 32 hexadecimal digits.
pub type ZoneId = Arc<str>;

/// A zone that the credentials can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// By which it is called in every request.
    pub id: ZoneId,
    /// Its apex, such as `example.com`.
    pub name: String,
    /// Cloudflare answers for it. One that is pending, or has moved away, is somebody's plan, and its names are elsewhere.
    pub is_active: bool,
    /// How many records it may have, when Cloudflare tells.
    pub usage: Option<Usage>,
}

/// How full a zone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Records of every kind, whoever made them.
    pub used: u32,
    /// The most of them.
    pub quota: u32,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// By which it is changed and deleted.
    pub id: String,
    /// Where it is.
    pub zone: ZoneId,
    /// Whose it is.
    pub name: String,
    /// What it holds.
    pub kind: RecordType,
    /// An address in its one form, or a name; as Cloudflare wrote it for a type that is not ours.
    pub content: String,
    /// Seconds; 1 is automatic, and what a proxied record has whatever was asked for.
    pub ttl: u32,
    /// Cloudflare's edge stands in front of it.
    pub proxied: bool,
    /// What its makers wrote beside it.
    pub comment: Option<String>,
}

/// The type of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordType {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// Another name.
    Cname,
    /// One that gatepost never makes and never touches.
    Other(Box<str>),
}

impl Usage {
    /// When so many more records are made, and so many go.
    pub(super) fn after(self, made: usize, gone: usize) -> Usage {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Usage { used: self.used.saturating_add(count(made)).saturating_sub(count(gone)), ..self }
    }
}

impl Record {
    /// What it holds, when that is an address of its type.
    pub fn address(&self) -> Option<IpAddr> {
        match self.kind {
            RecordType::A => self.content.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            RecordType::Aaaa => self.content.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            RecordType::Cname | RecordType::Other(_) => None,
        }
    }

    /// It has this content, however either is written.
    pub(super) fn holds(&self, to: &Draft) -> bool {
        match self.kind {
            RecordType::Cname => one_form(&self.content) == to.content,
            _ => self.address().is_some_and(|address| to.content.parse() == Ok(address)),
        }
    }

    /// It has these settings.
    pub(super) fn is_set_as(&self, to: &Draft) -> bool {
        (self.ttl_in_force(), self.proxied) == (to.ttl, to.proxied)
    }

    /// So long whoever has asked for it may go by what it was.
    pub(super) fn remembered(&self) -> Duration {
        let seconds = match self.ttl_in_force() {
            AUTOMATIC => TTL_AUTOMATIC,
            ttl => ttl,
        };
        Duration::from_secs(seconds.into())
    }

    /// The TTL that it has, whatever it was made with.
    pub(super) fn ttl_in_force(&self) -> u32 {
        in_force(self.ttl, self.proxied)
    }
}

/// What Cloudflare answers for a TTL of 1 (developers.cloudflare.com/dns/manage-dns-records/reference/ttl), seconds.
const TTL_AUTOMATIC: u32 = 300;

/// The TTL that a record has which was made with this one.
pub(super) fn in_force(ttl: u32, proxied: bool) -> u32 {
    if proxied { AUTOMATIC } else { ttl }
}

impl RecordType {
    /// By its name in RFC 1035 and its followers.
    pub fn of(name: &str) -> RecordType {
        match name {
            "A" => RecordType::A,
            "AAAA" => RecordType::Aaaa,
            "CNAME" => RecordType::Cname,
            other => RecordType::Other(other.into()),
        }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        match self {
            RecordType::A => "A",
            RecordType::Aaaa => "AAAA",
            RecordType::Cname => "CNAME",
            RecordType::Other(name) => name,
        }
    }

    /// Of the record that holds this address.
    pub fn of_address(address: IpAddr) -> RecordType {
        if address.is_ipv4() { RecordType::A } else { RecordType::Aaaa }
    }

    /// It holds an address.
    pub fn is_address(&self) -> bool {
        matches!(self, RecordType::A | RecordType::Aaaa)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
