//! How many calls may be made: a bound of our own below Cloudflare's, and the waits that Cloudflare asks for.
//!
//! The limit is 1,200 calls in five minutes for all that a user does, the dashboard among it; whoever exceeds it is
//! refused for the next five (developers.cloudflare.com/fundamentals/api/reference/limits).

use std::collections::VecDeque;
use std::time::Duration;

use http::header::{DATE, HeaderMap, HeaderValue};
use tokio::time::Instant;

/// Calls in any [`WINDOW`]. The rest is for the person at the dashboard.
const MAX_CALLS: usize = 1000;
const WINDOW: Duration = Duration::from_secs(300);
/// So many of them may be spent as fast as news come; beyond, each call has its share of [`WINDOW`].
const AT_ONCE: usize = MAX_CALLS / 2;
/// No wait is longer, whatever is asked for.
const LONGEST: Duration = Duration::from_secs(300);

/// Calls of the last five minutes, and until when none may be made.
#[derive(Debug, Default)]
pub(super) struct Budget {
    calls: VecDeque<Instant>,
    not_before: Option<Instant>,
    made: u64,
}

impl Budget {
    /// Counts a call, or says how long there may be none.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        if let Some(until) = self.not_before {
            if now < until {
                return Err(until - now);
            }
            self.not_before = None;
        }
        while self.calls.front().is_some_and(|first| now.duration_since(*first) >= WINDOW) {
            self.calls.pop_front();
        }
        if let Some(first) = self.calls.front()
            && self.calls.len() >= MAX_CALLS
        {
            return Err(*first + WINDOW - now);
        }
        self.calls.push_back(now);
        self.made += 1;
        Ok(())
    }

    /// How many calls were ever made.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// How long to wait before so many calls are made again, so that whatever makes them for ever never comes to the bound:
    /// behind it even a node that has died would wait.
    pub(super) fn pace(&self, calls: u64, now: Instant) -> Duration {
        let recent = self.calls.iter().rev().take_while(|call| now.duration_since(**call) < WINDOW).count();
        if recent < AT_ONCE {
            return Duration::ZERO;
        }
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        (WINDOW / (MAX_CALLS - AT_ONCE) as u32).saturating_mul(calls).min(WINDOW)
    }

    /// No call for so long; told is what it really is.
    pub(super) fn wait(&mut self, asked: Duration, now: Instant) -> Duration {
        let after = asked.min(LONGEST);
        self.not_before = Some(now + after);
        after
    }
}

/// How long `Retry-After` asks to wait (RFC 9110 10.2.3). A point in time is compared with the `Date` of the same answer:
/// one clock, and not ours.
pub(super) fn wait(after: &HeaderValue, headers: &HeaderMap) -> Option<Duration> {
    let text = after.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = seconds_of(text)?;
    let sent = seconds_of(headers.get(DATE)?.to_str().ok()?)?;
    Some(Duration::from_secs(until.saturating_sub(sent)))
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 5.6.7; the two old forms are not sent any more).
fn seconds_of(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, date) = text.split_once(", ")?;
    let [day, month, year, time, "GMT"] = date.split(' ').collect::<Vec<_>>()[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    let mut clock = time.split(':').map(str::parse::<u64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let is_sane = (1970..=9999).contains(&year) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !is_sane {
        return None;
    }
    // a year that begins in March has its leap day at its end
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    // from the first of March of year 0 to 1970
    let days = days.checked_sub(719_468)?;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_thousand_calls_in_five_minutes_and_none_more() {
        let mut budget = Budget::default();
        for call in 0..MAX_CALLS {
            assert_eq!(budget.take(Instant::now()), Ok(()), "{call}");
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        // the first was 100 s ago
        assert_eq!(budget.take(Instant::now()), Err(Duration::from_secs(200)));
        tokio::time::advance(Duration::from_secs(200)).await;
        assert_eq!(budget.take(Instant::now()), Ok(()));
        assert_eq!(budget.take(Instant::now()), Err(Duration::from_millis(100)));
        assert_eq!(budget.calls.len(), MAX_CALLS);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_again_and_again_is_paced_below_the_bound_and_what_is_rare_is_not() {
        for (calls, every) in [(3, 1), (30, 3), (300, 5)] {
            let mut budget = Budget::default();
            for round in 0..1000 {
                tokio::time::advance(Duration::from_secs(every)).await;
                for _ in 0..calls {
                    assert_eq!(budget.take(Instant::now()), Ok(()), "{calls} calls, round {round}");
                }
                let pace = budget.pace(calls, Instant::now());
                assert!(round > 0 || pace.is_zero());
                tokio::time::advance(pace).await;
            }
            tokio::time::advance(WINDOW).await;
            assert_eq!(budget.pace(calls, Instant::now()), Duration::ZERO);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_was_asked_for_is_kept_and_never_longer_than_five_minutes() {
        let mut budget = Budget::default();
        assert_eq!(budget.wait(Duration::from_secs(7), Instant::now()), Duration::from_secs(7));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(budget.take(Instant::now()), Err(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(budget.take(Instant::now()), Ok(()));
        assert_eq!(budget.wait(Duration::from_secs(1_000_000), Instant::now()), LONGEST);
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_as_a_time_by_the_clock_of_the_same_answer() {
        let mut headers = HeaderMap::new();
        let now = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
        let later = HeaderValue::from_static("Sun, 06 Nov 1994 08:51:07 GMT");
        assert_eq!(wait(&HeaderValue::from_static("120"), &headers), Some(Duration::from_secs(120)));
        assert_eq!(wait(&later, &headers), None);
        headers.insert(DATE, now.clone());
        assert_eq!(wait(&later, &headers), Some(Duration::from_secs(90)));
        headers.insert(DATE, later);
        assert_eq!(wait(&now, &headers), Some(Duration::ZERO));
        for not in ["", "-1", "soon", "1.5", "Sunday, 06-Nov-94 08:49:37 GMT"] {
            assert_eq!(wait(&HeaderValue::from_static(not), &headers), None, "{not}");
        }
    }

    #[test]
    fn a_date_is_read_as_every_other_clock_reads_it() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600),
            ("Fri, 31 Dec 2100 23:59:59 GMT", 4_133_980_799),
        ] {
            assert_eq!(seconds_of(text), Some(seconds), "{text}");
        }
        for not in ["Thu, 01 Jan 1969 00:00:00 GMT", "Thu, 01 Jon 1970 00:00:00 GMT", "Thu, 1 Jan 1970 25:00:00 GMT"] {
            assert_eq!(seconds_of(not), None, "{not}");
        }
    }
}
