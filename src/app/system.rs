//! What the machine and the pod say about themselves, for settings that nobody has given.

use std::net::SocketAddr;
use std::num::NonZero;

use anyhow::Context;

use crate::admin::probe::PodUid;
use crate::control::Node;
use crate::upstream::{self, Policy, ResolverSettings};

/// Where a pod finds what its service account is.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The domain of nearly every cluster.
const CLUSTER_DOMAIN: &str = "cluster.local";

/// Whether this process runs in a pod: the kubelet tells every container where the API is.
pub(super) fn is_pod() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some_and(|host| !host.is_empty())
}

/// One worker for each CPU that the cgroup and the affinity mask grant.
pub(super) fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// What the process takes with nothing to do and its buffers warm, of a container's memory.
const AT_REST: u64 = 24 * 1024 * 1024;
/// What an idle connection over TLS takes, the kernel's share in the cgroup not counted.
const PER_CONNECTION: u64 = 12 * 1024;

/// How many connections the cgroup's memory is enough for: a process that is killed for want of it serves nobody. Without
/// a limit, any number.
pub(super) fn connections() -> usize {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limit = files.iter().find_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok());
    limit.map_or(usize::MAX, connections_in)
}

fn connections_in(bytes: u64) -> usize {
    usize::try_from(bytes.saturating_sub(AT_REST) / PER_CONNECTION).unwrap_or(usize::MAX).max(256)
}

/// The own namespace: from the downward API, the service account, or `default`, as kubectl has it.
pub(super) fn namespace() -> String {
    let told =
        std::env::var("POD_NAMESPACE").or_else(|_| std::fs::read_to_string(format!("{SERVICE_ACCOUNT}/namespace")));
    told.ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).unwrap_or_else(|| "default".to_owned())
}

/// Who this process is to the other nodes: by the downward API, else by the name of the host.
pub(super) fn node() -> Node {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned());
    let host = host.ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "gatepost".to_owned());
    Node { name: told("NODE_NAME").unwrap_or_else(|| host.clone()), pod: pod().unwrap_or(host) }
}

/// Which pod this is, by the downward API; `None` outside of one.
pub(super) fn pod() -> Option<String> {
    told("POD_NAME")
}

/// For whom probes are answered, by the downward API; `None` outside of a pod.
pub(super) fn pod_uid() -> Option<PodUid> {
    told("POD_UID").and_then(|uid| uid.parse().ok())
}

fn told(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// How apps are reached, but for the namespace, which the source of the routes knows.
pub(super) fn upstream_settings(
    cluster_domain: Option<String>,
    resolver: Option<SocketAddr>,
    allow_local: bool,
) -> anyhow::Result<upstream::Settings> {
    let resolver = match resolver {
        Some(server) => ResolverSettings::servers(&[server]),
        None => ResolverSettings::system().context("name servers can be named with --resolver")?,
    };
    let cluster_domain = cluster_domain.unwrap_or_else(|| {
        let resolv_conf = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        cluster_domain_of(&resolv_conf).unwrap_or(CLUSTER_DOMAIN).to_owned()
    });
    let cluster_domain = cluster_domain.trim_matches('.').to_ascii_lowercase();
    Ok(upstream::Settings { resolver, policy: Policy { allow_local }, namespace: String::new(), cluster_domain })
}

/// The kubelet writes `search NAMESPACE.svc.DOMAIN svc.DOMAIN DOMAIN`: the middle one gives the domain away.
fn cluster_domain_of(resolv_conf: &str) -> Option<&str> {
    // as with resolv.conf itself, the last `search` counts
    let search = resolv_conf.lines().rev().find_map(|line| line.trim().strip_prefix("search"))?;
    search.split_whitespace().find_map(|domain| domain.strip_prefix("svc.")).filter(|domain| !domain.is_empty())
}

/// The name by which the pods of one installation know each other's requests (RFC 8586). In a cluster it comes from the
/// cluster's own certificate authority and the namespace: the same on all nodes, another one in every other cluster, so
/// that one gatepost may stand behind another. Elsewhere the process is alone.
pub(super) fn loop_id(namespace: &str, is_pod: bool) -> String {
    let authority = if is_pod { std::fs::read(format!("{SERVICE_ACCOUNT}/ca.crt")).ok() } else { None };
    let seed = authority.unwrap_or_else(|| {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        format!("{} {}", std::process::id(), since.as_nanos()).into_bytes()
    });
    format!("gatepost-{:016x}", fnv(&[&seed, b"\n", namespace.as_bytes()]))
}

/// FNV-1a, which is the same in every version of this program.
fn fnv(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().copied().flatten();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_domain_is_read_from_what_the_kubelet_writes() {
        let table = [
            (
                "nameserver 10.96.0.10\nsearch gatepost.svc.cluster.local svc.cluster.local cluster.local\n",
                Some("cluster.local"),
            ),
            (
                "search web.svc.k8s.example.org svc.k8s.example.org k8s.example.org lan\noptions ndots:5\n",
                Some("k8s.example.org"),
            ),
            ("search home.lan\n", None),
            ("search svc.\n", None),
            ("search svc.old\nsearch svc.new\n", Some("new")),
            ("", None),
        ];
        for (resolv_conf, expected) in table {
            assert_eq!(cluster_domain_of(resolv_conf), expected, "{resolv_conf}");
        }
    }

    #[test]
    fn processes_that_are_alone_are_told_apart() {
        let one = loop_id("default", false);
        assert!(one.starts_with("gatepost-") && one.len() == 25, "{one}");
        assert_ne!(fnv(&[b"a", b"\n", b"web"]), fnv(&[b"a", b"\n", b"default"]));
    }

    #[test]
    fn a_small_container_takes_as_many_connections_as_it_has_memory_for() {
        for (mebibytes, connections) in [(64, 3413), (128, 8874), (16, 256)] {
            assert_eq!(connections_in(mebibytes * 1024 * 1024), connections, "{mebibytes} MiB");
        }
        assert!(connections_in(u64::MAX / 4096 * 4096) > 1_000_000, "cgroup v1 writes this for no limit");
    }

    #[test]
    fn there_is_at_least_one_worker() {
        assert!(workers() >= 1);
    }
}
