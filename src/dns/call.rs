//! What is asked of Cloudflare in one call: [`Batch`], and which records a list is of.

use super::{Draft, Mark};

/// The most operations of one batch, which is what the smallest plan allows
/// (developers.cloudflare.com, "Batch record changes").
pub const MAX_BATCH: usize = 200;

/// Changes of one zone. Cloudflare does deletes first, then patches, then posts, and either all of them or none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// Ids of records that go.
    pub deletes: Vec<String>,
    /// Records that become different ones.
    pub patches: Vec<Patch>,
    /// Records that are made.
    pub posts: Vec<Post>,
}

/// A record that becomes a different one of the same type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Which.
    pub id: String,
    /// As it should be.
    pub to: Draft,
    /// The whole comment.
    pub comment: String,
}

/// A record that is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// As it should be.
    pub record: Draft,
    /// The whole comment.
    pub comment: String,
}

/// Which records of a zone a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'m> {
    /// All.
    All,
    /// Those with this mark.
    Marked(&'m Mark),
}

impl Batch {
    /// How many operations it has.
    pub fn len(&self) -> usize {
        let Batch { deletes, patches, posts } = self;
        deletes.len() + patches.len() + posts.len()
    }

    /// It has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
