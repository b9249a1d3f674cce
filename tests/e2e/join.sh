#!/bin/bash
# Starts a server on tap-bras and a client on tap-cpe in network namespace $RIG_NAME, and returns once their tunnel is
# up. part.sh stops them. Made for a rig that has both taps in one namespace.
#
# Environment: RIG_NAME, RIG_DIR (pids and logs go to join/ there), MAC_MODE (own or transparent; default own),
# DENO (default: deno in PATH).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
state=$RIG_DIR/join/$RIG_NAME
mkdir -p "$state"

# start SIDE STATUS-PORT FLAG...: starts a side and waits until it is healthy.
start() {
  local side=$1 port=$2 tries=300
  shift 2
  ip netns exec "$RIG_NAME" "${DENO:-deno}" run -A "$here/../../main.ts" "$side" "$@" \
    --mac "${MAC_MODE:-own}" --status "127.0.0.1:$port" < /dev/null > "$state/$side.log" 2>&1 &
  echo $! > "$state/$side.pid"
  until ip netns exec "$RIG_NAME" "$here/rig/http_get.sh" 127.0.0.1 "$port" /healthz > /dev/null; do
    kill -0 $! && [ $((tries -= 1)) -gt 0 ] || { cat "$state/$side.log" >&2; exit 1; }
    sleep 0.1
  done
}

start server 9181 --interface tap-bras --listen 127.0.0.1:4180
start client 9182 --interface tap-cpe --connect 127.0.0.1:4180
