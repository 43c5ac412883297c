#!/bin/bash
# build.sh PART… : builds the named parts of the test bed from Go modules into the cache, unless they are there already,
# and prints their paths, one a line. kube-apiserver, when none is named.
# A folder's name is made of the go.mod its parts are built from, so that another version is another folder.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gatepost/testbed
[ $# -gt 0 ] || set -- kube-apiserver

# place PART : sets the part's module, its package there and the folder of its binary
place() {
  case $1 in
    kube-* | kubectl | kubelet) module=kubernetes package=k8s.io/kubernetes/cmd/$1 ;;
    containerd | containerd-shim-runc-v2 | ctr) module=containerd package=github.com/containerd/containerd/v2/cmd/$1 ;;
    coredns) module=coredns package=. ;;
    *)
      echo "build.sh: no part is called $1" >&2
      exit 2
      ;;
  esac
  folder=$cache/$(sha256sum "$here/$module/go.mod" | cut -c1-16)
}

export CGO_ENABLED=0 GOFLAGS=-mod=readonly
for part; do
  place "$part"
  mkdir -p "$folder"
  # who asks for what is being built already waits for it
  exec 9>"$folder/$part.lock"
  flock 9
  if [ ! -x "$folder/$part" ]; then
    (cd "$here/$module" && nice go build -trimpath -tags no_btrfs -ldflags '-s -w' -o "$folder/$part.new" "$package") >&2
    # the name stands for a whole binary
    mv "$folder/$part.new" "$folder/$part"
  fi
  exec 9>&-
  echo "$folder/$part"
done
