//! What the worlds have found, each in as few steps as may be.

use std::net::IpAddr;
use std::time::Duration;

use gatepost::demo::cloudflare::{Fault, On, TOKEN};
use gatepost::dns::{Applied, Cloudflare, Credentials, Endpoint, Flags, Keeper, Node, Plan, Settings};
use gatepost::lifecycle::{Permit, Right};

use crate::cluster::{Watching, v4};
use crate::hub::{Hub, mark};
use crate::judge::Sender;
use crate::mutant::Kind;
use crate::network::Wire;
use crate::words::NAMES;

/// One that keeps records, with nobody beside it.
struct Alone {
    hub: Hub,
    keeper: Keeper<Wire>,
    watching: Watching,
    permit: Permit,
}

impl Alone {
    fn new() -> Alone {
        let hub = Hub::new(1, false);
        let sender = Sender { name: "pod-0".to_owned(), process: "0".to_owned() };
        let news = hub.with(|hub| {
            (hub.lease.holder, hub.lease.process) = (sender.name.clone(), sender.process.clone());
            hub.words.hosts.clear();
            hub.changed();
            hub.news()
        });
        let wire = Wire { hub: hub.clone(), sender, on_send: Kind::Real.on_send() };
        let cloudflare = Cloudflare::new(wire, Endpoint::default(), Credentials::token(TOKEN).unwrap());
        let watching = Watching { hub: hub.clone(), news };
        Alone { hub, keeper: Keeper::new(cloudflare, mark()), watching, permit: Right::own().permit().unwrap() }
    }

    fn nodes(&self, addresses: &[u8]) {
        let node = |last: &u8| Node {
            name: format!("node-{last}"),
            external: vec![v4(*last)],
            is_ready: true,
            serves: true,
            ..Node::default()
        };
        self.hub.with(|hub| {
            hub.cluster.nodes = addresses.iter().map(node).collect();
            hub.changed();
        });
    }

    async fn round(&mut self) -> (Plan, Applied) {
        let wish = self.hub.with(|hub| hub.words.wish());
        let settings = Settings::of(&wish.config.dns, &Flags::default());
        let planned = self.keeper.plan(&self.permit, (&wish, &settings), &mut self.watching).await.unwrap();
        let applied = self.keeper.apply(&self.permit, &planned).await;
        (planned.plan, applied)
    }

    fn has(&self) -> Vec<IpAddr> {
        let records = self.hub.with(|hub| hub.records());
        let of_name = records.iter().filter(|record| record.name == NAMES[0]);
        of_name.filter_map(gatepost::dns::Record::address).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_call_took_away_counts_as_lost_also_when_its_answer_was() {
    let mut alone = Alone::new();
    alone.nodes(&[1, 2, 3, 4]);
    alone.round().await;
    alone.nodes(&[1, 2]);
    alone.hub.with(|hub| hub.server.fail(On::Write, Fault::SilentAfter));
    assert!(alone.round().await.1.failed.is_some());
    assert_eq!(alone.has(), [v4(1), v4(2)]);
    alone.nodes(&[1]);
    let (plan, applied) = alone.round().await;
    assert_eq!((plan.held.len(), applied.deleted, alone.has()), (1, 0, vec![v4(1), v4(2)]));
    // what the call did not do is not lost
    let mut alone = Alone::new();
    alone.nodes(&[1, 2, 3, 4]);
    alone.round().await;
    alone.nodes(&[1, 2]);
    alone.hub.with(|hub| hub.server.fail(On::Write, Fault::SilentBefore));
    assert!(alone.round().await.1.failed.is_some());
    // it may arrive still
    assert_eq!(alone.round().await.1.deleted, 0);
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!((alone.round().await.1.deleted, alone.has()), (2, vec![v4(1), v4(2)]));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_a_hand_has_deleted_is_missed_once() {
    let mut alone = Alone::new();
    alone.nodes(&[1, 2, 3]);
    alone.round().await;
    alone.hub.with(|hub| {
        let now = hub.now();
        hub.server.by_hand(now, "one.example", |records| records.retain(|record| record.address() != Some(v4(3))));
    });
    alone.nodes(&[1, 2]);
    assert_eq!(alone.round().await.1.undone.len(), 1);
    let (plan, applied) = alone.round().await;
    assert!(plan.is_empty() && applied.undone.is_empty(), "{plan:?}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(alone.has(), [v4(1), v4(2)]);
}
