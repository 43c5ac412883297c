//! A whole small GET: a proxy under callgrind, its client and its app here, outside of what is counted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ExitCode};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::{PROXY, callgrind, one_worker};

const REQUEST: &[u8] = b"GET /warm?x=1 HTTP/1.1\r\nhost: www.example.com\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 64\r\n\r\n\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// The last byte of the answer, which is nowhere else in it.
const LAST: &[u8] = b"89abcdef";

/// Requests of the shorter run; the longer one has twice as many, and the difference is what these cost.
const TIMES: u64 = 2_000;
/// No answer takes longer.
const WITHIN: Duration = Duration::from_secs(30);

/// Instructions of one request in the proxy's process.
pub(crate) fn count(records: &Path) -> anyhow::Result<u64> {
    let app = start_app()?.to_string();
    let record = callgrind::record(records, "whole");
    let total = |times| callgrind::count(&[PROXY, &app], &record, None, |proxy| ask(proxy, times));
    let once = total(TIMES)?;
    Ok(total(2 * TIMES)?.saturating_sub(once) / TIMES)
}

/// A proxy until its input ends.
pub(crate) fn serve(app: &str) -> anyhow::Result<ExitCode> {
    println!("{}", one_worker::start(app.parse()?));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(ExitCode::SUCCESS)
}

fn ask(proxy: &mut Child, times: u64) -> anyhow::Result<()> {
    let mut line = String::new();
    BufReader::new(proxy.stdout.take().context("no output")?).read_line(&mut line)?;
    let mut client = TcpStream::connect(line.trim().parse::<SocketAddr>().context("no address")?)?;
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(WITHIN))?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    for _ in 0..times {
        client.write_all(REQUEST)?;
        answer.clear();
        while !answer.ends_with(LAST) {
            let n = client.read(&mut buffer)?;
            ensure!(n > 0, "closed after {:?}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&buffer[..n]);
        }
        ensure!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    }
    Ok(())
}

fn start_app() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(socket));
        }
    });
    Ok(address)
}

fn answer(mut socket: TcpStream) {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(n @ 1..) = socket.read(&mut buffer) {
        request.extend_from_slice(&buffer[..n]);
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            if socket.write_all(ANSWER).is_err() {
                return;
            }
        }
    }
}
