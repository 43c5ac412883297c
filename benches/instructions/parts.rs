//! The parts that are measured. One door: [`ALL`].

use crate::inputs::heads::{BROWSER, SMALL};
use crate::{around, heads, routes};

/// One run of a part.
pub(crate) type Body = Box<dyn FnMut()>;

/// A piece of a request's path.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// Makes what the part works on; this is not counted.
    prepare: fn() -> Body,
}

/// Every part, in the order of the table.
pub(crate) const ALL: [Part; 14] = [
    Part { name: "target/set", prepare: routes::target },
    Part { name: "route/exact/10", prepare: || routes::exact(10) },
    Part { name: "route/exact/1000", prepare: || routes::exact(1_000) },
    Part { name: "route/exact/100000", prepare: || routes::exact(100_000) },
    Part { name: "route/wildcard/10", prepare: || routes::wildcard(10) },
    Part { name: "route/wildcard/1000", prepare: || routes::wildcard(1_000) },
    Part { name: "route/wildcard/100000", prepare: || routes::wildcard(100_000) },
    Part { name: "route/path/1000", prepare: || routes::path(1_000) },
    Part { name: "head/request-small", prepare: || heads::request(SMALL) },
    Part { name: "head/request-browser", prepare: || heads::request(BROWSER) },
    Part { name: "head/answer", prepare: heads::answer },
    Part { name: "pool/out-and-in", prepare: around::pool },
    Part { name: "log/record", prepare: around::log },
    Part { name: "metrics/request", prepare: around::metrics },
];

/// Runs before anything is counted: what is reused is there then, and what is made once is made.
const WARM_UP: u64 = 1_000;
/// Runs that are counted; what is found is divided by this.
pub(crate) const TIMES: u64 = 5_000;

/// What runs under callgrind.
pub(crate) fn run(part: &Part) {
    let mut body = (part.prepare)();
    for _ in 0..WARM_UP {
        body();
    }
    counted(&mut *body);
}

/// Callgrind counts from the entry of a function with this name to its end ([`crate::callgrind`]): it must stay one.
#[inline(never)]
fn counted(body: &mut dyn FnMut()) {
    for _ in 0..TIMES {
        body();
    }
}
