//! How many connections each client address has, over all workers.
//!
//! One door: [`Clients::enter`]. Asked once per connection and only while `limits.connectionsPerClient` is set; 32
//! shards, so that two workers hardly ever meet.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// `Default` of arrays ends at 32.
const SHARDS: usize = 32;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Clients {
    shards: [Mutex<HashMap<IpAddr, u32, foldhash::fast::RandomState>>; SHARDS],
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    clients: Arc<Clients>,
    ip: IpAddr,
}

impl Clients {
    /// A place for one more connection of `ip`, unless it has `most` already.
    pub(super) fn enter(self: &Arc<Self>, ip: IpAddr, most: usize) -> Option<Place> {
        let mut shard = self.shard(ip);
        let count = shard.entry(ip).or_default();
        if *count as usize >= most {
            return None;
        }
        *count += 1;
        drop(shard);
        Some(Place { clients: Arc::clone(self), ip })
    }

    fn shard(&self, ip: IpAddr) -> MutexGuard<'_, HashMap<IpAddr, u32, foldhash::fast::RandomState>> {
        let mixed = match ip {
            IpAddr::V4(ip) => u64::from(u32::from(ip)),
            IpAddr::V6(ip) => (u128::from(ip) >> 64) as u64 ^ u128::from(ip) as u64,
        };
        let index = (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize % self.shards.len();
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut shard = self.clients.shard(self.ip);
        if let Some(count) = shard.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                shard.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_share_and_no_more_until_it_leaves() {
        let clients = Arc::new(Clients::default());
        let ip = "192.0.2.1".parse().unwrap();
        let first = clients.enter(ip, 2).unwrap();
        let _second = clients.enter(ip, 2).unwrap();
        assert!(clients.enter(ip, 2).is_none());
        assert!(clients.enter("192.0.2.2".parse().unwrap(), 2).is_some());
        drop(first);
        assert!(clients.enter(ip, 2).is_some());
    }

    #[test]
    fn nothing_is_kept_of_clients_that_left() {
        let clients = Arc::new(Clients::default());
        drop(clients.enter("2001:db8::1".parse().unwrap(), 1));
        assert!(clients.shards.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }
}
