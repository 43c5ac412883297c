//! Durations like `1m30s` and sizes like `10Mi`, as Kubernetes writes them. Doors: [`Duration`] and [`Size`].

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use super::file::Node;
use super::problem::Invalid;
use super::read::{Decode, Reader, brief};
use super::schema::Definitions;

/// Nothing waits longer than ten years; what is longer is a slip, and clocks overflow.
const MAX_MILLIS: u64 = 10 * 365 * DAY;
const DAY: u64 = 24 * HOUR;
const HOUR: u64 = 60 * MINUTE;
const MINUTE: u64 = 60 * SECOND;
const SECOND: u64 = 1000;

/// From the longest to the shortest, with their milliseconds.
const TIMES: [(&str, u64); 5] = [("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1)];

/// With their bytes; the largest that fits without a rest is the one that `Display` takes.
const SIZES: [(&str, u64); 8] = [
    ("Ti", 1 << 40),
    ("T", 1_000_000_000_000),
    ("Gi", 1 << 30),
    ("G", 1_000_000_000),
    ("Mi", 1 << 20),
    ("M", 1_000_000),
    ("Ki", 1 << 10),
    ("k", 1000),
];

/// A duration in whole milliseconds, at most ten years: `5s`, `300ms`, `1m30s`, `1h`, `365d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

/// A number of bytes: `10Mi`, `64Ki`, `1M`, `4096`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

// === impl Duration ===

impl Duration {
    /// As the standard library has it.
    pub fn get(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }
}

impl FromStr for Duration {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Duration, Invalid> {
        let wrong = || {
            let hint = match in_days(text) {
                Some(days) => format!("write `{days}d`"),
                None => "write it like `5s`, `300ms`, `1m30s`, `1h` or `90d`".to_owned(),
            };
            Invalid::new(format!("`{}` is no duration", brief(text)), hint)
        };
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Invalid::new(
                format!("the duration `{}` has no unit", brief(text)),
                format!("write `{}s`", brief(text)),
            ));
        }
        let too_long = || Invalid::new(format!("`{}` is longer than ten years", brief(text)), "write a shorter one");
        let (mut rest, mut millis, mut units) = (text, 0u64, TIMES.iter());
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
            let (number, unit) = (&rest[..digits], &rest[digits..digits + letters]);
            if number.is_empty() || unit.is_empty() {
                return Err(wrong());
            }
            // each unit once, the longest first
            let (_, factor) = units.by_ref().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
            let part =
                number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor)).ok_or_else(too_long)?;
            millis = millis.checked_add(part).ok_or_else(too_long)?;
            rest = &rest[digits + letters..];
        }
        match millis {
            _ if text.is_empty() => Err(wrong()),
            millis if millis > MAX_MILLIS => Err(too_long()),
            millis => Ok(Duration(millis)),
        }
    }
}

/// The days of `1y`, `6mo` and `2w`: units whose length is a matter of opinion, but what is meant is near enough.
fn in_days(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    let days = match unit.to_ascii_lowercase().as_str() {
        "d" | "day" | "days" => 1,
        "w" | "week" | "weeks" => 7,
        "mo" | "month" | "months" => 30,
        "y" | "year" | "years" => 365,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(days)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, factor) in TIMES {
            if rest >= factor {
                write!(f, "{}{unit}", rest / factor)?;
                rest %= factor;
            }
        }
        Ok(())
    }
}

impl Decode for Duration {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Duration> {
        reader.parsed(node)
    }

    fn schema(_: &mut Definitions) -> Value {
        let pattern = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";
        json!({"type": "string", "pattern": pattern, "minLength": 2, "examples": ["5s", "1m30s"]})
    }
}

/// A duration longer than nothing, for what would otherwise never work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Positive(pub(super) Duration);

impl Decode for Positive {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Positive> {
        let duration = Duration::decode(node, reader)?;
        if duration.0 == 0 {
            reader.error(node.place, "this must be longer than nothing", "write a duration like `5s`");
            return None;
        }
        Some(Positive(duration))
    }

    fn schema(definitions: &mut Definitions) -> Value {
        Duration::schema(definitions)
    }
}

// === impl Size ===

impl FromStr for Size {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Size, Invalid> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let wrong =
            || Invalid::new(format!("`{}` is no size", brief(text)), "write it like `10Mi`, `64Ki`, `1M` or `4096`");
        if number.is_empty() {
            return Err(wrong());
        }
        let factor = match SIZES.iter().find(|(name, _)| *name == unit) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => 1,
            None if unit == "K" => 1000,
            None => return Err(likely_size(number, unit).unwrap_or_else(wrong)),
        };
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        bytes.map(Size).ok_or_else(|| {
            Invalid::new(format!("`{}` is more than any machine holds", brief(text)), "write a smaller one")
        })
    }
}

