//! The one pipeline from text to a published table: [`Applier::apply`]. Whoever feeds it, what serves changes here and
//! nowhere else, and never to something that was not checked whole.

use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::watch;

use super::outcome::{Outcome, Verdict, naming};
use super::state::{Saved, StateDir};
use super::{Section, Sections, guard, outcome};
use crate::config::{self, Config, Problem, Severity, Tls};
use crate::dns::Wish;
use crate::lifecycle::Condition;
use crate::published::Writer;
use crate::routing::RouteTable;
use crate::telemetry::metrics::Metrics;
use crate::upstream::is_own;

/// Judges texts and publishes what is good of them. There is one in a process, because there is one [`Writer`].
pub struct Applier {
    writer: Writer<RouteTable>,
    metrics: Arc<Metrics>,
    ready: Condition,
    allow_local_backends: bool,
    allow_files: bool,
    state: Option<StateDir>,
    /// What `state` has or will soon have on disk.
    saved: Saved,
    /// The configuration that serves.
    last: Option<Arc<Config>>,
    generation: u64,
    /// Host and path pairs that serve.
    routes: usize,
    /// The text judged last, and whether it was good.
    seen: Option<(u64, bool)>,
    hasher: RandomState,
    /// The source has nothing any more, and that has been said.
    gone: bool,
    /// The `tls` section that serves, for whoever has the certificates.
    sections: watch::Sender<Option<Section>>,
    /// For other nodes.
    generations: watch::Sender<u64>,
    /// For whoever keeps names pointing here.
    wishes: watch::Sender<Option<Wish>>,
    /// The source itself has been heard; what an earlier process kept is not its word.
    is_heard: bool,
}

/// A text that was found good enough to serve.
struct Judged {
    config: Config,
    table: RouteTable,
    problems: Vec<Problem>,
    /// Nothing in the text was wrong; not so when there was no text.
    is_whole: bool,
}

impl Applier {
    /// `ready` is set with the first table.
    pub fn new(writer: Writer<RouteTable>, metrics: Arc<Metrics>, ready: Condition) -> Applier {
        Applier {
            writer,
            metrics,
            ready,
            allow_local_backends: false,
            allow_files: false,
            state: None,
            saved: Saved::default(),
            last: None,
            generation: 0,
            routes: 0,
            seen: None,
            hasher: RandomState::new(),
            gone: false,
            sections: watch::Sender::new(None),
            generations: watch::Sender::new(0),
            wishes: watch::Sender::new(None),
            is_heard: false,
        }
    }

    /// Where the generation that serves is told.
    pub fn generations(&self) -> watch::Receiver<u64> {
        self.generations.subscribe()
    }

    /// Where the configuration that serves is told, from the first word of the source on.
    pub fn wishes(&self) -> watch::Receiver<Option<Wish>> {
        self.wishes.subscribe()
    }

    /// Where the `tls` section is told whenever it changes.
    pub fn sections(&self) -> Sections {
        self.sections.subscribe()
    }

    /// Whether routes may go to the node itself. They may not, unless this says so.
    pub fn allow_local_backends(mut self, allow: bool) -> Applier {
        self.allow_local_backends = allow;
        self
    }

    /// Whether certificates and keys may be files. They may not, unless this says so: a ConfigMap must not make the proxy
    /// read files of its node.
    pub(super) fn allow_files(mut self, allow: bool) -> Applier {
        self.allow_files = allow;
        self
    }

    /// Keeps the last good routes in this folder.
    pub fn keep_in(mut self, dir: StateDir) -> Applier {
        self.state = Some(dir);
        self
    }

    /// Whether something serves.
    pub fn has_table(&self) -> bool {
        self.last.is_some()
    }

    /// Of the table that serves; 0 when there is none.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The configuration that serves.
    pub fn config(&self) -> Option<&Config> {
        self.last.as_deref()
    }

    /// Judges `text` and publishes what is good of it. `origin` is the name that problems give the text.
    pub fn apply(&mut self, text: &str, origin: &str) -> Outcome {
        self.heard();
        let outcome = self.apply_any(text, origin);
        self.tell_wish();
        outcome
    }

