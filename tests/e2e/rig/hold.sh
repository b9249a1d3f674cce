#!/bin/sh
# Makes the given network namespaces, and removes them and kills all processes in them when its standard input ends.
# Nothing of a rig therefore outlives the process that started it, however that process ends.
# Once the namespaces exist, prints the path of a scratch directory, which is removed with them.
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
