//! The way to Cloudflare, as one replica has it: [`Wire`]. Requests arrive, or don't, whatever becomes of their sender.

use std::time::Duration;

use bytes::Bytes;
use gatepost::demo::cloudflare::{Answer, Fault as Fails};
use gatepost::dns::{Connection, Fault, Transport};
use http::{Method, Request, Response};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::hub::{Hub, Inside};
use crate::judge::Sender;

pub struct Wire {
    pub hub: Hub,
    pub sender: Sender,
    /// What the network does to a request, for mutants.
    pub on_send: fn(Request<Bytes>) -> Request<Bytes>,
}

pub struct Link {
    hub: Hub,
    sender: Sender,
    on_send: fn(Request<Bytes>) -> Request<Bytes>,
    is_broken: bool,
}

/// What becomes of a call.
struct Fate {
    there: Duration,
    back: Duration,
    fault: Option<Fails>,
}

const FAULTS: [(&str, Fails); 14] = [
    ("fault: Cloudflare: silence, nothing done", Fails::SilentBefore),
    ("fault: Cloudflare: silence, all done", Fails::SilentAfter),
    ("fault: Cloudflare: cut, nothing done", Fails::CutBefore),
    ("fault: Cloudflare: cut, all done", Fails::CutAfter),
    ("fault: Cloudflare: 503", Fails::FailBefore(503)),
    ("fault: Cloudflare: 500, all done", Fails::FailAfter),
    ("fault: Cloudflare: 500, half done", Fails::FailMidway),
    ("fault: Cloudflare: an answer that is cut", Fails::Truncated),
    ("fault: Cloudflare: a page that is short", Fails::ShortPage),
    ("fault: Cloudflare: 200 and nothing", Fails::Empty),
    ("fault: Cloudflare: 200 and a page for people", Fails::Html),
    ("fault: Cloudflare: 429, Retry-After", Fails::TooMany(Some(Duration::from_secs(7)))),
    ("fault: Cloudflare: 429", Fails::TooMany(None)),
    ("fault: Cloudflare: a redirect", Fails::Redirect),
];

/// Every name of a fault that the network has.
pub fn faults() -> impl Iterator<Item = &'static str> {
    FAULTS.iter().map(|(name, _)| *name).chain(["fault: Cloudflare: no connection", "fault: Cloudflare: slow"])
}

impl Transport for Wire {
    type Connection = Link;

    async fn connect(&mut self) -> Result<Link, Fault> {
        let (wait, fails) = self.hub.with(|hub| {
            let fails = hub.random.in_a_thousand(hub.weather.calls / 2);
            (hub.random.millis(1, 60), fails)
        });
        sleep(wait).await;
        if fails {
            self.hub.with(|hub| hub.tally.add("fault: Cloudflare: no connection"));
            return Err(Fault::Connect("refused".to_owned()));
        }
        Ok(Link { hub: self.hub.clone(), sender: self.sender.clone(), on_send: self.on_send, is_broken: false })
    }
}

impl Connection for Link {
    async fn send(&mut self, request: Request<Bytes>) -> Result<Response<Bytes>, Fault> {
        if self.is_broken {
            return Err(Fault::Connect("it had ended".to_owned()));
        }
        let request = (self.on_send)(request);
        let fate = self.hub.with(|hub| {
            hub.judge_head(&self.sender, &request);
            fate(hub, &request)
        });
        let (answer, answered) = oneshot::channel();
        let (hub, sender) = (self.hub.clone(), self.sender.clone());
        tokio::spawn(async move {
            let Fate { there, back, fault } = fate;
            sleep(there).await;
            let answered = hub.with(|hub| hub.land(&sender, &request, fault));
            sleep(back).await;
            // nobody may wait for it any more
            let _ = answer.send(answered);
        });
        match answered.await {
            Ok(Answer::Reply(reply)) => Ok(reply),
            Ok(Answer::Cut) => {
                self.is_broken = true;
                Err(Fault::Broken("cut".to_owned()))
            }
            Ok(Answer::Silence) => std::future::pending().await,
            Err(_) => Err(Fault::Broken("the world ends".to_owned())),
        }
    }
}

fn fate(hub: &mut Inside, request: &Request<Bytes>) -> Fate {
    let (there, back) = (hub.random.millis(1, 80), hub.random.millis(1, 80));
    let mut fate = Fate { there, back, fault: None };
    // what writes is the more interesting
    let rate = if request.method() == Method::GET { hub.weather.calls } else { hub.weather.calls * 2 };
    if !hub.random.in_a_thousand(rate) {
        return fate;
    }
    if hub.random.one_in(4) {
        hub.tally.add("fault: Cloudflare: slow");
        if hub.random.one_in(2) {
            fate.there = hub.random.millis(500, 6_000);
        } else {
            fate.back = hub.random.millis(500, 6_000);
        }
        return fate;
    }
    let (name, fault) = hub.random.pick(&FAULTS).expect("some faults");
    hub.tally.add(name);
    hub.tell(|| format!("{name}: {} {}", request.method(), request.uri()));
    fate.fault = Some(match fault {
        Fails::TooMany(Some(_)) => Fails::TooMany(Some(Duration::from_secs(1 + hub.random.below(20) as u64))),
        other => other,
    });
    fate
}
