//! Unix time as people write it, always UTC. Doors: [`Second::rfc3339`] and [`common`].

use std::cell::Cell;

/// The second in which a line was last written, with its text: nearly every line of a busy log shares it with the one
/// before.
#[derive(Debug)]
pub struct Second {
    unix: Cell<u64>,
    text: Cell<[u8; TEXT]>,
}

const TEXT: usize = "2026-07-31T12:00:00".len();

/// A moment, taken apart.
struct Civil {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

/// Civil date of a Unix time: years are counted from March, so that the leap day is a year's last, in eras of 400 years
/// (146,097 days), which all look alike.
fn civil(seconds: u64) -> Civil {
    // 719,468 days lie between 0000-03-01 and 1970-01-01
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    // the corrections take out the leap days of 4, 100 and 400 years
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // months from March have 31, 30, 31, 30, 31 days, twice and a bit: 153 days per five
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let rest = seconds % 86_400;
    Civil { year, month, day, hour: rest / 3_600, minute: rest / 60 % 60, second: rest % 60 }
}

// === impl Second ===

impl Default for Second {
    fn default() -> Self {
        Second { unix: Cell::new(0), text: Cell::new(date_and_time(0)) }
    }
}

impl Second {
    /// Appends `2026-07-31T12:00:00.123Z`.
    pub(super) fn rfc3339(&self, ms: u64, out: &mut Vec<u8>) {
        let unix = ms / 1000;
        if self.unix.replace(unix) != unix {
            self.text.set(date_and_time(unix));
        }
        out.extend_from_slice(&self.text.get());
        out.push(b'.');
        digits::<3>(ms % 1000, out);
        out.push(b'Z');
    }
}

fn date_and_time(unix: u64) -> [u8; TEXT] {
    let at = civil(unix);
    let mut text = *b"0000-00-00T00:00:00";
    write_digits(at.year, &mut text[..4]);
    write_digits(at.month, &mut text[5..7]);
    write_digits(at.day, &mut text[8..10]);
    write_digits(at.hour, &mut text[11..13]);
    write_digits(at.minute, &mut text[14..16]);
    write_digits(at.second, &mut text[17..]);
    text
}

/// Appends `31/Jul/2026:12:00:00 +0000`.
pub(super) fn common(ms: u64, out: &mut Vec<u8>) {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let at = civil(ms / 1000);
    digits::<2>(at.day, out);
    out.push(b'/');
    let month = (at.month as usize - 1) * 3;
    out.extend_from_slice(&MONTHS[month..month + 3]);
    out.push(b'/');
    digits::<4>(at.year, out);
    out.push(b':');
    digits::<2>(at.hour, out);
    out.push(b':');
    digits::<2>(at.minute, out);
    out.push(b':');
    digits::<2>(at.second, out);
    out.extend_from_slice(b" +0000");
}

/// The last `N` digits.
fn digits<const N: usize>(value: u64, out: &mut Vec<u8>) {
    let mut text = [b'0'; N];
    write_digits(value, &mut text);
    out.extend_from_slice(&text);
}

/// As many as there is room for.
fn write_digits(mut value: u64, text: &mut [u8]) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(second: &Second, ms: u64) -> String {
        let mut out = Vec::new();
        second.rfc3339(ms, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_of_another_second_does_not_get_the_text_of_the_last() {
        let second = Second::default();
        for (ms, expected) in [
            (7, "1970-01-01T00:00:00.007Z"),
            (999, "1970-01-01T00:00:00.999Z"),
            (1_000, "1970-01-01T00:00:01.000Z"),
            (1_709_164_800_001, "2024-02-29T00:00:00.001Z"),
            // clocks are set back
            (999, "1970-01-01T00:00:00.999Z"),
        ] {
            assert_eq!(shown(&second, ms), expected);
        }
    }

    #[test]
    fn days_around_leap_days_and_centuries_are_right() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_164_800_001, "2024-02-29T00:00:00.001Z"),
            (1_735_689_599_050, "2024-12-31T23:59:59.050Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (ms, expected) in table {
            assert_eq!(shown(&Second::default(), ms), expected);
        }
    }

    #[test]
    fn every_day_of_three_centuries_follows_the_one_before() {
        let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..110_000 {
            let at = civil(days * 86_400 + 3_723);
            assert_eq!((at.year, at.month, at.day, at.hour, at.minute, at.second), (year, month, day, 1, 2, 3));
            let length = match month {
                2 => 28 + u64::from(is_leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }
}
