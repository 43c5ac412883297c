//! A plan done: [`Applying::zone`]. What makes a name richer comes first; only when all of it has succeeded for a name is
//! anything of it taken away, and what the first left undone is left out of the second.
//!
//! Cloudflare does all of a batch or nothing, and within it deletes first, whatever their order in the request
//! (developers.cloudflare.com, "Batch record changes"); hence two calls. A list may be older than what was written since,
//! so each call that deletes also patches, without changing it, a record that its name is meant to keep: if that one is
//! gone already, nothing is deleted.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::Cloudflare;
use super::{
    Batch, Change, Draft, Error, Fault, MAX_BATCH, Mark, Patch, Post, Record, Swap, Transport, Zone, ZonePlan,
};
use crate::lifecycle::Permit;

/// Calls that may be spent in one zone on finding out which operation of a batch Cloudflare refuses: enough for two of
/// 200, which take log2(200) = 8 halvings of two calls each. What is not found by then is left undone.
const MAX_HALVINGS: usize = 32;

/// "An identical record already exists": what was to be made is there, and the list was older than it.
const IDENTICAL: u32 = 81058;

/// "Record does not exist": somebody has deleted it since it was listed, or written.
const MISSING: u32 = 81044;

/// Characters of a comment that the smallest plan allows.
const MAX_COMMENT: usize = 100;

/// Does the plans of one round.
pub(super) struct Applying<'a, T: Transport> {
    pub(super) cloudflare: &'a mut Cloudflare<T>,
    pub(super) permit: &'a Permit,
    pub(super) mark: &'a Mark,
}

/// What became of the plan of a zone.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// How many records were made.
    pub(super) added: usize,
    /// How many became different ones.
    pub(super) changed: usize,
    /// How many are gone.
    pub(super) deleted: usize,
    /// Records, as they were, whose addresses their names do not have any more; of a call that failed, may not have.
    pub(super) removed: Vec<Record>,
    /// Records as they are now.
    pub(super) written: Vec<Record>,
    /// Ids of records that are gone.
    pub(super) gone: Vec<String>,
    /// Ids of records of which one at least was gone already.
    pub(super) missing: Vec<String>,
    /// What may have been done, or may be still.
    pub(super) unanswered: Batch,
    /// Names of which something was refused, with the first thing that Cloudflare said.
    pub(super) undone: BTreeMap<String, Error>,
}

/// What is done for a name in one call, whole or not at all.
#[derive(Debug)]
struct Group {
    name: String,
    batch: Batch,
    /// Records, as they are, whose addresses the name does not have any more then.
    removed: Vec<Record>,
}