/// `10mb`, `10m` and the like as other proxies write them.
fn likely_size(number: &str, unit: &str) -> Option<Invalid> {
    let letter = unit.to_ascii_lowercase();
    let meant =
        match letter.strip_suffix('b').unwrap_or(&letter).strip_suffix('i').unwrap_or(letter.trim_end_matches('b')) {
            "" => String::new(),
            "k" => "Ki".to_owned(),
            large @ ("m" | "g" | "t") => format!("{}i", large.to_ascii_uppercase()),
            _ => return None,
        };
    Some(Invalid::new(format!("there is no unit `{}`", brief(unit)), format!("write `{}{meant}`", brief(number))))
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZES.iter().find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Decode for Size {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Size> {
        reader.parsed(node)
    }

    fn schema(_: &mut Definitions) -> Value {
        let pattern = "^[0-9]+([KMGT]i|[kKMGT])?$";
        json!({"type": ["string", "integer"], "pattern": pattern, "minimum": 0, "examples": ["10Mi", "64Ki"]})
    }
}

/// A value, or `none` for no bound at all.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrNone<T>(pub(super) Option<T>);

impl<T: Decode> Decode for OrNone<T> {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<OrNone<T>> {
        match &node.kind {
            super::file::Kind::Text(text, _) if text == "none" => Some(OrNone(None)),
            _ => T::decode(node, reader).map(|value| OrNone(Some(value))),
        }
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({"anyOf": [{"const": "none"}, T::schema(definitions)]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (written, millis) in [
            ("5s", 5000),
            ("300ms", 300),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("0s", 0),
            ("90s", 90_000),
            ("1h1ms", 3_600_001),
            ("365d", 31_536_000_000),
            ("1d12h", 129_600_000),
        ] {
            assert_eq!(written.parse(), Ok(Duration(millis)), "{written}");
        }
        assert_eq!([Duration(90_000), Duration(90_000_000)].map(|time| time.to_string()), ["1m30s", "1d1h"]);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for written in [
            "",
            "5",
            "s",
            "1.5s",
            "-1s",
            "1s1m",
            "1s1s",
            "1w",
            "1y",
            "1h1d",
            "3651d",
            "5 s",
            "5S",
            "87601h",
            "99999999999999999999s",
            "18446744073709551615h",
            "1s ",
        ] {
            assert!(written.parse::<Duration>().is_err(), "{written}");
        }
        assert!("87600h".parse::<Duration>().is_ok(), "ten years");
    }

    #[test]
    fn longer_units_name_the_days() {
        for (written, days) in [("1y", "365d"), ("2w", "14d"), ("6mo", "180d"), ("1D", "1d"), ("3days", "3d")] {
            let Err(Invalid { hint, .. }) = written.parse::<Duration>() else { panic!("{written}") };
            assert_eq!(hint, Some(format!("write `{days}`")), "{written}");
        }
    }

    #[test]
    fn sizes_are_read() {
        for (written, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("64Ki", 65_536),
            ("10Mi", 10 << 20),
            ("1M", 1_000_000),
            ("1k", 1000),
            ("1K", 1000),
            ("2Gi", 2 << 30),
        ] {
            assert_eq!(written.parse(), Ok(Size(bytes)), "{written}");
        }
        assert_eq!([Size(65_536), Size(1_000_000), Size(1001)].map(|size| size.to_string()), ["64Ki", "1M", "1001"]);
    }

    #[test]
    fn units_of_other_proxies_name_ours() {
        for (written, ours) in [
            ("10m", "10Mi"),
            ("10mb", "10Mi"),
            ("10MB", "10Mi"),
            ("10MiB", "10Mi"),
            ("64kb", "64Ki"),
            ("1gb", "1Gi"),
            ("9B", "9"),
        ] {
            let Err(Invalid { hint, .. }) = written.parse::<Size>() else { panic!("{written}") };
            assert_eq!(hint, Some(format!("write `{ours}`")), "{written}");
        }
        for written in ["", "x", "-1", "1.5Mi", "1 Mi", "10x", "99999999999999999999", "18446744073709551615Ti"] {
            assert!(written.parse::<Size>().is_err(), "{written}");
        }
    }
}
