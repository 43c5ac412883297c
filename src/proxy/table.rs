//! A worker's view of the current table: the snapshot itself, and what this worker needs for each of its routes.
//!
//! One door: [`Table`]. It is made anew for each generation; states of routes are filled in on their first request, so
//! that a reload of ten thousand routes costs a worker nothing but an empty vector. A request keeps the `Rc` of its
//! route's state: no reference count is shared between workers.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use crate::config::{Action, LogField, LogFormat};
use crate::routing::{Route, RouteId, RouteTable};
use crate::telemetry::access;
use crate::telemetry::metrics::{self, RouteShard};
use crate::upstream::{Pool, Upstream};

/// One generation, as one worker sees it.
pub(super) struct Table {
    pub(super) routes: Arc<RouteTable>,
    pub(super) log: access::Format,
    pub(super) second: access::Second,
    states: Box<[OnceCell<Rc<RouteState>>]>,
    /// Made when the first tunnel asks.
    labels: OnceCell<HashSet<Arc<str>, foldhash::fast::RandomState>>,
}

/// What a request needs of its route until its last byte.
pub(super) struct RouteState {
    pub(super) route: Arc<Route>,
    pub(super) shard: Arc<RouteShard>,
    /// Pools with the upper end of their share of the weights, which sum to `total`.
    pools: Box<[(u32, Rc<Pool>)]>,
    total: u32,
}

impl Table {
    pub(super) fn new(routes: Arc<RouteTable>) -> Self {
        let config = &routes.settings().access_log;
        let log = access::Format {
            style: match config.format {
                LogFormat::Json => access::Style::Json,
                LogFormat::Common => access::Style::Common,
            },
            fields: config.fields.iter().map(|&field| logged(field)).collect(),
            anonymise: config.anonymise,
        };
        let states = routes.routes().iter().map(|_| OnceCell::new()).collect();
        Table { routes, log, second: access::Second::default(), states, labels: OnceCell::new() }
    }

    /// Whether there is a route with this label.
    pub(super) fn has_label(&self, label: &str) -> bool {
        let labels =
            self.labels.get_or_init(|| self.routes.routes().iter().map(|route| Arc::clone(&route.label)).collect());
        labels.contains(label)
    }

    /// The state of a route, made on its first request in this generation.
    pub(super) fn route(&self, id: RouteId, metrics: &metrics::Worker, upstream: &Upstream) -> &Rc<RouteState> {
        self.states[id.index()].get_or_init(|| {
            let route = Arc::clone(self.routes.route(id));
            let mut total = 0;
            let pools = match &route.rule.action {
                Action::Forward(backends) => backends
                    .iter()
                    .filter(|backend| backend.weight > 0)
                    .map(|backend| {
                        total += backend.weight;
                        (total, upstream.pool(&backend.to))
                    })
                    .collect(),
                Action::Redirect(_) | Action::Respond(_) | Action::Broken => Box::default(),
            };
            Rc::new(RouteState { shard: metrics.route(&route.label), route, pools, total })
        })
    }
}

impl RouteState {
    /// One of the route's pools, by weight. `dice` is any number.
    pub(super) fn pool(&self, dice: impl FnOnce() -> u64) -> Option<&Rc<Pool>> {
        match &*self.pools {
            [(_, only)] => Some(only),
            pools => {
                let drawn = (dice() % u64::from(self.total.max(1))) as u32;
                pools.iter().find(|(end, _)| drawn < *end).map(|(_, pool)| pool)
            }
        }
    }
}

fn logged(field: LogField) -> access::Field {
    match field {
        LogField::Ts => access::Field::Ts,
        LogField::Id => access::Field::Id,
        LogField::Client => access::Field::Client,
        LogField::Method => access::Field::Method,
        LogField::Scheme => access::Field::Scheme,
        LogField::Host => access::Field::Host,
        LogField::Path => access::Field::Path,
        LogField::Query => access::Field::Query,
        LogField::Http => access::Field::Http,
        LogField::Status => access::Field::Status,
        LogField::BytesIn => access::Field::BytesIn,
        LogField::BytesOut => access::Field::BytesOut,
        LogField::Ms => access::Field::Ms,
        LogField::Route => access::Field::Route,
        LogField::Backend => access::Field::Backend,
        LogField::Upstream => access::Field::Upstream,
        LogField::UpstreamMs => access::Field::UpstreamMs,
        LogField::Retries => access::Field::Retries,
        LogField::Error => access::Field::Error,
        LogField::Detail => access::Field::Detail,
        LogField::Tls => access::Field::Tls,
        LogField::Ua => access::Field::Ua,
        LogField::Referer => access::Field::Referer,
    }
}
