//! Lists that come in pages, and whether the pages of one reading fit together.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Pages of one list at most: a tenth of the calls of five minutes.
pub(super) const MAX_PAGES: usize = 100;
/// Things in one list at most; the largest zones of the usual plans have 3,500 records.
const MAX_LISTED: usize = 100_000;
/// How often a list is read that changes meanwhile.
pub(super) const READINGS: usize = 3;

/// Which list.
pub(super) struct Listed<'l> {
    pub(super) path: &'l str,
    pub(super) a_page: usize,
}

impl Listed<'_> {
    pub(super) fn page(&self, page: usize) -> String {
        let Listed { path, a_page } = self;
        format!("{path}?page={page}&per_page={a_page}")
    }
}

/// A thing in a list.
pub(super) trait Item: DeserializeOwned {
    fn id(&self) -> &str;
}

/// What is said beside a page. `total_count` is of the whole list.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Info {
    pub(super) total_count: Option<usize>,
    /// Less than what was asked for, when the server gives no more.
    pub(super) per_page: Option<usize>,
}

/// What has been read so far.
pub(super) struct Reading<R> {
    items: Vec<R>,
    ids: HashSet<String>,
    total: Option<usize>,
}

impl<R> Default for Reading<R> {
    fn default() -> Self {
        Reading { items: Vec::new(), ids: HashSet::new(), total: None }
    }
}

/// Where a page has led.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    More,
    Done,
    /// These pages are not of one list.
    Changed,
    TooMany,
    /// Nobody says how many there are.
    Untold,
}

impl<R: Item> Reading<R> {
    pub(super) fn add(&mut self, page: Vec<R>, info: Info, asked: usize) -> Step {
        let Some(told) = info.total_count else { return Step::Untold };
        let total = *self.total.get_or_insert(told);
        if total > MAX_LISTED {
            return Step::TooMany;
        }
        let is_full = page.len() >= info.per_page.unwrap_or(asked).min(asked);
        let is_new = page.iter().all(|item| self.ids.insert(item.id().to_owned()));
        self.items.extend(page);
        match self.items.len() {
            _ if total != told || !is_new => Step::Changed,
            read if read == total => Step::Done,
            read if read < total && is_full => Step::More,
            _ => Step::Changed,
        }
    }

    pub(super) fn into_items(self) -> Vec<R> {
        self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Item for String {
        fn id(&self) -> &str {
            self
        }
    }

    fn steps(pages: &[(&str, usize)]) -> Vec<Step> {
        let mut reading = Reading::default();
        let pages = pages.iter().map(|(ids, total_count)| {
            let page = ids.split_whitespace().map(str::to_owned).collect();
            reading.add(page, Info { total_count: Some(*total_count), per_page: Some(2) }, 5)
        });
        pages.collect()
    }

    #[test]
    fn pages_that_fit_together_are_a_list_and_others_are_none() {
        use Step::{Changed, Done, More, TooMany};
        for (pages, expected) in [
            (&[("", 0)][..], vec![Done]),
            (&[("a b", 2)], vec![Done]),
            (&[("a b", 5), ("c d", 5), ("e", 5)], vec![More, More, Done]),
            (&[("a b", 5), ("c d", 4)], vec![More, Changed]),
            (&[("a b", 3), ("b", 3)], vec![More, Changed]),
            (&[("a a", 2)], vec![Changed]),
            // fewer than promised
            (&[("a", 3)], vec![Changed]),
            (&[("a b", 4), ("", 4)], vec![More, Changed]),
            // more than promised
            (&[("a b", 1)], vec![Changed]),
            (&[("a b", MAX_LISTED + 1)], vec![TooMany]),
        ] {
            assert_eq!(steps(pages), expected, "{pages:?}");
        }
        assert_eq!(Reading::<String>::default().add(Vec::new(), Info::default(), 5), Step::Untold);
    }
}
