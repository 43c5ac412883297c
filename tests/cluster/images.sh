#!/bin/bash
# images.sh [--binary] : makes the images that the cluster runs, each an archive in $state/images. That of gatepost is what the
# Dockerfile makes, with the build on this machine in the place of its stage `build`, for no registry is reached; its binary
# is kept in the cache by the content of its sources (--binary: only that). The others have one program each.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
root=$(cd "$home/../.." && pwd)

# what the binary is made of, and by what
content() {
  (
    cd "$root"
    rustc --version
    find Cargo.toml Cargo.lock deploy/image src config -type f -print0 | sort -z | xargs -0 sha256sum
  ) | sha256sum | cut -c1-16
}
stage=$cache/image/$(content)
mkdir -p "$cache/image"
exec 8>"$cache/image/lock"
flock 8
if [ ! -e "$stage" ]; then
  # a machine that builds every day keeps the last few
  ls -dt "$cache"/image/*/ 2>/dev/null | tail -n +4 | xargs -r rm -rf
  (cd "$root" && nice deploy/image/binary.sh amd64 "$stage.new/out") >&2
  # the name stands for a whole build
  mv "$stage.new" "$stage"
fi
exec 8>&-
[ "${1:-}" != --binary ] || exit 0

mkdir -p "$state/images" "$state/build"
archive() { # NAME:TAG BUILD-ARGUMENTS…
  local name=gatepost.test/$1 file=$state/images/${1/:/-}.tar
  shift
  buildah bud --quiet --isolation chroot --storage-driver vfs --root "$state/build/storage" --runroot "$state/build/run" \
    --tag "$name" "$@" >/dev/null
  buildah push --quiet --storage-driver vfs --root "$state/build/storage" --runroot "$state/build/run" \
    "$name" "docker-archive:$file:$name"
}
# program NAME:TAG FILE PATH [LINE…] : an image with one static program there, and further lines of its Dockerfile
program() {
  local name=$1 folder=$state/build/$1
  mkdir -p "$folder"
  cp "$2" "$folder/program"
  {
    printf '%s\n' 'FROM scratch' "COPY program $3" "ENTRYPOINT [\"$3\"]" 'USER 65532:65532'
    printf '%s\n' "${@:4}"
  } >"$folder/Dockerfile"
  archive "$name" "$folder"
}

(cd "$home/app" && CGO_ENABLED=0 nice -n 19 go build -trimpath -ldflags '-s -w' -o "$state/build/app" .)
gcc -static -Os -s -o "$state/build/pause" "$home/pause.c"
archive gatepost:1 --build-context "build=$stage" --file "$root/Dockerfile" "$root/deploy/image"
size=$(stat -c %s "$state/images/gatepost-1.tar")
if [ "$size" -ge 20000000 ]; then
  echo "images.sh: the image has $size bytes and may have 20 MB" >&2
  exit 1
fi
program pause:1 "$state/build/pause" /pause
program coredns:1 "$("$testbed/build.sh" coredns)" /coredns
program app:1 "$state/build/app" /app
# what an image of gatepost should not be
program crash:1 "$state/build/app" /gatepost "ENV BAD=crash"
program hang:1 "$state/build/app" /gatepost "ENV BAD=hang"
rm -rf "$state/build"
