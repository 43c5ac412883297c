//! The cluster's names at Cloudflare: look, plan, act. What is planned is pure and can be shown without being done.
//!
//! ```text
//! Observer::observe ─► World ┐
//! Settings ──────────────────┼► wanted ─► plan (with Holds) ─► apply: posts and patches, and only then deletes
//! Cloudflare: zones, records ┘
//! ```
//!
//! Rules that hold at every moment, whatever fails:
//!
//! - Only records that carry our [`Mark`] are changed or deleted.
//! - A list that failed or is old changes nothing; every plan is made from fresh ones.
//! - What would take most of a name's addresses away at once is held back until it was seen twice, and a name keeps its
//!   last address.
//! - Nothing is written without a [`Permit`](crate::lifecycle::Permit), asked for before connecting and again when the
//!   head of the request is written.

mod apply;
mod call;
mod cloudflare;
mod error;
mod holds;
mod hosts;
mod keeper;
mod mark;
mod memory;
mod notice;
mod plan;
mod record;
pub mod report;
mod settings;
mod sync;
mod transport;
mod wanted;
mod wish;
mod world;

pub use call::{Batch, MAX_BATCH, Patch, Post, Which};
pub use cloudflare::{Cloudflare, Credentials, DEFAULT_ENDPOINT, Endpoint, Https, InvalidEndpoint, Link};
pub use error::{Error, Kind, Permission};
pub use holds::{HOLD, Holds};
pub use hosts::hosts;
pub use keeper::{Applied, Keeper, Planned};
pub use mark::Mark;
pub use notice::Notice;
pub use plan::{Change, Conflict, Draft, Held, Plan, Reason, Rules, Swap, Why, ZonePlan, plan, plan_release};
pub use record::{Record, RecordType, Usage, Zone, ZoneId};
pub use settings::{Addresses, Flags, Settings};
pub use sync::Sync;
pub use transport::{Connection, Fault, MAX_ANSWER, Transport};
pub use wanted::{Target, Wanted, WantedName, WantedZone};
pub use wish::Wish;
pub use world::{Host, Node, Observer, Unobserved, World};
