//! Counts as they were accepted, and what has changed since. Pure: text and numbers.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::str::FromStr;

/// What a part may cost more than its baseline, in percent: less than any change that is worth a commit of its own.
const ALLOWANCE: u64 = 3;

/// Instructions of each part.
#[derive(Debug, PartialEq)]
pub(crate) struct Baseline(BTreeMap<String, u64>);

/// Whose instructions were counted: `1.95.0-x86_64-unknown-linux-gnu`.
#[derive(Debug, PartialEq)]
pub(crate) struct Toolchain {
    release: String,
    target: String,
}

/// One part, now and then.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    part: &'a str,
    count: u64,
    then: Then,
}

/// What there is to hold a count against.
#[derive(Debug, PartialEq)]
enum Then {
    /// This toolchain has no baseline.
    Never,
    /// It has one, without this part.
    Missing,
    Count(u64),
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Within,
    Less,
    More,
    Unknown,
}

/// A line for each part, under a header.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut out = format!("{:<24}{:>14}{:>12}{:>10}\n", "part", "instructions", "baseline", "change");
    for Row { part, count, then } in rows {
        let (baseline, change) = match then {
            Then::Never | Then::Missing => ("-".to_owned(), "-".to_owned()),
            Then::Count(then) => (then.to_string(), format!("{:+.1} %", change(*count, *then))),
        };
        // writing to a String cannot fail
        _ = writeln!(out, "{part:<24}{count:>14}{baseline:>12}{change:>10}");
    }
    out
}

/// What is to be done about parts that are not as they were; `records` is where callgrind's are.
pub(crate) fn notes(rows: &[Row], records: &str) -> String {
    let mut out = String::new();
    for row in rows {
        let Row { part, count, then } = row;
        let line = match (row.verdict(), then) {
            (Verdict::More, Then::Count(then)) => format!(
                "{part}: {:.1} % more than its baseline, {ALLOWANCE} % are allowed. Where they are: callgrind_annotate \
                 {records}/{}. If they are worth it: tests/run instructions --bless, in a commit with the reason\n",
                change(*count, *then),
                part.replace('/', "-"),
            ),
            (Verdict::Less, Then::Count(then)) => format!(
                "{part}: {:.1} % less than its baseline; tests/run instructions --bless, so that it stays\n",
                -change(*count, *then)
            ),
            (Verdict::Unknown, Then::Missing) => {
                format!("{part}: not in the baseline; tests/run instructions --bless\n")
            }
            _ => continue,
        };
        out.push_str(&line);
    }
    out
}

fn change(count: u64, then: u64) -> f64 {
    (count as f64 / then as f64 - 1.0) * 100.0
}

// === impl Baseline ===

impl Baseline {
    pub(crate) fn of(counts: &[(&str, u64)]) -> Baseline {
        Baseline(counts.iter().map(|&(part, count)| (part.to_owned(), count)).collect())
    }
}

impl FromStr for Baseline {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Baseline, anyhow::Error> {
        let mut counts = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (part, count) = line.split_once(' ').ok_or_else(|| anyhow::anyhow!("no count: {line:?}"))?;
            let count = count.trim().parse().ok().filter(|count| *count > 0);
            let count = count.ok_or_else(|| anyhow::anyhow!("no count: {line:?}"))?;
            anyhow::ensure!(counts.insert(part.to_owned(), count).is_none(), "twice: {part}");
        }
        Ok(Baseline(counts))
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Instructions of each part, written by: tests/run instructions --bless")?;
        self.0.iter().try_for_each(|(part, count)| writeln!(f, "{part:<24}{count:>8}"))
    }
}

// === impl Toolchain ===

impl Toolchain {
    /// Of what `rustc -vV` says.
    pub(crate) fn of(version: &str) -> Option<Toolchain> {
        let field = |name| version.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        Some(Toolchain { release: field("release: ")?, target: field("host: ")? })
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.release, self.target)
    }
}

// === impl Row ===

