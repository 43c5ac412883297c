#!/bin/bash
# node-init.sh NODE : the first process of a node. Makes the node's own /sys, cgroups, /run, /var/log and /var/lib, starts
# containerd, gives it the images, starts kubelet and kube-proxy, and stays to be their parent.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
node=$1 index=$(node_index "$1") ip=$(node_ip "$1")
folder=$state/$node
hostname "$node"
umount -lR /sys
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /sys/fs/cgroup
for hierarchy in $hierarchies; do
  mkdir "/sys/fs/cgroup/$hierarchy"
  mount -t cgroup -o "$hierarchy" cgroup "/sys/fs/cgroup/$hierarchy"
done
mkdir -p "$folder"/{containerd,kubelet,pod-logs,varlib,varwork,log,cni}
mount -t tmpfs tmpfs /run
mkdir -p /run/lock
mount -t tmpfs tmpfs /var/log
mount -t overlay overlay -o "lowerdir=/var/lib,upperdir=$folder/varlib,workdir=$folder/varwork" /var/lib
# names of the cluster only
: >"$folder/resolv.conf"

cat >"$folder/containerd.toml" <<C
version = 2
root = "$folder/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
  address = "$folder/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$folder/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "gatepost.test/pause:1"
  # root of a container itself may not lower it
  restrict_oom_score_adj = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$folder/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "/usr/sbin/runc"
      SystemdCgroup = false
C
# A route a pod, no bridge and no masquerading: so there is no rule of iptables anywhere, and apps see who asks.
cat >"$folder/cni/10-gatepost.conflist" <<C
{"cniVersion": "1.0.0", "name": "gatepost", "plugins": [
  {"type": "ptp", "mtu": 1400, "ipam": {"type": "host-local", "dataDir": "/run/cni",
   "ranges": [[{"subnet": "10.244.$index.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
C
cat >"$folder/kubelet.yaml" <<C
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix://$folder/containerd.sock
address: $ip
tlsCertFile: $state/pki/$node.crt
tlsPrivateKeyFile: $state/pki/$node.key
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $state/pki/ca.crt}}
authorization: {mode: Webhook}
clusterDomain: cluster.local
clusterDNS: [$dns_ip]
resolvConf: $folder/resolv.conf
podLogsDir: $folder/pod-logs
volumePluginDir: $folder/volume-plugins
makeIPTablesUtilChains: false
failSwapOn: false
enforceNodeAllocatable: []
nodeStatusUpdateFrequency: 2s
syncFrequency: 10s
evictionHard: {memory.available: 200Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
shutdownGracePeriod: 0s
C
cat >"$folder/kube-proxy.yaml" <<C
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: $node
clusterCIDR: $pods
clientConnection: {kubeconfig: $state/kube-proxy.kubeconfig}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
C
containerd -c "$folder/containerd.toml" >>"$folder/log/containerd" 2>&1 &
until_done 60 "containerd of $node" ctr -a "$folder/containerd.sock" version
for image in "$state"/images/*.tar; do
  ctr -a "$folder/containerd.sock" -n k8s.io images import "$image" >/dev/null
done
kubelet --config "$folder/kubelet.yaml" --kubeconfig "$state/$node.kubeconfig" --hostname-override "$node" --node-ip "$ip" \
  --root-dir "$folder/kubelet" --cert-dir "$folder/kubelet/pki" >>"$folder/log/kubelet" 2>&1 &
kube-proxy --config "$folder/kube-proxy.yaml" >>"$folder/log/kube-proxy" 2>&1 &
# its children are reaped as they end, and those that lost their parents; it lives until it is killed
set +e
while :; do
  wait -n
  [ $? != 127 ] || sleep 1
done
