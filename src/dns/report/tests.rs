//! The shapes that scripts and people read.

use super::*;
use crate::dns::{Reason, Usage, Zone};

fn record(id: &str, name: &str, kind: RecordType, content: &str) -> Record {
    let (name, content, comment) = (name.to_owned(), content.to_owned(), Some("gatepost:0".to_owned()));
    Record { id: id.to_owned(), zone: "z".into(), name, kind, content, ttl: 300, proxied: false, comment }
}

fn draft(name: &str, kind: RecordType, content: &str, proxied: bool) -> Draft {
    let ttl = if proxied { 1 } else { 120 };
    Draft { name: name.to_owned(), kind, content: content.to_owned(), ttl, proxied }
}

fn plan() -> Plan {
    let of = |name: &str, usage| Zone { id: "z".into(), name: name.to_owned(), is_active: true, usage };
    let com = ZonePlan {
        zone: of("example.com", Some(Usage { used: 36, quota: 200 })),
        adds: vec![
            draft("k.example.com", RecordType::A, "203.0.113.1", false),
            draft("www.example.com", RecordType::Cname, "k.example.com", true),
        ],
        changes: vec![Change {
            from: record("1", "k.example.com", RecordType::Aaaa, "2001:db8::1"),
            to: draft("k.example.com", RecordType::Aaaa, "2001:db8::2", true),
            reason: Reason::Replaced,
        }],
        deletes: vec![record("2", "k.example.com", RecordType::A, "203.0.113.2")],
        swaps: Vec::new(),
        ours: 3,
    };
    let old = (1..=5).map(|n| record(&n.to_string(), "a.example.org", RecordType::A, &format!("203.0.113.{n}")));
    let org = ZonePlan {
        zone: of("example.org", None),
        adds: Vec::new(),
        changes: Vec::new(),
        deletes: Vec::new(),
        swaps: vec![Swap {
            name: "a.example.org".to_owned(),
            deletes: old.collect(),
            adds: vec![draft("a.example.org", RecordType::Cname, "k.example.com", false)],
        }],
        ours: 1,
    };
    let addresses = vec!["203.0.113.3".parse().unwrap(), "2001:db8::3".parse().unwrap()];
    let held = |why| Held { name: "k.example.com".to_owned(), addresses: addresses.clone(), of: 3, why };
    let conflicts = vec![
        Conflict::NoZone { name: "k.example.net".to_owned() },
        Conflict::NoRoom { zone: "example.com".to_owned(), wanted: 3, room: 2 },
    ];
    Plan { zones: vec![com, org], held: vec![held(Why::Most), held(Why::Last)], conflicts, waiting: Vec::new() }
}

#[test]
fn people_read_an_aligned_table_and_below_it_what_does_not_change() {
    let told: Vec<String> = lines(&plan()).into_iter().map(|line| line.text).collect();
    let expected = "\
+ k.example.com    A          203.0.113.1                                                   120 s         direct
+ www.example.com  CNAME      k.example.com                                                 auto          proxied
~ k.example.com    AAAA       2001:db8::1 → 2001:db8::2                                     300 s → auto  direct → proxied  replaced
- k.example.com    A          203.0.113.2                                                   300 s         direct
~ a.example.org    A → CNAME  203.0.113.1, 203.0.113.2, 203.0.113.3 and 2 more → k.example.com  120 s         direct            type
= k.example.com: 203.0.113.3, 2001:db8::3 may not go yet, 2 of 3: that would be most of its addresses at once
= k.example.com: 203.0.113.3, 2001:db8::3 may not go, 2 of 3: the name would have fewer addresses than it must have
! k.example.net: no zone that the API token sees has this name
! example.com: 3 records are to be made and there is room for 2
37 of 200 records in example.com, 3 of them ours
1 of our records in example.org";
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeeze(&told.join("\n")), squeeze(expected));
    // the columns begin at the same place in every row
    let starts: Vec<usize> =
        ["120 s", "auto", "300 s", "300 s", "120 s"].iter().zip(&told).map(|(ttl, row)| column(row, ttl)).collect();
    assert!(starts.iter().all(|start| *start == starts[0]), "{starts:?} in\n{}", told.join("\n"));
    let signs: Vec<Sign> = lines(&plan()).into_iter().map(|line| line.sign).collect();
    use Sign::*;
    assert_eq!(signs, [Add, Add, Change, Delete, Change, Held, Held, Conflict, Conflict, Note, Note]);
}

