//! Who has a port that this process wants, as far as `/proc` tells: within a container only the user, unless the other one
//! is in it too. One door: [`of`].

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// Most descriptors that are looked at.
const LOOKS: usize = 100_000;

/// The state of a socket that listens, in `/proc/net/tcp`.
const LISTENS: &str = "0A";

/// Who listens where nobody can listen at `addr` beside him.
pub(super) fn of(addr: SocketAddr) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let (uid, inode) = tables.iter().find_map(|table| listener(table, addr))?;
    Some(process_with(&format!("socket:[{inode}]")).unwrap_or_else(|| format!("a process of uid {uid}")))
}

/// User and inode of the first socket that listens there, or on the port on all addresses.
fn listener(table: &str, addr: SocketAddr) -> Option<(&str, &str)> {
    let (port, ip) = (format!("{:04X}", addr.port()), written(addr.ip()));
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, state, _, _, _, uid, _, inode, ..] = fields[..] else { return None };
        let (at, on) = local.split_once(':')?;
        let is_there = addr.ip().is_unspecified() || at == ip || at.bytes().all(|digit| digit == b'0');
        (state == LISTENS && on == port && is_there).then_some((uid, inode))
    })
}

/// As `/proc/net/tcp` has it: words of the machine's byte order.
fn written(ip: IpAddr) -> String {
    let octets = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = octets.chunks_exact(4).map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
    words.map(|word| format!("{word:08X}")).collect()
}

/// Name and number of the process that has this among its descriptors.
fn process_with(link: &str) -> Option<String> {
    let mut looks = 0;
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Ok(pid) = process.file_name().to_string_lossy().parse::<u32>() else { continue };
        // of another user's process the descriptors cannot be seen
        let Ok(fds) = fs::read_dir(process.path().join("fd")) else { continue };
        for fd in fds.flatten() {
            looks += 1;
            if looks > LOOKS {
                return None;
            }
            if fs::read_link(fd.path()).is_ok_and(|target| target.as_os_str() == link) {
                let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                return Some(format!("{} (pid {pid})", name.trim()));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_found_where_it_is_in_the_way() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 11 1 x\n\
            1: 0200007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     8        0 12 1 x\n\
            2: 0300007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 4242 1 x\n\
            3: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     9        0 13 1 x\n\
            4: cut\n";
        for (addr, found) in [
            ("127.0.0.3:8080", Some(("33", "4242"))),
            ("0.0.0.0:8080", Some(("8", "12"))),
            ("[::]:8080", Some(("8", "12"))),
            ("127.0.0.1:80", Some(("9", "13"))),
            ("127.0.0.1:8080", None),
            ("0.0.0.0:81", None),
        ] {
            assert_eq!(listener(table, addr.parse().unwrap()), found, "{addr}");
        }
        assert_eq!(listener("", "[::]:80".parse().unwrap()), None);
        assert_eq!(written("::1".parse().unwrap()), "00000000000000000000000001000000");
    }

    #[test]
    fn a_process_that_listens_is_named() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let named = of(socket.local_addr().unwrap()).unwrap();
        assert!(named.ends_with(&format!("(pid {})", std::process::id())), "{named}");
    }
}
