#!/bin/bash
# flags.sh : what rustc is told besides the profile `dist` where gatepost is built for real or to be measured. By
# gatepost.profdata it knows what is hot (profile.sh makes it), and what is not it makes small; a function that has changed
# since is built as without, and rustc warns of it.
set -euo pipefail
echo "-C profile-use=$(cd "$(dirname "$0")" && pwd)/gatepost.profdata -C llvm-args=-pgso-lwss-only=false"
