//! The keys by which sessions resume on any node: [`Tickets`]. A ticket is the session, sealed (RFC 5077 4, RFC 8446 4.6.1),
//! so that a node keeps nothing of those it has served.
//!
//! ```text
//! ticket = key id (16) | nonce (12) | session, AES-256-GCM | tag (16)
//! ```

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use rustls::server::ProducesTickets;
use zeroize::Zeroizing;

/// Bytes of a key's name.
const ID: usize = 16;
/// Keys at once: the one in use and two before it.
pub const GENERATIONS: usize = 3;
/// How long a client may come back, seconds: a key is in use for 12 h and then opens tickets for 24 h more.
const LIFETIME: u32 = 24 * 3600;

/// One key.
#[derive(Clone, PartialEq, Eq)]
pub struct TicketKey {
    id: [u8; ID],
    secret: Zeroizing<[u8; 32]>,
}

/// The keys in force. Changed in place: what was sealed under a key is opened for as long as the key is here.
#[derive(Debug)]
pub struct Tickets {
    /// The first seals, all open.
    keys: RwLock<Arc<[TicketKey]>>,
}

impl TicketKey {
    /// Bytes of a key: its name, then its secret.
    pub const LEN: usize = ID + 32;

    /// A fresh one.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn random() -> Result<TicketKey, rustls::Error> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        aws_lc_rs::rand::fill(&mut bytes[..]).map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
        TicketKey::from_bytes(&bytes[..]).ok_or(rustls::Error::FailedToGetRandomBytes)
    }

    /// As another node wrote it down; `None` when it has another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<TicketKey> {
        let (id, secret) = bytes.split_first_chunk::<ID>()?;
        Some(TicketKey { id: *id, secret: Zeroizing::new(secret.try_into().ok()?) })
    }

    /// For other nodes.
    pub fn to_bytes(&self) -> Zeroizing<[u8; Self::LEN]> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        bytes[..ID].copy_from_slice(&self.id);
        bytes[ID..].copy_from_slice(&self.secret[..]);
        bytes
    }
}

impl fmt::Debug for TicketKey {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Tickets {
    /// The first of `keys` seals, all open; at most three are kept.
    pub fn new(keys: &[TicketKey]) -> Arc<Tickets> {
        Arc::new(Tickets { keys: RwLock::new(kept(keys)) })
    }

    /// Puts other keys in the place of those in force.
    pub fn replace(&self, keys: &[TicketKey]) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = kept(keys);
    }

    fn keys(&self) -> Arc<[TicketKey]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// For rustls. What is sealed under one `context` is not opened under another.
    pub(super) fn producer(self: &Arc<Self>, context: Option<[u8; 32]>) -> Arc<dyn ProducesTickets> {
        let ready = RwLock::new(Arc::new(Ready::of(self.keys(), context)));
        Arc::new(Producer { tickets: Arc::clone(self), context, ready })
    }
}

fn kept(keys: &[TicketKey]) -> Arc<[TicketKey]> {
    keys[..keys.len().min(GENERATIONS)].into()
}

/// [`Tickets`] under one context.
struct Producer {
    tickets: Arc<Tickets>,
    context: Option<[u8; 32]>,
    ready: RwLock<Arc<Ready>>,
}

/// Keys that were derived from those in force.
struct Ready {
    from: Arc<[TicketKey]>,
    keys: Vec<([u8; ID], LessSafeKey)>,
}

impl Ready {
    fn of(from: Arc<[TicketKey]>, context: Option<[u8; 32]>) -> Ready {
        let keys = from.iter().filter_map(|key| Some((key.id, derive(key, context)?))).collect();
        Ready { from, keys }
    }
}

fn derive(key: &TicketKey, context: Option<[u8; 32]>) -> Option<LessSafeKey> {
    let context: &[u8] = context.as_ref().map_or(&[], |digest| digest);
    let info = [b"gatepost session ticket".as_slice(), context];
    let pseudorandom = Salt::new(HKDF_SHA256, &key.id).extract(&key.secret[..]);
    Some(LessSafeKey::new(UnboundKey::from(pseudorandom.expand(&info, &AES_256_GCM).ok()?)))
}

impl Producer {
    fn ready(&self) -> Arc<Ready> {
        let from = self.tickets.keys();
        let ready = Arc::clone(&self.ready.read().unwrap_or_else(PoisonError::into_inner));
        if Arc::ptr_eq(&ready.from, &from) {
            return ready;
        }
        let fresh = Arc::new(Ready::of(from, self.context));
        *self.ready.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        fresh
    }
}

impl ProducesTickets for Producer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let ready = self.ready();
        let (id, key) = ready.keys.first()?;
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).ok()?;
        let mut sealed = Vec::with_capacity(ID + NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let (head, session) = sealed.split_at_mut(ID + NONCE_LEN);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&head[..ID]), session).ok()?;
        sealed.extend_from_slice(tag.as_ref());
        Some(sealed)
    }

    fn decrypt(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (id, rest) = sealed.split_first_chunk::<ID>()?;
        let (nonce, session) = rest.split_first_chunk::<NONCE_LEN>()?;
        let ready = self.ready();
        let (_, key) = ready.keys.iter().find(|(known, _)| known == id)?;
        let mut session = session.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = key.open_in_place(nonce, Aad::from(&id[..]), &mut session).ok()?.len();
        session.truncate(plain);
        Some(session)
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}
