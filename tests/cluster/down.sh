#!/bin/bash
# down.sh : ends the cluster of this machine, whole or in parts, and takes away everything that it has made.
set -u
. "$(dirname "$0")/settings.sh"
[ -e "$state" ] || exit 0
export PATH=/usr/sbin:$PATH

# a node dies with its first process; what the others hold is thrown away
[ ! -d "$state/pid" ] || "$home/end.sh" $(ls "$state/pid")
for folder in "$state"/n[0-9]*; do
  [ -e "$folder" ] || continue
  node=$(basename "$folder")
  ip netns del "gatepost-$node" 2>/dev/null
  # the network namespace outlives its name while a killed process is still there
  ip link del "gatepost-$node" 2>/dev/null
done
ip link del $bridge 2>/dev/null
# `ip netns add` made this folder a mount
if mountpoint -q /run/netns && [ -z "$(ls /run/netns)" ]; then
  umount /run/netns
  rmdir /run/netns
fi
gone() {
  [ ! -e "$1" ] || find "$1" -depth -type d -exec rmdir {} +
}
for file in "$state"/n[0-9]*/cgroups; do
  [ -e "$file" ] || continue
  while read -r cgroup; do until_done 10 "the end of $cgroup" gone "$cgroup"; done <"$file"
done
[ ! -e "$state/sysctl" ] || sysctl -q -p "$state/sysctl"
rm -rf --one-file-system "$state"
