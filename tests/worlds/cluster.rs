//! The nodes: [`Cluster`], and who looks at them, [`Watching`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use gatepost::dns::{Node, Observer, Unobserved, World};
use tokio::sync::watch;

use crate::hub::Hub;
use crate::random::Random;

/// Addresses that nodes may get, of each family.
const POOL: u8 = 7;
const MOST: usize = 5;

#[derive(Debug, Default)]
pub struct Cluster {
    pub nodes: Vec<Node>,
    made: usize,
}

/// Looks for a replica.
pub struct Watching {
    pub hub: Hub,
    pub news: watch::Receiver<u64>,
}

pub fn v4(last: u8) -> IpAddr {
    IpAddr::from([203, 0, 113, last])
}

pub fn v6(last: u8) -> IpAddr {
    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(last)])
}

impl Cluster {
    pub fn new(random: &mut Random) -> Cluster {
        let mut cluster = Cluster::default();
        for _ in 0..=random.below(4) {
            cluster.come(random);
        }
        cluster
    }

    /// What should be published, written down anew: not by the code that is tested.
    pub fn published(&self) -> BTreeSet<IpAddr> {
        let serves = |node: &&Node| node.is_ready && node.serves && !node.is_cordoned && !node.is_leaving;
        self.nodes.iter().filter(serves).flat_map(|node| node.external.clone()).collect()
    }

    pub fn addresses(&self) -> BTreeSet<IpAddr> {
        self.nodes.iter().flat_map(|node| node.external.clone()).collect()
    }

    fn come(&mut self, random: &mut Random) {
        self.made += 1;
        let used = self.addresses();
        let mut free = |of: fn(u8) -> IpAddr| {
            let free: Vec<IpAddr> = (1..=POOL).map(of).filter(|address| !used.contains(address)).collect();
            random.pick(&free)
        };
        let (four, six) = (free(v4), free(v6));
        let external = match random.below(6) {
            0 => vec![six],
            1 => vec![four, six],
            _ => vec![four],
        };
        self.nodes.push(Node {
            name: format!("node-{}", self.made),
            labels: BTreeMap::new(),
            external: external.into_iter().flatten().collect(),
            internal: Vec::new(),
            is_ready: true,
            is_cordoned: false,
            is_leaving: false,
            serves: true,
        });
    }

    /// Something happens to nodes; tells what.
    pub fn event(&mut self, random: &mut Random) -> &'static str {
        let at = random.below(self.nodes.len());
        let what = random.below(24);
        if self.nodes.is_empty() || (what < 4 && self.nodes.len() < MOST) {
            self.come(random);
            return "a node comes";
        }
        let node = &mut self.nodes[at];
        match what {
            0..6 => {
                self.nodes.remove(at);
                "a node goes"
            }
            6..10 => {
                node.is_ready ^= true;
                "a node is ready or not"
            }
            10..12 => {
                node.is_cordoned ^= true;
                "a node is cordoned or not"
            }
            12 => {
                node.is_leaving = true;
                "a node is told to go"
            }
            13..16 => {
                node.serves ^= true;
                "a gatepost serves or not"
            }
            16..19 => {
                self.nodes.remove(at);
                self.come(random);
                "a node is replaced"
            }
            19 => {
                let is_ready = random.one_in(3);
                self.nodes.iter_mut().for_each(|node| node.is_ready = is_ready);
                "all nodes at once"
            }
            20 => {
                self.nodes.iter_mut().for_each(|node| node.serves = false);
                "no gatepost serves"
            }
            21 => {
                self.nodes.truncate(random.below(2));
                "most nodes go"
            }
            _ => {
                for node in &mut self.nodes {
                    (node.is_ready, node.serves, node.is_cordoned) = (true, true, false);
                }
                "all nodes are well"
            }
        }
    }
}

impl Observer for Watching {
    async fn observe(&mut self) -> Result<World, Unobserved> {
        let (wait, fails) = self.hub.with(|hub| {
            let slow = hub.weather.cluster;
            let wait = if hub.random.in_a_thousand(slow) {
                hub.tally.add("fault: the cluster answers late");
                hub.random.millis(500, 4_500)
            } else {
                hub.random.millis(1, 40)
            };
            (wait, hub.random.in_a_thousand(slow))
        });
        tokio::time::sleep(wait).await;
        self.hub.with(|hub| {
            if fails {
                hub.tally.add("fault: the cluster cannot be looked at");
                return Err(Unobserved("the API server fails".to_owned()));
            }
            hub.observed();
            Ok(World { nodes: hub.cluster.nodes.clone() })
        })
    }

    async fn changed(&mut self) {
        if self.news.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
