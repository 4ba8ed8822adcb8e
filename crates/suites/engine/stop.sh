#!/usr/bin/env bash
# stop.sh DIR: ends the engine that start.sh started, by its own process id, and unmounts what it left. Images and build cache stay.
set -u
dir=$(realpath "$1")
pid=$(cat "$dir/docker.pid" 2>/dev/null) || exit 0
kill "$pid" 2>/dev/null
for _ in $(seq 200); do
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.1
done
awk -v dir="$dir/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do umount "$mount"; done
exit 0
