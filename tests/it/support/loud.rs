//! What is logged above debug. Strangers and their apps must not be able to write there, so no test of this ring does.

use std::io::{self, Write};
use std::sync::{Mutex, Once};

use gatepost::telemetry::LogLevel;

static SAID: Mutex<String> = Mutex::new(String::new());

struct Said;

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SAID.lock().expect("no panic while writing").push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// From now on everything above debug is kept, in place of a log.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::new(LogLevel::default().directives());
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| Said);
        log.try_init().expect("the first log");
    });
}

/// What was said since this was last asked, by whatever test: one fails for it, and not all that come after.
pub fn said() -> String {
    std::mem::take(&mut SAID.lock().expect("no panic while writing"))
}
