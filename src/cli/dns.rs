//! `gatepost dns plan|apply|release`: the records at Cloudflare by hand, without a leader.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Subcommand, ValueEnum};
use owo_colors::OwoColorize;

use super::dns_flags::DnsFlags;
use super::serve::{ConfigMap, config_map};
use super::{USAGE, print, wrong};
use crate::app::{self, Kept};
use crate::dns::report::{self, Line, Sign};
use crate::dns::{Plan, ZonePlan};

/// Look at the DNS records at Cloudflare, bring them up to date once, or take them away.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Dns {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Plan(PlanCommand),
    Apply(Apply),
    Release(Release),
}

/// Show what the DNS sync would change, as a table. Nothing is written.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  CF_API_TOKEN=… gatepost dns plan --kubeconfig ~/.kube/config --namespace gatepost\n  gatepost dns plan --routes routes.yaml --format json | jq .held\n\nExit codes: 0 there is a plan, with or without changes; 1 none could be made; 2 wrong usage."
)]
struct PlanCommand {
    #[command(flatten)]
    place: Place,

    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Bring the records up to date once, without a leader. Asks before anything is deleted.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  CF_API_TOKEN=… gatepost dns apply --kubeconfig ~/.kube/config --namespace gatepost\n\nA gatepost that runs in the cluster does the same by itself.\nExit codes: 0 the records are as they should be, 1 they are not, 2 wrong usage."
)]
struct Apply {
    #[command(flatten)]
    place: Place,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Take away every record that carries the mark of this cluster, before gatepost is uninstalled. Asks first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Stop the DNS sync first, or it makes them again: take `dns` out of the routes and DNS_NAME out of the DaemonSet.\nExit codes: 0 none is left, 1 some may be, 2 wrong usage."
)]
struct Release {
    #[command(flatten)]
    place: Place,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Where the cluster is and where the routes are.
#[derive(Debug, clap::Args)]
struct Place {
    /// Routes from this ConfigMap, key `routes.yaml`; namespace: the own one
    #[arg(long, value_name = "[NS/]NAME", env = "GATEPOST_CONFIG_MAP", default_value = "gatepost", value_parser = config_map)]
    config_map: ConfigMap,

    /// Routes from a file instead; the nodes are the cluster's all the same
    #[arg(long, value_name = "FILE", env = "GATEPOST_ROUTES", conflicts_with = "config_map")]
    routes: Option<PathBuf>,

    /// How to reach the cluster from outside [default: in-cluster, else KUBECONFIG]
    #[arg(long, value_name = "FILE", env = "GATEPOST_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,

    /// The namespace that gatepost runs in [default: the pod's, else the kubeconfig's]
    #[arg(long, value_name = "NS", env = "GATEPOST_NAMESPACE")]
    namespace: Option<String>,

    #[command(flatten)]
    dns: DnsFlags,
}

/// How a plan is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table
    Text,
    /// One object: adds, changes, deletes, held, conflicts, budget
    Json,
}

impl Dns {
    pub(super) fn run(self) -> ExitCode {
        match self.command {
            Command::Plan(PlanCommand { place, format }) => {
                place.with("plan", |dns| Ok(shown(&app::dns_plan(dns, told)?, format)))
            }
            Command::Apply(Apply { place, yes }) => {
                place.with("apply", |dns| Ok(ended(&app::dns_apply(dns, |plan| may_do(plan, yes), told)?)))
            }
            Command::Release(Release { place, yes }) => {
                place.with("release", |dns| Ok(ended(&app::dns_release(dns, |plan| may_do(plan, yes), told)?)))
            }
        }
    }
}

impl Place {
    /// Does something with what the flags come to.
    fn with(self, subcommand: &str, task: impl FnOnce(app::Dns) -> Result<ExitCode, app::DnsError>) -> ExitCode {
        let Place { config_map: ConfigMap { namespace: of_config_map, name }, routes, kubeconfig, namespace, dns } =
            self;
        let source = match routes {
            Some(file) => app::Source::File(file),
            None => app::Source::ConfigMap { namespace: of_config_map, name, kubeconfig: kubeconfig.clone() },
        };
        let settings = match dns.settings(false) {
            Ok(settings) => settings,
            Err(message) => {
                let _ = wrong(&["dns", subcommand], ErrorKind::InvalidValue, &message).print();
                return ExitCode::from(USAGE);
            }
        };
        task(app::Dns { source, kubeconfig, namespace, settings }).unwrap_or_else(|error| {
            anstream::eprintln!("gatepost: {error}");
            ExitCode::FAILURE
        })
    }
}

/// What takes longer than one would think.
fn told(progress: &str) {
    anstream::eprintln!("{}", progress.dimmed());
}

fn shown(plan: &Plan, format: Format) -> ExitCode {
    match format {
        Format::Json => print(&format!("{:#}\n", report::json(plan))),
        Format::Text => print(&table(plan)),
    }
}

/// The plan for people. Colours are taken out again where the output is no terminal.
fn table(plan: &Plan) -> String {
    let coloured = |Line { sign, text }: Line| match sign {
        Sign::Add => text.green().to_string(),
        Sign::Change => text.yellow().to_string(),
        Sign::Delete => text.red().to_string(),
        Sign::Held => text.cyan().to_string(),
        Sign::Conflict => text.bold().to_string(),
        Sign::Note => text,
    };
    report::lines(plan).into_iter().map(|line| coloured(line) + "\n").collect()
}

/// Shows the plan, and asks when something would be deleted.
fn may_do(plan: &Plan, yes: bool) -> bool {
    print(&table(plan));
    let deletes: usize = plan.zones.iter().map(ZonePlan::gone).sum();
    if yes || deletes == 0 {
        return true;
    }
    if !std::io::stdin().is_terminal() {
        anstream::eprintln!("gatepost: {deletes} records would be deleted, and there is nobody to ask: give --yes");
        return false;
    }
    anstream::eprint!("Delete {deletes} records? [y/N] ");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// What it came to.
fn ended(kept: &Kept) -> ExitCode {
    let Kept { added, changed, deleted, problems, is_refused } = kept;
    for problem in problems {
        anstream::eprintln!("gatepost: {problem}");
    }
    if *is_refused {
        return ExitCode::FAILURE;
    }
    let printed = print(&format!("{added} added, {changed} changed, {deleted} deleted\n"));
    if problems.is_empty() { printed } else { ExitCode::FAILURE }
}
