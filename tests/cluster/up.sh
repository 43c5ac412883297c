#!/bin/bash
# up.sh NODE… : a control plane on this machine and nodes behind a bridge. Needs root, cgroup v1 and the folder $state/images
# with an archive for each image (images.sh). down.sh ends it, also when this fails half way.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
began=$SECONDS
say() { printf '[%3ds] cluster: %s\n' $((SECONDS - began)) "$*"; }

[ "$(id -u)" = 0 ] || { echo "cluster: needs root, for namespaces and a bridge" >&2; exit 1; }
grep -q " cgroup .*memory" /proc/mounts || { echo "cluster: needs cgroup v1 with its memory controller" >&2; exit 1; }
[ ! -e "$state/pid" ] || { echo "cluster: there is one already; tests/cluster/down.sh ends it" >&2; exit 1; }

mkdir -p "$state"/{bin,pid,log,pki,etcd}
"$home/parts.sh" | while read -r part; do ln -sf "$part" "$state/bin/"; done
. "$home/settings.sh"

# kubelet, kube-proxy and the plugins of the network change these for the whole machine: down.sh puts them back
sysctl -e net.ipv4.ip_forward vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops \
  kernel.keys.root_maxkeys kernel.keys.root_maxbytes net.ipv4.conf.all.route_localnet >"$state/sysctl" 2>/dev/null
sysctl -qw net.ipv4.ip_forward=1
ip link add $bridge type bridge
ip addr add $host_ip/24 dev $bridge
ip link set $bridge up

pki=$state/pki
"$testbed/certs.sh" "$pki" kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
kubeconfig() { # NAME CERTIFICATE
  cat >"$state/$1.kubeconfig" <<K
{apiVersion: v1, kind: Config, current-context: c,
 clusters: [{name: c, cluster: {server: "$api", certificate-authority: $pki/ca.crt}}],
 users: [{name: u, user: {client-certificate: $pki/$1.crt, client-key: $pki/$1.key}}],
 contexts: [{name: c, context: {cluster: c, user: u}}]}
K
}
kubeconfig admin
for component in kube-controller-manager kube-scheduler kube-proxy; do
  "$testbed/certs.sh" "$pki" $component /CN=system:$component
  kubeconfig $component
done
for node; do
  "$testbed/certs.sh" "$pki" "$node" "/O=system:nodes/CN=system:node:$node" "DNS:$node,IP:$(node_ip "$node")"
  kubeconfig "$node"
done

# nothing of it outlives the machine: no write has to reach a disk
start etcd etcd --data-dir "$state/etcd" --unsafe-no-fsync \
  --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 \
  --listen-peer-urls http://127.0.0.1:12380 --initial-advertise-peer-urls http://127.0.0.1:12380 \
  --initial-cluster default=http://127.0.0.1:12380
"$home/apiserver.sh"
say "the API server is ready"
start kube-controller-manager kube-controller-manager --kubeconfig "$state/kube-controller-manager.kubeconfig" \
  --bind-address 127.0.0.1 --service-account-private-key-file "$pki/sa.key" --root-ca-file "$pki/ca.crt" \
  --use-service-account-credentials --leader-elect=false --node-monitor-grace-period 12s --node-monitor-period 2s
start kube-scheduler kube-scheduler --kubeconfig "$state/kube-scheduler.kubeconfig" --bind-address 127.0.0.1 --leader-elect=false
for node; do "$home/node.sh" "$node"; done
for node; do
  kubectl wait --for=create "node/$node" --timeout 120s >/dev/null
  kubectl wait --for=condition=Ready "node/$node" --timeout 120s >/dev/null
  say "node $node is ready"
done
until_done 60 "the default service account" kubectl -n default get serviceaccount default
kubectl apply -f "$home/coredns.yaml" >/dev/null
kubectl -n kube-system rollout status deployment/coredns --timeout 120s >/dev/null
say "CoreDNS is ready"
