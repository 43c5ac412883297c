//! A language in which a case is two lines: a [`Scene`] is told what there is, and tells what it plans.
//!
//! ```text
//! names k *.k @            of the nodes; `k` is k.example.com, `@` example.com, anything with a dot stands as it is
//! nodes 1 #2 3+ 4!unready  203.0.113.1, 2001:db8::2, both of 3; unready, cordoned, leaving, silent
//! hosts www a!proxied b!direct c!doubtful
//! zones example.com=37/200 example.org k.example.com?      the last one is pending
//! set upsert adopt min=0 unread proxied ttl=300
//! ours k 1                 a record with our mark; free: without a mark, theirs: with another's
//! free k TXT hello         proxied, ttl=, id=, comment=, in=ZONE, unsure may stand behind
//!
//! + k 1                    made        * k [www] -> [1 2]    swapped
//! ~ k 1 -> 2 replaced      changed     held k 1 of 2, last k 1 of 1
//! - k 1                    deleted     ! unmarked k A 9      a conflict
//!                                      wait www             leads elsewhere still
//! ```

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

use super::super::*;
use crate::config::{Dns, DnsPolicy, RouteHosts};
use crate::dns::{Flags, Holds, Host, Mark, Node, Settings, Usage, Wanted, World};

pub(super) struct Scene {
    pub(super) settings: Settings,
    pub(super) world: World,
    pub(super) hosts: Vec<Host>,
    pub(super) zones: Vec<Zone>,
    pub(super) records: Vec<Record>,
    pub(super) hosts_are_whole: bool,
    pub(super) holds: Holds,
    pub(super) now: Instant,
    unsure: BTreeSet<String>,
    made: usize,
}

pub(super) fn mark() -> Mark {
    Mark::new("cluster", "gatepost")
}

fn other_mark() -> Mark {
    Mark::new("another", "gatepost")
}

impl Scene {
    pub(super) fn of(text: &str) -> Scene {
        let settings = Settings {
            names: vec!["k.example.com".to_owned()],
            route_hosts: RouteHosts::Cname,
            ..Settings::of(&Dns::default(), &Flags::default())
        };
        let mut scene = Scene {
            settings,
            world: World::default(),
            hosts: Vec::new(),
            zones: Vec::new(),
            records: Vec::new(),
            hosts_are_whole: true,
            holds: Holds::new(),
            now: Instant::now(),
            unsure: BTreeSet::new(),
            made: 0,
        };
        scene.say("zones example.com");
        scene.say(text);
        scene
    }

    /// Something is different from now on.
    pub(super) fn say(&mut self, text: &str) -> &mut Scene {
        for said in text.split(['\n', ';']) {
            let words: Vec<&str> = said.split_whitespace().collect();
            match words[..] {
                [] => {}
                ["names", ref names @ ..] => self.settings.names = names.iter().map(|name| long(name)).collect(),
                ["nodes", ref nodes @ ..] => self.world.nodes = nodes.iter().map(|node| self::node(node)).collect(),
                ["hosts", ref hosts @ ..] => self.hosts = hosts.iter().map(|host| self::host(host)).collect(),
                ["zones", ref zones @ ..] => self.zones = zones.iter().map(|zone| self::zone(zone)).collect(),
                ["set", ref settings @ ..] => settings.iter().for_each(|setting| self.set(setting)),
                ["answered"] => self.unsure.clear(),
                [whose, name, ref rest @ ..] => self.record(whose, name, rest),
                _ => panic!("{said}"),
            }
        }
        self
    }

