//! A writer as small as can be, on the real plan and the real client: [`Writer`]. As it should be it keeps every rule,
//! and with one thing wrong it must be seen to break one: that is how the judge is judged.

use std::collections::BTreeSet;

use bytes::Bytes;
use gatepost::dns::{
    Batch, Cloudflare, Draft, Error, Flags, HOLD, Holds, Observer, Patch, Plan, Post, Record, Rules, Settings,
    Transport, Wanted, Which, Wish, ZonePlan, hosts, plan,
};
use gatepost::lifecycle::{Permit, Right};
use http::Request;
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use crate::hub::mark;

const COMPARE: Duration = Duration::from_secs(600);
const AGAIN: Duration = Duration::from_secs(2);

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What is in production.
    Real,
    /// This small writer, with nothing wrong.
    Small,
    /// It holds nothing back.
    WithoutHold,
    /// It deletes before it adds.
    DeletesFirst,
    /// It asks for no permit: it writes with one that is never taken away.
    WithoutRight,
    /// What is in production, but nothing that is deleted is deleted beside a record that must be there.
    WithoutWitness,
}

pub struct Writer<T: Transport> {
    pub cloudflare: Cloudflare<T>,
    pub wishes: watch::Receiver<Option<Wish>>,
    pub kind: Kind,
}

/// All of them.
pub const KINDS: [Kind; 6] =
    [Kind::Real, Kind::Small, Kind::WithoutHold, Kind::DeletesFirst, Kind::WithoutRight, Kind::WithoutWitness];

impl Kind {
    pub fn is_real(self) -> bool {
        matches!(self, Kind::Real | Kind::WithoutWitness)
    }

    /// What becomes of a request on its way.
    pub fn on_send(self) -> fn(Request<Bytes>) -> Request<Bytes> {
        if self == Kind::WithoutWitness { without_witness } else { |request| request }
    }
}

impl<T: Transport> Writer<T> {
    pub async fn run<O: Observer>(mut self, mut right: Right, mut observe: impl FnMut() -> O) {
        loop {
            let permit = right.gained().await;
            let lost = permit.clone();
            if self.kind == Kind::WithoutRight {
                let own = Right::own().permit().expect("one's own");
                self.term(&own, observe()).await;
            }
            tokio::select! {
                biased;
                () = lost.lost() => {}
                () = self.term(&permit, observe()) => {}
            }
            self.cloudflare.close();
        }
    }

    async fn term<O: Observer>(&mut self, permit: &Permit, mut observer: O) {
        let mut holds = Holds::new();
        loop {
            let now = Instant::now();
            let until = match self.round(permit, &mut observer, &mut holds).await {
                Ok(()) => holds.due().map_or(now + COMPARE, |due| due.min(now + COMPARE)),
                Err(Error::RateLimited { after }) => Instant::now() + after,
                Err(_) => Instant::now() + AGAIN,
            };
            tokio::select! {
                biased;
                () = observer.changed() => sleep(Duration::from_millis(500)).await,
                _ = self.wishes.changed() => sleep(Duration::from_millis(500)).await,
                () = sleep_until(until) => {}
            }
        }
    }

    async fn round(&mut self, permit: &Permit, observer: &mut impl Observer, holds: &mut Holds) -> Result<(), Error> {
        let Some(wish) = self.wishes.borrow_and_update().clone() else { return Ok(()) };
        let settings = Settings::of(&wish.config.dns, &Flags::default());
        let zones = self.cloudflare.zones(permit).await?;
        let mut records = Vec::new();
        for zone in &zones {
            records.extend(self.cloudflare.records(permit, zone, Which::All).await?);
        }
        let world = observer.observe().await?;
        let wanted = Wanted::of(&settings, &world, &hosts(&wish.config.routes), &zones);
        let mark = mark();
        let rules = Rules {
            mark: &mark,
            policy: settings.policy,
            adopt: settings.adopt,
            min_addresses: settings.min_addresses,
            hosts_are_whole: wish.is_whole,
            unsure: &BTreeSet::new(),
        };
        let now = Instant::now();
        if self.kind == Kind::WithoutHold {
            // as if it had been seen before
            plan(&wanted, &records, &rules, holds, now - HOLD);
        }
        let Plan { zones, .. } = plan(&wanted, &records, &rules, holds, now);
        for zone in &zones {
            self.write(permit, zone, &records, holds).await?;
        }
        Ok(())
    }

    async fn write(
        &mut self,
        permit: &Permit,
        plan: &ZonePlan,
        records: &[Record],
        holds: &mut Holds,
    ) -> Result<(), Error> {
        let ZonePlan { zone, adds, changes, deletes, swaps, ours: _ } = plan;
        let posts = |drafts: &[Draft]| drafts.iter().cloned().map(post).collect::<Vec<Post>>();
        let patches = changes.iter().map(|change| patch(&change.from, change.to.clone())).collect();
        let first = Batch { posts: posts(adds), patches, ..Batch::default() };
        let mut batches = vec![first];
        for swap in swaps {
            let deletes = swap.deletes.iter().map(|record| record.id.clone()).collect();
            batches.push(Batch { deletes, posts: posts(&swap.adds), ..Batch::default() });
        }
        let mut last = Vec::new();
        for record in deletes {
            let is_kept = |other: &&Record| other.name == record.name && !deletes.contains(other);
            let mut kept =
                records.iter().filter(|other| other.kind.is_address() && mark().owns(other.comment.as_deref()));
            let kept = kept.find(is_kept).filter(|_| record.kind.is_address());
            // as it is by then
            let changed =
                |kept: &Record| changes.iter().find(|change| change.from == *kept).map(|change| change.to.clone());
            let patches = kept.map(|kept| patch(kept, changed(kept).unwrap_or_else(|| as_it_is(kept))));
            let patches = patches.into_iter().collect();
            last.push(Batch { deletes: vec![record.id.clone()], patches, ..Batch::default() });
        }
        if self.kind == Kind::DeletesFirst {
            last.append(&mut batches);
            batches = last;
        } else {
            batches.append(&mut last);
        }
        let mut result = Ok(());
        for batch in batches.iter().filter(|batch| !batch.is_empty()) {
            result = self.cloudflare.batch(permit, zone, batch).await.map(drop);
            if result.is_err() {
                break;
            }
        }
        // of what is not done after all the next list tells
        let removed = changes.iter().map(|change| &change.from).chain(deletes);
        removed.for_each(|record| holds.removed(record, Instant::now()));
        result
    }
}

fn without_witness(request: Request<Bytes>) -> Request<Bytes> {
    let mut body: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let Some(parts) = body.as_object_mut().filter(|parts| parts.contains_key("deletes")) else { return request };
    if parts.remove("patches").is_none() {
        return request;
    }
    request.map(|_| Bytes::from(body.to_string()))
}

fn post(record: Draft) -> Post {
    Post { record, comment: mark().to_string() }
}

fn patch(from: &Record, to: Draft) -> Patch {
    Patch { id: from.id.clone(), to, comment: mark().to_string() }
}

fn as_it_is(record: &Record) -> Draft {
    let Record { name, kind, content, ttl, proxied, .. } = record.clone();
    Draft { name, kind, content, ttl, proxied }
}
