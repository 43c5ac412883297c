//! Names that nobody wants any more, and those of which nobody can tell.

use super::Why;
use super::diff::Diff;
use crate::dns::{HOLD, Record};

impl Diff<'_> {
    /// A name that is not among the wanted ones: what is marked goes, addresses when they are forgotten. There is no floor: a name
    /// that was taken out of the settings may be without an address. So it has to be known that it was taken out.
    pub(super) fn unwanted(&mut self, name: &str, records: &[&Record]) {
        let found = self.found(records, |_| false);
        let is_wanted = self.across.is_wanted(name);
        // a name that is wanted in another zone may be asked for in this one: Cloudflare alone knows which is delegated
        if !self.takes_away() || !self.rules.hosts_are_whole || is_wanted || !self.zone.is_active {
            return;
        }
        let is_unsure = self.is_unsure(records);
        if !is_unsure {
            self.delete(found.aliases.iter().chain(&found.broken).copied());
        }
        let addresses: Vec<_> = found.addresses.keys().copied().collect();
        if addresses.is_empty() {
            return;
        }
        // whoever was sent here a moment ago, by a CNAME of ours that led here too, may come back as long as that is remembered
        let remembered = records.iter().map(|record| record.remembered()).max().unwrap_or_default().max(HOLD);
        if self.across.is_led_to(name) {
            return self.holds.postpone((&self.zone.id, name), &addresses, remembered, self.now);
        }
        let verdict = self.holds.weigh((&self.zone.id, name), &found.addresses, &addresses, remembered, self.now);
        self.hold(name, verdict.held, addresses.len(), Why::Remembered);
        for address in verdict.go.into_iter().filter(|_| !is_unsure) {
            self.delete(found.addresses.get(&address).into_iter().flatten().copied());
        }
    }

    /// A name of which nobody can tell what it should be: nothing happens to it.
    pub(super) fn as_it_is(&mut self, records: &[&Record]) {
        self.found(records, |_| false);
    }
}
