//! This program again, under callgrind. One door: [`count`].

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};

/// Seconds. The slowest part makes a hundred thousand routes, some fifty times slower than without callgrind.
const WITHIN: &str = "300";

/// Where callgrind writes what it counted for this part, for `callgrind_annotate`.
pub(crate) fn record(dir: &Path, part: &str) -> PathBuf {
    dir.join(part.replace('/', "-"))
}

/// Instructions in user space of this program with `args`: of the whole run, or only between the entry of the function
/// `of` and its end. `drive` is called once it runs, and its input is closed after.
pub(crate) fn count(
    args: &[&str],
    record: &Path,
    of: Option<&str>,
    drive: impl FnOnce(&mut Child) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let mut valgrind = Command::new("timeout");
    valgrind.args([WITHIN, "valgrind", "--quiet", "--tool=callgrind"]);
    valgrind.arg(format!("--callgrind-out-file={}", record.display()));
    valgrind.args(of.map(|function| format!("--toggle-collect={function}")));
    valgrind.arg(std::env::current_exe()?).args(args);
    // what lies on the stack before `main` must not differ from one caller to the next
    valgrind.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    valgrind.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = valgrind.spawn().context("timeout")?;
    let driven = drive(&mut child);
    drop(child.stdin.take());
    let status = child.wait()?;
    driven?;
    ensure!(status.success(), "valgrind (Debian package valgrind, at most {WITHIN} seconds): {status}");
    let text = std::fs::read_to_string(record).with_context(|| record.display().to_string())?;
    let total = total(&text).with_context(|| format!("{}: no total", record.display()))?;
    ensure!(total > 0, "nothing was counted: has the function {of:?} been inlined?");
    Ok(total)
}

/// Of one event, because callgrind counts only instructions unless it is told to simulate caches.
fn total(record: &str) -> Option<u64> {
    record.lines().rev().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_the_last_lines_of_a_record() {
        let record = "version: 1\ncreator: callgrind-3.19.0\nevents: Ir\nsummary: 12\n\nfn=(1) x\n3 12\n\ntotals: 34\n";
        assert_eq!(total(record), Some(34));
    }

    #[test]
    fn a_record_that_is_cut_or_has_other_events_has_no_total() {
        assert_eq!(total("events: Ir\nfn=(1) x\n3 12\n"), None);
        assert_eq!(total("events: Ir Dr\ntotals: 34 5\n"), None);
    }

    #[test]
    fn each_part_has_a_record_of_its_own() {
        let dir = Path::new("counts");
        assert_eq!(record(dir, "route/exact/10"), dir.join("route-exact-10"));
        let records: std::collections::HashSet<_> =
            crate::parts::ALL.iter().map(|part| record(dir, part.name)).collect();
        assert_eq!(records.len(), crate::parts::ALL.len());
    }
}
