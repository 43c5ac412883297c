#!/bin/bash
# parts.sh : builds everything that a cluster is made of, unless it is built, and prints the paths.
set -euo pipefail
. "$(dirname "$0")/settings.sh"
"$testbed/build.sh" $parts
