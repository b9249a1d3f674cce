#!/bin/bash
# Stops the programs that join.sh started, and returns once they have ended.
set -uo pipefail
state=$RIG_DIR/join/$RIG_NAME
for side in client server; do
  [ -e "$state/$side.pid" ] || continue
  pid=$(< "$state/$side.pid")
  tries=100
  kill -TERM "$pid" 2> /dev/null
  while kill -0 "$pid" 2> /dev/null; do
    [ $((tries -= 1)) -gt 0 ] || { echo "The $side does not stop on SIGTERM" >&2; kill -KILL "$pid"; break; }
    sleep 0.1
  done
  rm "$state/$side.pid"
done
