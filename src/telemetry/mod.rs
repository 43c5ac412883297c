//! What the program says about itself: the log on stderr, the access log on stdout, the metrics.
//!
//! Doors: [`init`] once at start, [`spawn`] for every long-lived task, [`metrics::Metrics`], [`lines::Lines`] with
//! [`access::write`] for the access log.

pub mod access;
pub mod lines;
pub mod metrics;

use std::future::Future;
use std::io::IsTerminal;
use std::str::FromStr;

use tokio::task::JoinHandle;
use tracing::Instrument;
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing_subscriber::EnvFilter;

/// How the log on stderr is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line; the fields of an event stand beside `timestamp`, `level`, `message` and `target`.
    Json,
}

impl LogFormat {
    /// What is used when nobody has chosen: text on a terminal, else JSON.
    pub fn of_stderr() -> LogFormat {
        if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json }
    }
}

/// Which events are logged: `info`, or directives such as `warn,gatepost::control=debug`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLevel(String);

impl Default for LogLevel {
    fn default() -> Self {
        LogLevel("info".to_owned())
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = text.trim();
        for directive in word.split(',').map(str::trim) {
            let level = directive.rsplit('=').next().unwrap_or_default().trim();
            let (is_none, level) = (level.is_empty(), level.parse::<LevelFilter>());
            if level.as_ref().is_ok_and(|level| *level > STATIC_MAX_LEVEL) {
                return Err(
                    "trace is not built in, it would cost time even where it is off: debug says the most".to_owned()
                );
            }
            // the parser takes a bare word for a module of which all is told, and trace is not
            if is_none || level.is_err() && !directive.contains(['=', '[']) {
                return Err("expected error, warn, info, debug, off or module=level directives".to_owned());
            }
        }
        EnvFilter::builder().parse(word).map_err(|error| error.to_string())?;
        Ok(LogLevel(word.to_owned()))
    }
}

impl LogLevel {
    /// rustls and h2 warn of what clients do, such as asking to renegotiate or a PING that acknowledges none: strangers
    /// must not write warnings. Directives of one's own that name them stand behind it and win.
    pub fn directives(&self) -> String {
        format!("rustls=off,h2=off,{}", self.0)
    }
}

/// Starts the log. `None` as a format means [`LogFormat::of_stderr`]. A second call changes nothing, so that tests may
/// start as many programs as they like.
pub fn init(format: Option<LogFormat>, level: &LogLevel) {
    let filter = EnvFilter::builder().parse_lossy(level.directives());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // an error means that a log has been started already
    let _ = match format.unwrap_or_else(LogFormat::of_stderr) {
        LogFormat::Json => builder.json().flatten_event(true).with_span_list(false).try_init(),
        LogFormat::Text => {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            builder.with_ansi(!plain && std::io::stderr().is_terminal()).try_init()
        }
    };
}

/// Starts a task that lives long. The caller owns the handle and awaits it: a task that ends early must be noticed.
pub fn spawn<F>(name: &'static str, task: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(task.instrument(tracing::info_span!("task", task = name)))
}

/// Like [`spawn`], for tasks that stay on the thread of a `LocalRuntime` or `LocalSet`.
pub fn spawn_local<F>(name: &'static str, task: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    tokio::task::spawn_local(task.instrument(tracing::info_span!("task", task = name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rustls_and_h2_are_heard_only_by_those_who_ask_for_them() {
        let heard = |level: &str| {
            let filter = EnvFilter::builder().parse_lossy(level.parse::<LogLevel>().unwrap().directives());
            let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::sink).finish();
            tracing::subscriber::with_default(subscriber, || {
                let rustls = tracing::enabled!(target: "rustls::common_state", tracing::Level::WARN);
                (rustls, tracing::enabled!(target: "h2::proto::ping_pong", tracing::Level::WARN))
            })
        };
        for level in ["info", "debug", "warn,gatepost=debug"] {
            assert_eq!(heard(level), (false, false), "{level}");
        }
        assert_eq!((heard("info,rustls=warn"), heard("info,h2=warn")), ((true, false), (false, true)));
    }

    #[test]
    fn a_level_is_a_word_or_directives() {
        for good in ["info", "WARN", "off", "warn,gatepost::control=debug", " debug "] {
            assert!(good.parse::<LogLevel>().is_ok(), "{good}");
        }
        for bad in ["", "loud", "gatepost=loud", "=", "trace", "warn,h2=TRACE", "5", "warn,h2::proto"] {
            assert!(bad.parse::<LogLevel>().is_err(), "{bad}");
        }
    }
}
