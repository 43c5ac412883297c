#!/bin/bash
# end.sh NAME… : kills what up.sh started under this name, without a word; of a node every process in it.
set -u
. "$(dirname "$0")/settings.sh"
for name; do
  read -r pid since <"$state/pid/$name" || continue
  if [ "$(started "$pid")" = "$since" ]; then
    # one that was stopped ends too
    kill -CONT "$pid" 2>/dev/null
    kill -KILL "$pid" 2>/dev/null
  fi
  until_done 10 "the end of $name" eval "! runs $name"
done