impl<T: Transport> Applying<'_, T> {
    /// Does what is planned for a zone. `records` are those that it was planned by.
    ///
    /// # Errors
    /// The first fault that is not about a record. What is in `done` has been done all the same; of a call that failed it
    /// is not known.
    pub(super) async fn zone(&mut self, plan: &ZonePlan, records: &[Record], done: &mut Done) -> Result<(), Error> {
        let ZonePlan { zone, adds, changes, deletes, swaps, ours: _ } = plan;
        let first = changes.iter().map(|change| self.change(change));
        let first = first.chain(adds.iter().map(|add| self.add(add))).collect();
        self.all(zone, first, done).await?;
        self.all(zone, swaps.iter().flat_map(|swap| self.swap(swap)).collect(), done).await?;
        let late = swaps.iter().filter(|swap| !done.undone.contains_key(&swap.name));
        let late = late.flat_map(|swap| swap.adds.iter().skip(swap.fitting()).map(|add| self.add(add))).collect();
        self.all(zone, late, done).await?;
        let second = deletions(deletes, records, self.mark, done);
        self.all(zone, second, done).await
    }

    fn add(&self, draft: &Draft) -> Group {
        let batch = Batch { posts: vec![self.post(draft)], ..Batch::default() };
        Group { name: draft.name.clone(), batch, removed: Vec::new() }
    }

    fn change(&self, change: &Change) -> Group {
        let Change { from, to, reason: _ } = change;
        let patch = Patch { id: from.id.clone(), to: to.clone(), comment: self.comment(from) };
        let removed = (from.content != to.content).then(|| from.clone());
        let batch = Batch { patches: vec![patch], ..Batch::default() };
        Group { name: to.name.clone(), batch, removed: removed.into_iter().collect() }
    }

    /// One call; but for what is too much for one: deletes before it, and what is made in calls after it.
    fn swap(&self, swap: &Swap) -> Vec<Group> {
        let (with, before) = swap.deletes.split_at(swap.deletes.len().min(MAX_BATCH - 1));
        let parts = before.chunks(MAX_BATCH).map(|deletes| (deletes, &[][..]));
        let parts = parts.chain([(with, &swap.adds[..swap.fitting()])]);
        let groups = parts.map(|(deletes, adds)| {
            let batch = Batch {
                deletes: deletes.iter().map(|record| record.id.clone()).collect(),
                patches: Vec::new(),
                posts: adds.iter().map(|draft| self.post(draft)).collect(),
            };
            Group { name: swap.name.clone(), batch, removed: deletes.to_vec() }
        });
        groups.collect()
    }

    fn post(&self, draft: &Draft) -> Post {
        Post { record: draft.clone(), comment: self.mark.to_string() }
    }

    /// What stands beside a record from now on: our mark, and behind it what its makers wrote.
    fn comment(&self, record: &Record) -> String {
        match record.comment.as_deref().map(str::trim) {
            Some(comment) if self.mark.owns(Some(comment)) => comment.to_owned(),
            Some(comment) if !comment.is_empty() => {
                format!("{} {comment}", self.mark).chars().take(MAX_COMMENT).collect()
            }
            _ => self.mark.to_string(),
        }
    }

    /// Does every group that can be done.
    async fn all(&mut self, zone: &Zone, groups: Vec<Group>, done: &mut Done) -> Result<(), Error> {
        let mut waiting = packed(groups);
        let mut halvings = 0;
        while let Some(mut chunk) = waiting.pop_front() {
            let batch = merged(&chunk);
            match self.cloudflare.batch(self.permit, zone, &batch).await {
                Ok(written) => done.did(chunk, written),
                Err(Error::Refused { .. }) if chunk.len() > 1 && halvings < MAX_HALVINGS => {
                    halvings += 1;
                    let half = chunk.split_off(chunk.len() / 2);
                    waiting.push_front(half);
                    waiting.push_front(chunk);
                }
                Err(Error::Refused { code: IDENTICAL, .. }) if is_one_post(&batch) => {}
                Err(error @ Error::Refused { .. }) => {
                    if matches!(error, Error::Refused { code: MISSING, .. }) {
                        done.missing.extend(ids(batch));
                    }
                    done.refused(chunk, &error);
                }
                Err(error) => {
                    if is_perhaps_done(&error) {
                        done.unanswered = batch;
                    }
                    // those that are there in the next list are not lost
                    done.removed.extend(chunk.into_iter().flat_map(|group| group.removed));
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// What is taken away, by name, each with a record of ours that its name keeps.
fn deletions(deletes: &[Record], records: &[Record], mark: &Mark, done: &Done) -> Vec<Group> {
    let going: HashSet<&str> = deletes.iter().map(|record| record.id.as_str()).collect();
    // what was written a moment ago is known better than what was listed before
    let staying = done.written.iter().chain(records).filter(|record| {
        let stays = !going.contains(record.id.as_str()) && !done.gone.contains(&record.id);
        stays && record.kind.is_address() && mark.owns(record.comment.as_deref())
    });
    let mut kept: HashMap<&str, Vec<&Record>> = HashMap::new();
    for record in staying {
        kept.entry(&record.name).or_default().push(record);
    }
    let mut groups: Vec<Group> = Vec::new();
    for record in deletes.iter().filter(|record| !done.undone.contains_key(&record.name)) {
        let kept = kept.get(record.name.as_str()).map_or(&[][..], Vec::as_slice);
        let is_same = |group: &Group| group.name == record.name && group.batch.len() < MAX_BATCH;
        if !groups.last().is_some_and(is_same) {
            let patches = kept.first().filter(|_| record.kind.is_address()).map(|record| witness(record));
            let batch = Batch { patches: patches.into_iter().collect(), ..Batch::default() };
            groups.push(Group { name: record.name.clone(), batch, removed: Vec::new() });
        }
        if let Some(group) = groups.last_mut() {
            group.batch.deletes.push(record.id.clone());
            // of two records of one address only one goes
            if kept.iter().all(|kept| kept.content != record.content) {
                group.removed.push(record.clone());
            }
        }
    }
    groups
}

/// A patch that changes nothing.
fn witness(record: &Record) -> Patch {
    let ttl = record.ttl_in_force();
    let Record { id, zone: _, name, kind, content, ttl: _, proxied, comment } = record.clone();
    let to = Draft { name, kind, content, ttl, proxied };
    Patch { id, to, comment: comment.unwrap_or_default() }
}

/// A call that failed like this may have arrived, or may arrive still.
fn is_perhaps_done(error: &Error) -> bool {
    match error {
        Error::Unavailable { fault, .. } => !matches!(fault, Fault::Connect(_)),
        Error::Denied(_)
        | Error::RateLimited { .. }
        | Error::Refused { .. }
        | Error::NotLeader
        | Error::Unobserved(_) => false,
    }
}

/// So that what is said of it is said of one record.
fn is_one_post(batch: &Batch) -> bool {
    batch.posts.len() == 1 && batch.len() == 1
}

/// As few calls as may be.
fn packed(groups: Vec<Group>) -> VecDeque<Vec<Group>> {
    let mut chunks: VecDeque<Vec<Group>> = VecDeque::new();
    let mut room = 0;
    for group in groups {
        let size = group.batch.len();
        match chunks.back_mut().filter(|_| size <= room) {
            Some(chunk) => chunk.push(group),
            None => {
                room = MAX_BATCH;
                chunks.push_back(vec![group]);
            }
        }
        room = room.saturating_sub(size);
    }
    chunks
}

/// Of the records that are there already.
fn ids(batch: Batch) -> impl Iterator<Item = String> {
    let Batch { deletes, patches, posts: _ } = batch;
    deletes.into_iter().chain(patches.into_iter().map(|patch| patch.id))
}

fn merged(groups: &[Group]) -> Batch {
    let mut all = Batch::default();
    for Batch { deletes, patches, posts } in groups.iter().map(|group| &group.batch) {
        all.deletes.extend_from_slice(deletes);
        all.patches.extend_from_slice(patches);
        all.posts.extend_from_slice(posts);
    }
    all
}

impl Swap {
    /// How many of those that are made there is room for in the call in which the last ones go.
    fn fitting(&self) -> usize {
        self.adds.len().min(MAX_BATCH - self.deletes.len().min(MAX_BATCH - 1))
    }
}

impl Done {
    fn did(&mut self, groups: Vec<Group>, written: Vec<Record>) {
        for Group { name: _, batch, removed } in groups {
            self.added += batch.posts.len();
            // the patch beside deletes is a witness
            self.changed += if batch.deletes.is_empty() { batch.patches.len() } else { 0 };
            self.deleted += batch.deletes.len();
            self.removed.extend(removed);
            self.gone.extend(batch.deletes);
        }
        self.written.extend(written);
    }

    fn refused(&mut self, groups: Vec<Group>, error: &Error) {
        for group in groups {
            self.undone.entry(group.name).or_insert_with(|| error.clone());
        }
    }
}
