//! Which route a request takes. Pure: values in, values out; nothing is allocated on the way of a request.
//!
//! One door: [`RouteTable::build`] makes a table of a [`Config`](crate::config::Config), [`Target::set`] brings what a
//! client asked for into its canonical form, [`RouteTable::find`] joins the two. [`rewrite`] says what path the app gets,
//! [`explain`] why a route won, [`https`] what becomes of a request in clear.
//!
//! Which route wins: the exact host, then the longest wildcard, then `*`; within a host the exact path, then regular
//! expressions in file order, then the longest prefix; then more conditions; then file order. When the conditions of a
//! route fail, the next path of the same host is tried, never a less specific host. Routes with the same expression are
//! one path, which stands where the first of them does.

mod build;
mod canonical;
mod closed;
mod conditions;
pub mod explain;
mod expressions;
mod hosts;
pub mod https;
mod index;
mod label;
mod paths;
pub mod rewrite;
mod table;
mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use table::{RouteTable, Settings};
pub use target::{BadTarget, Target};

use crate::config::{self, HostPattern, PathPattern};

/// The number of a route in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(u32);

impl RouteId {
    /// Its place in [`RouteTable::routes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One host and path of the table. A route of the file with several hosts is one of these for each.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its number in the table it was found in.
    pub id: RouteId,
    /// The host it is for.
    pub host: HostPattern,
    /// The path it is for.
    pub path: PathPattern,
    /// Host and path in a bounded text, for metrics and the log: `www.example.com/api`, `www.example.com =/exact`,
    /// `www.example.com ~/v[0-9]+`. Routes that differ in their conditions alone share it.
    pub label: Arc<str>,
    /// What the file says about it, shared by all its hosts.
    pub rule: Arc<config::Route>,
}

/// Why there is no table for a configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Each expression of the host compiles by itself, but not all of them together.
    #[error("line {line}: the regular expressions of host {host} are too large together: {reason}")]
    Paths {
        /// The host pattern.
        host: String,
        /// Of the host's first route with an expression.
        line: u32,
        /// What the compiler says.
        reason: String,
    },
    /// An expression in a `match` block does not compile.
    #[error("line {line}: a regular expression in `match`: {reason}")]
    Conditions {
        /// Of the route.
        line: u32,
        /// What the compiler says.
        reason: String,
    },
    /// Numbers in the table have 32 bits.
    #[error("line {line}: the table is full")]
    Full {
        /// Of the first route without a place.
        line: u32,
    },
}