/// Where a cell begins, in characters.
fn column(row: &str, cell: &str) -> usize {
    row[..row.find(cell).unwrap()].chars().count()
}

#[test]
fn where_nothing_changes_it_says_so() {
    assert_eq!(lines(&Plan::default()), [Line { sign: Sign::Note, text: "Nothing to change".to_owned() }]);
}

#[test]
fn scripts_read_the_same_shape_for_ever() {
    let com = |rest: Value| of_name("example.com", "k.example.com", rest);
    let a = |id: &str, content: &str| json!({"id": id, "type": "A", "content": content, "ttl": 300, "proxied": false});
    let old: Vec<Value> = (1..=5).map(|n| a(&n.to_string(), &format!("203.0.113.{n}"))).collect();
    let expected = json!({
        "adds": [
            {"zone": "example.com", "name": "k.example.com", "type": "A", "content": "203.0.113.1", "ttl": 120, "proxied": false},
            {"zone": "example.com", "name": "www.example.com", "type": "CNAME", "content": "k.example.com", "ttl": 1, "proxied": true},
        ],
        "changes": [
            com(json!({
                "reason": "replaced",
                "from": [{"id": "1", "type": "AAAA", "content": "2001:db8::1", "ttl": 300, "proxied": false}],
                "to": [{"type": "AAAA", "content": "2001:db8::2", "ttl": 1, "proxied": true}],
            })),
            {
                "zone": "example.org", "name": "a.example.org", "reason": "type", "from": old,
                "to": [{"type": "CNAME", "content": "k.example.com", "ttl": 120, "proxied": false}],
            },
        ],
        "deletes": [com(a("2", "203.0.113.2"))],
        "held": [
            {"name": "k.example.com", "addresses": ["203.0.113.3", "2001:db8::3"], "of": 3, "last": false, "why": "most"},
            {"name": "k.example.com", "addresses": ["203.0.113.3", "2001:db8::3"], "of": 3, "last": true, "why": "last"},
        ],
        "conflicts": [
            {"kind": "noZone", "name": "k.example.net", "message": "k.example.net: no zone that the API token sees has this name"},
            {
                "kind": "noRoom", "zone": "example.com", "wanted": 3, "room": 2,
                "message": "example.com: 3 records are to be made and there is room for 2",
            },
        ],
        "budget": [
            {"zone": "example.com", "used": 37, "quota": 200, "ours": 3},
            {"zone": "example.org", "used": null, "quota": null, "ours": 1},
        ],
    });
    assert_eq!(json(&plan()), expected);
}

#[test]
fn every_conflict_has_a_word_and_a_sentence() {
    let (name, kind, content) = ("k".to_owned(), RecordType::A, "203.0.113.1".to_owned());
    for (conflict, word) in [
        (Conflict::NoAddress { name: name.clone() }, "noAddress"),
        (Conflict::Unmarked { name: name.clone(), kind: kind.clone(), content: content.clone() }, "unmarked"),
        (Conflict::Kept { name: name.clone(), kind: kind.clone(), content: content.clone() }, "kept"),
        (Conflict::OtherCluster { name, kind, content, mark: "gatepost:1".to_owned() }, "otherCluster"),
    ] {
        let value = of_conflict(&conflict);
        assert_eq!((&value["kind"], &value["name"]), (&json!(word), &json!("k")));
        assert_eq!(value["message"], json!(conflict.to_string()));
    }
}
