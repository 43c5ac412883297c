//! What can only be seen with all routes at hand: two for the same requests, and too many expressions of one host. One
//! door: [`check`].

use foldhash::{HashMap, HashMapExt};

use super::read::{Reader, Step};
use super::route::{Identity, Slot};
use super::{Conditions, HostPattern, PathPattern};

/// All expressions of a host are one automaton, built at every change.
pub(super) const MAX_EXPRESSIONS: usize = 1000;

/// Tells what is wrong and spoils the later of two routes.
pub(super) fn check(slots: &mut [Slot], reader: &mut Reader<'_>) {
    let mut first: HashMap<(&HostPattern, &PathPattern, &Conditions), usize> = HashMap::with_capacity(slots.len());
    let mut expressions: HashMap<&HostPattern, usize> = HashMap::new();
    let mut bad = Vec::new();
    for (index, slot) in slots.iter().enumerate() {
        let Some(Identity { hosts, path, conditions }) = slot.content.identity() else { continue };
        let mut same = None;
        let mut crowded = None;
        for host in hosts {
            let earlier = *first.entry((host, path, conditions)).or_insert(index);
            if earlier != index && same.is_none() {
                same = Some((host, earlier));
            }
            if matches!(path, PathPattern::Regex(_)) {
                let count = expressions.entry(host).or_default();
                *count += 1;
                crowded = crowded.or((*count > MAX_EXPRESSIONS).then_some(host));
            }
        }
        if let Some((host, earlier)) = same {
            repeated(index, slot, (host, path, conditions), slots[earlier].line, reader);
            bad.push(index);
        }
        if let Some(host) = crowded {
            too_many(index, slot, host, reader);
            bad.push(index);
        }
    }
    for index in bad {
        slots[index].content.spoil();
    }
}

fn repeated(
    index: usize,
    slot: &Slot,
    (host, path, conditions): (&HostPattern, &PathPattern, &Conditions),
    first: u32,
    reader: &mut Reader<'_>,
) {
    let with = if conditions.count() > 0 { " and the same `match`" } else { "" };
    let message = format!("line {} repeats the route of line {first}: host `{host}`, path `{path}`{with}", slot.line);
    tell(index, slot, message, "remove one of them, or give them a different `path` or `match`", reader);
}

fn too_many(index: usize, slot: &Slot, host: &HostPattern, reader: &mut Reader<'_>) {
    let message = format!("`{host}` has more than {MAX_EXPRESSIONS} routes with a `path.regex`");
    tell(index, slot, message, "join some into one expression, or use prefixes", reader);
}

fn tell(index: usize, slot: &Slot, message: String, hint: &str, reader: &mut Reader<'_>) {
    reader.within(Step::Key("routes"), |reader| {
        reader.within(Step::Index(index), |reader| reader.error(slot.place, message, hint));
    });
}
