//! What holds for every world and whatever is there.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use proptest::prelude::*;

use super::super::*;
use super::language::{Scene, mark};
use crate::dns::Host;

/// Records that Cloudflare could hold: no two alike, and no CNAME beside anything.
fn records() -> impl Strategy<Value = Vec<String>> {
    let whose = prop::sample::select(vec!["ours", "ours", "ours", "free", "theirs"]);
    let name = prop::sample::select(vec!["k", "k", "l", "www", "shop", "@", "*.k", "K"]);
    let content = prop::sample::select(vec!["1", "2", "3", "4", "5", "6", "#1", "#2", "k", "old"]);
    let setting = prop::sample::select(vec!["", "", "", "proxied", "ttl=60"]);
    prop::collection::vec((whose, name, content, setting), 0..14).prop_map(|records| {
        let mut there: HashMap<String, HashSet<&str>> = HashMap::new();
        let is_alias = |content: &&str| matches!(*content, "k" | "old");
        let mut kept = Vec::new();
        for (whose, name, content, setting) in records {
            let beside = there.entry(name.to_lowercase()).or_default();
            let is_possible = beside.is_empty() || !(is_alias(&content) || beside.iter().any(is_alias));
            if is_possible && beside.insert(content) {
                kept.push(format!("{whose} {name} {content} {setting}"));
            }
        }
        kept
    })
}

fn world() -> impl Strategy<Value = String> {
    let state = prop::sample::select(vec!["", "", "", "!unready", "!cordoned", "!silent"]);
    let address = prop::sample::select(vec!["1", "2", "3", "4", "5+", "#1", "7"]);
    let nodes = prop::collection::vec((address, state).prop_map(|(address, state)| format!("{address}{state}")), 0..6);
    let names = prop::sample::select(vec!["k", "k l", "k @", "*.k k"]);
    let hosts = prop::sample::select(vec!["", "www", "www shop!proxied", "www!doubtful @", "l www"]);
    (nodes, names, hosts)
        .prop_map(|(nodes, names, hosts)| format!("nodes {}; names {names}; hosts {hosts}", nodes.join(" ")))
}

fn rules() -> impl Strategy<Value = String> {
    let words = prop::sample::subsequence(vec!["upsert", "adopt", "unread", "proxied", "cordoned"], 0..=2);
    (words, 0..4usize).prop_map(|(words, min)| format!("set min={min} {}", words.join(" ")))
}

type Addresses = BTreeMap<String, BTreeSet<IpAddr>>;

/// Which addresses of ours each name has.
fn addresses(scene: &Scene) -> Addresses {
    let mut names = Addresses::new();
    for record in scene.records.iter().filter(|record| mark().owns(record.comment.as_deref())) {
        if let Some(address) = record.address() {
            names.entry(record.name.to_lowercase()).or_default().insert(address);
        }
    }
    names
}

/// Nothing is made that Cloudflare would refuse in the moment before anything is deleted.
fn is_possible(scene: &Scene, plan: &Plan) -> Result<(), TestCaseError> {
    let mut there: HashMap<String, Vec<String>> = HashMap::new();
    for record in scene.records.iter().filter(|record| !matches!(record.kind, RecordType::Other(_))) {
        there.entry(record.name.to_lowercase()).or_default().push(record.content.clone());
    }
    for zone in &plan.zones {
        for Change { from, to, .. } in &zone.changes {
            let beside = there.entry(to.name.clone()).or_default();
            beside.retain(|content| *content != from.content);
            prop_assert!(!beside.contains(&to.content), "{to:?}");
            beside.push(to.content.clone());
        }
        for draft in &zone.adds {
            let beside = there.entry(draft.name.clone()).or_default();
            prop_assert!(!beside.contains(&draft.content), "{draft:?}");
            let is_alias = |content: &String| content.parse::<IpAddr>().is_err();
            let is_alone = beside.is_empty() || !(is_alias(&draft.content) || beside.iter().any(is_alias));
            prop_assert!(is_alone, "{draft:?} beside {beside:?}");
            beside.push(draft.content.clone());
        }
    }
    Ok(())
}

