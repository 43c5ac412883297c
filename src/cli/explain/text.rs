//! The facts about a request, told to a person. The one door is [`of`].

use std::fmt::{self, Write as _};

use super::facts::{App, Explained, Winner};
use super::transport::{Shown, Transport};

/// Names stand in a column of this width.
const WIDTH: usize = 20;

/// A screen of text.
pub(super) fn of(explained: &Explained) -> String {
    let mut text = String::new();
    // writing to a String cannot fail
    let _ = write(explained, &mut text);
    text
}

fn write(explained: &Explained, out: &mut String) -> fmt::Result {
    let Explained { method, url, file, refused, route, https, dns, others, more } = explained;
    writeln!(out, "{method} {url}\n")?;
    if let Some(refused) = refused {
        writeln!(out, "answered {}: {}", refused.status, refused.reason)?;
    }
    if let Some(winner) = route {
        write_winner(winner, file, out)?;
    }
    if let Some(transport) = https {
        write_transport(transport, out)?;
    }
    if let Some(record) = dns {
        writeln!(out, "\nDNS\n  {:WIDTH$} {record}", "record")?;
    }
    if !others.is_empty() {
        writeln!(out, "\nNot taken")?;
    }
    let width = others.iter().map(|other| other.route.chars().count()).max().unwrap_or(0);
    for other in others {
        let place = format!("line {}", other.line);
        writeln!(out, "  {:width$}  {place:10} {}", other.route, other.missed.join("; "))?;
    }
    if *more > 0 {
        writeln!(out, "  and {more} more")?;
    }
    Ok(())
}

fn write_winner(winner: &Winner, file: &str, out: &mut String) -> fmt::Result {
    let Winner { route, line, action, app, timeouts, limits } = winner;
    writeln!(out, "{route}  {file}:{line}")?;
    for action in action {
        writeln!(out, "  {action}")?;
    }
    if let Some(App { path, headers, removed }) = app {
        writeln!(out, "\nThe app gets")?;
        writeln!(out, "  {:WIDTH$} {path}", "path")?;
        for (name, value) in headers {
            writeln!(out, "  {name:WIDTH$} {value}")?;
        }
        if !removed.is_empty() {
            writeln!(out, "  {:WIDTH$} {}", "without", removed.join(", "))?;
        }
    }
    for (title, list) in [("Timeouts", timeouts), ("Limits", limits)] {
        let list: Vec<String> = list.iter().map(|(name, value)| format!("{name} {value}")).collect();
        writeln!(out, "\n{title}\n  {}", list.join(", "))?;
    }
    Ok(())
}

fn write_transport(transport: &Transport, out: &mut String) -> fmt::Result {
    let Transport { in_clear, ends: _, hsts, certificates, is_default, client_certificate } = transport;
    writeln!(out, "\nHTTPS")?;
    let mut line = |name: &str, value: &str| writeln!(out, "  {name:WIDTH$} {value}");
    if let Some(in_clear) = in_clear {
        line("in clear", in_clear)?;
    }
    for Shown { line: number, source } in certificates {
        let whose =
            if *is_default { "; that of `default`: unless it has this name too, the answer is 421" } else { "" };
        line("certificate", &format!("{source} (line {number}{whose})"))?;
    }
    if certificates.is_empty() {
        line("certificate", "none is for this host: a handshake ends with an alert")?;
    }
    if let Some(client_certificate) = client_certificate {
        line("client certificate", client_certificate)?;
    }
    if let Some(hsts) = hsts {
        line("hsts", hsts)?;
    }
    Ok(())
}
