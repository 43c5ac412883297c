//! What is known of names in all zones together: [`Across`].

use std::borrow::Cow;
use std::collections::HashSet;

use super::make::Filed;
use crate::dns::wanted::one_form;
use crate::dns::{Mark, RecordType, Wanted};

pub(super) struct Across<'p> {
    /// Names that are wanted, in whatever zone.
    wanted: HashSet<&'p str>,
    /// Names that have an address, or lead to another.
    there: HashSet<Cow<'p, str>>,
    /// Names that CNAMEs of ours lead to.
    led_to: HashSet<Cow<'p, str>>,
}

impl<'p> Across<'p> {
    pub(super) fn of(wanted: &'p Wanted, filed: &Filed<'p>, mark: &Mark) -> Across<'p> {
        let names = wanted.zones.iter().flat_map(|zone| &zone.names);
        let wanted = names.map(|name| name.name.as_str()).collect();
        let (mut there, mut led_to) = (HashSet::new(), HashSet::new());
        for (name, records) in filed.values().flatten() {
            for record in records {
                if record.kind.is_address() || record.kind == RecordType::Cname {
                    there.insert(name.clone());
                }
                if record.kind == RecordType::Cname && mark.owns(record.comment.as_deref()) {
                    led_to.insert(one_form(&record.content));
                }
            }
        }
        Across { wanted, there, led_to }
    }

    /// A name that is wanted in another zone than this.
    pub(super) fn is_wanted(&self, name: &str) -> bool {
        self.wanted.contains(name)
    }

    /// Who is sent to this name finds something there.
    pub(super) fn is_there(&self, name: &str) -> bool {
        self.there.contains(name)
    }

    /// A name of ours leads here still.
    pub(super) fn is_led_to(&self, name: &str) -> bool {
        self.led_to.contains(name)
    }
}
