//! Ring 4: gatepost as `deploy/` ships it, in the image that the Dockerfile makes, on nodes with a kubelet and a containerd
//! of their own. Run it with `tests/run cluster`; without a cluster it says so and passes.
//!
//! The scenarios share one cluster and are played in their order; each leaves it as it found it. All of them under load,
//! and what of that was lost is in the table at the end.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing has failed, and says where")]

mod bed;
#[path = "../../benches/load/client/mod.rs"]
#[allow(dead_code, unused_imports, reason = "here nothing is measured")]
mod client;
mod cloudflare;
mod download;
mod load;
#[path = "../../benches/load/options.rs"]
#[allow(dead_code, reason = "here nothing is measured")]
mod options;
#[path = "../../benches/load/plan/mod.rs"]
#[allow(dead_code, reason = "here nothing is measured")]
mod plan;
mod scenarios;
mod table;
#[path = "../../benches/load/tally.rs"]
#[allow(dead_code, reason = "here nothing is measured")]
mod tally;
mod websocket;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use bed::Bed;
use load::Load;
use table::{Row, Table};

/// What is played, and what the table says of it.
pub(crate) struct Scenario {
    /// A claim.
    pub(crate) name: &'static str,
    /// What happens, for the table.
    pub(crate) story: &'static str,
    pub(crate) play: fn(&Bed, &Load) -> String,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let Some(bed) = Bed::find() else {
        println!("no cluster: tests/run cluster\n\ntest result: ok. 0 passed; 0 failed; 1 ignored");
        return ExitCode::SUCCESS;
    };
    let is_asked = |scenario: &&Scenario| words.is_empty() || words.iter().any(|word| scenario.name.contains(&**word));
    let asked: Vec<&Scenario> = scenarios::ALL.iter().filter(is_asked).collect();
    bed.install();
    let load = Load::start(&bed);
    let mut table = Table::default();
    for scenario in asked {
        table.add(play(scenario, &bed, &load));
    }
    println!("{}", load.stop());
    println!("{table}");
    let (passed, failed) = table.passed_and_failed();
    println!("test result: {}. {passed} passed; {failed} failed;", if failed == 0 { "ok" } else { "FAILED" });
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A scenario that fails says why at once; the next one is played all the same.
fn play(scenario: &Scenario, bed: &Bed, load: &Load) -> Row {
    println!("{} …", scenario.name);
    let (mark, began) = (load.mark(), Instant::now());
    let played = catch_unwind(AssertUnwindSafe(|| {
        let seen = (scenario.play)(bed, load);
        load.lost_nothing_since(&mark);
        seen
    }));
    let passed = played.is_ok();
    let seen = played.unwrap_or_else(|why| reason(&*why));
    if !passed {
        println!("{}", load.failures_since(&mark));
        println!("{}", bed.state());
        // the next one begins as this one should have ended
        if catch_unwind(AssertUnwindSafe(|| bed.repair())).is_err() {
            println!("it could not be repaired");
        }
    }
    load.forgive_nobody();
    println!("test {} … {} ({:.0?})", scenario.name, if passed { "ok" } else { "FAILED" }, began.elapsed());
    Row { story: scenario.story, passed, counts: load.counts_since(&mark), seen }
}

/// The first line of a panic.
fn reason(why: &(dyn Any + Send)) -> String {
    let text = why.downcast_ref::<String>().map(String::as_str).or_else(|| why.downcast_ref::<&str>().copied());
    text.and_then(|text| text.lines().next()).unwrap_or("no reason").to_owned()
}
