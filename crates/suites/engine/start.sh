#!/usr/bin/env bash
# start.sh DIR: a private Docker engine below DIR, of Debian packages. Started by `cargo xtask builds`; needs root and Debian 12.
#
# Afterwards DIR/env has the variables that lead to it, a line NAME=value each; stop.sh ends it. Docker itself is unpacked below DIR and
# not installed; what it needs of the system (runc, curl, mmdebstrap, busybox) is. There is no bridge, no iptables rule and no forwarding:
# the engine listens on a socket in DIR, and its containers reach the network only with --network=host.
set -euo pipefail
mkdir -p "$1"
dir=$(realpath "$1")
log=$dir/start.log
export DEBIAN_FRONTEND=noninteractive

missing=()
for pair in runc:runc mmdebstrap:mmdebstrap curl:curl busybox:busybox-static nsenter:util-linux; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
if [ "${#missing[@]}" -gt 0 ]; then
  { apt-get -q update && apt-get install -qy --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || { tail -5 "$log"; exit 1; }
fi

mirror=$(awk '/^URIs:/ { print $2; exit } /^deb / { print $2; exit }' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true)
: "${mirror:?the sources of apt name no mirror of Debian}"

# side SUITE APT-ARGUMENTS...: apt-get with lists, cache and status of its own, so that nothing below /etc or /var changes.
side() {
  local suite=$1 own=$dir/apt/$1
  shift
  mkdir -p "$own/lists/partial" "$own/cache/archives/partial"
  [ -e "$own/status" ] || : >"$own/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$own/sources.list"
  apt-get -q -o Dir::Etc::SourceList="$own/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o Dir::State="$own" -o Dir::State::Lists="$own/lists" -o Dir::State::status="$own/status" -o Dir::Cache="$own/cache" \
    -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false "$@"
}

# Docker of SUITE below DIR/root, when its programs run with the C library of this machine.
unpack() {
  local suite=$1 package program
  rm -rf "$dir/root" "$dir/debs"
  mkdir -p "$dir/root" "$dir/debs"
  (side "$suite" update && cd "$dir/debs" && side "$suite" download docker.io docker-cli docker-buildx containerd) >>"$log" 2>&1 || return 1
  for package in "$dir"/debs/*.deb; do dpkg-deb -x "$package" "$dir/root"; done
  rm -rf "$dir/debs"
  for program in sbin/dockerd bin/containerd bin/containerd-shim-runc-v2 bin/docker libexec/docker/cli-plugins/docker-buildx; do
    ! ldd "$dir/root/usr/$program" 2>&1 | grep -q 'not found' || return 1
  done
}

# An interrupted run leaves half a folder; the mark is made last.
if [ ! -e "$dir/root/complete" ]; then
  unpack forky || unpack trixie || { echo "Docker's packages cannot be had, or do not run here; see $log"; exit 1; }
  touch "$dir/root/complete"
fi

mkdir -p "$dir"/{data,exec,config/cli-plugins}
cp "$dir/root/usr/libexec/docker/cli-plugins/docker-buildx" "$dir/config/cli-plugins/"
printf '%s\n' "DOCKER_HOST=unix://$dir/docker.sock" "DOCKER_CONFIG=$dir/config" "PATH=$dir/root/usr/bin:$PATH" DOCKMEND_STAND_INS=1 >"$dir/env"

if [ -e "$dir/docker.pid" ] && kill -0 "$(cat "$dir/docker.pid")" 2>/dev/null; then exit 0; fi
rm -f "$dir/docker.pid"
PATH=$dir/root/usr/sbin:$dir/root/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin setsid dockerd -H "unix://$dir/docker.sock" --data-root "$dir/data" \
  --exec-root "$dir/exec" --pidfile "$dir/docker.pid" --config-file /dev/null --storage-driver overlay2 --bridge=none --iptables=false \
  --ip6tables=false --ip-forward=false --ip-masq=false --userland-proxy=false >"$dir/dockerd.log" 2>&1 </dev/null &
for _ in $(seq 200); do
  "$dir/root/usr/bin/docker" -H "unix://$dir/docker.sock" version >/dev/null 2>&1 && exit 0
  sleep 0.1
done
tail -5 "$dir/dockerd.log"
exit 1
