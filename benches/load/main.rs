//! `load`: sends requests by a clock, without retries, and tells how long the answers took.
//!
//! Open loop: request `i` is due at `start + i / rate`, and its latency counts from then, whether or not a connection
//! was free: a server that stalls is seen as its users would see it. `--closed` sends as fast as answers come, which is
//! for measuring what a request costs. Every answer is checked; whatever is not as asked is an error of a named kind.

mod client;
mod options;
mod plan;
mod report;
mod run;
mod tally;

use std::process::ExitCode;

use clap::Parser;

use options::Options;
use plan::Plan;

fn main() -> ExitCode {
    let options = Options::parse();
    let json = options.format == options::Format::Json;
    match measure(options) {
        Ok(report) => {
            report.print(json);
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn measure(options: Options) -> anyhow::Result<report::Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let plan = Plan::of(options).await?;
        run::run(plan).await
    })
}
