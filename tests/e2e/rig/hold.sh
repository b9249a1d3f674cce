#!/bin/sh
# Makes the network namespaces that are named, and removes them with every process in them when its standard input
# ends. So nothing of a rig outlives the process that asked for it, in whatever way that one ended.
# Prints the path of a scratch folder, which goes the same way, once all is there.
#
#   hold.sh NAMESPACE...
set -eu
PATH=$PATH:/usr/sbin:/sbin
trap exit INT TERM HUP
made=
scratch=$(mktemp -d)

remove() {
  for namespace in $made; do
    tries=60
    while pids=$(ip netns pids "$namespace") && [ -n "$pids" ] && [ $((tries -= 1)) -gt 0 ]; do
      kill -KILL $pids 2> /dev/null || true
      sleep 0.05
    done
    ip netns del "$namespace"
  done
  rm -rf "$scratch"
}
trap remove EXIT

for namespace; do
  ip netns add "$namespace"
  made="$made $namespace"
  ip -n "$namespace" link set lo up
done
echo "$scratch"
cat > /dev/null
