//! `gatepost check`: reads routes files as the running program would and says everything that is wrong.

mod certificates;

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use owo_colors::{OwoColorize, Style};
use serde_json::json;

use super::print;
use crate::config::{self, Problem, Severity};

/// A ConfigMap holds at most this much.
const CONFIG_MAP_BYTES: usize = 1024 * 1024;
/// From here on the share is told as a warning would be.
const NEARLY_FULL: usize = CONFIG_MAP_BYTES / 10 * 8;

/// Read routes files as the running program would and say everything that is wrong, with its place.
///
/// A file may also be a whole ConfigMap manifest; lines are then the manifest's. Certificates that are files are read and
/// judged, too; what is in Secrets only the cluster knows.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gatepost check routes.yaml\n  kubectl get configmap gatepost -o yaml | gatepost check -\n\nExit codes: 0 all is well (or only warnings), 1 something is wrong, 2 wrong usage."
)]
pub(super) struct Check {
    /// Routes files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// With the lines concerned
    Text,
    /// One object
    Json,
}

/// What is known of one file.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) file: String,
    pub(super) result: Result<Checked, String>,
}

/// What reading it gave.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) bytes: usize,
    /// 0 when the file is refused as a whole.
    pub(super) routes: usize,
    pub(super) problems: Vec<Problem>,
}

impl Check {
    pub(super) fn run(self) -> ExitCode {
        let Check { files, format } = self;
        let now = seconds(SystemTime::now());
        let reports: Vec<Report> = files.iter().map(|file| read(file, now)).collect();
        let text = match format {
            Format::Text => human(&reports, is_colourful()),
            Format::Json => machine(&reports),
        };
        let printed = print(&text);
        if reports.iter().all(Report::is_good) { printed } else { ExitCode::FAILURE }
    }
}

/// Colours are for terminals, and only for those who did not say no (<https://no-color.org>).
fn is_colourful() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Unix time. A clock before 1970 is told as 1970: every certificate is then one of the future.
fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn read(path: &Path, now: i64) -> Report {
    let is_stdin = path.as_os_str() == "-";
    let file = if is_stdin { "<stdin>".to_owned() } else { path.display().to_string() };
    // as for the program that reads the file: relative names are below its folder
    let folder = path.parent().filter(|_| !is_stdin).unwrap_or(Path::new(""));
    let mut bytes = Vec::new();
    let got =
        if is_stdin { std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes) } else { std::fs::read(path) };
    let result = got
        .map_err(|error| format!("cannot be read: {error}"))
        .and_then(|bytes| String::from_utf8(bytes).map_err(|error| format!("is not UTF-8: {error}")))
        .map(|text| check(&text, &file, folder, now));
    Report { file, result }
}

/// Reads a text as a process would that has not served anything yet.
pub(super) fn check(text: &str, file: &str, folder: &Path, now: i64) -> Checked {
    let bytes = text.len();
    let (routes, problems) = match config::parse(text, file) {
        Err(refused) => (0, refused.problems),
        Ok(parsed) => match parsed.settle(None) {
            Ok((config, mut problems)) => {
                problems.extend(certificates::problems(&config, text, (file, folder), now));
                (config.routes.len(), problems)
            }
            Err(refused) => (0, refused.problems),
        },
    };
    Checked { bytes, routes, problems }
}

impl Report {
    fn count(&self, severity: Severity) -> usize {
        match &self.result {
            Ok(checked) => checked.problems.iter().filter(|problem| problem.severity == severity).count(),
            Err(_) => usize::from(severity == Severity::Error),
        }
    }

    pub(super) fn is_good(&self) -> bool {
        self.count(Severity::Error) == 0
    }
}

/// Every problem with its lines, then one line about each file.
pub(super) fn human(reports: &[Report], colours: bool) -> String {
    let paint = |style: Style| if colours { style } else { Style::new() };
    let mut text = String::new();
    for report in reports {
        let Ok(checked) = &report.result else { continue };
        for problem in &checked.problems {
            let style = match problem.severity {
                Severity::Error => Style::new().red().bold(),
                Severity::Warning => Style::new().yellow().bold(),
            };
            let snippet = problem.snippet();
            // the first line says what is wrong, the others where
            let (first, rest) = snippet.split_once('\n').unwrap_or((&snippet, ""));
            text.push_str(&format!("{}\n{rest}\n", first.style(paint(style))));
        }
    }
    for report in reports {
        let (line, style) = summary(report);
        text.push_str(&format!("{}\n", line.style(paint(style))));
    }
    text
}

fn summary(report: &Report) -> (String, Style) {
    let file = &report.file;
    let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
    let checked = match &report.result {
        Ok(checked) => checked,
        Err(error) => return (format!("{file}: {error}"), Style::new().red()),
    };
    let counts = match (errors, warnings) {
        (0, 0) => "all is well".to_owned(),
        (0, _) => counted(warnings, "warning"),
        (_, 0) => counted(errors, "error"),
        _ => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    };
    let share = share(checked.bytes);
    let line = format!("{file}: {}, {counts}; {share}", counted(checked.routes, "route"));
    let style = match (errors, warnings) {
        (0, 0) if checked.bytes < NEARLY_FULL => Style::new().green(),
        (0, _) => Style::new().yellow(),
        _ => Style::new().red(),
    };
    (line, style)
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// What the text takes of a ConfigMap. Tenths of a percent, rounded up so that too much never looks like 100 %.
fn share(bytes: usize) -> String {
    let tenths = (bytes * 1000).div_ceil(CONFIG_MAP_BYTES);
    let hint = match bytes {
        _ if bytes > CONFIG_MAP_BYTES => " (too much: Kubernetes will refuse it)",
        // the annotation of client-side apply holds the text once more, and annotations have 256 KiB
        _ if bytes > 256 * 1024 => " (apply with `kubectl apply --server-side`)",
        _ => "",
    };
    format!("{}.{} % of a ConfigMap's 1 MiB{hint}", tenths / 10, tenths % 10)
}

/// The same for programs.
pub(super) fn machine(reports: &[Report]) -> String {
    let files: Vec<_> = reports
        .iter()
        .map(|report| match &report.result {
            Err(error) => json!({"file": report.file, "ok": false, "error": error, "problems": []}),
            Ok(checked) => json!({
                "file": report.file,
                "ok": report.is_good(),
                "routes": checked.routes,
                "bytes": checked.bytes,
                "configMapShare": checked.bytes as f64 / CONFIG_MAP_BYTES as f64,
                "problems": checked.problems.iter().map(problem).collect::<Vec<_>>(),
            }),
        })
        .collect();
    let ok = reports.iter().all(Report::is_good);
    format!("{:#}\n", json!({"ok": ok, "files": files}))
}

fn problem(problem: &Problem) -> serde_json::Value {
    json!({
        "severity": match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "message": problem.message,
        "hint": problem.hint,
    })
}

#[cfg(test)]
mod tests;