/// Whatever is changed or deleted is ours, or may become so.
fn is_ours(scene: &Scene, plan: &Plan) -> Result<(), TestCaseError> {
    let nodes: HashSet<IpAddr> = scene.world.nodes.iter().flat_map(|node| node.external.clone()).collect();
    let is_named = |name: &str| scene.settings.names.iter().any(|named| named.eq_ignore_ascii_case(name));
    let is_host = |name: &str| scene.hosts.iter().any(|Host { name: host, .. }| host.eq_ignore_ascii_case(name));
    for zone in &plan.zones {
        let changed = zone.changes.iter().map(|change| &change.from);
        let swapped = zone.swaps.iter().flat_map(|swap| &swap.deletes);
        for record in changed.chain(&zone.deletes).chain(swapped) {
            let comment = record.comment.as_deref();
            let is_leftover = record.kind == RecordType::A
                && is_named(&record.name)
                && record.address().is_some_and(|address| nodes.contains(&address));
            let is_adopted = scene.settings.adopt && (is_named(&record.name) || is_host(&record.name));
            let may = mark().owns(comment) || (comment.is_none() && (is_leftover || is_adopted));
            prop_assert!(may, "{record:?}");
        }
    }
    Ok(())
}

/// Plans and does until there is nothing left to do.
fn settle(scene: &mut Scene, rounds: usize) -> Result<(), TestCaseError> {
    for _ in 0..rounds {
        let plan = scene.plan();
        is_possible(scene, &plan)?;
        is_ours(scene, &plan)?;
        if plan.is_empty() {
            return Ok(());
        }
        let before = addresses(scene);
        scene.apply(&plan);
        let after = addresses(scene);
        let enough = scene.settings.min_addresses;
        for name in &scene.settings.names {
            let count = |names: &Addresses| names.get(name).map_or(0, BTreeSet::len);
            prop_assert!(count(&after) >= enough.min(count(&before)), "{name}: {before:?} became {after:?}");
        }
    }
    prop_assert!(scene.plan().is_empty(), "{}", scene.told());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// In three worlds, one after the other: nothing but ours is touched, no name falls below the floor, and after two
    /// rounds, two more when the hold is over, and two when names are forgotten, a plan has nothing to do.
    #[test]
    fn what_is_planned_is_reached_and_nobody_is_hurt(
        records in records(), worlds in prop::collection::vec(world(), 1..4), rules in rules(),
    ) {
        let mut scene = Scene::of(&format!("{rules}; {}", records.join("; ")));
        for world in worlds {
            scene.say(&world);
            settle(&mut scene, 2)?;
            settle(scene.after(30), 2)?;
            settle(scene.after(300), 2)?;
            prop_assert!(scene.after(400).plan().is_empty());
        }
    }

    /// The first plan of a process, which has seen nothing yet, takes at most half of what a name has or adopts.
    #[test]
    fn nobody_loses_more_than_half_at_first_sight(records in records(), world in world()) {
        let mut scene = Scene::of(&format!("{world}; {}", records.join("; ")));
        let plan = scene.plan();
        let mut before = addresses(&scene);
        let touched = plan.zones.iter().flat_map(|zone| zone.changes.iter().map(|change| &change.from).chain(&zone.deletes));
        for record in touched {
            before.entry(record.name.to_lowercase()).or_default().extend(record.address());
        }
        scene.apply(&plan);
        let swapped: HashSet<&String> = plan.zones.iter().flat_map(|zone| &zone.swaps).map(|swap| &swap.name).collect();
        for (name, had) in before.iter().filter(|(name, _)| !swapped.contains(name)) {
            let has = addresses(&scene).remove(name).unwrap_or_default();
            let lost = had.difference(&has).count();
            prop_assert!(lost * 2 <= had.len(), "{name}: {had:?} became {has:?}");
        }
    }

    /// A zone with little room is never overfilled, and there is an end of what is done.
    #[test]
    fn a_zone_is_never_overfilled(records in records(), world in world(), rules in rules(), free in 0..6usize) {
        let mut scene = Scene::of(&format!("{world}; {rules}; {}", records.join("; ")));
        let used = scene.records.len();
        scene.say(&format!("zones example.com={used}/{}", used + free));
        for _ in 0..8 {
            let plan = scene.plan();
            let adds: usize = plan.zones.iter().map(|zone| zone.adds.len()).sum();
            prop_assert!(scene.records.len() + adds <= used + free);
            scene.apply(&plan);
            prop_assert!(scene.records.len() <= used + free);
            scene.after(31);
        }
        let left = scene.plan();
        prop_assert!(left.is_empty(), "{left:?}");
    }

    /// The order in which records are listed means nothing.
    #[test]
    fn a_plan_is_the_same_in_whatever_order_records_come(
        (records, shuffled) in records().prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle())),
        world in world(), rules in rules(),
    ) {
        let numbered = |list: &[String]| {
            let id = |record: &String| records.iter().position(|other| other == record).unwrap_or_default();
            list.iter().map(|record| format!("{record} id={}", id(record))).collect::<Vec<String>>().join("; ")
        };
        let plan = |list: &[String]| Scene::of(&format!("{world}; {rules}; {}", numbered(list))).plan();
        prop_assert_eq!(plan(&records), plan(&shuffled));
    }
}
