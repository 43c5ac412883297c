//! A name that should be a CNAME, as the hosts of routes are.

use super::Draft;
use super::diff::Diff;
use crate::dns::wanted::one_form;
use crate::dns::{Record, RecordType, WantedName};

impl Diff<'_> {
    /// `alias`: the name that it should lead to.
    pub(super) fn alias(&mut self, name: &WantedName, alias: &str, records: &[&Record]) {
        let adopt = self.rules.adopt;
        let found = self.found(records, |_| adopt);
        // at the apex Cloudflare keeps its own NS records to itself, and what is listed there it passes over
        let is_apex = one_form(&self.zone.name) == name.name;
        let is_beside = |record: &&Record| !(is_apex && matches!(record.kind, RecordType::Other(_)));
        let others: Vec<&Record> = found.others.iter().copied().filter(is_beside).collect();
        self.report_others(name, others.iter().copied());
        if self.is_unsure(records) {
            return;
        }
        let draft = || Draft {
            name: name.name.clone(),
            kind: RecordType::Cname,
            content: alias.to_owned(),
            ttl: name.ttl,
            proxied: name.proxied,
        };
        let is_right = |record: &&&Record| one_form(&record.content) == alias;
        let kept = found.aliases.iter().find(is_right).or(found.aliases.first()).copied();
        let leads_elsewhere = kept.map_or_else(|| found.not_aliases().next().is_some(), |kept| !is_right(&&kept));
        if leads_elsewhere && !self.across.is_there(alias) {
            // it would lead nowhere: what it has now is better than nothing
            return self.waiting.push(name.name.clone());
        }
        if let Some(kept) = kept {
            return self.one_alias(name, kept, draft(), &found.aliases, found.not_aliases());
        }
        if !others.is_empty() {
            return;
        }
        match found.not_aliases().next() {
            None => self.add(draft()),
            Some(first) if !self.takes_away() => self.report_kept(name, first),
            Some(_) => self.swap(name, found.not_aliases().cloned().collect(), vec![draft()]),
        }
    }

    /// The one that is kept leads to the right name, and is the only one.
    fn one_alias<'r>(
        &mut self,
        name: &WantedName,
        kept: &'r Record,
        draft: Draft,
        aliases: &[&'r Record],
        rest: impl Iterator<Item = &'r Record>,
    ) {
        if self.takes_away() {
            self.settle(kept, draft);
            self.delete(aliases.iter().copied().filter(|alias| alias.id != kept.id).chain(rest));
        } else if one_form(&kept.content) == draft.content {
            self.settle(kept, draft);
        } else {
            // the name it leads to now would lose it
            self.report_kept(name, kept);
        }
    }
}
