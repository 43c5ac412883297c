//! The query of a list: which page, and which of the things.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::shape;
use crate::dns::Record;

/// Decoded parameters, in their order.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(text: &str) -> Query {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Query(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(n, v)| (decoded(n), decoded(v)))
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Records that every filter lets through. Filters of comments do not tell letter case apart.
    pub(super) fn matching<'r>(&self, records: &'r [Record]) -> impl Iterator<Item = Value> + use<'r> {
        let wanted = |name: &str| self.get(name).map(str::to_ascii_lowercase);
        let (name, kind, content) = (wanted("name").or(wanted("name.exact")), wanted("type"), wanted("content"));
        let comment = ["exact", "contains", "startswith"].map(|how| wanted(&format!("comment.{how}")));
        let is_wanted = move |record: &&Record| {
            let is =
                |wanted: &Option<String>, has: &str| wanted.as_ref().is_none_or(|text| has.eq_ignore_ascii_case(text));
            let [exact, contains, startswith] = &comment;
            let told = record.comment.as_deref().unwrap_or_default().to_ascii_lowercase();
            is(&name, &record.name)
                && is(&kind, record.kind.as_str())
                && is(&content, &record.content)
                && is(exact, &told)
                && contains.as_ref().is_none_or(|part| told.contains(part.as_str()))
                && startswith.as_ref().is_none_or(|part| told.starts_with(part.as_str()))
        };
        records.iter().filter(is_wanted).map(shape::shown)
    }

    /// The page that is asked for.
    pub(super) fn page(
        &self,
        things: impl Iterator<Item = Value>,
        usual: usize,
        most: usize,
    ) -> Result<Response<Bytes>, Refusal> {
        let number = |name: &str, usual: usize| match self.get(name) {
            None => Ok(usual),
            Some(text) => text
                .parse()
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(|| Refusal::new(400, 9207, &format!("{name} must be a number above zero"))),
        };
        let (page, per_page) = (number("page", 1)?, number("per_page", usual)?.min(most));
        let all: Vec<Value> = things.collect();
        let total = all.len();
        let shown: Vec<Value> = all.into_iter().skip((page - 1).saturating_mul(per_page)).take(per_page).collect();
        let info = json!({
            "page": page, "per_page": per_page, "count": shown.len(), "total_count": total,
            "total_pages": total.div_ceil(per_page),
        });
        let body = json!({"result": shown, "success": true, "errors": [], "messages": [], "result_info": info});
        Ok(super::envelope(StatusCode::OK, &body))
    }
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16)).unwrap_or(0);
                (digit() * 16 + digit()) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&out).into_owned()
}
