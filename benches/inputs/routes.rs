//! Tables of any size that benches look routes up in, and the names that they ask for.

use gatepost::config::{Action, Config, HostPattern, PathPattern, Route};
use gatepost::message::{Head, Name, Version};
use gatepost::routing::RouteTable;

/// A route that goes nowhere: it is only looked for.
pub(crate) fn route(host: HostPattern, path: PathPattern) -> Route {
    Route::new(1, vec![host], path, Action::Broken)
}

/// The table of these routes.
pub(crate) fn table(routes: Vec<Route>) -> RouteTable {
    RouteTable::build(&Config { routes, ..Config::default() }, 1).expect("the routes of a bench are good")
}

/// Every path below this one.
pub(crate) fn prefix(path: &str) -> PathPattern {
    PathPattern::Prefix(path.into())
}

/// Random enough for a bench and the same every time (xorshift64*).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number less than `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

/// Names as they are: some letters, spread over the alphabet.
pub(crate) fn name(number: usize) -> String {
    let mut random = Random(number as u64 + 1);
    random.below(2);
    let letters: String = (0..8).map(|_| char::from(b'a' + random.below(26) as u8)).collect();
    format!("{letters}{number}.example.com")
}

/// A GET without further fields.
pub(crate) fn request(host: &str, target: &str) -> Head {
    let mut head = Head::new();
    head.start_request("GET", target, Version::Http11);
    head.push(Name::Host, host.as_bytes());
    head
}
