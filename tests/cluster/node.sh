#!/bin/bash
# node.sh NODE : starts a node, for the first time or after it was killed. It is one tree of processes in namespaces of its
# own, so that two kubelets do not meet in the paths that they have built in; the pid that is kept is its first process, and
# killing that is the sudden death of the node.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
node=$1 index=$(node_index "$1") ip=$(node_ip "$1")
folder=$state/$node
mkdir -p "$folder"
if [ ! -e "/run/netns/gatepost-$node" ]; then
  ip netns add "gatepost-$node"
  ip link add "gatepost-$node" type veth peer name eth0 netns "gatepost-$node"
  ip link set "gatepost-$node" master $bridge up
  ip -n "gatepost-$node" addr add "$ip/24" dev eth0
  ip -n "gatepost-$node" link set lo up
  ip -n "gatepost-$node" link set eth0 up
  ip -n "gatepost-$node" route add default via $host_ip
  # not `ip netns exec`, which mounts /sys anew
  nsenter --net="/run/netns/gatepost-$node" sysctl -qw net.ipv4.ip_forward=1
  ip route add "10.244.$index.0/24" via "$ip"
fi
# a cgroup below our own in every hierarchy, which becomes the root of the node's namespace of them
: >"$folder/cgroups"
enter='
for hierarchy in '"$hierarchies"'; do
  ours=/sys/fs/cgroup/$hierarchy$(awk -F: -v name=$hierarchy "\$2 == name {print \$3}" /proc/self/cgroup)
  theirs=${ours%/}/gatepost-'"$node"'
  mkdir -p $theirs
  echo $theirs >>"'"$folder"'/cgroups"
  [ $hierarchy != cpuset ] || { cat ${ours%/}/cpuset.cpus >$theirs/cpuset.cpus; cat ${ours%/}/cpuset.mems >$theirs/cpuset.mems; }
  echo $$ >$theirs/cgroup.procs
done
exec "$@"'
start "$node" bash -euc "$enter" enter nsenter --net="/run/netns/gatepost-$node" \
  unshare --mount --pid --cgroup --uts --ipc --fork --kill-child --mount-proc "$home/node-init.sh" "$node"
