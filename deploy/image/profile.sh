#!/bin/bash
# profile.sh : makes gatepost.profdata beside it, from which rustc knows what a proxy does all day. It builds gatepost with
# counters, lets it serve a mix of everything for a minute and merges what was counted. Needs `rustup component add
# llvm-tools`, curl, openssl, two free CPUs and some ten minutes. flags.sh names it to those who build. Nothing else may run:
# of a third fewer requests more of the rest counts as warm, and the image is 0.2 MB larger.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
host=$(rustc -vV | sed -n 's/^host: //p')
profdata=$(rustc --print target-libdir)/../bin/llvm-profdata
[ -x "$profdata" ] || { echo "profile.sh: llvm-profdata is missing: rustup component add llvm-tools" >&2; exit 2; }

cargo build --locked --release --example load --example app
# with --target the counters are in the program alone, not in what runs while it is built
RUSTFLAGS=-Cprofile-generate CARGO_TARGET_DIR=target/profile \
  cargo build --locked --profile dist --bin gatepost --target "$host"

mkdir "$folder/pki"
tests/testbed/certs.sh "$folder/pki"
tests/testbed/certs.sh "$folder/pki" www /CN=www.example.com DNS:www.example.com
cat >"$folder/routes.yaml" <<YAML
defaults: {https: allow}
tls:
  certificates:
    - {host: www.example.com, files: {certificate: $folder/pki/www.crt, key: $folder/pki/www.key}}
routes:
  - {host: www.example.com, backend: '127.0.0.1:28101'}
  - {host: www.example.com, path: /moved, redirect: {to: 'https://www.example.com/'}}
YAML
target/release/examples/app 127.0.0.1:28101 &
LLVM_PROFILE_FILE=$folder/raw/%p.profraw "target/profile/$host/dist/gatepost" serve --routes "$folder/routes.yaml" \
  --http 127.0.0.1:28102 --https 127.0.0.1:28103 --admin 127.0.0.1:28104 --workers 1 --log-level warn >"$folder/log" &
gatepost=$!
curl -fsS -o /dev/null --retry 10 --retry-delay 1 --retry-all-errors http://127.0.0.1:28104/readyz

# SECONDS ARGUMENT… : a part of the mix
load() { target/release/examples/load --closed --for "$1s" "${@:2}"; }
clear=(http://www.example.com:28102 --connect 127.0.0.1:28102)
tls=(--connect 127.0.0.1:28103 --cacert "$folder/pki/ca.crt")
load 10 "${clear[0]}/" "${clear[@]:1}"
load 10 "${clear[0]}/path?and=query" "${clear[@]:1}" --fifteen
load 6 "${clear[0]}/" "${clear[@]:1}" --new-connection
load 2 "${clear[0]}/moved" "${clear[@]:1}"
load 3 "${clear[0]}/bytes/1048576" "${clear[@]:1}" --connections 8
load 3 "${clear[0]}/upload" "${clear[@]:1}" --connections 8 --upload 1MiB
load 3 "${clear[0]}/ws" "${clear[@]:1}" --websocket
load 6 https://www.example.com:28103/ "${tls[@]}"
load 5 https://www.example.com:28103/ "${tls[@]}" --new-connection
load 3 https://www.example.com:28103/ "${tls[@]}" --new-connection --resume
load 12 https://www.example.com:28103/ "${tls[@]}" --http2 --connections 16 --streams 32 --fifteen
load 6 https://www.example.com:28103/ "${tls[@]}" --http2 --connections 1 --streams 100

# it writes what it has counted when it ends in good order
kill "$gatepost"
wait "$gatepost"
"$profdata" merge --sparse --output deploy/image/gatepost.profdata "$folder/raw"
ls -l deploy/image/gatepost.profdata