    fn set(&mut self, setting: &str) {
        match setting.split_once('=').unwrap_or((setting, "")) {
            ("upsert", _) => self.settings.policy = DnsPolicy::Upsert,
            ("sync", _) => self.settings.policy = DnsPolicy::Sync,
            ("adopt", _) => self.settings.adopt = true,
            ("unread", _) => self.hosts_are_whole = false,
            ("read", _) => self.hosts_are_whole = true,
            ("proxied", _) => self.settings.proxied = true,
            ("cordoned", _) => self.settings.cordoned = true,
            ("off", _) => self.settings.route_hosts = RouteHosts::Off,
            ("min", number) => self.settings.min_addresses = number.parse().unwrap(),
            ("ttl", number) => self.settings.ttl = number.parse().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn record(&mut self, whose: &str, name: &str, rest: &[&str]) {
        let mut comment = match whose {
            "ours" => Some(mark().to_string()),
            "theirs" => Some(other_mark().to_string()),
            "free" => None,
            other => panic!("{other}"),
        };
        self.made += 1;
        let name = long(name);
        let (mut id, mut zone, mut kind, mut content) = (format!("{:03}", self.made), None, None, String::new());
        let (mut ttl, mut proxied) = (120, false);
        for word in rest {
            match word.split_once('=').unwrap_or((word, "")) {
                ("proxied", _) => proxied = true,
                ("unsure", _) => _ = self.unsure.insert(id.clone()),
                ("ttl", number) => ttl = number.parse().unwrap(),
                ("id", text) => id = text.to_owned(),
                ("in", text) => zone = Some(text),
                ("comment", text) => comment = Some(text.replace('_', " ").replace("MARK", mark().as_str())),
                ("NS" | "TXT" | "A" | "AAAA" | "CNAME" | "MX", _) => kind = Some(RecordType::of(word)),
                _ => content = value(word).map_or_else(|| long(word), |address| address.to_string()),
            }
        }
        let guessed = content.parse().map_or(RecordType::Cname, RecordType::of_address);
        let is_in = |zone: &&Zone| {
            let name = name.to_lowercase();
            let name = name.trim_end_matches('.');
            name == zone.name || name.ends_with(&format!(".{}", zone.name))
        };
        let longest = || self.zones.iter().filter(is_in).max_by_key(|zone| zone.name.len()).unwrap();
        let zone = zone.map_or_else(|| longest().id.clone(), |zone| format!("id-{zone}").into());
        self.records.push(Record { id, zone, name, kind: kind.unwrap_or(guessed), content, ttl, proxied, comment });
    }

    pub(super) fn plan(&mut self) -> Plan {
        let wanted = Wanted::of(&self.settings, &self.world, &self.hosts, &self.zones);
        let mark = mark();
        let rules = Rules {
            mark: &mark,
            policy: self.settings.policy,
            adopt: self.settings.adopt,
            min_addresses: self.settings.min_addresses,
            hosts_are_whole: self.hosts_are_whole,
            unsure: &self.unsure,
        };
        plan(&wanted, &self.records, &rules, &mut self.holds, self.now)
    }

    /// What is planned, in the language.
    pub(super) fn told(&mut self) -> String {
        tell(&self.plan())
    }

    /// Plans, does it, and tells.
    pub(super) fn done(&mut self) -> String {
        let plan = self.plan();
        self.apply(&plan);
        tell(&plan)
    }

    pub(super) fn after(&mut self, seconds: u64) -> &mut Scene {
        self.now += Duration::from_secs(seconds);
        self
    }

    /// Cloudflare does all of it.
    pub(super) fn apply(&mut self, plan: &Plan) {
        for zone in &plan.zones {
            for change in &zone.changes {
                self.gone(&change.from);
                let comment = change.from.comment.clone().filter(|comment| mark().owns(Some(comment)));
                self.make(&zone.zone, &change.to, Some(change.from.id.clone()), comment);
            }
            for draft in zone.adds.iter().chain(zone.swaps.iter().flat_map(|swap| &swap.adds)) {
                self.make(&zone.zone, draft, None, None);
            }
            zone.deletes.iter().chain(zone.swaps.iter().flat_map(|swap| &swap.deletes)).for_each(|old| self.gone(old));
            if let Some(used) = zone.budget() {
                let changed = self.zones.iter_mut().find(|known| known.id == zone.zone.id).unwrap();
                changed.usage = Some(used);
            }
        }
    }

    fn gone(&mut self, record: &Record) {
        self.holds.removed(record, self.now);
        let before = self.records.len();
        self.records.retain(|other| (&other.zone, &other.id) != (&record.zone, &record.id));
        assert_eq!(self.records.len() + 1, before, "{record:?} is not there");
    }

    fn make(&mut self, zone: &Zone, draft: &Draft, id: Option<String>, comment: Option<String>) {
        self.made += 1;
        let Draft { name, kind, content, ttl, proxied } = draft.clone();
        let id = id.unwrap_or_else(|| format!("{:03}", self.made));
        let comment = Some(comment.unwrap_or_else(|| mark().to_string()));
        self.records.push(Record { id, zone: zone.id.clone(), name, kind, content, ttl, proxied, comment });
    }
}

/// Each case: what there is, and what is planned; both lines or statements with `;` between.
#[track_caller]
pub(super) fn check(cases: &[(&str, &str)]) {
    for (given, expected) in cases {
        let expected: Vec<&str> = expected.split(';').map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(Scene::of(given).told(), expected.join("; "), "\n{given}");
    }
}

// === words to values ===

fn long(name: &str) -> String {
    match name {
        "@" => "example.com".to_owned(),
        name if name.trim_start_matches("*.").contains(['.', ':']) => name.to_owned(),
        name => format!("{name}.example.com"),
    }
}

pub(super) fn v4(number: u8) -> IpAddr {
    Ipv4Addr::new(203, 0, 113, number).into()
}

pub(super) fn v6(number: u8) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()).into()
}

