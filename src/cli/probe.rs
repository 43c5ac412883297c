//! `gatepost probe`: what a kubelet runs every few seconds, so it does nothing but ask.

use std::process::ExitCode;

use clap::ValueEnum;
use clap::error::ErrorKind;

use super::{USAGE, print, wrong};
use crate::admin::probe::{self, PodUid};

/// Which pod is asked, in the environment of its containers.
const VARIABLE: &str = "POD_UID";

/// Ask the process of this pod whether it lives or is ready. For exec probes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The pod is the one whose UID is in POD_UID.\nExit codes: 0 yes, 1 no (what is missing is on stdout) or no answer within 1 s, 2 wrong usage."
)]
pub(super) struct Probe {
    /// What is asked
    #[arg(value_enum)]
    question: Question,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Question {
    /// Does it answer at all? If not, it should be started anew
    Live,
    /// Does everything hold that must before clients may come?
    Ready,
}

impl Probe {
    pub(super) fn run(self) -> ExitCode {
        let pod = match pod() {
            Ok(pod) => pod,
            Err(error) => {
                let error = wrong(&["probe"], ErrorKind::MissingRequiredArgument, &error);
                // a message that clap made too: same look
                let _ = error.print();
                return ExitCode::from(USAGE);
            }
        };
        // a kubelet shows this in the Event of a probe that failed
        let (is_yes, text) = match (probe::ask(&pod), self.question) {
            (Ok(missing), Question::Ready) if !missing.is_empty() => {
                (false, missing.iter().map(|name| format!("missing: {name}\n")).collect())
            }
            (Ok(_), _) => (true, "ok\n".to_owned()),
            (Err(error), _) => (false, format!("{error} (pod {pod})\n")),
        };
        let is_written = print(&text);
        if is_yes { is_written } else { ExitCode::FAILURE }
    }
}

fn pod() -> Result<PodUid, String> {
    let uid = std::env::var(VARIABLE).unwrap_or_default();
    if uid.is_empty() {
        return Err(format!(
            "{VARIABLE} is not set, so there is no pod to ask. In a manifest: {{name: {VARIABLE}, valueFrom: {{fieldRef: {{fieldPath: metadata.uid}}}}}}"
        ));
    }
    uid.parse().map_err(|error| format!("{VARIABLE}: {error}"))
}
