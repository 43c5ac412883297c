//! How many connections each client has, over all workers: an IPv4 address, or the /64 of an IPv6 address, which is what one
//! subscriber gets at least (RFC 6177) and can draw addresses from at will.
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
    shards: [Mutex<Shard>; SHARDS],
}

type Shard = HashMap<Client, u32, foldhash::fast::RandomState>;

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    clients: Arc<Clients>,
    client: Client,
}

/// Who is counted as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Client {
    V4(u32),
    /// The upper half of the address.
    V6(u64),
}

impl From<IpAddr> for Client {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Client::V4(ip.into()),
            IpAddr::V6(ip) => Client::V6((u128::from(ip) >> 64) as u64),
        }
    }
}

impl Clients {
    /// A place for one more connection of `ip`, unless it has `most` already.
    pub(super) fn enter(self: &Arc<Self>, ip: IpAddr, most: usize) -> Option<Place> {
        let client = ip.into();
        let mut shard = self.shard(client);
        let count = shard.entry(client).or_default();
        if *count as usize >= most {
            return None;
        }
        *count += 1;
        drop(shard);
        Some(Place { clients: Arc::clone(self), client })
    }

    fn shard(&self, client: Client) -> MutexGuard<'_, Shard> {
        let mixed = match client {
            Client::V4(ip) => u64::from(ip),
            Client::V6(network) => network,
        };
        let index = (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize % self.shards.len();
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut shard = self.clients.shard(self.client);
        if let Some(count) = shard.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                shard.remove(&self.client);
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
    fn addresses_of_one_ipv6_network_are_one_client() {
        let clients = Arc::new(Clients::default());
        let enter = |ip: &str| clients.enter(ip.parse().unwrap(), 2);
        let _places = (enter("2001:db8::1").unwrap(), enter("2001:db8::2:3").unwrap());
        assert!(enter("2001:db8::4").is_none());
        assert!(enter("2001:db8:0:1::1").is_some());
        assert!(enter("0.0.0.1").is_some());
    }

    #[test]
    fn nothing_is_kept_of_clients_that_left() {
        let clients = Arc::new(Clients::default());
        drop(clients.enter("2001:db8::1".parse().unwrap(), 1));
        assert!(clients.shards.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }
}