fn value(word: &str) -> Option<IpAddr> {
    match word.strip_prefix('#') {
        Some(number) => Some(v6(number.parse().ok()?)),
        None => word.parse().ok().map(v4),
    }
}

fn node(word: &str) -> Node {
    let (address, state) = word.split_once('!').unwrap_or((word, ""));
    let external = match address.strip_suffix('+') {
        Some(number) => vec![v4(number.parse().unwrap()), v6(number.parse().unwrap())],
        None => vec![value(address).unwrap_or_else(|| address.parse().unwrap())],
    };
    Node {
        name: address.to_owned(),
        external,
        is_ready: state != "unready",
        is_cordoned: state == "cordoned",
        is_leaving: state == "leaving",
        serves: !matches!(state, "silent" | "unready"),
        ..Node::default()
    }
}

fn host(word: &str) -> Host {
    let (name, state) = word.split_once('!').unwrap_or((word, ""));
    let proxied = match state {
        "proxied" => Some(true),
        "direct" => Some(false),
        _ => None,
    };
    Host { name: long(name), proxied, is_doubtful: state == "doubtful" }
}

fn zone(word: &str) -> Zone {
    let (name, usage) = word.split_once('=').unwrap_or((word, ""));
    let usage =
        usage.split_once('/').map(|(used, quota)| Usage { used: used.parse().unwrap(), quota: quota.parse().unwrap() });
    let (name, is_active) = (name.trim_end_matches('?'), !name.ends_with('?'));
    Zone { id: format!("id-{name}").into(), name: name.to_owned(), is_active, usage }
}

// === values to words ===

fn short(text: &str) -> String {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address.octets()[..3] == [203, 0, 113] => address.octets()[3].to_string(),
        Ok(IpAddr::V6(address)) if v6(address.octets()[15]) == address => format!("#{}", address.octets()[15]),
        _ if text == "example.com" => "@".to_owned(),
        _ => text.strip_suffix(".example.com").unwrap_or(text).to_owned(),
    }
}

fn shorts<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.map(short).collect::<Vec<String>>().join(" ")
}

fn made(draft: &Draft) -> String {
    let ttl = if draft.ttl == 120 || draft.proxied { String::new() } else { format!(" ttl={}", draft.ttl) };
    let proxied = if draft.proxied { " proxied" } else { "" };
    assert!(!draft.proxied || draft.ttl == 1, "{draft:?}");
    format!("{}{ttl}{proxied}", short(&draft.content))
}

fn tell(plan: &Plan) -> String {
    let mut told = Vec::new();
    for zone in &plan.zones {
        told.extend(zone.adds.iter().map(|draft| format!("+ {} {}", short(&draft.name), made(draft))));
        told.extend(zone.changes.iter().map(|Change { from, to, reason }| {
            let reason = format!("{reason:?}").to_lowercase();
            format!("~ {} {} -> {} {reason}", short(&to.name), short(&from.content), made(to))
        }));
        told.extend(zone.deletes.iter().map(|old| format!("- {} {}", short(&old.name), short(&old.content))));
        told.extend(zone.swaps.iter().map(|Swap { name, deletes, adds }| {
            let old = shorts(deletes.iter().map(|record| record.content.as_str()));
            let new: Vec<String> = adds.iter().map(made).collect();
            format!("* {} [{old}] -> [{}]", short(name), new.join(" "))
        }));
    }
    told.extend(plan.held.iter().map(|Held { name, addresses, of, why }| {
        let addresses: Vec<String> = addresses.iter().map(|address| short(&address.to_string())).collect();
        let word = if *why == Why::Last { "last" } else { "held" };
        format!("{word} {} {} of {of}", short(name), addresses.join(" "))
    }));
    told.extend(plan.waiting.iter().map(|name| format!("wait {}", short(name))));
    told.extend(plan.conflicts.iter().map(|conflict| match conflict {
        Conflict::NoZone { name } => format!("! nozone {}", short(name)),
        Conflict::Unmarked { name, kind, content } => format!("! unmarked {} {kind} {}", short(name), short(content)),
        Conflict::OtherCluster { name, kind, content, mark } => {
            assert_eq!(*mark, other_mark().to_string());
            format!("! theirs {} {kind} {}", short(name), short(content))
        }
        Conflict::Kept { name, kind, content } => format!("! kept {} {kind} {}", short(name), short(content)),
        Conflict::NoRoom { zone, wanted, room } => format!("! noroom {} {wanted} in {room}", short(zone)),
        Conflict::NoAddress { name } => format!("! noaddress {}", short(name)),
    }));
    told.join("; ")
}