impl<'a> Row<'a> {
    pub(crate) fn new(part: &'a str, count: u64, baseline: Option<&Baseline>) -> Row<'a> {
        let then = match baseline.map(|Baseline(counts)| counts.get(part)) {
            None => Then::Never,
            Some(None) => Then::Missing,
            Some(Some(&then)) => Then::Count(then),
        };
        Row { part, count, then }
    }

    /// A part that nobody has accepted fails too: it would gate nothing for good.
    pub(crate) fn fails(&self) -> bool {
        matches!((self.verdict(), &self.then), (Verdict::More, _) | (Verdict::Unknown, Then::Missing))
    }

    fn verdict(&self) -> Verdict {
        let Then::Count(then) = self.then else { return Verdict::Unknown };
        match self.count * 100 {
            count if count > then * (100 + ALLOWANCE) => Verdict::More,
            count if count < then * (100 - ALLOWANCE) => Verdict::Less,
            _ => Verdict::Within,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline() -> Baseline {
        Baseline::of(&[("log/record", 1000), ("head/answer", 200)])
    }

    #[test]
    fn three_percent_more_pass_and_one_instruction_further_fails() {
        let of = |count| Row::new("log/record", count, Some(&baseline()));
        for (count, verdict, fails) in [
            (1, Verdict::Less, false),
            (969, Verdict::Less, false),
            (970, Verdict::Within, false),
            (1000, Verdict::Within, false),
            (1030, Verdict::Within, false),
            (1031, Verdict::More, true),
        ] {
            let row = of(count);
            assert_eq!((row.verdict(), row.fails()), (verdict, fails), "{count}");
        }
    }

    #[test]
    fn a_part_without_a_count_fails_only_where_there_is_a_baseline() {
        assert!(Row::new("head/new", 1, Some(&baseline())).fails());
        assert!(!Row::new("head/new", 1, None).fails());
    }

    #[test]
    fn a_baseline_is_read_as_it_was_written_sorted_for_the_diff() {
        let text = baseline().to_string();
        assert_eq!(text.parse::<Baseline>().unwrap(), baseline());
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines, ["head/answer                  200", "log/record                  1000"]);
    }

    #[test]
    fn a_baseline_that_cannot_be_read_is_refused() {
        for bad in ["log/record", "log/record x", "log/record 0", "log/record -1", "a 1\na 2", "\n"] {
            assert!(bad.parse::<Baseline>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_toolchain_is_the_release_and_the_host_that_rustc_tells() {
        let said =
            "rustc 1.95.0 (59807616e 2026-04-14)\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0\nLLVM version: 22\n";
        assert_eq!(Toolchain::of(said).unwrap().to_string(), "1.95.0-x86_64-unknown-linux-gnu");
        assert_eq!(Toolchain::of("rustc 1.95.0"), None);
    }

    #[test]
    fn the_table_is_aligned_and_tells_the_change() {
        let baseline = baseline();
        let rows = [Row::new("log/record", 1100, Some(&baseline)), Row::new("head/new", 5, Some(&baseline))];
        let expected = "\
part                      instructions    baseline    change
log/record                        1100        1000   +10.0 %
head/new                             5           -         -
";
        assert_eq!(table(&rows), expected);
    }

    #[test]
    fn what_is_dearer_is_told_with_where_to_look_and_what_is_cheaper_so_that_it_stays() {
        let baseline = baseline();
        let row = |part, count| Row::new(part, count, Some(&baseline));
        let notes = notes(&[row("log/record", 1100), row("head/answer", 100), row("head/new", 5)], "counts");
        let lines: Vec<&str> = notes.lines().collect();
        assert!(
            lines[0].starts_with("log/record: 10.0 % more")
                && lines[0].contains("callgrind_annotate counts/log-record")
        );
        assert!(lines[1].starts_with("head/answer: 50.0 % less") && lines[1].ends_with("so that it stays"));
        assert!(lines[2].starts_with("head/new: not in the baseline"));
        assert!(super::notes(&[row("log/record", 1010)], "counts").is_empty());
    }
}
