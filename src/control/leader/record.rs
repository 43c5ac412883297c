//! What an election is held on: a record that all see, and that only one of many writes at a time. Doors: [`Leases`] is
//! where it is kept, [`Candidate`] who takes part.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};

/// Where the record is kept. Its copies may be as old as they like, but a write must be atomic.
pub trait Leases: Send + Sync {
    /// The record as it is.
    ///
    /// # Errors
    /// [`Fault::Conflict`] is none of them.
    fn get(&self) -> impl Future<Output = Result<Record, Fault>> + Send;

    /// Replaces the record, if it has the version of `old` still, and gives what it is then. When the future is dropped, or
    /// ends with [`Fault::Unavailable`], the record may have been replaced all the same, or may be yet.
    ///
    /// # Errors
    /// [`Fault::Conflict`]: it has another version.
    fn replace(&self, old: &Record, new: &Claim) -> impl Future<Output = Result<Record, Fault>> + Send;
}

/// The record. One that differs in anything is another one, and its age begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Another one after it was deleted and made anew.
    pub uid: String,
    /// Another one after every write (`resourceVersion`).
    pub version: String,
    /// Who has it (`holderIdentity`); empty: nobody.
    pub holder: String,
    /// Which life of which process wrote it; empty: somebody else did.
    pub process: String,
    /// After how many seconds without a change it may be taken (`leaseDurationSeconds`).
    pub seconds: Option<i32>,
    /// How often it was taken (`leaseTransitions`).
    pub transitions: i64,
    /// When it was written by the writer's clock (`renewTime`). Only whether it differs counts.
    pub renewed: String,
}

/// What is to be written into the record. The time is added by who writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who has it from now on; empty: nobody.
    pub holder: String,
    /// Which life of which process writes it.
    pub process: String,
    /// After how many seconds without a change it may be taken.
    pub seconds: i32,
    /// How often it was taken.
    pub transitions: i64,
    /// It is taken, and not renewed (`acquireTime` is now).
    pub is_new: bool,
}

/// Why a call did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Another write was faster.
    #[error("another write was faster")]
    Conflict,
    /// There is no such record, for a person to make.
    #[error("{0}")]
    Missing(String),
    /// It will not be done until a person changes something.
    #[error("{0}")]
    Refused(String),
    /// Nobody knows what became of it.
    #[error("{0}")]
    Unavailable(String),
}

/// Who takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The name for people, such as that of the pod.
    pub identity: String,
    /// Another one for every life of every process.
    pub seed: u64,
}

/// What has changed for this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'r> {
    /// It leads, in a new term, by this record.
    Leads(&'r Record),
    /// It does not.
    Follows,
}

impl Record {
    /// Whether its last holder has let it go, having taken its own right away before. A record that merely has no holder
    /// says nothing about what somebody still believes.
    pub fn is_released(&self) -> bool {
        self.holder.is_empty() && self.seconds == Some(super::SECONDS.1)
    }
}

impl Fault {
    pub(super) fn silence() -> Fault {
        Fault::Unavailable("no answer within 3 s".to_owned())
    }
}

impl Candidate {
    /// By this name, in a life that no other one has.
    pub fn new(identity: String) -> Candidate {
        // the keys of the standard library's hasher are random
        Candidate { identity, seed: RandomState::new().hash_one(std::process::id()) }
    }

    /// As the record has it.
    pub(super) fn process(&self) -> String {
        format!("{:016x}", self.seed)
    }
}
