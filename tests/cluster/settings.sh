# What the scripts of the cluster have in common; sourced by each.
# One cluster at a time on a machine: its bridge, its addresses and the folder of its state have fixed names, by which the
# next run finds what a killed one has left.
home=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
testbed=$(cd "$home/../testbed" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gatepost
state=$cache/cluster

bridge=gatepost0 host_ip=10.77.0.1 api=https://10.77.0.1:6443
services=10.96.0.0/16 dns_ip=10.96.0.10 pods=10.244.0.0/16
hierarchies="cpu cpuacct cpuset memory devices freezer blkio pids"

parts="containerd containerd-shim-runc-v2 ctr coredns kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl"
if [ -d "$state/bin" ]; then
  export PATH=$state/bin:/usr/sbin:$PATH KUBECONFIG=$state/admin.kubeconfig
fi

# node_index NODE : the number in n2
node_index() { echo "${1#n}"; }
node_ip() { echo "10.77.0.1$(node_index "$1")"; }

# started PID : when that process was started, in ticks since the machine was; a pid may be used again, the two together not
started() { awk '{sub(/.*\) /, ""); print $20}' "/proc/$1/stat" 2>/dev/null; }

# start NAME COMMAND… : in the background, in a session of its own; pid and output are kept. Without the lock of the run (9),
# which would be held as long as the process is there.
start() {
  local name=$1
  shift
  setsid "$@" >>"$state/log/$name.log" 2>&1 </dev/null 9>&- &
  echo "$! $(started $!)" >"$state/pid/$name"
}

# runs NAME : whether it does; one that was killed and whose parent has not looked yet does not
runs() {
  local pid since
  read -r pid since <"$state/pid/$1" || return
  [ "$(started "$pid")" = "$since" ] && ! grep -q '^State:[[:space:]]*[ZX]' "/proc/$pid/status" 2>/dev/null
}

# until_done SECONDS WHAT COMMAND… : tries until the command succeeds
until_done() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $end ]; then
      echo "cluster: $what: not in time" >&2
      return 1
    fi
    sleep 0.1
  done
}
