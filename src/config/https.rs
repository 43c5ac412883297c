//! What becomes of a request in clear, and for how long browsers remember to send none: the keys `https` and `hsts`.

use serde_json::{Value, json};

use super::file::{Kind, Node};
use super::read::{Decode, Reader, brief, listed};
use super::record::record;
use super::schema::Definitions;
use super::suggest::nearest;
use super::{Duration, Https};

const WORDS: [(&str, Https); 3] = [("redirect", Https::Redirect), ("allow", Https::Allow), ("only", Https::Only)];

impl Decode for Https {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Https> {
        let text = reader.text(node)?;
        if let Some((_, value)) = WORDS.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let words = WORDS.map(|(word, _)| word);
        let meant = match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "always" | "force" | "permanent" => Some("redirect"),
            "false" | "no" | "off" | "both" | "none" => Some("allow"),
            "required" | "require" | "strict" | "deny" => Some("only"),
            "auto" | "automatic" | "default" => None,
            _ => nearest(text, words),
        };
        let hint = match (text, meant) {
            (_, Some(right)) => format!("did you mean `{right}`?"),
            ("auto" | "automatic" | "default", None) => "leave `https` out for that".to_owned(),
            _ => format!("one of {}", listed(&words)),
        };
        reader.error(node.place, format!("`{}` is not known here", brief(text)), hint);
        None
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"enum": WORDS.map(|(word, _)| word)})
    }
}

/// `max-age` has whole seconds (RFC 6797 6.1.1). 0 tells browsers to forget.
struct MaxAge(Duration);

impl Decode for MaxAge {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<MaxAge> {
        let age = Duration::decode(node, reader)?;
        if age.get().subsec_nanos() > 0 {
            // cut to whole seconds it could become 0, which means the opposite
            reader.error(node.place, "this has parts of a second", "write whole seconds, or days like `365d`");
            return None;
        }
        Some(MaxAge(age))
    }

    fn schema(definitions: &mut Definitions) -> Value {
        Duration::schema(definitions)
    }
}

record! {
    /// Tells browsers to come by https only (`Strict-Transport-Security`, RFC 6797). Only for this host, never for its
    /// subdomains.
    HstsKeys("`{maxAge: 365d}`") {
        /// How long they remember it; `0s` makes them forget.
        "maxAge" max_age: MaxAge,
    }
    later []
    guessed [
        (
            "includeSubDomains includeSubdomains include_subdomains subdomains",
            "`maxAge` alone: another's app may live on a subdomain, and would be cut off from those who come in clear"
        ),
        ("preload", "`maxAge` alone: the preload list wants all subdomains too, and those may be another's"),
        ("max-age max_age age seconds", "`maxAge`"),
        ("enabled", "`maxAge`, or leave `hsts` out"),
    ]
    rule json!({"required": ["maxAge"]})
}

/// The `hsts` block.
pub(super) struct Hsts {
    pub(super) max_age: std::time::Duration,
}

impl Decode for Hsts {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Hsts> {
        let HstsKeys { max_age } = HstsKeys::decode(node, reader)?;
        if let (false, Kind::Map(entries)) = (max_age.is_present(), &node.kind)
            // another key is likely meant for it, and has been told
            && entries.is_empty()
        {
            reader.error(node.place, "`hsts` has no `maxAge`", "write `{maxAge: 365d}`");
        }
        max_age.good().map(|MaxAge(age)| Hsts { max_age: age.get() })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        HstsKeys::schema(definitions)
    }
}