    fn apply_any(&mut self, text: &str, origin: &str) -> Outcome {
        let hash = self.hasher.hash_one(text);
        if let Some((seen, good)) = self.seen
            && seen == hash
        {
            return self.unchanged(good);
        }
        self.gone = false;
        let outcome = match self.judge(text, origin) {
            Ok(judged) => {
                let whole = judged.is_whole;
                let outcome = self.publish(judged, if whole { Verdict::Applied } else { Verdict::Partly });
                self.save(text, whole);
                outcome
            }
            Err(problems) => self.outcome(Verdict::Refused, problems),
        };
        self.seen = Some((hash, outcome.verdict == Verdict::Applied));
        self.tell(&outcome, origin);
        outcome
    }

    /// The source says for certain that there are no routes. Publishes an empty table when nothing serves yet; else
    /// what serves stays, as with [`gone`](Applier::gone).
    pub fn absent(&mut self, what: &str) -> Outcome {
        if self.has_table() {
            return self.gone(what);
        }
        let config = Config::default();
        let outcome = match RouteTable::build(&config, 1) {
            Ok(table) => {
                let judged = Judged { config, table, problems: Vec::new(), is_whole: false };
                self.publish(judged, Verdict::Applied)
            }
            Err(error) => self.outcome(Verdict::Refused, vec![whole_file(what, error.to_string())]),
        };
        self.heard();
        self.tell_wish();
        tracing::warn!(source = what, "There are no routes yet: every host is answered with 404");
        self.metrics.config().set_ok(outcome.verdict == Verdict::Applied);
        self.metrics.config().reloaded(outcome.verdict.as_str());
        outcome
    }

    /// The source had routes and has none any more: everything stays, and that is said once.
    pub fn gone(&mut self, what: &str) -> Outcome {
        self.heard();
        if std::mem::replace(&mut self.gone, true) {
            return self.outcome(Verdict::Unchanged, Vec::new());
        }
        let kept = format!("is gone; the {} routes of generation {} stay as they are", self.routes, self.generation);
        let outcome = self.outcome(Verdict::Refused, vec![whole_file(what, kept)]);
        self.tell_wish();
        self.tell(&outcome, what);
        outcome
    }

    /// The source is there but what it holds can't be looked at: everything stays, and that is said once per `message`.
    pub fn unusable(&mut self, origin: &str, message: &str) -> Outcome {
        let hash = self.hasher.hash_one((origin, message));
        if self.seen.is_some_and(|(seen, _)| seen == hash) {
            return self.unchanged(false);
        }
        self.gone = false;
        self.seen = Some((hash, false));
        self.heard();
        self.tell_wish();
        let outcome = self.outcome(Verdict::Refused, vec![whole_file(origin, message.to_owned())]);
        self.tell(&outcome, origin);
        outcome
    }

    /// The source has said something: from now on what serves is its word.
    fn heard(&mut self) {
        self.is_heard = true;
        self.metrics.config().set_last_known_good(false);
    }

    /// Serves what an earlier process kept of `source`, if it did.
    pub fn restore(&mut self, source: &str, origin: &str) -> Option<Outcome> {
        self.saved.source = source.to_owned();
        let state = self.state.as_ref()?;
        let saved = match state.load() {
            Ok(saved) => saved.filter(|saved| saved.source == source && !saved.texts.is_empty())?,
            Err(error) => {
                let file = state.place();
                tracing::warn!(%file, %error, "What an earlier process kept of the routes cannot be read, going on without it");
                return None;
            }
        };
        let mut outcome = None;
        for (place, text) in saved.texts.iter().enumerate() {
            // a generation means the same table before and after the restart
            let behind = saved.texts.len() - place;
            self.generation = self.generation.max(saved.generation.saturating_sub(behind as u64));
            outcome = Some(self.apply_any(text, origin));
        }
        if self.last.is_none() {
            // nothing of it can be used by this version: as if it had not been there
            (self.generation, self.seen) = (0, None);
            return outcome;
        }
        self.metrics.config().set_last_known_good(true);
        tracing::info!(source, generation = self.generation, "Serves the routes that an earlier process kept");
        outcome
    }

    fn judge(&self, text: &str, origin: &str) -> Result<Judged, Vec<Problem>> {
        // a fault in the reader must not take with it what serves
        let judged = catch_unwind(AssertUnwindSafe(|| self.judge_or_panic(text, origin)));
        judged.unwrap_or_else(|_| {
            let message = "reading it failed by a fault of gatepost; please report it with the file";
            Err(vec![whole_file(origin, message.to_owned())])
        })
    }

