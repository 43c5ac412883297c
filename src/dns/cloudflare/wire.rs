//! Zones, records, batches and networks as Cloudflare writes them, and what they are to us.

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::pages::Item;
use crate::dns::{self, Draft, RecordType, ZoneId};

/// Networks at most; there are 22 today.
const MAX_NETWORKS: usize = 1000;

#[derive(Deserialize)]
pub(super) struct Zone {
    id: String,
    name: String,
    status: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Usage {
    record_quota: Option<f64>,
    record_usage: Option<f64>,
}

/// A record of any type. What is not needed of those that are not ours may be anything, or not there.
#[derive(Deserialize)]
pub(super) struct Record {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    ttl: Value,
    #[serde(default)]
    proxied: Value,
    #[serde(default)]
    comment: Value,
}

/// What a batch has done.
#[derive(Deserialize)]
pub(super) struct Done {
    patches: Option<Vec<Record>>,
    posts: Option<Vec<Record>>,
}

#[derive(Deserialize)]
pub(super) struct Networks {
    ipv4_cidrs: Vec<String>,
    ipv6_cidrs: Vec<String>,
}

impl Item for Zone {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Item for Record {
    fn id(&self) -> &str {
        &self.id
    }
}

impl From<Zone> for dns::Zone {
    fn from(Zone { id, name, status }: Zone) -> dns::Zone {
        // whoever does not say has no other state
        let is_active = status.is_none_or(|status| status == "active");
        dns::Zone { id: id.into(), name: normal(&name), is_active, usage: None }
    }
}

impl Usage {
    pub(super) fn into_usage(self) -> Option<dns::Usage> {
        // numbers may be written with a point; what does not fit is as large as can be
        Some(dns::Usage { used: self.record_usage? as u32, quota: self.record_quota? as u32 })
    }
}

impl Record {
    pub(super) fn into_record(self, zone: &ZoneId) -> dns::Record {
        let kind = RecordType::of(&self.kind);
        let written = self.content.as_str().unwrap_or_default();
        let content = match kind {
            RecordType::A => written.parse().map_or_else(|_| written.to_owned(), |ip: Ipv4Addr| ip.to_string()),
            RecordType::Aaaa => written.parse().map_or_else(|_| written.to_owned(), |ip: Ipv6Addr| ip.to_string()),
            RecordType::Cname => normal(written),
            RecordType::Other(_) => written.to_owned(),
        };
        dns::Record {
            id: self.id,
            zone: zone.clone(),
            name: normal(&self.name),
            kind,
            content,
            ttl: self.ttl.as_f64().unwrap_or(1.0) as u32,
            proxied: self.proxied.as_bool().unwrap_or(false),
            comment: self.comment.as_str().map(str::to_owned),
        }
    }
}

impl Done {
    pub(super) fn into_records(self) -> impl Iterator<Item = Record> {
        let Done { patches, posts } = self;
        patches.into_iter().flatten().chain(posts.into_iter().flatten())
    }
}

impl Networks {
    /// All or nothing: half a list would take real client addresses for forged ones.
    pub(super) fn into_networks(self) -> Result<Vec<IpNet>, String> {
        let Networks { ipv4_cidrs, ipv6_cidrs } = self;
        if ipv4_cidrs.is_empty() || ipv6_cidrs.is_empty() {
            return Err("no networks of one family".to_owned());
        }
        if ipv4_cidrs.len() + ipv6_cidrs.len() > MAX_NETWORKS {
            return Err("more networks than there can be".to_owned());
        }
        let networks = ipv4_cidrs.iter().chain(&ipv6_cidrs).map(|text| {
            let network: IpNet = text.parse().map_err(|_| "something that is no network".to_owned())?;
            // whoever is in them is believed what he says of his clients
            if network.prefix_len() == 0 { Err("the whole Internet".to_owned()) } else { Ok(network.trunc()) }
        });
        networks.collect()
    }
}

/// The body of a batch.
pub(super) fn batch(batch: &dns::Batch) -> Bytes {
    let dns::Batch { deletes, patches, posts } = batch;
    let deletes = deletes.iter().map(|id| json!({ "id": id })).collect();
    let patches = patches.iter().map(|patch| {
        let mut record = draft(&patch.to, &patch.comment);
        record.insert("id".to_owned(), json!(patch.id));
        Value::Object(record)
    });
    let posts = posts.iter().map(|post| Value::Object(draft(&post.record, &post.comment)));
    let parts = [("deletes", deletes), ("patches", patches.collect()), ("posts", posts.collect::<Vec<_>>())];
    let parts = parts.into_iter().filter(|(_, part)| !part.is_empty());
    let body: Map<String, Value> = parts.map(|(name, part)| (name.to_owned(), Value::Array(part))).collect();
    Bytes::from(Value::Object(body).to_string())
}

fn draft(draft: &Draft, comment: &str) -> Map<String, Value> {
    let Draft { name, kind, content, ttl, proxied } = draft;
    let fields = [
        ("type", json!(kind.as_str())),
        ("name", json!(name)),
        ("content", json!(content)),
        ("ttl", json!(ttl)),
        ("proxied", json!(proxied)),
        ("comment", json!(comment)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A name in its one form. Cloudflare tells A-labels in lower case without a dot at the end; nobody promises it.
fn normal(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    idna::domain_to_ascii(name).unwrap_or_else(|_| name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Patch, Post};

    fn record(text: &str) -> dns::Record {
        serde_json::from_str::<Record>(text).unwrap().into_record(&"z".into())
    }

    #[test]
    fn a_record_is_read_into_its_one_form() {
        let aaaa = record(
            r#"{"id":"1","name":"WWW.Example.com.","type":"AAAA","content":"2001:DB8:0:0::1","ttl":120.0,
                "proxied":false,"comment":"gatepost:0 x","tags":[],"meta":{},"created_on":"2014-01-01"}"#,
        );
        assert_eq!((aaaa.name.as_str(), aaaa.content.as_str(), aaaa.ttl), ("www.example.com", "2001:db8::1", 120));
        assert_eq!((aaaa.kind, aaaa.comment.as_deref()), (RecordType::Aaaa, Some("gatepost:0 x")));
        let cname =
            record(r#"{"id":"1","name":"*.münchen.example","type":"CNAME","content":"Nodes.Example.com.","ttl":1}"#);
        assert_eq!((cname.name.as_str(), cname.content.as_str()), ("*.xn--mnchen-3ya.example", "nodes.example.com"));
        assert_eq!((cname.ttl, cname.proxied, cname.comment), (1, false, None));
    }

    #[test]
    fn a_record_of_a_type_that_is_not_ours_may_have_whatever_it_has() {
        for text in [
            r#"{"id":"1","name":"a.b","type":"CAA","content":null,"data":{"flags":0,"tag":"issue"},"ttl":"auto"}"#,
            r#"{"id":"1","name":"a.b","type":"LOC","content":{"lat":1},"proxied":"no","comment":7}"#,
            r#"{"id":"1","name":"a.b","type":"TYPE65534"}"#,
        ] {
            let record = record(text);
            assert!(matches!(record.kind, RecordType::Other(_)), "{text}");
            assert_eq!((record.content.as_str(), record.ttl, record.proxied), ("", 1, false), "{text}");
        }
    }

    #[test]
    fn a_batch_says_everything_of_a_record_and_leaves_out_what_is_empty() {
        let draft = |kind, proxied| Draft {
            name: "www.example.com".to_owned(),
            kind,
            content: "192.0.2.1".to_owned(),
            ttl: 1,
            proxied,
        };
        let patch = Patch { id: "p".to_owned(), to: draft(RecordType::A, true), comment: "gatepost:1".to_owned() };
        let post = Post { record: draft(RecordType::A, false), comment: "gatepost:2".to_owned() };
        let both = dns::Batch { deletes: Vec::new(), patches: vec![patch], posts: vec![post] };
        let told: Value = serde_json::from_slice(&batch(&both)).unwrap();
        let record = json!({"type": "A", "name": "www.example.com", "content": "192.0.2.1", "ttl": 1});
        let with = |more: Value| {
            let mut record = record.as_object().unwrap().clone();
            record.extend(more.as_object().unwrap().clone());
            record
        };
        assert_eq!(
            told,
            json!({
                "patches": [with(json!({"id": "p", "proxied": true, "comment": "gatepost:1"}))],
                "posts": [with(json!({"proxied": false, "comment": "gatepost:2"}))],
            })
        );
        let deletes = dns::Batch { deletes: vec!["d".to_owned()], ..dns::Batch::default() };
        assert_eq!(batch(&deletes), r#"{"deletes":[{"id":"d"}]}"#);
    }

    #[test]
    fn networks_are_all_good_or_none_is_taken() {
        let networks = |four: &[&str], six: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
            Networks { ipv4_cidrs: owned(four), ipv6_cidrs: owned(six) }.into_networks()
        };
        let good = networks(&["192.0.2.0/24"], &["2001:db8::/32"]).unwrap();
        assert_eq!(good.len(), 2);
        for (four, six) in [
            (&["192.0.2.0/24"][..], &[][..]),
            (&[], &["2001:db8::/32"]),
            (&["192.0.2.0/24", "x"], &["2001:db8::/32"]),
            (&["0.0.0.0/0"], &["2001:db8::/32"]),
        ] {
            assert!(networks(four, six).is_err(), "{four:?} {six:?}");
        }
    }
}
