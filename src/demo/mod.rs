//! `gatepost demo`: the whole job on one machine. Two sample apps, a routes file to edit live, and what to try.
//!
//! One door: [`run`].

mod apps;
mod certificate;
pub mod cloudflare;
mod dns;
mod websocket;

use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use owo_colors::OwoColorize;

use crate::app::{self, DnsSettings, Ending, Listening, Serve, Source};
use crate::telemetry::{LogFormat, LogLevel};

/// What the routes file holds at first.
const ROUTES: &str = include_str!("../../config/demo.yaml");
/// The port of clients that it names.
const HTTP_PORT: u16 = 8080;

/// Runs the demo until somebody ends it.
pub fn run(http: SocketAddr, https: SocketAddr) -> ExitCode {
    let prepared = dns::start().and_then(|dns| Ok((prepare(http.port())?, dns)));
    let ((folder, routes), (dns, show)) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            anstream::eprintln!("gatepost: the demo cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let settings = settings(http, https, routes.clone(), dns);
    let code = app::run(settings, |listening| anstream::println!("{}", banner(listening, &routes, &show)));
    // what the demo wrote goes with it; a folder that is left behind does no harm
    let _ = std::fs::remove_dir_all(folder);
    code
}

/// The apps, and certificate and routes file in a folder of their own.
fn prepare(http: u16) -> io::Result<(PathBuf, PathBuf)> {
    let ports = apps::start()?;
    let folder = std::env::temp_dir().join(format!("gatepost-demo-{}", std::process::id()));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    let routes = folder.join("routes.yaml");
    certificate::write(&folder)?;
    std::fs::write(&routes, with_ports(ROUTES, http, ports) + certificate::SECTION + dns::SECTION)?;
    Ok((folder, routes))
}

/// The routes with the ports that are really used.
fn with_ports(routes: &str, http: u16, ports: apps::Ports) -> String {
    // each piece behind a colon by itself, so that one port may become another's usual one
    let mut text = String::new();
    for (at, piece) in routes.split(':').enumerate() {
        let digits = piece.len() - piece.trim_start_matches(|first: char| first.is_ascii_digit()).len();
        let (port, rest) = piece.split_at(digits);
        let port = match port.parse() {
            Ok(HTTP_PORT) if http != 0 => http.to_string(),
            Ok(apps::HELLO_PORT) => ports.hello.to_string(),
            Ok(apps::ECHO_PORT) => ports.echo.to_string(),
            _ => port.to_owned(),
        };
        let colon = if at > 0 { ":" } else { "" };
        text.extend([colon, &port, rest]);
    }
    text
}

fn settings(http: SocketAddr, https: SocketAddr, routes: PathBuf, dns: DnsSettings) -> Serve {
    // the admin port may well be taken by a real gatepost
    let usual = SocketAddr::from(([127, 0, 0, 1], 9180));
    let admin = if std::net::TcpListener::bind(usual).is_ok() { usual } else { SocketAddr::from(([127, 0, 0, 1], 0)) };
    Serve {
        source: Source::File(routes),
        namespace: None,
        http: vec![http],
        https: vec![https],
        admin: vec![admin],
        workers: None,
        state_dir: None,
        secret_dir: None,
        take_over: Some(false),
        allow_local_backends: true,
        cluster_domain: None,
        resolver: None,
        log: Some(LogFormat::Text),
        // of the log, what tells about edits
        log_level: "warn,gatepost::control=info".parse().unwrap_or_else(|_| LogLevel::default()),
        dns,
        machine: Some(dns::node()),
        ending: Ending::AtOnce,
    }
}

/// What is there and what to try.
fn banner(listening: &Listening, routes: &Path, records: &str) -> String {
    let port = listening.http.first().map_or(0, SocketAddr::port);
    let admin = listening.admin.first().map_or_else(String::new, SocketAddr::to_string);
    let https = listening.https.first().map_or(0, SocketAddr::port);
    let authority = routes.with_file_name(certificate::AUTHORITY);
    let hello = format!("http://hello.localhost:{port}");
    let echo = format!("http://echo.localhost:{port}");
    let tries = [
        ("a page", format!("curl {hello}/")),
        ("what an app gets", format!("curl {echo}/headers")),
        ("a body there and back", format!("curl -d 'some text' {echo}/echo")),
        ("server-sent events", format!("curl -N {echo}/events")),
        ("a slow answer", format!("curl '{echo}/slow?ms=2000'")),
        ("a failing answer", format!("curl -i '{echo}/fail?status=503'")),
        ("an unknown host", format!("curl -i http://nobody.localhost:{port}/")),
        ("HTTP/2", format!("curl --http2-prior-knowledge {hello}/")),
        ("HTTPS", format!("curl --cacert {} https://hello.localhost:{https}/", authority.display())),
        ("metrics", format!("curl http://{admin}/metrics")),
        ("DNS records", records.to_owned()),
    ];
    let mut text = String::new();
    // writing to a String cannot fail
    let _ = writeln!(text, "\n{}\n", "gatepost demo".bold());
    for (name, value) in [
        ("In a browser", format!("{hello}/  and  {echo}/  (WebSocket and events)")),
        ("Routes", format!("{}  (edit and save: live at once)", routes.display())),
        ("To end", "Ctrl-C".to_owned()),
    ] {
        let _ = writeln!(text, "  {:<14}{value}", name.green());
    }
    let _ = writeln!(text, "\nIn another terminal:\n");
    for (name, command) in tries {
        let _ = writeln!(text, "  {:<23}{}", name.dimmed(), command.cyan());
    }
    let _ = write!(
        text,
        "\n  {}\n\nAccess log:\n",
        "no name resolution for .localhost? add --resolve '*:{port}:127.0.0.1'"
            .replace("{port}", &port.to_string())
            .dimmed()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_are_taken_are_replaced_in_the_routes() {
        let routes = "a: localhost:8081\nb: localhost:8082\nto: http://x:8080/ 8080: 808\n";
        let same = apps::Ports { hello: 8081, echo: 8082 };
        assert_eq!(with_ports(routes, 8080, same), routes);
        assert_eq!(with_ports(ROUTES, 8080, same), ROUTES);
        let swapped = apps::Ports { hello: 8082, echo: 8080 };
        let expected = "a: localhost:8082\nb: localhost:8080\nto: http://x:9090/ 8080: 808\n";
        assert_eq!(with_ports(routes, 9090, swapped), expected);
    }

    #[test]
    fn the_routes_of_the_demo_name_both_apps() {
        assert!(ROUTES.contains(":8081") && ROUTES.contains(":8082"));
    }

    #[test]
    fn what_to_try_names_the_ports_that_are_bound() {
        let listening = Listening {
            http: vec!["127.0.0.1:9090".parse().unwrap()],
            https: vec!["127.0.0.1:9443".parse().unwrap()],
            admin: vec!["127.0.0.1:9999".parse().unwrap()],
        };
        let text =
            anstream::adapter::strip_str(&banner(&listening, Path::new("/tmp/r.yaml"), "curl records")).to_string();
        for part in [
            "curl http://hello.localhost:9090/",
            "curl --cacert /tmp/ca.pem https://hello.localhost:9443/",
            "/tmp/r.yaml",
            "http://127.0.0.1:9999/metrics",
            "curl records",
            "'*:9090:127.0.0.1'",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains(":8080"), "{text}");
    }
}
