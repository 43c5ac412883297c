#!/bin/bash
# flags.sh : what rustc is told besides the profile `dist` and `--target` where gatepost is built for real or to be measured.
# It is linked statically, for the image has no libraries. By gatepost.profdata rustc knows what is hot (profile.sh makes
# it); a function that has changed since is built as without, and rustc warns of it.
set -euo pipefail
echo "-C target-feature=+crt-static -C profile-use=$(cd "$(dirname "$0")" && pwd)/gatepost.profdata"
