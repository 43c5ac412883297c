//! Who has a port that this process wants, as far as `/proc` tells: within a container only the user, unless the other one
//! is in it too. One door: [`of`].

use std::fs;
use std::net::SocketAddr;

/// Most descriptors that are looked at.
const LOOKS: usize = 100_000;

/// The state of a socket that listens, in `/proc/net/tcp`.
const LISTENS: &str = "0A";

/// Who listens on the port of `addr`, on whatever address.
pub(super) fn of(addr: SocketAddr) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let (uid, inode) = tables.iter().find_map(|table| listener(table, addr.port()))?;
    Some(process_with(&format!("socket:[{inode}]")).unwrap_or_else(|| format!("a process of uid {uid}")))
}

/// User and inode of the first socket that listens on this port.
fn listener(table: &str, port: u16) -> Option<(&str, &str)> {
    let port = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, state, _, _, _, uid, _, inode, ..] = fields[..] else { return None };
        (state == LISTENS && local.ends_with(&port)).then_some((uid, inode))
    })
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
    fn a_listener_is_found_by_its_port_whatever_its_address() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 11 1 x\n\
            1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 4242 1 x\n\
            2: cut\n";
        assert_eq!(listener(table, 8080), Some(("33", "4242")));
        assert_eq!(listener(table, 80), None);
        assert_eq!(listener("", 80), None);
    }

    #[test]
    fn a_process_that_listens_is_named() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let named = of(socket.local_addr().unwrap()).unwrap();
        assert!(named.ends_with(&format!("(pid {})", std::process::id())), "{named}");
    }
}
