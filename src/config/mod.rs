//! What the operator wrote: the routes file, read into values that cannot be wrong.
//!
//! One door: [`parse`] turns text into a [`Parsed`]; [`Parsed::settle`] joins it with what served before, and the
//! [`Config`] that comes out is complete. `model` holds that `Config`.
//!
//! The way in: `file` reads the text once into nodes with places; `keys` declares what may stand there (each
//! declaration is struct, decoding and JSON Schema in one, see `record`); every route and every section is read by
//! itself, so that all that is wrong is told at once; `identity` looks at all routes together; `settle` joins.

mod access_log;
mod action;
mod backend;
mod cloudflare;
mod dns;
mod expression;
mod fields;
mod file;
mod host;
mod https;
mod identity;
mod keys;
mod manifest;
mod model;
mod path;
mod problem;
mod read;
mod record;
mod redirect;
mod route;
mod schema;
mod secret;
mod sections;
mod selector;
mod settle;
mod suggest;
mod template;
mod tls;
mod units;
mod values;

#[cfg(test)]
mod tests;

pub use access_log::{AccessLog, LogField, LogFormat};
pub use backend::is_local;
pub use cloudflare::{CloudflareNetworks, Implausible};
pub use dns::{dns_name, dns_ttl};
pub use model::*;
pub use problem::{Invalid, MAX_PROBLEMS, Problem, Refused, Severity};
pub use schema::schema;
pub use settle::Parsed;
pub use units::{Duration, Size};

use file::{Kind, Node, Unread};
use keys::File;
use problem::Place;
use read::{Decode, Field, Reader};
use route::Content;
use settle::Sections;

/// Largest file. A ConfigMap holds 1 MiB; local files may have more.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How a file is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Backends that are written as addresses of the node itself make their route bad: what comes from a ConfigMap may
    /// not point the proxy at its own node.
    pub refuse_local_backends: bool,
    /// Certificates and keys that are named as files make the section `tls` bad: what comes from a ConfigMap may not make
    /// the proxy read files of its node. A text inside a manifest never may.
    pub refuse_files: bool,
}

/// Reads a routes file, or a ConfigMap manifest with one inside. `origin` is the name shown in problems.
///
/// Refused is a file of which nothing can go live: it is no YAML, or has a section that nobody knows, or it is not
/// known which hosts a route is for.
pub fn parse(source: &str, origin: &str) -> Result<Parsed, Refused> {
    parse_with(source, origin, &Options::default())
}

/// Like [`parse`], with [`Options`].
pub fn parse_with(source: &str, origin: &str, options: &Options) -> Result<Parsed, Refused> {
    let read = bounded(source).and_then(file::read);
    let outer = || Reader::new(source, origin, options);
    let node = match &read {
        Ok(node) => node,
        Err(unread) => return Err(refused(outer(), unread)),
    };
    let inside = match manifest::inside(node, source) {
        None => return whole(node, source.len(), outer()),
        Some(Ok(inside)) => inside,
        Some(Err(unread)) => return Err(refused(outer(), &unread)),
    };
    let read = file::read(inside.text);
    let options = Options { refuse_files: true, ..options.clone() };
    let mut reader = Reader::new(source, origin, &options);
    reader.shift(inside.shift);
    match &read {
        Ok(node) => whole(node, inside.text.len(), reader),
        Err(unread) => Err(refused(reader, unread)),
    }
}

fn bounded(source: &str) -> Result<&str, Unread> {
    if source.len() <= MAX_BYTES {
        return Ok(source);
    }
    let message = format!("this file has {} bytes; the most are {}", source.len(), Size(MAX_BYTES as u64));
    Err(Unread { place: Place { line: 1, column: 1, width: 1 }, message, hint: Some("split it".to_owned()) })
}

fn refused(mut reader: Reader<'_>, Unread { place, message, hint }: &Unread) -> Refused {
    reader.invalid(*place, Invalid { message: message.clone(), hint: hint.clone() });
    Refused { problems: reader.into_problems() }
}

fn whole<'n>(node: &'n Node<'n>, bytes: usize, mut reader: Reader<'n>) -> Result<Parsed, Refused> {
    let file = match node.kind {
        Kind::Null => Some(File::default()),
        _ => File::decode(node, &mut reader),
    };
    // what a section that nobody knows was meant to do nobody knows either, so that the rest cannot go live without it
    let known = match &node.kind {
        Kind::Map(entries) => entries.iter().all(|entry| File::KEYS.contains(&&*entry.key)),
        _ => true,
    };
    let Some(File { routes, defaults, trust, limits, drain, access_log, tls, dns }) = file.filter(|_| known) else {
        return Err(Refused { problems: reader.into_problems() });
    };
    let bad = routes.is_present();
    let routes = match routes.readable() {
        Some(route::Routes(routes)) => routes,
        None if bad => return Err(Refused { problems: reader.into_problems() }),
        None => Vec::new(),
    };
    let mut routes = routes;
    identity::check(&mut routes, &mut reader);
    if routes.iter().any(|slot| matches!(slot.content, Content::Lost)) {
        return Err(Refused { problems: reader.into_problems() });
    }
    if routes.is_empty() {
        reader.warning(
            node.place,
            "this file has no routes: every request is answered with 404",
            "write `routes:` and a route below it",
        );
    }
    let sections = Sections {
        defaults: section(defaults),
        trust: section(trust),
        limits: section(limits),
        drain: section(drain),
        access_log: section(access_log),
        tls: section(tls),
        dns: section(dns),
    };
    Ok(Parsed { problems: reader.into_problems(), bytes, routes, sections })
}

/// `None` when it is bad.
fn section<T: Default>(field: Field<T>) -> Option<T> {
    if field.is_present() { field.good() } else { Some(T::default()) }
}