    fn judge_or_panic(&self, text: &str, origin: &str) -> Result<Judged, Vec<Problem>> {
        let options =
            config::Options { refuse_local_backends: !self.allow_local_backends, refuse_files: !self.allow_files };
        let parsed = config::parse_with(text, origin, &options).map_err(|refused| refused.problems)?;
        let last = self.last.as_deref();
        let (mut config, mut problems) = parsed.settle(last).map_err(|refused| refused.problems)?;
        if !self.allow_local_backends {
            problems.extend(guard::refuse_own(&mut config, last, origin, is_own));
        }
        match RouteTable::build(&config, self.generation + 1) {
            Ok(table) => {
                let is_whole = !problems.iter().any(|problem| problem.severity == Severity::Error);
                Ok(Judged { config, table, problems, is_whole })
            }
            Err(error) => {
                problems.push(whole_file(origin, error.to_string()));
                Err(problems)
            }
        }
    }

    fn publish(&mut self, judged: Judged, verdict: Verdict) -> Outcome {
        let Judged { config, table, problems, is_whole } = judged;
        let table = self.writer.publish(table);
        self.generation = table.generation();
        self.routes = table.routes().len();
        self.tell_section(&config.tls, is_whole);
        self.generations.send_replace(self.generation);
        self.last = Some(Arc::new(config));
        self.metrics.retain(table.routes().iter().map(|route| &*route.label));
        self.ready.set(true);
        self.outcome(verdict, problems)
    }

    fn tell_wish(&self) {
        let Some(config) = self.last.as_ref().filter(|_| self.is_heard) else { return };
        // what was judged last, if it is there still, is what serves
        let is_whole = !self.gone && self.seen.is_some_and(|(_, is_good)| is_good);
        let wish = Wish { config: Arc::clone(config), is_whole };
        self.wishes.send_if_modified(|told| {
            let is_news = told.as_ref().is_none_or(|told| !told.is_same(&wish));
            if is_news {
                *told = Some(wish);
            }
            is_news
        });
    }

    fn tell_section(&self, tls: &Tls, is_whole: bool) {
        self.sections.send_if_modified(|section| {
            let is_news = section.as_ref().is_none_or(|old| *old.tls != *tls || old.is_whole != is_whole);
            if is_news {
                *section = Some(Section { tls: Arc::new(tls.clone()), is_whole });
            }
            is_news
        });
    }

    fn save(&mut self, text: &str, whole: bool) {
        if let Some(state) = &self.state {
            self.saved.push(text, self.generation, whole);
            state.save(self.saved.clone());
        }
    }

    fn unchanged(&mut self, good: bool) -> Outcome {
        if std::mem::take(&mut self.gone) {
            tracing::info!(generation = self.generation, "The routes are back, unchanged");
            self.metrics.config().set_ok(good);
        }
        self.metrics.config().reloaded(Verdict::Unchanged.as_str());
        self.outcome(Verdict::Unchanged, Vec::new())
    }

    fn outcome(&self, verdict: Verdict, problems: Vec<Problem>) -> Outcome {
        Outcome { verdict, generation: self.generation, routes: self.routes, problems }
    }

    /// The one log line and the metrics of a text.
    fn tell(&self, outcome: &Outcome, origin: &str) {
        let Outcome { verdict, generation, routes, problems } = outcome;
        let named = naming(problems);
        match verdict {
            Verdict::Applied => tracing::info!(source = origin, generation, routes, warnings = named, "Routes applied"),
            Verdict::Partly => tracing::warn!(
                source = origin,
                generation,
                routes,
                problems = named,
                "Routes partly applied: what is wrong keeps its last good version or answers 503"
            ),
            Verdict::Refused => {
                tracing::warn!(
                    source = origin,
                    generation,
                    routes,
                    problems = named,
                    "Routes rejected: nothing changes"
                );
            }
            Verdict::Unchanged => {}
        }
        let metrics = self.metrics.config();
        metrics.reloaded(verdict.as_str());
        metrics.set_ok(*verdict == Verdict::Applied);
        metrics.set_generation(*generation);
        if *verdict != Verdict::Refused {
            metrics.set_route_errors(outcome::wrong_routes(problems));
        }
    }
}

fn whole_file(origin: &str, message: String) -> Problem {
    Problem::new(Severity::Error, origin, 0, 0, message)
}

#[cfg(test)]
mod tests;
