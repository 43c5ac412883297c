#!/bin/bash
# Builds kube-apiserver from Go modules into the cache, unless it is there already, and prints its path.
# --is-built only asks. The folder's name is made of go.mod, so that another version is another folder.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/kubernetes
hash=$(sha256sum "$here/go.mod" | cut -c1-16)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/gatepost/testbed/$hash
if [ "${1:-}" = --is-built ]; then
  test -x "$folder/kube-apiserver"
  exit
fi
if [ ! -x "$folder/kube-apiserver" ]; then
  mkdir -p "$folder"
  export CGO_ENABLED=0 GOFLAGS=-mod=readonly
  new=$folder/kube-apiserver.$$
  (cd "$here" && nice go build -trimpath -ldflags '-s -w' -o "$new" k8s.io/kubernetes/cmd/kube-apiserver) >&2
  # the name stands for a whole binary
  mv "$new" "$folder/kube-apiserver"
fi
echo "$folder/kube-apiserver"
