//! Which keys of session tickets are in force when: [`Keys`]. Pure; the time is a parameter.

use k8s_openapi::ByteString;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::certs::{GENERATIONS, TicketKey};

/// A key is in use for so long, seconds.
pub(super) const ROTATE: i64 = 12 * 3600;

/// A new key opens at once and seals only after so long, seconds: by then every node has it.
pub(super) const FRESH: i64 = 60;

/// Keys, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Keys(Vec<Key>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    /// Unix seconds.
    created: i64,
    key: TicketKey,
}

/// As a key stands in the Secret.
#[derive(Serialize, Deserialize)]
struct Written {
    created: i64,
    /// Base64.
    key: ByteString,
}

impl Keys {
    /// Reads what a node has written; what is no key is left out.
    pub(super) fn read(text: &[u8]) -> Keys {
        let written: Vec<Written> = serde_json::from_slice(text).unwrap_or_default();
        let mut keys: Vec<Key> = written
            .into_iter()
            .filter_map(|Written { created, key: ByteString(bytes) }| {
                let bytes = Zeroizing::new(bytes);
                Some(Key { created, key: TicketKey::from_bytes(&bytes)? })
            })
            .collect();
        keys.sort_by_key(|key| std::cmp::Reverse(key.created));
        keys.truncate(GENERATIONS);
        Keys(keys)
    }

    /// For other nodes.
    pub(super) fn write(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        let mut written: Vec<Written> = self
            .0
            .iter()
            .map(|Key { created, key }| Written { created: *created, key: ByteString(key.to_bytes().to_vec()) })
            .collect();
        let text = serde_json::to_vec(&written).map(Zeroizing::new);
        written.iter_mut().for_each(|written| written.key.0.zeroize());
        text
    }

    /// The newest is due to be followed by another: it has been in use for long, or a clock that is wrong made it, by
    /// which it would be in use for ever.
    pub(super) fn is_old(&self, now: i64) -> bool {
        self.0.first().is_none_or(|newest| !(-FRESH..ROTATE).contains(&(now - newest.created)))
    }

    /// With one more, made now; the oldest goes. None of the others is newer, whatever clock made it.
    pub(super) fn next(&self, now: i64) -> Result<Keys, rustls::Error> {
        let mut keys = vec![Key { created: now, key: TicketKey::random()? }];
        let older = self.0.iter().take(GENERATIONS - 1);
        keys.extend(older.map(|Key { created, key }| Key { created: (*created).min(now - 1), key: key.clone() }));
        Ok(Keys(keys))
    }

    /// The keys as they are in force: the first seals, all open.
    pub(super) fn in_force(&self, now: i64) -> Vec<TicketKey> {
        let mut keys: Vec<TicketKey> = self.0.iter().map(|key| key.key.clone()).collect();
        if keys.len() > 1 && self.is_fresh(now) {
            keys.swap(0, 1);
        }
        keys
    }

    /// Seconds until one of the above is answered differently.
    pub(super) fn until_due(&self, now: i64) -> u64 {
        let Some(newest) = self.0.first().filter(|_| !self.is_old(now)) else { return 0 };
        let age = now - newest.created;
        let due = if self.is_fresh(now) { FRESH - age } else { ROTATE - age };
        u64::try_from(due).unwrap_or_default()
    }

    fn is_fresh(&self, now: i64) -> bool {
        self.0.first().is_some_and(|newest| (-FRESH..FRESH).contains(&(now - newest.created)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_750_000_000;

    #[test]
    fn what_one_node_writes_another_reads_and_what_is_no_key_is_left_out() {
        let keys = Keys::default().next(NOW - ROTATE).unwrap().next(NOW).unwrap();
        assert_eq!(Keys::read(&keys.write().unwrap()), keys);
        for text in ["", "[]", "{}", "keys", "[{\"created\": 1, \"key\": \"AAAA\"}]"] {
            assert_eq!(Keys::read(text.as_bytes()), Keys::default(), "{text}");
        }
    }

    #[test]
    fn three_are_kept_the_newest_first_whatever_their_order() {
        let mut keys = Keys::default();
        for number in 0..5 {
            keys = keys.next(NOW + number * ROTATE).unwrap();
        }
        assert_eq!(keys.0.iter().map(|key| (key.created - NOW) / ROTATE).collect::<Vec<_>>(), [4, 3, 2]);
        let mut other = keys.clone();
        other.0.reverse();
        assert_eq!(Keys::read(&other.write().unwrap()), keys);
    }

    #[test]
    fn a_key_is_followed_by_another_after_twelve_hours() {
        assert!(Keys::default().is_old(NOW) && Keys::default().until_due(NOW) == 0);
        let keys = Keys::default().next(NOW).unwrap();
        for (later, is_old, due) in [
            (0, false, 60),
            (59, false, 1),
            (60, false, ROTATE as u64 - 60),
            (ROTATE - 1, false, 1),
            (ROTATE, true, 0),
            // of a node whose clock is a little ahead, and of one whose clock is wrong
            (-FRESH, false, 120),
            (-FRESH - 1, true, 0),
            (-10 * ROTATE, true, 0),
        ] {
            assert_eq!((keys.is_old(NOW + later), keys.until_due(NOW + later)), (is_old, due), "{later}");
        }
    }

    #[test]
    fn a_new_key_opens_at_once_and_seals_a_minute_later_unless_it_is_the_only_one() {
        let first = Keys::default().next(NOW).unwrap();
        let only = first.0[0].key.clone();
        assert_eq!(first.in_force(NOW), std::slice::from_ref(&only));
        let second = first.next(NOW + ROTATE).unwrap();
        let newest = second.0[0].key.clone();
        assert_eq!(second.in_force(NOW + ROTATE + 59), [only.clone(), newest.clone()]);
        assert_eq!(second.in_force(NOW + ROTATE + 60), [newest, only]);
    }

    #[test]
    fn a_key_from_the_future_seals_and_opens_but_holds_up_neither_its_successor_nor_the_minute_after() {
        let past = Keys::default().next(NOW - ROTATE).unwrap();
        let wrong = past.next(NOW + 1_000_000).unwrap();
        let (old, future) = (past.0[0].key.clone(), wrong.0[0].key.clone());
        assert!(wrong.is_old(NOW));
        assert_eq!(wrong.in_force(NOW), [future.clone(), old.clone()]);
        // as every node reads it
        let next = Keys::read(&wrong.next(NOW).unwrap().write().unwrap());
        let newest = next.0[0].key.clone();
        assert!(newest != future && newest != old && !next.is_old(NOW));
        assert_eq!(next.in_force(NOW), [future.clone(), newest.clone(), old.clone()]);
        assert_eq!(next.in_force(NOW + FRESH), [newest, future, old]);
    }

    #[test]
    fn nothing_that_is_shown_has_a_secret_in_it() {
        let keys = Keys::default().next(NOW).unwrap();
        let bytes = keys.0[0].key.to_bytes();
        let secret = format!("{:?}", &bytes[16..20]);
        assert!(!format!("{keys:?}").contains(secret.trim_matches(['[', ']'])));
    }
}
