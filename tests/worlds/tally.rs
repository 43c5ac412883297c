//! What has happened in all worlds: [`Tally`].

use std::collections::BTreeMap;
use std::fmt;

/// How often, by what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    pub fn add(&mut self, what: &'static str) {
        self.many(what, 1);
    }

    pub fn many(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_default() += times;
    }

    pub fn merge(&mut self, other: &Tally) {
        for (what, times) in &other.0 {
            self.many(what, *times);
        }
    }

    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// What of `all` happened less often than that.
    pub fn rare(&self, all: &[&'static str], least: u64) -> Vec<&'static str> {
        all.iter().copied().filter(|what| self.of(what) < least).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, times) in &self.0 {
            writeln!(f, "{times:>9}  {what}")?;
        }
        Ok(())
    }
}
