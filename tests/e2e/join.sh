#!/bin/bash
# Starts a server on tap-bras and a client on tap-cpe in network namespace $RIG_NAME, and returns once their tunnel is
# up. part.sh stops them. Made for a rig that has both taps in one namespace.
#
# Environment: RIG_NAME, RIG_DIR (pids, logs and keys go to join/ there), MAC_MODE (own or transparent; default own),
# KEYS (1: encrypt the tunnel with a new key), DENO (default: deno in PATH).
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

server_key=() client_key=()
if [ "${KEYS:-}" = 1 ]; then
  rm -rf "$state/keys"
  "${DENO:-deno}" run -A "$here/../../main.ts" keygen cpe --dir "$state/keys" > /dev/null
  server_key=(--key-file "$state/keys/server.keys") client_key=(--key-file "$state/keys/cpe.key")
fi

start server 9181 --interface tap-bras --listen 127.0.0.1:4180 "${server_key[@]}"
start client 9182 --interface tap-cpe --connect 127.0.0.1:4180 "${client_key[@]}"
