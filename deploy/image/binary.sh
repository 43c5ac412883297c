#!/bin/bash
# binary.sh ARCH FOLDER : builds what is in the image, for amd64 or arm64, into FOLDER: the static binary without symbols,
# its symbols beside it for a debugger, and the CAs that this machine trusts. The Dockerfile runs it, and so do the tests.
# Only amd64 is built and run by the tests; arm64 goes by the same rules.
set -euo pipefail
cd "$(dirname "$0")/../.."
arch=$1 folder=$2
link=()
case $arch in
  # Rust links it with lld, which can do without functions that are there twice and has short relocations: 4 % less.
  amd64)
    target=x86_64-unknown-linux-gnu gnu=x86_64-linux-gnu
    link=(-C link-arg=-Wl,--icf=all -C link-arg=-Wl,--pack-dyn-relocs=relr)
    ;;
  arm64)
    target=aarch64-unknown-linux-gnu gnu=aarch64-linux-gnu
    # kernels there have pages of 4, 16 or 64 KiB; jemalloc works with as large as it is built for, and smaller ones
    export JEMALLOC_SYS_WITH_LG_PAGE=16
    ;;
  *)
    echo "binary.sh: amd64 or arm64, not $arch" >&2
    exit 2
    ;;
esac
prefix=
if [ "$(dpkg --print-architecture)" != "$arch" ]; then
  prefix=$gnu-
  under=${target//-/_}
  export "CC_$under=${prefix}gcc" "CARGO_TARGET_${under^^}_LINKER=${prefix}gcc"
fi
# With --target the flags are for the program alone, not for what runs while it is built.
flags=$(deploy/image/flags.sh)
RUSTFLAGS=$flags cargo rustc --locked --profile dist --bin gatepost --target "$target" -- \
  ${link[@]+"${link[@]}"}
built=$(realpath "${CARGO_TARGET_DIR:-target}/$target/dist/gatepost")
mkdir -p "$folder"
"${prefix}objcopy" --only-keep-debug "$built" "$folder/gatepost.debug"
(cd "$folder" && "${prefix}objcopy" --strip-all --add-gnu-debuglink=gatepost.debug "$built" gatepost)
# Without it uid 64180 may not listen on port 80. It is in the image alone: a binary that has it starts only where the
# capability can be had, so the one for laptops goes without.
setcap cap_net_bind_service=+ep "$folder/gatepost"
cp /etc/ssl/certs/ca-certificates.crt "$folder/"
