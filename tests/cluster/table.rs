//! The table at the end: what was played, under how much load, and what was lost.

use std::fmt;

use crate::load::Counts;

#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

pub(crate) struct Row {
    pub(crate) story: &'static str,
    pub(crate) passed: bool,
    pub(crate) counts: Counts,
    /// What else was to be seen, or why it failed.
    pub(crate) seen: String,
}

impl Table {
    pub(crate) fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    pub(crate) fn passed_and_failed(&self) -> (usize, usize) {
        let passed = self.0.iter().filter(|row| row.passed).count();
        (passed, self.0.len() - passed)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| scenario | requests | lost | lost where it was meant | downloads | messages | seen |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        for Row { story, passed, counts, seen } in &self.0 {
            let lost: u64 = counts.failed.values().sum();
            let Counts { requests, spared, downloads, messages, .. } = counts;
            let failed = if *passed { "" } else { "FAILED: " };
            writeln!(f, "| {story} | {requests} | {lost} | {spared} | {downloads} | {messages} | {failed}{seen} |")?;
        }
        Ok(())
    }
}
